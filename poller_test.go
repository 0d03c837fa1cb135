package azmlbatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// script answers the n-th request with the n-th step, and fails the test when asked more often.
func script(t *testing.T, steps ...http.HandlerFunc) (http.HandlerFunc, *[]recordedRequest) {
	t.Helper()
	var got []recordedRequest
	return func(w http.ResponseWriter, r *http.Request) {
		got = append(got, record(r))
		if len(got) > len(steps) {
			t.Errorf("request %d was not expected: %s %s", len(got), r.Method, r.URL.Path)
			w.WriteHeader(http.StatusTeapot)
			return
		}
		steps[len(got)-1](w, r)
	}, &got
}

func answer(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		writeJSON(w, status, body)
	}
}

const (
	operationURL = "https://management.azure.com/subscriptions/sub-1/providers/Microsoft.MachineLearningServices/locations/r/mfeOperationsStatus/bebes:1:2?api-version=2024-04-01&t=1&s=a%2Bb&h=c"
	digitsPath   = testWorkspaceID + "/batchEndpoints/digits"
)

func TestCreateEndpointPollsTheSignedURLUnchangedAndReadsTheResource(t *testing.T) {
	handler, got := script(t,
		answer(201, `{"name":"digits","properties":{"provisioningState":"Creating"}}`, "Azure-AsyncOperation", operationURL, "Location", "https://management.azure.com/other"),
		answer(200, `{"status":"Updating"}`),
		answer(200, `{"status":"Succeeded"}`),
		answer(200, `{"name":"digits","properties":{"provisioningState":"Succeeded","scoringUri":"https://digits.r.inference.ml.azure.com/jobs"}}`),
	)
	c := newTestClient(t, handler)
	p, err := c.Endpoints().BeginCreateOrUpdate(t.Context(), "digits", Endpoint{Location: "r", Tags: map[string]string{"team": "kiln"}})
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	ep, err := p.PollUntilDone(t.Context(), &WaitOptions{OnProgress: func(s Progress) { seen = append(seen, s.Status) }})
	if err != nil {
		t.Fatal(err)
	}
	if ep.ScoringURI != "https://digits.r.inference.ml.azure.com/jobs" {
		t.Errorf("ScoringURI = %q", ep.ScoringURI)
	}
	if diff := cmp.Diff([]string{"Updating", "Succeeded"}, seen); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	operationPath, operationQuery, _ := strings.Cut(strings.TrimPrefix(operationURL, "https://management.azure.com"), "?")
	want := []recordedRequest{
		{"PUT", digitsPath, "api-version=2024-04-01", `{"location":"r","properties":{"authMode":"AADToken"},"tags":{"team":"kiln"}}`},
		{"GET", operationPath, operationQuery, ""},
		{"GET", operationPath, operationQuery, ""},
		{"GET", digitsPath, "api-version=2024-04-01", ""},
	}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestOperationEndings(t *testing.T) {
	ready := `{"name":"digits","properties":{"provisioningState":"Succeeded"}}`
	tests := []struct {
		name  string
		steps []http.HandlerFunc
		want  string // of the error, "" for success
	}{
		{"200 is final", []http.HandlerFunc{answer(200, ready)}, ""},
		{"a status never seen means still going", []http.HandlerFunc{
			answer(201, `{}`, "Azure-AsyncOperation", operationURL), answer(200, `{"status":"Glazing"}`), answer(200, `{"status":"Succeeded"}`), answer(200, ready)}, ""},
		{"the body's URL is the fallback", []http.HandlerFunc{
			answer(201, `{"properties":{"properties":{"AzureAsyncOperationUri":"`+operationURL+`"}}}`), answer(200, `{"status":"Succeeded"}`), answer(200, ready)}, ""},
		{"failed is a 200", []http.HandlerFunc{
			answer(201, `{}`, "Azure-AsyncOperation", operationURL), answer(200, `{"status":"Failed","percentComplete":100.0,"error":{"message":"Auth mode Key is not supported.","details":[]}}`)},
			`azmlbatch: create endpoint "digits": Auth mode Key is not supported.`},
		{"canceled without an error", []http.HandlerFunc{
			answer(201, `{}`, "Azure-AsyncOperation", operationURL), answer(200, `{"status":"Canceled"}`)},
			`azmlbatch: create endpoint "digits": the operation ended as Canceled`},
		{"a poll URL of another host", []http.HandlerFunc{
			answer(201, `{}`, "Azure-AsyncOperation", "https://evil.example/op")},
			`azmlbatch: create endpoint "digits": https://evil.example is not a host of the management plane; no token is sent there; check ClientOptions.Cloud; a link of the service that leaves its own hosts is never followed`},
		{"a 201 that cannot be read, with an operation", []http.HandlerFunc{
			answer(201, `text`, "Azure-AsyncOperation", operationURL), answer(200, `{"status":"Succeeded"}`), answer(200, ready)}, ""},
		{"a 201 that cannot be read, without one", []http.HandlerFunc{answer(201, `text`)},
			`azmlbatch: create endpoint "digits": 201 Created: the answer is not the JSON that was expected (JSON, byte 0: an object was expected); check for a proxy in between; the call may have worked, so read the resource before trying again`},
		{"a 201 whose body is cut, once", []http.HandlerFunc{answer(201, `{"name":"dig`), answer(200, ready)}, ""},
		{"a 201 with a proxy's page", []http.HandlerFunc{answer(201, `<html>`)},
			`azmlbatch: create endpoint "digits": 201 Created: an HTML page, not the service's answer; ` + pageRemedy + `; the call may have worked, so read the resource before trying again`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			handler, _ := script(t, tt.steps...)
			p, err := newTestClient(t, handler).Endpoints().BeginCreateOrUpdate(t.Context(), "digits", Endpoint{Location: "r"})
			if err == nil {
				_, err = p.PollUntilDone(t.Context(), nil)
			}
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCancelFollowsTheRenewedLocationByStatus(t *testing.T) {
	location := func(n int) string {
		return fmt.Sprintf("https://management.azure.com/subscriptions/sub-1/providers/x/mfeOperationResults/jc:1:j?t=%d", n)
	}
	handler, got := script(t,
		answer(202, `null`, "Location", location(1)),
		answer(202, `{}`, "Location", location(2), "Azure-AsyncOperation", location(2)),
		answer(200, ``),
	)
	p, err := newTestClient(t, handler).Jobs().BeginCancel(t.Context(), "job-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.PollUntilDone(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	var queries []string
	for _, r := range *got {
		queries = append(queries, r.Method+" "+r.Query)
	}
	if diff := cmp.Diff([]string{"POST api-version=2024-04-01", "GET t=1&api-version=2024-04-01", "GET t=2&api-version=2024-04-01"}, queries); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestDeleteNeverReadsTheLocation(t *testing.T) {
	handler, _ := script(t,
		answer(202, `null`, "Azure-AsyncOperation", operationURL, "Location", "https://management.azure.com/gone"),
		answer(200, `{"status":"Updating"}`), answer(200, `{"status":"Succeeded"}`))
	p, err := newTestClient(t, handler).Endpoints().BeginDelete(t.Context(), "digits")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.PollUntilDone(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

func TestResumeInAnotherProcess(t *testing.T) {
	handler, _ := script(t, answer(201, `{}`, "Azure-AsyncOperation", operationURL))
	p, err := newTestClient(t, handler).Endpoints().BeginCreateOrUpdate(t.Context(), "digits", Endpoint{Location: "r"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := p.ResumeToken()
	if err != nil {
		t.Fatal(err)
	}
	handler, _ = script(t, answer(200, `{"status":"Succeeded"}`), answer(200, `{"name":"digits"}`))
	other := newTestClient(t, handler)
	p, err = Resume[Endpoint](other, token)
	if err != nil {
		t.Fatal(err)
	}
	ep, err := p.PollUntilDone(t.Context(), nil)
	if err != nil || ep.Name != "digits" {
		t.Errorf("PollUntilDone = %+v, %v", ep, err)
	}
	_, err = Resume[Deployment](other, token)
	if err == nil || !strings.Contains(err.Error(), "is of a Poller[Endpoint], not of a Poller[Deployment]") {
		t.Errorf("Resume of another type = %v", err)
	}
	said := newTexts(t)
	for name, bad := range map[string]string{
		"no token":          "x",
		"another version":   `{"version":1,"result":"Endpoint","poll":"https://management.azure.com/x","final":"https://management.azure.com/y"}`,
		"foreign host":      `{"version":2,"result":"Endpoint","poll":"https://evil.example/x","final":"https://management.azure.com/y"}`,
		"foreign result":    `{"version":2,"result":"Endpoint","poll":"https://management.azure.com/x","final":"https://evil.example/y"}`,
		"nothing to do":     `{"version":2,"result":"Endpoint"}`,
		"nothing to return": `{"version":2,"result":"Endpoint","poll":"https://management.azure.com/x"}`,
		"another type":      strings.Replace(token, `"result":"Endpoint"`, `"result":"Deployment"`, 1),
	} {
		_, err := Resume[Endpoint](other, bad)
		said.add(name, err)
		if !asError(err, new(*ArgumentError)) {
			t.Errorf("%s: Resume = %v, want an ArgumentError", name, err)
		}
	}
}

// TestResumeOfAJobAndOfADeletion resumes what has a job's name, and what has no result.
func TestResumeOfAJobAndOfADeletion(t *testing.T) {
	handler, _ := script(t, answer(202, ``, "Location", operationURL))
	c := newTestClient(t, handler)
	deletion, err := c.Endpoints().BeginDelete(t.Context(), "digits")
	if err != nil {
		t.Fatal(err)
	}
	token, err := deletion.ResumeToken()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Resume[Endpoint](c, token); !asError(err, new(*ArgumentError)) {
		t.Errorf("Resume[Endpoint] of a deletion = %v, want an ArgumentError", err)
	}
	handler, _ = script(t, answer(404, ``))
	if deletion, err = Resume[Nothing](newTestClient(t, handler), token); err != nil {
		t.Fatal(err)
	}
	if _, err := deletion.PollUntilDone(t.Context(), nil); err != nil {
		t.Error(err)
	}
	job, err := c.Jobs().Poller("job-1")
	if err != nil {
		t.Fatal(err)
	}
	if token, err = job.ResumeToken(); err != nil {
		t.Fatal(err)
	}
	handler, _ = script(t, answer(200, `{"name":"job-1","properties":{"status":"Completed"}}`))
	if job, err = Resume[Job](newTestClient(t, handler), token); err != nil {
		t.Fatal(err)
	}
	if j, err := job.PollUntilDone(t.Context(), nil); err != nil || j.Name != "job-1" {
		t.Errorf("job = %q, %v", j.Name, err)
	}
}

// TestResumeOfASchedule resumes the poller of a schedule.
func TestResumeOfASchedule(t *testing.T) {
	s := &scheduleService{stored: `{"name":"nightly"}`}
	c := newTestClient(t, s.ServeHTTP)
	action, err := NewEndpointScheduleAction("digits", Invocation{Input: URIFolder{URI: "https://a.blob.core.windows.net/c/f/"}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Schedules().BeginCreateOrUpdate(t.Context(), "nightly", Schedule{Trigger: CronTrigger{Expression: "0 2 * * *"}, Action: action})
	if err != nil {
		t.Fatal(err)
	}
	token, err := p.ResumeToken()
	if err != nil {
		t.Fatal(err)
	}
	if p, err = Resume[Schedule](newTestClient(t, s.ServeHTTP), token); err != nil {
		t.Fatal(err)
	}
	if got, err := p.PollUntilDone(t.Context(), nil); err != nil || got.Name != "nightly" {
		t.Errorf("PollUntilDone = %q, %v, want nightly", got.Name, err)
	}
}

func TestCancelledWaitSaysWhatWasSeenLast(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := newTestClient(t, answer(200, `{"name":"job-1","properties":{"status":"Running"}}`))
	_, err := c.Jobs().Wait(ctx, "job-1", &WaitOptions{OnProgress: func(p Progress) {
		if p.Polls == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), `wait for job "job-1": still Running after`) {
		t.Errorf("Wait = %v, want the last state and context.Canceled", err)
	}
}

// TestJobLateness walks the schedule on a simulated clock: jobs of many durations are noticed in time and in few polls.
func TestJobLateness(t *testing.T) {
	for _, duration := range []time.Duration{500 * time.Millisecond, 3 * time.Second, 19 * time.Second, 47 * time.Second, 300 * time.Second, time.Hour} {
		clk := newFakeClock()
		start, polls := clk.at, 0
		c := newClientOver(t, transporter(func(r *http.Request) (*http.Response, error) {
			polls++
			status := "Running"
			if clk.at.Sub(start) >= duration {
				status = "Completed"
			}
			return handlerTransport{answer(200, `{"name":"j","properties":{"status":"`+status+`"}}`)}.Do(r)
		}), clk)
		if _, err := c.Jobs().Wait(t.Context(), "j", nil); err != nil {
			t.Fatal(err)
		}
		late := clk.at.Sub(start) - duration
		if bound := min(max(duration/20, time.Second), 5*time.Second); late > bound {
			t.Errorf("a job of %v was noticed %v late, want at most %v", duration, late, bound)
		}
		if duration <= 300*time.Second && polls > 110 {
			t.Errorf("a job of %v took %d polls, want at most 110", duration, polls)
		}
	}
}

func TestRetryAfterBeatsTheInterval(t *testing.T) {
	handler, _ := script(t,
		answer(200, `{"properties":{"status":"Running"}}`, "Retry-After", "17"),
		answer(200, `{"properties":{"status":"Completed"}}`))
	clk := newFakeClock()
	c := newClientOver(t, handlerTransport{handler}, clk)
	if _, err := c.Jobs().Wait(t.Context(), "j", &WaitOptions{Interval: time.Second}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]time.Duration{17 * time.Second}, clk.slept); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

// The work went well, and reading its result failed: that is no end of the work, and can be tried again.
func TestResultThatCouldNotBeReadIsReadAgain(t *testing.T) {
	handler, got := script(t,
		answer(201, `{"name":"digits"}`, "Azure-AsyncOperation", operationURL),
		answer(200, `{"status":"Succeeded"}`),
		answer(403, `{"error":{"code":"AuthorizationFailed"}}`),
		answer(200, `{"name":"digits"}`),
	)
	p, err := newTestClient(t, handler).Endpoints().BeginCreateOrUpdate(t.Context(), "digits", Endpoint{Location: "r"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.PollUntilDone(t.Context(), nil); !errors.Is(err, ErrForbidden) {
		t.Fatalf("error = %v, want ErrForbidden", err)
	}
	if _, err := p.ResumeToken(); err != nil || p.Done() {
		t.Errorf("Done = %v, ResumeToken: %v", p.Done(), err)
	}
	if ep, err := p.PollUntilDone(t.Context(), nil); err != nil || ep.Name != "digits" || !p.Done() {
		t.Errorf("second try = %q, %v", ep.Name, err)
	}
	if len(*got) != 4 {
		t.Errorf("%d requests, want 4: the operation is not asked again", len(*got))
	}
}

// A caller whose time runs out while the cause of a failure is looked for still hears that the job failed.
func TestFailureOutlivesTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/jobs/job-1") {
			writeJSON(w, 200, `{"name":"job-1","properties":{"status":"Failed"}}`)
			return
		}
		cancel()
		writeJSON(w, 200, `{}`)
	})
	_, err := c.Jobs().Wait(ctx, "job-1", nil)
	var failed *JobFailedError
	if !errors.As(err, &failed) || !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want a *JobFailedError because of context.Canceled", err)
	}
}

func TestCancelledWaitKeepsTheCallersCause(t *testing.T) {
	lunch := errors.New("lunch")
	ctx, cancel := context.WithCancelCause(t.Context())
	c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel(lunch)
		writeJSON(w, 200, `{"name":"job-1","properties":{"status":"Running"}}`)
	})
	if _, err := c.Jobs().Wait(ctx, "job-1", nil); !errors.Is(err, lunch) || !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want both lunch and context.Canceled", err)
	}
}

// TestWaitBearsWithAJobThatShowsLate waits for a job that was invoked a moment ago, and not for one that never comes.
func TestWaitBearsWithAJobThatShowsLate(t *testing.T) {
	missing := answer(404, `{"error":{"code":"NotFound","message":"no such job"}}`)
	handler, _ := script(t, missing, missing, answer(200, `{"name":"j1","properties":{"status":"Running"}}`),
		answer(200, `{"name":"j1","properties":{"status":"Completed"}}`))
	if job, err := newTestClient(t, handler).Jobs().Wait(t.Context(), "j1", nil); err != nil || job.Status != JobStatusCompleted {
		t.Errorf("Wait = %s, %v", job.Status, err)
	}
	handler, got := script(t, missing, missing, missing, missing, missing, missing)
	if _, err := newTestClient(t, handler).Jobs().Wait(t.Context(), "j2", nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("Wait = %v, want ErrNotFound", err)
	}
	if len(*got) != 6 {
		t.Errorf("%d polls for a job that never came, want 6", len(*got))
	}
	handler, _ = script(t, answer(200, `{"name":"j3","properties":{"status":"Running"}}`), missing)
	if _, err := newTestClient(t, handler).Jobs().Wait(t.Context(), "j3", nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("Wait for a job that was deleted = %v, want ErrNotFound", err)
	}
}

// TestSchedulesOfPolls pins how long a wait waits between two polls, by how long it has waited.
func TestSchedulesOfPolls(t *testing.T) {
	for elapsed, want := range map[time.Duration][2]time.Duration{ // of an operation, of a job
		0:                 {100 * time.Millisecond, 250 * time.Millisecond},
		time.Second:       {200 * time.Millisecond, 250 * time.Millisecond},
		4 * time.Second:   {800 * time.Millisecond, 500 * time.Millisecond},
		16 * time.Second:  {3200 * time.Millisecond, time.Second},
		20 * time.Second:  {4 * time.Second, time.Second},
		30 * time.Second:  {5 * time.Second, 1500 * time.Millisecond},
		200 * time.Second: {5 * time.Second, 5 * time.Second},
	} {
		if got := [2]time.Duration{operationSchedule(elapsed), jobSchedule(elapsed)}; got != want {
			t.Errorf("after %v: %v, want %v", elapsed, got, want)
		}
	}
}

// TestPollerBeforeAndAfterItsEnd: before the end there is no result; after it nothing is sent.
func TestPollerBeforeAndAfterItsEnd(t *testing.T) {
	handler, got := script(t,
		answer(201, `{"name":"digits"}`, "Azure-AsyncOperation", operationURL),
		answer(200, `{"status":"Running"}`),
		answer(200, `{"status":"Failed","error":{"code":"QuotaExceeded","message":"no cores"}}`))
	p, err := newTestClient(t, handler).Endpoints().BeginCreateOrUpdate(t.Context(), "digits", Endpoint{Location: "r"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Result(); err == nil || err.Error() != `azmlbatch: create endpoint "digits": not done yet; poll first` {
		t.Errorf("Result before the end = %v", err)
	}
	_, failed := p.Poll(t.Context())
	if !HasCode(failed, "QuotaExceeded") || !p.Done() {
		t.Fatalf("Poll = %v, want the operation's failure", failed)
	}
	sent := len(*got)
	if progress, err := p.Poll(t.Context()); err != failed || progress.Polls != 2 || progress.Status != "Failed" { //nolint:errorlint // the same error
		t.Errorf("Poll after the end = %+v, %v, want %v again", progress, err, failed)
	}
	if _, err := p.Result(); err != failed { //nolint:errorlint // the same error
		t.Errorf("Result after the end = %v, want %v", err, failed)
	}
	if _, err := p.ResumeToken(); err == nil || err.Error() != `azmlbatch: create endpoint "digits": done already; there is nothing to resume` {
		t.Errorf("ResumeToken after the end = %v", err)
	}
	if len(*got) != sent {
		t.Errorf("%d requests after the end", len(*got)-sent)
	}
}
