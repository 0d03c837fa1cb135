package jobs

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// component stores version 1 of a component and returns its ARM id. The specification is JSON.
func (w *world) component(name, spec string) string {
	w.t.Helper()
	var doc store.Document
	if err := store.Decode([]byte(spec), &doc); err != nil {
		w.t.Fatal(err)
	}
	id := testWorkspace + "/components/" + name + "/versions/1"
	if err := KeepSteps(w.store, id, doc); err != nil {
		w.t.Fatal(err)
	}
	delete(doc, "jobs")
	w.put(id, store.Document{"properties": store.Document{"componentSpec": doc}})
	return id
}

// command stores a command component. The command may name ${{inputs.x}} for x in ports.
func (w *world) command(name, line, ports string) string {
	w.t.Helper()
	return w.component(name, fmt.Sprintf(`{"type": "command", "command": %q%s}`, line, ports))
}

// pipeline is an invocation of a deployment of a pipeline component.
func (w *world) pipeline(spec, settings string) Invocation {
	w.t.Helper()
	var doc store.Document
	if err := store.Decode([]byte(settings), &doc); err != nil {
		w.t.Fatal(err)
	}
	id := testWorkspace + "/batchEndpoints/" + endpoint + "/deployments/steps"
	w.put(id, store.Document{"properties": store.Document{"deploymentConfiguration": store.Document{
		"deploymentConfigurationType": "PipelineComponent", "componentId": store.Document{"assetId": w.component("flow", spec)}, "settings": doc,
	}}})
	deployment, _ := w.store.Get(id)
	return Invocation{Workspace: testWorkspace, Endpoint: endpoint, Deployment: deployment, Caller: Caller{Name: "potter"}}
}

// end submits an invocation and waits for the end of its job.
func (w *world) end(inv Invocation) string {
	w.t.Helper()
	job := w.submit(inv)
	if err := w.runner.Wait(w.t.Context(), job); err != nil {
		w.t.Fatal(err)
	}
	return job
}

// steps are the statuses of the steps of a run, by name; those below other steps have their path.
func (w *world) steps(run string) map[string]string {
	statuses := map[string]string{}
	for _, child := range RunChildren(w.store, testWorkspace, run) {
		name := store.Text(child, "displayName")
		statuses[name] = store.Text(child, "status")
		for below, status := range w.steps(store.Text(child, "runId")) {
			statuses[name+"/"+below] = status
		}
	}
	return statuses
}

func (w *world) step(run, name string) store.Document {
	w.t.Helper()
	for _, child := range RunChildren(w.store, testWorkspace, run) {
		if store.Text(child, "displayName") == name {
			return child
		}
	}
	w.t.Fatalf("%s has no step %s", run, name)
	return nil
}

func (w *world) stepLog(run, name string) string {
	w.t.Helper()
	return w.read("azureml", artifactPath(store.Text(w.step(run, name), "runId"))+"user_logs/std_log.txt")
}

