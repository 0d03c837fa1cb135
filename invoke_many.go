package azmlbatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"
)

// InvokeManyOptions tune [EndpointsClient.InvokeMany]. Nil means the defaults.
type InvokeManyOptions struct {
	// Concurrency is the number of jobs that run at once, 8 when zero, at most 10,000. Each takes as
	// many nodes as its deployment or its InstanceCount says. Jobs for which the cluster has no nodes
	// wait in its queue.
	Concurrency int
	// Interval between two polls of the running jobs. Zero, or less, means a quarter of a second
	// after a change, growing to five seconds while nothing happens, and never more than ten requests
	// a second.
	Interval time.Duration
	// OnStart is called for each job when the service has accepted it, or when its key has found
	// it, from the goroutine that runs the loop. Use it to note the names of jobs that go on after
	// the loop. May be nil.
	OnStart func(InvokeResult)
	// OnProgress is called for each running job after every poll, and once more when it has ended,
	// from the goroutine that runs the loop. A poll reads the counts of up to eight running jobs,
	// one request each; if more run, they take turns. May be nil; then no counts are read.
	OnProgress func(InvokeProgress)
	// RerunFailed runs an invocation again if its key has a job that was Failed or Canceled before
	// this call. The new job gets a key derived from the old one, so it too is started exactly
	// once, by however many processes. An invocation with Outputs is not run again, because its
	// output already exists.
	RerunFailed bool
}

// InvokeResult is what became of one invocation of many.
type InvokeResult struct {
	// Index is the place of the invocation in the sequence, from 0.
	Index int
	// Invocation as it was given.
	Invocation Invocation
	// Started is the job as the service accepted it. Its Name is empty when no job is known to have
	// started.
	Started BatchJob
	// Found says that the key already had the job, and nothing was started.
	Found bool
	// Job is the job as it ended. Its Name is empty when it has not, as in OnStart.
	Job Job
}

// defaultInvokeConcurrency is how many jobs run at once by default.
const defaultInvokeConcurrency = 8

// InvokeMany runs many jobs on an endpoint, at most Concurrency of them at once, and yields each as
// it ends. One that cannot be started comes with the error of [EndpointsClient.Invoke], one that
// fails with a [*JobFailedError] that has the script's traceback, and the others go on. Results
// come in the order in which jobs end; Index tells which is which.
//
//	nights := slices.Values([]azmlbatch.Invocation{ … })
//	for r, err := range client.Endpoints().InvokeMany(ctx, "digits", nights, nil) { … }
//
// The sequence is consumed lazily as slots free up, so it may be long or generated on the fly.
// Every job is started exactly once, as by Invoke. With keys, a call that was interrupted can be
// repeated: it finds the jobs that were started, starts those that are missing, and yields them
// all. If a key comes twice, the second is an error. Endpoint and deployment are read once. Running
// jobs are polled together, as by [JobsClient.Watch]. At most four jobs are started at the same
// time.
//
// Breaking out of the loop starts no further jobs and waits for starts in flight; jobs that have
// started go on in Azure, see OnStart and [JobsClient.Cancel]. The same holds when ctx ends. Then
// each invocation that was read but not started comes with an error that says why, and the last
// error is an [*UnfinishedError] with the names of the jobs that go on.
func (e EndpointsClient) InvokeMany(ctx context.Context, endpoint string, invocations iter.Seq[Invocation], options *InvokeManyOptions) iter.Seq2[InvokeResult, error] {
	o := orZero(options)
	return func(yield func(InvokeResult, error) bool) {
		op := operation{"invoke", "endpoint", endpoint}
		err := cmp.Or(e.c.ready(op), checkName(op, "endpoint", endpoint),
			checkConcurrency(op, "InvokeManyOptions.Concurrency", o.Concurrency, "count jobs; zero means 8"))
		if err == nil && invocations == nil {
			err = op.invalid("invocations", "is nil", "pass a sequence, for example slices.Values of a slice")
		}
		if err != nil {
			yield(InvokeResult{}, err)
			return
		}
		o.Concurrency = cmp.Or(o.Concurrency, defaultInvokeConcurrency)
		next, stop := iter.Pull(invocations)
		defer stop()
		m := &manyHandler{endpoints: e, op: op, options: o, next: next, watcher: watcher{jobs: e.c.Jobs()},
			started: make(chan manyResult, o.Concurrency), slots: make(chan struct{}, startedAtOnce), changed: e.c.clock.now()}
		m.targets.rerun = o.RerunFailed
		m.progress = manyProgress{tell: o.OnProgress, jobs: e.c.Jobs()}
		loop, cancel := context.WithCancelCause(ctx)
		m.startNoMore = cancel
		defer m.abandon(nil)
		p := newPoller(e.c, op, m, m.schedule)
		for _, err := range p.polls(loop, o.Interval) {
			if err != nil {
				m.abandon(err)
			}
			for _, r := range m.take() {
				if !yield(r.result, op.failed(r.err)) {
					return
				}
			}
			if err != nil {
				yield(InvokeResult{}, m.unfinished(ctx, err))
			}
		}
	}
}

