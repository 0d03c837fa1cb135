package azmlbatch

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/google/go-cmp/cmp"
)

// hourlyCredential gives tokens that are good for an hour of the fake clock.
type hourlyCredential struct{ clk *fakeClock }

func (h hourlyCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	end := h.clk.clock().now().Add(time.Hour)
	return azcore.AccessToken{Token: end.Format(time.RFC3339), ExpiresOn: end}, nil
}

// hourlyStorage is a storage account that refuses what has expired. At each request with content the
// clock goes on.
type hourlyStorage struct {
	fakeStorage
	clk     *fakeClock
	step    time.Duration
	seen    map[string]bool // credentials
	expired int             // requests with one that has
}

// check refuses a request with a credential that has expired.
func (h *hourlyStorage) check(r *http.Request) (int, string) {
	token, isToken := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case strings.HasPrefix(r.Header.Get("Authorization"), "SharedKey "):
		return 0, "" // signed for this request alone
	case !isToken:
		token = r.URL.Query().Get("se")
	}
	end, err := time.Parse(time.RFC3339, token)
	if err != nil || !h.clk.clock().now().Before(end) {
		h.expired++
		return http.StatusForbidden, "AuthenticationFailed"
	}
	put(&h.seen, token, true)
	if r.Method == http.MethodPut || r.Header.Get("X-Ms-Range") != "" {
		h.clk.clock().backoff(h.step)
	}
	return 0, ""
}

// manyFiles writes a folder of small files and one of three blocks.
func manyFiles(t *testing.T) (dir string, want map[string]string) {
	t.Helper()
	dir, want = filepath.Join(t.TempDir(), "pots"), map[string]string{"large": strings.Repeat("0123456789", 20<<10)}
	for i := range 12 {
		want[fmt.Sprintf("small/%02d", i)] = fmt.Sprint("pot ", i)
	}
	for name, text := range want {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, want
}

// A transfer of many hours never uses a token, signature or key that has expired: each is asked for
// again in time.
func TestTransferOutlivesItsCredential(t *testing.T) {
	for name, tt := range map[string]struct {
		store   string
		secrets func(end time.Time) string
		prefer  StorageCredential
	}{
		"token": {store: blobstore},
		"signature": {store: keyedBlobstore, prefer: StorageCredentialSecrets, secrets: func(end time.Time) string {
			return fmt.Sprintf(`{"secretsType":"Sas","sasToken":"?sv=1&se=%s&sig=s"}`, url.QueryEscape(end.Format(time.RFC3339)))
		}},
		"key": {store: keyedBlobstore, prefer: StorageCredentialSecrets, secrets: func(time.Time) string { return keyOne }},
	} {
		t.Run(name, func(t *testing.T) {
			clk := newFakeClock()
			storage := &hourlyStorage{clk: clk, step: 20 * time.Minute}
			storage.refuse = storage.check
			service := storeService(tt.store)
			service.answers["POST /datastores/workspaceblobstore/listSecrets"] = func(w http.ResponseWriter, r *http.Request) {
				answer(200, tt.secrets(clk.clock().now().Add(time.Hour)))(w, r)
			}
			var mu sync.Mutex
			c := newClientOver(t, handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.Host, ".blob.") {
					storage.ServeHTTP(w, r)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				service.ServeHTTP(w, r)
			})}, clk)
			c.cred = hourlyCredential{clk}
			dir, want := manyFiles(t)
			up, err := c.Upload(t.Context(), dir, &UploadOptions{BlockSize: 64 << 10, Concurrency: 1, Credential: tt.prefer})
			if err != nil {
				t.Fatal(err)
			}
			folder := t.TempDir()
			if tt.prefer == StorageCredentialAuto { // a download takes what opened the container last
				_, err = c.Download(t.Context(), up.URI, folder, &DownloadOptions{Concurrency: 1})
			} else {
				c.cred = noCredential{errors.New("no token")}
				_, err = c.Download(t.Context(), up.URI, folder, &DownloadOptions{Concurrency: 1})
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, tree(t, folder)); diff != "" {
				t.Errorf("downloaded (-want +got):\n%s", diff)
			}
			if storage.expired > 0 || len(storage.seen) < 5 {
				t.Errorf("%d requests with an expired credential, %d credentials, want none and many", storage.expired, len(storage.seen))
			}
		})
	}
}

