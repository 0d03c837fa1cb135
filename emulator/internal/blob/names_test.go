package blob

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	azb "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	azsas "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/google/go-cmp/cmp"
)

// awkwardNames are names that the service keeps and that a file system would rather not have.
var awkwardNames = []string{
	"a", "a/b", "a/b/", "a//b", "/a", "A", "a~", "a~.json", "%61", "con", ".hidden", "..a/b", " leading", "back\\slash", "ümläut",
	"~", "!a", "+x", "\ufffe", strings.Repeat("é", 1024), strings.Repeat("d/", 250) + "end", strings.Repeat("é/", 253) + "é",
}

// impossibleNames are names that no blob can have.
var impossibleNames = []string{
	"", ".", "..", "...", "../../escape", "a/./b", "a/../b", "a/...", "trailing ", "trailing /a", "a/ ", " ", "dot. ", "blank .", "new\nline",
	"\x00", "tab\t", "\x1f", "del\x7f", "next\u0085", "\u009f/a", "not UTF-8 \xff", strings.Repeat("é", 1025),
	strings.Repeat("d/", 254) + "end",
}

func TestImpossibleNames(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		for _, name := range impossibleNames {
			if err := s.Put(t.Context(), testAccount, testContainer, name, strings.NewReader("x"), nil); err == nil {
				t.Errorf("Put %q: no error", name)
			}
			if name == "" {
				continue // the URL of the container
			}
			for _, method := range []string{"PUT", "GET"} {
				w := call(t, s, method, testURL+"/"+strings.ReplaceAll(url.PathEscape(name), ".", "%2E"), "",
					map[string]string{"X-Ms-Blob-Type": "BlockBlob"})
				if w.Code != 400 || w.Header().Get("X-Ms-Error-Code") != "InvalidUri" {
					t.Errorf("%s %q = %d %s, want 400 InvalidUri", method, name, w.Code, w.Header().Get("X-Ms-Error-Code"))
				}
			}
		}
		if got := names(t, s, ""); got != nil {
			t.Errorf("refused names left %q", got)
		}
	})
}

// The service drops the dots at the end of a segment: in what it stores, in what it looks for, and
// in the path that a signature is good for (github.com/Azure/azure-sdk-for-java issue 36674,
// Azure/azure-storage-ruby issue 191).
func TestDotsAtTheEndOfSegments(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		c := keyClient(t, s)
		if _, err := c.NewBlockBlobClient("kiln./firing../log...").UploadBuffer(t.Context(), []byte("clay"), nil); err != nil {
			t.Fatal(err)
		}
		if got := listNames(t, c, ""); !cmp.Equal(got, []string{"kiln/firing/log"}) {
			t.Errorf("list = %q, want the name without the dots", got)
		}
		if got := download(t, c, "kiln/firing./log", azb.HTTPRange{}); got != "clay" {
			t.Errorf("download = %q", got)
		}
		sasURL, err := c.NewBlobClient("kiln/firing/log").GetSASURL(azsas.BlobPermissions{Read: true}, time.Now().Add(time.Hour), nil)
		if err != nil {
			t.Fatal(err)
		}
		if w := call(t, s, "GET", strings.Replace(sasURL, "/log?", "/log.?", 1), "", nil); w.Code != 200 {
			t.Errorf("GET of log. with a SAS for log = %d %s", w.Code, w.Body)
		}
		if got := get(t, s, "kiln/firing/log."); got != "clay" {
			t.Errorf("Open = %q", got)
		}
		put(t, s, "kiln/firing/log..", "glaze")
		if got := get(t, s, "kiln/firing/log"); got != "glaze" {
			t.Errorf("Put of log.. left %q in log", got)
		}
		if err := s.Delete(t.Context(), testAccount, testContainer, "kiln/firing/log."); err != nil {
			t.Errorf("Delete of log. = %v", err)
		}
	})
}

func TestAwkwardNames(t *testing.T) {
	t.Parallel()
	outer := t.TempDir()
	dir := filepath.Join(outer, "one", "two", "data")
	s := newTestService(t, dir)
	for _, name := range awkwardNames {
		put(t, s, name, "of "+name)
	}
	again := newTestService(t, dir)
	for _, name := range awkwardNames {
		if got := get(t, again, name); got != "of "+name {
			t.Errorf("%q after a restart = %q", name, got)
		}
	}
	if got, want := len(names(t, again, "")), len(awkwardNames); got != want {
		t.Errorf("%d names after a restart, want %d", got, want)
	}
	entries, err := os.ReadDir(filepath.Join(outer, "one", "two"))
	if err != nil || len(entries) != 1 {
		t.Errorf("files outside the folder: %v, %v", entries, err)
	}
}

// TestLengthsOfNames: accounts have 3 to 24 letters and digits, containers 3 to 63.
func TestLengthsOfNames(t *testing.T) {
	for length, want := range map[int][2]bool{2: {false, false}, 3: {true, true}, 24: {true, true}, 25: {false, true}, 63: {false, true}, 64: {false, false}} {
		name := strings.Repeat("k", length)
		if got := [2]bool{validAccountName(name), checkContainerName(name) == nil}; got != want {
			t.Errorf("%d letters: account and container valid %v, want %v", length, got, want)
		}
	}
	for _, name := range []string{"Kiln", "kiln-one", "kiln_1", "ofen\u00e4"} {
		if validAccountName(name) {
			t.Errorf("an account named %q is valid", name)
		}
	}
}

// TestDiskStem pins where the blobs of a data folder are: another version of the emulator finds them
// there.
func TestDiskStem(t *testing.T) {
	for name, want := range map[string]string{
		"Score/a b.csv":                      "!score~/a%20b.csv",
		"a.b/.c/d.":                          "a.b~/%2ec~/d%2e",
		strings.Repeat("x", 180):             strings.Repeat("x", 180),
		strings.Repeat("x", 181):             strings.Repeat("x", 90) + "+dc31ed5afb940294fdd687c69bbba2ae",
		strings.Repeat("xy/", 499) + "abcd":  strings.Repeat("xy~/", 499) + "abcd",
		strings.Repeat("xy/", 499) + "abcde": "+263b450f4634647a70d32c7762ac3987",
	} {
		if got := diskStem(name); got != filepath.FromSlash(want) {
			t.Errorf("diskStem(%.30q of %d bytes) = %q, want %q", name, len(name), got, want)
		}
	}
}
