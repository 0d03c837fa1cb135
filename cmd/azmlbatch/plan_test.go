package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/deploy"
)

const cupsScript = "import os\ndef init():\n    pass\ndef run(mini_batch):\n    return [os.path.basename(p) for p in mini_batch]\n"

// cups writes the files of an endpoint with one deployment, and the flags that name them.
func cups(t *testing.T) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	writeCups(t, dir, map[string]string{
		"endpoint.yml": "$schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json\nname: cups\n",
		"blue.yml": "name: blue\nendpoint_name: cups\nmodel:\n  path: ./model\ncode_configuration:\n  code: ./code\n  scoring_script: score.py\n" +
			"environment:\n  image: python:3.12\ncompute: azureml:deploy-cluster\nsettings:\n  mini_batch_size: 5\n",
		"model/weights": "1", "code/score.py": cupsScript,
	})
	return dir, []string{"-f", filepath.Join(dir, "endpoint.yml"), "-f", filepath.Join(dir, "blue.yml")}
}

func writeCups(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlanAndApply: changes, then nothing to do; a changed setting is one changed field.
func TestPlanAndApply(t *testing.T) {
	p := newPottery(t, nil)
	_, files := cups(t)
	code, out, stderr := p.run(t, append([]string{"plan"}, files...)...)
	if code != planHasChanges || stderr != "" || !strings.Contains(out, `+ endpoint "cups": create`) || !strings.Contains(out, `+ deployment "cups/blue": create`) {
		t.Errorf("plan at first: exit code %d\n%s%s", code, out, stderr)
	}
	code, out, stderr = p.run(t, append([]string{"apply", "--set-default", "--smoke-input", p.input}, files...)...)
	if code != 0 || !strings.Contains(stderr, `create endpoint "cups": done, `) || !strings.Contains(out, "smoke test of cups/blue: job batchjob-") || !strings.Contains(out, ", 3 files, 3 rows\n") {
		t.Fatalf("apply: exit code %d\n%s%s", code, out, stderr)
	}
	if e, err := p.client.Endpoints().Get(t.Context(), "cups"); err != nil || e.DefaultDeployment != "blue" {
		t.Errorf("the default deployment is %q, %v", e.DefaultDeployment, err)
	}
	code, _, stderr = p.run(t, append([]string{"plan", "--set-default"}, files...)...)
	if code != 0 || stderr != "" {
		t.Errorf("plan again: exit code %d\n%s", code, stderr)
	}
	if out = p.ok(t, append([]string{"apply"}, files...)...); out != "0 steps done\n" {
		t.Errorf("apply again: %q", out)
	}
	change := append([]string{"plan", "--json", "--set", "settings.mini_batch_size=7"}, files...)
	code, out, _ = p.run(t, change...)
	var plan struct {
		Changes []struct {
			Resource, Action string
			Fields           []struct{ Field string }
		}
	}
	if err := json.Unmarshal([]byte(out), &plan); err != nil || code != planHasChanges {
		t.Fatalf("plan --json: exit code %d, %v\n%s", code, err, out)
	}
	changed := ""
	for _, c := range plan.Changes {
		if c.Action == "change" {
			changed += c.Resource + " " + c.Fields[0].Field
		}
	}
	if changed != `deployment "cups/blue" MiniBatchSize` {
		t.Errorf("what changes is %q\n%s", changed, out)
	}
}

// TestApplyAFailingScript: the old default stays, the traceback is told, and the exit code is that of a failed job.
func TestApplyAFailingScript(t *testing.T) {
	p := newPottery(t, nil)
	dir, files := cups(t)
	p.ok(t, append([]string{"apply", "--set-default"}, files...)...)
	writeCups(t, dir, map[string]string{
		"green.yml":       "name: green\nendpoint_name: cups\nmodel:\n  path: ./model\ncode_configuration:\n  code: ./broken\n  scoring_script: score.py\nenvironment:\n  image: python:3.12\ncompute: azureml:deploy-cluster\nsettings:\n  error_threshold: 0\n",
		"broken/score.py": "def run(mini_batch):\n    raise ValueError('the handle broke off')\n",
	})
	green := filepath.Join(dir, "green.yml")
	code, out, stderr := p.run(t, "apply", "-f", green, "--smoke-input", p.input, "--set-default", "--json")
	if code != jobFailed || !strings.Contains(stderr, "ValueError: the handle broke off") {
		t.Errorf("exit code %d, want %d\n%s%s", code, jobFailed, out, stderr)
	}
	var done applied
	if err := json.Unmarshal([]byte(out), &done); err != nil || len(done.Steps) == 0 || len(done.Tests) != 0 {
		t.Errorf("apply --json: %v, %+v", err, done)
	}
	if e, err := p.client.Endpoints().Get(t.Context(), "cups"); err != nil || e.DefaultDeployment != "blue" {
		t.Errorf("the default deployment is %q, %v; want blue", e.DefaultDeployment, err)
	}
}

// TestApplyAPipeline tests a pipeline with named inputs, invokes it and downloads what it leaves.
func TestApplyAPipeline(t *testing.T) {
	p := newPottery(t, nil)
	dir := t.TempDir()
	writeCups(t, dir, map[string]string{
		"all.yml": "name: kilns\n---\nname: steps\nendpoint_name: kilns\ntype: pipeline\ncomponent: flow.yml\nsettings: {default_compute: deploy-cluster}\n",
		"flow.yml": `type: pipeline
name: flow
inputs: {data: {type: uri_folder}, more: {type: uri_folder}}
outputs: {fired: {type: uri_folder}}
jobs:
  fire:
    type: command
    inputs: {data: "${{parent.inputs.data}}", more: "${{parent.inputs.more}}"}
    outputs: {fired: "${{parent.outputs.fired}}"}
    component:
      type: command
      inputs: {data: {type: uri_folder}, more: {type: uri_folder}}
      outputs: {fired: {type: uri_folder}}
      environment: {image: ubuntu}
      command: cp ${{inputs.data}}/* ${{inputs.more}}/* ${{outputs.fired}}
`,
		"inputs.yml": "inputs:\n  data: {type: uri_folder, path: data}\n  more: {type: uri_folder, path: more}\noutputs:\n  fired: {type: uri_folder, path: 'azureml://datastores/workspaceblobstore/paths/fired/'}\n",
		"data/a.txt": "a", "more/b.txt": "b",
	})
	all, inputs := filepath.Join(dir, "all.yml"), filepath.Join(dir, "inputs.yml")
	p.fails(t, 1, []string{"plan", "-f", all, "--smoke-input", filepath.Join(dir, "data")}, "is a component with the data inputs data, more, so --smoke-input could be any; name them with --smoke-file")
	p.fails(t, 2, []string{"apply", "-f", all, "--smoke-input", dir, "--smoke-file", inputs}, "--smoke-input and --smoke-file exclude each other")
	apply := []string{"apply", "-f", all, "--smoke-file", inputs, "--set-default"}
	if out := p.ok(t, apply...); !strings.Contains(out, "smoke test of kilns/steps: job pipelinejob-") || !strings.Contains(out, ", 2 files in its outputs\n") {
		t.Errorf("apply: %s", out)
	}
	job := strings.TrimSpace(p.ok(t, "invoke", "kilns", "--file", inputs, "--wait"))
	p.ok(t, "job", "download", job, "--download-path", dir)
	for _, name := range []string{"a", "b"} {
		if text, err := os.ReadFile(filepath.Join(dir, job, "fired", name+".txt")); err != nil || string(text) != name {
			t.Errorf("%s.txt has %q, %v", name, text, err)
		}
	}
	local := append([]string{"apply", "--local", "--set", "steps:settings.default_compute=kiln-cluster"}, apply[1:5]...)
	if code, out, stderr := runCommand(local...); code != 0 || !strings.Contains(out, "2 files in its outputs") {
		t.Errorf("apply --local: exit code %d\n%s%s", code, out, stderr)
	}
}

// TestApplyLocal: no workspace and no sign-in, and nothing stays.
func TestApplyLocal(t *testing.T) {
	for _, name := range []string{"AZURE_TENANT_ID", "AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME"} {
		t.Setenv(name, "")
	}
	dir, files := cups(t)
	writeCups(t, dir, map[string]string{"in/a.txt": "", "in/b.txt": ""})
	smoke := []string{"apply", "--local", "--smoke-input", filepath.Join(dir, "in"), "--set", "blue:compute=azureml:kiln-cluster"}
	code, out, stderr := runCommand(append(smoke, files...)...)
	if code != 0 || !strings.Contains(out, ", 2 files, 2 rows\n") || !strings.Contains(stderr, "stand-in: ") || !strings.Contains(stderr, "kiln-cluster") {
		t.Errorf("exit code %d\n%s%s", code, out, stderr)
	}
	writeCups(t, dir, map[string]string{"code/score.py": "def run(mini_batch):\n    raise ValueError('the handle broke off')\n"})
	code, _, stderr = runCommand(append(smoke, files...)...)
	if code != jobFailed || !strings.Contains(stderr, "ValueError: the handle broke off") {
		t.Errorf("of a script that fails: exit code %d\n%s", code, stderr)
	}
}

// TestExport: what is exported is what is there.
func TestExport(t *testing.T) {
	p := newPottery(t, nil)
	_, files := cups(t)
	p.ok(t, append([]string{"apply", "--set-default"}, files...)...)
	exported := filepath.Join(t.TempDir(), "cups.yml")
	text := p.ok(t, "export", "cups")
	if err := os.WriteFile(exported, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, stderr := p.run(t, "plan", "-f", exported); code != 0 || !strings.Contains(text, "mini_batch_size: 5") {
		t.Errorf("plan of what was exported: exit code %d\n%s%s\n%s", code, out, stderr, text)
	}
	code, _, stderr := p.run(t, "export", "mugs") // which of its two requests is refused first is open
	if code != 1 || !strings.HasPrefix(stderr, `azmlbatch: export endpoint "mugs": `) || !strings.Contains(stderr, `endpoint "mugs": 404 EndpointNotFound`) || strings.Count(stderr, "azmlbatch: ") != 1 {
		t.Errorf("export of no endpoint: exit code %d\n%s", code, stderr)
	}
}

func TestPlanRefused(t *testing.T) {
	p := newPottery(t, nil)
	dir, files := cups(t)
	p.fails(t, 1, []string{"plan"}, "--file is required; see azmlbatch plan --help")
	p.fails(t, 1, []string{"plan", "--no-such"}, "unknown flag: --no-such")
	p.fails(t, 2, []string{"apply"}, "--file is required; see azmlbatch apply --help")
	p.fails(t, 2, append([]string{"apply", "--keep", "-1"}, files...), "--keep must not be negative, but is -1")
	writeCups(t, dir, map[string]string{"blue.yml": "name: blue\nendpoint_name: cups\nmodell: x\ncomput: y\n"})
	code, _, stderr := p.run(t, append([]string{"plan"}, files...)...)
	if lines := strings.Count(stderr, "\n"); code != 1 || !strings.Contains(stderr, "blue.yml:3:1") || !strings.Contains(stderr, "blue.yml:4:1") || strings.Count("\n"+stderr, "\nazmlbatch: ") != lines {
		t.Errorf("mistakes in a file: exit code %d\n%s", code, stderr)
	}
	if code, _, _ := p.run(t, append([]string{"apply"}, files...)...); code != usageError {
		t.Errorf("apply of a mistake in a file: exit code %d, want %d", code, usageError)
	}
}

// TestPlanColors: the marks of changes alone.
func TestPlanColors(t *testing.T) {
	plan := &deploy.Changes{List: []deploy.Change{
		{Resource: "a", Action: deploy.ActionCreate, Notes: []string{"~ is no mark here"}}, {Resource: "b", Action: deploy.ActionChange}, {Resource: "c", Action: deploy.ActionDelete},
		{Resource: "d", Action: deploy.ActionChange, Obstacle: "no"}, {Resource: "e", Action: deploy.ActionLeave},
	}}
	want := "\x1b[32m+\x1b[0m a: create\n    (~ is no mark here)\n\x1b[33m~\x1b[0m b: change\n\x1b[31m-\x1b[0m c: delete\n\x1b[31m!\x1b[0m d: change\n    no\n= e: leave\n" +
		"1 to create, 2 to change, 1 to delete, 1 to leave.\n"
	if diff := cmp.Diff(want, planText(plan, true)); diff != "" {
		t.Errorf("with colours (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(plan.String(), planText(plan, false)); diff != "" {
		t.Errorf("without (-want +got):\n%s", diff)
	}
}

// TestPlanOfAFolder says what it leaves out, and takes a misspelt word for a mistake there too.
func TestPlanOfAFolder(t *testing.T) {
	p := newPottery(t, nil)
	dir, _ := cups(t)
	writeCups(t, dir, map[string]string{"conda.yml": "dependencies: [python]\n", "compose.yml": "services: {db: {image: postgres}}\n",
		"job.yml": "type: pipeline\nexperiment_name: kiln\njobs: {}\n"})
	code, out, stderr := p.run(t, "plan", "-f", dir)
	want := "left out: " + filepath.Join(dir, "compose.yml") + ":1, unknown: is none of the files that are known here\n" +
		"left out: " + filepath.Join(dir, "job.yml") + ":1, pipeline job: jobs are started, not deployed; a deployment can name it in job_definition\n"
	if code != planHasChanges || stderr != want || !strings.Contains(out, `+ deployment "cups/blue": create`) {
		t.Errorf("exit code %d (-want +got):\n%s\n%s", code, cmp.Diff(want, stderr), out)
	}
	writeCups(t, dir, map[string]string{"green.yml": "name: green\nendpoint_name: cups\ntype: modl\n"})
	code, _, stderr = p.run(t, "plan", "-f", dir)
	if code != 1 || !strings.HasSuffix(stderr, `green.yml:3:7: type: is "modl"; did you mean model?`+"\n") {
		t.Errorf("a misspelt type: exit code %d\n%s", code, stderr)
	}
}

// TestPlanTellsPlacesInFiles: also of what shows only in the workspace, in words for who has files and no Go; and mistakes in files
// come before the question which workspace.
func TestPlanTellsPlacesInFiles(t *testing.T) {
	p := newPottery(t, nil)
	dir, files := cups(t)
	blue := filepath.Join(dir, "blue.yml")
	p.fails(t, 1, append([]string{"plan", "--set", "blue:compute=kiln"}, files...), "azmlbatch: "+blue+`:10:10: deployment "cups/blue": compute: "kiln" is not in the workspace; create the compute first, add it to the files, or refer to another one`)
	p.ok(t, append([]string{"apply"}, files...)...)
	change := append([]string{"plan", "--set", "settings.mini_batch_size=7"}, files...)
	if _, out, _ := p.run(t, change...); !strings.Contains(out, "    settings.mini_batch_size: 5 → 7\n") {
		t.Errorf("plan of a change:\n%s", out)
	}
	for _, name := range []string{"AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME"} {
		t.Setenv(name, "")
	}
	t.Chdir(t.TempDir())
	p.fails(t, 1, []string{"plan", "-f", filepath.Join(dir, "bleu.yml")}, `bleu.yml: does not exist; did you mean "`)
}

// TestApplyInterrupted: started again, it goes on.
func TestApplyInterrupted(t *testing.T) {
	p := newPottery(t, nil)
	_, files := cups(t)
	code, _, stderr := interruptedAt(t, p, http.MethodPut, "/batchEndpoints/cups", append([]string{"apply"}, files...)...)
	if code != interrupted || !strings.HasSuffix(stderr, "azmlbatch: interrupted; what was started may go on in Azure, and the same command goes on from there\n") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	p.ok(t, append([]string{"apply"}, files...)...)
	if code, out, _ := p.run(t, append([]string{"plan"}, files...)...); code != 0 {
		t.Errorf("plan afterwards: exit code %d\n%s", code, out)
	}
}
