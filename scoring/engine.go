package scoring

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// engine is one job at work.
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
	workers     int // that run at the same time
	spare       int // mini-batches that must be left for a worker to get one in advance

	validated chan struct{} // closed when the first worker has imported the script
	abort     context.CancelCauseFunc
	watchdog  *time.Timer

	mu           sync.Mutex
	progress     Progress
	firstError   *ScriptError
	scriptErrors int
	initFailures int
	tellAgain    time.Time // when the overview log shall tell the progress again
}

// work runs all slots to their end and says why the job failed, if it did.
func (e *engine) work(ctx context.Context) error {
	ctx, e.abort = context.WithCancelCause(ctx)
	defer e.abort(nil)
	e.validated = make(chan struct{})
	e.queue = newQueue(e.progress.MiniBatches.Total)
	defer context.AfterFunc(ctx, e.queue.close)()
	// Not evidenced for today's engine; the one of 2020 gave up after 3 × (timeout + 30 s) without any progress.
	e.watchdog = time.AfterFunc(e.noProgress, func() {
		e.abort(e.failure(fmt.Sprintf(noProgress, int(e.noProgress.Seconds())), ""))
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
	e.summarise()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if e.queue.unsettled() > 0 { // every node gave up
		return e.failure(runFailed, "init() keeps failing")
	}
	return nil
}

// endOrphans ends what scripts have started and left behind, wherever it moved to.
func (e *engine) endOrphans() {
	if e.starter != nil {
		e.starter.close()
		endMarked(e.mark + ".")
	}
}

// slots gives one slot for each process that can get a mini-batch, spread over the nodes in turn.
//
// Choice: a process that would find nothing left to do is not started.
func (e *engine) slots() []*slot {
	e.nodes = make([]*node, e.InstanceCount)
	for i := range e.nodes {
		e.nodes[i] = &node{number: i, name: fmt.Sprint(i)}
	}
	total := e.progress.MiniBatches.Total
	e.workers = min(e.InstanceCount*min(e.MaxConcurrencyPerInstance, total), total)
	if e.workers > 1 {
		e.spare = 4 * e.workers * maxAhead
	}
	slots := make([]*slot, e.workers)
	for i := range slots {
		slots[i] = &slot{engine: e, node: e.nodes[i%e.InstanceCount], index: i / e.InstanceCount, first: i == 0}
	}
	return slots
}

// alive puts off the end of a job in which nothing happens.
func (e *engine) alive() { e.watchdog.Reset(e.noProgress) }

// recordError counts a failed call of the script and writes it into the logs.
func (e *engine) recordError(failed *ScriptError) {
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
	// An exception tells more than rows that are missing, even when it came later.
	if e.firstError == nil || e.firstError.TooFewRows && !failed.TooFewRows {
		e.firstError = failed
	}
}

// pythonName is the interpreter of the job, as far as it is known.
func (e *engine) pythonName() string {
	if e.interpreter != nil {
		return e.interpreter.name()
	}
	return e.Python
}

// settle counts a mini-batch that is done with: ok and failed are its files.
func (e *engine) settle(ok, failed int, processed bool) {
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
	// Choice: the threshold is checked after every mini-batch, where the service looks every ten seconds and at the end.
	if e.threshold >= 0 && allFailed > e.threshold {
		e.abort(e.failure(fmt.Sprintf(thresholdExceeded, allFailed, e.threshold), ""))
	}
	e.queue.settled()
}

// report tells the caller and the overview log how far the job is.
func (e *engine) report() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reportLocked()
}

// The overview log tells the progress every ten seconds, and every two minutes of a job with more than five to go: so did
// the engine of 2020.
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
	case now.Before(e.tellAgain):
	case done == 0:
		e.logs.overview("No task has been processed yet.")
		e.tellAgain = now.Add(overviewInterval)
	default:
		spent := now.Sub(e.started)
		left := spent / time.Duration(done) * time.Duration(batches.Total-done)
		e.logs.overview("Processed %d of %d mini batches in %s. Estimate remaining %s.",
			done, batches.Total, duration(spent), duration(left))
		e.tellAgain = now.Add(overviewInterval)
		if left > longJob {
			e.tellAgain = now.Add(longOverviewInterval)
		}
	}
}

// initFailed counts a worker that did not get ready, and says whether its node shall give up.
//
// The numbers are those of Microsoft Learn: how-to-debug-parallel-run-step. A node gives up after three failures for
// each of its processes, the job when two for each process have happened in more than two minutes.
func (e *engine) initFailed(n *node) (giveUp bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.initFailures++
	n.initFailures++
	processes := e.MaxConcurrencyPerInstance
	if e.now().Sub(e.started) > 2*time.Minute && e.initFailures >= 2*e.InstanceCount*processes {
		e.abort(e.failureLocked(runFailed, "init() keeps failing"))
	}
	return n.initFailures >= 3*processes
}

// summarise writes the sums of the report.
func (e *engine) summarise() {
	for _, file := range []string{nodeSummaryFile, processSummary} {
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
			e.logs.write(processSummary, t.line(n.name+"/"+processName(i)))
		}
		e.logs.write(nodeSummaryFile, sum.line(n.name))
	}
}

// asScriptError puts a failed call into its place in the job; nil when err is not the script's.
func asScriptError(err error) *callError {
	var call *callError
	if errors.As(err, &call) {
		return call
	}
	return nil
}
