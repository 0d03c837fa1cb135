package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/ui/internal/table"
)

// A rowForm is how the rows of a job are written, as the address of the page says it.
type rowForm string

const (
	rowFormAuto  rowForm = ""
	rowFormSpace rowForm = "space"
	rowFormComma rowForm = "comma"
	rowFormJSON  rowForm = "json"
	rowFormLines rowForm = "lines"
)

// rowForms are those to choose from, with their names for people.
var rowForms = []struct {
	Form rowForm
	Name string
}{
	{rowFormAuto, "automatic"}, {rowFormSpace, "space separated"}, {rowFormComma, "comma separated"},
	{rowFormJSON, "JSON lines"}, {rowFormLines, "lines"},
}

// A rowReader reads the rows of one job as cells. Partial rows of a job that runs or has failed are
// rows too.
type rowReader struct {
	client *azmlbatch.Client
	job    string
	form   rowForm
	// names of the columns, in the order in which they were first seen. Only JSON objects have them.
	names []string
}

// all iterates over all rows.
func (r *rowReader) all(ctx context.Context) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		form, err := r.find(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		for cells, err := range r.read(ctx, form) {
			if !yield(cells, err) || err != nil {
				return
			}
		}
	}
}

// find looks at the first row when nobody has said how rows are written. The SDK tells commas from
// spaces, but nothing in a job tells JSON.
func (r *rowReader) find(ctx context.Context) (rowForm, error) {
	if r.form != rowFormAuto {
		return r.form, nil
	}
	for line, err := range azmlbatch.Rows[string](ctx, r.client, r.job, r.options(azmlbatch.RowFormatLines)) {
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(line, "{") || strings.HasPrefix(line, "[") && json.Valid([]byte(line)) {
			return rowFormJSON, nil
		}
		break
	}
	return rowFormAuto, nil
}

func (r *rowReader) options(format azmlbatch.RowFormat) *azmlbatch.RowsOptions {
	return &azmlbatch.RowsOptions{Format: format, Partial: true}
}

func (r *rowReader) read(ctx context.Context, form rowForm) iter.Seq2[[]string, error] {
	switch form {
	case rowFormJSON:
		rows := azmlbatch.Rows[jsonRow](ctx, r.client, r.job, r.options(azmlbatch.RowFormatJSONLines))
		return converted(rows, r.arrange)
	case rowFormLines:
		rows := azmlbatch.Rows[string](ctx, r.client, r.job, r.options(azmlbatch.RowFormatLines))
		return converted(rows, func(line string) []string { return []string{line} })
	case rowFormComma:
		return azmlbatch.Rows[[]string](ctx, r.client, r.job, r.options(azmlbatch.RowFormatCommaSeparated))
	case rowFormSpace:
		return azmlbatch.Rows[[]string](ctx, r.client, r.job, r.options(azmlbatch.RowFormatSpaceSeparated))
	}
	return azmlbatch.Rows[[]string](ctx, r.client, r.job, r.options(azmlbatch.RowFormatAuto))
}

func converted[T any](rows iter.Seq2[T, error], convert func(T) []string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for row, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(convert(row), nil) {
				return
			}
		}
	}
}

// arrange puts the members of an object under their columns. Members that no row before had get
// columns of their own, up to as many as a summary has.
func (r *rowReader) arrange(row jsonRow) []string {
	if row.names == nil {
		return row.cells
	}
	cells := make([]string, len(r.names), len(r.names)+len(row.names))
	for i, name := range row.names {
		at := i
		if at >= len(r.names) || r.names[at] != name { // most rows are like the first
			at = slices.Index(r.names, name)
		}
		switch {
		case at >= 0:
			cells[at] = row.cells[i]
		case len(r.names) < table.MaxColumns:
			r.names, cells = append(r.names, name), append(cells, row.cells[i])
		}
	}
	return cells
}

// column is the name of a column for people.
func columnName(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("Column %d", i+1)
}

// A jsonRow is one JSON value as cells: the members of an object, the elements of an array, or the
// value itself.
type jsonRow struct {
	names []string // of an object
	cells []string
}

func (r *jsonRow) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	start, err := d.Token()
	if err != nil {
		return err
	}
	delimiter, many := start.(json.Delim)
	if !many {
		r.cells = []string{cellOf(text)}
		return nil
	}
	for d.More() {
		if delimiter == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			r.names = append(r.names, name.(string))
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		r.cells = append(r.cells, cellOf(value))
	}
	return nil
}

// cellOf is a JSON value as a person writes it: a text without quotes, nothing for null.
func cellOf(value []byte) string {
	var text string
	if json.Unmarshal(value, &text) == nil { // null leaves it empty
		return text
	}
	return string(value)
}