// The signature that is made with an account's key is the one that storage computes, for one container
// and a limited time.
func TestTransferByAccountKey(t *testing.T) {
	const key = "c2VjcmV0IGtleSBvZiB0aGUgc2hlbGY="
	storage := &fakeStorage{}
	service := storeService(keyedBlobstore)
	service.answers["POST /datastores/workspaceblobstore/listSecrets"] = answer(200, `{"secretsType":"AccountKey","key":"`+key+`"}`)
	c := storageClient(t, service, storage)
	dir, want := manyFiles(t)
	if _, err := c.Upload(t.Context(), dir, &UploadOptions{Credential: StorageCredentialSecrets}); err != nil {
		t.Fatal(err)
	}
	cred, err := blob.NewSharedKeyCredential("shelf", key)
	if err != nil {
		t.Fatal(err)
	}
	contents := 0
	for i, r := range storage.requests {
		q, err := url.ParseQuery(r.Query)
		if err != nil {
			t.Fatal(err)
		}
		if r.Method != http.MethodPut || q.Get("comp") == "metadata" { // azblob's, signed by SharedKey
			continue
		}
		contents++
		end, err := time.Parse(sas.TimeFormat, q.Get("se"))
		if err != nil {
			t.Fatalf("%s: %v", r.Query, err)
		}
		signed, err := sas.BlobSignatureValues{Protocol: sas.ProtocolHTTPS, ExpiryTime: end, ContainerName: "blobs", Permissions: q.Get("sp")}.SignWithSharedKey(cred)
		if err != nil {
			t.Fatal(err)
		}
		if q.Get("sig") != signed.Signature() || q.Get("sr") != "c" || q.Get("sp") != "rcwl" || end.Sub(c.clock.now()) > secretHours*time.Hour {
			t.Errorf("signed by %s, want the signature %s of a container for an hour", r.Query, signed.Signature())
		}
		if auth := storage.headers[i].Get("Authorization"); auth != "" || strings.Contains(fmt.Sprint(r, storage.headers[i]), key) {
			t.Errorf("Authorization %q, or the key shows", auth)
		}
	}
	if contents != len(want) {
		t.Errorf("%d requests with content, want %d", contents, len(want))
	}
}

// Where permission is lost in the middle, the transfer stops at once and names what it lost; nothing is
// marked as complete, and the next upload sends what is missing.
func TestPermissionLostInTheMiddle(t *testing.T) {
	storage, left := &fakeStorage{}, 8
	storage.refuse = func(r *http.Request) (int, string) {
		if r.Method != http.MethodPut {
			return 0, ""
		}
		if left--; left < 0 {
			return http.StatusForbidden, "AuthorizationPermissionMismatch"
		}
		return 0, ""
	}
	c := storageClient(t, storeService(blobstore), storage)
	dir, want := manyFiles(t)
	o := &UploadOptions{BlockSize: 64 << 10, Concurrency: 1} // with more, it depends on their order how many are refused
	_, err := c.Upload(t.Context(), dir, o)
	for _, part := range []string{`datastore "workspaceblobstore"`, `container "blobs"`, `account "shelf"`, "Storage Blob Data Contributor"} {
		if !errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), part) {
			t.Errorf("Upload = %v, want ErrForbidden that names %s", err, part)
		}
	}
	if puts := storage.sent(http.MethodPut); puts > 8+2 || // each request is tried once more with a new token
		len(storage.metadata) > 0 {
		t.Errorf("%d PUTs and the marker %v, want at most 10 and none", puts, storage.metadata)
	}
	storage.refuse, storage.requests = nil, nil
	if _, err := c.Upload(t.Context(), dir, o); err != nil {
		t.Fatal(err)
	}
	// Four blocks make the large file; the list and the marker are no content.
	if got, most := storage.sent(http.MethodPut), len(want)-1+4-8+2; got > most {
		t.Errorf("%d PUTs the second time, want at most %d", got, most)
	}
}

