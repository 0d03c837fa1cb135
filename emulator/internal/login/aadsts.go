package login

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/google/uuid"
)

// aadsts is a refusal of the token service: an OAuth error with the service's own number and text.
type aadsts struct {
	status int    // of HTTP
	code   string // "error" of OAuth
	number int    // the n in "AADSTSn: text"
	text   string
}

// Statuses and texts are from public issues (Azure/sap-automation#418,
// hashicorp/terraform-provider-azurerm#16291, Azure/azure-cli#20397) unless a comment says
// otherwise.

func errSecret(app string) *aadsts {
	return &aadsts{http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '" + app + "'."}
}

// The status is not documented; it is that of a wrong secret.
func errNoCredential() *aadsts {
	return &aadsts{http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."}
}

// Status and text of the refusals of an assertion are not documented.
func errAssertion(number int, text string) *aadsts {
	return &aadsts{http.StatusUnauthorized, "invalid_client", number, text}
}

func errApp(app, directory string) *aadsts {
	return &aadsts{http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '" + app + "' was not found in the directory '" + directory + "'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."}
}

// The OAuth code of errTenant is invalid_request at the token endpoint and invalid_tenant in
// discovery.
func errTenant(code, tenant string) *aadsts {
	return &aadsts{http.StatusBadRequest, code, 90002, "Tenant '" + tenant + "' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."}
}

// The answer to client credentials on /common is not documented.
func errNoTenant() *aadsts {
	return &aadsts{http.StatusBadRequest, "invalid_request", 50059, "No tenant-identifying information found in either the request or implied by any provided credentials."}
}

func errResource(resource, tenant string) *aadsts {
	return &aadsts{http.StatusBadRequest, "invalid_resource", 500011, "The resource principal named " + resource + " was not found in the tenant named " + tenant + ". This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant."}
}

func errScopeSuffix(scope string) *aadsts {
	return &aadsts{http.StatusBadRequest, "invalid_scope", 1002012, "The provided value for scope " + scope + " is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."}
}

func errScope(scope string) *aadsts {
	return &aadsts{http.StatusBadRequest, "invalid_scope", 70011, "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope " + scope + " is not valid."}
}

func errField(field string) *aadsts {
	return &aadsts{http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: '" + field + "'."}
}

func errGrant(grant string) *aadsts {
	return &aadsts{http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '" + grant + "'."}
}

func errInstance() *aadsts {
	return &aadsts{http.StatusBadRequest, "invalid_instance", 50049, "Unknown or invalid instance."}
}

// refuse writes the refusal as the service's JSON.
func (s *Service) refuse(w http.ResponseWriter, r *http.Request, e *aadsts) {
	trace, correlation := w.Header().Get("X-Ms-Request-Id"), r.Header.Get("Client-Request-Id")
	if uuid.Validate(correlation) != nil {
		correlation = uuid.NewString()
	}
	timestamp := s.now().UTC().Format("2006-01-02 15:04:05Z")
	writeJSON(w, e.status, map[string]any{
		"error": e.code,
		"error_description": fmt.Sprintf("AADSTS%d: %s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s",
			e.number, e.text, trace, correlation, timestamp),
		"error_codes":    []int{e.number},
		"timestamp":      timestamp,
		"trace_id":       trace,
		"correlation_id": correlation,
		"error_uri":      fmt.Sprintf("https://%s/error?code=%d", s.cloud.LoginHosts[0], e.number),
	})
}

func writeJSON(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that is gone needs no answer
}
