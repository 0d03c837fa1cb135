package scoring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRulesRows: how a list is written. DataFrames are in the suite, because they need pandas.
func TestRulesRows(t *testing.T) {
	list := func(elements string) string { return "def run(b):\n    return [" + elements + "]" }
	checkRules(t, []rule{
		{name: "one line for each element, no header, no marker between mini-batches", script: echo, files: 3, change: func(j *Job) { j.MiniBatchSize = 1 }, text: "a00.txt\na01.txt\na02.txt\n"},
		{name: "str() of each", script: list("None, True, 1, 0.5, 1e-7, 1.0"), text: "None\nTrue\n1\n0.5\n1e-07\n1.0\n"},
		{name: "a list element", script: list("['a', 1]"), text: "['a', 1]\n"},
		{name: "a dict element", script: list("{'a': None}"), text: "{'a': None}\n"},
		{name: "bytes", script: list("b'x'"), text: "b'x'\n"},
		{name: "an object with a text of its own", script: "class P:\n    def __str__(self):\n        return 'pot'\n" + list("P()"), text: "pot\n"},
		{name: "nothing is quoted or escaped", script: list(`'a "b", c', '\\', 'tab\there'`), text: "a \"b\", c\n\\\ntab\there\n"},
		{name: "an element with a newline is two lines", script: list(`'a\nb'`), text: "a\nb\n"},
		{name: "an empty element is an empty line", script: list("'', 'x', ''"), text: "\nx\n\n"},
		{name: "UTF-8", script: list(`'céladon 青磁 \U0001F3FA'`), text: "céladon 青磁 🏺\n"},
		{name: "a surrogate that no UTF-8 has", script: list(`'\ud83c'`), text: "\\ud83c\n"},
		{name: "a NUL", script: list(`'a\0b'`), text: "a\x00b\n"},
		{name: "a long element", script: list("'x' * (1 << 20)"), text: strings.Repeat("x", 1<<20) + "\n"},
		{name: "many elements", script: list("*range(25000)"), files: 1, items: Items{1, 1, 0}, text: numbers(25000)},
		{name: "the rows of one process keep its order", script: "n = 0\ndef run(b):\n    global n\n    n += 1\n    return [n, n]", files: 100, change: func(j *Job) { j.MiniBatchSize = 1 },
			text: doubled(100)},
		{name: "the processes' rows are joined", script: meeting, files: 2, change: func(j *Job) { j.MiniBatchSize, j.MaxConcurrencyPerInstance = 1, 2 }, rows: []string{"a00.txt", "a01.txt"}},
		{name: "and those of a process that was replaced", script: "import helper, os\ndef run(b):\n    if 'a02' in b[0] and helper.once():\n        os._exit(1)\n    return helper.names(b)", files: 4,
			change: func(j *Job) { j.MiniBatchSize = 1 }, rows: []string{"a00.txt", "a01.txt", "a02.txt", "a03.txt"}, tries: 1},
	})
}

func numbers(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintln(&text, i)
	}
	return text.String()
}

func doubled(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%d\n%d\n", i+1, i+1)
	}
	return text.String()
}

// TestRulesOutputFolder: what is in the output folder afterwards.
func TestRulesOutputFolder(t *testing.T) {
	const writesOwn = "import os\nOUT = os.environ['AZUREML_BI_OUTPUT_PATH']\ndef run(b):\n    for p in b:\n        open(os.path.join(OUT, os.path.basename(p) + '.out'), 'w').close()\n"
	tests := []struct {
		name, script string
		change       func(*Job)
		want         []string
	}{
		{"append_row: one file and no temporaries", echo, nil, []string{"predictions.csv"}},
		{"an output file of another name", echo, func(j *Job) { j.OutputFileName = "Rows of Today.TXT" }, []string{"Rows of Today.TXT"}},
		{"append_row with several processes", meeting, func(j *Job) { j.MiniBatchSize, j.MaxConcurrencyPerInstance, j.InstanceCount = 1, 1, 2 }, []string{"predictions.csv"}},
		{"files of the script's own lie beside it", writesOwn + "    return b", nil, []string{"a00.txt.out", "a01.txt.out", "predictions.csv"}},
		{"summary_only: only the script's own", writesOwn + "    return b", func(j *Job) { j.OutputAction = OutputActionSummaryOnly }, []string{"a00.txt.out", "a01.txt.out"}},
		{"summary_only ignores the name", writesOwn + "    return b", func(j *Job) { j.OutputAction, j.OutputFileName = OutputActionSummaryOnly, "a00.txt.out" }, []string{"a00.txt.out", "a01.txt.out"}},
		{"nothing of a process that died at once", "import helper, os\ndef run(b):\n    if helper.once():\n        os._exit(1)\n    return b", nil, []string{"predictions.csv"}},
		{"nothing of a process whose init failed", "import helper\ndef init():\n    if helper.once():\n        raise OSError()\ndef run(b):\n    return b", nil, []string{"predictions.csv"}},
		{"a failed job leaves its temporaries", "def run(b):\n    if 'a01' in b[0]:\n        raise ValueError()\n    return ['x']", func(j *Job) { j.MiniBatchSize, j.ErrorThreshold = 1, new(0) },
			[]string{"temp_127.0.0.1_process000_predictions.csv"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job := newJob(t, tt.script, 2)
			if tt.change != nil {
				tt.change(&job)
			}
			got, err := Run(t.Context(), job)
			var failure *Failure
			if err != nil && !errors.As(err, &failure) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, entries(t, job.Output)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if (got.OutputFile != "") != (err == nil && job.OutputAction != OutputActionSummaryOnly) {
				t.Errorf("output file %q", got.OutputFile)
			}
		})
	}
}

