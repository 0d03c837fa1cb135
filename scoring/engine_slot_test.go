package scoring

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// playedWorker is a worker whose answers the test gives.
type playedWorker struct {
	answer              func(ctx context.Context, batch string) (reply, error) // to a mini-batch of this first file
	refuse              error                                                  // of submit
	takes               int                                                    // so many before it refuses
	waiting             []string
	given               []string
	failed              error // of shutdown
	closed, initialized int
	shutdowns           int
}

func (w *playedWorker) load(context.Context) error { return nil }
func (w *playedWorker) init(context.Context) error { w.initialized++; return nil }
func (w *playedWorker) submit(_ context.Context, files []string) error {
	if w.refuse != nil && len(w.given) >= w.takes {
		return w.refuse
	}
	w.waiting, w.given = append(w.waiting, files[0]), append(w.given, files[0])
	return nil
}

func (w *playedWorker) result(ctx context.Context) (reply, error) {
	oldest := w.waiting[0]
	w.waiting = w.waiting[1:]
	return w.answer(ctx, oldest)
}
func (w *playedWorker) shutdown(context.Context) error { w.shutdowns++; return w.failed }
func (w *playedWorker) close()                         { w.closed++ }
func (w *playedWorker) pid() int                       { return 7 }
func (w *playedWorker) rows() part                     { return part{"rows", 1} }
func (w *playedWorker) logs() []string                 { return nil }

// playedSlot is a slot of a job with n mini-batches of one file, 0 to n-1, whose worker is ready.
func playedSlot(t *testing.T, n int) (*slot, *playedWorker) {
	t.Helper()
	logs, err := newLogTree(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = logs.close() })
	input := &listing{}
	for i := range n {
		input.add(fmt.Sprint(i))
	}
	e := &engine{settings: &settings{Job: Job{MiniBatchSize: 1, MaxConcurrencyPerInstance: 1, InstanceCount: 1}, tries: 2, threshold: -1, now: time.Now, noProgress: time.Hour},
		logs: logs, echo: newEcho(nil), input: input, queue: newQueue(n)}
	e.progress.MiniBatches.Total = n
	e.watchdog = time.NewTimer(time.Hour)
	t.Cleanup(func() { e.watchdog.Stop() })
	w := &playedWorker{answer: func(context.Context, string) (reply, error) { return reply{count: 1}, nil }}
	s := &slot{engine: e, node: &node{name: "0"}, worker: w, ready: true}
	s.number = s.node.newWorker()
	return s, w
}

// inBubble makes a test run on a clock of its own: mini-batches take no time but what they say.
func inBubble(test func(*testing.T)) func(*testing.T) {
	return func(t *testing.T) { synctest.Test(t, test) }
}

// TestSlotSubmitsAhead checks how many mini-batches a worker has at once, by how long the last one
// took: as many as take five milliseconds, at most eight.
func TestSlotSubmitsAhead(t *testing.T) {
	for _, tt := range []struct {
		name    string
		took    time.Duration
		ready   bool
		reserve int
		want    int
	}{
		{"not known", 0, true, 0, 1},
		{"long", 6 * time.Millisecond, true, 0, 1},
		{"half of the time", 2500 * time.Microsecond, true, 0, 2},
		{"a little less than half", 1700 * time.Microsecond, true, 0, 2},
		{"a millisecond", time.Millisecond, true, 0, 5},
		{"nearly nothing", time.Microsecond, true, 0, 8},
		{"a process that has not called init", time.Microsecond, false, 0, 1},
		{"others need what is left", time.Microsecond, true, 16, 5}, // 20 in all, one taken
		{"fewer are left than others need", time.Microsecond, true, 20, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, w := playedSlot(t, 20)
			first, _ := s.engine.queue.take()
			if err := s.submit(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			s.took, s.ready, s.engine.reserve = tt.took, tt.ready, tt.reserve
			if err := s.submitAhead(t.Context()); err != nil || len(w.given) != tt.want || len(s.submitted) != tt.want {
				t.Errorf("it has %v, %v; want %d", w.given, err, tt.want)
			}
		})
	}
}

