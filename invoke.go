package azmlbatch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// Invoke starts a batch job and returns as soon as the service has accepted it; [JobsClient.Wait]
// follows it. The job runs on the deployment's compute, whose nodes cost money while they run.
//
// Local inputs are uploaded first. The POST that starts the job is sent again only when it provably
// never reached the service. If ctx ends while the POST is in flight, Invoke waits up to 15 more
// seconds for its answer. If the answer is lost, Invoke looks for the job by the place of its
// output, for up to 45 seconds, and returns it. Only if there is none is the error an
// [*AmbiguousInvokeError]; then the job may or may not exist.
//
// With a Key, Invoke first looks for the key's job. If there is one, it uploads nothing and returns
// that job. Of several calls with one key, one sends the POST and all get its job. A call waits
// while another process starts the job, and up to a minute if that process died or lost the answer.
//
// Invoke makes three requests: it reads the endpoint and the deployment and sends the POST. A key
// adds a list of the endpoint's jobs and, to start the job, four requests to storage; the first key
// of a client adds up to three more.
func (e EndpointsClient) Invoke(ctx context.Context, endpoint string, inv Invocation) (BatchJob, error) {
	op := operation{"invoke", "endpoint", endpoint}
	return inSpan(ctx, e.c, op, func(ctx context.Context) (BatchJob, error) {
		if err := cmp.Or(checkName(op, "endpoint", endpoint), checkInvocation(op, inv)); err != nil {
			return BatchJob{}, err
		}
		target, err := e.target(ctx, op, endpoint, inv.Deployment)
		if err != nil {
			return BatchJob{}, err
		}
		job, err := target.invoke(ctx, inv)
		return job.BatchJob, err
	})
}

// invokeTarget is an endpoint and deployment that have been read, ready to take invocations.
type invokeTarget struct {
	c          *Client
	op         operation
	endpoint   string
	uri        string
	deployment Deployment
	created    time.Time // the endpoint; one deleted and made anew is another
	named      bool      // the caller named the deployment
	index      *jobIndex // of the endpoint's jobs, for many keys; nil lists them for each
	rerun      bool      // a key whose job failed earlier is run again
}

func (e EndpointsClient) target(ctx context.Context, op operation, endpoint, deployment string) (invokeTarget, error) {
	t := invokeTarget{c: e.c, op: op, endpoint: endpoint, named: deployment != ""}
	ep, err := e.Get(ctx, endpoint)
	if err != nil {
		return t, err
	}
	t.created = ep.SystemData.CreatedAt
	if t.uri = ep.ScoringURI; t.uri == "" {
		return t, notReady(op, ep)
	}
	name := cmp.Or(deployment, ep.DefaultDeployment)
	if name == "" {
		return t, op.invalid("Invocation.Deployment", "is empty and the endpoint has no default deployment",
			"name a deployment, or set a default with Endpoints().SetDefaultDeployment")
	}
	t.deployment, err = e.c.Deployments(endpoint).Get(ctx, name)
	return t, err
}

// attempt is one invocation in progress.
type attempt struct {
	invokeTarget
	inv    Invocation // as it is sent, but for its local inputs
	key    string     // the caller's or a fresh one
	place  string     // of the output by which the job can be found; "" when there is none
	chosen bool       // the client chose the place
	exact  bool       // the place has the endpoint's date to a fraction of a second
}

// startedJob is the job that an invocation started, or found under its key.
type startedJob struct {
	BatchJob
	found    bool
	endpoint string // that was invoked
}

func (t invokeTarget) invoke(ctx context.Context, inv Invocation) (startedJob, error) {
	a, err := t.attempt(ctx, inv)
	switch {
	case err != nil:
		return startedJob{}, err
	case inv.Key == "":
		job, err := a.start(ctx, nil)
		return startedJob{BatchJob: job}, err
	case a.place == "":
		return startedJob{}, keyWithoutPlace(t.op)
	}
	job, err := a.startOwn(ctx)
	for again := 2; t.rerun && err == nil && job.found && job.failed() && a.chosen; again++ {
		a.key = fmt.Sprintf("%s.%d", inv.Key, again) // no key of a caller has a dot
		if err = a.chooseOutput(ctx); err == nil {
			job, err = a.startOwn(ctx)
		}
	}
	return job, err
}

// startOwn starts or finds the job of a key. If the job there is that of an endpoint of this name
// which was deleted within the second, the key gets a place that the two do not share.
func (a *attempt) startOwn(ctx context.Context) (startedJob, error) {
	job, err := a.startOnce(ctx)
	if err == nil || !a.chosen || a.exact || !a.ofEarlierEndpoint(job.BatchJob) {
		return job, err
	}
	a.exact = true
	if err := a.chooseOutput(ctx); err != nil {
		return startedJob{}, err
	}
	return a.startOnce(ctx)
}

