package azmlbatch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// downloadBlobs downloads the folder "src" of a container with these blobs.
func downloadBlobs(t *testing.T, blobs map[string]string, dir string, options *DownloadOptions) (DownloadResult, error) {
	t.Helper()
	storage := &fakeStorage{blobs: map[string]string{}}
	for name, text := range blobs {
		storage.blobs["/blobs/"+name] = text
	}
	c := storageClient(t, storeService(blobstore), storage)
	at, err := c.urlPlace(operation{"download", "model", "clay:1"}, "https://shelf.blob.core.windows.net/blobs/src")
	if err != nil {
		t.Fatal(err)
	}
	return c.downloadPrefix(t.Context(), operation{"download", "model", "clay:1"}, at, dir, options)
}

// tree is what lies in a folder: paths and contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		found[filepath.ToSlash(name)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDownloadWritesTheFolderAndNothingElse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	got, err := downloadBlobs(t, map[string]string{
		"src/a.txt": "1", "src/sub/b.txt": "22", "src/a.txt.part": "333", // a name that a download might use on its way
		"src/": "", "src/empty/": "", // placeholders of folders, as some tools write them
		"src2/c.txt": "no", "srcfile": "no",
	}, dir, nil)
	if err != nil || got != (DownloadResult{Files: 3, Bytes: 6}) {
		t.Errorf("download = %+v, %v", got, err)
	}
	want := map[string]string{"a.txt": "1", "sub/b.txt": "22", "a.txt.part": "333"}
	if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

func TestDownloadOfOneBlob(t *testing.T) {
	dir := t.TempDir()
	if _, err := downloadBlobs(t, map[string]string{"src": "only"}, dir, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"src": "only"}, tree(t, dir)); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

func TestDownloadNeverLeavesTheFolder(t *testing.T) {
	said := newTexts(t)
	outside := t.TempDir()
	for _, name := range []string{"src/../../escape.txt", "src/a/../../escape.txt", "src//etc/x", "src/link/escape.txt"} {
		dir := t.TempDir()
		if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		_, err := downloadBlobs(t, map[string]string{name: "x"}, dir, &DownloadOptions{Overwrite: true})
		said.add(name, err)
		if err == nil {
			t.Errorf("%s was written", name)
		}
		if left := tree(t, outside); len(left) != 0 {
			t.Errorf("%s left %v outside", name, left)
		}
	}
}

func TestDownloadOverwritesOnlyWhenAsked(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := downloadBlobs(t, map[string]string{"src/a.txt": "1"}, dir, nil)
	newTexts(t).add("a file that is there", err)
	if !errors.Is(err, fs.ErrExist) || tree(t, dir)["a.txt"] != "mine" {
		t.Errorf("download = %v and left %v, want a refusal", err, tree(t, dir))
	}
	if _, err := downloadBlobs(t, map[string]string{"src/a.txt": "1"}, dir, &DownloadOptions{Overwrite: true}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(map[string]string{"a.txt": "1"}, tree(t, dir)); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

func TestDownloadThatFailsNamesTheFileAndLeavesNoHalf(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a.txt", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := downloadBlobs(t, map[string]string{"src/a.txt": "1"}, dir, &DownloadOptions{Overwrite: true})
	if err == nil || !strings.Contains(err.Error(), `"a.txt"`) || !strings.Contains(err.Error(), `download model "clay:1"`) {
		t.Errorf("download = %v, want an error that names the call and the file", err)
	}
	if diff := cmp.Diff(map[string]string{}, tree(t, dir)); diff != "" {
		t.Errorf("left behind (-want +got):\n%s", diff)
	}
}

func TestDownloadOfNothingIsNotFound(t *testing.T) {
	_, err := downloadBlobs(t, map[string]string{"src2/a": "1"}, t.TempDir(), nil)
	newTexts(t).add("nothing", err)
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("download = %v, want ErrNotFound", err)
	}
}

// TestDownloadOfAFolderWithAFileOfItsName: the file is one of the folder.
func TestDownloadOfAFolderWithAFileOfItsName(t *testing.T) {
	storage := &fakeStorage{blobs: map[string]string{"/blobs/a/src/src": "clay", "/blobs/a/src/b": "glaze"}}
	dir := t.TempDir()
	if _, err := storageClient(t, storeService(blobstore), storage).Download(t.Context(), "azureml://datastores/workspaceblobstore/paths/a/src", dir, nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"src": "clay", "b": "glaze"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want || err != nil {
			t.Errorf("%s = %q, %v", name, got, err)
		}
	}
}

// TestProgressOfTransfers: the last report of an upload and of a download has all files and bytes.
func TestProgressOfTransfers(t *testing.T) {
	storage := &fakeStorage{}
	c := storageClient(t, storeService(blobstore), storage)
	var up UploadProgress
	sent, err := c.Upload(t.Context(), storeFiles(t, map[string]string{"a.txt": "clay", "b.txt": "glaze"}), &UploadOptions{OnProgress: func(p UploadProgress) { up = p }})
	if err != nil {
		t.Fatal(err)
	}
	up.Rate = 0
	if diff := cmp.Diff(UploadProgress{Files: 2, Bytes: 9, FilesDone: 2, BytesDone: 9}, up); diff != "" {
		t.Errorf("upload (-want +got):\n%s", diff)
	}
	var down DownloadProgress
	files := map[string]int64{}
	result, err := c.Download(t.Context(), sent.URI, t.TempDir(), &DownloadOptions{OnProgress: func(p DownloadProgress) { down = p },
		OnFile: func(name string, size int64) { files[name] = size }})
	if err != nil {
		t.Fatal(err)
	}
	down.Rate = 0
	if diff := cmp.Diff(DownloadProgress{Files: 2, Bytes: 9, FilesDone: 2, BytesDone: 9}, down); diff != "" || result.Files != 2 || result.Bytes != 9 {
		t.Errorf("download %+v (-want +got):\n%s", result, diff)
	}
	if diff := cmp.Diff(map[string]int64{"a.txt": 4, "b.txt": 5}, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
