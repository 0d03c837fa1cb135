package jobs

import (
	"fmt"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// TestPipelinesAsDeepAsTheyCanBe: maxDepth pipelines within the one of the job, and one more.
func TestPipelinesAsDeepAsTheyCanBe(t *testing.T) {
	w := newWorld(t, nil)
	w.component("deep0", `{"type": "pipeline", "jobs": {"a": {"type": "command", "command": "true"}}}`)
	for i := 1; i <= maxDepth+1; i++ {
		w.component(fmt.Sprintf("deep%d", i), fmt.Sprintf(`{"type": "pipeline", "jobs": {"a": {"type": "pipeline", "componentId": "azureml:deep%d:1"}}}`, i-1))
	}
	component := func(i int) string { return fmt.Sprintf("%s/components/deep%d/versions/1", testWorkspace, i) }
	for name, read := range map[string]func(top int) error{
		"a job of a component": func(top int) error {
			w.put(testWorkspace+"/jobs/own", store.Document{"properties": store.Document{"componentId": component(top)}})
			return w.runner.readPipelineJob(&pipelineRun{e: &execution{job: &job{record: record{workspace: testWorkspace, name: "own"}}}})
		},
		"a job of its own steps": func(top int) error {
			w.put(testWorkspace+"/jobs/own", store.Document{"properties": store.Document{"jobs": store.Document{"a": store.Document{"type": "pipeline", "componentId": component(top - 1)}}}})
			return w.runner.readPipelineJob(&pipelineRun{e: &execution{job: &job{record: record{workspace: testWorkspace, name: "own"}}}})
		},
		"a deployment": func(top int) error {
			j := &job{record: record{workspace: testWorkspace, name: "own"}, invocation: Invocation{Deployment: store.Document{"properties": store.Document{
				"deploymentConfiguration": store.Document{"componentId": store.Document{"assetId": component(top)}},
			}}}}
			return w.runner.readPipelineDeployment(&pipelineRun{e: &execution{job: j}})
		},
	} {
		if err := read(maxDepth); err != nil {
			t.Errorf("%s, %d deep: %v", name, maxDepth, err)
		}
		if err := read(maxDepth + 1); err == nil || err.Error() != "Pipelines lie more than 10 deep within pipelines." {
			t.Errorf("%s, %d deep: %v", name, maxDepth+1, err)
		}
	}
}

// TestJobsWhoseBindingsCannotBeRead: the inputs and the outputs of a command and of a pipeline.
func TestJobsWhoseBindingsCannotBeRead(t *testing.T) {
	w := newWorld(t, nil)
	const bad = `{"jobInputType": "literal", "value": "${{parent.kiln}}"}`
	const want = "The job cannot run: clay: ${{parent.kiln}} is neither ${{parent.inputs.NAME}} nor ${{parent.jobs.STEP.outputs.NAME}}."
	n := 0
	for _, kind := range []string{"Command", "Pipeline"} {
		for _, side := range []string{"inputs", "outputs"} {
			n++
			job := w.start(fmt.Sprintf("bad%d", n), fmt.Sprintf(`{"jobType": %q, "command": "true", "computeId": "cluster", %q: {"clay": %s}}`, kind, side, bad))
			run, _ := Run(w.store, testWorkspace, job)
			if got := store.Text(run, "error", "error", "message"); w.status(job) != Failed || got != want {
				t.Errorf("%s of a %s job: it ended %s with %q", side, kind, w.status(job), got)
			}
		}
	}
}
