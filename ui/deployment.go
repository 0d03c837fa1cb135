package ui

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// deploymentPage shows one deployment with its YAML.
var deploymentPage = page{pattern: "/endpoints/{endpoint}/deployments/{deployment}", template: "deployment.html", load: loadDeployment}

// endpointYAML answers with the YAML of an endpoint and all that it needs, as `azmlbatch export` writes it.
var endpointYAML = file{pattern: "/endpoints/{endpoint}/export.yml", serve: serveEndpointYAML}

// deploymentView is what the page of a deployment shows.
type deploymentView struct {
	Endpoint   azmlbatch.Endpoint
	Deployment azmlbatch.Deployment
	Default    bool
	Model      string
	Cluster    string
	Jobs       health
	YAML       string
	Unread     string // why there is no YAML
	MayInvoke  bool
	MayDefault bool
}

func loadDeployment(ctx context.Context, h *Handler, v visit) (view, error) {
	endpoint, err := h.client.Endpoints().Get(ctx, v.path("endpoint"))
	if err != nil {
		return view{}, err
	}
	d, err := h.client.Deployments(endpoint.Name).Get(ctx, v.path("deployment"))
	if err != nil {
		return view{}, err
	}
	jobs, err := h.jobs.find(ctx, jobQuery{Endpoint: endpoint.Name, Deployment: d.Name}, 0, lastJobs)
	if err != nil {
		return view{}, err
	}
	text, unread := exported(ctx, h.client, endpoint.Name, d.Name)
	if ctx.Err() != nil {
		return view{}, ctx.Err()
	}
	data := deploymentView{Endpoint: endpoint, Deployment: d, Default: d.Name == endpoint.DefaultDeployment, Model: modelOf(d), Cluster: resourceName(d.Compute),
		Jobs: jobs.rows, YAML: redacted(text), MayInvoke: h.may(ctx, toInvoke), MayDefault: h.may(ctx, toSetDefault)}
	if unread != nil { // the page shows the rest without it
		data.Unread = redacted(errorText(unread))
	}
	return view{title: endpoint.Name + " / " + d.Name, section: "Endpoints", data: data}, nil
}

// MayFail is how many files of a job may fail.
func (v deploymentView) MayFail() string {
	if limit := v.Deployment.ErrorThreshold; limit != nil && *limit >= 0 {
		return showCount(*limit)
	}
	return "all"
}

// exported is the YAML of an endpoint with all its deployments, or of one deployment alone.
func exported(ctx context.Context, client *azmlbatch.Client, endpoint, deployment string) (string, error) {
	spec, err := deploy.Export(ctx, client, endpoint)
	if err != nil {
		return "", err
	}
	if deployment != "" {
		spec = deploy.Spec{Deployments: slices.DeleteFunc(spec.Deployments, func(d deploy.Deployment) bool { return d.Deployment.Name != deployment })}
	}
	var text bytes.Buffer
	err = spec.Write(&text, nil)
	return text.String(), err
}

func serveEndpointYAML(h *Handler, w http.ResponseWriter, r *http.Request) error {
	endpoint := r.PathValue("endpoint")
	text, err := exported(r.Context(), h.client, endpoint, "")
	if err != nil {
		return err
	}
	beginDownload(w, "application/yaml", endpoint+".yml")
	_, _ = io.WriteString(w, text) // the browser may have left
	return nil
}
