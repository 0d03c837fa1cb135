package scoring

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The suite has the tests that need other people's Python packages. Their names begin with
// TestSuite.

// suitePython is a Python with the packages of testdata/suite-requirements.txt.
func suitePython(t *testing.T) string {
	t.Helper()
	python := os.Getenv("AZMLBATCH_SUITE_PYTHON")
	if python == "" {
		t.Skip("AZMLBATCH_SUITE_PYTHON names no Python that has pandas, scikit-learn, pyarrow and mlflow; .ci/run makes one of scoring/testdata/suite-requirements.txt")
	}
	return python
}

// TestSuiteDataFrames pins what pandas writes for the values of a DataFrame, byte by byte.
func TestSuiteDataFrames(t *testing.T) {
	tests := []struct{ name, frame, text string }{
		{"plain values", `DataFrame([["a.png", 3, 0.5]])`, "a.png 3 0.5\n"},
		{"a space", `DataFrame([["two words", 1]])`, "\"two words\" 1\n"},
		{"a quote", `DataFrame([['say "x"', 1]])`, "\"say \"\"x\"\"\" 1\n"},
		{"a newline stays inside the quotes", `DataFrame([["a\nb", 1]])`, "\"a\nb\" 1\n"},
		{"a comma is not quoted", `DataFrame([["a,b", 1]])`, "a,b 1\n"},
		{"None, NaN and a number", `DataFrame([[None, nan, 1]], dtype=object)`, "  1\n"},
		{"an empty text among others", `DataFrame([["x", "", "y"]])`, "x  y\n"},
		{"a lone empty column", `DataFrame([[None]])`, "\"\"\n"},
		{"True, 1e-7, 1.0", `DataFrame([[True, 1e-7, 1.0]])`, "True 1e-07 1.0\n"},
		{"a time", `DataFrame([[pandas.Timestamp(2024, 1, 2, 3, 4, 5)]])`, "\"2024-01-02 03:04:05\"\n"},
		{"a list", `DataFrame({"v": [["a", 1]]})`, "\"['a', 1]\"\n"},
		{"a dict", `DataFrame({"v": [{"a": 1}]})`, "\"{'a': 1}\"\n"},
		{"an array", `DataFrame({"v": [numpy.array([1, 2])]})`, "\"[1 2]\"\n"},
		{"not ASCII", `DataFrame([["céladon 青磁"]])`, "\"céladon 青磁\"\n"},
		{"no rows", `DataFrame({"v": []})`, ""},
		{"no columns either", `DataFrame()`, ""},
		{"several rows; column names and index are lost", `DataFrame({"n": [1, 2]}, index=["x", "y"])`, "1\n2\n"},
	}
	job := newJob(t, "import numpy, pandas\nfrom numpy import nan\nfrom pandas import DataFrame\n"+
		"def run(mini_batch):\n    return eval(open(mini_batch[0], encoding='utf-8').read())\n", 0)
	job.Python, job.MiniBatchSize = suitePython(t), 1
	want := ""
	for i, tt := range tests { // one worker takes the files by their names
		writeFile(t, filepath.Join(job.Input, string(rune('a'+i))), tt.frame)
		want += tt.text
	}
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	text := readFile(t, got.OutputFile)
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Items{len(tests), len(tests) - 2, 2}, got.Items); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comma, reader.FieldsPerRecord = ' ', -1
	rows, err := reader.ReadAll()
	if err != nil || len(rows) != len(tests)-1 {
		t.Errorf("read as CSV with spaces: %d rows, %v", len(rows), err)
	}
}

// TestSuiteParquet: a script writes its own files, and the next job reads them.
func TestSuiteParquet(t *testing.T) {
	writer := newJob(t, "import os\nimport pandas\nOUT = os.environ['AZUREML_BI_OUTPUT_PATH']\ndef run(mini_batch):\n    for path in mini_batch:\n"+
		"        name = os.path.basename(path)\n        pandas.DataFrame({'name': [name], 'n': [int(open(path).read())]}).to_parquet(os.path.join(OUT, name + '.parquet'))\n"+
		"    return mini_batch\n", 3)
	writer.Python, writer.OutputAction, writer.MiniBatchSize, writer.MaxConcurrencyPerInstance = suitePython(t), OutputActionSummaryOnly, 1, 2
	if _, err := Run(t.Context(), writer); err != nil {
		t.Fatal(err)
	}
	reader := newJob(t, "import pandas\ndef run(mini_batch):\n    return pandas.concat(map(pandas.read_parquet, mini_batch))\n", 0)
	reader.Python, reader.Input = writer.Python, writer.Output
	got, err := Run(t.Context(), reader)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("a00.txt 0\na01.txt 1\na02.txt 2\n", readFile(t, got.OutputFile)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}
