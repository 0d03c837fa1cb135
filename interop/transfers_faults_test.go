package interop

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// TestTransfersThroughFaults uploads and downloads through a storage that fails in one way, until
// everything is there and equal.
func TestTransfersThroughFaults(t *testing.T) {
	onBackends(t, func(t *testing.T, b backend) {
		for _, tt := range []struct {
			name  string
			fault func() func(r *http.Request) fault
		}{
			{"connections that are reset within content", func() func(*http.Request) fault { return onceEach(3, cut, isContent) }},
			{"503 with Retry-After", func() func(*http.Request) fault { return onceEach(25, busy, isContent) }},
			{"at most 100 requests a second", func() func(*http.Request) fault { return limit(100) }},
			{"blocks that storage takes and forgets", func() func(*http.Request) fault { return onceEach(5, forget, isBlock) }},
		} {
			t.Run(tt.name, func(t *testing.T) {
				want := faultFiles(uint64(len(t.Name())))
				f := newFront(t, b)
				f.fault = tt.fault()
				client := f.client(t, func(o *azmlbatch.ClientOptions) { o.Retry.RetryDelay = 50 * time.Millisecond }) // outlasts a limit of 100 a second
				up, err := client.Upload(t.Context(), writeFiles(t, want), &azmlbatch.UploadOptions{Datastore: b.datastore, BlockSize: 64 << 10})
				if err != nil {
					t.Fatal(err)
				}
				if sent := sizeOfStored(f); sent != sizeOf(want) && f.again == 0 {
					t.Errorf("%d bytes were stored, want %d", sent, sizeOf(want))
				}
				if f.refused == 0 {
					t.Error("no request met the fault")
				}
				f.fault = tt.fault()
				folder := t.TempDir()
				if _, err := client.Download(t.Context(), up.URI, folder, nil); err != nil {
					t.Fatal(err)
				}
				if got := filesIn(t, folder); !cmp.Equal(want, got) {
					t.Error("the download has another content")
				}
				t.Logf("%d of %d requests were refused", f.refused, -f.point.requests)
			})
		}
	})
}

// TestUploadThatStorageForgot lets storage take small files and forget them: the upload is not marked
// as complete, and the next one sends what is missing.
func TestUploadThatStorageForgot(t *testing.T) {
	onBackends(t, func(t *testing.T, b backend) {
		want := faultFiles(7)
		f := newFront(t, b)
		f.fault = first(3, forget, func(r *http.Request) bool { return isContent(r) && !isBlock(r) })
		client, folder := f.client(t), writeFiles(t, want)
		o := &azmlbatch.UploadOptions{Datastore: b.datastore, BlockSize: 64 << 10}
		if _, err := client.Upload(t.Context(), folder, o); err == nil || !strings.Contains(err.Error(), "does not have it; upload again") {
			t.Fatalf("Upload = %v, want that storage does not have a file", err)
		}
		if len(f.marked) > 0 {
			t.Fatal("the upload was marked as complete")
		}
		f.fault, f.again = nil, 0
		up, err := client.Upload(t.Context(), folder, o)
		if err != nil || up.Reused || f.again > 0 {
			t.Errorf("the second upload = %v, %v, with %d bytes sent again", up, err, f.again)
		}
		if sizeOfStored(f) != sizeOf(want) {
			t.Errorf("storage has %d bytes, want %d", sizeOfStored(f), sizeOf(want))
		}
	})
}

func isBlob(r *http.Request) bool    { return strings.Contains(r.Host, ".blob.") }
func isContent(r *http.Request) bool { return contentOf(r) != "" }
func isBlock(r *http.Request) bool   { return r.URL.Query().Get("comp") == "block" }

// onceEach makes a fault of every nth request of a kind, the first time that it comes.
func onceEach(n int, what fault, kind func(*http.Request) bool) func(*http.Request) fault {
	seen := map[string]bool{}
	return func(r *http.Request) fault {
		id := r.Method + r.URL.String() + r.Header.Get("X-Ms-Range")
		if !kind(r) || seen[id] {
			return none
		}
		if seen[id] = true; len(seen)%n == 0 {
			return what
		}
		return none
	}
}

// first makes a fault of the first n requests of a kind.
func first(n int, what fault, kind func(*http.Request) bool) func(*http.Request) fault {
	return func(r *http.Request) fault {
		if !kind(r) || n == 0 {
			return none
		}
		n--
		return what
	}
}

// limit refuses what is more than so many requests a second, and the twentieth with content even if this
// machine is too slow for so many.
func limit(rate float64) func(*http.Request) fault {
	tokens, last, contents := rate/5, time.Now(), 0
	return func(r *http.Request) fault {
		now := time.Now()
		tokens, last = min(rate/5, tokens+rate*now.Sub(last).Seconds()), now
		if isContent(r) {
			contents++
		}
		switch {
		case !isBlob(r):
			return none
		case tokens < 1 || isContent(r) && contents == 20:
			return throttle
		}
		tokens--
		return none
	}
}

// faultFiles are small files and one of several blocks.
func faultFiles(seed uint64) map[string]string {
	want := killFiles(rand.New(rand.NewPCG(seed, 30)))
	want["large1"] = want["large1"][:1<<20]
	want["a b/ü+#%.txt"], want["empty"] = "odd", ""
	return want
}