func (j startedJob) failed() bool {
	return j.Status == JobStatusFailed || j.Status == JobStatusCanceled
}

// choosesOutput reports whether the caller, and not the client, says where the output goes.
func (inv Invocation) choosesOutput() bool {
	return len(inv.Outputs) > 0 || inv.OutputDataset != (OutputDataset{})
}

// keyWithoutPlace refuses a key that the job would not show: a second call with it would start a
// second job.
func keyWithoutPlace(op operation) error {
	return op.invalid("Invocation.Key", "cannot be found again, because the invocation has no output with a URI",
		"give the pipeline component an output in Invocation.Outputs, or leave Key empty")
}

// attempt resolves the references of an invocation and chooses its output.
func (t invokeTarget) attempt(ctx context.Context, inv Invocation) (attempt, error) {
	a := attempt{invokeTarget: t, inv: inv, key: cmp.Or(inv.Key, newKey())}
	a.inv.Inputs = maps.Clone(inv.Inputs) // the caller's stay as they are
	if err := t.c.resolveReferences(ctx, t.op, a.inv.references()); err != nil {
		return a, err
	}
	if t.deployment.Configuration == nil {
		if err := checkModelData(t.op, inv); err != nil {
			return a, err
		}
		if !inv.choosesOutput() {
			return a, a.chooseOutput(ctx)
		}
	}
	a.place = outputPlace(a.inv)
	return a, nil
}

// chooseOutput lets the job write a file in a folder of its key. The folder identifies the key, so
// that another file name does not start a second job.
func (a *attempt) chooseOutput(ctx context.Context) error {
	store, err := a.c.defaultDatastore(ctx)
	if err != nil {
		return err
	}
	path := a.outputFolder(a.key)
	a.place, a.chosen = placeURI(store, path), true
	if a.inv.Dataset != nil {
		// The older form takes an older output.
		a.inv.OutputDataset = OutputDataset{DatastoreID: a.c.armID("datastores", store), Path: path}
		return nil
	}
	file := cmp.Or(a.inv.OutputFileName, a.deployment.OutputFileName, "predictions.csv")
	a.inv.Outputs = Outputs{"score": URIFile{URI: a.place + file}}
	return nil
}

// outputRoot is the folder on the default datastore for outputs that the client chooses.
const outputRoot = "azmlbatch/"

// outputFolder is where the output of a key goes. Endpoints do not share keys, not even with a
// deleted one of the same name.
func (a *attempt) outputFolder(key string) string {
	folder, date := outputRoot+strings.ToLower(a.endpoint)+"/", "20060102T150405Z"
	if a.exact {
		date = "20060102T150405.0000000Z"
	}
	if !a.created.IsZero() {
		folder += a.created.UTC().Format(date) + "/"
	}
	return folder + key + "/"
}

// outputPlace is the URI of the job's output. No two jobs share it, because a job fails if its
// output exists.
func outputPlace(inv Invocation) string {
	for _, name := range sortedKeys(inv.Outputs) {
		if uri := dataURI(inv.Outputs[name]); uri != "" {
			return uri
		}
	}
	if inv.OutputDataset != (OutputDataset{}) {
		return placeURI(lastSegment(inv.OutputDataset.DatastoreID), inv.OutputDataset.Path)
	}
	return ""
}

// start uploads the local inputs and starts the job. The lease is nil where nothing guards the key.
func (a attempt) start(ctx context.Context, l *keyLease) (job BatchJob, err error) {
	if a.inv.Inputs, err = a.c.uploadLocalInputs(ctx, a.op, a.inv.inputs()); err != nil {
		return BatchJob{}, err
	}
	if err := l.ensure(ctx); err != nil {
		return BatchJob{}, err
	}
	job, err = a.post(ctx)
	if err != nil && ambiguous(err) {
		return a.findLost(ctx, err)
	}
	return job, err
}

func (a attempt) post(ctx context.Context) (BatchJob, error) {
	header := http.Header{"Repeatability_request-Id": {a.requestID()}}
	if a.named {
		header.Set("azureml-model-deployment", a.deployment.Name)
	}
	job, err := do[BatchJob](ctx, a.c, request{op: a.op, plane: a.c.scoring, method: http.MethodPost, url: a.uri, header: header,
		body: a.inv, once: true, ok: []int{http.StatusOK, http.StatusCreated, http.StatusAccepted}})
	if err != nil {
		return job, err
	}
	if job.Name = cmp.Or(job.Name, lastSegment(job.ID)); job.Name == "" {
		return job, &Error{Operation: a.op.String(), Message: "the service accepted the job, but its answer does not name it"}
	}
	return job, nil
}

