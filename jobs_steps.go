package azmlbatch

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A JobStep is a step of a job, from run history. ARM shows no properties of steps.
type JobStep struct {
	// Name of the step in its pipeline: "batchscoring" for the step that runs the script.
	Name string
	// Job that the step belongs to.
	Job string
	// RunID is the id of the step's run.
	RunID string
	// Status of the step.
	Status JobStatus
	// StartTime and EndTime are zero until the step has started and ended.
	StartTime, EndTime time.Time
	// Properties are the service's own. A reused step has azureml.isreused and azureml.reusedrunid.
	Properties map[string]string
	// Message is the service's own text for a failed step, without the code. Empty otherwise.
	Message string
}

// artifacts is the run that has the step's outputs and logs: another one if the step was reused.
func (s JobStep) artifacts() string {
	return cmp.Or(s.Properties["azureml.reusedrunid"], s.RunID)
}

// ListSteps iterates over the steps of a job. A job that has not started yet has none. It makes one
// request per page, and two more the first time, to find run history's host.
func (j JobsClient) ListSteps(ctx context.Context, name string) iter.Seq2[JobStep, error] {
	op := operation{"list steps of", "job", name}
	return inLoop(j.c, op, func(yield func(JobStep, error) bool) {
		if err := checkName(op, "name", name); err != nil {
			yield(JobStep{}, err)
			return
		}
		u, err := j.c.dataPlaneURL(ctx, "history/v1.0", "runs", name, "children")
		if err != nil {
			yield(JobStep{}, err)
			return
		}
		for r, err := range list[run](ctx, j.c, request{op: op, plane: j.c.data, url: u, query: url.Values{"api-version": {"v1.0"}}}) {
			if !yield(r.step(), err) {
				return
			}
		}
	})
}

// run is the part of a run of run history that this package reads. A value that does not fit, such
// as a time without a zone, is dropped.
type run struct {
	RunID       string            `wire:"runId"`
	Type        string            `wire:"runType"`
	ParentRunID string            `wire:"parentRunId"`
	Status      JobStatus         `wire:"status"`
	DisplayName string            `wire:"displayName"`
	Name        string            `wire:"name"`
	Start       time.Time         `wire:"startTimeUtc"`
	End         time.Time         `wire:"endTimeUtc"`
	Properties  map[string]string `wire:"properties"`
	Error       string            `wire:"error/error/message"`
}

func (r run) step() JobStep {
	return JobStep{RunID: r.RunID, Job: r.ParentRunID, Status: r.Status, Properties: r.Properties,
		Name:      cmp.Or(r.DisplayName, r.Properties["azureml.moduleName"], r.Name),
		StartTime: r.Start, EndTime: r.End, Message: strings.TrimSpace(redact(r.Error))}
}

// scoringStep finds the step that runs the script: the one called batchscoring, else the only one,
// else the run itself if it is a step or a command job.
func (j JobsClient) scoringStep(ctx context.Context, name string) (JobStep, error) {
	steps, err := j.steps(ctx, name)
	switch at := slices.IndexFunc(steps, JobStep.scores); {
	case err != nil:
		return JobStep{}, err
	case at >= 0:
		return steps[at], nil
	case len(steps) == 1:
		return steps[0], nil
	case len(steps) == 0:
		return j.ownStep(ctx, name)
	}
	return JobStep{}, noScoringStep(name)
}

func (s JobStep) scores() bool {
	return strings.EqualFold(s.Name, scoringStepName) || strings.EqualFold(s.Properties["azureml.moduleName"], scoringStepName)
}

func (j JobsClient) steps(ctx context.Context, name string) (steps []JobStep, err error) {
	for s, err := range j.ListSteps(ctx, name) {
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// ownStep is a run without steps, as a step: a step of a pipeline, or a command job. A pipeline
// without steps has not started yet.
func (j JobsClient) ownStep(ctx context.Context, name string) (JobStep, error) {
	r, err := j.run(ctx, name)
	if err != nil {
		return JobStep{}, err
	}
	if r.Type == "" || strings.EqualFold(r.Type, "azureml.PipelineRun") {
		return JobStep{}, noScoringStep(name)
	}
	return r.step(), nil
}

// run reads the run of a job or step.
func (j JobsClient) run(ctx context.Context, name string) (r run, err error) {
	op := operation{"get", "run", name}
	u, err := j.c.dataPlaneURL(ctx, "history/v1.0", "runs", name)
	if err != nil {
		return r, err
	}
	resp, err := j.c.send(ctx, request{op: op, plane: j.c.data, method: http.MethodGet, url: u, query: url.Values{"api-version": {"v1.0"}}})
	if err != nil {
		return r, err
	}
	return r, decodeBody(op, resp, &r)
}

// failedStep finds the step whose logs say why a job failed: the one that runs the script, else the
// first that failed, also within steps that are pipelines themselves.
func (j JobsClient) failedStep(ctx context.Context, name string) (JobStep, error) {
	steps, err := j.steps(ctx, name)
	if err != nil {
		return JobStep{}, err
	}
	if at := slices.IndexFunc(steps, JobStep.scores); at >= 0 {
		return steps[at], nil
	}
	for _, s := range steps {
		if s.Status != JobStatusFailed {
			continue
		}
		if inner, err := j.failedStep(ctx, s.RunID); err == nil {
			return inner, nil
		}
		return s, nil
	}
	if len(steps) == 0 {
		return j.ownStep(ctx, name)
	}
	return JobStep{}, noScoringStep(name)
}

func noScoringStep(name string) error {
	return operation{"find the scoring step of", "job", name}.found(errNoScoringStep, "the job has no step called "+scoringStepName,
		"it may not have started yet; for a pipeline of several steps, pass the RunID of a step of ListSteps")
}

// errNoScoringStep says that a job exists, but not the step that runs its script.
var errNoScoringStep = fmt.Errorf("no scoring step: %w", ErrNotFound)

const scoringStepName = "batchscoring"