// unfinished names and counts the jobs that go on, and no others.
func (m *manyHandler) unfinished(ctx context.Context, err error) error {
	names := m.watcher.names()
	if ctx.Err() != nil {
		cause := context.Cause(ctx)
		jobs := fmt.Sprintf("%d jobs go on", len(names))
		if len(names) == 1 {
			jobs = "1 job goes on"
		}
		err = m.op.found(cause, jobs+": "+cause.Error(), "")
	}
	return &UnfinishedError{Names: names, Err: err}
}

// startedAtOnce limits the uploads at once, and so the memory.
const startedAtOnce = 4

// manyHandler is the state of one InvokeMany. The goroutine of the loop owns all of it, except for
// what start needs.
type manyHandler struct {
	endpoints EndpointsClient
	op        operation
	options   InvokeManyOptions
	next      func() (Invocation, bool)
	read      int  // invocations read so far
	exhausted bool // there are no more
	keys      map[string]bool
	watcher   watcher
	running   map[string][]InvokeResult // by the job's name in lower case
	unstarted int                       // invocations on their way
	ready     []manyResult
	progress  manyProgress
	changed   time.Time // when a job started or ended last

	startNoMore context.CancelCauseFunc
	onTheirWay  sync.WaitGroup
	slots       chan struct{}
	started     chan manyResult // has room for all on their way
	targets     targetCache
}

type manyResult struct {
	result InvokeResult
	err    error
}

// poll collects the jobs that have started, polls the running ones, and starts as many as there is
// room for.
func (m *manyHandler) poll(ctx context.Context) (pollState, error) {
	m.collect(ctx)
	var err error
	if len(m.watcher.left) > 0 {
		var ended []endedJob
		ended, err = m.watcher.round(ctx)
		for _, e := range ended {
			m.finish(ctx, e)
		}
		m.watcher.requests += m.progress.round(ctx, m.watcher.left)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		m.fill(ctx)
	}
	left := len(m.watcher.left) + m.unstarted
	return pollState{status: fmt.Sprintf("waiting for %d jobs", left), done: left == 0 && m.exhausted && err == nil}, err
}

// collect collects the jobs that have started. If none runs yet, it waits for one to start.
func (m *manyHandler) collect(ctx context.Context) {
	if m.unstarted > 0 && len(m.watcher.left) == 0 {
		select {
		case r := <-m.started:
			m.noteStart(r)
		case <-ctx.Done():
			return
		}
	}
	for {
		select {
		case r := <-m.started:
			m.noteStart(r)
		default:
			return
		}
	}
}

func (m *manyHandler) noteStart(r manyResult) {
	m.unstarted--
	m.changed = m.endpoints.c.clock.now()
	if r.err != nil {
		m.ready = append(m.ready, r)
		return
	}
	if m.options.OnStart != nil {
		m.options.OnStart(r.result)
	}
	m.progress.start(r.result)
	name := r.result.Started.Name
	m.watcher.addStarted(name)
	put(&m.running, strings.ToLower(name), append(m.running[strings.ToLower(name)], r.result))
}

func (m *manyHandler) finish(ctx context.Context, e endedJob) {
	m.changed = m.endpoints.c.clock.now()
	m.progress.end(ctx, e.job, len(m.watcher.left))
	err := m.watcher.jobs.ending(ctx, e, true)
	key := strings.ToLower(e.job.Name)
	for _, r := range m.running[key] {
		if e.err == nil {
			r.Job = e.job
		}
		m.ready = append(m.ready, manyResult{r, err})
	}
	delete(m.running, key)
}

