package rows

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
)

// recordReader reads records exactly as encoding/csv does, which itself reads the lines that have
// quotes. The others, almost all lines of almost all files, only have to be cut at the commas, and
// that is faster.
type recordReader struct {
	lines  *bufio.Reader
	quoted *csv.Reader // reads on from lines
	comma  byte
	text   string   // the next lines, which have no quotes
	reuse  bool     // each record takes the room of the last
	record []string // the last one that was cut here
	room   []string // for records that are kept
	line   int      // where the last record began, from 1
	cut    int      // lines that csv has not seen
	read   int      // lines that it has
}

func newRecordReader(r io.Reader, comma byte, reuse bool) *recordReader {
	lines := bufio.NewReaderSize(r, bufferSize)
	quoted := csv.NewReader(lines) // takes a large bufio.Reader as it is, so it reads nothing ahead
	quoted.FieldsPerRecord = -1
	quoted.ReuseRecord = reuse
	quoted.Comma = rune(comma)
	return &recordReader{lines: lines, quoted: quoted, comma: comma, reuse: reuse}
}

// next returns the next record, or [io.EOF].
func (r *recordReader) next() ([]string, error) {
	for {
		if r.text == "" && !r.takeLines() {
			return r.nextQuoted()
		}
		end := strings.IndexByte(r.text, '\n')
		line := strings.TrimSuffix(r.text[:end], "\r")
		r.text = r.text[end+1:]
		r.cut++
		if line != "" { // csv, too, passes over empty lines
			r.line = r.cut + r.read
			return r.cutAtCommas(line), nil
		}
	}
}

// textAtOnce is how many bytes of lines share one string, because a string for each line takes
// longer. A value that the caller keeps also keeps the rest of its string, so it is little. A longer
// line has a string of its own.
const textAtOnce = 256

// takeLines takes the next lines without quotes from the buffer. It returns false where there is no
// whole one.
func (r *recordReader) takeLines() bool {
	buffered, _ := r.lines.Peek(r.lines.Buffered()) // cannot fail: so much is there
	end := bytes.LastIndexByte(buffered[:min(len(buffered), textAtOnce)], '\n') + 1
	if end == 0 {
		end = bytes.IndexByte(buffered, '\n') + 1
	}
	if quote := bytes.IndexByte(buffered[:end], '"'); quote >= 0 {
		end = bytes.LastIndexByte(buffered[:quote], '\n') + 1
	}
	r.text = string(buffered[:end])
	_, _ = r.lines.Discard(end)
	return end > 0
}

func (r *recordReader) cutAtCommas(text string) []string {
	record := r.record[:0]
	if !r.reuse {
		record = r.roomFor(len(r.record)) // as wide as the last one
	}
	for {
		at := strings.IndexByte(text, r.comma)
		if at < 0 {
			r.record = append(record, text)
			return r.record
		}
		record = append(record, text[:at])
		text = text[at+1:]
	}
}

// recordsAtOnce is for how many records room is made at once. A record that the caller keeps keeps
// its neighbours' room, so it is few.
const recordsAtOnce = 8

// roomFor returns an empty record with room for so many columns, and for no more: what the caller
// appends to it reaches no other.
func (r *recordReader) roomFor(columns int) []string {
	if len(r.room) < columns {
		r.room = make([]string, recordsAtOnce*columns)
	}
	record := r.room[:0:columns]
	r.room = r.room[columns:]
	return record
}

// nextQuoted lets csv read a record: one with quotes, possibly of several lines, or one that is not
// whole in the buffer.
func (r *recordReader) nextQuoted() ([]string, error) {
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
