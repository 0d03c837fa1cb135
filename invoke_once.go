package azmlbatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// keyTurns serialises the callers of one key within a client. All who waited get the job that the
// first one started; if it failed, the next one tries. The zero value is ready.
type keyTurns struct {
	mu    sync.Mutex
	turns map[string]*keyTurn
}

type keyTurn struct {
	cached[startedJob]
	callers int
}

// take waits for the key's turn and calls start, unless another caller has the job by then.
func (k *keyTurns) take(ctx context.Context, key string, start func(context.Context) (startedJob, error)) (job startedJob, waited bool, err error) {
	k.mu.Lock()
	turn, ok := k.turns[key]
	if !ok {
		turn = new(keyTurn)
		put(&k.turns, key, turn)
	}
	turn.callers++
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if turn.callers--; turn.callers == 0 {
			delete(k.turns, key)
		}
	}()
	waited = true
	job, err = turn.get(ctx, nil, func(ctx context.Context) (startedJob, error) {
		waited = false
		return start(ctx)
	})
	return job, waited, err
}

// startOnce starts the job of a key, or finds it: however many callers and processes ask at once,
// the service sees one POST.
func (a attempt) startOnce(ctx context.Context) (startedJob, error) {
	job, waited, err := a.c.turns.take(ctx, placeKey(a.place), a.findOrStart)
	if !waited {
		return job, err
	}
	if err != nil {
		return startedJob{}, waitedInVain(a.op, fmt.Sprintf("another call with key %q", a.key), err)
	}
	job.found = true
	if !strings.EqualFold(job.endpoint, a.endpoint) {
		return startedJob{}, a.ofEndpoint(job.BatchJob, job.endpoint)
	}
	return job, a.sameWork(ctx, job.BatchJob)
}

// ofEndpoint refuses the job that another endpoint started with this place.
func (a attempt) ofEndpoint(job BatchJob, endpoint string) error {
	return a.conflict(job, fmt.Sprintf("endpoint %q started it", endpoint))
}

func (a attempt) findOrStart(ctx context.Context) (startedJob, error) {
	job, found, err := a.lookup(ctx, a.place)
	if err != nil {
		return startedJob{}, err
	}
	for !found {
		var started bool
		job, started, err = a.startLeased(ctx)
		if err == nil && started {
			return startedJob{BatchJob: job, endpoint: a.endpoint}, nil
		}
		if found = err == nil; !found && !errors.Is(err, errLeaseLost) {
			return startedJob{}, err
		}
	}
	return startedJob{job, true, a.endpoint}, a.sameWork(ctx, job)
}

// startLeased starts the job under the lease of its key, or finds it. It fails with errLeaseLost
// when another process took the lease before the POST.
func (a attempt) startLeased(ctx context.Context) (job BatchJob, started bool, err error) {
	l, record, err := a.acquire(ctx)
	switch {
	case err != nil:
		return BatchJob{}, false, err
	case record.Job != "":
		job, err := a.recorded(ctx, record)
		return job, false, err
	}
	leased, stop := l.keep(ctx)
	defer func() {
		stop()
		if errors.Is(context.Cause(leased), errLeaseLost) && ctx.Err() == nil && err != nil && !errors.As(err, new(*AmbiguousInvokeError)) {
			err = errLeaseLost
		}
		l.settle(ctx, job, err)
	}()
	if l != nil && !l.created { // its last holder may have started the job and died
		job, found, err := a.find(leased, a.place)
		if err != nil || found {
			return job, false, err
		}
	}
	job, err = a.start(leased, l)
	return job, true, err
}

// recorded reads the job that a key's record names. Lists may not show it yet.
func (a attempt) recorded(ctx context.Context, r keyRecord) (BatchJob, error) {
	if !strings.EqualFold(r.Endpoint, a.endpoint) {
		return BatchJob{}, a.ofEndpoint(BatchJob{Name: r.Job}, r.Endpoint)
	}
	job, err := a.read(ctx, r.Job)
	if errors.Is(err, ErrNotFound) { // not yet, or deleted: its name is what there is to know
		return BatchJob{Name: r.Job}, nil
	}
	return job, err
}

