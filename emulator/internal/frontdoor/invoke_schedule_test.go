package frontdoor

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// scheduleOf is the document of a schedule with an endpointInvocationDefinition.
func scheduleOf(t *testing.T, definition string) store.Document {
	t.Helper()
	var decoded store.Document
	if err := store.Decode([]byte(definition), &decoded); err != nil {
		t.Fatal(err)
	}
	return store.Document{"id": workspace + "/schedules/nightly", "properties": store.Document{
		"action": store.Document{"actionType": "InvokeBatchEndpoint", "endpointInvocationDefinition": decoded},
	}}
}

const scheduledInput = `"properties": {"inputData": {"tiles": {"uri": "https://kiln.blob.core.windows.net/c/p", "jobInputType": "UriFolder"}}}`

// TestInvokeScheduled: the endpoint and its deployment by every member that names one.
func TestInvokeScheduled(t *testing.T) {
	for definition, want := range map[string]struct {
		deployment string
		directed   bool
	}{
		`{"endpointName": "tiles-ep", ` + scheduledInput + `}`:                                                                              {"blue", false},
		`{"endpointName": "Tiles-EP", "deploymentName": "", ` + scheduledInput + `}`:                                                        {"blue", false},
		`{"endpointName": "tiles-ep", "deploymentName": "green", ` + scheduledInput + `}`:                                                   {"green", true},
		`{"endpointId": "` + endpointID + `", "deploymentId": "` + endpointID + `/deployments/green", ` + scheduledInput + `}`:              {"green", true},
		`{"endpointName": "tiles-ep", "endpointId": "x/none", "deploymentName": "blue", "deploymentId": "x/green", ` + scheduledInput + `}`: {"blue", true},
		`{"endpointName": "", "endpointId": "` + endpointID + `", "deploymentName": null, "deploymentId": "green", ` + scheduledInput + `}`: {"green", true},
	} {
		h, submitted := newHandler(t)
		caller := jobs.Caller{Name: "potter", ObjectID: "o1"}
		job, err := h.InvokeScheduled(t.Context(), scheduleOf(t, definition), caller)
		if err != nil || job != "batchjob-1" || len(submitted.got) != 1 {
			t.Errorf("%s: job %q, %v, submitted %+v", definition, job, err, submitted.got)
			continue
		}
		got := submitted.got[0]
		if got.Workspace != workspace || got.Endpoint != "tiles-ep" || got.Deployment["name"] != want.deployment || got.Directed != want.directed {
			t.Errorf("%s: submitted %+v, want the deployment %s, named: %t", definition, got, want.deployment, want.directed)
		}
		inputs := map[string]jobs.Input{"tiles": {Kind: jobs.UriFolder, URI: "https://kiln.blob.core.windows.net/c/p"}}
		if diff := cmp.Diff(inputs, got.Inputs); diff != "" {
			t.Errorf("%s: inputs (-want +got):\n%s", definition, diff)
		}
		if diff := cmp.Diff(caller, got.Caller); diff != "" {
			t.Errorf("%s: caller (-want +got):\n%s", definition, diff)
		}
	}
}

// TestScheduledInvocationsThatCannotStart: nothing is submitted, and the error says why.
func TestScheduledInvocationsThatCannotStart(t *testing.T) {
	for definition, want := range map[string]string{
		`{"endpointName": "tiles-ep"}`:                                                  "properties is missing",
		`{` + scheduledInput + `}`:                                                      "the definition has no endpointName",
		`{"endpointName": [], ` + scheduledInput + `}`:                                  "endpointName is not a text\nthe definition has no endpointName",
		`{"endpointName": "none", ` + scheduledInput + `}`:                              "the endpoint none does not exist",
		`{"endpointName": "tiles-ep", "deploymentName": [], ` + scheduledInput + `}`:    "deploymentName is not a text",
		`{"endpointName": "tiles-ep", "deploymentName": "red", ` + scheduledInput + `}`: "No valid deployments to route to. Please check that the endpoint has at least one deployment with positive weight values or use a deployment specific header to route",
		`{"endpointName": "bare-ep", ` + scheduledInput + `}`:                           "No valid deployments to route to. Please check that the endpoint has at least one deployment with positive weight values or use a deployment specific header to route",
	} {
		h, submitted := newHandler(t)
		job, err := h.InvokeScheduled(t.Context(), scheduleOf(t, definition), jobs.Caller{})
		if err == nil || err.Error() != want || job != "" || len(submitted.got) != 0 {
			t.Errorf("%s: job %q, error %q, submitted %d; want the error %q", definition, job, err, len(submitted.got), want)
		}
	}
	h, submitted := newHandler(t)
	submitted.err = errors.New("disk full")
	if _, err := h.InvokeScheduled(t.Context(), scheduleOf(t, `{"endpointName": "tiles-ep", `+scheduledInput+`}`), jobs.Caller{}); !errors.Is(err, submitted.err) {
		t.Errorf("error %v, want %v", err, submitted.err)
	}
	if _, err := h.InvokeScheduled(t.Context(), store.Document{"id": workspace + "/schedules/nightly"}, jobs.Caller{}); err == nil {
		t.Error("a schedule without a definition has started a job")
	}
}
