package azmlbatch

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/transfer"
	"github.com/google/go-cmp/cmp"
)

// TestUploadWithoutCRC64: an account that does not know the header gets an MD5 in its place, and is asked once only. A large
// file that can be read once goes without either.
func TestUploadWithoutCRC64(t *testing.T) {
	large := strings.Repeat("clay", 1<<20)
	for name, tt := range map[string]struct {
		files map[string]string
		once  bool
		want  map[string]string // MD5 sums
	}{
		"small files": {map[string]string{"a.txt": "clay", "b.txt": "glaze", "empty.txt": ""}, false,
			map[string]string{"a.txt": encodedMD5("clay"), "b.txt": encodedMD5("glaze"), "empty.txt": ""}},
		"a large file that can be read once": {map[string]string{"large.bin": large, "z.txt": "glaze"}, true,
			map[string]string{"large.bin": "", "z.txt": encodedMD5("glaze")}},
	} {
		storage := &fakeStorage{}
		refused, sums := 0, map[string]string{}
		storage.refuse = func(r *http.Request) (int, string) {
			headers := storage.headers[len(storage.headers)-1]
			switch {
			case r.Method != http.MethodPut || r.URL.Query().Get("comp") != "":
				return 0, ""
			case headers.Get("X-Ms-Content-Crc64") != "":
				refused++
				return 400, "UnsupportedHeader"
			}
			sums[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]] = headers.Get("Content-Md5")
			return 0, ""
		}
		source := os.DirFS(storeFiles(t, tt.files))
		if tt.once {
			source = streams{source}
		}
		c := storageClient(t, storeService(blobstore), storage)
		if _, err := c.UploadFS(t.Context(), source, "pots", &UploadOptions{Concurrency: 1}); err != nil {
			t.Errorf("%s: UploadFS = %v", name, err)
		}
		if diff := cmp.Diff(tt.want, sums); diff != "" || refused != 1 {
			t.Errorf("%s: %d requests with a CRC64; MD5 sums (-want +got):\n%s", name, refused, diff)
		}
	}
}

// oneStore is a store of one container, over a handler.
func oneStore(t *testing.T, handler http.HandlerFunc) *blobStore {
	t.Helper()
	c := newTestClient(t, handler, func(o *ClientOptions) { o.Retry.MaxRetries = -1 })
	return c.newBlobStore(operation{"upload", "path", "x"}, place{host: "acc.blob.core.windows.net", container: "con", keyless: true}, StorageCredentialAuto)
}

