package rows

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// startOfFile keeps the first bytes that are read from a file, so that an error can say what the
// file looks like.
type startOfFile struct {
	r     io.Reader
	start []byte
	begun bool
}

// startBytes is how much is kept. It holds the first line of almost every file.
const startBytes = 4 << 10

// byteOrderMark begins the files of tools that save text as Windows does. It is no part of the first
// value.
const byteOrderMark = "\ufeff"

func (s *startOfFile) Read(p []byte) (int, error) {
	if !s.begun {
		s.begun = true
		if err := s.skipMark(); err != nil {
			return 0, err
		}
	}
	n, err := s.r.Read(p)
	if room := startBytes - len(s.start); room > 0 && n > 0 {
		s.start = append(s.start, p[:min(n, room)]...)
	}
	return n, err
}

// skipMark reads the byte order mark, if there is one.
func (s *startOfFile) skipMark() error {
	first := make([]byte, len(byteOrderMark))
	n, err := io.ReadFull(s.r, first)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	s.r = io.MultiReader(bytes.NewReader(bytes.TrimPrefix(first[:n], []byte(byteOrderMark))), s.r)
	return nil
}

// explain adds to the error of the first row which format the file looks like. The error stays as
// it is where no row is to blame, and where the file looks like the format that was asked for.
func (s *startOfFile) explain(err error, o Options) {
	var row *Error
	if !errors.As(err, &row) {
		return
	}
	line, _, _ := strings.Cut(strings.TrimLeft(string(s.start), "\r\n"), "\n")
	line = strings.TrimSuffix(line, "\r")
	hint := formatHint(line, o.Format)
	if hint == "" && row.Column > 0 && !o.Header && looksLikeHeader(line, o.Format) {
		hint = "the line looks like a header: set RowsOptions.Header, and leave Columns empty"
	}
	if hint != "" {
		row.Err = fmt.Errorf("%w; %s", row.Err, hint)
		row.Text = cmp.Or(row.Text, o.Show(line))
	}
}

// formatHint says which format a file with this first line looks like, and what to do. It is empty
// where that is the format that was asked for. It is a guess, so it only ever helps an error.
func formatHint(line string, asked Format) string {
	if line == "" || asked == JSONLines && strings.ContainsAny(line[:1], "{[") && !strings.HasPrefix(line[1:], "'") {
		return ""
	}
	spaces, commas := columnsOf(line, ' '), columnsOf(line, ',')
	switch kind := binaryKind(line); {
	case kind != "":
		return "the file looks like " + kind + ": open it and read it with a package for that"
	case strings.HasPrefix(line, `{"`) || strings.ContainsAny(line[:1], "{[") && json.Valid([]byte(line)):
		return "the file looks like JSON lines: use RowFormatJSONLines"
	case strings.HasPrefix(line, "{'"), asked == JSONLines && strings.HasPrefix(line, "['"):
		return "the file looks like Python dicts or lists: let the script return json.dumps of each, and use RowFormatJSONLines"
	case strings.HasPrefix(line, "['"), strings.HasPrefix(line, "('"):
		return "the file looks like Python lists: let the script return text or a pandas DataFrame"
	case strings.ContainsAny(line[:1], "{[("), spaces <= 1 && commas <= 1:
		return "the file looks like lines of text: use Rows[string] with RowFormatLines"
	case commas > spaces && asked != CommaSeparated:
		return "the file looks comma separated: use RowFormatCommaSeparated"
	case spaces > commas && asked != SpaceSeparated && asked != Auto:
		return "the file looks space separated: use RowFormatSpaceSeparated"
	}
	return ""
}

// magics are how files begin that are no text.
var magics = []struct{ begin, kind string }{
	{"PAR1", "Parquet"}, {"\x1f\x8b", "gzip"}, {"PK\x03\x04", "a zip file"}, {"\x93NUMPY", "an array of NumPy"},
	{"\xff\xfe", "text in UTF-16"}, {"\xfe\xff", "text in UTF-16"},
}

// binaryKind says what a file is that holds no text in UTF-8; "" for text.
func binaryKind(line string) string {
	for _, m := range magics {
		if strings.HasPrefix(line, m.begin) {
			return m.kind
		}
	}
	if strings.ContainsRune(line, 0) || !utf8.ValidString(line) {
		return "binary data"
	}
	return ""
}

// looksLikeHeader reports whether all columns of a line could be names. One of the first row's was
// to be something other than text.
func looksLikeHeader(line string, format Format) bool {
	comma := ' '
	if format == CommaSeparated {
		comma = ','
	}
	return !slices.ContainsFunc(cut(line, comma), func(column string) bool {
		first, _ := utf8.DecodeRuneInString(column)
		return !unicode.IsLetter(first) && first != '_' || slices.Contains(noNames, strings.ToLower(column))
	})
}

// noNames are values that begin as names do.
var noNames = []string{"none", "null", "nil", "nan", "na", "inf", "infinity", "true", "false"}

// columnsOf counts the columns of a line; 0 when it cannot be read with this separator.
func columnsOf(line string, separator rune) int { return len(cut(line, separator)) }

// cut cuts a line at a separator; nil when it cannot be read with it.
func cut(line string, separator rune) []string {
	r := csv.NewReader(strings.NewReader(line))
	r.Comma = separator
	record, err := r.Read()
	if err != nil {
		return nil
	}
	return record
}
