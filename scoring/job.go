package scoring

import (
	"context"
	"io"
	"time"
)

// OutputAction is what happens to the values that run returns.
type OutputAction string

const (
	// OutputActionAppendRow joins all returned rows into one file of the output folder. It is the
	// default.
	OutputActionAppendRow OutputAction = "append_row"
	// OutputActionSummaryOnly counts the returned rows. The script writes its own files to
	// AZUREML_BI_OUTPUT_PATH.
	OutputActionSummaryOnly OutputAction = "summary_only"
)

// LoggingLevel is the log level of the helper logger (azureml_user.parallel_run.EntryScript). The
// script also finds it in its arguments.
type LoggingLevel string

const (
	// LoggingLevelWarning logs warnings and errors.
	LoggingLevelWarning LoggingLevel = "warning"
	// LoggingLevelInfo also logs informational messages. It is the default.
	LoggingLevelInfo LoggingLevel = "info"
	// LoggingLevelDebug logs everything.
	LoggingLevelDebug LoggingLevel = "debug"
)

// The service's defaults for the settings of a batch deployment (Microsoft Learn:
// reference-yaml-deployment-batch).
const (
	DefaultMiniBatchSize  = 10
	DefaultMaxRetries     = 3
	DefaultTimeout        = 30 * time.Second
	DefaultErrorThreshold = -1
	DefaultOutputFileName = "predictions.csv"
	// DefaultTimeoutGrace is this engine's own default. The service allows about 30 seconds.
	DefaultTimeoutGrace = time.Second
)

// Func scores one mini-batch in Go, in place of a script's run. It gets the full paths of the files
// of the mini-batch and returns one row per line of the output. It is called from up to
// InstanceCount × MaxConcurrencyPerInstance goroutines at once.
//
// The context ends when the call times out or the job ends. A Func must return then: [Run] waits
// for it, because a goroutine cannot be stopped from outside. An error or a panic counts as an
// exception does in a script.
type Func func(ctx context.Context, files []string) ([]string, error)

// Job is what to run on which files. The zero value of every optional field is the service's
// default.
type Job struct {
	// Code is the folder with the scoring script and the modules that it imports. It is only read.
	Code string
	// Script is the path of the scoring script inside Code, such as "score.py" or "sub/score.py".
	// It is imported as a Python module, so it must end in ".py" and have no other dot. Empty with
	// Func, and for an MLflow model without a script: see the package comment.
	Script string
	// Func replaces the script. Script must be empty then. Code, Model, Env, ScriptEnv, Python,
	// Environment and Echo are ignored.
	Func Func
	// Model is a file or folder that the script finds as $AZUREML_MODEL_DIR/<last segment of
	// Model>. A script that adds or removes files there does so in a folder of the job. To Python
	// code the files themselves are read-only, as those of Input are. Empty means no model:
	// AZUREML_MODEL_DIR then names an empty folder.
	Model string

	// Input is a file, or a folder whose top-level files are scored in order of their names. Like
	// the service, the engine does not look into sub-folders. The service promises no order. Azure
	// mounts the input read-only: Python code that changes it gets an OSError here, too. Programs
	// that the script starts and libraries in C are not kept from it.
	Input string
	// Output is the folder for the results; it is created if needed. It must not be Input: the next
	// job would score what a failed job leaves there. Only one job at a time may use it.
	Output string
	// OutputAction is AppendRow when empty.
	OutputAction OutputAction
	// OutputFileName is the file that AppendRow writes in Output, "predictions.csv" when empty. It
	// is a plain name without control characters or any of ~ " # % & * : < > ? / \ { | }. It does
	// not end in a dot or a space and has at most 220 bytes.
	OutputFileName string
	// Overwrite lets AppendRow replace an existing output file; otherwise that file makes the job
	// fail. The file is replaced when the job completes. A job that fails leaves it unchanged.
	Overwrite bool

	// MiniBatchSize is the number of files per call of run; 0 means 10.
	MiniBatchSize int
	// MaxConcurrencyPerInstance is the number of worker processes per instance; 0 means 1. The
	// maximum is 65536.
	MaxConcurrencyPerInstance int
	// InstanceCount is the number of simulated instances; 0 means 1. The maximum is 1000.
	InstanceCount int
	// MaxRetries is the total number of tries of a mini-batch, despite its name: 3 means three
	// calls of run, not four. Nil means 3; 0 is treated as 1.
	MaxRetries *int
	// Timeout limits one call of init, run or shutdown; 0 means 30 seconds. The maximum is ten
	// years. A process that takes longer is replaced.
	Timeout time.Duration
	// TimeoutGrace is how much longer than Timeout a call may take before its process is killed; 0
	// means 1 second. The service allows about 30 seconds.
	TimeoutGrace time.Duration
	// ErrorThreshold is how many files may fail before the job fails; 0 fails the job at the first
	// failed file. Nil and -1 mean no limit; less is a mistake.
	ErrorThreshold *int

	// Arguments are further arguments of the script, after those of the driver in sys.argv.
	Arguments []string
	// LoggingLevel is Info when empty.
	LoggingLevel LoggingLevel
	// Env has environment variables for the script's processes. The variables that the engine sets,
	// such as AZUREML_MODEL_DIR, take precedence.
	Env map[string]string
	// ScriptEnv names variables of this process to pass on to the script's processes. They always
	// get the few that every program needs: PATH, HOME, TMPDIR, and those for language, time zone,
	// Python and its version managers, and CUDA. Nothing else is passed on, so that a script does
	// not see its caller's secrets. A name that ends in * matches all names that begin so. A name
	// that is not set is ignored.
	ScriptEnv []string
	// Python is the interpreter, as a path or a name to look up in PATH; "python3" when empty.
	Python string
	// Environment, if not nil, is installed into a virtual environment of Python, and the job runs
	// in it. Nil means that the job uses the packages of Python.
	Environment *Environment

	// Logs is the folder for the job's logs (user_logs/, logs/). The layout is that of a batch
	// scoring job in Azure. The logs can be read while the job runs. If the folder has logs of an
	// earlier job, this job appends to them. Empty means that no logs are kept.
	Logs string
	// Echo, if not nil, gets what the script's processes print to standard output and standard
	// error while they run, one whole line per write. With more than one process, each line begins
	// with its node and its process, such as "0/process001: ". Write errors are ignored.
	Echo io.Writer
	// OnProgress, if not nil, is called when the job starts and after every mini-batch. Calls do
	// not overlap, and the job waits for each.
	OnProgress func(Progress)
}
