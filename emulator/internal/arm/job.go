package arm

import (
	"net/http"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

const jobType = workspaceType + "/jobs"

// Statuses of a job that matter here. A status that is not among the terminal
// ones means that the job goes on.
const (
	jobStarting        = "Starting"
	jobNotStarted      = "NotStarted"
	jobCancelRequested = "CancelRequested"
	jobCanceled        = "Canceled"
)

var terminalJobStatuses = []string{"Completed", "Failed", jobCanceled}

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

// listJobs lists the newest first, and not the steps of pipelines, which have no
// properties.
func listJobs(c *call) answer {
	docs := c.h.store.List(c.workspace + "/jobs")
	slices.Reverse(docs)
	view := c.listView()
	var shown []store.Document
	for _, doc := range docs {
		if doc["properties"] != nil && view.shows(doc) && c.wantsJob(objectOf(doc, "properties")) {
			shown = append(shown, c.showJob(doc))
		}
	}
	return c.page(shown, c.top("$top"))
}

// wantsJob applies the filters jobType, tag and properties.
func (c *call) wantsJob(properties store.Document) bool {
	if wanted := c.query.Get("jobtype"); wanted != "" && !strings.EqualFold(wanted, textOf(properties, "jobType")) {
		return false
	}
	return hasEntries(objectOf(properties, "tags"), c.query.Get("tag")) &&
		hasEntries(objectOf(properties, "properties"), c.query.Get("properties"))
}

func getJob(c *call) answer {
	doc, found := c.h.store.Get(c.jobID())
	if !found {
		return c.jobNotFound()
	}
	return ok(c.showJob(doc))
}

// jobNotFound: the text and the codes are not evidenced.
func (c *call) jobNotFound() answer {
	return c.notFound("Job "+c.param("job")+" was not found.", "NotFound", "JobNotFound")
}

// deleteJob: not evidenced; the published description allows 200 and 204.
func deleteJob(c *call) answer {
	return c.deleted(c.h.store.Delete(c.jobID()))
}

// cancelJob starts an operation that is polled at its Location only. What the
// job's status reads in between is not evidenced; CancelRequested is in the
// published list.
func cancelJob(c *call) answer {
	doc, found := c.h.store.Get(c.jobID())
	if !found {
		return c.jobNotFound()
	}
	id := textOf(doc, "id")
	running := c.h.jobs != nil && c.h.jobs.Cancel(id) == nil
	err := c.h.update(id, func(doc store.Document) {
		if properties := objectOf(doc, "properties"); properties != nil && !slices.Contains(terminalJobStatuses, textOf(properties, "status")) {
			properties["status"] = jobCancelRequested
		}
	})
	var op *operation
	if err == nil {
		op, err = c.h.begin("jc:"+c.workspaceGUID()+":"+textOf(doc, "name"), jobCancel, id, cancelDuration, store.Document{"running": running})
	}
	if err != nil {
		return c.internal(err)
	}
	a := withStatus(http.StatusAccepted, jsonNull)
	a.header["Location"] = c.signedURL(resultsCollection, op.ID, "")
	a.header["x-ms-async-operation-timeout"] = "PT1H"
	return a
}

// finishCancel waits for a job that really runs until its document says that it
// has ended; any other is Canceled by this.
func (h *Handler) finishCancel(op *operation) (done bool, err error) {
	running := isTrue(op.Data, "running")
	done = true
	err = h.update(op.Target, func(doc store.Document) {
		properties := objectOf(doc, "properties")
		switch {
		case properties == nil || slices.Contains(terminalJobStatuses, textOf(properties, "status")):
		case running:
			done = false
		default:
			properties["status"] = jobCanceled
		}
	})
	return done, err
}
