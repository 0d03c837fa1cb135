package blob

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func seedFolder(t *testing.T) string {
	t.Helper()
	outside := filepath.Join(t.TempDir(), "secret.txt")
	dir := t.TempDir()
	for name, text := range map[string]string{"a.txt": "A", "a/1.txt": "A1", "a/deep/2.txt": "A2", "b": "B", outside: "secret"} {
		path := name
		if !filepath.IsAbs(name) {
			path = filepath.Join(dir, name)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"inside": "b", "outside": outside, "loop": "."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSeed(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		dir := seedFolder(t)
		for _, name := range []string{"dot.", "blank ", "line\nbreak"} { // no blob can have these names
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Seed(testAccount, testContainer, "/mnist/sample/", dir); err != nil {
			t.Fatalf("Seed: %v", err)
		}
		put(t, s, "mnist/sample/a/0.txt", "own")
		put(t, s, "zebra", "own")
		want := []string{
			"mnist/sample/a.txt", "mnist/sample/a/0.txt", "mnist/sample/a/1.txt", "mnist/sample/a/deep/2.txt", "mnist/sample/b",
			"mnist/sample/inside", "zebra",
		}
		if diff := cmp.Diff(want, names(t, s, "")); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, listNames(t, keyClient(t, s), "")); diff != "" {
			t.Errorf("List in pages of three (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want[1:4], names(t, s, "mnist/sample/a/")); diff != "" {
			t.Errorf("List of a folder (-want +got):\n%s", diff)
		}
		if got := get(t, s, "mnist/sample/a/deep/2.txt") + get(t, s, "mnist/sample/inside"); got != "A2B" {
			t.Errorf("content = %q", got)
		}
		for _, name := range []string{"mnist/sample/outside", "mnist/sample/../secret.txt", "mnist/sample/a", "mnist/sample/", "mnist/sample/loop/b/x", "mnist/sample/dot.", "mnist/sample/blank ", "a.txt", "b"} {
			if _, _, err := s.Open(t.Context(), testAccount, testContainer, name); !errors.Is(err, ErrNotFound) {
				t.Errorf("Open %q = %v, want ErrNotFound", name, err)
			}
		}
		if w := call(t, s, "GET", testURL+"/mnist/sample/a.txt", "", map[string]string{"Range": "bytes=0-0"}); w.Code != 206 || w.Body.String() != "A" {
			t.Errorf("GET = %d %q", w.Code, w.Body)
		}
	})
}

func TestSeedIsReadOnly(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	dir := seedFolder(t)
	if err := s.Seed(testAccount, testContainer, "", dir); err != nil {
		t.Fatalf("Seed: %v", err)
	}
	before := snapshot(t, dir)
	block := map[string]string{"X-Ms-Blob-Type": "BlockBlob"}
	for _, test := range []struct {
		method, query string
		header        map[string]string
	}{
		{"PUT", "/b", block}, {"DELETE", "/b", nil}, {"PUT", "/b?comp=metadata", nil}, {"PUT", "/b?comp=properties", nil},
		{"PUT", "/b?comp=block&blockid=YQ==", nil}, {"DELETE", "?restype=container", nil},
	} {
		w := call(t, s, test.method, testURL+test.query, "x", test.header)
		if w.Code != 409 || w.Header().Get("X-Ms-Error-Code") != "BlobImmutableDueToPolicy" {
			t.Errorf("%s %s = %d %s, want 409 BlobImmutableDueToPolicy", test.method, test.query, w.Code, w.Header().Get("X-Ms-Error-Code"))
		}
	}
	if err := s.Put(t.Context(), testAccount, testContainer, "b", strings.NewReader("x"), nil); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Put = %v, want ErrReadOnly", err)
	}
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Errorf("seeded folder (-before +after):\n%s", diff)
	}
}

func TestSeedOfAMissingFolder(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	if err := s.Seed(testAccount, testContainer, "", filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Seed = %v, want ErrNotExist", err)
	}
}

// TestSeedThatCannotBe: the folder is released when the container is refused.
func TestSeedThatCannotBe(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	if err := s.Seed(testAccount, "No", "", t.TempDir()); err == nil || !strings.Contains(err.Error(), "kilnstore/No") {
		t.Errorf("Seed into a container that cannot be: %v", err)
	}
}

// TestSeedThatChanges: files and folders that go while they are shown, and own blobs over seeded
// ones.
func TestSeedThatChanges(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	dir := seedFolder(t)
	if err := s.Seed(testAccount, testContainer, "", dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "zz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for p, err := range s.List(t.Context(), testAccount, testContainer, "") {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, p.Name)
		if !p.ReadOnly || p.MD5 != nil {
			t.Errorf("%+v is not shown as a seeded file", p)
		}
	}
	if diff := cmp.Diff([]string{"a.txt", "a/1.txt", "a/deep/2.txt", "b", "inside", "zz"}, seen); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	r, _, err := s.Open(t.Context(), testAccount, testContainer, "b")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Close(), os.RemoveAll(filepath.Join(dir, "a")), os.Remove(filepath.Join(dir, "b"))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Open(t.Context(), testAccount, testContainer, "b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a file that is gone: %v, want ErrNotFound", err)
	}
	if diff := cmp.Diff([]string{"a.txt", "zz"}, names(t, s, "")); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

// TestMergeOfTwoSeeds: names come once and in their order, of whichever folder, and a loop can end
// anywhere.
func TestMergeOfTwoSeeds(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	for _, files := range [][]string{{"a", "c", "e"}, {"b", "c", "f"}} {
		dir := t.TempDir()
		for _, name := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(files[0]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Seed(testAccount, testContainer, "", dir); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, "d", "own")
	all := []string{"a", "b", "c", "d", "e", "f"}
	if diff := cmp.Diff(all, names(t, s, "")); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if got := get(t, s, "c"); got != "a" {
		t.Errorf("c is of the folder %q, want the first", got)
	}
	c, err := s.container(testAccount, testContainer)
	if err != nil {
		t.Fatal(err)
	}
	for stop := range all {
		var seen []string
		for r, err := range c.ascend("", "", 0) {
			if err != nil {
				t.Fatal(err)
			}
			if seen = append(seen, r.Name); len(seen) == stop+1 {
				break
			}
		}
		if diff := cmp.Diff(all[:stop+1], seen); diff != "" {
			t.Errorf("a loop that ends after %d (-want +got):\n%s", stop+1, diff)
		}
	}
}
