package ui

import (
	"net/url"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// deployPipeline deploys a pipeline of two commands, of which the second fails.
func deployPipeline(t *testing.T, client *azmlbatch.Client) (endpoint string) {
	t.Helper()
	component := func(name, spec string) string {
		c, err := client.Components().CreateOrUpdate(t.Context(), name, azmlbatch.Component{Version: "1", Spec: []byte(spec)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Ref()
	}
	warm := component("warm", `{"type": "command", "command": "echo the kiln is warm; mkdir -p ${{outputs.heat}}; echo 900 > ${{outputs.heat}}/degrees", "outputs": {"heat": {"type": "uri_folder"}}}`)
	fire := component("fire", `{"type": "command", "command": "python3 -c 'import sys; raise ValueError(sys.argv[1])' ${{inputs.heat}}", "inputs": {"heat": {"type": "uri_folder"}}}`)
	flow := component("flow", `{"type": "pipeline", "jobs": {
		"warm": {"type": "command", "componentId": "`+warm+`"},
		"fire": {"type": "command", "componentId": "`+fire+`", "inputs": {"heat": {"job_input_type": "literal", "value": "${{parent.jobs.warm.outputs.heat}}"}}}}}`)
	if _, err := client.Endpoints().CreateOrUpdate(t.Context(), "kiln", azmlbatch.Endpoint{}, nil); err != nil {
		t.Fatal(err)
	}
	_, err := client.Deployments("kiln").CreateOrUpdate(t.Context(), "steps",
		azmlbatch.Deployment{Configuration: azmlbatch.PipelineComponentDeployment{ComponentID: flow}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return "kiln"
}

// TestStepsOfAPipeline: each has its status and its own logs.
func TestStepsOfAPipeline(t *testing.T) {
	client := emulator.NewClient(t, nil)
	endpoint := deployPipeline(t, client)
	job, err := client.Endpoints().Invoke(t.Context(), endpoint, azmlbatch.Invocation{Deployment: "steps", Inputs: azmlbatch.Inputs{}})
	if err != nil {
		t.Fatal(err)
	}
	waitForEnd(t, client, job)
	p := newTestPage(t, client, nil)
	p.shows("/jobs", job.DisplayName, "Failed", "kiln", "steps")
	body := p.shows("/jobs/"+job.Name, "Steps", "warm", "Completed", "fire", "Failed")
	if strings.Contains(body, "Not shown:") {
		t.Errorf("something is not shown:\n%s", body)
	}
	p.showsCause(body, "ValueError: ")
	for step, err := range client.Jobs().ListSteps(t.Context(), job.Name) {
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(body, `href="/jobs/`+step.RunID+`/logs"`) {
			t.Errorf("there is no link to the logs of step %s:\n%s", step.Name, body)
		}
		tree := p.get("/jobs/" + step.RunID + "/logs")
		if strings.Contains(tree, "data-live") {
			t.Error("the logs of a step ask for updates")
		}
		if step.Name == "warm" {
			p.shows("/jobs/"+step.RunID+"/logs/"+url.PathEscape("user_logs/std_log.txt"), "the kiln is warm")
		}
	}
}
