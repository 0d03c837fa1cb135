package azmlbatch

import (
	"context"
	"errors"
	"net/http"
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

// TestFailureInTheLastAnswer says Failed in the body of the last answer, in every form, for every way of following an
// operation and every kind of operation.
func TestFailureInTheLastAnswer(t *testing.T) {
	const failure = `"error":{"code":"UserError","message":"The endpoint still has a running operation","details":[{"code":"Busy"}]}`
	bodies := map[string]string{
		"status":            `{"status":"Failed",` + failure + `}`,
		"status, lower":     `{"status":"failed",` + failure + `}`,
		"provisioningState": `{"properties":{"provisioningState":"Failed",` + failure + `}}`,
		"no error":          `{"properties":{"provisioningState":"Failed"}}`,
		"bare error":        `{"status":"Failed","code":"Busy","message":"The endpoint still has a running operation"}`,
		"error alone":       `{` + failure + `}`,
		"error beside null": `{"error":null,"properties":{"provisioningState":"Failed",` + failure + `}}`,
	}
	create := func(c *Client) error {
		return ending(c.Endpoints().BeginCreateOrUpdate(t.Context(), "digits", Endpoint{Location: "r"}))
	}
	ways := map[string]struct {
		first http.HandlerFunc
		call  func(*Client) error
	}{
		"Azure-AsyncOperation":     {answer(201, `{}`, "Azure-AsyncOperation", operationURL), create},
		"Location of a PUT":        {answer(202, ``, "Location", operationURL), create},
		"URL in the body":          {answer(201, `{"properties":{"properties":{"AzureAsyncOperationUri":"`+operationURL+`"}}}`), create},
		"the resource itself":      {answer(201, `{"properties":{"provisioningState":"Creating"}}`), create},
		"Location of a deletion":   {answer(202, ``, "Location", operationURL), deleteDigits},
		"deletion, AsyncOperation": {answer(202, ``, "Azure-AsyncOperation", operationURL), deleteDigits},
		"Location of a cancel":     {answer(202, `null`, "Location", operationURL), cancelJob},
		"cancel, AsyncOperation":   {answer(202, `null`, "Azure-AsyncOperation", operationURL), cancelJob},
	}
	for way, tt := range ways {
		for form, body := range bodies {
			t.Run(way+"/"+form, func(t *testing.T) {
				handler, _ := script(t, tt.first, answer(200, body))
				err := tt.call(newTestClient(t, handler))
				var e *Error
				var failed *OperationFailedError
				if !errors.As(err, &e) || !errors.As(err, &failed) || !HasCode(err, "OperationFailed") {
					t.Fatalf("PollUntilDone = %v, want the operation's failure", err)
				}
				if form != "no error" && (!HasCode(err, "Busy") || !strings.Contains(e.Message, "still has a running operation")) {
					t.Errorf("PollUntilDone = %v, want code and message of the body", err)
				}
			})
		}
	}
	for form, body := range bodies {
		handler, _ := script(t, answer(200, body))
		if err := create(newTestClient(t, handler)); !errors.As(err, new(*OperationFailedError)) {
			t.Errorf("a first answer that says Failed (%s) = %v", form, err)
		}
	}
}

// TestFailureThatOnlyTheResourceTells has no word in the operation's own answers.
func TestFailureThatOnlyTheResourceTells(t *testing.T) {
	create := func(c *Client) error {
		return ending(c.Endpoints().BeginCreateOrUpdate(t.Context(), "digits", Endpoint{Location: "r"}))
	}
	started := answer(202, ``, "Location", operationURL)
	failed := answer(200, `{"properties":{"provisioningState":"Failed","error":{"code":"Busy","message":"The endpoint still has a running operation"}}}`)
	succeeded := answer(200, `{"properties":{"provisioningState":"Succeeded"}}`)
	canceled := answer(200, `{"properties":{"provisioningState":"Canceled"}}`)
	for name, tt := range map[string]struct {
		call  func(*Client) error
		steps []http.HandlerFunc
		want  string // "" for success
	}{
		"no body":                      {create, []http.HandlerFunc{started, answer(200, ``), failed}, "The endpoint still"},
		"no content":                   {create, []http.HandlerFunc{started, answer(204, ``), failed}, "The endpoint still"},
		"canceled":                     {create, []http.HandlerFunc{started, answer(200, `null`), canceled}, "ended as Canceled"},
		"no body of an AsyncOperation": {create, []http.HandlerFunc{answer(201, `{}`, "Azure-AsyncOperation", operationURL), answer(200, ``), failed}, "The endpoint still"},
		"a word before":                {create, []http.HandlerFunc{started, answer(200, `{"status":"Succeeded"}`), failed}, ""},
		"a good resource":              {create, []http.HandlerFunc{started, answer(200, ``), succeeded}, ""},
		"properties of a deletion":     {deleteDigits, []http.HandlerFunc{started, answer(200, `{"properties":{"status":"Failed","error":{"code":"Busy"}}}`)}, "ended as Failed"},
		"error in the properties":      {deleteDigits, []http.HandlerFunc{started, answer(200, `{"properties":{"error":{"code":"Busy"}}}`)}, "ended as Failed"},
		"an error of a failed job":     {cancelJob, []http.HandlerFunc{started, answer(200, `{"properties":{"status":"Failed","error":{"code":"Busy"}}}`)}, ""},
		"an error of a code alone":     {deleteDigits, []http.HandlerFunc{started, answer(200, `{"error":{"code":"Busy"}}`)}, "ended as Failed"},
		"an error of words alone":      {deleteDigits, []http.HandlerFunc{started, answer(200, `{"error":{"message":"still busy"}}`)}, "still busy"},
		"a deleted job as it was": {func(c *Client) error { return ending(c.Jobs().BeginDelete(t.Context(), "job-1")) },
			[]http.HandlerFunc{started, answer(200, `{"properties":{"status":"Failed","error":{"code":"Busy"}}}`)}, ""},
		"an empty error":      {deleteDigits, []http.HandlerFunc{started, answer(200, `{"error":{}}`)}, ""},
		"an error on the way": {deleteDigits, []http.HandlerFunc{started, answer(202, `{"error":{"code":"Busy"}}`, "Location", operationURL), answer(204, ``)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			handler, got := script(t, tt.steps...)
			err := tt.call(newTestClient(t, handler))
			if tt.want == "" && err != nil || tt.want != "" && (!errors.As(err, new(*OperationFailedError)) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("PollUntilDone = %v, want %q", err, tt.want)
			}
			if len(*got) != len(tt.steps) {
				t.Errorf("%d requests, want %d", len(*got), len(tt.steps))
			}
		})
	}
}

func ending[T any](p *Poller[T], err error) error {
	if err == nil {
		_, err = p.PollUntilDone(context.Background(), nil)
	}
	return err
}

func deleteDigits(c *Client) error {
	return ending(c.Endpoints().BeginDelete(context.Background(), "digits"))
}

func cancelJob(c *Client) error {
	return ending(c.Jobs().BeginCancel(context.Background(), "job-1"))
}

// TestSuccessInTheLastAnswer has words that mean no failure.
func TestSuccessInTheLastAnswer(t *testing.T) {
	gone := func(body string) []http.HandlerFunc {
		return []http.HandlerFunc{answer(202, ``, "Location", operationURL), answer(200, body)}
	}
	tests := map[string]struct {
		call  func(*Client) error
		steps []http.HandlerFunc
	}{
		"no body":                         {deleteDigits, gone(``)},
		"null":                            {deleteDigits, gone(`null`)},
		"no JSON":                         {deleteDigits, gone(`gone`)},
		"Succeeded":                       {deleteDigits, gone(`{"properties":{"provisioningState":"Succeeded"}}`)},
		"200, and still deleting":         {deleteDigits, append(gone(`{"properties":{"provisioningState":"Deleting"}}`), answer(204, ``))},
		"a cancelled job":                 {cancelJob, gone(`{"status":"Canceled"}`)},
		"a cancelled job as it is":        {cancelJob, gone(`{"properties":{"status":"Canceled"}}`)},
		"a job that had failed by then":   {cancelJob, gone(`{"properties":{"status":"Failed"}}`)},
		"a cancelled job, AsyncOperation": {cancelJob, []http.HandlerFunc{answer(202, ``, "Azure-AsyncOperation", operationURL), answer(200, `{"status":"Canceled"}`)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			handler, got := script(t, tt.steps...)
			if err := tt.call(newTestClient(t, handler)); err != nil {
				t.Errorf("PollUntilDone: %v", err)
			}
			if len(*got) != len(tt.steps) {
				t.Errorf("%d requests, want %d", len(*got), len(tt.steps))
			}
		})
	}
}

// A resource that is still being made and names no operation is asked for its state itself.
func TestOperationOfWhichOnlyTheResourceTells(t *testing.T) {
	going := `{"name":"digits","properties":{"provisioningState":"Updating"}}`
	handler, got := script(t, answer(200, going), answer(200, going), answer(200, `{"name":"digits","properties":{"provisioningState":"Succeeded","description":"d"}}`), answer(200, `{"name":"digits","properties":{"provisioningState":"Succeeded","description":"d"}}`))
	p, err := newTestClient(t, handler).Endpoints().BeginCreateOrUpdate(t.Context(), "digits", Endpoint{Location: "r"})
	if err != nil {
		t.Fatal(err)
	}
	ep, err := p.PollUntilDone(t.Context(), nil)
	if err != nil || ep.Description != "d" || len(*got) != 4 {
		t.Errorf("PollUntilDone = %+v, %v after %d requests", ep, err, len(*got))
	}
}
