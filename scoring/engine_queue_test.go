package scoring

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// takeAll takes n mini-batches.
func takeAll(t *testing.T, q *queue, n int) (all []task) {
	t.Helper()
	for range n {
		one, ok := q.take()
		if !ok {
			t.Fatal("the queue is empty")
		}
		all = append(all, one)
	}
	return all
}

// TestQueueOrder checks that mini-batches to be tried again come first, the latest before the
// others, and then those of the input in their order.
func TestQueueOrder(t *testing.T) {
	q := newQueue(5)
	got := takeAll(t, q, 3)
	q.putBack(task{0, 1})
	q.putBack(task{2, 1})
	q.done()
	if n := q.remaining(); n != 4 {
		t.Errorf("%d remain of five of which one is done", n)
	}
	got = append(got, takeAll(t, q, 4)...)
	if diff := cmp.Diff([]task{{0, 0}, {1, 0}, {2, 0}, {2, 1}, {0, 1}, {3, 0}, {4, 0}}, got, cmp.AllowUnexported(task{})); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	for range 4 {
		q.done()
	}
	if _, ok := q.take(); ok || q.remaining() != 0 {
		t.Errorf("a queue of which all is done has %d, and gives one: %v", q.remaining(), ok)
	}
}

// TestQueueWaits checks when a worker without work ends: not as long as a mini-batch of another one
// may have to be tried again.
func TestQueueWaits(t *testing.T) {
	for _, tt := range []struct {
		name string
		then func(*queue)
		want []bool // what the two who wait get
	}{
		{"it is done", (*queue).done, []bool{false, false}},
		{"it is tried again, and done", func(q *queue) { q.putBack(task{0, 1}); synctest.Wait(); q.done() }, []bool{true, false}},
		{"the job ends", (*queue).close, []bool{false, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(1)
				takeAll(t, q, 1)
				got := make(chan bool, 2)
				for range 2 {
					go func() { _, ok := q.take(); got <- ok }()
				}
				synctest.Wait()
				if len(got) > 0 {
					t.Fatal("take does not wait for the one in flight")
				}
				tt.then(q)
				if diff := cmp.Diff(tt.want, []bool{<-got, <-got}); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestQueueAhead checks that mini-batches are given in advance only while enough are left.
func TestQueueAhead(t *testing.T) {
	q := newQueue(5)
	if _, ok := q.takeAhead(6); ok {
		t.Error("one in advance, although fewer than the reserve are left")
	}
	for want := range 3 {
		if got, ok := q.takeAhead(3); !ok || got.batch != want {
			t.Errorf("takeAhead = %v, %v; want mini-batch %d", got, ok, want)
		}
	}
	if got, ok := q.takeAhead(3); ok {
		t.Errorf("takeAhead = %v, although two are left", got)
	}
	q.close()
	if got, ok := q.takeAhead(0); ok {
		t.Errorf("takeAhead of a closed queue = %v", got)
	}
	if got, ok := q.take(); ok {
		t.Errorf("take of a closed queue = %v", got)
	}
}
