package arm

import (
	"net/http"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

const storageAccountType = "Microsoft.Storage/storageAccounts"

// storageAccountRoutes are the calls that scripts make to build a connection string.
func (h *Handler) storageAccountRoutes() []route {
	const (
		bySubscription = subscriptionPath + "/providers/" + storageAccountType
		byGroup        = groupPath + "/providers/" + storageAccountType
		single         = byGroup + "/{account}"
	)
	return []route{
		{method: http.MethodGet, path: bySubscription, serve: listSubscriptionAccounts},
		{method: http.MethodGet, path: byGroup, serve: listGroupAccounts},
		{method: http.MethodGet, path: single, serve: getStorageAccount},
		{method: http.MethodPost, path: single + "/listKeys", serve: listStorageKeys},
	}
}

func listSubscriptionAccounts(c *call) answer {
	var accounts []store.Document
	for _, group := range c.h.store.List(subscriptionID(c.param("subscription")) + "/resourceGroups") {
		accounts = append(accounts, c.h.store.List(store.Text(group, "id")+"/providers/"+storageAccountType)...)
	}
	return ok(valueOf(accounts))
}

func listGroupAccounts(c *call) answer {
	return ok(valueOf(c.h.store.List(groupID(c.param("subscription"), c.param("group")) + "/providers/" + storageAccountType)))
}

func (c *call) storageAccount() (store.Document, bool) {
	return c.h.store.Get(storageAccountID(c.param("subscription"), c.param("group"), c.param("account")))
}

func (c *call) noStorageAccount() answer {
	return *c.missing("ResourceNotFound", "The Resource '"+storageAccountType+"/"+c.param("account")+"' under resource group '"+
		c.param("group")+"' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix")
}

func getStorageAccount(c *call) answer {
	doc, found := c.storageAccount()
	if !found {
		return c.noStorageAccount()
	}
	return ok(doc)
}

// listStorageKeys returns keys even for an account that refuses them: its blobs then answer
// KeyBasedAuthenticationNotPermitted.
func listStorageKeys(c *call) answer {
	doc, found := c.storageAccount()
	if !found {
		return c.noStorageAccount()
	}
	secret, _ := c.h.store.Get(secretKey(store.Text(doc, "id")))
	created := store.Object(doc, "properties")["creationTime"]
	key := func(name, member string) store.Document {
		return store.Document{"creationTime": created, "keyName": name, "value": store.Text(secret, member), "permissions": "FULL"}
	}
	return ok(store.Document{"keys": []any{key("key1", "primaryKey"), key("key2", "secondaryKey")}})
}

// newStorageAccount is an account as Azure Resource Manager shows it.
func (h *Handler) newStorageAccount(w Workspace, created string) store.Document {
	endpoint := func(service string) string {
		return "https://" + w.StorageAccount + "." + service + "." + h.cloud.StorageSuffix + "/"
	}
	return store.Document{
		"id":   storageAccountID(w.SubscriptionID, w.ResourceGroup, w.StorageAccount),
		"name": w.StorageAccount, "type": storageAccountType, "location": w.Location, "kind": "StorageV2",
		"sku": store.Document{"name": "Standard_LRS", "tier": "Standard"}, "tags": store.Document{},
		"properties": store.Document{
			"provisioningState": stateSucceeded, "creationTime": created, "primaryLocation": w.Location, "statusOfPrimary": "available",
			"allowSharedKeyAccess": !w.Keyless, "allowBlobPublicAccess": false, "isHnsEnabled": false, "supportsHttpsTrafficOnly": true,
			"minimumTlsVersion": "TLS1_2", "accessTier": "Hot", "publicNetworkAccess": "Enabled",
			"primaryEndpoints": store.Document{
				"blob": endpoint("blob"), "dfs": endpoint("dfs"), "file": endpoint("file"), "queue": endpoint("queue"), "table": endpoint("table"),
			},
		},
	}
}
