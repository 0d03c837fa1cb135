package scoring

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// engine is a running job.
type engine struct {
	*settings
	dirs        jobDirs
	logs        *logTree
	interpreter *interpreter
	starter     *starter
	guard       *guard
	echo        *scriptEcho
	mark        string // in the environment of all processes of the job
	input       *listing
	queue       *queue
	nodes       []*node
	started     time.Time
	workers     int // number that runs at the same time
	reserve     int // a worker gets mini-batches in advance only while more than this are left

	validated chan struct{} // closed when the first worker has imported the script
	abort     context.CancelCauseFunc
	watchdog  *time.Timer

	mu           sync.Mutex
	progress     Progress
	firstError   *ScriptError
	lost         *ScriptError // the first call that cost files: the last try of a mini-batch, or too few rows
	startFailure *ScriptError // the latest import or init that failed
	scriptErrors int
	initFailures int
	nextOverview time.Time // when to write to the overview log next
}

// work runs all slots and returns why the job failed, if it did.
func (e *engine) work(ctx context.Context) error {
	ctx, e.abort = context.WithCancelCause(ctx)
	defer e.abort(nil)
	e.validated = make(chan struct{})
	e.queue = newQueue(e.progress.MiniBatches.Total)
	defer context.AfterFunc(ctx, e.queue.close)()
	// Not documented for today's engine. The engine of 2020 gave up after 3 × (timeout + 30 s)
	// without progress.
	e.watchdog = time.AfterFunc(e.noProgress, func() {
		e.abort(e.failure(fmt.Sprintf(noProgress, int(e.noProgress.Seconds())), "", nil))
	})
	defer e.watchdog.Stop()

	e.report()
	var slots sync.WaitGroup
	for _, s := range e.slots() {
		slots.Go(func() {
			if err := s.serve(ctx); err != nil {
				e.abort(err)
			}
		})
	}
	slots.Wait()
	e.endOrphans()
	e.writeSums()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if e.queue.remaining() > 0 { // every node gave up
		return e.failure(runFailed, "init() keeps failing", &e.startFailure)
	}
	return nil
}

// endOrphans ends the processes that scripts have started and left behind, whatever their process
// group.
func (e *engine) endOrphans() {
	if e.starter != nil {
		e.starter.close()
		endMarked(e.mark + ".")
	}
}

// slots returns one slot per process, distributed over the nodes in turn.
//
// Choice: no more processes are started than there are mini-batches.
func (e *engine) slots() []*slot {
	e.nodes = make([]*node, e.InstanceCount)
	for i := range e.nodes {
		e.nodes[i] = &node{number: i, name: fmt.Sprint(i)}
	}
	total := e.progress.MiniBatches.Total
	e.workers = min(e.InstanceCount*min(e.MaxConcurrencyPerInstance, total), total)
	if e.workers > 1 {
		e.reserve = 4 * e.workers * maxAhead
	}
	slots := make([]*slot, e.workers)
	for i := range slots {
		slots[i] = &slot{engine: e, node: e.nodes[i%e.InstanceCount], index: i / e.InstanceCount, first: i == 0}
	}
	return slots
}

// resetWatchdog tells the watchdog that something has happened.
func (e *engine) resetWatchdog() { e.watchdog.Reset(e.noProgress) }

// recordError counts an error of the script and writes it to the logs. A try that is repeated is
// not final: the mini-batch may still succeed.
func (e *engine) recordError(failed *ScriptError, final bool) {
	if e.Func == nil && (failed.Exited || isSystemExit(failed.Message)) {
		failed.Stderr = e.logs.lastStderr(failed.Node, failed.Process)
	}
	failed.Hint = e.hint(failed)
	if e.Logs != "" {
		failed.Log = filepath.Join(e.Logs, filepath.FromSlash(processErrorFile(failed.Node, failed.Process)))
	}
	e.logs.scriptError(failed)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.scriptErrors++
	e.firstError = moreTelling(e.firstError, failed)
	switch {
	case failed.Phase == PhaseImport, failed.Phase == PhaseInit:
		e.startFailure = failed
	case failed.Phase == PhaseRun && final:
		e.lost = moreTelling(e.lost, failed)
	}
}

