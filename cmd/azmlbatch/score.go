package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/alecthomas/kong"

	"github.com/azmlbatch/azmlbatch/scoring"
)

// scoreCmd scores a folder of files without an endpoint. Flags have the names and defaults of the
// deployment's settings in the Azure CLI.
type scoreCmd struct {
	Code   string `help:"Folder with the scoring script and the modules that it imports. Not needed for an MLflow model." placeholder:"DIR"`
	Script string `help:"The scoring script, a path inside the code folder. Not needed for an MLflow model." placeholder:"FILE"`
	Model  string `help:"File or folder that the script finds in AZUREML_MODEL_DIR." placeholder:"PATH"`
	Input  string `help:"Folder whose files are scored (sub-folders are not explored), or one file." required:"" placeholder:"PATH"`
	Output string `help:"Folder for the results; created if needed." required:"" placeholder:"DIR"`

	MiniBatchSize             int         `help:"Files per call of run(); ${default} by default." default:"10" placeholder:"N"`
	MaxConcurrencyPerInstance int         `help:"Worker processes per instance; ${default} by default." default:"1" placeholder:"N"`
	InstanceCount             int         `help:"Simulated instances, each a set of processes on this machine; ${default} by default." default:"1" placeholder:"N"`
	MaxRetries                int         `help:"Total number of tries of a mini-batch; ${default} by default." default:"3" placeholder:"N"`
	Timeout                   timeLimit   `help:"Time limit of one call of init() or run(): 90s, 2m or plain seconds; ${default} by default." default:"30s" placeholder:"DURATION"`
	ErrorThreshold            signedCount `help:"Files that may fail before the job fails; -1 means any number; ${default} by default." default:"-1" placeholder:"N"`
	OutputAction              string      `help:"append_row joins the returned rows into one file, summary_only only counts them; ${default} by default." enum:"append_row,summary_only" default:"append_row"`
	OutputFileName            string      `help:"File that append_row writes into the output folder; ${default} by default." default:"predictions.csv" placeholder:"NAME"`
	LoggingLevel              string      `help:"Log level of the script: warning, info or debug; ${default} by default." enum:"warning,info,debug" default:"info" placeholder:"LEVEL"`

	Env       []variable `help:"Environment variable of the script. May be repeated." placeholder:"K=V" sep:"none"`
	ScriptEnv []string   `help:"Variable of this process's environment that the script gets too: a NAME, or the beginning of names followed by *. By default it gets only what every program needs. May be repeated." placeholder:"NAME" sep:"none"`
	Python    string     `help:"Python interpreter; python3 in PATH by default." placeholder:"PATH"`
	Logs      string     `help:"Folder for the job's logs; a temporary one by default." placeholder:"DIR"`
	Force     bool       `help:"Replace an existing output file when the job completes."`
	Verbose   bool       `help:"Show on standard error what the script prints, while it runs." short:"v"`
	JSON      bool       `help:"Print the outcome as one JSON object: status, items, miniBatches, outputFile, and error with message, reason, phase, file, traceback, hint and log." name:"json"`
}

// Help follows the one-line description of the verb.
func (scoreCmd) Help() string {
	return "The exit code is 0 if the job completed, 1 if it failed, 2 for wrong usage and 130 if it was interrupted. " +
		"With an error threshold of -1, a job completes even if files failed: check the counts. " +
		"Without --logs the logs go to a temporary folder. It is removed if every file succeeded at the first try; " +
		"otherwise it is kept, and its path is printed on standard error."
}

// Example is the end of the verb's help.
func (scoreCmd) Example() string {
	return "azmlbatch score --code ./code --script score.py --model ./model --input ./images --output ./scored"
}

// timeLimit is a Go duration, or a number of seconds as in the YAML of a deployment.
type timeLimit time.Duration

// UnmarshalText reads a flag's value.
func (t *timeLimit) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil {
		d, err = time.ParseDuration(string(text) + "s")
	}
	if err != nil {
		return fmt.Errorf("%q is neither a duration such as 90s nor a number of seconds", text)
	}
	*t = timeLimit(d)
	return nil
}

// signedCount is a number that may be negative: kong would take -1 in "--error-threshold -1" for a
// flag.
type signedCount int

// Decode reads a flag's value.
func (n *signedCount) Decode(ctx *kong.DecodeContext) error {
	token := ctx.Scan.Pop()
	if _, err := fmt.Sscanf(fmt.Sprint(token.Value)+"\n", "%d\n", (*int)(n)); err != nil {
		return fmt.Errorf("expected a whole number but got %q", token)
	}
	return nil
}

