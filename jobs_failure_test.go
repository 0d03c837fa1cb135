package azmlbatch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFindTraceback(t *testing.T) {
	const user = "Traceback (most recent call last):\n  File \"score.py\", line 9, in run\n    raise ValueError(\"no glaze\")\nValueError: no glaze"
	tests := []struct {
		name, log string
		want      traceback
		ok        bool
	}{
		{"after a stamp", "2026-02-28T11:11:55.543843 This file shows errors in the entry script.\n" +
			"2026-02-28T11:12:07.031290 The process000 on node 0 failed with error: " + user + "\n2026-02-28T11:12:08.0 next\n",
			traceback{text: user, exception: "ValueError: no glaze", node: "0", process: "process000"}, true},
		{"the driver's exit is not the cause", "Traceback (most recent call last):\n  File \"driver.py\", line 1\nSystemExit: 42\n", traceback{}, false},
		{"the user's comes after the driver's", "Traceback (most recent call last):\n  x\nSystemExit: 42\n\n" + user, traceback{text: user, exception: "ValueError: no glaze"}, true},
		{"a message of several lines", user + "\nsecond line\n\nmore", traceback{text: user + "\nsecond line", exception: "ValueError: no glaze"}, true},
		{"chained", "Traceback (most recent call last):\n  a\nKeyError: 'k'\n\nDuring handling of the above exception, another exception occurred:\n\n" + user + "\n",
			traceback{text: "Traceback (most recent call last):\n  a\nKeyError: 'k'\n\nDuring handling of the above exception, another exception occurred:\n\n" + user, exception: "ValueError: no glaze"}, true},
		{"with a hint", "2026-02-28T11:12:07.031290 The process000 on node 0 failed with error: " + user + "\n2026-02-28T11:12:07.031290 Hint: more ash\n",
			traceback{text: user, exception: "ValueError: no glaze", node: "0", process: "process000", hint: "more ash"}, true},
		{"another error's hint", "2026-02-28T11:12:07.03 The process000 on node 0 failed with error: " + user + "\n2026-02-28T11:12:08.03 The process000 on node 0 failed with error: x\n2026-02-28T11:12:08.03 Hint: more ash\n",
			traceback{text: user, exception: "ValueError: no glaze", node: "0", process: "process000"}, true},
		{"none", "all went well\n", traceback{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := findTraceback(tt.log)
			if ok != tt.ok {
				t.Errorf("findTraceback = %v, want %v", ok, tt.ok)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(traceback{})); diff != "" {
				t.Errorf("traceback (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFindFailedCall(t *testing.T) {
	const head = "2026-02-28T11:11:55.543843 This file shows errors.\n2026-02-28T11:12:07.031290 The process001 on node 2 failed with error: "
	const user = tracebackHead + "\n  File \"score.py\", line 9, in run\nValueError: no glaze"
	tests := []struct {
		name, log string
		want      traceback
		ok        bool
	}{
		{"an exception is told before what came earlier", head + "run() returned 0 rows for 3 files\n" + user + "\n", traceback{text: user, exception: "ValueError: no glaze"}, true},
		{"rows that are missing", head + "run() returned 0 rows for 3 files of mini-batch 0\n2026-02-28T11:12:07.031290 Hint: return rows\n2026-02-28T11:12:08.0 The process000 on node 0 failed with error: later\n",
			traceback{exception: "run() returned 0 rows for 3 files of mini-batch 0", node: "2", process: "process001", hint: "return rows"}, true},
		{"a call that hangs", head + "run() took longer than the timeout\nCurrent thread 0x7f:\n  File \"score.py\", line 3 in run\n2026-02-28T11:12:08.0 next\n",
			traceback{text: "Current thread 0x7f:\n  File \"score.py\", line 3 in run", exception: "run() took longer than the timeout", node: "2", process: "process001"}, true},
		{"at the end of the log", head + "the process ended by signal 9 (killed), returncode -9", traceback{exception: "the process ended by signal 9 (killed), returncode -9", node: "2", process: "process001"}, true},
		{"none", "2026-02-28T11:11:55.543843 This file shows errors.\n", traceback{}, false},
		{"half a traceback", head + tracebackHead + "\n  File", traceback{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := findFailedCall(tt.log)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(traceback{})); diff != "" || ok != tt.ok {
				t.Errorf("findFailedCall = %v, want %v (-want +got):\n%s", ok, tt.ok, diff)
			}
		})
	}
}

func TestFirstFailedMiniBatch(t *testing.T) {
	const report = "Mini-batch Id,Picked Count,Process,Status,Error Message,Mini-batch Detail\n" +
		"0,1,process000,RUN_DONE,,\"['a.pgm']\"\n3,1,process001,RUN_EXCEPTION,bad,\"['x/b.pgm', 'x/c.pgm']\"\n4,1,process001,RUN_TIMEOUT,,d.pgm\n"
	id, files, ok := firstFailedMiniBatch(report)
	if !ok || id != 3 {
		t.Errorf("firstFailedMiniBatch = %d, %v; want 3", id, ok)
	}
	if diff := cmp.Diff([]string{"x/b.pgm", "x/c.pgm"}, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if got := guiltyFile(files, "ValueError: c.pgm is broken"); got != "c.pgm" {
		t.Errorf("guiltyFile = %q, want c.pgm", got)
	}
	if got := guiltyFile(files, "ValueError"); got != "" {
		t.Errorf("guiltyFile without a clue = %q, want none", got)
	}
}

func TestJobFailedErrorReads(t *testing.T) {
	err := &JobFailedError{Job: Job{Name: "batchjob-1", Status: JobStatusFailed}, Message: "ValueError: no glaze", MiniBatch: 3, File: "b.pgm",
		Node: "0", Process: "process001", Log: "azureml://datastores/d/paths/p", Hint: hintFor("No module named 'azureml'"),
		Traceback: "Traceback (most recent call last):\nValueError: no glaze"}
	want := `azmlbatch: job "batchjob-1" ended as Failed: ValueError: no glaze (mini-batch 3, file "b.pgm", process001 on node 0, ` +
		"log azureml://datastores/d/paths/p); add azureml-core and azureml-dataset-runtime[fuse] to the environment's conda file\n" +
		"Traceback (most recent call last):\nValueError: no glaze"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("Error() (-want +got):\n%s", diff)
	}
}

func FuzzFindTraceback(f *testing.F) {
	f.Add("Traceback (most recent call last):\n  x\nE: y\n\nDuring handling of the above exception\n")
	f.Fuzz(func(t *testing.T, log string) {
		if got, ok := findTraceback(log); ok && !strings.HasPrefix(got.text, tracebackHead) {
			t.Errorf("a traceback that does not begin as one: %q", got.text)
		}
	})
}

func TestGuiltyFileIsNotOneWithinItsName(t *testing.T) {
	if got := guiltyFile([]string{"/in/1.csv", "/in/11.csv"}, `open("/in/11.csv")`); got != "11.csv" {
		t.Errorf("guiltyFile = %q, want 11.csv", got)
	}
}

func TestFailureShowsNoSignatures(t *testing.T) {
	const url = "https://acc.blob.core.windows.net/con/a.csv?sp=r&sig=secret"
	err := &JobFailedError{Job: Job{Name: "job-1", Status: JobStatusFailed}, Message: "no glaze at " + url, Traceback: tracebackHead + "\n  get(" + url + ")", MiniBatch: -1}
	want := "azmlbatch: job \"job-1\" ended as Failed: no glaze at https://acc.blob.core.windows.net/con/a.csv\n" +
		tracebackHead + "\n  get(https://acc.blob.core.windows.net/con/a.csv"
	if got := err.Error(); strings.Contains(got, "secret") || !strings.HasPrefix(got, want) {
		t.Errorf("error = %s", got)
	}
}
