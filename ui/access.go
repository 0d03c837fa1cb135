package ui

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"slices"
	"strings"
)

// tokenParameter is the query parameter of the first link.
const tokenParameter = "token"

// access decides who may look.
type access struct {
	token   string
	session string // value of the cookie: made from the token, and does not tell it
	cookie  string // name of the cookie: another one for each token, because cookies ignore ports
	path    string
	hosts   []string
	forgery *http.CrossOriginProtection
}

func newAccess(o Options) access {
	a := access{token: o.Token, path: o.Prefix + "/", hosts: o.Hosts, forgery: http.NewCrossOriginProtection()}
	if a.token == "" {
		a.token = rand.Text()
	}
	a.session = derived(a.token, "session")
	a.cookie = "azmlbatch_" + derived(a.token, "cookie")[:8]
	return a
}

// derived is a value that proves to know the token.
func derived(token, purpose string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte(purpose))
	return hex.EncodeToString(mac.Sum(nil))
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// ownHost reports whether the request was sent to a host name of the page's own. A site that makes its
// name lead to this machine (DNS rebinding) cannot do so with an address or with localhost.
func (a access) ownHost(r *http.Request) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	return host == "localhost" || net.ParseIP(host) != nil ||
		slices.ContainsFunc(a.hosts, func(own string) bool { return strings.EqualFold(own, host) })
}

// signedIn reports whether the request has the cookie.
func (a access) signedIn(r *http.Request) bool {
	c, err := r.Cookie(a.cookie)
	return err == nil && same(c.Value, a.session)
}

// signIn sets the cookie if the request has the token.
func (a access) signIn(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || !same(r.URL.Query().Get(tokenParameter), a.token) {
		return false
	}
	http.SetCookie(w, &http.Cookie{Name: a.cookie, Value: a.session, Path: a.path, HttpOnly: true,
		SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil})
	return true
}

// contentPolicy lets a page load nothing but its own files, and no script or style within the page.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// setSafeHeaders sets what holds for every answer.
func setSafeHeaders(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// guard lets only those through who may look, and only posts of the page's own.
func (h *Handler) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !h.access.ownHost(r):
			h.views.problem(w, http.StatusMisdirectedRequest, "This host name is not the page's own", "Open the link that the program printed; a service lists its names in Options.Hosts.")
		case h.access.forgery.Check(r) != nil:
			h.views.problem(w, http.StatusForbidden, "This request comes from another site", "Nothing was done. Use the buttons of the page itself.")
		case h.access.signIn(w, r): // first, so that the token leaves the address in any case
			h.views.welcome(w, r)
		case h.access.signedIn(r):
			next.ServeHTTP(w, r)
		default:
			h.views.problem(w, http.StatusUnauthorized, "Sign in with the link", "Open the link that the program printed: it has a token that signs this browser in.")
		}
	})
}
