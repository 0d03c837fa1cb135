package login

import (
	"crypto/rsa"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestServiceWithoutAKey: no token is made, none is taken, and no key is published.
func TestServiceWithoutAKey(t *testing.T) {
	s, _ := newService(t, nil)
	_, answer := ask(t, s, tokenURL, tokenForm(nil), nil)
	token, _ := answer["access_token"].(string)
	if _, refusal := s.Verify("Bearer "+token, "https://ml.azure.com"); refusal != nil {
		t.Fatalf("a good token: %v", refusal)
	}
	s.signer.key = func() (*rsa.PrivateKey, error) { return nil, errors.New("no randomness") }
	if _, refusal := s.Verify("Bearer "+token, "https://ml.azure.com"); refusal == nil {
		t.Error("a token was taken")
	}
	for address, form := range map[string]url.Values{
		tokenURL: tokenForm(nil),
		"https://login.microsoftonline.com/" + tenant + "/discovery/v2.0/keys": nil,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if form != nil {
			r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusInternalServerError || w.Body.String() != "no randomness\n" {
			t.Errorf("%s: status %d, %v, %q", address, w.Code, w.Header(), w.Body)
		}
	}
	if text, err := s.FederatedToken(clientID, time.Hour); err == nil {
		t.Errorf("FederatedToken = %q", text)
	}
}
