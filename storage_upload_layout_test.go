package azmlbatch

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	signedCode = `{"blobReferenceForConsumption":{"blobUri":"https://shelf.blob.core.windows.net:443/c1","credential":{"credentialType":"SAS",
		"sasUri":"https://shelf.blob.core.windows.net/c1?sv=1&sr=c&sp=rcwl&se=2099-01-01T00%3A00%3A00Z&sig=hush"}},"pendingUploadType":"None"}`
)

// stored are the blobs of an account by their names, with the hash in it left out.
func (f *fakeStorage) stored() map[string]string {
	blobs := map[string]string{}
	for name, text := range f.blobs {
		blobs[uploadHash.ReplaceAllString(name, "LocalUpload/HASH/")] = text
	}
	return blobs
}

func TestUploadSendsFilesAndThenTheMarker(t *testing.T) {
	storage := &fakeStorage{}
	c := storageClient(t, storeService(blobstore), storage)
	dir := storeFiles(t, map[string]string{"b.txt": "bowl", "a.txt": "clay", "sub/empty": ""})
	var progress []UploadProgress
	up, err := c.Upload(t.Context(), dir, &UploadOptions{Concurrency: 1, OnProgress: func(p UploadProgress) { p.Rate = 0; progress = append(progress, p) }})
	if err != nil || !up.IsFolder || up.Reused {
		t.Fatalf("Upload = %+v, %v", up, err)
	}
	want := map[string]string{"/blobs/LocalUpload/HASH/src/a.txt": "clay", "/blobs/LocalUpload/HASH/src/b.txt": "bowl", "/blobs/LocalUpload/HASH/src/sub/empty": ""}
	if diff := cmp.Diff(want, storage.stored()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	last := storage.requests[len(storage.requests)-1]
	if !strings.HasSuffix(last.Path, "/src/a.txt") || last.Query != "comp=metadata" {
		t.Errorf("the last request is %+v, want the marker at the first file", last)
	}
	if diff := cmp.Diff(map[string]string{"upload_status": "completed"}, storage.metadata[last.Path]); diff != "" {
		t.Errorf("marker (-want +got):\n%s", diff)
	}
	for i, r := range storage.requests {
		if h := storage.headers[i]; r.Method == http.MethodPut && r.Query == "" && (h.Get("If-None-Match") != "*" ||
			(h.Get("X-Ms-Content-Crc64") == "") != strings.HasSuffix(r.Path, "empty")) {
			t.Errorf("%s was sent with If-None-Match %q, CRC64 %q", r.Path, h.Get("If-None-Match"), h.Get("X-Ms-Content-Crc64"))
		}
	}
	wantProgress := []UploadProgress{{Files: 3, Bytes: 8, FilesDone: 1, BytesDone: 4}, {Files: 3, Bytes: 8, FilesDone: 2, BytesDone: 8}, {Files: 3, Bytes: 8, FilesDone: 3, BytesDone: 8}}
	if diff := cmp.Diff(wantProgress, progress); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

// An earlier upload of the same content ended in one of these ways.
func TestUploadAfterAnEarlierOne(t *testing.T) {
	dir := storeFiles(t, map[string]string{"a.txt": "clay"})
	files, err := scanLocal(operation{"upload", "path", dir}, dir)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := files.UploadHash(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	old, err := files.OldUploadHash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	completed := map[string]string{"Upload_Status": "completed"}
	tests := []struct {
		name      string
		hash      string
		marker    map[string]string
		reused    bool
		condition string // If-None-Match of the file
	}{
		{"complete", hash, completed, true, ""},
		{"complete, by a client of before 2026", old, completed, true, ""},
		{"broken off", hash, nil, false, ""},
		{"broken off, by a client of before 2026", old, nil, false, "*"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := "/blobs/LocalUpload/" + tt.hash + "/src/a.txt"
			storage := &fakeStorage{blobs: map[string]string{name: "cl"}, metadata: map[string]map[string]string{name: tt.marker}}
			up, err := storageClient(t, storeService(blobstore), storage).Upload(t.Context(), dir, nil)
			if err != nil || up.Reused != tt.reused {
				t.Fatalf("Upload = %+v, %v", up, err)
			}
			wantHash := hash
			if tt.reused {
				wantHash = tt.hash
			}
			if want := "azureml://datastores/workspaceblobstore/paths/LocalUpload/" + wantHash + "/src"; up.URI != want {
				t.Errorf("URI = %s, want %s", up.URI, want)
			}
			puts := 0
			for i, r := range storage.requests {
				if r.Method == http.MethodPut && r.Query == "" {
					puts++
					if got := storage.headers[i].Get("If-None-Match"); got != tt.condition {
						t.Errorf("the file was sent with If-None-Match %q, want %q", got, tt.condition)
					}
				}
			}
			if (puts == 0) != tt.reused || !tt.reused && storage.blobs["/blobs/LocalUpload/"+hash+"/src/a.txt"] != "clay" {
				t.Errorf("%d files were sent, stored %v", puts, storage.blobs)
			}
		})
	}
}

// A neighbour sends the same content at the same moment: what is there has the same hash.
func TestUploadTakesWhatANeighbourSent(t *testing.T) {
	for _, blockSize := range []int64{0, 2} {
		storage := &fakeStorage{}
		storage.refuse = func(r *http.Request) (int, string) {
			if r.Header.Get("If-None-Match") == "*" {
				return 409, "BlobAlreadyExists"
			}
			return 0, ""
		}
		if _, err := storageClient(t, storeService(blobstore), storage).Upload(t.Context(), storeFiles(t, map[string]string{"a.txt": "clay"}),
			&UploadOptions{BlockSize: blockSize}); err != nil {
			t.Errorf("block size %d: Upload = %v", blockSize, err)
		}
	}
}

func TestUploadOfAFileThatChangesIsNeverComplete(t *testing.T) {
	for _, blockSize := range []int64{0, 2} {
		dir := storeFiles(t, map[string]string{"a.txt": "clay"})
		storage := &fakeStorage{}
		storage.refuse = func(r *http.Request) (int, string) {
			if r.Method == http.MethodHead { // the hash is made, nothing is sent yet
				rewrite(t, filepath.Join(dir, "a.txt"), "mud!")
			}
			return 0, ""
		}
		_, err := storageClient(t, storeService(blobstore), storage).Upload(t.Context(), dir, &UploadOptions{BlockSize: blockSize})
		if err == nil || !strings.Contains(err.Error(), "changed while it was being uploaded") {
			t.Errorf("block size %d: Upload = %v, want an error", blockSize, err)
		}
		if len(storage.metadata) != 0 || len(storage.blobs) != 0 {
			t.Errorf("block size %d: stored %v, marked %v", blockSize, storage.blobs, storage.metadata)
		}
	}
}

// All blocks of a blob must have ids of one length, also those that az ml left when it broke off.
func TestUploadGoesOnBesideBlocksOfAzML(t *testing.T) {
	storage := &fakeStorage{}
	dir := storeFiles(t, map[string]string{"a.txt": "clay"})
	files, _ := scanLocal(operation{}, dir)
	hash, _ := files.UploadHash(t.Context(), nil)
	const azML = "TURBd01EQXdNREF3TURBd01EQXdNREF3TURBd01EQXdNREF3TURBd01EQXdNREElM0Q=" // of its first block
	storage.staged = map[string]map[string]string{"/blobs/LocalUpload/" + hash + "/src/a.txt": {azML[:64]: "cl"}}
	if _, err := storageClient(t, storeService(blobstore), storage).Upload(t.Context(), dir, &UploadOptions{BlockSize: 2}); err != nil {
		t.Errorf("Upload = %v", err)
	}
	if diff := cmp.Diff(map[string]string{"/blobs/LocalUpload/HASH/src/a.txt": "clay"}, storage.stored()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

// The container of a code version may hold what an earlier upload of other content left, complete with its marker.
func TestUploadOfCodeTrustsNoEarlierContent(t *testing.T) {
	storage := &fakeStorage{blobs: map[string]string{"/c1/src/score.py": "old"},
		metadata: map[string]map[string]string{"/c1/src/score.py": {"upload_status": "completed"}}}
	service := storeService(blobstore)
	service.answers["GET /codes/score/versions"] = answer(200, `{"value":[]}`)
	service.answers["POST /codes/score/versions/1/startPendingUpload"] = answer(200, signedCode)
	service.answers["PUT /codes/score/versions/1"] = answer(201, codeVersion("score", "1"))
	_, err := storageClient(t, service, storage).Codes().Upload(t.Context(), "score", storeFiles(t, map[string]string{"score.py": "new"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"/c1/src/score.py": "new"}, storage.blobs); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	want := map[string]string{"upload_status": "completed", "name": "score", "version": "1"}
	if diff := cmp.Diff(want, storage.metadata["/c1/src/score.py"]); diff != "" {
		t.Errorf("marker (-want +got):\n%s", diff)
	}
}

func TestSignatureOfAnUploadShowsNowhere(t *testing.T) {
	storage := &fakeStorage{refuse: func(*http.Request) (int, string) { return 403, "AuthenticationFailed" }}
	service := storeService(blobstore)
	service.answers["GET /codes/score/versions"] = answer(200, `{"value":[]}`)
	service.answers["POST /codes/score/versions/1/startPendingUpload"] = answer(200, signedCode)
	var log bytes.Buffer
	c := storageClient(t, service, storage, func(o *ClientOptions) {
		o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	_, err := c.Codes().Upload(t.Context(), "score", storeFiles(t, map[string]string{"score.py": "x"}), nil)
	if !errors.Is(err, ErrForbidden) || strings.Contains(err.Error(), "hush") || strings.Contains(log.String(), "hush") {
		t.Errorf("Upload = %v, log:\n%s", err, log.String())
	}
	if err != nil && !strings.Contains(err.Error(), "signature") {
		t.Errorf("Upload = %v, want a remedy about the signature", err)
	}
	if storage.sent(http.MethodPut) > 1 || !strings.Contains(storage.requests[0].Query, "sig=hush") {
		t.Errorf("requests %+v, want the signature to be used", storage.requests)
	}
}

// TestOldUploadsOfALargeFile: of many old uploads only those are candidates whose first file has the
// name and size; an error of a look at one is the upload's error.
func TestOldUploadsOfALargeFile(t *testing.T) {
	dir := storeFiles(t, map[string]string{"a.bin": ""})
	if err := os.Truncate(filepath.Join(dir, "a.bin"), oldUploadProbe+1); err != nil {
		t.Fatal(err)
	}
	tree, err := scanLocal(operation{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	old, err := tree.OldUploadHash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	content, complete := strings.Repeat("\x00", oldUploadProbe+1), map[string]string{"upload_status": "completed"}
	at := func(hash string) string { return "/blobs/LocalUpload/" + hash + "/src/a.bin" }
	other := strings.Repeat("0", len(old))
	for _, tt := range []struct {
		name    string
		blobs   map[string]string
		refuse  string // the upload whose marker is refused
		reused  bool
		problem string
	}{
		{"the same content", map[string]string{at(old): content, at(other): "x"}, "", true, ""},
		{"others of another size", map[string]string{at(other): "x"}, "", false, ""},
		{"others of the same size", map[string]string{at(other): content}, "", false, ""},
		{"one that cannot be looked at", map[string]string{at(other): content}, other, false, "AuthorizationPermissionMismatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			storage := &fakeStorage{blobs: tt.blobs, metadata: map[string]map[string]string{at(old): complete, at(other): complete}}
			storage.refuse = func(r *http.Request) (int, string) {
				if tt.refuse != "" && r.URL.Path == at(tt.refuse) {
					return 403, "AuthorizationPermissionMismatch"
				}
				return 0, ""
			}
			up, err := storageClient(t, storeService(blobstore), storage).Upload(t.Context(), dir, nil)
			if tt.problem != "" && !HasCode(err, tt.problem) || tt.problem == "" && (err != nil || up.Reused != tt.reused) {
				t.Errorf("Upload = %+v, %v; want reused %t, problem %q", up, err, tt.reused, tt.problem)
			}
			if sent := storage.sent(http.MethodPut); (sent == 0) != (tt.reused || tt.problem != "") {
				t.Errorf("%d PUTs", sent)
			}
		})
	}
}
