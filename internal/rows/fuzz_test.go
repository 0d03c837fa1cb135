package rows

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func collect[T any](t *testing.T, text string, format Format) (found []T, err error) {
	t.Helper()
	var row, zero T
	d, err := NewDecoder(&row, strings.NewReader(text), Options{Format: format, Show: func(s string) string { return s }})
	if err != nil {
		t.Fatal(err)
	}
	for {
		row = zero
		if err := d.Next(); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return found, err
		}
		found = append(found, row)
	}
}

// FuzzDecoder compares records with encoding/csv, and holds the other types to the same number of
// rows.
func FuzzDecoder(f *testing.F) {
	for _, seed := range []string{"a.png 3 0.5\n\"b \"\" c\" 1 2\n", "\"open\n", "a\rb\r\n\n", "\ufeffa 1 2", "a 1 2 3\nb\n", "\x00 \xff 1e999", " \n", "{\"File\":1}"} {
		f.Add(seed)
	}
	for _, longer := range []int{-1, 0, 1, textAtOnce} { // lines that just share a string, and that just do not
		line := strings.Repeat("x", textAtOnce/2-2) + " 1\n"
		f.Add(strings.Repeat(line, 3) + "a " + strings.Repeat("y", textAtOnce-3+longer) + "\r\n" + line + "\"b\n\" 2\n" + line)
	}
	type pot struct {
		File  string
		Class int
		Score float64
	}
	type open struct {
		File string
		Rest []string
	}
	f.Fuzz(func(t *testing.T, text string) {
		for format, comma := range map[Format]byte{SpaceSeparated: ' ', CommaSeparated: ','} {
			compareWithCSV(t, strings.NewReader(text), text, comma)
			compareWithCSV(t, iotest.OneByteReader(strings.NewReader(text)), text, comma)
			got, err := collect[[]string](t, text, format)
			if err != nil {
				continue
			}
			if rest, err := collect[open](t, text, format); err == nil && len(rest) != len(got) {
				t.Errorf("%d rows of %q as structs, %d as text", len(rest), text, len(got))
			}
			_, _ = collect[pot](t, text, format)
		}
		objects, err := collect[any](t, text, JSONLines)
		if err == nil && len(objects) > strings.Count(text, "\n")+1 {
			t.Errorf("%d JSON values in %q", len(objects), text)
		}
		_, _ = collect[pot](t, text, JSONLines)
		lines, err := collect[string](t, text, Lines)
		if want := strings.Count(text, "\n"); err != nil || len(lines) != want && len(lines) != want+1 {
			t.Errorf("%d lines of %q, %v", len(lines), text, err)
		}
	})
}

// compareWithCSV compares records and the lines where they begin.
func compareWithCSV(t *testing.T, r io.Reader, text string, comma byte) {
	t.Helper()
	theirs, ours := csv.NewReader(strings.NewReader(text)), newRecordReader(r, comma, true)
	theirs.Comma, theirs.FieldsPerRecord = rune(comma), -1
	for {
		want, wantErr := theirs.Read()
		got, err := ours.next()
		line := 0
		var parse *csv.ParseError
		switch {
		case errors.As(wantErr, &parse):
			line = parse.StartLine
		case wantErr == nil:
			line, _ = theirs.FieldPos(0)
		}
		if (err == nil) != (wantErr == nil) || !slices.Equal(want, got) || line != 0 && line != ours.line {
			t.Fatalf("%q: line %d has %q, %v; encoding/csv says line %d, %q, %v", text, ours.line, got, err, line, want, wantErr)
		}
		if err != nil {
			return
		}
	}
}