// read reads a job with its inputs and outputs.
func (a attempt) read(ctx context.Context, name string) (BatchJob, error) {
	return do[BatchJob](ctx, a.c, request{op: operation{"get", "job", name}, plane: a.c.scoring, method: http.MethodGet,
		url: strings.TrimSuffix(a.uri, "/") + "/" + url.PathEscape(name)})
}

// sameWork refuses a job that does not do what is asked for: one of an earlier endpoint of this
// name, of another deployment, or with another input.
func (a attempt) sameWork(ctx context.Context, job BatchJob) error {
	if a.ofEarlierEndpoint(job) {
		return a.conflict(job, "an earlier endpoint of that name started it")
	}
	if d := job.Deployment(); a.named && d != "" && !strings.EqualFold(d, a.deployment.Name) {
		return a.conflict(job, fmt.Sprintf("deployment %q runs it, but %q was asked for", d, a.deployment.Name))
	}
	if len(job.Inputs) == 0 { // as the management plane lists it
		full, err := a.read(ctx, job.Name)
		switch {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			return nil //nolint:nilerr // nothing tells the job's inputs
		}
		job.Inputs = full.Inputs
	}
	return a.sameInputs(ctx, job)
}

// ofEarlierEndpoint reports a job that is older than the endpoint.
func (t invokeTarget) ofEarlierEndpoint(job BatchJob) bool {
	made := job.SystemData.CreatedAt
	return !made.IsZero() && made.Before(t.created)
}

// sameInputs refuses a job with other inputs.
func (a attempt) sameInputs(ctx context.Context, job BatchJob) error {
	asked := a.inv.inputs()
	if a.inv.Dataset != nil {
		asked = Inputs{"": wire.Indirect(a.inv.Dataset).(Dataset).input()}
	}
	if a.deployment.Configuration == nil || a.inv.Dataset != nil { // one input, whose name does not matter
		for _, want := range asked {
			for _, have := range job.Inputs {
				return a.sameInput(ctx, job, "", have, want)
			}
		}
		return nil
	}
	for _, name := range sortedKeys(asked) {
		have, ok := job.Inputs[name]
		if !ok {
			return a.conflict(job, fmt.Sprintf("it has no input %q, but %s was asked for", name, inputText(asked[name])))
		}
		if err := a.sameInput(ctx, job, name, have, asked[name]); err != nil {
			return err
		}
	}
	return a.noFurtherInputs(ctx, job, asked)
}

// noFurtherInputs refuses a job of a pipeline component that was asked for with an input more. The
// key's record tells which those were. Choice: without a record they count as the same, because the
// service may show defaults of the component among the job's inputs.
func (a attempt) noFurtherInputs(ctx context.Context, job BatchJob, asked Inputs) error {
	if len(job.Inputs) <= len(asked) {
		return nil
	}
	for _, name := range a.recordedInputs(ctx) {
		if _, ok := asked[name]; ok {
			continue
		}
		if have, ok := job.Inputs[name]; ok {
			return a.conflict(job, fmt.Sprintf("it was given input %q, %s, which was not asked for now", name, inputText(have)))
		}
	}
	return nil
}

// inputText is an input in a message.
func inputText(in Input) string {
	switch in := wire.Indirect(in).(type) {
	case Literal:
		return strconv.Quote(clip(fmt.Sprint(in.Value)))
	case LocalPath:
		return strconv.Quote(in.Path)
	}
	return strconv.Quote(redact(clip(dataURI(in))))
}

