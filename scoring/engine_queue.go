package scoring

import "sync"

// task is a mini-batch with the number of tries that it has had.
type task struct {
	batch int
	tries int
}

// queue hands out mini-batches: first those to be tried again, then the next ones of the input.
//
// Choice: Azure does not document when a failed mini-batch is tried again. Trying it at once makes
// a script that cannot work fail the job early.
type queue struct {
	mu       sync.Mutex
	changed  *sync.Cond
	next     int
	total    int
	again    []task
	inFlight int
	closed   bool
}

func newQueue(total int) *queue {
	q := &queue{total: total}
	q.changed = sync.NewCond(&q.mu)
	return q
}

// take waits for a mini-batch. It returns false when all are done or the queue is closed.
func (q *queue) take() (task, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if t, ok := q.pop(); ok {
			return t, true
		}
		if q.closed || q.inFlight == 0 {
			return task{}, false
		}
		q.changed.Wait() // one in flight may have to be tried again
	}
}

// takeAhead returns a mini-batch without waiting, if more than reserve are left.
func (q *queue) takeAhead(reserve int) (task, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.total-q.next < reserve {
		return task{}, false
	}
	return q.pop()
}

func (q *queue) pop() (t task, ok bool) {
	switch {
	case q.closed:
		return task{}, false
	case len(q.again) > 0:
		last := len(q.again) - 1
		t, q.again = q.again[last], q.again[:last]
	case q.next < q.total:
		t = task{batch: q.next}
		q.next++
	default:
		return task{}, false
	}
	q.inFlight++
	return t, true
}

// done marks a mini-batch that was taken as finished.
func (q *queue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inFlight--
	if q.inFlight == 0 {
		q.changed.Broadcast()
	}
}

// putBack returns a mini-batch to the queue.
func (q *queue) putBack(t task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inFlight--
	q.again = append(q.again, t)
	q.changed.Signal()
}

// close makes all pending and future calls of take return false.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}

// remaining is the number of mini-batches that are not done.
func (q *queue) remaining() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.total - q.next + len(q.again) + q.inFlight
}
