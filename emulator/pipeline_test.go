package emulator

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// deployPipeline deploys a pipeline of two command components: "prepare" writes the input in
// capitals, "score" counts its letters and fails if the input mode says so.
func deployPipeline(t *testing.T, client *azmlbatch.Client) string {
	t.Helper()
	ctx := t.Context()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "score.py"), []byte(`import os, sys
data, mode, scores = sys.argv[1:]
if mode == "break":
    raise ValueError("the kiln is cold")
for name in sorted(os.listdir(data)):
    text = open(os.path.join(data, name)).read()
    open(os.path.join(scores, name), "w").write(f"{text} {len(text)}")
print("scored")
`), 0o600); err != nil {
		t.Fatal(err)
	}
	code, err := client.Codes().Upload(ctx, "count", dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	component := func(name, spec string) string {
		c, err := client.Components().CreateOrUpdate(ctx, name, azmlbatch.Component{Version: "1", Spec: []byte(spec)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Ref()
	}
	prepare := component("prepare", `{"type": "command", "command": "cd ${{inputs.data}} && for f in *; do tr a-z A-Z < $f > ${{outputs.prepared}}/$f; done",
		"inputs": {"data": {"type": "uri_folder"}}, "outputs": {"prepared": {"type": "uri_folder"}}}`)
	score := component("score", `{"type": "command", "command": "python score.py ${{inputs.data}} ${{inputs.mode}} ${{outputs.scores}}", "code": "azureml:`+code.ID+`",
		"inputs": {"data": {"type": "uri_folder"}, "mode": {"type": "string"}}, "outputs": {"scores": {"type": "uri_folder"}}}`)
	flow := component("flow", `{"type": "pipeline", "inputs": {"data": {"type": "uri_folder"}, "mode": {"type": "string", "default": "count"}}, "outputs": {"scores": {"type": "uri_folder"}},
		"jobs": {
			"prepare": {"type": "command", "componentId": "`+prepare+`", "inputs": {"data": {"job_input_type": "literal", "value": "${{parent.inputs.data}}"}}},
			"score": {"type": "command", "componentId": "`+score+`", "inputs": {
				"data": {"job_input_type": "literal", "value": "${{parent.jobs.prepare.outputs.prepared}}"}, "mode": {"job_input_type": "literal", "value": "${{parent.inputs.mode}}"}},
				"outputs": {"scores": {"type": "literal", "value": "${{parent.outputs.scores}}"}}}}}`)
	if _, err := client.Endpoints().CreateOrUpdate(ctx, "letters", azmlbatch.Endpoint{}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Deployments("letters").CreateOrUpdate(ctx, "steps", azmlbatch.Deployment{
		Configuration: azmlbatch.PipelineComponentDeployment{ComponentID: flow},
	}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Endpoints().SetDefaultDeployment(ctx, "letters", "steps", nil); err != nil {
		t.Fatal(err)
	}
	return "letters"
}

// invokePipeline invokes with the literal mode and waits for the end.
func invokePipeline(t *testing.T, client *azmlbatch.Client, endpoint, mode string) (azmlbatch.Job, error) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "a.txt"), []byte("clay"), 0o600); err != nil {
		t.Fatal(err)
	}
	invocation := azmlbatch.Invocation{
		Inputs:  azmlbatch.Inputs{"data": azmlbatch.LocalPath{Path: data}, "mode": azmlbatch.Literal{Value: mode}},
		Outputs: azmlbatch.Outputs{"scores": azmlbatch.URIFolder{URI: "azureml://datastores/workspaceblobstore/paths/firings/" + mode + "/"}},
	}
	job, err := client.Endpoints().Invoke(t.Context(), endpoint, invocation)
	if err != nil {
		t.Fatal(err)
	}
	return client.Jobs().Wait(t.Context(), job.Name, nil)
}

// TestOutputsOfAPipelineComponent: the files of its named outputs are listed and downloaded, each below the output's name.
func TestOutputsOfAPipelineComponent(t *testing.T) {
	client := NewClient(t, nil)
	endpoint := deployPipeline(t, client)
	job, err := invokePipeline(t, client, endpoint, "count")
	if err != nil {
		t.Fatal(err)
	}
	var files []azmlbatch.OutputFile
	for f, err := range client.Jobs().ListOutputs(t.Context(), job.Name) {
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	want := []azmlbatch.OutputFile{{Name: "scores/a.txt", Size: 6, URI: "azureml://datastores/workspaceblobstore/paths/firings/count/a.txt"}}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	folder := t.TempDir()
	for _, want := range []azmlbatch.DownloadResult{{Files: 1, Bytes: 6}, {Skipped: 1}} {
		if got, err := client.Jobs().Download(t.Context(), job.Name, folder, nil); err != nil || got != want {
			t.Errorf("downloaded %+v, %v, want %+v", got, err, want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(folder, "scores", "a.txt")); err != nil || string(text) != "CLAY 4" {
		t.Errorf("the file has %q, %v", text, err)
	}
}

func TestDeploymentOfAPipelineComponent(t *testing.T) {
	client := NewClient(t, nil)
	endpoint := deployPipeline(t, client)
	job, err := invokePipeline(t, client, endpoint, "count")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := blobText(t, client, "firings/count/a.txt"), "CLAY 4"; got != want {
		t.Errorf("output = %q, want %q", got, want)
	}
	statuses, runs := map[string]azmlbatch.JobStatus{}, map[string]string{}
	for s, err := range client.Jobs().ListSteps(t.Context(), job.Name) {
		if err != nil {
			t.Fatal(err)
		}
		statuses[s.Name], runs[s.Name] = s.Status, s.RunID
	}
	if diff := cmp.Diff(map[string]azmlbatch.JobStatus{"prepare": "Completed", "score": "Completed"}, statuses); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	logs := map[string]string{}
	for l, err := range client.Jobs().ListLogs(t.Context(), runs["score"]) {
		if err != nil {
			t.Fatal(err)
		}
		r, err := client.Jobs().OpenLog(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		logs[l.Name] = string(text)
	}
	if got := logs["user_logs/std_log.txt"]; got != "scored\n" {
		t.Errorf("logs %v: %q, want what the script prints", slices.Sorted(maps.Keys(logs)), got)
	}
}

func TestFailedPipelineIsExplained(t *testing.T) {
	client := NewClient(t, nil)
	_, err := invokePipeline(t, client, deployPipeline(t, client), "break")
	var failed *azmlbatch.JobFailedError
	if !errors.As(err, &failed) {
		t.Fatalf("error = %v, want a *JobFailedError", err)
	}
	if failed.Message != "ValueError: the kiln is cold" || !strings.Contains(failed.Traceback, `score.py", line 4`) || !strings.HasSuffix(failed.Log, "user_logs/std_log.txt") {
		t.Errorf("the failure is explained as %q in %s:\n%s", failed.Message, failed.Log, failed.Traceback)
	}
}

// blobText reads a blob of the default datastore.
func blobText(t *testing.T, client *azmlbatch.Client, name string) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := client.Download(t.Context(), "azureml://datastores/workspaceblobstore/paths/"+name, dir, nil); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, filepath.Base(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEmptyInputs are for pipeline components alone; see TestAssetsOfARegistry for one.
func TestEmptyInputs(t *testing.T) {
	client, endpoint := NewEndpoint(t, Func(sizes), nil)
	for _, inv := range []azmlbatch.Invocation{{}, {Inputs: azmlbatch.Inputs{}}} {
		_, err := client.Endpoints().Invoke(t.Context(), endpoint, inv)
		var wrong *azmlbatch.ArgumentError
		if !errors.As(err, &wrong) {
			t.Errorf("Invoke(%v) = %v, want an *ArgumentError", inv, err)
		}
	}
}
