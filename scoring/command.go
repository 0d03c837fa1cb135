package scoring

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Command is a command line that a job or a step of a pipeline runs once. The zero value of every
// field but Line is a default.
type Command struct {
	// Line is the command line. The shell of this machine runs it: bash, or sh where there is none.
	Line string
	// Dir is the working directory. Empty means a temporary folder, which is removed.
	Dir string
	// Env has environment variables for the command.
	Env map[string]string
	// ScriptEnv names variables of this process that the command sees beside those that every
	// program needs, as in [Job.ScriptEnv].
	ScriptEnv []string
	// Python is the interpreter that the names python and python3 in Line mean, as a path or a name
	// to look up in PATH; "python3" when empty. It need not exist if Line runs no Python.
	Python string
	// Environment, if not nil, is installed into a virtual environment of Python, and python and
	// python3 in Line mean the interpreter in it.
	Environment *Environment
	// Logs is the folder for the logs. What the command prints goes to user_logs/std_log.txt, where
	// Azure has it, while it runs. Empty means that no logs are kept.
	Logs string
}

// CommandError says that a command did not exit with status 0.
type CommandError struct {
	// ExitCode is the exit status; -1 if a signal ended the command.
	ExitCode int
	// Reason says how the command ended, such as "exit status 1" or "signal: killed".
	Reason string
	// Output is the end of what the command printed: its last traceback, else its last lines.
	Output string
}

// Error gives the reason and the output.
func (e *CommandError) Error() string {
	return "scoring: the command ended with " + e.Reason + indent(e.Output)
}

// ServiceMessage is the message that Azure shows on the failed job (azureml-examples issue 2614,
// for a Python process; not evidenced: the name of the process for others).
func (e *CommandError) ServiceMessage() string {
	return fmt.Sprintf("Execution failed. User process '/bin/bash' exited with status code %d. Please check log file "+
		"'%s' for error details. Error: %s", e.ExitCode, commandLog, e.Output)
}

const commandLog = "user_logs/std_log.txt"

// RunCommand runs a command. It returns when the command and all that it started have ended.
//
// A command that fails is a [*CommandError], packages that cannot be installed are an
// [*EnvironmentError], and a mistake in c is an [*InvalidJobError]. If ctx ends, the command is
// killed, and the error wraps the cause of ctx. Any other error is a problem of this machine.
func RunCommand(ctx context.Context, c Command) error {
	s, err := c.settings()
	if err != nil {
		return err
	}
	return s.runCommand(ctx, c)
}

// runCommand makes what a command needs, and removes it.
func (s *settings) runCommand(ctx context.Context, c Command) (err error) {
	mark := rand.Text()
	dirs, err := newJobDirs(mark)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, dirs.remove()) }()
	if s.Logs == "" {
		s.Logs = filepath.Join(dirs.root, "logs")
	}
	c.Logs, c.Dir = s.Logs, cmp.Or(c.Dir, dirs.work)
	if err := errors.Join(os.MkdirAll(c.Logs, 0o755), os.MkdirAll(c.Dir, 0o755), unpackDriver(dirs.driver)); err != nil {
		return fmt.Errorf("scoring: %w", err)
	}
	logs := &logTree{dir: c.Logs, now: s.now, files: map[string]*os.File{}, overviewName: buildLogFile}
	e := &engine{settings: s, dirs: dirs, logs: logs, mark: mark, guard: newGuard(dirs, mark)}
	defer e.guard.stop()
	defer func() { err = cmp.Or(err, logs.close()) }()
	if err := e.prepareEnvironment(ctx); err != nil {
		return err
	}
	return e.startCommand(ctx, c)
}

// settings are those of a job that are a command's too.
func (c Command) settings() (*settings, error) {
	s := &settings{now: time.Now, Job: Job{
		Env: c.Env, ScriptEnv: c.ScriptEnv, Python: cmp.Or(c.Python, "python3"), Environment: c.Environment, Logs: c.Logs,
	}}
	if strings.TrimSpace(c.Line) == "" || strings.Contains(c.Line, "\x00") {
		return nil, invalid("Line", "must be a command line, not %q", c.Line)
	}
	if err := s.checkEnv(); err != nil {
		return nil, err
	}
	if c.Environment != nil {
		p, err := c.Environment.packages()
		if err != nil {
			return nil, invalid("Environment", "must be one that can be built, but %v", err)
		}
		s.packages = p
	}
	return s, nil
}

func (e *engine) startCommand(ctx context.Context, c Command) error {
	path, err := e.logs.path(commandLog)
	if err != nil {
		return fmt.Errorf("scoring: logs: %w", err)
	}
	output, err := openLog(path)
	if err != nil {
		return fmt.Errorf("scoring: logs: %w", err)
	}
	defer output.Close()
	bin, err := e.pythonCommands()
	if err != nil {
		return fmt.Errorf("scoring: %w", err)
	}
	cmd := exec.Command(shell(), "-c", c.Line)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, output, output
	cmd.Env = append(e.jobEnviron(), workerVariable+"="+e.mark+".command", "PYTHONUNBUFFERED=1",
		"PATH="+bin+string(os.PathListSeparator)+e.variable("PATH"))
	err = runInGroup(ctx, cmd)
	endMarked(e.mark + ".") // for processes that left the group
	if ctx.Err() != nil {
		return fmt.Errorf("scoring: the command was cancelled: %w", context.Cause(ctx))
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return &CommandError{ExitCode: exit.ExitCode(), Reason: exit.Error(), Output: lastWords(readTail(path))}
	case err != nil:
		return fmt.Errorf("scoring: start the command: %w", startError(c.Dir, err))
	}
	return nil
}

// startError is why a command did not start. The system blames the program also when it cannot enter
// the working directory.
func startError(dir string, err error) error {
	if _, dirErr := os.Stat(dir + string(filepath.Separator) + "."); dirErr != nil {
		return fmt.Errorf("its working directory %q cannot be entered: %w", dir, errors.Unwrap(dirErr))
	}
	return err
}

func shell() string {
	if path, err := exec.LookPath("bash"); err == nil {
		return path
	}
	return "/bin/sh"
}

// pythonCommands returns a folder with the commands python and python3: images of Azure have both,
// and many machines only one.
func (e *engine) pythonCommands() (string, error) {
	bin := filepath.Join(e.dirs.root, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	in, err := findInterpreter(e.Python, e.jobEnviron())
	if err != nil {
		return bin, nil //nolint:nilerr // a command that runs no Python needs none; another one says so itself
	}
	e.guard.start(in.path, e.jobEnviron())
	for _, name := range []string{"python", "python3"} {
		// A link would hide from a virtual environment's Python where it is.
		script := "#!/bin/sh\nexec '" + strings.ReplaceAll(in.path, "'", `'\''`) + "' \"$@\"\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
			return "", err
		}
	}
	return bin, nil
}

// shownOfCommand is how many lines of a failed command its error shows if there is no traceback.
const shownOfCommand = 10

// lastWords is the end of a log from the last traceback on, else its last lines.
func lastWords(tail string) string {
	tail = strings.TrimSpace(tail)
	if at := strings.LastIndex(tail, "Traceback (most recent call last):"); at >= 0 {
		return tail[at:]
	}
	lines := strings.Split(tail, "\n")
	return strings.Join(lines[max(0, len(lines)-shownOfCommand):], "\n")
}
