package deploy

import (
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/azmlbatch/azmlbatch"
)

// modelDeployment reads a batch deployment of a model, with its settings below settings or, in the
// older flat form, beside it.
func (r *reader) modelDeployment(m *mapping) {
	d := r.deploymentHead(m)
	v := &d.Deployment
	if id := r.modelOf(m, d); id != "" {
		v.Model = azmlbatch.ModelByID{AssetID: id}
	}
	m.nested("code_configuration", func(m *mapping) {
		if old := child(m.node, "code"); old != nil && old.Kind == yaml.MappingNode && child(old, "local_path") != nil {
			m.value("code")
			m.bad("code.local_path", keyNode(old, "local_path"), "is a key of an older CLI", "write code: PATH")
		} else {
			m.local("code", &v.CodeConfiguration.CodeID)
		}
		m.word("scoring_script", &v.CodeConfiguration.ScoringScript)
	})
	v.EnvironmentID = r.environmentOf(m, d)
	m.texts("environment_variables", &v.EnvironmentVariables)
	m.word("compute", &v.Compute)
	r.resources(m, &v.Resources)
	settings(m, v)
	flat := m
	m.nested("settings", func(m *mapping) {
		onePlace(flat, m)
		settings(m, v)
		m.texts("environment_variables", &v.EnvironmentVariables)
		count := 0
		m.count("instance_count", &count)
		if count != 0 && v.Resources.InstanceCount != 0 && count != v.Resources.InstanceCount {
			m.bad("instance_count", m.value("instance_count"), fmt.Sprintf("is %d, but resources.instance_count is %d",
				count, v.Resources.InstanceCount), "leave one of the two out")
		}
		if count != 0 {
			v.Resources.InstanceCount = count
		}
	})
	r.addDeployment(m, d)
}

// deploymentHead reads what all deployments have.
func (r *reader) deploymentHead(m *mapping) Deployment {
	var d Deployment
	v := &d.Deployment
	m.word("name", &v.Name)
	m.word("endpoint_name", &d.Endpoint)
	m.choice("type", "model", "pipeline")
	m.text("description", &v.Description)
	m.texts("tags", &v.Tags)
	m.texts("properties", &v.Properties)
	m.word("location", &v.Location)
	m.readOnly("id", "provisioning_state", "provisioningState", "creation_context", "modified_by", "modified_on")
	return d
}

func (r *reader) addDeployment(m *mapping, d Deployment) {
	addTo(r, &r.spec.Deployments, m, d.part(), d, func(o Deployment) bool { return o.part() == d.part() })
}

// settings reads the rules of the run.
func settings(m *mapping, d *azmlbatch.Deployment) {
	m.optionalInteger("error_threshold", &d.ErrorThreshold)
	m.count("max_concurrency_per_instance", &d.MaxConcurrencyPerInstance)
	size := int(d.MiniBatchSize)
	m.count("mini_batch_size", &size)
	d.MiniBatchSize = int64(size)
	switch m.choice("logging_level", "info", "warning", "debug") {
	case "info":
		d.LoggingLevel = azmlbatch.LoggingLevelInfo
	case "warning":
		d.LoggingLevel = azmlbatch.LoggingLevelWarning
	case "debug":
		d.LoggingLevel = azmlbatch.LoggingLevelDebug
	}
	switch m.choice("output_action", "append_row", "summary_only") {
	case "append_row":
		d.OutputAction = azmlbatch.OutputActionAppendRow
	case "summary_only":
		d.OutputAction = azmlbatch.OutputActionSummaryOnly
	}
	m.word("output_file_name", &d.OutputFileName)
	retrySettings(m, &d.RetrySettings)
}

