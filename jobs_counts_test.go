package azmlbatch

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// runService answers for one job, job-1, with the step step-1, and its metrics and logs.
type runService struct {
	t        *testing.T
	status   func(poll int) string // of the job at its n-th poll, from 1; nil means Completed
	step     string                // status of the step; "" while there is none
	metrics  func(w http.ResponseWriter)
	logs     map[string]string
	requests map[string]int // by what they ask for
	ranges   []string
}

func newRunService(t *testing.T) *runService {
	return &runService{t: t, step: "Completed", requests: map[string]int{}, metrics: func(w http.ResponseWriter) { writeJSON(w, 200, `{"run":{"data":{}}}`) }}
}

func (s *runService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, testWorkspaceID)
	count := func(what string) int { s.requests[what]++; return s.requests[what] }
	switch {
	case path == "/jobs/job-1":
		status := "Completed"
		if n := count("job"); s.status != nil {
			status = s.status(n)
		}
		writeJSON(w, 200, `{"name":"job-1","properties":{"status":"`+status+`"}}`)
	case strings.HasSuffix(path, "/discovery"):
		writeJSON(w, 200, `{"api":"https://r.api.azureml.ms"}`)
	case path == "":
		writeJSON(w, 200, `{"location":"r","properties":{"discoveryUrl":"https://r.api.azureml.ms/discovery"}}`)
	case strings.HasSuffix(path, "/runs/job-1/children"):
		count("children")
		if s.step == "" {
			writeJSON(w, 200, `{"value":[]}`)
			return
		}
		writeJSON(w, 200, `{"value":[{"runId":"step-1","displayName":"batchscoring","status":"`+s.step+`"}]}`)
	case strings.HasSuffix(path, "/runs/job-1"):
		writeJSON(w, 200, `{"runId":"job-1","runType":"azureml.PipelineRun"}`)
	case strings.HasSuffix(path, "/api/2.0/mlflow/runs/get") && r.URL.Query().Get("run_id") == "step-1":
		count("metrics")
		s.metrics(w)
	case path == "/datastores/workspaceartifactstore":
		writeJSON(w, 200, `{"name":"workspaceartifactstore","properties":{"datastoreType":"AzureBlob","accountName":"acc","containerName":"azureml","endpoint":"core.windows.net","protocol":"https"}}`)
	case r.URL.Host == "acc.blob.core.windows.net" && r.URL.Query().Get("comp") == "list":
		count("list of logs")
		s.listLogs(w)
	case r.URL.Host == "acc.blob.core.windows.net":
		count("log")
		s.readLog(w, r)
	default:
		s.t.Errorf("unexpected request %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusTeapot)
	}
}

const artifactsOfStep = "ExperimentRun/dcid.step-1/"

