//go:build unix

package scoring

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// commandOutput runs a command and returns what it printed.
func commandOutput(t *testing.T, c Command) (string, error) {
	t.Helper()
	c.Logs = t.TempDir()
	err := RunCommand(t.Context(), c)
	text, readErr := os.ReadFile(filepath.Join(c.Logs, "user_logs", "std_log.txt"))
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(text), err
}

func TestCommand(t *testing.T) {
	t.Setenv("KILN_SECRET", "sesame")
	t.Setenv("KILN_PLACE", "yard")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fire.py"), []byte("import sys; print('fired', *sys.argv[1:])"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := commandOutput(t, Command{
		Line: `python fire.py "$HEAT" && python3 -c 'print("again")' && echo "$KILN_SECRET|$KILN_PLACE" >&2`,
		Dir:  dir, Env: map[string]string{"HEAT": "900 degrees"}, ScriptEnv: []string{"KILN_PLACE"},
	})
	if want := "fired 900 degrees\nagain\n|yard\n"; err != nil || got != want {
		t.Errorf("the command printed %q, %v; want %q", got, err, want)
	}
}

func TestFailedCommand(t *testing.T) {
	_, err := commandOutput(t, Command{Line: "echo clay; python -c 'raise ValueError(\"cracked\")'; exit 7"})
	var failed *CommandError
	if !errors.As(err, &failed) || failed.ExitCode != 7 || failed.Reason != "exit status 7" {
		t.Fatalf("error = %v, want a *CommandError with code 7", err)
	}
	if !strings.HasPrefix(failed.Output, "Traceback") || !strings.HasSuffix(failed.Output, "ValueError: cracked") {
		t.Errorf("output = %q, want the traceback", failed.Output)
	}
	if message := failed.ServiceMessage(); !strings.Contains(message, "exited with status code 7. Please check log file 'user_logs/std_log.txt'") {
		t.Errorf("service message %q", message)
	}
	_, err = commandOutput(t, Command{Line: "echo $0; kiln-that-is-not-there"})
	if !errors.As(err, &failed) || failed.ExitCode != 127 || !strings.Contains(failed.Output, "kiln-that-is-not-there") {
		t.Errorf("error = %v, want code 127 and the shell's words", err)
	}
	for _, c := range []Command{{}, {Line: " "}, {Line: "a\x00"}, {Line: "true", Env: map[string]string{"A=": "b"}}, {Line: "true", Environment: &Environment{CondaFile: "["}}} {
		var mistake *InvalidJobError
		if err := RunCommand(t.Context(), c); !errors.As(err, &mistake) {
			t.Errorf("RunCommand(%+v) = %v, want an *InvalidJobError", c, err)
		}
	}
}

// TestCanceledCommand: nothing of the command is left, not even what left its process group.
func TestCanceledCommand(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	fifo := filepath.Join(t.TempDir(), "pid")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	stop, pid := errors.New("the potter left"), make(chan string, 1)
	go func() {
		text, _ := os.ReadFile(fifo) // waits for the command to write
		pid <- string(text)
		cancel(stop)
	}()
	err := RunCommand(ctx, Command{Line: `python -c 'import os,sys,time
if os.fork() == 0:
    os.setsid()
    open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)' "$PID_FILE"`, Env: map[string]string{"PID_FILE": fifo}})
	if !errors.Is(err, stop) {
		t.Fatalf("error = %v, want the cause of the cancel", err)
	}
	if left := <-pid; left == "" {
		t.Error("the command did not start")
	} else if _, err := os.Stat("/proc/" + left + "/exe"); err == nil {
		t.Errorf("process %s is still there", left)
	}
}
