package ui

import (
	"context"
	"sync"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// Bounds of the memory of jobs.
const (
	countsPerSecond = 8     // jobs of a list whose files are counted, for all pages together
	maxDetails      = 2_000 // jobs of which something is remembered
	detailsStay     = time.Second
)

// A detailCache remembers what was read of jobs, and bounds how often the service is asked for it.
type detailCache struct {
	client *azmlbatch.Client
	now    func() time.Time

	mu     sync.Mutex
	jobs   map[string]*jobDetails
	second time.Time // for which asked counts
	asked  int
}

// jobDetails are what is remembered of a job.
type jobDetails struct {
	turn chan struct{} // held by whoever reads the job; guards what is below

	counts  azmlbatch.JobCounts
	counted bool // after the end of the job, so counts do not change any more

	batch    *azmlbatch.BatchJob
	failure  *azmlbatch.JobFailedError
	report   report
	reads    map[string]*logReader // by the name of the log
	timeline timeline
	workers  workers
	steps    []azmlbatch.JobStep
	outputs  []azmlbatch.OutputFile
	more     bool // there are further outputs
	final    bool // all of it was read after the end of the job
	after    bool // it was read after the end of the job, as far as it can be read
	read     time.Time
	problems []string // what could not be read, for people
}

func newDetailCache(client *azmlbatch.Client) *detailCache {
	return &detailCache{client: client, now: time.Now, jobs: map[string]*jobDetails{}}
}

// of returns the details of a job, locked; the caller calls done. When there are too many, any others
// are forgotten.
func (c *detailCache) of(ctx context.Context, name string) (d *jobDetails, done func(), err error) {
	c.mu.Lock()
	d = c.jobs[name]
	if d == nil {
		for other := range c.jobs {
			if len(c.jobs) < maxDetails {
				break
			}
			delete(c.jobs, other)
		}
		d = &jobDetails{turn: make(chan struct{}, 1), counts: unknownCounts, workers: workers{}, reads: map[string]*logReader{}}
		c.jobs[name] = d
	}
	c.mu.Unlock()
	select {
	case d.turn <- struct{}{}:
		return d, func() { <-d.turn }, nil
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// allow reports whether one more job of a list may be counted now.
func (c *detailCache) allow() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.second) >= time.Second {
		c.second, c.asked = now, 0
	}
	c.asked++
	return c.asked <= countsPerSecond
}

// counts counts the files of a job of a list. If that is not allowed now, or fails, it returns the last
// counts: a list must not fail for them.
func (c *detailCache) counts(ctx context.Context, name string, status azmlbatch.JobStatus) azmlbatch.JobCounts {
	d, done, err := c.of(ctx, name)
	if err != nil {
		return unknownCounts
	}
	defer done()
	if !d.counted && c.allow() {
		_ = d.count(ctx, c.client, name, status) // the next look tries again
	}
	return d.counts
}

// count counts the files of a job.
func (d *jobDetails) count(ctx context.Context, client *azmlbatch.Client, name string, status azmlbatch.JobStatus) error {
	if d.counted {
		return nil
	}
	counts, err := client.Jobs().Counts(ctx, name)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		d.counts = counts
	}
	d.counted = status.Done() // also of a job that has no counts: it will not get any
	return err
}
