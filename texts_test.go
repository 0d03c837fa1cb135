package azmlbatch

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/texts")

// texts are what calls say to people. They stand in testdata/texts, a file for each test, so that a change of a text shows
// where it can be read:
//
//	go test . -run TestInvokeRefuses -update
type texts map[string]string

// newTexts collects the texts of a test, and compares them with its file when the test ends.
func newTexts(t *testing.T) texts {
	t.Helper()
	said := texts{}
	t.Cleanup(func() { said.check(t) })
	return said
}

// add takes what was said in a case. The folders of the test are DIR in it, fresh keys KEY, and the workspace is WORKSPACE.
func (s texts) add(name string, said any) {
	plain := func(text string) string {
		text = freshKey.ReplaceAllString(madeFolder.ReplaceAllString(text, "DIR"), "KEY")
		return signature.ReplaceAllString(strings.ReplaceAll(text, testWorkspaceID, "WORKSPACE"), "sig=REDACTED")
	}
	s[plain(name)] = plain(fmt.Sprint(said))
}

var (
	madeFolder = regexp.MustCompile(regexp.QuoteMeta(filepath.Clean(os.TempDir())) + `/Test[^/]+/\d{3}`)
	freshKey   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	signature  = regexp.MustCompile(`sig=[^ "&]*`)
)

func (s texts) check(t *testing.T) {
	t.Helper()
	file := filepath.Join("testdata", "texts", t.Name()+".txt")
	if *update && !t.Failed() {
		var b strings.Builder
		for _, name := range sortedKeys(s) {
			b.WriteString(name + "\n\t" + s[name] + "\n")
		}
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := texts{}
	for entry := range strings.SplitSeq(strings.ReplaceAll(string(content), "\n\t", "\t"), "\n") {
		name, text, _ := strings.Cut(entry, "\t")
		if _, ran := s[name]; ran || !strings.Contains(flag.Lookup("test.run").Value.String(), "/") { // else a part of the cases ran
			want[name] = text
		}
	}
	delete(want, "") // after the last line
	if runtime.GOOS == "windows" {
		return // the file system has its own words there
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("what calls say (-want +got), in %s; after reading it, write it with -update:\n%s", file, diff)
	}
}
