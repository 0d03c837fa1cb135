package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/internal/local"
)

// hashCase is a file or folder. A content that begins with "->" is a link to what follows.
type hashCase struct {
	name    string
	files   map[string]string
	path    string // of what is uploaded, within the files' folder; "" for the folder
	differs string // why our code hash is another one; "" when it is the same
}

// hashCases are what no recording shows. Names that differ in case only are left out: azure-ai-ml
// takes them in the order of the file system.
func hashCases() []hashCase {
	cases := []hashCase{
		{name: "folders in folders", files: map[string]string{"a.txt": "1", "b/c.txt": "2", "b/d/e.txt": "3", "b/d/f/g.txt": "4", "z": "5"}},
		{name: "a folder between files", files: map[string]string{"a": "1", "b/x": "2", "b.txt": "3", "b-": "4", "c": "5"}},
		{name: "upper and lower case", files: map[string]string{"B.txt": "1", "a.txt": "2", "C/D.txt": "3", "c2": "4", "_x": "5"}},
		{name: "empty files", files: map[string]string{"empty": "", "sub/empty": "", "full": "x"}},
		{name: "only an empty file", files: map[string]string{"empty": ""}},
		{name: "odd names", files: map[string]string{"a b": "1", "ü+#%.txt": "2", "日本/語": "3", "'q\"": "4", ".hidden": "5", "~tmp": "6", "🙂/x": "7", "a&b=c?d*": "8"}},
		{name: "letters whose lower case is longer", files: map[string]string{"İx": "1", "iy": "2", "iz": "3", "j": "4"}},
		{name: "a sigma at the end of a word", files: map[string]string{"ΟΔΟΣ": "1", "οδοσ2": "2", "οδοτ": "3", "ΟΔΟΣ.A": "4"}},
		{name: "letters of large alphabets", files: map[string]string{"Äpfel": "1", "ärger": "2", "ẞ": "3", "Ⅷ": "5", "ⅷb": "6", "Ⓐ": "7", "𐐀": "8"}},
		{name: "links to files", files: map[string]string{"real": "x", "link": "->real", "sub/link": "->../real"}},
		{name: "a link to a folder", files: map[string]string{"in/a": "1", "in/b/c": "2", "zlink": "->in"}},
		{name: "a link out of the folder", files: map[string]string{"src/a": "1", "src/out": "->../other", "other/x": "2", "src/file": "->../other/x"}, path: "src"},
		{name: "a link to a link", files: map[string]string{"real": "x", "one": "->real", "two": "->one"}},
		{name: "a file", files: map[string]string{"model.pkl": "weights"}, path: "model.pkl"},
		{name: "an empty file", files: map[string]string{"model.pkl": ""}, path: "model.pkl"},
		{name: "a link that is uploaded", files: map[string]string{"real.pkl": "x", "model.pkl": "->real.pkl"}, path: "model.pkl",
			differs: "azure-ai-ml counts the name of the target"},
		{name: "a file with an ignore file beside it", files: map[string]string{"model.pkl": "x", ".amlignore": "*"}, path: "model.pkl"},
		{name: "ignored files", files: map[string]string{".amlignore": "*.log\nout/\n!keep.log\n", "a.log": "1", "keep.log": "2", "out/x": "3", "sub/b.log": "4", "sub/c": "5"}},
		{name: "a .gitignore", files: map[string]string{".gitignore": "build\n/top\n**/deep\n", "build/x": "1", "top": "2", "sub/top": "3", "a/deep/y": "4"}},
		{name: "both ignore files", files: map[string]string{".gitignore": "a\n", ".amlignore": "b\n", "a": "1", "b": "2"}},
	}
	for seed := range uint64(60) {
		cases = append(cases, hashCase{name: fmt.Sprint("at random ", seed), files: randomTree(rand.New(rand.NewPCG(seed, 4)))})
	}
	return cases
}

// randomTree has files in folders, with names that sort differently in upper and lower case.
func randomTree(random *rand.Rand) map[string]string {
	const letters = "abCDxY_-.0 ~ö"
	name := func() string {
		var b strings.Builder
		for range 1 + random.IntN(4) {
			b.WriteRune([]rune(letters)[random.IntN(13)])
		}
		return strings.Trim(b.String(), ". ") + "q"
	}
	folders, taken, files := []string{""}, map[string]bool{}, map[string]string{}
	for range 2 + random.IntN(30) {
		path := folders[random.IntN(len(folders))] + name()
		if taken[strings.ToLower(path)] {
			continue
		}
		taken[strings.ToLower(path)] = true
		if random.IntN(4) == 0 {
			folders = append(folders, path+"/")
			path += "/" + name()
			taken[strings.ToLower(path)] = true
		}
		files[path] = strings.Repeat(path, random.IntN(3))
	}
	return files
}

// TestHashesOfAzureAIML holds the hashes of uploads and code against azure-ai-ml's own functions.
// AZMLBATCH_AZURE_AI_ML is a Python that has it; without it the test is skipped.
func TestHashesOfAzureAIML(t *testing.T) {
	python := os.Getenv("AZMLBATCH_AZURE_AI_ML")
	if python == "" {
		t.Skip("AZMLBATCH_AZURE_AI_ML names no Python with azure-ai-ml; .ci/run installs one")
	}
	got, want := map[string][]string{}, map[string][]string{}
	cases := map[string]hashCase{} // by path
	var paths []string
	for _, c := range hashCases() {
		path := filepath.Join(writeTree(t, c.files), c.path)
		paths, cases[path] = append(paths, path), c
		got[c.name] = localHashes(t, path)
	}
	for path, hashes := range askAzureAIML(t, python, paths) {
		c := cases[path]
		if c.differs != "" {
			if hashes[1] == got[c.name][1] {
				t.Errorf("%s: the code hash is the same, although %s", c.name, c.differs)
			}
			hashes[1] = got[c.name][1]
		}
		want[c.name] = hashes
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("upload hash and code hash (-azure-ai-ml +ours):\n%s", diff)
	}
}

func localHashes(t *testing.T, path string) []string {
	t.Helper()
	tree, err := local.Scan(path)
	if err != nil {
		t.Fatal(err)
	}
	upload, err := tree.UploadHash(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	code, err := tree.CodeHash(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return []string{upload, code}
}

func askAzureAIML(t *testing.T, python string, paths []string) (hashes map[string][]string) {
	t.Helper()
	input, err := json.Marshal(paths)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, filepath.Join("python", "hashes.py"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &hashes); err != nil {
		t.Fatal(err)
	}
	return hashes
}

// writeTree writes files and links into a new folder.
func writeTree(t *testing.T, content map[string]string) string {
	t.Helper()
	plain := map[string]string{}
	for name, text := range content {
		if !strings.HasPrefix(text, "->") {
			plain[name] = text
		}
	}
	dir := writeFiles(t, plain)
	for name, text := range content {
		target, isLink := strings.CutPrefix(text, "->")
		if !isLink {
			continue
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.FromSlash(target), file); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
