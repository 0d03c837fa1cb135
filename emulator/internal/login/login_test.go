package login

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

const (
	tenant   = "22222222-2222-4222-8222-222222222222"
	clientID = "33333333-3333-4333-8333-333333333333"
	objectID = "44444444-4444-4444-8444-444444444444"
	secret   = "glaze~and.fire-it_twice"
)

// clock is a clock that stands until it is moved.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newService(t *testing.T, change func(*Options)) (*Service, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	o := Options{TenantID: tenant, Apps: []App{{ClientID: clientID, ObjectID: objectID, Secret: secret}}, Now: c.Now}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

// ask sends one request; a nil form is a GET.
func ask(t *testing.T, s *Service, address string, form url.Values, header http.Header) (*http.Response, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if form != nil {
		r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: status %d, body is not JSON: %v", address, w.Code, err)
	}
	return w.Result(), body
}

func tokenForm(change url.Values) url.Values {
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {secret},
		"scope": {"https://ml.azure.com/.default openid offline_access profile"},
	}
	for k, v := range change {
		if form[k] = v; v == nil {
			form.Del(k)
		}
	}
	return form
}

const tokenURL = "https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token"

func TestTokenAnswer(t *testing.T) {
	t.Parallel()
	s, c := newService(t, nil)
	resp, body := ask(t, s, tokenURL, tokenForm(nil), nil)
	if got := resp.Header.Get("Cache-Control"); got != "no-store, no-cache" {
		t.Errorf("Cache-Control = %q", got)
	}
	token, _ := body["access_token"].(string)
	delete(body, "access_token")
	want := map[string]any{"token_type": "Bearer", "expires_in": 86399.0, "ext_expires_in": 86399.0}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("token answer (-want +got)\n%s", diff)
	}
	claims, refusal := s.Verify("Bearer "+token, "https://storage.azure.com", "https://ml.azure.com")
	if refusal != nil {
		t.Fatalf("own token refused: %+v", refusal)
	}
	wantClaims := Claims{Audience: "https://ml.azure.com", TenantID: tenant, ObjectID: objectID, AppID: clientID, Expires: c.now.Add(DefaultLifetime)}
	if diff := cmp.Diff(wantClaims, claims); diff != "" {
		t.Errorf("claims (-want +got)\n%s", diff)
	}
}

// Scripts of the older walk-through name a resource and read text.
func TestTokenAnswerV1(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, nil)
	form := tokenForm(url.Values{"scope": nil, "resource": {"https://management.azure.com"}})
	_, body := ask(t, s, "https://login.microsoftonline.com/"+tenant+"/oauth2/token", form, nil)
	token, _ := body["access_token"].(string)
	delete(body, "access_token")
	want := map[string]any{
		"token_type": "Bearer", "expires_in": "86399", "ext_expires_in": "86399", "resource": "https://management.azure.com",
		"not_before": "1772600767", "expires_on": "1772687166",
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("token answer (-want +got)\n%s", diff)
	}
	if _, refusal := s.Verify("bearer "+token, "https://management.azure.com"); refusal != nil {
		t.Errorf("own token refused: %+v", refusal)
	}
}