func (w *world) wants(job, status string, steps map[string]string) {
	w.t.Helper()
	if got := w.status(job); got != status {
		run, _ := Run(w.store, testWorkspace, job)
		w.t.Errorf("job ended %s, want %s; error %v", got, status, store.Text(run, "error", "error", "message"))
	}
	if diff := cmp.Diff(steps, w.steps(job)); diff != "" {
		w.t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// preparing is the pipeline of batch-scoring-with-preprocessing, with a script of our own.
const preparing = `{"type": "pipeline",
	"inputs": {"data": {"type": "uri_folder"}, "mode": {"type": "string", "default": "append"}},
	"outputs": {"scores": {"type": "uri_folder", "mode": "upload"}},
	"jobs": {
		"score": {"type": "command", "componentId": "azureml:score@latest", "inputs": {
			"data": {"job_input_type": "literal", "value": "${{parent.jobs.prepare.outputs.prepared}}"},
			"model": {"job_input_type": "custom_model", "uri": "` + testWorkspace + `/models/glaze/versions/1"},
			"mode": {"job_input_type": "literal", "value": "${{parent.inputs.mode}}"}},
			"outputs": {"scores": {"type": "literal", "value": "${{parent.outputs.scores}}"}}},
		"prepare": {"type": "command", "componentId": "` + testWorkspace + `/components/prepare/versions/1", "inputs": {
			"data": {"job_input_type": "literal", "value": "${{parent.inputs.data}}"}}}}}`

// preparingWorld has what that pipeline names.
func preparingWorld(t *testing.T) *world {
	w := newWorld(t, nil)
	w.upload("models/glaze", map[string]string{"weights.txt": "42"})
	w.put(testWorkspace+"/models/glaze/versions/1", store.Document{"properties": store.Document{"modelUri": "azureml://datastores/workspaceblobstore/paths/models/glaze"}})
	w.put(testWorkspace+"/codes/prepare/versions/1", store.Document{"properties": store.Document{"codeUri": w.upload("code", map[string]string{
		"prepare.py": `import os, sys
_, data, target, *more = sys.argv
for name in sorted(os.listdir(data)):
    with open(os.path.join(target, name), "w") as f:
        f.write(open(os.path.join(data, name)).read().upper())
print("prepared", sorted(os.listdir(data)), more)`,
	})}})
	w.command("prepare", "python prepare.py ${{inputs.data}} ${{outputs.prepared}} $[[--scale ${{inputs.scale}}]] $[[--kiln ${{inputs.kiln}}]]",
		`, "code": "azureml:`+testWorkspace+`/codes/prepare/versions/1", "environment": "azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
		"inputs": {"data": {"type": "uri_folder"}, "scale": {"type": "uri_folder", "optional": "True"}, "kiln": {"type": "string", "optional": "True", "default": "raku"}},
		"outputs": {"prepared": {"type": "uri_folder"}}`)
	w.command("score", `cat "${{inputs.data}}"/* "${{inputs.model}}"/weights.txt > "${{outputs.scores}}/${{inputs.mode}}.txt" && echo "$KILN $AZUREML_ARM_WORKSPACE_NAME"`,
		`, "inputs": {"data": {"type": "uri_folder"}, "model": {"type": "custom_model"}, "mode": {"type": "string"}}, "outputs": {"scores": {"type": "uri_folder"}},
		"environment_variables": {"KILN": "gas"}`)
	return w
}

func TestPipeline(t *testing.T) {
	w := preparingWorld(t)
	inv := w.pipeline(preparing, `{"default_compute": "cluster"}`)
	inv.Inputs = map[string]Input{
		"data": {Kind: UriFolder, URI: w.upload("tiles", map[string]string{"a.txt": "blue\n", "b.txt": "green\n"})}, "mode": {Kind: Literal, Value: "append all"},
	}
	inv.Outputs = map[string]Output{"scores": {Kind: UriFolder, URI: "azureml://datastores/workspaceblobstore/paths/firings/7"}}
	job := w.end(inv)
	w.wants(job, Completed, map[string]string{"prepare": Completed, "score": Completed})
	if got, want := w.read(dataStore, "firings/7/append all.txt"), "BLUE\nGREEN\n42"; got != want {
		t.Errorf("output = %q, want %q", got, want)
	}
	if got, want := w.stepLog(job, "prepare"), "prepared ['a.txt', 'b.txt'] ['--kiln', 'raku']\n"; got != want {
		t.Errorf("log of the first step = %q, want %q", got, want)
	}
	if got, want := w.stepLog(job, "score"), "gas w1\n"; got != want {
		t.Errorf("log of the second step = %q, want %q", got, want)
	}
	prepare, score := store.Text(w.step(job, "prepare"), "runId"), store.Text(w.step(job, "score"), "runId")
	if got := w.read(dataStore, "azureml/"+prepare+"/prepared/a.txt"); got != "BLUE\n" {
		t.Errorf("the output of the first step is %q", got)
	}
	if got := store.Text(w.step(job, "score"), "target"); got != "cluster" {
		t.Errorf("the step shows the compute %q", got)
	}
	for run, output := range map[string]string{prepare: "prepared", score: "scores", job: "scores"} {
		if got := RunOutputs(w.store, testWorkspace, run); len(got) != 1 || store.Text(got, output, "type") != UriFolder {
			t.Errorf("outputs of %s = %v, want %s", run, got, output)
		}
	}
	if doc, found := w.store.Get(jobID(testWorkspace, score)); !found || doc["properties"] != nil {
		t.Errorf("ARM shows the step %v, %v; want it without properties", doc, found)
	}
	log := w.read("azureml", artifactPath(job)+executionLog)
	if !strings.Contains(log, "Submitting 2 runs") || strings.Index(log, "run id "+prepare) > strings.Index(log, "run id "+score) {
		t.Errorf("the job's log:\n%s", log)
	}
	if left := foldersIn(t, w.options.TempDir); len(left) > 0 {
		t.Errorf("folders are left: %v", left)
	}
}

func TestPipelineOutputsAndDefaults(t *testing.T) {
	w := preparingWorld(t)
	inv := w.pipeline(preparing, `{"default_datastore": "azureml:workspaceblobstore"}`)
	inv.Inputs = map[string]Input{"data": {Kind: UriFolder, URI: w.upload("tiles", map[string]string{"a.txt": "blue\n"})}}
	job := w.end(inv)
	w.wants(job, Completed, map[string]string{"prepare": Completed, "score": Completed})
	score := store.Text(w.step(job, "score"), "runId")
	if got := w.read(dataStore, "azureml/"+score+"/scores/append.txt"); got != "BLUE\n42" {
		t.Errorf("output = %q", got)
	}
	batch, _ := BatchJob(w.store, testWorkspace, endpoint, job)
	want := "azureml://subscriptions/s1/resourcegroups/g1/workspaces/w1/datastores/workspaceblobstore/paths/azureml/" + score + "/scores/"
	if got := store.Object(batch, "properties", "outputData", "scores"); got["uri"] != want || got["jobOutputType"] != UriFolder {
		t.Errorf("outputData = %v, want %s", got, want)
	}
}

func TestFailedStep(t *testing.T) {
	const flow = `{"type": "pipeline", "jobs": {
		"a": {"componentId": "azureml:breaks:1", "outputs": {}},
		"b": {"componentId": "azureml:reads:1", "inputs": {"in": {"job_input_type": "literal", "value": "${{parent.jobs.a.outputs.out}}"}}},
		"c": {"componentId": "azureml:works:1"}}}`
	for settings, want := range map[string]map[string]string{
		`{}`:                                    {"a": Failed, "b": Canceled, "c": Completed},
		`{"continue_on_step_failure": "True"}`:  {"a": Failed, "b": Canceled, "c": Completed},
		`{"continue_on_step_failure": "false"}`: {"a": Failed, "b": Canceled, "c": Canceled},
	} {
		w := newWorld(t, func(o *Options) { o.Limit = 1 }) // one at a time, in the order of names
		w.command("breaks", `python -c 'import os; open("${{outputs.out}}/x", "w").write("1"); raise ValueError("cracked")'`, `, "outputs": {"out": {"type": "uri_folder"}}`)
		w.command("reads", "true", `, "inputs": {"in": {"type": "uri_folder"}}`)
		w.command("works", "true", "")
		job := w.end(w.pipeline(flow, settings))
		w.wants(job, Failed, want)
		message := store.Text(w.step(job, "a"), "error", "error", "message")
		if !strings.Contains(message, "exited with status code 1") || !strings.HasSuffix(message, "ValueError: cracked") {
			t.Errorf("error of the step = %q", message)
		}
		run, _ := Run(w.store, testWorkspace, job)
		if got, want := store.Text(run, "error", "error", "message"), fmt.Sprintf(childrenFailed, "/a"); got != want {
			t.Errorf("error of the job = %q, want %q", got, want)
		}
		if got := w.read("azureml", artifactPath(job)+executionLog); !strings.Contains(got, "The step a failed: Execution failed.") || !strings.Contains(got, "ValueError: cracked") {
			t.Errorf("log of the job = %q, want why the step failed", got)
		}
		if got := w.stepLog(job, "a"); !strings.Contains(got, "Traceback") {
			t.Errorf("log of the step = %q", got)
		}
		if got := w.read(dataStore, "azureml/"+store.Text(w.step(job, "a"), "runId")+"/out/x"); got != "1" {
			t.Errorf("a mounted output of a failed step = %q, want what it wrote", got)
		}
	}
}

// TestStepsRunAtTheSameTime: each of two steps waits for the other one.
func TestStepsRunAtTheSameTime(t *testing.T) {
	w := newWorld(t, nil)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := exec.CommandContext(t.Context(), "mkfifo", fifo).Run(); err != nil { // package syscall has none on Windows
		t.Fatal(err)
	}
	w.command("says", "echo glaze > "+fifo, "")
	w.command("hears", "cat "+fifo, "")
	job := w.end(w.pipeline(`{"type": "pipeline", "jobs": {"a": {"componentId": "azureml:hears:1"}, "b": {"componentId": "azureml:says:1"}}}`, `{}`))
	w.wants(job, Completed, map[string]string{"a": Completed, "b": Completed})
	if got := w.stepLog(job, "a"); got != "glaze\n" {
		t.Errorf("log = %q", got)
	}
}

// TestStepsRunOneByOne: no two steps run at once when the limit is 1, also after the first has ended.
// Each works for a moment, so that two at once would meet.
func TestStepsRunOneByOne(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Limit = 1 })
	alone := filepath.Join(t.TempDir(), "alone")
	w.command("works", "mkdir "+alone+" && for i in $(seq 20000); do :; done && rmdir "+alone, "")
	job := w.end(w.pipeline(`{"type": "pipeline", "jobs": {"a": {"componentId": "azureml:works:1"}, "b": {"componentId": "azureml:works:1"},
		"c": {"componentId": "azureml:works:1"}, "d": {"componentId": "azureml:works:1"}}}`, `{}`))
	w.wants(job, Completed, map[string]string{"a": Completed, "b": Completed, "c": Completed, "d": Completed})
}

