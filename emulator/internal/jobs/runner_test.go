package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

const sizes = `
import os
def init():
    global weight
    weight = open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "glaze", "weights.txt")).read()
def run(mini_batch):
    print("scoring", len(mini_batch))
    return ["%s %d %s" % (os.path.basename(p), os.path.getsize(p), weight) for p in mini_batch]
`

const raises = `
def run(mini_batch):
    raise ValueError("cracked glaze")
`

// blocks runs until its process is ended.
const blocks = `
import threading
def run(mini_batch):
    print("at work", flush=True)
    threading.Event().wait()
`

var threeTiles = map[string]string{"a.txt": "1", "b.txt": "22", "c.txt": "333", "sub/d.txt": "4444"}

func TestJobCompletes(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.invocation(w.deployment(sizes, nil), w.upload("tiles", threeTiles))
	job := w.run(inv, Completed)

	child := w.child(job)
	run := store.Text(child, "runId")
	if got, want := w.read(dataStore, "azureml/"+run+"/score/predictions.csv"), "a.txt 1 42\nb.txt 2 42\nc.txt 3 42\n"; got != want {
		t.Errorf("predictions = %q, want %q", got, want)
	}
	if child["status"] != Completed || child["name"] != "batchscoring" || child["error"] != nil || child["endTimeUtc"] == nil {
		t.Errorf("child run = %v %v, error %v, end %v", child["name"], child["status"], child["error"], child["endTimeUtc"])
	}
	doc, ok := BatchJob(w.store, testWorkspace, endpoint, job)
	if !ok {
		t.Fatal("BatchJob does not find the job")
	}
	properties := store.Object(doc, "properties")
	want := store.Document{
		"status": "Completed",
		"output": store.Document{"datastoreId": testWorkspace + "/datastores/workspaceartifactstore", "path": "ExperimentRun/dcid." + job},
		"outputData": store.Document{"score": store.Document{
			"description": nil, "mode": "ReadWriteMount", "jobOutputType": "UriFile",
			"uri": "azureml://subscriptions/s1/resourcegroups/g1/workspaces/w1/datastores/workspaceblobstore/paths/azureml/" + run + "/score/predictions.csv",
		}},
	}
	got := store.Document{"status": properties["status"], "output": properties["output"], "outputData": properties["outputData"]}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("batch job (-want +got):\n%s", diff)
	}
	var stages struct{ Execution struct{ Status string } }
	if err := json.Unmarshal([]byte(store.Text(properties, "properties", "azureml.pipelines.stages")), &stages); err != nil || stages.Execution.Status != "Finished" {
		t.Errorf("azureml.pipelines.stages: %+v, %v", stages, err)
	}
	if got := RunMetrics(w.store, testWorkspace, run); got[metricTotalItems] != json.Number("3") || got[metricFailedItems] != json.Number("0") {
		t.Errorf("metrics = %v", got)
	}
	if log := w.childLog(job, executionLog); !strings.Contains(log, "The image of environment clay:2 is not run") || !strings.Contains(log, "Compute cluster is not used.") {
		t.Errorf("log of the step = %q", log)
	}
	if log := w.childLog(job, "logs/user/stdout/0/process000.stdout.txt"); !strings.Contains(log, "scoring 3") {
		t.Errorf("stdout of the script = %q", log)
	}
	if log := w.read("azureml", artifactPath(job)+executionLog); !strings.Contains(log, "Submitting 1 runs") || !strings.Contains(log, "Completing processing run id "+run) {
		t.Errorf("execution log = %q", log)
	}
	uri, kind, ok := AssetPlace(w.store, testWorkspace, testSuffix, store.Text(RunOutputs(w.store, testWorkspace, run), "score", "assetId"))
	if want := "azureml://subscriptions/s1/resourcegroups/g1/workspaces/w1/datastores/workspaceblobstore/paths/azureml/" + run + "/score/"; uri != want || kind != UriFolder || !ok {
		t.Errorf("output asset lies at %s (%s, %v), want %s", uri, kind, ok, want)
	}
	if _, unfinished := w.store.Get(unfinishedID(testWorkspace, job)); unfinished {
		t.Error("the job still counts as unfinished")
	}
}

