package deploy

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/azmlbatch/azmlbatch"
)

// ReadInvocation reads the inputs file of an invocation, as "az ml batch-endpoint invoke --file"
// does: named inputs and outputs, and what a job can change of its deployment. A local path is a
// [azmlbatch.LocalPath], relative to the file; literals have their YAML type unless "type" says
// otherwise.
//
// A single input without a name is Invocation.Inputs under the name that the file gives it; a model
// deployment ignores it. It sends nothing. The error has all mistakes, joined, each a *[SpecError].
func ReadInvocation(path string, options *ReadOptions) (azmlbatch.Invocation, error) {
	r := newReader(options)
	documents, err := readDocuments(path)
	switch {
	case err != nil:
		r.found = append(r.found, err)
	case len(documents) != 1:
		r.found = append(r.found, &SpecError{File: path, Problem: fmt.Sprintf("has %d documents", len(documents)),
			Remedy: "describe one invocation in it"})
	}
	if len(r.found) > 0 {
		return azmlbatch.Invocation{}, inOrder(r.found)
	}
	for _, s := range r.settings {
		if err := s.apply(documents[0]); err != nil {
			r.found = append(r.found, err)
		}
	}
	m := documents[0].mapping(&r.found)
	v := invocation(m)
	m.readOnly("$schema")
	m.done()
	if len(r.found) > 0 {
		return azmlbatch.Invocation{}, inOrder(r.found)
	}
	return v, nil
}

func invocation(m *mapping) azmlbatch.Invocation {
	var v azmlbatch.Invocation
	if m.value("inputs") != nil {
		v.Inputs = azmlbatch.Inputs{} // a pipeline component without inputs has an empty mapping
	}
	m.each("inputs", func(m *mapping, name string) {
		if in := input(m, name); in != nil {
			v.Inputs[name] = in
		}
	})
	m.each("outputs", func(m *mapping, name string) {
		if out := output(m, name); out != nil {
			if v.Outputs == nil {
				v.Outputs = azmlbatch.Outputs{}
			}
			v.Outputs[name] = out
		}
	})
	m.word("deployment_name", &v.Deployment)
	m.word("job_name", &v.DisplayName)
	m.word("display_name", &v.DisplayName)
	m.word("experiment_name", &v.ExperimentName)
	m.word("compute", &v.Compute)
	m.nested("resources", func(m *mapping) { m.count("instance_count", &v.InstanceCount) })
	m.count("instance_count", &v.InstanceCount)
	var run azmlbatch.Deployment
	settings(m, &run)
	m.nested("settings", func(m *mapping) { settings(m, &run) })
	v.ErrorThreshold, v.MiniBatchSize, v.LoggingLevel = run.ErrorThreshold, run.MiniBatchSize, run.LoggingLevel
	v.MaxConcurrencyPerInstance, v.OutputFileName, v.RetrySettings = run.MaxConcurrencyPerInstance, run.OutputFileName,
		run.RetrySettings
	return v
}

var literalTypes = []string{"string", "number", "integer", "boolean"}

// input reads one named input: a literal, or a mapping with type, path or default.
func input(m *mapping, name string) azmlbatch.Input {
	v := m.value(name)
	if v == nil {
		m.bad(name, child(m.node, name), "is empty", "give it a path, or for a literal a default")
		return nil
	}
	if v.Kind == yaml.ScalarNode {
		return azmlbatch.Literal{Value: plainValue(v)}
	}
	var in azmlbatch.Input
	m.nested(name, func(m *mapping) {
		kind := m.choice("type", append(append([]string{}, append(dataTypes, modelTypes...)...), literalTypes...)...)
		path, mode, description := "", "", ""
		m.local("path", &path)
		mode = m.choice("mode", inputModes...)
		m.text("description", &description)
		value := m.value("default")
		if value == nil {
			value = m.value("value")
		}
		m.readOnly("default", "value", "optional")
		switch {
		case path == "" && value == nil:
			m.bad("path", v, "is missing", "give a path, or for a literal a default")
		case path == "":
			in = literal(m, kind, value)
		case isReference(path):
			in = inputOf(kind, azmlbatch.URIFolder{URI: path, Mode: dataModes[mode], Description: description})
		default:
			in = localInput(m, kind, path)
		}
	})
	return in
}

