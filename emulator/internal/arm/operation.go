package arm

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/google/uuid"
)

// Pace says how long operations take.
type Pace int

const (
	// Instant operations have ended at the first poll: clients of several languages wait 30 s before
	// a second one. Reading or changing the resource ends them too, for clients that never poll.
	Instant Pace = iota
	// Real operations take as long as they usually do in Azure.
	Real
)

// Usual durations. In the recordings an endpoint was ready after 12 s by its own times and after 30
// s of polling, a deployment after 21 s, a cluster after 10 s; an endpoint was deleted in 11 s and
// a job cancelled within 30 s.
const (
	endpointDuration   = 20 * time.Second
	deploymentDuration = 30 * time.Second
	computeDuration    = 30 * time.Second
	deleteDuration     = 6 * time.Second
	cancelDuration     = 30 * time.Second
	// failingDuration is how long a create takes that fails (recording
	// New-AzMLWorkspaceBatchEndpoint, 2022).
	failingDuration = 10 * time.Minute
)

// operationKind names what happens when an operation ends.
type operationKind string

const (
	endpointPut      operationKind = "endpointPut"
	endpointDelete   operationKind = "endpointDelete"
	deploymentPut    operationKind = "deploymentPut"
	deploymentDelete operationKind = "deploymentDelete"
	computePut       operationKind = "computePut"
	computeDelete    operationKind = "computeDelete"
	jobCancel        operationKind = "jobCancel"
	schedulePut      operationKind = "schedulePut"
	scheduleDelete   operationKind = "scheduleDelete"
	registryPut      operationKind = "registryPut"
)

// States of an operation; the in-progress word of Azure ML is Updating whatever the operation does.
const (
	stateUpdating  = "Updating"
	stateSucceeded = "Succeeded"
	stateFailed    = "Failed"
	stateCreating  = "Creating"
	stateDeleting  = "Deleting"
)

// operation is a long-running operation. It is kept in the store and continues after a restart.
type operation struct {
	ID      string         `json:"id"` // the last segment of its URLs
	Kind    operationKind  `json:"kind"`
	Target  string         `json:"target"` // id of the resource
	Started time.Time      `json:"started"`
	Ends    time.Time      `json:"ends"`
	State   string         `json:"state"`
	Error   store.Document `json:"error,omitempty"`
	// Fails says that the operation will fail without any effect, see WithFailingOperation.
	Fails bool `json:"fails,omitempty"`
	// Data is what the end of the operation needs to know.
	Data store.Document `json:"data,omitempty"`
}

const operationPrefix = "op:"

func operationKey(id string) string { return operationPrefix + "/" + id }

type failingKey struct{}

// WithFailingOperation returns a context for a request whose operation is to fail. The operation
// has no effect, and a deletion is followed by its Location alone, whose last answer says Failed
// with status 200, as some services of Azure do (msrestazure-for-python issue 157).
func WithFailingOperation(ctx context.Context) context.Context {
	return context.WithValue(ctx, failingKey{}, true)
}

// toFail reports whether the operation of the request is to fail.
func (c *call) toFail() bool { return c.request.Context().Value(failingKey{}) != nil }

// begin starts an operation on target. id is its name in URLs.
func (c *call) begin(id string, kind operationKind, target string, takes time.Duration, data store.Document) (*operation, error) {
	now := c.h.now().UTC()
	op := &operation{
		ID: id, Kind: kind, Target: target, Started: now, Ends: now.Add(takes), State: stateUpdating, Data: data, Fails: c.toFail(),
	}
	if err := c.h.saveOperation(op); err != nil {
		return nil, err
	}
	return op, nil
}

// newOperationID returns a new id in the form of Azure ML's front end.
func (c *call) newOperationID(prefix string) string {
	return prefix + ":" + c.workspaceGUID() + ":" + uuid.NewString()
}

// findOperation returns the operation called id.
func (h *Handler) findOperation(id string) (*operation, bool) {
	doc, found := h.store.Get(operationKey(id))
	if !found {
		return nil, false
	}
	var op operation
	if err := convert(doc, &op); err != nil {
		return nil, false
	}
	return &op, true
}

func (h *Handler) saveOperation(op *operation) error {
	var doc store.Document
	if err := convert(op, &doc); err != nil {
		return err
	}
	if _, err := h.store.Put(operationKey(op.ID), doc); err != nil {
		return err
	}
	if op.State == stateUpdating {
		h.active[op.ID] = true
	} else {
		delete(h.active, op.ID)
	}
	return nil
}