func TestJobFailsWithTheScript(t *testing.T) {
	w := newWorld(t, nil)
	job := w.run(w.invocation(w.deployment(raises, nil), w.upload("tiles", threeTiles)), Failed)
	got := w.failure(job)
	if !strings.Contains(got, "exited with status code 42") || !strings.Contains(got, "/azureml-envs/azureml_"+compactID(testWorkspace+"/environments/clay/versions/2")+"/bin/python") {
		t.Errorf("error of the step = %q", got)
	}
	if strings.Contains(got, "cracked glaze") {
		t.Errorf("error of the step names the cause, which Azure shows in the logs only: %q", got)
	}
	if log := w.read("azureml", artifactPath(job)+executionLog); !strings.Contains(log, "Execution of experiment failed, update experiment status") {
		t.Errorf("log of the job = %q", log)
	}
	if log := w.childLog(job, "logs/user/error/0/process000.txt"); !strings.Contains(log, "ValueError: cracked glaze") {
		t.Errorf("error log of the script = %q", log)
	}
	doc, _ := w.store.Get(jobID(testWorkspace, job))
	if stages := store.Text(doc, "properties", "properties", "azureml.pipelines.stages"); !strings.Contains(stages, `"Status":"Failed"`) {
		t.Errorf("azureml.pipelines.stages = %s", stages)
	}
	if got := w.read(dataStore, "azureml/"+store.Text(w.child(job), "runId")+"/score/predictions.csv"); got != "" {
		t.Errorf("a failed job left predictions: %q", got)
	}
}