// onePlace refuses a setting that stands both below settings and beside it: one of them would have no
// effect.
func onePlace(flat, below *mapping) {
	for _, key := range []string{"error_threshold", "max_concurrency_per_instance", "mini_batch_size", "logging_level", "output_action", "output_file_name",
		"retry_settings"} {
		if a, b := child(flat.node, key), child(below.node, key); a != nil && b != nil && (a.Value != b.Value || a.Kind != yaml.ScalarNode) {
			flat.bad(key, a, fmt.Sprintf("stands beside settings.%s, which says something else", key), "leave one of the two out")
		}
	}
}

func retrySettings(m *mapping, to *azmlbatch.RetrySettings) {
	m.nested("retry_settings", func(m *mapping) {
		m.optionalInteger("max_retries", &to.MaxRetries)
		m.seconds("timeout", &to.Timeout)
	})
}

// resources reads what a job takes. Two keys that are for other jobs are taken and have no effect,
// as with the CLI.
func (r *reader) resources(m *mapping, to *azmlbatch.DeploymentResources) {
	m.nested("resources", func(m *mapping) {
		m.count("instance_count", &to.InstanceCount)
		m.word("instance_type", &to.InstanceType)
		m.each("properties", func(m *mapping, name string) {
			if to.Properties == nil {
				to.Properties = map[string]json.RawMessage{}
			}
			to.Properties[name] = jsonOf(child(m.node, name))
		})
		m.readOnly("shm_size", "docker_args")
	})
}

// modelOf reads the model of a deployment: a reference, a local path, a model file or a model
// inline.
func (r *reader) modelOf(m *mapping, d Deployment) string {
	v := m.value("model")
	if v == nil {
		return ""
	}
	if old := child(v, "local_path"); old != nil {
		m.bad("model.local_path", old, "is a key of an older CLI", "write model: with name: and path: below it")
		return ""
	}
	return r.inline(m, "model", v, true, func(m *mapping) part {
		return r.modelPart(m, handle(d, "model"))
	})
}

// environmentOf reads the environment of a deployment: a reference, a file or an environment
// inline.
func (r *reader) environmentOf(m *mapping, d Deployment) string {
	v := m.value("environment")
	if v == nil {
		return ""
	}
	return r.inline(m, "environment", v, false, func(m *mapping) part {
		return r.environmentPart(m, handle(d, "environment"))
	})
}

// handle names an asset without a name of its own within the Spec.
func handle(d Deployment, what string) string {
	return d.Endpoint + "-" + d.Deployment.Name + "-" + what
}

// inline reads an asset that stands in place of a reference, and returns the reference to it.
func (r *reader) inline(m *mapping, key string, v *yaml.Node, mayBeLocal bool, read func(m *mapping) part) string {
	var p part
	if v.Kind == yaml.MappingNode {
		within := m.mappingOf(v, key)
		p = read(within)
		within.done()
		return p.reference()
	}
	text := ""
	if mayBeLocal {
		m.local(key, &text)
	} else {
		m.word(key, &text)
	}
	if path, ok := m.yamlFile(textOf(m.node, key)); ok && text != "" {
		r.named(m, key, path, func(m *mapping) { p = read(m) })
		return p.reference()
	}
	return text
}

// reference is what another part writes to mean this one.
func (p part) reference() string {
	if p.version == "" {
		return "azureml:" + p.name
	}
	return "azureml:" + p.name + ":" + p.version
}

// pipelineDeployment reads a batch deployment of a pipeline component.
func (r *reader) pipelineDeployment(m *mapping) {
	d := r.deploymentHead(m)
	var c azmlbatch.PipelineComponentDeployment
	component, job := m.value("component"), m.value("job_definition")
	switch {
	case component != nil && job != nil:
		m.bad("job_definition", job, "stands beside component", "leave one of the two out")
	case component != nil:
		c.ComponentID = r.inline(m, "component", component, false, func(m *mapping) part {
			return r.componentPart(m, handle(d, "component"))
		})
	case job != nil:
		c.ComponentID = r.jobDefinition(m, job, handle(d, "component"))
	}
	m.texts("settings", &c.Settings)
	d.Deployment.Configuration = c
	r.addDeployment(m, d)
}
