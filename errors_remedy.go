package azmlbatch

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// An answerRemedy is what helps with an answer that has one of the codes, or one of the words in
// its message.
type answerRemedy struct {
	status int // of the answer; 0 means any
	codes  []string
	words  []string // in lower case
	remedy string
}

const (
	policyRemedy   = "this is Azure Policy, not a role: change the request so that the policy allows it, or ask for an exemption"
	networkRemedy  = "the workspace's network rules refuse this machine: connect through its private endpoint, or open the rules"
	audienceRemedy = "the token was made for another audience: check ClientOptions.Cloud and use a credential of the same cloud"
	tenantRemedy   = "the token is of another tenant or cloud: make the credential with the tenant of the subscription, and check ClientOptions.Cloud"
	expiredRemedy  = "the token has expired: make the credential refresh it, and check this machine's clock"
	factorRemedy   = "a second factor is missing: sign in with one (az login), or use a service principal or a managed identity"
	versionRemedy  = "set ClientOptions.APIVersion to one of the versions that the message lists"
	quotaRemedy    = "the quota is used up: look at Computes().Quotas, choose another VM size or fewer nodes, or ask for more quota"
	openRemedy     = "the storage account refuses requests without a credential: register the storage as a datastore, or use a signed URL"
)

// answerRemedies are what people meet. A code says more than words, so all codes are looked for
// first.
var answerRemedies = []answerRemedy{
	{codes: []string{"RequestDisallowedByPolicy"}, remedy: policyRemedy},
	{codes: []string{"RequestDisallowedByAzure"}, remedy: "Azure itself refuses this for the subscription or region: choose another region, or ask Azure support"},
	{codes: []string{"ScopeLocked"}, remedy: "this is a lock, not a role: remove the lock that the message names"},
	{codes: []string{"InvalidAuthenticationTokenAudience"}, remedy: audienceRemedy},
	{codes: []string{"InvalidAuthenticationTokenTenant"}, remedy: tenantRemedy},
	{codes: []string{"ExpiredAuthenticationToken"}, remedy: expiredRemedy},
	{codes: []string{"SubscriptionNotFound", "InvalidSubscriptionId"},
		remedy: "check Workspace.SubscriptionID, and that the credential's tenant is the subscription's (az account list shows both)"},
	{codes: []string{"ReadOnlyDisabledSubscription", "DisabledSubscription"}, remedy: "the subscription is disabled: its owner must enable it, or choose another"},
	{codes: []string{"ResourceGroupNotFound"}, remedy: "check Workspace.ResourceGroup and Workspace.SubscriptionID"},
	{codes: []string{"WorkspaceNotFound"}, remedy: workspaceRemedy},
	{codes: []string{"NoRegisteredProviderFound", "InvalidResourceType", "InvalidApiVersionParameter"}, remedy: versionRemedy},
	{codes: []string{"DenyAssignmentAuthorizationFailed"}, remedy: "this is a deny assignment, which no role overrides: ask whoever made it to exclude the caller"},
	{codes: []string{"QuotaExceeded", "ClusterCoreQuotaReached", "ClusterMinNodesExceedCoreQuota"}, remedy: quotaRemedy},
	{codes: []string{"KeyBasedAuthenticationNotPermitted"},
		remedy: "the storage account takes no keys: leave the choice of the credential to the client, it then uses the caller's own token"},
	// Storage's code; ARM says AuthenticationFailed with 401.
	{status: http.StatusForbidden, codes: []string{"AuthenticationFailed"},
		remedy: "the signature or key does not open this storage, or no longer: ask for a new one, and check this machine's clock"},
	{codes: []string{"AuthorizationFailure"}, // not ARM's AuthorizationFailed
		remedy: "the storage account's network rules refuse this machine: open them or use a private endpoint"},
	{codes: []string{"PublicAccessNotPermitted", "NoAuthenticationInformation"}, remedy: openRemedy},
	{codes: []string{"AuthorizationSourceIPMismatch", "AuthorizationServiceMismatch", "AuthorizationResourceTypeMismatch",
		"AuthorizationProtocolMismatch", "UnauthorizedBlobOverwrite"}, remedy: "the signature does not allow this: ask for one that does"},
	{codes: []string{"InsufficientAccountPermissions"}, remedy: "the storage account itself may not do this, whoever asks: ask its owner"},
	{codes: []string{"BlobImmutableDueToPolicy"}, remedy: "the storage keeps its blobs unchanged: write to another path, or ask the owner of the storage account"},
	{codes: []string{"BlobArchived"}, remedy: "the blob is in the archive tier: move it to the hot or cool tier first, which takes hours"},
	{codes: []string{"KeyVaultEncryptionKeyNotFound"}, remedy: "the key that encrypts the storage account is gone: ask its owner to restore it in the key vault"},

	{words: []string{"workspace private link"}, remedy: networkRemedy}, // with 403, or with 502 of a gateway (azure-docs issue 90426)
	{status: http.StatusForbidden, words: []string{"caller is not a trusted service"}, remedy: "the network rules of the workspace's key vault refuse the request: open them, or let trusted Microsoft services pass"},
	{status: http.StatusForbidden, words: []string{"public network", "private endpoint", "private link", "public access is disabled", "ip address"}, remedy: networkRemedy},
	{status: http.StatusForbidden, words: []string{"disallowed by policy"}, remedy: policyRemedy},
	{status: http.StatusForbidden, words: []string{"access registry"}, remedy: "assign AzureML Registry User on that registry to the caller" + roleTakesTime},
	{words: []string{"cores quota", "core quota"}, remedy: quotaRemedy},
	{words: []string{"wrong audience", "audiences in jwt", "audience validation failed"}, remedy: audienceRemedy},
	{words: []string{"jwt issuer is not configured", "issuer validation failed"}, remedy: tenantRemedy},
	{words: []string{"denied by policy"}, remedy: "assign " + roleDataScientist + roleTakesTime}, // the scoring host's, no Azure Policy
	{status: http.StatusUnauthorized, words: []string{"expired"}, remedy: expiredRemedy},
	{words: []string{"no valid deployments to route to"}, remedy: "set a default with Endpoints().SetDefaultDeployment, or name the deployment in Invocation.Deployment"},
	{words: []string{"asset paths cannot be updated", "already registered and cannot be changed"},
		remedy: "a version keeps its content: give another version, or none, which means the next one"},
	{words: []string{"endpoint names must be unique"}, remedy: "endpoint names are unique per region, across all workspaces: choose another, for example with a random suffix"},
}