func TestJobFailsBeforeTheScript(t *testing.T) {
	tests := map[string]struct {
		edit func(*world, *Invocation)
		want string
	}{
		"empty folder": {func(w *world, inv *Invocation) {
			inv.Inputs["tiles"] = Input{Kind: UriFolder, URI: w.upload("nothing", nil)}
		}, "Can't mount Dataset"},
		"only sub-folders": {func(w *world, inv *Invocation) {
			inv.Inputs["tiles"] = Input{Kind: UriFolder, URI: w.upload("deep", map[string]string{"a/b.txt": "1"})}
		}, "sub-folders are not explored"},
		"absent file": {func(w *world, inv *Invocation) {
			inv.Inputs["tiles"] = Input{Kind: UriFile, URI: w.upload("tiles", nil) + "/zz.txt"}
		}, "Can't mount Dataset"},
		"foreign account": {func(_ *world, inv *Invocation) {
			inv.Inputs["tiles"] = Input{Kind: UriFolder, URI: "https://elsewhere.blob.core.windows.net/c/p?sig=topsecret"}
		}, "Can't mount Dataset"},
		"absent data asset": {func(_ *world, inv *Invocation) {
			inv.Inputs["tiles"] = Input{Kind: UriFolder, URI: testWorkspace + "/data/shards/versions/9"}
		}, "The input " + testWorkspace + `/data/shards/versions/9 does not exist: there is no asset "shards" of version "9" among the data of the workspace.`},
		"data asset of a place that is gone": {func(w *world, inv *Invocation) {
			w.put(testWorkspace+"/data/shards/versions/1", store.Document{"properties": store.Document{"dataUri": "azureml://datastores/cup/paths/x"}})
			inv.Inputs["tiles"] = Input{Kind: UriFolder, URI: testWorkspace + "/data/shards/versions/1"}
		}, "The input " + testWorkspace + "/data/shards/versions/1 does not exist: asset \"shards\": could not find datastore: cup."},
		"absent datastore": {func(_ *world, inv *Invocation) {
			inv.Inputs["tiles"] = Input{Kind: UriFile, URI: "azureml://datastores/cup/paths/a.txt"}
		}, "The input azureml://datastores/cup/paths/a.txt does not exist: could not find datastore: cup."},
		"absent output of a job": {func(_ *world, inv *Invocation) {
			inv.Inputs["tiles"] = Input{Kind: UriFolder, URI: "azureml://jobs/j0/outputs/score"}
		}, `does not exist: job "j0" has no output "score".`},
		"MLTable": {func(_ *world, inv *Invocation) {
			inv.Inputs["tiles"] = Input{Kind: MLTable, URI: testWorkspace + "/data/shards/versions/9"}
		}, "references parameter dataset_param"},
		"output exists": {func(w *world, inv *Invocation) {
			w.upload("results", map[string]string{"predictions.csv": "old"})
			inv.Outputs = map[string]Output{"out": {Kind: UriFile, URI: "azureml://datastores/workspaceblobstore/paths/results/predictions.csv"}}
		}, "the path already exists"},
		"output on the web": {func(_ *world, inv *Invocation) {
			inv.Outputs = map[string]Output{"out": {Kind: UriFile, URI: "https://kilnstore.blob.core.windows.net/c/p.csv"}}
		}, "outputs are paths on a blob datastore"},
		"output without a name": {func(_ *world, inv *Invocation) {
			inv.Outputs = map[string]Output{"out": {Kind: UriFile, URI: "azureml://datastores/workspaceblobstore/paths/results/"}}
		}, "paths/results/ names no file"},
		"output on this machine": {func(_ *world, inv *Invocation) {
			inv.Outputs = map[string]Output{"out": {Kind: UriFile, URI: "./out.csv"}}
		}, "The output cannot be written"},
		"output in short form": {func(_ *world, inv *Invocation) {
			inv.Outputs = map[string]Output{"out": {Kind: UriFile, URI: "azureml:workspaceblobstore/res/x.csv"}}
		}, "The output cannot be written"},
		"output on no datastore": {func(_ *world, inv *Invocation) {
			inv.Outputs = map[string]Output{"out": {Kind: UriFile, URI: "azureml://datastores/cup/paths/x.csv"}}
		}, "could not find datastore: cup"},
		"compute gone": {func(_ *world, inv *Invocation) {
			inv.Overrides.Compute = testWorkspace + "/computes/elsewhere"
		}, "The compute " + testWorkspace + "/computes/elsewhere does not exist"},
		"compute by name gone": {func(_ *world, inv *Invocation) {
			inv.Overrides.Compute = "azureml:elsewhere"
		}, "The compute azureml:elsewhere does not exist"},
		"compute with a version": {func(_ *world, inv *Invocation) {
			inv.Overrides.Compute = testWorkspace + "/computes/cluster/versions/1"
		}, "computes have no version"},
		"environment gone": {func(w *world, _ *Invocation) {
			_, _ = w.store.Delete(testWorkspace + "/environments/clay/versions/2")
		}, "The environment " + testWorkspace + "/environments/clay/versions/2 does not exist"},
		"script with a dot in its name": {func(w *world, inv *Invocation) {
			inv.Deployment = w.deployment(sizes, store.Document{"codeConfiguration": store.Document{
				"codeId": testWorkspace + "/codes/score/versions/1", "scoringScript": "sub/batch-score.v2.py",
			}})
		}, "The scoring script sub/batch-score.v2.py cannot be imported"},
		"model gone": {func(w *world, _ *Invocation) {
			_, _ = w.store.Delete(testWorkspace + "/models/glaze/versions/1")
		}, "The model of the deployment cannot be read"},
		"code gone": {func(w *world, _ *Invocation) {
			_ = w.blobs.Delete(w.t.Context(), account, dataStore, "code/score.py")
		}, "The code"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			inv := w.invocation(w.deployment(sizes, nil), w.upload("tiles", threeTiles))
			test.edit(w, &inv)
			job := w.run(inv, Failed)
			if got := w.failure(job); !strings.Contains(got, test.want) || strings.Contains(got, "topsecret") {
				t.Errorf("error of the step = %q, want %q in it", got, test.want)
			}
			if log := w.childLog(job, executionLog); !strings.Contains(log, test.want) {
				t.Errorf("log of the step = %q, want %q in it", log, test.want)
			}
		})
	}
}

