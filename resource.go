package azmlbatch

import (
	"encoding/json"
	"time"
)

// Meta is what every resource carries. The service alone sets it; it is not sent back.
type Meta struct {
	// ID is the ARM id of the resource.
	ID string `wire:"id,readonly"`
	// Type is the ARM type, for example
	// "Microsoft.MachineLearningServices/workspaces/batchEndpoints".
	Type string `wire:"type,readonly"`
	// SystemData says who made and changed the resource, and when. Computes have none.
	SystemData SystemData `wire:"systemData,readonly"`
}

// SystemData is the service's record of who touched a resource. Which members are filled depends on
// the kind.
type SystemData struct {
	// CreatedAt is the time of creation, with up to seven fraction digits.
	CreatedAt time.Time `wire:"createdAt"`
	// CreatedBy is a display name for users, an application id for service principals, "Microsoft"
	// for curated assets.
	CreatedBy string `wire:"createdBy"`
	// CreatedByType is "User" or "Application"; endpoints and deployments leave it out.
	CreatedByType string `wire:"createdByType"`
	// LastModifiedAt is the time of the last change. An endpoint keeps the time of the request, not
	// of its end.
	LastModifiedAt time.Time `wire:"lastModifiedAt"`
	// LastModifiedBy is like CreatedBy, empty until the first change.
	LastModifiedBy string `wire:"lastModifiedBy"`
	// LastModifiedByType is like CreatedByType.
	LastModifiedByType string `wire:"lastModifiedByType"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// IdentityType says which managed identities a resource has.
type IdentityType string

// The identity types of ARM.
const (
	IdentityTypeNone                       IdentityType = "None"                        // no identity
	IdentityTypeSystemAssigned             IdentityType = "SystemAssigned"              // one of the resource's own, gone with it
	IdentityTypeUserAssigned               IdentityType = "UserAssigned"                // those in UserAssignedIdentities
	IdentityTypeSystemAssignedUserAssigned IdentityType = "SystemAssigned,UserAssigned" // both
)

// Identity is the managed identity of an endpoint or a compute.
type Identity struct {
	// Type says which identities there are. A batch endpoint takes SystemAssigned only.
	Type IdentityType `wire:"type"`
	// PrincipalID is the object id of the system-assigned identity, set by the service.
	PrincipalID string `wire:"principalId,readonly"`
	// TenantID is the tenant of the system-assigned identity, set by the service.
	TenantID string `wire:"tenantId,readonly"`
	// UserAssignedIdentities has the ARM ids of user-assigned identities as keys. The values are
	// the service's; send {}.
	UserAssignedIdentities map[string]json.RawMessage `wire:"userAssignedIdentities"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// ProvisioningState is the state of a resource as ARM sees it. It says nothing about a job: see
// [JobStatus].
type ProvisioningState string

// The provisioning states that the service documents. Others may come and pass through unchanged.
const (
	ProvisioningStateCreating  ProvisioningState = "Creating"  // the first operation goes on
	ProvisioningStateUpdating  ProvisioningState = "Updating"  // a later operation goes on
	ProvisioningStateDeleting  ProvisioningState = "Deleting"  // a deletion goes on
	ProvisioningStateSucceeded ProvisioningState = "Succeeded" // ready for use
	ProvisioningStateFailed    ProvisioningState = "Failed"    // the last operation failed; try it again
	ProvisioningStateCanceled  ProvisioningState = "Canceled"  // the last operation was cancelled
)
