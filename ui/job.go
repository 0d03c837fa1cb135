package ui

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// jobPage shows one job: first why it failed, if it did, then how far it is and with what it ran.
var jobPage = page{pattern: "/jobs/{job}", template: "job.html", load: loadJob}

// jobView is what the page of a job shows.
type jobView struct {
	Job                     azmlbatch.Job
	Title                   string
	Endpoint, Deployment    string
	Started, Ended          time.Time
	Took                    time.Duration
	Counts                  azmlbatch.JobCounts
	Bar                     bar
	FilesLeft, BatchesLeft  int // -1 if not known
	PerMinute               float64
	Left                    time.Duration // negative if not known
	ExpectedEnd             time.Time
	Chart                   progressChart
	Failure                 *azmlbatch.JobFailedError
	Traceback               []tracebackLine
	FailureRun, FailureLog  string
	Lost                    []lostMiniBatch
	LostBeyond              int
	Workers                 []worker
	Settings                []setting
	Inputs, Outputs         []place
	Files                   []azmlbatch.OutputFile
	MoreFiles               bool
	Steps                   []azmlbatch.JobStep
	Problems                []string
	StudioURL               string
	HasLogs, HasPredictions bool
	MayCancel               bool
}

// A setting is one that the job really ran with.
type setting struct{ Name, Value string }

func loadJob(ctx context.Context, h *Handler, v visit) (view, error) {
	job, err := h.client.Jobs().Get(ctx, v.path("job"))
	if err != nil {
		return view{}, err
	}
	d, done, err := h.details.of(ctx, job.Name)
	if err != nil {
		return view{}, err
	}
	defer done()
	if err := d.look(ctx, h.client, job, h.now()); err != nil {
		return view{}, err
	}
	data := newJobView(job, h.now())
	data.addProgress(d, h.now())
	data.addFailure(d)
	data.addContents(d)
	data.MayCancel = !job.Status.Done() && h.may(ctx, toCancel)
	return view{title: data.Title, section: "Jobs", live: !d.after || !d.whole(), data: data}, nil
}

func newJobView(job azmlbatch.Job, now time.Time) *jobView {
	row := jobRow{}
	row.set(job)
	data := &jobView{Job: job, Title: row.DisplayName, Endpoint: row.Endpoint, Deployment: row.Deployment, Took: row.Duration(now),
		Counts: unknownCounts, StudioURL: job.StudioURL(), Settings: settings(job.Parameters())}
	data.Started, data.Ended = executionTimes(job)
	return data
}

// addProgress says how far the job is. What is left and when it ends is of interest while it runs.
func (j *jobView) addProgress(d *jobDetails, now time.Time) {
	j.Counts, j.Bar, j.Chart = d.counts, newBar(d.counts), d.timeline.chart()
	j.FilesLeft, j.BatchesLeft, j.Left = left(d.counts.Files, d.counts.FilesDone), left(d.counts.MiniBatches, d.counts.MiniBatchesDone), -1
	j.PerMinute = d.timeline.perMinute()
	if j.Job.Status.Done() {
		return
	}
	if j.Left = d.timeline.left(); j.Left >= 0 {
		j.ExpectedEnd = now.Add(j.Left)
	}
}

func left(all, done int) int {
	if all < 0 || done < 0 {
		return -1
	}
	return max(0, all-done)
}

// addFailure says why the job failed, and which files it lost.
func (j *jobView) addFailure(d *jobDetails) {
	j.Lost, j.LostBeyond = d.report.failures(), d.report.beyond
	if d.failure == nil {
		return
	}
	j.Failure = d.failure
	j.Traceback = readTraceback(redacted(d.failure.Traceback))
	if d.failure.Traceback == "" {
		j.Traceback = nil
	}
	j.FailureRun, j.FailureLog = logOf(d.failure.Log)
	if j.Job.IsBatch() {
		j.FailureRun = j.Job.Name // its logs are those of its only step
	}
}

// addContents says what the job ran with, on and to.
func (j *jobView) addContents(d *jobDetails) {
	j.Workers, j.Steps, j.Files, j.MoreFiles = d.workers.list(&d.report), d.steps, d.outputs, d.more
	j.HasLogs = len(d.steps) == 0 && (len(d.reads) > 0 || len(d.workers) > 0 || j.Job.Status.Done()) // steps have logs of their own
	j.HasPredictions = j.Job.IsBatch()
	for _, p := range d.problems {
		j.Problems = append(j.Problems, redacted(p))
	}
	if d.batch != nil {
		j.Inputs, j.Outputs = inputPlaces(d.batch.Inputs), outputPlaces(d.batch.Outputs)
	} else {
		j.Inputs, j.Outputs = inputPlaces(j.Job.Inputs), outputPlaces(j.Job.Outputs)
	}
}

// settings are the parameters of a run in the order of their names. A value may be a URL.
func settings(parameters map[string]string) []setting {
	var all []setting
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		all = append(all, setting{name, redacted(cmp.Or(parameters[name], "(empty)"))})
	}
	return all
}
