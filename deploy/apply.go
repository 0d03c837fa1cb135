package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// ApplyOptions tune [Changes.Apply]. The zero value and nil mean the defaults.
type ApplyOptions struct {
	// OnProgress hears of every step: when it starts, how far it is, and how it ended. It is called
	// by one goroutine at a time. May be nil.
	OnProgress func(StepProgress)
}

// StepState is how far a step is.
type StepState string

// The states.
const (
	StepStateStarted StepState = "started" // it has begun
	StepStateRunning StepState = "running" // it goes on: StepProgress tells how far it is
	StepStateDone    StepState = "done"    // it ended well
	StepStateFailed  StepState = "failed"  // it did not
	StepStateSkipped StepState = "skipped" // something that it needs did not end well, or another step failed before it began
)

// StepProgress is how far one step of an Apply is.
type StepProgress struct {
	// Step in words, for example `create endpoint "digits"`.
	Step string
	// State of the step.
	State StepState
	// Elapsed is the time since the step began.
	Elapsed time.Duration
	// Upload is how far an upload is; nil for other work.
	Upload *azmlbatch.UploadProgress
	// Operation is how far an operation of the service, or a job, is; nil for other work.
	Operation *azmlbatch.Progress
	// Err is why the step failed; nil otherwise.
	Err error
}

// Result is what an Apply did.
type Result struct {
	// Steps that ended well, in the order in which they ended.
	Steps []string
	// Tests are the smoke tests that passed.
	Tests []SmokeTest
	// StandIns are what [Local] created in place of what only the workspace has. Empty for Apply.
	StandIns []string
}

// A ConflictError says that somebody else changed a resource between the reading of the plan and
// the moment when Apply would have written it. Nothing was written to it. Plan again. It is an
// [azmlbatch.ErrConflict].
type ConflictError struct {
	// Resource that has changed, for example `endpoint "digits"`.
	Resource string
	// Fields that are not as the plan had them, with the value that they have now. Empty if it is
	// the state of the resource that is another one.
	Fields []FieldChange
}

// Error names the resource and what to do on one line.
func (e *ConflictError) Error() string {
	what := "it"
	if len(e.Fields) > 0 {
		what = e.Fields[0].Field
	}
	return fmt.Sprintf("deploy: %s: somebody else has changed %s since it was planned; plan again", e.Resource, what)
}

// Is reports whether target is [azmlbatch.ErrConflict].
func (e *ConflictError) Is(target error) bool { return target == azmlbatch.ErrConflict }

// Apply does what the plan says. It blocks until everything has ended.
//
// Each step starts as soon as what it needs is there: uploads and registrations run beside cluster
// and endpoint. A deployment needs its cluster only to exist, not to be ready; where the service
// wants more, it is sent again once the cluster is ready. When a step fails, no other starts, those
// that run go to their end, and the error names each that failed. When ctx ends, all stop waiting
// at once, but for the return to the old default below; the service's own work goes on.
//
// Apply may be broken off at any moment, and Plan and Apply called again: what is there is found
// and left, also operations that still go on, and no version, deployment or job is made twice. The
// service has no condition to write by (no ETag on any of these resources), so each resource is
// read once more just before it is written. One that somebody else has changed since the plan is a
// *[ConflictError] and is not written; one that has become what the Spec says is left. What two
// callers write in the same instant goes unnoticed: both write what their Spec says, and the last
// one wins.
//
// A deployment that is tested becomes the default only after it has passed. A change in place of
// the deployment that is the default takes effect before it can be tested. It is put back when the
// test fails, when ctx ends before it has passed, and when another step fails before it begins;
// Apply then blocks for up to two more minutes. It stays changed when somebody else has changed it
// since, and when the process dies: its tag azmlbatch.smokeTest is "pending" then, and the next
// Apply tests it. A deployment with a new name has no such moment.
//
// A plan with obstacles is refused before anything is sent.
func (c *Changes) Apply(ctx context.Context, options *ApplyOptions) (Result, error) {
	if err := c.Obstacles(); err != nil {
		return Result{}, err
	}
	if c == nil || c.planner == nil {
		return Result{}, errors.New("deploy: apply: the changes were not planned; get them from Plan")
	}
	a := &applier{planner: c.planner, byItem: map[item]*step{}}
	if options != nil {
		a.options = *options
	}
	a.graph()
	return a.run(ctx)
}

