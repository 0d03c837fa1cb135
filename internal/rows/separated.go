package rows

import (
	"encoding/csv"
	"errors"
	"io"
	"reflect"
	"strings"
)

// separatedRows puts the columns of a record into a row.
type separatedRows struct {
	records *recordReader
	assign  assigner
	comma   string
	show    func(string) string
}

func newSeparatedRows(row reflect.Value, r io.Reader, o Options) (source, error) {
	assign, err := newAssigner(row, o.Columns)
	if err != nil {
		return nil, err
	}
	comma := byte(' ')
	if o.Format == CommaSeparated {
		comma = ','
	}
	_, kept := row.Addr().Interface().(*[]string) // then the record itself is the row
	return &separatedRows{newRecordReader(r, comma, !kept), assign, string(comma), o.Show}, nil
}

func (s *separatedRows) next() error {
	record, err := s.records.next()
	if err == nil {
		err = s.assign(record)
	}
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return s.rowError(record, err)
}

// rowError tells a record that does not fit from a stream that broke.
func (s *separatedRows) rowError(record []string, err error) error {
	bad := &Error{Line: s.records.line, Text: s.show(strings.Join(record, s.comma)), Err: err}
	var parse *csv.ParseError
	var column *columnError
	var wide *widthError
	switch {
	case errors.As(err, &parse):
		bad.Err = parse.Err
	case errors.As(err, &column):
		bad.Column, bad.Err = column.column, column.shown(s.show)
	case !errors.As(err, &wide):
		return err
	}
	return bad
}
