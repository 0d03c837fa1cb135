package jobs

import (
	"errors"
	"strings"
	"unicode"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/scoring"
)

// scoringJob returns the job for the engine.
func (r *Runner) scoringJob(e *execution, files workFiles, progress func(scoring.Progress)) scoring.Job {
	configuration := store.Object(e.invocation.Deployment, "properties", "codeConfiguration")
	s := e.settings
	action := scoring.OutputActionAppendRow
	if s.summaryOnly {
		action = scoring.OutputActionSummaryOnly
	}
	environment, _ := r.environment(e.job)
	script, function := store.Text(configuration, "scoringScript"), r.function(e.job)
	if function != nil {
		script = ""
	}
	return scoring.Job{
		Code:   files.code,
		Script: script,
		Func:   function,
		Model:  files.model,
		Input:  files.input,
		Output: files.output,
		Logs:   files.logs,

		OutputAction:              action,
		OutputFileName:            s.outputFileName,
		MiniBatchSize:             s.miniBatchSize,
		MaxConcurrencyPerInstance: s.concurrency,
		InstanceCount:             s.instanceCount,
		MaxRetries:                &s.maxRetries,
		Timeout:                   s.timeout,
		ErrorThreshold:            &s.errorThreshold,
		LoggingLevel:              scoring.LoggingLevel(s.loggingLevel),
		Env:                       s.environment,
		ScriptEnv:                 r.scriptEnv,
		Python:                    r.python,
		Environment:               environment,
		OnProgress:                progress,
	}
}

// function returns the Go function that takes the place of the job's script, nil for none.
func (r *Runner) function(j *job) scoring.Func {
	return r.funcs(store.Text(j.invocation.Deployment, "properties", "codeConfiguration", "codeId"))
}

// noMLflow is our own text: Azure provides an mlflow.
const noMLflow = "The deployment has no scoring script, so the Python package mlflow scores its model, and %s cannot import it: %s. " +
	"Install mlflow, pandas and what the model needs there, let the emulator use another Python (--python), or let it build the environments of models and deployments (--environments venv)."

// scoringFailure turns the engine's error into that of the child run: the service's sentence, which
// names the Python of the image. The cause is in the logs, as in Azure.
func scoringFailure(j *job, err error) error {
	var missing *scoring.NoMLflowError
	if errors.As(err, &missing) {
		return failf(noMLflow, missing.Python, missing.Missing)
	}
	var failed *scoring.Failure
	if !errors.As(err, &failed) {
		return engineFailure("deployment", err)
	}
	shown := *failed
	environment := store.Text(j.invocation.Deployment, "properties", "environmentId")
	shown.Python = "/azureml-envs/azureml_" + compactID(environment) + "/bin/python"
	return &failure{shown.ServiceMessage(), failed}
}

// engineFailure words an error of the engine from before anything ran. what ran is the deployment, or
// the title of a task.
func engineFailure(what string, err error) error {
	var invalid *scoring.InvalidJobError
	if errors.As(err, &invalid) {
		return failf("The %s cannot run: %s %s.", what, settingName(invalid.Field), invalid.Reason)
	}
	var unbuilt *scoring.EnvironmentError
	if errors.As(err, &unbuilt) {
		return failf("The environment of the %s cannot be built: %s. The whole output is in azureml-logs/20_image_build_log.txt.", what, unbuilt.Reason)
	}
	return err
}

// settingName is a field of [scoring.Job] in words: the mini batch size for MiniBatchSize.
func settingName(field string) string {
	switch field {
	case "Python":
		return "the emulator's Python (--python)"
	case "Line":
		return "the command"
	case "Env":
		return "the environment variables"
	}
	var words strings.Builder
	words.WriteString("the")
	for i, r := range field {
		if i == 0 || unicode.IsUpper(r) {
			words.WriteByte(' ')
		}
		words.WriteRune(unicode.ToLower(r))
	}
	return words.String()
}

// Names of the metrics of a step. They are those of the engine of 2020, except that it wrote "Total
// MiniBatches"; a user saw the name below in 2022 (MachineLearningNotebooks issue 1703). The engine
// also logs a table "Processing Status", which is not played. Not evidenced: today's names.
const (
	metricFailedItems          = "Failed Items"
	metricTotalMiniBatches     = "Total Mini Batches"
	metricTotalItems           = "Total Items"
	metricRemainingItems       = "Remaining Items"
	metricRemainingMiniBatches = "Remaining Mini Batches"
)

// recordProgress stores the counts of a running step as its metrics.
func (r *Runner) recordProgress(rec record, run string, p scoring.Progress) {
	items, batches := p.Items, p.MiniBatches
	_, err := r.store.Put(runMetricsID(rec.workspace, run), store.Document{
		metricTotalItems:           items.Total,
		metricRemainingItems:       items.Total - items.Succeeded - items.Failed,
		metricFailedItems:          items.Failed,
		metricTotalMiniBatches:     batches.Total,
		metricRemainingMiniBatches: batches.Total - batches.Processed - batches.Failed,
	})
	if err != nil {
		r.log.Error("job metrics", "job", rec.name, "error", err)
	}
}
