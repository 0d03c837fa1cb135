package jobs

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestInputsWithDefaults: what a step gets for what it declares.
func TestInputsWithDefaults(t *testing.T) {
	data := value{kind: "uri_folder", uri: "azureml:clay:1"}
	for name, test := range map[string]struct {
		given    map[string]value
		declared map[string]port
		want     map[string]value
		fails    string
	}{
		"nothing":             {nil, nil, map[string]value{}, ""},
		"not declared":        {map[string]value{"a": data}, nil, map[string]value{"a": data}, ""},
		"missing":             {map[string]value{"a": {missing: true}}, nil, map[string]value{}, ""},
		"of its own kind":     {map[string]value{"a": data}, map[string]port{"a": {kind: "mltable"}}, map[string]value{"a": {kind: "mltable", uri: data.uri}}, ""},
		"a literal":           {map[string]value{"a": {kind: literalKind, text: "x"}}, map[string]port{"a": {kind: "string"}}, map[string]value{"a": {kind: literalKind, text: "x"}}, ""},
		"a default":           {nil, map[string]port{"a": {kind: "string", fallback: "x", hasValue: true}}, map[string]value{"a": {kind: literalKind, text: "x"}}, ""},
		"an empty default":    {nil, map[string]port{"a": {kind: "string", hasValue: true}}, map[string]value{"a": {kind: literalKind}}, ""},
		"a default of data":   {nil, map[string]port{"a": {kind: "uri_file", fallback: "azureml:x:1", hasValue: true}}, map[string]value{"a": {kind: "uri_file", uri: "azureml:x:1"}}, ""},
		"a missing default":   {map[string]value{"a": {missing: true}}, map[string]port{"a": {kind: "string", fallback: "x", hasValue: true}}, map[string]value{"a": {kind: literalKind, text: "x"}}, ""},
		"optional":            {nil, map[string]port{"a": {kind: "string", optional: true}}, map[string]value{}, ""},
		"without a value":     {nil, map[string]port{"b": {kind: "string"}, "a": {kind: "uri_file"}}, nil, "the input a has no value"},
		"optional, a default": {nil, map[string]port{"a": {kind: "string", optional: true, fallback: "x", hasValue: true}}, map[string]value{"a": {kind: literalKind, text: "x"}}, ""},
	} {
		got, err := withDefaults(test.given, test.declared)
		if (err != nil || test.fails != "") && fmt.Sprint(err) != test.fails {
			t.Errorf("%s: error %v, want %q", name, err, test.fails)
		}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(value{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, kind := range []string{"uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model", "path"} {
		if !isData(kind) {
			t.Errorf("%s is no data", kind)
		}
	}
	for _, kind := range []string{"", "string", "number", "integer", "boolean", literalKind} {
		if isData(kind) {
			t.Errorf("%q is data", kind)
		}
	}
}

// TestUndeclaredPorts: the error names those that are declared.
func TestUndeclaredPorts(t *testing.T) {
	for _, test := range []struct {
		p    *pipelineRun
		want string
	}{
		{&pipelineRun{graph: &graph{}, inputs: map[string]value{"x": {}}}, `The pipeline has no input "x". Its inputs are: none.`},
		{&pipelineRun{graph: &graph{inputs: map[string]port{"b": {}, "a": {}}}, inputs: map[string]value{"x": {}}}, `The pipeline has no input "x". Its inputs are: a, b.`},
		{&pipelineRun{graph: &graph{}, outputs: map[string]value{"x": {}}}, `The pipeline has no output "x". Its outputs are: none.`},
		{&pipelineRun{graph: &graph{outputs: map[string]port{"b": {}, "a": {}}}, outputs: map[string]value{"x": {}}}, `The pipeline has no output "x". Its outputs are: a, b.`},
		{&pipelineRun{graph: &graph{inputs: map[string]port{"a": {kind: "string"}}}}, "The pipeline cannot run: the input a has no value."},
	} {
		if err := test.p.complete(); err == nil || err.Error() != test.want {
			t.Errorf("error %v, want %s", err, test.want)
		}
	}
}

// TestValuesOfTheWrongKind: an invocation gives data as data, and a number as a number.
func TestValuesOfTheWrongKind(t *testing.T) {
	text := func(s string) value { return value{kind: literalKind, text: s} }
	data := value{kind: "uri_folder", uri: "azureml://datastores/shelf/paths/x"}
	for _, test := range []struct {
		kind  string
		given value
		want  string
	}{
		{"", data, ""}, {"", text("x"), ""}, {"uri_folder", data, ""}, {"string", text("four"), ""}, {"string", text(""), ""},
		{"integer", text("-4"), ""}, {"number", text("4e-1"), ""}, {"boolean", text("True"), ""}, {"boolean", text("false"), ""},
		{"integer", value{missing: true}, "The pipeline cannot run: the input a has no value."},
		{"integer", text("four"), `The input a of the pipeline is of type integer, but the value is the text "four".`},
		{"integer", text("4.5"), `The input a of the pipeline is of type integer, but the value is the text "4.5".`},
		{"number", text("many"), `The input a of the pipeline is of type number, but the value is the text "many".`},
		{"boolean", text("yes"), `The input a of the pipeline is of type boolean, but the value is the text "yes".`},
		{"uri_folder", text("../clay"), `The input a of the pipeline is of type uri_folder, but the value is the text "../clay".`},
		{"string", data, `The input a of the pipeline is of type string, but the value is data.`},
	} {
		p := &pipelineRun{graph: &graph{inputs: map[string]port{"a": {kind: test.kind}}}, inputs: map[string]value{"a": test.given}}
		message := ""
		if err := p.complete(); err != nil {
			message = err.Error()
		}
		if message != test.want {
			t.Errorf("%s, %+v: %q, want %q", test.kind, test.given, message, test.want)
		}
	}
}

// TestPlacesOfOutputs: the one that was asked for, or the service's own.
func TestPlacesOfOutputs(t *testing.T) {
	for given, want := range map[value]value{
		{}:                     {kind: "uri_folder", uri: "azureml://datastores/shelf/paths/azureml/r1/out/"},
		{kind: literalKind}:    {kind: "uri_folder", uri: "azureml://datastores/shelf/paths/azureml/r1/out/"},
		{kind: "uri_file"}:     {kind: "uri_file", uri: "azureml://datastores/shelf/paths/azureml/r1/out"},
		{kind: "mlflow_model"}: {kind: "mlflow_model", uri: "azureml://datastores/shelf/paths/azureml/r1/out/"},
		{kind: "", uri: "a"}:   {kind: "uri_folder", uri: "a"},
		{mode: "Upload"}:       {kind: "uri_folder", mode: "Upload", uri: "azureml://datastores/shelf/paths/azureml/r1/out/"},
		{uri: "azureml://datastores/${{default_datastore}}/paths/${{name}}/${{output_name}}"}: {kind: "uri_folder", uri: "azureml://datastores/shelf/paths/r1/out"},
	} {
		if diff := cmp.Diff(want, given.at("r1", "out", "shelf"), cmp.AllowUnexported(value{})); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", given, diff)
		}
	}
}

// TestValuesOfBindings: a value of the pipeline, of a step before, or one's own.
func TestValuesOfBindings(t *testing.T) {
	p := &pipelineRun{
		inputs: map[string]value{"clay": {kind: "uri_folder", uri: "u", mode: "Direct"}},
		steps:  map[string]*stepRun{"dig": {outputs: map[string]value{"pit": {kind: "uri_file", uri: "v", mode: "Upload"}}}},
	}
	for name, test := range map[string]struct {
		b    binding
		want value
	}{
		"of the pipeline":               {binding{parent: "clay"}, value{kind: "uri_folder", uri: "u", mode: "Direct"}},
		"of the pipeline, another mode": {binding{parent: "clay", value: value{mode: "Download"}}, value{kind: "uri_folder", uri: "u", mode: "Download"}},
		"of no input":                   {binding{parent: "none", value: value{mode: "Download"}}, value{mode: "Download", missing: true}},
		"of a step":                     {binding{step: "dig", output: "pit"}, value{kind: "uri_file", uri: "v"}},
		"of a step, with a mode":        {binding{step: "dig", output: "pit", value: value{mode: "Direct"}}, value{kind: "uri_file", uri: "v", mode: "Direct"}},
		"of no output":                  {binding{step: "dig", output: "none"}, value{missing: true}},
		"its own":                       {binding{value: value{kind: literalKind, text: "x"}}, value{kind: literalKind, text: "x"}},
	} {
		if diff := cmp.Diff(test.want, p.resolve(test.b), cmp.AllowUnexported(value{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