// resumeOperations reads the operations that had not ended before a restart.
func (h *Handler) resumeOperations() error {
	for _, doc := range h.store.List(operationPrefix) {
		var op operation
		if err := convert(doc, &op); err != nil {
			return fmt.Errorf("arm: operation in the store: %w", err)
		}
		if op.State == stateUpdating {
			h.active[op.ID] = true
		}
	}
	return nil
}

// Settle ends every operation that is due. The handler does so before each request; other hosts
// call it before they read the store.
func (h *Handler) Settle() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settle()
}

func (h *Handler) settle() {
	now := h.now()
	for id := range h.active {
		if op, found := h.findOperation(id); found && !now.Before(op.Ends) {
			h.end(op)
		}
	}
	h.pruneOperations()
}

// activeOn returns the operations on target that have not ended.
func (h *Handler) activeOn(target string) []*operation {
	var found []*operation
	for id := range h.active {
		if op, known := h.findOperation(id); known && foldName(op.Target) == foldName(target) {
			found = append(found, op)
		}
	}
	return found
}

// poll ends the operation if the pace is Instant.
func (h *Handler) poll(op *operation) {
	if op.State == stateUpdating && h.pace == Instant {
		h.end(op)
	}
}

// settleForRead ends the operations on the resource for a caller who is about to read it.
func (h *Handler) settleForRead(target string) {
	if h.pace != Instant {
		return
	}
	for _, op := range h.activeOn(target) {
		h.end(op)
	}
}

// settleForWrite ends the operations on the resource for a caller who is about to change it. It
// reports false while the resource is being deleted.
func (h *Handler) settleForWrite(target string) bool {
	for _, op := range h.activeOn(target) {
		if h.pace == Instant {
			h.end(op)
		} else if op.Kind == endpointDelete || op.Kind == deploymentDelete || op.Kind == computeDelete || op.Kind == scheduleDelete {
			return false
		}
	}
	return true
}

// end carries out what the operation is for. It stays active if that is not possible yet, as for a
// job that is still stopping.
func (h *Handler) end(op *operation) {
	done, err := true, error(nil)
	if op.Fails {
		err = h.fail(op)
	} else {
		done, err = h.finish(op)
	}
	switch {
	case err != nil:
		op.State = stateFailed
		op.Error = store.Document{"message": err.Error(), "details": []any{}, "additionalInfo": []any{}}
	case !done:
	case op.Error != nil:
		op.State = stateFailed
	default:
		op.State = stateSucceeded
	}
	_ = h.saveOperation(op)
}

// fail ends an operation that is to fail: it leaves the resource, whose last operation failed.
func (h *Handler) fail(op *operation) error {
	op.Error = store.Document{
		"code": "UserError", "message": "The operation on " + store.LastSegment(op.Target) + " failed, as a fault demands.",
		"details": []any{}, "additionalInfo": []any{},
	}
	if op.Kind == jobCancel {
		return nil
	}
	return h.update(op.Target, func(doc store.Document) {
		store.Object(doc, "properties")["provisioningState"] = stateFailed
	})
}

func (h *Handler) finish(op *operation) (done bool, err error) {
	switch op.Kind {
	case endpointPut:
		return true, h.finishEndpoint(op)
	case deploymentPut:
		return true, h.finishDeployment(op)
	case computePut:
		return true, h.computesChanged(h.finishCompute(op))
	case endpointDelete:
		return true, h.finishEndpointDelete(op)
	case deploymentDelete:
		return true, h.finishDeploymentDelete(op)
	case computeDelete:
		return true, h.computesChanged(h.store.DeleteTree(op.Target))
	case schedulePut:
		return true, h.finishSchedule(op)
	case scheduleDelete:
		return true, h.finishScheduleDelete(op)
	case jobCancel:
		return h.finishCancel(op)
	}
	return true, nil
}

// update changes the resource of an operation. A resource that no longer exists is no error.
func (h *Handler) update(target string, change func(store.Document)) error {
	if _, found := h.store.Get(target); !found {
		return nil
	}
	_, err := h.store.Update(target, func(doc store.Document) error {
		change(doc)
		return nil
	})
	return err
}

// convert turns one Go value into another by way of JSON.
func convert(from, to any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return store.Decode(text, to)
}