func (s *runService) listLogs(w http.ResponseWriter) {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><EnumerationResults><Blobs>`)
	for _, name := range sortedKeys(s.logs) {
		b.WriteString("<Blob><Name>" + artifactsOfStep + name + "</Name><Properties><Content-Length>" + strconv.Itoa(len(s.logs[name])) + "</Content-Length></Properties></Blob>")
	}
	b.WriteString(`</Blobs></EnumerationResults>`)
	w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(w, b.String())
}

func (s *runService) readLog(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/azureml/"+artifactsOfStep)
	for header, asked := range r.Header { // azblob writes it in lower case, and no wire has put it into canonical form
		if !strings.EqualFold(header, "x-ms-range") {
			continue
		}
		s.ranges = append(s.ranges, name+" "+asked[0])
		r.Header.Set("Range", asked[0])
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(s.logs[name]))
}

func metrics(body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { writeJSON(w, 200, `{"run":{"data":{"metrics":[`+body+`]}}}`) }
}

const report = "Mini-batch Id,Picked Count,Process,Process Start Time,Total,Succeeded,Failed,Elapsed Seconds,Process Seconds,Run Method Seconds,Status,Error Category,Error Message,Mini-batch Detail\n"

func TestCounts(t *testing.T) {
	tests := []struct {
		name    string
		step    string
		metrics func(http.ResponseWriter)
		logs    map[string]string
		want    JobCounts
	}{
		{"metrics of a running job", "Running",
			metrics(`{"key":"Failed Items","value":2},{"key":"Total Items","value":100.0},{"key":"Remaining Items","value":"40"},{"key":"Total MiniBatches","value":10},{"key":"Remaining Mini Batches","value":4},{"key":"loss","value":"NaN"}`),
			nil, JobCounts{100, 60, 2, 10, 6}},
		{"before the first mini-batch is done with", "Running",
			metrics(`{"key":"Failed Items","value":0},{"key":"Total Items","value":100},{"key":"Total Mini Batches","value":10}`),
			nil, JobCounts{100, 0, 0, 10, 0}},
		{"before the input is cut", "Running", metrics(`{"key":"Failed Items","value":0}`), nil, JobCounts{-1, -1, 0, -1, -1}},
		{"completed, and the last metrics are late", "Completed",
			metrics(`{"key":"Failed Items","value":1},{"key":"Total Items","value":3},{"key":"Remaining Items","value":1},{"key":"Total Mini Batches","value":3},{"key":"Remaining Mini Batches","value":1}`),
			nil, JobCounts{3, 3, 1, 3, 3}},
		{"completed, from the report: the last try counts", "Completed", metrics(``), map[string]string{
			miniBatchReport: report +
				"0,1,process000,,2,0,0,1,1,1,RUN_EXCEPTION,USER_ERROR,\"ValueError: no\nglaze\",\"[\"\"a\"\"]\"\n" +
				"1,1,process000,,2,1,1,1,1,1,RUN_DONE,,,\n" +
				"0,2,process000,,2,2,0,1,1,1,RUN_DONE,,,\n" +
				"2,1,process000,,1,0,0,1,1,1,RUN_TIMEOUT,USER_ERROR,,\n"},
			JobCounts{5, 5, 2, 3, 3}},
		{"failed, from the report: how many there were is not in it", "Failed", metrics(``), map[string]string{
			miniBatchReport: report + "0,1,process000,,2,0,0,1,1,1,RUN_EXCEPTION,USER_ERROR,,\n"},
			JobCounts{-1, 2, 2, -1, 1}},
		{"running, from the newest overview", "Running", metrics(``), map[string]string{
			"logs/job_progress_overview.2026022811.txt": "2026-02-28T11:11:55.543843 Processed 1 of 9 mini batches in 0:00:10. Estimate remaining 0:01:20.\n",
			"logs/job_progress_overview.2026030111.txt": "2026-03-01T11:11:55.543843 No task has been processed yet.\n2026-03-01T11:12:05.543843 Processed 7 of 9 mini batches in 1:00:10. Estimate remaining 0:01:20.\n"},
			JobCounts{-1, -1, -1, 9, 7}},
		{"numbers that are no counts", "Running",
			metrics(`{"key":"Failed Items","value":-1},{"key":"Total Items","value":1e300},{"key":"Remaining Items","value":40},{"key":"Total MiniBatches","value":3},{"key":"Remaining MiniBatches","value":4}`),
			map[string]string{"logs/job_progress_overview.txt": "x Processed 7 of 9 mini batches in 1:00:10.\n"}, JobCounts{-1, -1, -1, 3, 0}},
		{"metrics refused", "Completed", func(w http.ResponseWriter) { writeJSON(w, 403, `{"error":{"code":"UserError"}}`) },
			map[string]string{"logs/job_progress_overview.txt": "x All 9 mini batches have been processed.\n"}, JobCounts{-1, -1, -1, 9, 9}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newRunService(t)
			s.step, s.metrics, s.logs = tt.step, tt.metrics, tt.logs
			got, err := newTestClient(t, s.ServeHTTP).Jobs().Counts(t.Context(), "job-1")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Counts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCountsOfNothing(t *testing.T) {
	s := newRunService(t)
	s.step = "Queued"
	got, err := newTestClient(t, s.ServeHTTP).Jobs().Counts(t.Context(), "job-1")
	newTexts(t).add("nothing", err)
	if !errors.Is(err, ErrNotFound) || got != unknownCounts() {
		t.Errorf("Counts = %+v, %v; want ErrNotFound and nothing known", got, err)
	}
}

func TestWaitCountsOnlyForWhoeverAsks(t *testing.T) {
	running := func(poll int) string {
		if poll < 4 {
			return "Running"
		}
		return "Completed"
	}
	s := newRunService(t)
	s.status = running
	if _, err := newTestClient(t, s.ServeHTTP).Jobs().Wait(t.Context(), "job-1", nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"job": 4}, s.requests); diff != "" {
		t.Errorf("requests without OnProgress (-want +got):\n%s", diff)
	}

	s = newRunService(t)
	s.status, s.step = running, "Running"
	s.metrics = func(w http.ResponseWriter) {
		metrics(`{"key":"Failed Items","value":1},{"key":"Total Items","value":4},{"key":"Remaining Items","value":` + strconv.Itoa(4-s.requests["metrics"]) + `}`)(w)
	}
	var done []int
	_, err := newTestClient(t, s.ServeHTTP).Jobs().Wait(t.Context(), "job-1", &WaitOptions{OnProgress: func(p Progress) { done = append(done, p.Counts.FilesDone) }})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 2, 3, 4}, done); diff != "" {
		t.Errorf("files done (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"job": 4, "children": 1, "metrics": 4}, s.requests); diff != "" {
		t.Errorf("requests with OnProgress (-want +got):\n%s", diff)
	}
}

func TestCountsThatFailDoNotFailTheWait(t *testing.T) {
	s := newRunService(t)
	s.status = func(poll int) string {
		if poll < 3 {
			return "Running"
		}
		return "Completed"
	}
	s.metrics = func(w http.ResponseWriter) { writeJSON(w, 403, ``) }
	polls := 0
	job, err := newTestClient(t, s.ServeHTTP).Jobs().Wait(t.Context(), "job-1", &WaitOptions{OnProgress: func(p Progress) {
		if polls++; p.Counts != nil {
			t.Errorf("Counts = %+v, want nil", p.Counts)
		}
	}})
	if err != nil || job.Status != JobStatusCompleted || polls != 3 {
		t.Errorf("Wait = %s, %v after %d polls; want Completed after 3", job.Status, err, polls)
	}
	if s.requests["list of logs"] != 2 { // the first poll's and the last one's: less than ten seconds between the others
		t.Errorf("the logs were listed %d times, want 2", s.requests["list of logs"])
	}
}

// TestCountsDoNotPutOffPolls lets each count take a while on the simulated clock.
func TestCountsDoNotPutOffPolls(t *testing.T) {
	polls := func(o *WaitOptions) (at []time.Duration) {
		s, clk := newRunService(t), newFakeClock()
		begin := clk.at
		s.step = "Running"
		s.status = func(int) string {
			at = append(at, clk.at.Sub(begin))
			if clk.at.Sub(begin) < 10*time.Second {
				return "Running"
			}
			return "Completed"
		}
		s.metrics = func(w http.ResponseWriter) {
			clk.at = clk.at.Add(200 * time.Millisecond)
			metrics(`{"key":"Failed Items","value":0},{"key":"Total Items","value":4}`)(w)
		}
		if _, err := newClientOver(t, handlerTransport{s}, clk).Jobs().Wait(t.Context(), "job-1", o); err != nil {
			t.Fatal(err)
		}
		return at
	}
	if diff := cmp.Diff(polls(nil), polls(&WaitOptions{OnProgress: func(Progress) {}})); diff != "" {
		t.Errorf("times of polls (-without counts +with):\n%s", diff)
	}
}

func FuzzReportCounts(f *testing.F) {
	f.Add(report + "0,1,process000,,2,1,1,1,1,1,RUN_DONE,,,\n")
	f.Add(report + "0,1,p,,2,0,0,1,1,1,RUN_EXCEPTION,USER_ERROR,\"cut")
	f.Fuzz(func(t *testing.T, text string) {
		read, err := readReport(strings.NewReader(text))
		c := read.counts
		if err != nil {
			t.Errorf("a reader that does not fail = %v", err)
		}
		if c.FilesDone < -1 || c.FilesFailed < -1 || c.MiniBatchesDone < -1 {
			t.Errorf("counts = %+v", c)
		}
		if c := overviewCounts(text); c.MiniBatches < -1 || c.MiniBatchesDone < -1 {
			t.Errorf("counts of an overview = %+v", c)
		}
	})
}

// TestCountsThatCannotBeRead: the metrics tell nothing, and the overview cannot be opened.
func TestCountsThatCannotBeRead(t *testing.T) {
	s := newRunService(t)
	s.step, s.logs = "Running", map[string]string{"logs/job_progress_overview.txt": "x"}
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "job_progress_overview.txt") {
			answer(403, "", "x-ms-error-code", "AuthorizationFailure")(w, r)
			return
		}
		s.ServeHTTP(w, r)
	})
	if counts, err := c.Jobs().Counts(t.Context(), "job-1"); !HasCode(err, "AuthorizationFailure") || counts != unknownCounts() {
		t.Errorf("Counts = %v, %v, want the refusal", counts, err)
	}
}

// TestCountsThatNeitherSourceHas: where neither source can be read, both errors are told.
func TestCountsThatNeitherSourceHas(t *testing.T) {
	s := newRunService(t)
	s.metrics = func(w http.ResponseWriter) {
		writeJSON(w, 403, `{"error":{"code":"UserError","message":"no metrics for you"}}`)
	}
	s.logs = map[string]string{miniBatchReport: report}
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host == "acc.blob.core.windows.net" && r.URL.Query().Get("comp") == "" {
			w.Header().Set("x-ms-error-code", "BlobArchived")
			w.WriteHeader(http.StatusConflict)
			return
		}
		s.ServeHTTP(w, r)
	})
	counts, err := c.Jobs().Counts(t.Context(), "job-1")
	newTexts(t).add("neither", err)
	if counts != unknownCounts() || !HasCode(err, "BlobArchived") || !strings.Contains(err.Error(), "reading the metrics failed: ") || !strings.Contains(err.Error(), "no metrics for you") {
		t.Errorf("Counts = %+v, %v", counts, err)
	}
	s.logs = map[string]string{"logs/job_progress_overview.txt": "x All 9 mini batches have been processed.\n"}
	if _, err := c.Jobs().Counts(t.Context(), "job-1"); !HasCode(err, "BlobArchived") {
		t.Errorf("Counts from an overview that is archived = %v", err)
	}
}

// TestReportThatBreaksOff counts for nothing: the lines that are missing may say more. A last line that was cut is left out.
func TestReportThatBreaksOff(t *testing.T) {
	const line = "0,1,process000,,2,2,0,1,1,1,RUN_DONE,,,\n"
	read, err := readReport(io.MultiReader(strings.NewReader(report+line), &failingReader{}))
	newTexts(t).add("a broken stream", err)
	if !errors.Is(err, errReset) || read.counts != unknownCounts() {
		t.Errorf("counts %v, %v, want the stream's error and none", read.counts, err)
	}
	for cut, want := range map[string]JobCounts{
		"":                                {-1, 2, 0, -1, 1},
		"1,1,process000,,2,0,2,1,1,1,RUN": {-1, 4, 2, -1, 2},
		"1,1,process000,,2,0,2,1,1,1,RUN_EXCEPTION,USER_ERROR,\"cut": {-1, 2, 0, -1, 1},
	} {
		if read, err := readReport(strings.NewReader(report + line + cut)); err != nil || read.counts != want {
			t.Errorf("%q: counts %v, %v, want %v", cut, read.counts, err, want)
		}
	}
}
