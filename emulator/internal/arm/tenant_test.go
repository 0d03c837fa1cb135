package arm

import (
	"net/http"
	"testing"
)

// TestAboveResourceGroups holds what the Azure CLI asks after a login.
func TestAboveResourceGroups(t *testing.T) {
	h := newHost(t)
	const subscription, group = "/subscriptions/" + testSubscription, "/subscriptions/" + testSubscription + "/resourceGroups/pottery"
	if err := h.CreateWorkspace(Workspace{
		SubscriptionID: testSubscription, ResourceGroup: "glazes", Name: "blue", Location: "westus", StorageAccount: "bluestore",
	}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]map[string]any{
		"/tenants":                    {"value/0/tenantId": "22222222-2222-4222-8222-222222222222", "value/1": "absent"},
		"/subscriptions":              {"value/0/subscriptionId": testSubscription, "value/0/state": "Enabled", "value/1": "absent"},
		subscription:                  {"subscriptionId": testSubscription, "tenantId": "22222222-2222-4222-8222-222222222222"},
		subscription + "/locations":   {"value/0/name": "eastus", "value/1/name": "westus", "value/2": "absent"},
		subscription + "/providers/X": {"namespace": "X", "registrationState": "Registered"},
		group:                         {"name": "pottery", "location": "eastus"},
	} {
		h.get(path).wants(http.StatusOK).has(want)
	}
	h.get(subscription+"/resourceGroups").hasNames("pottery", "glazes")
	h.get(subscription + "/resourceGroups?$top=1").hasNames("pottery")
	h.do(http.MethodHead, group, "").wants(http.StatusNoContent)
	h.do(http.MethodHead, group+"2", "").wants(http.StatusNotFound)
	h.do(http.MethodPost, subscription+"/providers/X/register", "").wants(http.StatusOK).has(map[string]any{"registrationState": "Registered"})

	const workspaces, accounts = "/providers/Microsoft.MachineLearningServices/workspaces", "/providers/Microsoft.Storage/storageAccounts"
	h.get(subscription+workspaces).hasNames("kilns", "blue")
	h.get(group + workspaces).hasNames("kilns")
	h.get(subscription+accounts).hasNames("kilnstore", "bluestore")
	h.get(group + accounts).hasNames("kilnstore")
	h.get(group + accounts + "/kilnstore").wants(http.StatusOK).has(map[string]any{
		"name": "kilnstore", "properties/primaryEndpoints/blob": "https://kilnstore.blob.core.windows.net/", "properties/allowSharedKeyAccess": true,
	})
	keys := h.do(http.MethodPost, group+accounts+"/kilnstore/listKeys", "").wants(http.StatusOK).has(map[string]any{
		"keys/0/keyName": "key1", "keys/1/keyName": "key2", "keys/0/permissions": "FULL", "keys/2": "absent",
	})
	if first, second := keys.at("keys/0/value"), keys.at("keys/1/value"); first == "" || first == second {
		t.Errorf("keys %v and %v", first, second)
	}
	for _, path := range []string{group + accounts + "/none", group + workspaces + "/none", group + "2", "/subscriptions/none"} {
		h.get(path).wants(http.StatusNotFound)
	}
	h.do(http.MethodPost, group+accounts+"/none/listKeys", "").wants(http.StatusNotFound)
	h.get(group + workspaces + "/none/computes").wants(http.StatusNotFound).has(map[string]any{"error/code": "ResourceNotFound"})
}
