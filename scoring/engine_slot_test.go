package scoring

import (
	"context"
	"errors"
	"fmt"
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
	waiting             []string
	given               []string
	closed, initialized int
	shutdowns           int
}

func (w *playedWorker) load(context.Context) error { return nil }
func (w *playedWorker) init(context.Context) error { w.initialized++; return nil }
func (w *playedWorker) submit(_ context.Context, files []string) error {
	if w.refuse != nil {
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
func (w *playedWorker) shutdown(context.Context) error { w.shutdowns++; return nil }
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
	s.ready, s.node.initFailures = false, 3
	if ok, err := s.ensureReady(t.Context()); ok || err != nil || w.initialized != 1 {
		t.Errorf("of a node that gave up: ensureReady = %v, %v after %d calls of init", ok, err, w.initialized)
	}
}