// TestSlotScores checks what becomes of mini-batches by the answers of the worker.
func TestSlotScores(t *testing.T) {
	gone, raised := &callError{phase: PhaseRun, message: "gone", exited: true}, &callError{phase: PhaseRun, message: "raised"}
	machine := errors.New("no space")
	tests := []struct {
		name      string
		change    func(*slot, *playedWorker)
		err       error
		given     string // to the worker
		closed    int
		items     Items
		remaining int // of four
		again     []task
	}{
		{"one row each", nil, nil, "0 1 2 3", 0, Items{0, 4, 0}, 0, nil},
		{"an exception: the process goes on", func(_ *slot, w *playedWorker) {
			w.answer = func(_ context.Context, batch string) (reply, error) {
				if batch == "0" {
					return reply{}, raised
				}
				return reply{count: 1}, nil
			}
		}, nil, "0 0 1 2 3", 0, Items{0, 3, 1}, 0, nil},
		{"its last try", func(s *slot, w *playedWorker) {
			s.engine.tries = 1
			w.answer = func(_ context.Context, batch string) (reply, error) { return reply{}, raised }
		}, nil, "0 1 2 3", 0, Items{0, 0, 4}, 0, nil},
		{"a process that is gone: what it had in advance is not tried", func(_ *slot, w *playedWorker) {
			w.answer = func(_ context.Context, batch string) (reply, error) {
				if batch == "1" {
					return reply{}, gone
				}
				return reply{count: 1, total: time.Millisecond}, nil
			}
		}, nil, "0 1 2 3", 1, Items{0, 1, 0}, 3, []task{{2, 0}, {3, 0}, {1, 1}}},
		{"this machine's fault", func(_ *slot, w *playedWorker) {
			w.answer = func(_ context.Context, batch string) (reply, error) { return reply{}, machine }
		}, machine, "0", 0, Items{}, 4, nil},
		{"a process that takes none", func(_ *slot, w *playedWorker) { w.refuse = gone }, nil, "", 1, Items{}, 4, []task{{0, 1}}},
		{"a process that takes none, by this machine's fault", func(_ *slot, w *playedWorker) { w.refuse = machine }, machine, "", 0, Items{}, 4, nil},
		{"a process that takes no second one, by this machine's fault", func(_ *slot, w *playedWorker) {
			w.answer = func(context.Context, string) (reply, error) {
				w.refuse = machine
				return reply{count: 1, total: time.Millisecond}, nil
			}
		}, machine, "0", 0, Items{0, 1, 0}, 3, nil},
		{"a process that takes none in advance: it was lost by the one that it has", func(s *slot, w *playedWorker) {
			s.took, w.refuse, w.takes = time.Millisecond, gone, 1
		}, nil, "0", 1, Items{}, 4, []task{{1, 0}, {0, 1}}},
		{"a process that takes none in advance, by this machine's fault", func(s *slot, w *playedWorker) {
			s.took, w.refuse, w.takes = time.Millisecond, machine, 1
		}, machine, "0", 0, Items{}, 4, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, inBubble(func(t *testing.T) {
			s, w := playedSlot(t, 4)
			if tt.change != nil {
				tt.change(s, w)
			}
			var err error
			for err == nil && s.worker != nil {
				next, ok := s.engine.queue.take()
				if !ok {
					break
				}
				err = s.score(t.Context(), next)
			}
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Errorf("score = %v, want %v", err, tt.err)
			}
			if got := strings.Join(w.given, " "); got != tt.given {
				t.Errorf("the worker got %s, want %s", got, tt.given)
			}
			if diff := cmp.Diff(tt.items, s.engine.progress.Items); diff != "" || w.closed != tt.closed {
				t.Errorf("closed %d times, want %d; items (-want +got):\n%s", w.closed, tt.closed, diff)
			}
			if n := s.engine.queue.remaining(); n != tt.remaining {
				t.Errorf("%d mini-batches remain, want %d", n, tt.remaining)
			}
			if diff := cmp.Diff(tt.again, s.engine.queue.again, cmp.AllowUnexported(task{})); diff != "" && len(tt.again)+len(s.engine.queue.again) > 0 {
				t.Errorf("to be tried again (-want +got):\n%s", diff)
			}
		}))
	}
}

