package azmlbatch

import (
	"context"
	"time"
)

// clock is the seam that lets tests wait without sleeping.
type clock struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	// after gives a tick for what goes on beside a call.
	after func(time.Duration) <-chan time.Time
	// backoff is what the retry layer really waits, given what it should; the waiting itself is the library's.
	backoff func(time.Duration) time.Duration
}

func realClock() clock {
	return clock{now: time.Now, sleep: sleepContext, after: time.After, backoff: func(d time.Duration) time.Duration { return d }}
}

// sleepContext waits for d or until ctx ends, whichever comes first.
func sleepContext(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
