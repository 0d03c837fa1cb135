package scoring

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRulesFailures: failures that no other test of the rules covers.
func TestRulesFailures(t *testing.T) {
	checkRules(t, []rule{
		{name: "an exception in init beyond what is allowed", script: "def init():\n    raise OSError('no model')\ndef run(b):\n    return b",
			reason: "User program failed with Exception: Run failed. Please check logs for details. You can check logs/readme.txt for the layout of logs.", cause: "OSError: no model"},
		{name: "an exception in run beyond what is allowed", script: "def run(b):\n    raise ValueError('cracked')", change: func(j *Job) { j.ErrorThreshold = new(0) },
			reason: "The number of failed items is 1, which exceeds error threshold 0.", cause: "ValueError: cracked"},
		{name: "nothing succeeded", script: "def run(b):\n    return []",
			reason: "No succeeded mini batch item returned from run(). Please check 'response: run()' in https://aka.ms/batch-inference-documentation."},
		{name: "every mini-batch timed out", script: "import signal\ndef run(b):\n    signal.pause()", change: func(j *Job) { quick(j); j.MaxRetries = new(1) },
			reason: noSuccess, cause: "took longer than the timeout"},
		{name: "every process was killed", script: "import os, signal\ndef run(b):\n    os.kill(os.getpid(), signal.SIGKILL)", change: func(j *Job) { j.MaxRetries = new(2) },
			reason: noSuccess, cause: "returncode -9", tries: 2},
		{name: "with the default threshold a job with many failed files completes", script: "def run(b):\n    if 'a00' not in b[0]:\n        raise ValueError('cracked')\n    return b", files: 9,
			change: func(j *Job) { j.MiniBatchSize = 1 }, items: Items{9, 1, 8}, batches: MiniBatches{9, 1, 8}, cause: "cracked"},
		{name: "a lost process: the job goes on", script: "import helper, os, signal\ndef run(b):\n    if helper.once():\n        os.kill(os.getpid(), signal.SIGKILL)\n    return b", files: 20,
			change: func(j *Job) { j.MiniBatchSize, j.InstanceCount = 1, 2 }, items: Items{20, 20, 0}},
	})
}

func TestRulesServiceMessage(t *testing.T) {
	job := newJob(t, "def run(b):\n    raise ValueError('cracked')", 1)
	_, err := Run(t.Context(), job)
	var failure *Failure
	if !errors.As(err, &failure) {
		t.Fatalf("Run = %v", err)
	}
	want := "Execution failed. User process '" + failure.Python + "' exited with status code 42. Please check log file 'user_logs/std_log_0.txt' for error details. Error: Traceback (most recent call last):\n"
	if got := failure.ServiceMessage(); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "SystemExit: 42") || !strings.HasPrefix(failure.Python, "/") {
		t.Errorf("ServiceMessage = %q, want %q…SystemExit: 42", got, want)
	}
	if strings.Contains(failure.ServiceMessage(), "cracked") {
		t.Error("the service's message does not tell the cause")
	}
}

