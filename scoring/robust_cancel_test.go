//go:build linux

package scoring

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRobustCancel: a job that is cancelled ends at once, whatever it is doing. A test that hangs
// has failed. Leaked goroutines are found when all tests are done.
func TestRobustCancel(t *testing.T) {
	const head = "import helper, os, signal, subprocess, sys\nhelper.process()\nhelper.note('folder', os.getcwd())\n" +
		"def stay():\n    open(helper.fifo('here'), 'w').close()\n    while True:\n        signal.pause()\n"
	tests := []struct{ name, script string }{
		{"in the import", head + "stay()"},
		{"in init", head + "def init():\n    stay()\ndef run(b):\n    return b"},
		{"in run", head + "def run(b):\n    stay()"},
		{"in the second run", head + "def run(b):\n    helper.once() or stay()\n    return b"},
		{"in shutdown", head + "def run(b):\n    return b\ndef shutdown():\n    stay()"},
		{"at the end of the interpreter", head + "import atexit\natexit.register(stay)\ndef run(b):\n    return b"},
		{"while rows become text", head + "class Row:\n    def __str__(self):\n        stay()\ndef run(b):\n    return [Row()]"},
		{"with signals ignored", head + "for s in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:\n    signal.signal(s, signal.SIG_IGN)\ndef run(b):\n    stay()"},
		{"with children", head + "def run(b):\n    helper.process(subprocess.Popen(['sleep', '1000']).pid)\n    helper.process(subprocess.Popen(['sleep', '1000'], start_new_session=True).pid)\n    stay()"},
		{"with a child that took the pipes along", head + "def run(b):\n    if os.fork() == 0:\n        os.setsid()\n        helper.process()\n        stay()\n    os.wait()"},
		{"stopped", head + "def run(b):\n    if os.fork() == 0:\n        stay()\n    os.kill(os.getpid(), signal.SIGSTOP)"},
		{"with a flood on every stream", head + "import threading\ndef flood(f):\n    while True:\n        f.write('x' * 100)\nfor f in sys.stdout, sys.stderr:\n    threading.Thread(target=flood, args=[f], daemon=True).start()\ndef run(b):\n    stay()"},
	}
	for _, tt := range tests {
		for _, processes := range []int{1, 3} {
			t.Run(tt.name+[]string{"", ", one process", "", ", three processes"}[processes], func(t *testing.T) {
				t.Parallel()
				job := newJob(t, tt.script, 3)
				job.MiniBatchSize, job.MaxConcurrencyPerInstance = 1, processes
				here := filepath.Join(job.Env["MARKS"], "here")
				if err := syscall.Mkfifo(here, 0o600); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				wait := started(ctx, job)
				readFile(t, here) // waits for the script
				cancel()
				got, err := wait()
				if !errors.Is(err, context.Canceled) || got.Status != StatusCanceled || got.OutputFile != "" {
					t.Errorf("Run = %+v, %v", got, err)
				}
				checkClean(t, job)
				if names := entries(t, job.Output); strings.Contains(strings.Join(names, " ")+" ", " predictions.csv ") {
					t.Errorf("a cancelled job left an output file: %v", names)
				}
			})
		}
	}
}

// TestRobustCancelByProgress cancels a job at each call of OnProgress.
func TestRobustCancelByProgress(t *testing.T) {
	for at := range 5 {
		job := newJob(t, echo, 4)
		job.MiniBatchSize = 1
		ctx, cancel := context.WithCancel(t.Context())
		job.OnProgress = func(p Progress) {
			if p.MiniBatches.Processed == at {
				cancel()
			}
		}
		if got, err := Run(ctx, job); !errors.Is(err, context.Canceled) || got.Status != StatusCanceled || got.OutputFile != "" {
			t.Errorf("after %d mini-batches: Run = %+v, %v", at, got, err)
		}
		cancel()
	}
}

