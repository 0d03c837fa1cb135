package ui

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// scanned is a scanner with a clock that stands still, and a table that counts how often it is read.
type scanned struct {
	*scanner[int]
	clock time.Time
	reads int
}

func newScanned(t *testing.T) *scanned {
	ctx, stop := context.WithCancel(t.Context())
	s := &scanned{scanner: newScanner[int](ctx), clock: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	s.now = func() time.Time { return s.clock }
	t.Cleanup(func() {
		stop()
		s.close()
	})
	return s
}

// read takes a second of the clock.
func (s *scanned) read(context.Context) (int, error) {
	s.clock = s.clock.Add(time.Second)
	s.reads++
	return s.reads, nil
}

// settled asks, waits until nothing is read any more, and asks again.
func (s *scanned) settled(final bool) int {
	s.get("pots", final, s.read)
	s.work.Wait()
	found := s.get("pots", final, s.read)
	s.work.Wait()
	return found.value
}

func TestScansOfAGrowingTableArePaced(t *testing.T) {
	s := newScanned(t)
	if s.get("pots", false, s.read).known {
		t.Error("a scan that has not ended is known")
	}
	s.work.Wait()
	steps := []struct {
		pass  time.Duration
		final bool
		want  int
	}{
		{(scanPause - 1) * time.Second, false, 1}, // too early
		{time.Second, false, 2},
		{0, true, 3}, // the last rows
		{time.Hour, true, 3},
	}
	for _, step := range steps {
		s.clock = s.clock.Add(step.pass)
		if got := s.settled(step.final); got != step.want {
			t.Errorf("after %s, final: %v: scan %d, want %d", step.pass, step.final, got, step.want)
		}
	}
}

func TestScanThatFailsIsReadAgain(t *testing.T) {
	s := newScanned(t)
	broken := errors.New("no rows")
	_, err := s.wait(t.Context(), "pots", true, func(context.Context) (int, error) { return 0, broken })
	if !errors.Is(err, broken) {
		t.Fatalf("wait = %v, want %v", err, broken)
	}
	s.clock = s.clock.Add(time.Minute)
	if got := s.settled(true); got != 1 {
		t.Errorf("after a failure: scan %d, want 1", got)
	}
}

// TestWaitForTheWholeTable asks for a table that has ended, of which an earlier state is known.
func TestWaitForTheWholeTable(t *testing.T) {
	s := newScanned(t)
	if got, err := s.wait(t.Context(), "pots", false, s.read); got != 1 || err != nil {
		t.Fatalf("while it grows: scan %d, %v; want 1", got, err)
	}
	s.work.Wait()
	if got, err := s.wait(t.Context(), "pots", true, s.read); got != 2 || err != nil {
		t.Errorf("when it has ended: scan %d, %v; want 2", got, err)
	}
}

// TestWaitOutlastsAScanThatBeganEarlier: rows may have come after it began, so it is not all of them.
func TestWaitOutlastsAScanThatBeganEarlier(t *testing.T) {
	s := newScanned(t)
	running, end := make(chan bool), make(chan bool)
	s.get("pots", false, func(context.Context) (int, error) {
		close(running)
		<-end
		return -1, nil
	})
	<-running
	waits := &telling{Context: t.Context(), told: end}
	if got, err := s.wait(waits, "pots", true, s.read); got != 1 || err != nil {
		t.Errorf("wait = %d, %v; want 1, of a scan that began after the end", got, err)
	}
}

// telling is a context that tells once that someone waits for it.
type telling struct {
	context.Context
	told chan bool
	once sync.Once
}

func (c *telling) Done() <-chan struct{} {
	c.once.Do(func() { close(c.told) })
	return c.Context.Done()
}

func TestScansAreBounded(t *testing.T) {
	s := newScanned(t)
	for i := range 2 * maxScans {
		s.clock = s.clock.Add(time.Second)
		if _, err := s.wait(t.Context(), fmt.Sprint(i), true, s.read); err != nil {
			t.Fatal(err)
		}
		s.work.Wait()
	}
	if len(s.scans) != maxScans || s.scans[fmt.Sprint(2*maxScans-1)] == nil {
		t.Errorf("%d scans are remembered, want %d, the last one among them", len(s.scans), maxScans)
	}
}

// TestScanThatNobodyWantsAnyMore is not begun: a person who tries filters leaves many behind.
func TestScanThatNobodyWantsAnyMore(t *testing.T) {
	s := newScanned(t)
	for range scansAtOnce {
		s.slots <- struct{}{}
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	for i := range 2 * maxScans {
		if _, err := s.wait(left, fmt.Sprint(i), true, s.read); !errors.Is(err, context.Canceled) {
			t.Fatalf("wait = %v, want %v", err, context.Canceled)
		}
	}
	s.work.Wait() // although there is no room for any of them
	if len(s.scans) > 0 || s.reads > 0 {
		t.Errorf("%d scans are remembered and %d were read, want none", len(s.scans), s.reads)
	}
	for range scansAtOnce {
		<-s.slots
	}
	if got, err := s.wait(t.Context(), "0", true, s.read); got != 1 || err != nil {
		t.Errorf("wait = %d, %v; want the first read", got, err)
	}
}

// TestScanThatHasBegunIsRemembered although the page that asked for it has left: it asks again soon.
func TestScanThatHasBegunIsRemembered(t *testing.T) {
	s := newScanned(t)
	ctx, leave := context.WithCancel(t.Context())
	end := make(chan bool)
	slow := func(context.Context) (int, error) {
		leave()
		<-end
		return 7, nil
	}
	if _, err := s.wait(ctx, "pots", true, slow); !errors.Is(err, context.Canceled) {
		t.Fatalf("wait = %v, want %v", err, context.Canceled)
	}
	close(end)
	if got, err := s.wait(t.Context(), "pots", true, s.read); got != 7 || err != nil {
		t.Errorf("wait = %d, %v; want 7, of the scan that had begun", got, err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	s := newScanned(t)
	ctx, cancel := context.WithCancel(t.Context())
	slow := func(scan context.Context) (int, error) {
		cancel()
		<-scan.Done() // until the handler ends
		return 0, scan.Err()
	}
	if _, err := s.wait(ctx, "pots", true, slow); !errors.Is(err, context.Canceled) {
		t.Errorf("wait = %v, want %v", err, context.Canceled)
	}
}
