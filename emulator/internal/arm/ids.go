package arm

import "strings"

// foldName is the form of a name that decides whether two are the same.
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

// secretKey is where the secrets of a resource are kept, apart from the resource.
func secretKey(id string) string { return "secret:" + id }
