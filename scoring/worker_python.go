//go:build unix

package scoring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// pythonWorker calls the user's script in a Python process.
type pythonWorker struct {
	launch launch
	in     *interpreter

	link        *link
	cmd         *exec.Cmd
	exited      chan struct{} // closed when the process is reaped and its group is killed
	reportedPID int           // as the worker itself sees it; a wrapper may have forked

	mu      sync.Mutex
	reaped  bool
	leaving bool // it was asked to end by itself
	size    int64
}

func newPythonWorker(in *interpreter, l launch) worker {
	return &pythonWorker{launch: l, in: in}
}

func (p *pythonWorker) load(ctx context.Context) error {
	path, environ, ask, err := p.in.command(ctx)
	if err != nil {
		return err
	}
	if err := p.start(path, environ); err != nil {
		if ask {
			p.in.resolved("", nil)
		}
		return err
	}
	hello, err := p.ask(ctx, PhaseImport, 0, "config", append(p.launch.config, describeFlag(ask))...)
	if ask {
		p.resolved(hello)
	}
	if err != nil {
		return p.startError(err)
	}
	p.launch.guard.start(hello.text(3), environ) // before any code of the script runs
	if p.reportedPID, err = hello.int(2); err != nil {
		return fmt.Errorf("scoring: worker process: %w", err)
	}
	imported, err := p.ask(ctx, PhaseImport, 0, "import")
	if err == nil && !imported.ok() {
		err = imported.failure()
	}
	return err
}

func describeFlag(ask bool) string {
	if ask {
		return "describe=yes"
	}
	return "describe=no"
}

// resolved stores what the worker reported about the real interpreter.
func (p *pythonWorker) resolved(hello answer) {
	own := func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.ContainsFunc(p.launch.environ, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	}
	environ := slices.DeleteFunc(strings.Split(hello.text(4), "\x00"), own)
	p.in.resolved(hello.text(3), environ)
}

// start starts the process in its own process group, with the two pipes as file descriptors 3 and
// 4.
func (p *pythonWorker) start(path string, environ []string) error {
	requests, toWorker, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("scoring: %w", err)
	}
	defer requests.Close()
	fromWorker, answers, err := os.Pipe()
	if err != nil {
		toWorker.Close()
		return fmt.Errorf("scoring: %w", err)
	}
	defer answers.Close()
	p.link = newLink(toWorker, fromWorker, p.launch.token)
	p.cmd = exec.Command(path, filepath.Join(p.launch.driver, "worker.py"))
	p.cmd.Env = append(slices.Clone(environ), p.launch.environ...)
	p.cmd.ExtraFiles = []*os.File{requests, answers}
	p.cmd.SysProcAttr = workerAttributes()
	if err := p.startWithStreams(); err != nil {
		p.link.close()
		return fmt.Errorf("scoring: start %s: %w", path, err)
	}
	p.exited = make(chan struct{})
	go p.reap()
	return nil
}

// startWithStreams uses the log files as standard streams, so that output costs no memory here.
func (p *pythonWorker) startWithStreams() error {
	stdout, err := openLog(p.launch.stdout)
	if err != nil {
		return err
	}
	defer stdout.Close()
	stderr, err := openLog(p.launch.stderr)
	if err != nil {
		return err
	}
	defer stderr.Close()
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	return p.launch.starter.start(p.cmd)
}

// reap waits for the process and then kills the rest of its group.
func (p *pythonWorker) reap() {
	defer close(p.exited)
	leaving := false
	waitForGroup(p.cmd, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.killGroup()
		p.reaped, leaving = true, p.leaving
	})
	if !leaving {
		endMarked(p.launch.token) // its forks may keep the pipes open in other groups
	}
}

