package azmlbatch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// WatchOptions tune [JobsClient.Watch]. Nil means the defaults.
type WatchOptions struct {
	// Interval between two rounds. Zero, or less, means what Wait does, a quarter of a second at
	// first and five seconds later, but never more than ten requests a second.
	Interval time.Duration
	// Explain reads the logs of each failed job, as Wait does, with about eight more requests per
	// job. Without it the error of a failed job has no cause; [JobsClient.Wait] finds it.
	Explain bool
}

// Watch follows many jobs and yields each as it ends: a Completed job without error; a Failed or
// Canceled one with a [*JobFailedError]; one that cannot be read with that error and a Job that has
// only its Name, and the loop goes on. An unknown job is [ErrNotFound] after five seconds, because
// a new job may appear late. Every name comes once; jobs that end between two rounds come in the
// order of names.
//
// A round lists the workspace's jobs until all names have been seen, with one request per page, and
// reads each job that has ended. A job missing from the list is fetched individually. So a round
// for N jobs costs about N divided by the page size. Watch starts no goroutine, stops asking when
// the loop is left, and never stops a job.
//
// If ctx ends, or the list fails despite its retries, the last error is an [*UnfinishedError] with
// the names that remain.
func (j JobsClient) Watch(ctx context.Context, names []string, options *WatchOptions) iter.Seq2[Job, error] {
	o := orZero(options)
	return func(yield func(Job, error) bool) {
		op := operation{"watch", "jobs", ""}
		if err := j.c.ready(op); err != nil {
			yield(Job{}, err)
			return
		}
		var last error
		ctx, end := j.c.begin(ctx, op, slog.LevelInfo)
		defer end(&last)
		h := &watchHandler{watcher: watcher{jobs: j}}
		for _, name := range names {
			if err := checkName(op, "names", name); err != nil {
				if !yield(Job{Name: name}, err) {
					return
				}
				continue
			}
			h.watcher.add(name)
		}
		if len(h.watcher.left) == 0 {
			return
		}
		p := newPoller(j.c, op, h, h.watcher.schedule)
		for _, err := range p.polls(ctx, o.Interval) {
			for _, ended := range h.take() {
				if !yield(ended.job, op.failed(j.ending(ctx, ended, o.Explain))) {
					return
				}
			}
			if last = err; err != nil {
				yield(Job{}, &UnfinishedError{Names: h.watcher.names(), Err: err})
			}
		}
	}
}

// An UnfinishedError ends a loop over many jobs before all of them have ended. The jobs go on;
// watch them again by Names.
type UnfinishedError struct {
	// Names of the jobs that had not ended.
	Names []string
	// Err is why the loop ended: the context's error, or the service's refusal to list jobs.
	Err error
}

// Error is the text of Err; it does not list the names.
func (e *UnfinishedError) Error() string { return e.Err.Error() }

// Unwrap returns why the loop ended.
func (e *UnfinishedError) Unwrap() error { return e.Err }

// ending is the error of a job that has ended, nil for a Completed one.
func (j JobsClient) ending(ctx context.Context, e endedJob, explain bool) error {
	switch {
	case e.err != nil:
		return e.err
	case e.job.Status == JobStatusCompleted:
		return nil
	case explain:
		return j.explain(ctx, e.job)
	}
	return &JobFailedError{Job: e.job, MiniBatch: -1, Counts: unknownCounts(), Hint: "JobsClient.Wait reads the cause from its logs"}
}

// watchHandler polls a set of jobs that does not grow.
type watchHandler struct {
	watcher watcher
	ended   []endedJob
}

func (h *watchHandler) poll(ctx context.Context) (pollState, error) {
	ended, err := h.watcher.round(ctx)
	h.ended = append(h.ended, ended...)
	left := len(h.watcher.left)
	return pollState{status: fmt.Sprintf("waiting for %d jobs", left), done: left == 0 && err == nil}, err
}

func (h *watchHandler) final(context.Context) (Nothing, error) { return Nothing{}, nil }

// take returns what has ended since the last call.
func (h *watchHandler) take() []endedJob {
	ended := h.ended
	h.ended = nil
	return ended
}

