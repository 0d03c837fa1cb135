package jobs

import (
	"strings"
	"testing"
	"time"
)

// TestEndedJobsArePruned: after their time nothing is left of them but what they wrote.
func TestEndedJobsArePruned(t *testing.T) {
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	w := newWorld(t, func(o *Options) { o.Keep, o.Now = time.Hour, func() time.Time { return now } })
	w.command("makes", "echo clay > ${{outputs.out}}/a; echo made", `, "outputs": {"out": {"type": "uri_folder"}}`)
	pipeline := w.pipeline(`{"type": "pipeline", "jobs": {"a": {"componentId": "azureml:makes:1"}}}`, `{}`)
	steps := w.end(pipeline)
	run, _ := w.step(steps, "a")["runId"].(string)
	scored := w.run(w.invocation(w.deployment(sizes, nil), w.upload("tiles", threeTiles)), Completed)
	command := w.start("turn", `{"jobType": "Command", "command": "echo turned"}`)
	left := func() (found []string) {
		for _, doc := range w.store.Tree("run:" + testWorkspace) {
			found = append(found, doc["runId"].(string))
		}
		return found
	}
	if n := len(left()); n != 5 {
		t.Fatalf("%d runs, want 5", n)
	}
	now = now.Add(30 * time.Minute)
	young := w.end(pipeline)
	now = now.Add(45 * time.Minute)
	w.runner.prune()
	if got := left(); len(got) != 2 || !strings.Contains(strings.Join(got, " "), young) {
		t.Errorf("the runs %v are left, want those of %s", got, young)
	}
	for _, job := range []string{steps, scored, command} {
		if w.status(job) != "" || w.read("azureml", artifactPath(job)+executionLog) != "" || w.read("azureml", artifactPath(job)+"user_logs/std_log.txt") != "" {
			t.Errorf("job %s or its logs are left", job)
		}
		if _, found := BatchJob(w.store, testWorkspace, endpoint, job); found {
			t.Errorf("the batch job %s is left", job)
		}
	}
	if names := w.batchJobs(endpoint, ""); len(names) != 1 || names[0] != young {
		t.Errorf("the endpoint has the jobs %v", names)
	}
	if got := w.read(dataStore, "azureml/"+run+"/out/a"); got != "clay\n" {
		t.Errorf("the output of a pruned job is %q", got)
	}
}
