package azmlbatch

import (
	"context"
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
	return fmt.Sprintf("%s%s line %d: %s: %q", prefix, redact(e.File), e.Line, shown(e.Err), redact(e.Text))
}

// Unwrap returns what does not fit.
func (e *RowError) Unwrap() error { return e.Err }

// ReadRows reads rows from a predictions file. T is one of
//
//   - a struct: its exported fields take the columns in order. With Options.Columns they take them
//     by name: the tag `row:"name"`, or the field's own name, without regard to case. `row:"-"`
//     leaves a field out. A tag without Options.Columns is an *[ArgumentError].
//   - map[string]any or map[string]string: the keys are Options.Columns.
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
		d, err := rows.NewDecoder(&row, r, rows.Options{Format: rows.Format(o.Format), Columns: o.Columns, Show: showValue})
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
	// Columns names the columns of the file in their order, for a T that is a struct or a map. Empty
	// means that the fields of the struct stand in the order of the columns, and then row tags are an
	// *[ArgumentError]; so are Columns for any other T, and for [RowFormatJSONLines].
	Columns []string
	// Partial lets [Rows] read a job that runs, or has failed: the rows that its workers have written
	// so far. Without it such a job has no predictions yet and is [ErrNotFound], and the error names
	// its status. A job whose script writes files of its own is [ErrNotFound] with and without it.
	// [ReadRows] ignores it.
	Partial bool
}

// RowFormat is the form of a predictions file. Nothing in the file says for sure which one it is:
// it follows from what the script returns. Where the first row does not fit, the error says which
// format the file looks like.
type RowFormat int

// In the order of rows.Format.
const (
	// RowFormatAuto lets [Rows] ask the job's deployment, which costs one request: comma separated for
	// an MLflow model without a script, else space separated. It goes by the deployment as it is now;
	// where that is deleted or cannot be read, the file counts as space separated. [ReadRows] has no
	// job to ask and takes it for space separated. The default.
	RowFormatAuto RowFormat = iota
	// RowFormatSpaceSeparated is what a script that returns a pandas DataFrame leaves: values
	// separated by one space, quoted where needed, without header. It also reads lists of text whose
	// elements hold values without spaces.
	RowFormatSpaceSeparated
	// RowFormatLines is what a script that returns a list leaves: one line per element, nothing quoted.
	RowFormatLines
	// RowFormatCommaSeparated is what an MLflow model without a script leaves: row, prediction, file
	// name, without header.
	RowFormatCommaSeparated
	// RowFormatJSONLines is what a script that returns a list of json.dumps texts leaves: one JSON
	// value per line.
	RowFormatJSONLines
)
