package azmlbatch

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A RowError is a line of a predictions file that does not fit the type that was asked for.
type RowError struct {
	// File is the name of the file.
	File string
	// Line counts from 1; a quoted value may span several lines, then it is the first.
	Line int
	// Text is the row, shortened.
	Text string
	// Err says what does not fit.
	Err error
}

// Error names file, line, text and problem on one line.
func (e *RowError) Error() string {
	return fmt.Sprintf("%s%s line %d: %s: %q", prefix, redact(e.File), e.Line, shown(e.Err), redact(e.Text))
}

// Unwrap returns what does not fit.
func (e *RowError) Unwrap() error { return e.Err }

// ReadRows reads rows from a predictions file. T is one of
//
//   - a struct: its exported fields take the columns in order, or by Options.Columns through their tag `row:"name"` (or
//     their name, without regard to case); such a tag without Options.Columns is an *[ArgumentError].
//     `row:"-"` leaves a field out. Fields are strings, booleans, integers and floats; a last field of type []string takes all further columns.
//   - []string: the columns as they are. The slice is the caller's to keep.
//   - map[string]string: by Options.Columns.
//   - string: the whole line, for the format [RowFormatLines].
//
// Empty values are kept: an empty text for a string, zero for a number (pandas writes None and NaN as nothing). The name
// appears in errors. Memory does not grow with the file.
func ReadRows[T any](r io.Reader, name string, options *RowsOptions) iter.Seq2[T, error] {
	o := orZero(options)
	if isNil(r) {
		return func(yield func(T, error) bool) {
			var zero T
			yield(zero, operation{"read", "rows of", name}.invalid("r", "is nil", "pass the reader of a predictions file"))
		}
	}
	if o.Format == RowFormatLines {
		return readLines[T](r, name)
	}
	return func(yield func(T, error) bool) {
		var zero, row T // the one row is filled anew for each record
		assign, err := newRowAssigner(reflect.ValueOf(&row).Elem(), o.Columns)
		if err != nil {
			yield(zero, err)
			return
		}
		_, whole := any(&row).(*[]string) // then the record itself is the row
		start := &startOfFile{r: r}
		records := newRowReader(start, o.Format, !whole)
		first := true
		fail := func(err error) {
			if first {
				err = start.explain(err, o.Format)
			}
			yield(zero, err)
		}
		for {
			record, err := records.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				fail(readError(name, records.line, record, err))
				return
			}
			row = zero
			if err := assign(record); err != nil {
				fail(&RowError{File: name, Line: records.line, Text: clip(strings.Join(record, " ")), Err: err})
				return
			}
			first = false
			if !yield(row, nil) {
				return
			}
		}
	}
}

// readError tells a row that is not well formed from a stream that broke, for which no row is to blame.
func readError(name string, line int, record []string, err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return &RowError{File: name, Line: line, Text: clip(strings.Join(record, " ")), Err: parse.Err}
	}
	if strings.HasPrefix(err.Error(), prefix) {
		return err // it names the file already
	}
	return operation{"read", "rows of", name}.failed(err)
}

func readLines[T any](r io.Reader, name string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if reflect.TypeFor[T]().Kind() != reflect.String {
			yield(zero, operation{"read", "rows", ""}.invalid("T", "the format RowFormatLines gives text",
				"use Rows[string], or another format"))
			return
		}
		lines := bufio.NewReaderSize(r, 64<<10)
		for {
			line, err := lines.ReadString('\n')
			if line != "" {
				v := zero
				reflect.ValueOf(&v).Elem().SetString(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
				if !yield(v, nil) {
					return
				}
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(zero, readError(name, 0, nil, err))
				return
			}
		}
	}
}

// rowAssigner puts the columns of a record into the row that it was made for, which is zero.
type rowAssigner func(record []string) error

