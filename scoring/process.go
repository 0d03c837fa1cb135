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

// process is a worker that runs the user's script in a Python process.
type process struct {
	launch launch
	in     *interpreter

	link   *link
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has been reaped and its group ended
	told   int           // the process id as the worker sees it: a wrapper may have forked

	mu      sync.Mutex
	reaped  bool
	leaving bool // it has been asked to end by itself
	size    int64
}

func newProcess(in *interpreter, l launch) worker {
	return &process{launch: l, in: in}
}

func (p *process) load(ctx context.Context) error {
	path, environ, ask, err := p.in.command(ctx)
	if err != nil {
		return err
	}
	if err := p.start(path, environ); err != nil {
		if ask {
			p.in.learn("", nil)
		}
		return err
	}
	hello, err := p.ask(ctx, PhaseImport, 0, "config", append(p.launch.config, tell(ask))...)
	if ask {
		p.learn(hello)
	}
	if err != nil {
		return p.startError(err)
	}
	p.launch.guard.start(hello.text(3), environ) // before anything of the script runs
	if p.told, err = hello.int(2); err != nil {
		return fmt.Errorf("scoring: worker process: %w", err)
	}
	imported, err := p.ask(ctx, PhaseImport, 0, "import")
	if err == nil && !imported.ok() {
		err = imported.failure()
	}
	return err
}

func tell(ask bool) string {
	if ask {
		return "tell=yes"
	}
	return "tell=no"
}

// learn hands on what the first worker told about the real interpreter.
func (p *process) learn(hello answer) {
	own := func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.ContainsFunc(p.launch.environ, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	}
	environ := slices.DeleteFunc(strings.Split(hello.text(4), "\x00"), own)
	p.in.learn(hello.text(3), environ)
}

// start starts the process in a group of its own with the two pipes as descriptors 3 and 4.
func (p *process) start(path string, environ []string) error {
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
	p.link = newLink(toWorker, fromWorker, p.launch.word)
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

// startWithStreams gives the process its log files as standard streams: whatever it floods them with costs no memory.
func (p *process) startWithStreams() error {
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

// reap waits for the process, then ends what is left of its group.
func (p *process) reap() {
	defer close(p.exited)
	leaving := false
	waitForGroup(p.cmd, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.killGroup()
		p.reaped, leaving = true, p.leaving
	})
	if !leaving {
		endMarked(p.launch.word) // its forks may hold the pipes open in other groups
	}
}

func (p *process) killGroup() {
	if !p.reaped {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

func (p *process) init(ctx context.Context) error {
	done, err := p.ask(ctx, PhaseInit, p.launch.limit, "init")
	if err == nil && !done.ok() {
		return done.callError()
	}
	return err
}

func (p *process) submit(ctx context.Context, files []string) error {
	stop := context.AfterFunc(ctx, p.interrupt)
	defer stop()
	err := p.link.send(p.launch.limit, "run", files)
	if errors.Is(err, syscall.EPIPE) {
		return nil // it has ended, maybe after answers that are still to be read: result will tell
	}
	return p.explain(ctx, PhaseRun, err)
}

func (p *process) result(ctx context.Context) (reply, error) {
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
		return reply{}, fmt.Errorf("scoring: worker process %d: %w", p.told, err)
	}
	p.size = int64(size)
	return reply{count: count, run: run, process: whole}, nil
}

func (p *process) shutdown(ctx context.Context) error {
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
	case <-timer.C: // a thread of the script keeps it; there is nothing left to wait for
	case <-ctx.Done():
	}
	return err
}

func (p *process) close() {
	if p.exited == nil {
		return
	}
	p.interrupt()
	<-p.exited
	p.link.close()
}

func (p *process) pid() int { return p.told }

func (p *process) logs() []string { return []string{p.launch.stdout, p.launch.stderr} }

func (p *process) rows() part { return part{p.launch.rowsFile, p.size} }

// ask makes one exchange, with the limit's time for each direction; what goes wrong with the process is a *callError.
func (p *process) ask(ctx context.Context, phase Phase, limit time.Duration, verb string, strings ...string) (answer, error) {
	stop := context.AfterFunc(ctx, p.interrupt)
	defer stop()
	err := p.link.send(limit, verb, strings)
	if err != nil {
		return nil, p.explain(ctx, phase, err)
	}
	a, err := p.link.receive(limit)
	return a, p.explain(ctx, phase, err)
}

// await waits for an answer.
func (p *process) await(ctx context.Context, phase Phase, limit time.Duration) (answer, error) {
	stop := context.AfterFunc(ctx, p.interrupt)
	defer stop()
	a, err := p.link.receive(limit)
	return a, p.explain(ctx, phase, err)
}

// interrupt ends the process so that a waiting exchange ends too.
func (p *process) interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killGroup()
	_ = p.cmd.Process.Kill() // a script can make it leave its group
}

// explain turns the end of an exchange into the end of the process, and that into words.
func (p *process) explain(ctx context.Context, phase Phase, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		p.close()
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		p.askWhere()
		p.close()
		message := fmt.Sprintf("%s() took longer than the timeout; the limit of a call is %v", phase, p.launch.limit)
		return &callError{phase: phase, message: message, traceback: p.trace(), timedOut: true}
	}
	// The pipe is closed. Mostly the process has ended; one that only closed its descriptors is ended here.
	message := p.endedBy()
	p.close()
	if message == "" {
		message = describeExit(p.cmd.ProcessState)
	}
	return &callError{phase: phase, message: message, traceback: p.trace(), exited: true, exit: exitNumber(p.cmd.ProcessState)}
}

// patience is how long a process that is expected to end may take to.
const patience = 500 * time.Millisecond

// askWhere makes a hanging process write down where it hangs, and end.
func (p *process) askWhere() {
	if p.told > 0 {
		_ = syscall.Kill(p.told, syscall.SIGUSR2)
	}
	p.awaitEnd()
}

// endedBy is empty when the process ended by itself.
func (p *process) endedBy() string {
	if p.awaitEnd() {
		return ""
	}
	return "the process closed its connection to the engine"
}

func (p *process) awaitEnd() bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}

// startError tells a worker that never came up, which is this machine's fault, from a context that ended.
func (p *process) startError(err error) error {
	var call *callError
	if !errors.As(err, &call) {
		return err
	}
	return fmt.Errorf("scoring: the interpreter %s did not start a worker: %s%s", p.in.name(), call.message,
		indent(readTail(p.launch.stderr)))
}

// describeExit gives the end of a process in words, with the number that the service's logs show for it.
func describeExit(state *os.ProcessState) string {
	exit := exitNumber(state)
	if exit < 0 {
		return fmt.Sprintf("the process ended by signal %d (%v), returncode %d", -exit, syscall.Signal(-exit), exit)
	}
	return fmt.Sprintf("the process ended by itself, returncode %d", exit)
}

// exitNumber is the exit code of a process, or the number of the signal that ended it below zero.
func exitNumber(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -int(status.Signal())
	}
	return state.ExitCode()
}

// maxTrace bounds what is read of a process's last words.
const maxTrace = 64 << 10

// trace is the stack that the process left behind when it crashed or hung, without the engine's own frames.
func (p *process) trace() string {
	file, err := os.Open(p.launch.traceFile)
	if err != nil {
		return ""
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxTrace))
	if err != nil {
		return ""
	}
	var kept strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, p.launch.driver) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