func TestPipelineInAPipeline(t *testing.T) {
	w := newWorld(t, nil)
	w.command("write", `echo "${{inputs.text}}" > ${{outputs.file}}`, `, "inputs": {"text": {"type": "string"}}, "outputs": {"file": {"type": "uri_file"}}`)
	w.command("copy", `cp ${{inputs.file}} ${{outputs.folder}}/copied && cat ${{inputs.file}}`, `, "inputs": {"file": {"type": "uri_file"}}, "outputs": {"folder": {"type": "uri_folder"}}`)
	w.component("inner", `{"type": "pipeline", "inputs": {"word": {"type": "string"}}, "outputs": {"out": {"type": "uri_file"}}, "jobs": {
		"write": {"componentId": "azureml:write:1", "inputs": {"text": {"job_input_type": "literal", "value": "${{parent.inputs.word}}"}},
			"outputs": {"file": {"type": "literal", "value": "${{parent.outputs.out}}"}}}}}`)
	inv := w.pipeline(`{"type": "pipeline", "inputs": {"node_compute": {"type": "string", "default": "cluster"}}, "outputs": {"all": {"type": "uri_folder"}}, "jobs": {
		"deep": {"type": "pipeline", "componentId": "azureml:inner:1", "inputs": {"word": {"job_input_type": "literal", "value": "clay"}}},
		"last": {"componentId": "azureml:copy:1", "computeId": "${{parent.inputs.node_compute}}", "inputs": {"file": "${{parent.jobs.deep.outputs.out}}"},
			"outputs": {"folder": "${{parent.outputs.all}}"}}}}`, `{}`)
	inv.Outputs = map[string]Output{"all": {Kind: UriFolder, URI: "azureml://datastores/workspaceblobstore/paths/firings/8/"}}
	job := w.end(inv)
	w.wants(job, Completed, map[string]string{"deep": Completed, "deep/write": Completed, "last": Completed})
	if got := w.read(dataStore, "firings/8/copied"); got != "clay\n" {
		t.Errorf("output = %q", got)
	}
}

