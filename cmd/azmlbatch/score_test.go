package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/scoring"
)

// scoreFiles makes a code folder with the script and an input folder of five files, keeps temporary
// folders inside the test's own, and gives the flags for them.
func scoreFiles(t *testing.T, script string) (dir string, args []string) {
	t.Helper()
	dir = t.TempDir()
	files := map[string]string{"code/score.py": script}
	for i := range 5 {
		files[fmt.Sprintf("input/a%d.txt", i)] = fmt.Sprint(i)
	}
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o750); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", filepath.Join(dir, "tmp"))
	return dir, []string{"score", "--code", filepath.Join(dir, "code"), "--script", "score.py",
		"--input", filepath.Join(dir, "input"), "--output", filepath.Join(dir, "scored")}
}

// temporary lists what is left in the temporary folder.
func temporary(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "tmp", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

const echoNames = "import os\ndef run(mini_batch):\n    return [os.path.basename(p) for p in mini_batch]\n"

const oneCracks = "import os\ndef run(mini_batch):\n    for path in mini_batch:\n        if open(path).read() == '3':\n" +
	"            raise ValueError('cracked')\n    return [os.path.basename(p) for p in mini_batch]\n"

func TestScoreCompleted(t *testing.T) {
	dir, args := scoreFiles(t, echoNames)
	code, out, stderr := runCommand(append(args, "--mini-batch-size", "2", "--error-threshold", "-1", "--timeout", "20")...)
	rows := filepath.Join(dir, "scored", "predictions.csv")
	if want := "Completed: 5 of 5 files succeeded, 0 failed\npredictions: " + rows + "\n"; code != 0 || out != want {
		t.Fatalf("exit code %d, %q; want 0, %q\n%s", code, out, want, stderr)
	}
	if want := "scoring 5 files in 3 mini-batches\n1 of 3 mini-batches, 2 files succeeded, 0 failed\n" +
		"2 of 3 mini-batches, 4 files succeeded, 0 failed\n3 of 3 mini-batches, 5 files succeeded, 0 failed\n"; stderr != want {
		t.Errorf("progress (-want +got):\n%s", cmp.Diff(want, stderr))
	}
	b, err := os.ReadFile(rows)
	if err != nil || string(b) != "a0.txt\na1.txt\na2.txt\na3.txt\na4.txt\n" {
		t.Errorf("rows %q, %v", b, err)
	}
	if left := temporary(t, dir); len(left) > 0 {
		t.Errorf("temporary folders left: %v", left)
	}
}

func TestScoreJSON(t *testing.T) {
	emptyFolder := t.TempDir()
	tests := []struct {
		name, script string
		args         []string
		code         int
		// OutputFile, File and Log have no folders; Traceback has only its last line.
		want scoreOutcome
	}{
		{"completed", echoNames, nil, 0,
			scoreOutcome{scoring.StatusCompleted, scoring.Items{Total: 5, Succeeded: 5}, scoring.MiniBatches{Total: 1, Processed: 1}, "predictions.csv", nil}},
		{"completed with failed files", oneCracks, []string{"--mini-batch-size", "1"}, 0,
			scoreOutcome{scoring.StatusCompleted, scoring.Items{Total: 5, Succeeded: 4, Failed: 1}, scoring.MiniBatches{Total: 5, Processed: 4, Failed: 1}, "predictions.csv", nil}},
		{"an output file of another name", echoNames, []string{"--output-file-name", "rows.txt"}, 0,
			scoreOutcome{scoring.StatusCompleted, scoring.Items{Total: 5, Succeeded: 5}, scoring.MiniBatches{Total: 1, Processed: 1}, "rows.txt", nil}},
		{"summary only", echoNames, []string{"--output-action", "summary_only"}, 0,
			scoreOutcome{scoring.StatusCompleted, scoring.Items{Total: 5, Succeeded: 5}, scoring.MiniBatches{Total: 1, Processed: 1}, "", nil}},
		{"failed", oneCracks, []string{"--mini-batch-size", "1", "--error-threshold=0", "--max-retries", "1"}, 1,
			scoreOutcome{scoring.StatusFailed, scoring.Items{Total: 5, Succeeded: 3, Failed: 1}, scoring.MiniBatches{Total: 5, Processed: 3, Failed: 1}, "",
				&scoreError{Message: "ValueError: cracked", Reason: "The number of failed items is 1, which exceeds error threshold 0.", Phase: scoring.PhaseRun, File: "a3.txt",
					Traceback: "ValueError: cracked\n", Log: "process000.txt"}}},
		{"failed before the script", echoNames, []string{"--input", emptyFolder}, 1,
			scoreOutcome{scoring.StatusFailed, scoring.Items{}, scoring.MiniBatches{}, "", &scoreError{
				Message: "Dataset initialization failed: UserErrorException: Message: Can't mount Dataset(ID='" + emptyFolder + "', name='None', version=None). Source of the dataset is either not accessible or doesn't contain any data." +
					" (there is no file at the top level of the folder; sub-folders are not explored)",
				Reason: "Dataset initialization failed: UserErrorException: Message: Can't mount Dataset(ID='" + emptyFolder + "', name='None', version=None). Source of the dataset is either not accessible or doesn't contain any data."}}},
		{"too few rows", "def run(mini_batch):\n    return []\n", []string{"--mini-batch-size", "3"}, 1,
			scoreOutcome{scoring.StatusFailed, scoring.Items{Total: 5, Failed: 5}, scoring.MiniBatches{Total: 2, Processed: 2}, "",
				&scoreError{Message: "run() returned 0 rows for 3 files", Reason: "No succeeded mini batch item returned from run(). Please check 'response: run()' in https://aka.ms/batch-inference-documentation.",
					Phase: scoring.PhaseRun, Hint: "return as many rows as files; a file without a row counts as failed", Log: "process000.txt"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, args := scoreFiles(t, tt.script)
			code, out, stderr := runCommand(append(append(args, "--json"), tt.args...)...)
			var got scoreOutcome
			if err := json.Unmarshal([]byte(out), &got); err != nil || code != tt.code {
				t.Fatalf("exit code %d, want %d; %v\n%s%s", code, tt.code, err, out, stderr)
			}
			if got.Error != nil {
				for _, path := range []*string{&got.Error.File, &got.Error.Log} {
					if *path == "" {
						continue
					}
					if _, err := os.Stat(*path); err != nil {
						t.Error(err)
					}
					*path = filepath.Base(*path)
				}
				if _, end, found := strings.Cut(got.Error.Traceback, "Traceback (most recent call last):\n"); found {
					got.Error.Traceback = end[strings.LastIndex(strings.TrimSuffix(end, "\n"), "\n")+1:]
				}
			}
			if got.OutputFile != "" {
				if _, err := os.Stat(got.OutputFile); err != nil {
					t.Error(err)
				}
				got.OutputFile = filepath.Base(got.OutputFile)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestScoreJSONWithoutATemporaryFolder: what goes wrong before the job is told in JSON, too.
func TestScoreJSONWithoutATemporaryFolder(t *testing.T) {
	dir, args := scoreFiles(t, echoNames)
	t.Setenv("TMPDIR", filepath.Join(dir, "no-such-folder"))
	code, out, stderr := runCommand(append(args, "--json")...)
	var got scoreOutcome
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 1 || got.Status != scoring.StatusFailed || got.Error == nil || !strings.Contains(got.Error.Message, "no-such-folder") {
		t.Errorf("exit code %d, %v: %q\n%s", code, err, out, stderr)
	}
}

// TestScoreJSONNamesTheLogs: those of a job that completed with failed files are kept, so their
// place must be told.
func TestScoreJSONNamesTheLogs(t *testing.T) {
	dir, args := scoreFiles(t, oneCracks)
	code, out, stderr := runCommand(append(args, "--mini-batch-size", "1", "--json")...)
	left := temporary(t, dir)
	if code != 0 || len(left) != 1 || !strings.Contains(stderr, "logs: "+left[0]+"\n") || !strings.Contains(stderr, "calls of the script that failed or returned too few rows: 3; the first:\nrun() failed in process000") {
		t.Errorf("exit code %d, folders left %v\n%s%s", code, left, out, stderr)
	}
}

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestScoreOutcomeThatCannotBePrinted: a program that reads the outcome must not take its absence
// for success.
func TestScoreOutcomeThatCannotBePrinted(t *testing.T) {
	for _, format := range [][]string{nil, {"--json"}} {
		_, args := scoreFiles(t, echoNames)
		var stderr bytes.Buffer
		if code := run(append(args, format...), fullDisk{}, &stderr); code != 1 || !strings.Contains(stderr.String(), syscall.ENOSPC.Error()) {
			t.Errorf("%v: exit code %d\n%s", format, code, &stderr)
		}
	}
}

// TestScoreFailureTellsEverything: the service's sentence, file, mini-batch, the user's traceback
// and logs that are there.
func TestScoreFailureTellsEverything(t *testing.T) {
	dir, args := scoreFiles(t, oneCracks)
	code, out, stderr := runCommand(append(args, "--mini-batch-size", "2", "--error-threshold", "0")...)
	if code != 1 || out != "" {
		t.Errorf("exit code %d, stdout %q; want 1 and nothing", code, out)
	}
	for _, want := range []string{"The number of failed items is 2, which exceeds error threshold 0.", "mini-batch 1", filepath.Join(dir, "input", "a3.txt"),
		"score.py\", line 5, in run", "ValueError: cracked"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in\n%s", want, stderr)
		}
	}
	_, logs, _ := strings.Cut(stderr, "\nlogs: ")
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(logs), "logs", "user", "error", "0", "process000.txt"))
	if err != nil || !strings.Contains(string(b), "ValueError: cracked") {
		t.Errorf("logs %q: %v\n%s", logs, err, b)
	}
}

func TestScoreNamesTheFilesOfTheMiniBatch(t *testing.T) {
	_, args := scoreFiles(t, "def run(mini_batch):\n    raise ValueError('cracked')\n")
	code, _, stderr := runCommand(append(args, "--mini-batch-size", "3")...)
	if code != 1 || !strings.Contains(stderr, `files of mini-batch 0: "a0.txt", "a1.txt", "a2.txt"`) {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// TestScoreTellsOfFilesThatFailed: also when the job completes, in all detail.
func TestScoreTellsOfFilesThatFailed(t *testing.T) {
	dir, args := scoreFiles(t, oneCracks)
	code, _, stderr := runCommand(append(args, "--mini-batch-size", "2", "--max-retries", "1")...)
	for _, want := range []string{"calls of the script that failed or returned too few rows: 1; the first:\n", filepath.Join(dir, "input", "a3.txt"), "score.py\", line 5, in run", "ValueError: cracked"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in\n%s", want, stderr)
		}
	}
	if code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestScoreSaysWhatHelps: what is known beyond the exception.
func TestScoreSaysWhatHelps(t *testing.T) {
	tests := []struct {
		name, script string
		want         []string
	}{
		{"a missing module", "import no_such_module\n", []string{realPython(t) + " has no module no_such_module", "--python"}},
		{"arguments", "import argparse\nargparse.ArgumentParser().parse_args()\n", []string{"standard error ends with:", "error: unrecognized arguments: ", "parse_known_args()"}},
		{"too few rows", "def run(mini_batch):\n    return []\n", []string{"run() returned 0 rows for 5 files", "as many rows as files", `"a0.txt", "a1.txt"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, args := scoreFiles(t, tt.script)
			code, _, stderr := runCommand(append(args, "--python", realPython(t))...)
			for _, want := range tt.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("no %q in\n%s", want, stderr)
				}
			}
			if code != 1 || !strings.HasPrefix(stderr[strings.Index(stderr, "azmlbatch: "):], "azmlbatch: ") || strings.Contains(stderr, "scoring: ") || strings.Contains(stderr, "Job.") {
				t.Errorf("exit code %d, want 1\n%s", code, stderr)
			}
		})
	}
}

func TestScoreForce(t *testing.T) {
	dir, args := scoreFiles(t, echoNames)
	rows := filepath.Join(dir, "scored", "predictions.csv")
	if code, _, stderr := runCommand(args...); code != 0 {
		t.Fatalf("the first job: exit code %d\n%s", code, stderr)
	}
	if code, _, stderr := runCommand(args...); code != 1 || !strings.Contains(stderr, "the path already exists ("+rows+"); --force replaces it") {
		t.Errorf("without --force: exit code %d\n%s", code, stderr)
	}
	if err := os.WriteFile(rows, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := runCommand(append(args, "--force")...)
	if b, err := os.ReadFile(rows); code != 0 || err != nil || !strings.HasPrefix(string(b), "a0.txt\n") {
		t.Errorf("with --force: exit code %d, %q, %v\n%s", code, b, err, stderr)
	}
}

func TestScoreVerbose(t *testing.T) {
	_, args := scoreFiles(t, "import sys\ndef run(mini_batch):\n    print('out')\n    print('err', file=sys.stderr)\n    return mini_batch\n")
	for _, flag := range []string{"-v", "--verbose"} {
		code, out, stderr := runCommand(append(args, flag, "--force")...)
		if code != 0 || !strings.Contains(stderr, "out\n") || !strings.Contains(stderr, "err\n") || strings.Contains(out, "err\n") {
			t.Errorf("%s: exit code %d\n%s%s", flag, code, out, stderr)
		}
	}
	if _, _, stderr := runCommand(append(args, "--force")...); strings.Contains(stderr, "out\n") {
		t.Errorf("without -v:\n%s", stderr)
	}
}

func TestScoreKeepsTheLogsThatWereAskedFor(t *testing.T) {
	dir, args := scoreFiles(t, echoNames)
	logs := filepath.Join(dir, "mylogs")
	if code, _, stderr := runCommand(append(args, "--logs", logs)...); code != 0 || !strings.Contains(stderr, "logs: "+logs) {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	if _, err := os.Stat(filepath.Join(logs, "logs", "job_result.txt")); err != nil {
		t.Error(err)
	}
}

// TestScoreRefusedBeforeTheStart checks that a job that did not begin leaves no folder behind: its
// error says all that its logs would.
func TestScoreRefusedBeforeTheStart(t *testing.T) {
	tests := []struct {
		name, text string
		prepare    func(t *testing.T, dir string)
	}{
		{"the output exists", "the path already exists", func(t *testing.T, dir string) {
			if err := os.MkdirAll(filepath.Join(dir, "scored", "predictions.csv"), 0o750); err != nil {
				t.Fatal(err)
			}
		}},
		{"the output cannot be looked at", "not a directory", func(t *testing.T, dir string) {
			if err := os.Symlink(filepath.Join(dir, "code", "score.py", "sub"), filepath.Join(dir, "scored")); err != nil {
				t.Fatal(err)
			}
		}},
		{"the input is empty", "there is no file at the top level of the folder", func(t *testing.T, dir string) {
			if err := errors.Join(os.RemoveAll(filepath.Join(dir, "input")), os.Mkdir(filepath.Join(dir, "input"), 0o750)); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, args := scoreFiles(t, echoNames)
			tt.prepare(t, dir)
			code, out, stderr := runCommand(args...)
			if code != 1 || !strings.Contains(stderr, tt.text) || strings.Contains(stderr, "logs: ") || out != "" {
				t.Errorf("exit code %d, want 1, %q and no logs:\n%s%s", code, tt.text, out, stderr)
			}
			if left := temporary(t, dir); len(left) > 0 {
				t.Errorf("temporary folders left: %v", left)
			}
		})
	}
}

// TestScoreSettingsReachTheScript: every flag that a script can see.
func TestScoreSettingsReachTheScript(t *testing.T) {
	dir, args := scoreFiles(t, "import os, sys\ndef run(mini_batch):\n    argv = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"+
		"    return [' '.join([argv['--mini_batch_size'], argv['--process_count_per_node'], os.environ['AZUREML_NODE_COUNT'], argv['--run_max_try'],"+
		" argv['--run_invocation_timeout'], argv['--error_threshold'], argv['--logging_level'], os.environ['GLAZE'], sys.executable])]\n")
	python := realPython(t)
	code, _, stderr := runCommand(append(args, "--mini-batch-size=7", "--max-concurrency-per-instance=2", "--instance-count=3", "--max-retries=4", "--timeout=1m30s",
		"--error-threshold=5", "--logging-level=debug", "--env=GLAZE=a=b;c, d", "--python", python)...)
	b, err := os.ReadFile(filepath.Join(dir, "scored", "predictions.csv"))
	if want := "7 2 3 4 90 5 DEBUG a=b;c, d " + python + "\n"; err != nil || string(b) != want {
		t.Errorf("exit code %d, %v: %q, want %q\n%s", code, err, b, want, stderr)
	}
}

// TestScriptEnvOfScore: of the caller's variables a script sees only those that are named.
func TestScriptEnvOfScore(t *testing.T) {
	t.Setenv("GLAZE_RED", "a=b")
	t.Setenv("GLAZE_SECRET", "secret")
	t.Setenv("ASH", "wood")
	dir, args := scoreFiles(t, "import os\ndef run(mini_batch):\n    return [[n, v] for n, v in sorted(os.environ.items()) if n[:5] == 'GLAZE' or n == 'ASH']\n")
	code, _, stderr := runCommand(append(args, "--script-env=GLAZE_RED", "--script-env", "A*H,ASH*")...)
	b, err := os.ReadFile(filepath.Join(dir, "scored", "predictions.csv"))
	if want := "['GLAZE_RED', 'a=b']\n"; err != nil || string(b) != want {
		t.Errorf("exit code %d, %v: %q, want %q\n%s", code, err, b, want, stderr)
	}
}

// realPython is an interpreter by its own path.
func realPython(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "python3", "-c", "import sys; print(sys.executable, end='')").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestScoreWrongUsage(t *testing.T) {
	tests := []struct {
		name string
		args []string
		text string
	}{
		{"an input that is not there", []string{"--input", "no-such-input"}, `--input must name a folder or a file; there is none at "no-such-input"`},
		{"a code folder that is not there", []string{"--code", "no-such-code"}, `--code must name a folder; there is none at "no-such-code"`},
		{"a file for output", []string{"--output", "score_test.go"}, `--output must name a folder; "score_test.go" is none`},
		{"a file for logs", []string{"--logs", "score_test.go"}, "--logs must name a folder; "},
		{"a Python that is not there", []string{"--python", "no-such-python"}, "--python must name a Python interpreter"},
		{"a script that is not there", []string{"--script", "other.py"}, "--script must name a file in the code folder"},
		{"a script outside of the folder", []string{"--script", "../score.py"}, "--script must be a path inside the code folder"},
		{"a script without a code folder", []string{"--code="}, "--code must name the folder"},
		{"a model that is not there", []string{"--model", "no-such-model"}, "--model must name a file or a folder"},
		{"a mini-batch of nothing", []string{"--mini-batch-size", "0"}, "--mini-batch-size must be at least 1, not 0"},
		{"no processes", []string{"--max-concurrency-per-instance=-1"}, "--max-concurrency-per-instance must be at least 1, not -1"},
		{"no instances", []string{"--instance-count", "0"}, "--instance-count must be at least 1, not 0"},
		{"too many instances", []string{"--instance-count", "1001"}, "--instance-count must be at most 1000, not 1001"},
		{"negative tries", []string{"--max-retries=-1"}, "--max-retries must not be negative, but is -1"},
		{"a time in words", []string{"--timeout", "soon"}, `"soon" is neither a duration`},
		{"no time", []string{"--timeout", "0"}, "--timeout must be greater than 0"},
		{"no file name", []string{"--output-file-name="}, "--output-file-name must not be empty"},
		{"half a file", []string{"--error-threshold", "0.5"}, "whole number"},
		{"a threshold below -1", []string{"--error-threshold", "-2"}, "--error-threshold must be at least -1, not -2"},
		{"a threshold without end", []string{"--error-threshold", "99999999999999999999"}, "--error-threshold is too large or too small: 99999999999999999999"},
		{"a timeout without end", []string{"--timeout", "99999999999"}, "--timeout: \"99999999999\" is too long"},
		{"an unknown action", []string{"--output-action", "explode"}, "--output-action"},
		{"a path for a name", []string{"--output-file-name", "a/b"}, "--output-file-name must be a plain name"},
		{"an unknown level", []string{"--logging-level", "loud"}, "--logging-level"},
		{"a variable without a value", []string{"--env", "GLAZE"}, `"GLAZE" is not NAME=VALUE`},
		{"a passed variable with a value", []string{"--script-env", "GLAZE=ash"}, "--script-env must have names"},
		{"an unknown flag", []string{"--no-such"}, "unknown flag"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, args := scoreFiles(t, echoNames)
			code, out, stderr := runCommand(append(args, tt.args...)...)
			if code != usageError || !strings.Contains(stderr, tt.text) || out != "" {
				t.Errorf("exit code %d, want 2 and %q:\n%s%s", code, tt.text, out, stderr)
			}
			if left := temporary(t, dir); len(left) > 0 {
				t.Errorf("temporary folders left: %v", left)
			}
			if _, err := os.Stat(filepath.Join(dir, "scored")); err == nil {
				t.Error("it made the output folder")
			}
		})
	}
	for _, missing := range []string{"--input", "--output"} {
		if code, _, stderr := runCommand("score", map[string]string{"--input": "--output=x", "--output": "--input=x"}[missing]); code != usageError || !strings.Contains(stderr, missing) {
			t.Errorf("without %s: exit code %d\n%s", missing, code, stderr)
		}
	}
}

// TestScoreWhoseReaderIsGone ends as a job ends, and leaves nothing: a broken pipe is no end in the
// middle.
func TestScoreWhoseReaderIsGone(t *testing.T) {
	dir, args := scoreFiles(t, "def run(mini_batch):\n    return ['x' for _ in mini_batch]\n")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	defer writer.Close()
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), "AZMLBATCH_TEST_MAIN=1")
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("Run = %v, want exit code 1: the outcome could not be printed", err)
	}
	if left := temporary(t, dir); len(left) > 0 {
		t.Errorf("temporary folders left: %v", left)
	}
}

func TestScoreProgressOfOneFile(t *testing.T) {
	var lines bytes.Buffer
	progress := newProgress(&lines)
	progress.show(scoring.Progress{Items: scoring.Items{Total: 1}, MiniBatches: scoring.MiniBatches{Total: 1}})
	progress.show(scoring.Progress{Items: scoring.Items{Total: 1, Failed: 1}, MiniBatches: scoring.MiniBatches{Total: 1, Failed: 1}})
	progress.end()
	if diff := cmp.Diff("scoring 1 file in 1 mini-batch\n1 of 1 mini-batches, 0 files succeeded, 1 failed\n", lines.String()); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

func TestScoreBar(t *testing.T) {
	var terminal bytes.Buffer
	bar := &progressBar{writer: &terminal}
	bar.show(scoring.Progress{Items: scoring.Items{Total: 20}, MiniBatches: scoring.MiniBatches{Total: 2}})
	bar.show(scoring.Progress{Items: scoring.Items{Total: 20, Failed: 10}, MiniBatches: scoring.MiniBatches{Total: 2, Failed: 1}})
	if text := terminal.String(); !strings.Contains(text, "0/2") || !strings.Contains(text, "10 files failed") {
		t.Errorf("the bar shows %q", text)
	}
	terminal.Reset()
	bar.end()
	if text := terminal.String(); text == "" || strings.Trim(text, "\r \x1b[2K") != "" {
		t.Errorf("at the end it writes %q, want that it clears the line", text)
	}
	terminal.Reset()
	(&progressBar{writer: &terminal}).end() // of a job that has not begun
	if terminal.Len() > 0 {
		t.Errorf("a bar that was never shown writes %q", &terminal)
	}
}
