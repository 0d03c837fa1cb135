package azmlbatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"time"
)

// Progress is the state of an operation or a job at the last poll.
type Progress struct {
	// Status is the service's own word, for example "Updating" or "Running". A word that this
	// version does not know means that the work goes on.
	Status string
	// Elapsed is the time since this process began to wait; after a resume it starts at zero again.
	Elapsed time.Duration
	// Polls is the number of polls so far.
	Polls int
	// Percent is the service's own estimate from 0 to 100; 0 if it gives none, as usual.
	Percent float64
	// Counts are the files and mini-batches of a job so far. Only OnProgress gets them, because
	// they cost one more request per poll. Nil for operations, and while nothing is known.
	Counts *JobCounts
}

func (p Progress) String() string { return printed(p) }

// WaitOptions tune every call that waits for an operation or a job. Nil means the defaults.
type WaitOptions struct {
	// Interval between two polls. Zero, or less, means a default that starts short and grows with
	// the age of the work, up to five seconds. A Retry-After of the service beats both.
	Interval time.Duration
	// OnProgress is called after every poll, on the waiting goroutine. Nil asks for no counts.
	OnProgress func(Progress)
}

// Nothing is the result of an operation that leaves nothing behind, such as a deletion.
type Nothing struct{}

// A Poller follows one long-running operation, or one job, to its end. It is not safe for
// concurrent use and starts no goroutine. Stopping to poll, or cancelling the context, stops the
// waiting and not the service's work.
type Poller[T any] struct {
	op       operation
	client   *Client
	clock    clock
	handler  pollHandler[T]
	schedule func(elapsed time.Duration) time.Duration
	started  time.Time
	last     Progress
	after    time.Duration // what the service asked for in its last answer
	ended    bool          // the work went well; only its result is to be read
	done     bool
	result   T
	err      error
}

// pollHandler is the seam between waiting and what is waited for.
type pollHandler[T any] interface {
	// poll asks once. It returns errors of the request and of the work; after one of the work, the
	// state is done.
	poll(ctx context.Context) (state pollState, err error)
	// final reads the result after poll said done.
	final(ctx context.Context) (T, error)
}

// resumable is a handler whose work another process can wait for.
type resumable interface{ token() resumeToken }

type pollState struct {
	status     string
	percent    float64
	retryAfter time.Duration
	done       bool
}

func newPoller[T any](c *Client, op operation, h pollHandler[T], schedule func(time.Duration) time.Duration) *Poller[T] {
	return &Poller[T]{op: op, client: c, clock: c.clock, handler: h, schedule: schedule, started: c.clock.now()}
}

// ready is the error of a poller that no call of this package made.
func (p *Poller[T]) ready() error {
	if p == nil || p.handler == nil {
		return operation{"poll", "poller", ""}.invalid("poller", "is empty", "get it from a Begin method or from Resume")
	}
	return nil
}

// Done reports whether the work has ended, successfully or not. It sends nothing.
func (p *Poller[T]) Done() bool { return p != nil && p.done }

// Poll asks the service once and does not wait. After the end it returns the last state without
// asking. A failed operation or job is an error here and in [Poller.Result]. If the work succeeded
// but its result could not be read, the poller is not done; the next call reads it.
func (p *Poller[T]) Poll(ctx context.Context) (Progress, error) {
	if err := p.ready(); err != nil {
		return Progress{}, err
	}
	if p.done {
		return p.last, p.err
	}
	if !p.ended {
		s, err := p.handler.poll(ctx)
		err = p.op.failed(err)
		p.last.Polls++
		p.last.Elapsed = p.clock.now().Sub(p.started)
		p.after = s.retryAfter
		if s.status != "" {
			p.last.Status, p.last.Percent = s.status, s.percent
		}
		if s.done && err != nil {
			p.done, p.err = true, err
		}
		if !s.done || err != nil {
			return p.last, err
		}
		p.ended = true
	}
	result, err := p.handler.final(ctx)
	err = p.op.failed(err)
	if err == nil || errors.As(err, new(*OperationFailedError)) { // the result may say that it failed
		p.done, p.result, p.err = true, result, err
	}
	return p.last, err
}

// Result returns the resource once the work is done, and an error before that. It sends nothing.
func (p *Poller[T]) Result() (T, error) {
	var zero T
	if err := p.ready(); err != nil {
		return zero, err
	}
	if !p.done {
		return zero, fmt.Errorf(prefix+"%s: not done yet; poll first", p.op)
	}
	return p.result, p.err
}

// PollUntilDone polls until the work has ended, and returns its result. It blocks. When ctx ends,
// it returns at once with an error that gives the last state. A failed operation is *[Error], a
// failed job *[JobFailedError].
func (p *Poller[T]) PollUntilDone(ctx context.Context, options *WaitOptions) (T, error) {
	if err := p.ready(); err != nil {
		var zero T
		return zero, err
	}
	return p.untilDone(ctx, orZero(options))
}

