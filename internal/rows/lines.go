package rows

import (
	"bufio"
	"errors"
	"io"
	"reflect"
	"strings"
)

// textRows gives whole lines.
type textRows struct {
	row   reflect.Value
	lines *bufio.Reader
}

func newTextRows(row reflect.Value, r io.Reader) (source, error) {
	if row.Kind() != reflect.String {
		return nil, newOptionError("T", "the format RowFormatLines gives text", "use Rows[string], or another format")
	}
	return &textRows{row, bufio.NewReaderSize(r, bufferSize)}, nil
}

// bufferSize is how much of a file is read at once.
const bufferSize = 64 << 10

func (t *textRows) next() error {
	line, err := t.lines.ReadString('\n')
	if line == "" || err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	t.row.SetString(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
	return nil
}
