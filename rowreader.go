package azmlbatch

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
)

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
	if format == SpaceSeparated {
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
