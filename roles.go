package azmlbatch

import (
	"net/http"
	"regexp"
	"strings"
)

// Which role grants which action, from learn.microsoft.com, how-to-assign-roles and the definitions of the built-in roles.
// The package comment has the same as a table by call.
const (
	roleReader         = "Reader on the workspace"
	roleDataScientist  = "AzureML Data Scientist, Contributor or Owner on the workspace"
	roleComputeManager = "AzureML Compute Operator, Contributor or Owner on the workspace"
	roleBlobReader     = "Storage Blob Data Reader on the storage account"
	roleBlobWriter     = "Storage Blob Data Contributor on the storage account"

	roleTakesTime = "; a new role takes up to an hour to work"
)

// actionPattern finds the action that a refusal names: ARM's gateway writes "to perform action 'A' over scope 'S'", the
// workspace data plane "permissions for A actions".
var actionPattern = regexp.MustCompile(`Microsoft\.[A-Za-z]+/[A-Za-z/]+`)

// roleRemedy says which role a refused caller lacks.
func roleRemedy(e *Error, resp *http.Response) string {
	if action := actionPattern.FindString(e.Message); action != "" {
		return "the caller lacks " + action + ": assign " + roleFor(action) + roleTakesTime
	}
	role := roleDataScientist
	if resp.Request != nil && onlyReads(resp.Request.Method) {
		role = roleReader
	}
	return "assign " + role + roleTakesTime
}

func roleFor(action string) string {
	action = strings.ToLower(action)
	last := lastSegment(action)
	switch {
	case !strings.HasPrefix(action, "microsoft.machinelearningservices/workspaces/"):
		return "a role that has it, such as Contributor, on the resource that the message names"
	case last == "read":
		return roleReader
	case strings.Contains(action, "/computes/") && (last == "write" || last == "delete"):
		return roleComputeManager
	}
	return roleDataScientist
}

// blobRoleRemedy says which role on the storage account a refused caller lacks.
func blobRoleRemedy(resp *http.Response) string {
	role := roleBlobWriter
	if resp.Request != nil && onlyReads(resp.Request.Method) {
		role = roleBlobReader
	}
	return "assign " + role + " to the caller" + roleTakesTime
}
