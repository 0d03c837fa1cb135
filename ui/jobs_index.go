package ui

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// The bounds of the index. A look at the newest jobs and one view of old ones read so many jobs at
// most, which is a page of the service's list or a few.
const (
	maxIndexed    = 50_000      // jobs that the index holds; a job takes about half a kilobyte
	maxReadAtTop  = 500         // jobs that a look at the newest reads
	maxReadOlder  = 1_000       // older jobs that one view reads
	maxReadSingly = 4           // unfinished old jobs that a look reads one by one
	jobsStay      = time.Second // for which a look counts as new
)

// A jobRow is what the list shows of a job.
type jobRow struct {
	Name, DisplayName    string
	Endpoint, Deployment string
	Status               azmlbatch.JobStatus
	Created, Ended       time.Time // Ended is zero until the job has ended, and if it is not known
	Batch                bool      // it has files to count
	looked               int       // the look that saw it last
}

// A jobIndex holds a row for each job of the workspace, the newest first, as far as someone has wanted
// to see them. That is the order of the service's list: it is not documented, but recordings show it.
// All pages share it: however many are open, a look costs the same.
type jobIndex struct {
	client *azmlbatch.Client
	ctx    context.Context // of the handler
	turn   chan struct{}   // held by whoever uses what is below; a channel, so that a wait for it ends with its context
	rows   []*jobRow
	byName map[string]*jobRow
	older  func() (azmlbatch.Job, error, bool) // the next older job; nil before the first
	stop   func()                              // ends older
	whole  bool                                // there are no older jobs to read
	full   bool                                // there are, but the index holds no more
	limit  int                                 // of rows
	looks  int
	last   time.Time // of the last look
	now    func() time.Time
}

func newJobIndex(ctx context.Context, client *azmlbatch.Client) *jobIndex {
	return &jobIndex{client: client, ctx: ctx, turn: make(chan struct{}, 1), byName: map[string]*jobRow{}, limit: maxIndexed, now: time.Now}
}

