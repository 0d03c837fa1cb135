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
		for _, name := range []string{"mnist/sample/outside", "mnist/sample/../secret.txt", "mnist/sample/a", "mnist/sample/", "mnist/sample/loop/b/x", "mnist/sample/dot.", "mnist/sample/blank "} {
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
