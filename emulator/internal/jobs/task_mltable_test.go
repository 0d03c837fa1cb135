package jobs

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// TestParallelStepOverAnMLTable: its items are the files that the table names.
func TestParallelStepOverAnMLTable(t *testing.T) {
	w := newWorld(t, nil)
	code := w.upload("code", map[string]string{"score.py": `
import os
def run(mini_batch):
    return [os.path.basename(f) + " " + open(f).read() for f in mini_batch]
`})
	w.put(testWorkspace+"/codes/score/versions/1", store.Document{"properties": store.Document{"codeUri": code}})
	elsewhere := w.upload("elsewhere", map[string]string{"far.csv": "far"})
	files := map[string]string{"a.csv": "1", "b.csv": "2", "c.txt": "3", "deep/d.csv": "4", "deep/deeper/e.csv": "5"}
	tests := map[string]struct {
		paths string
		want  []string
		fails string
	}{
		"files":              {paths: "[{file: ./a.csv}, {file: deep/d.csv}]", want: []string{"a.csv 1", "d.csv 4"}},
		"a folder":           {paths: "[{folder: ./deep}]", want: []string{"d.csv 4", "e.csv 5"}},
		"the whole":          {paths: "[{folder: .}]", want: []string{"a.csv 1", "b.csv 2", "c.txt 3", "d.csv 4", "e.csv 5"}},
		"a pattern":          {paths: "[{pattern: ./*.csv}]", want: []string{"a.csv 1", "b.csv 2"}},
		"a deep pattern":     {paths: "[{pattern: '**/*.csv'}]", want: []string{"a.csv 1", "b.csv 2", "d.csv 4", "e.csv 5"}},
		"a pattern below":    {paths: "[{pattern: 'deep/**/e.*'}]", want: []string{"e.csv 5"}},
		"a file elsewhere":   {paths: "[{file: '" + elsewhere + "/far.csv'}]", want: []string{"far.csv far"}},
		"a folder elsewhere": {paths: "[{folder: 'azureml://datastores/workspaceblobstore/paths/elsewhere/'}]", want: []string{"far.csv far"}},
		"rows":               {paths: "[{file: a.csv}]\ntransformations:\n  - read_delimited:\n      delimiter: ','", fails: "has the transformation read_delimited"},
		"no entry":           {paths: "[{}]", fails: "neither file nor folder nor pattern"},
		"outside":            {paths: "[{file: ../a.csv}]", fails: "../a.csv lies outside of its folder"},
		"missing":            {paths: "[{file: z.csv}]", fails: "no such file"},
		"missing elsewhere":  {paths: "[{file: 'azureml://datastores/workspaceblobstore/paths/none'}]", fails: "paths/none cannot be read"},
		"a far pattern":      {paths: "[{pattern: 'azureml://datastores/workspaceblobstore/paths/*'}]", fails: "leads out of its folder"},
		"one name twice":     {paths: "[{file: a.csv}, {file: ./a.csv}]", fails: "two of its files are called a.csv"},
		"no YAML":            {paths: "[", fails: "its MLTable cannot be read"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			place := strings.ReplaceAll(name, " ", "-")
			table := map[string]string{"MLTable": "paths: " + test.paths + "\n"}
			for file, content := range files {
				table[file] = content
			}
			inv := w.pipeline(`{"type": "pipeline", "inputs": {"table": {"type": "mltable"}}, "outputs": {"rows": {"type": "uri_file"}}, "jobs": {
				"many": {"type": "parallel", "input_data": "${{inputs.table}}", "error_threshold": "0",
					"inputs": {"table": "${{parent.inputs.table}}"}, "outputs": {"rows": {"type": "literal", "value": "${{parent.outputs.rows}}", "job_output_type": "uri_file"}},
					"task": {"type": "run_function", "code": "`+testWorkspace+`/codes/score/versions/1", "entry_script": "score.py", "append_row_to": "${{outputs.rows}}"}}}}`, `{"default_compute": "cluster"}`)
			inv.Inputs = map[string]Input{"table": {Kind: MLTable, URI: w.upload(place, table)}}
			inv.Outputs = map[string]Output{"rows": {Kind: UriFile, URI: "azureml://datastores/workspaceblobstore/paths/rows/" + place}}
			job := w.end(inv)
			if message := store.Text(w.step(job, "many"), "error", "error", "message"); test.fails != "" {
				if w.status(job) != Failed || !strings.Contains(message, test.fails) {
					t.Errorf("the job ended %s with %q, want %q in it", w.status(job), message, test.fails)
				}
				return
			}
			got := strings.Split(strings.TrimSpace(w.read(dataStore, "rows/"+place)), "\n")
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}
