package arm

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

const jobType = workspaceType + "/jobs"

// First statuses of jobs that are not batch jobs.
const (
	jobStarting   = "Starting"
	jobNotStarted = "NotStarted"
)

func (h *Handler) jobRoutes() []route {
	const collection = workspacePath + "/jobs"
	const single = collection + "/{job}"
	return []route{
		{method: http.MethodGet, path: collection, serve: listJobs},
		{method: http.MethodGet, path: single, serve: getJob},
		{method: http.MethodPut, path: single, serve: putJob},
		{method: http.MethodDelete, path: single, serve: deleteJob},
		{method: http.MethodPost, path: single + "/cancel", serve: cancelJob},
	}
}

func (c *call) jobID() string { return c.workspace + "/jobs/" + c.param("job") }

// listJobs lists the newest first. It leaves out the steps of pipelines, which have no properties.
func listJobs(c *call) answer {
	before, err := jobs.ParseListToken(c.skipToken())
	if err != nil {
		return c.invalidToken()
	}
	size := cmp.Or(c.top("$top"), pageSize)
	view, value, last := c.listView(), []any{}, uint64(0)
	body := store.Document{}
	for place, doc := range c.h.store.Newest(c.workspace+"/jobs", before) {
		if doc["properties"] == nil || !view.shows(doc) || !c.wantsJob(store.Object(doc, "properties")) {
			continue
		}
		if len(value) == size {
			body["nextLink"] = c.nextLink(jobs.ListToken(last))
			break
		}
		value = append(value, c.showJob(doc))
		last = place
	}
	body["value"] = value
	return ok(body)
}

// wantsJob applies the filters jobType, tag and properties.
func (c *call) wantsJob(properties store.Document) bool {
	if wanted := c.query.Get("jobtype"); wanted != "" && !strings.EqualFold(wanted, store.Text(properties, "jobType")) {
		return false
	}
	return hasEntries(store.Object(properties, "tags"), c.query.Get("tag")) &&
		hasEntries(store.Object(properties, "properties"), c.query.Get("properties"))
}

func getJob(c *call) answer {
	doc, found := c.h.store.Get(c.jobID())
	if !found {
		return c.jobNotFound()
	}
	return ok(c.showJob(doc))
}

// jobNotFound answers for a job that does not exist. Not evidenced: text and codes.
func (c *call) jobNotFound() answer {
	return c.notFound("Job "+c.param("job")+" was not found.", "NotFound", "JobNotFound")
}

// deleteJob deletes at once. Not evidenced: the answer; the published description allows 200 and
// 204. Not evidenced either: a job that runs; it is refused, so that nothing is lost.
func deleteJob(c *call) answer {
	if c.jobRuns() {
		return c.jobActive()
	}
	return c.deleted(c.h.store.Delete(c.jobID()))
}

func (c *call) jobRuns() bool { return c.h.jobs != nil && c.h.jobs.Runs(c.jobID()) }

// jobActive answers when a job must end first. Not evidenced: text and codes.
func (c *call) jobActive() answer {
	return c.fail(http.StatusConflict, "UserError", "Job "+c.param("job")+" has not ended. Cancel it, or wait for its end.", withInner("Conflict"))
}

// cancelJob starts an operation that is polled at its Location only. Not evidenced: the job's
// status in between; CancelRequested is in the published list.
func cancelJob(c *call) answer {
	doc, found := c.h.store.Get(c.jobID())
	if !found {
		return c.jobNotFound()
	}
	id := store.Text(doc, "id")
	running := !c.toFail() && c.h.jobs != nil && c.h.jobs.Cancel(id) == nil
	err := c.h.update(id, func(doc store.Document) {
		if properties := store.Object(doc, "properties"); properties != nil && !c.toFail() && !jobs.IsTerminal(store.Text(properties, "status")) {
			properties["status"] = jobs.CancelRequested
		}
	})
	var op *operation
	if err == nil {
		op, err = c.begin("jc:"+c.workspaceGUID()+":"+store.Text(doc, "name"), jobCancel, id, cancelDuration, store.Document{"running": running})
	}
	if err != nil {
		return c.internal(err)
	}
	a := withStatus(http.StatusAccepted, jsonNull)
	a.header["Location"] = c.signedURL(resultsCollection, op.ID, "")
	a.header["x-ms-async-operation-timeout"] = "PT1H"
	return a
}

// finishCancel leaves the operation active while the job runs. A job that nothing runs becomes
// Canceled.
func (h *Handler) finishCancel(op *operation) (done bool, err error) {
	running := store.IsTrue(op.Data, "running")
	done = true
	err = h.update(op.Target, func(doc store.Document) {
		properties := store.Object(doc, "properties")
		switch {
		case properties == nil || jobs.IsTerminal(store.Text(properties, "status")):
		case running:
			done = false
		default:
			properties["status"] = jobs.Canceled
		}
	})
	return done, err
}