func TestRobustCancelledBefore(t *testing.T) {
	job := newJob(t, "import helper\nhelper.note('imported')\n"+echo, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := Run(ctx, job)
	if !errors.Is(err, context.Canceled) || got.Status != StatusCanceled {
		t.Errorf("Run = %+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{}, notes(t, job)); diff != "" {
		t.Errorf("the script ran (-want +got):\n%s", diff)
	}
}

// TestRobustCancelAtTheStart: the interpreter does not start a worker.
func TestRobustCancelAtTheStart(t *testing.T) {
	for name, script := range map[string]string{
		"a wrapper that hangs":             "#!/bin/sh\necho > \"$MARKS/here\"\nexec sleep 1000\n",
		"a wrapper that ignores signals":   "#!/bin/sh\ntrap '' TERM INT HUP USR2\necho > \"$MARKS/here\"\nsleep 1000\nsleep 1000\n",
		"an interpreter that reads no end": "#!/bin/sh\necho > \"$MARKS/here\"\ncat <&3\nsleep 1000\n",
	} {
		t.Run(name, func(t *testing.T) {
			job := newJob(t, echo, 3)
			job.Python = filepath.Join(filepath.Dir(job.Code), "python")
			writeFile(t, job.Python, script)
			if err := os.Chmod(job.Python, 0o700); err != nil {
				t.Fatal(err)
			}
			here := filepath.Join(job.Env["MARKS"], "here")
			if err := syscall.Mkfifo(here, 0o600); err != nil {
				t.Fatal(err)
			}
			job.MiniBatchSize, job.MaxConcurrencyPerInstance = 1, 3
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			wait := started(ctx, job)
			readFile(t, here)
			cancel()
			if got, err := wait(); !errors.Is(err, context.Canceled) || got.Status != StatusCanceled {
				t.Errorf("Run = %+v, %v", got, err)
			}
		})
	}
}

// TestRobustCancelTheJoin: the rows stay in the workers' files.
func TestRobustCancelTheJoin(t *testing.T) {
	dir := t.TempDir()
	var parts []part
	for _, name := range []string{"a", "b"} {
		writeFile(t, filepath.Join(dir, name), name+"\n")
		parts = append(parts, part{filepath.Join(dir, name), 2})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := joinParts(ctx, parts); !errors.Is(err, context.Canceled) {
		t.Errorf("joinParts = %v", err)
	}
	if diff := cmp.Diff(map[string]string{"a": "a\n", "b": "b\n"}, snapshot(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := joinParts(t.Context(), []part{parts[0], {parts[1].path, 3}}); err == nil || !strings.Contains(err.Error(), "b, ") {
		t.Errorf("join of a truncated part = %v", err)
	}
}

// TestRobustLogsWhileItRuns: the logs can be read while the job runs.
func TestRobustLogsWhileItRuns(t *testing.T) {
	job := newJob(t, "import helper\ndef run(b):\n    print('scoring', helper.names(b))\n    if 'a01' in b[0]:\n        open(helper.fifo('here'), 'w').close()\n        open(helper.fifo('go on')).close()\n    if 'a00' in b[0]:\n        raise ValueError('cracked')\n    return b", 2)
	job.MiniBatchSize, job.MaxRetries = 1, new(1)
	for _, name := range []string{"here", "go on"} {
		if err := syscall.Mkfifo(filepath.Join(job.Env["MARKS"], name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wait := started(t.Context(), job)
	readFile(t, filepath.Join(job.Env["MARKS"], "here"))
	for file, want := range map[string]string{
		"user_logs/std_log_0.txt": "Batch Inference Start", "logs/user/stdout/0/process000.stdout.txt": "scoring ['a01.txt']", "logs/job_error.*.txt": "cracked",
		"logs/job_progress_overview.*.txt": "No task has been processed yet.", "logs/sys/job_report/processed_mini-batches.csv": "RUN_EXCEPTION",
	} {
		if text := logText(t, job, file); !strings.Contains(text, want) {
			t.Errorf("no %q in %s:\n%s", want, file, text)
		}
	}
	writeFile(t, filepath.Join(job.Env["MARKS"], "go on"), "")
	if got, err := wait(); err != nil || got.Items.Succeeded != 1 {
		t.Errorf("Run = %+v, %v", got, err)
	}
}

// TestEchoWhileItRuns checks that a line arrives before the call that prints it returns.
func TestEchoWhileItRuns(t *testing.T) {
	job := newJob(t, "import helper\ndef run(b):\n    print('here')\n    return [open(helper.fifo('go on')).read()]", 1)
	pipe := filepath.Join(job.Env["MARKS"], "go on")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	job.Echo = &writes{heard: func(line string) {
		if err := os.WriteFile(pipe, []byte(line), 0); err != nil {
			t.Error(err)
		}
	}}
	got, err := Run(t.Context(), job)
	if err != nil || readFile(t, got.OutputFile) != "here\n\n" {
		t.Errorf("Run = %+v, %v", got, err)
	}
}
