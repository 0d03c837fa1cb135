package azmlbatch

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// A Compute is what jobs run on. Batch deployments use clusters ([AmlCompute]). All other types are
// read and kept without loss.
type Compute struct {
	Meta
	// Name of the compute, unique in its workspace.
	Name string `wire:"name,readonly"`
	// Location is the region; empty means the workspace's.
	Location string `wire:"location"`
	// Tags are free; the service refuses empty values.
	Tags map[string]string `wire:"tags"`
	// Identity that the nodes use to reach data; usually left empty.
	Identity Identity `wire:"identity"`
	// Type of the compute. Empty means the type of Properties.
	Type ComputeType `wire:"properties/computeType"`
	// Description is free text.
	Description string `wire:"properties/description"`
	// ResourceID is the ARM id of an attached resource; empty for clusters that Azure ML created.
	ResourceID string `wire:"properties/resourceId"`
	// DisableLocalAuth turns off SSH to the nodes.
	DisableLocalAuth bool `wire:"properties/disableLocalAuth"`
	// Properties of the type: [AmlCompute], or [UnknownCompute] for all others.
	Properties ComputeProperties `wire:"properties/properties,kind=Type"`
	// CreatedOn is the time of creation.
	CreatedOn time.Time `wire:"properties/createdOn,readonly"`
	// ModifiedOn is the time of the last change.
	ModifiedOn time.Time `wire:"properties/modifiedOn,readonly"`
	// ComputeLocation is the region the nodes run in, empty until the creation has ended.
	ComputeLocation string `wire:"properties/computeLocation,readonly"`
	// ProvisioningState is Creating or Updating while an operation runs.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// ProvisioningErrors are the service's reasons for ProvisioningState Failed, as JSON.
	ProvisioningErrors []json.RawMessage `wire:"properties/provisioningErrors,readonly"`
	// ProvisioningWarnings are the service's warnings, as JSON; {} for none.
	ProvisioningWarnings json.RawMessage `wire:"properties/provisioningWarnings,readonly"`
	// IsAttachedCompute says that the compute was created outside Azure ML.
	IsAttachedCompute bool `wire:"properties/isAttachedCompute,readonly"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (c *Compute) UnmarshalJSON(b []byte) error { return wire.Decode(b, c) }

// MarshalJSON includes the administrator's password.
func (c Compute) MarshalJSON() ([]byte, error) { return wire.Encode(c, wire.ForCaller) }

func (c Compute) String() string { return printed(c) }

// ComputesClient reaches the computes of the workspace. Get one from [Client.Computes].
type ComputesClient struct{ c *Client }

// Computes returns the calls for computes.
func (c *Client) Computes() ComputesClient { return ComputesClient{c} }

func (c ComputesClient) request(method, verb, name string, more ...string) request {
	return c.c.about(operation{verb, "compute", name}, method, append([]string{"computes", name}, more...)...)
}

// Get reads a compute of any type. A missing one is [ErrNotFound].
func (c ComputesClient) Get(ctx context.Context, name string) (Compute, error) {
	return do[Compute](ctx, c.c, c.request(http.MethodGet, "get", name))
}

// List iterates over the computes of all types, a page at a time.
func (c ComputesClient) List(ctx context.Context) iter.Seq2[Compute, error] {
	return list[Compute](ctx, c.c, request{op: operation{"list", "computes", ""}, url: c.c.armURL("computes")})
}

// CreateOrUpdate creates a compute, or replaces the one of that name, and waits until it is ready:
// about ten seconds for a cluster, which starts without nodes. Fields left empty are reset: to
// update, get the compute, change it and send it back; [ComputesClient.Scale] changes only the
// number of nodes. Get does not return the password of the nodes' administrator; whether an update
// without it keeps the password is not documented by the service.
//
// A cluster costs nothing while it has no nodes. MinNodes above zero keeps nodes running, and
// costing money, until it is changed or the cluster is deleted. An exceeded quota shows only when
// nodes start.
//
// A cluster keeps its VM size for life. The service takes another one without a word; the result
// has the old one then, and the error is [ErrConflict].
func (c ComputesClient) CreateOrUpdate(ctx context.Context, name string, compute Compute, options *WaitOptions) (Compute, error) {
	p, err := c.BeginCreateOrUpdate(ctx, name, compute)
	made, err := untilDone(ctx, p, err, options)
	if err != nil {
		return made, err
	}
	return made, sizeKept(operation{"create", "compute", name}, compute, made)
}

// sizeKept compares the VM size that was asked for with the one that the cluster has
// (azure-rest-api-specs issue 18889).
func sizeKept(op operation, asked, found Compute) error {
	want, _ := wire.Indirect(asked.Properties).(AmlCompute)
	have, _ := wire.Indirect(found.Properties).(AmlCompute)
	if want.VMSize == "" || have.VMSize == "" || strings.EqualFold(want.VMSize, have.VMSize) {
		return nil
	}
	return op.found(ErrConflict, fmt.Sprintf("the cluster keeps its VM size %s, and did not take the new one", have.VMSize),
		"delete it first, or give the new one another name")
}

// BeginCreateOrUpdate is [ComputesClient.CreateOrUpdate] without the waiting. It does not look at
// the VM size of the result.
func (c ComputesClient) BeginCreateOrUpdate(ctx context.Context, name string, compute Compute) (*Poller[Compute], error) {
	r := c.request(http.MethodPut, "create", name)
	if err := c.c.ready(r.op); err != nil {
		return nil, err
	}
	compute, err := checkCompute(r.op, compute)
	if err != nil {
		return nil, err
	}
	if compute.Location == "" {
		if compute.Location, err = c.c.location(ctx, r.op); err != nil {
			return nil, err
		}
	}
	r.body = compute
	return beginOperation[Compute](ctx, c.c, r)
}

func checkCompute(op operation, compute Compute) (Compute, error) {
	if err := checkComputeName(op, compute.Meta); err != nil {
		return compute, err
	}
	if wire.Indirect(compute.Properties) == nil {
		return compute, op.invalid("Compute.Properties", "is missing",
			`set it to AmlCompute{VMSize: "STANDARD_DS3_V2", MaxNodes: 2}, for example`)
	}
	own := compute.Properties.computeType()
	switch {
	case compute.Type == "":
		compute.Type = own
	case own != "" && !compute.Type.equal(own):
		return compute, op.invalid("Compute.Type", fmt.Sprintf("is %q, but Properties are those of %q", compute.Type, own),
			"leave it empty")
	}
	if cluster, ok := wire.Indirect(compute.Properties).(AmlCompute); ok {
		if err := cluster.check(op); err != nil {
			return compute, err
		}
	}
	return compute, checkTags(op, compute.Tags)
}

// Scale sets the minimum and maximum number of nodes of a cluster and waits until the service has
// stored them, not until the nodes run. minNodes nodes run, and cost money, all the time; more
// start with jobs, up to maxNodes, and stop after IdleTimeBeforeScaleDown. A cluster that has these
// numbers already is left alone. A missing compute is [ErrNotFound]; a compute that is not a
// cluster, and impossible numbers, are *[ArgumentError].
func (c ComputesClient) Scale(ctx context.Context, name string, minNodes, maxNodes int, options *WaitOptions) (Compute, error) {
	op := operation{"scale", "compute", name}
	return inSpan(ctx, c.c, op, func(ctx context.Context) (Compute, error) { return c.scale(ctx, op, minNodes, maxNodes, options) })
}

func (c ComputesClient) scale(ctx context.Context, op operation, minNodes, maxNodes int, options *WaitOptions) (Compute, error) {
	if err := checkNodes(op, "", minNodes, maxNodes); err != nil {
		return Compute{}, err
	}
	compute, err := c.Get(ctx, op.name)
	if err != nil {
		return Compute{}, err
	}
	cluster, ok := compute.Properties.(AmlCompute)
	if !ok {
		return compute, op.invalid("name", fmt.Sprintf("is a compute of type %q", compute.Type),
			"name a cluster; only clusters can be scaled")
	}
	if cluster.MinNodes == minNodes && cluster.MaxNodes == maxNodes {
		return compute, nil
	}
	cluster.MinNodes, cluster.MaxNodes = minNodes, maxNodes
	compute.Properties = cluster
	r := c.request(http.MethodPut, op.verb, op.name)
	r.body = compute
	p, err := beginOperation[Compute](ctx, c.c, r)
	return untilDone(ctx, p, err, options)
}

// A ComputeNode is a machine of a cluster.
type ComputeNode struct {
	// NodeID is the service's id of the node.
	NodeID string `wire:"nodeId"`
	// PrivateIPAddress is its address in the virtual network.
	PrivateIPAddress string `wire:"privateIpAddress"`
	// PublicIPAddress is empty for nodes without one.
	PublicIPAddress string `wire:"publicIpAddress"`
	// Port is the SSH port at the public address.
	Port int `wire:"port"`
	// State is "idle", "running", "preparing", "unusable", "leaving" or "preempted".
	State string `wire:"nodeState"`
	// RunID is the run that the node works on; empty for an idle node.
	RunID string `wire:"runId"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

func (n *ComputeNode) UnmarshalJSON(b []byte) error { return wire.Decode(b, n) }

func (n ComputeNode) MarshalJSON() ([]byte, error) { return wire.Encode(n, wire.ForCaller) }

// ListNodes iterates over the current nodes of a cluster; an idle one may have none. A missing
// compute is [ErrNotFound].
func (c ComputesClient) ListNodes(ctx context.Context, name string) iter.Seq2[ComputeNode, error] {
	r := c.request(http.MethodPost, "list nodes of", name, "listNodes")
	r.reads = true
	return list[ComputeNode](ctx, c.c, r)
}

// DeleteComputeOptions tune [ComputesClient.Delete]. Nil means the defaults.
type DeleteComputeOptions struct {
	// Detach removes an attached compute from the workspace and keeps its machines, which go on
	// costing money. Without it they are deleted. A cluster cannot be detached.
	Detach bool
	// Wait tunes the waiting; nil means the defaults. BeginDelete ignores it.
	Wait *WaitOptions
}

// Delete deletes or detaches a compute and waits until that is done: about a minute for a cluster,
// whose nodes cost money until then. A missing compute is [ErrNotFound] or no error, as the service
// answers.
func (c ComputesClient) Delete(ctx context.Context, name string, options *DeleteComputeOptions) error {
	p, err := c.BeginDelete(ctx, name, options)
	_, err = untilDone(ctx, p, err, orZero(options).Wait)
	return err
}

// BeginDelete is [ComputesClient.Delete] without the waiting.
func (c ComputesClient) BeginDelete(ctx context.Context, name string, options *DeleteComputeOptions) (*Poller[Nothing], error) {
	r := c.request(http.MethodDelete, "delete", name)
	action := "Delete"
	if orZero(options).Detach {
		action = "Detach"
	}
	r.query = url.Values{"underlyingResourceAction": {action}}
	return beginOperation[Nothing](ctx, c.c, r)
}

// ComputeType is a type of compute. Types that this version does not know pass through unchanged.
type ComputeType string

// The usual types of compute. The service documents more. This package knows the properties of
// [ComputeTypeAmlCompute].
const (
	ComputeTypeAmlCompute      ComputeType = "AmlCompute"      // a cluster, what batch deployments run on
	ComputeTypeComputeInstance ComputeType = "ComputeInstance" // a person's machine
	ComputeTypeKubernetes      ComputeType = "Kubernetes"      // an attached Kubernetes cluster; batch deployments can run on it
	ComputeTypeSynapseSpark    ComputeType = "SynapseSpark"    // an attached Spark pool
	ComputeTypeDatabricks      ComputeType = "Databricks"      // an attached Databricks workspace
	ComputeTypeVirtualMachine  ComputeType = "VirtualMachine"  // an attached virtual machine
)

func (t ComputeType) equal(o ComputeType) bool { return strings.EqualFold(string(t), string(o)) }

// ComputeProperties are the properties of a type of compute: [AmlCompute] or [UnknownCompute].
type ComputeProperties interface{ computeType() ComputeType }

func (AmlCompute) computeType() ComputeType { return ComputeTypeAmlCompute }

func (u UnknownCompute) computeType() ComputeType { return u.Type }

var _ = wire.OneOf[ComputeProperties]("", UnknownCompute{}, wire.Kind(AmlCompute{}, string(ComputeTypeAmlCompute)))

// UnknownCompute are the properties of a type that this package does not know. They are sent back
// exactly as received.
type UnknownCompute struct {
	// Type is the type of the compute, for example [ComputeTypeComputeInstance].
	Type ComputeType
	// Raw is the JSON object of the properties.
	Raw json.RawMessage
}

// VMPriority says whether Azure may take nodes away.
type VMPriority string

const (
	// VMPriorityDedicated nodes stay until they are idle. The service's default.
	VMPriorityDedicated VMPriority = "Dedicated"
	// VMPriorityLowPriority nodes cost less. Azure may take them away; others retry their work.
	VMPriorityLowPriority VMPriority = "LowPriority"
)

// AmlCompute is a cluster of virtual machines that Azure ML starts and stops as jobs need them.
type AmlCompute struct {
	// OSType is "Linux" or "Windows". Empty means Linux.
	OSType string `wire:"osType"`
	// VMSize is the size of the machines, for example "STANDARD_DS3_V2". Required. Case does not
	// matter, and the service may answer in another case: compare with [AmlCompute.SameVMSize].
	VMSize string `wire:"vmSize"`
	// VMPriority is [VMPriorityDedicated] when empty.
	VMPriority VMPriority `wire:"vmPriority"`
	// MaxNodes is the largest number of nodes, at least 1. A job that needs more waits forever.
	MaxNodes int `wire:"scaleSettings/maxNodeCount,always"`
	// MinNodes is the number of nodes that run, and cost money, even without jobs. With 0 an idle
	// cluster costs nothing, and the first job waits some minutes for its nodes.
	MinNodes int `wire:"scaleSettings/minNodeCount,always"`
	// IdleTimeBeforeScaleDown is how long an idle node keeps running. Zero means two minutes.
	IdleTimeBeforeScaleDown time.Duration `wire:"scaleSettings/nodeIdleTimeBeforeScaleDown"`
	// Administrator is the account for SSH on the nodes, usually empty.
	Administrator NodeAdministrator `wire:"userAccountCredentials"`
	// SubnetID is the ARM id of the subnet of the nodes, empty for none.
	SubnetID string `wire:"subnet/id"`
	// RemoteLogin is "Enabled" if SSH is open at public addresses, else "Disabled" or
	// "NotSpecified".
	RemoteLogin string `wire:"remoteLoginPortPublicAccess"`
	// EnableNodePublicIP gives nodes public addresses. Nil means the service's default, true.
	EnableNodePublicIP *bool `wire:"enableNodePublicIp"`
	// EnableBatchPrivateLink lets the nodes work in a virtual network without public addresses.
	EnableBatchPrivateLink bool `wire:"enableBatchPrivateLink"`
	// IsolatedNetwork cuts the nodes off from the network.
	IsolatedNetwork bool `wire:"isolatedNetwork"`
	// VirtualMachineImageID is the ARM id of an image of your own. Empty means the service's image.
	VirtualMachineImageID string `wire:"virtualMachineImage/id"`
	// CurrentNodeCount is the number of nodes now; zero while the cluster is being created.
	CurrentNodeCount int `wire:"currentNodeCount,readonly"`
	// TargetNodeCount is the node count the cluster is scaling to.
	TargetNodeCount int `wire:"targetNodeCount,readonly"`
	// NodeStates counts the nodes by state.
	NodeStates NodeStates `wire:"nodeStateCounts,readonly"`
	// AllocationState is "Steady" or "Resizing"; a ready cluster can be either.
	AllocationState string `wire:"allocationState,readonly"`
	// AllocationStateTransitionTime is when AllocationState last changed.
	AllocationStateTransitionTime time.Time `wire:"allocationStateTransitionTime,readonly"`
	// Errors say why nodes did not start, for example an exceeded quota, as JSON.
	Errors []json.RawMessage `wire:"errors,readonly"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

// SameVMSize reports whether the machines have this size, without regard to case: older versions of
// the service answer in capitals whatever was sent.
func (a AmlCompute) SameVMSize(size string) bool { return strings.EqualFold(a.VMSize, size) }

func (a AmlCompute) check(op operation) error {
	const within = "Compute.Properties."
	if strings.TrimSpace(a.VMSize) == "" {
		return op.invalid(within+"VMSize", "is empty", "name a VM size, for example STANDARD_DS3_V2")
	}
	if err := checkTime(op, within+"IdleTimeBeforeScaleDown", a.IdleTimeBeforeScaleDown, "zero means two minutes"); err != nil {
		return err
	}
	return checkNodes(op, within, a.MinNodes, a.MaxNodes)
}

// checkNodes checks a cluster's node counts. within is the prefix of their names, "" for plain
// arguments.
func checkNodes(op operation, within string, minNodes, maxNodes int) error {
	switch {
	case minNodes < 0:
		return op.invalid(within+"MinNodes", fmt.Sprintf("is %d", minNodes),
			"use 0 or more; with 0 an idle cluster costs nothing")
	case maxNodes < 1:
		return op.invalid(within+"MaxNodes", fmt.Sprintf("is %d", maxNodes),
			"allow at least one node, or no job ever runs")
	case maxNodes < minNodes:
		return op.invalid(within+"MaxNodes", fmt.Sprintf("is %d, below MinNodes %d", maxNodes, minNodes),
			"allow at least MinNodes")
	}
	return nil
}

// NodeAdministrator is the administrator's account on the nodes of a cluster.
type NodeAdministrator struct {
	// UserName to log in with.
	UserName string `wire:"adminUserName"`
	// Password to log in with. The service never returns it. Leave it empty with SSHPublicKey.
	Password Secret `wire:"adminUserPassword"`
	// SSHPublicKey is the public key in OpenSSH's one-line format.
	SSHPublicKey string `wire:"adminUserSshPublicKey"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// NodeStates counts the nodes of a cluster by state.
type NodeStates struct {
	// Preparing nodes are starting up.
	Preparing int `wire:"preparingNodeCount"`
	// Running nodes are working on a job.
	Running int `wire:"runningNodeCount"`
	// Idle nodes have no work and still cost money.
	Idle int `wire:"idleNodeCount"`
	// Unusable nodes have failed.
	Unusable int `wire:"unusableNodeCount"`
	// Leaving nodes are shutting down.
	Leaving int `wire:"leavingNodeCount"`
	// Preempted nodes were taken away by Azure ([VMPriorityLowPriority]).
	Preempted int `wire:"preemptedNodeCount"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}
