//go:build linux

package scoring

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFilesThatCannotBeUsed puts something else where the engine wants a file or a folder: each
// call gives the error of the file system.
func TestFilesThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	at := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	writeFile(t, at("file"), "x\n")
	writeFile(t, at("model", "weights"), "x")
	writeFile(t, at("mlflow", "MLmodel"), "flavors: {}")
	writeFile(t, at("taken", "model"), "x")
	writeFile(t, at("folder", "inner"), "x")
	for link, target := range map[string]string{"dangling": "nowhere", "full": "/dev/full", "mlflow/gone": "nowhere"} {
		if err := os.Symlink(target, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(at("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close() //nolint:errcheck // nothing was written
	below := at("file", "below")
	list := func(path string) error { _, err := listInput(t.Context(), path); return err }
	startWorker := func(l launch) error {
		l.starter = newStarter()
		defer l.starter.close()
		return (&pythonWorker{launch: l, cmd: exec.Command("true")}).startWithStreams()
	}
	joined := func(output string, parts []part) error {
		writeFile(t, at("rows"), "x\n")
		e := &engine{settings: &settings{Job: Job{Output: output, OutputFileName: "joined"}, now: time.Now}, nodes: []*node{{parts: parts}}, logs: &logTree{printedOnly: true, now: time.Now}}
		return e.joinOutput(t.Context())
	}
	tests := []struct {
		name string
		call func() error
		want string // … stands for what differs
	}{
		{"the model's folder", func() error { return linkModel(t.Context(), at("model"), below) }, "…: not a directory"},
		{"a model that is gone", func() error { return linkModel(t.Context(), at("none"), at("m1")) }, "…: no such file or directory"},
		{"a model whose place is taken", func() error { return linkModel(t.Context(), at("model"), at("taken")) }, "…: not a directory"},
		{"a model of one file whose place is taken", func() error { return linkModel(t.Context(), at("file"), dir) }, "…: file exists"},
		{"a file of an MLflow model that is gone", func() error { return linkModel(t.Context(), at("mlflow"), at("m2")) }, "…mlflow/nowhere: no such file or directory"},
		{"content that is a folder", func() error { return linkContent(at("folder"), at("copy")) }, "…: is a directory"},
		{"content that is a socket, into a folder that is gone", func() error { return linkContent(at("socket"), at("none", "copy")) }, "…: no such device or address"},
		{"content into a folder that is gone", func() error { return linkContent(at("file"), at("none", "copy")) }, "…: no such file or directory"},
		{"content into something full", func() error { return linkContent("/proc/self/status", at("full")) }, "…: no space left on device"},
		{"an input that is gone", func() error { return list(at("none")) }, "…: no such file or directory"},
		{"an input that is a pipe", func() error { return list(at("fifo")) }, at("fifo") + " is neither a folder nor a file"},
		{"rows that are gone", func() error { return joinParts(t.Context(), []part{{at("none"), 2}}) }, "…: no such file or directory"},
		{"rows that are a folder", func() error { return joinParts(t.Context(), []part{{at("folder"), 2}}) }, "…: is a directory"},
		{"rows on a device", func() error { return joinParts(t.Context(), []part{{at("full"), 2}}) }, "…: invalid argument"},
		{"further rows that are gone", func() error { return joinParts(t.Context(), []part{{at("file"), 2}, {at("none"), 2}}) }, "…: no such file or directory"},
		{"further rows that are a folder", func() error { return joinParts(t.Context(), []part{{at("file"), 2}, {at("folder"), 2}}) }, "…: is a directory"},
		{"rows of a function", func() error { return newFuncWorker(nil, below, 0).load(t.Context()) }, "scoring: open " + below + ": not a directory"},
		{"the output of a worker", func() error { return startWorker(launch{stdout: below, stderr: at("err")}) }, "open " + below + ": not a directory"},
		{"the errors of a worker", func() error { return startWorker(launch{stdout: at("out"), stderr: below}) }, "open " + below + ": not a directory"},
		{"a model whose flavors are gone", func() error { _, err := flavors(at("none")); return err }, "open …none/MLmodel: no such file or directory"},
		{"rows whose place is gone", func() error { return joined(at("none"), []part{{at("rows"), 2}}) }, "scoring: join the output: rename …: no such file or directory"},
		{"rows without content that are a folder", func() error { return joined(dir, []part{{at("rows"), 2}, {at("folder"), 0}}) }, "scoring: join the output: remove …: directory not empty"},
		{"an interpreter that is gone", func() error {
			e := &engine{settings: &settings{Job: Job{Python: at("none")}, now: time.Now}, dirs: jobDirs{model: at("m3")}, logs: &logTree{printedOnly: true, now: time.Now}}
			return e.prepareWorkers(t.Context())
		}, "scoring: no Python interpreter: …: no such file or directory"},
		{"a model that cannot be linked", func() error {
			e := &engine{settings: &settings{Job: Job{Model: at("mlflow")}, now: time.Now}, dirs: jobDirs{model: at("m4")}, logs: &logTree{printedOnly: true, now: time.Now}}
			return e.prepareWorkers(t.Context())
		}, "scoring: model: lstat …: no such file or directory"},
		{"an output that is only counted, below a file", func() error {
			job := newFuncJob(t, 1, func(context.Context, []string) ([]string, error) { return nil, nil })
			job.Output, job.OutputAction = below, OutputActionSummaryOnly
			_, err := Run(t.Context(), job)
			return err
		}, "scoring: output: mkdir " + at("file") + ": not a directory"},
		{"a log below a file", func() error { _, err := newLogTree(below, time.Now); return err }, "scoring: logs: mkdir …: not a directory"},
		{"a log that is a folder", func() error {
			if err := os.MkdirAll(at("logs", filepath.FromSlash(readmeFile)), 0o750); err != nil {
				return err
			}
			_, err := newLogTree(at("logs"), time.Now)
			return err
		}, "scoring: logs: open …: is a directory"},
		{"environments below a file", func() error { return (&venv{dir: filepath.Join(below, "v")}).build(t.Context()) }, "scoring: environment: mkdir …: not a directory"},
		{"a lock that is a folder", func() error {
			if err := os.MkdirAll(at("cache", "v.lock"), 0o750); err != nil {
				return err
			}
			return (&venv{dir: at("cache", "v")}).build(t.Context())
		}, "scoring: environment: open …/v.lock: is a directory"},
		{"an unfinished environment that cannot be removed", func() error { return (&venv{dir: at("folder") + "/."}).build(t.Context()) }, "scoring: environment: RemoveAll …: invalid argument"},
	}
	for _, tt := range tests {
		if err := tt.call(); !isText(err, tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestFilesAndTheContext: the listing of an input, the linking of a model and the wait for a lock
// end with their context.
func TestFilesAndTheContext(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "model", "weights"), "x")
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := listInput(ctx, dir); !errors.Is(err, stop) {
		t.Errorf("listInput = %v, want the cause", err)
	}
	if err := linkModel(ctx, filepath.Join(dir, "model"), filepath.Join(dir, "m")); !errors.Is(err, context.Canceled) {
		t.Errorf("linkModel = %v, want context.Canceled", err)
	}
	v := &venv{dir: filepath.Join(dir, "v")}
	held, err := v.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := v.build(ctx); !errors.Is(err, stop) {
		t.Errorf("build beside a lock = %v, want the cause", err)
	}
}

// TestRulesModes checks that others can read what a job leaves, as far as the user's mask allows.
func TestRulesModes(t *testing.T) {
	mask := syscall.Umask(0o022)
	defer syscall.Umask(mask)
	job := newJob(t, "import helper\ndef run(b):\n    if helper.once():\n        raise ValueError()\n    return b", 1)
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	inEnvironment := buildJob(t, makesVenv, "")
	if _, err := Run(t.Context(), inEnvironment); err != nil {
		t.Fatal(err)
	}
	function := newFuncJob(t, 1, func(_ context.Context, files []string) ([]string, error) { return files, nil })
	if _, err := Run(t.Context(), function); err != nil {
		t.Fatal(err)
	}
	command := Command{Line: "true", Logs: filepath.Join(t.TempDir(), "logs"), Dir: filepath.Join(t.TempDir(), "dir")}
	if err := RunCommand(t.Context(), command); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{job.Output, job.Logs, function.Output, function.Logs, inEnvironment.Environment.CacheDir, inEnvironment.Logs, command.Logs, command.Dir} {
		for _, name := range append(entries(t, dir), "") {
			info, err := os.Lstat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode()&fs.ModeSymlink != 0 {
				continue // its mode says nothing
			}
			want := fs.FileMode(0o644)
			if info.IsDir() {
				want = 0o755
			}
			if info.Mode().Perm() != want || info.Mode()&fs.ModeSticky != 0 {
				t.Errorf("%s has the mode %v, want %v", filepath.Join(filepath.Base(dir), name), info.Mode(), want)
			}
		}
	}
}

// TestModesOfTemporaryFiles checks who may read and change what a script and a command find beside
// their own files.
func TestModesOfTemporaryFiles(t *testing.T) {
	mask := syscall.Umask(0o022)
	defer syscall.Umask(mask)
	job := newJob(t, `import os
model = os.environ["AZUREML_MODEL_DIR"]
def run(b):
    return [oct(os.stat(path).st_mode) for path in (".", "..", model, model + "/model", model + "/model/deep", model + "/../mark")]
`, 1)
	writeFile(t, filepath.Join(job.Model, "deep", "weights.txt"), "")
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Repeat("0o40755\n", 5)+"0o100600\n", readFile(t, got.OutputFile)); diff != "" {
		t.Errorf("modes of a job's folders and its mark (-want +got):\n%s", diff)
	}
	printed, err := commandOutput(t, Command{Line: `python=$(command -v python); stat -c %a . "${python%/*}" "$python" "${python}3"`})
	if diff := cmp.Diff("755\n755\n755\n755\n", printed); diff != "" || err != nil {
		t.Errorf("%v; modes of a command's folders and its Python (-want +got):\n%s", err, diff)
	}
}

// TestTemporaryFolderThatCannotBeRemoved: the function puts a file in the place of the folder that
// holds it. All rows are there, and the error says what is left.
func TestTemporaryFolderThatCannotBeRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tmp")
	job := newFuncJob(t, 1, func(context.Context, []string) ([]string, error) {
		return []string{"row"}, errors.Join(os.Rename(dir, dir+".away"), os.WriteFile(dir, nil, 0o600))
	})
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	result, err := Run(t.Context(), job)
	if err == nil || !strings.HasPrefix(err.Error(), "scoring: unlinkat "+dir) || result.Status != StatusCompleted {
		t.Errorf("Run = %v, %v; want a completed job and the error of the removal", result.Status, err)
	}
}

// TestFailureAndThisMachine: a job that failed tells why, even if its logs cannot be kept and its
// temporary folder cannot be removed.
func TestFailureAndThisMachine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tmp")
	job := newFuncJob(t, 1, func(context.Context, []string) ([]string, error) {
		_, _ = os.Rename(dir, dir+".away"), os.WriteFile(dir, nil, 0o600)
		return nil, errors.New("cracked")
	})
	job.MaxRetries = new(1)
	if err := errors.Join(os.Mkdir(dir, 0o700), os.MkdirAll(filepath.Join(job.Logs, "logs", "job_result.txt"), 0o750)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	_, err := Run(t.Context(), job)
	var failure *Failure
	if !errors.As(err, &failure) || failure.Reason != noSuccess {
		t.Errorf("Run = %v, want the failure of the job", err)
	}
}

// TestRowsInTheLog pins what the overview log says about the joining of two files.
func TestRowsInTheLog(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		writeFile(t, filepath.Join(dir, name), "")
		if err := os.Truncate(filepath.Join(dir, name), 1<<20); err != nil { // sparse
			t.Fatal(err)
		}
	}
	now := time.Date(2026, 3, 1, 23, 4, 5, 6007000, time.UTC)
	logs, err := newLogTree(filepath.Join(dir, "logs"), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	clock := now
	e := &engine{settings: &settings{Job: Job{Output: dir, OutputFileName: "joined"}, now: func() time.Time {
		clock = clock.Add(1_600_000) // which the second look sees as spent
		return clock
	}}, nodes: []*node{{parts: []part{{filepath.Join(dir, "a"), 1 << 20}}}, {parts: []part{{filepath.Join(dir, "b"), 1 << 19}}}}, logs: logs}
	if err := errors.Join(e.joinOutput(t.Context()), logs.close()); err != nil {
		t.Fatal(err)
	}
	checkLogs(t, snapshot(t, logs.dir), now, map[string][]string{"logs/job_progress_overview.2026030123.txt": {
		"T There are 2 temp files to concatenate. Total size is 1.50 MB.", "T Finished concatenating 2 files in 2ms."}})
	if info, err := os.Stat(filepath.Join(dir, "joined")); err != nil || info.Size() != 3<<19 {
		t.Errorf("joined: %v, %v", info, err)
	}
}

// TestTemporaryFolderOfACommandThatCannotBeRemoved is the same for a command.
func TestTemporaryFolderOfACommandThatCannotBeRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tmp")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	err := RunCommand(t.Context(), Command{Line: `mv "$KILN" "$KILN.away" && touch "$KILN"`, Env: map[string]string{"KILN": dir}, Logs: t.TempDir()})
	if err == nil || !strings.HasPrefix(err.Error(), "scoring: unlinkat "+dir) {
		t.Errorf("RunCommand = %v, want the error of the removal", err)
	}
}

// TestContentOfAnotherFileSystem: what cannot be linked is copied.
func TestContentOfAnotherFileSystem(t *testing.T) {
	name := filepath.Join(t.TempDir(), "copy")
	if err := linkContent("/proc/version", name); err != nil {
		t.Fatal(err)
	}
	if got, want := readFile(t, name), readFile(t, "/proc/version"); got != want || got == "" {
		t.Errorf("copied %q, want %q", got, want)
	}
}

// TestRowsOfWorkers checks what is joined: files with rows, in the order of nodes and processes, and
// one of those without if there are no others.
func TestRowsOfWorkers(t *testing.T) {
	a, b, c, d := part{"a", 1}, part{"b", 0}, part{"c", 2}, part{"d", 0}
	for _, tt := range []struct{ all, parts, empty []part }{
		{[]part{a, b, c, d}, []part{a, c}, []part{b, d}},
		{[]part{b, a}, []part{a}, []part{b}},
		{[]part{b, d}, []part{b}, []part{d}},
	} {
		e := &engine{nodes: []*node{{parts: tt.all[:1]}, {parts: tt.all[1:]}}}
		parts, empty := e.writtenParts()
		if diff := cmp.Diff([][]part{tt.parts, tt.empty}, [][]part{parts, empty}, cmp.AllowUnexported(part{})); diff != "" {
			t.Errorf("of %v (-want +got):\n%s", tt.all, diff)
		}
	}
}

// TestRowsThatBreakOff says which file is too short, and by how much.
func TestRowsThatBreakOff(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		writeFile(t, filepath.Join(dir, name), "12345\n")
	}
	err := joinParts(t.Context(), []part{{filepath.Join(dir, "a"), 2}, {filepath.Join(dir, "b"), 16}})
	if err == nil || err.Error() != "b, 10 bytes before its end: EOF" {
		t.Errorf("joinParts = %v", err)
	}
	if got := readFile(t, filepath.Join(dir, "a")); got != "1212345\n" {
		t.Errorf("joined %q", got)
	}
}
