package azmlbatch

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type pot struct {
	File  string
	Class int
	Score float64
}

func collectRows[T any](text string, o *RowsOptions) (rows []T, err error) {
	for v, err := range ReadRows[T](strings.NewReader(text), "predictions.csv", o) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, v)
	}
	return rows, nil
}

func check[T any](t *testing.T, text string, o *RowsOptions, want []T) {
	t.Helper()
	got, err := collectRows[T](text, o)
	if err != nil {
		t.Fatalf("ReadRows(%q) = %v", text, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ReadRows(%q) (-want +got):\n%s", text, diff)
	}
}

func TestReadRows(t *testing.T) {
	type tagged struct {
		Score float64 `row:"p"`
		Name  string  `row:"file"`
		Note  string  `row:"-"`
	}
	type open struct {
		File string
		Rest []string
	}
	check(t, "a.png 3 0.5\nb.png 4 1e-07\n", nil, []pot{{"a.png", 3, 0.5}, {"b.png", 4, 1e-7}})
	check(t, "\"my vase.png\" 3 0.5\n", nil, []pot{{"my vase.png", 3, 0.5}})
	check(t, "a.png  1\n", nil, []pot{{"a.png", 0, 1}})
	check(t, "\"two\nlines\" 1 2\n", nil, []pot{{"two\nlines", 1, 2}})
	check(t, "a,b c\n\"\"\n", nil, [][]string{{"a,b", "c"}, {""}})
	check(t, "0,cat,\"a, b.png\"\n", &RowsOptions{Format: RowFormatCommaSeparated}, [][]string{{"0", "cat", "a, b.png"}})
	check(t, "x.png 0.25\n", &RowsOptions{Columns: []string{"file", "p"}}, []tagged{{Score: 0.25, Name: "x.png"}})
	check(t, "x.png 1 2 3\ny.png\n", nil, []open{{"x.png", []string{"1", "2", "3"}}, {"y.png", []string{}}})
	check(t, "x 1\n", &RowsOptions{Columns: []string{"a", "b"}}, []map[string]string{{"a": "x", "b": "1"}})
	check(t, "['a', 1]\nno \"quotes here\n", &RowsOptions{Format: RowFormatLines}, []string{"['a', 1]", `no "quotes here`})
	check(t, "True 1\n", nil, []struct {
		Ok bool
		N  uint8
	}{{true, 1}})
}

func TestRowThatDoesNotFitNamesFileLineAndText(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"not a number", "a.png 3 0.5\nb.png many 0.5\n", `azmlbatch: predictions.csv line 2: column 2 (Class): "many" does not fit int: "b.png many 0.5"`},
		{"too few columns", "a.png 3\n", `azmlbatch: predictions.csv line 1: 2 columns where 3 were expected: "a.png 3"`},
		{"too many columns", "a.png 3 1 2\n", `azmlbatch: predictions.csv line 1: 4 columns where 3 were expected: "a.png 3 1 2"`},
		{"after lines with quotes and without", "a 1 2\n\n\"two\nlines\" 1 2\r\n\nb 1 2\nc 1\n", `azmlbatch: predictions.csv line 7: 2 columns where 3 were expected: "c 1"`},
		{"a quote that is not closed", "a 1 2\n\"b\n1 2\n", `azmlbatch: predictions.csv line 2: extraneous or missing " in quoted-field: ""`},
		{"a last line without an end", "a 1 2\nb 1", `azmlbatch: predictions.csv line 2: 2 columns where 3 were expected: "b 1"`},
		{"out of range", "a.png 99999999999999999999 1\n", `azmlbatch: predictions.csv line 1: column 2 (Class): "99999999999999999999" is out of the range of int: "a.png 99999999999999999999 1"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := collectRows[pot](tt.text, nil)
			var row *RowError
			if !errors.As(err, &row) {
				t.Fatalf("ReadRows = %v, want a RowError", err)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRowsRefuseTypesThatCannotTakeARow(t *testing.T) {
	said := newTexts(t)
	for name, err := range map[string]error{
		"an int":           second(collectRows[int]("1\n", nil)),
		"a channel":        second(collectRows[struct{ C chan int }]("1\n", nil)),
		"another column":   second(collectRows[pot]("1\n", &RowsOptions{Columns: []string{"other"}})),
		"lines for fields": second(collectRows[pot]("1\n", &RowsOptions{Format: RowFormatLines})),
		"no reader":        lastError(ReadRows[string](nil, "p.csv", nil)),
	} {
		said.add(name, err)
		if !asError(err, new(*ArgumentError)) {
			t.Errorf("%s: %v, want an ArgumentError", name, err)
		}
	}
}

func TestBrokenStreamIsNotARowError(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("a 1 2\nb 1"), &failingReader{})
	var err error
	for _, e := range ReadRows[pot](broken, "predictions.csv", nil) {
		err = e
	}
	if !errors.Is(err, errReset) || errors.As(err, new(*RowError)) {
		t.Errorf("ReadRows = %v, want the stream's own error", err)
	}
}

type failingReader struct{}

func (*failingReader) Read([]byte) (int, error) { return 0, errReset }

func BenchmarkReadRows(b *testing.B) {
	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "digit-%06d.pgm %d 0.%04d\n", i, i%10, i%10000)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range ReadRows[pot](strings.NewReader(text.String()), "f", nil) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 100_000 {
			b.Fatal(n)
		}
	}
}

func TestRestOfTheColumnsMustBeTheirLast(t *testing.T) {
	type row struct {
		B    string   `row:"b"`
		Rest []string `row:"rest"`
	}
	said := newTexts(t)
	for _, columns := range [][]string{{"a", "rest", "b"}, {"rest", "a", "b"}, {"rest", "b"}} {
		for _, err := range ReadRows[row](strings.NewReader("1 2 3\n"), "f", &RowsOptions{Columns: columns}) {
			said.add(strings.Join(columns, " "), err)
			if !errors.As(err, new(*ArgumentError)) {
				t.Errorf("%v: error = %v, want an ArgumentError", columns, err)
			}
		}
	}
}

func TestWhyAJobHasNoPredictions(t *testing.T) {
	const appends = `{"append_row_file_name":"predictions.csv"}`
	noBlob := &Error{StatusCode: 404, Codes: []string{"BlobNotFound"}}
	noStep := &Error{StatusCode: 404, Err: errNoScoringStep}
	tests := []struct {
		name       string
		status     JobStatus
		parameters string
		err        error
		want       string // empty: err as it is
	}{
		{"not started", JobStatusNotStarted, "", noStep, `the job is NotStarted and has no predictions yet; wait with Jobs().Wait, or set RowsOptions.Partial to read the rows so far`},
		{"queued", JobStatusQueued, appends, noBlob, `the job is Queued and has no predictions yet; wait with Jobs().Wait, or set RowsOptions.Partial to read the rows so far`},
		{"canceled before it started", JobStatusCanceled, "", noStep, `the job is Canceled and left no predictions; Jobs().Wait says why; set RowsOptions.Partial to read the rows that its workers wrote`},
		{"running, files of its own", JobStatusRunning, `{"mini_batch_size":"1"}`, noBlob, `the job is Running and writes files of its own (OutputAction SummaryOnly); wait with Jobs().Wait, then list them with Jobs().ListOutputs`},
		{"completed, nothing there", JobStatusCompleted, appends, errNoPredictions, `the job is Completed and its predictions file is missing; list what it left with Jobs().ListOutputs`},
		{"completed, no batch job", JobStatusCompleted, "", noStep, ""},
		{"another error", JobStatusRunning, appends, &Error{StatusCode: 404, Codes: []string{"ContainerNotFound"}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			job := Job{Status: tt.status, Properties: map[string]string{"azureml.parameters": tt.parameters}}
			err := job.withoutPredictions(operation{"read rows of", "job", "j"}, tt.err)
			if !errors.Is(err, tt.err) {
				t.Errorf("withoutPredictions = %v, which lost %v", err, tt.err)
			}
			want := tt.err.Error()
			if tt.want != "" {
				want = `azmlbatch: read rows of job "j": ` + tt.want
			}
			if diff := cmp.Diff(want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFirstRowThatDoesNotFitSaysWhichFormatTheFileLooksLike(t *testing.T) {
	const (
		json   = "JSON lines"
		commas = "use RowFormatCommaSeparated"
		spaces = "use RowFormatSpaceSeparated"
		lines  = "lines of text"
	)
	tests := []struct {
		name, text string
		format     RowFormat
		want       string // empty: no hint
	}{
		{"JSON objects", `{"file": "a.png", "class": 3}` + "\n", RowFormatSpaceSeparated, json},
		{"JSON objects for commas", `{"file": "a.png", "class": 3}` + "\n", RowFormatCommaSeparated, json},
		{"JSON arrays", "[1, 2, 3, 4]\n", RowFormatSpaceSeparated, json},
		{"a JSON object longer than what is kept", `{"a": "` + strings.Repeat("x", 8<<10) + "\"}\n", RowFormatSpaceSeparated, json},
		{"commas", "0,3,a.png\n", RowFormatSpaceSeparated, commas},
		{"commas and a name with a space", "0,cat,my vase.png,1\n", RowFormatSpaceSeparated, commas},
		{"spaces", "a.png 3 0.5\n", RowFormatCommaSeparated, spaces},
		{"spaces, carriage returns and an empty line", "\r\na.png 3 0.5\r\n", RowFormatCommaSeparated, spaces},
		{"a list of Python", "['a.png', 3, 0.5, 1]\n", RowFormatSpaceSeparated, "looks like Python lists: let the script return text"},
		{"a tuple of Python as long as the row", "('a.png', 3, 0.5)\n", RowFormatAuto, "looks like Python lists"},
		{"one text per line", "a.png\n", RowFormatSpaceSeparated, lines},
		{"a value that does not fit", "a.png many 0.5\n", RowFormatSpaceSeparated, ""},
		{"a name with a comma", "a,b.png many 0.5\n", RowFormatSpaceSeparated, ""},
		{"too few columns", "a.png 3\n", RowFormatSpaceSeparated, ""},
		{"a later row", "a.png 3 0.5\n0,3,b.png\n", RowFormatSpaceSeparated, ""},
		{"commas where nobody said a format", "0,3,a.png\n", RowFormatAuto, commas},
		{"too few columns where nobody said a format", "a.png 3\n", RowFormatAuto, ""},
		{"dicts of Python", "{'file': 'a.png', 'class': 3}\n", RowFormatSpaceSeparated, "json.dumps"},
		{"dicts of Python for JSON", "{'file': 'a.png', 'class': 3}\n", RowFormatJSONLines, "json.dumps"},
		{"spaces for JSON", "a.png 3 0.5\n", RowFormatJSONLines, spaces},
		{"commas for JSON", "0,3,a.png\n", RowFormatJSONLines, commas},
		{"text for JSON", "a.png\n", RowFormatJSONLines, lines},
		{"a list of Python for JSON", "['a.png', 3]\n", RowFormatJSONLines, "json.dumps"},
		{"Parquet", "PAR1\x15\x04\n", RowFormatAuto, "looks like Parquet"},
		{"gzip", "\x1f\x8b\b\x00\n", RowFormatCommaSeparated, "looks like gzip"},
		{"an array of NumPy", "\x93NUMPY\x01\x00v\x00\n", RowFormatJSONLines, "looks like an array of NumPy"},
		{"UTF-16", "\xff\xfea\x00,\x001\x00\n\x00", RowFormatAuto, "looks like text in UTF-16"},
		{"a pickle", "\x80\x04\x95\n", RowFormatAuto, "looks like binary data"},
		{"half an object", `{"File": ` + "\n", RowFormatJSONLines, ""},
		{"JSON that does not fit", `{"Class": "many"}` + "\n", RowFormatJSONLines, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := collectRows[pot](tt.text, &RowsOptions{Format: tt.format})
			var row *RowError
			if !errors.As(err, &row) {
				t.Fatalf("ReadRows = %v, want a RowError", err)
			}
			if hinted := strings.Contains(err.Error(), "the file looks"); hinted != (tt.want != "") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ReadRows = %v, want the hint %q", err, tt.want)
			}
			if row.Text == "" {
				t.Errorf("ReadRows = %v, which does not show the row", err)
			}
		})
	}
}