func (x *jobIndex) lock(ctx context.Context) error {
	select {
	case x.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (x *jobIndex) unlock() { <-x.turn }

// close ends the reading of older jobs.
func (x *jobIndex) close(ctx context.Context) {
	if x.lock(ctx) == nil {
		defer x.unlock()
		x.forgetOlder()
	}
}

// A jobQuery chooses jobs. Zero fields choose all.
type jobQuery struct {
	Endpoint, Deployment string
	Status               azmlbatch.JobStatus
	After, Before        time.Time
}

func (q jobQuery) matches(r *jobRow) bool {
	return (q.Endpoint == "" || strings.EqualFold(q.Endpoint, r.Endpoint)) &&
		(q.Deployment == "" || strings.EqualFold(q.Deployment, r.Deployment)) &&
		(q.Status == "" || q.Status == r.Status) &&
		(q.After.IsZero() || !r.Created.Before(q.After)) &&
		(q.Before.IsZero() || r.Created.Before(q.Before))
}

// A jobSelection is some of the jobs that a query chooses.
type jobSelection struct {
	rows   []jobRow
	more   bool // there are further jobs after these
	looked int  // jobs that were looked at
	whole  bool // these were all jobs of the workspace, or all that the index holds
	full   bool // the workspace has more jobs than the index holds

	endpoints []string // of the jobs that were looked at, in the order of their names
}

// find returns count jobs that the query chooses, after the first skip of them. It reads as many older
// jobs as it needs, but no more than one view may.
func (x *jobIndex) find(ctx context.Context, q jobQuery, skip, count int) (jobSelection, error) {
	if err := x.lock(ctx); err != nil {
		return jobSelection{}, err
	}
	defer x.unlock()
	if err := x.look(ctx); err != nil {
		return jobSelection{}, err
	}
	var found jobSelection
	read, matched := 0, 0
	for i := 0; ; i++ {
		for ; i == len(x.rows) && !x.whole && read < maxReadOlder; read++ {
			if err := x.readOlder(ctx); err != nil {
				return jobSelection{}, err
			}
		}
		if i == len(x.rows) {
			break
		}
		if !q.matches(x.rows[i]) {
			continue
		}
		if matched++; matched > skip+count {
			found.more = true
			break
		}
		if matched > skip {
			found.rows = append(found.rows, *x.rows[i])
		}
	}
	found.looked, found.whole, found.full, found.endpoints = len(x.rows), x.whole, x.full, x.endpoints()
	return found, nil
}

// endpoints are those that jobs in the index belong to.
func (x *jobIndex) endpoints() []string {
	names := map[string]bool{}
	for _, row := range x.rows {
		if row.Endpoint != "" {
			names[row.Endpoint] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// look brings the newest jobs and the unfinished ones up to date, unless that was done a moment ago. If
// it comes to no job that the index has, the index begins anew: there may be jobs in between.
func (x *jobIndex) look(ctx context.Context) error {
	if x.now().Sub(x.last) < jobsStay {
		return nil
	}
	if len(x.rows) == 0 { // the workspace was empty, or nobody has looked yet
		x.whole = false
		return nil
	}
	x.looks++
	fresh, known, err := x.readNewest(ctx)
	switch {
	case err != nil:
		return err
	case !known:
		x.forgetOlder()
		x.rows, x.byName, x.whole, x.full = nil, map[string]*jobRow{}, false, false
		return nil
	}
	for _, row := range fresh {
		x.byName[row.Name] = row
	}
	x.rows = append(fresh, x.rows...)
	x.forgetOldest()
	x.last = x.now()
	return x.readSingly(ctx)
}

// readNewest returns the jobs that the index does not have, brings those up to date that it has, and
// reports whether there were any.
func (x *jobIndex) readNewest(ctx context.Context) (fresh []*jobRow, known bool, err error) {
	unfinished, read := x.unfinished(), 0
	met := map[string]bool{} // a job can stand on two pages of the list, when others come meanwhile
	for job, err := range x.client.Jobs().List(ctx, allJobs()) {
		if err != nil {
			return nil, false, err
		}
		if met[job.Name] {
			continue
		}
		met[job.Name] = true
		row := x.byName[job.Name]
		if row == nil {
			row = &jobRow{}
			fresh = append(fresh, row)
		} else {
			known = true
			if !row.Status.Done() {
				unfinished--
			}
		}
		row.set(job)
		row.looked = x.looks
		if read++; read >= maxReadAtTop || known && unfinished <= 0 {
			break
		}
	}
	return fresh, known, nil
}

// unfinished counts the jobs that go on.
func (x *jobIndex) unfinished() (n int) {
	for _, row := range x.rows {
		if !row.Status.Done() {
			n++
		}
	}
	return n
}

// readSingly reads some of the unfinished jobs that are too old for a look at the newest: those first
// that were not seen for the longest time.
func (x *jobIndex) readSingly(ctx context.Context) error {
	for range maxReadSingly {
		var next *jobRow
		for _, row := range x.rows {
			if !row.Status.Done() && row.looked < x.looks && (next == nil || row.looked < next.looked) {
				next = row
			}
		}
		if next == nil {
			return nil
		}
		job, err := x.client.Jobs().Get(ctx, next.Name)
		if err != nil && ctx.Err() != nil {
			return err
		}
		if next.looked = x.looks; err == nil { // a job that was deleted meanwhile stays as it was
			next.set(job)
		}
	}
	return nil
}

// readOlder adds the next older job. An error ends the reading, and the next call begins at the newest
// job again.
func (x *jobIndex) readOlder(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if x.older == nil {
		x.older, x.stop = iter.Pull2(x.client.Jobs().List(x.ctx, allJobs()))
		x.last = x.now()
	}
	job, err, ok := x.older()
	switch {
	case err != nil:
		x.forgetOlder()
		return err
	case !ok:
		x.forgetOlder()
		x.whole = true
	case x.byName[job.Name] != nil: // it came meanwhile, or stands on two pages of the list
	case len(x.rows) >= x.limit:
		x.forgetOlder()
		x.whole, x.full = true, true
	default:
		row := &jobRow{looked: x.looks}
		row.set(job)
		x.rows, x.byName[job.Name] = append(x.rows, row), row
	}
	return nil
}

// forgetOldest drops the oldest rows when newer ones have made them too many.
func (x *jobIndex) forgetOldest() {
	if len(x.rows) <= x.limit {
		return
	}
	for _, row := range x.rows[x.limit:] {
		delete(x.byName, row.Name)
	}
	x.rows = slices.Clone(x.rows[:x.limit])
	x.forgetOlder()
	x.whole, x.full = true, true
}

func (x *jobIndex) forgetOlder() {
	if x.stop != nil {
		x.stop()
	}
	x.older, x.stop = nil, nil
}

// allJobs lists archived jobs too, because they have run as well.
func allJobs() *azmlbatch.ListJobsOptions {
	return &azmlbatch.ListJobsOptions{View: azmlbatch.ListViewAll}
}

// set takes over what the list shows of a job.
func (r *jobRow) set(job azmlbatch.Job) {
	r.Name, r.DisplayName, r.Status = job.Name, cmp.Or(job.DisplayName, job.Name), job.Status
	r.Endpoint, r.Deployment = startedBy(job)
	r.Created, r.Batch = job.SystemData.CreatedAt, job.IsBatch()
	if job.Status.Done() {
		_, r.Ended = executionTimes(job)
	}
}

// Duration is the time from the creation to the end, or until now; negative if it is not known.
func (r jobRow) Duration(now time.Time) time.Duration {
	switch {
	case r.Created.IsZero(), r.Status.Done() && r.Ended.IsZero():
		return -1
	case r.Status.Done():
		return r.Ended.Sub(r.Created)
	}
	return max(0, now.Sub(r.Created))
}

// submission is the service's description of a batch job.
var submission = regexp.MustCompile(`endpoint: ([^,\s]+), deployment: ([^\s]+?)\.?$`)

// startedBy is the endpoint and the deployment that started a job; empty for a job of another kind.
func startedBy(job azmlbatch.Job) (endpoint, deployment string) {
	if m := submission.FindStringSubmatch(job.Description); m != nil {
		endpoint, deployment = m[1], m[2]
	}
	if job.Tags["azureml.batchrun"] == "true" {
		endpoint = cmp.Or(endpoint, job.Properties["azureml.endpointname"], job.ExperimentName)
	}
	return endpoint, cmp.Or(job.Tags["azureml.deploymentname"], deployment)
}

// executionTimes are when a job that has ended began to run and when it ended, from its property
// azureml.pipelines.stages; zero if it has none.
func executionTimes(job azmlbatch.Job) (start, end time.Time) {
	var stages struct {
		Execution struct{ StartTime, EndTime time.Time }
	}
	if json.Unmarshal([]byte(job.Properties["azureml.pipelines.stages"]), &stages) != nil {
		return time.Time{}, time.Time{}
	}
	return stages.Execution.StartTime, stages.Execution.EndTime
}
