package azmlbatch

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Glaze is embedded in rows; its name must be exported for a caller's own row, and need not be.
type Glaze struct {
	Color string
	Coats int
}

type shelf struct{ Shelf uint8 }

// grade is a value with a text form of its own.
type grade struct{ letter byte }

func (g *grade) UnmarshalText(text []byte) error {
	if len(text) != 1 {
		return errors.New("want one letter")
	}
	g.letter = text[0]
	return nil
}

func TestRowValuesOfEveryType(t *testing.T) {
	type optional struct {
		File  string
		Class *int
		Score *float64
		Note  *string
		Fired *time.Time
	}
	check(t, "a.png 3 0.5 fine \"2024-01-02 03:04:05\"\nb.png    \n", nil, []optional{
		{"a.png", new(3), new(0.5), new("fine"), new(time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC))}, {File: "b.png"}})

	type texts struct {
		From  netip.Addr
		Grade grade
		Big   *big.Int
	}
	got, err := collectRows[texts]("10.0.0.1 B 123456789012345678901\n  \n", nil)
	if err != nil || len(got) != 2 || got[0].From != netip.MustParseAddr("10.0.0.1") || got[0].Grade != (grade{'B'}) ||
		got[0].Big.String() != "123456789012345678901" || got[1] != (texts{}) {
		t.Errorf("rows with text forms = %v, %v", got, err)
	}

	type embedding struct {
		File string
		Glaze
		shelf
		Score float32
	}
	rows, err := collectRows[embedding]("a.png blue 2 7 0.5\n", nil)
	if want := (embedding{"a.png", Glaze{"blue", 2}, shelf{7}, 0.5}); err != nil || len(rows) != 1 || rows[0] != want {
		t.Errorf("embedded structs = %v, %v, want %v", rows, err, want)
	}
	rows, err = collectRows[embedding]("0.5 blue a.png 7 2\n", &RowsOptions{Columns: []string{"score", "color", "file", "shelf", "coats"}})
	if want := (embedding{"a.png", Glaze{"blue", 2}, shelf{7}, 0.5}); err != nil || len(rows) != 1 || rows[0] != want {
		t.Errorf("embedded structs by name = %v, %v, want %v", rows, err, want)
	}

	type whole struct {
		File  string
		Glaze `row:"-"`
		Rest  []float64
	}
	check(t, "a.png 0.25 1 0.5\nb.png\n", nil, []whole{{File: "a.png", Rest: []float64{0.25, 1, 0.5}}, {File: "b.png", Rest: []float64{}}})

	type loose struct {
		File  string
		Value any
	}
	check(t, "a.png True\nb.png 2\nc.png \n", nil, []loose{{"a.png", true}, {"b.png", 2.0}, {"c.png", nil}})
}

func TestRowTimes(t *testing.T) {
	at := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Time{
		`"2024-01-02 03:04:05"`:         at,
		`"2024-01-02 03:04:05.25"`:      at.Add(250 * time.Millisecond),
		`"2024-01-02 05:04:05+02:00"`:   at,
		`"2024-01-02 03:04:05.5+00:00"`: at.Add(500 * time.Millisecond),
		`2024-01-02T03:04:05`:           at,
		`2024-01-02T03:04:05Z`:          at,
		`2024-01-02T05:04:05.000+02:00`: at,
		`2024-01-02`:                    time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC),
		`""`:                            {},
	} {
		rows, err := collectRows[struct{ At time.Time }](text+"\n", nil)
		if err != nil || len(rows) != 1 || !rows[0].At.Equal(want) {
			t.Errorf("%s = %v, %v, want %v", text, rows, err, want)
		}
	}
}

func TestRowMaps(t *testing.T) {
	columns := &RowsOptions{Columns: []string{"file", "class", "score", "sure", "id", "note"}}
	check(t, "a.png 3 1e-07 True 007 \n", columns, []map[string]any{
		{"file": "a.png", "class": 3.0, "score": 1e-07, "sure": true, "id": "007", "note": nil}})
	check(t, "a.png 12345678901234567890 nan False 0x10 1_000\n", columns, []map[string]any{
		{"file": "a.png", "class": "12345678901234567890", "score": "nan", "sure": false, "id": "0x10", "note": "1_000"}})
	check(t, "a.png 3 1e-07 True 007 \n", columns, []map[string]string{
		{"file": "a.png", "class": "3", "score": "1e-07", "sure": "True", "id": "007", "note": ""}})
}

