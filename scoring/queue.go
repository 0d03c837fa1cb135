package scoring

import "sync"

// task is one mini-batch with the number of tries that it has had.
type task struct {
	batch int
	tries int
}

// queue hands out mini-batches: first those to be tried again, then the next of the input.
//
// Choice: Azure does not say when a failed mini-batch comes again. At once means that a script which cannot work fails
// the job early.
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

// take waits for a mini-batch. It returns false when all are settled or the queue is closed.
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

// takeAhead gives a mini-batch without waiting, if so many are left that nobody will miss it.
func (q *queue) takeAhead(spare int) (task, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.total-q.next < spare {
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

// settled tells that a taken mini-batch is done with.
func (q *queue) settled() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inFlight--
	if q.inFlight == 0 {
		q.changed.Broadcast()
	}
}

// putBack gives a taken mini-batch to whoever asks next.
func (q *queue) putBack(t task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inFlight--
	q.again = append(q.again, t)
	q.changed.Signal()
}

// close ends the waiting of everyone.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}

// unsettled is the number of mini-batches that nobody will take any more.
func (q *queue) unsettled() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.total - q.next + len(q.again) + q.inFlight
}
