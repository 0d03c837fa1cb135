package arm

import (
	"net/http"
	"strings"
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

// TestWhatTheCLIAsksForAResource: the types and api-versions of its provider, then the resource.
func TestWhatTheCLIAsksForAResource(t *testing.T) {
	h := newHost(t)
	const subscription, group = "/subscriptions/" + testSubscription, "/subscriptions/" + testSubscription + "/resourceGroups/pottery"
	for _, namespace := range []string{"Microsoft.MachineLearningServices", "microsoft.machinelearningservices"} {
		r := h.get(subscription + "/providers/" + namespace).wants(http.StatusOK).has(map[string]any{
			"namespace": "Microsoft.MachineLearningServices", "registrationState": "Registered",
			"resourceTypes/0/resourceType": "workspaces", "resourceTypes/0/apiVersions/0": "2025-10-01-preview", "resourceTypes/0/locations/0": "eastus",
			"resourceTypes/1/resourceType": "workspaces/batchEndpoints",
		})
		types, _ := r.at("resourceTypes").([]any)
		for _, kind := range types { // each is a resource that the host knows
			version := at(kind, "apiVersions/2").(string)
			path := "/providers/Microsoft.MachineLearningServices"
			for _, segment := range strings.Split(at(kind, "resourceType").(string), "/") {
				path += "/" + segment + "/" + map[bool]string{true: "kilns", false: "x"}[segment == "workspaces"]
			}
			if got := h.get(group + path + "?api-version=" + version); strings.Contains(got.text, "InvalidResourceType") || got.status >= 500 {
				t.Errorf("GET %s: status %d: %s", path, got.status, got.text)
			}
		}
	}
	h.get(subscription + "/providers/X").has(map[string]any{"namespace": "X", "registrationState": "Registered", "resourceTypes": []any{}})
	h.get(subscription + "/providers").has(map[string]any{
		"value/0/namespace": "Microsoft.MachineLearningServices", "value/1/namespace": "Microsoft.Storage", "value/1/resourceTypes/0/resourceType": "storageAccounts", "value/2": "absent",
	})
	for _, scope := range []string{subscription, group} {
		h.get(scope+"/resources").hasNames("kilns", "kilnstore")
		h.get(scope + "/resources?$top=1").hasNames("kilns")
	}
	h.get(group + "/resources").has(map[string]any{
		"value/0/type": "Microsoft.MachineLearningServices/workspaces", "value/0/location": "eastus", "value/0/properties": "absent",
		"value/1/type": "Microsoft.Storage/storageAccounts",
	})
	for _, scope := range []string{subscription, group, group + "/providers/Microsoft.Storage/storageAccounts/kilnstore", workspaceID(testSubscription, "pottery", "kilns")} {
		h.get(scope + "/providers/Microsoft.Authorization/roleAssignments").wants(http.StatusOK).hasNames()
	}
}