// TestBlockListsOfStorage: a list that was cut is asked for again, a missing blob has no blocks, a missing container ends
// the transfer.
func TestBlockListsOfStorage(t *testing.T) {
	const whole = `<?xml version="1.0"?><BlockList><CommittedBlocks><Block><Name>YQ==</Name><Size>3</Size></Block></CommittedBlocks><UncommittedBlocks><Block><Name>Yg==</Name><Size>5</Size></Block></UncommittedBlocks></BlockList>`
	for name, tt := range map[string]struct {
		status            int
		code, body        string
		committed, staged []transfer.Block
		failure           *transfer.Failure // but for Err
	}{
		"whole":                {200, "", whole, []transfer.Block{{ID: "YQ==", Size: 3}}, []transfer.Block{{ID: "Yg==", Size: 5}}, nil},
		"cut":                  {200, "", whole[:len(whole)-20], nil, nil, &transfer.Failure{Retry: true}},
		"no such blob":         {404, "BlobNotFound", "", nil, nil, nil},
		"no such container":    {404, "ContainerNotFound", "", nil, nil, &transfer.Failure{Stop: true}},
		"nobody may":           {403, "AuthorizationFailure", "", nil, nil, &transfer.Failure{Stop: true}},
		"storage out of order": {500, "InternalError", "", nil, nil, &transfer.Failure{Retry: true}},
	} {
		committed, staged, err := oneStore(t, answer(tt.status, tt.body, "x-ms-error-code", tt.code, "x-ms-request-id", "1")).Blocks(t.Context(), "b")
		var failure *transfer.Failure
		if errors.As(err, &failure) {
			failure.Err = nil
		}
		if diff := cmp.Diff(tt.failure, failure); diff != "" || (err != nil) != (tt.failure != nil) {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		if diff := cmp.Diff([][]transfer.Block{tt.committed, tt.staged}, [][]transfer.Block{committed, staged}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestPartsOfBlobs: storage that sends the whole blob when it was asked for its end must not pass for the end.
func TestPartsOfBlobs(t *testing.T) {
	sum := base64.StdEncoding.EncodeToString(binary.LittleEndian.AppendUint64(nil, 7))
	for name, tt := range map[string]struct {
		status int
		offset int64
		sum    string
		want   *uint64
		failed bool
	}{
		"a part":                  {206, 4, sum, new(uint64(7)), false},
		"the whole for its begin": {200, 0, sum, new(uint64(7)), false},
		"the whole for its end":   {200, 4, sum, nil, true},
		"no sum":                  {206, 4, "", nil, false},
		"a sum that is no Base64": {206, 4, "!", nil, false},
		"a sum of another length": {206, 4, "AAAA", nil, false},
	} {
		var asked http.Header
		s := oneStore(t, func(w http.ResponseWriter, r *http.Request) {
			asked = r.Header
			answer(tt.status, "clay", "x-ms-content-crc64", tt.sum, "x-ms-request-id", "1")(w, r)
		})
		body, got, err := s.Get(t.Context(), "b", `"1"`, tt.offset, 4)
		if (err != nil) != tt.failed {
			t.Errorf("%s: Get = %v", name, err)
		}
		if tt.failed {
			newTexts(t).add(name, err)
			continue
		}
		content, _ := io.ReadAll(body)
		if diff := cmp.Diff(tt.want, got); diff != "" || string(content) != "clay" || body.Close() != nil {
			t.Errorf("%s: %q, sum (-want +got):\n%s", name, content, diff)
		}
		want := map[int64]string{0: "bytes=0-3", 4: "bytes=4-7"}[tt.offset]
		if asked.Get("X-Ms-Range") != want || asked.Get("If-Match") != `"1"` || asked.Get("X-Ms-Range-Get-Content-Crc64") != "true" {
			t.Errorf("%s: asked for %v", name, asked)
		}
	}
	var asked http.Header
	s := oneStore(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header
		answer(206, "", "x-ms-request-id", "1")(w, r)
	})
	for size, want := range map[int64]string{4 << 20: "true", 4<<20 + 1: ""} { // storage refuses a sum of more
		if body, _, err := s.Get(t.Context(), "b", "", 0, size); err != nil || body.Close() != nil || asked.Get("X-Ms-Range-Get-Content-Crc64") != want || asked.Get("If-Match") != "" {
			t.Errorf("%d bytes: %v, asked for %v, want the sum %q", size, err, asked, want)
		}
	}
}

// TestCodesThatStopATransfer concern the whole container or account.
func TestCodesThatStopATransfer(t *testing.T) {
	s := oneStore(t, http.NotFound)
	want := []string{"AccountBeingCreated", "AccountIsDisabled", "ContainerBeingDeleted", "ContainerDisabled", "ContainerNotFound",
		"FilesystemNotFound", "InsufficientAccountPermissions", "ResourceNotFound"}
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(containerCodes))); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	for _, code := range want {
		var f *transfer.Failure
		if !errors.As(s.failure(&Error{StatusCode: 409, Codes: []string{code}}), &f) || !f.Stop {
			t.Errorf("%s does not stop a transfer", code)
		}
	}
	if got := s.c.transferOptions(-1, 5, time.Second); got.Concurrency != 0 || got.BlockSize != 5 || got.RoundTrip != time.Second || got.Retries != 0 ||
		got.Delay != 800*time.Millisecond || got.MaxDelay != time.Minute || got.Wait == nil {
		t.Errorf("options = %+v", got)
	}
}

// TestEndsOfSignatures has the forms of time that a signature may have.
func TestEndsOfSignatures(t *testing.T) {
	otherwise := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for token, want := range map[string]time.Time{
		"sv=1&se=2026-03-01T12%3A30%3A15Z&sig=x":  time.Date(2026, 3, 1, 12, 30, 15, 0, time.UTC),
		"?sv=1&se=2026-03-01T12%3A30%3A15Z&sig=x": time.Date(2026, 3, 1, 12, 30, 15, 0, time.UTC),
		"se=2026-03-01T12%3A30Z":                  time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC),
		"se=2026-03-01":                           time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"se=soon":                                 otherwise,
		"sv=1":                                    otherwise,
		"se=%zz":                                  otherwise,
	} {
		if got := sasEnd(Secret(token), otherwise); !got.Equal(want) {
			t.Errorf("sasEnd(%q) = %v, want %v", token, got, want)
		}
	}
}
