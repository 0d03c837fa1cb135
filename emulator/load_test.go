package emulator

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/azmlbatch/azmlbatch"
)

// load is how much TestLoad asks of an emulator.
type load struct {
	clients, jobs, blobs int
	big                  int64 // bytes of one large file
}

// smallLoad is what every test run takes. AZMLBATCH_LOAD=1000,10000,100000,10000000000 asks for
// more; -v prints the figures.
var smallLoad = load{clients: 25, jobs: 100, blobs: 500, big: 20 << 20}

func loadOf(t *testing.T) load {
	t.Helper()
	text := os.Getenv("AZMLBATCH_LOAD")
	if text == "" {
		return smallLoad
	}
	var l load
	if _, err := fmt.Sscanf(text, "%d,%d,%d,%d", &l.clients, &l.jobs, &l.blobs, &l.big); err != nil {
		t.Fatalf("AZMLBATCH_LOAD=%s: want clients,jobs,blobs,bytes: %v", text, err)
	}
	return l
}

// TestLoad has many clients at once start jobs and write blobs, on an emulator in a process of its
// own with a data folder. It kills the emulator while most of the jobs wait. Nothing is lost: blobs
// are as they were, and every job has ended, Completed or Failed. With the race detector, a race of
// the emulator fails the test too.
func TestLoad(t *testing.T) {
	l, data := loadOf(t), t.TempDir()
	s := startLoaded(t, data)
	s.figures(t, "start")
	l.work(t, s)
	s.figures(t, fmt.Sprintf("%d clients: %d jobs started, %d blobs written", l.clients, l.jobs, l.blobs))
	sum := l.putBig(t, s)
	s.figures(t, fmt.Sprintf("a blob of %d bytes written", l.big))
	l.check(t, s, sum)
	s.figures(t, "all of it listed and read")
	s.kill(t)

	again := startLoaded(t, data)
	again.figures(t, "start after a kill")
	statuses := l.check(t, again, sum)
	again.figures(t, "all of it listed and read")
	t.Logf("jobs: %v", statuses)
	if ended := statuses[azmlbatch.JobStatusCompleted] + statuses[azmlbatch.JobStatusFailed]; ended != l.jobs {
		t.Errorf("%d jobs have ended, want %d", ended, l.jobs)
	}
	again.end(t)
}

// work runs all clients at once.
func (l load) work(t *testing.T, s *loaded) {
	t.Helper()
	var group sync.WaitGroup
	for i := range l.clients {
		group.Go(func() {
			if err := l.workOf(t.Context(), i, s); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// workOf is what client i does: its share of the jobs and of the blobs.
func (l load) workOf(ctx context.Context, i int, s *loaded) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	defer c.CloseIdleConnections()
	for n := i; n < l.jobs; n += l.clients {
		if _, err := c.sdk.Endpoints().Invoke(ctx, s.Endpoint, azmlbatch.Invocation{Input: azmlbatch.URIFile{URI: s.Input}}); err != nil {
			return err
		}
	}
	for n := i; n < l.blobs; n += l.clients {
		if err := c.put(ctx, fmt.Sprintf("%s/%06d", loadPrefix, n), "clay"); err != nil {
			return err
		}
	}
	return nil
}

// putBig writes a large blob in blocks, and returns the hash of its content.
func (l load) putBig(t *testing.T, s *loaded) [sha256.Size]byte {
	t.Helper()
	c, hash := s.client(t), sha256.New()
	content := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{}), l.big), hash)
	if err := c.putStream(t.Context(), bigBlob, content); err != nil {
		t.Fatal(err)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// check compares what the emulator has with what it was given, and returns how many jobs have which
// status.
func (l load) check(t *testing.T, s *loaded, sum [sha256.Size]byte) map[azmlbatch.JobStatus]int {
	t.Helper()
	c, jobs := s.client(t), 0
	statuses, names := map[azmlbatch.JobStatus]int{}, map[string]bool{}
	for job, err := range c.sdk.Endpoints().ListJobs(t.Context(), s.Endpoint, nil) {
		if err != nil {
			t.Fatal(err)
		}
		statuses[job.Status]++
		jobs++
		names[job.Name] = true
	}
	for job, err := range c.sdk.Jobs().List(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		delete(names, job.Name)
	}
	if jobs != l.jobs || len(names) > 0 {
		t.Errorf("%d jobs, want %d; %d of them are unknown to the management host", jobs, l.jobs, len(names))
	}
	if blobs := c.count(t, loadPrefix+"/"); blobs != l.blobs {
		t.Errorf("%d blobs, want %d", blobs, l.blobs)
	}
	if got := c.sum(t, bigBlob); got != sum {
		t.Errorf("the large blob has the SHA-256 %x, want %x", got, sum)
	}
	return statuses
}
