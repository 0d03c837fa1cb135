package azmlbatch

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestListSummaries asks the way List does and reads the few members of a whole job.
func TestListSummaries(t *testing.T) {
	var sent []recordedRequest
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, record(r))
		writeJSON(w, 200, `{"value":[
			{"name":"a","properties":{"jobType":"Pipeline","displayName":"blue_jar","status":"Running","experimentName":"digits","services":{"Studio":{"port":null}}},
			 "systemData":{"createdAt":"2026-02-27T17:05:24.3638539+00:00","createdBy":"A Potter"}},
			{"name":"b","properties":{"status":"Completed","experimentName":"other"}},
			{"name":"c","properties":{"status":"Glazing","experimentName":"Digits"},"new":{"x":[]}}]}`)
	})
	options := &ListJobsOptions{ExperimentName: "digits", JobType: "Pipeline", Tag: "team", View: ListViewAll}
	var got []JobSummary
	for s, err := range c.Jobs().ListSummaries(t.Context(), options) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	want := []JobSummary{
		{Name: "a", DisplayName: "blue_jar", ExperimentName: "digits", Status: JobStatusRunning, CreatedAt: time.Date(2026, 2, 27, 17, 5, 24, 363853900, time.UTC)},
		{Name: "c", ExperimentName: "Digits", Status: "Glazing"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ListSummaries (-want +got):\n%s", diff)
	}
	for _, err := range c.Jobs().List(t.Context(), options) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(sent) != 2 || !cmp.Equal(sent[0], sent[1]) {
		t.Errorf("ListSummaries and List ask for different things: %v", sent)
	}
}

func TestJobSummaryAsJSON(t *testing.T) {
	b, err := json.Marshal(JobSummary{Name: "a", Status: JobStatusFailed})
	if want := `{"name":"a","properties":{"status":"Failed"}}`; err != nil || string(b) != want {
		t.Errorf("Marshal = %s, %v, want %s", b, err, want)
	}
}
