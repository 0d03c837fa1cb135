package azmlbatch

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// A Job is a job as ARM shows it. A batch job is a pipeline job with one step, which runs the
// script and owns outputs and logs. Inputs and Outputs are empty here for a batch job: [BatchJob]
// has them.
type Job struct {
	Meta
	// Name is the job's id within the workspace, the handle for every call of [JobsClient].
	Name string `wire:"name,readonly"`
	// JobType is "Pipeline" for a batch job, also "Command", "Sweep", "AutoML", "Spark".
	JobType string `wire:"properties/jobType"`
	// Status of the job.
	Status JobStatus `wire:"properties/status,readonly"`
	// DisplayName is shown in the studio.
	DisplayName string `wire:"properties/displayName"`
	// ExperimentName groups jobs; for a batch job it is the name of the endpoint.
	ExperimentName string `wire:"properties/experimentName"`
	// Description of a batch job names endpoint and deployment.
	Description string `wire:"properties/description"`
	// Tags of the job.
	Tags map[string]string `wire:"properties/tags"`
	// Properties are the service's own and may be added to.
	Properties map[string]string `wire:"properties/properties"`
	// ComputeID is the ARM id of the compute; empty for a batch job.
	ComputeID string `wire:"properties/computeId"`
	// ComponentID is the ARM id of the component that a pipeline job runs.
	ComponentID string `wire:"properties/componentId"`
	// Services of the job, "Tracking" and "Studio".
	Services map[string]JobService `wire:"properties/services,readonly"`
	// Inputs of the job; empty for a batch job.
	Inputs Inputs `wire:"properties/inputs,snake"`
	// Outputs of the job; empty for a batch job.
	Outputs Outputs `wire:"properties/outputs,snake"`
	// IsArchived hides the job from ordinary lists.
	IsArchived bool `wire:"properties/isArchived"`
	// Extra holds members that this version does not know, such as those of other job types.
	Extra map[string]json.RawMessage
}

func (j *Job) UnmarshalJSON(b []byte) error { return wire.Decode(b, j) }

func (j Job) MarshalJSON() ([]byte, error) { return wire.Encode(j, wire.ForCaller) }

func (j Job) String() string { return printed(j) }

// IsBatch reports whether the job was started by invoking a model deployment of a batch endpoint.
func (j Job) IsBatch() bool {
	return j.Tags["azureml.batchrun"] == "true" && j.Tags["azureml.jobtype"] != "azureml.pipelinejob"
}

// Parameters is the effective configuration of a batch job; see [BatchJob.Parameters].
func (j Job) Parameters() map[string]string { return runParameters(j.Properties) }

// StudioURL opens the job in the studio. Empty when the service gave none.
func (j Job) StudioURL() string { return j.Services["Studio"].Endpoint }

// JobService is where people watch a job. Its key in Services is "Studio" or "Tracking".
type JobService struct {
	// Endpoint is a URL.
	Endpoint string `wire:"endpoint"`
	// Port is rarely set.
	Port int `wire:"port"`
	// Status of the service, rarely set.
	Status string `wire:"status"`
	// ErrorMessage stays empty even for a failed job; [JobsClient.Wait] finds the cause.
	ErrorMessage string `wire:"errorMessage"`
	// Properties are free.
	Properties map[string]json.RawMessage `wire:"properties"`
	// Extra holds members that this version does not know, and the type under the API's name for
	// it.
	Extra map[string]json.RawMessage
}

// JobsClient reaches the jobs of the workspace. Get one from [Client.Jobs].
type JobsClient struct{ c *Client }

// Jobs returns the calls for jobs.
func (c *Client) Jobs() JobsClient { return JobsClient{c} }

func (j JobsClient) request(method, verb, name string, more ...string) request {
	return j.c.about(operation{verb, "job", name}, method, append([]string{"jobs", name}, more...)...)
}

// Get reads a job. A missing one is [ErrNotFound].
func (j JobsClient) Get(ctx context.Context, name string) (Job, error) {
	return do[Job](ctx, j.c, j.request(http.MethodGet, "get", name))
}

// ListJobsOptions narrow [JobsClient.List] and [JobsClient.ListSummaries]. The zero value lists all
// active jobs of the workspace, of every type.
type ListJobsOptions struct {
	// ExperimentName selects one experiment, which for batch jobs is the endpoint's name. The
	// service cannot filter by it: the client does, and reads all pages.
	ExperimentName string
	// JobType selects one type, for example "Pipeline".
	JobType string
	// Tag selects jobs that have a tag of this name.
	Tag string
	// Properties selects jobs that have all of these. An empty value matches every value.
	Properties map[string]string
	// View is [ListViewActiveOnly] when empty.
	View ListView

	pages *int // counts the requests
}

// List iterates over the jobs of the workspace, a page at a time.
func (j JobsClient) List(ctx context.Context, options *ListJobsOptions) iter.Seq2[Job, error] {
	return listJobs(ctx, j, options, func(job Job) string { return job.ExperimentName })
}

