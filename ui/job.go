package ui

import (
	"cmp"
	"context"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// jobPage shows one job: first why it failed, if it did, then how far it is and with what it ran.
var jobPage = page{pattern: "/jobs/{job}", template: "job.html", load: loadJob}

// jobView is what the page of a job shows.
type jobView struct {
	Job                  azmlbatch.Job
	Title                string
	Endpoint, Deployment string
	Started, Ended       time.Time
	Took                 time.Duration
	Counts               azmlbatch.JobCounts
	Bar                  bar
}

func loadJob(ctx context.Context, h *Handler, v visit) (view, error) {
	job, err := h.client.Jobs().Get(ctx, v.path("job"))
	if err != nil {
		return view{}, err
	}
	row := jobRow{}
	row.set(job)
	data := jobView{Job: job, Title: cmp.Or(job.DisplayName, job.Name), Endpoint: row.Endpoint, Deployment: row.Deployment, Took: row.Duration(h.now()), Counts: unknownCounts}
	data.Started, data.Ended = executionTimes(job)
	if job.IsBatch() {
		data.Counts = h.details.counts(ctx, job.Name, job.Status)
		data.Bar = newBar(data.Counts)
	}
	return view{title: data.Title, section: "Jobs", live: !job.Status.Done(), data: data}, nil
}
