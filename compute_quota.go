package azmlbatch

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// A Usage is how much of a quota is used in the workspace's region.
type Usage struct {
	// ID names the subscription, and the workspace or cluster that the usage is of.
	ID string `wire:"id"`
	// Type tells quotas apart: "Microsoft.MachineLearningServices/vmFamily/usages" is the cores of
	// one family of machines in the whole subscription, "…/dedicatedCores/usages" those of all
	// families, "…/workspaces/computes/usages" what one cluster takes.
	Type string `wire:"type"`
	// Name for people, for example "Standard DSv2 Family Cluster Dedicated vCPUs".
	Name string `wire:"name/localizedValue"`
	// CurrentValue is how much is used.
	CurrentValue int64 `wire:"currentValue"`
	// Limit is how much may be used.
	Limit int64 `wire:"limit"`
	// Unit is "Count".
	Unit string `wire:"unit"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (u *Usage) UnmarshalJSON(b []byte) error { return wire.Decode(b, u) }

func (u Usage) MarshalJSON() ([]byte, error) { return wire.Encode(u, wire.ForCaller) }

// A VMSize is a size of machine that clusters can have in the workspace's region.
type VMSize struct {
	// Name of the size, for example "Standard_DS3_v2"; compare it with [AmlCompute.SameVMSize].
	Name string `wire:"name"`
	// Family whose quota the machines count against, for example "standardDSv2Family".
	Family string `wire:"family"`
	// VCPUs of one machine.
	VCPUs int `wire:"vCPUs"`
	// GPUs of one machine.
	GPUs int `wire:"gpus"`
	// MemoryGB of one machine.
	MemoryGB float64 `wire:"memoryGB"`
	// LowPriorityCapable says that there are low-priority machines of this size.
	LowPriorityCapable bool `wire:"lowPriorityCapable"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (v *VMSize) UnmarshalJSON(b []byte) error { return wire.Decode(b, v) }

func (v VMSize) MarshalJSON() ([]byte, error) { return wire.Encode(v, wire.ForCaller) }

// ListUsages iterates over the quotas of the workspace's region and how much of them is used, of
// the subscription and of its workspaces and clusters. It takes Reader on the subscription.
func (c ComputesClient) ListUsages(ctx context.Context) iter.Seq2[Usage, error] {
	return listInRegion[Usage](ctx, c.c, operation{"list", "usages of computes", ""}, "usages")
}

// ListVMSizes iterates over the sizes of machines that clusters can have in the workspace's region.
// It takes Reader on the subscription.
func (c ComputesClient) ListVMSizes(ctx context.Context) iter.Seq2[VMSize, error] {
	return listInRegion[VMSize](ctx, c.c, operation{"list", "VM sizes of computes", ""}, "vmSizes")
}

// listInRegion lists what the subscription has in the workspace's region.
func listInRegion[T any](ctx context.Context, c *Client, op operation, collection string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		region, err := c.location(ctx)
		if err != nil {
			yield(zero, op.failed(err))
			return
		}
		r := request{op: op, method: http.MethodGet, url: c.cloud.management + "/subscriptions/" + url.PathEscape(c.workspace.SubscriptionID) +
			"/providers/" + resourceProvider + "/locations/" + url.PathEscape(region) + "/" + collection}
		for v, err := range list[T](ctx, c, r) {
			if !yield(v, err) {
				return
			}
		}
	}
}