func TestChosenOutputs(t *testing.T) {
	tests := map[string]struct {
		output Output
		file   string
		want   string // blob
	}{
		"file":                  {Output{Kind: UriFile, URI: "azureml://datastores/workspaceblobstore/paths/results/day1.csv"}, "", "results/day1.csv"},
		"file and another name": {Output{Kind: UriFile, URI: "azureml://datastores/workspaceblobstore/paths/results/day1.csv"}, "day2.csv", "results/day1.csv"},
		"file in a used folder": {Output{Kind: UriFile, URI: "azureml:" + testWorkspace + "/datastores/workspaceblobstore/paths/code/day3.csv"}, "", "code/day3.csv"},
		"older form":            {Output{URI: "azureml://datastores/workspaceblobstore/paths/results/"}, "", "results/predictions.csv"},
		"older form with name":  {Output{URI: "azureml://datastores/workspaceblobstore/paths/results/"}, "day2.csv", "results/day2.csv"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			inv := w.invocation(w.deployment(sizes, nil), w.upload("tiles", threeTiles))
			inv.Outputs = map[string]Output{"whatever": test.output}
			inv.Overrides.OutputFileName = test.file
			job := w.run(inv, Completed)
			if got := w.read(dataStore, test.want); !strings.HasPrefix(got, "a.txt 1 42\n") {
				t.Errorf("blob %s = %q", test.want, got)
			}
			doc, _ := BatchJob(w.store, testWorkspace, endpoint, job)
			if got := store.Text(doc, "properties", "outputData", "score", "uri"); got != test.output.URI {
				t.Errorf("outputData.score.uri = %q, want %q", got, test.output.URI)
			}
			var parameters map[string]string
			if err := json.Unmarshal([]byte(store.Text(doc, "properties", "properties", "azureml.parameters")), &parameters); err != nil {
				t.Fatal(err)
			}
			if parameters["output_uri"] != test.output.URI || parameters["append_row_file_name"] != path.Base(test.want) {
				t.Errorf("parameters = %v", parameters)
			}
		})
	}
}

func TestSummaryOnlyUploadsTheScriptsFiles(t *testing.T) {
	const script = `
import os
def run(mini_batch):
    for p in mini_batch:
        with open(os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], os.path.basename(p) + ".out"), "w") as f:
            f.write("fired")
    return mini_batch
`
	w := newWorld(t, nil)
	inv := w.invocation(w.deployment(script, store.Document{"outputAction": "SummaryOnly"}), w.upload("tiles", threeTiles))
	job := w.run(inv, Completed)
	if got := w.read(dataStore, "azureml/"+store.Text(w.child(job), "runId")+"/score/b.txt.out"); got != "fired" {
		t.Errorf("file of the script = %q, want fired", got)
	}
}

