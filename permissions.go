package azmlbatch

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// permissionsVersion is the api-version of Microsoft.Authorization's permissions
// (learn.microsoft.com, rest/api/authorization).
const permissionsVersion = "2022-04-01"

// A Permission is what one role lets the caller do. Actions are names such as
// "Microsoft.MachineLearningServices/workspaces/read", in which * stands for any characters.
type Permission struct {
	// Actions that the role has on the management plane.
	Actions []string `wire:"actions"`
	// NotActions are taken out of Actions.
	NotActions []string `wire:"notActions"`
	// DataActions that the role has on data, such as blobs.
	DataActions []string `wire:"dataActions"`
	// NotDataActions are taken out of DataActions.
	NotDataActions []string `wire:"notDataActions"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

func (p *Permission) UnmarshalJSON(b []byte) error { return wire.Decode(b, p) }

func (p Permission) MarshalJSON() ([]byte, error) { return wire.Encode(p, wire.ForCaller) }

// Permissions are what all roles of the caller together let it do with a resource.
type Permissions []Permission

// Allow reports whether a role has the action of the management plane. Deny assignments and locks
// are not considered.
func (p Permissions) Allow(action string) bool {
	for _, role := range p {
		if anyMatches(role.Actions, action) && !anyMatches(role.NotActions, action) {
			return true
		}
	}
	return false
}

// AllowData reports whether a role has the action on data. Conditions of role assignments are not
// considered.
func (p Permissions) AllowData(action string) bool {
	for _, role := range p {
		if anyMatches(role.DataActions, action) && !anyMatches(role.NotDataActions, action) {
			return true
		}
	}
	return false
}

func anyMatches(patterns []string, action string) bool {
	for _, pattern := range patterns {
		if matchesAction(strings.ToLower(pattern), strings.ToLower(action)) {
			return true
		}
	}
	return false
}

// matchesAction compares an action with a pattern, in which * stands for any characters.
func matchesAction(pattern, action string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == action
	}
	rest, ok := strings.CutPrefix(action, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// Permissions lists what the caller may do with a resource, given by its ARM id: the workspace's is
// [Workspace.ID], that of its storage account is in [WorkspaceDetails]. It takes Reader on the
// resource, or any other role there; without one the answer is empty, or [ErrForbidden]. One
// request; retried.
func (c *Client) Permissions(ctx context.Context, resourceID string) (Permissions, error) {
	op := operation{"list permissions on", "resource", lastSegment(resourceID)}
	if err := c.ready(op); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(strings.ToLower(resourceID), "/subscriptions/") || strings.ContainsAny(resourceID, "?#") {
		return nil, op.invalid("resourceID", "is no ARM id", "pass an id such as that of Workspace.ID, /subscriptions/…")
	}
	r := request{op: op, method: http.MethodGet,
		url: c.cloud.management + strings.TrimSuffix(resourceID, "/") + "/providers/Microsoft.Authorization/permissions?api-version=" + permissionsVersion}
	var all Permissions
	for p, err := range list[Permission](ctx, c, r) {
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}
