package azmlbatch

import (
	"context"
	"slices"
	"strings"
	"time"
)

// InvokeProgress is how far one job of many is.
type InvokeProgress struct {
	// Index is the place of the invocation in the sequence, from 0.
	Index int
	// Job is the name of the job.
	Job string
	// Progress is what [JobsClient.Wait] would report. Elapsed is the time since the job was
	// started or found, and Polls counts the polls since then.
	Progress Progress
	// Running is how many jobs run now.
	Running int
	// Ended is how many jobs have ended, well or badly. How many there will be is not known,
	// because the sequence has no length.
	Ended int
}

// String is what fmt prints: what is known, on one line.
func (p InvokeProgress) String() string { return printed(p) }

// manyProgress reports how far the jobs of an InvokeMany are. They take turns in being counted, so
// that a round takes no longer for many jobs than for a few.
type manyProgress struct {
	tell  func(InvokeProgress) // nil when nobody wants to know
	jobs  JobsClient
	known map[string]*jobProgress // of the jobs that run, by name in lower case
	turn  int                     // whose counts are read next
	ended int
}

// jobProgress is what is known of one job.
type jobProgress struct {
	indexes []int // of its invocations; some when they found the same job
	name    string
	began   time.Time
	polls   int
	status  JobStatus
	counter jobCounter
	counts  *JobCounts
}

// countsAtOnce is how many jobs are counted in a round, one request each.
const countsAtOnce = 8

// start adds a job that has been started or found.
func (p *manyProgress) start(r InvokeResult) {
	if p.tell == nil {
		return
	}
	name := r.Started.Name
	key := strings.ToLower(name)
	if p.known[key] == nil {
		put(&p.known, key, &jobProgress{name: name, began: p.jobs.c.clock.now(), status: r.Started.Status,
			counter: jobCounter{jobs: p.jobs, name: name}})
	}
	p.known[key].indexes = append(p.known[key].indexes, r.Index)
}

// round reports how far the running jobs are. It delays the next round by a second at most, and
// returns how many jobs it has counted.
func (p *manyProgress) round(ctx context.Context, left []*watchedJob) (asked int) {
	if p.tell == nil {
		return 0
	}
	var running []*jobProgress
	for _, one := range left {
		job := p.known[strings.ToLower(one.name)]
		if one.status != "" {
			job.status = one.status
		}
		if job.status == JobStatusRunning { // before, there is nothing to count
			running = append(running, job)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	asked = min(len(running), countsAtOnce)
	for i := range asked {
		running[(p.turn+i)%len(running)].count(ctx)
	}
	p.turn += countsAtOnce
	for _, one := range left {
		p.report(p.known[strings.ToLower(one.name)], len(left))
	}
	return asked
}

// end reports on a job that has ended, for the last time.
func (p *manyProgress) end(ctx context.Context, job Job, running int) {
	p.ended++
	key := strings.ToLower(job.Name)
	one := p.known[key]
	if one == nil {
		return
	}
	delete(p.known, key)
	if job.Status == "" { // it could not be read
		return
	}
	one.status = job.Status
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	one.count(ctx)
	p.report(one, running)
}

func (p *manyProgress) report(job *jobProgress, running int) {
	job.polls++
	for _, index := range slices.Clone(job.indexes) {
		p.tell(InvokeProgress{Index: index, Job: job.name, Running: running, Ended: p.ended, Progress: Progress{
			Status: string(job.status), Elapsed: p.jobs.c.clock.now().Sub(job.began), Polls: job.polls, Counts: job.counts}})
	}
}

// count reads the counts. Errors are dropped: counting must not end the wait.
func (p *jobProgress) count(ctx context.Context) {
	if counts, err := p.counter.read(ctx, p.status); err == nil && counts != unknownCounts() {
		p.counts = &counts
	}
}
