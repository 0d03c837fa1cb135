package azmlbatch

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCauseInLogs has logs that are longer than what is read of them, that contradict each other,
// or that cannot be read.
func TestCauseInLogs(t *testing.T) {
	const stamp = "2026-02-28T11:11:55.543843 "
	call := func(process, text string) string {
		return stamp + "The " + process + " on node 0 failed with error: " + text + "\n"
	}
	exception := func(text string) string { return tracebackHead + "\n  File \"score.py\", line 9, in run\n" + text }
	done := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%d,1,process000,2026-02-28 11:11:55.543843,2,2,0,1.000000,1.000000,1.000000,RUN_DONE,,,\n", i)
		}
		return b.String()
	}
	const bad = "70000,1,process003,,2,0,2,1,1,1,RUN_EXCEPTION,USER_ERROR,ValueError: cracked,\"[\"\"b.txt\"\"]\"\n"
	const threshold = stamp + "The number of failed items is 2, which exceeds error threshold 0.\n"
	tests := []struct {
		name   string
		logs   map[string]string
		broken string         // a log that cannot be read
		want   JobFailedError // but for Log, whose end is in from
		from   string
	}{
		{"a report above 1 MiB", map[string]string{miniBatchReport: report + done(20_000) + bad, jobResultLog: threshold, "logs/job_error.1.txt": call("process003", exception("ValueError: cracked"))}, "",
			JobFailedError{Message: "ValueError: cracked", MiniBatch: 70000, File: "b.txt", Node: "0", Process: "process003", Counts: JobCounts{-1, 40_002, 2, -1, 20_001}}, "logs/job_error.1.txt"},
		{"errors above 1 MiB before the cause", map[string]string{jobResultLog: threshold,
			miniBatchReport:        report + "0,1,process000,,2,0,0,1,1,1,RUN_EXCEPTION,USER_ERROR,OSError: flaky,a\n" + done(1) + bad,
			"logs/job_error.1.txt": strings.Repeat(call("process000", exception("OSError: flaky")), 20_000) + call("process003", exception("ValueError: cracked"))}, "",
			JobFailedError{Message: "ValueError: cracked", MiniBatch: 70000, File: "b.txt", Process: "process003", Counts: JobCounts{-1, 4, 2, -1, 2}}, "logs/sys/job_report/processed_mini-batches.csv"},
		{"an output that exists, after errors", map[string]string{miniBatchReport: report + bad, jobResultLog: stamp + "the path already exists\n", "logs/job_error.1.txt": call("process003", exception("ValueError: cracked"))}, "",
			JobFailedError{Message: "the path already exists", MiniBatch: -1, Counts: JobCounts{-1, 2, 2, -1, 1}}, "logs/job_result.txt"},
		{"a report without messages", map[string]string{miniBatchReport: report + strings.ReplaceAll(bad, "ValueError: cracked", ""), jobResultLog: threshold, "logs/job_error.1.txt": call("process003", exception("ValueError: cracked"))}, "",
			JobFailedError{Message: "ValueError: cracked", MiniBatch: 70000, File: "b.txt", Node: "0", Process: "process003", Counts: JobCounts{-1, 2, 2, -1, 1}}, "logs/job_error.1.txt"},
		{"a message that was cut", map[string]string{miniBatchReport: report + strings.ReplaceAll(bad, "cracked", "crack"), jobResultLog: threshold,
			"logs/job_error.1.txt": call("process000", exception("OSError: flaky")) + call("process003", exception("ValueError: cracked"))}, "",
			JobFailedError{Message: "ValueError: cracked", MiniBatch: 70000, File: "b.txt", Node: "0", Process: "process003", Counts: JobCounts{-1, 2, 2, -1, 1}}, "logs/job_error.1.txt"},
		{"no logs of the script", map[string]string{jobResultLog: stamp + "one\n" + stamp + "two\nnot stamped\n"}, "", JobFailedError{Message: "two", MiniBatch: -1, Counts: unknownCounts()}, "logs/job_result.txt"},
		{"a result that says completed", map[string]string{jobResultLog: stamp + "The job completed. Failed items are explained.\n"}, "", JobFailedError{Message: "of the step", MiniBatch: -1, Counts: unknownCounts()}, ""},
		{"no logs at all", nil, "", JobFailedError{Message: "of the step", MiniBatch: -1, Counts: unknownCounts()}, ""},
		{"a report that cannot be read", map[string]string{miniBatchReport: report + bad, jobResultLog: threshold, "logs/job_error.1.txt": call("process003", exception("ValueError: cracked"))}, miniBatchReport,
			JobFailedError{Message: "ValueError: cracked", MiniBatch: -1, Node: "0", Process: "process003", Counts: unknownCounts()}, "logs/job_error.1.txt"},
		{"a result that cannot be read", map[string]string{jobResultLog: threshold, "logs/job_error.1.txt": call("process003", exception("ValueError: cracked"))}, jobResultLog,
			JobFailedError{Message: "ValueError: cracked", MiniBatch: -1, Node: "0", Process: "process003", Counts: unknownCounts()}, "logs/job_error.1.txt"},
		{"errors that cannot be read", map[string]string{miniBatchReport: report + bad, jobResultLog: threshold, "logs/job_error.1.txt": call("process003", exception("ValueError: cracked"))}, "logs/job_error.1.txt",
			JobFailedError{Message: "ValueError: cracked", MiniBatch: 70000, File: "b.txt", Process: "process003", Counts: JobCounts{-1, 2, 2, -1, 1}}, "logs/sys/job_report/processed_mini-batches.csv"},
		{"errors that cannot be read, and another log that has them", map[string]string{jobResultLog: threshold, "logs/job_error.0.txt": "x", "logs/job_error.1.txt": call("process003", exception("ValueError: cracked"))}, "logs/job_error.0.txt",
			JobFailedError{Message: "ValueError: cracked", MiniBatch: -1, Node: "0", Process: "process003", Counts: unknownCounts()}, "logs/job_error.1.txt"},
		{"standard error that cannot be read", map[string]string{"logs/job_error.1.txt": call("process003", exception("SystemExit: 2")), "logs/user/stderr/0/process003.stderr.txt": "why"}, "logs/user/stderr/0/process003.stderr.txt",
			JobFailedError{Message: "SystemExit: 2", MiniBatch: -1, Node: "0", Process: "process003", Counts: unknownCounts()}, "logs/job_error.1.txt"},
		{"an MLflow model that could read no file", map[string]string{"logs/job_error.1.txt": call("process003", exception("ValueError: No objects to concatenate")),
			"logs/user/stdout/0/process001.stdout.txt": "Error processing input file: of another process\n",
			"logs/user/stdout/0/process003.stdout.txt": "begin\nError processing input file: a.zip. not a picture\nError processing input file: b.zip\n"}, "",
			JobFailedError{Message: "Error processing input file: a.zip. not a picture (ValueError: No objects to concatenate)", MiniBatch: -1, Node: "0", Process: "process003", Counts: unknownCounts()}, "logs/job_error.1.txt"},
		{"an MLflow model that says nothing", map[string]string{"logs/job_error.1.txt": call("process003", exception("ValueError: No objects to concatenate")),
			"logs/user/stdout/0/process003.stdout.txt": "begin\n"}, "",
			JobFailedError{Message: "ValueError: No objects to concatenate", MiniBatch: -1, Node: "0", Process: "process003", Counts: unknownCounts()}, "logs/job_error.1.txt"},
		{"an MLflow model without standard output", map[string]string{"logs/job_error.1.txt": call("process003", exception("ValueError: No objects to concatenate"))}, "",
			JobFailedError{Message: "ValueError: No objects to concatenate", MiniBatch: -1, Node: "0", Process: "process003", Counts: unknownCounts()}, "logs/job_error.1.txt"},
		{"standard output of an MLflow model that cannot be read", map[string]string{"logs/job_error.1.txt": call("process003", exception("ValueError: No objects to concatenate")),
			"logs/user/stdout/0/process003.stdout.txt": "Error processing input file: a.zip\n"}, "logs/user/stdout/0/process003.stdout.txt",
			JobFailedError{Message: "ValueError: No objects to concatenate", MiniBatch: -1, Node: "0", Process: "process003", Counts: unknownCounts()}, "logs/job_error.1.txt"},
		{"an exit without standard error", map[string]string{"logs/job_error.1.txt": call("process003", exception("SystemExit"))}, "",
			JobFailedError{Message: "SystemExit", MiniBatch: -1, Node: "0", Process: "process003", Counts: unknownCounts()}, "logs/job_error.1.txt"},
		{"an exit with an empty standard error", map[string]string{"logs/job_error.1.txt": call("process003", "the process ended by itself, returncode 3"),
			"logs/user/stderr/0/process003.stderr.txt": ""}, "",
			JobFailedError{Message: "the process ended by itself, returncode 3", MiniBatch: -1, Node: "0", Process: "process003", Counts: unknownCounts()}, "logs/job_error.1.txt"},
		{"an exit with blank lines on standard error", map[string]string{"logs/job_error.1.txt": call("process003", "the process ended by itself, returncode 3"),
			"logs/user/stderr/0/process003.stderr.txt": "\n\n"}, "",
			JobFailedError{Message: "the process ended by itself, returncode 3", MiniBatch: -1, Node: "0", Process: "process003", Counts: unknownCounts()}, "logs/job_error.1.txt"},
		{"standard error of an exit, above 8 KiB", map[string]string{"logs/job_error.1.txt": call("process003", "the process ended by itself, returncode 3"),
			"logs/user/stderr/0/process003.stderr.txt": strings.Repeat("noise\n", 4000) + "why\n"}, "",
			JobFailedError{Message: "the process ended by itself, returncode 3", MiniBatch: -1, Node: "0", Process: "process003", Counts: unknownCounts(),
				Traceback: "The end of logs/user/stderr/0/process003.stderr.txt:\n" + strings.Repeat("noise\n", shownLines-1) + "why"}, "logs/job_error.1.txt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newRunService(t)
			s.status, s.logs = func(int) string { return "Failed" }, tt.logs
			s.step = `Failed","error":{"error":{"message":"of the step"}},"x":"`
			c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
				if tt.broken != "" && strings.HasSuffix(r.URL.Path, "/"+tt.broken) {
					writeJSON(w, 403, `{"error":{"code":"AuthorizationFailure"}}`)
					return
				}
				s.ServeHTTP(w, r)
			})
			_, err := c.Jobs().Wait(t.Context(), "job-1", nil)
			var got *JobFailedError
			if !errors.As(err, &got) {
				t.Fatalf("Wait = %v", err)
			}
			if (got.Err != nil) != (tt.broken != "") || got.Err != nil && !HasCode(got.Err, "AuthorizationFailure") {
				t.Errorf("Err = %v", got.Err)
			}
			if from := tt.from; from != "" && got.Log != placeURI(artifactStore, artifactsOfStep+from) || from == "" && got.Log != "" {
				t.Errorf("Log = %q, want %q", got.Log, from)
			}
			if tt.want.Traceback == "" {
				got.Traceback = ""
			}
			got.Job, got.Err, got.Hint, got.Log = Job{}, nil, "", ""
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Errorf("JobFailedError (-want +got):\n%s", diff)
			}
		})
	}
}

