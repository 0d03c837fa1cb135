package azmlbatch

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// remedy says what the caller can do about an answer, or "" when the service's own words are all there is to say.
func remedy(e *Error, resp *http.Response) string {
	switch {
	case e.has("RequestDisallowedByPolicy"):
		return "this is Azure Policy, not a role: change the request so that the policy allows it, or ask for an exemption"
	case e.StatusCode == http.StatusForbidden && (e.mentions("public network access") || e.mentions("private endpoint")):
		return "the workspace's network rules refuse this machine: connect through its private endpoint, or open the rules"
	case e.has("InvalidAuthenticationTokenAudience"), e.mentions("wrong audience"), e.mentions("audiences in jwt"):
		return "the token was made for another audience: check ClientOptions.Cloud and use a credential of the same cloud"
	case e.has("InvalidAuthenticationTokenTenant"), e.mentions("jwt issuer is not configured"):
		return "the token is of another tenant or cloud: make the credential with the tenant of the subscription, and check ClientOptions.Cloud"
	case e.has("MissingSubscriptionRegistration"), e.has("SubscriptionNotRegistered"), e.has("MissingRegistrationForResourceProvider"):
		return "register the resource provider once: az provider register --namespace " + resourceProvider
	case e.mentions("denied by policy"):
		return "assign " + roleDataScientist + roleTakesTime
	case e.mentions("expired") && e.StatusCode == http.StatusUnauthorized:
		return "the token has expired: make the credential refresh it, and check this machine's clock"
	case e.has("KeyBasedAuthenticationNotPermitted"):
		return "the storage account takes no keys: leave the choice of the credential to the client, it then uses the caller's own token"
	case e.has("AuthorizationPermissionMismatch"):
		return blobRoleRemedy(e)
	case e.StatusCode == http.StatusForbidden && e.has("AuthenticationFailed"): // storage's; ARM says it with 401
		return "the signature or key does not open this storage, or no longer: ask for a new one, and check this machine's clock"
	case e.has("AuthorizationFailure"): // not ARM's AuthorizationFailed
		return "the storage account's network rules refuse this machine: open them or use a private endpoint"
	case e.StatusCode == http.StatusForbidden:
		return roleRemedy(e)
	case e.StatusCode == http.StatusUnauthorized:
		return "check tenant, client and secret of the credential, and that the token is for this cloud"
	case e.mentions("no valid deployments to route to"):
		return "set a default with Endpoints().SetDefaultDeployment, or name the deployment in Invocation.Deployment"
	case e.mentions("endpoint names must be unique"):
		return "endpoint names are unique per region, across all workspaces: choose another, for example with a random suffix"
	case e.StatusCode == http.StatusTooManyRequests || e.StatusCode >= http.StatusInternalServerError:
		return busyRemedy(e, resp)
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return "redirects are not followed because the token would go along: check for a proxy in between"
	}
	return ""
}

// busyRemedy is for a service that still could not answer at the last try.
func busyRemedy(e *Error, resp *http.Response) string {
	switch after, told := retryAfter(resp.Header, time.Now()); {
	case told && after > 0:
		return "the service asks to be left alone for " + after.Round(time.Second).String() + ": try again then"
	case e.StatusCode == http.StatusTooManyRequests:
		return "ask less often, or raise ClientOptions.Retry.MaxRetries"
	}
	return ""
}

func (e *Error) has(code string) bool { return HasCode(e, code) }

func (e *Error) mentions(words string) bool {
	return strings.Contains(strings.ToLower(e.Message), words)
}

// transportRemedy explains why no answer came.
func transportRemedy(err error) string {
	var auth *azidentity.AuthenticationFailedError
	var dns *net.DNSError
	var op *net.OpError
	var unknownCA x509.UnknownAuthorityError
	switch {
	case errors.As(err, &auth), signInMissing(err):
		return signInRemedy(err)
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "the proxy cannot be reached: check HTTPS_PROXY and NO_PROXY"
	case errors.As(err, &dns):
		return "the host name is unknown: check the network, and ClientOptions.Cloud"
	case errors.As(err, &unknownCA):
		return "the server's certificate is not trusted: add the proxy's or emulator's CA, for example with SSL_CERT_FILE"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check HTTPS_PROXY and whether the emulator runs"
	}
	return ""
}

