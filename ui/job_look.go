package ui

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// maxOutputs is how many files of a job's output its page lists.
const maxOutputs = 100

// look brings the details of a job up to date. What cannot be read is told among the problems and does
// not hide the rest; only the end of the context is an error. A job that has ended is read once more,
// and then never again, unless something could not be read.
func (d *jobDetails) look(ctx context.Context, client *azmlbatch.Client, job azmlbatch.Job, now time.Time) error {
	ended := job.Status.Done()
	if d.final || now.Sub(d.read) < detailsStay && d.after == ended {
		return nil
	}
	d.problems = nil
	parts := []struct {
		what string
		read func(context.Context, *azmlbatch.Client, azmlbatch.Job) error
	}{
		{"Inputs and outputs", d.readBatch}, {"Cause", d.readFailure}, {"Counts", d.readCounts}, {"Logs", d.readLogs},
		{"Steps", d.readSteps}, {"Output files", d.readOutputs},
	}
	for _, part := range parts {
		err := part.read(ctx, client, job)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && (ended || !errors.Is(err, azmlbatch.ErrNotFound)) { // a job that goes on may not have it yet
			d.problems = append(d.problems, part.what+": "+errorText(err))
		}
	}
	d.timeline.observe(now, d.counts, ended)
	d.read, d.after = now, ended
	d.final = ended && len(d.problems) == 0 && d.whole()
	return nil
}

// readBatch reads the job as its endpoint shows it, once.
func (d *jobDetails) readBatch(ctx context.Context, client *azmlbatch.Client, job azmlbatch.Job) error {
	endpoint, _ := startedBy(job)
	if d.batch != nil || endpoint == "" {
		return nil
	}
	batch, err := client.Endpoints().GetJob(ctx, endpoint, job.Name)
	if errors.Is(err, azmlbatch.ErrNotFound) {
		err = nil // the endpoint was deleted, and its jobs stay
	}
	if err == nil {
		d.batch = &batch
	}
	return err
}

// readFailure finds out why a job failed, once.
func (d *jobDetails) readFailure(ctx context.Context, client *azmlbatch.Client, job azmlbatch.Job) error {
	failed := job.Status.Done() && job.Status != azmlbatch.JobStatusCompleted
	if failed && d.failure == nil {
		_, err := client.Jobs().Wait(ctx, job.Name, nil) // it has ended, so this does not wait
		if !errors.As(err, &d.failure) {
			return err
		}
	}
	return nil
}

func (d *jobDetails) readCounts(ctx context.Context, client *azmlbatch.Client, job azmlbatch.Job) error {
	if !job.IsBatch() {
		return nil
	}
	err := d.count(ctx, client, job.Name, job.Status)
	if errors.Is(err, azmlbatch.ErrNotFound) {
		return nil // it failed before its script began
	}
	return err
}

// readLogs reads what was added to the logs that tell of the progress.
func (d *jobDetails) readLogs(ctx context.Context, client *azmlbatch.Client, job azmlbatch.Job) error {
	var logs []azmlbatch.JobLog
	for l, err := range client.Jobs().ListLogs(ctx, job.Name) {
		if errors.Is(err, azmlbatch.ErrNotFound) {
			return nil // no step has run
		}
		if err != nil {
			return err
		}
		logs = append(logs, l)
	}
	for _, l := range logs {
		var add func([]byte)
		switch {
		case l.Name == reportLog:
			add = d.report.add
		case strings.HasPrefix(l.Name, overviewLogs):
			add = d.timeline.addOverview
		default:
			continue
		}
		if d.reads[l.Name] == nil {
			d.reads[l.Name] = &logReader{}
		}
		part, err := d.reads[l.Name].next(ctx, client.Jobs(), l, job.Status.Done())
		if err != nil {
			return err
		}
		add(part)
	}
	return d.workers.look(ctx, client.Jobs(), logs)
}

// whole reports whether the logs were read to their end.
func (d *jobDetails) whole() bool {
	for _, r := range d.reads {
		if r.read < r.size {
			return false
		}
	}
	return true
}

// readSteps reads the steps of a pipeline. A batch job of a model has one step, which is no news.
func (d *jobDetails) readSteps(ctx context.Context, client *azmlbatch.Client, job azmlbatch.Job) error {
	if job.IsBatch() || !strings.EqualFold(job.JobType, "Pipeline") {
		return nil
	}
	var steps []azmlbatch.JobStep
	for step, err := range client.Jobs().ListSteps(ctx, job.Name) {
		if err != nil {
			return err
		}
		steps = append(steps, step)
	}
	d.steps = steps
	return nil
}

// readOutputs lists the files of the output.
func (d *jobDetails) readOutputs(ctx context.Context, client *azmlbatch.Client, job azmlbatch.Job) error {
	if endpoint, _ := startedBy(job); endpoint == "" {
		return nil // only jobs of endpoints have outputs that the client can list
	}
	d.outputs, d.more = nil, false
	for f, err := range client.Jobs().ListOutputs(ctx, job.Name) {
		if errors.Is(err, azmlbatch.ErrNotFound) {
			return nil // there is none yet, or the job failed before
		}
		if err != nil {
			return err
		}
		if d.more = len(d.outputs) == maxOutputs; d.more {
			break
		}
		d.outputs = append(d.outputs, f)
	}
	return nil
}

// observe adds what the counts say now.
func (t *timeline) observe(now time.Time, counts azmlbatch.JobCounts, ended bool) {
	if counts.MiniBatchesDone >= 0 && !ended {
		t.add(sample{now, counts.MiniBatchesDone}, max(0, counts.MiniBatches))
	}
}
