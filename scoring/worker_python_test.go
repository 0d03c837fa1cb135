//go:build linux

package scoring

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// playedProcess is a worker whose process runs a shell script in the place of worker.py. The script
// has the pipes as descriptors 3 and 4, and may answer before it is asked.
func playedProcess(t *testing.T, script string) *pythonWorker {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	writeFile(t, at("worker.py"), script)
	l := launch{driver: dir, stdout: at("out"), stderr: at("err"), traceFile: at("trace"), rowsFile: "rows", token: "word",
		limit: time.Minute, shutdown: time.Minute, starter: newStarter(), guard: newGuard(jobDirs{}, "word")}
	l.guard.stop() // the worker starts none
	t.Cleanup(l.starter.close)
	p := newPythonWorker(&interpreter{path: "/bin/sh", environ: os.Environ(), known: true}, l).(*pythonWorker)
	t.Cleanup(p.close)
	return p
}

// answers is a script that gives these answers and waits for the end of the requests.
func answers(lines ...string) string {
	var script strings.Builder
	for _, line := range lines {
		script.WriteString("echo word " + line + " >&4\n")
	}
	return script.String() + "exec cat <&3 >/dev/null\n"
}

// TestWorkerAnswers checks what becomes of each kind of answer, in each phase.
func TestWorkerAnswers(t *testing.T) {
	hexed := func(text string) string { return hex.EncodeToString([]byte(text)) }
	const hello, imported = "done start $$ - -", "done import"
	ends := func(requests int) string { // a process that ends when it has read so many
		return "read -r line <&3\necho word " + hello + " >&4\n" + strings.Repeat("read -r line <&3\necho word done import >&4\n", requests-1) + "exit 4"
	}
	load := func(ctx context.Context, p *pythonWorker) error { return p.load(ctx) }
	after := func(call func(context.Context, *pythonWorker) error) func(context.Context, *pythonWorker) error {
		return func(ctx context.Context, p *pythonWorker) error {
			if err := p.load(ctx); err != nil {
				return errors.Join(errors.New("not loaded"), err)
			}
			return call(ctx, p)
		}
	}
	start := after(func(ctx context.Context, p *pythonWorker) error { return p.init(ctx) })
	end := after(func(ctx context.Context, p *pythonWorker) error { return p.shutdown(ctx) })
	run := after(func(ctx context.Context, p *pythonWorker) error {
		if err := p.submit(ctx, []string{"/in/a"}); err != nil {
			return err
		}
		got, err := p.result(ctx)
		if err == nil && (got != reply{3, 500 * time.Millisecond, 1500 * time.Millisecond} || p.rows() != part{"rows", 40}) {
			return errors.New("another result")
		}
		return err
	})
	failed := func(phase Phase) *callError {
		return &callError{phase: phase, message: "ValueError: cracked", traceback: "Traceback\n", file: "/in/a"}
	}
	exited := func(phase Phase) *callError {
		return &callError{phase: phase, message: "the process ended by itself, returncode 4", exited: true, exit: 4}
	}
	cracked := " " + hexed("ValueError: cracked") + " " + hexed("Traceback\n") + " " + hexed("/in/a")
	tests := []struct {
		name, script string
		call         func(context.Context, *pythonWorker) error
		want         *callError // the script is to blame
		err          string     // this machine is
	}{
		{"a process that ends at once", "echo the kiln is cold >&2\nexit 3", load, nil,
			"scoring: the interpreter /bin/sh did not start a worker: the process ended by itself, returncode 3\n\tthe kiln is cold"},
		{"an id that is no number", answers("done start x - -"), load, nil, `scoring: worker process: strconv.Atoi: parsing "x": invalid syntax`},
		{"no id", answers("done start"), load, nil, "scoring: worker process: answer has no field 2"},
		{"an import that works", answers(hello, imported), load, nil, ""},
		{"an import that fails", answers(hello, "failed import"+cracked), load, failed(PhaseImport), ""},
		{"no place for rows", answers(hello, "failed output "+hexed("no space")), load, nil, "scoring: output: no space"},
		{"a process that ends in the import", ends(1), load, exited(PhaseImport), ""},
		{"an init that works", answers(hello, imported, "done init"), start, nil, ""},
		{"an init that fails", answers(hello, imported, "failed init"+cracked), start, failed(PhaseInit), ""},
		{"a process that ends in init", ends(2), start, exited(PhaseInit), ""},
		{"a run that works", answers(hello, imported, "done run 3 40 0.5 1.5"), run, nil, ""},
		{"a run that fails", answers(hello, imported, "failed run"+cracked), run, failed(PhaseRun), ""},
		{"a run whose rows cannot be stored", answers(hello, imported, "failed output "+hexed("no space")), run, nil, "scoring: output: no space"},
		{"an answer without numbers", answers(hello, imported, "done run"), run, nil,
			"scoring: worker process PID: answer has no field 2\nanswer has no field 3\nanswer has no field 4\nanswer has no field 5"},
		{"an answer without its last number", answers(hello, imported, "done run 3 40 0.5"), run, nil, "scoring: worker process PID: answer has no field 5"},
		{"an answer that says nothing", answers(hello, imported, "failed"), run, &callError{phase: PhaseRun, message: "the worker's answer cannot be read"}, ""},
		{"a process that ends in run", ends(2), run, exited(PhaseRun), ""},
		{"a shutdown that works", answers(hello, imported, "done shutdown"), end, nil, ""},
		{"a shutdown that fails", answers(hello, imported, "failed shutdown"+cracked), end, failed(PhaseShutdown), ""},
		{"a process that ends in shutdown", ends(2), end, exited(PhaseShutdown), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := playedProcess(t, tt.script)
			err := tt.call(t.Context(), p)
			if diff := cmp.Diff(tt.want, asCallError(err), cmp.AllowUnexported(callError{})); diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			got := ""
			if err != nil && asCallError(err) == nil {
				got = strings.ReplaceAll(err.Error(), "process "+strconv.Itoa(p.pid()), "process PID")
			}
			if got != tt.err {
				t.Errorf("error %q, want %q", got, tt.err)
			}
			p.close()
			p.close()
			checkGone(t, p.cmd.Process.Pid)
		})
	}
}

