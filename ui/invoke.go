package ui

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/azmlbatch/azmlbatch"
)

// invokePage asks what an endpoint shall score, and then whether it shall begin.
var invokePage = page{pattern: "/endpoints/{endpoint}/invoke", template: "invoke.html", load: loadInvoke}

// invokeAction starts the job.
var invokeAction = action{pattern: "/endpoints/{endpoint}/invoke", do: invoke}

// invokeView is what the page of an invocation shows.
type invokeView struct {
	Endpoint    azmlbatch.Endpoint
	Deployments []string
	Order       order
	Local       bool   // folders of this machine can be scored
	Problem     string // what is wrong with the order
	// Confirm says that the order is fine: Runs tells what will run it, and Key makes a second click
	// find the job of the first.
	Confirm bool
	Runs    string
	Key     string
}

// An order is what a person wants to have scored.
type order struct {
	Deployment string
	Kind       string // "folder" or "file"
	Input      string
}

func readOrder(value func(string) string) order {
	return order{Deployment: value("deployment"), Kind: cmp.Or(value("kind"), "folder"), Input: value("input")}
}

// input is the input of an invocation. A path of this machine is one only where that is allowed, so that
// nobody reads this machine's files by way of a page that a service has mounted.
func (o order) input(local bool) (azmlbatch.Input, error) {
	if local && filepath.IsAbs(o.Input) {
		_, err := os.Stat(o.Input)
		return azmlbatch.LocalPath{Path: o.Input}, err
	}
	r, err := azmlbatch.ParseReference(azmlbatch.ReferenceKindData, o.Input)
	if err != nil {
		return nil, err
	}
	if r.Form == azmlbatch.ReferenceFormLocal {
		return nil, &azmlbatch.ArgumentError{Operation: "invoke", Argument: "Input", Problem: fmt.Sprintf("%q is no place in storage and no data asset", o.Input),
			Remedy: "use azureml://datastores/D/paths/P, an https URL or azureml:NAME:VERSION"}
	}
	if redacted(o.Input) != o.Input {
		return nil, &azmlbatch.ArgumentError{Operation: "invoke", Argument: "Input", Problem: "has a signature, which would stand in the address of this page",
			Remedy: "use azmlbatch invoke, or a place on a datastore"}
	}
	if o.Kind == "file" {
		return azmlbatch.URIFile{URI: o.Input}, nil
	}
	return azmlbatch.URIFolder{URI: o.Input}, nil
}

func loadInvoke(ctx context.Context, h *Handler, v visit) (view, error) {
	if err := h.must(ctx, toInvoke); err != nil {
		return view{}, err
	}
	endpoint, err := h.client.Endpoints().Get(ctx, v.path("endpoint"))
	if err != nil {
		return view{}, err
	}
	data := &invokeView{Endpoint: endpoint, Order: readOrder(v.query.Get), Local: h.options.LocalInputs}
	data.Order.Deployment = cmp.Or(data.Order.Deployment, endpoint.DefaultDeployment)
	deployments := map[string]azmlbatch.Deployment{}
	for d, err := range h.client.Deployments(endpoint.Name).List(ctx) {
		if err != nil {
			return view{}, err
		}
		deployments[d.Name] = d
		data.Deployments = append(data.Deployments, d.Name)
	}
	slices.Sort(data.Deployments)
	if data.Order.Input != "" {
		data.check(deployments)
	}
	return view{title: "Invoke " + endpoint.Name, section: "Endpoints", data: data}, nil
}

// check finds what is wrong with the order, or what will run it.
func (v *invokeView) check(deployments map[string]azmlbatch.Deployment) {
	d, known := deployments[v.Order.Deployment]
	_, err := v.Order.input(v.Local)
	switch {
	case !known:
		v.Problem = "Choose a deployment: the endpoint has no " + v.Order.Deployment + "."
	case d.Configuration != nil:
		v.Problem = "This deployment runs a pipeline component, whose inputs have names. Use azmlbatch invoke --file."
	case err != nil:
		v.Problem = redacted(errorText(err))
	default:
		v.Confirm, v.Key = true, rand.Text()
		v.Runs = "The deployment " + d.Name + " runs it on the cluster " + resourceName(d.Compute) + ". Its nodes cost money while they run."
	}
}

func invoke(ctx context.Context, h *Handler, r *http.Request) (string, error) {
	if err := h.must(ctx, toInvoke); err != nil {
		return "", err
	}
	o := readOrder(r.PostFormValue)
	input, err := o.input(h.options.LocalInputs)
	if err != nil {
		return "", err
	}
	job, err := h.client.Endpoints().Invoke(ctx, r.PathValue("endpoint"), azmlbatch.Invocation{Deployment: o.Deployment, Input: input, Key: r.PostFormValue("key")})
	if err != nil {
		return "", err
	}
	h.appears(ctx, job.Name)
	return h.link("jobs", job.Name), nil
}
