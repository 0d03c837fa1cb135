package scoring

import (
	"context"
	"fmt"
	"time"
)

// slot is the place of one worker at a time: a process and the replacements of it.
type slot struct {
	engine *engine
	node   *node
	index  int // among the slots of its node
	first  bool

	worker  worker
	process int // number of the worker on its node
	ready   bool
	born    time.Time

	submitted []submission  // to the worker and not yet answered, the oldest first
	pace      time.Duration // that the last mini-batch took; 0 when none has
}

// serve takes mini-batches until there are none.
//
// Choice: the first worker's import is the validation of the script that the service makes on the head node; the others
// import meanwhile and wait for it.
func (s *slot) serve(ctx context.Context) error {
	defer s.drop()
	if err := s.begin(ctx); err != nil {
		return err
	}
	for {
		t, ok := s.engine.queue.take()
		if !ok {
			return s.finish(ctx)
		}
		ready, err := s.prepare(ctx)
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
	call := asScriptError(err)
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
	if call != nil { // the import works, but not here
		s.failedToGetReady(call)
	}
	return nil
}

// start starts a worker and lets it import the script.
func (s *slot) start(ctx context.Context) error {
	s.process, s.ready, s.born = s.node.newProcess(), false, s.engine.now()
	worker, err := s.engine.newWorker(s)
	if err != nil {
		return err
	}
	s.worker = worker
	s.node.wrote(s.process, worker.rows())
	s.logMain("INFO", "The %s starts.", processName(s.process))
	err = s.worker.load(ctx)
	s.engine.alive()
	return err
}

// prepare makes sure of a worker whose init has returned. It reports false when the node gives up.
//
// Choice: init is called when the first mini-batch is there; its failures use up no try of the mini-batch.
func (s *slot) prepare(ctx context.Context) (bool, error) {
	for !s.ready {
		if s.node.gaveUp(s.engine) {
			return false, nil
		}
		err := s.initialise(ctx)
		call := asScriptError(err)
		switch {
		case err == nil:
			s.ready = true
		case call == nil:
			return false, err
		case s.failedToGetReady(call):
			return false, nil
		}
	}
	return true, nil
}

func (s *slot) initialise(ctx context.Context) error {
	if s.worker == nil {
		if err := s.start(ctx); err != nil {
			return err
		}
	}
	err := s.worker.init(ctx)
	s.engine.alive()
	return err
}

// failedToGetReady records the failure, drops the worker and says whether the node gives up.
func (s *slot) failedToGetReady(call *callError) (giveUp bool) {
	s.recordError(call, task{batch: -1}, nil)
	s.drop()
	return s.engine.initFailed(s.node)
}

// score makes one try of a mini-batch, and of those that can follow it at once in the same worker.
func (s *slot) score(ctx context.Context, t task) error {
	if err := s.submit(ctx, t); err != nil {
		return err
	}
	for len(s.submitted) > 0 {
		if ctx.Err() != nil { // the last mini-batch may have ended the job
			return context.Cause(ctx)
		}
		if err := s.submitAhead(ctx); err != nil {
			return err
		}
		if len(s.submitted) == 0 {
			return nil // the worker was lost while it should take one more, and all are given back
		}
		began := time.Now()
		r, err := s.worker.result(ctx)
		s.engine.alive()
		s.pace = max(time.Since(began), r.process)
		if err := s.conclude(r, err); err != nil {
			return err
		}
	}
	return nil
}

// conclude counts the oldest submitted mini-batch.
func (s *slot) conclude(r reply, err error) error {
	now := s.submitted[0]
	s.submitted = s.submitted[1:]
	tried := try{task: now.task, process: processName(s.process), started: s.born, files: len(now.files), elapsed: s.pace, reply: r}
	tried.err = asScriptError(err)
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

// submission is a mini-batch that a worker has got.
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
	s.pace = 0
	return s.conclude(reply{}, err)
}

// A worker whose mini-batches are short would wait for us longer than it works: it gets a few in advance, no more than
// take about aheadTime. Near the end of the input others could need them.
const (
	aheadTime = 5 * time.Millisecond
	maxAhead  = 8
)

func (s *slot) submitAhead(ctx context.Context) error {
	if s.pace == 0 {
		return nil // nothing is known of this worker yet
	}
	depth := min(maxAhead, int(aheadTime/s.pace))
	for s.ready && len(s.submitted) < depth {
		t, ok := s.engine.queue.takeAhead(s.engine.spare)
		if !ok {
			return nil
		}
		if err := s.submit(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// returned counts a mini-batch whose run returned: items by the values returned, never more than files.
func (s *slot) returned(tried try, files []string) {
	tried.ok = min(tried.reply.count, tried.files)
	tried.failed = tried.files - tried.ok
	s.node.wrote(s.process, s.worker.rows())
	if tried.reply.count > tried.files {
		s.log("WARNING", "Mini-batch %d: run() returned %d items for %d files; %d are counted.",
			tried.task.batch, tried.reply.count, tried.files, tried.files)
	}
	if tried.failed > 0 {
		tooFew := &callError{phase: PhaseRun, tooFewRows: true,
			message: fmt.Sprintf("run() returned %s for %s", number(tried.reply.count, "row"), number(tried.files, "file"))}
		s.recordError(tooFew, tried.task, files)
	}
	s.write(tried, true)
	s.engine.settle(tried.ok, tried.failed, true)
}

// failed gives a mini-batch back for another try, or up when it had all.
//
// Choice: an exception leaves the process as it is; a process that took too long or ended is replaced.
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
	if tried.err.lost() {
		s.drop() // after the last line in the log of its process, which closes, and before another process gets the files
	}
	if givenUp {
		s.engine.settle(0, tried.failed, false)
	} else {
		s.engine.queue.putBack(tried.task)
	}
}

// write puts a try into the report and into the log of its process.
func (s *slot) write(tried try, settled bool) {
	s.engine.logs.reportTry(tried)
	s.node.did(s.process, tried, settled)
	s.log("INFO", "Mini-batch %d, try %d: %d files, %d succeeded, %d failed, %s seconds.",
		tried.task.batch, tried.task.tries, tried.files, tried.ok, tried.failed, seconds(tried.elapsed))
}

// finish lets the worker call shutdown and end. What shutdown raises is logged and changes nothing: the rows are there.
//
// Choice: shutdown is called at a normal end only.
func (s *slot) finish(ctx context.Context) error {
	if ctx.Err() != nil || s.worker == nil {
		return nil //nolint:nilerr // a cancelled job ends without shutdown, and its caller knows of the context
	}
	failure := s.shutdown(ctx)
	if call := asScriptError(failure); call != nil {
		s.recordError(call, task{batch: -1}, nil)
		failure = nil
	}
	return failure
}

// shutdown calls the script's shutdown in a worker that has called init.
func (s *slot) shutdown(ctx context.Context) error {
	if !s.ready {
		return nil
	}
	return s.worker.shutdown(ctx)
}

// drop ends the worker.
func (s *slot) drop() {
	if s.worker != nil {
		s.worker.close()
		s.engine.echo.end(s.worker.logs()...)
		s.logMain("INFO", "The %s ends.", processName(s.process))
		s.engine.logs.closeProcess(s.node.number, processName(s.process))
	}
	s.worker, s.ready, s.pace = nil, false, 0
	for _, waiting := range s.submitted { // it has not come to these: they have had no try
		waiting.task.tries--
		s.engine.queue.putBack(waiting.task)
	}
	s.submitted = nil
}

// recordError gives a failed call its place in the job.
func (s *slot) recordError(call *callError, t task, files []string) {
	failed := &ScriptError{
		Phase: call.phase, Message: call.message, Traceback: call.traceback, File: call.file,
		MiniBatch: t.batch, Try: t.tries, Files: files,
		Node: s.node.number, Process: processName(s.process), PID: s.worker.pid(),
		TimedOut: call.timedOut, Exited: call.exited, TooFewRows: call.tooFewRows,
	}
	switch {
	case call.exited:
		s.logMain("ERROR", "%s exits with returncode %d.", failed.Process, call.exit)
	case call.timedOut:
		s.log("WARNING", "%s() took longer than run_invocation_timeout. A larger retry_settings.timeout gives it more time, "+
			"a smaller mini_batch_size less to do.", call.phase)
	}
	s.engine.recordError(failed)
}

// log writes to the log of the slot's process.
func (s *slot) log(level, format string, values ...any) {
	s.logAs(processName(s.process), level, format, values...)
}

// logMain writes to it and to the log of the node's main process.
func (s *slot) logMain(level, format string, values ...any) {
	s.log(level, format, values...)
	s.logAs("_main", level, format, values...)
}

func (s *slot) logAs(process, level, format string, values ...any) {
	pid := 0
	if s.worker != nil {
		pid = s.worker.pid()
	}
	s.engine.logs.node(s.node.number, process, level, pid, s.index, format, values...)
}
