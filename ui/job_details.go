package ui

import (
	"context"
	"sync"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// Bounds of the detail cache.
const (
	countsPerSecond = 8     // jobs whose files are counted, for all pages together
	maxDetails      = 5_000 // jobs of which something is remembered
)

// A detailCache remembers what does not change any more of jobs, and bounds how often the service is
// asked for what does.
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
	counts azmlbatch.JobCounts
	final  bool // counted after the end
	failed *azmlbatch.JobFailedError
}

func newDetailCache(client *azmlbatch.Client) *detailCache {
	return &detailCache{client: client, now: time.Now, jobs: map[string]*jobDetails{}}
}

// of returns the details of a job. When there are too many, any of them is forgotten.
func (c *detailCache) of(name string) *jobDetails {
	d := c.jobs[name]
	if d == nil {
		for other := range c.jobs {
			if len(c.jobs) < maxDetails {
				break
			}
			delete(c.jobs, other)
		}
		d = &jobDetails{counts: unknownCounts}
		c.jobs[name] = d
	}
	return d
}

// allow reports whether one more job may be counted now.
func (c *detailCache) allow() bool {
	if now := c.now(); now.Sub(c.second) >= time.Second {
		c.second, c.asked = now, 0
	}
	c.asked++
	return c.asked <= countsPerSecond
}

// counts counts the files of a job. If that is not allowed now, or fails, it returns the last counts:
// a list must not fail for them.
func (c *detailCache) counts(ctx context.Context, name string, status azmlbatch.JobStatus) azmlbatch.JobCounts {
	c.mu.Lock()
	d := c.of(name)
	known, ask := d.counts, !d.final && c.allow()
	c.mu.Unlock()
	if !ask {
		return known
	}
	counts, err := c.client.Jobs().Counts(ctx, name)
	if ctx.Err() != nil {
		return known
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	d = c.of(name)
	if err == nil {
		d.counts = counts
	}
	d.final = status.Done() // also of a job that has no counts: it will not get any
	return d.counts
}
