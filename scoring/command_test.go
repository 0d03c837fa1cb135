//go:build linux

package scoring

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
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
	want := "scoring: the command ended with exit status 127\n\t" + strings.ReplaceAll(failed.Output, "\n", "\n\t")
	if failed.Error() != want {
		t.Errorf("Error() = %q, want %q", failed.Error(), want)
	}
	message := "Execution failed. User process '/bin/bash' exited with status code 127. Please check log file 'user_logs/std_log.txt' for error details. Error: " + failed.Output
	if failed.ServiceMessage() != message {
		t.Errorf("ServiceMessage() = %q, want %q", failed.ServiceMessage(), message)
	}
	_, err = commandOutput(t, Command{Line: "kill -9 $$"})
	if !errors.As(err, &failed) || failed.ExitCode != -1 || failed.Reason != "signal: killed" {
		t.Errorf("error = %v, want a *CommandError with code -1", err)
	}
}

// TestCommandsThatAreMistakes pins what is refused, and its message.
func TestCommandsThatAreMistakes(t *testing.T) {
	for _, tt := range []struct {
		command Command
		want    string
	}{
		{Command{}, `Line must be a command line, not ""`},
		{Command{Line: " \t"}, `Line must be a command line, not " \t"`},
		{Command{Line: "a\x00"}, `Line must be a command line, not "a\x00"`},
		{Command{Line: "true", Env: map[string]string{"A=": "b"}}, `Env must have names of environment variables, not "A="`},
		{Command{Line: "true", ScriptEnv: []string{"A="}}, `ScriptEnv must have names of environment variables without values, not "A="`},
		{Command{Line: "true", Environment: &Environment{CondaFile: "dependencies: [3]"}},
			"Environment must be one that can be built, but the conda file cannot be read: a dependency is neither a package nor a list named pip: 3"},
	} {
		err := RunCommand(t.Context(), tt.command)
		var mistake *InvalidJobError
		if !errors.As(err, &mistake) || err.Error() != "scoring: invalid job: "+tt.want {
			t.Errorf("RunCommand(%+v) = %v, want %s", tt.command, err, tt.want)
		}
	}
}

// TestCommandAndThisMachine puts something else where the command wants a folder or a file.
func TestCommandAndThisMachine(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "file"), "")
	writeFile(t, filepath.Join(dir, "taken", "user_logs"), "")
	writeFile(t, filepath.Join(dir, "folder", "user_logs", "std_log.txt", "file"), "")
	for _, tt := range []struct {
		name, want string
		command    Command
	}{
		{"logs below a file", "scoring: mkdir ", Command{Logs: filepath.Join(dir, "file", "logs")}},
		{"a working directory below a file", "scoring: mkdir ", Command{Dir: filepath.Join(dir, "file", "dir")}},
		{"a file for the folder of the log", "scoring: logs: mkdir ", Command{Logs: filepath.Join(dir, "taken")}},
		{"a folder for the log", "scoring: logs: open ", Command{Logs: filepath.Join(dir, "folder")}},
		{"a Python for the environment that is not there", "scoring: no Python interpreter: ", Command{Python: "no-such-python", Environment: &Environment{}}},
	} {
		tt.command.Line = "true"
		err := RunCommand(t.Context(), tt.command)
		var failed *CommandError
		if err == nil || errors.As(err, &failed) || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: RunCommand = %v, want %q", tt.name, err, tt.want)
		}
	}
	t.Setenv("TMPDIR", filepath.Join(dir, "file"))
	if err := RunCommand(t.Context(), Command{Line: "true"}); err == nil || !strings.HasPrefix(err.Error(), "scoring: mkdir ") {
		t.Errorf("without a temporary folder: RunCommand = %v", err)
	}
}

