package azmlbatch

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
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
	// CreatedBy is a user's display name, an application's id, or "Microsoft" for curated assets.
	CreatedBy string `wire:"createdBy"`
	// CreatedByType is "User" or "Application"; endpoints and deployments leave it out.
	CreatedByType string `wire:"createdByType"`
	// LastModifiedAt is the time of the last change, for an endpoint that of its request.
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
	// UserAssignedIdentities has ARM ids as keys. The values are the service's; send {}.
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

// Name rules. The looser one is ARM's own pattern for every resource; the stricter one is what
// Microsoft Learn documents for new batch endpoints and deployments. An existing name must satisfy
// ARM's; a new one the stricter, which is within ARM's and the one that an error prints.
var (
	armName      = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}$`)
	endpointName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]$`)
	computeName  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]$`)
	dashDigits   = regexp.MustCompile(`-\d+$`)
	assetName    = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9\-_.]{0,254}$`)
)

// checkName checks the name of something that exists.
func checkName(op operation, argument, name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		noun := strings.ToLower(argument[strings.LastIndexByte(argument, '.')+1:])
		if noun == "name" || noun == "names" || noun == "token" {
			noun = op.kind
		}
		return op.invalid(argument, "is empty", "name the "+noun)
	case !armName.MatchString(name):
		return op.invalid(argument, fmt.Sprintf("%q is not a resource name", name),
			"use letters, digits, '-' and '_', at most 255, beginning with a letter or digit")
	}
	return nil
}

// checkEndpointName checks the name under which an endpoint or a deployment is written.
func checkEndpointName(op operation, name string, m Meta) error {
	return checkWritten(op, name, m, endpointName.MatchString(name),
		"use 3 to 32 letters, digits and '-', beginning with a letter and not ending in '-'")
}

func checkComputeName(op operation, m Meta) error {
	return checkWritten(op, op.name, m, computeName.MatchString(op.name) && !dashDigits.MatchString(op.name),
		"use 3 to 24 letters, digits and '-', beginning with a letter and not ending in '-' or in '-' and digits")
}

// checkWritten checks a name by the stricter rule, unless the resource has an id: then the service
// has taken the name before.
func checkWritten(op operation, name string, m Meta, strict bool, rule string) error {
	if m.ID != "" || strings.TrimSpace(name) == "" {
		return checkName(op, "name", name)
	}
	if !strict {
		return op.invalid("name", fmt.Sprintf("%q is not a name for a new %s", name, op.kind), rule)
	}
	return nil
}

// checkAsset checks name and version of an asset. An empty version is for the caller to fill in.
func checkAsset(op operation, name, version string) error {
	if strings.TrimSpace(name) == "" {
		return op.invalid("Name", "is empty", "name the "+op.kind)
	}
	if !assetName.MatchString(name) || tokenPattern.MatchString(name) { // a token would fit, and then stand in a URL
		return op.invalid("Name", fmt.Sprintf("%q is not an asset name", name),
			"use letters, digits, '-', '_' and '.', at most 255, beginning with a letter or digit")
	}
	longest := 255
	if op.kind == ReferenceKindData.noun() {
		longest = 50 // the service's own text for data versions (azure-docs issue 111551)
	}
	if version != "" && (!assetName.MatchString(version) || tokenPattern.MatchString(version) || len(version) > longest) {
		return op.invalid("Version", fmt.Sprintf("%q is not an asset version", version),
			fmt.Sprintf("use letters, digits, '-', '_' and '.', at most %d, beginning with a letter or digit; @latest is not a version, see the Latest method", longest))
	}
	return nil
}

// checkTags refuses what the service refuses after a while: an empty tag value.
func checkTags(op operation, tags map[string]string) error {
	for _, key := range sortedKeys(tags) {
		if tags[key] == "" {
			return op.invalid("Tags", fmt.Sprintf("tag %q has an empty value", key),
				"give it a value or leave it out; the service refuses empty ones")
		}
	}
	return nil
}

// lastSegment is what follows the last slash: of a job's id the name, whatever stands before it
// (the service leaves the endpoint's segment empty in ids of pipeline jobs).
func lastSegment(id string) string {
	return id[strings.LastIndexByte(id, '/')+1:]
}

// segmentAfter returns the path segment behind the one named, without regard to case; "" when there
// is none.
func segmentAfter(id, name string) string {
	segments := strings.Split(id, "/")
	for i, s := range segments[:len(segments)-1] {
		if strings.EqualFold(s, name) {
			return segments[i+1]
		}
	}
	return ""
}

// resourceProvider is the namespace of Azure ML in ARM ids.
const resourceProvider = "Microsoft.MachineLearningServices"

// numberRule is the least that a number may be.
type numberRule struct {
	field      string
	value, min int64
	remedy     string
}

func checkNumbers(op operation, prefix string, rules []numberRule) error {
	for _, n := range rules {
		if n.value < n.min {
			return op.invalid(prefix+n.field, fmt.Sprintf("is %d", n.value), n.remedy)
		}
	}
	return nil
}

// checkTime refuses a negative time, and one of nanoseconds: a number without its unit.
func checkTime(op operation, argument string, d time.Duration, zero string) error {
	switch {
	case d < 0:
		return op.invalid(argument, "is "+d.String(), zero)
	case d > 0 && d < time.Millisecond:
		return op.invalid(argument, "is "+d.String(), fmt.Sprintf("multiply it by its unit, for example %d*time.Second", d))
	}
	return nil
}

// maxConcurrency is more than a machine has ports for.
const maxConcurrency = 10_000

// checkConcurrency checks how many things are to be done at once.
func checkConcurrency(op operation, argument string, n int, zero string) error {
	switch {
	case n < 0:
		return op.invalid(argument, fmt.Sprintf("is %d", n), zero)
	case n > maxConcurrency:
		return op.invalid(argument, fmt.Sprintf("is %d", n), fmt.Sprintf("use at most %d", maxConcurrency))
	}
	return nil
}

func valueOr(p *int, or int64) int64 {
	if p == nil {
		return or
	}
	return int64(*p)
}

// checkFileName refuses a name that no predictions file can have. Storage drops a dot or blank at
// the end. Empty is for the caller to judge.
func checkFileName(op operation, argument, name string) error {
	const remedy = "name a file, such as predictions.csv"
	isControl := func(r rune) bool { return r < ' ' || r == 0x7f }
	switch {
	case strings.ContainsAny(name, `/\`):
		return op.invalid(argument, fmt.Sprintf("%q has a slash", name), "name a file without its folder, such as predictions.csv")
	case endsInDotOrBlank(name):
		return op.invalid(argument, fmt.Sprintf("%q ends with a dot or a blank, which storage drops", name), remedy)
	case strings.ContainsFunc(name, isControl):
		return op.invalid(argument, fmt.Sprintf("%q has a control character", name), remedy)
	case strings.ContainsAny(name, forbiddenInFileName):
		return op.invalid(argument, fmt.Sprintf("%q has one of %s", name, forbiddenInFileName), remedy)
	}
	return nil
}

// forbiddenInFileName is what the service does not take in the name of a predictions file.
const forbiddenInFileName = `~"#%&*:<>?{|}`
