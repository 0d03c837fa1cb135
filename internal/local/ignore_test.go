package local

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// The answers are those of git check-ignore --no-index.
func TestIgnorePatterns(t *testing.T) {
	tests := []struct {
		lines, name string
		ignored     bool
	}{
		{"*.pyc", "a.pyc", true},
		{"*.pyc", "sub/a.pyc", true},
		{"*.pyc", "a.pyc.txt", false},
		{"*.pyc", ".pyc", true},
		{"a.txt", "a.txt", true},
		{"a.txt", "sub/a.txt", true},
		{"a.txt", "sub/deep/a.txt", true},
		{"a.txt", "ba.txt", false},
		{"/a.txt", "a.txt", true},
		{"/a.txt", "sub/a.txt", false},
		{"sub/a.txt", "sub/a.txt", true},
		{"sub/a.txt", "other/sub/a.txt", false},
		{"sub/*.txt", "sub/a.txt", true},
		{"sub/*.txt", "sub/deep/a.txt", false},
		{"sub", "sub/a.txt", true},
		{"sub", "other/sub/a.txt", true},
		{"sub", "sub", true},
		{"sub/", "sub/a.txt", true},
		{"sub/", "other/sub/a.txt", true},
		{"sub/", "sub", false},
		{"/sub/", "sub/a.txt", true},
		{"/sub/", "other/sub/a.txt", false},
		{"sub/deep/", "sub/deep/a", true},
		{"sub/deep/", "x/sub/deep/a", false},
		{"**/a.txt", "a.txt", true},
		{"**/a.txt", "x/y/a.txt", true},
		{"**/sub/a.txt", "sub/a.txt", true},
		{"**/sub/a.txt", "x/sub/a.txt", true},
		{"sub/**", "sub/a", true},
		{"sub/**", "sub/x/y", true},
		{"sub/**", "sub", false},
		{"b\\ ", "b ", true},
		{"*[-_]old", "a-old", true},
		{"*[_-]old", "a-old", true},
		{"*[_-]old", "a.old", false},
		{"[!-]x", "-x", false},
		{"[!-]x", "ax", true},
		{"[]-]x", "]x", true},
		{"[[!a]x", "!x", true},
		{"[[!a]x", "bx", false},
		{`\[!a]`, "[!a]", true},
		{"b\\ \r", "b ", true},
		{"b\\  ", "b ", true},
		{"b\\ \r", "b", false},
		{"b\\\\ ", `b\`, true},
		{"a\\ b\r", "a b", true},
		{"b\\\r", "b ", false},
		{"sub/**/a", "sub/a", true},
		{"sub/**/a", "sub/x/a", true},
		{"sub/**/a", "sub/x/y/a", true},
		{"sub/**/a", "sub/x/b", false},
		{"a/**/b/c", "a/b/x/b/c", true},
		{"a/**/b/c", "a/b/c", true},
		{"a/**/b/c", "a/b/x/c", false},
		{"**", "a", true},
		{"**", "a/b", true},
		{"**/", "a", false},
		{"**/", "a/b", true},
		{"*", "a", true},
		{"*", "a/b", true},
		{"/*", "a", true},
		{"/*", "a/b", true},
		{"?.txt", "a.txt", true},
		{"?.txt", "ab.txt", false},
		{"[ab].txt", "a.txt", true},
		{"[ab].txt", "c.txt", false},
		{"[!ab].txt", "a.txt", false},
		{"[!ab].txt", "c.txt", true},
		{"[^ab].txt", "c.txt", true},
		{"[a-c].txt", "b.txt", true},
		{"[a-c].txt", "d.txt", false},
		{"[]].txt", "].txt", true},
		{"a[", "a[", false},
		{"\\#x", "#x", true},
		{"#x", "#x", false},
		{"\\!x", "!x", true},
		{"x\\*y", "x*y", true},
		{"x\\*y", "xay", false},
		{"a\\ ", "a ", true},
		{"a ", "a", true},
		{"a b", "a b", true},
		{"a**b", "axxb", true},
		{"a**b", "a/b", false},
		{"a*b", "a/b", false},
		{"sub/a*", "sub/abc", true},
		{"sub/a*", "sub/abc/d", true},
		{"foo*bar", "foobar", true},
		{"foo*bar", "foo/bar", false},
		{"Foo", "foo", false},
		{"ö.txt", "ö.txt", true},
		{".*", ".git2", true},
		{".*", "a/.b/c", true},
		{"*.d/", "x.d/f", true},
		{"*.d/", "x.d", false},
		{"*/a", "x/a", true},
		{"*/a", "a", false},
		{"*/a", "x/y/a", false},
		{"a//b", "a/b", false},
		{"a/./b", "a/b", false},
		{"./a", "a", false},
		{"../a", "a", false},
		{"a/", "a/b/c", true},
		{"[^ab].txt", "a.txt", false},
		{"[!]].txt", "].txt", false},
		{"[!]].txt", "x.txt", true},
		{"a[]", "a[]", false},
		{"*.txt\n!keep.txt", "keep.txt", false},
		{"*.txt\n!keep.txt", "a.txt", true},
		{"!keep.txt\n*.txt", "keep.txt", true},
		{"out/*\n!out/keep.txt", "out/keep.txt", false},
		{"out/*\n!out/keep.txt", "out/a", true},
		{"/*\n!/src", "src/a", false},
		{"/*\n!/src", "b", true},
		{"# comment\n\na", "a", true},
		{"a\r", "a", true},
		{"!a", "a", false},
		{"sub\n!sub/x", "sub/y", true},
	}
	for _, tt := range tests {
		checkIgnored(t, tt.lines, tt.name, tt.ignored)
	}
}

func checkIgnored(t *testing.T, lines, name string, want bool) {
	t.Helper()
	var rules ignoreRules
	for line := range strings.SplitSeq(lines, "\n") {
		if p, ok := parseIgnorePattern(line); ok {
			rules = append(rules, p)
		}
	}
	if got := rules.excludes(name); got != want {
		t.Errorf("%q ignores %q: %v, want %v", lines, name, got, want)
	}
}

// What az ml does otherwise than git: the last line that matches decides about each file on its own, and all blanks at the
// end of a line go.
func TestIgnorePatternsOfAzML(t *testing.T) {
	for _, tt := range []struct {
		lines, name string
		ignored     bool
	}{
		{"out/\n!out/keep.txt", "out/keep.txt", false},
		{"out/\n!out/keep.txt", "out/a.txt", true},
		{"a\t", "a", true},
	} {
		checkIgnored(t, tt.lines, tt.name, tt.ignored)
	}
}

func TestIgnoreFiles(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  []string // names to upload
	}{
		{"none", map[string]string{"a": "", "b/c": ""}, []string{"a", "b/c"}},
		{".gitignore, which goes along", map[string]string{".gitignore": "b/\n", "a": "", "b/c": ""}, []string{".gitignore", "a"}},
		{".amlignore alone when there are both", map[string]string{".gitignore": "a\n", ".amlignore": "b\n", "a": "", "b": ""}, []string{".amlignore", ".gitignore", "a"}},
		{"none of sub-folders", map[string]string{"sub/.amlignore": "c\n", "sub/c": ""}, []string{"sub/.amlignore", "sub/c"}},
		{"a file brought back", map[string]string{".amlignore": "out/\n!out/keep\n", "out/keep": "", "out/x": ""}, []string{".amlignore", "out/keep"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files, err := Scan(storeFiles(t, tt.files))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, fileNames(files)); diff != "" {
				t.Errorf("uploaded (-want +got):\n%s", diff)
			}
		})
	}
}

// Editors and shells of Windows write ignore files so.
func TestIgnoreFilesOfWindows(t *testing.T) {
	const lines = "secret.env\r\n*.tmp\r\n!keep.tmp\r\nö.txt\r\n"
	utf16le, utf16be := []byte{0xff, 0xfe}, []byte{0xfe, 0xff}
	for _, u := range utf16.Encode([]rune(lines)) {
		utf16le = binary.LittleEndian.AppendUint16(utf16le, u)
		utf16be = binary.BigEndian.AppendUint16(utf16be, u)
	}
	for name, content := range map[string]string{"CRLF": lines, "UTF-8 with a mark": "\ufeff" + lines, "UTF-16": string(utf16le), "UTF-16, big end first": string(utf16be)} {
		t.Run(name, func(t *testing.T) {
			files, err := Scan(storeFiles(t, map[string]string{".amlignore": content, "secret.env": "", "a.tmp": "", "keep.tmp": "", "ö.txt": "", "score.py": ""}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{".amlignore", "keep.tmp", "score.py"}, fileNames(files)); diff != "" {
				t.Errorf("uploaded (-want +got):\n%s", diff)
			}
		})
	}
}

// What is ignored is not looked at: it may be anything, also where a later line brings something back.
func TestIgnoredIsNotLookedAt(t *testing.T) {
	for _, lines := range []string{"bad\n", "bad/\n", "bad\n!keep\n", "bad/\n!keep\n", "bad/\n!bad/keep\n", "/bad\n!/other\n"} {
		for name, make := range map[string]func(t *testing.T, bad string){
			"a loop":                 func(t *testing.T, bad string) { link(t, filepath.Dir(bad), bad) },
			"a link to nothing":      func(t *testing.T, bad string) { link(t, "none", bad) },
			"a folder without right": func(t *testing.T, bad string) { lock(t, bad) },
		} {
			if name == "a link to nothing" && strings.HasPrefix(lines, "bad/") {
				continue // no folder: the line does not ignore it
			}
			t.Run(lines+name, func(t *testing.T) {
				dir := storeFiles(t, map[string]string{".amlignore": lines, "a": "", "keep": ""})
				make(t, filepath.Join(dir, "bad"))
				files, err := Scan(dir)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{".amlignore", "a", "keep"}, fileNames(files)); diff != "" {
					t.Errorf("uploaded (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// A file that a later line brings back must be readable as any other.
func TestWhatIsBroughtBackIsLookedAt(t *testing.T) {
	dir := storeFiles(t, map[string]string{".amlignore": "out/\n!out/keep\n", "out/x": ""})
	link(t, "none", filepath.Join(dir, "out", "keep"))
	var bad *Error
	if _, err := Scan(dir); !errors.As(err, &bad) || !strings.HasSuffix(bad.Path, "keep") {
		t.Errorf("Scan = %v, want an Error about the file that is brought back", err)
	}
}

// lock makes a folder that cannot be read.
func lock(t *testing.T, dir string) {
	t.Helper()
	mkdir(t, dir)
	touch(t, filepath.Join(dir, "x"))
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) }) // to remove it
}

// A single file is never ignored; the ignore file beside it is not read.
func TestIgnoreFileDoesNotCountForAFile(t *testing.T) {
	dir := storeFiles(t, map[string]string{".amlignore": "*", "a.txt": "1"})
	files, err := Scan(filepath.Join(dir, "a.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.txt"}, fileNames(files)); diff != "" {
		t.Errorf("uploaded (-want +got):\n%s", diff)
	}
}

// TestIgnoreFilesThatAreNoText would ignore nothing, and what they name would be uploaded.
func TestIgnoreFilesThatAreNoText(t *testing.T) {
	for name, content := range map[string]string{
		"UTF-16 without a mark":                "s\x00e\x00c\x00r\x00e\x00t\x00\n\x00",
		"UTF-16 without a mark, big end first": "\x00s\x00e\x00c\x00r\x00e\x00t\x00\n",
		"UTF-32":                               "\xff\xfe\x00\x00s\x00\x00\x00\n\x00\x00\x00",
		"UTF-32, big end first":                "\x00\x00\xfe\xff\x00\x00\x00s\x00\x00\x00\n",
	} {
		for _, file := range ignoreFiles {
			var bad *Error
			_, err := Scan(storeFiles(t, map[string]string{file: content, "secret": ""}))
			if !errors.As(err, &bad) || !errors.Is(err, errNotText) || !strings.Contains(bad.Remedy, "UTF-8") {
				t.Errorf("%s in %s: %v, want an Error that says how to save it", name, file, err)
			}
		}
	}
}

func TestIgnoreFileThatCannotBeReadIsAnError(t *testing.T) {
	dir := storeFiles(t, map[string]string{"a.txt": "1"})
	if err := os.Mkdir(filepath.Join(dir, ".amlignore"), 0o755); err != nil {
		t.Fatal(err)
	}
	var bad *Error
	if _, err := Scan(dir); !errors.As(err, &bad) {
		t.Errorf("scan = %v, want an Error", err)
	}
}

func fileNames(files *Tree) (names []string) {
	for _, f := range files.Files {
		names = append(names, f.Name)
	}
	return names
}
