package scoring

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// reported returns the lines of a report, each as one string.
func reported(t *testing.T, dir, file string) []string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(logText(t, Job{Logs: dir}, file))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, row := range rows {
		lines = append(lines, strings.Join(row, "|"))
	}
	return lines
}

// TestReportOfTries pins the content of a line, and its limits.
func TestReportOfTries(t *testing.T) {
	dir := t.TempDir()
	logs, err := newLogTree(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	born := time.Date(2026, 3, 1, 23, 0, 0, 1000, time.UTC)
	var many []string
	for i := range 21 {
		many = append(many, fmt.Sprintf("/in/%d", i))
	}
	for _, one := range []try{
		{task: task{3, 1}, worker: "process002", started: born, files: 5, ok: 4, failed: 1, elapsed: 1500 * time.Millisecond,
			reply: reply{run: time.Millisecond, total: 2 * time.Millisecond}},
		{task: task{4, 2}, worker: "process003", started: born, files: 2, failed: 2, err: &callError{phase: PhaseRun, message: strings.Repeat("x", 501)}, paths: many},
		{task: task{5, 3}, worker: "process003", started: born, files: 2, err: &callError{phase: PhaseRun, message: "m", file: "/in/b \"q\"", timedOut: true}, paths: many},
	} {
		logs.reportTry(one)
	}
	if err := logs.close(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf(`"%d"`, i))
	}
	want := []string{
		"3|1|process002|2026-03-01 23:00:00.000001|5|4|1|1.500000|0.002000|0.001000|RUN_DONE|||",
		"4|2|process003|2026-03-01 23:00:00.000001|2|0|2|0.000000|0.000000|0.000000|RUN_EXCEPTION|USER_ERROR|" + strings.Repeat("x", 500) + "|[" + strings.Join(names, ",") + "]",
		`5|3|process003|2026-03-01 23:00:00.000001|2|0|0|0.000000|0.000000|0.000000|RUN_TIMEOUT|USER_ERROR|m|["b \"q\""]`,
	}
	if diff := cmp.Diff(want, reported(t, dir, "logs/sys/job_report/processed_mini-batches.csv")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReportSums checks the sums by process and by node.
func TestReportSums(t *testing.T) {
	job := newJob(t, "import helper, os\ndef run(b):\n    if 'a01' in b[0] and helper.once():\n        os._exit(1)\n    return b[:1]", 5)
	job.MiniBatchSize, job.MaxRetries = 2, new(2)
	writeFile(t, filepath.Join(job.Input, "a00.txt-b"), "") // two mini-batches of two, one of two
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]string{
		"node_summary.csv":    {"Name|Mini-batches|Tries|Items Succeeded|Items Failed|Run Method Seconds", "0|3|4|3|3"},
		"process_summary.csv": {"Name|Mini-batches|Tries|Items Succeeded|Items Failed|Run Method Seconds", "0/process000|1|2|1|1", "0/process001|2|2|2|2"},
	} {
		got := reported(t, job.Logs, "logs/sys/job_report/"+file)
		for i := range got[1:] { // the time that it took
			got[i+1] = got[i+1][:strings.LastIndex(got[i+1], "|")]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

func TestDurationInLogs(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0:00:00", 59999 * time.Millisecond: "0:00:59", 61 * time.Second: "0:01:01", 100*time.Hour + 59*time.Minute: "100:59:00"} {
		if got := duration(d); got != want {
			t.Errorf("duration(%v) = %s, want %s", d, got, want)
		}
	}
}

// TestLogsThatCannotBeKept: incomplete logs are an error, but the rows are there.
func TestLogsThatCannotBeKept(t *testing.T) {
	for _, file := range []string{"logs/sys/job_report/processed_mini-batches.csv", "logs/job_result.txt", "user_logs/std_log_0.txt"} {
		t.Run(filepath.Base(file), func(t *testing.T) {
			job := newJob(t, echo, 1)
			path := filepath.Join(job.Logs, filepath.FromSlash(file))
			if err := os.MkdirAll(path, 0o750); err != nil { // a folder in the place of the file
				t.Fatal(err)
			}
			got, err := Run(t.Context(), job)
			if err == nil || !strings.HasPrefix(err.Error(), "scoring: logs: ") || got.Status != StatusCompleted {
				t.Errorf("Run = %+v, %v; want Completed and an error of the logs", got, err)
			}
			if rows := readFile(t, got.OutputFile); rows != "a00.txt\n" {
				t.Errorf("rows %q", rows)
			}
		})
	}
}

// TestLogsThatNobodyReads: without Job.Logs no log is written but what processes print.
func TestLogsThatNobodyReads(t *testing.T) {
	dir := t.TempDir()
	logs, err := (&settings{now: time.Now}).newLogs(jobDirs{root: dir})
	if err != nil {
		t.Fatal(err)
	}
	logs.start()
	logs.reportTry(try{})
	logs.scriptError(&ScriptError{})
	logs.end("")
	if err := logs.close(); err != nil {
		t.Error(err)
	}
	if written, err := os.ReadDir(dir); err != nil || len(written) > 0 {
		t.Errorf("written: %v, %v", written, err)
	}
}

// TestLogsOfProcessesThatCannotBeMade: without its own logs no process is started.
func TestLogsOfProcessesThatCannotBeMade(t *testing.T) {
	for _, folder := range []string{"logs/user/stdout", "logs/user/stderr"} {
		job := newJob(t, "import helper\nhelper.note('started')\n"+echo, 1)
		writeFile(t, filepath.Join(job.Logs, filepath.FromSlash(folder)), "a file in the place of the folder")
		got, err := Run(t.Context(), job)
		if !isText(err, "scoring: mkdir …/"+folder+": not a directory") || got.Status != StatusFailed {
			t.Errorf("%s: Run = %+v, %v", folder, got, err)
		}
		if diff := cmp.Diff([]string{}, notes(t, job)); diff != "" {
			t.Errorf("%s: the script ran (-want +got):\n%s", folder, diff)
		}
	}
}

// TestReadTail reads the end of a log that is longer than what is shown.
func TestReadTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if got := readTail(path); got != "" {
		t.Errorf("of no file: %q", got)
	}
	writeFile(t, path, strings.Repeat("x", 10_000)+"end\xff")
	if got := readTail(path); got != strings.Repeat("x", 4096-4)+"end\uFFFD" {
		t.Errorf("%d bytes: …%q", len(got), got[max(0, len(got)-10):])
	}
}