func TestAudienceIsTheResourceToTheLetter(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, nil)
	for scope, want := range map[string]string{
		"https://management.core.windows.net//.default":           "https://management.core.windows.net/",
		"https://management.azure.com/.default":                   "https://management.azure.com",
		"profile https://storage.azure.com/.default openid":       "https://storage.azure.com",
		"https://potteryshop.blob.core.windows.net/.default":      "https://potteryshop.blob.core.windows.net",
		"https://ml.azure.com//.default openid profile":           "https://ml.azure.com/",
		"https://graph.microsoft.com/.default offline_access":     "https://graph.microsoft.com",
		"https://Management.Azure.com/.default openid\tprofile  ": "https://Management.Azure.com",
	} {
		_, body := ask(t, s, tokenURL, tokenForm(url.Values{"scope": {scope}}), nil)
		token, _ := body["access_token"].(string)
		if _, refusal := s.Verify("Bearer "+token, want); refusal != nil {
			t.Errorf("scope %q: %+v, want audience %q", scope, refusal, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	const unknown = "99999999-9999-4999-8999-999999999999"
	tests := []struct {
		name   string
		change url.Values
		url    string
		status int
		code   string
		number float64
		text   string // beginning
	}{
		{"wrong secret", url.Values{"client_secret": {"cold"}}, "", 401, "invalid_client", 7000215, "Invalid client secret provided. Ensure"},
		{"empty secret", url.Values{"client_secret": {""}}, "", 401, "invalid_client", 7000215, "Invalid client secret"},
		{"no secret", url.Values{"client_secret": nil}, "", 401, "invalid_client", 7000218, "The request body must contain"},
		{"unknown app", url.Values{"client_id": {unknown}}, "", 400, "unauthorized_client", 700016, "Application with identifier '" + unknown + "' was not found in the directory '" + tenant + "'."},
		{"no app", url.Values{"client_id": nil}, "", 400, "invalid_request", 900144, "The request body must contain the following parameter: 'client_id'."},
		{"unknown tenant", nil, strings.Replace(tokenURL, tenant, unknown, 1), 400, "invalid_request", 90002, "Tenant '" + unknown + "' not found."},
		{"no tenant", nil, strings.Replace(tokenURL, tenant, "common", 1), 400, "invalid_request", 50059, "No tenant-identifying information"},
		{"other cloud's resource", url.Values{"scope": {"https://ml.azure.cn/.default"}}, "", 400, "invalid_resource", 500011, "The resource principal named https://ml.azure.cn was not found in the tenant named " + tenant + "."},
		{"scope without default", url.Values{"scope": {"https://ml.azure.com"}}, "", 400, "invalid_scope", 1002012, "The provided value for scope https://ml.azure.com is not valid. Client credential flows"},
		{"nothing but default", url.Values{"scope": {"/.default"}}, "", 400, "invalid_scope", 1002012, "The provided value for scope /.default"},
		{"two resources", url.Values{"scope": {"https://ml.azure.com/.default https://storage.azure.com/.default"}}, "", 400, "invalid_scope", 70011, "The provided request must include a 'scope' input parameter."},
		{"only openid words", url.Values{"scope": {"openid profile"}}, "", 400, "invalid_scope", 70011, "The provided request must include a 'scope' input parameter."},
		{"no scope", url.Values{"scope": nil}, "", 400, "invalid_request", 900144, "The request body must contain the following parameter: 'scope'."},
		{"no resource", nil, strings.Replace(tokenURL, "/v2.0", "", 1), 400, "invalid_request", 900144, "The request body must contain the following parameter: 'resource'."},
		{"no grant", url.Values{"grant_type": nil}, "", 400, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'."},
		{"unknown grant", url.Values{"grant_type": {"handshake"}}, "", 400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type 'handshake'."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, _ := newService(t, nil)
			address := tt.url
			if address == "" {
				address = tokenURL
			}
			correlation := uuid.NewString()
			header := http.Header{"Client-Request-Id": {correlation}, "Return-Client-Request-Id": {"true"}}
			resp, body := ask(t, s, address, tokenForm(tt.change), header)
			if resp.StatusCode != tt.status || body["error"] != tt.code {
				t.Errorf("status %d, error %v; want %d, %s", resp.StatusCode, body["error"], tt.status, tt.code)
			}
			if diff := cmp.Diff([]any{tt.number}, body["error_codes"]); diff != "" {
				t.Errorf("error_codes (-want +got)\n%s", diff)
			}
			text, _ := body["error_description"].(string)
			_, text, _ = strings.Cut(text, ": ")
			if !strings.HasPrefix(text, tt.text) {
				t.Errorf("text %q, want %q at its beginning", text, tt.text)
			}
			if !strings.HasSuffix(text, "\r\nCorrelation ID: "+correlation+"\r\nTimestamp: 2026-03-04 05:06:07Z") {
				t.Errorf("text %q does not end in correlation id and time", text)
			}
			if strings.Contains(text, secret) || strings.Contains(text, "cold") {
				t.Error("the answer repeats a secret")
			}
		})
	}
}

func TestBasicAuthentication(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, nil)
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, tokenURL, nil)
	r.SetBasicAuth(clientID, url.QueryEscape(secret))
	resp, body := ask(t, s, tokenURL, tokenForm(url.Values{"client_id": nil, "client_secret": nil}), r.Header)
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status %d, %v", resp.StatusCode, body["error_description"])
	}
}

func TestFormTooLong(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, nil)
	body := "scope=" + strings.Repeat("x", maxForm)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, tokenURL, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Errorf("status %d, want 400", w.Code)
	}
}

func TestNewRefusesNames(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"tenant": {TenantID: "pottery"},
		"client": {TenantID: tenant, Apps: []App{{ClientID: "kiln", ObjectID: objectID}}},
		"object": {TenantID: tenant, Apps: []App{{ClientID: clientID}}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("New accepts a bad %s id", name)
		}
	}
}

func TestUnplayedPath(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://login.windows.net/common/oauth2/v2.0/authorize", nil))
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "does not play GET /common/oauth2/v2.0/authorize") {
		t.Errorf("status %d, %q", w.Code, w.Body)
	}
}

func TestOpenIDConfiguration(t *testing.T) {
	t.Parallel()
	const china = "login.partner.microsoftonline.cn"
	tests := []struct {
		cloud   cloud.Cloud
		address string
		want    map[string]any
	}{
		{cloud.Public(), "https://login.windows.net/" + tenant + "/v2.0/.well-known/openid-configuration?", map[string]any{
			"issuer":                 "https://login.microsoftonline.com/" + tenant + "/v2.0",
			"token_endpoint":         "https://login.windows.net/" + tenant + "/oauth2/v2.0/token",
			"authorization_endpoint": "https://login.windows.net/" + tenant + "/oauth2/v2.0/authorize",
			"jwks_uri":               "https://login.windows.net/" + tenant + "/discovery/v2.0/keys",
			"cloud_instance_name":    "microsoftonline.com",
		}},
		{cloud.China(), "https://" + china + "/common/.well-known/openid-configuration", map[string]any{
			"issuer":                 "https://sts.windows.net/{tenantid}/",
			"token_endpoint":         "https://" + china + "/common/oauth2/token",
			"authorization_endpoint": "https://" + china + "/common/oauth2/authorize",
			"jwks_uri":               "https://" + china + "/common/discovery/keys",
			"cloud_instance_name":    "partner.microsoftonline.cn",
		}},
	}
	for _, tt := range tests {
		s, _ := newService(t, func(o *Options) { o.Cloud = tt.cloud })
		_, body := ask(t, s, tt.address, nil, nil)
		got := map[string]any{}
		for k := range tt.want {
			got[k] = body[k]
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("GET %s (-want +got)\n%s", tt.address, diff)
		}
	}
	s, _ := newService(t, nil)
	resp, body := ask(t, s, "https://login.microsoftonline.com/pottery/v2.0/.well-known/openid-configuration", nil, nil)
	if resp.StatusCode != http.StatusBadRequest || body["error"] != "invalid_tenant" {
		t.Errorf("unknown tenant: status %d, error %v", resp.StatusCode, body["error"])
	}
}

// TestOpenIDConfigurationIsWhole compares every member, for both versions.
func TestOpenIDConfigurationIsWhole(t *testing.T) {
	t.Parallel()
	const host = "https://login.microsoftonline.com/" + tenant
	list := func(values ...any) []any { return values }
	for version, issuer := range map[string]string{"": "https://sts.windows.net/" + tenant + "/", "/v2.0": host + "/v2.0"} {
		s, _ := newService(t, nil)
		resp, got := ask(t, s, host+version+"/.well-known/openid-configuration", nil, nil)
		want := map[string]any{
			"issuer": issuer, "jwks_uri": host + "/discovery" + version + "/keys", "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo", "kerberos_endpoint": host + "/kerberos",
			"token_endpoint": host + "/oauth2" + version + "/token", "authorization_endpoint": host + "/oauth2" + version + "/authorize",
			"device_authorization_endpoint": host + "/oauth2" + version + "/devicecode", "end_session_endpoint": host + "/oauth2" + version + "/logout",
			"token_endpoint_auth_methods_supported": list("client_secret_post", "private_key_jwt", "client_secret_basic"), "subject_types_supported": list("pairwise"),
			"response_modes_supported": list("query", "fragment", "form_post"), "response_types_supported": list("code", "id_token", "code id_token", "id_token token"),
			"id_token_signing_alg_values_supported": list("RS256"), "scopes_supported": list("openid", "profile", "email", "offline_access"),
			"claims_supported":                list("sub", "iss", "aud", "exp", "iat", "nbf", "tid", "ver"),
			"request_uri_parameter_supported": false, "http_logout_supported": true, "frontchannel_logout_supported": true, "tenant_region_scope": nil,
			"cloud_instance_name": "microsoftonline.com", "cloud_graph_host_name": "graph.windows.net", "msgraph_host": "graph.microsoft.com", "rbac_url": "https://pas.windows.net",
		}
		if diff := cmp.Diff(want, got); diff != "" || resp.Header.Get("Cache-Control") != "max-age=86400, private" {
			t.Errorf("version %q: Cache-Control %q, document (-want +got)\n%s", version, resp.Header.Get("Cache-Control"), diff)
		}
	}
}

// TestTextsOfRefusals pins status, OAuth code, number and text of each refusal.
func TestTextsOfRefusals(t *testing.T) {
	for _, tt := range []struct {
		refusal *aadsts
		want    aadsts
	}{
		{errSecret("app"), aadsts{401, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app 'app'."}},
		{errNoCredential(), aadsts{401, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."}},
		{errAssertion(700027, "why"), aadsts{401, "invalid_client", 700027, "why"}},
		{errApp("app", "dir"), aadsts{400, "unauthorized_client", 700016, "Application with identifier 'app' was not found in the directory 'dir'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."}},
		{errTenant("code", "dir"), aadsts{400, "code", 90002, "Tenant 'dir' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."}},
		{errNoTenant(), aadsts{400, "invalid_request", 50059, "No tenant-identifying information found in either the request or implied by any provided credentials."}},
		{errResource("res", "dir"), aadsts{400, "invalid_resource", 500011, "The resource principal named res was not found in the tenant named dir. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant."}},
		{errScopeSuffix("s"), aadsts{400, "invalid_scope", 1002012, "The provided value for scope s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."}},
		{errScope("s"), aadsts{400, "invalid_scope", 70011, "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope s is not valid."}},
		{errField("f"), aadsts{400, "invalid_request", 900144, "The request body must contain the following parameter: 'f'."}},
		{errGrant("g"), aadsts{400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type 'g'."}},
		{errInstance(), aadsts{400, "invalid_instance", 50049, "Unknown or invalid instance."}},
	} {
		if diff := cmp.Diff(tt.want, *tt.refusal, cmp.AllowUnexported(aadsts{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestInstanceDiscovery(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, nil)
	address := func(authority string) string {
		return "https://login.microsoftonline.com/common/discovery/instance?api-version=1.1&authorization_endpoint=" + url.QueryEscape(authority)
	}
	_, body := ask(t, s, address("https://login.chinacloudapi.cn/"+tenant+"/oauth2/v2.0/authorize"), nil, nil)
	if got, want := body["tenant_discovery_endpoint"], "https://login.chinacloudapi.cn/"+tenant+"/v2.0/.well-known/openid-configuration"; got != want {
		t.Errorf("tenant_discovery_endpoint = %v, want %s", got, want)
	}
	groups, _ := body["metadata"].([]any)
	if len(groups) != len(cloud.All()) {
		t.Fatalf("%d metadata groups, want %d", len(groups), len(cloud.All()))
	}
	want := map[string]any{
		"preferred_network": "login.microsoftonline.com", "preferred_cache": "login.windows.net",
		"aliases": []any{"login.microsoft.com", "login.microsoftonline.com", "login.windows.net", "sts.windows.net"},
	}
	if diff := cmp.Diff(want, groups[0]); diff != "" {
		t.Errorf("first metadata group (-want +got)\n%s", diff)
	}
	for _, authority := range []string{"", "https://login.example.com/common/oauth2/authorize", "http://login.microsoftonline.com/x", "::"} {
		resp, body := ask(t, s, address(authority), nil, nil)
		if resp.StatusCode != http.StatusBadRequest || body["error"] != "invalid_instance" {
			t.Errorf("authority %q: status %d, error %v; want 400 invalid_instance", authority, resp.StatusCode, body["error"])
		}
	}
}

// TestRefusalsOfOtherTenants: keys and metadata of a tenant that is not here, and a login without
// its parts.
func TestRefusalsOfOtherTenants(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, nil)
	for _, path := range []string{"/discovery/keys", "/discovery/v2.0/keys", "/.well-known/openid-configuration", "/v2.0/.well-known/openid-configuration"} {
		resp, body := ask(t, s, "https://login.microsoftonline.com/44444444-4444-4444-8444-444444444444"+path, nil, nil)
		if resp.StatusCode != http.StatusBadRequest || body["error"] != "invalid_tenant" {
			t.Errorf("%s = %d %v, want 400 invalid_tenant", path, resp.StatusCode, body)
		}
	}
	form := tokenForm(url.Values{"client_secret": nil, "client_assertion": {"a.b.c"}})
	resp, body := ask(t, s, "https://login.microsoftonline.com/"+tenant+"/oauth2/v2.0/token", form, nil)
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(fmt.Sprint(body["error_description"]), "'client_assertion_type'") {
		t.Errorf("an assertion without its type = %d %v", resp.StatusCode, body)
	}
}