// A container that does not exist is one error, whichever request meets it, and not one for each file.
func TestTransferWithoutContainer(t *testing.T) {
	for name, first := range map[string]int{"from the beginning": 0, "in the middle": 6} {
		t.Run(name, func(t *testing.T) {
			storage, left := &fakeStorage{}, first
			storage.refuse = func(*http.Request) (int, string) {
				if left--; left < 0 {
					return http.StatusNotFound, "ContainerNotFound"
				}
				return 0, ""
			}
			c := storageClient(t, storeService(blobstore), storage)
			dir, _ := manyFiles(t)
			_, err := c.Upload(t.Context(), dir, &UploadOptions{Concurrency: 1}) // with more, it depends on their order how many are refused
			checkNoContainer(t, err)
			if n := len(storage.requests); n > first+1 {
				t.Errorf("%d requests, want at most %d", n, first+1)
			}
			_, err = c.Download(t.Context(), "azureml://datastores/workspaceblobstore/paths/src", t.TempDir(), nil)
			checkNoContainer(t, err)
		})
	}
}

func checkNoContainer(t *testing.T, err error) {
	t.Helper()
	for _, part := range []string{`datastore "workspaceblobstore"`, `container "blobs"`, `account "shelf"`} {
		if !errors.Is(err, ErrNotFound) || !HasCode(err, "ContainerNotFound") || !strings.Contains(err.Error(), part) {
			t.Errorf("transfer = %v, want ContainerNotFound that names %s", err, part)
		}
	}
}

// A data lake (ADLS Gen2) is reached through its blob endpoint, with or without a hierarchical
// namespace. Its lists show folders as blobs, which are no files: those of the hierarchical namespace,
// and without one the markers that other tools write.
func TestTransferWithADataLake(t *testing.T) {
	folder := func(storage *fakeStorage, name, key string) {
		put(&storage.blobs, name, "")
		put(&storage.metadata, name, map[string]string{key: "true"})
	}
	for name, markers := range map[string]func(storage *fakeStorage, dir string){
		"hierarchical namespace":                  func(s *fakeStorage, dir string) { folder(s, dir, "hdi_isfolder") },
		"flat":                                    func(*fakeStorage, string) {},
		"flat with markers of programs in Go":     func(s *fakeStorage, dir string) { folder(s, dir, "Hdi_isfolder") }, // azcopy, blobfuse: net/http changes the case of headers
		"flat with markers that end with a slash": func(s *fakeStorage, dir string) { put(&s.blobs, dir+"/", "") },
	} {
		t.Run(name, func(t *testing.T) { testDataLake(t, markers) })
	}
}

func testDataLake(t *testing.T, markers func(storage *fakeStorage, dir string)) {
	const lake = `{"name":"workspaceblobstore","properties":{"isDefault":true,"credentials":{"credentialsType":"None"},"datastoreType":"AzureDataLakeGen2",
		"accountName":"lake","filesystem":"pots","endpoint":"core.windows.net","protocol":"https"}}`
	storage := &fakeStorage{}
	var hosts []string
	c := storageClient(t, storeService(lake), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		storage.ServeHTTP(w, r)
		storage.mu.Lock()
		defer storage.mu.Unlock()
		hosts = append(hosts, r.Host)
		for _, name := range slices.Collect(maps.Keys(storage.blobs)) {
			for dir := path.Dir(name); strings.Count(dir, "/") > 1; dir = path.Dir(dir) {
				markers(storage, dir)
			}
		}
	}))
	dir, want := manyFiles(t)
	up, err := c.Upload(t.Context(), dir, &UploadOptions{BlockSize: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Upload(t.Context(), dir, nil); err != nil || !again.Reused {
		t.Errorf("the second upload = %v, %v, want it reused", again, err)
	}
	for _, uri := range []string{up.URI, strings.Replace(strings.Replace(up.URL, "https://lake.blob.", "abfss://pots@lake.dfs.", 1), "/pots/LocalUpload", "/LocalUpload", 1)} {
		folder := t.TempDir()
		if _, err := c.Download(t.Context(), uri, folder, nil); err != nil {
			t.Fatalf("%s: %v", uri, err)
		}
		if diff := cmp.Diff(want, tree(t, folder)); diff != "" {
			t.Errorf("downloaded from %s (-want +got):\n%s", uri, diff)
		}
	}
	if slices.Sort(hosts); !slices.Equal(slices.Compact(hosts), []string{"lake.blob.core.windows.net"}) {
		t.Errorf("hosts %q, want the blob endpoint alone", slices.Compact(hosts))
	}
}

// What a container's signature cannot open any more is said so, and no other way in is tried.
func TestUploadOfCodeBySignatureThatExpired(t *testing.T) {
	storage := &fakeStorage{refuse: func(*http.Request) (int, string) { return http.StatusForbidden, "AuthenticationFailed" }}
	c := storageClient(t, storeService(blobstore), storage)
	secret := base64.StdEncoding.EncodeToString([]byte("hush"))
	_, err := c.Download(t.Context(), "https://shelf.blob.core.windows.net/blobs/src?sv=1&se=2020-01-01T00:00:00Z&sig="+url.QueryEscape(secret), t.TempDir(), nil)
	if !errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), "signature") || strings.Contains(err.Error(), secret) {
		t.Errorf("Download = %v, want ErrForbidden that speaks of the signature and does not show it", err)
	}
	for _, h := range storage.headers {
		if h.Get("Authorization") != "" {
			t.Error("a token was sent beside the signature")
		}
	}
}

