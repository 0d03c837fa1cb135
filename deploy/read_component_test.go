package deploy_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// pipelineFiles are a pipeline deployment whose files name each other over several folders.
var pipelineFiles = map[string]string{
	"deploy/deployment.yml": `
name: steps
endpoint_name: digits
type: pipeline
component: ../parts/pipeline.yml
settings: {continue_on_step_failure: false, default_compute: cluster}
`,
	"parts/pipeline.yml": `
$schema: https://x/pipelineComponent.schema.json
type: pipeline
name: scoring
version: 1
inputs:
  data: {type: uri_folder}
  mode: {type: string, default: append}
outputs:
  scores: {type: uri_folder, mode: upload}
jobs:
  prepare:
    type: command
    component: azureml:prepare@latest
    inputs:
      data: ${{parent.inputs.data}}
      extra: {type: uri_folder, path: extra}
  score:
    type: command
    component: score/score.yml
    outputs:
      scores: {path: "${{parent.outputs.scores}}", mode: upload}
  hello:
    type: command
    component:
      code: src
      environment:
        image: ubuntu
        conda_file: conda.yml
      command: echo hello
`,
	"parts/score/score.yml": `
$schema: https://x/commandComponent.schema.json
name: score
type: command
inputs: {data: {type: uri_folder, optional: true}}
code: ./src
environment: ../env/env.yml
command: python score.py
`,
	"parts/env/env.yml":    "name: env\nbuild: {path: .}\n",
	"parts/env/Dockerfile": "FROM x\n",
	"parts/conda.yml":      "dependencies: [python=3.11]\n",
	"parts/src/a.py":       "",
	"parts/extra/a.csv":    "",
	"parts/score/src/a.py": "",
	"deploy/job.yml":       "type: pipeline\nexperiment_name: e\ncompute: c\ninputs: {data: {type: uri_folder, path: ../x}, mode: append}\njobs:\n  a:\n    command: ls\n    code: ../parts/src\n    environment: azureml:env:1\n",
	"deploy/job_file.yml":  "type: pipeline\ncomponent: ../parts/pipeline.yml\ncompute: c\n",
	"deploy/by_job.yml":    "name: steps\nendpoint_name: digits\ntype: pipeline\njob_definition: job.yml\n",
	"deploy/by_file.yml":   "name: steps\nendpoint_name: digits\ntype: pipeline\njob_definition: job_file.yml\n",
	"deploy/by_name.yml":   "name: steps\nendpoint_name: digits\ntype: pipeline\njob_definition: azureml:nice_name\n",
	"deploy/circle.yml":    "name: steps\nendpoint_name: digits\ntype: pipeline\ncomponent: ../parts/circle.yml\n",
	"parts/circle.yml":     "type: pipeline\nname: circle\njobs: {a: {component: circle.yml}}\n",
	"deploy/both.yml":      "name: steps\nendpoint_name: digits\ntype: pipeline\ncomponent: azureml:a:1\njob_definition: azureml:j\n",
	"deploy/no_code.yml":   "name: steps\nendpoint_name: digits\ntype: pipeline\ncomponent: ../parts/no_code.yml\n",
	"parts/no_code.yml":    "type: pipeline\nname: wrong\njobs:\n  a:\n    code: scr\n",
	"deploy/wrong_key.yml": "name: steps\nendpoint_name: digits\ntype: pipeline\ncomponent: ../parts/wrong_key.yml\n",
	"parts/wrong_key.yml":  "type: pipeline\nname: wrong\njobs:\n  a:\n    commnad: ls\n",
}