// ambiguous reports whether the service may have started the job although err came back.
func ambiguous(err error) bool {
	var e *Error
	if !errors.As(err, &e) || errors.Is(err, ErrReadOnly) || errors.Is(err, errForeignHost) {
		return false
	}
	switch {
	case e.StatusCode == 0:
		return !errors.As(err, new(*unsentError))
	case turnedAway(rawResponse(err)):
		return false
	}
	return e.StatusCode >= 500 || e.StatusCode == http.StatusRequestTimeout || e.StatusCode < 300
}

// findLost looks for the job whose answer was lost. The service's lists lag by some seconds.
func (a attempt) findLost(ctx context.Context, cause error) (BatchJob, error) {
	lost := &AmbiguousInvokeError{Endpoint: a.endpoint, Key: a.key, Output: a.place, Err: cause}
	if a.place == "" {
		return BatchJob{}, lost
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), findLostTimeout)
	defer cancel()
	for _, delay := range []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
		if err := a.c.clock.sleep(ctx, delay); err != nil {
			break
		}
		job, found, err := a.find(ctx, a.place)
		if found {
			return job, nil
		}
		lost.Lookup = err
	}
	return BatchJob{}, lost
}

// findLostTimeout bounds the search after a lost answer. The search outlives the caller's context: a
// caller whose time ran out during the POST needs its result most.
const findLostTimeout = 45 * time.Second

// lookup finds the job of a key before anything is sent.
func (t invokeTarget) lookup(ctx context.Context, place string) (BatchJob, bool, error) {
	if t.index != nil {
		return t.index.find(ctx, t, place)
	}
	return t.find(ctx, place)
}

// find looks among the endpoint's jobs for the one with the output place.
func (t invokeTarget) find(ctx context.Context, place string) (BatchJob, bool, error) {
	for job, err := range t.jobs(ctx) {
		if err != nil {
			return BatchJob{}, false, err
		}
		if jobHasOutput(job, place) {
			return job, true, nil
		}
	}
	return BatchJob{}, false, nil
}

// jobs lists the endpoint's jobs. ErrNotFound means none yet, if the management plane's list agrees:
// the endpoint was read a moment ago.
func (t invokeTarget) jobs(ctx context.Context) iter.Seq2[BatchJob, error] {
	return func(yield func(BatchJob, error) bool) {
		for job, err := range (EndpointsClient{t.c}).ListJobs(ctx, t.endpoint, nil) {
			unlisted := errors.As(err, new(*alsoError)) // by both planes
			if errors.Is(err, ErrNotFound) && !unlisted || !yield(job, err) {
				return
			}
		}
	}
}

func jobHasOutput(job BatchJob, place string) bool {
	return slices.ContainsFunc(jobPlaces(job), func(p string) bool {
		return samePlace(p, place) || strings.HasSuffix(place, "/") && samePlace(folderOf(p), place)
	})
}

// jobPlaces are the places of a job's outputs.
func jobPlaces(job BatchJob) (places []string) {
	for _, o := range job.Outputs {
		if uri := dataURI(o); uri != "" {
			places = append(places, uri)
		}
	}
	if uri := job.Parameters()["output_uri"]; uri != "" {
		places = append(places, uri)
	}
	return places
}

// uploadLocalInputs uploads local paths and replaces them by their URIs. It names an input that has
// no name.
func (c *Client) uploadLocalInputs(ctx context.Context, op operation, inputs Inputs) (Inputs, error) {
	out := maps.Clone(inputs)
	for _, name := range sortedKeys(inputs) {
		local, ok := wire.Indirect(inputs[name]).(LocalPath)
		if !ok {
			continue
		}
		up, err := c.uploadToDatastore(ctx, op, local.Path, local.Options)
		if err != nil {
			return nil, naming(inputArgument(name)+".Path", err)
		}
		uri := placeURI(up.Datastore, up.Path)
		if up.IsFolder {
			out[name] = URIFolder{URI: uri}
		} else {
			out[name] = URIFile{URI: uri}
		}
	}
	return namedInputs(out), nil
}

// namedInputs gives an input without a name the one that azure-ai-ml gives it: its kind.
func namedInputs(inputs Inputs) Inputs {
	only, unnamed := inputs[""]
	if !unnamed {
		return inputs
	}
	return Inputs{inputKinds.Name(only): only}
}

func newKey() string {
	id, err := runtime.NewUUID()
	if err != nil {
		panic(prefix + "no randomness: " + err.Error()) // crypto/rand does not fail on supported systems
	}
	return id
}

// requestID is the UUID for the repeatability header, one for all calls of one job. Whether the
// service deduplicates by it is not documented. It is sent because azure-ai-ml sends it; nothing
// relies on it.
func (a attempt) requestID() string {
	if a.inv.Key == "" {
		return a.key
	}
	h := sha256.Sum256([]byte(a.endpoint + " " + a.place))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // version 8, RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
