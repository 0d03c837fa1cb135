package scoring

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// oddNames are valid names of files. Some file systems refuse those that are not UTF-8.
func oddNames() []string {
	names := []string{"with space", " ", "new\nline", "tab\t", "quote'\"", "-dash", "--input=x", "a=b", "*?[", `back\slash`, "%s%d", "é", "青磁", "🏺", "e\u0301",
		"\x01\x7f", "\r", "trailing.", strings.Repeat("x", 255), strings.Repeat("ä", 127)}
	if runtime.GOOS == "linux" {
		names = append(names, "\xff\xfe", "half \xc3", "\xed\xa0\xbc")
	}
	return names
}

// TestRobustNames: scripts get file names unchanged.
func TestRobustNames(t *testing.T) {
	job := newJob(t, "import os\ndef run(b):\n    return [os.fsencode(os.path.basename(p)).hex() + ' ' + open(p).read() for p in b]", 0)
	job.MiniBatchSize = 3
	var want []string
	for _, name := range oddNames() {
		writeFile(t, filepath.Join(job.Input, name), "in")
		want = append(want, hex.EncodeToString([]byte(name))+" in")
	}
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, lines(t, got.OutputFile)); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// TestRobustNamesAsRows: names that a script returns are written unchanged.
func TestRobustNamesAsRows(t *testing.T) {
	job := newJob(t, echo, 0)
	job.MiniBatchSize = 1
	var want strings.Builder
	for _, name := range slices.Sorted(slices.Values(oddNames())) {
		writeFile(t, filepath.Join(job.Input, name), "")
		want.WriteString(name + "\n")
	}
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), readFile(t, got.OutputFile)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// hardNames have the same difficulties in fewer names, for tests with one job per name.
func hardNames() []string {
	names := []string{"a\nb 'c' \"d\" *?[ %s \\ é青🏺 =,;", strings.Repeat("x", 255)}
	if runtime.GOOS == "linux" {
		names = append(names, "\xff half \xc3")
	}
	return names
}

// TestRobustNamesInErrors: errors have the unchanged name of the file, and scripts can print it.
func TestRobustNamesInErrors(t *testing.T) {
	for _, name := range hardNames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := newJob(t, "def run(b):\n    for p in b:\n        print(p)\n        if open(p).read() == 'bad':\n            raise ValueError(p)\n    return b", 2)
			job.ErrorThreshold, job.MaxRetries = new(0), new(1)
			path := filepath.Join(job.Input, name)
			writeFile(t, path, "bad")
			_, err := Run(t.Context(), job)
			var failure *Failure
			if !errors.As(err, &failure) || failure.Cause == nil || failure.Cause.File != path || !strings.HasPrefix(failure.Cause.Message, "ValueError") {
				t.Errorf("Run = %v\nfile %q, want %q", err, failure.Cause.File, path)
			}
		})
	}
}

// TestRobustFolderNames: all folders of a job, and its script, can have any name.
func TestRobustFolderNames(t *testing.T) {
	for _, name := range hardNames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := newJob(t, "", 2)
			root := filepath.Join(filepath.Dir(job.Code), name)
			job.Code, job.Script = filepath.Join(root, "code"), "a score.py"
			writeFile(t, filepath.Join(job.Code, job.Script), echo+"import azureml_user.parallel_run as p\np.EntryScript().logger.info('here')\n")
			writeFile(t, filepath.Join(job.Code, "helper.py"), helperModule)
			for _, path := range []*string{&job.Input, &job.Model} {
				moved := filepath.Join(root, filepath.Base(*path))
				if err := os.Rename(*path, moved); err != nil {
					t.Fatal(err)
				}
				*path = moved
			}
			job.Output, job.Logs = filepath.Join(root, "out"), filepath.Join(root, "logs")
			got, err := Run(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"a00.txt", "a01.txt"}, lines(t, got.OutputFile)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRobustUntouchedFolders: nothing is written to the folders of code, model and input, not even
// bytecode.
func TestRobustUntouchedFolders(t *testing.T) {
	job := newJob(t, `
import os, subprocess, sys
import helper, package.module

MODEL = os.path.join(os.environ["AZUREML_MODEL_DIR"], "model")
sys.path.append(MODEL)
import architecture

def run(mini_batch):
    open(os.path.join(MODEL, "cache.bin"), "w").close()
    os.remove(os.path.join(MODEL, "weights.txt"))
    subprocess.run([sys.executable, "-c", "import helper"], cwd=os.path.dirname(__file__), check=True)
    return helper.names(mini_batch)
`, 2)
	writeFile(t, filepath.Join(job.Code, "package", "__init__.py"), "")
	writeFile(t, filepath.Join(job.Code, "package", "module.py"), "")
	writeFile(t, filepath.Join(job.Model, "architecture.py"), "")
	job.Env["PYTHONDONTWRITEBYTECODE"] = "" // which means off
	before := []map[string]string{snapshot(t, job.Code), snapshot(t, job.Model), snapshot(t, job.Input)}
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	after := []map[string]string{snapshot(t, job.Code), snapshot(t, job.Model), snapshot(t, job.Input)}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("folders of code, model and input (-before +after):\n%s", diff)
	}
}
