package azmlbatch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/google/go-cmp/cmp"
)

// TestRefusalsNameTheRole has the refusals of every plane in their own words.
func TestRefusalsNameTheRole(t *testing.T) {
	gateway := func(action string) string {
		return `{"error":{"code":"AuthorizationFailed","message":"The client 'C' with object id 'O' does not have authorization to perform action '` + action +
			`' over scope '/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w' or the scope is invalid."}}`
	}
	linked := func(lacks string) string {
		return `{"error":{"code":"LinkedAuthorizationFailed","message":"The client 'C' with object id 'O' has permission to perform action 'Microsoft.MachineLearningServices/workspaces/computes/write' on scope '/subscriptions/s'; however, it does not have permission to perform action ` + lacks + `."}}`
	}
	storage := func(code string) string {
		return "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>no</Message></Error>"
	}
	detailed := func(code, detail string) string {
		return "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>no\nRequestId:1</Message><AuthenticationErrorDetail>" + detail + "</AuthenticationErrorDetail></Error>"
	}
	const (
		workspace = "Microsoft.MachineLearningServices/workspaces/"
		ofScope   = ", if the names in the scope are right"
		later     = "; a new role takes up to an hour to work"
		page      = "a proxy or gateway answered in the service's place: check HTTPS_PROXY and NO_PROXY, and ask whoever runs it to let this host through"

		subscription = "check Workspace.SubscriptionID, and that the credential's tenant is the subscription's (az account list shows both)"
		ofWorkspace  = "check Workspace.Name, Workspace.ResourceGroup and Workspace.SubscriptionID"

		network = "the workspace's network rules refuse this machine: connect through its private endpoint, or open the rules"
		mfa     = "a second factor is missing: sign in with one (az login), or use a service principal or a managed identity"
		version = "set ClientOptions.APIVersion to one of the versions that the message lists"
		quota   = "the quota is used up: look at Computes().Quotas, choose another VM size or fewer nodes, or ask for more quota"
		signed  = "the signature does not allow this: ask for one that does"

		noWords = "the answer does not say why: check the caller's role, the network rules and Azure Policy"
	)
	tests := []struct {
		name, method, body string
		status             int
		want               string
	}{
		{"reading", "GET", gateway(workspace + "computes/read"), 403,
			"the caller lacks " + workspace + "computes/read: assign Reader on the workspace" + ofScope + later},
		{"writing an endpoint", "PUT", gateway(workspace + "batchEndpoints/write"), 403,
			"the caller lacks " + workspace + "batchEndpoints/write: assign AzureML Data Scientist, Contributor or Owner on the workspace" + ofScope + later},
		{"making a cluster", "PUT", gateway(workspace + "computes/write"), 403,
			"the caller lacks " + workspace + "computes/write: assign AzureML Compute Operator, Contributor or Owner on the workspace" + ofScope + later},
		{"secrets of a datastore", "POST", gateway(workspace + "datastores/listsecrets/action"), 403,
			"the caller lacks " + workspace + "datastores/listsecrets/action: assign AzureML Data Scientist, Contributor or Owner on the workspace" + ofScope + later},
		{"keys of a storage account", "POST", gateway("Microsoft.Storage/storageAccounts/listKeys/action"), 403,
			"the caller lacks Microsoft.Storage/storageAccounts/listKeys/action: assign a role that has it, such as Contributor, on the resource that the message names" + ofScope + later},
		{"the data plane", "GET", `{"error":{"code":"UserError","message":"Identity(object id: O) does not have permissions for ` + workspace + `experiments/runs/read actions."}}`, 403,
			"the caller lacks " + workspace + "experiments/runs/read: assign Reader on the workspace" + later},
		{"the scoring host", "POST", "Microsoft Entra Token denied by policy, please review https://learn.microsoft.com/x", 403,
			"assign AzureML Data Scientist, Contributor or Owner on the workspace" + later},
		{"no words at all, writing", "POST", "", 403, noWords},
		{"no words at all, reading", "GET", "", 403, noWords},
		{"Azure Policy", "PUT", `{"error":{"code":"RequestDisallowedByPolicy","message":"Resource 'cluster' was disallowed by policy."}}`, 403,
			"this is Azure Policy, not a role: change the request so that the policy allows it, or ask for an exemption"},
		{"the workspace's network", "PUT", `{"error":{"code":"Forbidden","message":"Public network access is disabled for workspace laptop. Connect through a private endpoint."}}`, 403,
			"the workspace's network rules refuse this machine: connect through its private endpoint, or open the rules"},
		{"wrong audience at the scoring host", "POST", "Audiences in Jwt are not allowed", 403,
			"the token was made for another audience: check ClientOptions.Cloud and use a credential of the same cloud"},
		{"wrong cloud", "GET", `{"error":{"code":"InvalidAuthenticationTokenAudience","message":"The access token has been obtained for wrong audience or resource 'x'."}}`, 401,
			"the token was made for another audience: check ClientOptions.Cloud and use a credential of the same cloud"},
		{"reading a blob", "GET", storage("AuthorizationPermissionMismatch"), 403, "assign Storage Blob Data Reader on the storage account to the caller" + later},
		{"network rules", "GET", storage("AuthorizationFailure"), 403, "the storage account's network rules refuse this machine: open them or use a private endpoint"},
		{"another tenant", "GET", `{"error":{"code":"InvalidAuthenticationTokenTenant","message":"The access token is from the wrong issuer 'x'."}}`, 401,
			"the token is of another tenant or cloud: make the credential with the tenant of the subscription, and check ClientOptions.Cloud"},
		{"provider not registered", "PUT", `{"error":{"code":"MissingSubscriptionRegistration","message":"The subscription is not registered to use namespace."}}`, 409,
			"register the resource provider once: az provider register --namespace Microsoft.MachineLearningServices"},
		{"a role on somebody's identity", "PUT", linked("'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the linked scope(s) '/subscriptions/s/resourcegroups/other/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kiln' or the linked scope(s) are invalid"), 403,
			"the caller lacks Microsoft.ManagedIdentity/userAssignedIdentities/assign/action on the linked resource: assign Managed Identity Operator on that identity" + later},
		{"a role on somebody's subnet", "PUT", linked("'Microsoft.Network/virtualNetworks/subnets/join/action' on the linked scope(s) '/subscriptions/s/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/s' or the linked scope(s) are invalid"), 403,
			"the caller lacks Microsoft.Network/virtualNetworks/subnets/join/action on the linked resource: assign Network Contributor on that network" + later},
		{"a role on another linked resource", "PUT", linked("'Microsoft.Storage/storageAccounts/write' on the linked scope(s) '/x' or the linked scope(s) are invalid"), 403,
			"the caller lacks Microsoft.Storage/storageAccounts/write on the linked resource: assign a role that has it, such as Contributor, on that resource" + later},
		{"a linked resource of another tenant", "PUT", `{"error":{"code":"LinkedAuthorizationFailed","message":"The client has permission to perform action 'Microsoft.Network/virtualNetworks/subnets/join/action' on scope '/s', however the current tenant 'T' is not authorized to access linked subscription 'S'."}}`, 403,
			"the linked subscription belongs to another tenant: use a credential that both tenants accept, or a resource of this tenant"},
		{"a linked resource of no subscription", "PUT", `{"error":{"code":"LinkedAuthorizationFailed","message":"The client has permission to perform action 'Microsoft.Network/virtualNetworks/subnets/join/action' on scope '/s', however the linked subscription 'S' was not found."}}`, 403,
			"check the id of the linked resource: its subscription does not exist, or the caller cannot see it"},
		{"a linked resource, in other words", "PUT", `{"error":{"code":"LinkedAuthorizationFailed","message":"No."}}`, 403, "the caller lacks a role on the linked resource that the message names"},
		{"a linked resource, with 400", "PUT", `{"error":{"code":"LinkedAccessCheckFailed","message":"The client with object id 'O' does not have authorization to perform action 'Microsoft.Network/publicIPAddresses/join/action' over scope '/s' or the scope is invalid."}}`, 400,
			"the caller lacks Microsoft.Network/publicIPAddresses/join/action on the linked resource: assign Network Contributor on that network" + later},
		{"no such subscription", "GET", `{"error":{"code":"SubscriptionNotFound","message":"The subscription 's' could not be found."}}`, 404, subscription},
		{"no id of a subscription", "GET", `{"error":{"code":"InvalidSubscriptionId","message":"The provided subscription identifier 's' is malformed or invalid."}}`, 400, subscription},
		{"a disabled subscription", "PUT", `{"error":{"code":"ReadOnlyDisabledSubscription","message":"The subscription 's' is disabled and therefore marked as read only."}}`, 409, "the subscription is disabled: its owner must enable it, or choose another"},
		{"no such group", "GET", `{"error":{"code":"ResourceGroupNotFound","message":"Resource group 'g' could not be found."}}`, 404, "check Workspace.ResourceGroup and Workspace.SubscriptionID"},
		{"no such workspace", "GET", `{"error":{"code":"ResourceNotFound","message":"The Resource 'Microsoft.MachineLearningServices/workspaces/w' under resource group 'g' was not found."}}`, 404, ofWorkspace},
		{"no such workspace, creating something in it", "PUT", `{"error":{"code":"ParentResourceNotFound","message":"Failed to perform 'write' on resource(s) of type 'workspaces/computes', because the parent resource '/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w' could not be found."}}`, 404, ofWorkspace},
		{"something missing in a workspace", "GET", `{"error":{"code":"ResourceNotFound","message":"The Resource 'Microsoft.MachineLearningServices/workspaces/w/computes/c' under resource group 'g' was not found."}}`, 404, ""},
		{"a lock", "DELETE", `{"error":{"code":"ScopeLocked","message":"The scope '/s' cannot perform delete operation because following scope(s) are locked: '/l'."}}`, 409, "this is a lock, not a role: remove the lock that the message names"},
		{"a region without the version of the API", "GET", `{"error":{"code":"NoRegisteredProviderFound","message":"No registered resource provider found for location 'r' and API version '2022-05-01' for type 'workspaces/batchEndpoints'. The supported api-versions are '2023-10-01, 2024-04-01'."}}`, 400,
			"set ClientOptions.APIVersion to one of the versions that the message lists"},
		{"a refusal of Azure itself", "PUT", `{"error":{"code":"RequestDisallowedByAzure","message":"Resource 'c' was disallowed by Azure."}}`, 403, "Azure itself refuses this for the subscription or region: choose another region, or ask Azure support"},
		{"an expired token", "GET", `{"error":{"code":"ExpiredAuthenticationToken","message":"The access token expiry UTC time '1' is earlier than current UTC time '2'."}}`, 401,
			"the token has expired: make the credential refresh it, and check this machine's clock"},
		{"a token that is refused without a reason", "GET", ``, 401, "the service does not take the token: check that the credential is of the subscription's tenant, and ClientOptions.Cloud"},
		{"a proxy that refuses", "GET", "<html><title>Access denied</title></html>", 403, page},
		{"a proxy that wants a sign-in", "GET", "<!DOCTYPE html><title>Sign in</title>", 401, page},
		{"a gateway without a service", "GET", "<html>no</html>", 502, page},
		{"a proxy that knows nothing", "GET", "<html>no</html>", 404, page},
		{"a request that no gateway can read", "GET", "<html><title>Bad Request</title></html>", 400, ""},
		{"a proxy that wants a password", "GET", "", 407, "the proxy asks who you are: put user and password into HTTPS_PROXY (https_proxy=http://USER:PASSWORD@HOST:PORT)"},
		{"storage without anonymous access", "GET", storage("PublicAccessNotPermitted"), 409, "the storage account refuses requests without a credential: register the storage as a datastore, or use a signed URL"},
		{"a signature that storage does not take", "GET", storage("AuthenticationFailed"), 403, "the signature or key does not open this storage, or no longer: ask for a new one, and check this machine's clock"},
		{"a code beside words of another case", "PUT", `{"error":{"code":"RequestDisallowedByPolicy","message":"Public network access must be disabled."}}`, 403,
			"this is Azure Policy, not a role: change the request so that the policy allows it, or ask for an exemption"},
		{"a subscription that is disabled", "GET", `{"error":{"code":"DisabledSubscription","message":"No."}}`, 403, "the subscription is disabled: its owner must enable it, or choose another"},
		{"no workspace, by its code", "GET", `{"error":{"code":"WorkspaceNotFound","message":"No."}}`, 404, ofWorkspace},
		{"a provider not registered, in older words", "PUT", `{"error":{"code":"SubscriptionNotRegistered","message":"No."}}`, 409,
			"register the resource provider once: az provider register --namespace Microsoft.MachineLearningServices"},
		{"a provider not registered, in other words", "PUT", `{"error":{"code":"MissingRegistrationForResourceProvider","message":"No."}}`, 409,
			"register the resource provider once: az provider register --namespace Microsoft.MachineLearningServices"},
		{"storage without keys", "GET", storage("KeyBasedAuthenticationNotPermitted"), 403,
			"the storage account takes no keys: leave the choice of the credential to the client, it then uses the caller's own token"},
		{"a private endpoint alone", "GET", `{"error":{"code":"Forbidden","message":"Use the Private Endpoint."}}`, 403,
			"the workspace's network rules refuse this machine: connect through its private endpoint, or open the rules"},
		{"no public access alone", "GET", `{"error":{"code":"Forbidden","message":"Public network access is off."}}`, 403,
			"the workspace's network rules refuse this machine: connect through its private endpoint, or open the rules"},
		{"a private endpoint that is missing", "GET", `{"error":{"code":"UserError","message":"No such private endpoint."}}`, 404, ""},
		{"wrong audience, in words alone", "GET", `{"error":{"code":"UserError","message":"The token has the wrong audience."}}`, 401,
			"the token was made for another audience: check ClientOptions.Cloud and use a credential of the same cloud"},
		{"an issuer that the scoring host does not know", "POST", "Jwt issuer is not configured", 401,
			"the token is of another tenant or cloud: make the credential with the tenant of the subscription, and check ClientOptions.Cloud"},
		{"an endpoint without a default", "POST", `{"error":{"code":"UserError","message":"There are no valid deployments to route to."}}`, 404,
			"set a default with Endpoints().SetDefaultDeployment, or name the deployment in Invocation.Deployment"},
		{"a version with another path", "PUT", `{"error":{"code":"UserError","message":"Asset paths cannot be updated."}}`, 400,
			"a version keeps its content: give another version, or none, which means the next one"},
		{"a version with another image", "PUT", `{"error":{"code":"UserError","message":"Environment glaze with version 1 is already registered and cannot be changed."}}`, 409,
			"a version keeps its content: give another version, or none, which means the next one"},
		{"an endpoint's name that is taken", "PUT", `{"error":{"code":"UserError","message":"Batch endpoint names must be unique within a region."}}`, 409,
			"endpoint names are unique per region, across all workspaces: choose another, for example with a random suffix"},
		{"a token that ARM does not take", "GET", `{"error":{"code":"AuthenticationFailed","message":"No."}}`, 401,
			"the service does not take the token: check that the credential is of the subscription's tenant, and ClientOptions.Cloud"},
		{"words of expiry with another status", "GET", `{"error":{"code":"UserError","message":"The lease has expired."}}`, 409, ""},
		{"a redirect", "GET", "", 302, "redirects are not followed because the token would go along: check for a proxy in between"},
		{"the last redirect", "GET", "", 399, "redirects are not followed because the token would go along: check for a proxy in between"},
		{"the first redirect", "GET", "", 300, "redirects are not followed because the token would go along: check for a proxy in between"},
		{"too many requests", "GET", "", 429, "ask less often, or raise ClientOptions.Retry.MaxRetries"},
		{"a service out of order", "GET", "", 500, ""},
		{"a request that is wrong", "GET", "", 400, ""},
		{"the workspace's private link, as a gateway tells it", "GET", `{"error":{"code":"UserError","message":"Access to workspace was denied based on workspace private link configuration.","details":[]}}`, 502, network},
		{"the workspace's network, told by address", "GET", `{"error":{"code":"UserError","message":"The IP address 192.0.2.1 is not in the allow list of the workspace."}}`, 403, network},
		{"the network of the key vault", "GET", `{"error":{"code":"UserError","message":"Client address is not authorized and caller is not a trusted service. Client address: 192.0.2.1"}}`, 403,
			"the network rules of the workspace's key vault refuse the request: open them, or let trusted Microsoft services pass"},
		{"a deny assignment", "DELETE", `{"error":{"code":"DenyAssignmentAuthorizationFailed","message":"The client 'C' with object id 'O' has permission to perform action '` + workspace + `batchEndpoints/delete' on scope '/s'; however, the access is denied because of the deny assignment with name 'N' and Id 'I' at scope '/s'."}}`, 403,
			"this is a deny assignment, which no role overrides: ask whoever made it to exclude the caller"},
		{"Azure Policy, without its code", "PUT", `{"error":{"code":"Forbidden","message":"Resource 'c' was disallowed by policy."}}`, 403,
			"this is Azure Policy, not a role: change the request so that the policy allows it, or ask for an exemption"},
		{"a second factor that Azure Policy asks for", "PUT", `{"error":{"code":"RequestDisallowedByPolicy","message":"Resource 'c' was disallowed by policy. Reasons: MFA is required. See error details for policy resource IDs."}}`, 403, mfa},
		{"a second factor that Azure asks for", "PUT", `{"error":{"code":"RequestDisallowedByAzure","message":"Resource 'c' was disallowed by Azure: users must use multifactor authentication."}}`, 403, mfa},
		{"another provider that is not registered", "PUT", `{"error":{"code":"MissingSubscriptionRegistration","message":"The subscription is not registered to use namespace 'Microsoft.Network'. See https://aka.ms/rps-not-found for how to register subscriptions."}}`, 409,
			"register the resource provider once: az provider register --namespace Microsoft.Network"},
		{"a version of the API without the resource", "GET", `{"error":{"code":"InvalidResourceType","message":"The resource type 'batchEndpoints' could not be found in the namespace 'Microsoft.MachineLearningServices' for api version '2020-01-01'. The supported api-versions are '2023-10-01'."}}`, 404, version},
		{"a version of the API that is none", "GET", `{"error":{"code":"InvalidApiVersionParameter","message":"The api-version '2099' is invalid. The supported versions are '2023-10-01'."}}`, 400, version},
		{"somebody's registry", "POST", `{"error":{"code":"UserError","message":"User/tenant/subscription is not allowed to access registry shelf."}}`, 403,
			"assign AzureML Registry User on that registry to the caller; a new role takes up to an hour to work"},
		{"too few cores", "PUT", `{"error":{"code":"ClusterCoreQuotaReached","message":"The specified subscription has reached its quota."}}`, 400, quota},
		{"too few cores, in the words of the virtual machines", "PUT", `{"error":{"code":"OperationNotAllowed","message":"Operation could not be completed as it results in exceeding approved standardDSv2Family Cores quota."}}`, 409, quota},
		{"a signature for another network", "GET", storage("AuthorizationSourceIPMismatch"), 403, signed},
		{"a signature for another service", "GET", storage("AuthorizationServiceMismatch"), 403, signed},
		{"a signature for other resources", "GET", storage("AuthorizationResourceTypeMismatch"), 403, signed},
		{"a signature for another protocol", "GET", storage("AuthorizationProtocolMismatch"), 403, signed},
		{"a signature that may not overwrite", "PUT", storage("UnauthorizedBlobOverwrite"), 403, signed},
		{"storage that wants a credential", "GET", storage("NoAuthenticationInformation"), 401, "the storage account refuses requests without a credential: register the storage as a datastore, or use a signed URL"},
		{"an account that may not do it", "PUT", storage("InsufficientAccountPermissions"), 403, "the storage account itself may not do this, whoever asks: ask its owner"},
		{"a blob that cannot change", "PUT", storage("BlobImmutableDueToPolicy"), 409, "the storage keeps its blobs unchanged: write to another path, or ask the owner of the storage account"},
		{"a blob in the archive", "GET", storage("BlobArchived"), 409, "the blob is in the archive tier: move it to the hot or cool tier first, which takes hours"},
		{"a key of the storage that is gone", "GET", storage("KeyVaultEncryptionKeyNotFound"), 403, "the key that encrypts the storage account is gone: ask its owner to restore it in the key vault"},
		{"another tenant at storage", "GET", detailed("InvalidAuthenticationInfo", "Issuer validation failed. Issuer did not match."), 401,
			"the token is of another tenant or cloud: make the credential with the tenant of the subscription, and check ClientOptions.Cloud"},
		{"another audience at storage", "GET", detailed("InvalidAuthenticationInfo", "Audience validation failed. Audience did not match."), 401,
			"the token was made for another audience: check ClientOptions.Cloud and use a credential of the same cloud"},
		{"an expired token at storage", "GET", detailed("InvalidAuthenticationInfo", "Lifetime validation failed. The token is expired."), 401,
			"the token has expired: make the credential refresh it, and check this machine's clock"},
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

// TestPolicyIsNamed has a refusal of Azure Policy as the service writes it (azure-cli issue 8058).
func TestPolicyIsNamed(t *testing.T) {
	for body, want := range map[string]string{
		`[{"type":"PolicyViolation","info":{"policyDefinitionDisplayName":"Deny clusters without a subnet","policyAssignmentDisplayName":"Deny subnets","policyAssignmentName":"deny-subnet"}}]`: `(policy "Deny clusters without a subnet", assignment "Deny subnets")`,
		`[{"type":"PolicyViolation","info":{"policyDefinitionName":"p","policyAssignmentName":"deny-subnet"}}]`:                                                                                  `(policy "p", assignment "deny-subnet")`,
	} {
		err := newResponseError(`create compute "cluster"`, response(t, 403, nil, `{"error":{"code":"RequestDisallowedByPolicy","message":"Disallowed.","additionalInfo":`+body+`}}`))
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want %s in it", err, want)
		}
	}
}

// What the caller is about to do with a blob decides the role, not the request that is refused: an
// upload begins with a HEAD.
func TestBlobRoleFollowsTheOperation(t *testing.T) {
	for op, role := range map[string]string{
		`upload model "vases"`: "Contributor", `invoke endpoint "digits"`: "Contributor",
		`read output "predictions.csv"`: "Reader", `list logs of job "job-1"`: "Reader", `download model "vases:1"`: "Reader",
	} {
		for _, method := range []string{"HEAD", "GET", "PUT"} {
			resp := response(t, 403, map[string]string{"x-ms-error-code": "AuthorizationPermissionMismatch"}, "")
			resp.Request.Method = method
			want := "assign Storage Blob Data " + role + " on the storage account"
			if err := newResponseError(op, resp); !strings.Contains(err.Error(), want) {
				t.Errorf("%s of %s = %v, want %s", method, op, err, want)
			}
		}
	}
}

// TestRefusedSignature: a role of the caller opens nothing for a signed URL that lacks a permission.
func TestRefusedSignature(t *testing.T) {
	const uri = "https://shelf.blob.core.windows.net/blobs/a?sv=1&sig=own"
	c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Ms-Error-Code", "AuthorizationPermissionMismatch")
		w.WriteHeader(http.StatusForbidden)
	})
	for name, call := range map[string]func() error{
		"list":     func() error { return lastError(c.ListFiles(t.Context(), uri)) },
		"open":     func() error { _, err := c.OpenFile(t.Context(), uri); return err },
		"download": func() error { _, err := c.Download(t.Context(), uri, t.TempDir(), nil); return err },
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), "the signature (SAS) lacks a permission: ask for one that may read and list (container") || strings.Contains(err.Error(), "assign") {
			t.Errorf("%s = %v, want a remedy for the signature", name, err)
		}
	}
	e := &Error{Operation: `upload path "vase"`, Codes: []string{"AuthorizationPermissionMismatch"}}
	if err := refusedSignature(e); !strings.Contains(err.Error(), "read, list, create and write") {
		t.Errorf("an upload = %v, want the permissions to write", err)
	}
}

