package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/internal/scratch"
	"github.com/azmlbatch/azmlbatch/scoring"
)

// DefaultLimit is how many jobs run at the same time unless [Options.Limit] says otherwise.
const DefaultLimit = 2

// Options configure a [Runner].
type Options struct {
	// Store holds the documents of jobs and of what they refer to. Required.
	Store *store.Store
	// Blobs holds code, models, data, logs and outputs. Required.
	Blobs Blobs
	// Cloud says which host names documents mention. Required.
	Cloud cloud.Cloud
	// Now is the clock of time stamps; nil means time.Now. Scripts run in real time whatever the
	// clock says.
	Now func() time.Time
	// Python is the interpreter that runs scoring scripts; empty means the engine's default,
	// python3 on the PATH.
	Python string
	// ScriptEnv names variables of this process that scripts see beside those that every program
	// needs; see scoring.Job.ScriptEnv.
	ScriptEnv []string
	// Venv lets every job run in a virtual environment with the packages of its deployment's
	// environment, built with Python and pip and kept in VenvDir. Otherwise jobs get the packages
	// that Python has.
	Venv bool
	// VenvDir is the folder of the environments; empty means the engine's own.
	VenvDir string
	// Func returns the Go function that takes the place of a deployment's script, given the id of
	// its code; nil means that there is none. A nil Func means that no deployment has one.
	Func func(codeID string) scoring.Func
	// Limit is the number of jobs that run at once; others wait in order of submission. 0 means
	// DefaultLimit.
	Limit int
	// Keep is how long an ended job and its logs are kept; 0 means for ever.
	Keep time.Duration
	// TempDir is where jobs keep their files while they run; empty means the system's folder for
	// temporary files.
	TempDir string
	// Logger gets every change of a job's status; nil means none.
	Logger *slog.Logger
}

// Runner runs jobs: those of batch endpoints, and the command and pipeline jobs that ARM makes. It is safe for concurrent use. Make one with [New] and end it with
// [Runner.Close].
type Runner struct {
	store     *store.Store
	blobs     Blobs
	cloud     cloud.Cloud
	now       func() time.Time
	python    string
	scriptEnv []string
	venv      bool
	venvDir   string
	funcs     func(codeID string) scoring.Func
	limit     int
	tempDir   string
	keep      time.Duration
	log       *slog.Logger

	group sync.WaitGroup // of jobs that have not ended

	mu      sync.Mutex
	pruned  time.Time // when prune last looked
	closed  bool
	running int
	waiting []*execution
	active  map[string]*execution // waiting or running, by lower-case ARM id
}

// execution is a job that has not ended.
type execution struct {
	*job
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the documents say how the job ended

	// Guarded by the runner's lock.
	counted bool // among the running
	ending  bool // too late to cancel
}

// Reasons to end a job from outside.
var (
	errCanceled = errors.New("canceled by the user")
	errStopped  = errors.New("the emulator was stopped")
)

// ErrClosed is the error of Submit after Close.
var ErrClosed = errors.New("jobs: the runner is closed")

// ErrRunning is the error of Start when a job of that name has not ended.
var ErrRunning = errors.New("jobs: a job of that name runs")

// ErrNotRunning says that there is no such job, or that it has ended.
var ErrNotRunning = errors.New("jobs: no such job is running")

