package azmlbatch

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// temporary makes a folder the one for temporary files.
func temporary(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, dir)
	}
}

// TestUploadReaderLeavesNothingBehind: its content is in a temporary file only as long as it is sent.
func TestUploadReaderLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	temporary(t, dir)
	storage := &fakeStorage{}
	c := storageClient(t, storeService(blobstore), storage)
	up, err := c.UploadReader(t.Context(), strings.NewReader("clay"), "model.pkl", nil)
	if err != nil || !strings.HasSuffix(up.URI, "/model.pkl") || up.IsFolder {
		t.Errorf("UploadReader = %+v, %v", up, err)
	}
	storage.refuse = func(*http.Request) (int, string) { return 403, "AuthorizationPermissionMismatch" }
	if _, err := c.UploadReader(t.Context(), strings.NewReader("glaze"), "model.pkl", nil); !errors.Is(err, ErrForbidden) {
		t.Errorf("a refused UploadReader = %v, want ErrForbidden", err)
	}
	if left := tree(t, dir); len(left) > 0 {
		t.Errorf("left in the temporary folder: %v", left)
	}
}

func TestUploadReaderWithoutATemporaryFolder(t *testing.T) {
	temporary(t, filepath.Join(t.TempDir(), "none"))
	c := newTestClient(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("sent %s %s", r.Method, r.URL) })
	_, err := c.UploadReader(t.Context(), strings.NewReader("clay"), "model.pkl", nil)
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), `azmlbatch: upload content "model.pkl": `) {
		t.Errorf("UploadReader = %v, want an error of the call about the folder", err)
	}
}

// TestUploadOfUnreadableFiles: a file whose content is shorter than its size, as those of sysfs are.
func TestUploadOfUnreadableFiles(t *testing.T) {
	const online = "/sys/devices/system/cpu/online"
	if info, err := os.Stat(online); err != nil || info.Size() < 1024 {
		t.Skip("no sysfs here")
	}
	dir := t.TempDir()
	if err := os.Symlink(online, filepath.Join(dir, "cpus")); err != nil {
		t.Fatal(err)
	}
	c := newTestClient(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("sent %s %s", r.Method, r.URL) })
	_, uploaded := c.Upload(t.Context(), dir, nil)
	_, found := c.FindUpload(t.Context(), dir, nil)
	_, code := c.Codes().Upload(t.Context(), "score", dir, nil)
	said := newTexts(t)
	for call, err := range map[string]error{"Upload": uploaded, "FindUpload": found, "Codes().Upload": code} {
		said.add(call, err)
		if !errors.As(err, new(*ArgumentError)) {
			t.Errorf("%s = %v, want an ArgumentError", call, err)
		}
	}
}

// TestProgressOfAnUploadThatIsThere: everything is done at once, and nothing was sent.
func TestProgressOfAnUploadThatIsThere(t *testing.T) {
	c := storageClient(t, storeService(blobstore), &fakeStorage{})
	dir := storeFiles(t, map[string]string{"a.txt": "clay", "b.txt": "glaze"})
	if _, err := c.Upload(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	var told []UploadProgress
	up, err := c.Upload(t.Context(), dir, &UploadOptions{OnProgress: func(p UploadProgress) { told = append(told, p) }})
	want := []UploadProgress{{Files: 2, Bytes: 9, FilesDone: 2, BytesDone: 9, FilesSkipped: 2, BytesSkipped: 9, Reused: true}}
	if diff := cmp.Diff(want, told); diff != "" || err != nil || !up.Reused {
		t.Errorf("Upload = %+v, %v, progress (-want +got):\n%s", up, err, diff)
	}
}

// TestUploadThatStorageLoses: what storage took and does not list is no complete upload.
func TestUploadThatStorageLoses(t *testing.T) {
	said := newTexts(t)
	for name, lose := range map[string]func(*fakeStorage, string){
		"a file is gone":       func(s *fakeStorage, blob string) { delete(s.blobs, blob) },
		"a file is other than": func(s *fakeStorage, blob string) { s.blobs[blob] += "!" },
	} {
		storage := &fakeStorage{}
		storage.refuse = func(r *http.Request) (int, string) {
			for blob := range storage.blobs {
				if r.URL.Query().Get("comp") == "list" && strings.HasSuffix(blob, "/b.txt") {
					lose(storage, blob)
				}
			}
			return 0, ""
		}
		c := storageClient(t, storeService(blobstore), storage)
		_, err := c.Upload(t.Context(), storeFiles(t, map[string]string{"a.txt": "clay", "b.txt": "glaze"}), nil)
		said.add(name, err)
		if err == nil || len(storage.metadata) > 0 {
			t.Errorf("%s: Upload = %v and the marker %v, want an error and none", name, err, storage.metadata)
		}
	}
}

// TestStoresThatCannotBeListed: refusals of the list mean that everything is sent, other failures end the upload.
func TestStoresThatCannotBeListed(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   string
		want   bool
	}{
		{399, "", false}, {400, "", true}, {403, "AuthorizationPermissionMismatch", true}, {404, "", true}, {409, "", true}, {499, "", true},
		{404, "ContainerNotFound", false}, {429, "", false}, {500, "", false}, {501, "", true}, {502, "", false}, {503, "ServerBusy", false},
	} {
		if got := unlistable(&Error{StatusCode: tt.status, Codes: []string{tt.code}}); got != tt.want {
			t.Errorf("%d %s: unlistable = %t, want %t", tt.status, tt.code, got, tt.want)
		}
	}
	if unlistable(errReset) {
		t.Error("a connection that broke passes for a store without lists")
	}
}

// TestBlockSizes: the default, and the largest that storage takes.
func TestBlockSizes(t *testing.T) {
	c := newTestClient(t, http.NotFound)
	for size, want := range map[int64]int64{0: 4 << 20, 1: 1, 5 << 20: 5 << 20, 4000 << 20: 4000 << 20} {
		o := &UploadOptions{BlockSize: size}
		if got := c.newUpload(operation{}, nil, o).options.BlockSize; got != want || o.check(operation{}) != nil {
			t.Errorf("block size %d is taken for %d, want %d", size, got, want)
		}
	}
	if (&UploadOptions{BlockSize: 4000<<20 + 1}).check(operation{}) == nil {
		t.Error("a block is larger than storage takes")
	}
}

// TestQuickestRoundTrip is what an upload goes by: a busy moment says nothing about the way to storage.
func TestQuickestRoundTrip(t *testing.T) {
	u := new(upload)
	for _, tt := range []struct{ took, least, most time.Duration }{
		{time.Hour, time.Hour, 2 * time.Hour}, {2 * time.Hour, time.Hour, 2 * time.Hour}, {time.Minute, time.Minute, time.Hour - 1}, {time.Hour, time.Minute, time.Hour - 1},
	} {
		if u.took(time.Now().Add(-tt.took)); u.trip < tt.least || u.trip > tt.most {
			t.Errorf("after one of %v the quickest took %v, want %v to %v", tt.took, u.trip, tt.least, tt.most)
		}
	}
}
