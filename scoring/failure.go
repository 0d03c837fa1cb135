package scoring

import (
	"errors"
	"fmt"
	"strings"
)

// Phase is what a worker process was doing.
type Phase string

const (
	// PhaseImport is the import of the script.
	PhaseImport Phase = "import"
	// PhaseInit is the call of init.
	PhaseInit Phase = "init"
	// PhaseRun is the call of run.
	PhaseRun Phase = "run"
	// PhaseShutdown is the call of shutdown.
	PhaseShutdown Phase = "shutdown"
)

// ScriptError is a call of the user's script that failed or returned fewer rows than files.
type ScriptError struct {
	// Phase is what failed.
	Phase Phase
	// Message is the last line of the traceback, such as "ValueError: not an image", or what
	// happened to the process or the rows, such as "the process ended by signal 9 (killed),
	// returncode -9" or "run() returned 0 rows for 3 files".
	Message string
	// Traceback is the script's own traceback, without the frames of the engine. Empty when there
	// is none.
	Traceback string
	// MiniBatch is the number of the mini-batch, from 0; -1 when the call was not about one.
	MiniBatch int
	// Try is the number of the try, from 1; 0 when the call was not about a mini-batch.
	Try int
	// Files are the paths of the files of the mini-batch.
	Files []string
	// File is the one of Files that the script was working on. Empty when the traceback does not
	// tell.
	File string
	// Node is the number of the simulated instance, from 0.
	Node int
	// Process is the name of the worker process in the logs, such as "process000".
	Process string
	// PID is the id of the worker process.
	PID int
	// TimedOut means that the call took longer than [Job.Timeout] and [Job.TimeoutGrace] allow.
	TimedOut bool
	// Exited means that the process ended during the call.
	Exited bool
	// TooFewRows means that run returned fewer rows than the mini-batch has files. Such a
	// mini-batch is not tried again, and its files without a row count as failed.
	TooFewRows bool
	// Stderr is the end of what the process wrote to standard error, at most ten lines. It is set
	// when the process ended, and when the script raised SystemExit, as sys.exit and argparse do.
	Stderr string
	// Hint says what usually helps. Empty when the cause is not a known one.
	Hint string
	// Log is the path of the log with the errors of this process. Empty without [Job.Logs].
	Log string
}

// Error says in one line what failed and where.
func (e *ScriptError) Error() string {
	var text strings.Builder
	switch {
	case e.TooFewRows:
		text.WriteString(e.Message)
	case e.Phase == PhaseImport:
		text.WriteString("import failed")
	default:
		fmt.Fprintf(&text, "%s() failed", e.Phase)
	}
	fmt.Fprintf(&text, " in %s on node %d", e.Process, e.Node)
	if e.MiniBatch >= 0 {
		fmt.Fprintf(&text, ", mini-batch %d", e.MiniBatch)
	}
	if e.File != "" {
		fmt.Fprintf(&text, ", file %q", e.File)
	}
	if !e.TooFewRows {
		text.WriteString(": " + e.Message)
	}
	return text.String()
}

// Details is the text of Error followed by the traceback, the end of standard error and the hint,
// as far as there are any. It has several lines.
func (e *ScriptError) Details() string { return e.Error() + e.details(e.Traceback) }

// details is what follows the first line.
func (e *ScriptError) details(traceback string) string {
	var text strings.Builder
	if traceback = strings.TrimRight(traceback, "\n"); traceback != "" {
		text.WriteString("\n" + traceback)
	}
	if e.Stderr != "" {
		text.WriteString("\nstandard error ends with:" + indent(e.Stderr))
	}
	if e.Hint != "" {
		text.WriteString("\nhint: " + e.Hint)
	}
	return text.String()
}

// ExitCode is the exit code of the service's driver process when a job failed.
const ExitCode = 42

// Failure says why a job failed as it would in Azure.
type Failure struct {
	// Reason is the service's message, such as "The number of failed items is 3, which exceeds
	// error threshold 0."
	Reason string
	// Detail adds in one line what the service does not say. It is often empty.
	Detail string
	// Cause is the error of the script that ended the job: of too many failed files, the first last
	// try of a mini-batch; of processes that cannot start, the latest error. A try that failed
	// before its mini-batch succeeded is no cause. Nil when the script is not to blame.
	Cause *ScriptError
	// Python is the interpreter that ran the script.
	Python string
	// Logs is [Job.Logs] as an absolute path.
	Logs string
}

// Error gives the reason, followed by the details of the cause.
func (f *Failure) Error() string {
	var text strings.Builder
	text.WriteString("scoring: " + f.Reason)
	if f.Detail != "" {
		text.WriteString(" (" + f.Detail + ")")
	}
	if f.Cause == nil {
		return text.String()
	}
	traceback := f.Cause.Traceback
	if strings.Contains(f.Reason, strings.TrimSpace(traceback)) { // that of a failed import
		traceback = ""
	}
	return text.String() + "\n" + f.Cause.Error() + f.Cause.details(traceback)
}

// ErrOutputExists matches a [*Failure] in errors.Is: the output file exists, and [Job.Overwrite] is
// not set.
var ErrOutputExists = errors.New("scoring: the output file exists")

// Is reports whether target is [ErrOutputExists] and the job failed because the output file exists.
func (f *Failure) Is(target error) bool { return target == ErrOutputExists && f.Reason == pathExists }

// Unwrap returns the cause, so that errors.As finds a [*ScriptError].
func (f *Failure) Unwrap() error {
	if f.Cause == nil {
		return nil
	}
	return f.Cause
}

// ServiceMessage is the message that Azure shows on the child job. The cause is not in it.
//
// Seen in azure-sdk-for-python issue 31839 and azureml-examples issue 2614.
func (f *Failure) ServiceMessage() string {
	return fmt.Sprintf("Execution failed. User process '%s' exited with status code %d. Please check log file "+
		"'user_logs/std_log_0.txt' for error details. Error: %s", f.Python, ExitCode, exitTraceback)
}

// exitTraceback is the end of the head process's own log. The cause of the failure is not in it.
const exitTraceback = `Traceback (most recent call last):
  File "driver/amlbi_main.py", in <module>
    main()
SystemExit: 42`

// InvalidJobError is a mistake in a [Job] that was found before anything started.
type InvalidJobError struct {
	// Field is the name of the field of Job, such as "MiniBatchSize".
	Field string
	// Reason completes the sentence that begins with the field: "must not be negative, but is -1".
	Reason string
}

// Error names the field and gives the reason.
func (e *InvalidJobError) Error() string {
	return "scoring: invalid job: " + e.Field + " " + e.Reason
}
