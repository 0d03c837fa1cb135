package arm

import (
	"encoding/json"
	"net/http"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// The collections that operations are polled in.
const (
	statusCollection  = "mfeOperationsStatus"
	resultsCollection = "mfeOperationResults"
	computeCollection = "computeOperationsStatus"
)

func (h *Handler) operationRoutes() []route {
	return []route{
		{method: http.MethodGet, path: locationPath + "/" + statusCollection + "/{operation}", serve: operationStatus},
		{method: http.MethodGet, path: locationPath + "/" + resultsCollection + "/{operation}", serve: operationResult},
		{method: http.MethodGet, path: locationPath + "/" + computeCollection + "/{operation}", serve: computeOperationStatus},
	}
}

// polled returns the operation of a poll and counts the poll.
func (c *call) polled() (*operation, *answer) {
	if refusal := c.checkSignature(); refusal != nil {
		return nil, refusal
	}
	id := c.param("operation")
	op, found := c.h.findOperation(id)
	if !found {
		a := c.operationGone(id)
		return nil, &a
	}
	c.h.poll(op)
	return op, nil
}

// operationStatus answers a poll of an endpoint or deployment operation: id, name, status, and the
// error of a failed one. The HTTP status is 200 for a failed operation too.
func operationStatus(c *call) answer {
	op, refusal := c.polled()
	if refusal != nil {
		return *refusal
	}
	body := store.Document{"id": c.operationPath(statusCollection, op.ID), "name": op.ID, "status": op.State}
	if op.Error != nil {
		body["error"] = op.Error
	}
	return ok(body)
}

// computeOperationStatus answers a poll of a compute operation, which has other statuses and
// neither id nor times.
func computeOperationStatus(c *call) answer {
	op, refusal := c.polled()
	if refusal != nil {
		return *refusal
	}
	if op.State == stateUpdating {
		return ok(store.Document{"status": "InProgress"})
	}
	body := store.Document{"status": op.State, "percentComplete": json.Number("100.0")}
	if op.Error != nil {
		body["error"] = op.Error
	}
	return ok(body)
}

// operationResult answers at the Location of a DELETE or a cancel. While the operation runs, each
// answer carries a new URL. Afterwards a cancel gets an empty 200, a DELETE a 404: it has no result
// (recording WorkspaceCleanRemove, 2024).
func operationResult(c *call) answer {
	op, refusal := c.polled()
	if refusal != nil {
		return *refusal
	}
	switch {
	case op.State == stateUpdating:
		a := withStatus(http.StatusAccepted, store.Document{})
		next := c.signedURL(resultsCollection, op.ID, "")
		a.header["Location"], a.header["Azure-AsyncOperation"] = next, next
		if c.h.pace == Instant { // the job is still stopping; clients wait 30 s unless they are told
			a.header["Retry-After"] = "1"
		}
		return a
	case op.State == stateFailed:
		return ok(store.Document{
			"name": op.ID, "status": op.State, "properties": store.Document{"provisioningState": op.State}, "error": op.Error,
		})
	case op.Kind == jobCancel:
		return ok(nil)
	}
	return c.operationGone(op.ID)
}

func (c *call) operationGone(id string) answer {
	return c.fail(http.StatusNotFound, "UserError", "Resource "+id+" not found",
		withInner("NotFound"),
		withInfo("MessageFormat", "Resource {dataName} not found"),
		withInfo("MessageParameters", store.Document{"dataName": id}))
}

// accepted is the first answer to an operation of endpoints and deployments, which is polled at its
// status URL.
func (c *call) accepted(a answer, op *operation) answer {
	a.header["Azure-AsyncOperation"] = c.signedURL(statusCollection, op.ID, "")
	a.header["x-ms-async-operation-timeout"] = "PT30M"
	return a
}

// beingDeleted refuses to change a resource that is being deleted. Not evidenced.
func (c *call) beingDeleted(kind, name string) answer {
	return c.fail(http.StatusConflict, "UserError", kind+" '"+name+"' is being deleted.", withInner("Conflict"))
}