func (p *Poller[T]) untilDone(ctx context.Context, o WaitOptions) (result T, err error) {
	ctx, end := p.client.begin(ctx, p.op.waiting(), slog.LevelInfo)
	defer end(&err)
	for progress, err := range p.polls(ctx, o.Interval) {
		if err != nil {
			return p.result, err
		}
		if o.OnProgress != nil {
			progress.Counts = p.counts(ctx, p.wait(o.Interval))
			o.OnProgress(progress)
		}
	}
	return p.result, p.err
}

// untilDone waits for the operation that a Begin method started.
func untilDone[T any](ctx context.Context, p *Poller[T], err error, options *WaitOptions) (T, error) {
	if err != nil {
		var zero T
		return zero, err
	}
	return p.PollUntilDone(ctx, options)
}

// polls is the one loop that waits: it asks until the work has ended, and gives the state after
// each answer. Time spent in the loop body counts toward the wait. A failure is yielded once and
// ends the loop.
func (p *Poller[T]) polls(ctx context.Context, interval time.Duration) iter.Seq2[Progress, error] {
	return func(yield func(Progress, error) bool) {
		for !p.done {
			progress, err := p.Poll(ctx)
			asked := p.clock.now()
			if err != nil {
				yield(progress, p.interrupted(ctx, err))
				return
			}
			if !yield(progress, nil) || p.done {
				return
			}
			if err := p.clock.sleep(ctx, max(0, p.wait(interval)-p.clock.now().Sub(asked))); err != nil {
				yield(progress, p.interrupted(ctx, err))
				return
			}
		}
	}
}

// counter is a handler of work that can be counted.
type counter interface {
	// counts returns nil when nothing is known. Errors are dropped: counting must not end the wait.
	counts(ctx context.Context) *JobCounts
}

// counts asks for the counts of the work. It gives up when the next poll is due, but not within a
// second; after the end it has ten seconds.
func (p *Poller[T]) counts(ctx context.Context, wait time.Duration) *JobCounts {
	h, ok := p.handler.(counter)
	if !ok {
		return nil
	}
	if p.done {
		wait = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, max(wait, time.Second))
	defer cancel()
	return h.counts(ctx)
}

func (p *Poller[T]) wait(interval time.Duration) time.Duration {
	switch {
	case p.after > 0:
		return p.after
	case interval > 0:
		return interval
	}
	return p.schedule(p.last.Elapsed)
}

// interrupted adds the last state to an error of the caller's own context. If the work has ended,
// its own error stands.
func (p *Poller[T]) interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil || p.done {
		return err
	}
	ended := ctx.Err()
	if cause := context.Cause(ctx); !errors.Is(cause, ended) {
		ended = fmt.Errorf("%w (%w)", ended, cause)
	}
	state := "not asked yet"
	if p.last.Status != "" {
		state = "still " + p.last.Status
	}
	return fmt.Errorf(prefix+"%s: %s after %s: %w", p.op, state, p.clock.now().Sub(p.started).Round(time.Second), ended)
}

// waiting names the waiting for an operation: "wait: create endpoint". That for a job has its own
// name.
func (o operation) waiting() operation {
	if !strings.HasPrefix(o.verb, "wait ") {
		o.verb = "wait: " + o.verb
	}
	return o
}

// ResumeToken returns a text from which [Resume] makes this poller again, in another process if
// need be. It holds URLs of the service, which may be signed: treat it as a secret. It is an error
// once the work is done.
func (p *Poller[T]) ResumeToken() (string, error) {
	if err := p.ready(); err != nil {
		return "", err
	}
	if p.done {
		return "", fmt.Errorf(prefix+"%s: done already; there is nothing to resume", p.op)
	}
	h, ok := p.handler.(resumable)
	if !ok {
		return "", fmt.Errorf(prefix+"%s: cannot be resumed", p.op)
	}
	b, err := json.Marshal(h.token())
	return string(b), err
}

// operationSchedule suits operations that take from an instant to a minute.
func operationSchedule(elapsed time.Duration) time.Duration {
	return min(max(elapsed/5, 100*time.Millisecond), 5*time.Second)
}

// jobSchedule keeps the lateness of a job's end within 5 % of its duration or one second, whichever
// is more, never above five seconds, in fewer than 110 polls for 300 seconds.
func jobSchedule(elapsed time.Duration) time.Duration {
	if elapsed < 20*time.Second {
		return min(max(elapsed/8, 250*time.Millisecond), time.Second)
	}
	return min(elapsed/20, 5*time.Second)
}

// resumeToken is everything that a poller needs; of a job, the name is enough.
type resumeToken struct {
	Version  int    `json:"version"`
	Result   string `json:"result"` // what the poller gives: Endpoint for a Poller[Endpoint]
	Verb     string `json:"verb"`
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Poll     string `json:"poll,omitempty"`     // the URL to ask, exactly as the service gave it
	ByStatus bool   `json:"byStatus,omitempty"` // the HTTP status tells where the body has no word (a Location)
	Final    string `json:"final,omitempty"`    // where the result is read; "" for no result
}

const resumeTokenVersion = 2