// Cancel stops a job and waits until the service has done so; its status then becomes Canceled.
// Output and logs written so far stay. A missing job is [ErrNotFound].
func (j JobsClient) Cancel(ctx context.Context, name string, options *WaitOptions) error {
	p, err := j.BeginCancel(ctx, name)
	_, err = untilDone(ctx, p, err, options)
	return err
}

// BeginCancel is [JobsClient.Cancel] without the waiting.
func (j JobsClient) BeginCancel(ctx context.Context, name string) (*Poller[Nothing], error) {
	return beginOperation[Nothing](ctx, j.c, j.request(http.MethodPost, "cancel", name, "cancel"))
}

// Delete deletes the record of a job and waits until that is done. Its outputs stay in storage. A
// missing job is [ErrNotFound] or no error, as the service answers.
func (j JobsClient) Delete(ctx context.Context, name string, options *WaitOptions) error {
	p, err := j.BeginDelete(ctx, name)
	_, err = untilDone(ctx, p, err, options)
	return err
}

// BeginDelete is [JobsClient.Delete] without the waiting.
func (j JobsClient) BeginDelete(ctx context.Context, name string) (*Poller[Nothing], error) {
	return beginOperation[Nothing](ctx, j.c, j.request(http.MethodDelete, "delete", name))
}

// Wait follows a job to its end and returns it. It blocks and polls: every quarter of a second at
// first, every five seconds for long jobs. When ctx ends it returns at once, and the job goes on;
// [JobsClient.Cancel] stops it.
//
// A job that ends as Failed or Canceled is a [*JobFailedError], with the script's traceback if the
// job left one. A Completed job may have failed files: with an error threshold of -1, the default,
// the service ignores them. [JobsClient.Counts] shows them, and so does the last call of
// OnProgress.
//
// A job that does not exist is [ErrNotFound] after five seconds, because a new job may appear late.
//
// With OnProgress, each poll makes one more request, for Progress.Counts. It delays the next poll
// by a second at most; if it fails, the counts are nil.
func (j JobsClient) Wait(ctx context.Context, name string, options *WaitOptions) (Job, error) {
	p, err := j.Poller(name)
	if err != nil {
		return Job{}, err
	}
	return p.PollUntilDone(ctx, options)
}

// Poller returns a poller for a job, for callers that schedule the polls themselves. It sends
// nothing.
func (j JobsClient) Poller(name string) (*Poller[Job], error) {
	op := operation{"wait for", "job", name}
	if err := checkName(op, "name", name); err != nil {
		return nil, err
	}
	if err := j.c.ready(op); err != nil {
		return nil, err
	}
	return newPoller(j.c, op, &jobHandler{jobs: j, name: name, verb: op.verb}, jobSchedule), nil
}

// jobHandler follows a job through ARM: one request per poll, with the management token that the
// client has anyway.
type jobHandler struct {
	jobs  JobsClient
	name  string
	verb  string // of the call that follows the job
	job   Job
	files *jobCounter // made for the first counts
	began time.Time   // time of the first poll
}

// jobAppears is how long to wait for a job that is not found: the management plane shows a new one
// about a second after its invocation (recording of 2026; the longest delay is not documented).
const jobAppears = 5 * time.Second

// startedJobAppears is jobAppears for a job that this client started itself.
const startedJobAppears = 30 * time.Second

func (h *jobHandler) token() resumeToken {
	return resumeToken{Version: resumeTokenVersion, Result: jobResult, Verb: "wait for", Kind: "job", Name: h.name}
}

func (h *jobHandler) poll(ctx context.Context) (pollState, error) {
	s, err := h.ask(ctx)
	if err == nil && s.done && h.job.Status != JobStatusCompleted {
		err = h.jobs.explain(ctx, h.job)
	}
	return s, err
}

// ask reads the job. A failed job is not an error here.
func (h *jobHandler) ask(ctx context.Context) (pollState, error) {
	r := h.jobs.request(http.MethodGet, h.verb, h.name)
	if h.began.IsZero() {
		h.began = h.jobs.c.clock.now()
	}
	resp, err := h.jobs.c.send(ctx, r)
	if errors.Is(err, ErrNotFound) && h.job.Name == "" && h.jobs.c.clock.now().Sub(h.began) < jobAppears {
		return pollState{retryAfter: time.Second}, nil
	}
	if err != nil {
		return pollState{}, err
	}
	after, _ := retryAfter(resp.Header, h.jobs.c.clock.now())
	var job Job
	if err := decodeBody(r.op, resp, &job); err != nil {
		return pollState{}, err
	}
	h.job = job
	return pollState{status: string(job.Status), retryAfter: after, done: job.Status.Done()}, nil
}

func (h *jobHandler) final(context.Context) (Job, error) { return h.job, nil }

func (h *jobHandler) counts(ctx context.Context) *JobCounts {
	if h.files == nil {
		h.files = &jobCounter{jobs: h.jobs, name: h.name}
	}
	counts, err := h.files.read(ctx, h.job.Status)
	if err != nil || counts == unknownCounts() {
		return nil
	}
	return &counts
}

