// Package login plays the token service of a cloud: it answers the requests that azidentity, MSAL
// and the Azure CLI make to get a token for a service principal. Its tokens are JSON web tokens
// signed with RS256. [Service.Verify] checks them for the other hosts.
package login

import (
	"cmp"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/unplayed"
)

// DefaultLifetime is how long a token is valid. A public recording (azure-sdk-for-js, December
// 2021) has the same value for clients with continuous access evaluation, such as azidentity.
const DefaultLifetime = 86399 * time.Second

// Options configure a [Service].
type Options struct {
	// Cloud names the hosts and audiences. The zero value is the public cloud.
	Cloud cloud.Cloud
	// Now is the clock of token lifetimes and timestamps. Nil means time.Now.
	Now func() time.Time
	// TenantID is the GUID of the only tenant. Required.
	TenantID string
	// Apps are the service principals of the tenant.
	Apps []App
	// Lifetime of a token; 0 means [DefaultLifetime].
	Lifetime time.Duration
	// Key signs the tokens. Nil means a key that is created at first use and kept in memory only.
	Key *rsa.PrivateKey
}

// App is an application registration with its service principal.
type App struct {
	// ClientID is the GUID of the application, the token's appid.
	ClientID string
	// ObjectID is the GUID of the service principal, the token's oid and sub.
	ObjectID string
	// Secret is the client secret. Empty means none: the application can sign in with a federated
	// token only.
	Secret string
}

// Service is an [http.Handler] for all login hosts of one cloud. It is safe for concurrent use.
type Service struct {
	cloud    cloud.Cloud
	now      func() time.Time
	tenant   string
	apps     map[string]App // by lower-case client id
	lifetime time.Duration
	signer   *signer
	mux      *http.ServeMux
}

// New returns the service. It is an error if the ID of the tenant or of an application is not a
// GUID.
func New(o Options) (*Service, error) {
	if o.Cloud.Name == "" {
		o.Cloud = cloud.Public()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := uuid.Validate(o.TenantID); err != nil {
		return nil, fmt.Errorf("login: tenant id %q is not a GUID", o.TenantID)
	}
	s := &Service{
		cloud:    o.Cloud,
		now:      o.Now,
		tenant:   strings.ToLower(o.TenantID),
		apps:     map[string]App{},
		lifetime: cmp.Or(o.Lifetime, DefaultLifetime),
		signer:   newSigner(o.Key),
		mux:      http.NewServeMux(),
	}
	for _, app := range o.Apps {
		if err := errors.Join(uuid.Validate(app.ClientID), uuid.Validate(app.ObjectID)); err != nil {
			return nil, fmt.Errorf("login: client id %q and object id %q must be GUIDs", app.ClientID, app.ObjectID)
		}
		s.apps[strings.ToLower(app.ClientID)] = app
	}
	s.routes()
	return s, nil
}

func (s *Service) routes() {
	s.mux.HandleFunc("GET /{tenant}/discovery/instance", s.instance)
	s.mux.HandleFunc("GET /{tenant}/.well-known/openid-configuration", s.openIDv1)
	s.mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", s.openIDv2)
	s.mux.HandleFunc("GET /{tenant}/discovery/keys", s.keys)
	s.mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", s.keys)
	s.mux.HandleFunc("POST /{tenant}/oauth2/token", s.tokenV1)
	s.mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", s.tokenV2)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, unplayed.Mark(w.Header(), r.Method+" "+r.URL.Path), http.StatusNotFound)
	})
}

// ServeHTTP answers as the login host in the request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("X-Ms-Request-Id", uuid.NewString())
	if id := r.Header.Get("Client-Request-Id"); id != "" && strings.EqualFold(r.Header.Get("Return-Client-Request-Id"), "true") {
		h.Set("Client-Request-Id", id)
	}
	s.mux.ServeHTTP(w, r)
}
