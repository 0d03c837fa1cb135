package scoring

import (
	"context"
	"fmt"
	"time"
)

// slot runs one worker at a time: a process, and its replacements.
type slot struct {
	engine *engine
	node   *node
	index  int // among the slots of its node
	first  bool

	worker  worker
	number  int // of the worker on its node
	ready   bool
	started time.Time

	submitted []submission  // handed to the worker and not yet answered, oldest first
	took      time.Duration // by the last mini-batch; 0 before there is one
}

// serve takes mini-batches until there are none left.
//
// The service validates the script on the head node before any work. Choice: here the first
// worker's import is the validation. The other workers import the script at the same time and wait
// for the outcome.
func (s *slot) serve(ctx context.Context) error {
	defer s.closeWorker()
	if err := s.begin(ctx); err != nil {
		return err
	}
	for {
		t, ok := s.engine.queue.take()
		if !ok {
			return s.finish(ctx)
		}
		ready, err := s.ensureReady(ctx)
		if err != nil {
			return err
		}
		if !ready {
			s.engine.queue.putBack(t)
			return nil
		}
		if err := s.score(ctx, t); err != nil {
			return err
		}
	}
}

// begin starts the slot's first worker and waits until the script is known to be importable.
func (s *slot) begin(ctx context.Context) error {
	err := s.start(ctx)
	call := asCallError(err)
	switch {
	case err == nil && s.first:
		close(s.engine.validated)
	case call != nil && s.first:
		s.recordError(call, task{batch: -1}, nil)
		return s.engine.importFailure(call)
	case err != nil && call == nil:
		return err
	}
	select {
	case <-s.engine.validated:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if call != nil { // it works in the first worker, but not in this one
		s.startFailed(call)
	}
	return nil
}

// start starts a worker and lets it import the script.
func (s *slot) start(ctx context.Context) error {
	s.number, s.ready, s.started = s.node.newWorker(), false, s.engine.now()
	worker, err := s.engine.newWorker(s)
	if err != nil {
		return err
	}
	s.worker = worker
	s.node.setRows(s.number, worker.rows())
	s.logMain("INFO", "The %s starts.", processName(s.number))
	err = s.worker.load(ctx)
	s.engine.resetWatchdog()
	return err
}

// ensureReady starts a worker and calls init, unless that has been done. It returns false when the
// node gives up.
//
// Choice: init is called once there is a mini-batch. Failures of init do not use up tries of the
// mini-batch.
func (s *slot) ensureReady(ctx context.Context) (bool, error) {
	for !s.ready {
		if s.node.gaveUp(s.engine) {
			return false, nil
		}
		err := s.callInit(ctx)
		call := asCallError(err)
		switch {
		case err == nil:
			s.ready = true
		case call == nil:
			return false, err
		case s.startFailed(call):
			return false, nil
		}
	}
	return true, nil
}

func (s *slot) callInit(ctx context.Context) error {
	if s.worker == nil {
		if err := s.start(ctx); err != nil {
			return err
		}
	}
	err := s.worker.init(ctx)
	s.engine.resetWatchdog()
	return err
}

// startFailed records why the worker could not start, closes it, and reports whether the node gives
// up.
func (s *slot) startFailed(call *callError) (giveUp bool) {
	s.recordError(call, task{batch: -1}, nil)
	s.closeWorker()
	return s.engine.initFailed(s.node)
}

// score tries a mini-batch, and then those that the worker was given in advance.
func (s *slot) score(ctx context.Context, t task) error {
	if err := s.submit(ctx, t); err != nil {
		return err
	}
	for len(s.submitted) > 0 {
		if ctx.Err() != nil { // the last mini-batch may have failed the job
			return context.Cause(ctx)
		}
		if err := s.submitAhead(ctx); err != nil {
			return err
		}
		if len(s.submitted) == 0 {
			return nil // the worker died while it was given another one; all are back in the queue
		}
		began := time.Now()
		r, err := s.worker.result(ctx)
		s.engine.resetWatchdog()
		s.took = max(time.Since(began), r.total)
		if err := s.conclude(r, err); err != nil {
			return err
		}
	}
	return nil
}

// conclude handles the outcome of the oldest submitted mini-batch.
func (s *slot) conclude(r reply, err error) error {
	now := s.submitted[0]
	s.submitted = s.submitted[1:]
	tried := try{
		task: now.task, worker: processName(s.number), started: s.started,
		files: len(now.files), elapsed: s.took, reply: r,
	}
	tried.err = asCallError(err)
	switch {
	case err == nil:
		s.returned(tried, now.files)
	case tried.err == nil:
		return err
	default:
		s.failed(tried, now.files)
	}
	return nil
}

// submission is a mini-batch that was handed to the worker.
type submission struct {
	task  task
	files []string
}

func (s *slot) submit(ctx context.Context, t task) error {
	t.tries++
	now := submission{t, s.engine.input.batch(t.batch, s.engine.MiniBatchSize)}
	s.submitted = append(s.submitted, now)
	err := s.worker.submit(ctx, now.files)
	if err == nil {
		return nil
	}
	s.took = 0
	return s.conclude(reply{}, err)
}

// If mini-batches are short, a worker would spend more time waiting for the engine than working. So
// it gets a few in advance, as many as take about aheadTime. Near the end of the input none are
// given in advance, because other workers may need them.
const (
	aheadTime = 5 * time.Millisecond
	maxAhead  = 8
)

func (s *slot) submitAhead(ctx context.Context) error {
	if s.took == 0 {
		return nil // it is not known yet how long a mini-batch takes
	}
	depth := min(maxAhead, int(aheadTime/s.took))
	for s.ready && len(s.submitted) < depth {
		t, ok := s.engine.queue.takeAhead(s.engine.reserve)
		if !ok {
			return nil
		}
		if err := s.submit(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// returned handles a mini-batch for which run returned. Each row counts as one succeeded file, up
// to the number of files.
func (s *slot) returned(tried try, files []string) {
	tried.ok = min(tried.reply.count, tried.files)
	tried.failed = tried.files - tried.ok
	s.node.setRows(s.number, s.worker.rows())
	if tried.reply.count > tried.files {
		s.log("WARNING", "Mini-batch %d: run() returned %d items for %d files; %d are counted.",
			tried.task.batch, tried.reply.count, tried.files, tried.files)
	}
	if tried.failed > 0 {
		message := fmt.Sprintf("run() returned %s for %s", plural(tried.reply.count, "row"), plural(tried.files, "file"))
		s.recordError(&callError{phase: PhaseRun, message: message, tooFewRows: true}, tried.task, files)
	}
	s.write(tried, true)
	s.engine.count(tried.ok, tried.failed, true)
}

// failed handles a failed try: the mini-batch goes back to the queue, or is given up if it has had
// all its tries.
//
// Choice: after an exception the process continues. A process that timed out or ended is replaced.
func (s *slot) failed(tried try, files []string) {
	tried.paths = files
	s.recordError(tried.err, tried.task, files)
	givenUp := tried.task.tries >= s.engine.tries
	if givenUp {
		tried.failed = tried.files
	}
	s.write(tried, givenUp)
	if givenUp {
		s.log("ERROR", "Mini-batch %d is given up after %d tries.", tried.task.batch, tried.task.tries)
	}
	if tried.err.needsNewProcess() {
		// This closes the log of the process, and must come before another process gets the files.
		s.closeWorker()
	}
	if givenUp {
		s.engine.count(0, tried.failed, false)
	} else {
		s.engine.queue.putBack(tried.task)
	}
}

// write adds a try to the report and to the log of its process.
func (s *slot) write(tried try, settled bool) {
	s.engine.logs.reportTry(tried)
	s.node.addTry(s.number, tried, settled)
	s.log("INFO", "Mini-batch %d, try %d: %d files, %d succeeded, %d failed, %s seconds.",
		tried.task.batch, tried.task.tries, tried.files, tried.ok, tried.failed, seconds(tried.elapsed))
}

// finish calls shutdown and lets the worker end. An error of shutdown is only logged: all rows are
// there.
//
// Choice: shutdown is called only when the job ends normally.
func (s *slot) finish(ctx context.Context) error {
	if ctx.Err() != nil || s.worker == nil {
		return nil //nolint:nilerr // a cancelled job ends without shutdown
	}
	failure := s.shutdown(ctx)
	if call := asCallError(failure); call != nil {
		s.recordError(call, task{batch: -1}, nil)
		failure = nil
	}
	return failure
}

// shutdown calls the script's shutdown, if init has been called.
func (s *slot) shutdown(ctx context.Context) error {
	if !s.ready {
		return nil
	}
	return s.worker.shutdown(ctx)
}

// closeWorker ends the worker.
func (s *slot) closeWorker() {
	if s.worker != nil {
		s.worker.close()
		s.engine.echo.end(s.worker.logs()...)
		s.logMain("INFO", "The %s ends.", processName(s.number))
		s.engine.logs.closeLogsOf(s.node.number, processName(s.number))
	}
	s.worker, s.ready, s.took = nil, false, 0
	for _, waiting := range s.submitted { // these have not been tried
		waiting.task.tries--
		s.engine.queue.putBack(waiting.task)
	}
	s.submitted = nil
}

// recordError records a failed call.
func (s *slot) recordError(call *callError, t task, files []string) {
	failed := &ScriptError{
		Phase: call.phase, Message: call.message, Traceback: call.traceback, File: call.file,
		MiniBatch: t.batch, Try: t.tries, Files: files,
		Node: s.node.number, Process: processName(s.number), PID: s.worker.pid(),
		TimedOut: call.timedOut, Exited: call.exited, TooFewRows: call.tooFewRows,
	}
	switch {
	case call.exited:
		s.logMain("ERROR", "%s exits with returncode %d.", failed.Process, call.exit)
	case call.timedOut:
		s.log("WARNING", "%s() took longer than run_invocation_timeout. "+
			"A larger retry_settings.timeout gives it more time, a smaller mini_batch_size less to do.", call.phase)
	}
	s.engine.recordError(failed, call.tooFewRows || t.tries >= s.engine.tries)
}

// log writes to the log of the slot's process. There is one.
func (s *slot) log(level, format string, values ...any) {
	s.logAs(processName(s.number), level, format, values...)
}

// logMain also writes to the log of the node's main process.
func (s *slot) logMain(level, format string, values ...any) {
	s.log(level, format, values...)
	s.logAs("_main", level, format, values...)
}

func (s *slot) logAs(process, level, format string, values ...any) {
	s.engine.logs.node(s.node.number, process, level, s.worker.pid(), s.index, format, values...)
}
