package transfer

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// A job is a piece of work, mostly one request. run may be called again after it failed. Only the
// scheduler's goroutine calls the other methods, so the state of a transfer needs no lock.
type job interface {
	run(ctx context.Context, w *worker) error
	done()        // after run has succeeded
	failed(error) // after it has failed for good
}

// lane is one of the two kinds of jobs. Each lane has its own number of requests in flight, because
// the round trips of one kind say nothing about the other.
type lane int

const (
	large lane = iota // blocks of large files
	small             // everything else
	lanes
)

// worker makes one request after another.
type worker struct{ space []byte }

// buffer is memory of n bytes for the job that the worker runs.
func (w *worker) buffer(n int) []byte {
	if cap(w.space) < n {
		w.space = make([]byte, n)
	}
	return w.space[:n]
}

// entry is a job with its failed tries.
type entry struct {
	job   job
	lane  lane
	tries int       // failed ones
	due   time.Time // when it may be tried again
	mark  int       // the scheduler's count when it failed last
	cuts  int       // the pacer's when it started
}

type result struct {
	entry
	err  error
	took time.Duration
}

// scheduler runs jobs. The tuner of a lane says how many at once, the pacer how fast; failed jobs
// are repeated. One goroutine, that of run, owns its state.
type scheduler struct {
	o       Options
	next    [lanes]func() job // returns the next job; nil if there is none now
	ready   [lanes][]job      // jobs that come before those of next
	tuners  [lanes]*tuner
	pacer   pacer
	flying  [lanes]int
	retries retryHeap
	count   int // of jobs that were done
	lost    int // of jobs that failed for good since the last success

	jobs    [lanes]chan entry
	results chan result
	workers [lanes]int
	running sync.WaitGroup
	stop    error // why nothing more is started
}

// maxLost is how many jobs in a row may fail after all their tries before the transfer stops.
const maxLost = 5

func newScheduler(o Options) *scheduler {
	if o.Wait == nil {
		o.Wait = func(d time.Duration) time.Duration { return d }
	}
	s := &scheduler{o: o}
	s.tuners = [lanes]*tuner{large: newTuner(o, maxLarge), small: newTuner(o, maxSmall)}
	return s
}

// first queues a small job before all others.
func (s *scheduler) first(j job) { s.ready[small] = append(s.ready[small], j) }

// run runs all jobs, also those that are added meanwhile. It returns nil when each is done or has
// failed, or else why it stopped early. No goroutine outlives it.
func (s *scheduler) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	most := max(maxLarge+maxSmall, s.o.Concurrency) // in flight
	s.results = make(chan result, most)
	defer s.running.Wait()
	defer cancel()
	for l := range lanes {
		s.jobs[l] = make(chan entry, most)
		defer close(s.jobs[l])
	}
	ended := ctx.Done()
	for {
		wait := s.start(ctx)
		if s.flying == [lanes]int{} && (s.stop != nil || wait < 0) {
			return s.stop
		}
		var timer *time.Timer
		var due <-chan time.Time
		if wait > 0 {
			timer = time.NewTimer(wait)
			due = timer.C
		}
		select {
		case r := <-s.results:
			s.finish(ctx, r)
		case <-due:
		case <-ended:
			s.stop = ctx.Err()
		}
		if timer != nil {
			timer.Stop()
		}
		if s.stop != nil {
			cancel()
			ended = nil
		}
	}
}

// start starts the jobs that may start now. It returns how long to wait for the next one: 0 if a
// result must come first, less if nothing is left.
func (s *scheduler) start(ctx context.Context) time.Duration {
	for s.stop == nil {
		now := time.Now()
		if wait := s.pacer.wait(now); wait > 0 {
			return wait
		}
		e, wait := s.take(now)
		if e.job == nil {
			return wait
		}
		e.cuts = s.pacer.started(now)
		s.flying[e.lane]++
		if s.workers[e.lane] < s.flying[e.lane] {
			s.workers[e.lane]++
			s.running.Go(func() { s.worker(ctx, s.jobs[e.lane]) })
		}
		s.jobs[e.lane] <- e // has room for all in flight
	}
	return 0
}

