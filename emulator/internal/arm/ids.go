package arm

import "strings"

// foldName is the form in which names are compared.
func foldName(name string) string { return strings.ToLower(name) }

func subscriptionID(subscription string) string { return "/subscriptions/" + subscription }

func groupID(subscription, group string) string {
	return subscriptionID(subscription) + "/resourceGroups/" + group
}

func workspaceID(subscription, group, workspace string) string {
	return groupID(subscription, group) + "/providers/" + workspaceType + "/" + workspace
}

func storageAccountID(subscription, group, account string) string {
	return groupID(subscription, group) + "/providers/Microsoft.Storage/storageAccounts/" + account
}

// secretKey is the id of the document with the secrets of a resource.
func secretKey(id string) string { return "secret:" + id }

const zeroGUID = "00000000-0000-0000-0000-000000000000"
