package azmlbatch

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
)

// foundRows is where the rows of a job are, and how to read them.
type foundRows struct {
	job     Job
	files   []predictionsFile
	options RowsOptions // with a format
}

func (j JobsClient) findRows(ctx context.Context, op operation, name string, o RowsOptions) (foundRows, error) {
	if err := checkName(op, "job", name); err != nil {
		return foundRows{}, err
	}
	job, err := j.Get(ctx, name)
	if err != nil {
		return foundRows{}, op.failed(err)
	}
	files, err := j.predictions(ctx, op, job, o.Partial)
	if err == nil && o.Format == RowFormatAuto {
		o.Format, err = j.rowFormat(ctx, job)
	}
	return foundRows{job, files, o}, op.failed(job.withoutPredictions(op, err))
}

// rowFormat asks the deployment of a job whether it has a script: nothing in the job itself tells.
// A deployment that cannot be read tells nothing.
func (j JobsClient) rowFormat(ctx context.Context, job Job) (RowFormat, error) {
	endpoint, deployment := job.endpoint(), job.batchView().Deployment()
	if !job.IsBatch() || !armName.MatchString(endpoint) || !armName.MatchString(deployment) {
		return RowFormatSpaceSeparated, nil
	}
	d, err := j.c.Deployments(endpoint).Get(ctx, deployment)
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrForbidden):
		return RowFormatSpaceSeparated, nil
	case err != nil:
		return 0, err
	case d.scoresWithoutScript():
		return RowFormatCommaSeparated, nil
	}
	return RowFormatSpaceSeparated, nil
}

// scoresWithoutScript reports whether the service scores the model itself, which it does for MLflow
// models only (Microsoft Learn: how-to-mlflow-batch).
func (d Deployment) scoresWithoutScript() bool {
	return d.Model != nil && d.CodeConfiguration.CodeID == "" && d.CodeConfiguration.ScoringScript == ""
}

// endpoint is the name of the endpoint that started a batch job. The service writes it into the
// description; an invocation can give the job another experiment, but no other description.
func (j Job) endpoint() string {
	if _, after, ok := strings.Cut(j.Description, "endpoint: "); ok {
		name, _, _ := strings.Cut(after, ",")
		return name
	}
	return j.ExperimentName
}

// predictionsFile is a file of rows: the predictions, or what one worker has written so far.
type predictionsFile struct {
	OutputFile
	grows bool
}

// predictions finds the files to read rows from. Without partial it is the one that a finished job
// has.
func (j JobsClient) predictions(ctx context.Context, op operation, job Job, partial bool) ([]predictionsFile, error) {
	o, err := j.outputOf(ctx, op, job)
	if err != nil {
		return nil, err
	}
	whole := predictionsFile{OutputFile: OutputFile{Name: o.file, URI: o.folder + o.file}}
	if !partial {
		return []predictionsFile{whole}, nil
	}
	var files []predictionsFile
	for f, err := range j.outputFiles(ctx, op, o) {
		if err != nil {
			return nil, err
		}
		if f.Name == o.file { // joined already
			return []predictionsFile{whole}, nil
		}
		if isWorkerFile(f.Name, o.file) {
			files = append(files, predictionsFile{f, true})
		}
	}
	if len(files) == 0 && (job.Status == JobStatusCompleted || job.writesOwnFiles()) {
		return nil, errNoPredictions
	}
	return files, nil
}

// errNoPredictions says that a job's output was listed and has no rows.
var errNoPredictions = errors.New("no predictions")

// writesOwnFiles reports whether the script writes its results itself, so that the service joins no
// rows. A job without any parameters does not tell.
func (j Job) writesOwnFiles() bool {
	parameters := j.Parameters()
	return len(parameters) > 0 && parameters["append_row_file_name"] == ""
}

// withoutPredictions says why the job has no predictions where err says only that something is
// missing. Other errors stay as they are.
func (j Job) withoutPredictions(op operation, err error) error {
	noStep := errors.Is(err, errNoScoringStep) && j.Status != JobStatusCompleted
	if !noStep && !errors.Is(err, errNoPredictions) && !HasCode(err, "BlobNotFound") {
		return err
	}
	problem, remedy := "the job is "+string(j.Status)+" and ", ""
	switch {
	case j.writesOwnFiles():
		problem += "writes files of its own (OutputAction SummaryOnly)"
		remedy = "list them with Jobs().ListOutputs"
		if !j.Status.Done() {
			remedy = "wait with Jobs().Wait, then " + remedy
		}
	case !j.Status.Done():
		problem += "has no predictions yet"
		remedy = "wait with Jobs().Wait, or set RowsOptions.Partial to read the rows so far"
	case j.Status == JobStatusCompleted:
		problem += "its predictions file is missing"
		remedy = "list what it left with Jobs().ListOutputs"
	default:
		problem += "left no predictions"
		remedy = "Jobs().Wait says why; set RowsOptions.Partial to read the rows that its workers wrote"
	}
	return &Error{Operation: op.String(), StatusCode: http.StatusNotFound, Message: problem, Remedy: remedy, Err: err}
}

// isWorkerFile reports whether a file of the output holds the rows of one worker of a job that
// runs. The engine of 2020 calls it temp_{ip}_{pid}_{name}, with the name in lower case.
func isWorkerFile(name, predictions string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "temp_") && strings.HasSuffix(name, "_"+strings.ToLower(predictions))
}

// fileRows reads the rows of one file. Of one that grows, a last row that is not whole yet is left
// out.
func fileRows[T any](ctx context.Context, j JobsClient, f predictionsFile, options *RowsOptions) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		body, err := j.OpenOutput(ctx, f.OutputFile)
		if err != nil {
			yield(zero, err)
			return
		}
		defer body.Close()
		var r io.Reader = body
		if f.grows {
			r = &wholeLines{lines: bufio.NewReader(body)}
		}
		for v, err := range ReadRows[T](r, f.Name, options) {
			if f.grows && errors.Is(err, csv.ErrQuote) { // cut within a quoted value of several lines
				return
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// wholeLines reads text up to the end of its last line that has one.
type wholeLines struct {
	lines *bufio.Reader
	line  []byte
}

func (w *wholeLines) Read(p []byte) (int, error) {
	if len(w.line) == 0 {
		line, err := w.lines.ReadBytes('\n')
		if err != nil {
			return 0, err
		}
		w.line = line
	}
	n := copy(p, w.line)
	w.line = w.line[n:]
	return n, nil
}
