package jobs

import (
	"slices"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// FuzzGraph: a pipeline that is taken has its steps in the order of their data. Nothing runs.
func FuzzGraph(f *testing.F) {
	f.Add(preparing)
	f.Add(`{"jobs": {"a": {"type": "command", "inputs": {"x": "${{parent.jobs.b.outputs.y}}"}}, "b": {"type": "parallel", "inputs": {"x": {"path": 1}}}}}`)
	f.Add(`{"jobs": {"a": {"componentId": "azureml:flow:1"}, "b": null, "c": {"type": ["x"]}}, "inputs": {"a": null, "b": 1, "c": {"default": {}}}}`)
	documents, err := store.Open("")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := &graphReader{resolver: resolver{store: documents, workspace: testWorkspace, suffix: testSuffix}}
		var doc store.Document
		if store.Decode([]byte(text), &doc) != nil {
			t.Skip("no JSON")
		}
		g, err := r.readGraph(store.Object(doc, "inputs"), store.Object(doc, "outputs"), store.Object(doc, "jobs"), 0)
		if err != nil {
			return
		}
		var done []string
		for _, s := range g.steps {
			for _, before := range s.after {
				if !slices.Contains(done, before) {
					t.Errorf("%s comes before %s, whose output it reads", s.name, before)
				}
			}
			done = append(done, s.name)
		}
	})
}
