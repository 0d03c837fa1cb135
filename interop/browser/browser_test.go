package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// chromium is the one browser of all tests; each test has a profile of its own in it. It starts
// with the first test that needs it.
var chromium struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chromium.stop != nil {
		chromium.stop()
	}
	os.Exit(code)
}

// browser returns the browser, and skips the test where none is given.
func browser(t *testing.T) context.Context {
	t.Helper()
	program := os.Getenv("AZMLBATCH_CHROMIUM")
	if program == "" {
		t.Skip("AZMLBATCH_CHROMIUM names no program chromium; .ci/run installs one")
	}
	chromium.once.Do(func() { chromium.ctx, chromium.stop, chromium.err = startChromium(program) })
	if chromium.err != nil {
		t.Fatal(chromium.err)
	}
	return chromium.ctx
}

// startChromium starts the browser without a window.
func startChromium(program string) (context.Context, func(), error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.DisableGPU,
		chromedp.Flag("no-proxy-server", true), // loopback only, whatever the environment says
		chromedp.CombinedOutput(io.Discard),    // notes of parts that a machine without a screen lacks
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // which Chromium cannot set up as root
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil { // starts it
		stopAllocator()
		return nil, nil, fmt.Errorf("AZMLBATCH_CHROMIUM: %s does not start: %w", program, err)
	}
	return ctx, func() {
		closing, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := chromedp.Cancel(closing); err != nil && !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, "close the browser:", err)
		}
		stop()
		stopAllocator()
	}, nil
}
