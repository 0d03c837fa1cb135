package deploy_test

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// TestReadInvocation reads inputs of every kind.
func TestReadInvocation(t *testing.T) {
	files(t, map[string]string{"run/data/a.csv": "", "run/inputs.yml": `
inputs:
  local: {type: uri_folder, path: data}
  file: {type: uri_file, path: data/a.csv}
  cloud: {path: "https://account.blob.core.windows.net/c/p"}
  asset: {type: mltable, path: azureml:table@latest, mode: ro_mount}
  model: {type: mlflow_model, path: azureml:digits:3}
  mode: {type: string, default: 5}
  count: {type: integer, default: 5}
  rate: {type: number, default: 0.5}
  deep: {type: boolean, default: true}
  plain: append
outputs:
  scores: {type: uri_folder, mode: upload}
  file: {type: uri_file, path: azureml://datastores/d/paths/p/out.csv}
mini_batch_size: 3
retry_settings: {max_retries: 1, timeout: 60}
`})
	got, err := deploy.ReadInvocation("run/inputs.yml", &deploy.ReadOptions{Set: []string{"output_file_name=o.csv", "inputs.count.default=6", "compute=gpu"}})
	if err != nil {
		t.Fatalf("ReadInvocation: %v", err)
	}
	want := azmlbatch.Invocation{
		Inputs: azmlbatch.Inputs{
			"local": azmlbatch.LocalPath{Path: "run/data"}, "file": azmlbatch.LocalPath{Path: "run/data/a.csv"},
			"cloud": azmlbatch.URIFolder{URI: "https://account.blob.core.windows.net/c/p"},
			"asset": azmlbatch.MLTable{URI: "azureml:table@latest", Mode: azmlbatch.DataModeReadOnlyMount},
			"model": azmlbatch.MLFlowModel{URI: "azureml:digits:3"},
			"mode":  azmlbatch.Literal{Value: "5"}, "count": azmlbatch.Literal{Value: 6}, "rate": azmlbatch.Literal{Value: 0.5},
			"deep": azmlbatch.Literal{Value: true}, "plain": azmlbatch.Literal{Value: "append"},
		},
		Outputs: azmlbatch.Outputs{
			"scores": azmlbatch.URIFolder{Mode: azmlbatch.DataModeUpload}, "file": azmlbatch.URIFile{URI: "azureml://datastores/d/paths/p/out.csv"},
		},
		MiniBatchSize: 3, RetrySettings: azmlbatch.RetrySettings{MaxRetries: new(1), Timeout: time.Minute}, OutputFileName: "o.csv", Compute: "gpu",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ReadInvocation (-want +got):\n%s", diff)
	}
}

// TestReadInvocationWithoutInputs: an empty mapping is that of a pipeline component without inputs.
func TestReadInvocationWithoutInputs(t *testing.T) {
	for text, want := range map[string]azmlbatch.Inputs{"inputs: {}": {}, "inputs:\ncompute: gpu": nil, "compute: gpu": nil} {
		files(t, map[string]string{"f.yml": text})
		got, err := deploy.ReadInvocation("f.yml", nil)
		if diff := cmp.Diff(want, got.Inputs); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", text, err, diff)
		}
	}
}

// TestReadInvocationMistakes tells what is wrong with inputs.
func TestReadInvocationMistakes(t *testing.T) {
	files(t, map[string]string{"data/a.csv": ""})
	for text, want := range map[string]string{
		"inputs: {a: {type: uri_folder}}":                   `f.yml:1:13: inputs.a.path: is missing; give a path, or for a literal a default`,
		"inputs: {a: {type: uri_folder, path: dta}}":        `f.yml:1:38: inputs.a.path: "dta" cannot be read: it does not exist; did you mean "data"?`,
		"inputs: {a: {type: uri_file, path: data}}":         `f.yml:1:36: inputs.a.path: "data" is a folder; a uri_file must be a single file; name a file, or write type: uri_folder`,
		"inputs: {a: {type: uri_folder, path: data/a.csv}}": `f.yml:1:38: inputs.a.path: "data/a.csv" is a file; a uri_folder must be a folder; name a folder, or write type: uri_file`,
		"inputs: {a: {type: mltable, path: data}}":          `f.yml:1:35: inputs.a.path: "data" is local, which works for uri_file and uri_folder only; register it first and write azureml:NAME:VERSION`,
		"inputs: {a: {type: number, default: many}}":        `f.yml:1:37: inputs.a.default: is the text "many"; write a number`,
		"inputs: {a: {type: uri_flie, path: data}}":         `f.yml:1:20: inputs.a.type: is "uri_flie"; did you mean uri_file? Possible: uri_file, uri_folder, mltable, custom_model, mlflow_model, triton_model, string, number, integer, boolean`,
		"outputs: {a: {type: uri_file, path: out.csv}}":     `f.yml:1:37: outputs.a.path: "out.csv" is a local path; write azureml://datastores/NAME/paths/PATH`,
		"inputs: {a: }": `f.yml:1:13: inputs.a: is empty; give it a path, or for a literal a default`,
		"input: {a: b}": `f.yml:1:1: unknown key "input"; did you mean inputs?`,
		"---\n---\n":    `f.yml: has 0 documents; describe one invocation in it`,
		"a: {\n":        `f.yml:2:1: is not YAML: did not find expected node content`,
	} {
		if err := os.WriteFile("f.yml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := deploy.ReadInvocation("f.yml", nil); err == nil || err.Error() != want {
			t.Errorf("ReadInvocation of %s:\n got %v\nwant %s", text, err, want)
		}
	}
}