// TestReadPipeline puts the files that a pipeline names in their place, with paths that lead to the
// same files.
func TestReadPipeline(t *testing.T) {
	files(t, pipelineFiles)
	score := map[string]any{
		"name": "score", "type": "command", "command": "python score.py", "code": "./parts/score/src", "$schema": "https://x/commandComponent.schema.json",
		"inputs":      map[string]any{"data": map[string]any{"type": "uri_folder", "optional": true}},
		"environment": map[string]any{"name": "env", "build": map[string]any{"path": "./parts/env"}},
	}
	pipeline := map[string]any{
		"type": "pipeline", "name": "scoring", "version": "1",
		"inputs":  map[string]any{"data": map[string]any{"type": "uri_folder"}, "mode": map[string]any{"type": "string", "default": "append"}},
		"outputs": map[string]any{"scores": map[string]any{"type": "uri_folder", "mode": "upload"}},
		"jobs": map[string]any{
			"prepare": map[string]any{"type": "command", "component": "azureml:prepare@latest", "inputs": map[string]any{
				"data": "${{parent.inputs.data}}", "extra": map[string]any{"type": "uri_folder", "path": "./parts/extra"}}},
			"score": map[string]any{"type": "command", "component": score,
				"outputs": map[string]any{"scores": map[string]any{"path": "${{parent.outputs.scores}}", "mode": "upload"}}},
			"hello": map[string]any{"type": "command", "component": map[string]any{"code": "./parts/src", "command": "echo hello",
				"environment": map[string]any{"image": "ubuntu", "conda_file": map[string]any{"dependencies": []any{"python=3.11"}}}}},
		},
	}
	job := map[string]any{"type": "pipeline",
		"inputs": map[string]any{"data": map[string]any{"type": "uri_folder"}, "mode": map[string]any{"type": "string", "default": "append"}},
		"jobs":   map[string]any{"a": map[string]any{"command": "ls", "code": "./parts/src", "environment": "azureml:env:1"}}}
	for _, test := range []struct {
		file      string
		component azmlbatch.Component // without Spec
		spec      map[string]any
		settings  map[string]string
	}{
		{"deploy/deployment.yml", azmlbatch.Component{Name: "scoring", Version: "1"}, pipeline,
			map[string]string{"continue_on_step_failure": "false", "default_compute": "cluster"}},
		{"deploy/by_file.yml", azmlbatch.Component{Name: "scoring", Version: "1"}, pipeline, nil},
		{"deploy/by_job.yml", azmlbatch.Component{Name: "digits-steps-component", IsAnonymous: true}, job, nil},
		{"deploy/by_name.yml", azmlbatch.Component{Name: "digits-steps-component", IsAnonymous: true},
			map[string]any{"type": "pipeline", "sourceJobId": "nice_name"}, nil},
	} {
		t.Run(test.file, func(t *testing.T) {
			spec, err := deploy.Read([]string{test.file}, nil)
			if err != nil {
				t.Fatalf("Read: %v", err)
			}
			got := spec.Components[0]
			var content map[string]any
			if err := json.Unmarshal(got.Spec, &content); err != nil {
				t.Fatalf("the component's Spec is not JSON: %v", err)
			}
			if diff := cmp.Diff(test.spec, content); diff != "" {
				t.Errorf("the component's Spec (-want +got):\n%s", diff)
			}
			got.Spec = nil
			if diff := cmp.Diff(test.component, got); diff != "" {
				t.Errorf("the component (-want +got):\n%s", diff)
			}
			reference := "azureml:" + got.Name
			if got.Version != "" {
				reference += ":" + got.Version
			}
			want := []deploy.Deployment{{Endpoint: "digits", Deployment: azmlbatch.Deployment{Name: "steps",
				Configuration: azmlbatch.PipelineComponentDeployment{ComponentID: reference, Settings: test.settings}}}}
			if diff := cmp.Diff(want, spec.Deployments); diff != "" {
				t.Errorf("the deployment (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReadPipelineMistakes names the file that has the mistake, not the one that was read first.
func TestReadPipelineMistakes(t *testing.T) {
	files(t, pipelineFiles)
	for file, want := range map[string]string{
		"deploy/circle.yml":    `parts/circle.yml:3:23: jobs.a.component: "parts/circle.yml" names itself; remove the circle`,
		"deploy/both.yml":      `deploy/both.yml:5:17: job_definition: stands beside component; leave one of the two out`,
		"deploy/no_code.yml":   `parts/no_code.yml:5:11: jobs.a.code: "./parts/scr" cannot be read: it does not exist; did you mean "parts/src"?`,
		"deploy/wrong_key.yml": `parts/wrong_key.yml:5:5: unknown key "jobs.a.commnad"; did you mean command?`,
	} {
		if _, err := deploy.Read([]string{file}, nil); err == nil || err.Error() != want {
			t.Errorf("Read(%s):\n got %v\nwant %s", file, err, want)
		}
	}
}

// TestReadSeveral reads files and a folder at once. Assets that two deployments have inline are one
// part.
func TestReadSeveral(t *testing.T) {
	deployment := func(name, image string) string {
		return "name: " + name + "\nendpoint_name: digits\nmodel: azureml:digits:1\ncompute: cluster\n" +
			"code_configuration: {code: code, scoring_script: a.py}\nenvironment: {name: digits, image: " + image + "}\n"
	}
	files(t, map[string]string{
		"code/a.py": "", "all/conda.yml": "dependencies: [python]\n", "all/broken.txt": "x: [", "all/code/a.py": "", "all/sub/other.yml": "x: [",
		"blue.yml": deployment("blue", "ubuntu"), "green.yml": deployment("green", "ubuntu"), "red.yml": deployment("red", "debian"),
		"all/a.yml": deployment("one", "ubuntu"), "all/b.yaml": "name: digits\nauth_mode: aad_token\n---\nname: faces\nauth_mode: aad_token\n",
	})
	var documents []deploy.Document
	spec, err := deploy.Read([]string{"blue.yml", "./blue.yml", "green.yml", "all"}, &deploy.ReadOptions{OnDocument: func(d deploy.Document) { documents = append(documents, d) }})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	if diff := cmp.Diff([]azmlbatch.Environment{{Name: "digits", Image: "ubuntu"}}, spec.Environments); diff != "" {
		t.Errorf("the environments (-want +got):\n%s", diff)
	}
	if len(spec.Deployments) != 3 || len(spec.Endpoints) != 2 {
		t.Errorf("read %d deployments and %d endpoints, want 3 and 2", len(spec.Deployments), len(spec.Endpoints))
	}
	want := []deploy.Document{
		{File: "blue.yml", Line: 1, Kind: "batch deployment", Name: "blue"},
		{File: "green.yml", Line: 1, Kind: "batch deployment", Name: "green"},
		{File: "all/a.yml", Line: 1, Kind: "batch deployment", Name: "one"},
		{File: "all/b.yaml", Line: 1, Kind: "batch endpoint", Name: "digits"},
		{File: "all/b.yaml", Line: 4, Kind: "batch endpoint", Name: "faces"},
		{File: "all/conda.yml", Line: 1, Kind: "conda file", Skipped: "it belongs to an environment: name it there in conda_file, beside an image"},
	}
	if diff := cmp.Diff(want, documents); diff != "" {
		t.Errorf("OnDocument (-want +got):\n%s", diff)
	}
	_, err = deploy.Read([]string{"blue.yml", "red.yml"}, nil)
	if want := `red.yml:6:14: environment.name: names a second environment "digits", the first is in blue.yml:6; remove one of the two, rename it, or give both versions`; err == nil || err.Error() != want {
		t.Errorf("Read of two environments of one name:\n got %v\nwant %s", err, want)
	}
}
