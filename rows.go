package azmlbatch

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/rows"
)

// Rows reads the predictions of a finished job as rows, streamed in constant memory. Nothing is
// fetched before the loop starts, leaving it ends the download, and an error is yielded once and
// ends the loop. [ReadRows] says what T can be. A row that does not fit is a [*RowError].
// RowsOptions.Partial reads a job that still runs. The format is detected from the job's
// deployment unless RowsOptions.Format names one.
//
// Rows come in the order in which the workers wrote them. Only the script can say which input file
// a row belongs to: let it return the file's name as a column, as an MLflow model without a script
// does in its last one. A file can have many rows, or none; [JobsClient.Counts] says how many files
// failed.
func Rows[T any](ctx context.Context, c *Client, job string, options *RowsOptions) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		var err error
		op := operation{"read rows of", "job", job}
		if err := c.ready(op); err != nil {
			yield(zero, err)
			return
		}
		ctx, end := c.begin(ctx, op, slog.LevelInfo)
		defer end(&err)
		found, err := c.Jobs().findRows(ctx, op, job, orZero(options))
		if err != nil {
			yield(zero, err)
			return
		}
		for _, f := range found.files {
			for v, rowErr := range fileRows[T](ctx, c.Jobs(), f, &found.options) {
				err = op.failed(found.job.withoutPredictions(op, rowErr))
				if !yield(v, err) || err != nil {
					return
				}
			}
		}
	}
}

// A RowError is a row of a predictions file that does not fit the type that was asked for.
type RowError struct {
	// File is the name of the file.
	File string
	// Line counts from 1; a quoted value may span several lines, then it is the first.
	Line int
	// Column counts from 1. It is 0 where the row as a whole does not fit, and for JSON lines.
	Column int
	// Text is the row, shortened.
	Text string
	// Err says what does not fit: the column or the member, its value and the wanted type.
	Err error
}

// Error names file, line, problem and text on one line.
func (e *RowError) Error() string {
	return fmt.Sprintf("%s%s line %d: %s: %q", prefix, oneLine(redact(e.File)), e.Line, shown(e.Err), redact(e.Text))
}

// Unwrap returns what does not fit.
func (e *RowError) Unwrap() error { return e.Err }

// ReadRows reads rows from a predictions file. T is one of
//
//   - a struct: its exported fields take the columns in order. With RowsOptions.Columns or Header
//     they take them by name: the tag `row:"name"`, or the field's own name, without regard to
//     case. `row:"-"` leaves a field out. A tag without either is an *[ArgumentError].
//   - map[string]any or map[string]string: the keys are RowsOptions.Columns, or the Header's.
//   - []string: the columns as they are.
//   - string: the whole line, for [RowFormatLines].
//   - whatever [json.Unmarshal] fills, for [RowFormatJSONLines]; json tags count there.
//
// A field of a struct is a string, a boolean, an integer, a float, a [time.Time], anything with
// [encoding.TextUnmarshaler], any, or a pointer to one of these. The fields of an embedded struct
// count as fields of the struct itself. A slice of these as the last field takes all further
// columns.
//
// A time is written as pandas does, "2006-01-02 15:04:05", or with a T in the middle as in
// RFC 3339; a fraction of a second and a zone may follow, and a date may stand alone. Without a
// zone it is UTC. A value of type any is a bool, a float64 or a string, as in JSON. A number that a
// float64 cannot hold exactly, or that begins with a zero as in 007, stays a string.
//
// An empty value is the field's zero value, so nil for a pointer and for any: pandas writes None
// and NaN as nothing. Rows are the caller's to keep. The name appears in errors. Memory does not
// grow with the file. The first row that does not fit ends the loop with a [*RowError].
func ReadRows[T any](r io.Reader, name string, options *RowsOptions) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var row, zero T // the one row is filled anew each time
		o := orZero(options)
		if isNil(r) {
			yield(zero, operation{"read", "rows of", name}.invalid("r", "is nil", "pass the reader of a predictions file"))
			return
		}
		// The formats are those of rows.Format, in its order.
		d, err := rows.NewDecoder(&row, r, rows.Options{Format: rows.Format(o.Format), Columns: o.Columns, Header: o.Header, Show: showValue})
		for err == nil {
			row = zero
			if err = d.Next(); err == nil && !yield(row, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(zero, rowError(name, err))
		}
	}
}

