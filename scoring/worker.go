package scoring

import (
	"context"
	"fmt"
	"time"
)

// worker has imported the script and calls it, or calls a Go function.
//
// The methods return a *callError if the script is to blame, the context's error if the context
// ended, and any other error if this machine is to blame.
type worker interface {
	// load imports the script.
	load(ctx context.Context) error
	// init calls the script's init.
	init(ctx context.Context) error
	// submit hands over a mini-batch for run. Several can be waiting.
	submit(ctx context.Context, files []string) error
	// result waits for the result of the oldest mini-batch that was submitted.
	result(ctx context.Context) (reply, error)
	// shutdown calls the script's shutdown and lets the process end.
	shutdown(ctx context.Context) error
	// close kills the process and everything that it started. It can be called twice.
	close()

	// pid is the process id, 0 before there is one.
	pid() int
	// rows is the file with the rows of this worker, and how much of it belongs to results that
	// were received.
	rows() part
	// logs are the files that the process prints to.
	logs() []string
}

// reply describes a call of run that returned.
type reply struct {
	count int           // number of rows that run returned
	run   time.Duration // spent in run
	total time.Duration // spent in the process on this mini-batch
}

// part is one worker's share of the output file.
type part struct {
	path string
	size int64
}

// callError is a failed call of the script, as the worker sees it.
type callError struct {
	phase     Phase
	message   string
	traceback string
	file      string
	timedOut  bool
	exited    bool
	// tooFewRows means that run returned, but fewer rows than files.
	tooFewRows bool
	exit       int // exit code of a process that exited, or minus the number of the signal
}

func (e *callError) Error() string { return fmt.Sprintf("%s: %s", e.phase, e.message) }

// needsNewProcess reports whether the process is gone or must be replaced.
func (e *callError) needsNewProcess() bool { return e.timedOut || e.exited || e.phase != PhaseRun }

// category is the status of a failed call of run in the report.
func (e *callError) category() string {
	if e.timedOut {
		return "RUN_TIMEOUT"
	}
	return "RUN_EXCEPTION"
}

// launch has all that is needed to start a worker process.
type launch struct {
	driver     string   // folder of the unpacked python/ files
	config     []string // "name=value" settings for worker.py
	environ    []string // "NAME=value" beyond the interpreter's environment
	stdout     string
	stderr     string
	workingDir string
	traceFile  string
	rowsFile   string
	token      string
	limit      time.Duration
	shutdown   time.Duration // time limit for the process to end by itself after shutdown
	starter    *starter
	guard      *guard
}

// workerVariable marks the environment of a worker and of everything that it starts, so that a
// child that left the process group can be found.
const workerVariable = "AZMLBATCH_WORKER"
