package deploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// The job of a smoke test.

// smokeKey is the key of the test's job. It follows from the deployment as it is and from the
// input, so that an Apply that was broken off finds the job that it had started, and a changed
// deployment is tested anew.
func (p *planner) smokeKey(ctx context.Context, d *deploymentItem, have azmlbatch.Deployment) (string, error) {
	changed := have.SystemData.LastModifiedAt
	if changed.IsZero() {
		changed = have.SystemData.CreatedAt
	}
	text := []string{d.part().name, changed.UTC().Format(time.RFC3339Nano)}
	for _, name := range slices.Sorted(maps.Keys(p.smokeInputs())) {
		input, err := inputIdentity(ctx, p.smokeInputs()[name])
		if err != nil {
			return "", err
		}
		if name != "" {
			input = name + " " + input
		}
		text = append(text, input)
	}
	sum := sha256.Sum256([]byte(strings.Join(text, "\n")))
	return "smoke-" + hex.EncodeToString(sum[:12]), nil
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
	invocation := azmlbatch.Invocation{Deployment: d.want.Deployment.Name, Key: key, DisplayName: "smoke test of " + d.want.Deployment.Name,
		Input: a.planner.options.SmokeInput, Inputs: a.planner.options.SmokeInputs}
	if _, ok := pipelineComponent(d.want.Deployment); ok {
		if err := a.addPipelineData(ctx, d, &invocation); err != nil {
			return "", err
		}
	}
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

// leavesFiles reports whether the jobs of a deployment leave files and no rows: those of a pipeline,
// and of a script that writes files of its own.
func leavesFiles(d azmlbatch.Deployment) bool {
	_, pipeline := pipelineComponent(d)
	return pipeline || strings.EqualFold(string(d.OutputAction), string(azmlbatch.OutputActionSummaryOnly))
}

// countRows counts the rows of a job, or the files.
func (p *planner) countRows(ctx context.Context, job string, d azmlbatch.Deployment) (n int, err error) {
	if leavesFiles(d) {
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

// judge looks at what the job of a test left, and notes it.
func (p *planner) judge(ctx context.Context, tested *SmokeTest, d azmlbatch.Deployment) (problem string, err error) {
	tested.Files = -1 // of a pipeline
	if _, ok := pipelineComponent(d); !ok {
		counts, err := p.client.Jobs().Counts(ctx, tested.Job)
		if err != nil {
			return "", err
		}
		if counts.FilesFailed > 0 {
			return fmt.Sprintf("%d of %d files failed, which the error threshold of the deployment ignores", counts.FilesFailed, counts.Files), nil
		}
		tested.Files = counts.Files
	}
	if tested.Rows, err = p.countRows(ctx, tested.Job, d); err != nil || tested.Rows > 0 {
		return "", err
	}
	if leavesFiles(d) {
		return "the job left no files in its outputs", nil
	}
	return "the job left no rows", nil
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

// hasKey reports whether a job was started with a key, or with one that was derived from it because
// its job had failed: the key is part of the place of each output.
func hasKey(job azmlbatch.BatchJob, key string) bool {
	for _, output := range job.Outputs {
		if strings.Contains(outputURI(output), "/"+key) {
			return true
		}
	}
	return false
}
