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

// A Job is a job as ARM shows it. A batch job is a pipeline job with one step, which runs the script and owns outputs
// and logs. Inputs and Outputs are empty here for a batch job: [BatchJob] has them.
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
	// Extra holds members that this version does not know, by JSON Pointer; among them what the other job types have.
	Extra map[string]json.RawMessage
}

// UnmarshalJSON implements [json.Unmarshaler].
func (j *Job) UnmarshalJSON(b []byte) error { return wire.Decode(b, j) }

// MarshalJSON implements [json.Marshaler].
func (j Job) MarshalJSON() ([]byte, error) { return wire.Encode(j, wire.ForCaller) }

// String is what fmt prints: the fields that are set, without secrets.
func (j Job) String() string { return printed(j) }

// IsBatch reports whether the job was started by invoking a model deployment of a batch endpoint.
func (j Job) IsBatch() bool {
	return j.Tags["azureml.batchrun"] == "true" && j.Tags["azureml.jobtype"] != "azureml.pipelinejob"
}

// Parameters is the effective configuration of a batch job; see [BatchJob.Parameters].
func (j Job) Parameters() map[string]string { return runParameters(j.Properties) }

// StudioURL opens the job in the studio. Empty when the service gave none.
func (j Job) StudioURL() string { return j.Services["Studio"].Endpoint }

// JobService is where people watch a job. Its name, "Studio" or "Tracking", is the key in the job's Services.
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
	// Extra holds members that this version does not know, and the type, which the two APIs call by different names.
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

// ListJobsOptions narrow [JobsClient.List] and [JobsClient.ListSummaries]. The zero value lists all active jobs of the
// workspace, of every type.
type ListJobsOptions struct {
	// ExperimentName keeps the jobs of one experiment; for batch jobs that is the endpoint's name. The service has no such
	// filter, so the client applies it, and all pages are read.
	ExperimentName string
	// JobType asks for one type, for example "Pipeline".
	JobType string
	// Tag asks for jobs with the tag of this name.
	Tag string
	// Properties asks for jobs that have all of these properties. An empty value asks for the name alone.
	Properties map[string]string
	// View is [ListViewActiveOnly] when empty.
	View ListView

	pages *int // counts the requests
}

// List iterates over the jobs of the workspace, a page at a time as the loop asks for more.
func (j JobsClient) List(ctx context.Context, options *ListJobsOptions) iter.Seq2[Job, error] {
	return listJobs(ctx, j, options, func(job Job) string { return job.ExperimentName })
}

// Cancel stops a job and waits until the service has carried that out; the job's status then goes to Canceled. Output and
// logs written so far stay. A missing job is [ErrNotFound].
func (j JobsClient) Cancel(ctx context.Context, name string, options *WaitOptions) error {
	p, err := j.BeginCancel(ctx, name)
	_, err = untilDone(ctx, p, err, options)
	return err
}

// BeginCancel is [JobsClient.Cancel] without the waiting: it returns when the service has accepted the request.
func (j JobsClient) BeginCancel(ctx context.Context, name string) (*Poller[Nothing], error) {
	return beginOperation[Nothing](ctx, j.c, j.request(http.MethodPost, "cancel", name, "cancel"))
}

// Delete deletes the record of a job and waits until that is done. Its outputs stay in storage.
func (j JobsClient) Delete(ctx context.Context, name string, options *WaitOptions) error {
	p, err := j.BeginDelete(ctx, name)
	_, err = untilDone(ctx, p, err, options)
	return err
}

// BeginDelete is [JobsClient.Delete] without the waiting: it returns when the service has accepted the request.
func (j JobsClient) BeginDelete(ctx context.Context, name string) (*Poller[Nothing], error) {
	return beginOperation[Nothing](ctx, j.c, j.request(http.MethodDelete, "delete", name))
}

// Wait follows a job to its end and returns it. It blocks, asks once per interval (a quarter of a second at first, up to
// five seconds for long jobs), and stops at once when ctx ends; the job itself goes on then, see [JobsClient.Cancel].
//
// A job that ends as Failed or Canceled is an [*JobFailedError] with the user's own traceback where the job left one. A
// Completed job can still have files that failed, and does not show it: with an error threshold of -1, the default, the
// service ignores them. [JobsClient.Counts] tells, and so does the last call of OnProgress.
//
// A job that does not exist is [ErrNotFound] after five seconds: one that was invoked a moment ago may show late.
//
// With OnProgress, each poll makes one request more, for Progress.Counts; it puts off the next poll by a second at most, and
// where it fails the counts are nil.
func (j JobsClient) Wait(ctx context.Context, name string, options *WaitOptions) (Job, error) {
	p, err := j.Poller(name)
	if err != nil {
		return Job{}, err
	}
	return p.PollUntilDone(ctx, options)
}

