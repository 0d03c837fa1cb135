package azmlbatch

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

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
	return inLoop(c, op, func(yield func(T, error) bool) {
		var zero T
		region, err := c.location(ctx, op)
		if err != nil {
			yield(zero, err)
			return
		}
		r := request{op: op, method: http.MethodGet, url: c.cloud.management + "/subscriptions/" + url.PathEscape(c.workspace.SubscriptionID) +
			"/providers/" + resourceProvider + "/locations/" + url.PathEscape(region) + "/" + collection}
		for v, err := range list[T](ctx, c, r) {
			if !yield(v, err) {
				return
			}
		}
	})
}

// Quotas are the sizes of machines that clusters can have in the workspace's region, and how much
// of each quota there is used. Get them from [ComputesClient.Quotas].
type Quotas struct {
	// VMSizes of the region, as [ComputesClient.ListVMSizes] has them.
	VMSizes []VMSize
	// Usages in the region, as [ComputesClient.ListUsages] has them.
	Usages []Usage
}

// Quotas reads both lists at once. [Quotas.OfCluster] then says what a cluster has room for. It
// takes Reader on the subscription.
func (c ComputesClient) Quotas(ctx context.Context) (Quotas, error) {
	return inSpan(ctx, c.c, operation{"get", "quotas of computes", ""}, func(ctx context.Context) (Quotas, error) {
		var q Quotas
		var noSizes, noUsages error
		var both sync.WaitGroup
		both.Go(func() { q.VMSizes, noSizes = collected(c.ListVMSizes(ctx)) })
		q.Usages, noUsages = collected(c.ListUsages(ctx))
		both.Wait()
		return q, cmp.Or(noUsages, noSizes)
	})
}

// A ClusterQuota is the quota that the nodes of a cluster count against: the dedicated cores of one
// family of machines in the subscription.
type ClusterQuota struct {
	// Unknown says why the quota of the cluster cannot be told, for example because its nodes have
	// low priority. The other fields are then zero. Empty if the quota is known.
	Unknown string
	// Usage of the family's cores, by the cluster and by all others.
	Usage Usage
	// Own is how many of these cores the cluster itself uses; 0 for one that does not exist.
	Own int64
	// VCPUs of one node.
	VCPUs int
}

// MaxNodes is how many nodes the quota allows at most, if nobody else uses any of it.
func (q ClusterQuota) MaxNodes() int { return q.nodes(q.Usage.Limit) }

// RoomNodes is how many nodes the quota allows beside what others use of it now. Others may give
// back what they use.
func (q ClusterQuota) RoomNodes() int { return q.nodes(q.Usage.Limit - q.Usage.CurrentValue + q.Own) }

func (q ClusterQuota) nodes(cores int64) int {
	if q.VCPUs <= 0 {
		return 0
	}
	return int(max(cores, 0) / int64(q.VCPUs))
}

// OfCluster finds the quota that the nodes of a cluster count against, whether the cluster exists
// or not. It sends nothing.
func (q Quotas) OfCluster(c Compute) ClusterQuota {
	cluster, ok := wire.Indirect(c.Properties).(AmlCompute)
	if !ok {
		return ClusterQuota{Unknown: "the compute is no cluster"}
	}
	if strings.EqualFold(string(cluster.VMPriority), string(VMPriorityLowPriority)) {
		return ClusterQuota{Unknown: "the service does not tell it for low-priority nodes"}
	}
	at := slices.IndexFunc(q.VMSizes, func(s VMSize) bool { return cluster.SameVMSize(s.Name) })
	if at < 0 {
		return ClusterQuota{Unknown: fmt.Sprintf("the region has no size %q", cluster.VMSize)}
	}
	family := q.VMSizes[at].Family
	of := slices.IndexFunc(q.Usages, func(u Usage) bool { return u.isOf("vmFamily", family) })
	if of < 0 {
		return ClusterQuota{Unknown: fmt.Sprintf("the service tells none for family %q", family)}
	}
	found := ClusterQuota{Usage: q.Usages[of], VCPUs: q.VMSizes[at].VCPUs}
	for _, u := range q.Usages {
		if c.ID != "" && u.isOf("workspaces/computes", family) && strings.Contains(strings.ToLower(u.ID), strings.ToLower(c.ID)+"/") {
			found.Own = u.CurrentValue
		}
	}
	return found
}

// isOf reports whether a usage is of a kind, and of the dedicated cores of a family. The family is
// standardDSv2Family, its usages "Standard DSv2 Family Cluster Dedicated vCPUs".
func (u Usage) isOf(kind, family string) bool {
	name := strings.ReplaceAll(u.Name, " ", "")
	return strings.EqualFold(u.Type, "Microsoft.MachineLearningServices/"+kind+"/usages") &&
		strings.EqualFold(name, family+"ClusterDedicatedvCPUs")
}
