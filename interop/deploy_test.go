package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// deployFiles are what azure-ai-ml deploys, with what its users write: inline assets, references with versions and labels,
// numbers as versions, defaults left out and written out.
var deployFiles = map[string]string{
	"compute.yml":     "type: amlcompute\nname: batch-cluster\nsize: Standard_DS3_v2\nmin_instances: 0\nmax_instances: 5\nidle_time_before_scale_down: 120\n",
	"model.yml":       "name: digits\nversion: 1\ndescription: reads digits\ntype: custom_model\npath: model\ntags:\n  stage: test\n",
	"environment.yml": "name: digits\nversion: 22.04-py3\nimage: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04\nconda_file: conda.yml\n",
	"conda.yml":       "name: digits\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.11\n  - pip:\n      - pandas\n",
	"data.yml":        "name: images\ntype: uri_folder\npath: images\n",
	"endpoint.yml":    "name: digits\ndescription: reads digits\nauth_mode: aad_token\ntags:\n  team: a\n",
	"deployment.yml": `name: blue
endpoint_name: digits
type: model
description: the first
model: azureml:digits:1
code_configuration:
  code: code
  scoring_script: score.py
environment: azureml:digits@latest
compute: azureml:batch-cluster
resources:
  instance_count: 2
settings:
  mini_batch_size: 4
  max_concurrency_per_instance: 2
  output_action: append_row
  output_file_name: predictions.csv
  retry_settings:
    max_retries: 3
    timeout: 30
  error_threshold: -1
  logging_level: info
  environment_variables:
    MODE: fast
`,
	"inline.yml": `name: green
endpoint_name: digits
type: model
model:
  name: letters
  path: mlflow
  type: mlflow_model
compute: batch-cluster
resources:
  instance_count: 1
`,
	"unnamed.yml": `name: white
endpoint_name: digits
type: model
model: azureml:digits:1
code_configuration:
  code: code
  scoring_script: score.py
environment:
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest
  conda_file: conda.yml
compute: azureml:batch-cluster
`,
	"count.yml": `$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
name: count
version: 1
type: command
inputs:
  texts: {type: uri_folder}
  sign: {type: string, default: "!"}
outputs:
  counts: {type: uri_folder}
code: code
environment: azureml:digits:22.04-py3
command: python count.py ${{inputs.texts}} "${{inputs.sign}}" ${{outputs.counts}}
`,
	"flow.yml": `$schema: https://azuremlschemas.azureedge.net/latest/pipelineComponent.schema.json
name: flow
version: 2
type: pipeline
inputs:
  texts: {type: uri_folder}
outputs:
  counts: {type: uri_folder}
jobs:
  count:
    type: command
    component: azureml:count:1
    inputs: {texts: "${{parent.inputs.texts}}"}
    outputs: {counts: "${{parent.outputs.counts}}"}
`,
	"pipeline.yml": `name: steps
endpoint_name: digits
type: pipeline
component: azureml:flow:2
settings:
  continue_on_step_failure: false
  default_compute: batch-cluster
`,
	"bare.yml":          "name: red\nendpoint_name: digits\ntype: model\nmodel:\n  path: mlflow\n  type: mlflow_model\ncompute: batch-cluster\n",
	"model/weights.txt": "1 2 3\n",
	"mlflow/MLmodel":    "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n",
	"mlflow/model.pkl":  "x",
	"code/score.py":     "def init():\n    pass\n\ndef run(files):\n    return files\n",
	"images/a.csv":      "1\n",
}

// TestDeploymentOfAzureAIML deploys files with azure-ai-ml, plans the same files, and wants nothing to do.
func TestDeploymentOfAzureAIML(t *testing.T) {
	python := os.Getenv("AZMLBATCH_AZURE_AI_ML")
	if python == "" {
		t.Skip("AZMLBATCH_AZURE_AI_ML names no Python with azure-ai-ml")
	}
	script, err := filepath.Abs(filepath.Join("python", "deploy.py"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, text := range deployFiles {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server, err := emulator.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("stop the emulator: %v", err)
		}
	})
	cmd := exec.CommandContext(t.Context(), python, script, "compute=compute.yml", "model=model.yml", "environment=environment.yml",
		"data=data.yml", "batch-endpoint=endpoint.yml", "batch-deployment=deployment.yml", "batch-deployment=inline.yml",
		"batch-deployment=bare.yml", "batch-deployment=unnamed.yml",
		"component=count.yml", "component=flow.yml", "pipeline-deployment=pipeline.yml")
	cmd.Env = append(os.Environ(), server.Env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("azure-ai-ml: %v\n%s", err, out)
	}
	client, err := server.Emulator().Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := deploy.Read([]string{"compute.yml", "model.yml", "environment.yml", "data.yml", "endpoint.yml", "deployment.yml", "inline.yml", "bare.yml", "unnamed.yml", "count.yml", "flow.yml", "pipeline.yml"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := deploy.Plan(t.Context(), client, spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Empty() {
		t.Errorf("what azure-ai-ml has deployed is not what the files say:\n%s", plan)
	}
}
