package emulator

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/azmlbatch/azmlbatch"
)

// TestMemoryOfQueuedJobs: 2,000 jobs that wait take less than 150 MB, with the client that started
// them.
func TestMemoryOfQueuedJobs(t *testing.T) {
	const jobs, most = 200, 150_000_000 / 2000 // bytes a job
	e := NewTest(t, nil)
	endpoint, err := e.Deploy(t.Context(), Func(func(ctx context.Context, _ []string) ([]string, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}), nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := e.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := client.Upload(t.Context(), "testdata/vases", nil)
	if err != nil {
		t.Fatal(err)
	}
	invoke := func(n int) {
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for range n / 4 {
					if _, err := client.Endpoints().Invoke(t.Context(), endpoint, azmlbatch.Invocation{Input: azmlbatch.URIFolder{URI: data.URI}}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
	}
	invoke(8) // fills the caches of the client
	before := heap()
	invoke(jobs)
	if each := (heap() - before) / jobs; each > most {
		t.Errorf("a queued job takes %d bytes, want at most %d", each, most)
	}
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
