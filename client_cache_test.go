package azmlbatch

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestKeptIsReadByOneCallerAtATime(t *testing.T) {
	var k cached[int]
	var mu sync.Mutex
	reads := 0
	read := func(context.Context) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		reads++
		return 7, nil
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if v, err := k.get(t.Context(), nil, read); v != 7 || err != nil {
				t.Errorf("get = %d, %v", v, err)
			}
		})
	}
	all.Wait()
	if reads != 1 {
		t.Errorf("%d readings, want 1", reads)
	}
}

func TestKeptForgetsFailuresAndWhatIsNoLongerValid(t *testing.T) {
	var k cached[int]
	broken := errors.New("kiln is cold")
	n := 0
	read := func(context.Context) (int, error) {
		if n++; n == 1 {
			return 0, broken
		}
		return n, nil
	}
	valid := func(v int) bool { return v > 2 }
	for _, want := range []struct {
		v   int
		err error
	}{{0, broken}, {2, nil}, {3, nil}, {3, nil}} {
		if v, err := k.get(t.Context(), valid, read); v != want.v || !errors.Is(err, want.err) {
			t.Errorf("get = %d, %v, want %d, %v", v, err, want.v, want.err)
		}
	}
}

func TestWaitingForAnothersReadingEndsWithTheContext(t *testing.T) {
	var k cached[int]
	reading, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_, _ = k.get(context.Background(), nil, func(context.Context) (int, error) {
			reading <- struct{}{}
			<-reading
			return 1, nil
		})
	}()
	<-reading
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.get(ctx, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("get = %v, want the end of the context", err)
	}
	reading <- struct{}{}
	<-done
}