// Storage that cannot be read at all is not asked for every log of a large job.
func TestUnreadLogsAreFew(t *testing.T) {
	s := newRunService(t)
	s.status, s.logs = func(int) string { return "Failed" }, map[string]string{}
	for i := range 3 * maxUnread {
		s.logs[fmt.Sprintf("logs/job_error.%02d.txt", i)] = "x"
	}
	asked := 0
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/logs/job_error.") {
			asked++
			writeJSON(w, 403, `{"error":{"code":"AuthorizationFailure"}}`)
			return
		}
		s.ServeHTTP(w, r)
	})
	_, err := c.Jobs().Wait(t.Context(), "job-1", nil)
	if !errors.As(err, new(*JobFailedError)) || asked != maxUnread {
		t.Errorf("%d logs were asked for, want %d; Wait = %v", asked, maxUnread, err)
	}
}

// TestLogsThatAreReadForTheCause are at most fifty: a job has some for each of its processes.
func TestLogsThatAreReadForTheCause(t *testing.T) {
	for at, found := range map[int]bool{49: true, 50: false} {
		s := newRunService(t)
		s.status, s.logs = func(int) string { return "Failed" }, map[string]string{}
		for i := range 60 {
			s.logs[fmt.Sprintf("logs/job_error.%02d.txt", i)] = "x"
		}
		s.logs[fmt.Sprintf("logs/job_error.%02d.txt", at)] = "2026-02-28T11:11:55.5 The process003 on node 0 failed with error: " + tracebackHead + "\n  x\nValueError: cracked\n"
		_, err := newTestClient(t, s.ServeHTTP).Jobs().Wait(t.Context(), "job-1", nil)
		var failed *JobFailedError
		if !errors.As(err, &failed) || (failed.Message == "ValueError: cracked") != found {
			t.Errorf("the cause in log %d: %v, want it found: %t", at+1, err, found)
		}
	}
}