// TestRulesErrorTellsTheCause: file, mini-batch, process and the script's own traceback.
func TestRulesErrorTellsTheCause(t *testing.T) {
	job := newJob(t, "def read(path):\n    if open(path).read() == '3':\n        raise ValueError('cannot read')\n    return path\ndef run(b):\n    return [read(p) for p in b]", 5)
	job.MiniBatchSize, job.ErrorThreshold = 2, new(0)
	_, err := Run(t.Context(), job)
	var failure *Failure
	if !errors.As(err, &failure) || failure.Cause == nil {
		t.Fatalf("Run = %v", err)
	}
	got := *failure.Cause
	got.PID, got.Log = 0, ""
	want := ScriptError{
		Phase: PhaseRun, Message: "ValueError: cannot read", Traceback: got.Traceback, MiniBatch: 1, Try: 3, Process: "process000",
		Files: []string{job.Input + "/a02.txt", job.Input + "/a03.txt"}, File: job.Input + "/a03.txt",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cause (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(got.Traceback, "Traceback (most recent call last):\n  File \""+job.Code+"/score.py\", line 6, in run\n") {
		t.Errorf("the engine's own frames are in the traceback:\n%s", got.Traceback)
	}
}

func TestRulesCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	job := newJob(t, echo, 5)
	job.MiniBatchSize = 1
	enough := errors.New("enough")
	job.OnProgress = func(p Progress) {
		if p.MiniBatches.Processed == 2 {
			cancel(enough)
		}
	}
	got, err := Run(ctx, job)
	if !errors.Is(err, enough) || err.Error() != "scoring: the job was cancelled: enough" || got.Status != StatusCanceled || got.OutputFile != "" || got.Items.Succeeded < 2 {
		t.Errorf("Run = %+v, %v", got, err)
	}
	if text := logText(t, job, "logs/job_result.txt"); !strings.Contains(text, "User cancelled the run.") {
		t.Errorf("job_result:\n%s", text)
	}
	if diff := cmp.Diff([]string{"temp_127.0.0.1_process000_predictions.csv"}, entries(t, job.Output)); diff != "" {
		t.Errorf("output folder (-want +got):\n%s", diff)
	}
}

// TestRulesFailureWhileAnotherCallFails: the job fails while a process records its error.
func TestRulesFailureWhileAnotherCallFails(t *testing.T) {
	logs, err := newLogTree(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{settings: &settings{}, logs: logs}
	first := &ScriptError{Phase: PhaseRun, Process: "process000", Message: "cracked"}
	var both sync.WaitGroup
	both.Go(func() { e.recordError(first, true) })
	both.Go(func() { _ = e.failure(noSuccess, "", &e.lost) })
	both.Wait()
	if got := e.failure(noSuccess, "", &e.lost).Cause; got != first {
		t.Errorf("cause %v, want %v", got, first)
	}
	if err := logs.close(); err != nil {
		t.Error(err)
	}
}

// TestRulesImportFailureTellsTheTracebackOnce: it is in the service's message.
func TestRulesImportFailureTellsTheTracebackOnce(t *testing.T) {
	job := newJob(t, "import no_such_module", 1)
	_, err := Run(t.Context(), job)
	if err == nil || strings.Count(err.Error(), "Traceback (most recent call last)") != 1 {
		t.Errorf("Run = %v", err)
	}
}

// TestRulesARetriedTryIsNoCause: what ended the job is told, not an error that the job got over.
func TestRulesARetriedTryIsNoCause(t *testing.T) {
	const flaky = "import helper, os\ndef run(b):\n    if 'a00' in b[0] and helper.once():\n        raise OSError('flaky')\n"
	checkRules(t, []rule{
		{name: "a mini-batch that fails for good", files: 2, script: flaky + "    if 'a01' in b[0]:\n        raise ValueError('cracked')\n    return b",
			change: func(j *Job) { j.MiniBatchSize, j.MaxRetries, j.ErrorThreshold = 1, new(2), new(0) }, reason: "The number of failed items is 1, which exceeds error threshold 0.",
			cause: "ValueError: cracked", tries: 3, items: Items{2, 1, 1}, batches: MiniBatches{2, 1, 1}},
		{name: "missing rows", files: 2, script: flaky + "    return b if 'a00' in b[0] else []",
			change: func(j *Job) { j.MiniBatchSize, j.MaxRetries, j.ErrorThreshold = 1, new(2), new(0) }, reason: "The number of failed items is 1, which exceeds error threshold 0.",
			cause: "run() returned 0 rows for 1 file", tries: 2, items: Items{2, 1, 1}, batches: MiniBatches{2, 2, 0}},
		{name: "an init that worked at the second time", files: 1, script: "import helper\ndef init():\n    if helper.once():\n        raise OSError('flaky')\ndef run(b):\n    raise ValueError('cracked')",
			change: func(j *Job) { j.MaxRetries = new(1) }, reason: noSuccess, cause: "ValueError: cracked", tries: 2, items: Items{1, 0, 1}, batches: MiniBatches{1, 0, 1}},
		{name: "init keeps failing after a try that was repeated", files: 1, script: "import helper, os\ndef init():\n    if not helper.once():\n        raise OSError('no model')\ndef run(b):\n    os._exit(3)",
			reason: runFailed, cause: "OSError: no model", tries: 4, items: Items{1, 0, 0}, batches: MiniBatches{1, 0, 0}},
	})
}
