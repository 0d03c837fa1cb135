package ui

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// endpointsPage lists the endpoints with the health of their last jobs.
var endpointsPage = page{pattern: "/endpoints", template: "endpoints.html", load: loadEndpoints}

// endpointPage shows one endpoint and its deployments.
var endpointPage = page{pattern: "/endpoints/{endpoint}", template: "endpoint.html", load: loadEndpoint}

const (
	jobsForHealth = 500 // newest jobs of the workspace that tell the health of all endpoints
	lastJobs      = 10  // of an endpoint or deployment, for its health
	maxEndpoints  = 500 // on the page
)

// A health is how the last jobs of an endpoint or deployment ended, the newest first.
type health []jobRow

// Summary tells the health in words.
func (x health) Summary() string {
	if len(x) == 0 {
		return "no recent jobs"
	}
	counts := map[azmlbatch.JobStatus]int{}
	for _, job := range x {
		counts[job.Status]++
	}
	var parts []string
	for status, n := range counts {
		parts = append(parts, fmt.Sprintf("%d %s", n, strings.ToLower(string(status))))
	}
	slices.Sort(parts)
	slices.Reverse(parts) // the most frequent first, as far as digits tell
	return fmt.Sprintf("last %d: %s", len(x), strings.Join(parts, ", "))
}

// healths sorts jobs by whose they are, and keeps the newest of each.
func healths(jobs []jobRow, whose func(jobRow) string) map[string]health {
	found := map[string]health{}
	for _, job := range jobs {
		if name := whose(job); len(found[name]) < lastJobs {
			found[name] = append(found[name], job)
		}
	}
	return found
}

// endpointsView is what the list of endpoints shows.
type endpointsView struct {
	Endpoints []listedEndpoint
	More      bool // there are more than the page shows
}

// A listedEndpoint is a row of the list.
type listedEndpoint struct {
	azmlbatch.Endpoint
	Health health
}

func loadEndpoints(ctx context.Context, h *Handler, _ visit) (view, error) {
	jobs, err := h.jobs.find(ctx, jobQuery{}, 0, jobsForHealth)
	if err != nil {
		return view{}, err
	}
	byEndpoint := healths(jobs.rows, func(job jobRow) string { return job.Endpoint })
	var data endpointsView
	for endpoint, err := range h.client.Endpoints().List(ctx) {
		if err != nil {
			return view{}, err
		}
		if data.More = len(data.Endpoints) == maxEndpoints; data.More {
			break
		}
		data.Endpoints = append(data.Endpoints, listedEndpoint{endpoint, byEndpoint[endpoint.Name]})
	}
	slices.SortFunc(data.Endpoints, func(a, b listedEndpoint) int { return cmp.Compare(a.Name, b.Name) })
	return view{title: "Endpoints", section: "Endpoints", live: true, data: data}, nil
}

// endpointView is what the page of an endpoint shows.
type endpointView struct {
	Endpoint    azmlbatch.Endpoint
	Deployments []listedDeployment
	Jobs        health
	MayInvoke   bool
	MayDefault  bool
}

// A listedDeployment is a row of the endpoint's deployments.
type listedDeployment struct {
	azmlbatch.Deployment
	Default bool
	Health  health
	Model   string
	Cluster string
}

func loadEndpoint(ctx context.Context, h *Handler, v visit) (view, error) {
	endpoint, err := h.client.Endpoints().Get(ctx, v.path("endpoint"))
	if err != nil {
		return view{}, err
	}
	jobs, err := h.jobs.find(ctx, jobQuery{Endpoint: endpoint.Name}, 0, jobsForHealth)
	if err != nil {
		return view{}, err
	}
	data := endpointView{Endpoint: endpoint, Jobs: jobs.rows[:min(lastJobs, len(jobs.rows))],
		MayInvoke: h.may(ctx, toInvoke), MayDefault: h.may(ctx, toSetDefault)}
	byDeployment := healths(jobs.rows, func(job jobRow) string { return job.Deployment })
	for d, err := range h.client.Deployments(endpoint.Name).List(ctx) {
		if err != nil {
			return view{}, err
		}
		data.Deployments = append(data.Deployments, listedDeployment{d, d.Name == endpoint.DefaultDeployment, byDeployment[d.Name], modelOf(d), resourceName(d.Compute)})
	}
	return view{title: endpoint.Name, section: "Endpoints", live: true, data: data}, nil
}

// modelOf names what a deployment scores with.
func modelOf(d azmlbatch.Deployment) string {
	switch m := d.Model.(type) {
	case azmlbatch.ModelByID:
		return assetName(m.AssetID)
	case azmlbatch.ModelByDataPath:
		return m.Path
	case azmlbatch.ModelByOutput:
		return "output of job " + m.JobID
	}
	if d.Configuration != nil {
		return "a pipeline component"
	}
	return ""
}

// assetName shortens a reference to an asset to its name and version.
func assetName(reference string) string {
	r, err := azmlbatch.ParseReference("", reference)
	if err != nil || r.Name == "" {
		return reference
	}
	return strings.TrimSuffix(r.Name+":"+cmp.Or(r.Version, r.Label), ":")
}

// resourceName shortens the id of a compute to its name.
func resourceName(id string) string {
	r, err := azmlbatch.ParseReference(azmlbatch.ReferenceKindCompute, id)
	if err != nil || r.Name == "" {
		return id
	}
	return r.Name
}
