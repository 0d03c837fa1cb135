package scoring

import (
	"errors"
	"fmt"
	"strings"
)

// Status is how a job ended, in the service's words.
type Status string

const (
	// Completed means that every mini-batch was handled within the error threshold, and not that no file failed.
	Completed Status = "Completed"
	// Failed means that the job ended as described by a [*Failure].
	Failed Status = "Failed"
	// Canceled means that the context ended first.
	Canceled Status = "Canceled"
)

// Items counts input files.
type Items struct {
	// Total is the number of files found in the input.
	Total int `json:"total"`
	// Succeeded counts one for each value that run returned, at most the files of its mini-batch.
	Succeeded int `json:"succeeded"`
	// Failed counts the files that run returned no value for and those of the mini-batches that were given up.
	Failed int `json:"failed"`
}

// MiniBatches counts mini-batches.
type MiniBatches struct {
	// Total is the number of mini-batches that the input was cut into.
	Total int `json:"total"`
	// Processed counts those whose run returned, whatever it returned.
	Processed int `json:"processed"`
	// Failed counts those that were given up after their last try.
	Failed int `json:"failed"`
}

// Progress is what a job has done so far.
type Progress struct {
	Items       Items       `json:"items"`
	MiniBatches MiniBatches `json:"miniBatches"`
}

// Result is the outcome of a job, filled as far as the job came when it did not complete.
type Result struct {
	Status      Status      `json:"status"`
	Items       Items       `json:"items"`
	MiniBatches MiniBatches `json:"miniBatches"`
	// OutputFile is the path of the joined rows. Empty with SummaryOnly and when the job did not complete.
	OutputFile string `json:"outputFile"`
	// ScriptErrors is the number of calls of the script that failed or returned fewer rows than
	// files. It includes tries that were repeated with success.
	ScriptErrors int `json:"scriptErrors"`
	// FirstError is the first of the calls that failed, or if none did the first that returned fewer
	// rows than files. Nil means that all went well. A completed job can have one.
	FirstError *ScriptError `json:"-"`
}

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

// ScriptError is one failed call of the user's script.
type ScriptError struct {
	// Phase is what failed.
	Phase Phase
	// Message is the last line of the traceback, such as "ValueError: not an image", or what happened to the process,
	// such as "run() took longer than the timeout; the limit of a call is 31s" or "the process ended by signal 9 (killed)".
	Message string
	// Traceback is the user's own traceback without the engine's frames. It is empty when the process ended without one.
	Traceback string
	// MiniBatch is the number of the mini-batch, from 0; -1 when the call was not about one.
	MiniBatch int
	// Try is which try of the mini-batch failed, from 1.
	Try int
	// Files are the paths of the mini-batch's files.
	Files []string
	// File is the one of them that the script was at, as far as the traceback tells; else empty.
	File string
	// Node is the number of the simulated instance, from 0.
	Node int
	// Process is the name of the worker process in the logs, such as "process000".
	Process string
	// PID is the process id that the worker had.
	PID int
	// TimedOut tells a call that took too long from one that raised.
	TimedOut bool
	// Exited tells that the process ended in the call.
	Exited bool
	// TooFewRows tells that run returned, with fewer rows than the mini-batch has files. Such a
	// mini-batch is not tried again; the files that lack a row count as failed.
	TooFewRows bool
	// Stderr is the last lines that the process wrote to standard error, at most ten. It is set when
	// the process ended and when the script raised SystemExit, as sys.exit and argparse do.
	Stderr string
	// Hint says what usually helps. Empty when the cause is not a known one.
	Hint string
	// Log is the path of the log with the errors of this process. Empty without [Job.Logs].
	Log string
}

// Error says where and what in one line.
func (e *ScriptError) Error() string {
	var where strings.Builder
	switch {
	case e.TooFewRows:
		fmt.Fprintf(&where, "%s in %s on node %d", e.Message, e.Process, e.Node)
	case e.Phase == PhaseImport:
		fmt.Fprintf(&where, "import failed in %s on node %d", e.Process, e.Node)
	default:
		fmt.Fprintf(&where, "%s() failed in %s on node %d", e.Phase, e.Process, e.Node)
	}
	if e.MiniBatch >= 0 {
		fmt.Fprintf(&where, ", mini-batch %d", e.MiniBatch)
	}
	if e.File != "" {
		fmt.Fprintf(&where, ", file %q", e.File)
	}
	if !e.TooFewRows {
		where.WriteString(": " + e.Message)
	}
	return where.String()
}

// Details gives all that is known, in several lines: the line of Error, the traceback, the end of
// standard error and the hint.
func (e *ScriptError) Details() string { return e.Error() + e.below(e.Traceback) }

// below gives what follows the line of an error.
func (e *ScriptError) below(traceback string) string {
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
	// Reason is the sentence of the service, such as "The number of failed items is 3, which exceeds error threshold 0."
	Reason string
	// Detail adds what the service does not say, in one line; it is often empty.
	Detail string
	// Cause is the first failed call of the script. It is nil when the script is not to blame.
	Cause *ScriptError
	// Python is the interpreter that ran the script.
	Python string
	// Logs is the folder of the log tree, empty when none was asked for.
	Logs string
}

// Error gives the reason, and below it the details of the cause.
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
	if strings.Contains(f.Reason, strings.TrimSpace(traceback)) { // that of an import is in the sentence
		traceback = ""
	}
	return text.String() + "\n" + f.Cause.Error() + f.Cause.below(traceback)
}

// ErrOutputExists is what errors.Is finds in a [*Failure] when the output file was there before the job
// and [Job.Overwrite] is not set.
var ErrOutputExists = errors.New("scoring: the output file exists")

// Is reports whether the job failed for the reason that target stands for.
func (f *Failure) Is(target error) bool { return target == ErrOutputExists && f.Reason == pathExists }

// Unwrap gives the failed call of the script, so that errors.As finds a [*ScriptError].
func (f *Failure) Unwrap() error {
	if f.Cause == nil {
		return nil
	}
	return f.Cause
}

// ServiceMessage is the error text that Azure shows on the child job, in which the cause is missing.
//
// Seen in azure-sdk-for-python issue 31839 and azureml-examples issue 2614.
func (f *Failure) ServiceMessage() string {
	return fmt.Sprintf("Execution failed. User process '%s' exited with status code %d. Please check log file "+
		"'user_logs/std_log_0.txt' for error details. Error: %s", f.Python, ExitCode, exitTraceback)
}

// exitTraceback is how the head process ends in its own log. The cause of the failure is not in it.
const exitTraceback = `Traceback (most recent call last):
  File "driver/amlbi_main.py", in <module>
    main()
SystemExit: 42`

// InvalidJobError is a mistake in a [Job] that was found before anything started.
type InvalidJobError struct {
	// Field is the name of the Job's field, such as "MiniBatchSize".
	Field string
	// Reason goes on after the field's name: "must not be negative, but is -1".
	Reason string
}

// Error names the field and gives the reason.
func (e *InvalidJobError) Error() string {
	return "scoring: invalid job: " + e.Field + " " + e.Reason
}
