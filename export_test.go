package azmlbatch

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// NewClientOnFakeClock makes a client that does not sleep, for tests outside of the package.
func NewClientOnFakeClock(ws Workspace, cred azcore.TokenCredential, options *ClientOptions) (*Client, error) {
	return newClient(ws, cred, options, newFakeClock().clock())
}

// SkippingClock goes as the real one does, and jumps over what its clients wait. An emulator on it sees the time that they
// have waited.
type SkippingClock struct{ skipped atomic.Int64 }

// Now is the time with all that was skipped.
func (c *SkippingClock) Now() time.Time { return time.Now().Add(time.Duration(c.skipped.Load())) }

// NewClient makes a client that skips its waits.
func (c *SkippingClock) NewClient(ws Workspace, cred azcore.TokenCredential, options *ClientOptions) (*Client, error) {
	clk := newFakeClock().clock()
	clk.now = c.Now
	clk.sleep = func(ctx context.Context, d time.Duration) error {
		c.skipped.Add(int64(d))
		return ctx.Err()
	}
	return newClient(ws, cred, options, clk)
}