func (p *pythonWorker) killGroup() {
	if !p.reaped {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

func (p *pythonWorker) init(ctx context.Context) error {
	done, err := p.ask(ctx, PhaseInit, p.launch.limit, "init")
	if err == nil && !done.ok() {
		return done.callError()
	}
	return err
}

func (p *pythonWorker) submit(ctx context.Context, files []string) error {
	stop := context.AfterFunc(ctx, p.interrupt)
	defer stop()
	err := p.link.send(p.launch.limit, "run", files)
	if errors.Is(err, syscall.EPIPE) {
		return nil // it has ended; result may still find answers in the pipe, and returns the error
	}
	return p.exchangeError(ctx, PhaseRun, err)
}

func (p *pythonWorker) result(ctx context.Context) (reply, error) {
	done, err := p.await(ctx, PhaseRun, p.launch.limit)
	if err != nil {
		return reply{}, err
	}
	if !done.ok() {
		return reply{}, done.failure()
	}
	count, errCount := done.int(2)
	size, errSize := done.int(3)
	run, errRun := done.seconds(4)
	whole, errWhole := done.seconds(5)
	if err := errors.Join(errCount, errSize, errRun, errWhole); err != nil {
		return reply{}, fmt.Errorf("scoring: worker process %d: %w", p.reportedPID, err)
	}
	p.size = int64(size)
	return reply{count: count, run: run, total: whole}, nil
}

func (p *pythonWorker) shutdown(ctx context.Context) error {
	done, err := p.ask(ctx, PhaseShutdown, p.launch.limit, "shutdown")
	if err == nil && !done.ok() {
		err = done.callError()
	}
	p.mu.Lock()
	p.leaving = true
	p.mu.Unlock()
	p.link.requests.Close()
	timer := time.NewTimer(p.launch.shutdown)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C: // a thread of the script keeps it alive; nothing more is needed from it
	case <-ctx.Done():
	}
	return err
}

func (p *pythonWorker) close() {
	if p.exited == nil {
		return
	}
	p.interrupt()
	<-p.exited
	p.link.close()
}

func (p *pythonWorker) pid() int { return p.reportedPID }

func (p *pythonWorker) logs() []string { return []string{p.launch.stdout, p.launch.stderr} }

func (p *pythonWorker) rows() part { return part{p.launch.rowsFile, p.size} }

// ask sends a request and waits for its answer, each at most for the limit. If the process has a
// problem, the error is a *callError.
func (p *pythonWorker) ask(
	ctx context.Context, phase Phase, limit time.Duration, verb string, strings ...string,
) (answer, error) {
	stop := context.AfterFunc(ctx, p.interrupt)
	defer stop()
	err := p.link.send(limit, verb, strings)
	if err != nil {
		return nil, p.exchangeError(ctx, phase, err)
	}
	a, err := p.link.receive(limit)
	return a, p.exchangeError(ctx, phase, err)
}

// await waits for an answer.
func (p *pythonWorker) await(ctx context.Context, phase Phase, limit time.Duration) (answer, error) {
	stop := context.AfterFunc(ctx, p.interrupt)
	defer stop()
	a, err := p.link.receive(limit)
	return a, p.exchangeError(ctx, phase, err)
}

// interrupt kills the process group, which also ends a pending exchange.
func (p *pythonWorker) interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killGroup()
	_ = p.cmd.Process.Kill() // the script may have left the group
}

// exchangeError closes the worker after a failed exchange and turns the error into a *callError, or
// into the error of the context.
func (p *pythonWorker) exchangeError(ctx context.Context, phase Phase, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		p.close()
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		p.dumpStack()
		p.close()
		message := fmt.Sprintf("%s() took longer than the timeout; the limit of a call is %v", phase, p.launch.limit)
		return &callError{phase: phase, message: message, traceback: p.trace(), timedOut: true}
	}
	// The pipe is closed. Usually the process has ended; if it only closed its file descriptors, it
	// is killed here.
	message := p.endedBy()
	p.close()
	if message == "" {
		message = describeExit(p.cmd.ProcessState)
	}
	return &callError{
		phase: phase, message: message, traceback: p.trace(), exited: true, exit: exitNumber(p.cmd.ProcessState),
	}
}

// patience is how long to wait for a process that should be ending.
const patience = 5 * time.Second

// dumpStack makes a hanging process write its stack to the trace file and end.
func (p *pythonWorker) dumpStack() {
	if p.reportedPID > 0 {
		_ = syscall.Kill(p.reportedPID, syscall.SIGUSR2)
	}
	p.awaitEnd()
}

// endedBy says why the process is about to be killed. It is empty if the process ended by itself.
func (p *pythonWorker) endedBy() string {
	if p.awaitEnd() {
		return ""
	}
	return "the process closed its connection to the engine"
}

func (p *pythonWorker) awaitEnd() bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}

// startError turns a worker that never started into an error of this machine. The context's error
// is returned as it is.
func (p *pythonWorker) startError(err error) error {
	var call *callError
	if !errors.As(err, &call) {
		return err
	}
	return fmt.Errorf("scoring: the interpreter %s did not start a worker: %s%s", p.in.name(), call.message,
		indent(readTail(p.launch.stderr)))
}

// describeExit says how a process ended, with the return code as in the service's logs.
func describeExit(state *os.ProcessState) string {
	exit := exitNumber(state)
	if exit < 0 {
		return fmt.Sprintf("the process ended by signal %d (%v), returncode %d", -exit, syscall.Signal(-exit), exit)
	}
	return fmt.Sprintf("the process ended by itself, returncode %d", exit)
}

// exitNumber is the exit code of a process, or minus the number of the signal that ended it.
func exitNumber(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -int(status.Signal())
	}
	return state.ExitCode()
}

// maxTrace is how much is read of a trace file.
const maxTrace = 64 << 10

// trace is the stack that a crashed or hanging process wrote, without the engine's own frames.
func (p *pythonWorker) trace() string {
	file, err := os.Open(p.launch.traceFile)
	if err != nil {
		return ""
	}
	defer file.Close()
	text, _ := io.ReadAll(io.LimitReader(file, maxTrace)) // as much as can be read
	var kept strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, p.launch.driver) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