// rotatingStorage is a storage account that takes one secret alone, which is rotated in the middle of a
// transfer.
type rotatingStorage struct {
	fakeStorage
	keys    bool // the workspace gives the account's key, not a signature
	current atomic.Int32
	left    int // requests with content until it is rotated
	refused int
}

func (s *rotatingStorage) secret() string {
	if s.keys {
		return fmt.Sprintf(`{"secretsType":"AccountKey","key":%q}`, s.key())
	}
	return fmt.Sprintf(`{"secretsType":"Sas","sasToken":"?sv=1&sig=%d"}`, s.current.Load())
}

func (s *rotatingStorage) key() string {
	return base64.StdEncoding.EncodeToString(fmt.Append(nil, "key ", s.current.Load()))
}

func (s *rotatingStorage) check(r *http.Request) (int, string) {
	if r.Method == http.MethodPut || r.Header.Get("X-Ms-Range") != "" {
		if s.left--; s.left == 0 {
			s.current.Add(1)
		}
	}
	q := r.URL.Query()
	want := fmt.Sprint(s.current.Load())
	switch {
	case strings.HasPrefix(r.Header.Get("Authorization"), "SharedKey "): // azblob's, which stands for any key here
		return 0, ""
	case s.keys:
		cred, err := blob.NewSharedKeyCredential("shelf", s.key())
		if err != nil {
			return http.StatusInternalServerError, ""
		}
		end, _ := time.Parse(sas.TimeFormat, q.Get("se"))
		values := sas.BlobSignatureValues{Protocol: sas.ProtocolHTTPS, ExpiryTime: end, ContainerName: "blobs", Permissions: q.Get("sp")}
		if signed, err := values.SignWithSharedKey(cred); err == nil {
			want = signed.Signature()
		}
	}
	if q.Get("sig") != want {
		s.refused++
		return http.StatusForbidden, "AuthenticationFailed"
	}
	return 0, ""
}

// streams is a file system whose files can only be read from the beginning.
type streams struct{ fs.FS }

func (s streams) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if info, statErr := fs.Stat(s.FS, name); err != nil || statErr != nil || info.IsDir() {
		return f, err
	}
	return struct{ fs.File }{f}, nil
}