// variable is one K=V.
type variable struct{ name, value string }

// UnmarshalText reads a flag's value.
func (v *variable) UnmarshalText(text []byte) error {
	name, value, found := strings.Cut(string(text), "=")
	if !found || name == "" {
		return fmt.Errorf("%q is not NAME=VALUE", text)
	}
	*v = variable{name, value}
	return nil
}

// Validate refuses zeros, which the engine would replace by its defaults.
func (s *scoreCmd) Validate() error {
	for flag, n := range map[string]int{
		"mini-batch-size": s.MiniBatchSize, "max-concurrency-per-instance": s.MaxConcurrencyPerInstance, "instance-count": s.InstanceCount,
	} {
		if n < 1 {
			return fmt.Errorf("--%s must be at least 1, not %d", flag, n)
		}
	}
	if s.Timeout <= 0 {
		return errors.New("--timeout must be greater than 0")
	}
	if s.OutputFileName == "" {
		return errors.New("--output-file-name must not be empty")
	}
	return nil
}

func (s *scoreCmd) job() scoring.Job {
	job := scoring.Job{
		Code: s.Code, Script: s.Script, Model: s.Model, Input: s.Input, Output: s.Output,
		MiniBatchSize:             s.MiniBatchSize,
		MaxConcurrencyPerInstance: s.MaxConcurrencyPerInstance,
		InstanceCount:             s.InstanceCount,
		MaxRetries:                &s.MaxRetries,
		Timeout:                   time.Duration(s.Timeout),
		ErrorThreshold:            (*int)(&s.ErrorThreshold),
		OutputAction:              scoring.OutputAction(s.OutputAction),
		OutputFileName:            s.OutputFileName,
		LoggingLevel:              scoring.LoggingLevel(s.LoggingLevel),
		Env:                       map[string]string{},
		ScriptEnv:                 s.ScriptEnv,
		Python:                    s.Python,
		Logs:                      s.Logs,
		Overwrite:                 s.Force,
	}
	for _, v := range s.Env {
		job.Env[v.name] = v.value
	}
	return job
}

// Run scores the files. It writes the progress to standard error and the outcome to standard
// output.
func (s *scoreCmd) Run(ctx context.Context, c console) (err error) {
	// If the reader is gone, as in 2>&1 | head, writing must fail instead of ending this process in
	// the middle of a job. Python ignores the signal anyway.
	signal.Ignore(syscall.SIGPIPE)
	job := s.job()
	if job.Logs == "" {
		job.Logs, err = os.MkdirTemp("", "azmlbatch-logs-")
	} else {
		job.Logs, err = filepath.Abs(job.Logs)
	}
	if err != nil {
		return s.tell(c, scoring.Result{Status: scoring.Failed}, "", err)
	}
	progress := newProgress(c.err)
	if s.Verbose {
		both := &lockedWriter{to: c.err}
		job.Echo, progress = both, &progressLines{writer: both}
	}
	job.OnProgress = progress.show
	result, err := scoring.Run(ctx, job)
	progress.end()
	if invalid := asInvalidJob(err); invalid != nil {
		return errors.Join(&usageMistake{flagName(invalid.Field), invalid.Reason}, s.dropLogs(job.Logs))
	}
	if s.Logs == "" && err == nil && result.ScriptErrors == 0 && result.Items.Failed == 0 {
		err = s.dropLogs(job.Logs)
		job.Logs = ""
	}
	return s.tell(c, result, job.Logs, err)
}

// dropLogs removes the temporary folder of logs that are not needed.
func (s *scoreCmd) dropLogs(dir string) error {
	if s.Logs != "" {
		return nil
	}
	return os.RemoveAll(dir)
}

// usageMistake is a flag whose value the engine refused before anything ran.
type usageMistake struct{ flag, reason string }

func (m *usageMistake) Error() string { return fmt.Sprintf("--%s %s", m.flag, m.reason) }

func asInvalidJob(err error) *scoring.InvalidJobError {
	var invalid *scoring.InvalidJobError
	if errors.As(err, &invalid) {
		return invalid
	}
	return nil
}

// flagName is the flag for a field of scoring.Job: mini-batch-size for MiniBatchSize.
func flagName(field string) string {
	var name strings.Builder
	for i, r := range field {
		if unicode.IsUpper(r) && i > 0 {
			name.WriteByte('-')
		}
		name.WriteRune(unicode.ToLower(r))
	}
	return name.String()
}
