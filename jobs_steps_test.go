package azmlbatch

import (
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
