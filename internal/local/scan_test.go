package local

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

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
	files, err := Scan(filepath.Join(filepath.Dir(dir), "linked"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.txt", "b.txt", "c/glaze.txt"}, fileNames(files)); diff != "" || files.Base != "linked" {
		t.Errorf("uploaded as %q (-want +got):\n%s", files.Base, diff)
	}
	if files.Bytes != 10 {
		t.Errorf("%d bytes, want those of the targets", files.Bytes)
	}
}

// The first file, which carries the marker, is the first one in the order of paths and not of the hash.
func TestFilesAreInOrderOfTheirPaths(t *testing.T) {
	files, err := Scan(storeFiles(t, map[string]string{"b": "", "A": "", "a/z": "", "B": "", "a.txt": ""}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A", "B", "a.txt", "a/z", "b"}, fileNames(files)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeUploadedIsRefused(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, dir string) // beside the file a.txt
		want string
	}{
		{"a link to the folder itself", func(t *testing.T, dir string) { link(t, dir, filepath.Join(dir, "again")) }, "a link to a folder above itself"},
		{"links in a circle", func(t *testing.T, dir string) {
			mkdir(t, filepath.Join(dir, "x"))
			mkdir(t, filepath.Join(dir, "y"))
			link(t, filepath.Join(dir, "y"), filepath.Join(dir, "x", "y"))
			link(t, filepath.Join(dir, "x"), filepath.Join(dir, "y", "x"))
		}, "a link to a folder above itself"},
		{"a link to nothing", func(t *testing.T, dir string) { link(t, filepath.Join(dir, "none"), filepath.Join(dir, "b")) }, "cannot be read"},
		{"a pipe", func(t *testing.T, dir string) { fifo(t, filepath.Join(dir, "pipe")) }, "neither a file nor a folder"},
		{"a backslash", func(t *testing.T, dir string) { touch(t, filepath.Join(dir, `a\b`)) }, "backslash"},
		{"bytes that are no text", func(t *testing.T, dir string) { touch(t, filepath.Join(dir, "a\xffb")) }, "not UTF-8"},
		{"a control character", func(t *testing.T, dir string) { touch(t, filepath.Join(dir, "a\tb")) }, "control character"},
		{"a control character of Latin-1", func(t *testing.T, dir string) { touch(t, filepath.Join(dir, "a\u0085b")) }, "control character"},
		{"a dot at the end", func(t *testing.T, dir string) { touch(t, filepath.Join(dir, "a.")) }, "ends in a dot"},
		{"a folder with a dot at the end", func(t *testing.T, dir string) {
			mkdir(t, filepath.Join(dir, "sub."))
			touch(t, filepath.Join(dir, "sub.", "a"))
		}, "ends in a dot"},
		{"a blank at the end", func(t *testing.T, dir string) { touch(t, filepath.Join(dir, "a ")) }, "ends in a blank"},
		{"folders without end", func(t *testing.T, dir string) {
			deep := filepath.Join(dir, strings.Repeat("d"+string(filepath.Separator), 252))
			if err := os.MkdirAll(deep, 0o755); err != nil {
				t.Skip(err)
			}
			touch(t, filepath.Join(deep, "a"))
		}, "too many folders"},
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
			_, err := Scan(dir)
			var bad *Error
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Scan = %v, want an Error that says %q", err, tt.want)
			}
		})
	}
}

// What storage does not keep is refused in the name of the upload itself, too.
func TestNameOfTheUploadIsOneThatStorageKeeps(t *testing.T) {
	for _, name := range []string{"model.", "model ", "mo\tdel"} {
		dir := filepath.Join(t.TempDir(), name)
		mkdir(t, dir)
		touch(t, filepath.Join(dir, "a"))
		var bad *Error
		if _, err := Scan(dir); !errors.As(err, &bad) || bad.Remedy != "give it another name" {
			t.Errorf("Scan of a folder %q = %v, want an Error with a remedy", name, err)
		}
		touch(t, filepath.Join(dir, name))
		if _, err := Scan(filepath.Join(dir, name)); !errors.As(err, &bad) || bad.Remedy != "give it another name" {
			t.Errorf("Scan of a file %q = %v, want an Error with a remedy", name, err)
		}
	}
	if _, err := ScanFS(fstest.MapFS{strings.Repeat("x", 256): {}}, "base"); err == nil || !strings.Contains(err.Error(), "too long for a part") {
		t.Errorf("ScanFS of a name of 256 characters = %v, want an Error", err)
	}
}

func TestFileSystemsAreScannedAsFoldersAre(t *testing.T) {
	files := map[string]string{".amlignore": "*.tmp\n", "a.txt": "clay", "sub/B": "bowl", "sub/a": "", "x.tmp": "no"}
	system := fstest.MapFS{}
	for name, text := range files {
		system[name] = &fstest.MapFile{Data: []byte(text)}
	}
	onDisk, err := Scan(storeFiles(t, files))
	if err != nil {
		t.Fatal(err)
	}
	inSystem, err := ScanFS(system, "src")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fileNames(onDisk), fileNames(inSystem)); diff != "" || inSystem.Base != "src" || !inSystem.IsFolder || inSystem.Bytes != onDisk.Bytes {
		t.Errorf("%+v (-disk +file system):\n%s", inSystem, diff)
	}
	want, err := onDisk.UploadHash(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := inSystem.UploadHash(t.Context(), nil); got != want || err != nil {
		t.Errorf("UploadHash = %s, %v, want that of the disk, %s", got, err, want)
	}
	if _, err := ScanFS(fstest.MapFS{}, "src"); err == nil || !strings.Contains(err.Error(), "has no files") {
		t.Errorf("ScanFS of nothing = %v, want an Error", err)
	}
}

func TestPathsThatAreNothingToUpload(t *testing.T) {
	for path, want := range map[string]string{"": "is empty", "/": "root of a file system", filepath.Join(t.TempDir(), "none"): "does not exist", t.TempDir(): "has no files"} {
		var bad *Error
		if _, err := Scan(path); !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("scan of %q = %v, want an Error that says %q", path, err, want)
		}
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Skip(err)
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Skip(err)
	}
}

// storeFiles writes files below a new folder and returns it.
func storeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "src")
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
