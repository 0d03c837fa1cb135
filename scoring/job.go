package scoring

import (
	"context"
	"io"
	"time"
)

// OutputAction says what becomes of the values that run returns.
type OutputAction string

const (
	// AppendRow joins all returned rows into one file of the output folder. It is the default.
	AppendRow OutputAction = "append_row"
	// SummaryOnly only counts the returned rows: the script writes files of its own into AZUREML_BI_OUTPUT_PATH.
	SummaryOnly OutputAction = "summary_only"
)

// LoggingLevel is the verbosity that the script finds in its arguments and that the helper logger
// (azureml_user.parallel_run.EntryScript) starts with.
type LoggingLevel string

const (
	// Warning logs warnings and errors only.
	Warning LoggingLevel = "warning"
	// Info is the default.
	Info LoggingLevel = "info"
	// Debug logs everything.
	Debug LoggingLevel = "debug"
)

// The service's defaults for the settings of a batch deployment (Microsoft Learn: reference-yaml-deployment-batch).
const (
	DefaultMiniBatchSize  = 10
	DefaultMaxRetries     = 3
	DefaultTimeout        = 30 * time.Second
	DefaultErrorThreshold = -1
	DefaultOutputFileName = "predictions.csv"
	// DefaultTimeoutGrace is what a call may take beyond its timeout. The service allows about 30 seconds.
	DefaultTimeoutGrace = time.Second
)

// Func scores one mini-batch in Go, in place of a script's run. It gets the full paths of the mini-batch's files and
// returns one row for each line of the output. It is called from up to InstanceCount × MaxConcurrencyPerInstance
// goroutines at once.
//
// The context ends when the call's time is up or the job ends; a Func must return then, because a goroutine cannot be
// ended from outside: [Run] waits for it. An error, or a panic, is what an exception is in a script.
type Func func(ctx context.Context, files []string) ([]string, error)

// Job says what to run over which files. The zero value of every optional field is the service's default.
type Job struct {
	// Code is the folder of the scoring script and of the modules that it imports. It is only read.
	Code string
	// Script is the path of the scoring script inside Code, such as "score.py" or "sub/score.py". Empty with Func, and for
	// an MLflow model (a folder with a file MLmodel), which Python's own mlflow scores then: see the package comment.
	Script string
	// Func takes the place of the script. Script must be empty then, and Code, Model, Env, Python and Environment have no
	// meaning.
	Func Func
	// Model is a file or a folder that the script finds as $AZUREML_MODEL_DIR/<last segment of Model>. The engine only reads
	// it. A script that adds or removes files there does so in a folder of the job; one that opens a file of the model
	// for writing changes the model.
	// Empty means no model: the variable then names an empty folder.
	Model string

	// Input is a folder, of which the files at the top level are scored in the order of their names, or one file. Azure
	// promises no order; sub-folders are not explored, as there.
	Input string
	// Output is the folder for the results, created when it is missing. A file of the output's name in it fails the job. One
	// job at a time may have it. It should not be the folder of the input: what a failed job leaves there, the next one
	// takes for input and writes over.
	Output string
	// OutputAction is AppendRow when empty.
	OutputAction OutputAction
	// OutputFileName is the file that AppendRow writes into Output, "predictions.csv" when empty. It is a plain name
	// without any of ~ " # % & * : < > ? / \ { | }.
	OutputFileName string

	// Overwrite lets AppendRow replace a file of the output's name. The file is replaced when the job
	// completes; a job that fails leaves it as it is.
	Overwrite bool

	// MiniBatchSize is the number of files that one call of run gets; 0 means 10.
	MiniBatchSize int
	// MaxConcurrencyPerInstance is the number of worker processes of an instance; 0 means 1, and 65536 is the most.
	MaxConcurrencyPerInstance int
	// InstanceCount is the number of simulated instances; 0 means 1, and 1000 is the most.
	InstanceCount int
	// MaxRetries is the number of tries of a mini-batch in total, for all its name: 3 is three calls of run, not four.
	// Nil means 3. 0 is taken as 1.
	MaxRetries *int
	// Timeout bounds one call of init, run or shutdown; 0 means 30 seconds, and ten years is the most. A process that takes
	// longer is replaced.
	Timeout time.Duration
	// TimeoutGrace is what a call may take beyond Timeout before its process is ended; 0 means 1 second. The service
	// itself allows 30 seconds.
	TimeoutGrace time.Duration
	// ErrorThreshold is how many files may fail before the job does. Nil and everything below 0 mean that any number may;
	// 0 ends the job at the first failed file.
	ErrorThreshold *int

	// LoggingLevel is Info when empty.
	LoggingLevel LoggingLevel
	// Env is set for the script's processes. The variables of the engine itself, such as
	// AZUREML_MODEL_DIR, win over it.
	Env map[string]string
	// ScriptEnv names variables of this process that the script's processes get beside the few that
	// every program needs: PATH, HOME, TMPDIR, those of language and time zone, of Python and its
	// version managers, and of CUDA. Nothing else is passed on, so that no script sees a secret of its
	// caller. A name that ends in * stands for all that begin so; names that are not set are ignored.
	ScriptEnv []string
	// Python is the interpreter, a path or a name looked for on PATH; "python3" when empty.
	Python string
	// Environment, when not nil, is installed into a virtual environment of Python, in which the job runs. Nil means that
	// the job gets Python with the packages that it has.
	Environment *Environment

	// Logs is the folder for the job's log tree (user_logs/, logs/), laid out as Azure lays out the logs of a batch
	// scoring job and readable while the job runs. Logs of an earlier job in it stay, and this job's lines follow theirs.
	// Empty means that no logs are kept.
	Logs string
	// Echo, when not nil, gets what the script's processes print to standard output and standard error
	// while they run, in whole lines. With more than one process a line begins with its node and its
	// process, such as "0/process001: ". Errors of the writer are ignored.
	Echo io.Writer
	// OnProgress, when not nil, is called when the job starts, after every mini-batch and at the end. Calls do not
	// overlap; the job waits for each.
	OnProgress func(Progress)
}