// A JobSummary is the few members of a [Job] that a list of many jobs shows.
type JobSummary struct {
	// Name is the job's id within the workspace, the handle for every call of [JobsClient].
	Name string `wire:"name"`
	// DisplayName is shown in the studio.
	DisplayName string `wire:"properties/displayName"`
	// ExperimentName groups jobs; for a batch job it is the name of the endpoint.
	ExperimentName string `wire:"properties/experimentName"`
	// Status of the job.
	Status JobStatus `wire:"properties/status"`
	// CreatedAt is when the job was submitted.
	CreatedAt time.Time `wire:"systemData/createdAt"`
}

// UnmarshalJSON reads the JSON of a [Job].
func (s *JobSummary) UnmarshalJSON(b []byte) error { return wire.Decode(b, s) }

func (s JobSummary) MarshalJSON() ([]byte, error) { return wire.Encode(s, wire.ForCaller) }

// ListSummaries is a cheaper [JobsClient.List] that yields only the names, status and time of
// creation of each job. It makes the same requests and takes a fraction of the time and memory.
//
//	for job, err := range client.Jobs().ListSummaries(ctx, &azmlbatch.ListJobsOptions{ExperimentName: "digits"}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(job.Name, job.Status)
//	}
func (j JobsClient) ListSummaries(ctx context.Context, options *ListJobsOptions) iter.Seq2[JobSummary, error] {
	return listJobs(ctx, j, options, func(s JobSummary) string { return s.ExperimentName })
}

// propertiesFilter is the service's spelling: names, or name=value, with commas between.
func propertiesFilter(properties map[string]string) string {
	filter := sortedKeys(properties)
	for i, name := range filter {
		if value := properties[name]; value != "" {
			filter[i] = name + "=" + value
		}
	}
	return strings.Join(filter, ",")
}

// listJobs lists the jobs of the workspace as whole jobs or summaries.
func listJobs[T any](ctx context.Context, j JobsClient, options *ListJobsOptions, experiment func(T) string) iter.Seq2[T, error] {
	o := orZero(options)
	query := url.Values{}
	for name, value := range map[string]string{"jobType": o.JobType, "tag": o.Tag, "properties": propertiesFilter(o.Properties), "listViewType": string(o.View)} {
		if value != "" {
			query.Set(name, value)
		}
	}
	all := list[T](ctx, j.c, request{op: operation{"list", "jobs", ""}, url: j.c.armURL("jobs"), query: query, pages: o.pages})
	if o.ExperimentName == "" {
		return all
	}
	return func(yield func(T, error) bool) {
		for job, err := range all {
			if (err != nil || strings.EqualFold(experiment(job), o.ExperimentName)) && !yield(job, err) {
				return
			}
		}
	}
}

// JobStatus is the state of a job. A status that this package does not know means that the job goes
// on.
type JobStatus string

// The statuses that the service documents. Completed, Failed and Canceled are the ends of a batch
// job.
const (
	JobStatusNotStarted      JobStatus = "NotStarted"      // accepted, nothing done yet
	JobStatusStarting        JobStatus = "Starting"        // being set up
	JobStatusProvisioning    JobStatus = "Provisioning"    // waiting for compute
	JobStatusPreparing       JobStatus = "Preparing"       // the first status; images are built, data is mounted
	JobStatusQueued          JobStatus = "Queued"          // waiting for free nodes, or for nodes to start
	JobStatusRunning         JobStatus = "Running"         // the script of a batch job may still be queued
	JobStatusFinalizing      JobStatus = "Finalizing"      // outputs and logs are being collected
	JobStatusCancelRequested JobStatus = "CancelRequested" // a cancellation was requested
	JobStatusCompleted       JobStatus = "Completed"       // ended; files may have failed all the same, see [JobsClient.Counts]
	JobStatusFailed          JobStatus = "Failed"          // ended; [JobFailedError] says why
	JobStatusCanceled        JobStatus = "Canceled"        // ended by a cancellation, or because nodes were lost
	JobStatusNotResponding   JobStatus = "NotResponding"   // no word from the nodes; it may recover
	JobStatusPaused          JobStatus = "Paused"          // paused
	JobStatusUnknown         JobStatus = "Unknown"         // the service does not know
)

// Done reports whether the job has ended: Completed, Failed or Canceled.
func (s JobStatus) Done() bool {
	return s == JobStatusCompleted || s == JobStatusFailed || s == JobStatusCanceled
}

// runParameters reads azureml.parameters, JSON as text: since 2023 the only place that shows the
// resolved file name. All recorded values are text; any other is returned as its JSON.
func runParameters(properties map[string]string) map[string]string {
	p := map[string]string{}
	err := wire.EachMember([]byte(properties["azureml.parameters"]), func(name string, value []byte) error {
		text, err := wire.Unquote(value)
		if err != nil && !wire.IsNull(value) {
			text = string(value)
		}
		p[name] = text
		return nil
	})
	if err != nil {
		return nil
	}
	return p
}

// jobResult is the Result in a job's resume token.
var jobResult = reflect.TypeFor[Job]().Name()
