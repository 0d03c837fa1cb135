package deploy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// pipelineSpec deploys a pipeline of two steps: one with a component and an environment of its own, one with a component
// of the Spec.
func pipelineSpec(t *testing.T) deploy.Spec {
	t.Helper()
	spec := studio(t)
	write(t, map[string]string{"step/run.py": "print(1)\n"})
	spec.Components = []azmlbatch.Component{
		{Name: "count", Spec: []byte(`{"type":"command","command":"python run.py","code":"./step","environment":"azureml:digits"}`)},
		{Name: "both", Spec: []byte(`{"type":"pipeline","jobs":{
			"first":{"type":"command","component":{"type":"command","command":"python run.py","code":"./step","environment":{"image":"ubuntu"}}},
			"second":{"type":"command","component":"azureml:count"}}}`)},
	}
	spec.Deployments = []deploy.Deployment{{Endpoint: "digits", Deployment: azmlbatch.Deployment{Name: "blue",
		Configuration: azmlbatch.PipelineComponentDeployment{ComponentID: "azureml:both", Settings: map[string]string{"default_compute": "cluster", "continue_on_step_failure": "false"}}}}}
	return spec
}

// TestPipelineDeployment registers what a pipeline consists of, finds it again, and sees a change at the bottom of it.
func TestPipelineDeployment(t *testing.T) {
	spec := pipelineSpec(t)
	client, _ := newClient(t)
	apply(t, client, spec, nil)
	if again := plan(t, client, spec, nil); !again.Empty() {
		t.Fatalf("second plan:\n%s", again)
	}
	both, err := client.Components().Latest(t.Context(), "both")
	if err != nil {
		t.Fatal(err)
	}
	d, err := client.Deployments("digits").Get(t.Context(), "blue")
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := d.Configuration.(azmlbatch.PipelineComponentDeployment); !ok || c.ComponentID != both.ID {
		t.Errorf("the deployment has the component %+v, want %s", d.Configuration, both.ID)
	}
	write(t, map[string]string{"step/run.py": "print(2)\n"})
	var got []string
	for _, c := range plan(t, client, spec, nil).List {
		if c.Action != deploy.ActionLeave {
			got = append(got, string(c.Action)+" "+c.Resource)
		}
	}
	want := []string{`create code "./step"`, `create component "count"`, `create component "both-first"`, `create component "both"`, `change deployment "digits/blue"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan of other code (-want +got):\n%s", diff)
	}
	apply(t, client, spec, nil)
	if again := plan(t, client, spec, nil); !again.Empty() {
		t.Errorf("plan after the change:\n%s", again)
	}
}

// TestPipelineSettings compares the settings of a pipeline, whose booleans are text in two cases.
func TestPipelineSettings(t *testing.T) {
	spec := pipelineSpec(t)
	client, _ := newClient(t)
	apply(t, client, spec, nil)
	c := spec.Deployments[0].Deployment.Configuration.(azmlbatch.PipelineComponentDeployment)
	c.Settings = map[string]string{"default_compute": "cluster", "continue_on_step_failure": "False"}
	spec.Deployments[0].Deployment.Configuration = c
	if again := plan(t, client, spec, nil); !again.Empty() {
		t.Errorf("plan with False for false:\n%s", again)
	}
	c.Settings = map[string]string{"default_compute": "cluster", "continue_on_step_failure": "True"}
	spec.Deployments[0].Deployment.Configuration = c
	got := changesOnly(plan(t, client, spec, nil))
	if !strings.Contains(got, `Configuration.Settings["continue_on_step_failure"]: "false" → "True"`) || strings.Count(got, "\n") != 2 {
		t.Errorf("plan of another setting:\n%s", got)
	}
}
