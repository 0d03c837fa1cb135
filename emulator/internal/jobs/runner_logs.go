package jobs

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// executionLog is the log that the orchestrator of a pipeline writes for a job and for each step.
// azure-ai-ml streams the job's log to its user.
const executionLog = "logs/azureml/executionlogs.txt"

// jobLogs writes the orchestrator's logs of a job. The engine writes the script's own logs, see
// mirror.
type jobLogs struct {
	runner *Runner
	job    *job
}

func (r *Runner) openLogs(j *job) *jobLogs { return &jobLogs{r, j} }

// submitted says that the step was submitted, in the words of a public notebook's output of 2022.
func (l *jobLogs) submitted() {
	l.submittedRuns(l.job.name, []string{l.job.child})
	switch {
	case l.runner.function(l.job) != nil:
		l.write(l.job.child, "The emulator calls a Go function in place of the scoring script.")
	case hasScript(l.job):
		l.write(l.job.child, "The emulator runs the scoring script on this machine.")
	default:
		l.write(l.job.child, "The deployment has no scoring script: the emulator lets MLflow score the model on this machine.")
	}
	if _, words := l.runner.environment(l.job); words != "" {
		l.write(l.job.child, words)
	}
	if l.job.settings.compute != "" {
		l.write(l.job.child, "Compute "+store.LastSegment(l.job.settings.compute)+" is not used.")
	}
}

// submittedRuns says which steps of a pipeline were submitted.
func (l *jobLogs) submittedRuns(pipeline string, runs []string) {
	var first []string
	for _, run := range runs[:min(len(runs), 5)] {
		first = append(first, derivedID(run)[:8]+":"+run)
	}
	l.write(pipeline, fmt.Sprintf("Submitting %d runs, first five are: %s", len(runs), strings.Join(first, ",")))
}

func (l *jobLogs) completed() {
	if l.job.child != "" {
		l.write(l.job.name, "Completing processing run id "+l.job.child+".")
	}
}

// queued says why a job waits, in the log that clients stream and in the step's.
func (l *jobLogs) queued(reason string) {
	l.write(l.job.name, reason)
	if l.job.child != "" {
		l.write(l.job.child, reason)
	}
	l.runner.log.Warn("job waits", "job", l.job.name, "reason", reason)
}

// failed logs the end of the job, and the step's error in the step's log.
func (l *jobLogs) failed(message string) {
	run := cmp.Or(l.job.child, l.job.name)
	l.write(run, message)
	l.write(l.job.name, "Execution of experiment failed, update experiment status and cancel running nodes.")
}

func (l *jobLogs) canceled() { l.write(l.job.name, "User cancelled the run.") }

// write adds a line to the execution log of a run. An error does not fail the job.
func (l *jobLogs) write(run, line string) {
	r := l.runner
	to, err := r.artifacts(l.job.record, run)
	if err == nil {
		to = to.join(executionLog)
		stamped := r.now().UTC().Format("[2006-01-02 15:04:05Z] ") + line + "\n"
		err = r.blobs.Put(context.Background(), to.account, to.container, to.path, strings.NewReader(stamped),
			&blob.PutOptions{ContentType: logType, Append: true})
	}
	if err != nil {
		r.log.Error("job log", "job", l.job.name, "error", err)
	}
}

const logType = "application/octet-stream"

// artifacts is the place of a run's logs.
func (r *Runner) artifacts(rec record, run string) (place, error) {
	return r.resolver(rec.workspace).onDatastore(datastorePath{datastore: artifactStore, path: artifactPath(run)})
}

// lastAsset shortens the id of an asset version to NAME:VERSION.
func lastAsset(id string) string {
	segments := strings.Split(id, "/")
	if n := len(segments); n >= 3 && segments[n-2] == "versions" {
		return segments[n-3] + ":" + segments[n-1]
	}
	if strings.HasPrefix(id, "azureml://") {
		return id // a registry's
	}
	return strings.TrimPrefix(id, "azureml:")
}
