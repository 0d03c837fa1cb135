package deploy

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

func (w *writer) deployment(d Deployment) {
	v := d.Deployment
	m := newYAMLMap()
	m.text("name", v.Name)
	m.text("endpoint_name", d.Endpoint)
	component, pipeline := pipelineComponent(v)
	if pipeline {
		m.text("type", "pipeline")
	} else {
		m.text("type", "model")
	}
	m.text("description", v.Description)
	m.texts("tags", v.Tags)
	m.texts("properties", v.Properties)
	m.text("location", v.Location)
	w.omit("Extra", len(v.Extra) > 0)
	if pipeline {
		w.pipeline(m, component)
		w.document("pipelineComponentBatchDeployment", m)
		return
	}
	w.omit("Configuration", v.Configuration != nil)
	w.deploymentAssets(m, v)
	m.text("compute", v.Compute)
	w.run(m, v)
	w.document("modelBatchDeployment", m)
}

// deploymentAssets writes what a deployment refers to; an asset without a name stands in its place.
func (w *writer) deploymentAssets(m *yamlMap, v azmlbatch.Deployment) {
	id := modelID(v)
	w.omit("Model", id == "" && v.Model != nil)
	if i := slices.IndexFunc(w.spec.Models, func(o azmlbatch.Model) bool {
		return o.IsAnonymous && "azureml:"+o.Name == id
	}); i >= 0 {
		m.nested("model", w.model(w.spec.Models[i]))
	} else {
		m.text("model", w.path(id))
	}
	code := newYAMLMap()
	code.text("code", w.path(v.CodeConfiguration.CodeID))
	code.text("scoring_script", v.CodeConfiguration.ScoringScript)
	m.nested("code_configuration", code)
	if i := slices.IndexFunc(w.spec.Environments, func(o azmlbatch.Environment) bool {
		return o.IsAnonymous && "azureml:"+o.Name == v.EnvironmentID
	}); i >= 0 {
		m.nested("environment", w.environment(w.spec.Environments[i]))
	} else {
		m.text("environment", v.EnvironmentID)
	}
}

// run writes the rules of the run.
func (w *writer) run(m *yamlMap, v azmlbatch.Deployment) {
	resources := newYAMLMap()
	resources.integer("instance_count", v.Resources.InstanceCount)
	resources.text("instance_type", v.Resources.InstanceType)
	properties := newYAMLMap()
	for _, name := range slices.Sorted(maps.Keys(v.Resources.Properties)) {
		properties.json(name, v.Resources.Properties[name])
	}
	resources.nested("properties", properties)
	m.nested("resources", resources)
	settings := newYAMLMap()
	settings.integer("max_concurrency_per_instance", v.MaxConcurrencyPerInstance)
	settings.integer("mini_batch_size", int(v.MiniBatchSize))
	settings.optionalInteger("error_threshold", v.ErrorThreshold)
	settings.word("logging_level", string(v.LoggingLevel), "info", "warning", "debug")
	settings.word("output_action", string(v.OutputAction), "append_row", "summary_only")
	settings.text("output_file_name", v.OutputFileName)
	retries := newYAMLMap()
	retries.optionalInteger("max_retries", v.RetrySettings.MaxRetries)
	retries.seconds("timeout", v.RetrySettings.Timeout)
	w.omit("fractions of a second of RetrySettings.Timeout", v.RetrySettings.Timeout%time.Second != 0)
	settings.nested("retry_settings", retries)
	settings.texts("environment_variables", v.EnvironmentVariables)
	m.nested("settings", settings)
}

// pipeline writes the component of a deployment: a reference, the job it is made of, or the
// component itself if it has no name.
func (w *writer) pipeline(m *yamlMap, c azmlbatch.PipelineComponentDeployment) {
	i := slices.IndexFunc(w.spec.Components, func(o azmlbatch.Component) bool {
		return o.IsAnonymous && "azureml:"+o.Name == c.ComponentID
	})
	if i < 0 {
		m.text("component", c.ComponentID)
	} else {
		var job struct{ SourceJobID string }
		if err := json.Unmarshal(w.spec.Components[i].Spec, &job); err == nil && job.SourceJobID != "" {
			m.text("job_definition", "azureml:"+job.SourceJobID)
		} else {
			m.nested("component", w.component(w.spec.Components[i]))
		}
	}
	m.texts("settings", c.Settings)
	w.omit("Configuration.Description", c.Description != "")
	w.omit("Configuration.Tags", len(c.Tags) > 0)
	w.omit("Configuration.Extra", len(c.Extra) > 0)
}
