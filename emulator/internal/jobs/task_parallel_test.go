package jobs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/scoring"
)

// TestParallelSizes: a number of files, one if there is none.
func TestParallelSizes(t *testing.T) {
	for text, want := range map[string]int{"": 1, "1": 1, "10": 10, "0": 0, "-1": 0, "10kb": 0, "2.5": 0} {
		got, err := parallelSize(text)
		refusal := `mini_batch_size is "` + text + `"; the emulator takes a number of files`
		if got != want || (err == nil) != (want > 0) || err != nil && err.Error() != refusal {
			t.Errorf("parallelSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

// TestBoundPaths: a member of a parallel step names one input or output by an expression.
func TestBoundPaths(t *testing.T) {
	step := &task{}
	paths := map[string]string{"images": "/in/images"}
	for text, want := range map[string]string{
		"${{inputs.images}}": "/in/images", " ${{ inputs.images }} ": "/in/images",
		"${{inputs.other}}":    "input_data: ${{inputs.other}} has no value",
		"":                     `input_data is "", not ${{inputs.NAME}} or ${{outputs.NAME}}`,
		"a/${{inputs.images}}": `input_data is "a/${{inputs.images}}", not ${{inputs.NAME}} or ${{outputs.NAME}}`,
	} {
		got, err := step.bound("input_data", text, paths)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("bound(%q) = %q, want %q", text, got, want)
		}
	}
}

// parallelTask is a parallel step with a data input, a literal and two outputs, fetched to /step.
func parallelTask(t *testing.T, spec string) *task {
	t.Helper()
	var decoded store.Document
	if err := store.Decode([]byte(spec), &decoded); err != nil {
		t.Fatal(err)
	}
	return &task{
		runner: &Runner{python: "python9"}, job: &job{record: record{workspace: testWorkspace, name: "j1"}}, run: "r1", name: "many", kind: parallelStep, spec: decoded, nodes: 3, dir: "/step",
		inputs:      map[string]value{"images": {kind: "uri_folder"}, "table": {kind: "mltable"}, "glaze": {kind: literalKind}},
		outputs:     map[string]value{"rows": {kind: "uri_file"}, "all": {kind: "uri_folder"}},
		inputTexts:  map[string]string{"images": "/step/inputs/my images", "table": "/none", "glaze": "sea blue"},
		outputPaths: map[string]string{"rows": "/step/outputs/rows/r.txt", "all": "/step/outputs/all"},
	}
}

// TestParallelJob: what the engine is asked for, by default and with every setting.
func TestParallelJob(t *testing.T) {
	two, minus, five, seven := 2, -1, 5, 7
	for spec, want := range map[string]scoring.Job{
		`{"input_data": "${{inputs.images}}", "task": {"entry_script": "s.py"}}`: {
			Code: "/step/code", Script: "s.py", Input: "/step/inputs/my images", Logs: "/step/logs", MiniBatchSize: 1, InstanceCount: 3, MaxConcurrencyPerInstance: 1,
			MaxRetries: &two, ErrorThreshold: &minus, Timeout: time.Minute, Python: "python9", OutputAction: scoring.OutputActionSummaryOnly, Output: "/step/rows",
		},
		`{"input_data": "${{inputs.images}}", "mini_batch_size": "4", "error_threshold": "7", "max_concurrency_per_instance": 6, "logging_level": "DEBUG",
			"retry_settings": {"max_retries": "5", "timeout": 90},
			"task": {"entry_script": "s.py", "program_arguments": "--glaze ${{ inputs.glaze }} $[[--kiln ${{inputs.kiln}}]] --to ${{outputs.all}}", "append_row_to": "${{outputs.rows}}"}}`: {
			Code: "/step/code", Script: "s.py", Input: "/step/inputs/my images", Logs: "/step/logs", MiniBatchSize: 4, InstanceCount: 3, MaxConcurrencyPerInstance: 6,
			MaxRetries: &five, ErrorThreshold: &seven, Timeout: 90 * time.Second, LoggingLevel: "debug", Python: "python9",
			Arguments:    []string{"--glaze", "sea blue", "--to", "/step/outputs/all"},
			OutputAction: scoring.OutputActionAppendRow, Overwrite: true, Output: "/step/outputs/rows", OutputFileName: "r.txt",
		},
		`{"input_data": "${{inputs.images}}", "task": {"entry_script": "s.py", "append_row_to": "${{outputs.all}}"}}`: {
			Code: "/step/code", Script: "s.py", Input: "/step/inputs/my images", Logs: "/step/logs", MiniBatchSize: 1, InstanceCount: 3, MaxConcurrencyPerInstance: 1,
			MaxRetries: &two, ErrorThreshold: &minus, Timeout: time.Minute, Python: "python9",
			OutputAction: scoring.OutputActionAppendRow, Overwrite: true, Output: "/step/outputs/all", OutputFileName: "parallel_run_step.txt",
		},
	} {
		step := parallelTask(t, spec)
		got, err := step.parallelJob(t.Context())
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		want.Env = step.variables()
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(scoring.Job{}, "OnProgress")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spec, diff)
		}
	}
}

// TestVariablesOfATask: those of the component, of the node before them, and those of the service
// before both.
func TestVariablesOfATask(t *testing.T) {
	step := parallelTask(t, `{"environment_variables": {"A": "component", "B": "component", "HEAT": 900}, "environmentVariables": {"B": "job", "C": "job"}}`)
	step.environment = map[string]string{"C": "node", "AZUREML_RUN_ID": "mine"}
	want := map[string]string{
		"A": "component", "B": "job", "C": "node", "HEAT": "900", "MLFLOW_TRACKING_URI": "file:///step/mlruns", "AZUREML_RUN_ID": "r1", "AZUREML_ROOT_RUN_ID": "j1",
		"AZUREML_ARM_SUBSCRIPTION": "s1", "AZUREML_ARM_RESOURCEGROUP": "g1", "AZUREML_ARM_WORKSPACE_NAME": "w1",
		"AZURE_ML_INPUT_images": "/step/inputs/my images", "AZURE_ML_INPUT_table": "/none", "AZURE_ML_INPUT_glaze": "sea blue",
		"AZURE_ML_OUTPUT_rows": "/step/outputs/rows/r.txt", "AZURE_ML_OUTPUT_all": "/step/outputs/all",
	}
	if diff := cmp.Diff(want, step.variables()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestParallelStepsThatCannotRun: the engine is not asked.
func TestParallelStepsThatCannotRun(t *testing.T) {
	texts := map[string]string{}
	for _, spec := range []string{
		`{}`,
		`{"input_data": "${{inputs.none}}", "task": {"entry_script": "s.py"}}`,
		`{"input_data": "${{inputs.table}}", "task": {"entry_script": "s.py"}}`,
		`{"input_data": "${{inputs.images}}"}`,
		`{"input_data": "${{inputs.images}}", "mini_batch_size": "10kb", "task": {"entry_script": "s.py"}}`,
		`{"input_data": "${{inputs.images}}", "task": {"entry_script": "s.py", "program_arguments": "--kiln ${{inputs.kiln}}"}}`,
		`{"input_data": "${{inputs.images}}", "task": {"entry_script": "s.py", "append_row_to": "rows.txt"}}`,
		`{"input_data": "${{inputs.images}}", "task": {"entry_script": "s.py", "append_row_to": "${{outputs.none}}"}}`,
	} {
		err := parallelTask(t, spec).runParallel(t.Context(), nil, nil)
		texts[spec] = fmt.Sprint(err)
	}
	checkTexts(t, "parallel_steps_that_cannot_run", texts)
}

// TestMLTablesThatCannotBeRead: the folder of the table, and that of its items.
func TestMLTablesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	step := &task{dir: dir}
	mltable := filepath.Join(dir, "MLTable")
	fails := func(want string) {
		t.Helper()
		if _, err := step.mltableItems(t.Context(), dir); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	fails("its input is an mltable without a file MLTable")
	if err := os.Mkdir(mltable, 0o700); err != nil {
		t.Fatal(err)
	}
	fails("its MLTable cannot be read: read " + mltable + ": is a directory")
	if err := os.Remove(mltable); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mltable, []byte("paths: [{file: a}]\ntransformations: [keep_columns]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails("its MLTable has the transformation keep_columns, and the items of a parallel step are files here. " +
		"Remove the transformations, or read the table with the Python package mltable in a command step")
	if err := os.WriteFile(mltable, []byte("paths: [{file: a}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	items := filepath.Join(dir, "items")
	if err := os.Mkdir(items, 0o700); err != nil {
		t.Fatal(err)
	}
	fails("mkdir " + items + ": file exists")
}

// TestMatchesPattern: segments of names, where ** stands for any number of them.
func TestMatchesPattern(t *testing.T) {
	for _, test := range []struct {
		pattern, name []string
		want          bool
	}{
		{nil, nil, true}, {nil, []string{"a"}, false}, {[]string{"a"}, nil, false}, {[]string{"a"}, []string{"a"}, true}, {[]string{"a"}, []string{"b"}, false},
		{[]string{"**"}, nil, true}, {[]string{"**"}, []string{"a", "b"}, true}, {[]string{"**", "b"}, []string{"b"}, true}, {[]string{"**", "b"}, []string{"a", "a", "b"}, true},
		{[]string{"**", "b"}, []string{"a"}, false}, {[]string{"a", "**"}, []string{"b", "c"}, false}, {[]string{"*.csv"}, []string{"a.csv"}, true},
		{[]string{"*"}, []string{"a", "b"}, false}, {[]string{"["}, []string{"["}, false},
	} {
		if got := matchesPattern(test.pattern, test.name); got != test.want {
			t.Errorf("matchesPattern(%q, %q) = %t, want %t", test.pattern, test.name, got, test.want)
		}
	}
}