var inputModes = []string{"ro_mount", "rw_mount", "download", "direct", "eval_mount", "eval_download"}

// dataModes are the service's words for those of the YAML.
var dataModes = map[string]azmlbatch.DataMode{
	"ro_mount": azmlbatch.DataModeReadOnlyMount, "rw_mount": azmlbatch.DataModeReadWriteMount,
	"download": azmlbatch.DataModeDownload,
	"direct":   azmlbatch.DataModeDirect, "eval_mount": azmlbatch.DataModeEvalMount,
	"eval_download": azmlbatch.DataModeEvalDownload,
	"mount":         azmlbatch.DataModeReadWriteMount, "upload": azmlbatch.DataModeUpload,
}

// literal reads the value of a literal; its type decides what it is sent as.
func literal(m *mapping, kind string, value *yaml.Node) azmlbatch.Input {
	key := "default"
	if child(m.node, key) != value {
		key = "value"
	}
	switch kind {
	case "string":
		return azmlbatch.Literal{Value: value.Value}
	case "integer":
		n := 0
		m.integer(key, &n)
		return azmlbatch.Literal{Value: n}
	case "boolean":
		b := false
		m.boolean(key, &b)
		return azmlbatch.Literal{Value: b}
	case "number":
		if t := value.ShortTag(); t != "!!int" && t != "!!float" {
			m.bad(key, value, "is "+nodeNoun(value), "write a number")
		}
	case "":
	default:
		m.bad("path", value, "is missing", fmt.Sprintf("an input of type %s has a path", kind))
	}
	return azmlbatch.Literal{Value: plainValue(value)}
}

// localInput is a file or folder of this machine.
func localInput(m *mapping, kind, path string) azmlbatch.Input {
	info, err := os.Stat(path)
	node := m.value("path")
	switch {
	case err != nil:
		m.bad("path", node, fmt.Sprintf("%q cannot be read: %s", path, reasonOf(err)), suggestPath(path))
	case kind == "uri_file" && info.IsDir():
		m.bad("path", node, fmt.Sprintf("%q is a folder; a uri_file must be a single file", path),
			"name a file, or write type: uri_folder")
	case kind == "uri_folder" && !info.IsDir():
		m.bad("path", node, fmt.Sprintf("%q is a file; a uri_folder must be a folder", path),
			"name a folder, or write type: uri_file")
	case kind != "" && kind != "uri_file" && kind != "uri_folder":
		m.bad("path", node, fmt.Sprintf("%q is local, which works for uri_file and uri_folder only", path),
			"register it first and write azureml:NAME:VERSION")
	}
	return azmlbatch.LocalPath{Path: path}
}

// inputOf gives data its type; a folder without one, as the CLI's examples take it.
func inputOf(kind string, v azmlbatch.URIFolder) azmlbatch.Input {
	switch kind {
	case "uri_file":
		return azmlbatch.URIFile(v)
	case "mltable":
		return azmlbatch.MLTable(v)
	case "custom_model":
		return azmlbatch.CustomModel(v)
	case "mlflow_model":
		return azmlbatch.MLFlowModel(v)
	case "triton_model":
		return azmlbatch.TritonModel(v)
	}
	return v
}

// output reads one named output.
func output(m *mapping, name string) azmlbatch.Output {
	var v azmlbatch.URIFolder
	kind := ""
	m.nested(name, func(m *mapping) {
		kind = m.choice("type", append(append([]string{}, dataTypes...), modelTypes...)...)
		m.word("path", &v.URI)
		if v.URI != "" && !isReference(v.URI) {
			m.bad("path", m.value("path"), fmt.Sprintf("%q is a local path", v.URI),
				"write azureml://datastores/NAME/paths/PATH")
		}
		v.Mode = dataModes[m.choice("mode", "upload", "mount", "rw_mount", "direct")]
		m.text("description", &v.Description)
	})
	out, _ := inputOf(kind, v).(azmlbatch.Output)
	return out
}

// reasonOf is why a file cannot be read, without its path.
func reasonOf(err error) string {
	if errors.Is(err, os.ErrNotExist) {
		return "it does not exist"
	}
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return strings.TrimSpace(err.Error())
}
