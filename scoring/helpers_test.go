package scoring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(jobVariable); job != "" {
		os.Exit(runJobProcess(job))
	}
	goleak.VerifyTestMain(m)
}

// jobVariable makes this program run one job: a test kills it, a benchmark measures its memory.
const jobVariable = "AZMLBATCH_TEST_JOB"

// processJob has the fields of a job that its process gets.
type processJob struct {
	Code, Script, Model, Input, Output, Logs, Python string
	Env                                              map[string]string
	Workers                                          int
}

// jobProcess returns a process that runs a job and prints its own status.
func jobProcess(t testing.TB, job Job) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(processJob{job.Code, job.Script, job.Model, job.Input, job.Output, job.Logs, job.Python, job.Env, job.MaxConcurrencyPerInstance})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
	return cmd
}

// runJobProcess runs the job in that process.
func runJobProcess(text string) int {
	var job processJob
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if _, err := Run(context.Background(), Job{Code: job.Code, Script: job.Script, Model: job.Model, Input: job.Input, Output: job.Output, Logs: job.Logs,
		Python: job.Python, Env: job.Env, MaxConcurrencyPerInstance: job.Workers}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// The resource usage would include that of earlier processes.
	status, err := os.ReadFile("/proc/self/status")
	fmt.Println(string(status), err)
	return 0
}

// helperModule is in the code folder of every test. once is true for the first caller in the job.
// note sends a line to the test.
const helperModule = `
import os

MARKS = os.environ["MARKS"]

def once(name="once"):
    try:
        os.close(os.open(os.path.join(MARKS, name), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True

def note(*values):
    with open(os.path.join(MARKS, "notes"), "a") as file:
        file.write(" ".join(map(str, values)) + "\n")

def process(pid=None):
    """Tells the test of a process that must be gone with the job."""
    note("process", pid or os.getpid())

def fifo(name):
    path = os.path.join(MARKS, name)
    try:
        os.mkfifo(path)
    except FileExistsError:
        pass
    return path

def meet():
    """Returns when two processes have called it."""
    path = fifo("meeting")
    open(path, "r" if once("met") else "w").close()

def names(mini_batch):
    return [os.path.basename(path) for path in mini_batch]
`

// meeting needs two processes that are in run at the same time: it hangs with one.
const meeting = "import helper\ndef run(mini_batch):\n    helper.meet()\n    return helper.names(mini_batch)\n"

const echo = "import helper\ndef run(mini_batch):\n    return helper.names(mini_batch)\n"

// newJob returns a job with n files a00.txt, a01.txt, … whose content is their number.
func newJob(t testing.TB, script string, n int) Job {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "code", "score.py"), script)
	writeFile(t, filepath.Join(dir, "code", "helper.py"), helperModule)
	writeFile(t, filepath.Join(dir, "model", "weights.txt"), "42")
	writeFile(t, filepath.Join(dir, "marks", "notes"), "")
	if err := os.Mkdir(filepath.Join(dir, "input"), 0o750); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		writeFile(t, filepath.Join(dir, "input", fmt.Sprintf("a%02d.txt", i)), fmt.Sprint(i))
	}
	return Job{Code: filepath.Join(dir, "code"), Script: "score.py", Model: filepath.Join(dir, "model"), Input: filepath.Join(dir, "input"),
		Output: filepath.Join(dir, "output"), Logs: filepath.Join(dir, "logs"),
		Python: realPython(), Env: map[string]string{"MARKS": filepath.Join(dir, "marks")}}
}

// realPython is the interpreter behind a wrapper in PATH, which would cost every test half a
// second. If it does not answer, realPython is the name itself.
var realPython = sync.OnceValue(func() string {
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable, end='')").Output()
	if err != nil {
		return "python3"
	}
	return string(out)
})

// writeFile writes a file and creates its folder.
func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// lines returns the sorted lines of a file: the order of mini-batches is not defined.
func lines(t testing.TB, path string) []string {
	t.Helper()
	text := readFile(t, path)
	if text == "" {
		return []string{}
	}
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	slices.Sort(all)
	return all
}

// notes returns the sorted lines that the script sent with helper.note.
func notes(t testing.TB, job Job) []string {
	t.Helper()
	return lines(t, filepath.Join(job.Env["MARKS"], "notes"))
}

// logText returns the text of a log. The pattern must match one file.
func logText(t testing.TB, job Job, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(job.Logs, filepath.FromSlash(pattern)))
	if err != nil || len(found) != 1 {
		t.Fatalf("log %s: %v, %v", pattern, found, err)
	}
	return readFile(t, found[0])
}

