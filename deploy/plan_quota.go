package deploy

import (
	"context"
	"errors"
	"fmt"

	"github.com/azmlbatch/azmlbatch"
)

// Whether the subscription has room for the nodes that a Spec asks for.

func (p *planner) hasClusters() bool {
	for _, c := range p.spec.Computes {
		if _, ok := clusterOf(c); ok {
			return true
		}
	}
	return false
}

func (p *planner) readRegion(ctx context.Context) error {
	details, err := p.client.WorkspaceDetails(ctx)
	if errors.Is(err, azmlbatch.ErrForbidden) {
		return nil // it matters for the quotas only, which say so then
	}
	p.region = details.Location
	return err
}

// grows reports whether a cluster is created or may get more nodes than it may have now.
func (i *computeItem) grows() bool {
	want, ok := clusterOf(i.want)
	if !ok || i.have == nil {
		return ok
	}
	have, ok := clusterOf(*i.have)
	return ok && want.MaxNodes > have.MaxNodes
}

// wanted is the cluster as it is to be.
func (i *computeItem) wanted() azmlbatch.Compute {
	if i.have == nil {
		return i.want
	}
	return overlay(i.want, *i.have, computeFields)
}

// readQuotas asks for the quotas of the clusters that grow. Who may not read them can still plan.
func (p *planner) readQuotas(ctx context.Context) error {
	var growing []*computeItem
	for _, i := range p.items {
		if c, ok := i.(*computeItem); ok && c.grows() && !p.dryRun {
			growing = append(growing, c)
		}
	}
	if len(growing) == 0 {
		return nil
	}
	quotas, err := p.client.Computes().Quotas(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, i := range growing {
		i.quota = &azmlbatch.ClusterQuota{}
		switch elsewhere := locationChange(i.want.Location, p.region); {
		case errors.Is(err, azmlbatch.ErrForbidden):
			i.quota.Unknown = "reading it takes the role Reader on the subscription"
		case err != nil:
			i.quota.Unknown = err.Error()
		case elsewhere != nil:
			i.quota.Unknown = fmt.Sprintf("the cluster is in %s, and only the quotas of the workspace's region are read", i.want.Location)
		default:
			*i.quota = quotas.OfCluster(i.wanted())
		}
	}
	return nil
}

// quotaNotes say that a cluster cannot have all of its nodes now, or that nobody knows. What others
// use of a quota they may give back, so it is no mistake of the Spec.
func (i *computeItem) quotaNotes() []string {
	q := i.quota
	if q == nil {
		return nil
	}
	if q.Unknown != "" {
		return []string{"whether its quota is enough is not known: " + q.Unknown}
	}
	cluster, _ := clusterOf(i.want)
	if room := q.RoomNodes(); room < cluster.MaxNodes {
		return []string{fmt.Sprintf("the quota has room for %d of its %d nodes now: %d of %d cores of %s are used; %s", room, cluster.MaxNodes,
			q.Usage.CurrentValue, q.Usage.Limit, q.Usage.Name, askForCores(cluster.MaxNodes, *q))}
	}
	return nil
}

// beyondQuota finds a cluster whose jobs would wait forever: its whole quota is not enough for the
// nodes that one of them needs.
func (p *planner) beyondQuota(i *computeItem) error {
	q := i.quota
	if q == nil || q.Unknown != "" {
		return nil
	}
	cluster, _ := clusterOf(i.want)
	needed, who := max(cluster.MinNodes, 1), "the cluster"
	for _, other := range p.items {
		d, ok := other.(*deploymentItem)
		if ok && d.runsOn(i) && d.want.Deployment.Resources.InstanceCount > needed {
			needed, who = d.want.Deployment.Resources.InstanceCount, d.part().String()
		}
	}
	if q.MaxNodes() >= needed {
		return nil
	}
	return mistake(i.part(), "Properties.VMSize", fmt.Sprintf("%s needs %s of %d cores, but the subscription's quota for %s is %d, so jobs would wait forever",
		who, nodes(needed), q.VCPUs, q.Usage.Name, q.Usage.Limit), askForCores(needed, *q)+", or take fewer or smaller nodes")
}

func askForCores(n int, q azmlbatch.ClusterQuota) string {
	return fmt.Sprintf("ask for a quota of %d at https://ml.azure.com/quota", int64(n)*int64(q.VCPUs)+q.Usage.CurrentValue-q.Own)
}

// nodes is a number of nodes in words.
func nodes(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}

// runsOn reports whether the jobs of a deployment run on a cluster of the Spec.
func (i *deploymentItem) runsOn(c *computeItem) bool {
	for _, l := range i.links {
		if l.to == item(c) {
			return true
		}
	}
	return false
}
