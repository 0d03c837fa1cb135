package ui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/azmlbatch/azmlbatch"
)

// overviewPage is the workspace at a glance: its clusters and their nodes, what waits, what costs.
var overviewPage = page{pattern: "/workspace", template: "overview.html", load: loadOverview}

// The bounds of the overview.
const (
	maxClusters       = 50
	maxNodes          = 200 // of a cluster
	clustersAtOnce    = 4
	jobsForOverview   = 500 // newest jobs of the workspace that are looked through
	maxWaitingOnSight = 50
)

// overviewView is what the page shows.
type overviewView struct {
	Clusters          []cluster
	MoreClusters      bool
	Waiting, Running  []jobRow
	MoreWaiting       bool
	NodesOn           int
	Costs             []string // what costs money now, or may without work
	LastJobs          health
	ClustersUnread    string // why there are no clusters
	JobsLookedThrough int
}

// A cluster is one compute with its nodes.
type cluster struct {
	azmlbatch.Compute
	Size  azmlbatch.AmlCompute
	Nodes []azmlbatch.ComputeNode
	More  bool   // there are more nodes than are listed
	Err   string // why the nodes are not known
}

// clusterList are the clusters of the workspace.
type clusterList struct {
	clusters []cluster
	more     bool
}

func loadOverview(ctx context.Context, h *Handler, _ visit) (view, error) {
	jobs, err := h.jobs.find(ctx, jobQuery{}, 0, jobsForOverview)
	if err != nil {
		return view{}, err
	}
	data := &overviewView{LastJobs: jobs.rows[:min(lastJobs, len(jobs.rows))], JobsLookedThrough: len(jobs.rows)}
	data.addJobs(jobs.rows)
	found, err := h.clusters.wait(ctx, "", false, func(ctx context.Context) (clusterList, error) { return listClusters(ctx, h.client) })
	switch {
	case ctx.Err() != nil:
		return view{}, ctx.Err()
	case err != nil:
		data.ClustersUnread = redacted(errorText(err))
	}
	data.Clusters, data.MoreClusters = found.clusters, found.more
	for _, c := range found.clusters {
		data.NodesOn += c.Size.CurrentNodeCount
		data.Costs = append(data.Costs, c.costs()...)
	}
	return view{title: "Workspace", section: "Workspace", live: true, data: data}, nil
}

// addJobs sorts out what runs and what waits.
func (v *overviewView) addJobs(jobs []jobRow) {
	for _, job := range jobs {
		switch {
		case job.Status.Done():
		case job.Status == azmlbatch.JobStatusRunning, job.Status == azmlbatch.JobStatusFinalizing:
			v.Running = append(v.Running, job)
		default:
			v.Waiting = append(v.Waiting, job)
		}
	}
	slices.Reverse(v.Waiting) // who waits for the longest time comes first
	if v.MoreWaiting = len(v.Waiting) > maxWaitingOnSight; v.MoreWaiting {
		v.Waiting = v.Waiting[:maxWaitingOnSight]
	}
}

// listClusters reads the clusters and, a few at once, their nodes.
func listClusters(ctx context.Context, client *azmlbatch.Client) (clusterList, error) {
	var list clusterList
	for c, err := range client.Computes().List(ctx) {
		if err != nil {
			return list, err
		}
		size, isCluster := c.Properties.(azmlbatch.AmlCompute)
		if !isCluster {
			continue
		}
		if list.more = len(list.clusters) == maxClusters; list.more {
			break
		}
		list.clusters = append(list.clusters, cluster{Compute: c, Size: size})
	}
	slices.SortFunc(list.clusters, func(a, b cluster) int { return cmp.Compare(a.Name, b.Name) })
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(clustersAtOnce)
	for i := range list.clusters {
		group.Go(func() error { return list.clusters[i].readNodes(ctx, client) })
	}
	return list, group.Wait()
}

// readNodes lists the nodes of a cluster that has some. A cluster whose nodes cannot be read says why.
func (c *cluster) readNodes(ctx context.Context, client *azmlbatch.Client) error {
	if c.Size.CurrentNodeCount == 0 {
		return nil
	}
	for node, err := range client.Computes().ListNodes(ctx, c.Name) {
		switch {
		case err != nil && (ctx.Err() != nil || errors.Is(err, azmlbatch.ErrThrottled)):
			return err
		case err != nil:
			c.Err = redacted(errorText(err))
			return nil
		case len(c.Nodes) == maxNodes:
			c.More = true
			return nil
		}
		c.Nodes = append(c.Nodes, node)
	}
	return nil
}

// costs tells what of the cluster costs money. The prices of machines are no part of the workspace.
func (c cluster) costs() (lines []string) {
	size := strings.ToUpper(c.Size.VMSize)
	if n := c.Size.CurrentNodeCount; n > 0 {
		lines = append(lines, fmt.Sprintf("%s: %s of size %s on now%s.", c.Name, nodes(n), size, c.idle()))
	}
	if n := c.Size.MinNodes; n > 0 {
		lines = append(lines, fmt.Sprintf("%s: keeps %s on without work, because its smallest size is not 0.", c.Name, nodes(n)))
	}
	return lines
}

func (c cluster) idle() string {
	if n := c.Size.NodeStates.Idle; n > 0 {
		return fmt.Sprintf(", %d of them idle", n)
	}
	return ""
}

func nodes(n int) string {
	if n == 1 {
		return "1 node"
	}
	return showCount(n) + " nodes"
}