// credentialThat fails as azidentity does.
type credentialThat func() error

func (f credentialThat) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, f()
}

func TestNoAnswerNamesItsCause(t *testing.T) {
	entra := func(code, text string) error {
		return &azidentity.AuthenticationFailedError{RawResponse: response(t, 401, nil,
			`{"error":"invalid_client","error_description":"`+code+`: `+text+`\r\nTrace ID: 1\r\nTimestamp: x"}`)}
	}
	chain := azidentity.NewCredentialUnavailableError("DefaultAzureCredential: failed to acquire a token.\nAttempted credentials:\n\tEnvironmentCredential: missing environment variable AZURE_TENANT_ID\n\tAzureCLICredential: Azure CLI not found on path\n\t\tmore")
	tests := map[string]struct {
		err  error
		want string
	}{
		"nobody": {chain, `azmlbatch: get endpoint "digits": nobody is signed in (tried EnvironmentCredential, AzureCLICredential); sign in with az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET`},
		"wrong secret": {entra("AADSTS7000215", "Invalid client secret provided."),
			`azmlbatch: get endpoint "digits": no token: AADSTS7000215: Invalid client secret provided.; give the client secret's value, not its id`},
		"unknown tenant": {entra("AADSTS90002", "Tenant 'X' not found."),
			`azmlbatch: get endpoint "digits": no token: AADSTS90002: Tenant 'X' not found.; check the tenant id, and ClientOptions.Cloud`},
		"wrong cloud": {entra("AADSTS500011", "The resource principal named R was not found."),
			`azmlbatch: get endpoint "digits": no token: AADSTS500011: The resource principal named R was not found.; this cloud has no such service in the tenant: check ClientOptions.Cloud and the tenant`},
	}
	for name, tt := range tests {
		c, err := newClient(testWorkspace, credentialThat(func() error { return tt.err }), nil, newFakeClock().clock())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Endpoints().Get(t.Context(), "digits"); err == nil || err.Error() != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: Get = %v\nwant %s", name, err, tt.want)
		}
	}
	said := newTexts(t)
	for want, failure := range map[string]error{
		"the server's certificate":    &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
		"the proxy cannot be reached": &net.OpError{Op: "proxyconnect", Net: "tcp", Err: errRefused},
		"the host name is unknown":    &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "management.azure.com"}},
		"nothing listens there":       errRefused,
	} {
		c := newClientOver(t, transporter(func(*http.Request) (*http.Response, error) { return nil, failure }), newFakeClock())
		_, err := c.Endpoints().Get(t.Context(), "digits")
		said.add(want, err)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Get = %v, want %q", err, want)
		}
	}
}

// TestEveryRemedy: each entry of the table is found by each of its codes and words, and has a
// remedy of its own.
func TestEveryRemedy(t *testing.T) {
	for _, r := range answerRemedies {
		if r.remedy == "" {
			t.Errorf("codes %q and words %q have no remedy", r.codes, r.words)
		}
		if len(r.codes)+len(r.words) == 0 {
			t.Errorf("nothing leads to %q", r.remedy)
		}
	}
}