// Poller returns a poller for a job, for callers that schedule their polls themselves. It sends nothing.
func (j JobsClient) Poller(name string) (*Poller[Job], error) {
	op := operation{"wait for", "job", name}
	if err := checkName(op, "name", name); err != nil {
		return nil, err
	}
	if err := j.c.ready(op); err != nil {
		return nil, err
	}
	return newPoller(j.c, op, &jobHandler{jobs: j, name: name}, jobSchedule), nil
}

// jobHandler follows a job through ARM: one request a poll, with the management token that the client has anyway.
type jobHandler struct {
	jobs  JobsClient
	name  string
	job   Job
	files *jobCounter // made when somebody wants to know
	began time.Time   // when it was asked for first
}

// jobAppears is how long a job that is not there is waited for: the management plane shows one about a second after its
// invocation (a recording of 2026 has it after one second; how late it can be is not evidenced).
const jobAppears = 5 * time.Second

// startedJobAppears is jobAppears for a job that this client has started itself.
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

// ask reads the job. How it ended is not an error here.
func (h *jobHandler) ask(ctx context.Context) (pollState, error) {
	r := h.jobs.request(http.MethodGet, "wait for", h.name)
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

// A JobSummary is how a job is doing: the few members of a [Job] that a list or a watch of many jobs shows. It is not sent
// back, so what it leaves out is not kept.
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

// UnmarshalJSON implements [json.Unmarshaler]. It reads the JSON of a [Job].
func (s *JobSummary) UnmarshalJSON(b []byte) error { return wire.Decode(b, s) }

// MarshalJSON implements [json.Marshaler].
func (s JobSummary) MarshalJSON() ([]byte, error) { return wire.Encode(s, wire.ForCaller) }

// ListSummaries is a cheaper [JobsClient.List] that yields only the name, status and times of each job. It makes the same
// requests, in the same order, and takes a small part of the time and memory.
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

// JobStatus is the state of a job. A status that this package does not know means that the job still goes on.
type JobStatus string

// The statuses that the service documents. Completed, Failed and Canceled are the ends of a batch job.
const (
	JobStatusNotStarted      JobStatus = "NotStarted"      // taken by the service, nothing done yet
	JobStatusStarting        JobStatus = "Starting"        // being set up
	JobStatusProvisioning    JobStatus = "Provisioning"    // waiting for compute to be made
	JobStatusPreparing       JobStatus = "Preparing"       // the state of the answer to an invocation; images are built and data is mounted
	JobStatusQueued          JobStatus = "Queued"          // waiting for nodes; free ones, or ones that have to start first
	JobStatusRunning         JobStatus = "Running"         // of a batch job it says nothing about the script: its step may still be queued
	JobStatusFinalizing      JobStatus = "Finalizing"      // outputs and logs are collected
	JobStatusCancelRequested JobStatus = "CancelRequested" // somebody has asked for its end
	JobStatusCompleted       JobStatus = "Completed"       // ended; files may have failed all the same, see [JobsClient.Counts]
	JobStatusFailed          JobStatus = "Failed"          // ended; [JobFailedError] says why
	JobStatusCanceled        JobStatus = "Canceled"        // ended because somebody asked for it, or the nodes were lost
	JobStatusNotResponding   JobStatus = "NotResponding"   // the nodes have not been heard of; it may come back
	JobStatusPaused          JobStatus = "Paused"          // stopped for the time being
	JobStatusUnknown         JobStatus = "Unknown"         // the service does not know
)

// Done reports whether the job has ended: Completed, Failed or Canceled.
func (s JobStatus) Done() bool {
	return s == JobStatusCompleted || s == JobStatusFailed || s == JobStatusCanceled
}

// runParameters reads azureml.parameters, JSON as text: the only place where the resolved file name shows since 2023. All
// values on record are text; one of another kind is given as it stands, and costs none of the others.
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

// jobResult is the Result of a job's token.
var jobResult = reflect.TypeFor[Job]().Name()