func TestJobWaitsForNodes(t *testing.T) {
	w := newWorld(t, nil)
	cluster := func(nodes int) {
		w.put(testWorkspace+"/computes/cluster", store.Document{"properties": store.Document{
			"computeType": "AmlCompute", "properties": store.Document{"scaleSettings": store.Document{"maxNodeCount": nodes}},
		}})
		w.runner.ComputesChanged()
	}
	cluster(2)
	inv := w.invocation(w.deployment(sizes, store.Document{"resources": store.Document{"instanceCount": 3}}), w.upload("tiles", threeTiles))
	job, canceled := w.submit(inv), w.submit(inv)
	inv.Overrides.InstanceCount = new(2)
	w.run(inv, Completed) // a job that fits is not held up
	cluster(2)
	if got, child := w.status(job), w.child(job)["status"]; got != Queued || child != Queued {
		t.Errorf("the job is %s with a step %s, want both Queued", got, child)
	}
	const reason = "it needs 3 instances, and the compute cluster has at most 2"
	if log := w.read("azureml", artifactPath(job)+executionLog); !strings.Contains(log, reason) {
		t.Errorf("log of the job = %q, want %q in it", log, reason)
	}
	if log := w.childLog(job, executionLog); !strings.Contains(log, reason) {
		t.Errorf("log of the step = %q, want %q in it", log, reason)
	}
	if err := w.runner.Cancel(canceled); err != nil {
		t.Fatal(err)
	}
	cluster(3)
	for name, want := range map[string]string{job: Completed, canceled: Canceled} {
		if err := w.runner.Wait(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if got := w.status(name); got != want {
			t.Errorf("job ended %s, want %s", got, want)
		}
	}
}

// TestCancelBeforeAJobIsQueued: it must not wait for nodes, nor for another job's end.
func TestCancelBeforeAJobIsQueued(t *testing.T) {
	w := newWorld(t, nil)
	w.put(testWorkspace+"/computes/cluster", store.Document{"properties": store.Document{
		"computeType": "AmlCompute", "properties": store.Document{"scaleSettings": store.Document{"maxNodeCount": 2}},
	}})
	j, err := w.runner.newJob(w.invocation(w.deployment(sizes, store.Document{"resources": store.Document{"instanceCount": 3}}), w.upload("tiles", threeTiles)))
	if err != nil {
		t.Fatal(err)
	}
	e, err := w.runner.admit(j)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.runner.recordJob(j, j.armDocument()); err != nil {
		t.Fatal(err)
	}
	if err := w.runner.Cancel(j.name); err != nil {
		t.Fatal(err)
	}
	w.runner.enqueue(e)
	if err := w.runner.Wait(t.Context(), j.name); err != nil {
		t.Fatal(err)
	}
	if got := w.status(j.name); got != Canceled {
		t.Errorf("the job ended %s, want Canceled", got)
	}
}

func TestShortNamesOfInputs(t *testing.T) {
	w := newWorld(t, nil)
	for uri, refused := range map[string]bool{
		"azureml:shards:1": true, "shards:1": true, "azureml:shards@latest": true, "shards@latest": true,
		"azureml:shards": true, "AZUREML:shards:1": true,
		testWorkspace + "/data/shards/versions/1": false, "azureml:" + testWorkspace + "/data/shards/versions/1": false, "azureml:/shards@latest": false,
		"azureml://locations/eastus/workspaces/w1/data/shards/versions/labels/latest": false, "https://kilnstore.blob.core.windows.net/c/a:1": false,
		"azureml://datastores/workspaceblobstore/paths/a@b": false, "wasbs://c@kilnstore.blob.core.windows.net/a": false,
	} {
		for _, deployment := range []store.Document{w.deployment(sizes, nil), {"name": "steps", "properties": store.Document{
			"deploymentConfiguration": store.Document{"deploymentConfigurationType": "PipelineComponent"},
		}}} {
			inv := w.invocation(deployment, uri)
			if _, err := w.runner.Submit(t.Context(), inv); errors.As(err, new(*BadInvocationError)) != refused || !refused && err != nil {
				t.Errorf("Submit with input %s = %v, want a refusal: %v", uri, err, refused)
			}
			inv.Inputs["tiles"] = Input{URI: uri} // the older form names data by name and version
			if _, err := w.runner.Submit(t.Context(), inv); err != nil {
				t.Errorf("Submit in the older form with input %s = %v", uri, err)
			}
		}
	}
}

func TestSlashInAnOutputFileName(t *testing.T) {
	w := newWorld(t, nil)
	for _, name := range []string{"a/b.csv", `a\b.csv`} {
		inv := w.invocation(w.deployment(sizes, nil), w.upload("tiles", threeTiles))
		inv.Overrides.OutputFileName = name
		if _, err := w.runner.Submit(t.Context(), inv); !errors.As(err, new(*BadInvocationError)) {
			t.Errorf("Submit with output file name %s = %v, want a refusal", name, err)
		}
	}
}

func TestCancelRunningJob(t *testing.T) {
	w := newWorld(t, nil)
	job := w.submit(w.invocation(w.deployment(blocks, nil), w.upload("tiles", threeTiles)))
	w.events.await(t, job+" step Running")
	if err := w.runner.Cancel(jobID(testWorkspace, job)); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	if err := w.runner.Cancel(job); err != nil && !errors.Is(err, ErrNotRunning) {
		t.Fatalf("Cancel again: %v", err)
	}
	if err := w.runner.Wait(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if got := w.status(job); got != Canceled {
		t.Errorf("status = %s, want Canceled", got)
	}
	w.events.await(t, job+" CancelRequested")
	if log := w.read("azureml", artifactPath(job)+executionLog); !strings.Contains(log, "User cancelled the run.") {
		t.Errorf("log of the job = %q", log)
	}
	if got := w.child(job); got["status"] != Canceled || got["error"] != nil {
		t.Errorf("child = %v, error %v", got["status"], got["error"])
	}
	if err := w.runner.Cancel(job); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Cancel of an ended job = %v, want ErrNotRunning", err)
	}
}

func TestJobsWaitForAPlace(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Limit = 1 })
	uri := w.upload("tiles", threeTiles)
	first := w.submit(w.invocation(w.deployment(blocks, nil), uri))
	w.events.await(t, first+" step Running")
	fast := w.deployment(sizes, nil)
	second, third := w.submit(w.invocation(fast, uri)), w.submit(w.invocation(fast, uri))
	if got, child := w.status(second), w.child(second)["status"]; got != Preparing || child != Queued {
		t.Errorf("a waiting job is %s with a step %s, want Preparing and Queued", got, child)
	}
	if err := w.runner.Cancel(second); err != nil {
		t.Fatalf("Cancel of a waiting job: %v", err)
	}
	if err := w.runner.Wait(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if got := w.status(second); got != Canceled {
		t.Errorf("status of the canceled waiting job = %s", got)
	}
	if err := w.runner.Cancel(first); err != nil {
		t.Fatal(err)
	}
	if err := w.runner.Wait(t.Context(), third); err != nil {
		t.Fatal(err)
	}
	if got := w.status(third); got != Completed {
		t.Errorf("status of the job that waited = %s, want Completed: %s", got, w.failure(third))
	}
}