func newRowAssigner(row reflect.Value, columns []string) (rowAssigner, error) {
	if row.Kind() == reflect.Struct {
		return newStructAssigner(row, columns)
	}
	if row.Kind() == reflect.String {
		return func(record []string) error {
			if len(record) != 1 {
				return fmt.Errorf("%d columns for one text; use the format RowFormatLines for whole lines", len(record))
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
		if len(columns) > 0 {
			return func(record []string) (err error) {
				*row, err = rowMap(record, columns)
				return err
			}, nil
		}
	}
	return nil, operation{"read", "rows", ""}.invalid("T", row.Type().String()+" cannot take a row",
		"use a struct, []string, string, or map[string]string with RowsOptions.Columns")
}

func rowMap(record, columns []string) (map[string]string, error) {
	if len(record) != len(columns) {
		return nil, fmt.Errorf("%d columns, %d names", len(record), len(columns))
	}
	m := make(map[string]string, len(columns))
	for i, name := range columns {
		m[name] = record[i]
	}
	return m, nil
}

// rowField is a column of the file and the field that takes it.
type rowField struct {
	column int
	field  int
	name   string
	rest   bool
}

func newStructAssigner(row reflect.Value, columns []string) (rowAssigner, error) {
	fields, err := rowFields(row.Type(), columns)
	if err != nil {
		return nil, err
	}
	want := len(columns)
	rest := len(fields) > 0 && fields[len(fields)-1].rest
	if want == 0 {
		want = len(fields)
	}
	return func(record []string) error {
		if len(record) != want && (!rest || len(record) < want-1) {
			return fmt.Errorf("%d columns where %d were expected", len(record), want)
		}
		for _, f := range fields {
			if f.rest {
				row.Field(f.field).Set(reflect.ValueOf(slices.Clone(record[f.column:])))
				continue
			}
			if err := setField(row.Field(f.field), record[f.column]); err != nil {
				return fmt.Errorf("column %d (%s): %w", f.column+1, f.name, err)
			}
		}
		return nil
	}, nil
}

func rowFields(t reflect.Type, columns []string) ([]rowField, error) {
	var fields []rowField
	bad := func(name, problem string) error {
		return operation{"read", "rows", ""}.invalid(t.String()+"."+name, problem, "")
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("row")
		if !f.IsExported() || tag == "-" {
			continue
		}
		if n := len(fields); n > 0 && fields[n-1].rest {
			return nil, bad(fields[n-1].name, "a []string takes all further columns and must come last")
		}
		if tag != "" && len(columns) == 0 {
			return nil, operation{"read", "rows", ""}.invalid(t.String()+"."+f.Name,
				fmt.Sprintf("has the tag row:%q, but RowsOptions.Columns is empty", tag),
				"name the columns of the file there in their order, or remove the tag")
		}
		r := rowField{column: len(fields), field: i, name: cmp.Or(tag, f.Name), rest: f.Type == reflect.TypeFor[[]string]()}
		if !r.rest && !settable(f.Type.Kind()) {
			return nil, bad(f.Name, "has a type that cannot take a value: "+f.Type.String())
		}
		if len(columns) > 0 {
			r.column = slices.IndexFunc(columns, func(c string) bool { return strings.EqualFold(c, r.name) })
			if r.column < 0 {
				return nil, bad(f.Name, fmt.Sprintf("no column %q among %v", r.name, columns))
			}
		}
		fields = append(fields, r)
	}
	if n := len(fields); n > 0 && fields[n-1].rest && len(columns) > 0 && fields[n-1].column != len(columns)-1 {
		return nil, bad(fields[n-1].name, "a []string takes all further columns and must be the last of Columns")
	}
	return fields, nil
}

func settable(k reflect.Kind) bool {
	return k == reflect.String || k == reflect.Bool || k >= reflect.Int && k <= reflect.Uint64 || k == reflect.Float32 || k == reflect.Float64
}

func setField(f reflect.Value, text string) error {
	if f.Kind() == reflect.String {
		f.SetString(text)
		return nil
	}
	if text == "" {
		return nil // None, NaN and empty text all look like this
	}
	var err error
	switch k := f.Kind(); {
	case k == reflect.Bool:
		var b bool
		if b, err = strconv.ParseBool(text); err == nil {
			f.SetBool(b)
		}
	case k <= reflect.Int64:
		var n int64
		if n, err = strconv.ParseInt(text, 10, f.Type().Bits()); err == nil {
			f.SetInt(n)
		}
	case k <= reflect.Uint64:
		var n uint64
		if n, err = strconv.ParseUint(text, 10, f.Type().Bits()); err == nil {
			f.SetUint(n)
		}
	default:
		var x float64
		if x, err = strconv.ParseFloat(text, f.Type().Bits()); err == nil {
			f.SetFloat(x)
		}
	}
	if err != nil {
		return fmt.Errorf("%q does not fit %s", clip(text), f.Kind())
	}
	return nil
}

// rowReader reads records exactly as encoding/csv does, which itself reads the lines that have quotes. The others, almost
// all lines of almost all files, need no more than to be cut at the commas, and that is faster.
type rowReader struct {
	lines  *bufio.Reader
	quoted *csv.Reader // reads on from lines
	comma  string
	reuse  bool     // each record takes the room of the last
	record []string // the last one that was cut here
	line   int      // where the last record began, from 1
	cut    int      // lines that csv has not seen
	read   int      // lines that it has
}

func newRowReader(r io.Reader, format RowFormat, reuse bool) *rowReader {
	lines := bufio.NewReaderSize(r, 64<<10)
	quoted := csv.NewReader(lines) // takes a large bufio.Reader as it is, so it reads nothing ahead
	quoted.FieldsPerRecord = -1
	quoted.ReuseRecord = reuse
	if format == RowFormatSpaceSeparated {
		quoted.Comma = ' '
	}
	return &rowReader{lines: lines, quoted: quoted, comma: string(quoted.Comma), reuse: reuse}
}

// next returns the next record, or [io.EOF].
func (r *rowReader) next() ([]string, error) {
	for {
		buffered, _ := r.lines.Peek(r.lines.Buffered()) // cannot fail: so much is there
		line, _, whole := bytes.Cut(buffered, []byte{'\n'})
		if !whole || bytes.IndexByte(line, '"') >= 0 {
			return r.nextQuoted()
		}
		text := string(bytes.TrimSuffix(line, []byte{'\r'}))
		_, _ = r.lines.Discard(len(line) + 1)
		r.cut++
		if text != "" { // csv, too, passes over empty lines
			r.line = r.cut + r.read
			return r.cutAtCommas(text), nil
		}
	}
}

func (r *rowReader) cutAtCommas(text string) []string {
	record := r.record[:0]
	if !r.reuse {
		record = make([]string, 0, len(r.record)) // as wide as the last one
	}
	for {
		field, rest, more := strings.Cut(text, r.comma)
		record = append(record, field)
		if !more {
			r.record = record
			return record
		}
		text = rest
	}
}

// nextQuoted lets csv read a record: one with quotes, possibly of several lines, or one that is not whole in the buffer.
func (r *rowReader) nextQuoted() ([]string, error) {
	record, err := r.quoted.Read()
	if err != nil {
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			r.line = r.cut + parse.StartLine
		}
		return record, err
	}
	first, _ := r.quoted.FieldPos(0)
	last, _ := r.quoted.FieldPos(len(record) - 1)
	r.line = r.cut + first
	r.read = last + strings.Count(record[len(record)-1], "\n")
	return record, nil
}
