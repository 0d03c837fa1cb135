package azmlbatch

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// ComputeType is a type of compute. Types that this version does not know pass through unchanged.
type ComputeType string

// The types of compute that workspaces usually have; the service documents some more, for data. This package knows the
// properties of [ComputeTypeAmlCompute].
const (
	ComputeTypeAmlCompute      ComputeType = "AmlCompute"      // a cluster, what batch deployments run on
	ComputeTypeComputeInstance ComputeType = "ComputeInstance" // a person's machine
	ComputeTypeKubernetes      ComputeType = "Kubernetes"      // an attached Kubernetes cluster; batch deployments can run on it
	ComputeTypeSynapseSpark    ComputeType = "SynapseSpark"    // an attached Spark pool
	ComputeTypeDatabricks      ComputeType = "Databricks"      // an attached Databricks workspace
	ComputeTypeVirtualMachine  ComputeType = "VirtualMachine"  // an attached virtual machine
)

func (t ComputeType) equal(o ComputeType) bool { return strings.EqualFold(string(t), string(o)) }

// ComputeProperties are what belongs to a type of compute: [AmlCompute] or [UnknownCompute].
type ComputeProperties interface{ computeType() ComputeType }

func (AmlCompute) computeType() ComputeType       { return ComputeTypeAmlCompute }
func (u UnknownCompute) computeType() ComputeType { return u.Type }

var _ = wire.OneOf[ComputeProperties]("", UnknownCompute{}, wire.Kind(AmlCompute{}, string(ComputeTypeAmlCompute)))

// UnknownCompute are the properties of a type that this version does not know in detail. They are sent back unchanged.
type UnknownCompute struct {
	// Type is the type of the compute, for example [ComputeTypeComputeInstance].
	Type ComputeType
	// Raw is the JSON object of the type's own properties.
	Raw json.RawMessage
}

// VMPriority says whether nodes can be taken away.
type VMPriority string

const (
	// VMPriorityDedicated nodes stay until they are idle. The service's default.
	VMPriorityDedicated VMPriority = "Dedicated"
	// VMPriorityLowPriority nodes cost less and can be taken away at any time; the mini-batches they had are tried again.
	VMPriorityLowPriority VMPriority = "LowPriority"
)

// AmlCompute is a cluster of virtual machines that Azure ML starts and stops by itself.
type AmlCompute struct {
	// OSType is "Linux", which is what empty means to the service, or "Windows".
	OSType string `wire:"osType"`
	// VMSize is the size of the machines, for example "STANDARD_DS3_V2"; needed. Its case means nothing and the service
	// changes it: compare with [AmlCompute.SameVMSize].
	VMSize string `wire:"vmSize"`
	// VMPriority is [VMPriorityDedicated] when empty.
	VMPriority VMPriority `wire:"vmPriority"`
	// MaxNodes is the largest number of nodes, at least 1. Jobs that want more nodes wait for ever.
	MaxNodes int `wire:"scaleSettings/maxNodeCount,always"`
	// MinNodes is the number of nodes that run, and cost, also without jobs. 0 lets the cluster stop costing when idle;
	// the first job then waits some minutes for its nodes.
	MinNodes int `wire:"scaleSettings/minNodeCount,always"`
	// IdleTimeBeforeScaleDown is how long a node without work runs on. Zero means the service's default, two minutes.
	IdleTimeBeforeScaleDown time.Duration `wire:"scaleSettings/nodeIdleTimeBeforeScaleDown"`
	// Administrator is the account for SSH on the nodes; usually left empty.
	Administrator NodeAdministrator `wire:"userAccountCredentials"`
	// SubnetID is the ARM id of the subnet that the nodes are in; empty for none.
	SubnetID string `wire:"subnet/id"`
	// RemoteLogin says whether SSH is open at public addresses: "Enabled", "Disabled" or "NotSpecified".
	RemoteLogin string `wire:"remoteLoginPortPublicAccess"`
	// EnableNodePublicIP gives nodes public addresses; nil means the service's default, true.
	EnableNodePublicIP *bool `wire:"enableNodePublicIp"`
	// EnableBatchPrivateLink is for virtual networks without public addresses.
	EnableBatchPrivateLink bool `wire:"enableBatchPrivateLink"`
	// IsolatedNetwork says that the nodes are cut off from the network.
	IsolatedNetwork bool `wire:"isolatedNetwork"`
	// VirtualMachineImageID is the ARM id of an image of your own; empty for the service's.
	VirtualMachineImageID string `wire:"virtualMachineImage/id"`
	// CurrentNodeCount is how many nodes there are, zero while the cluster is being made.
	CurrentNodeCount int `wire:"currentNodeCount,readonly"`
	// TargetNodeCount is how many nodes there shall be.
	TargetNodeCount int `wire:"targetNodeCount,readonly"`
	// NodeStates counts the nodes by what they do.
	NodeStates NodeStates `wire:"nodeStateCounts,readonly"`
	// AllocationState is "Steady" or "Resizing"; a ready cluster can be either.
	AllocationState string `wire:"allocationState,readonly"`
	// AllocationStateTransitionTime is when AllocationState changed last.
	AllocationStateTransitionTime time.Time `wire:"allocationStateTransitionTime,readonly"`
	// Errors are the service's reasons why nodes did not start, for example a quota, as JSON.
	Errors []json.RawMessage `wire:"errors,readonly"`
	// Extra holds members that this version does not know, by JSON Pointer; they are sent back unchanged.
	Extra map[string]json.RawMessage
}

// SameVMSize reports whether the machines have this size. The service answers in capitals whatever was sent, and since
// 2024 a GET has the sender's case again.
func (a AmlCompute) SameVMSize(size string) bool { return strings.EqualFold(a.VMSize, size) }

func (a AmlCompute) check(op operation) error {
	const within = "Compute.Properties."
	switch {
	case strings.TrimSpace(a.VMSize) == "":
		return op.invalid(within+"VMSize", "is empty", "name a size of machines, for example STANDARD_DS3_V2")
	case a.IdleTimeBeforeScaleDown < 0:
		return op.invalid(within+"IdleTimeBeforeScaleDown", "is negative", "zero means two minutes")
	}
	return checkNodes(op, within, a.MinNodes, a.MaxNodes)
}

// checkNodes checks the numbers of nodes of a cluster, which stand within something or are arguments of their own.
func checkNodes(op operation, within string, minNodes, maxNodes int) error {
	switch {
	case minNodes < 0:
		return op.invalid(within+"MinNodes", fmt.Sprintf("is %d", minNodes),
			"0 lets the cluster stop costing when idle")
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
	// Password to log in with; it does not come back from the service. Empty with SSHPublicKey.
	Password Secret `wire:"adminUserPassword"`
	// SSHPublicKey is the key in OpenSSH's one-line form.
	SSHPublicKey string `wire:"adminUserSshPublicKey"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// NodeStates counts the nodes of a cluster by what they do.
type NodeStates struct {
	// Preparing nodes are starting.
	Preparing int `wire:"preparingNodeCount"`
	// Running nodes work on a job.
	Running int `wire:"runningNodeCount"`
	// Idle nodes wait and cost.
	Idle int `wire:"idleNodeCount"`
	// Unusable nodes have failed.
	Unusable int `wire:"unusableNodeCount"`
	// Leaving nodes are stopping.
	Leaving int `wire:"leavingNodeCount"`
	// Preempted nodes were taken away ([VMPriorityLowPriority]).
	Preempted int `wire:"preemptedNodeCount"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}
