package main

import (
	"context"
	"errors"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch/internal/scratch"
	"github.com/azmlbatch/azmlbatch/scoring"
)

// score is the verb that scores a folder of files without an endpoint.
type score struct {
	console
	code, script, model, input, output string
	miniBatchSize, instanceCount       int
	maxConcurrencyPerInstance          int
	maxRetries, errorThreshold         int
	timeout                            timeLimit
	outputAction, loggingLevel         choice
	outputFileName                     string
	env                                variables
	scriptEnv                          []string
	python, logs                       string
	force, verbose, json               bool
}

// scoreCommand scores a folder of files without an endpoint.
func (a *app) scoreCommand() *cobra.Command {
	s := &score{console: a.console, timeout: timeLimit(30 * time.Second), env: variables{}}
	cmd := &cobra.Command{
		Use: "score", Short: "Score a folder of files with a scoring script, without any endpoint.",
		Long: `Score a folder of files with a scoring script, without any endpoint.

The exit code is 0 if the job completed, 1 if it failed, 2 for wrong usage and 130 if it
was interrupted. With an error threshold of -1, a job completes even if files failed:
check the counts. Without --logs the logs go to a temporary folder. It is removed if every
file succeeded at the first try; otherwise it is kept, and its path is printed on standard
error. A job that is refused before it starts leaves nothing behind.`,
		Example: "azmlbatch score --code ./code --script score.py --model ./model --input ./images --output ./scored",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd, "input", "output"); err != nil {
				return err
			}
			if err := s.check(); err != nil {
				return err
			}
			return s.run(cmd.Context())
		},
	}
	s.flags(cmd)
	return cmd
}

// flags have the names and defaults of the deployment's settings in the Azure CLI.
func (s *score) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&s.code, "code", "", "`DIR` with the scoring script and the modules that it imports; not needed for an MLflow model")
	flags.StringVar(&s.script, "script", "", "the scoring script, a `FILE` inside the code folder; not needed for an MLflow model")
	flags.StringVar(&s.model, "model", "", "`PATH` of the file or folder that the script finds in AZUREML_MODEL_DIR")
	flags.StringVar(&s.input, "input", "", "`PATH` of the folder whose files are scored (sub-folders are not explored), or of one file; required")
	flags.StringVar(&s.output, "output", "", "`DIR` for the results; created if needed; required")
	flags.IntVar(&s.miniBatchSize, "mini-batch-size", 10, "`N` files per call of run()")
	flags.IntVar(&s.maxConcurrencyPerInstance, "max-concurrency-per-instance", 1, "`N` worker processes per instance")
	flags.IntVar(&s.instanceCount, "instance-count", 1, "`N` simulated instances, each a set of processes on this machine")
	flags.IntVar(&s.maxRetries, "max-retries", 3, "`N` tries of a mini-batch in all")
	flags.Var(&s.timeout, "timeout", "time limit of one call of init() or run(): 90s, 2m or plain seconds")
	flags.IntVar(&s.errorThreshold, "error-threshold", -1, "`N` files that may fail before the job fails; -1 means any number")
	choiceVar(cmd, &s.outputAction, "output-action", "append_row joins the returned rows into one file, summary_only only counts them", "append_row", "summary_only")
	flags.StringVar(&s.outputFileName, "output-file-name", "predictions.csv", "`NAME` of the file that append_row writes into the output folder")
	choiceVar(cmd, &s.loggingLevel, "logging-level", "log level of the script: info, warning or debug", "info", "warning", "debug")
	flags.Var(s.env, "env", "environment variable of the script; may be repeated")
	flags.StringArrayVar(&s.scriptEnv, "script-env", nil, scriptEnvHelp)
	flags.StringVar(&s.python, "python", "", "`PATH` of the Python interpreter; by default python3 from PATH")
	flags.StringVar(&s.logs, "logs", "", "`DIR` for the job's logs; a temporary one by default")
	flags.BoolVar(&s.force, "force", false, "replace an existing output file when the job completes")
	flags.BoolVarP(&s.verbose, "verbose", "v", false, "show on standard error what the script prints, while it runs")
	flags.BoolVar(&s.json, "json", false,
		"print the outcome as one JSON object: status, items, miniBatches, outputFile, and error with message, reason, phase, file, traceback, hint and log")
}

// check refuses zeros, which the engine would replace by its defaults.
func (s *score) check() error {
	for flag, n := range map[string]int{
		"mini-batch-size": s.miniBatchSize, "max-concurrency-per-instance": s.maxConcurrencyPerInstance, "instance-count": s.instanceCount,
	} {
		if n < 1 {
			return usagef("--%s must be at least 1, not %d", flag, n)
		}
	}
	if s.timeout <= 0 {
		return usagef("--timeout must be greater than 0")
	}
	if s.outputFileName == "" {
		return usagef("--output-file-name must not be empty")
	}
	return nil
}

func (s *score) job() scoring.Job {
	return scoring.Job{
		Code: s.code, Script: s.script, Model: s.model, Input: s.input, Output: s.output,
		MiniBatchSize:             s.miniBatchSize,
		MaxConcurrencyPerInstance: s.maxConcurrencyPerInstance,
		InstanceCount:             s.instanceCount,
		MaxRetries:                &s.maxRetries,
		Timeout:                   time.Duration(s.timeout),
		ErrorThreshold:            &s.errorThreshold,
		OutputAction:              scoring.OutputAction(s.outputAction.value),
		OutputFileName:            s.outputFileName,
		LoggingLevel:              scoring.LoggingLevel(s.loggingLevel.value),
		Env:                       s.env,
		ScriptEnv:                 s.scriptEnv,
		Python:                    s.python,
		Logs:                      s.logs,
		Overwrite:                 s.force,
	}
}

// run scores the files. It writes the progress to standard error and the outcome to standard
// output.
func (s *score) run(ctx context.Context) (err error) {
	// If the reader is gone, as in 2>&1 | head, writing must fail instead of ending this process in
	// the middle of a job. Python ignores the signal anyway.
	signal.Ignore(syscall.SIGPIPE)
	job := s.job()
	var temporary *scratch.Dir // for the logs
	if job.Logs == "" {
		if temporary, err = scratch.New("", "azmlbatch-logs-", nil); err == nil {
			job.Logs = temporary.Path
		}
	} else {
		job.Logs, err = filepath.Abs(job.Logs)
	}
	if err != nil {
		return s.tell(scoring.Result{Status: scoring.StatusFailed}, "", err)
	}
	progress := newProgress(s.err)
	if s.verbose {
		both := &lockedWriter{to: s.err}
		job.Echo, progress = both, &progressLines{writer: both}
	}
	job.OnProgress = progress.show
	result, err := scoring.Run(ctx, job)
	progress.end()
	if temporary != nil && worthKeeping(result, err) {
		err = errors.Join(err, temporary.Keep())
	} else if temporary != nil {
		err = errors.Join(err, temporary.Remove())
		job.Logs = ""
	}
	if invalid := asInvalidJob(err); invalid != nil {
		return usagef("--%s %s", flagName(invalid.Field), invalid.Reason)
	}
	return s.tell(result, job.Logs, err)
}

// worthKeeping reports whether the logs of a job say more than its outcome. Those of a job that did
// not get as far as its first file do not.
func worthKeeping(result scoring.Result, err error) bool {
	return result.Items.Total > 0 && (err != nil || result.ScriptErrors > 0 || result.Items.Failed > 0)
}

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
