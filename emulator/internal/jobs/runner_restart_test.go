package jobs

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRestartLeavesEndedJobsAlone: the process may end after the last word about a job and before
// its mark is gone.
func TestRestartLeavesEndedJobsAlone(t *testing.T) {
	w := newWorld(t, nil)
	j, err := w.runner.newJob(w.invocation(w.deployment(sizes, nil), "azureml:tiles:1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.runner.recordJob(j); err != nil {
		t.Fatal(err)
	}
	mark, _ := w.store.Get(unfinishedID(testWorkspace, j.name))
	w.runner.finish(j.record, outcome{status: Completed, start: j.created, end: j.created, score: j.scoreURI()})
	if _, err := w.store.Put(unfinishedID(testWorkspace, j.name), mark); err != nil { // as if the process had ended before this was deleted
		t.Fatal(err)
	}
	again, err := New(w.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	if got := w.status(j.name); got != Completed || w.child(j.name)["error"] != nil {
		t.Errorf("status after a restart = %s, error %v, want Completed", got, w.child(j.name)["error"])
	}
	if left := w.store.List(unfinishedRoot); len(left) > 0 {
		t.Errorf("the job still counts as unfinished: %v", left)
	}
}

// TestRestartRemovesTheFoldersOfAKilledEmulator: their lock ended with the process.
func TestRestartRemovesTheFoldersOfAKilledEmulator(t *testing.T) {
	w := newWorld(t, nil)
	left := filepath.Join(w.options.TempDir, jobFolderPrefix+"1")
	for _, file := range []string{"lock", "input/a.txt"} {
		path := filepath.Join(left, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, err := New(w.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	if _, err := os.Stat(left); err == nil {
		t.Errorf("%s is left", left)
	}
}
