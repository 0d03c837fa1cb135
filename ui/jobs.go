package ui

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azmlbatch/azmlbatch"
)

// jobsPage lists the jobs of the workspace, the newest first.
var jobsPage = page{pattern: "/jobs", template: "jobs.html", load: loadJobs}

// jobsPerPage is how many jobs a page of the list shows.
const jobsPerPage = 50

// jobsView is what the list of jobs shows.
type jobsView struct {
	Query    jobQuery
	Statuses []azmlbatch.JobStatus
	// Endpoints are offered to the filter.
	Endpoints []string
	Jobs      []listedJob
	From, To  int // numbers of the first and the last job shown, counted from 1
	// Looked is how many jobs were looked at. Whole says that there are no others, and Full that there
	// are, but no page lists them.
	Looked      int
	Whole, Full bool
	// Newer and Older are the queries of the neighbouring pages; empty if there is none. Further says
	// that it is not known yet whether older jobs fit.
	Newer, Older string
	Further      bool
}

// A listedJob is a row of the list.
type listedJob struct {
	jobRow
	Took   time.Duration
	Counts azmlbatch.JobCounts // -1 for what is not known yet
	Bar    bar
}

// jobStatuses are those that the filter offers.
var jobStatuses = []azmlbatch.JobStatus{azmlbatch.JobStatusRunning, azmlbatch.JobStatusQueued, azmlbatch.JobStatusPreparing,
	azmlbatch.JobStatusCompleted, azmlbatch.JobStatusFailed, azmlbatch.JobStatusCanceled}

func loadJobs(ctx context.Context, h *Handler, v visit) (view, error) {
	q := readJobQuery(v.query)
	skip, _ := strconv.Atoi(v.query.Get("skip")) // no number is 0
	skip = max(0, skip)
	found, err := h.jobs.find(ctx, q, skip, jobsPerPage)
	if err != nil {
		return view{}, err
	}
	data := jobsView{Query: q, Statuses: jobStatuses, Endpoints: found.endpoints, Looked: found.looked,
		Whole: found.whole && !found.full, Full: found.full, From: skip + 1, To: skip + len(found.rows)}
	for _, row := range found.rows {
		data.Jobs = append(data.Jobs, listedJob{jobRow: row, Took: row.Duration(h.now()), Counts: unknownCounts})
	}
	h.countListed(ctx, data.Jobs)
	if skip > 0 {
		data.Newer = withSkip(v.query, skip-jobsPerPage)
	}
	if found.more || !found.whole {
		data.Older, data.Further = withSkip(v.query, skip+len(found.rows)), !found.more
	}
	return view{title: "Jobs", section: "Jobs", live: true, data: data}, nil
}

// countListed fills in the files of the jobs shown, as far as they are known. For the others it asks
// within the bounds of one view, the running ones first; the next round asks on.
func (h *Handler) countListed(ctx context.Context, jobs []listedJob) {
	var group errgroup.Group
	group.SetLimit(readsAtOnce)
	for _, ended := range []bool{false, true} {
		for i := range jobs {
			if j := &jobs[i]; j.Batch && j.Status.Done() == ended {
				group.Go(func() error {
					j.Counts = h.details.counts(ctx, j.Name, j.Status)
					j.Bar = newBar(j.Counts)
					return nil
				})
			}
		}
	}
	_ = group.Wait() // counts has no errors
}

// readJobQuery reads the filters of the address. What cannot be read is no filter.
func readJobQuery(query url.Values) jobQuery {
	day := func(name string) time.Time {
		t, _ := time.Parse(time.DateOnly, query.Get(name)) // no date is the zero time
		return t
	}
	q := jobQuery{Endpoint: query.Get("endpoint"), Deployment: query.Get("deployment"),
		Status: azmlbatch.JobStatus(query.Get("status")), After: day("after"), Before: day("until")}
	if !q.Before.IsZero() {
		q.Before = q.Before.AddDate(0, 0, 1) // the day itself is in
	}
	return q
}

// Day is a date as forms take it; empty for the zero time.
func (q jobQuery) Day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// Until is the last day that the query lets in.
func (q jobQuery) Until() string {
	if q.Before.IsZero() {
		return ""
	}
	return q.Day(q.Before.AddDate(0, 0, -1))
}

// withSkip is a query for another page of the list.
func withSkip(query url.Values, skip int) string {
	other := url.Values{}
	for name, values := range query {
		other[name] = values
	}
	other.Del("skip")
	if skip > 0 {
		other.Set("skip", strconv.Itoa(skip))
	}
	return "?" + other.Encode()
}
