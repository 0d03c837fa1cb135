package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
)

func (a *app) jobRows() *cobra.Command {
	var flags rowsFlags
	cmd := &cobra.Command{
		Use: "rows JOB...", Short: "Print the predictions of jobs as CSV or JSON lines.",
		Long: `Print the predictions of jobs, as CSV or as JSON lines, while they are read: memory does not
depend on their number. Rows of several jobs follow each other.`,
		Example: "azmlbatch job rows $JOB --columns image,prediction,probability --format jsonl",
		Args:    arguments("JOB..."), ValidArgsFunction: a.complete(true, jobNames),
		RunE: a.asking(func(ctx context.Context, client *azmlbatch.Client, args []string) error {
			w := flags.writer(a.out)
			for _, job := range args {
				if err := flags.copyRows(ctx, client, job, w); err != nil {
					return err
				}
			}
			return w.flush()
		}),
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&flags.partial, "partial", false, "read the rows so far of a job that runs or has failed")
	return cmd
}

// rowsFlags say how predictions are read and printed.
type rowsFlags struct {
	format, fileFormat choice
	columns            []string
	partial            bool
}

// add adds the flags for printing to a verb.
func (f *rowsFlags) add(cmd *cobra.Command) {
	choiceVar(cmd, &f.format, "format", "how rows are printed: csv, or jsonl with an array a line, or an object with --columns", "csv", "jsonl")
	choiceVar(cmd, &f.fileFormat, "file-format", "how the predictions file is written: space as pandas does, comma as MLflow models do, lines of plain text", "space", "comma", "lines")
	cmd.Flags().StringSliceVar(&f.columns, "columns", nil, "`NAMES` of the columns, separated by commas: the header of csv, the members of jsonl")
}

// copyRows prints the rows of a job.
func (f *rowsFlags) copyRows(ctx context.Context, client *azmlbatch.Client, job string, w *rowWriter) error {
	options := &azmlbatch.RowsOptions{Partial: f.partial}
	switch f.fileFormat.value {
	case "lines":
		options.Format = azmlbatch.RowFormatLines
		return w.writeAll(mapped(azmlbatch.Rows[string](ctx, client, job, options), func(line string) []string { return []string{line} }))
	case "comma":
		options.Format = azmlbatch.RowFormatCommaSeparated
	}
	return w.writeAll(azmlbatch.Rows[[]string](ctx, client, job, options))
}

func (f *rowsFlags) writer(out io.Writer) *rowWriter {
	w := &rowWriter{columns: f.columns}
	if f.format.value == "jsonl" {
		w.json = json.NewEncoder(out)
		w.json.SetEscapeHTML(false)
	} else {
		w.csv = csv.NewWriter(out)
	}
	return w
}

// rowWriter prints rows: as CSV with a header if the columns have names, or as JSON lines.
type rowWriter struct {
	columns []string
	csv     *csv.Writer
	json    *json.Encoder
	begun   bool
}

func (w *rowWriter) writeAll(rows iter.Seq2[[]string, error]) error {
	for row, err := range rows {
		if err == nil {
			err = w.write(row)
		}
		if err != nil {
			_ = w.flush() // the rows before it count, and its own error is the one to tell
			return err
		}
	}
	return nil
}

func (w *rowWriter) write(row []string) error {
	if w.columns != nil && len(row) != len(w.columns) {
		return usagef("--columns has %s, but a row has %d: %s", plural(len(w.columns), "name", "names"), len(row), cleaned(strings.Join(row, " ")))
	}
	if w.json != nil {
		return w.json.Encode(w.jsonRow(row))
	}
	if !w.begun && w.columns != nil {
		if err := w.csv.Write(w.columns); err != nil {
			return err
		}
	}
	w.begun = true
	return w.csv.Write(row)
}

// flush writes what is still held back.
func (w *rowWriter) flush() error {
	if w.csv == nil {
		return nil
	}
	w.csv.Flush()
	return w.csv.Error()
}

// jsonRow is a row as JSON: an object if the columns have names, else an array.
func (w *rowWriter) jsonRow(row []string) any {
	values := make([]json.RawMessage, len(row))
	for i, text := range row {
		values[i] = jsonValue(text)
	}
	if w.columns == nil {
		return values
	}
	return jsonObject{w.columns, values}
}

// jsonValue is a value as JSON: a number, an object or an array is one already, all else is text.
func jsonValue(text string) json.RawMessage {
	if text != "" && strings.ContainsAny(text[:1], "-0123456789{[") && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return jsonText(text)
}

func jsonText(text string) json.RawMessage {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic(err) // a string always has a JSON form
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// jsonObject is an object whose members keep their order.
type jsonObject struct {
	names  []string
	values []json.RawMessage
}

// MarshalJSON implements [json.Marshaler].
func (o jsonObject) MarshalJSON() ([]byte, error) { //nolint:unparam // json.Marshaler has the error
	b := []byte{'{'}
	for i, name := range o.names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, jsonText(name)...), ':'), o.values[i]...)
	}
	return append(b, '}'), nil
}