// TestFirstRowThatLooksLikeAHeader has only what could be names.
func TestFirstRowThatLooksLikeAHeader(t *testing.T) {
	for line, want := range map[string]bool{
		"name class score": true, "_name Class score.mean": true,
		"a.png many 0.5": false, "a.png 0,5 x": false, "a.png None None": false, "a.png nan true": false, "a.png null -": false,
	} {
		_, err := collectRows[pot](line+"\n", nil)
		if err == nil || strings.Contains(err.Error(), "looks like a header") != want {
			t.Errorf("%q: %v, want the hint: %t", line, err, want)
		}
	}
}

// TestRowsAfterAByteOrderMark: files of the script's own may begin with one. It is part of no value.
func TestRowsAfterAByteOrderMark(t *testing.T) {
	for format, text := range map[RowFormat]string{
		RowFormatSpaceSeparated: "a.png 3 0.5\n", RowFormatCommaSeparated: "a.png,3,0.5\n", RowFormatJSONLines: `{"Name":"a.png"}` + "\n",
	} {
		got, err := collectRows[struct {
			Name string
			More []string `json:"-"`
		}]("\ufeff"+text, &RowsOptions{Format: format})
		if err != nil || len(got) != 1 || got[0].Name != "a.png" {
			t.Errorf("format %v: %+v, %v", format, got, err)
		}
	}
	got, err := collectRows[string]("\ufeffa\nb", &RowsOptions{Format: RowFormatLines})
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" || err != nil {
		t.Errorf("lines: %v (-want +got):\n%s", err, diff)
	}
	for _, text := range []string{"", "a", "ab"} { // shorter than a mark
		if got, err := collectRows[string](text, &RowsOptions{Format: RowFormatLines}); err != nil || strings.Join(got, "") != text {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestRowTagsNeedColumns(t *testing.T) {
	type tagged struct {
		Name  string
		Score float64 `row:"p"`
	}
	type partly struct {
		Name  string
		Score float64
		Note  string `row:"-"`
	}
	const want = `azmlbatch: read rows: azmlbatch.tagged.Score: has the tag row:"p", but RowsOptions.Columns is empty; ` +
		`name the columns of the file there in their order, set Header if its first line does, or remove the tag`
	_, err := collectRows[tagged]("a.png 0.5\n", nil)
	if !asError(err, new(*ArgumentError)) || err.Error() != want {
		t.Errorf("ReadRows = %v, want %s", err, want)
	}
	check(t, "a.png 0.5\n", nil, []partly{{Name: "a.png", Score: 0.5}})
}

// TestEndpointOfAJob: the description names it, whatever the experiment is called.
func TestEndpointOfAJob(t *testing.T) {
	for _, tt := range []struct{ description, experiment, want string }{
		{"Batch inference. endpoint: digits, deployment: blue", "mine", "digits"},
		{"endpoint: digits", "mine", "digits"},
		{"a description of one's own", "digits", "digits"},
		{"", "", ""},
	} {
		if got := (Job{Description: tt.description, ExperimentName: tt.experiment}).endpoint(); got != tt.want {
			t.Errorf("description %q, experiment %q: endpoint %q, want %q", tt.description, tt.experiment, got, tt.want)
		}
	}
}

// TestRowsOfARunningJobWhoseOutputCannotBeListed tell the failure, and no rows pass for all.
func TestRowsOfARunningJobWhoseOutputCannotBeListed(t *testing.T) {
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("comp") == "list" {
			answer(409, "", "x-ms-error-code", "Refused")(w, r)
			return
		}
		wholeService(w, r)
	})
	rows, err := collect(Rows[string](t.Context(), c, "job-1", &RowsOptions{Partial: true, Format: RowFormatLines}))
	if !HasCode(err, "Refused") || len(rows) > 0 {
		t.Errorf("Rows = %q, %v, want the refusal", rows, err)
	}
}

// TestLastRowOfAFileThatGrows is left out as long as it is not whole, also within a quoted value of several lines.
func TestLastRowOfAFileThatGrows(t *testing.T) {
	for content, want := range map[string][]string{
		"a 1\nb 2\n":      {"a", "b"},
		"a 1\nb 2":        {"a"},
		"a 1\n\"b\nc":     {"a"},
		"a 1\n\"b\nc\n":   {"a"},
		"a 1\n\"b\" 2\nc": {"a", "b"},
		"":                nil,
	} {
		c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.Host, ".blob.") {
				http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
				return
			}
			wholeService(w, r)
		})
		var got []string
		file := predictionsFile{OutputFile{Name: "p.csv", URI: callPlace + "/p.csv"}, true}
		for row, err := range fileRows[[]string](t.Context(), c.Jobs(), file, nil) {
			if err != nil {
				t.Errorf("%q: %v", content, err)
				continue
			}
			got = append(got, row[0])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", content, diff)
		}
	}
}
