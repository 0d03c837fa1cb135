package azmlbatch

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// A Compute is what jobs run on. Batch deployments use clusters ([AmlCompute]); every other type of the workspace is read
// and kept without loss.
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
	// Type of the compute, for example "AmlCompute" or "ComputeInstance". Empty means the type that Properties belong to.
	Type ComputeType `wire:"properties/computeType"`
	// Description is free text.
	Description string `wire:"properties/description"`
	// ResourceID is the ARM id of what was attached, empty for clusters that Azure ML made.
	ResourceID string `wire:"properties/resourceId"`
	// DisableLocalAuth switches SSH to the nodes off.
	DisableLocalAuth bool `wire:"properties/disableLocalAuth"`
	// Properties are what belongs to the type: [AmlCompute], or [UnknownCompute] for all other types.
	Properties ComputeProperties `wire:"properties/properties,kind=Type"`
	// CreatedOn is the time of creation.
	CreatedOn time.Time `wire:"properties/createdOn,readonly"`
	// ModifiedOn is the time of the last change.
	ModifiedOn time.Time `wire:"properties/modifiedOn,readonly"`
	// ComputeLocation is the region the nodes run in, empty until the creation has ended.
	ComputeLocation string `wire:"properties/computeLocation,readonly"`
	// ProvisioningState is Creating or Updating while an operation runs; a cluster that is Succeeded may have no nodes yet.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// ProvisioningErrors are the service's reasons for ProvisioningState Failed, as JSON.
	ProvisioningErrors []json.RawMessage `wire:"properties/provisioningErrors,readonly"`
	// ProvisioningWarnings are the service's remarks, as JSON; {} for none.
	ProvisioningWarnings json.RawMessage `wire:"properties/provisioningWarnings,readonly"`
	// IsAttachedCompute says that the compute was made outside Azure ML.
	IsAttachedCompute bool `wire:"properties/isAttachedCompute,readonly"`
	// Extra holds members that this version does not know, by JSON Pointer; they are sent back unchanged.
	Extra map[string]json.RawMessage
}

// UnmarshalJSON implements [json.Unmarshaler].
func (c *Compute) UnmarshalJSON(b []byte) error { return wire.Decode(b, c) }

// MarshalJSON implements [json.Marshaler]. Read-only members and the administrator's password are included.
func (c Compute) MarshalJSON() ([]byte, error) { return wire.Encode(c, wire.ForCaller) }

// String is what fmt prints: the fields that are set, without secrets.
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

// List iterates over the computes of all types, a page at a time as the loop asks for more.
func (c ComputesClient) List(ctx context.Context) iter.Seq2[Compute, error] {
	return list[Compute](ctx, c.c, request{op: operation{"list", "computes", ""}, url: c.c.armURL("computes")})
}

// CreateOrUpdate creates a compute, or replaces the one of that name, and waits until it is ready: some ten seconds for a
// cluster, because it starts without nodes. Members left empty are not kept, so to update, get the compute, change it and
// send it back; [ComputesClient.Scale] changes the number of nodes alone. Get does not return the password of the nodes'
// administrator; whether an update without it keeps the password is not documented by the service.
//
// A cluster costs nothing while it has no nodes. MinNodes above zero keeps nodes running, and costing, until it is changed
// or the cluster is deleted. Exceeded quotas show when nodes are asked for. The request is retried.
func (c ComputesClient) CreateOrUpdate(ctx context.Context, name string, compute Compute, options *WaitOptions) (Compute, error) {
	p, err := c.BeginCreateOrUpdate(ctx, name, compute)
	return untilDone(ctx, p, err, options)
}

// BeginCreateOrUpdate is [ComputesClient.CreateOrUpdate] without the waiting: it returns when the service has accepted the
// request.
func (c ComputesClient) BeginCreateOrUpdate(ctx context.Context, name string, compute Compute) (*Poller[Compute], error) {
	r := c.request(http.MethodPut, "create", name)
	compute, err := checkCompute(r.op, compute)
	if err != nil {
		return nil, err
	}
	if compute.Location == "" {
		if compute.Location, err = c.c.location(ctx); err != nil {
			return nil, err
		}
	}
	r.body = compute
	return beginOperation[Compute](ctx, c.c, r)
}