func TestCanceledJobReads(t *testing.T) {
	s := newRunService(t)
	s.status = func(int) string { return "Canceled" }
	_, err := newTestClient(t, s.ServeHTTP).Jobs().Wait(t.Context(), "job-1", nil)
	want := `azmlbatch: job "job-1" ended as Canceled: it was canceled, or its nodes were lost (low-priority nodes can be preempted)`
	if err == nil || err.Error() != want {
		t.Errorf("Wait = %v, want %s", err, want)
	}
}

// TestLogsOfAFailedJobThatCannotBeListed: the job has failed all the same, by the words of its step.
func TestLogsOfAFailedJobThatCannotBeListed(t *testing.T) {
	s := newRunService(t)
	s.status, s.step = func(int) string { return "Failed" }, `Failed","error":{"error":{"message":"of the step"}},"x":"`
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("comp") == "list" {
			answer(403, "", "x-ms-error-code", "AuthorizationFailure")(w, r)
			return
		}
		s.ServeHTTP(w, r)
	})
	_, err := c.Jobs().Wait(t.Context(), "job-1", nil)
	newTexts(t).add("no list", err)
	var failed *JobFailedError
	if !errors.As(err, &failed) || failed.Message != "of the step" || !HasCode(failed.Err, "AuthorizationFailure") {
		t.Errorf("Wait = %v, want a JobFailedError with the refusal in Err", err)
	}
}