// TestCommandAndItsPython checks which interpreter python and python3 are.
func TestCommandAndItsPython(t *testing.T) {
	odd := filepath.Join(t.TempDir(), "it's a kiln")
	writeFile(t, odd, "#!/bin/sh\necho \"odd $*\"\n")
	if err := os.Chmod(odd, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		command    Command
	}{
		{"one whose path has a quote", "odd 1 2 3\nodd -V\n", Command{Python: odd, Line: `python 1 "2 3"; python3 -V`}},
		{"none, which is not needed", "fired\n", Command{Python: "no-such-python", Line: "echo fired"}},
		{"what it prints comes at once", "first\nsecond\n", Command{Line: `python -c 'import os; print("first"); os.system("echo second")'`}},
	} {
		if got, err := commandOutput(t, tt.command); err != nil || got != tt.want {
			t.Errorf("%s: printed %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
}

// TestCommandInAnEnvironment checks that python is the one of the environment that is built for it.
func TestCommandInAnEnvironment(t *testing.T) {
	python := playedPython(t, makesVenv, `echo installed`)
	environment := Environment{Requirements: "glaze", CacheDir: t.TempDir()}
	got, err := commandOutput(t, Command{Python: python, Environment: &environment, Line: `echo "$VIRTUAL_ENV"; command -v python3; cat "$(command -v python)"`})
	lines := strings.Split(got, "\n")
	if err != nil || len(lines) != 5 || filepath.Dir(lines[0]) != environment.CacheDir || filepath.Base(lines[1]) != "python3" ||
		lines[3] != "exec '"+lines[0]+`/bin/python' "$@"` {
		t.Errorf("printed %q, %v; want the environment in %s", got, err, environment.CacheDir)
	}
	python = playedPython(t, "echo 'Error: no ensurepip'; return 3", "")
	environment.CacheDir = t.TempDir()
	var failed *EnvironmentError
	if err := RunCommand(t.Context(), Command{Python: python, Environment: &environment, Line: "true"}); !errors.As(err, &failed) || failed.Reason != "python -m venv: no ensurepip" {
		t.Errorf("without ensurepip: %v, want an *EnvironmentError", err)
	}
}

// TestCommandLeavesNothing checks that its temporary folder, its guard and what it started end with
// it, also when it fails.
func TestCommandLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, exit := range []string{"0", "3"} {
		got, err := commandOutput(t, Command{Line: "pwd; sleep 1000 & echo $!; setsid sleep 1000 & echo $!; exit " + exit})
		if (err == nil) != (exit == "0") {
			t.Errorf("exit %s: %v", exit, err)
		}
		lines := strings.Split(strings.TrimSpace(got), "\n")
		if len(lines) != 3 || filepath.Dir(filepath.Dir(lines[0])) != os.Getenv("TMPDIR") {
			t.Fatalf("printed %q, want a working directory below %s and two processes", got, os.Getenv("TMPDIR"))
		}
		for _, pid := range lines[1:] {
			if _, err := os.Stat("/proc/" + pid + "/exe"); err == nil {
				t.Errorf("exit %s: process %s is still there", exit, pid)
			}
		}
		if left := folders(t); len(left) > 0 {
			t.Errorf("exit %s: temporary folders left: %v", exit, left)
		}
		if left := guards(t, os.Getpid()); len(left) > 0 {
			t.Errorf("exit %s: guards %v are left", exit, left)
		}
	}
}

// TestCommandHasAMarkOfItsOwn: by it, another command never ends what this one has started.
func TestCommandHasAMarkOfItsOwn(t *testing.T) {
	marks := map[string]bool{}
	for range 2 {
		mark, err := commandOutput(t, Command{Line: "echo $" + workerVariable})
		if len(mark) < 20 || err != nil {
			t.Errorf("the mark %q, %v; want a long one", mark, err)
		}
		marks[mark] = true
	}
	if len(marks) != 2 {
		t.Errorf("marks %v, want two", marks)
	}
}

// TestCommandLeavesNothingWithoutAMark: what has no environment ends with the group of the command.
func TestCommandLeavesNothingWithoutAMark(t *testing.T) {
	got, err := commandOutput(t, Command{Line: "{ env -i /bin/sh -c 'echo $$; exec sleep 1000 >&2' & } | head -n 1"})
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(got))
	if err != nil {
		t.Fatal(err)
	}
	checkGone(t, pid)
}

func TestLastWords(t *testing.T) {
	for _, tt := range []struct{ name, tail, want string }{
		{"nothing", " \n", ""},
		{"two lines", "1\n2\n", "1\n2"},
		{"ten lines of eleven", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n", "2\n3\n4\n5\n6\n7\n8\n9\n10\n11"},
		{"a traceback at the beginning", "Traceback (most recent call last):\n  x\nE\n", "Traceback (most recent call last):\n  x\nE"},
		{"the last traceback", "a\nTraceback (most recent call last):\nb\nTraceback (most recent call last):\nc", "Traceback (most recent call last):\nc"},
	} {
		if got := lastWords(tt.tail); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
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
		if running := guards(t, os.Getpid()); len(running) != 1 {
			t.Errorf("guards %v, want one for what the command starts", running)
		}
		pid <- string(text)
		cancel(stop)
	}()
	err := RunCommand(ctx, Command{Line: `python -c 'import os,sys,time
if os.fork() == 0:
    os.setsid()
    open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)' "$PID_FILE"`, Env: map[string]string{"PID_FILE": fifo}})
	if !errors.Is(err, stop) || err.Error() != "scoring: the command was cancelled: the potter left" {
		t.Fatalf("error = %v, want the cause of the cancel", err)
	}
	if left := <-pid; left == "" {
		t.Error("the command did not start")
	} else if _, err := os.Stat("/proc/" + left + "/exe"); err == nil {
		t.Errorf("process %s is still there", left)
	}
}

// TestCommandThatCannotBeStarted: its folder is gone, or its Python has no place.
func TestCommandThatCannotBeStarted(t *testing.T) {
	root := t.TempDir()
	writeFile(t, filepath.Join(root, "file"), "")
	writeFile(t, filepath.Join(root, "taken", "bin", "python3", "file"), "")
	for _, tt := range []struct{ root, dir, want string }{
		{root, filepath.Join(root, "none"), `scoring: start the command: its working directory "` + root + `/none" cannot be entered: no such file or directory`},
		{root, filepath.Join(root, "file"), `scoring: start the command: its working directory "` + root + `/file" cannot be entered: not a directory`},
		{filepath.Join(root, "file"), root, "scoring: mkdir " + root + "/file: not a directory"},
		{filepath.Join(root, "taken"), root, "scoring: open " + root + "/taken/bin/python3: is a directory"},
	} {
		dirs := jobDirs{root: tt.root}
		e := &engine{settings: &settings{Job: Job{Python: "/bin/true"}}, dirs: dirs, logs: &logTree{dir: t.TempDir()}, mark: "mark", guard: newGuard(dirs, "mark")}
		e.guard.stop() // it starts none
		if err := e.startCommand(t.Context(), Command{Line: "true", Dir: tt.dir}); err == nil || err.Error() != tt.want {
			t.Errorf("startCommand = %v, want %s", err, tt.want)
		}
	}
}

// TestShell: sh runs a command where there is no bash.
func TestShell(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if got := shell(); got != "/bin/sh" {
		t.Errorf("without bash: %s", got)
	}
	script(t, filepath.Join(dir, "bash"), "exec sh")
	if got := shell(); got != filepath.Join(dir, "bash") {
		t.Errorf("with bash: %s", got)
	}
}

// TestCommandCancelledBeforeItsPython: the environment is not built, and the error is the cause.
func TestCommandCancelledBeforeItsPython(t *testing.T) {
	stop := errors.New("the potter left")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	python := filepath.Join(t.TempDir(), "python")
	script(t, python, "exec sleep 1000")
	err := RunCommand(ctx, Command{Line: "true", Python: python, Environment: &Environment{CacheDir: t.TempDir()}})
	if !errors.Is(err, stop) {
		t.Errorf("RunCommand = %v, want the cause", err)
	}
}

// TestCommandWithoutALogOfTheBuild: nothing is built whose output has no place.
func TestCommandWithoutALogOfTheBuild(t *testing.T) {
	logs, cache := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(logs, "azureml-logs"), "")
	err := RunCommand(t.Context(), Command{Line: "true", Python: playedPython(t, makesVenv, ""), Environment: &Environment{CacheDir: cache}, Logs: logs})
	if err == nil || !strings.HasPrefix(err.Error(), "scoring: mkdir "+logs+"/azureml-logs: not a directory") {
		t.Errorf("RunCommand = %v", err)
	}
	if left := entries(t, cache); len(left) > 0 {
		t.Errorf("built: %v", left)
	}
}
