package scoring

import (
	"context"
	"fmt"
	"time"
)

// worker is one process that has the script, or what stands in for one.
//
// The calls return a *callError when the script is to blame, the context's error when it ended, and another error when
// this machine is. A worker whose call failed by a *callError that is lost is of no use any more.
type worker interface {
	// load imports the script.
	load(ctx context.Context) error
	// init calls the script's init.
	init(ctx context.Context) error
	// submit hands over a mini-batch for the script's run. More than one may be waiting.
	submit(ctx context.Context, files []string) error
	// result waits until the oldest mini-batch that was handed over is done.
	result(ctx context.Context) (reply, error)
	// shutdown calls the script's shutdown and lets the process end by itself.
	shutdown(ctx context.Context) error
	// close ends the process and all that it started, now. It may be called twice.
	close()

	// pid is the process id, 0 before there is one.
	pid() int
	// rows is the file with the rows of this worker and how much of it belongs to acknowledged mini-batches.
	rows() part
	// logs are the files that the process prints to.
	logs() []string
}

// reply is what a worker tells about a call of run that returned.
type reply struct {
	count   int           // the length of what run returned
	run     time.Duration // spent in run
	process time.Duration // spent in the process for this mini-batch
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
	// tooFewRows: the call returned, but with fewer rows than files.
	tooFewRows bool
	exit       int // of a process that exited: its exit code, or the number of the signal below zero
}

func (e *callError) Error() string { return fmt.Sprintf("%s: %s", e.phase, e.message) }

// lost tells that the process is gone or must go.
func (e *callError) lost() bool { return e.timedOut || e.exited || e.phase != PhaseRun }

// category is the word of the report for a failed call of run.
func (e *callError) category() string {
	if e.timedOut {
		return "RUN_TIMEOUT"
	}
	return "RUN_EXCEPTION"
}

// launch is all that a worker process is started with.
type launch struct {
	driver     string   // folder of the unpacked python/ files
	config     []string // "name=value" settings for worker.py
	environ    []string // "NAME=value" beyond the interpreter's environment
	stdout     string
	stderr     string
	workingDir string
	traceFile  string
	rowsFile   string
	word       string
	limit      time.Duration
	shutdown   time.Duration // how long a process may take to end by itself
	starter    *starter
	guard      *guard
}

// workerVariable marks the environment of a worker and of everything that it starts, so that a child which left the
// process group is found.
const workerVariable = "AZMLBATCH_WORKER"
