package azmlbatch

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A ChildJob is a step of a job as run history shows it. ARM shows no properties of a step at all.
type ChildJob struct {
	// Name of the step's run, its id.
	Name string
	// Parent is the job it belongs to.
	Parent string
	// StepName is the step's name in the pipeline: "batchscoring" for the step that runs the script.
	StepName string
	// Status of the step.
	Status JobStatus
	// StartTime and EndTime are zero until the step has started and ended.
	StartTime, EndTime time.Time
	// Properties are the service's own. A reused step has azureml.isreused and azureml.reusedrunid.
	Properties map[string]string
	// Err is the service's own text for a failed step, without the code. Empty otherwise.
	Err string
}

// artifacts is the run whose outputs and logs the step shows: another one when the step was reused.
func (c ChildJob) artifacts() string {
	return cmp.Or(c.Properties["azureml.reusedrunid"], c.Name)
}

// Children reads the steps of a job from run history: one request a page, plus two the first time to find its host.
func (j JobsClient) Children(ctx context.Context, name string) iter.Seq2[ChildJob, error] {
	op := operation{"list children of", "job", name}
	return func(yield func(ChildJob, error) bool) {
		if err := checkName(op, "name", name); err != nil {
			yield(ChildJob{}, err)
			return
		}
		u, err := j.c.dataPlaneURL(ctx, "history/v1.0", "runs", name, "children")
		if err != nil {
			yield(ChildJob{}, err)
			return
		}
		for r, err := range list[run](ctx, j.c, request{op: op, plane: j.c.data, url: u, query: url.Values{"api-version": {"v1.0"}}}) {
			if !yield(r.child(), err) {
				return
			}
		}
	}
}

// run is what this package reads of a run of run history. What does not fit, such as a time without a zone, is left out.
type run struct {
	RunID       string            `wire:"runId"`
	ParentRunID string            `wire:"parentRunId"`
	Status      JobStatus         `wire:"status"`
	DisplayName string            `wire:"displayName"`
	Name        string            `wire:"name"`
	Start       time.Time         `wire:"startTimeUtc"`
	End         time.Time         `wire:"endTimeUtc"`
	Properties  map[string]string `wire:"properties"`
	Error       string            `wire:"error/error/message"`
}

func (r run) child() ChildJob {
	return ChildJob{Name: r.RunID, Parent: r.ParentRunID, Status: r.Status, Properties: r.Properties,
		StepName:  cmp.Or(r.DisplayName, r.Properties["azureml.moduleName"], r.Name),
		StartTime: r.Start, EndTime: r.End, Err: strings.TrimSpace(redact(r.Error))}
}

// scoringStep finds the child that runs the script: the one called batchscoring, else the only one.
func (j JobsClient) scoringStep(ctx context.Context, name string) (ChildJob, error) {
	var children []ChildJob
	for c, err := range j.Children(ctx, name) {
		if err != nil {
			return ChildJob{}, err
		}
		children = append(children, c)
	}
	at := slices.IndexFunc(children, func(c ChildJob) bool {
		return strings.EqualFold(c.StepName, scoringStepName) || strings.EqualFold(c.Properties["azureml.moduleName"], scoringStepName)
	})
	switch {
	case at >= 0:
		return children[at], nil
	case len(children) == 1:
		return children[0], nil
	}
	return ChildJob{}, &Error{Operation: operation{"find the scoring step of", "job", name}.String(), StatusCode: http.StatusNotFound,
		Message: "the job has no step called " + scoringStepName, Remedy: "it may not have started yet, or it is not a batch job of a model deployment"}
}

const scoringStepName = "batchscoring"