func checkCompute(op operation, compute Compute) (Compute, error) {
	checkNew := checkNewComputeName
	if compute.ID != "" {
		checkNew = checkName // it exists, so the service has taken its name
	}
	if err := checkNew(op, "name", op.name); err != nil {
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

// Scale sets the smallest and the largest number of nodes of a cluster and waits until the service has stored them, not
// until the nodes run. Nodes up to minNodes run, and cost, all the time; those up to maxNodes start with jobs and stop after
// IdleTimeBeforeScaleDown. A cluster that has these numbers already is not changed. A missing compute is [ErrNotFound]; a
// compute that is not a cluster, and impossible numbers, are *[ArgumentError].
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
		return compute, op.invalid("name", fmt.Sprintf("it is a compute of type %q", compute.Type),
			"name a cluster; other types have no number of nodes to set")
	}
	if cluster.MinNodes == minNodes && cluster.MaxNodes == maxNodes {
		return compute, nil
	}
	cluster.MinNodes, cluster.MaxNodes = minNodes, maxNodes
	compute.Properties = cluster
	return c.CreateOrUpdate(ctx, op.name, compute, options)
}

// A ComputeNode is a machine of a cluster.
type ComputeNode struct {
	// NodeID is the service's id of the node.
	NodeID string `wire:"nodeId"`
	// PrivateIPAddress is the address in the virtual network.
	PrivateIPAddress string `wire:"privateIpAddress"`
	// PublicIPAddress is empty for nodes without one.
	PublicIPAddress string `wire:"publicIpAddress"`
	// Port is the SSH port at the public address.
	Port int `wire:"port"`
	// State is "idle", "running", "preparing", "unusable", "leaving" or "preempted".
	State string `wire:"nodeState"`
	// RunID is the run that the node works on, empty when it is idle.
	RunID string `wire:"runId"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// UnmarshalJSON implements [json.Unmarshaler].
func (n *ComputeNode) UnmarshalJSON(b []byte) error { return wire.Decode(b, n) }

// MarshalJSON implements [json.Marshaler].
func (n ComputeNode) MarshalJSON() ([]byte, error) { return wire.Encode(n, wire.ForCaller) }

// ListNodes iterates over the nodes that a cluster has now; a cluster at rest has none. A missing compute is
// [ErrNotFound].
func (c ComputesClient) ListNodes(ctx context.Context, name string) iter.Seq2[ComputeNode, error] {
	r := c.request(http.MethodPost, "list nodes of", name, "listNodes")
	r.reads = true
	return list[ComputeNode](ctx, c.c, r)
}

// DeleteComputeOptions tune [ComputesClient.Delete]. The zero value and nil are the defaults.
type DeleteComputeOptions struct {
	// Detach keeps the machines behind an attached compute, which go on costing, and only removes it from the workspace.
	// Without it they are deleted. The machines of a cluster cannot be kept.
	Detach bool
	// Wait tunes the waiting; nil means the defaults. BeginDelete does not use it.
	Wait *WaitOptions
}

// Delete deletes a compute, or detaches it, and waits until that is done, about a minute for a cluster; nodes cost until
// then. A missing compute is [ErrNotFound] or no error, as the service answers.
func (c ComputesClient) Delete(ctx context.Context, name string, options *DeleteComputeOptions) error {
	p, err := c.BeginDelete(ctx, name, options)
	_, err = untilDone(ctx, p, err, orZero(options).Wait)
	return err
}

// BeginDelete is [ComputesClient.Delete] without the waiting: it returns when the service has accepted the request.
func (c ComputesClient) BeginDelete(ctx context.Context, name string, options *DeleteComputeOptions) (*Poller[Nothing], error) {
	r := c.request(http.MethodDelete, "delete", name)
	action := "Delete"
	if orZero(options).Detach {
		action = "Detach"
	}
	r.query = url.Values{"underlyingResourceAction": {action}}
	return beginOperation[Nothing](ctx, c.c, r)
}
