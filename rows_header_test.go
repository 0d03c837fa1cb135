package azmlbatch

import (
	"errors"
	"strings"
	"testing"
)

// TestHeader reads files of scripts that write their own, as pandas does by default: with a header, and often with an index.
func TestHeader(t *testing.T) {
	type glazed struct {
		Score float64 `row:"score"`
		File  string
		Notes []string `row:"notes"`
	}
	const commas = ",file,score,notes\n0,\"my vase.png\",0.5,a,b\n1,b.png,0.25,\n"
	check(t, commas, &RowsOptions{Format: RowFormatCommaSeparated, Header: true}, []glazed{
		{0.5, "my vase.png", []string{"a", "b"}}, {0.25, "b.png", []string{""}}})
	check(t, "file score\r\na.png 0.5\r\n", &RowsOptions{Header: true}, []map[string]any{{"file": "a.png", "score": 0.5}})
	check(t, "file score\na.png 0.5\n", &RowsOptions{Header: true}, []map[string]string{{"file": "a.png", "score": "0.5"}})
	check(t, "\ufeff\"a file\" score\na.png 0.5\n", &RowsOptions{Header: true}, []map[string]string{{"a file": "a.png", "score": "0.5"}})
	check(t, "file,file\na.png,b.png\n", &RowsOptions{Format: RowFormatCommaSeparated, Header: true}, [][]string{{"a.png", "b.png"}})
	check(t, "file\na.png\n", &RowsOptions{Header: true}, []string{"a.png"})
	check[glazed](t, "", &RowsOptions{Header: true}, nil)
	check[glazed](t, "file score notes\n", &RowsOptions{Header: true}, nil)
}

// TestHeaderThatDoesNotFit: a column that is missing is a mistake of the file, not of the options.
func TestHeaderThatDoesNotFit(t *testing.T) {
	type scored struct {
		File  string
		Score float64 `row:"score"`
	}
	type channel struct{ C chan int }
	header := &RowsOptions{Header: true}
	said := newTexts(t)
	for name, err := range map[string]error{
		"a column that is missing": second(collectRows[scored]("file class\na.png 1\n", header)),
		"a column that is twice":   second(collectRows[map[string]any]("file file\na.png b.png\n", header)),
		"another separator":        second(collectRows[scored]("file,score,class\na.png,1,2\n", header)),
		"a shorter row":            second(collectRows[scored]("file score\na.png 1\n\nb.png\n", header)),
		"a value that is a word":   second(collectRows[scored]("\nfile score\na.png many\n", header)),
		"a header not asked for":   second(collectRows[scored]("file score\na.png 1\n", &RowsOptions{Columns: []string{"file", "score"}})),
	} {
		said.add(name, err)
		if !errors.As(err, new(*RowError)) {
			t.Errorf("%s: %v, want a RowError", name, err)
		}
	}
	for name, err := range map[string]error{
		"columns too": second(collectRows[scored]("file score\n", &RowsOptions{Header: true, Columns: []string{"file", "score"}})),
		"lines":       second(collectRows[string]("a\n", &RowsOptions{Header: true, Format: RowFormatLines})),
		"JSON":        second(collectRows[scored]("{}\n", &RowsOptions{Header: true, Format: RowFormatJSONLines})),
		"a type":      second(collectRows[channel]("c\n", header)),
		"an int":      second(collectRows[int]("c\n", header)),
		"not the last": second(collectRows[struct {
			Rest []string
			File string
		}]("file rest\na 1\n", header)),
	} {
		said.add(name, err)
		if !errors.As(err, new(*ArgumentError)) || strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %v, want an ArgumentError", name, err)
		}
	}
}
