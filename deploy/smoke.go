package deploy

import (
	"context"
	"errors"
	"fmt"

	"github.com/azmlbatch/azmlbatch"
)

// A SmokeTest is a deployment that has scored the smoke input well.
type SmokeTest struct {
	// Endpoint of the deployment.
	Endpoint string
	// Deployment that was tested.
	Deployment string
	// Job that scored the input.
	Job string
	// Files is how many it scored; -1 if nothing tells, as of a pipeline.
	Files int
	// Rows is how many rows of predictions it left; for a pipeline, and for a script that writes
	// files of its own, how many files.
	Rows int
}

// A SmokeError is a deployment that did not score the smoke input. The default deployment is what
// it was, and a new deployment stays for inspection. Where the default deployment itself was
// changed in place, it has its old definition again, unless somebody else has changed it since.
type SmokeError struct {
	// Endpoint of the deployment.
	Endpoint string
	// Deployment that was tested.
	Deployment string
	// Job that failed; empty if none was started.
	Job string
	// Problem says what is wrong with the result; empty if Err says it.
	Problem string
	// Default is the endpoint's default deployment, which was not changed; may be empty.
	Default string
	// Restored says that the deployment was the default before it was changed, and was put back to
	// what it was.
	Restored bool
	// Skipped says that the test did not begin, because another step had failed or ctx had ended.
	Skipped bool
	// Err is the cause: *[azmlbatch.JobFailedError] with the script's traceback for a job that
	// failed. Nil when the job went well and its result is the problem.
	Err error
}

// Error names deployment, job, problem and default on the first line; the traceback of the script
// follows.
func (e *SmokeError) Error() string {
	stays := "the endpoint still has no default deployment"
	if e.Default != "" {
		stays = fmt.Sprintf("%q is still the default deployment", e.Default)
	}
	if e.Restored {
		stays = "it is again what it was before the change"
	}
	job := ""
	if e.Job != "" {
		job = fmt.Sprintf(" (job %s)", e.Job)
	}
	problem := e.Problem
	if e.Err != nil {
		problem = e.Err.Error()
	}
	outcome := "failed" + job
	if e.Skipped {
		outcome = "did not begin"
	}
	return fmt.Sprintf("the smoke test of deployment %q %s, and %s: %s", e.Endpoint+"/"+e.Deployment, outcome, stays, problem)
}

// Unwrap returns the cause, which may be nil.
func (e *SmokeError) Unwrap() error { return e.Err }

// addRollout adds the steps that follow the deployments of an endpoint.
func (a *applier) addRollout(r *rollout) {
	after := a.needs(nil, r.endpoint)
	for _, d := range a.deploymentsOf(r.endpoint) {
		after = a.needs(after, d)
	}
	var tests []*step
	for _, d := range r.tests {
		d.marked = d.before != nil && r.from == d.want.Deployment.Name
		test := a.add("test "+d.part().String(), a.needs(a.needs(nil, r.endpoint), d), func(ctx context.Context, s *step) error {
			return a.test(ctx, s, d)
		})
		test.undo = func(ctx context.Context) error { return a.untested(ctx, d) }
		tests = append(tests, test)
	}
	after = append(after, tests...)
	name := r.endpoint.want.Name
	if r.target != "" {
		step := a.add(fmt.Sprintf("make %q the default deployment of endpoint %q", r.target, name), after, func(ctx context.Context, s *step) error {
			return a.switchDefault(ctx, s, r)
		})
		after = append(after, step)
	}
	for _, old := range r.remove {
		a.add("delete "+part{kind: kindDeployment, name: name + "/" + old}.String(), after, func(ctx context.Context, s *step) error {
			return a.remove(ctx, s, name, old)
		})
	}
}

// switchDefault makes the target the default, unless somebody else has chosen another one since the
// plan.
func (a *applier) switchDefault(ctx context.Context, s *step, r *rollout) error {
	name := r.endpoint.want.Name
	endpoint, err := a.client.Endpoints().Get(ctx, name)
	if err != nil {
		return err
	}
	if found := endpoint.DefaultDeployment; found != r.from && found != r.target {
		return &ConflictError{Resource: r.endpoint.part().String(), Fields: []FieldChange{{Field: "DefaultDeployment", Old: orNothing(found), New: r.target}}}
	}
	_, err = a.client.Endpoints().SetDefaultDeployment(ctx, name, r.target, s.waiting())
	return err
}

// remove deletes an old deployment, unless it has become the default since the plan.
func (a *applier) remove(ctx context.Context, s *step, endpoint, name string) error {
	now, err := a.client.Endpoints().Get(ctx, endpoint)
	if err != nil {
		return err
	}
	if now.DefaultDeployment == name {
		return &ConflictError{Resource: part{kind: kindDeployment, name: endpoint + "/" + name}.String()}
	}
	_, err = found(azmlbatch.Nothing{}, a.client.Deployments(endpoint).Delete(ctx, name, s.waiting()))
	return err
}

// test lets a deployment score the smoke input. If anything goes wrong, also the end of ctx, the
// default deployment gets its old definition again.
func (a *applier) test(ctx context.Context, s *step, d *deploymentItem) error {
	tested, problem, err := a.score(ctx, s, d)
	if problem == "" && err == nil {
		if err := a.markPassed(ctx, s, d); err != nil {
			return err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.result.Tests = append(a.result.Tests, tested)
		return nil
	}
	smoke := &SmokeError{Endpoint: tested.Endpoint, Deployment: tested.Deployment, Job: tested.Job, Problem: problem,
		Default: d.endpoint.currentDefault(), Err: err}
	return smoke.with(a.restoreDefault(ctx, smoke, d))
}

// untested puts the default deployment back whose test did not begin.
func (a *applier) untested(ctx context.Context, d *deploymentItem) error {
	if s := a.byItem[d]; s != nil {
		<-s.done // the end of ctx ends it, too
	}
	smoke := &SmokeError{Endpoint: d.want.Endpoint, Deployment: d.want.Deployment.Name, Problem: "another step failed",
		Default: d.endpoint.currentDefault(), Skipped: true, Err: context.Cause(ctx)}
	failed := a.restoreDefault(ctx, smoke, d)
	if failed == nil && !smoke.Restored {
		return nil // there was nothing to put back
	}
	return smoke.with(failed)
}

// with adds why the default deployment could not be put back, if it could not.
func (e *SmokeError) with(failed error) error {
	if failed != nil {
		return errors.Join(e, fmt.Errorf("it is the default deployment, and putting it back to what it was failed: %w", failed))
	}
	return e
}

// score runs the job of a test and looks at what it left. The problem says what is wrong with the
// result of a job that went well.
func (a *applier) score(ctx context.Context, s *step, d *deploymentItem) (tested SmokeTest, problem string, err error) {
	tested = SmokeTest{Endpoint: d.want.Endpoint, Deployment: d.want.Deployment.Name}
	deployment, err := a.client.Deployments(tested.Endpoint).Get(ctx, tested.Deployment)
	if err != nil {
		return tested, "", err
	}
	key, err := a.smokeKey(ctx, d, deployment)
	if err != nil {
		return tested, "", err
	}
	if tested.Job, err = a.smokeJob(ctx, s, d, key); err != nil {
		return tested, "", err
	}
	problem, err = a.judge(ctx, &tested, deployment)
	return tested, problem, err
}
