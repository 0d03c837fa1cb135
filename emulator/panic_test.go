package emulator

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// panics hears of panics.
type panics struct {
	slog.Handler
	heard *atomic.Value
}

func (h panics) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelError {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "stack" {
				h.heard.Store(a.Value.String())
			}
			return true
		})
	}
	return nil
}

// TestAPanicIsLogged: the client sees a cut connection and nothing more.
func TestAPanicIsLogged(t *testing.T) {
	var broken atomic.Bool
	var heard atomic.Value
	s := startServer(t, &Options{
		Logger: slog.New(panics{slog.NewTextHandler(io.Discard, nil), &heard}),
		Now: func() time.Time {
			if broken.Load() {
				panic("the clock is broken")
			}
			return time.Now()
		},
	})
	broken.Store(true)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://management.azure.com/tenants", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := proxied(t, s, false).Do(request); err == nil {
		_ = resp.Body.Close()
		t.Errorf("the answer is %s, want a cut connection", resp.Status)
	}
	broken.Store(false)
	if stack, _ := heard.Load().(string); !strings.Contains(stack, "TestAPanicIsLogged") {
		t.Errorf("the log has no stack of the panic: %q", stack)
	}
}
