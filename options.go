package azmlbatch

import (
	"context"
	"log/slog"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// DefaultAPIVersion is the version of the management API that a client asks for when
// [ClientOptions] names none.
const DefaultAPIVersion = "2024-04-01"

// ClientOptions tune a [Client]. Nil means the defaults.
type ClientOptions struct {
	// APIVersion is the version of the management API, [DefaultAPIVersion] when empty. The versions
	// of batch endpoints from 2022-05-01 to 2025-01-01-preview are tested.
	APIVersion string
	// ReadOnly refuses every call that would change something, with [ErrReadOnly], unsent.
	ReadOnly bool
	// Logger gets a record for each step, with its name and duration: steps of several requests at
	// level info, single requests and retries at debug. Nil logs nothing. Records hold no token,
	// signature or query string.
	Logger *slog.Logger

	// ClientOptions are azcore's. Retry applies to all planes; the package comment says what is
	// retried. PerRetryPolicies run once per call, because retries happen below azcore's pipeline.
	azcore.ClientOptions
}

// orZero returns what p points to, or the zero value if p is nil: nil options mean the defaults.
func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// clock is the seam that lets tests wait without sleeping.
type clock struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	// after ticks for work beside a call, such as renewing a lease.
	after func(time.Duration) <-chan time.Time
	// backoff maps the delay of a retry to the one that the retry library sleeps.
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
