package ui

import (
	"context"
	"sync"
	"time"
)

// The bounds of scans.
const (
	scansAtOnce = 2  // of one kind
	maxScans    = 32 // results of one kind that are remembered
	// A table that still grows is read again when so many times the time has passed that reading it
	// took, so that no page keeps the service or this machine busy.
	scanPause = 10
)

// A scanner reads whole tables in the background and remembers what came out. A scan outlives the
// request that asked for it, because reading a million rows takes longer than a page may.
type scanner[T any] struct {
	ctx   context.Context // ends with the handler
	now   func() time.Time
	slots chan struct{}
	work  sync.WaitGroup

	mu    sync.Mutex
	scans map[string]*scan[T]
}

// A scan is what is known of one table.
type scan[T any] struct {
	value T
	err   error
	known bool // value and err are the result of a scan
	final bool // the table does not change any more
	asked time.Time
	ended time.Time
	took  time.Duration
	done  chan struct{} // closed when the scan that runs has ended; nil if none runs

	waiting int           // callers of wait that are waiting
	stays   bool          // someone looks at the result later
	begun   bool          // it has had a slot
	dropped chan struct{} // closed when nobody wants the scan any more
}

func newScanner[T any](ctx context.Context) *scanner[T] {
	return &scanner[T]{ctx: ctx, now: time.Now, slots: make(chan struct{}, scansAtOnce), scans: map[string]*scan[T]{}}
}

// close waits for the scans that run. Their context must have ended.
func (s *scanner[T]) close() { s.work.Wait() }

// get returns what is known of a table, and has it read if that is nothing or is old. final says
// that the table does not change any more. The result is known when a first scan has ended, and final
// when the scan began after the last change.
func (s *scanner[T]) get(key string, final bool, read func(context.Context) (T, error)) scan[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.refresh(key, final, read)
	found.stays = true
	return *found
}

// wait is get that waits until something is known; for a table that does not change any more, until
// that is all of it.
func (s *scanner[T]) wait(ctx context.Context, key string, final bool, read func(context.Context) (T, error)) (value T, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.refresh(key, final, read)
	for !found.known || final && !found.final && (found.done != nil || found.err == nil) {
		if found.done == nil { // what ran had begun before the end
			found = s.refresh(key, final, read)
			continue
		}
		done := found.done
		found.waiting++
		s.mu.Unlock()
		select {
		case <-done:
			s.mu.Lock()
			found.waiting--
		case <-ctx.Done():
			s.mu.Lock()
			found.waiting--
			s.drop(key, found)
			return value, ctx.Err()
		}
	}
	return found.value, found.err
}

// begin reports whether the scan is wanted still.
func (s *scanner[T]) begin(found *scan[T]) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-found.dropped:
		return false
	default:
		found.begun = true
		return true
	}
}

// drop forgets a scan that has not begun and that nobody waits for any more: a person who tries filters
// leaves many of them behind. It needs the lock.
func (s *scanner[T]) drop(key string, found *scan[T]) {
	if s.scans[key] != found || found.waiting > 0 || found.begun || found.stays {
		return
	}
	delete(s.scans, key)
	close(found.dropped)
}

// refresh returns the scan of a table, and starts it anew if its result is old. It needs the lock.
func (s *scanner[T]) refresh(key string, final bool, read func(context.Context) (T, error)) *scan[T] {
	found := s.scans[key]
	if found == nil {
		s.forget()
		found = &scan[T]{dropped: make(chan struct{})}
		s.scans[key] = found
	}
	found.asked = s.now()
	old := !found.known || !found.final && (final || s.now().Sub(found.ended) >= scanPause*found.took)
	if old && found.done == nil {
		found.done = make(chan struct{})
		s.work.Go(func() { s.run(found, final, read) })
	}
	return found
}

// run reads the table when it is its turn.
func (s *scanner[T]) run(found *scan[T], final bool, read func(context.Context) (T, error)) {
	var value T
	var err error
	began := s.now()
	select {
	case s.slots <- struct{}{}:
		if s.begin(found) {
			began = s.now()
			value, err = read(s.ctx)
		}
		<-s.slots
	case <-found.dropped:
	case <-s.ctx.Done():
		err = s.ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found.value, found.err, found.known, found.final = value, err, true, final && err == nil
	found.ended = s.now()
	found.took = max(found.ended.Sub(began), time.Second/scanPause)
	close(found.done)
	found.done = nil
}

// forget makes room for one more result: the one that nobody has asked for, for the longest time,
// goes.
func (s *scanner[T]) forget() {
	if len(s.scans) < maxScans {
		return
	}
	oldest := ""
	for key, scan := range s.scans {
		if scan.done == nil && (oldest == "" || scan.asked.Before(s.scans[oldest].asked)) {
			oldest = key
		}
	}
	delete(s.scans, oldest)
}
