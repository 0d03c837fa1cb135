package azmlbatch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/google/go-cmp/cmp"
)

// cutSignInText is an answer of the token service that stops within the token.
const cutSignInText = `{"token_type":"Bearer","access_token":"eyJhbGciOiJSUzI1NiJ9.eyJhdWQi`

// signInService answers token requests, each with the next outcome and the last one for ever. It
// tells how often it was asked.
func signInService(asked *int, meets ...outcome) azcore.ClientOptions {
	return azcore.ClientOptions{Retry: noRetry, Transport: transporter(func(r *http.Request) (*http.Response, error) {
		if !strings.HasSuffix(r.URL.Path, "/token") {
			return said(r, 200, `{"authorization_endpoint":"https://login.microsoftonline.com/t/authorize","token_endpoint":"https://login.microsoftonline.com/t/token","issuer":"https://login.microsoftonline.com/t"}`), nil
		}
		*asked++
		return meets[min(*asked, len(meets))-1].meet(r)
	})}
}

func TestSignInsAreRetried(t *testing.T) {
	good := outcome{status: 200, body: `{"access_token":"t","expires_in":3600,"token_type":"Bearer"}`}
	refused := `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}`
	tests := []struct {
		name  string
		meets []outcome
		asked int
		waits []time.Duration // 0 means the own back-off
		want  string          // in the error; empty means success
	}{
		{"a cut answer", []outcome{{status: 200, body: cutSignInText}, good}, 2, []time.Duration{0}, ""},
		{"an empty answer", []outcome{{status: 200, body: "{}"}, good}, 2, []time.Duration{0}, ""},
		{"a reset", []outcome{{err: errReset}, good}, 2, []time.Duration{0}, ""},
		{"the end of the connection", []outcome{{err: io.ErrUnexpectedEOF}, good}, 2, []time.Duration{0}, ""},
		{"a service that asks for patience", []outcome{{status: 503, header: map[string]string{"Retry-After": "90"}}, good}, 2, []time.Duration{90 * time.Second}, ""},
		{"answers that stay cut", []outcome{{status: 200, body: cutSignInText}}, 4, []time.Duration{0, 0, 0}, "no whole answer came from the token service: check the network, and any proxy in between"},
		{"a service that stays busy", []outcome{{status: 503}}, 1, nil, "the token service is busy: try again later"},
		{"a wrong secret", []outcome{{status: 401, body: refused}}, 1, nil, "give the client secret's value"},
		{"a refusal that asks for patience", []outcome{{status: 400, header: map[string]string{"Retry-After": "5"}, body: refused}}, 1, nil, "give the client secret's value"},
		{"a closed port", []outcome{{err: errRefused}}, 1, nil, "nothing listens there"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			cred, err := azidentity.NewClientSecretCredential("11111111-1111-4111-8111-111111111111", "app", "very-secret", &azidentity.ClientSecretCredentialOptions{
				DisableInstanceDiscovery: true, ClientOptions: signInService(&asked, tt.meets...)})
			if err != nil {
				t.Fatal(err)
			}
			clk := newFakeClock()
			c, err := newClient(testWorkspace, cred, &ClientOptions{ClientOptions: azcore.ClientOptions{Transport: handlerTransport{http.HandlerFunc(wholeService)}}}, clk.clock())
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Endpoints().Get(t.Context(), "digits")
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Get = %v, want %q", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "eyJ") || strings.Contains(err.Error(), "access_token\"")) {
				t.Errorf("Get = %v, which shows a part of a token", err)
			}
			if asked != tt.asked || len(clk.slept) != len(tt.waits) {
				t.Fatalf("asked %d times with the waits %v, want %d times", asked, clk.slept, tt.asked)
			}
			for i, want := range tt.waits {
				own := defaultRetryDelay << i
				if got := clk.slept[i]; want != 0 && got != want || want == 0 && (got < own*8/10 || got > own*13/10) {
					t.Errorf("wait %d is %v, want %v", i+1, got, want)
				}
			}
		})
	}
}

// TestSignInWaitsNoLongerThanTheCaller: what the token service said is told at once.
func TestSignInWaitsNoLongerThanTheCaller(t *testing.T) {
	asked := 0
	cred, err := azidentity.NewClientSecretCredential("11111111-1111-4111-8111-111111111111", "app", "very-secret", &azidentity.ClientSecretCredentialOptions{
		DisableInstanceDiscovery: true, ClientOptions: signInService(&asked, outcome{status: 503, header: map[string]string{"Retry-After": "7200"}})})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	clk := newFakeClock()
	clk.at = time.Now() // a context's deadline is on the real clock
	s := steadyCredential{cred, newRetryConfig(policy.RetryOptions{}, clk.clock())}
	var auth *azidentity.AuthenticationFailedError
	if _, err := s.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{storageScope}}); !errors.As(err, &auth) || asked != 1 || clk.slept != nil {
		t.Errorf("GetToken = %v after %d requests and the waits %v, want one request", err, asked, clk.slept)
	}
}

// TestStorageTokenIsOne: both ways to storage sign in once.
func TestStorageTokenIsOne(t *testing.T) {
	cred := &fakeCredential{}
	c, err := newClient(testWorkspace, cred, &ClientOptions{ClientOptions: azcore.ClientOptions{Transport: handlerTransport{http.HandlerFunc(wholeService)}}}, newFakeClock().clock())
	if err != nil {
		t.Fatal(err)
	}
	at := place{host: "shelf.blob.core.windows.net", container: "blobs", keyless: true}
	if _, err := c.openBlobAt(t.Context(), operation{"read", "blob", "b"}, at.at("b"), 0); err != nil {
		t.Fatal(err)
	}
	if err := lastError(c.listBlobs(t.Context(), operation{"list", "blobs", ""}, at)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{storageScope}, cred.scopes); diff != "" {
		t.Errorf("tokens asked for (-want +got):\n%s", diff)
	}
}