func TestRowsOfJSONLines(t *testing.T) {
	json := &RowsOptions{Format: RowFormatJSONLines}
	type prediction struct {
		File  string    `json:"file"`
		Class *int      `json:"class"`
		P     []float64 `json:"p"`
	}
	check(t, "{\"file\": \"a b.png\", \"class\": 3, \"p\": [0.5, 0.5], \"more\": {}}\n\n\r\n{\"file\": \"b\\n.png\", \"class\": null}\r\n{}", json,
		[]prediction{{"a b.png", new(3), []float64{0.5, 0.5}}, {File: "b\n.png"}, {}})
	check(t, `{"file":"a","p":{"x":1}}`+"\n", json, []map[string]any{{"file": "a", "p": map[string]any{"x": 1.0}}})
	check(t, `{"file":"a"}`+"\n", json, []map[string]string{{"file": "a"}})
	check(t, "[1,2]\n[]\n", json, [][]int{{1, 2}, {}})
	check(t, "{\"file\":\""+strings.Repeat("x", 200<<10)+"\"}\n", json, []map[string]string{{"file": strings.Repeat("x", 200<<10)}})
}

// Rows stay as they are when the next ones have been read.
func TestRowsAreTheCallersOwn(t *testing.T) {
	type row struct {
		File string
		N    *int
		Rest []string
	}
	var text, lines strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "file-%d %d x%d y%d\n", i, i, i, i)
		fmt.Fprintf(&lines, "{\"file\":%d}\n", i)
	}
	structs, err := collectRows[row](text.String(), nil)
	if err != nil || len(structs) != 5000 {
		t.Fatalf("%d structs, %v", len(structs), err)
	}
	texts, err := collectRows[[]string](text.String(), nil)
	if err != nil || len(texts) != 5000 {
		t.Fatalf("%d rows, %v", len(texts), err)
	}
	objects, err := collectRows[map[string]any](lines.String(), &RowsOptions{Format: RowFormatJSONLines})
	if err != nil || len(objects) != 5000 {
		t.Fatalf("%d objects, %v", len(objects), err)
	}
	for i := range texts {
		_ = append(texts[i], "of the caller's own") // must not reach into the next row
	}
	for i := range 5000 {
		want := []string{fmt.Sprint("file-", i), fmt.Sprint(i), fmt.Sprint("x", i), fmt.Sprint("y", i)}
		if diff := cmp.Diff(want, texts[i]); diff != "" {
			t.Fatalf("row %d (-want +got):\n%s", i, diff)
		}
		if s := structs[i]; s.File != want[0] || *s.N != i || cmp.Diff(want[2:], s.Rest) != "" {
			t.Fatalf("struct %d = %v", i, s)
		}
		if objects[i]["file"] != float64(i) {
			t.Fatalf("object %d = %v", i, objects[i])
		}
	}
}

func TestRowErrorNamesColumnValueAndType(t *testing.T) {
	type row struct {
		File  string
		N     int8
		Share *float64
		At    time.Time
		From  netip.Addr
		Grade grade
		Rest  []float64
	}
	const good = `a.png 1 0.5 2024-01-02 10.0.0.1 A`
	tests := []struct {
		name, text string
		column     int
		want       string
	}{
		{"out of range", `a.png 300 0.5 2024-01-02 10.0.0.1 A`, 2, `column 2 (N): "300" is out of the range of int8`},
		{"no number", `a.png 3.0 0.5 2024-01-02 10.0.0.1 A`, 2, `column 2 (N): "3.0" does not fit int8`},
		{"behind a pointer", `a.png 1 half 2024-01-02 10.0.0.1 A`, 3, `column 3 (Share): "half" does not fit float64`},
		{"time", `a.png 1 0.5 yesterday 10.0.0.1 A`, 4, `column 4 (At): "yesterday" does not fit time.Time`},
		{"text form", `a.png 1 0.5 2024-01-02 here A`, 5, `column 5 (From): "here" does not fit netip.Addr`},
		{"text form of the caller", `a.png 1 0.5 2024-01-02 10.0.0.1 good`, 6, `column 6 (Grade): "good" does not fit azmlbatch.grade: want one letter`},
		{"one of the rest", good + ` 1 2 x`, 9, `column 9 (Rest): "x" does not fit float64`},
		{"long", `a.png 1 ` + strings.Repeat("z", 1000) + ` 2024-01-02 10.0.0.1 A`, 3, strings.Repeat("z", 50) + `…" does not fit float64`},
		{"too few", `a.png 1`, 0, `2 columns where 7 were expected`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := collectRows[row](good+"\n"+tt.text+"\n", nil)
			var bad *RowError
			if !errors.As(err, &bad) || bad.Line != 2 || bad.Column != tt.column || bad.File != "predictions.csv" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ReadRows = %#v\n%v\nwant line 2, column %d and %q", bad, err, tt.column, tt.want)
			}
			if len(err.Error()) > 3*maxMessage || strings.Contains(err.Error(), "\n") {
				t.Errorf("an error of %d bytes: %v", len(err.Error()), err)
			}
		})
	}
}

