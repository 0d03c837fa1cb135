package rows

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A assigner puts the columns of a record into the row that it was made for, which is zero.
type assigner func(record []string) error

// newAssigner makes the assigner of a row. With a header the columns have names, which may not be
// known yet.
func newAssigner(row reflect.Value, columns []string, header bool) (assigner, error) {
	if row.Kind() == reflect.Struct {
		return newStructAssigner(row, columns, header)
	}
	if row.Kind() == reflect.String {
		return func(record []string) error {
			if len(record) != 1 {
				return fmt.Errorf("%w; use the format RowFormatLines for whole lines", &widthError{len(record), 1})
			}
			row.SetString(record[0])
			return nil
		}, nil
	}
	switch row := row.Addr().Interface().(type) {
	case *[]string:
		return func(record []string) error {
			*row = record
			return nil
		}, nil
	case *map[string]string:
		if len(columns) > 0 || header {
			return mapAssigner(row, columns, func(text string) string { return text }), nil
		}
	case *map[string]any:
		if len(columns) > 0 || header {
			return mapAssigner(row, columns, anyValue), nil
		}
	}
	return nil, newOptionError("T", row.Type().String()+" cannot take a row",
		"use a struct, []string, string, or a map[string]any or map[string]string with RowsOptions.Columns or Header")
}

func mapAssigner[V any](row *map[string]V, columns []string, value func(text string) V) assigner {
	return func(record []string) error {
		if len(record) != len(columns) {
			return &widthError{len(record), len(columns)}
		}
		*row = make(map[string]V, len(columns))
		for i, name := range columns {
			(*row)[name] = value(record[i])
		}
		return nil
	}
}

// A widthError is a record that has too few columns, or too many.
type widthError struct{ have, want int }

func (e *widthError) Error() string {
	columns := "columns"
	if e.have == 1 {
		columns = "column"
	}
	return fmt.Sprintf("%d %s where %d were expected", e.have, columns, e.want)
}

// A columnError is a value that does not fit.
type columnError struct {
	column int // from 1
	field  string
	value  string
	want   reflect.Type
	err    error
}

func (e *columnError) Error() string { return e.shown(func(s string) string { return s }).Error() }

// shown is the error with a value that was made fit for it.
func (e *columnError) shown(show func(string) string) error {
	where := fmt.Sprintf("column %d (%s): %q", e.column, e.field, show(e.value))
	switch {
	case errors.Is(e.err, strconv.ErrRange):
		return fmt.Errorf("%s is out of the range of %s", where, e.want)
	case errors.Is(e.err, strconv.ErrSyntax):
		return fmt.Errorf("%s does not fit %s", where, e.want)
	}
	return fmt.Errorf("%s does not fit %s: %w", where, e.want, e.err)
}

// A field is a field of the row and the column that it takes.
type field struct {
	name   string
	column int // from 0
	place  reflect.Value
	parse  valueParser // of the elements, for rest
	rest   bool        // takes all further columns
}

func (f *field) assign(record []string) error {
	if !f.rest {
		return f.assignColumn(f.place, f.column, record)
	}
	values := reflect.MakeSlice(f.place.Type(), len(record)-f.column, len(record)-f.column)
	for i := range values.Len() {
		if err := f.assignColumn(values.Index(i), f.column+i, record); err != nil {
			return err
		}
	}
	f.place.Set(values)
	return nil
}

func (f *field) assignColumn(place reflect.Value, column int, record []string) error {
	text := record[column]
	if text == "" {
		return nil // None, NaN and empty text all look like this
	}
	if err := f.parse(place, text); err != nil {
		return &columnError{column + 1, f.name, text, wanted(place.Type()), err}
	}
	return nil
}

// wanted is the type that a value is read as.
func wanted(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func newStructAssigner(row reflect.Value, columns []string, header bool) (assigner, error) {
	s := structFields{columns: columns, named: header || len(columns) > 0}
	if err := s.add(row); err != nil {
		return nil, err
	}
	if len(s.fields) == 0 {
		return nil, newOptionError("T", row.Type().String()+" has no exported field", "add a field for each column")
	}
	want := cmp.Or(len(columns), len(s.fields))
	least := want
	if s.rest() != nil {
		least--
	}
	return func(record []string) error {
		if len(record) < least || len(record) > want && least == want {
			return &widthError{len(record), want}
		}
		for i := range s.fields {
			if err := s.fields[i].assign(record); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// structFields collects the fields of a struct and of those embedded in it.
type structFields struct {
	columns []string // empty before the header is read
	named   bool     // the columns have names
	fields  []field
}

// rest is the field that takes all further columns, nil for none.
func (s *structFields) rest() *field {
	if n := len(s.fields); n > 0 && s.fields[n-1].rest {
		return &s.fields[n-1]
	}
	return nil
}

func (s *structFields) add(v reflect.Value) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag := f.Tag.Get("row")
		embedded := f.Anonymous && tag == "" && valueParserOf(f.Type) == nil
		var err error
		switch {
		case tag == "-":
		case embedded && f.Type.Kind() == reflect.Struct:
			err = s.add(v.Field(i))
		case embedded && f.Type.Kind() == reflect.Pointer:
			err = newOptionError(fieldName(v, f), "is an embedded pointer",
				"embed the struct itself, or leave the field out with the tag row:\"-\"")
		case f.IsExported():
			err = s.addField(v, f, tag)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func fieldName(v reflect.Value, f reflect.StructField) string {
	return v.Type().String() + "." + f.Name
}

func (s *structFields) addField(v reflect.Value, f reflect.StructField, tag string) error {
	name := fieldName(v, f)
	bad := func(problem, remedy string) error { return newOptionError(name, problem, remedy) }
	if tag != "" && !s.named {
		return bad(fmt.Sprintf("has the tag row:%q, but RowsOptions.Columns is empty", tag),
			"name the columns of the file there in their order, set Header if its first line does, or remove the tag")
	}
	if rest := s.rest(); rest != nil {
		return bad("comes after "+rest.name+", a slice, which takes all further columns", "put the slice last")
	}
	r := field{name: cmp.Or(tag, f.Name), column: len(s.fields), place: v.FieldByIndex(f.Index),
		parse: valueParserOf(f.Type)}
	if r.parse == nil && f.Type.Kind() == reflect.Slice {
		r.rest, r.parse = true, valueParserOf(f.Type.Elem())
	}
	if r.parse == nil {
		return bad("has a type that cannot take a value: "+f.Type.String(), "leave the field out with the tag row:\"-\"")
	}
	if len(s.columns) > 0 {
		if err := s.find(&r); err != nil {
			return bad(err.Error(), "")
		}
	}
	s.fields = append(s.fields, r)
	return nil
}

// find finds the column of a field by its name.
func (s *structFields) find(r *field) error {
	r.column = slices.IndexFunc(s.columns, func(c string) bool { return strings.EqualFold(c, r.name) })
	if r.column < 0 {
		return fmt.Errorf("no column %q among %q", r.name, s.columns)
	}
	for _, other := range s.fields {
		if other.column == r.column {
			return fmt.Errorf("takes the column of another field, %q", s.columns[r.column])
		}
	}
	if r.rest && r.column != len(s.columns)-1 {
		return errors.New("is a slice, which takes all further columns, and is not the last of the columns")
	}
	return nil
}
