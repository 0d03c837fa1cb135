package azmlbatch

import (
	stdcmp "cmp"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/azmlbatch/azmlbatch/internal/transfer"
	"github.com/google/go-cmp/cmp"
)

const keyedBlobstore = `{"name":"workspaceblobstore","properties":{"isDefault":true,"credentials":{"credentialsType":"AccountKey"},"datastoreType":"AzureBlob",
	"accountName":"shelf","containerName":"blobs","endpoint":"core.windows.net","protocol":"https"}}`

// wayOf is how a request to storage was let in.
func wayOf(r *http.Request) string {
	switch auth := r.Header.Get("Authorization"); {
	case strings.HasPrefix(auth, "Bearer "):
		return "identity"
	case strings.HasPrefix(auth, "SharedKey "):
		return "key"
	case r.URL.Query().Get("sig") != "":
		return "signature " + r.URL.Query().Get("sig")
	}
	return "anonymous"
}

// doors is a storage account that lets some ways in and notes all that were tried.
type doors struct {
	tried []string
	open  map[string]bool
	code  string // of the refusal, AuthorizationPermissionMismatch when empty
}

func (d *doors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	way := wayOf(r)
	d.tried = append(d.tried, way)
	status, code := http.StatusForbidden, stdcmp.Or(d.code, "AuthorizationPermissionMismatch")
	switch {
	case d.open[way]:
		w.WriteHeader(http.StatusOK)
		return
	case way == "anonymous": // what an account that allows public containers says of one that is none
		status, code = http.StatusNotFound, "ResourceNotFound"
	}
	w.Header().Set("x-ms-error-code", code)
	w.WriteHeader(status)
}

const (
	sasOne = `{"secretsType":"Sas","sasToken":"?sv=1&se=2026-03-01T13%3A00%3A00Z&sig=one"}` // the fake clock starts at 12:00
	sasTwo = `{"secretsType":"Sas","sasToken":"?sv=1&se=2026-03-01T14%3A00%3A00Z&sig=two"}`
	keyOne = `{"secretsType":"AccountKey","key":"b25l"}`
)

func TestWaysIntoStorage(t *testing.T) {
	const inStore, byURL = "azureml://datastores/workspaceblobstore/paths/a", "https://shelf.blob.core.windows.net/blobs/a"
	const foreign = "https://other.blob.core.windows.net/blobs/a"
	tests := []struct {
		name, store, uri, secrets string
		prefer                    StorageCredential
		open                      string
		code                      string
		tried                     string // by two calls
		err                       error
	}{
		{name: "identity", store: keyedBlobstore, uri: inStore, open: "identity", tried: "identity identity"},
		{name: "signature where the identity has no role, and then at once", store: keyedBlobstore, uri: inStore, secrets: sasOne, open: "signature one",
			tried: "identity, signature one, signature one"},
		{name: "key where there is no signature", store: keyedBlobstore, uri: inStore, secrets: keyOne, open: "key", tried: "identity key key"},
		{name: "secrets first when asked", store: keyedBlobstore, uri: inStore, secrets: sasOne, prefer: StorageCredentialSecrets, open: "signature one", tried: "signature one, signature one"},
		{name: "identity when the account takes no keys", store: keyedBlobstore, uri: inStore, secrets: sasOne, prefer: StorageCredentialSecrets, open: "identity",
			code: "KeyBasedAuthenticationNotPermitted", tried: "signature one, identity identity"},
		{name: "identity alone when asked", store: keyedBlobstore, uri: inStore, secrets: sasOne, prefer: StorageCredentialIdentity, tried: "identity identity", err: ErrForbidden},
		{name: "identity alone without secrets", store: blobstore, uri: inStore, secrets: sasOne, tried: "identity identity", err: ErrForbidden},
		{name: "no other way around network rules", store: keyedBlobstore, uri: inStore, secrets: sasOne, code: "AuthorizationFailure", tried: "identity identity", err: ErrForbidden},
		{name: "a URL in the account of the default datastore", store: keyedBlobstore, uri: byURL, secrets: keyOne, open: "key", tried: "identity key key"},
		{name: "a URL elsewhere", store: keyedBlobstore, uri: foreign, secrets: keyOne, open: "anonymous", tried: "identity anonymous anonymous"},
		{name: "a URL elsewhere that is not public", store: keyedBlobstore, uri: foreign, secrets: keyOne, tried: "identity anonymous identity anonymous", err: ErrForbidden},
		{name: "a signed URL", store: keyedBlobstore, uri: byURL + "?sv=1&sig=own", open: "signature own", tried: "signature own, signature own"},
		{name: "a signed URL that ended", store: keyedBlobstore, uri: byURL + "?sv=1&sig=own", secrets: sasOne, code: "AuthenticationFailed",
			tried: "signature own, signature own", err: ErrForbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			storage := &doors{open: map[string]bool{tt.open: tt.open != ""}, code: tt.code}
			service := storeService(tt.store)
			service.answers["POST /datastores/workspaceblobstore/listSecrets"] = answer(200, tt.secrets)
			c := storageClient(t, service, storage)
			for range 2 {
				at, err := c.blobPlace(t.Context(), operation{"read", "blob", "a"}, tt.uri)
				if err != nil {
					t.Fatal(err)
				}
				if err := readBlob(c, t.Context(), at, tt.prefer); !errors.Is(err, tt.err) {
					t.Errorf("read = %v, want %v", err, tt.err)
				}
			}
			want := strings.FieldsFunc(strings.ReplaceAll(tt.tried, "signature ", "signature_"), func(r rune) bool { return r == ' ' || r == ',' })
			got := strings.Fields(strings.ReplaceAll(strings.Join(storage.tried, "\n"), "signature ", "signature_"))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("tried (-want +got):\n%s", diff)
			}
		})
	}
}