// applier runs the steps of a plan.
type applier struct {
	*planner
	options ApplyOptions
	steps   []*step
	byItem  map[item]*step // the step after which others can refer to an item

	mu     sync.Mutex
	failed bool
	result Result
}

// step is a part of the work.
type step struct {
	name  string
	after []*step
	run   func(ctx context.Context, s *step) error
	undo  func(ctx context.Context) error // when the step is skipped; may be nil

	a       *applier
	began   time.Time
	done    chan struct{}
	err     error
	skipped bool
}

func (a *applier) add(name string, after []*step, run func(context.Context, *step) error) *step {
	s := &step{name: name, after: after, run: run, a: a, done: make(chan struct{})}
	a.steps = append(a.steps, s)
	return s
}

// run starts all steps; each waits for those before it.
func (a *applier) run(ctx context.Context) (Result, error) {
	var all sync.WaitGroup
	for _, s := range a.steps {
		all.Go(func() { s.work(ctx) })
	}
	all.Wait()
	var failed []error
	for _, s := range a.steps {
		if s.err != nil {
			failed = append(failed, &stepError{s.name, s.err})
		}
	}
	err := errors.Join(failed...)
	if err == nil && a.failed {
		err = fmt.Errorf("deploy: apply: %w", context.Cause(ctx))
	}
	return a.result, err
}

// stepError is the error of a step, which its text names once.
type stepError struct {
	step string
	err  error
}

func (e *stepError) Error() string {
	text := e.err.Error()
	for _, prefix := range []string{"azmlbatch: ", "deploy: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return "deploy: " + e.step + ": " + strings.TrimPrefix(text, e.step+": ")
}

func (e *stepError) Unwrap() error { return e.err }

func (s *step) work(ctx context.Context) {
	defer close(s.done)
	for _, b := range s.after {
		select {
		case <-b.done:
			s.skipped = s.skipped || b.err != nil || b.skipped
		case <-ctx.Done():
			s.skipped = true
		}
	}
	if s.skipped || ctx.Err() != nil || s.a.hasFailed() {
		s.skipped = true
		s.a.note(s, StepProgress{State: StepStateSkipped})
		if s.undo != nil {
			s.err = s.undo(ctx)
		}
		return
	}
	s.began = time.Now()
	s.a.note(s, StepProgress{State: StepStateStarted})
	if s.err = s.run(ctx, s); s.err != nil {
		s.a.note(s, StepProgress{State: StepStateFailed, Err: s.err})
		return
	}
	s.a.note(s, StepProgress{State: StepStateDone})
}

func (a *applier) hasFailed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

// note keeps and tells how a step is.
func (a *applier) note(s *step, p StepProgress) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p.Step = s.name
	if !s.began.IsZero() {
		p.Elapsed = time.Since(s.began)
	}
	switch p.State {
	case StepStateDone:
		a.result.Steps = append(a.result.Steps, s.name)
	case StepStateFailed, StepStateSkipped:
		a.failed = true
	}
	if a.options.OnProgress != nil {
		a.options.OnProgress(p)
	}
}

// pollInterval is short against what operations take, ten to sixty seconds, so that little time is
// lost after each of the three that follow each other.
const pollInterval = 500 * time.Millisecond

// waiting are the options for an operation that a step waits for.
func (s *step) waiting() *azmlbatch.WaitOptions {
	return &azmlbatch.WaitOptions{Interval: pollInterval, OnProgress: func(p azmlbatch.Progress) {
		s.a.note(s, StepProgress{State: StepStateRunning, Operation: &p})
	}}
}

// uploading are the options for an upload of a step.
func (s *step) uploading() *azmlbatch.UploadOptions {
	return &azmlbatch.UploadOptions{OnProgress: func(p azmlbatch.UploadProgress) {
		s.a.note(s, StepProgress{State: StepStateRunning, Upload: &p})
	}}
}