func (a attempt) sameInput(ctx context.Context, job BatchJob, name string, have, want Input) error {
	had, asked, same, err := compareInputs(ctx, a.op, have, want)
	if err != nil || same {
		return naming(inputArgument(name)+".Path", err)
	}
	input := "input"
	if name != "" {
		input = fmt.Sprintf("input %q", name)
	}
	return a.conflict(job, fmt.Sprintf("its %s is %s, but %s was asked for", input, redact(clip(had)), redact(clip(asked))))
}

// compareInputs describes both inputs and reports whether they are the same. What cannot be
// compared counts as the same: an asset, and the place that the service may return instead of it.
func compareInputs(ctx context.Context, op operation, have, want Input) (had, asked string, same bool, err error) {
	have, _ = wire.Indirect(have).(Input)
	want, _ = wire.Indirect(want).(Input)
	had = dataURI(have)
	switch want := want.(type) {
	case Literal:
		if l, ok := have.(Literal); ok {
			had, asked = fmt.Sprint(l.Value), fmt.Sprint(want.Value)
			return had, asked, had == asked, nil
		}
	case LocalPath:
		same, err := uploadedAs(ctx, op, want.Path, had)
		return fmt.Sprintf("%q", had), fmt.Sprintf("the content of %q now", want.Path), same, err
	}
	asked = dataURI(want)
	r, errHad := dataReference(had)
	s, errAsked := dataReference(asked)
	if errHad != nil || errAsked != nil || had == "" || asked == "" || r.Form != s.Form && (r.Form == ReferenceFormNamed || s.Form == ReferenceFormNamed) {
		return had, asked, true, nil //nolint:nilerr // what cannot be compared counts as the same
	}
	return fmt.Sprintf("%q", had), fmt.Sprintf("%q", asked), r.Equal(s), nil
}

// dataReference reads the URI of an input, of which a short form names data.
func dataReference(uri string) (Reference, error) {
	r, err := ParseReference("", uri)
	if r.Form == ReferenceFormNamed && (r.Kind == "" || r.Kind == "datasets") { // the older word
		r.Kind = ReferenceKindData
	}
	return r, err
}

// uploadedAs reports whether the content of a local path would be uploaded to this place.
func uploadedAs(ctx context.Context, op operation, path, uri string) (bool, error) {
	r, err := ParseReference("", uri)
	if err != nil || r.Form != ReferenceFormPlace {
		return uri == "", nil //nolint:nilerr // a text that is no place cannot be this upload
	}
	files, err := scanLocal(op, path)
	if err != nil {
		return false, err
	}
	for _, hashed := range []func() (string, error){
		func() (string, error) { return files.UploadHash(ctx, nil) },
		func() (string, error) { return files.OldUploadHash(ctx) },
	} {
		hash, err := hashed()
		if err != nil {
			return false, unreadable(ctx, op, err)
		}
		if samePath(r.Path, uploadPath(hash, files.Base)) {
			return true, nil
		}
	}
	return false, nil
}

func (a attempt) conflict(job BatchJob, problem string) error {
	return &KeyConflictError{Endpoint: a.endpoint, Key: a.key, Output: a.place, Job: job, Problem: problem}
}

// A KeyConflictError says that the key of an invocation belongs to a job that does something else,
// such as scoring another input. Nothing was started. It is an [ErrConflict].
type KeyConflictError struct {
	// Endpoint that was invoked.
	Endpoint string
	// Key of the invocation.
	Key string
	// Output is the place by which the job was found.
	Output string
	// Job that the key belongs to. Perhaps only its Name is known.
	Job BatchJob
	// Problem is what differs.
	Problem string
}

// Error names the key, the job and what differs on one line.
func (e *KeyConflictError) Error() string {
	return prefix + fmt.Sprintf("invoke endpoint %q: key %q belongs to job %q: %s; use another key, and another output if you chose it",
		e.Endpoint, e.Key, e.Job.Name, cmp.Or(e.Problem, "it does something else"))
}

// Is reports whether target is [ErrConflict].
func (e *KeyConflictError) Is(target error) bool { return target == ErrConflict }
