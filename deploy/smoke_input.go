package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// What a smoke test scores. A model deployment takes one input; those of a pipeline component have
// names.

// tests reports whether deployments are tested.
func (p *planner) tests() bool { return len(p.smokeInputs()) > 0 }

// smokeInputs are the inputs of the options by name. SmokeInput has none.
func (p *planner) smokeInputs() azmlbatch.Inputs {
	if p.options.SmokeInput != nil {
		return azmlbatch.Inputs{"": p.options.SmokeInput}
	}
	return p.options.SmokeInputs
}

// checkSmokeInput finds an input that is not there, and deployments that it cannot test.
func (p *planner) checkSmokeInput() (bad []error) {
	if !p.tests() {
		return nil
	}
	if p.options.SmokeInput != nil && len(p.options.SmokeInputs) > 0 {
		return []error{&SpecError{Field: "SmokeInputs", Problem: "cannot be combined with SmokeInput", Remedy: "set one of the two"}}
	}
	for _, name := range slices.Sorted(maps.Keys(p.smokeInputs())) {
		if path, ok := smokePath(p.smokeInputs()[name]); ok {
			_, err := readContent(path)
			bad = append(bad, badContent(part{}, "SmokeInput", err))
		}
	}
	for _, i := range p.items {
		d, ok := i.(*deploymentItem)
		if !ok {
			continue
		}
		if _, pipeline := pipelineComponent(d.want.Deployment); pipeline {
			_, err := p.pipelineInputs(d)
			bad = append(bad, err)
		} else if len(p.options.SmokeInputs) > 1 {
			bad = append(bad, mistake(d.part(), "Model", fmt.Sprintf("takes one input, and SmokeInputs has %d", len(p.options.SmokeInputs)), "set SmokeInput, or plan the pipelines apart"))
		}
	}
	return bad
}

// smokePath is the path of a local input.
func smokePath(input azmlbatch.Input) (string, bool) {
	switch in := input.(type) {
	case azmlbatch.LocalPath:
		return in.Path, true
	case *azmlbatch.LocalPath:
		return in.Path, true
	}
	return "", false
}

// port is an input or output of a component, as its specification has it.
type port struct {
	Type     string `json:"type"`
	Default  any    `json:"default"`
	Optional any    `json:"optional"` // the service answers booleans as text
}

func (i port) needed() bool {
	return i.Default == nil && !strings.EqualFold(fmt.Sprint(i.Optional), "true")
}

func (i port) isData() bool {
	return !slices.Contains([]string{"string", "number", "integer", "boolean"}, strings.ToLower(i.Type))
}

// ports are the inputs and outputs of a component.
type ports struct {
	Inputs  map[string]port `json:"inputs"`
	Outputs map[string]port `json:"outputs"`
}

// inputNames are the inputs for which is holds, in order.
func (p ports) inputNames(is func(port) bool) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(p.Inputs)) {
		if is(p.Inputs[name]) {
			names = append(names, name)
		}
	}
	return names
}

// componentPorts are those of a pipeline deployment's component; false if nothing tells them, as of
// one in a registry.
func (i *deploymentItem) componentPorts() (found ports, known bool) {
	for _, l := range i.links {
		if l.field != "Configuration.ComponentID" {
			continue
		}
		var spec json.RawMessage
		if c, ok := l.to.(*componentItem); ok {
			spec = c.want.Spec
		} else if l.outside != nil {
			spec = l.outside.spec
		}
		return found, json.Unmarshal(spec, &found) == nil
	}
	return found, false
}

