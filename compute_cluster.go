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

// The types of compute that workspaces usually have. The service documents some more, for data.
// This package knows the properties of [ComputeTypeAmlCompute].
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

func (AmlCompute) computeType() ComputeType       { return ComputeTypeAmlCompute }
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
	// VMPriorityLowPriority nodes cost less. Azure may take them away at any time; their
	// mini-batches are then tried again.
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
	// MaxNodes is the largest number of nodes, at least 1. A job that wants more nodes waits
	// forever.
	MaxNodes int `wire:"scaleSettings/maxNodeCount,always"`
	// MinNodes is the number of nodes that run, and cost money, even without jobs. With 0 an idle
	// cluster costs nothing, and the first job waits some minutes for its nodes.
	MinNodes int `wire:"scaleSettings/minNodeCount,always"`
	// IdleTimeBeforeScaleDown is how long an idle node keeps running. Zero means the service's
	// default, two minutes.
	IdleTimeBeforeScaleDown time.Duration `wire:"scaleSettings/nodeIdleTimeBeforeScaleDown"`
	// Administrator is the account for SSH on the nodes, usually empty.
	Administrator NodeAdministrator `wire:"userAccountCredentials"`
	// SubnetID is the ARM id of the subnet of the nodes, empty for none.
	SubnetID string `wire:"subnet/id"`
	// RemoteLogin says whether SSH is open at public addresses: "Enabled", "Disabled" or
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
	// CurrentNodeCount is how many nodes there are, zero while the cluster is being created.
	CurrentNodeCount int `wire:"currentNodeCount,readonly"`
	// TargetNodeCount is the node count the cluster is scaling to.
	TargetNodeCount int `wire:"targetNodeCount,readonly"`
	// NodeStates counts the nodes by state.
	NodeStates NodeStates `wire:"nodeStateCounts,readonly"`
	// AllocationState is "Steady" or "Resizing"; a ready cluster can be either.
	AllocationState string `wire:"allocationState,readonly"`
	// AllocationStateTransitionTime is when AllocationState last changed.
	AllocationStateTransitionTime time.Time `wire:"allocationStateTransitionTime,readonly"`
	// Errors say, as JSON, why nodes did not start, for example because of a quota.
	Errors []json.RawMessage `wire:"errors,readonly"`
	// Extra holds members that this version does not know, by JSON Pointer; they are sent back
	// unchanged.
	Extra map[string]json.RawMessage
}

// SameVMSize reports whether the machines have this size, without regard to case: older versions of
// the service answer in capitals whatever was sent.
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

// checkNodes checks the numbers of nodes of a cluster. The prefix within is "" when they are
// arguments of their own.
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
	// Password to log in with. The service never answers it. Leave it empty with SSHPublicKey.
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
