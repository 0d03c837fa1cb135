package jobs

import (
	"errors"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// start starts a job as ARM does and waits for its end.
func (w *world) start(name, properties string) string {
	w.t.Helper()
	var doc store.Document
	if err := store.Decode([]byte(properties), &doc); err != nil {
		w.t.Fatal(err)
	}
	doc["properties"] = store.Document{}
	if err := w.runner.Start(armJob(testWorkspace, name, doc), Caller{Name: "potter"}); err != nil {
		w.t.Fatal(err)
	}
	if err := w.runner.Wait(w.t.Context(), name); err != nil {
		w.t.Fatal(err)
	}
	return name
}

// armJob is the document of a job that ARM makes.
func armJob(workspace, name string, properties store.Document) store.Document {
	return store.Document{"id": workspace + "/jobs/" + name, "name": name, "properties": properties}
}

func TestCommandJob(t *testing.T) {
	w := newWorld(t, nil)
	clay := w.upload("clay", map[string]string{"a.txt": "red"})
	w.put(testWorkspace+"/codes/kiln/versions/1", store.Document{"properties": store.Document{"codeUri": w.upload("code", map[string]string{"turn.py": "print(open('note').read())", "note": "slowly"})}})
	job := w.start("turn", `{"jobType": "Command", "status": "Starting", "displayName": "Turn", "experimentName": "wheel",
		"codeId": "`+testWorkspace+`/codes/kiln/versions/1", "computeId": "`+testWorkspace+`/computes/cluster", "environmentVariables": {"HEAT": "900"},
		"command": "python turn.py && cat ${{inputs.clay}}/a.txt && echo $HEAT ${{inputs.speed}} > ${{outputs.out}}/log.txt",
		"inputs": {"clay": {"jobInputType": "uri_folder", "uri": "`+clay+`"}, "speed": {"jobInputType": "literal", "value": "3"}},
		"outputs": {"default": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.turn"},
			"out": {"jobOutputType": "uri_folder", "mode": "ReadWriteMount", "uri": null}}}`)
	w.wants(job, Completed, map[string]string{})
	if got, want := w.read("azureml", artifactPath(job)+"user_logs/std_log.txt"), "slowly\nred"; got != want {
		t.Errorf("log = %q, want %q", got, want)
	}
	if got := w.read(dataStore, "azureml/turn/out/log.txt"); got != "900 3\n" {
		t.Errorf("output = %q", got)
	}
	run, found := Run(w.store, testWorkspace, job)
	if !found || run["displayName"] != "Turn" || run["runType"] != "azureml.scriptrun" || run["parentRunId"] != nil || run["target"] != "cluster" {
		t.Errorf("run = %v", run)
	}
	doc, _ := w.store.Get(jobID(testWorkspace, job))
	if own := store.Object(doc, "properties", "properties"); own["StartTimeUtc"] == nil || own["EndTimeUtc"] == nil || own["azureml.pipelines.stages"] != nil {
		t.Errorf("properties of the ended job: %v", own)
	}
	if _, found := w.store.Get(batchJobID(testWorkspace, "", job)); found {
		t.Error("the job counts as one of an endpoint")
	}
}

func TestFailedCommandJob(t *testing.T) {
	w := newWorld(t, nil)
	job := w.start("break", `{"jobType": "Command", "command": "echo clay; exit 3"}`)
	run, _ := Run(w.store, testWorkspace, job)
	if message := store.Text(run, "error", "error", "message"); w.status(job) != Failed || !strings.Contains(message, "status code 3") || !strings.HasSuffix(message, "Error: clay") {
		t.Errorf("job ended %s: %q", w.status(job), message)
	}
	job = w.start("nowhere", `{"jobType": "Command", "command": "true", "computeId": "none"}`)
	if run, _ := Run(w.store, testWorkspace, job); w.status(job) != Failed || !strings.Contains(store.Text(run, "error", "error", "message"), "compute none does not exist. Create it, or name another one.") {
		t.Errorf("job ended %s: %v", w.status(job), run["error"])
	}
	const elsewhere = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.MachineLearningServices/workspaces/none"
	if err := w.runner.Start(armJob(elsewhere, "fire", store.Document{"jobType": "Command"}), Caller{}); err == nil {
		t.Error("a job was started in a workspace that does not exist")
	}
	if _, found := w.store.Get(elsewhere + "/jobs/fire"); found {
		t.Error("a job that did not start is stored")
	}
}

// TestNameOfARunningJob: a second job gets it in another workspace alone. The clusters have no nodes,
// so that the jobs wait and none ends by itself.
func TestNameOfARunningJob(t *testing.T) {
	w := newWorld(t, nil)
	const other = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.MachineLearningServices/workspaces/w2"
	w.put(other, store.Document{"location": "eastus", "properties": store.Document{"workspaceId": "1f1f"}})
	w.put(testWorkspace+"/computes/cluster", store.Document{"properties": store.Document{"computeType": "AmlCompute"}})
	for _, below := range []string{"/computes/cluster", "/datastores/" + defaultStore, "/datastores/" + artifactStore} {
		doc, _ := w.store.Get(testWorkspace + below)
		w.put(other+below, doc)
	}
	start := func(workspace, name string) error {
		return w.runner.Start(armJob(workspace, name, store.Document{"jobType": "Command", "status": "Starting", "command": "true", "computeId": "cluster"}), Caller{})
	}
	first, second := testWorkspace+"/jobs/turn", other+"/jobs/turn"
	if err := errors.Join(start(testWorkspace, "turn"), start(other, "turn")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Delete(first); err != nil {
		t.Fatal(err)
	}
	if err := start(testWorkspace, "Turn"); !errors.Is(err, ErrRunning) {
		t.Fatalf("a second job of the name: %v, want ErrRunning", err) // waiting for it would take for ever
	}
	if err := w.runner.Cancel(first); err != nil {
		t.Fatal(err)
	}
	if err := w.runner.Wait(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if w.runner.Runs(first) || !w.runner.Runs(second) {
		t.Errorf("the first runs: %t, the second: %t; only the first was canceled", w.runner.Runs(first), w.runner.Runs(second))
	}
	if doc, _ := w.store.Get(second); IsTerminal(store.Text(doc, "properties", "status")) {
		t.Errorf("the second job is %v", store.Text(doc, "properties", "status"))
	}
}

func TestPipelineJob(t *testing.T) {
	w := newWorld(t, nil)
	w.command("write", "echo ${{inputs.text}} > ${{outputs.out}}/word", `, "inputs": {"text": {"type": "string"}}, "outputs": {"out": {"type": "uri_folder"}}`)
	const steps = `"jobs": {"write": {"name": "write", "type": "command", "componentId": "` + testWorkspace + `/components/write/versions/1",
		"inputs": {"text": {"job_input_type": "literal", "value": "${{parent.inputs.word}}"}}, "outputs": {"out": {"type": "literal", "value": "${{parent.outputs.all}}"}}}}`
	const ports = `"inputs": {"word": {"jobInputType": "literal", "value": "clay"}}, "outputs": {"all": {"jobOutputType": "uri_folder", "uri": null}}`
	job := w.start("own", `{"jobType": "Pipeline", "settings": {"default_compute": "`+testWorkspace+`/computes/cluster"}, `+ports+`, `+steps+`}`)
	w.wants(job, Completed, map[string]string{"write": Completed})
	if got := w.read(dataStore, "azureml/"+store.Text(w.step(job, "write"), "runId")+"/out/word"); got != "clay\n" {
		t.Errorf("output = %q", got)
	}

	// A component made of that job, as az ml does for a deployment's job_definition.
	w.component("byid", `{"type": "pipeline", "sourceJobId": "`+testWorkspace+`/jobs/own"}`)
	made := w.component("made", `{"type": "pipeline", "sourceJobId": "azureml:own"}`)
	job = w.start("again", `{"jobType": "Pipeline", "componentId": "`+made+`", "jobs": {}, "inputs": {"word": {"jobInputType": "literal", "value": "slip"}}}`)
	w.wants(job, Completed, map[string]string{"write": Completed})
	if got := w.read(dataStore, "azureml/"+store.Text(w.step(job, "write"), "runId")+"/out/word"); got != "slip\n" {
		t.Errorf("output = %q", got)
	}
	for _, source := range []string{"none", "break"} {
		if source == "break" {
			w.start("break", `{"jobType": "Command", "command": "true"}`)
		}
		if err := KeepSteps(w.store, testWorkspace+"/components/made/versions/2", store.Document{"sourceJobId": testWorkspace + "/jobs/" + source}); err == nil {
			t.Errorf("a component was made of the job %s", source)
		}
	}
}