// pageRemedy helps against pages of proxies and gateways.
const pageRemedy = "a proxy or gateway answered in the service's place: check HTTPS_PROXY and NO_PROXY, and ask whoever runs it to let this host through"

const workspaceRemedy = "check Workspace.Name, Workspace.ResourceGroup and Workspace.SubscriptionID"

// remedy says what the caller can do about an answer, or "" if the service's own words are all
// there is to say. It goes by what the answer says, and never by the method of the request.
func remedy(e *Error, resp *http.Response) string {
	switch {
	case e.StatusCode == http.StatusProxyAuthRequired:
		return proxyLoginRemedy
	case foreignPage(resp):
		return pageRemedy
	case e.has("LinkedAuthorizationFailed") || e.has("LinkedAccessCheckFailed"):
		return linkedRemedy(e)
	case e.has("AuthorizationPermissionMismatch"):
		return blobRoleRemedy(e)
	case e.has("AuthorizationFailed"):
		return roleRemedy(e)
	case e.asksForSecondFactor():
		return factorRemedy
	case e.has("MissingSubscriptionRegistration"), e.has("SubscriptionNotRegistered"), e.has("MissingRegistrationForResourceProvider"):
		return registrationRemedy(e)
	case workspaceMissing.MatchString(e.Message):
		return workspaceRemedy
	}
	if text := e.listedRemedy(); text != "" {
		return text
	}
	switch {
	case e.StatusCode == http.StatusForbidden:
		return roleRemedy(e)
	case e.StatusCode == http.StatusUnauthorized:
		return "the service does not take the token: check that the credential is of the subscription's tenant, and ClientOptions.Cloud"
	case e.StatusCode == http.StatusTooManyRequests || e.StatusCode >= http.StatusInternalServerError:
		return busyRemedy(e, resp)
	case e.StatusCode >= 300 && e.StatusCode < 400:
		return "redirects are not followed because the token would go along: check for a proxy in between"
	}
	return ""
}

func (e *Error) listedRemedy() string {
	for _, r := range answerRemedies {
		if (r.status == 0 || r.status == e.StatusCode) && slices.ContainsFunc(r.codes, e.has) {
			return r.remedy
		}
	}
	for _, r := range answerRemedies {
		if (r.status == 0 || r.status == e.StatusCode) && slices.ContainsFunc(r.words, e.mentions) {
			return r.remedy
		}
	}
	return ""
}

// asksForSecondFactor reports whether Azure refuses a change because the sign-in had one factor. It
// enforces that in the form of a policy, whose texts differ.
func (e *Error) asksForSecondFactor() bool {
	return (e.has("RequestDisallowedByPolicy") || e.has("RequestDisallowedByAzure")) &&
		(e.mentions("mfa is required") || e.mentions("multifactor") || e.mentions("multi-factor"))
}

// providerName finds the resource provider that a refusal names.
var providerName = regexp.MustCompile(`namespace '([\w.]+)'`)

func registrationRemedy(e *Error) string {
	provider := resourceProvider
	if named := providerName.FindStringSubmatch(e.Message); named != nil {
		provider = named[1] // a cluster may need that of the network
	}
	return "register the resource provider once: az provider register --namespace " + provider
}

// workspaceMissing matches what ARM says when the workspace itself does not exist: codes
// ResourceNotFound and ParentResourceNotFound, which other resources share.
var workspaceMissing = regexp.MustCompile(`(?i)the resource 'Microsoft\.MachineLearningServices/workspaces/[^/']+' under|parent resource '[^']*/workspaces/[^/']+' could not be found`)

