package scoring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newJob is a job over n files a00.txt, a01.txt, … whose content is their number.
func newJob(t *testing.T, script string, n int) Job {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("code/score.py", script)
	write("code/helper.py", "def double(x):\n    return 2 * x\n")
	write("model/weights.txt", "42")
	for i := range n {
		write(fmt.Sprintf("input/a%02d.txt", i), fmt.Sprint(i))
	}
	return Job{Code: filepath.Join(dir, "code"), Script: "score.py", Model: filepath.Join(dir, "model"), Input: filepath.Join(dir, "input"),
		Output: filepath.Join(dir, "output"), Logs: filepath.Join(dir, "logs")}
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	slices.Sort(all) // the order of mini-batches is not promised
	return all
}

const echo = `
import os

def run(mini_batch):
    return [os.path.basename(p) for p in mini_batch]
`

// TestRules has a script for each rule of the engine that a completed job can show.
func TestRules(t *testing.T) {
	tests := []struct {
		name, script string
		files        int
		change       func(*Job)
		want         []string // rows, sorted; nil when the job has no output file
		items        Items
		batches      MiniBatches
	}{
		{"one row a file", echo, 3, nil, []string{"a00.txt", "a01.txt", "a02.txt"}, Items{3, 3, 0}, MiniBatches{1, 1, 0}},
		{"mini-batches by file count, the last one shorter", "def run(b):\n    return [len(b)] * len(b)", 5, func(j *Job) { j.MiniBatchSize = 2 },
			[]string{"1", "2", "2", "2", "2"}, Items{5, 5, 0}, MiniBatches{3, 3, 0}},
		{"a tuple is a list", "def run(b):\n    return tuple(b[:1])", 1, func(j *Job) { j.Output += "2" }, nil, Items{1, 1, 0}, MiniBatches{1, 1, 0}},
		{"elements are written with str", "def run(b):\n    return [['a', 1], None, 0.5]", 3, nil, []string{"0.5", "None", "['a', 1]"}, Items{3, 3, 0}, MiniBatches{1, 1, 0}},
		{"more rows than files are capped", "def run(b):\n    return ['x'] * 7", 2, nil, slices.Repeat([]string{"x"}, 7), Items{2, 2, 0}, MiniBatches{1, 1, 0}},
		{"fewer rows than files count as failed", "def run(b):\n    return ['x']", 3, nil, []string{"x"}, Items{3, 1, 2}, MiniBatches{1, 1, 0}},
		{"an empty list fails its files", "def run(b):\n    return ['x'] if 'a00' in b[0] else []", 2, func(j *Job) { j.MiniBatchSize = 1 }, []string{"x"}, Items{2, 1, 1}, MiniBatches{2, 2, 0}},
		{"init runs once in each process before its first mini-batch", "n = 0\ndef init():\n    global n\n    n += 1\ndef run(b):\n    return [n] * len(b)", 4,
			func(j *Job) { j.MiniBatchSize = 1 }, []string{"1", "1", "1", "1"}, Items{4, 4, 0}, MiniBatches{4, 4, 0}},
		{"siblings import by plain name", "import helper\ndef run(b):\n    return [helper.double(21)]", 1, nil, []string{"42"}, Items{1, 1, 0}, MiniBatches{1, 1, 0}},
		{"the model lies under its base name", "import os\ndef run(b):\n    return [open(os.path.join(os.environ['AZUREML_MODEL_DIR'], 'model', 'weights.txt')).read()]", 1, nil,
			[]string{"42"}, Items{1, 1, 0}, MiniBatches{1, 1, 0}},
		{"full paths", "import os\ndef run(b):\n    return [os.path.isabs(p) and type(b).__name__ for p in b]", 1, nil, []string{"list"}, Items{1, 1, 0}, MiniBatches{1, 1, 0}},
		{"the deployment's variables", "import os\ndef run(b):\n    return [os.environ['GLAZE']]", 1, func(j *Job) { j.Env = map[string]string{"GLAZE": "celadon"} },
			[]string{"celadon"}, Items{1, 1, 0}, MiniBatches{1, 1, 0}},
		{"the driver's options in argv", "import argparse\np = argparse.ArgumentParser()\np.add_argument('--logging_level')\na, _ = p.parse_known_args()\ndef run(b):\n    return [a.logging_level.lower()]", 1,
			func(j *Job) { j.LoggingLevel = Debug }, []string{"debug"}, Items{1, 1, 0}, MiniBatches{1, 1, 0}},
		{"the helper class", "from azureml_user.parallel_run import EntryScript\ndef run(b):\n    e = EntryScript()\n    e.logger.info('hello')\n    return [e.agent_name]", 1, nil,
			[]string{"process000"}, Items{1, 1, 0}, MiniBatches{1, 1, 0}},
		{"a try that fails is repeated", "import os\ndef run(b):\n    mark = os.path.join(os.environ['AZUREML_BI_OUTPUT_PATH'], 'tried')\n    if not os.path.exists(mark):\n        open(mark, 'w').close()\n        raise ValueError('once')\n    return ['x']", 1, nil,
			[]string{"x"}, Items{1, 1, 0}, MiniBatches{1, 1, 0}},
		{"given up after three tries, and completed with the default threshold", "def run(b):\n    if 'a01' in b[0]:\n        raise ValueError('cracked')\n    return ['x']", 3,
			func(j *Job) { j.MiniBatchSize = 1 }, []string{"x", "x"}, Items{3, 2, 1}, MiniBatches{3, 2, 1}},
		{"a process that dies is replaced", "import os\ndef run(b):\n    mark = os.path.join(os.environ['AZUREML_BI_OUTPUT_PATH'], 'died')\n    if not os.path.exists(mark):\n        open(mark, 'w').close()\n        os._exit(9)\n    return ['x']", 1, nil,
			[]string{"x"}, Items{1, 1, 0}, MiniBatches{1, 1, 0}},
		{"what a script prints is no result", "import sys\ndef run(b):\n    print('noise' * 10000)\n    sys.stdout.buffer.write(bytes(range(256)))\n    return ['x']", 1, nil, []string{"x"}, Items{1, 1, 0}, MiniBatches{1, 1, 0}},
		{"summary only has no file", echo, 2, func(j *Job) { j.OutputAction = SummaryOnly }, nil, Items{2, 2, 0}, MiniBatches{1, 1, 0}},
		{"several processes", echo, 20, func(j *Job) { j.MiniBatchSize, j.MaxConcurrencyPerInstance, j.InstanceCount = 1, 2, 2 }, nil, Items{20, 20, 0}, MiniBatches{20, 20, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job := newJob(t, tt.script, tt.files)
			if tt.change != nil {
				tt.change(&job)
			}
			got, err := Run(t.Context(), job)
			if err != nil || got.Status != Completed {
				t.Fatalf("Run = %s, %v", got.Status, err)
			}
			if tt.want != nil {
				if diff := cmp.Diff(tt.want, lines(t, got.OutputFile)); diff != "" {
					t.Errorf("rows (-want +got):\n%s", diff)
				}
			}
			if (got.OutputFile == "") != (job.OutputAction == SummaryOnly) {
				t.Errorf("output file %q", got.OutputFile)
			}
			if diff := cmp.Diff(tt.items, got.Items); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.batches, got.MiniBatches); diff != "" {
				t.Errorf("mini-batches (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFailures has a script for each way in which a job fails, with the service's sentence and the user's own cause.
func TestFailures(t *testing.T) {
	tests := []struct {
		name, script  string
		change        func(*Job)
		reason, cause string
	}{
		{"the import fails", "import no_such_module\ndef run(b):\n    return b", nil, "Entry script validation failed", "ModuleNotFoundError: No module named 'no_such_module'"},
		{"there is no run", "def init():\n    pass", nil, "", "run"},
		{"nothing succeeded", "def run(b):\n    raise ValueError('no glaze')", nil, "No succeeded mini batch item returned from run()", "ValueError: no glaze"},
		{"run returned nothing at all", "def run(b):\n    return []", nil, "No succeeded mini batch item returned from run()", ""},
		{"a wrong return type", "def run(b):\n    return None", nil, "", "The run() method in the entry script should return a list or a pandas DataFrame."},
		{"a generator", "def run(b):\n    yield 'x'", nil, "", "should return a list or a pandas DataFrame"},
		{"more failures than the threshold", "def run(b):\n    if 'a00' in b[0]:\n        raise ValueError('cracked')\n    return ['x']", func(j *Job) {
			j.MiniBatchSize, j.ErrorThreshold = 1, new(0)
		}, "The number of failed items is 1, which exceeds error threshold 0.", "ValueError: cracked"},
		{"init fails", "def init():\n    raise OSError('no model')\ndef run(b):\n    return b", nil, "", "OSError: no model"},
		{"run takes too long", "import time\ndef run(b):\n    time.sleep(3600)", func(j *Job) {
			j.Timeout, j.TimeoutGrace, j.MaxRetries = 200*time.Millisecond, time.Millisecond, new(1)
		}, "", ""},
		{"every process is killed", "import os, signal\ndef run(b):\n    os.kill(os.getpid(), signal.SIGKILL)", func(j *Job) { j.MaxRetries = new(1) }, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job := newJob(t, tt.script, 3)
			if tt.change != nil {
				tt.change(&job)
			}
			got, err := Run(t.Context(), job)
			var failure *Failure
			if !errors.As(err, &failure) || got.Status != Failed || got.OutputFile != "" {
				t.Fatalf("Run = %+v, %v; want a Failure", got, err)
			}
			if !strings.Contains(failure.Reason+failure.Detail, tt.reason) {
				t.Errorf("reason %q, want %q in it", failure.Reason, tt.reason)
			}
			if tt.cause != "" && (failure.Cause == nil || !strings.Contains(failure.Cause.Message+failure.Cause.Traceback, tt.cause)) {
				t.Errorf("cause %v, want %q in it", failure.Cause, tt.cause)
			}
			if _, err := os.Stat(filepath.Join(job.Output, DefaultOutputFileName)); err == nil {
				t.Error("a failed job left a predictions file")
			}
			if !strings.Contains(failure.ServiceMessage(), "exited with status code 42") {
				t.Errorf("ServiceMessage = %q", failure.ServiceMessage())
			}
		})
	}
}

func TestFailureNamesFileAndMiniBatch(t *testing.T) {
	job := newJob(t, "def run(b):\n    for p in b:\n        if open(p).read() == '3':\n            raise ValueError('cannot read ' + p)\n    return b", 5)
	job.MiniBatchSize, job.ErrorThreshold = 2, new(0)
	_, err := Run(t.Context(), job)
	var failure *Failure
	if !errors.As(err, &failure) || failure.Cause == nil {
		t.Fatalf("Run = %v", err)
	}
	if failure.Cause.MiniBatch != 1 || !strings.HasSuffix(failure.Cause.File, "a03.txt") || failure.Cause.Process == "" {
		t.Errorf("cause = %+v, want mini-batch 1 and a03.txt", failure.Cause)
	}
}

func TestLogTree(t *testing.T) {
	job := newJob(t, "def run(b):\n    print('at', len(b))\n    if 'a00' in b[0]:\n        raise ValueError('cracked')\n    return b", 2)
	job.MiniBatchSize = 1
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	for pattern, content := range map[string]string{
		"logs/job_result.txt":                            "",
		"logs/job_error*.txt":                            "ValueError: cracked",
		"logs/job_progress_overview*.txt":                "",
		"logs/user/stdout/0/process000.stdout.txt":       "at 1",
		"logs/user/error/0/process000.txt":               "ValueError: cracked",
		"logs/sys/job_report/processed_mini-batches.csv": "Mini-batch Id,Picked Count,Process",
		"user_logs/std_log_0.txt":                        "Azure Machine Learning Batch Inference Start",
	} {
		found, err := filepath.Glob(filepath.Join(job.Logs, filepath.FromSlash(pattern)))
		if err != nil || len(found) == 0 {
			t.Errorf("no log %s", pattern)
			continue
		}
		b, err := os.ReadFile(found[0])
		if err != nil || !strings.Contains(string(b), content) {
			t.Errorf("%s has no %q: %v\n%.400s", pattern, content, err, b)
		}
	}
}

func TestBadJobsAreRefusedBeforeAnythingRuns(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Job)
	}{
		{"no code folder", func(j *Job) { j.Code += "-gone" }},
		{"no script there", func(j *Job) { j.Script = "other.py" }},
		{"a script outside of the folder", func(j *Job) { j.Script = "../score.py" }},
		{"a model that is not there", func(j *Job) { j.Model += "-gone" }},
		{"a negative mini-batch size", func(j *Job) { j.MiniBatchSize = -1 }},
		{"an unknown output action", func(j *Job) { j.OutputAction = "explode" }},
		{"a file name that is a path", func(j *Job) { j.OutputFileName = "a/b.csv" }},
		{"an unknown Python", func(j *Job) { j.Python = "no-such-python" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			job := newJob(t, echo, 1)
			tt.change(&job)
			_, err := Run(t.Context(), job)
			var failure *Failure
			if err == nil || errors.As(err, &failure) {
				t.Errorf("Run = %v, want an error that is no failed job", err)
			}
		})
	}
}

func TestEmptyInputFailsAsInAzure(t *testing.T) {
	job := newJob(t, echo, 0)
	if err := os.MkdirAll(filepath.Join(job.Input, "sub"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(job.Input, "sub", "x.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), job)
	var failure *Failure
	if !errors.As(err, &failure) || !strings.Contains(failure.Error(), "Can't mount Dataset") {
		t.Errorf("Run = %v, want the service's words for an input without files", err)
	}
}

func TestCancelEndsEverything(t *testing.T) {
	job := newJob(t, "import subprocess, sys, os\ndef run(b):\n    p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'])\n"+
		"    open(os.path.join(os.environ['AZUREML_BI_OUTPUT_PATH'], 'started'), 'w').write(str(p.pid))\n    p.wait()", 1)
	ctx, cancel := context.WithCancel(t.Context())
	job.OnProgress = func(Progress) {}
	done := make(chan error, 1)
	var got Result
	go func() {
		var err error
		got, err = Run(ctx, job)
		done <- err
	}()
	mark := filepath.Join(job.Output, "started")
	for {
		if b, err := os.ReadFile(mark); err == nil && len(b) > 0 {
			break
		}
		select {
		case err := <-done:
			t.Fatalf("Run ended before it was cancelled: %v", err)
		default:
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || got.Status != Canceled {
		t.Errorf("Run = %s, %v; want Canceled", got.Status, err)
	}
	b, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/proc/" + string(b)); err == nil {
		if state, _ := os.ReadFile("/proc/" + string(b) + "/stat"); !strings.Contains(string(state), ") Z ") {
			t.Errorf("the script's child %s is still alive", b)
		}
	}
}

func TestGoFunctionInPlaceOfTheScript(t *testing.T) {
	job := newJob(t, echo, 3)
	job.Code, job.Script, job.Model = "", "", ""
	job.Func = func(_ context.Context, files []string) ([]string, error) {
		var rows []string
		for _, f := range files {
			rows = append(rows, strings.ToUpper(filepath.Base(f)))
		}
		return rows, nil
	}
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A00.TXT", "A01.TXT", "A02.TXT"}, lines(t, got.OutputFile)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}
