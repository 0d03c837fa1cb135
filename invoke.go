package azmlbatch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// An Invocation says what one batch job is to score, and where to. The zero value of every setting means the
// deployment's own.
type Invocation struct {
	// Deployment takes the job; empty means the endpoint's default deployment.
	Deployment string
	// Inputs by name. A model deployment takes exactly one, a folder or a file, and ignores the name. See [Input].
	Inputs Inputs
	// Outputs by name. Empty makes the client choose a fresh folder on the default datastore whose path holds Key; that
	// is what makes an invocation findable. A place that exists already makes the job fail.
	Outputs Outputs
	// Key makes the invocation idempotent: a second Invoke with the same key on the same endpoint returns the first job,
	// also from another process or after a crash. Letters, digits, '-' and '_', at most 64. Empty means a fresh key, which
	// still guards the one call against a lost answer.
	Key string

	// DisplayName is shown in the studio instead of a made-up name.
	DisplayName string
	// ExperimentName groups jobs; the service documents it for pipeline-component deployments.
	ExperimentName string
	// MiniBatchSize is the number of files per call of the script's run.
	MiniBatchSize int64
	// ErrorThreshold is the number of failed files that ends the job; -1 ignores all failures, nil is the deployment's.
	ErrorThreshold *int
	// MaxConcurrencyPerInstance is the number of worker processes per node.
	MaxConcurrencyPerInstance int
	// InstanceCount is the number of nodes. Nodes cost money while they run.
	InstanceCount int
	// Compute is the ARM id or name of another cluster than the deployment's.
	Compute string
	// RetrySettings are tries and time limit per mini-batch.
	RetrySettings RetrySettings
	// LoggingLevel of the job.
	LoggingLevel LoggingLevel
	// OutputFileName names the predictions file; not together with a [URIFile] output, which names it already.
	OutputFileName string

	// Dataset is the older form of an input (API 2021-10-01), for services and scripts that still need it. It excludes
	// Inputs.
	Dataset Dataset
	// OutputDataset is the older form of an output. It excludes Outputs.
	OutputDataset OutputDataset
}

// A Dataset is the older form of an input: [DataURL], [DatasetVersion] or [DatasetID].
type Dataset interface{ datasetBody() map[string]string }

// DataURL is a folder or file by its https URL, in the older form.
type DataURL struct {
	// Path is the URL.
	Path string
}

// DatasetVersion is a registered dataset of the workspace, in the older form.
type DatasetVersion struct {
	// Name of the dataset.
	Name string
	// Version of the dataset.
	Version string
}

// DatasetID is a registered dataset by its id, in the older form.
type DatasetID struct {
	// ID of the dataset.
	ID string
}

func (d DataURL) datasetBody() map[string]string {
	return map[string]string{"dataInputType": "DataUrl", "path": d.Path}
}

func (d DatasetVersion) datasetBody() map[string]string {
	return map[string]string{"dataInputType": "DatasetVersion", "datasetName": d.Name, "datasetVersion": d.Version}
}

func (d DatasetID) datasetBody() map[string]string {
	return map[string]string{"dataInputType": "DatasetId", "datasetId": d.ID}
}

// OutputDataset is the older form of an output.
type OutputDataset struct {
	// DatastoreID is the ARM id of a blob datastore.
	DatastoreID string `wire:"datastoreId"`
	// Path is a folder on the datastore that does not exist yet.
	Path string `wire:"path"`
}

// invokeBody is the request of an invocation.
type invokeBody struct {
	Dataset        map[string]string `wire:"properties/dataset"`
	OutputDataset  OutputDataset     `wire:"properties/outputDataset"`
	Inputs         Inputs            `wire:"properties/inputData"`
	Outputs        Outputs           `wire:"properties/outputData"`
	Name           string            `wire:"properties/name"`
	Experiment     string            `wire:"properties/properties/experimentName"`
	MiniBatchSize  int64             `wire:"properties/miniBatchSize"`
	ErrorThreshold *int              `wire:"properties/errorThreshold"`
	Concurrency    int               `wire:"properties/maxConcurrencyPerInstance"`
	InstanceCount  int               `wire:"properties/compute/instanceCount"`
	Compute        string            `wire:"properties/compute/target"`
	RetrySettings  RetrySettings     `wire:"properties/retrySettings"`
	LoggingLevel   LoggingLevel      `wire:"properties/loggingLevel"`
	OutputFileName string            `wire:"properties/outputFileName"`
}

