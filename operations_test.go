package azmlbatch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Older answers name the operation in the body, and go on naming it when it has ended long ago and can no longer be asked.
func TestOperationOfThePastIsNotAsked(t *testing.T) {
	const past = `{"name":"digits","location":"westus","properties":{"provisioningState":"STATE","properties":{"AzureAsyncOperationUri":"` + operationURL + `"}}}`
	for state, want := range map[string]int{"Succeeded": 1, "Updating": 3} { // with the poll and the reading at the end
		service := newDeploymentService()
		body := strings.Replace(past, "STATE", state, 1)
		service.answers["PUT /batchEndpoints/digits"] = answer(200, body)
		service.answers["GET /batchEndpoints/digits"] = answer(200, body)
		service.answers["GET "+operationPath()] = answer(200, `{"status":"Succeeded"}`)
		p, err := service.client(t).Endpoints().BeginCreateOrUpdate(t.Context(), "digits", Endpoint{Location: "westus"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.PollUntilDone(t.Context(), nil); err != nil {
			t.Errorf("%s: %v", state, err)
		}
		if diff := cmp.Diff(want, len(service.requests)); diff != "" {
			t.Errorf("%s: requests (-want +got):\n%s", state, diff)
		}
	}
}

// TestDeletionWhoseLocationIsGoneHasEnded takes the 404 of a deletion's own Location for its end.
func TestDeletionWhoseLocationIsGoneHasEnded(t *testing.T) {
	handler, got := script(t,
		answer(202, "", "Location", operationURL),
		answer(202, "", "Location", operationURL),
		answer(404, `{"error":{"code":"NotFound","message":"gone"}}`),
	)
	p, err := newTestClient(t, handler).Deployments("digits").BeginDelete(t.Context(), "blue")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.PollUntilDone(t.Context(), nil); err != nil {
		t.Errorf("PollUntilDone = %v", err)
	}
	if len(*got) != 3 {
		t.Errorf("%d requests, want 3", len(*got))
	}
}

// The results of a cancel have no status in their bodies. Should one come behind Azure-AsyncOperation, the wait must end.
func TestOperationWithoutAWordGoesByTheHTTPStatus(t *testing.T) {
	handler, _ := script(t,
		answer(202, `null`, "Azure-AsyncOperation", operationURL, "Location", operationURL),
		answer(202, `{}`),
		answer(200, ``),
	)
	p, err := newTestClient(t, handler).Jobs().BeginCancel(t.Context(), "job-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.PollUntilDone(t.Context(), nil); err != nil {
		t.Errorf("PollUntilDone: %v", err)
	}
}