func readBlob(c *Client, ctx context.Context, at place, prefer StorageCredential) error { //nolint:revive // the client is the subject
	return c.blobCall(ctx, operation{"read", "blob", "a"}, at, prefer, func(ctx context.Context, b *blockblob.Client) error {
		_, err := b.GetProperties(ctx, nil)
		return err
	})
}

// The secrets of a datastore are asked for once in their lifetime, and a key that was exchanged is not used for ever.
func TestSecretsAreRenewed(t *testing.T) {
	for name, tt := range map[string]struct{ first, second, before, after string }{
		"signature": {sasOne, sasTwo, "signature one", "signature two"},
		"key":       {keyOne, sasTwo, "key", "signature two"},
	} {
		t.Run(name, func(t *testing.T) {
			clk := newFakeClock()
			storage := &doors{open: map[string]bool{tt.before: true}}
			service := storeService(keyedBlobstore)
			service.answers["POST /datastores/workspaceblobstore/listSecrets"] = inTurn(answer(200, tt.first), answer(200, tt.second))
			c := newClientOver(t, handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.Host, ".blob.") {
					storage.ServeHTTP(w, r)
					return
				}
				service.ServeHTTP(w, r)
			})}, clk)
			at, err := c.datastorePlace(t.Context(), operation{}, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, wait := range []time.Duration{0, 50 * time.Minute, 10 * time.Minute} {
				clk.clock().backoff(wait)
				if wait == 10*time.Minute {
					storage.open = map[string]bool{tt.after: true}
				}
				if err := readBlob(c, t.Context(), at, StorageCredentialSecrets); err != nil {
					t.Errorf("after %v more: %v", wait, err)
				}
			}
			if diff := cmp.Diff([]string{tt.before, tt.before, tt.after}, storage.tried); diff != "" {
				t.Errorf("tried (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDatastoreIsReadOnceAndAgainAfterAChange(t *testing.T) {
	service := storeService(keyedBlobstore)
	service.answers["PUT /datastores/workspaceblobstore"] = answer(200, keyedBlobstore)
	var mu sync.Mutex
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) { mu.Lock(); defer mu.Unlock(); service.ServeHTTP(w, r) })
	var all sync.WaitGroup
	for _, name := range []string{"", "", "", ""} {
		all.Go(func() {
			if _, err := c.datastorePlace(t.Context(), operation{}, name); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if _, err := c.datastorePlace(t.Context(), operation{}, "workspaceblobstore"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"GET /datastores?isDefault=true"}, service.routes()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	store, err := c.Datastores().Get(t.Context(), "workspaceblobstore")
	if err == nil {
		_, err = c.Datastores().CreateOrUpdate(t.Context(), "workspaceblobstore", store, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.datastorePlace(t.Context(), operation{}, "workspaceblobstore"); err != nil {
		t.Error(err)
	}
	if routes := service.routes(); !slices.Equal(routes[len(routes)-1:], []string{"GET /datastores/workspaceblobstore"}) {
		t.Errorf("requests %q, want the changed datastore to be read anew", routes)
	}
}

type noCredential struct{ err error }

func (n noCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, n.err
}

// A credential that gives no token for storage is no reason not to use the datastore's secrets; without them its error is
// the one to tell.
func TestSecretsWhereTheIdentityGivesNoToken(t *testing.T) {
	broken := errors.New("AADSTS700016: no such application")
	for _, store := range []string{keyedBlobstore, blobstore} {
		storage := &doors{open: map[string]bool{"key": true}}
		service := storeService(store)
		service.answers["POST /datastores/workspaceblobstore/listSecrets"] = answer(200, keyOne)
		c := storageClient(t, service, storage)
		at, err := c.datastorePlace(t.Context(), operation{}, "")
		if err != nil {
			t.Fatal(err)
		}
		c.cred = noCredential{broken}
		err = readBlob(c, t.Context(), at, StorageCredentialAuto)
		if secrets := store == keyedBlobstore; secrets && err != nil || !secrets && !errors.Is(err, broken) {
			t.Errorf("read = %v, with secrets %v", err, secrets)
		}
	}
}

// net/http puts the URL into its errors, and a signed one must not get into ours.
func TestBrokenConnectionDoesNotShowTheSignature(t *testing.T) {
	c := newClientOver(t, transporter(func(r *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Head", URL: r.URL.String(), Err: errReset}
	}), newFakeClock(), func(o *ClientOptions) { o.Retry.MaxRetries = -1 })
	at, err := c.blobPlace(t.Context(), operation{"read", "blob", "a"}, "https://shelf.blob.core.windows.net/blobs/a?sv=1&sig=hush")
	if err != nil {
		t.Fatal(err)
	}
	err = readBlob(c, t.Context(), at, StorageCredentialAuto)
	if !errors.Is(err, errReset) {
		t.Errorf("read = %v, want %v", err, errReset)
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("%T shows the signature: %v", err, err)
		}
	}
}

// TestContainerRemedies: each code that concerns a whole container or account has its remedy, and
// stops a transfer.
func TestContainerRemedies(t *testing.T) {
	said := newTexts(t)
	for code, want := range map[string]string{
		"ContainerNotFound": "does not exist", "FilesystemNotFound": "does not exist", "ContainerBeingDeleted": "is being deleted",
		"ContainerDisabled": "is disabled", "AccountIsDisabled": "is disabled", "AccountBeingCreated": "is being created",
	} {
		got := containerRemedy(&Error{Codes: []string{code}})
		said.add(code, place{host: "acc.blob.core.windows.net", container: "con", datastore: "shelf"}.located(&Error{Operation: "list blobs", StatusCode: 409, Codes: []string{code}}))
		if !strings.Contains(got, want) {
			t.Errorf("%s: remedy %q, want %q in it", code, got, want)
		}
		if !slices.Contains(containerCodes, code) {
			t.Errorf("%s does not stop a transfer", code)
		}
	}
	if got := containerRemedy(&Error{Codes: []string{"BlobNotFound"}}); got != "" {
		t.Errorf("BlobNotFound: remedy %q, want none", got)
	}
}

// TestFailuresOfATransfer: what each answer of storage means for the file, and for the transfer.
func TestFailuresOfATransfer(t *testing.T) {
	c := newTestClient(t, func(http.ResponseWriter, *http.Request) {})
	s := c.newBlobStore(operation{"upload", "path", "x"}, place{host: "acc.blob.core.windows.net", container: "con"}, StorageCredentialAuto)
	coded := func(status int, code string) error { return &Error{StatusCode: status, Codes: []string{code}} }
	busy := &Error{StatusCode: 503, Codes: []string{"ServerBusy"}, Err: &azcore.ResponseError{RawResponse: &http.Response{Header: http.Header{"Retry-After": {"7"}}}}}
	type meaning struct {
		Stop, Retry, Throttled bool
		After                  time.Duration
	}
	tests := []struct {
		name string
		err  error
		want meaning
	}{
		{"no answer", &Error{Err: io.ErrUnexpectedEOF}, meaning{Retry: true}},
		{"no token", &Error{Err: &tokenError{errors.New("expired")}}, meaning{Stop: true}},
		{"a certificate of nobody", &Error{Err: x509.UnknownAuthorityError{}}, meaning{Stop: true}},
		{"a certificate of another host", &Error{Err: x509.HostnameError{Certificate: new(x509.Certificate)}}, meaning{Stop: true}},
		{"no secrets", &Error{Err: errNoSecrets}, meaning{Stop: true}},
		{"unauthorized", coded(401, "NoAuthenticationInformation"), meaning{Stop: true}},
		{"forbidden", coded(403, "AuthorizationPermissionMismatch"), meaning{Stop: true}},
		{"no container", coded(404, "ContainerNotFound"), meaning{Stop: true}},
		{"content damaged", coded(400, "Md5Mismatch"), meaning{Retry: true}},
		{"content damaged, by CRC64", coded(400, "Crc64Mismatch"), meaning{Retry: true}},
		{"busy", busy, meaning{Retry: true, Throttled: true, After: 7 * time.Second}},
		{"throttled", coded(429, "TooManyRequests"), meaning{Retry: true, Throttled: true}},
		{"broken", coded(500, "InternalError"), meaning{Retry: true}},
		{"a bad name", coded(400, "InvalidUri"), meaning{}},
	}
	for _, tt := range tests {
		err := s.failure(tt.err)
		var f *transfer.Failure
		var got meaning
		if errors.As(err, &f) {
			got = meaning{f.Stop, f.Retry, f.Throttled, f.After}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, (-want +got):\n%s", tt.name, err, diff)
		}
	}
	if err := s.failure(coded(409, "BlobAlreadyExists")); !errors.Is(err, transfer.ErrExists) {
		t.Errorf("a blob that exists: %v", err)
	}
	if err := s.failure(coded(400, "InvalidBlockList")); !errors.Is(err, transfer.ErrNoBlock) {
		t.Errorf("a block that is gone: %v", err)
	}
	if err := s.failure(coded(409, "LeaseIdMissing")); errors.Is(err, transfer.ErrExists) {
		t.Errorf("another conflict: %v", err)
	}
}

// TestConnectionsToStorage are kept for as many requests as run at once.
func TestConnectionsToStorage(t *testing.T) {
	got, ok := storageTransport().(*http.Transport)
	if !ok || got.MaxIdleConns != 0 || got.MaxIdleConnsPerHost != 320 || got.WriteBufferSize != 32<<10 || got.Proxy == nil {
		t.Errorf("transport = %+v", got)
	}
	s := new(storageState)
	if c := s.httpClient(nil); c.Transport == nil || c != s.httpClient(transporter(nil)) {
		t.Errorf("the client is %+v, want one of our own, made once", c)
	}
}

// TestRefusedWays: after which refusals another way into storage is tried.
func TestRefusedWays(t *testing.T) {
	coded := func(status int, code string) error { return &Error{StatusCode: status, Codes: []string{code}} }
	for _, tt := range []struct {
		err             error
		byKey, publicly bool
	}{
		{&Error{Err: &tokenError{errReset}}, true, true},
		{coded(401, "NoAuthenticationInformation"), true, true}, {coded(403, "AuthorizationPermissionMismatch"), true, true},
		{coded(403, "AuthorizationFailure"), false, false}, {coded(403, "InsufficientAccountPermissions"), false, false},
		{coded(409, "PublicAccessNotPermitted"), false, true}, {coded(404, "ResourceNotFound"), false, true},
		{coded(404, "BlobNotFound"), false, false}, {coded(500, "InternalError"), false, false}, {errReset, false, false},
	} {
		if got := refused(tt.err, byIdentity); got != tt.byKey {
			t.Errorf("%v by a token: another way %t, want %t", tt.err, got, tt.byKey)
		}
		if got := refused(tt.err, anonymously); got != tt.publicly {
			t.Errorf("%v without a credential: another way %t, want %t", tt.err, got, tt.publicly)
		}
	}
}

// TestUserAgentOfStorage is that of the other planes, in their order, and left out when the caller says so.
func TestUserAgentOfStorage(t *testing.T) {
	for application, want := range map[string]string{
		"":                               `^azsdk-go-github.com/azmlbatch/azmlbatch/\S+ \(go\S+; \w+\)$`,
		"night shift":                    `^night/shift azsdk-go-github.com/azmlbatch/azmlbatch/\S+ \(go\S+; \w+\)$`,
		"an application of a long name!": `^an/application/of/a/long azsdk-go-github.com/azmlbatch/azmlbatch/\S+ \(go\S+; \w+\)$`,
	} {
		c := newTestClient(t, http.NotFound, func(o *ClientOptions) { o.Telemetry.ApplicationID = application })
		if got := c.userAgent(); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%q: user agent %q, want %s", application, got, want)
		}
	}
	c := newTestClient(t, http.NotFound, func(o *ClientOptions) { o.Telemetry.Disabled = true })
	if got := c.userAgent(); got != "" {
		t.Errorf("user agent %q, want none", got)
	}
}

// TestAccountKeyThatIsNone is told, and nothing is sent without a signature.
func TestAccountKeyThatIsNone(t *testing.T) {
	service := storeService(keyedBlobstore)
	service.answers["POST /datastores/workspaceblobstore/listSecrets"] = answer(200, `{"secretsType":"AccountKey","key":"no Base64!"}`)
	storage := &fakeStorage{blobs: map[string]string{"/blobs/a": "clay"}}
	c := storageClient(t, service, storage)
	c.cred = noCredential{errors.New("no token")}
	calls := map[string]func() error{
		"read": func() error {
			return readBlob(c, t.Context(), place{host: "shelf.blob.core.windows.net", container: "blobs", path: "a", datastore: "workspaceblobstore"}, StorageCredentialSecrets)
		},
		"upload": func() error {
			_, err := c.Upload(t.Context(), storeFiles(t, map[string]string{"a.txt": "clay"}), &UploadOptions{Credential: StorageCredentialSecrets})
			return err
		},
	}
	said := newTexts(t)
	for name, call := range calls {
		err := call()
		said.add(name, err)
		if err == nil || len(storage.requests) > 0 || strings.Contains(err.Error(), "no Base64!") {
			t.Errorf("%s = %v after %d requests, want an error without the key", name, err, len(storage.requests))
		}
	}
}

// claimsCredential remembers what it is asked for.
type claimsCredential struct{ asked []policy.TokenRequestOptions }

func (c *claimsCredential) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.asked = append(c.asked, o)
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}, nil
}

// TestTokensForStorage are asked for once, and again where storage wants one with claims that this one lacks.
func TestTokensForStorage(t *testing.T) {
	cred := new(claimsCredential)
	c := newTestClient(t, http.NotFound)
	c.cred = cred
	for _, claims := range []string{"", "", "more", "more", ""} {
		if _, err := (cachedToken{c}).GetToken(t.Context(), policy.TokenRequestOptions{Claims: claims}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, o := range cred.asked {
		got = append(got, o.Claims)
	}
	if diff := cmp.Diff([]string{"", "more", "more"}, got); diff != "" {
		t.Errorf("claims asked for (-want +got):\n%s", diff)
	}
}