// pipelineInputs are the inputs of the test of a pipeline. SmokeInput takes the place of the one
// that has to be given, or else of the only one.
func (p *planner) pipelineInputs(d *deploymentItem) (azmlbatch.Inputs, error) {
	const field, without = "Configuration.ComponentID", "plan it without a smoke input"
	has, known := d.componentPorts()
	switch {
	case !known:
		return nil, mistake(d.part(), field, "is a component whose inputs cannot be read here, so a smoke input cannot test it",
			"add the component to the Spec, or "+without)
	case len(has.Outputs) == 0:
		return nil, mistake(d.part(), field, "is a component without outputs, so no smoke test can tell whether it works", without)
	}
	needed, data := has.inputNames(port.needed), has.inputNames(port.isData)
	inputs := maps.Clone(p.options.SmokeInputs)
	if p.options.SmokeInput != nil {
		takes := has.inputNames(func(i port) bool { return i.isData() && i.needed() })
		if len(takes) == 0 {
			takes = data
		}
		if len(takes) != 1 {
			return nil, mistake(d.part(), field, fmt.Sprintf("is a component with the data inputs %s, so SmokeInput could be any", listed(data)),
				"name them in SmokeInputs")
		}
		inputs = azmlbatch.Inputs{takes[0]: p.options.SmokeInput}
	}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		if _, ok := has.Inputs[name]; !ok {
			all := has.inputNames(func(port) bool { return true })
			return nil, mistake(d.part(), field, fmt.Sprintf("is a component with the inputs %s, and SmokeInputs names %q", listed(all), name), "name one of these")
		}
	}
	missing := slices.DeleteFunc(needed, func(name string) bool { return inputs[name] != nil })
	if len(missing) > 0 {
		return nil, mistake(d.part(), field, fmt.Sprintf("is a component that needs the inputs %s too", listed(missing)), "name them in SmokeInputs, or give them a default")
	}
	return inputs, nil
}

// listed are names in words.
func listed(names []string) string {
	if len(names) == 0 {
		return "(none)"
	}
	return strings.Join(names, ", ")
}

// addPipelineData gives the test of a pipeline its inputs, and outputs whose place has the key. One
// whose job has failed in an earlier run gets a key of its own, as RerunFailed does for models.
func (a *applier) addPipelineData(ctx context.Context, d *deploymentItem, inv *azmlbatch.Invocation) (err error) {
	inv.Input = nil
	if inv.Inputs, err = a.pipelineInputs(d); err != nil {
		return err
	}
	failed := 0
	for job, err := range a.client.Endpoints().ListJobs(ctx, d.want.Endpoint, &azmlbatch.ListBatchJobsOptions{Deployment: d.want.Deployment.Name}) {
		if err != nil {
			return err
		}
		if hasKey(job, inv.Key) && job.Status.Done() && job.Status != azmlbatch.JobStatusCompleted {
			failed++
		}
	}
	if failed > 0 {
		inv.Key = fmt.Sprintf("%s-%d", inv.Key, failed+1)
	}
	store, err := a.client.Datastores().Default(ctx)
	if err != nil {
		return err
	}
	has, _ := d.componentPorts()
	inv.Outputs = azmlbatch.Outputs{}
	for name, out := range has.Outputs {
		inv.Outputs[name] = outputAt(out.Type, fmt.Sprintf("azureml://datastores/%s/paths/azmlbatch/%s/%s/%s", store.Name, strings.ToLower(d.want.Endpoint), inv.Key, name))
	}
	return nil
}

// outputAt is an output of a type of the CLI at a place.
func outputAt(kind, uri string) azmlbatch.Output {
	switch strings.ToLower(kind) {
	case "uri_file":
		return azmlbatch.URIFile{URI: uri}
	case "mltable":
		return azmlbatch.MLTable{URI: uri + "/"}
	case "custom_model":
		return azmlbatch.CustomModel{URI: uri + "/"}
	case "mlflow_model":
		return azmlbatch.MLFlowModel{URI: uri + "/"}
	case "triton_model":
		return azmlbatch.TritonModel{URI: uri + "/"}
	}
	return azmlbatch.URIFolder{URI: uri + "/"}
}

// outputURI is the place of an output, empty if it has none.
func outputURI(output azmlbatch.Output) string {
	switch o := output.(type) {
	case azmlbatch.URIFile:
		return o.URI
	case azmlbatch.URIFolder:
		return o.URI
	case azmlbatch.MLTable:
		return o.URI
	case azmlbatch.CustomModel:
		return o.URI
	case azmlbatch.MLFlowModel:
		return o.URI
	case azmlbatch.TritonModel:
		return o.URI
	}
	return ""
}