// Invoke starts a batch job and returns as soon as the service has taken it; [JobsClient.Wait] follows it. The job runs
// on the deployment's compute, which costs money while its nodes run.
//
// Local inputs are uploaded first. The POST that starts the job is sent again only when it provably never reached the
// service. When its answer is lost, the client looks for the job by its output's place and returns it; only when it
// cannot be found is the error an [*AmbiguousInvokeError], and then the job may or may not exist. With a Key of the
// caller, the job is looked for before anything is sent, and [LocalPath] inputs are not uploaded again.
//
// It takes one request to read the endpoint, one to read the deployment, and the POST.
func (e EndpointsClient) Invoke(ctx context.Context, endpoint string, inv Invocation) (BatchJob, error) {
	op := operation{"invoke", "endpoint", endpoint}
	if err := checkName(op, "endpoint", endpoint); err != nil {
		return BatchJob{}, err
	}
	if err := checkInvocation(op, inv); err != nil {
		return BatchJob{}, err
	}
	target, err := e.target(ctx, op, endpoint, inv.Deployment)
	if err != nil {
		return BatchJob{}, err
	}
	return target.invoke(ctx, inv)
}

// invokeTarget is an endpoint and deployment that have been read, ready to take invocations.
type invokeTarget struct {
	c          *Client
	op         operation
	endpoint   string
	uri        string
	deployment Deployment
	named      bool // the caller named the deployment
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
	name := firstNonEmpty(deployment, ep.DefaultDeployment)
	if name == "" {
		return t, &ArgumentError{Operation: op.String(), Argument: "Invocation.Deployment",
			Problem: "is empty and the endpoint has no default deployment",
			Remedy:  "name a deployment, or set a default with Endpoints().SetDefaultDeployment"}
	}
	t.deployment, err = e.c.Deployments(endpoint).Get(ctx, name)
	return t, err
}

func (t invokeTarget) invoke(ctx context.Context, inv Invocation) (BatchJob, error) {
	key := firstNonEmpty(inv.Key, newKey())
	body, place, err := t.body(ctx, inv, key)
	if err != nil {
		return BatchJob{}, err
	}
	if inv.Key != "" && place != "" {
		if job, found, err := t.find(ctx, place); err != nil || found {
			return job, err
		}
	}
	if body.Inputs, err = t.c.uploadLocalInputs(ctx, t.op, inv.Inputs); err != nil {
		return BatchJob{}, err
	}
	job, err := t.post(ctx, body, key)
	if err != nil && ambiguous(err) {
		return t.recover(ctx, place, key, err)
	}
	return job, err
}

// body builds the request, and the place of the output by which the job can be found ("" when there is none).
func (t invokeTarget) body(ctx context.Context, inv Invocation, key string) (invokeBody, string, error) {
	b := invokeBody{
		OutputDataset: inv.OutputDataset, Outputs: inv.Outputs, Name: inv.DisplayName, Experiment: inv.ExperimentName,
		MiniBatchSize: inv.MiniBatchSize, ErrorThreshold: inv.ErrorThreshold, Concurrency: inv.MaxConcurrencyPerInstance,
		InstanceCount: inv.InstanceCount, Compute: t.c.computeID(inv.Compute), RetrySettings: inv.RetrySettings,
		LoggingLevel: inv.LoggingLevel, OutputFileName: inv.OutputFileName,
	}
	if inv.Dataset != nil {
		b.Dataset = inv.Dataset.datasetBody()
	}
	if len(inv.Outputs) == 0 && inv.OutputDataset == (OutputDataset{}) && t.deployment.Configuration == nil {
		store, err := t.c.defaultDatastore(ctx)
		if err != nil {
			return b, "", err
		}
		if inv.Dataset != nil {
			// The older form takes an older output.
			b.OutputDataset = OutputDataset{DatastoreID: t.c.armID("datastores", store), Path: "azmlbatch/" + key + "/"}
			return b, placeURI(store, b.OutputDataset.Path), nil
		}
		b.Outputs = Outputs{"score": URIFolder{URI: placeURI(store, "azmlbatch/"+key+"/")}}
	}
	return b, outputPlace(b), nil
}

