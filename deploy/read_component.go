package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/azmlbatch/azmlbatch"
)

func (r *reader) component(m *mapping) { r.componentPart(m, "") }

// componentPart reads a component. Its YAML becomes JSON, with the files that it names in it: a
// step's component file and an environment file are put in their place, local folders are made
// relative to the working directory.
func (r *reader) componentPart(m *mapping, handle string) part {
	var v azmlbatch.Component
	m.word("name", &v.Name)
	m.word("version", &v.Version)
	m.text("description", &v.Description)
	m.texts("tags", &v.Tags)
	m.texts("properties", &v.Properties)
	m.readOnly("id", "creation_context", "latest_version")
	r.componentKeys(m)
	if v.Name == "" && handle != "" {
		v.Name, v.IsAnonymous = handle, true
	}
	v.Spec = specJSON(m.node)
	p := part{azmlbatch.ReferenceKindComponent, v.Name, v.Version}
	addTo(r, &r.spec.Components, m, p, v, func(o azmlbatch.Component) bool {
		return o.Name == v.Name && o.Version == v.Version
	})
	return p
}

// specJSON is a component's YAML as JSON, without the keys that only the YAML has.
func specJSON(node *yaml.Node) json.RawMessage {
	all, ok := plainValue(node).(map[string]any)
	if !ok {
		return nil
	}
	delete(all, "$schema")
	if version := textOf(node, "version"); version != "" {
		all["version"] = version
	}
	b, err := json.Marshal(all)
	if err != nil {
		return nil
	}
	return b
}

// componentKeys reads the keys that say what a component does.
func (r *reader) componentKeys(m *mapping) {
	m.readOnly("type", "name", "version", "display_name", "description", "tags", "properties", "is_deterministic",
		"command", "distribution", "environment_variables", "limits", "resources", "instance_count",
		"task", "mini_batch_size", "mini_batch_error_threshold", "max_concurrency_per_instance", "retry_settings",
		"logging_level", "input_data", "error_threshold", "partition_keys")
	if v := m.value("additional_includes"); v != nil {
		m.bad("additional_includes", v, "is not supported", "put the files into the code folder")
	}
	r.ports(m, "inputs")
	r.ports(m, "outputs")
	r.code(m)
	r.stepEnvironment(m)
	m.each("jobs", func(m *mapping, name string) { m.nested(name, r.step) })
}

// ports checks the keys of declared inputs or outputs.
func (r *reader) ports(m *mapping, key string) {
	m.each(key, func(m *mapping, name string) {
		if v := m.value(name); v != nil && v.Kind == yaml.ScalarNode {
			return // in a job a literal, or an expression
		}
		m.nested(name, func(m *mapping) {
			m.readOnly("type", "default", "optional", "description", "min", "max", "enum", "mode", "early_available",
				"is_control", "name", "version")
			m.rebaseNode("path")
		})
	})
}

// step reads a job of a pipeline component.
func (r *reader) step(m *mapping) {
	m.readOnly("compute", "settings", "identity", "services", "queue_settings", "trial", "experiment_name",
		"job_limits")
	r.componentKeys(m)
	v := m.value("component")
	switch {
	case v == nil:
	case v.Kind == yaml.MappingNode:
		within := m.mappingOf(v, "component")
		within.readOnly("$schema", "id", "creation_context")
		r.componentKeys(within)
		within.done()
	default:
		if path, ok := m.yamlFile(v.Value); ok {
			r.named(m, "component", path, func(file *mapping) {
				file.readOnly("id", "creation_context")
				r.componentKeys(file)
				replace(v, file.node)
			})
		}
	}
}

// code makes a local code folder relative to the working directory. That it is there is checked
// here and not with the Spec, because only here the file is known that names it.
func (r *reader) code(m *mapping) {
	m.rebaseNode("code")
	v := child(m.node, "code")
	if v == nil || v.Kind != yaml.ScalarNode || r.options.Unchecked || isReference(v.Value) ||
		strings.Contains(v.Value, "${{") {
		return
	}
	if _, err := os.Stat(v.Value); err != nil {
		m.bad("code", v, fmt.Sprintf("%q cannot be read: %s", v.Value, reasonOf(err)), suggestPath(v.Value))
	}
}

// rebaseNode makes a local path relative to the working directory, in the document itself.
func (m *mapping) rebaseNode(key string) {
	v := m.value(key)
	if v == nil || v.Kind != yaml.ScalarNode || strings.Contains(v.Value, "${{") {
		return
	}
	text := ""
	m.local(key, &text)
	if text != v.Value && text != "" {
		v.Value, v.Tag = "./"+filepath.ToSlash(text), "!!str"
		if filepath.IsAbs(text) || text[0] == '.' {
			v.Value = filepath.ToSlash(text)
		}
	}
}

// stepEnvironment puts an environment file, and the conda file of an environment, in their place.
func (r *reader) stepEnvironment(m *mapping) {
	v := m.value("environment")
	if v == nil {
		return
	}
	keys := func(m *mapping) {
		m.readOnly("$schema", "name", "version", "description", "tags", "properties", "image", "os_type",
			"inference_config", "id", "datastore")
		m.nested("build", func(m *mapping) {
			m.rebaseNode("path")
			m.readOnly("dockerfile_path")
		})
		conda := m.value("conda_file")
		if conda == nil || conda.Kind == yaml.MappingNode {
			return
		}
		documents, err := parseDocuments(m.file, []byte(condaFile(m)))
		if err == nil && len(documents) == 1 {
			replace(conda, documents[0].root)
		}
	}
	if v.Kind == yaml.MappingNode {
		within := m.mappingOf(v, "environment")
		keys(within)
		within.done()
		return
	}
	if path, ok := m.yamlFile(v.Value); ok {
		r.named(m, "environment", path, func(file *mapping) {
			keys(file)
			replace(v, file.node)
		})
	}
}

