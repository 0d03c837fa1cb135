package azmlbatch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRefusalsNameTheRole has the refusals of every plane in their own words.
func TestRefusalsNameTheRole(t *testing.T) {
	gateway := func(action string) string {
		return `{"error":{"code":"AuthorizationFailed","message":"The client 'C' with object id 'O' does not have authorization to perform action '` + action +
			`' over scope '/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w' or the scope is invalid."}}`
	}
	storage := func(code string) string {
		return "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>no</Message></Error>"
	}
	const (
		workspace = "Microsoft.MachineLearningServices/workspaces/"
		later     = "; a new role takes up to an hour to work"
	)
	tests := []struct {
		name, method, body string
		status             int
		want               string
	}{
		{"reading", "GET", gateway(workspace + "computes/read"), 403,
			"the caller lacks " + workspace + "computes/read: assign Reader on the workspace" + later},
		{"writing an endpoint", "PUT", gateway(workspace + "batchEndpoints/write"), 403,
			"the caller lacks " + workspace + "batchEndpoints/write: assign AzureML Data Scientist, Contributor or Owner on the workspace" + later},
		{"making a cluster", "PUT", gateway(workspace + "computes/write"), 403,
			"the caller lacks " + workspace + "computes/write: assign AzureML Compute Operator, Contributor or Owner on the workspace" + later},
		{"secrets of a datastore", "POST", gateway(workspace + "datastores/listsecrets/action"), 403,
			"the caller lacks " + workspace + "datastores/listsecrets/action: assign AzureML Data Scientist, Contributor or Owner on the workspace" + later},
		{"keys of a storage account", "POST", gateway("Microsoft.Storage/storageAccounts/listKeys/action"), 403,
			"the caller lacks Microsoft.Storage/storageAccounts/listKeys/action: assign a role that has it, such as Contributor, on the resource that the message names" + later},
		{"the data plane", "GET", `{"error":{"code":"UserError","message":"Identity(object id: O) does not have permissions for ` + workspace + `experiments/runs/read actions."}}`, 403,
			"the caller lacks " + workspace + "experiments/runs/read: assign Reader on the workspace" + later},
		{"the scoring host", "POST", "Microsoft Entra Token denied by policy, please review https://learn.microsoft.com/x", 403,
			"assign AzureML Data Scientist, Contributor or Owner on the workspace" + later},
		{"no words at all, writing", "POST", "", 403, "assign AzureML Data Scientist, Contributor or Owner on the workspace" + later},
		{"no words at all, reading", "GET", "", 403, "assign Reader on the workspace" + later},
		{"writing a blob", "PUT", storage("AuthorizationPermissionMismatch"), 403, "assign Storage Blob Data Contributor on the storage account to the caller" + later},
		{"reading a blob", "GET", storage("AuthorizationPermissionMismatch"), 403, "assign Storage Blob Data Reader on the storage account to the caller" + later},
		{"network rules", "GET", storage("AuthorizationFailure"), 403, "the storage account's network rules refuse this machine: open them or use a private endpoint"},
		{"another tenant", "GET", `{"error":{"code":"InvalidAuthenticationTokenTenant","message":"The access token is from the wrong issuer 'x'."}}`, 401,
			"the token is of another tenant or cloud: make the credential with the tenant of the subscription, and check ClientOptions.Cloud"},
		{"provider not registered", "PUT", `{"error":{"code":"MissingSubscriptionRegistration","message":"The subscription is not registered to use namespace."}}`, 409,
			"register the resource provider once: az provider register --namespace Microsoft.MachineLearningServices"},
		{"an expired token at the scoring host", "POST", "Jwt is expired", 401, "the token has expired: make the credential refresh it, and check this machine's clock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := response(t, tt.status, nil, tt.body)
			resp.Request.Method = tt.method
			if diff := cmp.Diff(tt.want, newResponseError("x", resp).Remedy); diff != "" {
				t.Errorf("remedy (-want +got):\n%s", diff)
			}
		})
	}
}