// rule is one rule of the engine: a script, and how its job ends.
type rule struct {
	name   string
	script string
	code   map[string]string // more files of the code folder
	files  int               // 0 means 1
	change func(*Job)

	text    string   // the whole output file; of one process only, whose order is known
	rows    []string // its lines by value
	notes   []string // of the script, by value
	items   Items    // compared unless zero
	batches MiniBatches
	tries   int // calls of the script that failed; compared unless zero

	reason string // of a job that fails; empty for one that completes
	cause  string // in the script's error, of a job of either end

	after func(*testing.T, Job) // more to check
}

func checkRules(t *testing.T, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			job := newJob(t, r.script, max(1, r.files))
			for name, content := range r.code {
				writeFile(t, filepath.Join(job.Code, filepath.FromSlash(name)), content)
			}
			if r.change != nil {
				r.change(&job)
			}
			got, err := Run(t.Context(), job)
			cause := r.checkEnd(t, job, got, err)
			r.check(t, job, got)
			if r.cause != "" && (cause == nil || !strings.Contains(cause.Error()+cause.Traceback, r.cause)) {
				t.Errorf("cause %+v, want %q in it", cause, r.cause)
			}
			if r.after != nil {
				r.after(t, job)
			}
		})
	}
}

// checkEnd returns the script's error that failed the job, or else the first one of a completed job.
func (r rule) checkEnd(t *testing.T, job Job, got Result, err error) *ScriptError {
	t.Helper()
	if r.reason == "" {
		if err != nil || got.Status != StatusCompleted {
			t.Fatalf("Run = %s, %v; want Completed", got.Status, err)
		}
		return got.FirstError
	}
	var failure *Failure
	if !errors.As(err, &failure) || got.Status != StatusFailed || got.OutputFile != "" {
		t.Fatalf("Run = %+v, %v; want a Failure", got, err)
	}
	if !strings.Contains(failure.Reason, r.reason) {
		t.Errorf("reason %q, want %q in it", failure.Reason, r.reason)
	}
	if !strings.Contains(failure.ServiceMessage(), "exited with status code 42") {
		t.Errorf("ServiceMessage = %q", failure.ServiceMessage())
	}
	if _, err := os.Stat(filepath.Join(job.Output, DefaultOutputFileName)); err == nil && r.reason != pathExists {
		t.Error("a failed job left a predictions file")
	}
	return failure.Cause
}

func (r rule) check(t *testing.T, job Job, got Result) {
	t.Helper()
	if r.text != "" {
		if diff := cmp.Diff(r.text, readFile(t, got.OutputFile)); diff != "" {
			t.Errorf("output (-want +got):\n%s", diff)
		}
	}
	if r.rows != nil {
		if diff := cmp.Diff(r.rows, lines(t, got.OutputFile)); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
	}
	if r.notes != nil {
		if diff := cmp.Diff(r.notes, notes(t, job)); diff != "" {
			t.Errorf("notes (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff(r.items, got.Items); r.items != (Items{}) && diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(r.batches, got.MiniBatches); r.batches != (MiniBatches{}) && diff != "" {
		t.Errorf("mini-batches (-want +got):\n%s", diff)
	}
	if r.tries != 0 && got.ScriptErrors != r.tries {
		t.Errorf("%d calls of the script failed, want %d", got.ScriptErrors, r.tries)
	}
}

// entries lists everything in a folder.
func entries(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if path != dir {
			names = append(names, strings.TrimPrefix(path, dir+string(filepath.Separator)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// snapshot is the content of all files in a folder.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range entries(t, dir) {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			files[name] = readFile(t, filepath.Join(dir, name))
		}
	}
	return files
}

// started runs a job in the background. wait returns its outcome.
func started(ctx context.Context, job Job) (wait func() (Result, error)) {
	type outcome struct {
		result Result
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := Run(ctx, job)
		done <- outcome{result, err}
	}()
	return func() (Result, error) {
		o := <-done
		return o.result, o.err
	}
}

// isText reports whether err has this text, in which … stands for anything.
func isText(err error, text string) bool {
	head, tail, open := strings.Cut(text, "…")
	if err == nil || !open {
		return err != nil && err.Error() == text
	}
	return strings.HasPrefix(err.Error(), head) && strings.HasSuffix(err.Error(), tail)
}