// showValue makes text of a file fit for an error.
func showValue(text string) string { return clip(redact(text)) }

// rowError names the file. A row that does not fit is told from a stream that broke, for which no
// row is to blame.
func rowError(name string, err error) error {
	var row *rows.Error
	var bad *rows.OptionError
	switch {
	case errors.As(err, &row):
		return &RowError{File: name, Line: row.Line, Column: row.Column, Text: row.Text, Err: row.Err}
	case errors.As(err, &bad):
		return operation{"read", "rows", ""}.invalid(bad.Option, bad.Problem, bad.Remedy)
	case strings.HasPrefix(err.Error(), prefix):
		return err // it names the file already
	}
	return operation{"read", "rows of", name}.failed(err)
}

// RowsOptions tune [Rows] and [ReadRows]. Nil means the defaults.
type RowsOptions struct {
	// Format of the file. The zero value, [RowFormatAuto], lets [Rows] detect it.
	Format RowFormat
	// Columns names the columns of the file in their order, for a T that is a struct or a map.
	// Empty means that the fields of the struct stand in the order of the columns, and then row
	// tags are an *[ArgumentError]; so are Columns for any other T, and for [RowFormatJSONLines].
	Columns []string
	// Header says that the first line of the file names the columns, in the place of Columns. The
	// service writes predictions without one; pandas writes one by default, into the files that a
	// script makes itself and that [JobsClient.OpenOutput] opens. A header without a column that the
	// struct wants is a [*RowError]. For []string and string it is left out. Header is an
	// *[ArgumentError] beside Columns, and for a format without columns.
	Header bool
	// Partial lets [Rows] read a job that runs, or has failed: the rows that its workers have
	// written so far. Without it such a job has no predictions yet and is [ErrNotFound], and the
	// error names its status. A job whose script writes files of its own is [ErrNotFound] with and
	// without it. [ReadRows] ignores it.
	Partial bool
}

// RowFormat is the form of a predictions file. Nothing in the file says for sure which one it is:
// it follows from what the script returns. Where the first row does not fit, the error says which
// format the file looks like.
type RowFormat int

// The formats of predictions files.
const (
	// RowFormatAuto lets [Rows] ask the job's deployment, which costs one request: comma separated
	// for an MLflow model without a script, else space separated. It goes by the deployment as it
	// is now; where that is deleted or cannot be read, the file counts as space separated.
	// [ReadRows] has no job to ask and takes it for space separated. The default.
	RowFormatAuto RowFormat = iota
	// RowFormatSpaceSeparated is what a script that returns a pandas DataFrame leaves: values
	// separated by one space, quoted where needed, without header. It also reads lists of text
	// whose elements hold values without spaces.
	RowFormatSpaceSeparated
	// RowFormatLines is what a script that returns a list leaves: one line per element, nothing
	// quoted.
	RowFormatLines
	// RowFormatCommaSeparated is what an MLflow model without a script leaves: row, prediction,
	// file name, without header.
	RowFormatCommaSeparated
	// RowFormatJSONLines is what a script that returns a list of json.dumps texts leaves: one JSON
	// value per line.
	RowFormatJSONLines
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
var errNoPredictions = fmt.Errorf("no predictions: %w", ErrNotFound)

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
	return op.found(err, problem, remedy)
}

// workerPrefix begins the names of the files that single workers write.
const workerPrefix = "temp_"

// isWorkerFile reports whether a file of the output holds the rows of one worker of a job that
// runs. The engine of 2020 calls it temp_{ip}_{pid}_{name}, with the name in lower case.
func isWorkerFile(name, predictions string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, workerPrefix) && strings.HasSuffix(name, "_"+strings.ToLower(predictions))
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
