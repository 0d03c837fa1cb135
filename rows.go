package azmlbatch

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"strings"
)

// Rows reads the predictions of a finished job as rows, streamed in constant memory: nothing is fetched before the loop
// starts, leaving it ends the download, and an error is yielded once and ends the loop. See [ReadRows] for T and the
// formats. A row that does not fit is a [*RowError]. RowsOptions.Partial reads a job that still runs.
//
// Rows come in the order in which the workers wrote them. Only the script can say which input file a row belongs to: let
// it return the file's name as a column, as an MLflow model without a script does in its last one. A file can have many
// rows, or none; [JobsClient.Counts] says how many files failed.
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
		var files []predictionsFile
		found, err := c.Jobs().jobOfRows(ctx, op, job)
		if err == nil {
			files, err = c.Jobs().predictions(ctx, op, found, orZero(options).Partial)
		}
		if err != nil {
			err = op.failed(found.withoutPredictions(op, err))
			yield(zero, err)
			return
		}
		for _, f := range files {
			for v, rowErr := range fileRows[T](ctx, c.Jobs(), f, options) {
				err = op.failed(found.withoutPredictions(op, rowErr))
				if !yield(v, err) || err != nil {
					return
				}
			}
		}
	}
}

// jobOfRows reads the job whose rows are asked for.
func (j JobsClient) jobOfRows(ctx context.Context, op operation, name string) (Job, error) {
	if err := checkName(op, "job", name); err != nil {
		return Job{}, err
	}
	return j.Get(ctx, name)
}

// predictionsFile is a file of rows: the predictions, or what one worker has written so far.
type predictionsFile struct {
	OutputFile
	grows bool
}

// predictions finds the files to read rows from. Without partial it is the one that a finished job has.
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

// isWorkerFile reports whether a file of the output holds the rows of one worker of a job that runs: temp_{ip}_{pid}_{name}
// by the engine of 2020, which wrote the name in lower case.
func isWorkerFile(name, predictions string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "temp_") && strings.HasSuffix(name, "_"+strings.ToLower(predictions))
}

// fileRows reads the rows of one file. Of one that grows, a last row that is not whole yet is left out.
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

// RowsOptions tune [Rows] and [ReadRows]. Nil means the defaults.
type RowsOptions struct {
	// Format of the file; the zero value is [RowFormatSpaceSeparated].
	Format RowFormat
	// Columns names the columns of the file in their order, for a T that is a struct with row tags or a map. Empty means
	// that the fields of the struct stand in the order of the columns, and then row tags are an *[ArgumentError].
	Columns []string
	// Partial lets [Rows] read a job that runs, or has failed: the rows that its workers have written so far. Without it
	// such a job has no predictions yet and is [ErrNotFound], and the error names its status. A job whose script writes
	// files of its own is [ErrNotFound] with and without it. [ReadRows] ignores it.
	Partial bool
}

// RowFormat is the form of a predictions file. Nothing in the file says for sure which one it is: the caller must know
// what the script returns. Where the first row does not fit, the error says which format the file looks like.
type RowFormat int

const (
	// RowFormatSpaceSeparated is what a script that returns a pandas DataFrame leaves: values separated by one space, quoted where
	// needed, without header. It also reads lists of text whose elements hold values without spaces. The default.
	RowFormatSpaceSeparated RowFormat = iota
	// RowFormatLines is what a script that returns a list leaves: one line per element, nothing quoted.
	RowFormatLines
	// RowFormatCommaSeparated is what an MLflow model without a script leaves: row, prediction, file name.
	RowFormatCommaSeparated
)

// startOfFile keeps the first bytes that are read from a file, so that an error can say what the
// file looks like.
type startOfFile struct {
	r     io.Reader
	start []byte
}

// startBytes is how much is kept. It holds the first line of almost every file.
const startBytes = 4 << 10

func (s *startOfFile) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if room := startBytes - len(s.start); room > 0 && n > 0 {
		s.start = append(s.start, p[:min(n, room)]...)
	}
	return n, err
}

// explain adds to the error of the first row which format the file looks like. The error stays as
// it is where no row is to blame, and where the file looks like the format that was asked for.
func (s *startOfFile) explain(err error, asked RowFormat) error {
	var row *RowError
	if !errors.As(err, &row) {
		return err
	}
	line, _, _ := strings.Cut(strings.TrimLeft(string(s.start), "\r\n"), "\n")
	line = strings.TrimSuffix(line, "\r")
	if hint := formatHint(line, asked); hint != "" {
		row.Err = fmt.Errorf("%w; %s", row.Err, hint)
		row.Text = cmp.Or(row.Text, clip(line))
	}
	return err
}

// formatHint says which format a file with this first line looks like, and what to do. It is empty
// where that is the format that was asked for. It is a guess, so it only ever helps an error.
func formatHint(line string, asked RowFormat) string {
	spaces, commas := columnsOf(line, ' '), columnsOf(line, ',')
	have, other := spaces, commas
	hint := "the file looks comma separated: use RowFormatCommaSeparated"
	if asked == RowFormatCommaSeparated {
		have, other = commas, spaces
		hint = "the file looks space separated: use RowFormatSpaceSeparated"
	}
	switch {
	case line == "":
		return ""
	case strings.HasPrefix(line, `{"`) || strings.ContainsAny(line[:1], "{[") && json.Valid([]byte(line)):
		return "the file looks like JSON lines: use Rows[string] with RowFormatLines and decode each line"
	case strings.ContainsAny(line[:1], "{[("), have <= 1 && other <= 1:
		return "the file looks like lines of text: use Rows[string] with RowFormatLines"
	case other > have:
		return hint
	}
	return ""
}

// columnsOf counts the columns of a line; 0 when it cannot be read with this separator.
func columnsOf(line string, separator rune) int {
	r := csv.NewReader(strings.NewReader(line))
	r.Comma = separator
	record, err := r.Read()
	if err != nil {
		return 0
	}
	return len(record)
}
