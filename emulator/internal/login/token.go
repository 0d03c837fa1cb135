package login

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// maxForm is the maximum size of a token request in bytes. Assertions are the longest part of it.
const maxForm = 1 << 20

// openIDWords are the scopes that MSAL adds to every request.
var openIDWords = []string{"openid", "offline_access", "profile"}

// tokenV2 is the v2.0 endpoint: the resource is in scope, and the answer has numbers.
func (s *Service) tokenV2(w http.ResponseWriter, r *http.Request) {
	s.token(w, r, resourceOfScope, func(_, _ time.Time, _ string) map[string]any {
		seconds := int64(s.lifetime / time.Second)
		return map[string]any{"expires_in": seconds, "ext_expires_in": seconds}
	})
}

// tokenV1 is the older endpoint, which scripts still use: the resource is in resource, and the
// answer has numbers as text.
func (s *Service) tokenV1(w http.ResponseWriter, r *http.Request) {
	s.token(w, r, resourceByName, func(expires, from time.Time, resource string) map[string]any {
		seconds := strconv.FormatInt(int64(s.lifetime/time.Second), 10)
		return map[string]any{
			"expires_in": seconds, "ext_expires_in": seconds, "resource": resource,
			"expires_on": strconv.FormatInt(expires.Unix(), 10),
			"not_before": strconv.FormatInt(from.Unix(), 10),
		}
	})
}

// token answers a request for a token.
func (s *Service) token(w http.ResponseWriter, r *http.Request, resourceOf func(url.Values) (string, *aadsts),
	lifetime func(expires, from time.Time, resource string) map[string]any,
) {
	form, err := readForm(w, r)
	if err != nil {
		http.Error(w, "the body is not a form of at most 1 MiB", http.StatusBadRequest)
		return
	}
	resource, refusal := checkRequest(form, resourceOf)
	if refusal == nil {
		refusal = s.checkTenant(r.PathValue("tenant"))
	}
	var app App
	if refusal == nil {
		app, refusal = s.authenticate(form)
	}
	if refusal == nil && !s.cloud.KnowsAudience(resource) {
		refusal = errResource(resource, s.tenant)
	}
	if refusal != nil {
		s.refuse(w, r, refusal)
		return
	}
	from := s.now().UTC().Truncate(time.Second)
	expires := from.Add(s.lifetime)
	raw, err := s.signer.sign(s.payload(app, resource, from, expires, form.Has("client_assertion")))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	body := lifetime(expires, from, resource)
	body["token_type"] = "Bearer"
	body["access_token"] = raw
	writeJSON(w, http.StatusOK, body)
}

// readForm returns the fields of the body, with the client ID and secret of HTTP basic
// authentication if that was used.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	form := r.PostForm
	user, password, ok := r.BasicAuth()
	if !ok || form.Has("client_secret") {
		return form, nil
	}
	id, err1 := url.QueryUnescape(user) // RFC 6749, section 2.3.1
	secret, err2 := url.QueryUnescape(password)
	form.Set("client_id", id)
	form.Set("client_secret", secret)
	return form, errors.Join(err1, err2)
}

// checkRequest checks the form and returns the resource that it asks for.
func checkRequest(form url.Values, resourceOf func(url.Values) (string, *aadsts)) (string, *aadsts) {
	switch grant := form.Get("grant_type"); grant {
	case "client_credentials":
	case "":
		return "", errField("grant_type")
	default:
		return "", errGrant(grant)
	}
	if form.Get("client_id") == "" {
		return "", errField("client_id")
	}
	return resourceOf(form)
}

func resourceByName(form url.Values) (string, *aadsts) {
	if form.Get("resource") == "" {
		return "", errField("resource")
	}
	return form.Get("resource"), nil
}

// resourceOfScope removes only "/.default" from the scope, so
// "https://management.core.windows.net//.default" keeps one slash.
func resourceOfScope(form url.Values) (string, *aadsts) {
	if form.Get("scope") == "" {
		return "", errField("scope")
	}
	scopes := slices.DeleteFunc(strings.Fields(form.Get("scope")), func(s string) bool { return slices.Contains(openIDWords, s) })
	if len(scopes) != 1 {
		return "", errScope(form.Get("scope"))
	}
	resource, ok := strings.CutSuffix(scopes[0], "/.default")
	if !ok || resource == "" {
		return "", errScopeSuffix(scopes[0])
	}
	return resource, nil
}

func (s *Service) checkTenant(tenant string) *aadsts {
	switch strings.ToLower(tenant) {
	case s.tenant:
		return nil
	case "common", "organizations":
		return errNoTenant()
	}
	return errTenant("invalid_request", tenant)
}

// authenticate returns the application after checking its secret or its assertion.
func (s *Service) authenticate(form url.Values) (App, *aadsts) {
	id := form.Get("client_id")
	app, ok := s.apps[strings.ToLower(id)]
	if !ok {
		return App{}, errApp(id, s.tenant)
	}
	switch {
	case form.Has("client_assertion"):
		return app, s.checkAssertion(app, form)
	case !form.Has("client_secret"):
		return App{}, errNoCredential()
	case app.Secret == "" || subtle.ConstantTimeCompare([]byte(app.Secret), []byte(form.Get("client_secret"))) != 1:
		return App{}, errSecret(app.ClientID)
	}
	return app, nil
}

func (s *Service) payload(app App, resource string, from, expires time.Time, federated bool) accessToken {
	acr := "1"
	if federated {
		acr = "2"
	}
	issuer := "https://" + stsHost + "/" + s.tenant + "/"
	return accessToken{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Subject: app.ObjectID,
			IssuedAt: jwt.NewNumericDate(from), NotBefore: jwt.NewNumericDate(from), ExpiresAt: jwt.NewNumericDate(expires),
		},
		Resource: resource, AppID: app.ClientID, AppIDACR: acr, IDP: issuer, IDType: "app", ObjectID: app.ObjectID,
		TenantID: s.tenant, UTI: uuid.NewString(), Version: "1.0",
	}
}