// TestWorkerOfACancelledJob: each call ends its process and returns the cause.
func TestWorkerOfACancelledJob(t *testing.T) {
	stop := errors.New("stop")
	for name, call := range map[string]func(context.Context, *pythonWorker) error{
		"init":     func(ctx context.Context, p *pythonWorker) error { return p.init(ctx) },
		"run":      func(ctx context.Context, p *pythonWorker) error { _, err := p.result(ctx); return err },
		"shutdown": func(ctx context.Context, p *pythonWorker) error { return p.shutdown(ctx) },
	} {
		p := playedProcess(t, answers("done start $$ - -", "done import"))
		if err := p.load(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(stop)
		if err := call(ctx, p); !errors.Is(err, stop) {
			t.Errorf("%s = %v, want the cause", name, err)
		}
		checkClosed(t, p)
	}
}

// TestWorkerThatEndedBefore: a mini-batch that its process never got is one that it failed, so that
// another process gets it.
func TestWorkerThatEndedBefore(t *testing.T) {
	p := playedProcess(t, "read -r line <&3\necho word done start $$ - - >&4\nread -r line <&3\necho word done import >&4\nexit 4")
	if err := p.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	if err := p.submit(t.Context(), []string{"/in/a"}); err != nil {
		t.Errorf("submit = %v, want the error from result", err)
	}
	_, err := p.result(t.Context())
	want := &callError{phase: PhaseRun, message: "the process ended by itself, returncode 4", exited: true, exit: 4}
	if diff := cmp.Diff(want, asCallError(err), cmp.AllowUnexported(callError{})); diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestWorkerThatWaitsForTheInterpreter: one that waits for what the first one reports ends with its
// job, and starts nothing.
func TestWorkerThatWaitsForTheInterpreter(t *testing.T) {
	p := playedProcess(t, answers("done start $$ - -", "done import"))
	p.in.known = false
	if _, _, ask, err := p.in.command(t.Context()); !ask || err != nil {
		t.Fatalf("command: asks %v, %v", ask, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.load(ctx); !errors.Is(err, context.Canceled) || p.cmd != nil {
		t.Errorf("load = %v, started %v", err, p.cmd)
	}
}

// TestWorkerThatCannotBeStarted: the next worker asks the wrapper, because this one could not.
func TestWorkerThatCannotBeStarted(t *testing.T) {
	p := playedProcess(t, "")
	p.in.path, p.in.known = filepath.Join(p.launch.driver, "none"), false
	if err := p.load(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "scoring: start "+p.in.path+": ") {
		t.Errorf("load = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nobody is to be waited for
	if _, _, ask, err := p.in.command(ctx); !ask || err != nil {
		t.Errorf("command: asks %v, %v; want that it asks", ask, err)
	}
	if err := p.link.send(time.Minute, "run", nil); err == nil {
		t.Error("its pipes are open")
	}
}

// silentProcess is a worker whose process neither answers nor ends, on the clock of a bubble, which
// stands while somebody waits for a process. So it is reaped a moment after it must be dead.
func silentProcess(t *testing.T) *pythonWorker {
	t.Helper()
	dir := t.TempDir()
	p := &pythonWorker{launch: launch{token: "word", driver: "/driver", traceFile: filepath.Join(dir, "trace"), limit: time.Minute},
		cmd: exec.Command("sleep", "1000"), exited: make(chan struct{})}
	p.link, _, _ = pipes(t, "word")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	writeFile(t, p.launch.traceFile, "in /driver/worker.py\nin /code/score.py\n")
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(5*time.Second+1, func() {
		_ = p.cmd.Process.Kill()
		p.reap()
	})
	return p
}

// TestWorkerThatClosedItsPipes: its process is ended after five seconds, and the error says so.
func TestWorkerThatClosedItsPipes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := silentProcess(t)
		err := p.exchangeError(t.Context(), PhaseRun, io.EOF)
		want := &callError{phase: PhaseRun, message: "the process closed its connection to the engine", traceback: "in /code/score.py\n", exited: true, exit: -9}
		if diff := cmp.Diff(want, asCallError(err), cmp.AllowUnexported(callError{})); diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		checkClosed(t, p)
	})
}

// checkClosed fails if the process of a worker may still run.
func checkClosed(t *testing.T, p *pythonWorker) {
	t.Helper()
	select {
	case <-p.exited:
	default:
		t.Error("the process is not ended")
	}
}

// TestWorkerThatHangsBeforeItIsKnown: nothing is signalled as long as the id of the worker is not
// known.
func TestWorkerThatHangsBeforeItIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := silentProcess(t)
		err := p.exchangeError(t.Context(), PhaseInit, os.ErrDeadlineExceeded)
		want := &callError{phase: PhaseInit, message: "init() took longer than the timeout; the limit of a call is 1m0s", traceback: "in /code/score.py\n", timedOut: true}
		if diff := cmp.Diff(want, asCallError(err), cmp.AllowUnexported(callError{})); diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		checkClosed(t, p)
	})
}

