package rows

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// separatedRows puts the columns of a record into a row.
type separatedRows struct {
	row     reflect.Value
	records *recordReader
	assign  assigner
	header  bool // comes next
	comma   string
	show    func(string) string
}

func newSeparatedRows(row reflect.Value, r io.Reader, o Options) (source, error) {
	assign, err := newAssigner(row, o.Columns, o.Header)
	if err != nil {
		return nil, err
	}
	comma := byte(' ')
	if o.Format == CommaSeparated {
		comma = ','
	}
	_, kept := row.Addr().Interface().(*[]string) // then the record itself is the row
	return &separatedRows{row, newRecordReader(r, comma, !kept), assign, o.Header, string(comma), o.Show}, nil
}

func (s *separatedRows) next() error {
	record, err := s.records.next()
	if err == nil && s.header {
		s.header = false
		if err = s.takeHeader(record); err == nil {
			return s.next()
		}
	} else if err == nil {
		err = s.assign(record)
	}
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return s.rowError(record, err)
}

// takeHeader takes the names of the columns from the first record. A row that is a struct or a map
// needs them.
func (s *separatedRows) takeHeader(record []string) error {
	if k := s.row.Kind(); k != reflect.Struct && k != reflect.Map {
		return nil
	}
	names := slices.Clone(record) // the next record takes its room
	if name, twice := repeated(names); twice && s.row.Kind() == reflect.Map {
		return &headerError{fmt.Sprintf("the header has the column %q twice", s.show(name))}
	}
	assign, err := newAssigner(s.row, names, true)
	if err != nil {
		var bad *OptionError
		_ = errors.As(err, &bad) // all are
		return &headerError{s.show("the header does not fit " + bad.Option + ": " + bad.Problem)}
	}
	s.assign = assign
	return nil
}

// A headerError is a header that does not fit the row.
type headerError struct{ problem string }

func (e *headerError) Error() string { return e.problem }

// rowError tells a record that does not fit from a stream that broke.
func (s *separatedRows) rowError(record []string, err error) error {
	bad := &Error{Line: s.records.line, Text: s.show(strings.Join(record, s.comma)), Err: err}
	var parse *csv.ParseError
	var column *columnError
	switch {
	case errors.As(err, &parse):
		bad.Err = parse.Err
	case errors.As(err, &column):
		bad.Column, bad.Err = column.column, column.shown(s.show)
	case !errors.As(err, new(*widthError)) && !errors.As(err, new(*headerError)):
		return err
	}
	return bad
}