// TestSlotEndsWithItsContext checks that the worker gets no more once the job has ended.
func TestSlotEndsWithItsContext(t *testing.T) { inBubble(testSlotEndsWithItsContext)(t) }

func testSlotEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	s, w := playedSlot(t, 4)
	w.answer = func(context.Context, string) (reply, error) {
		cancel(stop)
		return reply{count: 1}, nil
	}
	s.took = time.Microsecond // so that it has others in advance
	first, _ := s.engine.queue.take()
	if err := s.score(ctx, first); !errors.Is(err, stop) || s.engine.progress.Items.Succeeded != 1 || len(w.waiting) != 3 {
		t.Errorf("score = %v after %d, with %v waiting; want the cause after one", err, s.engine.progress.Items.Succeeded, w.waiting)
	}
	if err := s.finish(ctx); err != nil || w.shutdowns > 0 {
		t.Errorf("finish = %v, %d calls of shutdown; want none", err, w.shutdowns)
	}
}

// TestSlotFinishes checks that shutdown is called at a normal end, if init was.
func TestSlotFinishes(t *testing.T) {
	for _, ready := range []bool{true, false} {
		s, w := playedSlot(t, 1)
		s.ready = ready
		if err := s.finish(t.Context()); err != nil || (w.shutdowns == 1) != ready {
			t.Errorf("ready %v: finish = %v, %d calls of shutdown", ready, err, w.shutdowns)
		}
		s.closeWorker()
		s.closeWorker()
		if w.closed != 1 || s.worker != nil || s.ready {
			t.Errorf("ready %v: closed %d times", ready, w.closed)
		}
		if err := s.finish(t.Context()); err != nil {
			t.Errorf("without a worker: finish = %v", err)
		}
	}
}

// TestSlotBegins checks that a slot calls init once, before its first mini-batch, and not again.
func TestSlotBegins(t *testing.T) {
	s, w := playedSlot(t, 1)
	s.ready = false
	for range 2 {
		if ok, err := s.ensureReady(t.Context()); !ok || err != nil || w.initialized != 1 {
			t.Errorf("ensureReady = %v, %v after %d calls of init; want one", ok, err, w.initialized)
		}
	}
	s.ready, s.node.initFailures = false, 2
	if ok, err := s.ensureReady(t.Context()); !ok || err != nil || w.initialized != 2 {
		t.Errorf("of a node that has a start left: ensureReady = %v, %v after %d calls of init", ok, err, w.initialized)
	}
	s.ready, s.node.initFailures = false, 3
	if ok, err := s.ensureReady(t.Context()); ok || err != nil || w.initialized != 2 {
		t.Errorf("of a node that gave up: ensureReady = %v, %v after %d calls of init", ok, err, w.initialized)
	}
}

// TestSlotOfANodeThatGaveUp: the mini-batch that it took goes to the other nodes.
func TestSlotOfANodeThatGaveUp(t *testing.T) {
	s, _ := playedSlot(t, 2)
	s.engine.Func, s.engine.OutputAction = func(context.Context, []string) ([]string, error) { return nil, nil }, OutputActionSummaryOnly
	s.first, s.engine.validated, s.node.initFailures = true, make(chan struct{}), 3
	if err := s.serve(t.Context()); err != nil || s.worker != nil {
		t.Errorf("serve = %v, worker %v; want it closed", err, s.worker)
	}
	if diff := cmp.Diff([]task{{0, 0}}, s.engine.queue.again, cmp.AllowUnexported(task{})); diff != "" || s.engine.queue.inFlight != 0 {
		t.Errorf("%d in flight; for the others (-want +got):\n%s", s.engine.queue.inFlight, diff)
	}
}

