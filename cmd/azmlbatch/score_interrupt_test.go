package main

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestScoreInterrupted runs the command as a process and ends it in the middle of run.
func TestScoreInterrupted(t *testing.T) {
	for name, end := range map[string]syscall.Signal{"an interrupt": syscall.SIGINT, "a closed terminal": syscall.SIGHUP} {
		t.Run(name, func(t *testing.T) {
			if signal.Ignored(end) {
				t.Skip("these tests were started so that it does not matter")
			}
			const hang = "print('here', flush=True)\n    os.mkfifo('never')\n    open(os.environ['STARTED'], 'w').write(str(os.getpid()))\n    open('never').read()\n"
			checkInterrupted(t, end, "import os\ndef run(mini_batch):\n    "+hang)
			checkInterrupted(t, end, "import os\nif True:\n    "+hang+"def run(mini_batch):\n    return mini_batch\n")
		})
	}
}

func checkInterrupted(t *testing.T, end syscall.Signal, script string) {
	t.Helper()
	dir, args := scoreFiles(t, script)
	started := filepath.Join(dir, "started")
	fifo(t, started)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append(args, "--json", "--env", "STARTED="+started)...)
	cmd.Env = append(os.Environ(), "AZMLBATCH_TEST_MAIN=1")
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid, err := os.ReadFile(started) // waits for run to begin
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(end); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its outcome is in ProcessState
	if cmd.ProcessState.ExitCode() != interrupted || !strings.Contains(out.String(), `"status":"Canceled"`) || !strings.Contains(stderr.String(), "cancelled") {
		t.Errorf("exit code %d\n%s%s", cmd.ProcessState.ExitCode(), &out, &stderr)
	}
	if _, err := os.Stat("/proc/" + string(pid)); err == nil {
		t.Errorf("the worker %s is still there", pid)
	}
	// The logs are needed more than ever, and nothing else stays.
	left := temporary(t, dir)
	if len(left) != 1 || !strings.Contains(stderr.String(), "logs: "+left[0]+"\n") {
		t.Fatalf("temporary folders left: %v, want the logs\n%s", left, &stderr)
	}
	printed, err := os.ReadFile(filepath.Join(left[0], "logs", "user", "stdout", "0", "process000.stdout.txt"))
	if err != nil || string(printed) != "here\n" {
		t.Errorf("log of standard output %q, %v", printed, err)
	}
}

// TestScoreKilled: nobody was told the place of the logs of a command that is killed. The next one
// removes them, and its own where they are not needed.
func TestScoreKilled(t *testing.T) {
	dir, args := scoreFiles(t, "import os\ndef run(mini_batch):\n    if 'STARTED' in os.environ:\n        open(os.environ['STARTED'], 'w').close()\n"+
		"        os.mkfifo('never')\n        open('never').read()\n    return mini_batch\n")
	started := filepath.Join(dir, "started")
	fifo(t, started)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append(args, "--env", "STARTED="+started)...)
	cmd.Env = append(os.Environ(), "AZMLBATCH_TEST_MAIN=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(started); err != nil { // waits for run to begin
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()                   // it was killed
	logs := func() (left []string) { // the job's own folder goes when its guard has ended the worker
		for _, folder := range temporary(t, dir) {
			if strings.HasPrefix(filepath.Base(folder), "azmlbatch-logs-") {
				left = append(left, folder)
			}
		}
		return left
	}
	if len(logs()) != 1 {
		t.Errorf("a killed command left %s, so this test shows nothing", logs())
	}
	if code, out, stderr := runCommand(args...); code != 0 {
		t.Errorf("exit code %d\n%s%s", code, out, stderr)
	}
	if left := logs(); left != nil {
		t.Errorf("left behind: %s", left)
	}
}
