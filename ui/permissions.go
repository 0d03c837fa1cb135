package ui

import (
	"context"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// The actions of Azure's roles that the page's own actions need, below
// Microsoft.MachineLearningServices/workspaces/.
const (
	toInvoke     = "batchEndpoints/jobs/write"
	toCancel     = "jobs/cancel/action"
	toSetDefault = "batchEndpoints/write"
)

// permissionsStay is how long the caller's roles count as known: they change rarely.
const permissionsStay = 5 * time.Minute

// may reports whether the page offers an action: it is not read-only, and the client's roles have it.
// Roles that cannot be read stop nobody; the service decides then.
func (h *Handler) may(ctx context.Context, action string) bool {
	if h.options.ReadOnly {
		return false
	}
	key := h.now().Truncate(permissionsStay).String()
	has, err := h.permissions.wait(ctx, key, true, func(ctx context.Context) (azmlbatch.Permissions, error) {
		return h.client.Permissions(ctx, h.client.Workspace().ID())
	})
	return err != nil || has.Allow("Microsoft.MachineLearningServices/workspaces/"+action)
}

// must is an error unless the page offers the action.
func (h *Handler) must(ctx context.Context, action string) error {
	if h.may(ctx, action) {
		return nil
	}
	refusal := &azmlbatch.Error{Operation: "change the workspace", Err: azmlbatch.ErrForbidden,
		Message: "the page is read-only", Remedy: "use a page that is not read-only"}
	if !h.options.ReadOnly {
		refusal.Message, refusal.Remedy = "the client lacks the permission "+action, "ask for a role that has it, such as AzureML Data Scientist"
	}
	return refusal
}