// TestSlotLogsFailures pins what a failed call leaves: the error, the lines of both logs, and
// whether the mini-batch is tried again.
func TestSlotLogsFailures(t *testing.T) {
	const starts, main = "logs/sys/node/0/process000.txt", "logs/sys/node/0/_main.txt"
	timedOut := &callError{phase: PhaseRun, message: "slow", traceback: "in run", file: "/in/a", timedOut: true}
	exited := &callError{phase: PhaseRun, message: "gone", exited: true, exit: -9}
	tests := []struct {
		name      string
		tries     int // with this one
		call      *callError
		log, main []string
		want      ScriptError
		again     []task
	}{
		{"a timeout", 1, timedOut, []string{
			"S|WARNING|7|3|run() took longer than run_invocation_timeout. A larger retry_settings.timeout gives it more time, a smaller mini_batch_size less to do.",
			"S|INFO|7|3|Mini-batch 0, try 1: 1 files, 0 succeeded, 0 failed, 0.000000 seconds.",
			"S|INFO|7|3|The process000 ends."},
			[]string{"S|INFO|7|3|The process000 ends."},
			ScriptError{Phase: PhaseRun, Message: "slow", Traceback: "in run", File: "/in/a", Try: 1, Files: []string{"/in/a"}, TimedOut: true, Hint: "raise the timeout or lower the mini-batch size"},
			[]task{{0, 1}}},
		{"the last end of a process", 2, exited, []string{
			"S|ERROR|7|3|process000 exits with returncode -9.",
			"S|INFO|7|3|Mini-batch 0, try 2: 1 files, 0 succeeded, 1 failed, 0.000000 seconds.",
			"S|ERROR|7|3|Mini-batch 0 is given up after 2 tries.",
			"S|INFO|7|3|The process000 ends."},
			[]string{"S|ERROR|7|3|process000 exits with returncode -9.", "S|INFO|7|3|The process000 ends."},
			ScriptError{Phase: PhaseRun, Message: "gone", Try: 2, Files: []string{"/in/a"}, Exited: true, Stderr: "the kiln is cold"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, inBubble(func(t *testing.T) {
			s, w := playedSlot(t, 1)
			s.index, s.engine.Logs = 3, s.engine.logs.dir
			writeFile(t, filepath.Join(s.engine.Logs, "logs/user/stderr/0/process000.stderr.txt"), "the kiln is cold\n")
			first, _ := s.engine.queue.take()
			first.tries = tt.tries
			s.failed(try{task: first, err: tt.call, files: 1}, []string{"/in/a"})
			checkLogs(t, snapshot(t, s.engine.Logs), time.Now(), map[string][]string{starts: tt.log, main: tt.main})
			tt.want.PID, tt.want.Process, tt.want.Log = 7, "process000", filepath.Join(s.engine.Logs, "logs/user/error/0/process000.txt")
			if diff := cmp.Diff(&tt.want, s.engine.firstError); diff != "" || w.closed != 1 {
				t.Errorf("closed %d times; error (-want +got):\n%s", w.closed, diff)
			}
			if final := tt.again == nil; (s.engine.lost == s.engine.firstError) != final || s.engine.startFailure != nil {
				t.Errorf("what cost files: %v; of starts: %v", s.engine.lost, s.engine.startFailure)
			}
			if diff := cmp.Diff(tt.again, s.engine.queue.again, cmp.AllowUnexported(task{})); diff != "" {
				t.Errorf("to be tried again (-want +got):\n%s", diff)
			}
		}))
	}
}

// TestSlotStartFails checks what a worker leaves that could not start, and when its node gives up.
func TestSlotStartFails(t *testing.T) {
	s, w := playedSlot(t, 1)
	s.engine.started = s.engine.now()
	for i := range 3 {
		s.worker = w
		giveUp := s.startFailed(&callError{phase: PhaseInit, message: fmt.Sprint("cold ", i)})
		if giveUp != (i == 2) || w.closed != i+1 || s.worker != nil {
			t.Errorf("failure %d: gives up %v, closed %d times", i, giveUp, w.closed)
		}
	}
	for want, got := range map[string]*ScriptError{"cold 0": s.engine.firstError, "cold 2": s.engine.startFailure} {
		if got == nil || got.Message != want || got.MiniBatch != -1 || got.Try != 0 || got.Files != nil {
			t.Errorf("error %+v, want %s of no mini-batch", got, want)
		}
	}
	if s.engine.lost != nil || s.engine.scriptErrors != 3 {
		t.Errorf("%d errors, want 3; one that cost files: %v", s.engine.scriptErrors, s.engine.lost)
	}
}

// TestSlotShutdownFails: an exception in shutdown is recorded and no failure of the job.
func TestSlotShutdownFails(t *testing.T) {
	s, w := playedSlot(t, 1)
	w.failed = &callError{phase: PhaseShutdown, message: "cold"}
	if err := s.finish(t.Context()); err != nil {
		t.Errorf("finish = %v", err)
	}
	if got := s.engine.firstError; got == nil || got.Phase != PhaseShutdown || got.Message != "cold" || got.MiniBatch != -1 || s.engine.scriptErrors != 1 {
		t.Errorf("%d errors, the first %+v", s.engine.scriptErrors, got)
	}
	w.failed = errors.New("no space")
	if err := s.finish(t.Context()); !errors.Is(err, w.failed) || s.engine.scriptErrors != 1 {
		t.Errorf("finish = %v after %d errors of the script", err, s.engine.scriptErrors)
	}
}

// TestSlotMeasures checks how long a mini-batch counts as taking: the longer of what the engine and
// the process see.
func TestSlotMeasures(t *testing.T) {
	for told, want := range map[time.Duration]time.Duration{time.Second: time.Minute, time.Hour: time.Hour} {
		inBubble(func(t *testing.T) {
			s, w := playedSlot(t, 1)
			w.answer = func(context.Context, string) (reply, error) {
				time.Sleep(time.Minute)
				return reply{count: 1, total: told}, nil
			}
			first, _ := s.engine.queue.take()
			if err := s.score(t.Context(), first); err != nil || s.took != want {
				t.Errorf("a mini-batch of %v took %v, %v; want %v", told, s.took, err, want)
			}
		})(t)
	}
}

// TestSlotBeginsWithoutAWorker: a slot that waits for the first import ends with the job, and one
// whose worker cannot be made tells why.
func TestSlotBeginsWithoutAWorker(t *testing.T) {
	stop := errors.New("stop")
	s, _ := playedSlot(t, 1)
	s.engine.Func, s.engine.OutputAction, s.engine.validated = func(context.Context, []string) ([]string, error) { return nil, nil }, OutputActionSummaryOnly, make(chan struct{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if err := s.begin(ctx); !errors.Is(err, stop) {
		t.Errorf("begin = %v, want the cause", err)
	}
	s.worker, s.ready, s.engine.OutputAction, s.engine.Output = nil, false, OutputActionAppendRow, filepath.Join(t.TempDir(), "none")
	if err := s.begin(t.Context()); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("begin = %v", err)
	}
	s.worker = nil
	if ok, err := s.ensureReady(t.Context()); ok || err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("ensureReady = %v, %v", ok, err)
	}
}

// TestSlotsOfAJob checks how many processes a job has, on which nodes, and what they leave for each
// other.
func TestSlotsOfAJob(t *testing.T) {
	for _, tt := range []struct {
		instances, processes, batches int
		want                          string // node and index of each
		reserve                       int
	}{
		{1, 1, 5, "0/0", 0},
		{2, 2, 1, "0/0", 0},
		{2, 1, 5, "0/0 1/0", 64},
		{2, 2, 3, "0/0 1/0 0/1", 96},
		{2, 2, 9, "0/0 1/0 0/1 1/1", 128},
		{3, 1, 3, "0/0 1/0 2/0", 96},
	} {
		e := &engine{settings: &settings{Job: Job{InstanceCount: tt.instances, MaxConcurrencyPerInstance: tt.processes}}}
		e.progress.MiniBatches.Total = tt.batches
		var got []string
		for i, s := range e.slots() {
			got = append(got, fmt.Sprintf("%s/%d", s.node.name, s.index))
			if s.first != (i == 0) || s.engine != e || s.node != e.nodes[s.node.number] {
				t.Errorf("%+v: slot %d is %+v", tt, i, s)
			}
		}
		if text := strings.Join(got, " "); text != tt.want || e.workers != len(got) || e.reserve != tt.reserve || len(e.nodes) != tt.instances {
			t.Errorf("%+v: %d slots %s on %d nodes, reserve %d", tt, e.workers, text, len(e.nodes), e.reserve)
		}
	}
}

// TestMoreTelling checks which of two errors explains a failure.
func TestMoreTelling(t *testing.T) {
	raised, raisedLater, short, shortLater := &ScriptError{}, &ScriptError{}, &ScriptError{TooFewRows: true}, &ScriptError{TooFewRows: true}
	for i, tt := range [][3]*ScriptError{{nil, raised, raised}, {nil, short, short}, {raised, raisedLater, raised}, {raised, short, raised}, {short, raised, raised}, {short, shortLater, short}} {
		if moreTelling(tt[0], tt[1]) != tt[2] {
			t.Errorf("case %d: the other one", i)
		}
	}
}

// TestSlotResetsTheWatchdog checks that each step of a worker counts as progress.
func TestSlotResetsTheWatchdog(t *testing.T) {
	next := func(s *slot) task { one, _ := s.engine.queue.take(); return one }
	for name, step := range map[string]func(*slot) error{
		"start": func(s *slot) error { s.worker = nil; return s.start(t.Context()) },
		"init":  func(s *slot) error { return s.callInit(t.Context()) },
		"run":   func(s *slot) error { return s.score(t.Context(), next(s)) },
	} {
		inBubble(func(t *testing.T) {
			s, _ := playedSlot(t, 2) // fails an hour after the last progress
			s.engine.Func, s.engine.OutputAction = func(context.Context, []string) ([]string, error) { return nil, nil }, OutputActionSummaryOnly
			time.Sleep(time.Hour - 1)
			if err := step(s); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour - 1)
			select {
			case <-s.engine.watchdog.C:
				t.Errorf("%s is no progress", name)
			default:
			}
		})(t)
	}
}

// TestSlotReportsTries pins the line of the report and the sums of the node.
func TestSlotReportsTries(t *testing.T) { inBubble(testSlotReportsTries)(t) }

func testSlotReportsTries(t *testing.T) {
	s, w := playedSlot(t, 1)
	s.started = time.Date(2026, 3, 1, 23, 0, 0, 1000, time.UTC)
	w.answer = func(context.Context, string) (reply, error) {
		time.Sleep(4 * time.Second)
		return reply{count: 1, run: 2 * time.Second, total: 3 * time.Second}, nil
	}
	first, _ := s.engine.queue.take()
	if err := s.score(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	want := []string{"0|1|process000|2026-03-01 23:00:00.000001|1|1|0|4.000000|3.000000|2.000000|RUN_DONE|||"}
	if diff := cmp.Diff(want, reported(t, s.engine.logs.dir, reportFile)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]tally{{1, 1, 1, 0, 2 * time.Second}}, s.node.tallies, cmp.AllowUnexported(tally{})); diff != "" || s.node.parts[0] != (part{"rows", 1}) {
		t.Errorf("parts %v; sums (-want +got):\n%s", s.node.parts, diff)
	}
}