// endedJob is a job that has ended, or that cannot be read.
type endedJob struct {
	job Job
	err error
}

// watcher asks for the states of many jobs with few requests.
type watcher struct {
	jobs     JobsClient
	left     []*watchedJob          // in the order in which they were added
	byName   map[string]*watchedJob // by name in lower case
	requests int                    // of the last round
}

type watchedJob struct {
	name   string
	seen   bool      // in this round's list
	status JobStatus // there
	misses int       // lists that did not show it, one after another
	skip   int       // rounds for which it is not looked for in the list again

	appears time.Time // until then a missing one is not an error
}

func (w *watcher) add(name string) {
	key := strings.ToLower(name)
	if w.byName[key] != nil {
		return
	}
	one := &watchedJob{name: name, appears: w.jobs.c.clock.now().Add(jobAppears)}
	w.left = append(w.left, one)
	put(&w.byName, key, one)
}

// addStarted adds a job that was just started, and so is sure to appear.
func (w *watcher) addStarted(name string) {
	w.add(name)
	w.byName[strings.ToLower(name)].appears = w.jobs.c.clock.now().Add(startedJobAppears)
}

func (w *watcher) names() []string {
	names := make([]string, len(w.left))
	for i, one := range w.left {
		names[i] = one.name
	}
	return names
}

// schedule keeps to ten requests a second.
func (w *watcher) schedule(elapsed time.Duration) time.Duration {
	return max(jobSchedule(elapsed), time.Duration(w.requests)*100*time.Millisecond)
}

// round asks once for every job and removes those that have ended. A round that fails returns what
// it has.
func (w *watcher) round(ctx context.Context) ([]endedJob, error) {
	w.requests = 0
	if err := w.list(ctx); err != nil {
		return nil, err
	}
	var ended []endedJob
	defer func() {
		w.left = slices.DeleteFunc(w.left, func(one *watchedJob) bool { return w.byName[strings.ToLower(one.name)] == nil })
	}()
	for _, one := range w.left {
		if one.seen && !one.status.Done() {
			continue
		}
		w.requests++
		job, err := w.jobs.Get(ctx, one.name)
		if err != nil && ctx.Err() != nil {
			return ended, err
		}
		if errors.Is(err, ErrNotFound) && w.jobs.c.clock.now().Before(one.appears) {
			continue
		}
		if err != nil {
			job = Job{Name: one.name}
		} else if one.status = job.Status; !job.Status.Done() {
			continue
		}
		delete(w.byName, strings.ToLower(one.name))
		ended = append(ended, endedJob{job, err})
	}
	return ended, nil
}

// list looks for the jobs in the workspace's list, which may hold many others. It gives up after
// more useless pages than there are jobs to find, because reading those individually costs no more.
func (w *watcher) list(ctx context.Context) error {
	missing := w.expected()
	if missing < 2 { // reading it costs the same
		return nil
	}
	page, hits, vain := 0, 0, 0
	for s, err := range w.jobs.ListSummaries(ctx, &ListJobsOptions{View: ListViewAll, pages: &w.requests}) {
		if err != nil {
			return err
		}
		if page != w.requests {
			if page > 0 && hits == 0 {
				vain++
			}
			page, hits = w.requests, 0
		}
		if vain > missing {
			break
		}
		one := w.byName[strings.ToLower(s.Name)]
		if one == nil || one.seen {
			continue
		}
		one.seen, one.status, one.misses = true, s.Status, 0
		hits++
		if missing--; missing == 0 {
			break
		}
	}
	w.missed()
	return nil
}

// expected counts the jobs that the list may show.
func (w *watcher) expected() (n int) {
	for _, one := range w.left {
		one.seen = false
		if one.skip > 0 {
			one.skip--
			continue
		}
		n++
	}
	return n
}

// missed skips jobs that the list did not show for some rounds: a new one appears in the list late,
// an old one never.
func (w *watcher) missed() {
	for _, one := range w.left {
		if !one.seen && one.skip == 0 {
			one.misses++
			one.skip = 1 << min(one.misses, 6)
		}
	}
}
