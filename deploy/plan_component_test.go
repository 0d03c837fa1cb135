package deploy_test

import (
	"regexp"
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

// TestComponentTags changes only the tags of components: what the service gets beside them is what it has.
func TestComponentTags(t *testing.T) {
	spec := pipelineSpec(t)
	client, _ := newClient(t)
	apply(t, client, spec, nil)
	spec.Components[0].Tags = map[string]string{"team": "a"}
	spec.Components[1].Tags = map[string]string{"team": "b"}
	want := "~ component \"count\": change\n    Tags[\"team\"]: nothing → \"a\"\n~ component \"both\": change\n    Tags[\"team\"]: nothing → \"b\"\n"
	if diff := cmp.Diff(want, changesOnly(plan(t, client, spec, nil))); diff != "" {
		t.Errorf("plan of other tags (-want +got):\n%s", diff)
	}
	apply(t, client, spec, nil)
	if again := plan(t, client, spec, nil); !again.Empty() {
		t.Errorf("plan after the change:\n%s", again)
	}
	both, err := client.Components().Latest(t.Context(), "both")
	if err != nil || both.Version != "1" || both.Tags["team"] != "b" {
		t.Errorf("component = version %q with tags %v, %v; want version 1 of team b", both.Version, both.Tags, err)
	}
	job, err := client.Endpoints().Invoke(t.Context(), "digits", azmlbatch.Invocation{Deployment: "blue", Inputs: azmlbatch.Inputs{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Jobs().Wait(t.Context(), job.Name, nil); err != nil {
		t.Error(err)
	}
}

// TestComponentOfAnOldVersion names the specification, not the property with its hash, as what cannot change.
func TestComponentOfAnOldVersion(t *testing.T) {
	spec := pipelineSpec(t)
	spec.Components[0].Version = "1"
	client, _ := newClient(t)
	apply(t, client, spec, nil)
	spec.Components[0].Spec = []byte(`{"type":"command","command":"python run.py --fast","code":"./step","environment":"azureml:digits"}`)
	want := `Spec cannot change in a version that exists; write another Version, or leave it out for the next one`
	if diff := cmp.Diff(want, obstacle(plan(t, client, spec, nil), `component "count:1"`)); diff != "" {
		t.Errorf("obstacle (-want +got):\n%s", diff)
	}
}

// TestComponentOfAnotherTool: a version that az ml has registered is taken as it is, if it looks the same; its own version is what a
// new specification needs.
func TestComponentOfAnotherTool(t *testing.T) {
	files(t, map[string]string{"step/run.py": "print(1)\n"})
	client, _ := newClient(t)
	const theirs = `{"type":"command","command":"python run.py","inputs":{"data":{"type":"uri_folder"}},"outputs":{}}`
	if _, err := client.Components().CreateOrUpdate(t.Context(), "count", azmlbatch.Component{Version: "3", Spec: []byte(theirs)}, nil); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ version, spec, want string }{
		"the same":     {"3", theirs, "= component \"count:3\": leave\n    (another tool has registered this version, and versions do not change: it is taken as it is)\n"},
		"a new number": {"4", theirs, "+ component \"count:4\": create version 4\n"},
		"no number":    {"", theirs, "+ component \"count\": create version TIME\n    Spec: \"another specification\" → \"that of the Spec\"\n"},
		"another command": {"3", strings.Replace(theirs, "run.py", "fast.py", 1),
			"! component \"count:3\": change\n    Spec: \"another specification\" → \"that of the Spec\"\n    Spec cannot change in a version that exists; write another Version, or leave it out for the next one\n"},
		"another input": {"3", strings.Replace(theirs, `"data"`, `"images"`, 1),
			"! component \"count:3\": change\n    Spec: \"another specification\" → \"that of the Spec\"\n    Spec cannot change in a version that exists; write another Version, or leave it out for the next one\n"},
	} {
		spec := deploy.Spec{Components: []azmlbatch.Component{{Name: "count", Version: test.version, Spec: []byte(test.spec)}}}
		got := regexp.MustCompile(`version \d{4}-[\d-]+`).ReplaceAllString(plan(t, client, spec, nil).List[0].String(), "version TIME")
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func obstacle(changes *deploy.Changes, resource string) string {
	for _, c := range changes.List {
		if c.Resource == resource {
			return c.Obstacle
		}
	}
	return "no change of " + resource
}
