package azmlbatch

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Skip("this file system has no links: ", err)
	}
}

// Links are followed, and the blob has the link's name.
func TestLinksAreFollowed(t *testing.T) {
	outside := storeFiles(t, map[string]string{"clay.txt": "clay", "more/glaze.txt": "glaze"})
	dir := storeFiles(t, map[string]string{"a.txt": "1"})
	link(t, filepath.Join(outside, "clay.txt"), filepath.Join(dir, "b.txt"))
	link(t, filepath.Join(outside, "more"), filepath.Join(dir, "c"))
	link(t, dir, filepath.Join(filepath.Dir(dir), "linked"))
	files, err := scanLocal(operation{"upload", "path", ""}, filepath.Join(filepath.Dir(dir), "linked"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.txt", "b.txt", "c/glaze.txt"}, fileNames(files)); diff != "" || files.base != "linked" {
		t.Errorf("uploaded as %q (-want +got):\n%s", files.base, diff)
	}
	if files.bytes() != 10 {
		t.Errorf("%d bytes, want those of the targets", files.bytes())
	}
}

// The first file, which carries the marker, is the first one in the order of paths and not of the hash.
func TestFilesAreInOrderOfTheirPaths(t *testing.T) {
	files, err := scanLocal(operation{"upload", "path", ""}, storeFiles(t, map[string]string{"b": "", "A": "", "a/z": "", "B": "", "a.txt": ""}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A", "B", "a.txt", "a/z", "b"}, fileNames(files)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeUploadedIsRefusedBeforeSending(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, dir string) // beside the file a.txt
		want string
	}{
		{"a link to the folder itself", func(t *testing.T, dir string) { link(t, dir, filepath.Join(dir, "again")) }, "a link to a folder above itself"},
		{"links in a circle", func(t *testing.T, dir string) {
			for _, name := range []string{"x", "y"} {
				if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			link(t, filepath.Join(dir, "y"), filepath.Join(dir, "x", "y"))
			link(t, filepath.Join(dir, "x"), filepath.Join(dir, "y", "x"))
		}, "a link to a folder above itself"},
		{"a link to nothing", func(t *testing.T, dir string) { link(t, filepath.Join(dir, "none"), filepath.Join(dir, "b")) }, "cannot be read"},
		{"a pipe", func(t *testing.T, dir string) {
			if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
				t.Skip(err)
			}
		}, "neither a file nor a folder"},
		{"a backslash", func(t *testing.T, dir string) { touch(t, filepath.Join(dir, `a\b`)) }, "backslash"},
		{"bytes that are no text", func(t *testing.T, dir string) { touch(t, filepath.Join(dir, "a\xffb")) }, "not UTF-8"},
		{"a long name", func(t *testing.T, dir string) {
			long := filepath.Join(dir, strings.Repeat("x", 250), strings.Repeat("y", 250), strings.Repeat("z", 250), strings.Repeat("w", 240))
			if err := os.MkdirAll(long, 0o755); err != nil {
				t.Skip(err)
			}
			touch(t, filepath.Join(long, "v"))
		}, "too long for a blob"},
		{"nothing but what is ignored", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, ".amlignore"), []byte("*\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "has no files to upload"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := storeFiles(t, map[string]string{"a.txt": "1"})
			tt.make(t, dir)
			storage := &fakeStorage{}
			service := storeService(blobstore)
			_, err := storageClient(t, service, storage).Upload(t.Context(), dir, nil)
			var bad *ArgumentError
			if !asError(err, &bad) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "upload path") {
				t.Errorf("Upload = %v, want an ArgumentError of the call that says %q", err, tt.want)
			}
			if len(service.requests)+len(storage.requests) != 0 {
				t.Error("something was sent")
			}
		})
	}
}

func TestPathsThatAreNothingToUpload(t *testing.T) {
	for path, want := range map[string]string{"": "is empty", "/": "root of a file system", filepath.Join(t.TempDir(), "none"): "does not exist", t.TempDir(): "has no files"} {
		var bad *ArgumentError
		if _, err := scanLocal(operation{"upload", "path", path}, path); !asError(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("scan of %q = %v, want an ArgumentError that says %q", path, err, want)
		}
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Skip(err)
	}
}