func TestLogsCanBeReadWhileTheScriptRuns(t *testing.T) {
	w := newWorld(t, nil)
	job := w.submit(w.invocation(w.deployment(blocks, nil), w.upload("tiles", threeTiles)))
	w.events.awaitUntil(t, "the script's output in Blob storage", func() bool {
		return strings.Contains(w.childLog(job, "logs/user/stdout/0/process000.stdout.txt"), "at work")
	})
	if got := w.status(job); got != Running {
		t.Errorf("status = %s, want Running", got)
	}
}

func TestCloseEndsJobs(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Limit = 1 })
	inv := w.invocation(w.deployment(blocks, nil), w.upload("tiles", threeTiles))
	running, waiting := w.submit(inv), w.submit(inv)
	w.events.await(t, running+" step Running")
	if err := w.runner.Close(); err != nil {
		t.Fatal(err)
	}
	for _, job := range []string{running, waiting} {
		if got := w.status(job); got != Failed || w.failure(job) != stoppedMessage {
			t.Errorf("job %s is %s: %s", job, got, w.failure(job))
		}
	}
	if _, err := w.runner.Submit(t.Context(), inv); !errors.Is(err, ErrClosed) {
		t.Errorf("Submit after Close = %v, want ErrClosed", err)
	}
}

func TestRestartFailsUnfinishedJobs(t *testing.T) {
	w := newWorld(t, nil)
	j, err := w.runner.newJob(w.invocation(w.deployment(sizes, nil), "azureml:tiles:1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.runner.recordJob(j, j.armDocument()); err != nil { // as if the process had ended here
		t.Fatal(err)
	}
	again, err := New(w.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	if got := w.status(j.name); got != Failed || w.failure(j.name) != stoppedMessage {
		t.Errorf("status = %s, error %q", got, w.failure(j.name))
	}
}

func TestJobOfAPipelineComponent(t *testing.T) {
	w := newWorld(t, nil)
	w.command("works", "true", "")
	inv := w.pipeline(`{"type": "pipeline", "inputs": {"mode": {"type": "string"}}, "jobs": {"a": {"componentId": "azureml:works:1"}}}`, `{}`)
	inv.Inputs = map[string]Input{"mode": {Kind: Literal, Value: "append"}}
	doc, err := w.runner.Submit(t.Context(), inv)
	if err != nil {
		t.Fatal(err)
	}
	job := store.Text(doc, "name")
	if want := testWorkspace + "/batchEndpoints//jobs/" + job; doc["id"] != want || !strings.HasPrefix(job, "pipelinejob-") {
		t.Errorf("id = %v, want %s", doc["id"], want)
	}
	if got := store.Object(doc, "properties", "tags")["azureml.jobtype"]; got != "azureml.pipelinejob" {
		t.Errorf("azureml.jobtype = %v", got)
	}
	if err := w.runner.Wait(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if got := w.status(job); got != Completed {
		t.Errorf("status = %s", got)
	}
}

// TestChangedJob: a job has one name and one set of tags, whichever host shows it.
func TestChangedJob(t *testing.T) {
	w := newWorld(t, nil)
	job := w.run(w.invocation(w.deployment(sizes, nil), w.upload("tiles", threeTiles)), Completed)
	if found, err := ChangeRun(w.store, testWorkspace, job, store.Document{"displayName": "monday", "tags": store.Document{"kiln": "raku"}}); err != nil || !found {
		t.Fatalf("ChangeRun = %v, %v", found, err)
	}
	batch, _ := BatchJob(w.store, testWorkspace, endpoint, job)
	run, _ := Run(w.store, testWorkspace, job)
	arm, _ := w.store.Get(jobID(testWorkspace, job))
	for host, shown := range map[string]store.Document{
		"scoring": {"name": store.Text(batch, "properties", "name"), "tags": store.Object(batch, "properties", "tags")},
		"history": {"name": run["displayName"], "tags": run["tags"]},
		"ARM":     {"name": store.Text(arm, "properties", "displayName"), "tags": store.Object(arm, "properties", "tags")},
	} {
		if shown["name"] != "monday" || store.Text(shown, "tags", "kiln") != "raku" || store.Text(shown, "tags", "azureml.batchrun") != "true" {
			t.Errorf("%s shows %v", host, shown)
		}
	}
	if found, err := ChangeRun(w.store, testWorkspace, "none", store.Document{}); found || err != nil {
		t.Errorf("ChangeRun of no run = %v, %v", found, err)
	}
}

// goneBlobs is a Blob service whose blobs cannot be deleted.
type goneBlobs struct {
	Blobs
	err     error
	deleted []string
}

func (g *goneBlobs) Delete(_ context.Context, account, container, name string) error {
	g.deleted = append(g.deleted, account+"/"+container+"/"+name)
	return g.err
}

// TestMirrorForgets: the blob of a file that is gone is deleted, and what prevents that is logged.
func TestMirrorForgets(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		logged bool
	}{"deleted": {nil, false}, "not there": {blob.ErrNotFound, false}, "no storage": {errBroken, true}} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "there"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		blobs := &goneBlobs{err: test.err}
		var log bytes.Buffer
		m := &mirror{blobs: blobs, to: place{account: "a", container: "c", path: "p/"}, folder: folder, log: slog.New(slog.NewTextHandler(&log, nil)),
			sent: map[string]sentFile{"there": {}, "gone": {}}}
		m.forget()
		if diff := cmp.Diff([]string{"a/c/p/gone"}, blobs.deleted); diff != "" {
			t.Errorf("%s: deleted (-want +got):\n%s", name, diff)
		}
		if logged := strings.Contains(log.String(), `msg="job output" blob=p/gone error="`+errBroken.Error()) || strings.Contains(log.String(), "blob=p/gone"); logged != test.logged {
			t.Errorf("%s: log %q", name, log.String())
		}
	}
}
