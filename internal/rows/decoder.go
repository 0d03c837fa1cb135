// Package rows decodes the rows of a text file: lines, separated columns or JSON lines, into
// structs, maps, slices or texts. It knows nothing of jobs.
package rows

import (
	"fmt"
	"io"
	"reflect"
)

// Format is the form of a file.
type Format int

// The formats. Auto counts as SpaceSeparated.
const (
	Auto Format = iota
	SpaceSeparated
	Lines
	CommaSeparated
	JSONLines
)

// Options say how to read a file.
type Options struct {
	// Format of the file.
	Format Format
	// Columns are the names of the columns in their order; empty for none.
	Columns []string
	// Header says that the first line names the columns.
	Header bool
	// Show makes text of the file fit for an error: it shortens it and removes secrets.
	Show func(text string) string
}

// An OptionError is a type of a row, or options, with which nothing can be read.
type OptionError struct {
	// Option is what is wrong: a field of the row, T or an option.
	Option string
	// Problem says what is wrong with it.
	Problem string
	// Remedy says what to do.
	Remedy string
}

// Error says what is wrong, and then what to do.
func (e *OptionError) Error() string { return e.Option + ": " + e.Problem + "; " + e.Remedy }

func newOptionError(option, problem, remedy string) error {
	return &OptionError{option, problem, remedy}
}

// An Error is a row that does not fit.
type Error struct {
	// Line where the row begins, from 1.
	Line int
	// Column that does not fit, from 1; 0 for the row as a whole.
	Column int
	// Text is what Options.Show makes of the row.
	Text string
	// Err says what does not fit.
	Err error
}

// Error says where and what.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s: %q", e.Line, e.Err, e.Text) }

// Unwrap returns what does not fit.
func (e *Error) Unwrap() error { return e.Err }

// A Decoder fills one row again and again.
type Decoder struct {
	rows    source
	start   *startOfFile
	options Options
	later   bool // than the first row
}

// A source fills the row that it was made for.
type source interface{ next() error }

// NewDecoder makes a decoder that fills row with one row of the file after another. An error is an
// [*OptionError].
func NewDecoder(row any, r io.Reader, o Options) (*Decoder, error) {
	place := reflect.ValueOf(row).Elem()
	if err := checkNames(place.Type(), o); err != nil {
		return nil, err
	}
	d := &Decoder{start: &startOfFile{r: r}, options: o}
	var err error
	switch o.Format {
	case Auto, SpaceSeparated, CommaSeparated:
		d.rows, err = newSeparatedRows(place, d.start, o)
	case Lines:
		d.rows, err = newTextRows(place, d.start)
	case JSONLines:
		d.rows, err = newJSONRows(place, d.start, o)
	default:
		err = newOptionError("RowsOptions.Format", fmt.Sprintf("%d is not a format", o.Format),
			"use one of the constants RowFormat…")
	}
	return d, err
}

// Next fills the row, which must be zero. It returns [io.EOF] at the end, an [*Error] for a row that
// does not fit, and the reader's own errors. The error of the first row says which format the file
// looks like.
func (d *Decoder) Next() error {
	err := d.rows.next()
	if err != nil && !d.later {
		d.start.explain(err, d.options)
	}
	d.later = true
	return err
}

// checkNames refuses names for columns that have none, and a name that stands twice.
func checkNames(t reflect.Type, o Options) error {
	switch {
	case o.Header && len(o.Columns) > 0:
		return newOptionError("RowsOptions.Columns", "is set beside Header", "leave one of the two out")
	case o.Header && (o.Format == Lines || o.Format == JSONLines):
		return newOptionError("RowsOptions.Header", "cannot be used with a format without columns",
			"leave it out, or use a format with columns")
	case len(o.Columns) == 0:
		return nil
	}
	if k := t.Kind(); k != reflect.Struct && k != reflect.Map || o.Format == JSONLines {
		return newOptionError("RowsOptions.Columns", "cannot be used with this row type and format",
			"leave it empty, or use a struct or a map with a format that has columns")
	}
	if name, twice := repeated(o.Columns); twice {
		return newOptionError("RowsOptions.Columns", fmt.Sprintf("%q comes twice", name),
			"give every column a name of its own")
	}
	return nil
}

// repeated finds a name that stands twice.
func repeated(names []string) (string, bool) {
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return name, true
		}
		seen[name] = true
	}
	return "", false
}