// TestRulesTemporaries: while the job runs, each process has a file in the output folder.
func TestRulesTemporaries(t *testing.T) {
	job := newJob(t, "import helper, os\ndef run(b):\n    helper.meet()\n    for name in os.listdir(os.environ['AZUREML_BI_OUTPUT_PATH']):\n        helper.note(name)\n    return b", 2)
	job.MiniBatchSize, job.InstanceCount = 1, 2
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	first, second := "temp_127.0.0.1_process000_predictions.csv", "temp_127.0.0.2_process000_predictions.csv"
	if diff := cmp.Diff([]string{first, first, second, second}, notes(t, job)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRulesExistingOutput: no existing file is overwritten.
func TestRulesExistingOutput(t *testing.T) {
	checkRules(t, []rule{
		{name: "a file of the name", script: echo, change: func(j *Job) {
			_ = os.MkdirAll(j.Output, 0o750)
			_ = os.WriteFile(filepath.Join(j.Output, "predictions.csv"), []byte("old"), 0o600)
		}, reason: pathExists, notes: []string{}},
		{name: "a folder of the name", script: echo, change: func(j *Job) { _ = os.MkdirAll(filepath.Join(j.Output, "predictions.csv"), 0o750) }, reason: pathExists},
		{name: "a broken link of the name", script: echo, change: func(j *Job) {
			_ = os.MkdirAll(j.Output, 0o750)
			_ = os.Symlink("nowhere", filepath.Join(j.Output, "predictions.csv"))
		}, reason: pathExists},
		{name: "the script makes one while the job runs", script: "import os\ndef run(b):\n    open(os.path.join(os.environ['AZUREML_BI_OUTPUT_PATH'], 'predictions.csv'), 'w').close()\n    return b", reason: pathExists},
		{name: "other files are no hindrance", script: echo, change: func(j *Job) {
			_ = os.MkdirAll(j.Output, 0o750)
			_ = os.WriteFile(filepath.Join(j.Output, "other.csv"), []byte("old"), 0o600)
		}, text: "a00.txt\n"},
		{name: "temporaries of a job that failed are not taken for rows", script: echo, change: func(j *Job) {
			_ = os.MkdirAll(j.Output, 0o750)
			for _, process := range []string{"process000", "process001"} {
				_ = os.WriteFile(filepath.Join(j.Output, "temp_127.0.0.1_"+process+"_predictions.csv"), []byte("old\nold\nold\n"), 0o600)
			}
		}, text: "a00.txt\n"},
	})
}

// TestRulesOutputExists: callers can detect this failure.
func TestRulesOutputExists(t *testing.T) {
	job := newJob(t, "def run(b):\n    return []", 1)
	_, err := Run(t.Context(), job)
	if err == nil || errors.Is(err, ErrOutputExists) {
		t.Errorf("a job without rows = %v", err)
	}
	writeFile(t, filepath.Join(job.Output, "predictions.csv"), "")
	if _, err := Run(t.Context(), job); !errors.Is(err, ErrOutputExists) || err.Error() != "scoring: the path already exists ("+filepath.Join(job.Output, DefaultOutputFileName)+")" {
		t.Errorf("Run = %v, want ErrOutputExists", err)
	}
}

// TestRulesOverwrite: an output file is replaced when the job completes, not before.
func TestRulesOverwrite(t *testing.T) {
	old := func(j *Job) {
		_ = os.MkdirAll(j.Output, 0o750)
		_ = os.WriteFile(filepath.Join(j.Output, "predictions.csv"), []byte("old and longer\n"), 0o600)
		j.Overwrite = true
	}
	checkRules(t, []rule{
		{name: "a file of the name", script: "import os\ndef run(b):\n    return [open(os.path.join(os.environ['AZUREML_BI_OUTPUT_PATH'], 'predictions.csv')).read().strip()]", change: old, text: "old and longer\n"},
		{name: "a link of the name", script: echo, change: func(j *Job) {
			_ = os.MkdirAll(j.Output, 0o750)
			_ = os.Symlink(filepath.Join(j.Input, "a00.txt"), filepath.Join(j.Output, "predictions.csv"))
			j.Overwrite = true
		}, text: "a00.txt\n", after: func(t *testing.T, j Job) {
			if text := readFile(t, filepath.Join(j.Input, "a00.txt")); text != "0" {
				t.Errorf("the file that the link names is %q", text)
			}
		}},
		{name: "a folder of the name", script: echo, change: func(j *Job) {
			_ = os.MkdirAll(filepath.Join(j.Output, "predictions.csv"), 0o750)
			j.Overwrite = true
		}, reason: pathExists},
		{name: "nothing there", script: echo, change: func(j *Job) { j.Overwrite = true }, text: "a00.txt\n"},
	})
	job := newJob(t, "def run(b):\n    raise ValueError()", 1)
	old(&job)
	if _, err := Run(t.Context(), job); err == nil {
		t.Fatal("Run succeeded")
	}
	if text := readFile(t, filepath.Join(job.Output, "predictions.csv")); text != "old and longer\n" {
		t.Errorf("after a job that failed the file is %q", text)
	}
}

// TestRulesFileName: which names an output file can have.
func TestRulesFileName(t *testing.T) {
	bad := []string{".", "..", "...", " ", "a.", "a ", "a\x00b", "a\nb", "a\x7fb", strings.Repeat("x", maxFileName+1)}
	for _, c := range "~\"#%&*:<>?/\\{|}" {
		bad = append(bad, "a"+string(c)+"b")
	}
	for _, name := range bad {
		job := newJob(t, echo, 1)
		job.OutputFileName = name
		_, err := Run(t.Context(), job)
		var invalid *InvalidJobError
		if !errors.As(err, &invalid) || invalid.Field != "OutputFileName" {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"a b.csv", "a'b;c=d@e!f$g^(h)[i]", "ärger.csv", strings.Repeat("x", maxFileName)} {
		job := newJob(t, echo, 1)
		job.OutputFileName = name
		got, err := Run(t.Context(), job)
		if err != nil || filepath.Base(got.OutputFile) != name {
			t.Errorf("%q: %q, %v", name, got.OutputFile, err)
		}
	}
}

// TestRulesMachineFaults pins which errors of the system are not the fault of the script.
func TestRulesMachineFaults(t *testing.T) {
	folder, err := filepath.Abs("python")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), realPython(), "-c", "import errno, sys\nsys.dont_write_bytecode = True\nsys.path.insert(0, sys.argv[1])\n"+
		"import worker\nprint(*sorted(errno.errorcode[e] for e in worker.MACHINE_FAULTS))", folder).CombinedOutput()
	if diff := cmp.Diff("EDQUOT EIO ENOSPC EROFS\n", string(out)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestRulesUnwritableOutput: if the output cannot be written, the script is not to blame.
func TestRulesUnwritableOutput(t *testing.T) {
	job := newJob(t, echo, 1)
	const rows = "temp_127.0.0.1_process000_predictions.csv"
	if err := os.MkdirAll(filepath.Join(job.Output, rows), 0o750); err != nil {
		t.Fatal(err)
	}
	got, err := Run(t.Context(), job)
	var failure *Failure
	if err == nil || errors.As(err, &failure) || got.Status != StatusFailed || !strings.Contains(err.Error(), "scoring: output: ") || !strings.Contains(err.Error(), rows) {
		t.Errorf("Run = %s, %v; want an error that names %s and is no failed job", got.Status, err, rows)
	}
}

// TestRulesSizeOfRows checks what the log says about rows of more than a megabyte, and the joined
// file.
func TestRulesSizeOfRows(t *testing.T) {
	row := strings.Repeat("x", 1<<20-1)
	job := newFuncJob(t, 3, func(context.Context, []string) ([]string, error) { return []string{row}, nil })
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if text := readFile(t, got.OutputFile); text != strings.Repeat(row+"\n", 3) {
		t.Errorf("%d bytes of rows", len(text))
	}
	if text := logText(t, job, "logs/job_progress_overview.*.txt"); !strings.Contains(text, " There are 1 temp files to concatenate. Total size is 3.00 MB.\n") {
		t.Errorf("overview:\n%s", text)
	}
}

// TestRulesRowsThatAreGone checks that a job whose rows were removed does not complete without
// them.
func TestRulesRowsThatAreGone(t *testing.T) {
	job := newFuncJob(t, 1, nil)
	job.Func = func(_ context.Context, files []string) ([]string, error) {
		return files, os.Remove(filepath.Join(job.Output, "temp_127.0.0.1_process000_predictions.csv"))
	}
	got, err := Run(t.Context(), job)
	if want := "scoring: join the output: open "; err == nil || !strings.HasPrefix(err.Error(), want) || got.Status != StatusFailed || got.OutputFile != "" {
		t.Errorf("Run = %+v, %v; want %s", got, err, want)
	}
}