// replace puts a node in the place of another one.
func replace(node, by *yaml.Node) {
	line, column := node.Line, node.Column
	*node = *by
	node.Line, node.Column = line, column
}

// plainValue is a node as Go value. Dates stay text.
func plainValue(node *yaml.Node) any {
	switch node.Kind {
	case yaml.MappingNode:
		all := map[string]any{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			all[node.Content[i].Value] = plainValue(node.Content[i+1])
		}
		return all
	case yaml.SequenceNode:
		all := []any{}
		for _, item := range node.Content {
			all = append(all, plainValue(item))
		}
		return all
	}
	switch node.ShortTag() {
	case "!!null":
		return nil
	case "!!bool", "!!int", "!!float":
		var v any
		if err := node.Decode(&v); err == nil {
			if _, err := json.Marshal(v); err == nil { // JSON has no infinity
				return v
			}
		}
	}
	return node.Value
}

// jsonOf is a node as JSON.
func jsonOf(node *yaml.Node) json.RawMessage {
	b, err := json.Marshal(plainValue(node))
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}

// jobDefinition reads the pipeline job that a deployment is made of, and returns the reference to
// its component. A job that exists is turned into a component by the service, as azure-ai-ml asks
// it to: by sourceJobId in the component's spec.
func (r *reader) jobDefinition(m *mapping, v *yaml.Node, handle string) string {
	if v.Kind == yaml.MappingNode {
		within := m.mappingOf(v, "job_definition")
		reference := r.jobComponent(within, handle)
		within.done()
		return reference
	}
	text, reference := "", ""
	m.word("job_definition", &text)
	if path, ok := m.yamlFile(text); ok && text != "" {
		r.named(m, "job_definition", path, func(m *mapping) { reference = r.jobComponent(m, handle) })
		return reference
	}
	job, err := azmlbatch.ParseReference(azmlbatch.ReferenceKindJob, text)
	if text == "" {
		return ""
	}
	if err != nil || job.Form != azmlbatch.ReferenceFormNamed {
		m.bad("job_definition", v, fmt.Sprintf("%q is not a reference to a job", text),
			"write azureml:JOB, or the path of a pipeline job's YAML")
		return ""
	}
	spec, _ := json.Marshal(map[string]any{"type": "pipeline", "sourceJobId": job.Name})
	return r.addJobComponent(m, azmlbatch.Component{Name: handle, IsAnonymous: true, Spec: spec})
}

func (r *reader) addJobComponent(m *mapping, v azmlbatch.Component) string {
	p := part{azmlbatch.ReferenceKindComponent, v.Name, v.Version}
	addTo(r, &r.spec.Components, m, p, v, func(o azmlbatch.Component) bool {
		return o.Name == v.Name && o.Version == v.Version
	})
	return p.reference()
}

// jobComponent makes a component of a pipeline job's YAML. What is the job's own, such as its
// experiment, is left out.
func (r *reader) jobComponent(m *mapping, handle string) string {
	m.readOnly("type", "name", "display_name", "description", "tags", "properties", "experiment_name", "compute",
		"settings", "services", "identity", "id", "creation_context", "status")
	r.ports(m, "inputs")
	r.ports(m, "outputs")
	if v := m.value("component"); v != nil {
		return r.inline(m, "component", v, false, func(m *mapping) part { return r.componentPart(m, handle) })
	}
	m.each("jobs", func(m *mapping, name string) { m.nested(name, r.step) })
	spec := map[string]any{"type": "pipeline"}
	for _, key := range []string{"display_name", "description", "jobs"} {
		if v := child(m.node, key); v != nil {
			spec[key] = plainValue(v)
		}
	}
	for _, key := range []string{"inputs", "outputs"} {
		if v := child(m.node, key); v != nil && v.Kind == yaml.MappingNode {
			spec[key] = declared(v)
		}
	}
	if spec["jobs"] == nil {
		m.bad("jobs", m.node, "is missing", "a pipeline job has jobs or a component")
	}
	text, err := json.Marshal(spec)
	if err != nil {
		m.bad("jobs", m.node, "cannot be written as JSON", "")
	}
	return r.addJobComponent(m, azmlbatch.Component{Name: handle, IsAnonymous: true, Spec: text})
}

// declared makes declarations of a job's inputs or outputs: a literal becomes the default of its
// type, and the place of data is left out, because each invocation gives its own.
func declared(ports *yaml.Node) map[string]any {
	all := map[string]any{}
	for i := 0; i+1 < len(ports.Content); i += 2 {
		name, v := ports.Content[i].Value, ports.Content[i+1]
		if v.Kind == yaml.ScalarNode {
			all[name] = map[string]any{"type": literalType(v), "default": plainValue(v)}
			continue
		}
		port, _ := plainValue(v).(map[string]any)
		delete(port, "path")
		if port["type"] == nil {
			port["type"] = "uri_folder"
		}
		all[name] = port
	}
	return all
}

func literalType(v *yaml.Node) string {
	switch v.ShortTag() {
	case "!!bool":
		return "boolean"
	case "!!int":
		return "integer"
	case "!!float":
		return "number"
	}
	return "string"
}
