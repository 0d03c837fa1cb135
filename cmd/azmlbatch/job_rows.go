package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"

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
	choiceVar(cmd, &f.fileFormat, "file-format", "how the predictions file is written: space as pandas does, comma as MLflow models do, "+
		"lines of plain text, jsonl if each line is JSON; auto asks the deployment whether it has a script",
		"auto", "space", "comma", "lines", "jsonl")
	cmd.Flags().StringSliceVar(&f.columns, "columns", nil, "`NAMES` of the columns, separated by commas: the header of csv, the members of jsonl")
}

// copyRows prints the rows of a job.
func (f *rowsFlags) copyRows(ctx context.Context, client *azmlbatch.Client, job string, w *rowWriter) error {
	options := &azmlbatch.RowsOptions{Partial: f.partial}
	switch f.fileFormat.value {
	case "lines":
		options.Format = azmlbatch.RowFormatLines
		return writeAll(w, azmlbatch.Rows[string](ctx, client, job, options), func(line string) error { return w.write([]string{line}) })
	case "jsonl":
		options.Format = azmlbatch.RowFormatJSONLines
		return writeAll(w, azmlbatch.Rows[json.RawMessage](ctx, client, job, options), w.writeJSON)
	case "comma":
		options.Format = azmlbatch.RowFormatCommaSeparated
	case "space":
		options.Format = azmlbatch.RowFormatSpaceSeparated
	}
	return writeAll(w, azmlbatch.Rows[[]string](ctx, client, job, options), w.write)
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