func TestParallelStep(t *testing.T) {
	w := newWorld(t, nil)
	code := w.upload("code", map[string]string{"score.py": `
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--glaze")
args, _ = parser.parse_known_args()
def run(mini_batch):
    return [os.path.basename(f) + " " + args.glaze + " " + os.environ["KILN"] for f in mini_batch]
`})
	w.put(testWorkspace+"/codes/score/versions/1", store.Document{"properties": store.Document{"codeUri": code}})
	inv := w.pipeline(`{"type": "pipeline", "inputs": {"images": {"type": "uri_folder"}}, "outputs": {"rows": {"type": "uri_file"}}, "jobs": {
		"many": {"type": "parallel", "input_data": "${{inputs.images}}", "mini_batch_size": "2", "error_threshold": "0", "resources": {"instance_count": "2"},
			"environment_variables": {"KILN": "gas"},
			"inputs": {"images": "${{parent.inputs.images}}", "glaze": "blue"}, "outputs": {"rows": {"type": "literal", "value": "${{parent.outputs.rows}}", "job_output_type": "uri_file"}},
			"task": {"type": "run_function", "code": "`+testWorkspace+`/codes/score/versions/1", "entry_script": "score.py",
				"program_arguments": "--glaze ${{inputs.glaze}}", "append_row_to": "${{outputs.rows}}"}}}}`, `{"default_compute": "cluster"}`)
	inv.Inputs = map[string]Input{"images": {Kind: UriFolder, URI: w.upload("tiles", map[string]string{"a": "", "b": "", "c": ""})}}
	inv.Outputs = map[string]Output{"rows": {Kind: UriFile, URI: "azureml://datastores/workspaceblobstore/paths/firings/rows.txt"}}
	job := w.end(inv)
	w.wants(job, Completed, map[string]string{"many": Completed})
	lines := strings.Split(strings.TrimSpace(w.read(dataStore, "firings/rows.txt")), "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], " blue gas") {
		t.Errorf("rows = %q", lines)
	}
	run := store.Text(w.step(job, "many"), "runId")
	if got := RunMetrics(w.store, testWorkspace, run)[metricTotalItems]; fmt.Sprint(got) != "3" {
		t.Errorf("metrics = %v", RunMetrics(w.store, testWorkspace, run))
	}
	if got := w.read("azureml", artifactPath(run)+"logs/job_result.txt"); !strings.Contains(got, "3 items") {
		t.Errorf("logs of the step: %q", got)
	}
}

