package rows

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// jsonRows gives one JSON value for each line. Empty lines are passed over.
type jsonRows struct {
	row   any // a pointer to it
	lines *bufio.Reader
	line  int
	show  func(string) string
}

func newJSONRows(row reflect.Value, r io.Reader, o Options) (source, error) {
	if row.Kind() == reflect.Struct {
		for _, f := range reflect.VisibleFields(row.Type()) {
			if tag := f.Tag.Get("row"); tag != "" && tag != "-" {
				return nil, newOptionError(row.Type().String()+"."+f.Name,
					fmt.Sprintf("has the tag row:%q, which means nothing for RowFormatJSONLines", tag), "use a json tag")
			}
		}
	}
	return &jsonRows{row: row.Addr().Interface(), lines: bufio.NewReaderSize(r, bufferSize), show: o.Show}, nil
}

func (j *jsonRows) next() error {
	for {
		line, err := j.lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		j.line++
		if line := bytes.TrimSpace(line); len(line) > 0 {
			return j.decode(line)
		}
		if err != nil {
			return err
		}
	}
}

func (j *jsonRows) decode(line []byte) error {
	err := json.Unmarshal(line, j.row)
	if err == nil {
		return nil
	}
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType) && wrongType.Field != "":
		value := j.show(memberText(line, wrongType))
		err = fmt.Errorf("member %q: %s does not fit %s", wrongType.Field, value, wrongType.Type)
	case errors.As(err, &wrongType):
		err = fmt.Errorf("a JSON %s does not fit %s", wrongType.Value, wrongType.Type)
	case errors.As(err, new(*json.SyntaxError)):
		err = fmt.Errorf("is not JSON: %w", err)
	}
	return &Error{Line: j.line, Text: j.show(string(line)), Err: err}
}

// memberText is the JSON of the member that does not fit, or else its kind.
func memberText(object []byte, e *json.UnmarshalTypeError) string {
	for name := range strings.SplitSeq(e.Field, ".") {
		var members map[string]json.RawMessage
		if json.Unmarshal(object, &members) != nil {
			return "a JSON " + e.Value
		}
		object = nil
		for key, value := range members {
			if strings.EqualFold(key, name) {
				object = value
			}
		}
	}
	if object == nil {
		return "a JSON " + e.Value
	}
	return string(object)
}