// A key or signature that is rotated in the middle is asked for once more, and the transfer goes on.
func TestTransferOutlivesARotation(t *testing.T) {
	for name, tt := range map[string]struct{ keys, streams bool }{"signature": {}, "key": {keys: true}, "files that can be read once": {streams: true}} {
		t.Run(name, func(t *testing.T) {
			storage := &rotatingStorage{keys: tt.keys, left: 6}
			storage.refuse = storage.check
			var asked atomic.Int32
			service := storeService(keyedBlobstore)
			service.answers["POST /datastores/workspaceblobstore/listSecrets"] = func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				answer(200, storage.secret())(w, r)
			}
			clk := newFakeClock()
			c := newClientOver(t, handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.Host, ".blob.") {
					storage.ServeHTTP(w, r)
					return
				}
				service.ServeHTTP(w, r)
			})}, clk)
			dir, want := manyFiles(t)
			o := &UploadOptions{BlockSize: 64 << 10, Concurrency: 3, Credential: StorageCredentialSecrets}
			upload := func() (Uploaded, error) { return c.Upload(t.Context(), dir, o) }
			if tt.streams {
				o.BlockSize, storage.left = 1<<20, 1 // the large file, which comes first, is one request
				upload = func() (Uploaded, error) { return c.UploadFS(t.Context(), streams{os.DirFS(dir)}, "pots", o) }
			}
			up, err := upload()
			if err != nil {
				t.Fatal(err)
			}
			clk.clock().backoff(2 * time.Minute)
			storage.left = 6
			folder := t.TempDir()
			if _, err := c.Download(t.Context(), up.URI, folder, &DownloadOptions{Concurrency: 3}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, tree(t, folder)); diff != "" {
				t.Errorf("downloaded (-want +got):\n%s", diff)
			}
			if storage.refused < 2 || storage.refused > 2*3 || asked.Load() != 3 {
				t.Errorf("%d requests were refused and the secret asked for %d times, want few and 3", storage.refused, asked.Load())
			}
		})
	}
}

// Where the workspace still has the old secret, the transfer ends with the refusal, and does not ask again
// for each request.
func TestTransferWithASecretThatStorageRefuses(t *testing.T) {
	storage, left := &fakeStorage{}, 6
	storage.refuse = func(*http.Request) (int, string) {
		if left--; left < 0 {
			return http.StatusForbidden, "AuthenticationFailed"
		}
		return 0, ""
	}
	service := storeService(keyedBlobstore)
	service.answers["POST /datastores/workspaceblobstore/listSecrets"] = answer(200, sasOne)
	c := storageClient(t, service, storage)
	c.cred = noCredential{errors.New("no token")}
	dir, _ := manyFiles(t)
	_, err := c.Upload(t.Context(), dir, &UploadOptions{Concurrency: 3, Credential: StorageCredentialSecrets})
	if !errors.Is(err, ErrForbidden) && !strings.Contains(err.Error(), "no token") {
		t.Errorf("Upload = %v, want the refusal", err)
	}
	asked := 0
	for _, route := range service.routes() {
		if strings.HasPrefix(route, "POST /datastores/workspaceblobstore/listSecrets") {
			asked++
		}
	}
	if asked != 2 {
		t.Errorf("the secret was asked for %d times, want 2", asked)
	}
}

// TestNamesForContent refuses what cannot name a file, before anything is sent.
func TestNamesForContent(t *testing.T) {
	said := newTexts(t)
	c := newTestClient(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("sent %s %s", r.Method, r.URL) })
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "/a", "x?sv=1&sig=c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"} {
		_, fromReader := c.UploadReader(t.Context(), strings.NewReader("x"), name, nil)
		_, fromFS := c.UploadFS(t.Context(), fstest.MapFS{"a": {Data: []byte("x")}}, name, nil)
		for call, err := range map[string]error{"UploadReader": fromReader, "UploadFS": fromFS} {
			said.add(fmt.Sprintf("%s of %q", call, name), err)
			var bad *ArgumentError
			if !errors.As(err, &bad) || bad.Argument != "name" || strings.Contains(err.Error(), "c2VjcmV0") {
				t.Errorf("%s of %q = %v, want a mistake in name", call, name, err)
			}
		}
	}
	if _, err := c.UploadFS(t.Context(), fstest.MapFS{}, "empty", nil); !errors.As(err, new(*ArgumentError)) {
		t.Errorf("UploadFS of nothing = %v, want an ArgumentError", err)
	}
}

