package deploy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// flow is a pipeline whose only step runs a command.
func flow(command string) map[string]string {
	return map[string]string{
		"endpoint.yml":   "name: letters\n",
		"compute.yml":    "name: cluster\ntype: amlcompute\nsize: Standard_DS3_v2\nmax_instances: 1\n",
		"deployment.yml": "name: blue\nendpoint_name: letters\ntype: pipeline\ncomponent: flow.yml\nsettings: {default_compute: cluster, continue_on_step_failure: false}\n",
		"flow.yml": `type: pipeline
name: flow
inputs:
  data: {type: uri_folder}
  mode: {type: string, default: copy}
outputs:
  scores: {type: uri_folder}
jobs:
  first:
    type: command
    inputs: {data: "${{parent.inputs.data}}"}
    outputs: {scores: "${{parent.outputs.scores}}"}
    component:
      type: command
      inputs: {data: {type: uri_folder}}
      outputs: {scores: {type: uri_folder}}
      environment: {image: ubuntu}
      command: "` + command + `"
`,
		"smoke/a.txt": "clay", "smoke/b.txt": "glaze",
	}
}

const copies = "cp ${{inputs.data}}/* ${{outputs.scores}}"

func readFlow(t *testing.T) deploy.Spec {
	t.Helper()
	spec, err := deploy.Read([]string{"compute.yml", "endpoint.yml", "deployment.yml"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// TestSmokeTestOfAPipeline becomes the default when its job has left files, and is not tested twice.
func TestSmokeTestOfAPipeline(t *testing.T) {
	files(t, flow(copies))
	client, _ := newClient(t)
	options := &deploy.PlanOptions{SmokeInput: azmlbatch.LocalPath{Path: "smoke"}}
	result := apply(t, client, readFlow(t), options)
	if len(result.Tests) != 1 || result.Tests[0].Rows != 2 || result.Tests[0].Files != -1 {
		t.Errorf("tests = %+v, want one that left 2 files", result.Tests)
	}
	if again := plan(t, client, readFlow(t), options); !again.Empty() {
		t.Errorf("plan after a test that passed:\n%s", again)
	}
	options.SetDefault = true
	again := apply(t, client, readFlow(t), options)
	if len(again.Tests) != 1 || again.Tests[0].Job != result.Tests[0].Job {
		t.Errorf("the test before the switch started a job: %+v", again.Tests)
	}
}

// TestSmokeTestOfAPipelineFails does not make it the default, and passes once it is mended.
func TestSmokeTestOfAPipelineFails(t *testing.T) {
	for name, test := range map[string]struct {
		command, says string
		jobs          int // of two applies; what has left no files needs no second look
	}{
		"a step fails":       {"python3 -c 'raise KeyError(7)'", "KeyError: 7", 2},
		"it leaves no files": {"true ${{inputs.data}} ${{outputs.scores}}", "the job left no files in its outputs", 1},
	} {
		t.Run(name, func(t *testing.T) {
			files(t, flow(test.command))
			client, _ := newClient(t)
			options := &deploy.PlanOptions{SmokeInput: azmlbatch.LocalPath{Path: "smoke"}, SetDefault: true}
			jobs := map[string]bool{}
			for range 2 {
				_, err := plan(t, client, readFlow(t), options).Apply(t.Context(), nil)
				var smoke *deploy.SmokeError
				if !errors.As(err, &smoke) || !strings.Contains(err.Error(), test.says) || smoke.Default != "" {
					t.Fatalf("Apply = %v, want a SmokeError that says %s", err, test.says)
				}
				jobs[smoke.Job] = true
			}
			if len(jobs) != test.jobs {
				t.Errorf("two applies ran the jobs %v, want %d", jobs, test.jobs)
			}
			write(t, flow(copies))
			apply(t, client, readFlow(t), options)
			endpoint, err := client.Endpoints().Get(t.Context(), "letters")
			if err != nil || endpoint.DefaultDeployment != "blue" {
				t.Errorf("default deployment = %q, %v, want blue after it was mended", endpoint.DefaultDeployment, err)
			}
		})
	}
}

// TestSmokeInputsOfAPipeline names several inputs, and finds those that do not fit before anything is sent.
func TestSmokeInputsOfAPipeline(t *testing.T) {
	local, folder := azmlbatch.LocalPath{Path: "smoke"}, azmlbatch.LocalPath{Path: "smoke"}
	const is = `deploy: deployment "letters/blue": Configuration.ComponentID: is a component `
	two := func(text string) string {
		return strings.Replace(text, "data: {type: uri_folder}\n  mode", "data: {type: uri_folder}\n  more: {type: uri_folder}\n  mode", 1)
	}
	for name, test := range map[string]struct {
		change  func(string) string // of flow.yml
		options deploy.PlanOptions
		want    string
	}{
		"one of two":        {two, deploy.PlanOptions{SmokeInput: local}, is + "with the data inputs data, more, so SmokeInput could be any; name them in SmokeInputs"},
		"both of two":       {two, deploy.PlanOptions{SmokeInputs: azmlbatch.Inputs{"data": local, "more": folder}}, ""},
		"an unknown name":   {two, deploy.PlanOptions{SmokeInputs: azmlbatch.Inputs{"date": local}}, is + `with the inputs data, mode, more, and SmokeInputs names "date"; name one of these`},
		"a missing one":     {two, deploy.PlanOptions{SmokeInputs: azmlbatch.Inputs{"data": local}}, is + "that needs the inputs more too; name them in SmokeInputs, or give them a default"},
		"a missing literal": {func(s string) string { return strings.Replace(s, ", default: copy", "", 1) }, deploy.PlanOptions{SmokeInput: local}, is + "that needs the inputs mode too; name them in SmokeInputs, or give them a default"},
		"an optional input": {func(s string) string {
			return strings.Replace(s, "mode:", "more: {type: uri_folder, optional: true}\n  mode:", 1)
		}, deploy.PlanOptions{SmokeInput: local}, ""},
		"no outputs": {func(s string) string {
			return strings.Replace(strings.Replace(s, "outputs:\n  scores: {type: uri_folder}\n", "", 1), "    outputs: {scores: \"${{parent.outputs.scores}}\"}\n", "", 1)
		}, deploy.PlanOptions{SmokeInput: local}, is + "without outputs, so no smoke test can tell whether it works; plan it without a smoke input"},
		"both options": {func(s string) string { return s }, deploy.PlanOptions{SmokeInput: local, SmokeInputs: azmlbatch.Inputs{"data": local}}, "deploy: SmokeInputs: cannot be combined with SmokeInput; set one of the two"},
	} {
		t.Run(name, func(t *testing.T) {
			all := flow(copies)
			all["flow.yml"] = test.change(all["flow.yml"])
			files(t, all)
			client, _ := newClient(t)
			changes, err := deploy.Plan(t.Context(), client, readFlow(t), &test.options)
			if test.want != "" {
				if err == nil || err.Error() != test.want {
					t.Errorf("Plan = %v, want %s", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			result, err := changes.Apply(t.Context(), nil)
			if err != nil || len(result.Tests) != 1 {
				t.Errorf("Apply = %+v, %v, want a test that passed", result, err)
			}
		})
	}
}

// TestSmokeTestOfARegisteredPipeline reads the inputs of a component that the Spec does not have.
func TestSmokeTestOfARegisteredPipeline(t *testing.T) {
	files(t, flow(copies))
	client, _ := newClient(t)
	apply(t, client, readFlow(t), nil)
	spec := readFlow(t)
	spec.Components = nil
	spec.Deployments[0].Deployment.Name = "green"
	c := spec.Deployments[0].Deployment.Configuration.(azmlbatch.PipelineComponentDeployment)
	options := &deploy.PlanOptions{SmokeInput: azmlbatch.LocalPath{Path: "smoke"}}
	c.ComponentID = "azureml:flow@latest"
	spec.Deployments[0].Deployment.Configuration = c
	if result := apply(t, client, spec, options); len(result.Tests) != 1 || result.Tests[0].Rows != 2 {
		t.Errorf("tests = %+v", result.Tests)
	}
	c.ComponentID = "azureml://registries/azureml/components/flow/versions/1"
	spec.Deployments[0].Deployment.Configuration = c
	_, err := deploy.Plan(t.Context(), client, spec, options)
	const want = `deploy: deployment "letters/green": Configuration.ComponentID: is a component whose inputs cannot be read here, so a smoke input cannot test it; add the component to the Spec, or plan it without a smoke input`
	if err == nil || !cmp.Equal(want, err.Error()) {
		t.Errorf("Plan with a component of a registry = %v, want %s", err, want)
	}
}
