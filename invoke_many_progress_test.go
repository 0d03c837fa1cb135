package azmlbatch

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestInvokeManyProgress(t *testing.T) {
	run := func(options *InvokeManyOptions) *manyService {
		s, c := newManyService(t)
		for _, err := range c.Endpoints().InvokeMany(t.Context(), "digits", folders("good", "good", "sour"), options) {
			_ = err // of the job that fails
		}
		return s
	}
	seen := map[int][]string{}
	run(&InvokeManyOptions{Concurrency: 2, OnProgress: func(p InvokeProgress) {
		seen[p.Index] = append(seen[p.Index], p.Job+" "+p.Progress.Status)
		if p.Progress.Polls != len(seen[p.Index]) || p.Running < 0 || p.Running > 2 || p.Ended > 3 {
			t.Errorf("OnProgress(%v)", p)
		}
		if ended := p.Progress.Status != "Running"; ended && p.Ended == 0 {
			t.Errorf("OnProgress(%v) of a job that ended", p)
		}
	}})
	for index, statuses := range seen {
		last := map[int]string{0: " Completed", 1: " Completed", 2: " Failed"}[index]
		if len(statuses) < 2 || !strings.HasSuffix(statuses[len(statuses)-1], last) {
			t.Errorf("job %d was seen as %q, want Running, and at last%s", index, statuses, last)
		}
		for _, status := range statuses[:len(statuses)-1] {
			if !strings.HasSuffix(status, " Running") {
				t.Errorf("job %d was seen as %q", index, statuses)
			}
		}
	}
	if len(seen) != 3 {
		t.Errorf("progress of %d jobs, want 3", len(seen))
	}
	for path := range run(&InvokeManyOptions{Concurrency: 2}).reads {
		if strings.Contains(path, "/runs/job-0/children") {
			t.Errorf("GET %s, and nobody wants to know", path)
		}
	}
}

// TestInvokeManyCountsInTurn follows twenty jobs, of which a round counts eight.
func TestInvokeManyCountsInTurn(t *testing.T) {
	counted := map[string]int{}
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if run := r.URL.Query().Get("run_id"); run != "" {
			counted[run]++
			metrics(`{"key":"Failed Items","value":0},{"key":"Total Items","value":4},{"key":"Remaining Items","value":1}`)(w)
			return
		}
		if path, children := strings.CutSuffix(r.URL.Path, "/children"); children {
			writeJSON(w, 200, `{"value":[{"runId":"step-of-`+lastSegment(path)+`","displayName":"batchscoring","status":"Running"}]}`)
			return
		}
		wholeService(w, r)
	})
	last := map[string]int{}
	p := manyProgress{jobs: c.Jobs(), tell: func(p InvokeProgress) {
		if p.Running != 20 || p.Ended != 0 || p.Progress.Status != "Running" {
			t.Errorf("OnProgress(%v)", p)
		}
		if p.Progress.Counts != nil {
			last[p.Job] = p.Progress.Counts.FilesDone
		}
	}}
	var left []*watchedJob
	for i := range 20 {
		name := fmt.Sprint("job-", i)
		p.start(InvokeResult{Index: i, Started: BatchJob{Name: name, Status: JobStatusPreparing}})
		left = append(left, &watchedJob{name: name, status: JobStatusRunning})
	}
	for round := range 5 {
		if asked := p.round(t.Context(), left); asked != countsAtOnce || len(last) != min(20, countsAtOnce*(round+1)) {
			t.Errorf("round %d asked for %d counts and knows %d, want 8 and %d", round, asked, len(last), min(20, 8*(round+1)))
		}
	}
	for i := range 20 {
		if run := fmt.Sprint("step-of-job-", i); counted[run] != 2 || last[fmt.Sprint("job-", i)] != 3 {
			t.Errorf("%s was counted %d times, want twice; %d files done, want 3", run, counted[run], last[fmt.Sprint("job-", i)])
		}
	}
}
