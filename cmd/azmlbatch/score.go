package main

import (
	"context"
	"encoding/json"
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

// scoreCmd scores a folder of files without any endpoint. The names of the flags are those of the deployment's settings
// in the Azure CLI, and so are the defaults.
type scoreCmd struct {
	Code   string `help:"Folder with the scoring script and the modules that it imports. Not needed for an MLflow model." placeholder:"DIR"`
	Script string `help:"The scoring script, a path inside the code folder. Not needed for an MLflow model." placeholder:"FILE"`
	Model  string `help:"File or folder that the script finds in AZUREML_MODEL_DIR." placeholder:"PATH"`
	Input  string `help:"Folder whose files are scored (sub-folders are not explored), or one file." required:"" placeholder:"PATH"`
	Output string `help:"Folder for the results; made when it is missing." required:"" placeholder:"DIR"`

	MiniBatchSize             int         `help:"Files for one call of run(); ${default} by default." default:"10" placeholder:"N"`
	MaxConcurrencyPerInstance int         `help:"Worker processes of an instance; ${default} by default." default:"1" placeholder:"N"`
	InstanceCount             int         `help:"Instances; each is a further set of processes on this machine; ${default} by default." default:"1" placeholder:"N"`
	MaxRetries                int         `help:"Tries of a mini-batch in total; ${default} by default." default:"3" placeholder:"N"`
	Timeout                   timeLimit   `help:"Limit of one call of init() or run(): 90s, 2m or plain seconds; ${default} by default." default:"30s" placeholder:"DURATION"`
	ErrorThreshold            signedCount `help:"Files that may fail before the job does; -1 is any number; ${default} by default." default:"-1" placeholder:"N"`
	OutputAction              string      `help:"append_row joins what run() returns into one file, summary_only only counts it; ${default} by default." enum:"append_row,summary_only" default:"append_row"`
	OutputFileName            string      `help:"File that append_row writes into the output folder; ${default} by default." default:"predictions.csv" placeholder:"NAME"`
	LoggingLevel              string      `help:"Level for the script and its logger: warning, info or debug; ${default} by default." enum:"warning,info,debug" default:"info" placeholder:"LEVEL"`

	Env       []variable `help:"Environment variable of the script. May be repeated." placeholder:"K=V" sep:"none"`
	ScriptEnv []string   `help:"Variable of this process that the script sees; by default it sees none but those that every program needs. NAME, or the beginning of names with * after it. May be repeated." placeholder:"NAME" sep:"none"`
	Python    string     `help:"Interpreter; python3 of the PATH by default." placeholder:"PATH"`
	Logs      string     `help:"Folder for the job's logs; a temporary one by default." placeholder:"DIR"`
	Force     bool       `help:"Replace an output file that is there, once the job has completed."`
	Verbose   bool       `help:"Show what the script prints, on standard error while it runs." short:"v"`
	JSON      bool       `help:"Print the outcome as one JSON object: status, items, miniBatches, outputFile, and error with message, reason, phase, file, traceback, hint and log." name:"json"`
}

// Help follows the verb's one line.
func (scoreCmd) Help() string {
	return "The exit code is 0 when the job completed, 1 when it failed, 2 for wrong usage and 130 when it was interrupted. " +
		"With the error threshold -1 a job whose files failed completes, too: the counts tell. " +
		"Without --logs the logs go to a temporary folder. It is removed when every file succeeded at the first try, " +
		"else kept and named on standard error."
}

// Example is shown at the end of the verb's help.
func (scoreCmd) Example() string {
	return "azmlbatch score --code ./code --script score.py --model ./model --input ./images --output ./scored"
}

// timeLimit is a Go duration, or a number of seconds as the YAML of a deployment has it.
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

// signedCount is a number whose minus sign does not make it a flag: --error-threshold -1.
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

// Validate refuses the zeros that the engine would take for its defaults.
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

// Run scores, tells the progress on standard error and the outcome on standard output.
func (s *scoreCmd) Run(ctx context.Context, c console) (err error) {
	// A reader that is gone, as with 2>&1 | head, is an error of a write, and not the end in the middle of a job. Python ignores
	// the signal anyway.
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

// dropLogs removes the temporary folder of a job that nobody will ask about.
func (s *scoreCmd) dropLogs(dir string) error {
	if s.Logs != "" {
		return nil
	}
	return os.RemoveAll(dir)
}

// tell prints the outcome and gives the error for standard error, with all that helps to find the cause.
func (s *scoreCmd) tell(c console, result scoring.Result, logs string, err error) error {
	printed := s.print(c, result, err)
	if err != nil {
		return errors.Join(explained(err, logs), printed)
	}
	if result.FirstError != nil {
		fmt.Fprintf(c.err, "calls of the script that failed or returned too few rows: %d; the first:\n%s\n", result.ScriptErrors,
			result.FirstError.Details()+filesOf(result.FirstError))
	}
	if logs != "" {
		fmt.Fprintln(c.err, "logs:", logs)
	}
	return printed
}

// print puts the outcome on standard output: as text only that of a completed job.
func (s *scoreCmd) print(c console, result scoring.Result, err error) error {
	switch {
	case s.JSON:
		return printJSON(c, result, err)
	case result.Status != scoring.Completed:
		return nil
	}
	outcome := fmt.Sprintf("%s: %d of %d files succeeded, %d failed\n", result.Status, result.Items.Succeeded, result.Items.Total, result.Items.Failed)
	if result.OutputFile != "" {
		outcome += fmt.Sprintln("predictions:", result.OutputFile)
	}
	_, err = fmt.Fprint(c.out, outcome)
	return err
}

// scoreOutcome is what --json prints.
type scoreOutcome struct {
	Status      scoring.Status      `json:"status"`
	Items       scoring.Items       `json:"items"`
	MiniBatches scoring.MiniBatches `json:"miniBatches"`
	OutputFile  string              `json:"outputFile"` // empty when there is none
	Error       *scoreError         `json:"error"`      // null when the exit code is 0
}

// scoreError says why the job did not complete. What is unknown is empty.
type scoreError struct {
	Message   string        `json:"message"` // the cause in one line
	Reason    string        `json:"reason"`  // why the job failed, in the service's words
	Phase     scoring.Phase `json:"phase"`
	File      string        `json:"file"`
	Traceback string        `json:"traceback"`
	Hint      string        `json:"hint"`
	Log       string        `json:"log"`
}

func newScoreError(err error) *scoreError {
	if err == nil {
		return nil
	}
	message, _, _ := strings.Cut(withoutPrefix(err), "\n")
	outcome := &scoreError{Message: message}
	var failure *scoring.Failure
	if errors.As(err, &failure) {
		outcome.Reason = failure.Reason
	}
	var unbuilt *scoring.EnvironmentError
	if errors.As(err, &unbuilt) {
		outcome.Log = unbuilt.Log
	}
	var cause *scoring.ScriptError
	if errors.As(err, &cause) {
		outcome.Message, outcome.Phase, outcome.File = cause.Message, cause.Phase, cause.File
		outcome.Traceback, outcome.Hint, outcome.Log = cause.Traceback, cause.Hint, cause.Log
	}
	return outcome
}

func printJSON(c console, result scoring.Result, err error) error {
	encoder := json.NewEncoder(c.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(scoreOutcome{
		Status: result.Status, Items: result.Items, MiniBatches: result.MiniBatches, OutputFile: result.OutputFile, Error: newScoreError(err),
	})
}

// withoutPrefix is the text of an error without the name of the package, which says nothing here.
func withoutPrefix(err error) string { return strings.TrimPrefix(err.Error(), "scoring: ") }

// explainedError is an error whose text has been extended.
type explainedError struct {
	text string
	err  error
}

func (e *explainedError) Error() string { return e.text }
func (e *explainedError) Unwrap() error { return e.err }

// explained adds the files of the mini-batch and the place of the logs.
func explained(err error, logs string) error {
	text := withoutPrefix(err)
	if errors.Is(err, scoring.ErrOutputExists) {
		text += "; --force replaces it"
	}
	var cause *scoring.ScriptError
	if errors.As(err, &cause) {
		text += filesOf(cause)
	}
	if logs != "" {
		text += "\nlogs: " + logs
	}
	return &explainedError{text, err}
}

// maxNamedFiles bounds the file names in an error.
const maxNamedFiles = 10

// filesOf is a line with the files of the mini-batch, empty when the engine knows which one it was.
func filesOf(cause *scoring.ScriptError) string {
	if cause.File != "" || len(cause.Files) == 0 {
		return ""
	}
	names := make([]string, 0, maxNamedFiles+1)
	for _, file := range cause.Files[:min(len(cause.Files), maxNamedFiles)] {
		names = append(names, fmt.Sprintf("%q", filepath.Base(file)))
	}
	if len(cause.Files) > maxNamedFiles {
		names = append(names, "…")
	}
	return fmt.Sprintf("\nfiles of mini-batch %d: %s", cause.MiniBatch, strings.Join(names, ", "))
}

// usageMistake is a setting that the engine refused before anything ran.
type usageMistake struct{ flag, reason string }

func (m *usageMistake) Error() string { return fmt.Sprintf("--%s %s", m.flag, m.reason) }

func asInvalidJob(err error) *scoring.InvalidJobError {
	var invalid *scoring.InvalidJobError
	if errors.As(err, &invalid) {
		return invalid
	}
	return nil
}

// flagName is the flag of a field of scoring.Job: MiniBatchSize is mini-batch-size.
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
