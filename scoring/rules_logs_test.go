package scoring

import (
	"encoding/csv"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// crackedOnce scores a00 and fails on every try of a01.
const crackedOnce = "import sys\nfrom azureml_user.parallel_run import EntryScript\ndef run(b):\n    print('at', len(b))\n    print('warn', file=sys.stderr)\n" +
	"    EntryScript().logger.warning('hot')\n    if 'a01' in b[0]:\n        raise ValueError('cracked')\n    return b"

// TestRulesLogTree: all files of the log tree, and the format of their lines.
func TestRulesLogTree(t *testing.T) {
	job := newJob(t, crackedOnce, 2)
	job.MiniBatchSize = 1
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	const iso, system = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6} `, `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\|[A-Z]+\|\d+\|\d+\|`
	for _, tt := range []struct{ file, content string }{
		{"user_logs/std_log_0.txt", `^Azure Machine Learning Batch Inference Start\n\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\] No started flag set\. Skip creating started flag\.\n` +
			`Azure Machine Learning Batch Inference End\nCleaning up all outstanding Run operations, waiting 300\.0 seconds\n2 items cleaning up\.\.\.\nCleanup took [\d.]+ seconds\n$`},
		{"logs/readme.txt", `job_result\.txt`},
		{"logs/job_progress_overview.??????????.txt", `(?m)^` + iso + `No task has been processed yet\.\n(?:.*\n)*` + iso + `All 2 mini batches have been processed\.\n` +
			iso + `There are 1 temp files to concatenate\. Total size is \d+\.\d\d MB\.\n` + iso + `Finished concatenating 1 files in .+\.\n$`},
		{"logs/job_result.txt", `^` + iso + `2 items: 1 succeeded, 1 failed\. 2 mini batches: 1 processed, 1 given up\.\n` + iso + `The job completed\.`},
		{"logs/job_error.??????????.txt", `^` + iso + `This file shows errors in loading, calling init\(\) and calling run\(\) of the entry script\. An error here may not impact the job result\. ` +
			`Please check "job_result\.txt" for the job result\.\n` + iso + `The process000 on node 0 failed with error: Traceback \(most recent call last\):\n`},
		{"logs/user/error/0/process000.txt", `ValueError: cracked`},
		{"logs/user/stdout/0/process000.stdout.txt", `^(at 1\n){4}$`},
		{"logs/user/stderr/0/process000.stderr.txt", `^(warn\n){4}$`},
		{"logs/user/entry_script_log/0/process000.log.txt", `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\|127\.0\.0\.1_process000\|WARNING\|\d+\|\d+\|run\(\)\|hot\n`},
		{"logs/sys/master_role.??????????.txt", `^` + system + `Start scheduling\.\n`},
		{"logs/sys/node/0/process000.txt", `(?m)^` + system + `Mini-batch 1, try 3: 1 files, 0 succeeded, 1 failed, [\d.]+ seconds\.\n`},
		{"logs/sys/node/0/_main.txt", `^` + system + `The process000 starts\.\n` + system + `The process000 ends\.\n$`},
		{"logs/sys/job_report/node_summary.csv", `(?m)^0,2,4,1,1,[\d.]+\n$`},
		{"logs/sys/job_report/process_summary.csv", `(?m)^0/process000,2,4,1,1,[\d.]+\n$`},
	} {
		if text := logText(t, job, tt.file); !regexp.MustCompile(tt.content).MatchString(text) {
			t.Errorf("%s does not match %s:\n%s", tt.file, tt.content, text)
		}
	}
}

// TestRulesReport: one line per try of a mini-batch.
func TestRulesReport(t *testing.T) {
	job := newJob(t, "import helper, signal\ndef run(b):\n    if 'a01' in b[0] and helper.once():\n        raise ValueError('cracked')\n    if 'a02' in b[0] and helper.once('slow'):\n        signal.pause()\n    return b", 3)
	job.MiniBatchSize = 1
	quick(&job)
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(logText(t, job, "logs/sys/job_report/processed_mini-batches.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Mini-batch Id", "Picked Count", "Process", "Process Start Time", "Total", "Succeeded", "Failed", "Elapsed Seconds", "Process Seconds",
		"Run Method Seconds", "Status", "Error Category", "Error Message", "Mini-batch Detail"}
	if diff := cmp.Diff(want, rows[0]); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	var got []string
	for _, row := range rows[1:] {
		got = append(got, strings.Join(slices.Concat(row[:2], row[4:7], row[10:12], row[13:]), " "))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"0 1 1 1 0 RUN_DONE  ", `1 1 1 0 0 RUN_EXCEPTION USER_ERROR ["a01.txt"]`, "1 2 1 1 0 RUN_DONE  ",
		`2 1 1 0 0 RUN_TIMEOUT USER_ERROR ["a02.txt"]`, "2 2 1 1 0 RUN_DONE  "}, got); diff != "" {
		t.Errorf("tries (-want +got):\n%s", diff)
	}
	if text := logText(t, job, "logs/sys/node/0/process000.txt"); !strings.Contains(text, "took longer than run_invocation_timeout") {
		t.Errorf("no hint about the timeout in\n%s", text)
	}
}

// TestRulesLogsOfReplacedProcesses: a replacement has its own number and files.
func TestRulesLogsOfReplacedProcesses(t *testing.T) {
	job := newJob(t, "import helper, os, signal\ndef run(b):\n    print('here')\n    if helper.once():\n        os.kill(os.getpid(), signal.SIGKILL)\n    return b", 1)
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"process000", "process001"} {
		if text := logText(t, job, "logs/user/stdout/0/"+file+".stdout.txt"); text != "here\n" {
			t.Errorf("stdout of %s: %q", file, text)
		}
	}
	for _, file := range []string{"process000", "_main"} {
		if text := logText(t, job, "logs/sys/node/0/"+file+".txt"); !strings.Contains(text, "|process000 exits with returncode -9.\n") {
			t.Errorf("no exit in %s:\n%s", file, text)
		}
	}
}

// TestRulesLogsOfAFailedJob: which logs have the outcome, and which do not.
func TestRulesLogsOfAFailedJob(t *testing.T) {
	job := newJob(t, "def run(b):\n    raise ValueError('cracked')", 1)
	if _, err := Run(t.Context(), job); err == nil {
		t.Fatal("Run succeeded")
	}
	if text := logText(t, job, "user_logs/std_log_0.txt"); !strings.HasSuffix(text, "SystemExit: 42\n") || strings.Contains(text, "cracked") {
		t.Errorf("std_log:\n%s", text)
	}
	if text := logText(t, job, "logs/job_result.txt"); !strings.HasSuffix(text, " "+noSuccess+"\n") {
		t.Errorf("job_result:\n%s", text)
	}
	if text := logText(t, job, "logs/job_progress_overview.*.txt"); !strings.Contains(text, "Progress update stopped for reasons: [") {
		t.Errorf("overview:\n%s", text)
	}
}

// TestRulesLogsOfManyProcesses: the logs of a process that ended are closed.
func TestRulesLogsOfManyProcesses(t *testing.T) {
	logs, err := newLogTree(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	open := len(logs.files)
	for range 2 {
		logs.node(0, "process000", "INFO", 1, 0, "here")
		logs.scriptError(&ScriptError{Process: "process000", Message: "cracked"})
		logs.closeLogsOf(0, "process000")
	}
	if len(logs.files) != open {
		t.Errorf("%d files are open, want %d", len(logs.files), open)
	}
	if err := logs.close(); err != nil {
		t.Fatal(err)
	}
	if text := logText(t, Job{Logs: logs.dir}, "logs/sys/node/0/process000.txt"); strings.Count(text, "|here\n") != 2 {
		t.Errorf("the log of the process:\n%s", text)
	}
}

// TestRulesLogging: the root logger writes to the log of standard output at INFO.
func TestRulesLogging(t *testing.T) {
	job := newJob(t, "import logging\nlogging.info('on import')\ndef run(b):\n    logging.getLogger('kiln').warning('hot')\n    logging.debug('unseen')\n    return b", 1)
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if text := logText(t, job, "logs/user/stdout/0/process000.stdout.txt"); text != "INFO:root:on import\nWARNING:kiln:hot\n" {
		t.Errorf("stdout: %q", text)
	}
}

// runAt runs a job on a clock that stands still and returns its logs by name. Process ids and
// measured times are replaced.
func runAt(t *testing.T, job Job, now time.Time) (logs map[string]string, result Result, err error) {
	t.Helper()
	s, err := newSettings(job)
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return now }
	result, err = s.run(t.Context())
	logs = snapshot(t, job.Logs)
	for name, text := range logs {
		text = regexp.MustCompile(`(?m)^([^|\n]+\|[A-Z]+\|)\d+\|`).ReplaceAllString(text, "${1}PID|")
		text = regexp.MustCompile(`\d+\.\d{6} seconds`).ReplaceAllString(text, "T seconds")
		logs[name] = strings.NewReplacer(job.Output, "OUTPUT", job.Code, "CODE", job.Input, "INPUT").Replace(text)
	}
	return logs, result, err
}

// checkLogs compares logs line by line. Want has no times: those of the progress, error and result
// logs are written T, those of system logs S.
func checkLogs(t *testing.T, logs map[string]string, now time.Time, want map[string][]string) {
	t.Helper()
	times := strings.NewReplacer(now.UTC().Format("2006-01-02T15:04:05.000000")+" ", "T ", strings.Replace(now.UTC().Format("2006-01-02 15:04:05.000"), ".", ",", 1)+"|", "S|")
	for name, lines := range want {
		if diff := cmp.Diff(lines, strings.Split(strings.TrimSuffix(times.Replace(logs[name]), "\n"), "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestRulesNoLogs: a job without a folder for logs leaves none, neither here nor in its output.
func TestRulesNoLogs(t *testing.T) {
	job := newJob(t, "import sys\nprint('here')\nprint('there', file=sys.stderr)\n"+echo, 1)
	job.Logs = ""
	here := t.TempDir()
	t.Chdir(here)
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"predictions.csv"}, append(entries(t, here), entries(t, job.Output)...)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestRulesWordsOfLogs pins every line of the logs of a job with all kinds of outcomes.
func TestRulesWordsOfLogs(t *testing.T) {
	job := newJob(t, "def run(b):\n    if 'a01' in b[0]:\n        return ['x'] * 3\n    if 'a02' in b[0]:\n        return []\n    if 'a03' in b[0]: # the last one, because others go on before it is tried again\n        raise ValueError('cracked')\n    return b", 4)
	job.MiniBatchSize, job.MaxRetries = 1, new(2)
	now := time.Date(2026, 3, 1, 23, 4, 5, 6007000, time.UTC)
	logs, _, err := runAt(t, job, now)
	if err != nil {
		t.Fatal(err)
	}
	const failed = "T The process000 on node 0 failed with error: "
	traceback := []string{failed + "Traceback (most recent call last):", `  File "CODE/score.py", line 7, in run`, "    raise ValueError('cracked')", "ValueError: cracked"}
	short := []string{failed + "run() returned 0 rows for 1 file of mini-batch 2", "T Hint: return as many rows as files; a file without a row counts as failed"}
	cracked := `T run() failed in process000 on node 0, mini-batch 3, file "INPUT/a03.txt": ValueError: cracked`
	checkLogs(t, logs, now, map[string][]string{
		"user_logs/std_log_0.txt": {"Azure Machine Learning Batch Inference Start", "[2026-03-01 23:04:05.006007] No started flag set. Skip creating started flag.",
			"Azure Machine Learning Batch Inference End", "Cleaning up all outstanding Run operations, waiting 300.0 seconds", "2 items cleaning up...", "Cleanup took 0.0 seconds"},
		"logs/job_progress_overview.2026030123.txt": {"T No task has been processed yet.", "T All 4 mini batches have been processed.",
			"T There are 1 temp files to concatenate. Total size is 0.00 MB.", "T Finished concatenating 1 files in 0s."},
		"logs/job_result.txt": {"T 4 items: 2 succeeded, 2 failed. 4 mini batches: 3 processed, 1 given up.",
			"T The job completed. Failed items, if any, are explained in job_error and in logs/user/error."},
		"logs/job_error.2026030123.txt": slices.Concat([]string{"T " + errorFileHead}, short, traceback, traceback),
		"logs/user/error/0/process000.txt": slices.Concat([]string{"T run() returned 0 rows for 1 file in process000 on node 0, mini-batch 2"}, short,
			[]string{cracked}, traceback, []string{cracked}, traceback),
		"logs/sys/master_role.2026030123.txt": {"S|INFO|PID|0|Start scheduling.",
			"S|INFO|PID|0|End: The job completed. Failed items, if any, are explained in job_error and in logs/user/error."},
		"logs/sys/node/0/_main.txt": {"S|INFO|PID|0|The process000 starts.", "S|INFO|PID|0|The process000 ends."},
		"logs/sys/node/0/process000.txt": {"S|INFO|PID|0|The process000 starts.",
			"S|INFO|PID|0|Mini-batch 0, try 1: 1 files, 1 succeeded, 0 failed, T seconds.",
			"S|WARNING|PID|0|Mini-batch 1: run() returned 3 items for 1 files; 1 are counted.",
			"S|INFO|PID|0|Mini-batch 1, try 1: 1 files, 1 succeeded, 0 failed, T seconds.",
			"S|INFO|PID|0|Mini-batch 2, try 1: 1 files, 0 succeeded, 1 failed, T seconds.",
			"S|INFO|PID|0|Mini-batch 3, try 1: 1 files, 0 succeeded, 0 failed, T seconds.",
			"S|INFO|PID|0|Mini-batch 3, try 2: 1 files, 0 succeeded, 1 failed, T seconds.",
			"S|ERROR|PID|0|Mini-batch 3 is given up after 2 tries.",
			"S|INFO|PID|0|The process000 ends."},
	})
	var names []string
	for name := range logs {
		names = append(names, name)
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"logs/job_error.2026030123.txt", "logs/job_progress_overview.2026030123.txt", "logs/job_result.txt", "logs/readme.txt", "logs/sys/job_report/node_summary.csv",
		"logs/sys/job_report/process_summary.csv", "logs/sys/job_report/processed_mini-batches.csv", "logs/sys/master_role.2026030123.txt", "logs/sys/node/0/_main.txt",
		"logs/sys/node/0/process000.txt", "logs/user/error/0/process000.txt", "logs/user/stderr/0/process000.stderr.txt", "logs/user/stdout/0/process000.stdout.txt",
		"user_logs/std_log_0.txt"}, names); diff != "" {
		t.Errorf("logs (-want +got):\n%s", diff)
	}
}

// TestRulesWordsOfFailures pins how a job that fails ends its logs, by what it failed of.
func TestRulesWordsOfFailures(t *testing.T) {
	now := time.Date(2026, 3, 1, 23, 4, 5, 6007000, time.UTC)
	traced := strings.Split(exitTraceback, "\n")
	tests := []struct {
		name, script    string
		change          func(*testing.T, *Job)
		reason, text    string // of the logs, and of the error
		result          []string
		machine, stands bool // the machine is to blame; the overview log has a line about it
	}{
		{"the threshold", "def run(b):\n    raise ValueError('cracked')", func(_ *testing.T, j *Job) { j.ErrorThreshold, j.MaxRetries = new(0), new(1) },
			"The number of failed items is 1, which exceeds error threshold 0.", "scoring: The number of failed items is 1, which exceeds error threshold 0.\n" +
				"run() failed in process000 on node 0, mini-batch 0, file \"INPUT/a00.txt\": ValueError: cracked\nTraceback (most recent call last):\n" +
				"  File \"CODE/score.py\", line 2, in run\n    raise ValueError('cracked')\nValueError: cracked",
			[]string{"T 1 items: 0 succeeded, 1 failed. 1 mini batches: 0 processed, 1 given up."}, false, true},
		{"an existing output", echo, func(t *testing.T, j *Job) { writeFile(t, filepath.Join(j.Output, "predictions.csv"), "") },
			"the path already exists", "scoring: the path already exists (OUTPUT/predictions.csv)", nil, false, true},
		{"an output below a file", echo, func(t *testing.T, j *Job) { j.Output = filepath.Join(j.Code, "helper.py", "sub") },
			"scoring: output: lstat OUTPUT/predictions.csv: not a directory", "scoring: output: lstat OUTPUT/predictions.csv: not a directory", nil, true, false},
		{"no log for the process", echo, func(t *testing.T, j *Job) { writeFile(t, filepath.Join(j.Logs, "logs", "user", "stdout"), "") },
			"scoring: mkdir logs/user/stdout: not a directory", "scoring: mkdir LOGS/logs/user/stdout: not a directory",
			[]string{"T 1 items: 0 succeeded, 0 failed. 1 mini batches: 0 processed, 0 given up."}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			job := newJob(t, tt.script, 1)
			tt.change(t, &job)
			logs, _, err := runAt(t, job, now)
			if err == nil {
				t.Fatal("the job completed")
			}
			text := strings.NewReplacer(job.Output, "OUTPUT", job.Code, "CODE", job.Input, "INPUT", job.Logs, "LOGS")
			if diff := cmp.Diff(tt.text, text.Replace(err.Error())); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			want := map[string][]string{
				"user_logs/std_log_0.txt": slices.Concat([]string{"Azure Machine Learning Batch Inference Start", "[2026-03-01 23:04:05.006007] No started flag set. Skip creating started flag.",
					"Azure Machine Learning Batch Inference End", "Cleaning up all outstanding Run operations, waiting 300.0 seconds", "2 items cleaning up...", "Cleanup took 0.0 seconds"}, traced),
				"logs/job_result.txt":                 append(tt.result, "T "+tt.reason),
				"logs/sys/master_role.2026030123.txt": {"S|INFO|PID|0|Start scheduling.", "S|INFO|PID|0|End: " + tt.reason},
			}
			if tt.machine {
				want["logs/sys/error/0/_main.txt"] = []string{"S|ERROR|PID|0|" + tt.reason}
			}
			checkLogs(t, logs, now, want)
			if stopped := "T Progress update stopped for reasons: [\"" + tt.reason + "\"].\n"; tt.stands != strings.HasSuffix("T"+strings.ReplaceAll(logs["logs/job_progress_overview.2026030123.txt"], "2026-03-01T23:04:05.006007", "T"), stopped) {
				t.Errorf("overview:\n%s", logs["logs/job_progress_overview.2026030123.txt"])
			}
		})
	}
}

// TestRulesOverviewByTime: a line every ten seconds, or every two minutes when more than five
// minutes remain, and a new file every day.
func TestRulesOverviewByTime(t *testing.T) {
	start := time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)
	now := start
	dir := t.TempDir()
	logs, err := newLogTree(dir, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{settings: &settings{now: logs.now}, logs: logs, started: start}
	e.progress.MiniBatches.Total = 100
	at := func(spent time.Duration, done int) {
		now = start.Add(spent)
		e.progress.MiniBatches.Processed = done
		e.report()
	}
	at(0, 0)
	at(9*time.Second, 30)
	at(10*time.Second, 40) // tells: 15 seconds to go
	at(19*time.Second, 41)
	at(20*time.Second, 41)    // tells
	at(30*time.Second, 5)     // tells: over five minutes to go
	at(40*time.Second, 6)     // so two minutes of silence
	at(150*time.Second, 50)   // tells
	at(24*time.Hour, 99)      // tells, in a new file
	at(24*time.Hour+1e9, 100) // the end is always told
	if err := logs.close(); err != nil {
		t.Fatal(err)
	}
	job := Job{Logs: dir}
	want := "2026-03-01T23:00:00.000000 No task has been processed yet.\n" +
		"2026-03-01T23:00:10.000000 Processed 40 of 100 mini batches in 0:00:10. Estimate remaining 0:00:15.\n" +
		"2026-03-01T23:00:20.000000 Processed 41 of 100 mini batches in 0:00:20. Estimate remaining 0:00:28.\n" +
		"2026-03-01T23:00:30.000000 Processed 5 of 100 mini batches in 0:00:30. Estimate remaining 0:09:30.\n" +
		"2026-03-01T23:02:30.000000 Processed 50 of 100 mini batches in 0:02:30. Estimate remaining 0:02:30.\n"
	if diff := cmp.Diff(want, logText(t, job, "logs/job_progress_overview.2026030123.txt")); diff != "" {
		t.Errorf("the first day (-want +got):\n%s", diff)
	}
	want = "2026-03-02T23:00:00.000000 Processed 99 of 100 mini batches in 24:00:00. Estimate remaining 0:14:32.\n" +
		"2026-03-02T23:00:01.000000 All 100 mini batches have been processed.\n"
	if diff := cmp.Diff(want, logText(t, job, "logs/job_progress_overview.2026030223.txt")); diff != "" {
		t.Errorf("the second day (-want +got):\n%s", diff)
	}
}

// TestRulesOverviewOfFiveMinutes: a job that needs five minutes more is told of every ten seconds,
// one that needs longer is not.
func TestRulesOverviewOfFiveMinutes(t *testing.T) {
	start := time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)
	for total, want := range map[int]time.Duration{31: 10 * time.Second, 32: 2 * time.Minute} { // one is done in ten seconds
		logs, err := newLogTree(t.TempDir(), func() time.Time { return start.Add(10 * time.Second) })
		if err != nil {
			t.Fatal(err)
		}
		e := &engine{settings: &settings{now: logs.now}, logs: logs, started: start}
		e.progress.MiniBatches.Total, e.progress.MiniBatches.Processed = total, 1
		e.report()
		if got := e.nextOverview.Sub(logs.now()); got != want {
			t.Errorf("with %d mini-batches to go the next line is in %v, want %v", total-1, got, want)
		}
		if err := logs.close(); err != nil {
			t.Fatal(err)
		}
	}
}