// New returns a runner. Jobs that an earlier runner on the same store left running are marked as
// failed.
func New(o Options) (*Runner, error) {
	if o.Store == nil || o.Blobs == nil {
		return nil, errors.New("jobs: a store and a blob service are required")
	}
	r := &Runner{
		store: o.Store, blobs: o.Blobs, cloud: o.Cloud, now: o.Now, python: o.Python, scriptEnv: o.ScriptEnv, venv: o.Venv, venvDir: o.VenvDir, funcs: o.Func,
		limit: o.Limit, tempDir: o.TempDir, keep: o.Keep, log: o.Logger, active: map[string]*execution{},
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.funcs == nil {
		r.funcs = func(string) scoring.Func { return nil }
	}
	if r.limit <= 0 {
		r.limit = DefaultLimit
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.tempDir != "" {
		if err := os.MkdirAll(r.tempDir, 0o700); err != nil {
			return nil, fmt.Errorf("jobs: %w", err)
		}
	}
	scratch.RemoveAbandoned(r.tempDir, jobFolderPrefix, nil)
	if err := r.failUnfinished(); err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	r.prune()
	return r, nil
}

// Submit starts a job and returns its document as the batch data plane answers it, with status
// Preparing. The end of ctx does not end the job; only Cancel and Close do. A *BadInvocationError
// is the caller's mistake.
func (r *Runner) Submit(_ context.Context, inv Invocation) (store.Document, error) {
	if err := inv.check(); err != nil {
		return nil, err
	}
	j, err := r.newJob(inv)
	if err != nil {
		return nil, err
	}
	answer := j.batchDocument()
	return answer, r.submit(j, j.armDocument())
}

// submit records a job with its document in ARM's form and starts it, or lets it wait for its turn.
func (r *Runner) submit(j *job, document store.Document) error {
	e, err := r.admit(j)
	if err != nil {
		return err
	}
	if err := r.recordJob(j, document); err != nil {
		r.remove(e)
		return err
	}
	if reason := r.shortOfNodes(j); reason != "" {
		r.openLogs(j).queued(reason)
	}
	r.enqueue(e)
	return nil
}

// newJob names the job of an invocation and works out its settings.
func (r *Runner) newJob(inv Invocation) (*job, error) {
	s, err := settingsOf(inv.Deployment, inv.Overrides)
	if err != nil {
		return nil, &BadInvocationError{err.Error()}
	}
	workspace, ok := r.store.Get(inv.Workspace)
	if !ok {
		return nil, fmt.Errorf("jobs: there is no workspace %s", inv.Workspace)
	}
	location := store.Text(workspace, "location")
	j := &job{
		record: record{
			workspace: store.Text(workspace, "id"), endpoint: inv.Endpoint,
			name: "batchjob-" + uuid.NewString(), child: uuid.NewString(),
			workspaceGUID: store.Text(workspace, "properties", "workspaceId"), location: location,
		},
		deployment: store.Text(inv.Deployment, "name"),
		display:    cmp.Or(inv.Overrides.DisplayName, friendlyName()),
		experiment: cmp.Or(inv.Overrides.Experiment, inv.Endpoint),
		created:    r.now(),
		host:       r.cloud.APIHost(location),
		studio:     r.cloud.StudioURL,
		caller:     inv.Caller,
		settings:   s,
		invocation: inv,
	}
	if isPipeline(inv.Deployment) {
		j.kind, j.name, j.child = pipelineStep, "pipelinejob-"+uuid.NewString(), ""
		return j, nil
	}
	for _, input := range inv.Inputs {
		j.input = input
	}
	j.chooseOutput()
	return j, nil
}

// admit adds a job, unless the runner is closed or runs one of that name.
func (r *Runner) admit(j *job) (*execution, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if r.active[activeKey(j.record)] != nil {
		return nil, fmt.Errorf("%w: %s", ErrRunning, j.name)
	}
	e := &execution{job: j, done: make(chan struct{})}
	e.ctx, e.cancel = context.WithCancelCause(context.Background())
	r.active[activeKey(j.record)] = e
	r.group.Add(1)
	return e, nil
}

func activeKey(rec record) string { return strings.ToLower(jobID(rec.workspace, rec.name)) }

// find returns the active job with an ARM id, or with a bare name in whatever workspace; nil if
// there is none. r.mu is held.
func (r *Runner) find(id string) *execution {
	id = strings.ToLower(id)
	if strings.Contains(id, "/") {
		return r.active[id]
	}
	for key, e := range r.active {
		if store.LastSegment(key) == id {
			return e
		}
	}
	return nil
}

// enqueue starts a job if fewer than the limit run and its cluster is large enough, else it waits.
func (r *Runner) enqueue(e *execution) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(r.waiting, e)
	if e.ctx.Err() != nil { // ended since it was admitted
		r.startNow(e)
		return
	}
	if r.shortOfNodes(e.job) != "" {
		r.setStatus(e.record, Queued, Queued)
	}
	r.startWaiting()
}

// startWaiting starts waiting jobs up to the limit. r.mu is held.
func (r *Runner) startWaiting() {
	for i := 0; i < len(r.waiting) && r.running < r.limit; {
		e := r.waiting[i]
		if r.shortOfNodes(e.job) != "" {
			i++
			continue
		}
		r.waiting = slices.Delete(r.waiting, i, i+1)
		r.running++
		e.counted = true
		go r.run(e)
	}
}

// ComputesChanged starts jobs that waited for nodes and have enough now. Call it after each change
// of a compute.
func (r *Runner) ComputesChanged() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.startWaiting()
}

// startNow runs a waiting job although the limit is reached, because all it does is end. r.mu is
// held.
func (r *Runner) startNow(e *execution) {
	if i := slices.Index(r.waiting, e); i >= 0 {
		r.waiting = slices.Delete(r.waiting, i, i+1)
		go r.run(e)
	}
}

func (r *Runner) run(e *execution) {
	r.execute(e)
	r.prune()
	r.remove(e)
}

// remove forgets a job that has ended and starts the next waiting one.
func (r *Runner) remove(e *execution) {
	defer r.group.Done()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.active, activeKey(e.record))
	e.cancel(nil)
	close(e.done)
	if e.counted {
		r.running--
		r.startWaiting()
	}
}

// Cancel asks a job to end, by its name or ARM id, and returns at once. The job's status is
// CancelRequested until nothing of it runs, then Canceled, unless it was ending already. For a job
// that does not exist or has ended it returns ErrNotRunning.
func (r *Runner) Cancel(id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.find(id)
	if e == nil {
		return fmt.Errorf("%w: %s", ErrNotRunning, store.LastSegment(id))
	}
	if e.ending || e.ctx.Err() != nil {
		return nil
	}
	e.cancel(errCanceled)
	r.setStatus(e.record, CancelRequested, CancelRequested)
	r.startNow(e)
	return nil
}

// Runs reports whether the job with this name or ARM id waits or runs.
func (r *Runner) Runs(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.find(id) != nil
}

// Wait returns when the job with this name or ARM id has ended and its documents say so, or with
// the error of ctx.
func (r *Runner) Wait(ctx context.Context, id string) error {
	r.mu.Lock()
	e := r.find(id)
	r.mu.Unlock()
	if e == nil {
		return nil
	}
	select {
	case <-e.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends all jobs and returns when nothing of them runs. They become Failed: no user cancelled
// them.
func (r *Runner) Close() error {
	r.mu.Lock()
	r.closed = true
	for _, e := range r.active {
		e.cancel(errStopped)
		r.startNow(e)
	}
	r.mu.Unlock()
	r.group.Wait()
	return nil
}