func placeURI(datastore, path string) string {
	return "azureml://datastores/" + datastore + "/paths/" + path
}

// outputPlace is the URI of the one output, which no two jobs share because an existing output makes a job fail.
func outputPlace(b invokeBody) string {
	for _, o := range b.Outputs {
		switch o := o.(type) {
		case URIFolder:
			return o.URI
		case URIFile:
			return o.URI
		}
	}
	if b.OutputDataset != (OutputDataset{}) {
		return placeURI(lastSegment(b.OutputDataset.DatastoreID), b.OutputDataset.Path)
	}
	return ""
}

func (t invokeTarget) post(ctx context.Context, b invokeBody, key string) (BatchJob, error) {
	header := http.Header{"Repeatability_request-Id": {keyUUID(key)}}
	if t.named {
		header.Set("azureml-model-deployment", t.deployment.Name)
	}
	return do[BatchJob](ctx, t.c, request{op: t.op, plane: t.c.scoring, method: http.MethodPost, url: t.uri, header: header,
		body: body{b}, once: true, ok: []int{http.StatusOK, http.StatusCreated, http.StatusAccepted}})
}

// ambiguous reports whether the service may have started the job although err came back.
func ambiguous(err error) bool {
	var e *Error
	if !errors.As(err, &e) || errors.Is(err, ErrReadOnly) || errors.Is(err, errForeignHost) {
		return false
	}
	switch e.StatusCode {
	case 0:
		return !errors.As(err, new(*unsentError))
	case http.StatusServiceUnavailable:
		resp := rawResponse(err)
		if resp == nil {
			return true
		}
		_, told := retryAfter(resp.Header, time.Now())
		return !told // 503 with Retry-After is the service's word that it took nothing
	default:
		return e.StatusCode >= 500 || e.StatusCode == http.StatusRequestTimeout || e.StatusCode < 300
	}
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
		if err != nil {
			lost.Lookup = err
		}
	}
	return BatchJob{}, lost
}

// recoverTimeout bounds the search after a lost answer. The search goes on although the caller's context ended, because
// a caller whose time ran out in the middle of the POST has the greatest need of the truth.
const recoverTimeout = 45 * time.Second

// find looks among the endpoint's jobs for the one with the output place. The data plane's list shows outputs; where it
// fails, as it does for some users, ARM's list shows the same place in the job's parameters.
func (t invokeTarget) find(ctx context.Context, place string) (BatchJob, bool, error) {
	var first error
	for job, err := range (EndpointsClient{t.c}).ListJobs(ctx, t.endpoint, nil) {
		if err != nil {
			first = err
			break
		}
		if jobHasOutput(job, place) {
			return job, true, nil
		}
	}
	if first == nil {
		return BatchJob{}, false, nil
	}
	for job, err := range t.c.Jobs().List(ctx, &JobListOptions{ExperimentName: t.endpoint}) {
		if err != nil {
			return BatchJob{}, false, errors.Join(first, err)
		}
		if samePlace(job.Parameters()["output_uri"], place) {
			return job.batchView(), true, nil
		}
	}
	return BatchJob{}, false, nil
}

func jobHasOutput(job BatchJob, place string) bool {
	for _, o := range job.Outputs {
		switch o := o.(type) {
		case URIFolder:
			if samePlace(o.URI, place) {
				return true
			}
		case URIFile:
			if samePlace(o.URI, place) {
				return true
			}
		}
	}
	return samePlace(job.Parameters()["output_uri"], place)
}