// Which role grants which action, from learn.microsoft.com, how-to-assign-roles and the definitions of the built-in roles.
// The package comment has the same as a table by call.
const (
	roleReader         = "Reader on the workspace"
	roleDataScientist  = "AzureML Data Scientist, Contributor or Owner on the workspace"
	roleComputeManager = "AzureML Compute Operator, Contributor or Owner on the workspace"
	roleBlobReader     = "Storage Blob Data Reader on the storage account"
	roleBlobWriter     = "Storage Blob Data Contributor on the storage account"

	roleTakesTime = "; a new role takes up to an hour to work"
)

// actionPattern finds the action that a refusal names: ARM's gateway writes "to perform action 'A' over scope 'S'", the
// workspace data plane "permissions for A actions".
var actionPattern = regexp.MustCompile(`Microsoft\.[A-Za-z]+/[A-Za-z/]+`)

// roleRemedy says which role a refused caller lacks, where the refusal names the action.
func roleRemedy(e *Error) string {
	if action := actionPattern.FindString(e.Message); action != "" {
		return "the caller lacks " + action + ": assign " + roleFor(action) + roleTakesTime
	}
	return "the answer does not say why: check the caller's role, the network rules and Azure Policy"
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

// blobRoleRemedy says which role on the storage account a refused caller lacks. What the caller is about to do decides, not
// the request: an upload begins with a HEAD.
func blobRoleRemedy(e *Error) string {
	role := roleBlobReader
	for _, verb := range []string{"upload ", "invoke "} { // an invocation uploads its local inputs
		if strings.HasPrefix(e.Operation, verb) {
			role = roleBlobWriter
		}
	}
	return "assign " + role + " to the caller" + roleTakesTime
}

// chainPattern finds the credentials that a chain of azidentity has tried, each at the beginning of a line.
var chainPattern = regexp.MustCompile(`(?m)^\t(\w+)`)

// signInMissing reports whether no credential of a chain had anything to sign in with. azidentity's type for that is not
// exported, so its words must do.
func signInMissing(err error) bool {
	return strings.Contains(err.Error(), "failed to acquire a token.\nAttempted credentials:") || strings.Contains(err.Error(), "az login")
}

// signInText is what azidentity says, on one line and without the dump of the answer; "" when err is no matter of signing in.
func signInText(err error) string {
	var auth *azidentity.AuthenticationFailedError
	if errors.As(err, &auth) && auth.RawResponse != nil {
		if text := entraText(auth); text != "" {
			return "no token: " + text
		}
	}
	if !signInMissing(err) {
		return ""
	}
	var tried []string
	for _, m := range chainPattern.FindAllStringSubmatch(err.Error(), -1) {
		tried = append(tried, m[1])
	}
	if tried == nil {
		return "nobody is signed in"
	}
	return "nobody is signed in (tried " + strings.Join(tried, ", ") + ")"
}

// entraText is the token service's own sentence, which begins with its AADSTS code.
func entraText(auth *azidentity.AuthenticationFailedError) string {
	body, _ := runtime.Payload(auth.RawResponse)
	var answer struct {
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &answer) // a body of another form says nothing
	text, _, _ := strings.Cut(answer.Description, "Trace ID:")
	return clip(oneLine(redact(text)))
}

// signInRemedies are the codes of the token service that people meet, with what helps.
var signInRemedies = []struct{ code, remedy string }{
	{"AADSTS7000215", "give the client secret's value, not its id"},
	{"AADSTS7000222", "the client secret has expired: make a new one"},
	{"AADSTS700016", "check the client id, and that the tenant is the application's"},
	{"AADSTS90002", "check the tenant id, and ClientOptions.Cloud"},
	{"AADSTS500011", "this cloud has no such service in the tenant: check ClientOptions.Cloud and the tenant"},
	{"AADSTS50049", "check AZURE_AUTHORITY_HOST and ClientOptions.Cloud"},
}

func signInRemedy(err error) string {
	text := signInText(err)
	for _, r := range signInRemedies {
		if strings.Contains(text, r.code) {
			return r.remedy
		}
	}
	if signInMissing(err) {
		return "sign in with az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
	}
	return "the credential got no token: check tenant, client and secret"
}