// take returns a job that may start now. Without one it returns how long to wait, as start does.
func (s *scheduler) take(now time.Time) (entry, time.Duration) {
	wait := time.Duration(-1)
	if len(s.retries) > 0 {
		e := s.retries[0]
		if wait = e.due.Sub(now); wait <= 0 {
			if !s.room(e.lane) {
				return entry{}, 0
			}
			return heap.Pop(&s.retries).(entry), 0
		}
	}
	for l := range lanes {
		if !s.room(l) {
			wait = max(wait, 0)
			continue
		}
		if ready := s.ready[l]; len(ready) > 0 {
			s.ready[l] = ready[1:]
			return entry{job: ready[0], lane: l}, 0
		}
		if j := s.next[l](); j != nil {
			return entry{job: j, lane: l}, 0
		}
	}
	return entry{}, wait
}

// room reports whether one more job of a lane may start. If the caller fixed the number, large
// files leave a quarter of it to small ones.
func (s *scheduler) room(l lane) bool {
	if n := s.o.Concurrency; n > 0 {
		return s.flying[large]+s.flying[small] < n && (l == small || s.flying[large] < n-n/4)
	}
	return s.flying[l] < s.tuners[l].limit
}

// worker runs jobs of one lane, with one buffer.
func (s *scheduler) worker(ctx context.Context, jobs <-chan entry) {
	w := new(worker)
	for e := range jobs {
		began := time.Now()
		err := e.job.run(ctx, w)
		s.results <- result{e, err, time.Since(began)} // has room for all in flight
	}
}

// finish takes the result of a job.
func (s *scheduler) finish(ctx context.Context, r result) {
	now := time.Now()
	saturated := s.flying[r.lane] >= s.tuners[r.lane].limit
	s.flying[r.lane]--
	if r.err == nil {
		s.count++
		s.lost = 0
		s.pacer.succeeded(now, r.cuts)
		s.tuners[r.lane].done(now, r.took, saturated)
		r.job.done()
		return
	}
	if s.stop != nil {
		return // the transfer is stopping
	}
	var f *Failure
	if !errors.As(r.err, &f) {
		f = &Failure{Err: r.err}
	}
	if f.Throttled {
		s.pacer.throttled(now, r.cuts, s.o.Wait(f.After))
	}
	switch {
	case ctx.Err() != nil:
		s.stop = ctx.Err()
	case f.Stop:
		s.stop = f.Err
	case f.Retry:
		s.again(ctx, r.entry, f, now)
	default:
		r.job.failed(f.Err)
	}
}

// again schedules another try of a job, unless all are used up. Being throttled uses up no try
// while other jobs get through.
func (s *scheduler) again(ctx context.Context, e entry, f *Failure, now time.Time) {
	if !f.Throttled || s.count == e.mark {
		e.tries++
	}
	e.mark = s.count
	if e.tries > s.o.Retries {
		if s.lost++; s.lost >= maxLost {
			s.stop = f.Err
			return
		}
		e.job.failed(f.Err)
		return
	}
	delay := f.After
	if delay == 0 {
		jitter := 0.8 + 0.5*rand.Float64() //nolint:gosec // not a secret
		delay = time.Duration(min(float64(s.o.MaxDelay), float64(s.o.Delay)*math.Pow(2, float64(max(0, e.tries-1)))*jitter))
	}
	e.due = now.Add(s.o.Wait(delay))
	if end, ok := ctx.Deadline(); ok && f.After > 0 && end.Before(e.due) {
		s.stop = fmt.Errorf("%w; storage wants to be left alone for %v, which is longer than the deadline of the call", f.Err, f.After)
		return
	}
	heap.Push(&s.retries, e)
}

// retryHeap is a heap of jobs, the one that is due first on top.
type retryHeap []entry

func (h retryHeap) Len() int           { return len(h) }
func (h retryHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h retryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *retryHeap) Push(e any)        { *h = append(*h, e.(entry)) }
func (h *retryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	*h = (*h)[:last]
	return e
}