func (c *Client) uploadLocalInputs(ctx context.Context, op operation, inputs Inputs) (Inputs, error) {
	out := maps.Clone(inputs)
	for _, name := range sortedKeys(inputs) {
		local, ok := inputs[name].(LocalPath)
		if !ok {
			continue
		}
		up, err := c.uploadToDatastore(ctx, op, local.Path, local.Options)
		if err != nil {
			return nil, err
		}
		uri := placeURI(up.Datastore, up.Path)
		if up.IsDir {
			out[name] = URIFolder{URI: uri}
		} else {
			out[name] = URIFile{URI: uri}
		}
	}
	return out, nil
}

var keyPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func checkInvocation(op operation, inv Invocation) error {
	bad := func(argument, problem, remedy string) error {
		return &ArgumentError{Operation: op.String(), Argument: "Invocation." + argument, Problem: problem, Remedy: remedy}
	}
	switch {
	case inv.Key != "" && !keyPattern.MatchString(inv.Key):
		return bad("Key", fmt.Sprintf("%q cannot be part of a path", inv.Key), "use letters, digits, '-' and '_', at most 64")
	case len(inv.Inputs) == 0 && inv.Dataset == nil:
		return bad("Inputs", "is empty", "give one input, for example azmlbatch.URIFolder")
	case len(inv.Inputs) > 0 && inv.Dataset != nil:
		return bad("Dataset", "excludes Inputs", "use one of the two")
	case len(inv.Outputs) > 0 && inv.OutputDataset != (OutputDataset{}):
		return bad("OutputDataset", "excludes Outputs", "use one of the two")
	case inv.MiniBatchSize < 0, inv.InstanceCount < 0, inv.MaxConcurrencyPerInstance < 0:
		return bad("MiniBatchSize, InstanceCount, MaxConcurrencyPerInstance", "must not be negative", "zero means the deployment's own")
	case inv.ErrorThreshold != nil && *inv.ErrorThreshold < -1:
		return bad("ErrorThreshold", "is below -1", "-1 ignores all failures")
	}
	for _, name := range sortedKeys(inv.Inputs) {
		if err := checkInput(op, name, inv.Inputs[name]); err != nil {
			return err
		}
	}
	return nil
}

func checkInput(op operation, name string, in Input) error {
	argument := fmt.Sprintf("Invocation.Inputs[%q]", name)
	uri, isURI := "", true
	switch v := in.(type) {
	case nil:
		return &ArgumentError{Operation: op.String(), Argument: argument, Problem: "is nil"}
	case LocalPath:
		return checkLocalInput(op, argument, v.Path)
	case URIFolder:
		uri = v.URI
	case URIFile:
		uri = v.URI
	default:
		isURI = false
	}
	if !isURI {
		return nil
	}
	if u, err := url.Parse(uri); uri == "" || err != nil || u.Scheme == "" && uri[0] != '/' {
		return &ArgumentError{Operation: op.String(), Argument: argument + ".URI", Problem: fmt.Sprintf("%q is not a URI", redact(uri)),
			Remedy: "use an https URL, azureml://datastores/D/paths/P or azureml:NAME:VERSION; a local path is azmlbatch.LocalPath"}
	}
	return nil
}

// checkLocalInput refuses a folder that would upload well and then give the job nothing to score.
func checkLocalInput(op operation, argument, path string) error {
	local, err := scanLocal(op, path)
	if err != nil {
		return err
	}
	atTop := func(f localFile) bool { return !strings.Contains(f.name, "/") }
	if local.isDir && !slices.ContainsFunc(local.files, atTop) {
		return &ArgumentError{Operation: op.String(), Argument: argument, Problem: fmt.Sprintf("%q has only sub-folders", path),
			Remedy: "put the files directly into the folder: a batch job does not look into sub-folders"}
	}
	return nil
}

var errNotReady = errors.New("not ready")

func notReady(op operation, ep Endpoint) error {
	return &Error{Operation: op.String(), Err: errNotReady,
		Message: fmt.Sprintf("the endpoint has no scoring URI yet (it is %s)", ep.ProvisioningState),
		Remedy:  "wait for the poller of BeginCreateOrUpdate"}
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
