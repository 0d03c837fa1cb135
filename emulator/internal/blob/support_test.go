package blob

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	azcontainer "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

const (
	testAccount   = "kilnstore"
	testContainer = "firings"
	testHost      = "kilnstore.blob.core.windows.net"
	testURL       = "https://" + testHost + "/" + testContainer
	goodToken     = "e30.eyJvaWQiOiIzMzMzMzMzMy0zMzMzLTQzMzMtODMzMy0zMzMzMzMzMzMzMzMiLCJ0aWQiOiJ0ZW5hbnQtMSJ9.c2ln"
)

var (
	testKeys = [2][]byte{[]byte("0123456789abcdef0123456789abcdef"), []byte("fedcba9876543210fedcba9876543210")}
	testTime = time.Date(2026, 3, 26, 18, 1, 37, 0, time.UTC)
)

// newTestService returns a service with one account and one container. An empty dir keeps it in
// memory.
func newTestService(t testing.TB, dir string, edit ...func(*Options, *Account)) *Service {
	t.Helper()
	o := Options{Dir: dir, TenantID: "tenant-1", Now: time.Now, VerifyToken: func(header, _ string) (string, bool, string) {
		if header == "Bearer "+goodToken {
			return "tenant-1", true, ""
		}
		return "", false, "audience"
	}}
	a := Account{Name: testAccount, Keys: testKeys, AllowSharedKey: true}
	for _, e := range edit {
		e(&o, &a)
	}
	s, err := New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.AddAccount(a); err != nil {
		t.Fatalf("AddAccount: %v", err)
	}
	if err := s.CreateContainer(a.Name, testContainer); err != nil {
		t.Fatalf("CreateContainer: %v", err)
	}
	return s
}

func at(now time.Time) func(*Options, *Account) {
	return func(o *Options, _ *Account) { o.Now = func() time.Time { return now } }
}

func withoutKeys(_ *Options, a *Account) { a.AllowSharedKey = false }

// onEachBackend runs a test on memory and on a folder.
func onEachBackend(t *testing.T, test func(t *testing.T, s *Service)) {
	t.Run("memory", func(t *testing.T) { t.Parallel(); test(t, newTestService(t, "")) })
	t.Run("folder", func(t *testing.T) { t.Parallel(); test(t, newTestService(t, t.TempDir())) })
}

// inMemory carries requests to a handler without a socket, and headers back in the form net/http
// gives them.
type inMemory struct{ handler http.Handler }

func (m inMemory) Do(req *http.Request) (*http.Response, error) {
	server := req.Clone(req.Context())
	server.Host = req.URL.Host
	if server.Body == nil {
		server.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	m.handler.ServeHTTP(rec, server)
	if req.Body != nil {
		_ = req.Body.Close()
	}
	resp := rec.Result()
	resp.Request = req
	canonical := http.Header{}
	for name, values := range resp.Header {
		canonical[http.CanonicalHeaderKey(name)] = values
	}
	resp.Header = canonical
	return resp, nil
}

type staticToken string

func (s staticToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(s), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func clientOptions(s *Service) azcore.ClientOptions {
	return azcore.ClientOptions{Transport: inMemory{s}, Retry: policy.RetryOptions{MaxRetries: -1}}
}

// keyClient is azblob's client of the test container, signing with the account's first key.
func keyClient(t testing.TB, s *Service) *azcontainer.Client {
	t.Helper()
	cred, err := azcontainer.NewSharedKeyCredential(testAccount, base64.StdEncoding.EncodeToString(testKeys[0]))
	if err != nil {
		t.Fatal(err)
	}
	c, err := azcontainer.NewClientWithSharedKeyCredential(testURL, cred, &azcontainer.ClientOptions{ClientOptions: clientOptions(s)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sasClient is azblob's client of the test container with a SAS.
func sasClient(t testing.TB, s *Service, sas string) *azcontainer.Client {
	t.Helper()
	c, err := azcontainer.NewClientWithNoCredential(testURL+"?"+sas, &azcontainer.ClientOptions{ClientOptions: clientOptions(s)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t testing.TB, s *Service, name, text string) {
	t.Helper()
	if err := s.Put(t.Context(), testAccount, testContainer, name, strings.NewReader(text), nil); err != nil {
		t.Fatalf("Put %q: %v", name, err)
	}
}

func get(t testing.TB, s *Service, name string) string {
	t.Helper()
	r, _, err := s.Open(t.Context(), testAccount, testContainer, name)
	if err != nil {
		t.Fatalf("Open %q: %v", name, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %q: %v", name, err)
	}
	return string(data)
}

func names(t testing.TB, s *Service, prefix string) []string {
	t.Helper()
	var all []string
	for p, err := range s.List(t.Context(), testAccount, testContainer, prefix) {
		if err != nil {
			t.Fatalf("List %q: %v", prefix, err)
		}
		all = append(all, p.Name)
	}
	return all
}

// call sends a request with a token (unless it has a credential already) and returns the answer as
// the service wrote it.
func call(t testing.TB, s *Service, method, target, body string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	req.Header.Set("X-Ms-Version", "2026-02-06")
	if !strings.Contains(target, "sig=") {
		req.Header.Set("Authorization", "Bearer "+goodToken)
	}
	for name, value := range header {
		if req.Header.Set(name, value); value == "" {
			req.Header.Del(name)
		}
	}
	return newAnswer(s, req)
}

// newAnswer has the service answer a request.
func newAnswer(s *Service, req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	return w
}

// wantCode checks the error code that azblob reports.
func wantCode(t testing.TB, what string, err error, status int, code string) {
	t.Helper()
	var re *azcore.ResponseError
	if !errors.As(err, &re) || re.StatusCode != status || re.ErrorCode != code {
		t.Errorf("%s = %v, want %d %s", what, err, status, code)
	}
}
