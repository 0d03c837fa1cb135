package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	sdk "github.com/azmlbatch/azmlbatch"
)

// columns are the first columns of a table.
func columns(out string, n int) [][]string {
	var rows [][]string
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		rows = append(rows, fields[:min(n, len(fields))])
	}
	return rows
}

// addGreen deploys a second time under another name.
func (p *pottery) addGreen(t *testing.T) {
	t.Helper()
	blue, err := p.client.Deployments("vases").Get(t.Context(), "blue")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.client.Deployments("vases").CreateOrUpdate(t.Context(), "green", blue, nil); err != nil {
		t.Fatal(err)
	}
}

func TestEndpoint(t *testing.T) {
	p := newPottery(t, nil)
	p.addGreen(t)
	if diff := cmp.Diff([][]string{{"NAME", "DEFAULT", "DEPLOYMENT"}, {"vases", "blue", "Succeeded"}}, columns(p.ok(t, "endpoint", "list"), 3)); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	var listed []sdk.Endpoint
	if err := json.Unmarshal([]byte(p.ok(t, "endpoint", "list", "--json")), &listed); err != nil || len(listed) != 1 || listed[0].DefaultDeployment != "blue" {
		t.Errorf("list --json: %v, %+v", err, listed)
	}
	p.ok(t, "endpoint", "set-default", "vases", "green")
	shown := p.ok(t, "endpoint", "show", "vases")
	for _, want := range []string{"name:                 vases\n", "default deployment:   green\n", "scoring URI:          https://vases.eastus.inference.ml.azure.com/jobs\n"} {
		if !strings.Contains(shown, want) {
			t.Errorf("show lacks %q:\n%s", want, shown)
		}
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(p.ok(t, "endpoint", "show", "vases", "--json")), &object); err != nil || object["name"] != "vases" || object["properties"] == nil {
		t.Errorf("show --json: %v, %v", err, object)
	}
	p.fails(t, 2, []string{"endpoint", "delete", "vases"}, "there is no terminal to ask on; add --yes to delete endpoint vases with all its deployments")
	p.ok(t, "endpoint", "delete", "vases", "--yes")
	if out := p.ok(t, "endpoint", "list", "--json"); out != "[]\n" {
		t.Errorf("list --json after the deletion: %q, want []", out)
	}
	p.fails(t, 1, []string{"endpoint", "show", "vases"}, `get endpoint "vases": 404 EndpointNotFound: `)
	p.fails(t, 1, []string{"endpoint", "set-default", "vases", "blue"}, `404 EndpointNotFound: `)
}

func TestDeployment(t *testing.T) {
	p := newPottery(t, nil)
	p.addGreen(t)
	want := [][]string{{"NAME", "DEFAULT", "MODEL", "COMPUTE"}, {"blue", "yes", "deploy-model:1", "deploy-cluster"}, {"green", "deploy-model:1", "deploy-cluster", "Succeeded"}}
	if diff := cmp.Diff(want, columns(p.ok(t, "deployment", "list", "vases"), 4)); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	var listed []sdk.Deployment
	if err := json.Unmarshal([]byte(p.ok(t, "deployment", "list", "vases", "--json")), &listed); err != nil || len(listed) != 2 || listed[0].MiniBatchSize != 1 {
		t.Errorf("list --json: %v, %+v", err, listed)
	}
	shown := p.ok(t, "deployment", "show", "vases", "blue")
	for _, want := range []string{"model:                          deploy-model:1\n", "error threshold:                1\n", "compute:                        deploy-cluster\n"} {
		if !strings.Contains(shown, want) {
			t.Errorf("show lacks %q:\n%s", want, shown)
		}
	}
	var d sdk.Deployment
	if err := json.Unmarshal([]byte(p.ok(t, "deployment", "show", "vases", "green", "--json")), &d); err != nil || d.Name != "green" {
		t.Errorf("show --json: %v, %+v", err, d)
	}
	p.fails(t, 2, []string{"deployment", "delete", "vases", "green"}, "add --yes to delete deployment green of endpoint vases")
	p.ok(t, "deployment", "delete", "vases", "green", "-y")
	p.fails(t, 1, []string{"deployment", "show", "vases", "green"}, `get deployment "vases/green": 404 DeploymentNotFound: `)
	p.fails(t, 1, []string{"deployment", "list", "mugs"}, "404 EndpointNotFound: ")
}

// TestInterruptedDeletion: whoever stops to wait learns that the work may go on.
func TestInterruptedDeletion(t *testing.T) {
	p := newPottery(t, nil)
	if code := canceledAt(t, p, "DELETE", "endpoint", "delete", "vases", "--yes", "-w", "laptop"); code != "130 azmlbatch: interrupted; the deletion may go on in Azure: follow it with azmlbatch endpoint list -w laptop\n" {
		t.Error(code)
	}
}

// TestModelOf: what a deployment serves, in the words of a table.
func TestModelOf(t *testing.T) {
	const ws = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
	for want, d := range map[string]sdk.Deployment{
		"glaze:3":            {Model: sdk.ModelByID{AssetID: ws + "/models/glaze/versions/3"}},
		"glaze:4":            {Model: sdk.ModelByID{AssetID: "azureml://registries/r/models/glaze/versions/4"}},
		"models/glaze":       {Model: sdk.ModelByDataPath{DatastoreID: "store", Path: "models/glaze"}},
		"output of job fire": {Model: sdk.ModelByOutput{JobID: "fire"}},
		"pots:1":             {Configuration: sdk.PipelineComponentDeployment{ComponentID: ws + "/components/pots/versions/1"}},
		"":                   {},
	} {
		if got := modelOf(d); got != want {
			t.Errorf("%+v: %q, want %q", d, got, want)
		}
	}
}
