package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"iter"
	"strings"
)

// rowWriter prints rows: as CSV with a header if the columns have names, or as JSON lines.
type rowWriter struct {
	columns []string
	csv     *csv.Writer
	json    *json.Encoder
	begun   bool
}

// writeAll writes each row.
func writeAll[T any](w *rowWriter, rows iter.Seq2[T, error], write func(T) error) error {
	for row, err := range rows {
		if err == nil {
			err = write(row)
		}
		if err != nil {
			_ = w.flush() // the rows before it count, and its own error is the one to tell
			return err
		}
	}
	return nil
}

// writeJSON writes a row that is JSON already. For CSV it is the elements of an array, or those members of an object that
// --columns names.
func (w *rowWriter) writeJSON(value json.RawMessage) error {
	if w.json != nil {
		return w.json.Encode(value)
	}
	var elements []any
	if err := unmarshalExactly(value, &elements); err == nil {
		return w.write(cells(elements))
	}
	var members map[string]any
	if err := unmarshalExactly(value, &members); err != nil || w.columns == nil {
		return usagef("a row is no JSON array: use --format jsonl, or name members of JSON objects with --columns: %s", cleaned(string(value)))
	}
	for _, name := range w.columns {
		elements = append(elements, members[name])
	}
	return w.write(cells(elements))
}

// unmarshalExactly keeps numbers as they are written.
func unmarshalExactly(value json.RawMessage, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	return decoder.Decode(to)
}

// cells are JSON values in CSV: text as it is, nothing for null, all else as JSON.
func cells(values []any) []string {
	row := make([]string, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil:
		case string:
			row[i] = v
		default:
			b, err := json.Marshal(v)
			if err != nil {
				panic(err) // it comes from JSON
			}
			row[i] = string(b)
		}
	}
	return row
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