func TestJSONRowErrorNamesMemberValueAndType(t *testing.T) {
	type inner struct {
		Depth int `json:"depth"`
	}
	type row struct {
		File  string `json:"file"`
		Class int    `json:"class"`
		At    inner  `json:"at"`
	}
	tests := []struct{ name, text, want string }{
		{"wrong type", `{"file": "a", "class": "many"}`, `member "class": "many" does not fit int`},
		{"another spelling", `{"file": "a", "CLASS": [1, 2]}`, `member "class": [1, 2] does not fit int`},
		{"within an object", `{"at": {"depth": 0.5}}`, `member "at.depth": 0.5 does not fit int`},
		{"an array", `[1, 2]`, `a JSON array does not fit azmlbatch.row`},
		{"half an object", `{"file": `, `is not JSON: unexpected end of JSON input`},
		{"two objects", `{} {}`, `is not JSON: invalid character`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := collectRows[row]("\n{}\n"+tt.text+"\n", &RowsOptions{Format: RowFormatJSONLines})
			var bad *RowError
			if !errors.As(err, &bad) || bad.Line != 3 || bad.Text != strings.TrimSpace(tt.text) || !strings.Contains(bad.Err.Error(), tt.want) {
				t.Errorf("ReadRows = %v, want line 3, %q and %q", err, tt.text, tt.want)
			}
		})
	}
}

func TestRowsRefuseOptionsThatMeanNothing(t *testing.T) {
	type tagged struct {
		Name string `row:"name"`
	}
	type pointing struct{ *Glaze }
	type twice struct {
		Color string
		Glaze
	}
	type none struct{ _ int }
	json := &RowsOptions{Format: RowFormatJSONLines}
	names := &RowsOptions{Columns: []string{"color", "coats"}}
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"tags without columns", second(collectRows[tagged]("a\n", nil)), `has the tag row:"name", but RowsOptions.Columns is empty`},
		{"tags and JSON", second(collectRows[tagged]("{}\n", json)), `use a json tag`},
		{"columns and JSON", second(collectRows[map[string]any]("{}\n", &RowsOptions{Format: RowFormatJSONLines, Columns: []string{"a"}})), "RowsOptions.Columns"},
		{"columns and text", second(collectRows[[]string]("a\n", names)), "RowsOptions.Columns"},
		{"columns and lines", second(collectRows[string]("a\n", &RowsOptions{Format: RowFormatLines, Columns: []string{"a"}})), "RowsOptions.Columns"},
		{"a column twice", second(collectRows[map[string]string]("a b\n", &RowsOptions{Columns: []string{"a", "a"}})), `"a" comes twice`},
		{"two fields for a column", second(collectRows[twice]("a 1\n", names)), `takes the column of`},
		{"an embedded pointer", second(collectRows[pointing]("a 1\n", nil)), "embed the struct itself"},
		{"no field", second(collectRows[none]("a 1\n", nil)), "no exported field"},
		{"a map without columns", second(collectRows[map[string]any]("a 1\n", nil)), "with RowsOptions.Columns"},
		{"no format", second(collectRows[[]string]("a 1\n", &RowsOptions{Format: 17})), "RowsOptions.Format"},
	}
	said := newTexts(t)
	for _, tt := range tests {
		said.add(tt.name, tt.err)
		if !asError(tt.err, new(*ArgumentError)) || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: %v, want an ArgumentError with %q", tt.name, tt.err, tt.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }
