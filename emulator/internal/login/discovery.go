package login

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

// instance lists the names of an authority. MSAL for Go finds its cached tokens only if a metadata
// group lists the login host among its aliases; otherwise every GetToken is a POST.
func (s *Service) instance(w http.ResponseWriter, r *http.Request) {
	authority, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
	if err != nil || authority.Scheme != "https" || !isLoginHost(cloud.HostName(authority.Host)) {
		s.refuse(w, r, errInstance())
		return
	}
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(authority.Path, "/"), "/")
	version := ""
	if strings.HasPrefix(rest, "oauth2/v2.0/") {
		version = "v2.0/"
	}
	w.Header().Set("Cache-Control", "max-age=86400, private")
	writeJSON(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": "https://" + authority.Host + "/" + tenant + "/" + version + ".well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata":                  instances(),
	})
}

// instances returns the names of every token service. A public recording (azure-sdk-for-js,
// December 2021) lists all clouds, whichever host is asked.
func instances() []map[string]any {
	var groups []map[string]any
	for _, c := range cloud.All() {
		groups = append(groups, map[string]any{
			"preferred_network": c.PreferredLoginHost,
			"preferred_cache":   c.LoginCacheHost,
			"aliases":           slices.Sorted(slices.Values(c.LoginHosts)),
		})
	}
	return groups
}

func isLoginHost(host string) bool {
	return slices.ContainsFunc(cloud.All(), func(c cloud.Cloud) bool { return slices.Contains(c.LoginHosts, host) })
}

func (s *Service) openIDv1(w http.ResponseWriter, r *http.Request) { s.openID(w, r, "") }
func (s *Service) openIDv2(w http.ResponseWriter, r *http.Request) { s.openID(w, r, "/v2.0") }

// openID answers with the tenant's URLs, all on the host of the request; version is "" or "/v2.0".
func (s *Service) openID(w http.ResponseWriter, r *http.Request, version string) {
	tenant := r.PathValue("tenant")
	issuer, ok := s.issuerOf(tenant, version)
	if !ok {
		s.refuse(w, r, errTenant("invalid_tenant", tenant))
		return
	}
	base := "https://" + cloud.HostName(r.Host) + "/" + tenant
	body := map[string]any{
		"token_endpoint":                        base + "/oauth2" + version + "/token",
		"authorization_endpoint":                base + "/oauth2" + version + "/authorize",
		"device_authorization_endpoint":         base + "/oauth2" + version + "/devicecode",
		"end_session_endpoint":                  base + "/oauth2" + version + "/logout",
		"jwks_uri":                              base + "/discovery" + version + "/keys",
		"userinfo_endpoint":                     "https://" + s.cloud.GraphHost + "/oidc/userinfo",
		"kerberos_endpoint":                     base + "/kerberos",
		"issuer":                                issuer,
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"claims_supported":                      []string{"sub", "iss", "aud", "exp", "iat", "nbf", "tid", "ver"},
		"request_uri_parameter_supported":       false,
		"http_logout_supported":                 true,
		"frontchannel_logout_supported":         true,
		"tenant_region_scope":                   nil,
		"cloud_instance_name":                   strings.TrimPrefix(s.cloud.PreferredLoginHost, "login."),
		"cloud_graph_host_name":                 "graph.windows.net",
		"msgraph_host":                          s.cloud.GraphHost,
		"rbac_url":                              "https://pas.windows.net",
	}
	w.Header().Set("Cache-Control", "max-age=86400, private")
	writeJSON(w, http.StatusOK, body)
}

// issuerOf returns the issuer in a tenant's openid-configuration. For the names that stand for any
// tenant it returns the service's placeholder.
func (s *Service) issuerOf(tenant, version string) (string, bool) {
	switch strings.ToLower(tenant) {
	case s.tenant:
		tenant = s.tenant
	case "common", "organizations":
		tenant = "{tenantid}"
	default:
		return "", false
	}
	if version == "" {
		return "https://" + stsHost + "/" + tenant + "/", true
	}
	return "https://" + s.cloud.PreferredLoginHost + "/" + tenant + version, true
}

// stsHost is the issuer of v1.0 tokens. For clouds other than the public one it is not documented;
// no host of the emulator checks it.
const stsHost = "sts.windows.net"

// keys publishes the public key of the tokens.
func (s *Service) keys(w http.ResponseWriter, r *http.Request) {
	issuer, ok := s.issuerOf(r.PathValue("tenant"), "/v2.0")
	if !ok {
		s.refuse(w, r, errTenant("invalid_tenant", r.PathValue("tenant")))
		return
	}
	key, err := s.signer.jwk(issuer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Cache-Control", "max-age=86400, private")
	writeJSON(w, http.StatusOK, map[string]any{"keys": []any{key}})
}
