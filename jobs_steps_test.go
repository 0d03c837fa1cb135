package azmlbatch

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A member of another kind than usual costs that member, and not the whole list, without which no log can be found.
func TestStepsOfOtherShapes(t *testing.T) {
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/children"):
			writeJSON(w, 200, `{"value":[
				{"runId":"a","displayName":"batchscoring","startTimeUtc":"2026-03-01T12:00:00","properties":{"n":1},"error":"text"},
				{"runId":"b","RootRunId":"j","EndTimeUtc":"2026-03-01T12:00:00.1234567+00:00","error":{"error":{"message":"no glaze\n"}}}]}`)
		case strings.HasSuffix(r.URL.Path, "/discovery"):
			writeJSON(w, 200, `{"api":"https://r.api.azureml.ms"}`)
		default:
			writeJSON(w, 200, `{"location":"r","properties":{"discoveryUrl":"https://r.api.azureml.ms/discovery"}}`)
		}
	})
	var got []JobStep
	for step, err := range c.Jobs().ListSteps(t.Context(), "job-1") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, step)
	}
	want := []JobStep{{RunID: "a", Name: "batchscoring"},
		{RunID: "b", EndTime: time.Date(2026, 3, 1, 12, 0, 0, 123456700, time.UTC), Message: "no glaze"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// runTree is run history: the children of each run, and the runs themselves.
func runTree(t *testing.T, children, runs map[string]string) JobsClient {
	t.Helper()
	return newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		_, path, _ := strings.Cut(r.URL.Path, "/runs/")
		name, list := strings.CutSuffix(path, "/children")
		switch body, ok := runs[name]; {
		case strings.HasSuffix(r.URL.Path, "/discovery"):
			writeJSON(w, 200, `{"api":"https://r.api.azureml.ms"}`)
		case r.URL.Path == testWorkspaceID:
			writeJSON(w, 200, `{"properties":{"discoveryUrl":"https://r.api.azureml.ms/discovery"}}`)
		case list && children[name] == "refused":
			writeJSON(w, 403, `{"error":{"code":"UserError","message":"not for you"}}`)
		case list:
			writeJSON(w, 200, `{"value":[`+children[name]+`]}`)
		case ok:
			writeJSON(w, 200, body)
		default:
			writeJSON(w, 404, `{"error":{"code":"UserError","message":"no such run"}}`)
		}
	}).Jobs()
}

// TestStepOfAJob finds the step that runs the script, and the step that failed, by the steps of a job.
func TestStepOfAJob(t *testing.T) {
	const completed, failed = `","status":"Completed"}`, `","status":"Failed"}`
	tests := []struct {
		name           string
		children, runs map[string]string
		scoring        string // RunID, or the text of the error
		failed         string
	}{
		{"the one that scores", map[string]string{"j": `{"runId":"a` + failed + `,{"runId":"b","properties":{"azureml.moduleName":"batchscoring"}}`}, nil, "b", "b"},
		{"the only one", map[string]string{"j": `{"runId":"a` + failed}, nil, "a", "a"},
		{"several", map[string]string{"j": `{"runId":"a` + completed + `,{"runId":"b` + failed}, nil, "no step called batchscoring", "b"},
		{"several that completed", map[string]string{"j": `{"runId":"a` + completed + `,{"runId":"b` + completed}, nil, "no step called batchscoring", "no step called batchscoring"},
		{"a pipeline within", map[string]string{"j": `{"runId":"a` + completed + `,{"runId":"b` + failed, "b": `{"runId":"c` + failed + `,{"runId":"d` + completed}, nil,
			"no step called batchscoring", "c"},
		{"a pipeline within that is not shown", map[string]string{"j": `{"runId":"a` + completed + `,{"runId":"b` + failed, "b": "refused"}, nil, "no step called batchscoring", "b"},
		{"a command job", nil, map[string]string{"j": `{"runId":"j","runType":"azureml.StepRun"}`}, "j", "j"},
		{"a pipeline that has not started", nil, map[string]string{"j": `{"runId":"j","runType":"azureml.PipelineRun"}`}, "no step called batchscoring", "no step called batchscoring"},
		{"a run that says nothing", nil, map[string]string{"j": `{"runId":"j"}`}, "no step called batchscoring", "no step called batchscoring"},
		{"a run that is no JSON", nil, map[string]string{"j": `[]`}, "not the JSON that was expected", "not the JSON that was expected"},
		{"no run", nil, nil, "no such run", "no such run"},
		{"refused", map[string]string{"j": "refused"}, nil, "not for you", "not for you"},
	}
	said := newTexts(t)
	for _, tt := range tests {
		j := runTree(t, tt.children, tt.runs)
		step, err := j.scoringStep(t.Context(), "j")
		if err == nil && step.RunID != tt.scoring || err != nil && !strings.Contains(err.Error(), tt.scoring) {
			t.Errorf("%s: scoring step %q, %v; want %s", tt.name, step.RunID, err, tt.scoring)
		}
		said.add(tt.name, err)
		step, err = j.failedStep(t.Context(), "j")
		said.add(tt.name+", that failed", err)
		if err == nil && step.RunID != tt.failed || err != nil && !strings.Contains(err.Error(), tt.failed) {
			t.Errorf("%s: failed step %q, %v; want %s", tt.name, step.RunID, err, tt.failed)
		}
	}
}

// TestCauseOfAJobWithoutAFailedStep is what the service says of the job itself.
func TestCauseOfAJobWithoutAFailedStep(t *testing.T) {
	const words = `Experiment submission failed due to error 'id' cannot be null.`
	const pipeline = `{"runId":"j","runType":"azureml.PipelineRun","status":"Failed","error":{"error":{"code":"UserError","message":"` + words + `"}}}`
	const silent = `{"runId":"j","runType":"azureml.PipelineRun","status":"Failed"}`
	tests := []struct {
		name           string
		children, runs map[string]string
		message        string
		unread         string // in the error of the logs
	}{
		{"no step began", nil, map[string]string{"j": pipeline}, words, ""},
		{"no step failed", map[string]string{"j": `{"runId":"a","status":"Completed"},{"runId":"b","status":"Canceled"}`}, map[string]string{"j": pipeline}, words, ""},
		{"the step that scores says nothing", map[string]string{"j": `{"runId":"a","displayName":"batchscoring","status":"NotStarted"}`}, map[string]string{"j": pipeline}, words, "list logs"},
		{"the step that scores says it", map[string]string{"j": `{"runId":"a","displayName":"batchscoring","status":"Failed","error":{"error":{"message":"no nodes"}}}`},
			map[string]string{"j": pipeline}, "no nodes", "list logs"},
		{"nobody says anything", nil, map[string]string{"j": silent}, "", "no step called batchscoring"},
		{"steps are refused", map[string]string{"j": "refused"}, map[string]string{"j": pipeline}, words, "not for you"},
		{"no run", nil, nil, "", "no such run"},
	}
	said := newTexts(t)
	for _, tt := range tests {
		err := runTree(t, tt.children, tt.runs).explain(t.Context(), Job{Name: "j", Status: JobStatusFailed})
		said.add(tt.name, err)
		var failed *JobFailedError
		if !asError(err, &failed) || failed.Message != tt.message {
			t.Errorf("%s: %v, want the message %q", tt.name, err, tt.message)
			continue
		}
		if unread := fmt.Sprint(failed.Err); failed.Err != nil != (tt.unread != "") || !strings.Contains(unread, tt.unread) {
			t.Errorf("%s: logs: %v, want %q", tt.name, failed.Err, tt.unread)
		}
	}
}
