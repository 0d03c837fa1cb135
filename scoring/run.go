package scoring

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/scratch"
)

// Run scores all files of the input. It returns when all worker processes have ended.
//
// If the job fails as it would in Azure, the error is a [*Failure]. A mistake in the job is an
// [*InvalidJobError], found before anything starts. If the context ends, the error wraps its cause.
// Packages that cannot be installed are an [*EnvironmentError], and an MLflow model without mlflow
// is a [*NoMLflowError]. Any other error is a problem of this machine, such as a full disk.
//
// The Result is filled in every case, as far as the job got. If the rows are complete but the logs
// could not be written, its Status is Completed and there is an error as well.
func Run(ctx context.Context, job Job) (Result, error) {
	s, err := newSettings(job)
	if err != nil {
		return Result{Status: StatusFailed}, err
	}
	return s.run(ctx)
}

// jobDirs are the temporary folders of a job.
type jobDirs struct {
	scratch  *scratch.Dir
	root     string
	driver   string // the unpacked python/ files
	model    string // what AZUREML_MODEL_DIR names
	work     string // the workers' working directories
	tracking string // what MLflow logs to by default
}

// markFile has the mark of the job, by which the processes of a killed engine are found later.
const markFile = "mark"

// newJobDirs creates the folders. It also removes those of engines that were killed, and kills what
// is left of their processes.
func newJobDirs(mark string) (jobDirs, error) {
	dir, err := scratch.New("", "azmlbatch-score-", func(abandoned string) {
		if mark, err := os.ReadFile(filepath.Join(abandoned, markFile)); err == nil {
			endMarked(string(mark) + ".")
		}
	})
	if err != nil {
		return jobDirs{}, fmt.Errorf("scoring: %w", err)
	}
	root := dir.Path
	if err := os.WriteFile(filepath.Join(root, markFile), []byte(mark), 0o600); err != nil {
		_ = dir.Remove() // what is left, the next job removes
		return jobDirs{}, fmt.Errorf("scoring: %w", err)
	}
	d := jobDirs{
		scratch:  dir,
		root:     root,
		driver:   filepath.Join(root, "driver"),
		model:    filepath.Join(root, "model"),
		work:     filepath.Join(root, "wd"),
		tracking: filepath.Join(root, "mlruns"),
	}
	return d, nil
}

func (d jobDirs) remove() error {
	if err := d.scratch.Remove(); err != nil {
		return fmt.Errorf("scoring: %w", err)
	}
	return nil
}

//go:embed python
var pythonFiles embed.FS

// unpackDriver writes the Python side of the engine to a folder.
func unpackDriver(dir string) error {
	files, _ := fs.Sub(pythonFiles, "python") // fails only for a malformed path
	return os.CopyFS(dir, files)
}

func (s *settings) run(ctx context.Context) (result Result, err error) {
	mark := rand.Text()
	dirs, err := newJobDirs(mark)
	if err != nil {
		return Result{Status: StatusFailed}, err
	}
	defer func() {
		if removeErr := dirs.remove(); removeErr != nil && err == nil {
			err = removeErr
		}
	}()
	logs, err := s.newLogs(dirs)
	if err != nil {
		return Result{Status: StatusFailed}, err
	}
	e := &engine{settings: s, dirs: dirs, logs: logs, mark: mark, guard: newGuard(dirs, mark)}
	defer e.guard.stop()
	e.echo = newEcho(s.Echo)
	defer e.echo.close()
	logs.start()
	err = e.score(ctx)
	result, err = e.conclude(ctx, err)
	if logErr := logs.close(); logErr != nil && err == nil {
		err = logErr
	}
	return result, err
}

// newLogs returns the logs of a job. Without [Job.Logs] they are what its processes print, for errors
// and for [Job.Echo].
func (s *settings) newLogs(dirs jobDirs) (*logTree, error) {
	if s.Logs == "" {
		return &logTree{dir: filepath.Join(dirs.root, "logs"), now: s.now, printedOnly: true}, nil
	}
	return newLogTree(s.Logs, s.now)
}