// moreTelling returns the earlier error, unless it is one of missing rows: an exception explains a
// failure better, even if it came later.
func moreTelling(earlier, later *ScriptError) *ScriptError {
	if earlier == nil || earlier.TooFewRows && !later.TooFewRows {
		return later
	}
	return earlier
}

// pythonName is the path of the interpreter, or what the caller named before it is found.
func (e *engine) pythonName() string {
	if e.interpreter != nil {
		return e.interpreter.name()
	}
	return e.Python
}

// count counts a finished mini-batch with its succeeded and failed files. It fails the job when too
// many files have failed.
func (e *engine) count(ok, failed int, processed bool) {
	e.mu.Lock()
	e.progress.Items.Succeeded += ok
	e.progress.Items.Failed += failed
	if processed {
		e.progress.MiniBatches.Processed++
	} else {
		e.progress.MiniBatches.Failed++
	}
	e.reportLocked()
	allFailed := e.progress.Items.Failed
	e.mu.Unlock()
	// Choice: the threshold is checked after every mini-batch. The service checks it every ten
	// seconds and at the end.
	if e.threshold >= 0 && allFailed > e.threshold {
		e.abort(e.failure(fmt.Sprintf(thresholdExceeded, allFailed, e.threshold), "", &e.lost))
	}
	e.queue.done()
}

// report tells the caller and the overview log how far the job is.
func (e *engine) report() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reportLocked()
}

// The overview log gets the progress every ten seconds, or every two minutes when more than five
// minutes remain. The engine of 2020 did the same.
const (
	overviewInterval     = 10 * time.Second
	longOverviewInterval = 2 * time.Minute
	longJob              = 5 * time.Minute
)

func (e *engine) reportLocked() {
	if e.OnProgress != nil {
		e.OnProgress(e.progress)
	}
	batches, now := e.progress.MiniBatches, e.now()
	done := batches.Processed + batches.Failed
	switch {
	case done == batches.Total:
		e.logs.overview("All %d mini batches have been processed.", batches.Total)
	case now.Before(e.nextOverview):
	case done == 0:
		e.logs.overview("No task has been processed yet.")
		e.nextOverview = now.Add(overviewInterval)
	default:
		spent := now.Sub(e.started)
		left := spent / time.Duration(done) * time.Duration(batches.Total-done)
		e.logs.overview("Processed %d of %d mini batches in %s. Estimate remaining %s.",
			done, batches.Total, duration(spent), duration(left))
		e.nextOverview = now.Add(overviewInterval)
		if left > longJob {
			e.nextOverview = now.Add(longOverviewInterval)
		}
	}
}

// initFailed counts a worker that could not start, and reports whether its node gives up.
//
// The numbers come from Microsoft Learn: how-to-debug-parallel-run-step. A node gives up after
// three failures per process. The job gives up when it has run for more than two minutes and has
// had two failures per process.
func (e *engine) initFailed(n *node) (giveUp bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.initFailures++
	n.initFailures++
	processes := e.MaxConcurrencyPerInstance
	if e.now().Sub(e.started) > 2*time.Minute && e.initFailures >= 2*e.InstanceCount*processes {
		e.abort(e.failureLocked(runFailed, "init() keeps failing", &e.startFailure))
	}
	return n.initFailures >= 3*processes
}

// writeSums writes what each node and each process did to the report.
func (e *engine) writeSums() {
	for _, file := range []string{nodeSummaryFile, processSummaryFile} {
		e.logs.write(file, csvLine(summaryColumns...))
	}
	for _, n := range e.nodes {
		var sum tally
		for i, t := range n.tallies {
			sum.batches += t.batches
			sum.tries += t.tries
			sum.ok += t.ok
			sum.failed += t.failed
			sum.run += t.run
			e.logs.write(processSummaryFile, t.line(n.name+"/"+processName(i)))
		}
		e.logs.write(nodeSummaryFile, sum.line(n.name))
	}
}

// asCallError returns the failed call of the script in err. It returns nil if err is not the fault
// of the script.
func asCallError(err error) *callError {
	var call *callError
	if errors.As(err, &call) {
		return call
	}
	return nil
}
