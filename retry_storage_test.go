package azmlbatch

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestStorageKeepsALongRetryAfter on each kind of request of the blob plane.
func TestStorageKeepsALongRetryAfter(t *testing.T) {
	calls := map[string]func(context.Context, *Client) error{
		"list": func(ctx context.Context, c *Client) error {
			for _, err := range c.listBlobs(ctx, operation{"list", "blobs", ""}, place{host: "shelf.blob.core.windows.net", container: "blobs"}) {
				return err
			}
			return nil
		},
		"read": func(ctx context.Context, c *Client) error {
			r, err := c.Jobs().OpenOutput(ctx, OutputFile{Name: "p.csv", URI: callPlace})
			if err == nil {
				_, err = io.ReadAll(r)
			}
			return err
		},
		"upload": func(ctx context.Context, c *Client) error {
			_, err := c.Upload(ctx, newCallPaths(t).model, nil)
			return err
		},
	}
	tests := []struct {
		name   string
		header [2]string
		busy   int // answers before the first good one
		within time.Duration
		want   string        // in the error
		waits  time.Duration // that must be among the waits
	}{
		{"once", [2]string{"Retry-After", "120"}, 1, 0, "", 2 * time.Minute},
		{"in milliseconds", [2]string{"x-ms-retry-after-ms", "61000"}, 1, 0, "", 61 * time.Second},
		{"always", [2]string{"Retry-After", "120"}, 1 << 30, 0, "the service asks to wait 2m0s: try again then", 2 * time.Minute},
		{"longer than the caller has", [2]string{"Retry-After", "7200"}, 1, time.Hour, "the service asks to wait 2h0m0s", 0},
	}
	for name, call := range calls {
		for _, tt := range tests {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				clk := newFakeClock()
				clk.at = time.Now() // a context's deadline is on the real clock
				busy := 0
				c := newClientOver(t, handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if strings.Contains(r.Host, ".blob.") && busy < tt.busy {
						busy++
						w.Header().Set(tt.header[0], tt.header[1])
						w.Header().Set("x-ms-error-code", "ServerBusy")
						w.WriteHeader(http.StatusServiceUnavailable)
						return
					}
					wholeService(w, r)
				})}, clk, func(o *ClientOptions) {
					o.Retry.RetryDelay = time.Microsecond
					o.Retry.TryTimeout = time.Minute // of a try, not of the waiting
				})
				ctx := t.Context()
				if tt.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.within)
					defer cancel()
				}
				err := call(ctx, c)
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("error = %v, want %q", err, tt.want)
				}
				if err != nil && strings.Contains(err.Error(), "MaxRetries") {
					t.Errorf("error = %v, which more retries would not help", err)
				}
				if tt.waits > 0 && !slices.Contains(clk.slept, tt.waits) || tt.waits == 0 && len(clk.slept) > 0 {
					t.Errorf("waited %v, want %v", clk.slept, tt.waits)
				}
				if tt.busy > 3 && busy != defaultMaxRetries+1 {
					t.Errorf("asked %d times, want %d", busy, defaultMaxRetries+1)
				}
			})
		}
	}
}