// score runs the job, up to and including the output file.
func (e *engine) score(ctx context.Context) error {
	if err := e.refuseOutputFile(); err != nil {
		return err
	}
	if err := e.prepareInput(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(e.Output, 0o755); err != nil {
		return fmt.Errorf("scoring: output: %w", err)
	}
	if e.Func == nil {
		if err := unpackDriver(e.dirs.driver); err != nil {
			return fmt.Errorf("scoring: %w", err)
		}
	}
	if err := e.prepareEnvironment(ctx); err != nil {
		return err
	}
	if err := e.prepareWorkers(ctx); err != nil {
		return err
	}
	if err := e.work(ctx); err != nil {
		return err
	}
	if e.OutputAction == OutputActionSummaryOnly {
		return nil // contents are ignored, only the count is used
	}
	if e.progress.Items.Succeeded == 0 {
		return e.failure(noSuccess, "", &e.lost)
	}
	return e.joinOutput(ctx)
}

// The service's messages for a failed job. Sources: Microsoft Learn,
// how-to-troubleshoot-batch-endpoints; for the two numbers and the path, messages of the driver in
// users' issues.
const (
	noSuccess = "No succeeded mini batch item returned from run(). Please check 'response: run()' in " +
		"https://aka.ms/batch-inference-documentation."
	thresholdExceeded = "The number of failed items is %d, which exceeds error threshold %d."
	runFailed         = "User program failed with Exception: Run failed. Please check logs for details. " +
		"You can check logs/readme.txt for the layout of logs."
	importFailed = "Entry script validation failed for %s. Details %s"
	noProgress   = "No progress update in %d seconds."
	cannotMount  = "Dataset initialization failed: UserErrorException: Message: Can't mount Dataset(ID='%s', name='None', " +
		"version=None). Source of the dataset is either not accessible or doesn't contain any data."
	pathExists    = "the path already exists"
	userCancelled = "User cancelled the run."
)

// failure returns the error of a failed job. cause is the field with the script's error that ended
// it; nil if the script is not to blame.
func (e *engine) failure(reason, detail string, cause **ScriptError) *Failure {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failureLocked(reason, detail, cause)
}

func (e *engine) failureLocked(reason, detail string, cause **ScriptError) *Failure {
	f := &Failure{Reason: reason, Detail: detail, Logs: e.Logs, Python: e.pythonName()}
	if cause != nil {
		f.Cause = *cause
	}
	return f
}

// conclude returns the outcome of the job and writes it to the logs.
func (e *engine) conclude(ctx context.Context, err error) (Result, error) {
	result := Result{
		Status:       StatusCompleted,
		Items:        e.progress.Items,
		MiniBatches:  e.progress.MiniBatches,
		ScriptErrors: e.scriptErrors,
		FirstError:   e.firstError,
	}
	if result.Items.Total > 0 { // with a threshold of -1, only the counts tell whether all is well
		e.logs.result(fmt.Sprintf("%d items: %d succeeded, %d failed. %d mini batches: %d processed, %d given up.",
			result.Items.Total, result.Items.Succeeded, result.Items.Failed,
			result.MiniBatches.Total, result.MiniBatches.Processed, result.MiniBatches.Failed))
	}
	var failure *Failure
	switch {
	case err == nil:
		if e.OutputAction == OutputActionAppendRow {
			result.OutputFile = e.outputFile()
		}
		e.logs.end("")
	case errors.As(err, &failure): // even if the context has ended since
		result.Status = StatusFailed
		e.logs.end(failure.Reason, exitTraceback)
		e.logs.overview("Progress update stopped for reasons: [%q].", failure.Reason)
	case ctx.Err() != nil:
		result.Status = StatusCanceled
		e.logs.end(userCancelled)
		return result, fmt.Errorf("scoring: the job was cancelled: %w", context.Cause(ctx))
	default:
		result.Status = StatusFailed
		// The logs can be read elsewhere, so they have relative paths.
		reason := strings.ReplaceAll(err.Error(), e.logs.dir+string(filepath.Separator), "")
		e.logs.system("logs/sys/error/0/_main.txt", "ERROR", os.Getpid(), 0, "%s", reason)
		e.logs.end(reason, exitTraceback)
	}
	return result, err
}