// busyRemedy is for a service that was still busy at the last try.
func busyRemedy(e *Error, resp *http.Response) string {
	switch after, told := retryAfter(resp.Header, time.Now()); {
	case told && after > 0:
		return "the service asks to wait " + after.Round(time.Second).String() + ": try again then"
	case e.StatusCode == http.StatusTooManyRequests:
		return "ask less often, or raise ClientOptions.Retry.MaxRetries"
	}
	return ""
}

func (e *Error) has(code string) bool { return HasCode(e, code) }

func (e *Error) mentions(words string) bool {
	return strings.Contains(strings.ToLower(e.Message), words)
}

// The roles that grant an action. Sources: learn.microsoft.com, how-to-assign-roles, and the
// definitions of the built-in roles. The package comment has a table of them by call.
const (
	roleReader         = "Reader on the workspace"
	roleDataScientist  = "AzureML Data Scientist, Contributor or Owner on the workspace"
	roleComputeManager = "AzureML Compute Operator, Contributor or Owner on the workspace"
	roleBlobReader     = "Storage Blob Data Reader on the storage account"
	roleBlobWriter     = "Storage Blob Data Contributor on the storage account"

	roleTakesTime = "; a new role takes up to an hour to work"
)

// actionPattern finds the action that a refusal names: ARM's gateway writes "to perform action 'A'
// over scope 'S'", the workspace data plane "permissions for A actions".
var actionPattern = regexp.MustCompile(`Microsoft\.[A-Za-z]+/[A-Za-z/]+`)

// roleRemedy says which role a refused caller lacks, where the refusal names the action.
func roleRemedy(e *Error) string {
	if action := actionPattern.FindString(e.Message); action != "" {
		return "the caller lacks " + action + ": assign " + roleFor(action) + orWrongScope(e) + roleTakesTime
	}
	return "the answer does not say why: check the caller's role, the network rules and Azure Policy"
}

// orWrongScope is for ARM, which says the same of names that do not exist.
func orWrongScope(e *Error) string {
	if e.mentions("or the scope is invalid") {
		return ", if the names in the scope are right"
	}
	return ""
}

func roleFor(action string) string {
	action = strings.ToLower(action)
	last := lastSegment(action)
	switch {
	case !strings.HasPrefix(action, "microsoft.machinelearningservices/workspaces/"):
		return "a role that has it, such as Contributor, on the resource that the message names"
	case last == "read":
		return roleReader
	case strings.Contains(action, "/computes/") && (last == "write" || last == "delete"):
		return roleComputeManager
	}
	return roleDataScientist
}

// linkedAction finds, in the refusal of a request that touches a second resource, the action that
// is missing on that one. The first action of the message is one that the caller has.
var linkedAction = regexp.MustCompile(`(?:does not have permission|does not have authorization) to perform action(?:\(s\))? '([^']+)'`)

// linkedRemedy is for a cluster in somebody's subnet, a compute with somebody's identity, and the
// like.
func linkedRemedy(e *Error) string {
	found := linkedAction.FindStringSubmatch(e.Message)
	switch {
	case e.mentions("current tenant"):
		return "the linked subscription belongs to another tenant: use a credential that both tenants accept, or a resource of this tenant"
	case e.mentions("linked subscription"):
		return "check the id of the linked resource: its subscription does not exist, or the caller cannot see it"
	case found == nil:
		return "the caller lacks a role on the linked resource that the message names"
	}
	return "the caller lacks " + found[1] + " on the linked resource: assign " + linkedRole(found[1]) + roleTakesTime
}

// linkedRole names the built-in role that grants an action on a resource that a workspace uses.
func linkedRole(action string) string {
	switch action = strings.ToLower(action); {
	case strings.HasPrefix(action, "microsoft.managedidentity/"):
		return "Managed Identity Operator on that identity"
	case strings.HasPrefix(action, "microsoft.network/"):
		return "Network Contributor on that network"
	}
	return "a role that has it, such as Contributor, on that resource"
}

// blobRoleRemedy says which role on the storage account a refused caller lacks.
func blobRoleRemedy(e *Error) string {
	role := roleBlobReader
	if e.writesBlobs() {
		role = roleBlobWriter
	}
	return "assign " + role + " to the caller" + roleTakesTime
}

// writesBlobs reports whether the caller is about to write blobs. The request does not tell: an
// upload begins with a HEAD.
func (e *Error) writesBlobs() bool {
	return strings.HasPrefix(e.Operation, "upload ") || strings.HasPrefix(e.Operation, "invoke ") // which uploads local inputs
}

// refusedSignature corrects the remedy of a refusal by storage: what a signature does not allow, no
// role of the caller does.
func refusedSignature(err error) error {
	var e *Error
	switch {
	case !errors.As(err, &e) || !e.has("AuthorizationPermissionMismatch"):
	case e.writesBlobs():
		e.Remedy = "the signature (SAS) lacks a permission: ask for one that may read, list, create and write"
	default:
		e.Remedy = "the signature (SAS) lacks a permission: ask for one that may read and list"
	}
	return err
}
