package scoring

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tries is a script whose run does one thing to a file, and returns what came of it.
func tries(what string) string {
	return "import os, pathlib, shutil\ndef do(f, folder, model, out):\n    " + what + `
def run(b):
    rows = []
    for f in b:
        try:
            do(f, os.path.dirname(f), os.path.join(os.environ["AZUREML_MODEL_DIR"], "model"), os.environ["AZUREML_BI_OUTPUT_PATH"])
            rows.append("done")
        except OSError as error:
            rows.append(f"{error.errno} {os.path.basename(str(error.filename))}")
    return rows
`
}

// TestRulesReadOnly: the input is a read-only mount, and the files of the model belong to the
// caller.
func TestRulesReadOnly(t *testing.T) {
	tests := []struct{ name, do, want string }{
		{"write", "open(f, 'w')", "30 a00.txt\n"},
		{"append", "open(f, 'ab')", "30 a00.txt\n"},
		{"read and write", "os.open(f, os.O_RDWR)", "30 a00.txt\n"},
		{"a path that is no text", "pathlib.Path(f).write_text('x')", "30 a00.txt\n"},
		{"a path of bytes", "open(os.fsencode(f), 'w')", "30 a00.txt'\n"},
		{"a new file", "open(f + '.done', 'x')", "30 a00.txt.done\n"},
		{"a relative path", "open(os.path.relpath(f), 'w')", "30 a00.txt\n"},
		{"a link to the input", "os.symlink(folder, 'here')\n    open('here/a00.txt', 'w')", "30 a00.txt\n"},
		{"remove", "os.remove(f)", "30 a00.txt\n"},
		{"rename", "os.rename(f, f + '.done')", "30 a00.txt\n"},
		{"move into it", "open('x', 'w').close()\n    os.replace('x', f)", "30 a00.txt\n"},
		{"truncate", "os.truncate(f, 0)", "30 a00.txt\n"},
		{"make a folder", "os.makedirs(os.path.join(folder, 'sub'))", "30 sub\n"},
		{"remove all", "shutil.rmtree(folder)", "30 a00.txt\n"},
		{"read", "open(f).read()", "done\n"},
		{"copy out of it", "shutil.copy(f, out)", "done\n"},
		{"the output", "open(os.path.join(out, 'x'), 'w').close()", "done\n"},
		{"the working folder", "open('x', 'w').close()\n    os.rename('x', 'y')\n    os.remove('y')", "done\n"},
		{"a file of the model", "open(os.path.join(model, 'weights.txt'), 'w')", "30 weights.txt\n"},
		{"a file added to the model", "open(os.path.join(model, 'cache'), 'w').close()", "done\n"},
		{"a file of the model replaced", "os.remove(os.path.join(model, 'weights.txt'))", "done\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job := newJob(t, tries(tt.do), 1)
			input, weights := filepath.Join(job.Input, "a00.txt"), filepath.Join(job.Model, "weights.txt")
			before := readFile(t, input) + readFile(t, weights)
			got, err := Run(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, readFile(t, got.OutputFile)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if after := readFile(t, input) + readFile(t, weights); after != before {
				t.Errorf("input and model were %q and are %q", before, after)
			}
			if files, err := os.ReadDir(job.Input); err != nil || len(files) != 1 {
				t.Errorf("the input has %v, %v", files, err)
			}
		})
	}
}

// TestRulesReadOnlyPlaces: one file as the input, an output and logs within the input, and an MLflow
// model, whose files are hard links.
func TestRulesReadOnlyPlaces(t *testing.T) {
	tests := []struct {
		name, do string
		change   func(*testing.T, *Job)
		want     string
	}{
		{"the one file", "open(f, 'w')", func(_ *testing.T, j *Job) { j.Input = filepath.Join(j.Input, "a00.txt") }, "30 a00.txt\n"},
		{"an output in the input", "open(os.path.join(out, 'x'), 'w').close()", func(_ *testing.T, j *Job) { j.Output = filepath.Join(j.Input, "out") }, "done\n"},
		{"beside that output", "open(os.path.join(folder, 'x'), 'w')", func(_ *testing.T, j *Job) { j.Output = filepath.Join(j.Input, "out") }, "30 x\n"},
		{"logs in the input", "from azureml_user.parallel_run import EntryScript\n    EntryScript().logger.warning('hot')", func(_ *testing.T, j *Job) { j.Logs = filepath.Join(j.Input, "logs") }, "done\n"},
		{"an MLflow model", "open(os.path.join(model, 'MLmodel'), 'a')", func(t *testing.T, j *Job) {
			writeFile(t, filepath.Join(j.Model, "MLmodel"), "flavors: {}")
		}, "30 MLmodel\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job := newJob(t, tries(tt.do), 1)
			tt.change(t, &job)
			got, err := Run(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, readFile(t, got.OutputFile)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRulesReadOnlyTemporaryFolder: the input is where the job has its own temporary folder too, in
// which its scripts may write.
func TestRulesReadOnlyTemporaryFolder(t *testing.T) {
	for do, want := range map[string]string{"open('x', 'w').close()": "done\n", "open(os.path.join(folder, 'x'), 'w')": "30 x\n"} {
		job := newJob(t, tries(do), 1)
		t.Setenv("TMPDIR", job.Input)
		got, err := Run(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, readFile(t, got.OutputFile)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", do, diff)
		}
	}
}

func TestReadOnlyHint(t *testing.T) {
	got := firstError(t, newJob(t, "def run(b):\n    open(b[0], 'w')\n    return b", 1))
	if !strings.Contains(got.Message, "Read-only file system") || !strings.Contains(got.Hint, "AZUREML_BI_OUTPUT_PATH") {
		t.Errorf("message %q, hint %q", got.Message, got.Hint)
	}
	if !strings.Contains(got.Traceback, "score.py\", line ") || strings.Contains(got.Traceback, "azmlbatch_") {
		t.Errorf("traceback with other frames than the script's:\n%s", got.Traceback)
	}
}