// fill starts invocations until Concurrency jobs run or are being started.
func (m *manyHandler) fill(ctx context.Context) {
	for len(m.watcher.left)+m.unstarted < m.options.Concurrency && !m.exhausted {
		inv, ok := m.next()
		if !ok {
			m.exhausted = true
			return
		}
		result := InvokeResult{Index: m.read, Invocation: inv}
		m.read++
		if err := m.checkKey(inv.Key); err != nil {
			m.ready = append(m.ready, manyResult{result, err})
			continue
		}
		m.unstarted++
		m.onTheirWay.Go(func() {
			job, err := m.start(ctx, inv)
			result.Started, result.Found = job.BatchJob, job.found
			m.started <- manyResult{result, err}
		})
	}
}

func (m *manyHandler) checkKey(key string) error {
	if m.keys[key] {
		return m.op.invalid("Invocation.Key", fmt.Sprintf("%q came before", key),
			"give every invocation a key of its own")
	}
	if key != "" {
		put(&m.keys, key, true)
	}
	return nil
}

// start runs in a goroutine of its own.
func (m *manyHandler) start(ctx context.Context, inv Invocation) (job startedJob, err error) {
	select {
	case m.slots <- struct{}{}:
		defer func() { <-m.slots }()
		job, err = m.invoke(ctx, inv)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil && ctx.Err() != nil && !errors.As(err, new(*AmbiguousInvokeError)) {
		cause := context.Cause(ctx)
		err = m.op.found(cause, "not started: "+cause.Error(), "")
	}
	return job, err
}

func (m *manyHandler) invoke(ctx context.Context, inv Invocation) (startedJob, error) {
	return inSpan(ctx, m.endpoints.c, m.op, func(ctx context.Context) (startedJob, error) {
		if err := checkInvocation(m.op, inv); err != nil {
			return startedJob{}, err
		}
		target, err := m.targets.get(ctx, m.endpoints, m.op, inv.Deployment)
		if err != nil {
			return startedJob{}, err
		}
		return target.invoke(ctx, inv)
	})
}

// abandon stops starting jobs, for a cause if there is one, and collects those that have started
// all the same.
func (m *manyHandler) abandon(cause error) {
	m.startNoMore(cause)
	m.onTheirWay.Wait()
	for m.unstarted > 0 {
		m.noteStart(<-m.started)
	}
}

func (m *manyHandler) take() []manyResult {
	ready := m.ready
	m.ready = nil
	return ready
}

func (m *manyHandler) schedule(time.Duration) time.Duration {
	return m.watcher.schedule(m.endpoints.c.clock.now().Sub(m.changed))
}

func (m *manyHandler) final(context.Context) (Nothing, error) { return Nothing{}, nil }

// targetCache reads the endpoint and each deployment once.
type targetCache struct {
	mu           sync.Mutex
	byDeployment map[string]invokeTarget
	jobs         jobIndex
	rerun        bool
}

func (t *targetCache) get(ctx context.Context, e EndpointsClient, op operation, deployment string) (invokeTarget, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if target, ok := t.byDeployment[deployment]; ok {
		return target, nil
	}
	target, err := e.target(ctx, op, op.name, deployment)
	if err == nil {
		target.index, target.rerun = &t.jobs, t.rerun
		put(&t.byDeployment, deployment, target)
	}
	return target, err
}

// jobIndex finds the jobs of an endpoint by the paths of their outputs, so that many keys cost one
// list and not one each.
type jobIndex struct {
	mu      sync.Mutex
	read    time.Time
	byPlace map[string]BatchJob
}

// indexAge is how old the index may be. The service's lists are some seconds late themselves.
const indexAge = 10 * time.Second

func (x *jobIndex) find(ctx context.Context, t invokeTarget, place string) (BatchJob, bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if now := t.c.clock.now(); x.byPlace == nil || now.Sub(x.read) >= indexAge {
		byPlace := map[string]BatchJob{}
		for job, err := range t.jobs(ctx) {
			if err != nil {
				return BatchJob{}, false, err
			}
			for _, p := range jobPlaces(job) {
				byPlace[placeKey(p)] = job
				byPlace[placeKey(folderOf(p))] = job
			}
		}
		x.byPlace, x.read = byPlace, now
	}
	plain := strings.TrimSuffix(place, "/") // the service may list a folder with a slash and without
	for _, p := range []string{plain, plain + "/"} {
		if job, ok := x.byPlace[placeKey(p)]; ok && jobHasOutput(job, place) {
			return job, true, nil
		}
	}
	return BatchJob{}, false, nil
}

// placeKey is the same for all spellings of a path. That of a folder ends with a slash.
func placeKey(uri string) string {
	r, err := ParseReference("", uri)
	if err != nil || r.Form != ReferenceFormPlace {
		return uri
	}
	return r.Datastore + "/" + strings.TrimPrefix(r.Path, "/")
}