// TestWorkerLeaves checks how long a process may take to end by itself after shutdown.
func TestWorkerLeaves(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer string
		then   func(p *pythonWorker, cancel func())
		failed string
		took   time.Duration
	}{
		{"it stays", "done shutdown", func(*pythonWorker, func()) {}, "", 2 * time.Second},
		{"it ends", "done shutdown", func(p *pythonWorker, _ func()) { close(p.exited) }, "", time.Second},
		{"the job is cancelled", "done shutdown", func(_ *pythonWorker, cancel func()) { cancel() }, "", time.Second},
		{"shutdown fails", "failed shutdown 6f6f", func(*pythonWorker, func()) {}, "shutdown: oo", 2 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			l, requests, worker := pipes(t, "word")
			if _, err := io.WriteString(worker, "word "+tt.answer+"\n"); err != nil {
				t.Fatal(err)
			}
			p := &pythonWorker{launch: launch{shutdown: leavingTime}, link: l, exited: make(chan struct{})}
			time.AfterFunc(time.Second, func() { tt.then(p, cancel) })
			began, failed := time.Now(), ""
			if err := p.shutdown(ctx); err != nil {
				failed = err.Error()
			}
			if took := time.Since(began); took != tt.took || failed != tt.failed || !p.leaving {
				t.Errorf("%s: shutdown = %q after %v, leaving %v; want %q after %v", tt.name, failed, took, p.leaving, tt.failed, tt.took)
			}
			if got, err := io.ReadAll(requests); string(got) != "shutdown 0\n" || err != nil {
				t.Errorf("%s: it was asked %q, %v", tt.name, got, err)
			}
		})
	}
}

// TestWorkerTrace checks how much is read of a trace, and that the engine's own frames are left out.
func TestWorkerTrace(t *testing.T) {
	p := &pythonWorker{launch: launch{driver: "/driver", traceFile: filepath.Join(t.TempDir(), "trace")}}
	if got := p.trace(); got != "" {
		t.Errorf("trace of no file = %q", got)
	}
	writeFile(t, p.launch.traceFile, "a\nin /driver/worker.py\n"+strings.Repeat("x", 1<<20))
	if got, want := p.trace(), "a\n"+strings.Repeat("x", 64<<10-len("a\nin /driver/worker.py\n")); got != want {
		t.Errorf("trace has %d bytes, want %d; begins %.40q", len(got), len(want), got)
	}
	p.launch.traceFile = filepath.Dir(p.launch.traceFile)
	if got := p.trace(); got != "" {
		t.Errorf("trace of a folder = %q", got)
	}
}
