package emulator

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeded is a folder with one file of n bytes, shown as
// https://samples.blob.core.windows.net/data/big.
func seeded(t *testing.T, n int) Seed {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "big"), make([]byte, n), 0o600); err != nil {
		t.Fatal(err)
	}
	return Seed{Account: "samples", Container: "data", Dir: dir}
}

// TestCloseDoesNotWaitForABodyThatNobodyReads: a test that forgot to close a body must not hang.
func TestCloseDoesNotWaitForABodyThatNobodyReads(t *testing.T) {
	e, err := New(&Options{Seeds: []Seed{seeded(t, 1<<20)}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://samples.blob.core.windows.net/data/big", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := e.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, errClosed) {
		t.Errorf("the body of a closed emulator ends with %v, want %v", err, errClosed)
	}
	_ = resp.Body.Close()
}

// TestCloseDoesNotWaitForARequestThatNobodyWrites: the same in the other direction.
func TestCloseDoesNotWaitForARequestThatNobodyWrites(t *testing.T) {
	e, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	body, writer := io.Pipe()
	defer func() { _ = writer.Close() }()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://login.microsoftonline.com/"+e.TenantID()+"/oauth2/v2.0/token", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if resp, err := e.RoundTrip(request); err == nil {
			_ = resp.Body.Close()
		}
	}()
	if _, err := writer.Write([]byte("grant_type=")); err != nil { // from here on the handler waits for more
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
}

// TestContextEndsRequestsToo: not only the port goes when the context of Start ends.
func TestContextEndsRequestsToo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	arrived := make(chan struct{})
	s, err := Start(ctx, &Options{Faults: []Fault{{Host: "management", Action: ActionHang}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	client := proxied(t, s, false)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://management.azure.com/tenants", &told{arrived: arrived, Reader: strings.NewReader("{}")})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		resp, err := client.Do(request)
		if err == nil {
			_ = resp.Body.Close()
		}
		ended <- err
	}()
	<-arrived
	cancel()
	if err := <-ended; err == nil {
		t.Error("the request was answered, want its connection closed")
	}
}

// told is a body that says when it has been sent.
type told struct {
	io.Reader
	arrived chan struct{}
}

func (b *told) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil {
		close(b.arrived)
	}
	return n, err
}

// endings hears of the requests that have ended.
type endings struct {
	slog.Handler
	paths chan string
}

func (h endings) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "request" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "path" {
				h.paths <- a.Value.String()
			}
			return true
		})
	}
	return nil
}

// TestHangEndsWithTheClient: also for a request with a body, of which net/http sees the end of the
// connection late.
func TestHangEndsWithTheClient(t *testing.T) {
	ended := make(chan string, 100)
	s := startServer(t, &Options{
		Faults: []Fault{{Host: "management", Action: ActionHang}},
		Logger: slog.New(endings{slog.NewTextHandler(io.Discard, nil), ended}),
	})
	ctx, cancel := context.WithCancel(t.Context())
	arrived := make(chan struct{})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://management.azure.com/tenants", &told{arrived: arrived, Reader: strings.NewReader("{}")})
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-arrived; cancel() }()
	if resp, err := proxied(t, s, false).Do(request); err == nil {
		_ = resp.Body.Close()
		t.Fatal("the request was answered")
	}
	if path := <-ended; path != "/tenants" {
		t.Errorf("the request for %s ended, want /tenants", path)
	}
}
