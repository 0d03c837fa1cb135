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
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// Invoke starts a batch job and returns as soon as the service has taken it; [JobsClient.Wait] follows it. The job runs
// on the deployment's compute, which costs money while its nodes run.
//
// Local inputs are uploaded first. The POST that starts the job is sent again only when it provably never reached the
// service. When its answer is lost, the client looks for the job by its output's place and returns it; that takes up to 45
// seconds, also when the answer is lost because ctx ended. Only when it cannot be found is the error an
// [*AmbiguousInvokeError], and then the job may or may not exist. With a Key of the caller, the job is looked for before
// anything is sent, and [LocalPath] inputs are not uploaded again.
//
// It takes one request to read the endpoint, one to read the deployment, and the POST.
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
		return target.invoke(ctx, inv)
	})
}

// invokeTarget is an endpoint and deployment that have been read, ready to take invocations.
type invokeTarget struct {
	c          *Client
	op         operation
	endpoint   string
	uri        string
	deployment Deployment
	named      bool      // the caller named the deployment
	index      *jobIndex // of the endpoint's jobs, for many keys; nil lists them for each
}

func (e EndpointsClient) target(ctx context.Context, op operation, endpoint, deployment string) (invokeTarget, error) {
	t := invokeTarget{c: e.c, op: op, endpoint: endpoint, named: deployment != ""}
	ep, err := e.Get(ctx, endpoint)
	if err != nil {
		return t, err
	}
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

func (t invokeTarget) invoke(ctx context.Context, inv Invocation) (BatchJob, error) {
	key := cmp.Or(inv.Key, newKey())
	inv, place, err := t.complete(ctx, inv, key)
	if err != nil {
		return BatchJob{}, err
	}
	if inv.Key != "" {
		if place == "" {
			return BatchJob{}, keyWithoutPlace(t.op)
		}
		if job, found, err := t.lookup(ctx, place); err != nil || found {
			return job, err
		}
	}
	if inv.Inputs, err = t.c.uploadLocalInputs(ctx, t.op, inv.inputs()); err != nil {
		return BatchJob{}, err
	}
	job, err := t.post(ctx, inv, key)
	if err != nil && ambiguous(err) {
		return t.recover(ctx, place, key, err)
	}
	return job, err
}

// keyWithoutPlace refuses a key that nothing of the job would show: a second call with it would start a second job.
func keyWithoutPlace(op operation) error {
	return op.invalid("Invocation.Key", "cannot be found again, because the invocation has no output with a URI",
		"give the pipeline component an output in Invocation.Outputs, or leave Key empty")
}

// complete returns inv as it is sent but for its inputs, and the place of the output by which the job can be found (""
// when there is none).
func (t invokeTarget) complete(ctx context.Context, inv Invocation, key string) (_ Invocation, place string, err error) {
	inv.Inputs = maps.Clone(inv.Inputs) // the caller's stay as they are
	if err := t.c.resolveReferences(ctx, t.op, inv.references()); err != nil {
		return inv, "", err
	}
	if t.deployment.Configuration != nil {
		return inv, outputPlace(inv), nil
	}
	if err := checkModelData(t.op, inv); err != nil {
		return inv, "", err
	}
	if len(inv.Outputs) > 0 || inv.OutputDataset != (OutputDataset{}) {
		return inv, outputPlace(inv), nil
	}
	store, err := t.c.defaultDatastore(ctx)
	if err != nil {
		return inv, "", err
	}
	path := t.outputPath(key)
	folder := placeURI(store, path)
	if inv.Dataset != nil {
		// The older form takes an older output.
		inv.OutputDataset = OutputDataset{DatastoreID: t.c.armID("datastores", store), Path: path}
		return inv, folder, nil
	}
	file := cmp.Or(inv.OutputFileName, t.deployment.OutputFileName, "predictions.csv")
	inv.Outputs = Outputs{"score": URIFile{URI: folder + file}}
	return inv, folder, nil // the key is the folder's: another file name must not start a second job
}

// outputPath is where the output of a key goes. Endpoints do not share keys.
func (t invokeTarget) outputPath(key string) string {
	return "azmlbatch/" + strings.ToLower(t.endpoint) + "/" + key + "/"
}

// outputPlace is the URI of the one output, which no two jobs share because an existing output makes a job fail.
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

func (t invokeTarget) post(ctx context.Context, inv Invocation, key string) (BatchJob, error) {
	header := http.Header{"Repeatability_request-Id": {keyUUID(key)}}
	if t.named {
		header.Set("azureml-model-deployment", t.deployment.Name)
	}
	job, err := do[BatchJob](ctx, t.c, request{op: t.op, plane: t.c.scoring, method: http.MethodPost, url: t.uri, header: header,
		body: inv, once: true, ok: []int{http.StatusOK, http.StatusCreated, http.StatusAccepted}})
	if err != nil {
		return job, err
	}
	if job.Name = cmp.Or(job.Name, lastSegment(job.ID)); job.Name == "" {
		return job, &Error{Operation: t.op.String(), Message: "the service took the job, and its answer does not name it"}
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

// recover looks for the job whose answer was lost. Lists of the service can be some seconds late.
func (t invokeTarget) recover(ctx context.Context, place, key string, cause error) (BatchJob, error) {
	lost := &AmbiguousInvokeError{Endpoint: t.endpoint, Key: key, Output: place, Err: cause}
	if place == "" {
		return BatchJob{}, lost
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recoverTimeout)
	defer cancel()
	for _, delay := range []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
		if err := t.c.clock.sleep(ctx, delay); err != nil {
			break
		}
		job, found, err := t.find(ctx, place)
		if found {
			return job, nil
		}
		lost.Lookup = err
	}
	return BatchJob{}, lost
}

// recoverTimeout bounds the search after a lost answer. The search goes on although the caller's context ended, because
// a caller whose time ran out in the middle of the POST has the greatest need of the truth.
const recoverTimeout = 45 * time.Second

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

// jobs lists the endpoint's jobs. Where neither plane lists one there is none yet: the endpoint was read a moment ago.
func (t invokeTarget) jobs(ctx context.Context) iter.Seq2[BatchJob, error] {
	return func(yield func(BatchJob, error) bool) {
		for job, err := range (EndpointsClient{t.c}).ListJobs(ctx, t.endpoint, nil) {
			if errors.Is(err, ErrNotFound) || !yield(job, err) {
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

// folderOf is the folder around the file that a URI names, with a slash at the end.
func folderOf(uri string) string { return uri[:strings.LastIndexByte(uri, '/')+1] }

// outputAt is an output as a job's parameters name it: a folder ends with a slash.
func outputAt(uri string) Output {
	if strings.HasSuffix(uri, "/") {
		return URIFolder{URI: uri}
	}
	return URIFile{URI: uri}
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

// uploadLocalInputs replaces local paths by the places they are uploaded to, and names an input that has no name.
func (c *Client) uploadLocalInputs(ctx context.Context, op operation, inputs Inputs) (Inputs, error) {
	out := maps.Clone(inputs)
	for _, name := range sortedKeys(inputs) {
		local, ok := wire.Indirect(inputs[name]).(LocalPath)
		if !ok {
			continue
		}
		up, err := c.uploadToDatastore(ctx, op, local.Path, local.Options)
		if err != nil {
			return nil, err
		}
		uri := placeURI(up.Datastore, up.Path)
		if up.IsFolder {
			out[name] = URIFolder{URI: uri}
		} else {
			out[name] = URIFile{URI: uri}
		}
	}
	if only, ok := out[""]; ok { // the name that azure-ai-ml gives to an input without one
		delete(out, "")
		out[inputKinds.Name(only)] = only
	}
	return out, nil
}

var errNotReady = errors.New("not ready")

func notReady(op operation, ep Endpoint) error {
	return &Error{Operation: op.String(), Err: errNotReady,
		Message: fmt.Sprintf("the endpoint has no scoring URI yet (it is %s)", ep.ProvisioningState),
		Remedy:  "wait until its creation has ended"}
}

func newKey() string {
	id, err := runtime.NewUUID()
	if err != nil {
		panic("azmlbatch: no randomness: " + err.Error()) // crypto/rand does not fail on supported systems
	}
	return id
}

var uuidPattern = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// keyUUID is the key as the UUID that the repeatability header wants. Whether the service dedupes by it is not
// evidenced; we send it as azure-ai-ml does and do not rely on it.
func keyUUID(key string) string {
	if uuidPattern.MatchString(key) {
		return key
	}
	h := sha256.Sum256([]byte(key))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // version 8, RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
