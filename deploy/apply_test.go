package deploy_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

func apply(t *testing.T, client *azmlbatch.Client, spec deploy.Spec, options *deploy.PlanOptions) deploy.Result {
	t.Helper()
	result, err := plan(t, client, spec, options).Apply(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// writes are the requests since the nth that change something.
func writes(azure *emulator.Emulator, n int) (sent []string) {
	for _, r := range azure.Requests()[n:] {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !strings.Contains(r.Host, "login") {
			sent = append(sent, r.Method+" "+r.Host+r.Path)
		}
	}
	return sent
}

// TestApplyTwice does everything once, and nothing the second time.
func TestApplyTwice(t *testing.T) {
	spec := studio(t)
	client, azure := newClient(t)
	options := &deploy.PlanOptions{SetDefault: true, SmokeInput: azmlbatch.LocalPath{Path: "smoke"}}
	result := apply(t, client, spec, options)
	if len(result.Tests) != 1 || result.Tests[0].Rows != 1 || result.Tests[0].Files != 1 {
		t.Errorf("tests = %+v, want one with a file and a row", result.Tests)
	}
	endpoint, err := client.Endpoints().Get(t.Context(), "digits")
	if err != nil || endpoint.DefaultDeployment != "blue" {
		t.Errorf("default deployment = %q, %v, want blue", endpoint.DefaultDeployment, err)
	}
	n := len(azure.Requests())
	again := plan(t, client, spec, options)
	if !again.Empty() {
		t.Errorf("second plan:\n%s", again)
	}
	if _, err := again.Apply(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string(nil), writes(azure, n)); diff != "" {
		t.Errorf("writes of the second Apply (-want +got):\n%s", diff)
	}
}

// TestApplyNoticesAChange refuses to write what somebody else has changed since the plan.
func TestApplyNoticesAChange(t *testing.T) {
	spec := studio(t)
	client, azure := newClient(t)
	apply(t, client, spec, nil)
	spec.Endpoints[0].Description, spec.Endpoints[0].Tags = "reads digits well", map[string]string{"team": "a"}
	changes := plan(t, client, spec, nil)
	endpoint, err := client.Endpoints().Get(t.Context(), "digits")
	if err != nil {
		t.Fatal(err)
	}
	endpoint.Description = "of somebody else"
	if _, err := client.Endpoints().CreateOrUpdate(t.Context(), "digits", endpoint, nil); err != nil {
		t.Fatal(err)
	}
	n := len(azure.Requests())
	_, err = changes.Apply(t.Context(), nil)
	var conflict *deploy.ConflictError
	if !errors.As(err, &conflict) || !errors.Is(err, azmlbatch.ErrConflict) {
		t.Fatalf("Apply = %v, want a ConflictError", err)
	}
	want := `deploy: change endpoint "digits": endpoint "digits": somebody else has changed Description since it was planned; plan again`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string(nil), writes(azure, n)); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// TestApplyLeavesWhatHasBecomeRight writes nothing where somebody else has done the same since the plan.
func TestApplyLeavesWhatHasBecomeRight(t *testing.T) {
	spec := studio(t)
	client, azure := newClient(t)
	changes := plan(t, client, spec, &deploy.PlanOptions{SetDefault: true})
	apply(t, client, spec, &deploy.PlanOptions{SetDefault: true})
	n := len(azure.Requests())
	if _, err := changes.Apply(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string(nil), writes(azure, n)); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// TestApplyRefusesObstacles sends nothing when something cannot change in place.
func TestApplyRefusesObstacles(t *testing.T) {
	spec := studio(t)
	client, azure := newClient(t)
	apply(t, client, spec, nil)
	spec.Computes[0].Properties = azmlbatch.AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 4}
	spec.Endpoints[0].Description = "new"
	changes := plan(t, client, spec, nil)
	if changes.Obstacles() == nil {
		t.Error("the plan has no obstacles")
	}
	n := len(azure.Requests())
	_, err := changes.Apply(t.Context(), nil)
	want := `deploy: compute "cluster": Properties.VMSize of a compute cannot change in place; give the new cluster another name`
	if err == nil || err.Error() != want {
		t.Errorf("Apply = %v, want %s", err, want)
	}
	if sent := azure.Requests()[n:]; len(sent) > 0 {
		t.Errorf("Apply sent %d requests, want none", len(sent))
	}
}

// TestUpdateKeepsWhatOthersWrote sends tags and properties back that the Spec does not know.
func TestUpdateKeepsWhatOthersWrote(t *testing.T) {
	spec := studio(t)
	client, _ := newClient(t)
	apply(t, client, spec, &deploy.PlanOptions{SetDefault: true})
	endpoint, err := client.Endpoints().Get(t.Context(), "digits")
	if err != nil {
		t.Fatal(err)
	}
	endpoint.Tags, endpoint.Properties["p"] = map[string]string{"cost-center": "7"}, "q"
	if _, err := client.Endpoints().CreateOrUpdate(t.Context(), "digits", endpoint, nil); err != nil {
		t.Fatal(err)
	}
	spec.Endpoints[0].Description, spec.Endpoints[0].Tags = "new", map[string]string{"team": "a"}
	apply(t, client, spec, nil)
	endpoint, err = client.Endpoints().Get(t.Context(), "digits")
	if err != nil {
		t.Fatal(err)
	}
	if endpoint.Description != "new" || endpoint.DefaultDeployment != "blue" || endpoint.Properties["p"] != "q" {
		t.Errorf("endpoint = %+v", endpoint)
	}
	if diff := cmp.Diff(map[string]string{"cost-center": "7", "team": "a"}, endpoint.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

// TestProgress tells every step from its start to its end, and those that were skipped.
func TestProgress(t *testing.T) {
	spec := studio(t)
	client, azure := newClient(t)
	if err := azure.Inject(emulator.Fault{Method: http.MethodPut, Path: "**/batchEndpoints/digits", Action: emulator.ActionFailBefore, Status: 400}); err != nil {
		t.Fatal(err)
	}
	last := map[string]deploy.StepState{}
	uploads := 0
	_, err := plan(t, client, spec, nil).Apply(t.Context(), &deploy.ApplyOptions{OnProgress: func(p deploy.StepProgress) {
		if p.State == deploy.StepStateStarted && last[p.Step] != "" {
			t.Errorf("%s started after %s", p.Step, last[p.Step])
		}
		if p.Upload != nil {
			uploads++
		}
		last[p.Step] = p.State
	}})
	if err == nil || !strings.HasPrefix(err.Error(), `deploy: create endpoint "digits": 400`) {
		t.Errorf("Apply = %v", err)
	}
	if last[`create endpoint "digits"`] != deploy.StepStateFailed || last[`create deployment "digits/blue"`] != deploy.StepStateSkipped {
		t.Errorf("last states = %v", last)
	}
	if uploads == 0 {
		t.Error("no progress of an upload")
	}
}
