package deploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	// Files is how many it scored; -1 if nothing tells.
	Files int
	// Rows is how many rows of predictions it left; for a script that writes files of its own how
	// many files.
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
		a.mu.Lock()
		defer a.mu.Unlock()
		a.result.Tests = append(a.result.Tests, tested)
		return nil
	}
	smoke := &SmokeError{Endpoint: tested.Endpoint, Deployment: tested.Deployment, Job: tested.Job, Problem: problem,
		Default: d.endpoint.currentDefault(), Err: err}
	return a.takeBack(ctx, smoke, d)
}

// untested takes a change of the default deployment back whose test did not begin.
func (a *applier) untested(ctx context.Context, d *deploymentItem) error {
	if s := a.byItem[d]; s != nil {
		<-s.done // the end of ctx ends it, too
	}
	smoke := &SmokeError{Endpoint: d.want.Endpoint, Deployment: d.want.Deployment.Name, Problem: "another step failed",
		Default: d.endpoint.currentDefault(), Skipped: true, Err: context.Cause(ctx)}
	err := a.takeBack(ctx, smoke, d)
	if err == error(smoke) && !smoke.Restored {
		return nil // there was nothing to take back
	}
	return err
}

// takeBack puts the default deployment back to what it was, if this plan has changed it, and returns
// what there is to tell.
func (a *applier) takeBack(ctx context.Context, smoke *SmokeError, d *deploymentItem) error {
	if err := a.restoreDefault(ctx, smoke, d); err != nil {
		return errors.Join(smoke, fmt.Errorf("it is the default deployment, and putting it back to what it was failed: %w", err))
	}
	return smoke
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

// judge looks at what the job of a test left, and notes it.
func (p *planner) judge(ctx context.Context, tested *SmokeTest, d azmlbatch.Deployment) (problem string, err error) {
	counts, err := p.client.Jobs().Counts(ctx, tested.Job)
	if err != nil {
		return "", err
	}
	if counts.FilesFailed > 0 {
		return fmt.Sprintf("%d of %d files failed, which the error threshold of the deployment ignores", counts.FilesFailed, counts.Files), nil
	}
	tested.Files = counts.Files
	if tested.Rows, err = p.countRows(ctx, tested.Job, d); err == nil && tested.Rows == 0 {
		problem = "the job left no rows"
	}
	return problem, err
}

// hasPassed reports whether a deployment, as it is, has scored the smoke input well in an earlier
// run. It starts nothing.
func (p *planner) hasPassed(ctx context.Context, d *deploymentItem) (bool, error) {
	key, err := p.smokeKey(ctx, d, *d.have)
	if err != nil {
		return false, err
	}
	tested := SmokeTest{Endpoint: d.want.Endpoint, Deployment: d.want.Deployment.Name}
	for job, err := range p.client.Endpoints().ListJobs(ctx, tested.Endpoint, &azmlbatch.ListBatchJobsOptions{Deployment: tested.Deployment}) {
		if err != nil {
			return false, err
		}
		if job.Status != azmlbatch.JobStatusCompleted || !hasKey(job, key) {
			continue
		}
		tested.Job = job.Name
		problem, err := p.judge(ctx, &tested, *d.have)
		return err == nil && problem == "", err
	}
	return false, nil
}

// hasKey reports whether a job was started with a key, or with one that RerunFailed has derived from
// it: the key is part of the place of the output.
func hasKey(job azmlbatch.BatchJob, key string) bool {
	for _, output := range job.Outputs {
		if file, ok := output.(azmlbatch.URIFile); ok && strings.Contains(file.URI, "/"+key) {
			return true
		}
	}
	return false
}

// restoreTimeout bounds how long an Apply whose ctx has ended still blocks; an update takes the
// service ten to sixty seconds.
const restoreTimeout = 2 * time.Minute

// restoreDefault gives the default deployment its old definition again, where the plan has changed
// it in place, also after the end of ctx, and notes it. What somebody else has written since stays: another
// default, and another definition, which is a *[ConflictError].
func (a *applier) restoreDefault(ctx context.Context, smoke *SmokeError, d *deploymentItem) error {
	name, old := d.want.Deployment.Name, d.before
	if old == nil || !d.sent || d.endpoint.currentDefault() != name {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTimeout)
	defer cancel()
	endpoint, err := a.client.Endpoints().Get(ctx, d.want.Endpoint)
	if err != nil {
		return err
	}
	if smoke.Default = endpoint.DefaultDeployment; smoke.Default != name {
		return nil
	}
	if err := a.awaitEnd(ctx, d); err != nil || d.have == nil {
		return err
	}
	if len(changedFields(*old, *d.have, deploymentFields)) == 0 {
		return nil // the change has had no effect, or somebody else was faster
	}
	if changed := changedFields(d.resolved(), *d.have, deploymentFields); len(changed) > 0 {
		return &ConflictError{Resource: d.part().String(), Fields: changed}
	}
	_, err = a.client.Deployments(d.want.Endpoint).CreateOrUpdate(ctx, name, *old, &azmlbatch.WaitOptions{Interval: pollInterval})
	smoke.Restored = err == nil
	return err
}

// awaitEnd reads a deployment until no operation on it goes on.
func (a *applier) awaitEnd(ctx context.Context, d *deploymentItem) error {
	for {
		err := d.reread(ctx, a.client)
		if err != nil || d.have == nil || !inProgress(d.have.ProvisioningState) {
			return err
		}
		select {
		case <-time.After(pollInterval):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// smokeKey is the key of the test's job. It follows from the deployment as it is and from the
// input, so that an Apply that was broken off finds the job that it had started, and a changed
// deployment is tested anew.
func (p *planner) smokeKey(ctx context.Context, d *deploymentItem, have azmlbatch.Deployment) (string, error) {
	changed := have.SystemData.LastModifiedAt
	if changed.IsZero() {
		changed = have.SystemData.CreatedAt
	}
	input, err := inputIdentity(ctx, p.options.SmokeInput)
	text := strings.Join([]string{d.part().name, changed.UTC().Format(time.RFC3339Nano), input}, "\n")
	sum := sha256.Sum256([]byte(text))
	return "smoke-" + hex.EncodeToString(sum[:12]), err
}

// inputIdentity is a text that is the same for equal inputs, in every process.
func inputIdentity(ctx context.Context, input azmlbatch.Input) (string, error) {
	path, local := smokePath(input)
	if !local {
		b, err := json.Marshal(input)
		return fmt.Sprintf("%T %s", input, b), err
	}
	files, err := readContent(path)
	if err != nil {
		return "", badContent(part{}, "SmokeInput", err)
	}
	return files.uploadHash(ctx)
}

// smokeJob runs the job of a test to its end. One that failed in an earlier run is run again.
func (a *applier) smokeJob(ctx context.Context, s *step, d *deploymentItem, key string) (job string, err error) {
	invocation := azmlbatch.Invocation{Deployment: d.want.Deployment.Name, Input: a.planner.options.SmokeInput, Key: key, DisplayName: "smoke test of " + d.want.Deployment.Name}
	options := &azmlbatch.InvokeManyOptions{RerunFailed: true, OnStart: func(r azmlbatch.InvokeResult) { job = r.Started.Name },
		OnProgress: func(p azmlbatch.InvokeProgress) {
			a.note(s, StepProgress{State: StepStateRunning, Operation: &p.Progress})
		}}
	for r, err := range a.client.Endpoints().InvokeMany(ctx, d.want.Endpoint, slices.Values([]azmlbatch.Invocation{invocation}), options) {
		if r.Started.Name != "" {
			job = r.Started.Name
		}
		if err != nil {
			return job, err
		}
	}
	return job, nil
}

// countRows counts the rows of a job; for a script that writes files of its own the files.
func (p *planner) countRows(ctx context.Context, job string, d azmlbatch.Deployment) (n int, err error) {
	if strings.EqualFold(string(d.OutputAction), string(azmlbatch.OutputActionSummaryOnly)) {
		for _, err := range p.client.Jobs().ListOutputs(ctx, job) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
	for _, err := range azmlbatch.Rows[string](ctx, p.client, job, &azmlbatch.RowsOptions{Format: azmlbatch.RowFormatLines}) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
