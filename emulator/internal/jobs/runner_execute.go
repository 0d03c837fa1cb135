package jobs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/scratch"
	"github.com/azmlbatch/azmlbatch/scoring"
)

// failure is an error for the user: its message becomes the error of the child run. The cause is
// what the message does not tell, nil if it tells everything.
type failure struct {
	message string
	cause   error
}

func (f *failure) Error() string { return f.message }
func (f *failure) Unwrap() error { return f.cause }

func failf(format string, args ...any) error { return &failure{message: fmt.Sprintf(format, args...)} }

// reasonOf says in one line why a job failed, with the first error of its script.
func reasonOf(err error) string {
	text := err.Error()
	var failed *scoring.Failure
	if errors.As(err, &failed) {
		text = failed.Reason
		if failed.Cause != nil {
			text = failed.Cause.Error() + "; " + failed.Reason
		}
	}
	return strings.Join(strings.Fields(text), " ")
}

// stoppedMessage is the error of a job that was running when the emulator was stopped.
const stoppedMessage = "The emulator was stopped before this job ended. Invoke the endpoint again."

// execute runs a job to its end.
func (r *Runner) execute(e *execution) {
	start := r.now()
	logs := r.openLogs(e.job)
	var outputs map[string]value
	err := context.Cause(e.ctx)
	if err == nil {
		outputs, err = r.attempt(e, logs)
	}
	if cause := r.tooLate(e); cause != nil {
		err = cause // whatever the script said when it was ended
	}
	end := outcome{status: Completed, start: start, end: r.now(), outputs: outputs}
	switch {
	case err == nil:
		logs.completed()
	case errors.Is(err, errCanceled):
		end.status = Canceled
		logs.canceled()
	case errors.Is(err, errStopped):
		end.status, end.message = Failed, stoppedMessage
		logs.failed(end.message)
	default:
		end.status, end.message = Failed, err.Error()
		logs.failed(end.message)
		r.log.Warn("job failed", "job", e.name, "endpoint", e.endpoint, "reason", reasonOf(err))
	}
	if end.status == Completed && e.child != "" {
		end.score = e.scoreURI()
	}
	r.finish(e.record, end)
}

// tooLate makes Cancel of the job do nothing from now on. It returns why the job was ended from
// outside, nil if it was not.
func (r *Runner) tooLate(e *execution) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.ending = true
	return context.Cause(e.ctx)
}

// jobFolderPrefix begins the name of the folder of a running job.
const jobFolderPrefix = "azmlbatch-job-"

// attempt does the work of a job. A *failure is an error that the job would have in Azure too. Any
// other error is the emulator's or the machine's; it becomes the job's error as well.
func (r *Runner) attempt(e *execution, logs *jobLogs) (outputs map[string]value, err error) {
	switch e.kind {
	case pipelineStep:
		return r.runPipeline(e)
	case commandStep:
		return r.runCommandJob(e)
	}
	return nil, r.runModel(e, logs)
}

// runModel runs a model deployment's job: fetch, run, upload.
func (r *Runner) runModel(e *execution, logs *jobLogs) error {
	folder, err := scratch.New(r.tempDir, jobFolderPrefix, nil)
	if err != nil {
		return err
	}
	dir := folder.Path
	defer func() {
		if err := folder.Remove(); err != nil {
			r.log.Warn("job folder stays", "job", e.name, "error", err)
		}
	}()

	r.advance(e, Running, Preparing)
	logs.submitted()
	if err := r.checkDeployment(e.job); err != nil {
		return err
	}
	files, err := r.fetch(e, dir)
	if err != nil {
		return err
	}
	if err := r.checkOutput(e); err != nil {
		return err
	}
	r.advance(e, Running, Running)
	return r.score(e, files)
}

// workFiles are the folders of a running job.
type workFiles struct{ code, model, input, output, logs string }

// fetch copies what a job needs out of Blob storage.
func (r *Runner) fetch(e *execution, dir string) (workFiles, error) {
	files := workFiles{
		input:  filepath.Join(dir, "input"),
		output: filepath.Join(dir, "output"),
		logs:   filepath.Join(dir, "logs"),
	}
	var err error
	if files.code, err = r.fetchCode(e, dir); err != nil {
		return files, err
	}
	if files.model, err = r.fetchModel(e, dir); err != nil {
		return files, err
	}
	return files, r.fetchInput(e, files.input)
}

// score runs the script and uploads what it wrote. In Azure the output folder is mounted: it shows
// what the workers have written so far, and a job that fails or is cancelled leaves it there.
func (r *Runner) score(e *execution, files workFiles) error {
	to, err := r.artifacts(e.record, e.child)
	if err != nil {
		return err
	}
	outputTo, err := r.outputPlace(e)
	if err != nil {
		return err
	}
	news, sent := make(chan struct{}, 1), make(chan struct{})
	output := r.newMirror(outputTo, files.output)
	go func() {
		defer close(sent)
		follow(r.newMirror(to, files.logs), output, news)
	}()
	result, err := scoring.Run(e.ctx, r.scoringJob(e, files, func(p scoring.Progress) {
		r.recordProgress(e.record, e.child, p)
		select {
		case news <- struct{}{}:
		default: // the last word has not been heard yet
		}
	}))
	close(news)
	<-sent
	if err != nil {
		output.send()
		return scoringFailure(e.job, err)
	}
	r.recordProgress(e.record, e.child, scoring.Progress{Items: result.Items, MiniBatches: result.MiniBatches})
	if err := r.uploadOutput(e, files.output); err != nil {
		return err
	}
	output.forget()
	return nil
}
