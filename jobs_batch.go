package azmlbatch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// A BatchJob is a job as the batch service shows it: the answer to an invocation, and the only view
// with the requested inputs and outputs. [Job] is ARM's view of the same job.
type BatchJob struct {
	Meta
	// Name of the job, "batchjob-…" or "pipelinejob-…": opaque, and the handle for [JobsClient].
	Name string `wire:"name,readonly"`
	// Status of the job.
	Status JobStatus `wire:"properties/status,readonly"`
	// DisplayName is a friendly name, adjective_noun_letters unless the invocation gave one.
	DisplayName string `wire:"properties/name"`
	// Description is free text.
	Description string `wire:"properties/description"`
	// ProvisioningState is Succeeded once the job is accepted. It is not the job's result.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// Inputs as requested.
	Inputs Inputs `wire:"properties/inputData"`
	// Outputs as requested; the service names the one of a model deployment "score".
	Outputs Outputs `wire:"properties/outputData"`
	// Output is the place of the job's own artifacts. Only lists show it.
	Output JobOutputLocation `wire:"properties/output"`
	// Compute the job runs on.
	Compute JobCompute `wire:"properties/compute"`
	// MiniBatchSize in files per call of the script's run. Older answers only; see Parameters.
	MiniBatchSize int64 `wire:"properties/miniBatchSize"`
	// ErrorThreshold is how many files may fail; -1 ignores failures. Older answers only.
	ErrorThreshold *int `wire:"properties/errorThreshold"`
	// RetrySettings of the job.
	RetrySettings RetrySettings `wire:"properties/retrySettings"`
	// LoggingLevel of the job. Older answers only.
	LoggingLevel LoggingLevel `wire:"properties/loggingLevel"`
	// OutputFileName of the predictions. Older answers only; see [BatchJob.Parameters].
	OutputFileName string `wire:"properties/outputFileName"`
	// MaxConcurrencyPerInstance is the number of worker processes per node. Rarely returned.
	MaxConcurrencyPerInstance int `wire:"properties/maxConcurrencyPerInstance"`
	// Services of the job, "Tracking" and "Studio".
	Services map[string]JobService `wire:"properties/interactionEndpoints,readonly"`
	// Tags of the job, set by the service.
	Tags map[string]string `wire:"properties/tags"`
	// Properties are the service's own.
	Properties map[string]string `wire:"properties/properties"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (j *BatchJob) UnmarshalJSON(b []byte) error { return wire.Decode(b, j) }

func (j BatchJob) MarshalJSON() ([]byte, error) { return wire.Encode(j, wire.ForCaller) }

func (j BatchJob) String() string { return printed(j) }

// Deployment is the name of the deployment that runs the job.
func (j BatchJob) Deployment() string {
	return cmp.Or(j.Tags["azureml.deploymentname"], segmentAfter(j.ID, "deployments"))
}

// Parameters is the effective configuration of the run, such as mini_batch_size, run_max_try,
// append_row_file_name and output_uri, all as text; nil if the job has none.
func (j BatchJob) Parameters() map[string]string { return runParameters(j.Properties) }

// StudioURL opens the job in the studio. Empty when the service gave none.
func (j BatchJob) StudioURL() string { return j.Services["Studio"].Endpoint }

// JobCompute is the compute of a batch job.
type JobCompute struct {
	// Target is the ARM id of the compute.
	Target string `wire:"target"`
	// InstanceCount is the number of nodes; 0 means the deployment's.
	InstanceCount int `wire:"instanceCount"`
	// InstanceType is a VM size; empty for a cluster.
	InstanceType string `wire:"instanceType"`
	// IsLocal is false for every batch job on record.
	IsLocal bool `wire:"isLocal"`
	// Location is the region; usually empty.
	Location string `wire:"location"`
	// Properties are free.
	Properties map[string]json.RawMessage `wire:"properties"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// JobOutputLocation is a place on a datastore.
type JobOutputLocation struct {
	// DatastoreID is the ARM id of the datastore.
	DatastoreID string `wire:"datastoreId"`
	// Path on the datastore.
	Path string `wire:"path"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// GetJob reads a job through the endpoint's scoring URI, which shows its inputs and outputs. It
// makes two requests, the first for that URI; [JobsClient.Get] makes one. A missing endpoint or job
// is [ErrNotFound].
func (e EndpointsClient) GetJob(ctx context.Context, endpoint, job string) (BatchJob, error) {
	op := operation{"get", "job", job}
	return inSpan(ctx, e.c, op, func(ctx context.Context) (BatchJob, error) {
		if err := cmp.Or(checkName(op, "endpoint", endpoint), checkName(op, "job", job)); err != nil {
			return BatchJob{}, err
		}
		ep, err := e.Get(ctx, endpoint)
		if err != nil {
			return BatchJob{}, err
		}
		if ep.ScoringURI == "" {
			return BatchJob{}, notReady(op, ep)
		}
		return do[BatchJob](ctx, e.c, request{op: op, plane: e.c.scoring, method: http.MethodGet,
			url: strings.TrimSuffix(ep.ScoringURI, "/") + "/" + url.PathEscape(job)})
	})
}

// ListBatchJobsOptions narrow [EndpointsClient.ListJobs].
type ListBatchJobsOptions struct {
	// Deployment lists the jobs of one deployment only; empty lists all of the endpoint.
	Deployment string
}

// ListJobs iterates over the jobs of an endpoint, or of one deployment, with their inputs and
// outputs, a page at a time. It asks the workspace data plane. If that refuses, as it does for many
// users since 2026 (azure-sdk-for-python issue 45212), it continues with the management plane's
// jobs of the endpoint. Those have no Inputs, and Outputs only if the invocation chose them, as
// [EndpointsClient.Invoke] does.
//
// An endpoint that neither plane knows is [ErrNotFound]. The jobs of a deleted endpoint stay.
func (e EndpointsClient) ListJobs(ctx context.Context, endpoint string, options *ListBatchJobsOptions) iter.Seq2[BatchJob, error] {
	l := jobsOf{e.c, operation{"list jobs of", "endpoint", endpoint}, endpoint, orZero(options).Deployment}
	return inLoop(e.c, l.op, func(yield func(BatchJob, error) bool) {
		if err := l.check(); err != nil {
			yield(BatchJob{}, err)
			return
		}
		seen := map[string]bool{}
		var refusal error
		for job, err := range l.onDataPlane(ctx) {
			if err != nil {
				refusal = err
				break
			}
			seen[job.Name] = true
			if !yield(job, nil) {
				return
			}
		}
		if refusal != nil {
			l.onManagementPlane(ctx, refusal, seen, yield)
		}
	})
}

// jobsOf are the jobs of an endpoint, or of one of its deployments.
type jobsOf struct {
	c                    *Client
	op                   operation
	endpoint, deployment string
}

func (l jobsOf) check() error {
	if err := checkName(l.op, "endpoint", l.endpoint); err != nil || l.deployment == "" {
		return err
	}
	return checkName(l.op, "deployment", l.deployment)
}

func (l jobsOf) onDataPlane(ctx context.Context) iter.Seq2[BatchJob, error] {
	segments := []string{"batchEndpoints", l.endpoint, "jobs"}
	if l.deployment != "" {
		segments = []string{"batchEndpoints", l.endpoint, "deployments", l.deployment, "jobs"}
	}
	u, err := l.c.dataPlaneURL(ctx, "mferp/managementfrontend", segments...)
	if err != nil {
		return func(yield func(BatchJob, error) bool) { yield(BatchJob{}, err) }
	}
	return list[BatchJob](ctx, l.c, request{op: l.op, plane: l.c.data, url: u,
		query: url.Values{"api-version": {"2020-09-01-dataplanepreview"}}})
}

// onManagementPlane yields the jobs that the data plane did not. A link to another host or in a
// circle is no refusal to work around.
func (l jobsOf) onManagementPlane(ctx context.Context, refusal error, seen map[string]bool, yield func(BatchJob, error) bool) {
	if ctx.Err() != nil || errors.Is(refusal, errForeignHost) || errors.Is(refusal, errRepeatedLink) {
		yield(BatchJob{}, refusal)
		return
	}
	none := len(seen) == 0
	for job, err := range l.c.Jobs().List(ctx, &ListJobsOptions{JobType: "Pipeline", View: ListViewAll}) {
		if err != nil {
			yield(BatchJob{}, &alsoError{err, refusal, "the data plane had refused"})
			return
		}
		if seen[job.Name] || !l.started(job) {
			continue
		}
		none = false
		if !yield(job.batchView(), nil) {
			return
		}
	}
	if none && errors.Is(refusal, ErrNotFound) {
		yield(BatchJob{}, refusal)
	}
}

// started reports whether the endpoint started a job. The experiment is the endpoint's name unless
// the invocation chose another; the description names the endpoint in any case.
func (l jobsOf) started(job Job) bool {
	const batchTag, deploymentTag = "azureml.batchrun", "azureml.deploymentname"
	if job.Tags[batchTag] != "true" || l.deployment != "" && !strings.EqualFold(job.Tags[deploymentTag], l.deployment) {
		return false
	}
	return strings.EqualFold(job.ExperimentName, l.endpoint) ||
		strings.Contains(strings.ToLower(job.Description), "endpoint: "+strings.ToLower(l.endpoint)+",")
}

// batchView is the batch service's view of the job, as far as ARM has it.
func (j Job) batchView() BatchJob {
	b := BatchJob{Meta: j.Meta, Name: j.Name, Status: j.Status, DisplayName: j.DisplayName, Description: j.Description,
		Tags: j.Tags, Properties: j.Properties}
	if uri := j.Parameters()["output_uri"]; uri != "" {
		b.Outputs = Outputs{"score": outputAt(uri)}
	}
	for name, s := range j.Services {
		put(&b.Services, name, JobService{Endpoint: s.Endpoint, Port: s.Port})
	}
	return b
}

var errNotReady = errors.New("not ready")

func notReady(op operation, ep Endpoint) error {
	return &Error{Operation: op.String(), Err: errNotReady,
		Message: fmt.Sprintf("the endpoint has no scoring URI yet (it is %s)", ep.ProvisioningState),
		Remedy:  "wait until its creation has ended"}
}