func TestCanceledPipeline(t *testing.T) {
	w := newWorld(t, nil)
	w.command("waits", "echo waiting; sleep 600", `, "outputs": {"out": {"type": "uri_folder"}}`)
	w.command("reads", "true", `, "inputs": {"in": {"type": "uri_folder"}}`)
	job := w.submit(w.pipeline(`{"type": "pipeline", "jobs": {"a": {"componentId": "azureml:waits:1"},
		"b": {"componentId": "azureml:reads:1", "inputs": {"in": "${{parent.jobs.a.outputs.out}}"}}}}`, `{}`))
	w.events.awaitUntil(t, "the log of the first step", func() bool {
		children := RunChildren(w.store, testWorkspace, job)
		return len(children) == 2 && w.stepLog(job, "a") != ""
	})
	if err := w.runner.Cancel(job); err != nil {
		t.Fatal(err)
	}
	if err := w.runner.Wait(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	w.wants(job, Canceled, map[string]string{"a": Canceled, "b": Canceled})
}

// TestPipelinesThatCannotRun fail with a sentence that says what to mend.
func TestPipelinesThatCannotRun(t *testing.T) {
	const one = `{"type": "pipeline", "jobs": {"a": {"componentId": "azureml:works:1"`
	texts := map[string]string{}
	for name, test := range map[string]struct{ spec, want string }{
		"no steps":                            {`{"type": "pipeline"}`, "The pipeline has no steps."},
		"no pipeline":                         {`{"type": "command"}`, "is of type command; a pipeline is expected"},
		"missing component":                   {`{"type": "pipeline", "jobs": {"a": {"componentId": "azureml:none:1"}}}`, "The component azureml:none:1 does not exist."},
		"odd component":                       {`{"type": "pipeline", "jobs": {"a": {"componentId": "azureml://datastores/d/paths/p"}}}`, "it is a datastore path"},
		"unknown kind":                        {`{"type": "pipeline", "jobs": {"a": {"type": "sweep"}}}`, "does not run jobs of type sweep"},
		"no kind":                             {`{"type": "pipeline", "jobs": {"a": {}}}`, "it has no type"},
		"a circle":                            {one + `, "inputs": {"x": "${{parent.jobs.b.outputs.y}}"}}, "b": {"type": "command", "inputs": {"x": "${{parent.jobs.a.outputs.y}}"}}}}`, "wait for each other"},
		"unknown step":                        {one + `, "inputs": {"x": "${{parent.jobs.b.outputs.y}}"}}}}`, "reads an output of the step b, which does not exist"},
		"unknown expression":                  {one + `, "inputs": {"x": "${{parent.kiln.y}}"}}}}`, "${{parent.kiln.y}} is neither"},
		"endless":                             {`{"type": "pipeline", "jobs": {"a": {"componentId": "azureml:flow:1"}}}`, "more than 10 deep"},
		"input without value":                 {`{"type": "pipeline", "inputs": {"clay": {"type": "uri_folder"}}, "jobs": {"a": {"componentId": "azureml:works:1"}}}`, "the input clay has no value"},
		"missing compute":                     {one + `, "computeId": "` + testWorkspace + `/computes/none"}}}`, "/computes/none does not exist"},
		"compute of a step that is not there": {one + `, "computeId": "${{parent.jobs.no.outputs.x}}"}}}`, "The step a: its compute ${{parent.jobs.no.outputs.x}} is the output of a step"},
		"compute of a step":                   {one + `, "computeId": "${{parent.jobs.b.outputs.x}}"}, "b": {"componentId": "azureml:makes:1"}}}`, "is the output of a step"},
		"compute of no input":                 {one + `, "computeId": "${{parent.kiln.x}}"}}}`, "${{parent.kiln.x}} is neither"},
		"step without a value": {`{"type": "pipeline", "jobs": {"a": {"componentId": "azureml:wants:1"}}}`,
			"The step a cannot run: the input clay has no value."},
		"expression of the command": {`{"type": "pipeline", "jobs": {"a": {"componentId": "azureml:asks:1"}}}`, "${{inputs.none}} has no value"},
		"data that is not there": {`{"type": "pipeline", "jobs": {"a": {"componentId": "azureml:wants:1", "inputs": {"clay": {"uri": "azureml://datastores/workspaceblobstore/paths/none"}}}}}`,
			"The input clay of the step a cannot be read"},
		"code that is not there":   {`{"type": "pipeline", "jobs": {"a": {"type": "command", "command": "true", "code": "azureml:none:1"}}}`, "The code azureml:none:1 of the step a cannot be read"},
		"an output somewhere else": {`{"type": "pipeline", "jobs": {"a": {"componentId": "azureml:makes:1", "outputs": {"out": {"uri": "https://kilnstore.blob.core.windows.net/x/y"}}}}}`, "outputs are paths on a blob datastore"},
		"parallel without data":    {`{"type": "pipeline", "jobs": {"a": {"type": "parallel", "task": {"entry_script": "a.py"}}}}`, `input_data is "", not ${{inputs.NAME}}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.command("works", "true", `, "inputs": {"x": {"type": "string", "optional": "True"}}`)
			w.command("wants", "true", `, "inputs": {"clay": {"type": "uri_folder"}}`)
			w.command("asks", "echo ${{inputs.none}}", "")
			w.command("makes", "true", `, "outputs": {"out": {"type": "uri_folder"}}`)
			job := w.end(w.pipeline(test.spec, `{}`))
			if got := w.status(job); got != Failed {
				t.Fatalf("job ended %s, want Failed", got)
			}
			said := ""
			for _, run := range append(RunChildren(w.store, testWorkspace, job), func() store.Document { run, _ := Run(w.store, testWorkspace, job); return run }()) {
				said += store.Text(run, "error", "error", "message") + "\n"
			}
			if !strings.Contains(said, test.want) {
				t.Errorf("the errors are %q, want %q", said, test.want)
			}
			texts[name] = said
		})
	}
	checkTexts(t, "pipelines_that_cannot_run", texts)
}

// TestComponentMadeOfAJobOnItself: a component whose steps are those of a job, which runs that
// component.
func TestComponentMadeOfAJobOnItself(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.pipeline(`{"type": "pipeline", "jobs": {"a": {"type": "command", "command": "true"}}}`, `{}`)
	const flow = testWorkspace + "/components/flow/versions/1"
	w.put(testWorkspace+"/jobs/own", store.Document{"properties": store.Document{"jobType": "Pipeline", "componentId": flow}})
	if err := KeepSteps(w.store, flow, store.Document{"sourceJobId": testWorkspace + "/jobs/own"}); err != nil {
		t.Fatal(err)
	}
	w.fails(inv, "Pipelines lie more than 10 deep within pipelines.")
}

// TestPipelineComponentThatIsNotThere: the component of the deployment itself, and the one whose steps
// it has.
func TestPipelineComponentThatIsNotThere(t *testing.T) {
	const flow = testWorkspace + "/components/flow/versions/1"
	w := newWorld(t, nil)
	inv := w.pipeline(`{"type": "pipeline", "jobs": {"a": {"type": "command", "command": "true"}}}`, `{}`)
	w.put(testWorkspace+"/jobs/own", store.Document{"properties": store.Document{"jobType": "Pipeline", "componentId": "azureml:none:1"}})
	if err := KeepSteps(w.store, flow, store.Document{"sourceJobId": testWorkspace + "/jobs/own"}); err != nil {
		t.Fatal(err)
	}
	w.fails(inv, "The component azureml:none:1 does not exist.")
	if _, err := w.store.Delete(flow); err != nil {
		t.Fatal(err)
	}
	w.fails(inv, "The component "+flow+" does not exist.")
}

// TestPipelinesWithTooManySteps: few documents, each of which names the one below it ten times.
func TestPipelinesWithTooManySteps(t *testing.T) {
	w := newWorld(t, nil)
	tenOf := func(node string) string {
		var steps []string
		for i := range 10 {
			steps = append(steps, fmt.Sprintf(`"s%d": %s`, i, node))
		}
		return `{"type": "pipeline", "jobs": {` + strings.Join(steps, ", ") + `}}`
	}
	w.component("hundred", tenOf(`{"type": "command", "command": "true"}`))
	w.component("thousand", tenOf(`{"componentId": "azureml:hundred:1"}`))
	w.fails(w.pipeline(tenOf(`{"componentId": "azureml:thousand:1"}`), `{}`), "The pipeline has more than 1000 steps, with those of the pipelines within it.")
}

// fails runs an invocation whose job itself must fail with these words.
func (w *world) fails(inv Invocation, want string) {
	w.t.Helper()
	job := w.end(inv)
	run, _ := Run(w.store, testWorkspace, job)
	if got := store.Text(run, "error", "error", "message"); w.status(job) != Failed || got != want {
		w.t.Errorf("the job ended %s with the error %q, want Failed and %q", w.status(job), got, want)
	}
}

func TestUndeclaredInputsOfAPipeline(t *testing.T) {
	w := newWorld(t, nil)
	w.command("works", "true", "")
	inv := w.pipeline(`{"type": "pipeline", "inputs": {"clay": {"type": "string", "optional": true}}, "jobs": {"a": {"componentId": "azureml:works:1"}}}`, `{}`)
	inv.Inputs = map[string]Input{"glaze": {Kind: Literal, Value: "blue"}}
	job := w.end(inv)
	run, _ := Run(w.store, testWorkspace, job)
	if got := store.Text(run, "error", "error", "message"); got != `The pipeline has no input "glaze". Its inputs are: clay.` {
		t.Errorf("error = %q", got)
	}
}

// TestRestartEndsTheStepsOfAPipeline: whatever a killed emulator left running has failed.
func TestRestartEndsTheStepsOfAPipeline(t *testing.T) {
	w := newWorld(t, nil)
	w.command("works", "true", "")
	j, err := w.runner.newJob(w.pipeline(`{"type": "pipeline", "jobs": {"a": {"componentId": "azureml:works:1"}}}`, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.runner.recordJob(j, j.armDocument()); err != nil {
		t.Fatal(err)
	}
	for run, parent := range map[string]string{"r1": j.name, "r2": "r1", "r3": j.name} {
		if err := w.runner.recordStep(j, stepInfo{run: run, name: run, parent: parent, status: Running}); err != nil {
			t.Fatal(err)
		}
	}
	w.runner.moveRun(j.record, "r3", Completed, nil)
	again, err := New(w.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	w.wants(j.name, Failed, map[string]string{"r1": Failed, "r1/r2": Failed, "r3": Completed})
}

func TestRender(t *testing.T) {
	inputs := map[string]string{"data": "/in/data", "text": "two words", "tricky": "${{inputs.data}}"}
	outputs := map[string]string{"out": "/out"}
	for command, want := range map[string]string{
		"cp ${{inputs.data}} ${{ outputs.out }}":                  "cp /in/data /out",
		"a $[[--t ${{inputs.text}}]] b":                           "a --t two words b",
		"a $[[--t ${{inputs.none}}]] b":                           "a  b",
		"a $[[--t ${{inputs.none}} ${{inputs.text}}]]":            "a ",
		"echo ${{inputs.tricky}}":                                 "echo ${{inputs.data}}",
		"echo $HOME ${HOME} $((1+1)) [[ -f x ]]":                  "echo $HOME ${HOME} $((1+1)) [[ -f x ]]",
		"multi \\\n $[[--d\n ${{inputs.data}}]] ${{outputs.out}}": "multi \\\n --d\n /in/data /out",
	} {
		if got, err := render(command, inputs, outputs); err != nil || got != want {
			t.Errorf("render(%q) = %q, %v; want %q", command, got, err, want)
		}
	}
	const neither = " is neither ${{inputs.NAME}} nor ${{outputs.NAME}}"
	for command, want := range map[string]string{
		"a ${{inputs.none}}": "${{inputs.none}} has no value", "${{outputs.none}}": "${{outputs.none}} has no value",
		"a ${{parent.inputs.data}}": "${{parent.inputs.data}}" + neither, "${{inputs.data": "${{inputs.data" + neither, "${{inputs.data.path}}": "${{inputs.data.path}}" + neither,
	} {
		if got, err := render(command, inputs, outputs); err == nil || err.Error() != want {
			t.Errorf("render(%q) = %q, %v, want the error %s", command, got, err, want)
		}
	}
}