// TestReaderThatFails: the upload of its content fails with the reader's error, and sends nothing.
func TestReaderThatFails(t *testing.T) {
	c := newTestClient(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("sent %s %s", r.Method, r.URL) })
	broken := errors.New("tape torn")
	if _, err := c.UploadReader(t.Context(), iotest.ErrReader(broken), "a", nil); !errors.Is(err, broken) {
		t.Errorf("UploadReader = %v, want the reader's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.UploadReader(ctx, strings.NewReader("x"), "a", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("UploadReader = %v, want context.Canceled", err)
	}
}

// TestUploadsOfAReadOnlyClient send nothing.
func TestUploadsOfAReadOnlyClient(t *testing.T) {
	dir := storeFiles(t, map[string]string{"a.txt": "clay"})
	storage := &fakeStorage{}
	service := storeService(blobstore)
	service.answers["GET /codes/score/versions"] = answer(200, `{"value":[]}`)
	c := storageClient(t, service, storage, func(o *ClientOptions) { o.ReadOnly = true })
	_, plain := c.Upload(t.Context(), dir, nil)
	_, code := c.Codes().Upload(t.Context(), "score", dir, nil)
	for call, err := range map[string]error{"Upload": plain, "Codes().Upload": code} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s = %v, want ErrReadOnly", call, err)
		}
	}
	if n := storage.sent(http.MethodPut); n != 0 {
		t.Errorf("%d PUTs", n)
	}
}

// TestTransferErrorReads tells the first files, and its causes are found.
func TestTransferErrorReads(t *testing.T) {
	const shownFiles = 3
	var failed []FileFailure
	for i := range shownFiles + 2 {
		failed = append(failed, FileFailure{Name: fmt.Sprintf("f%d", i), Err: fmt.Errorf("cause %d: %w", i, ErrForbidden)})
	}
	err := &TransferError{Operation: `upload path "x"`, Failed: failed, FilesFailed: shownFiles + 7, Files: 40}
	text := err.Error()
	said := newTexts(t)
	said.add("ten files", err)
	said.add("three files", &TransferError{Operation: `upload path "x"`, Failed: failed[:3], FilesFailed: 3, Files: 40})
	said.add("one file", &TransferError{Operation: `upload path "x"`, Failed: failed[:1], FilesFailed: 1, Files: 1})
	if !strings.HasPrefix(text, `azmlbatch: upload path "x": `) || !strings.Contains(text, `; "f1": cause 1: `) || !strings.Contains(text, "; and 7 more") || strings.Contains(text, fmt.Sprintf("f%d", shownFiles)) {
		t.Errorf("text: %s", text)
	}
	if !errors.Is(err, ErrForbidden) || len(err.Unwrap()) != shownFiles+2 {
		t.Errorf("causes: %v", err.Unwrap())
	}
}

// TestContentWithoutCRC64: an account that does not know the header is asked without it, once and
// from then on.
func TestContentWithoutCRC64(t *testing.T) {
	storage := &fakeStorage{blobs: map[string]string{"/blobs/src/a.txt": "clay", "/blobs/src/b.txt": "glaze"}}
	asked, refused := 0, 0
	storage.refuse = func(r *http.Request) (int, string) {
		if r.URL.Query().Get("comp") != "" {
			return 0, ""
		}
		asked++
		if r.Header.Get("X-Ms-Range-Get-Content-Crc64") == "" {
			return 0, ""
		}
		refused++
		return 400, "UnsupportedHeader"
	}
	c := storageClient(t, storeService(blobstore), storage)
	dir := t.TempDir()
	for range 2 {
		if _, err := c.Download(t.Context(), "azureml://datastores/workspaceblobstore/paths/src", dir, &DownloadOptions{Overwrite: true, Concurrency: 1}); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"a.txt": "clay", "b.txt": "glaze"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want || err != nil {
			t.Errorf("%s = %q, %v", name, got, err)
		}
	}
	if refused == 0 || refused > 2 || asked <= refused {
		t.Errorf("%d of %d requests were refused, want the first only", refused, asked)
	}
}

// TestFindUploadThatIsStopped ends with its context, and asks nobody.
func TestFindUploadThatIsStopped(t *testing.T) {
	c := newTestClient(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("sent %s %s", r.Method, r.URL) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.FindUpload(ctx, storeFiles(t, map[string]string{"a.txt": "clay"}), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("FindUpload = %v, want context.Canceled", err)
	}
}
