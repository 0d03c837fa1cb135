package jobs

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// TestListTokens: every place comes back, and what is no token is an error.
func TestListTokens(t *testing.T) {
	for _, place := range []uint64{1, 10, 1 << 40, math.MaxUint64} {
		if got, err := ParseListToken(ListToken(place)); got != place || err != nil {
			t.Errorf("the place %d comes back as %d, %v", place, got, err)
		}
	}
	if got, err := ParseListToken(""); got != 0 || err != nil {
		t.Errorf("no token: %d, %v", got, err)
	}
	for _, token := range []string{"!", "a2lsbg", "LTE"} { // the last two are kiln and -1
		if got, err := ParseListToken(token); err == nil {
			t.Errorf("token %q is the place %d", token, got)
		}
	}
}

// TestJobsOfADeployment: which jobs are those of a deployment, without regard to case.
func TestJobsOfADeployment(t *testing.T) {
	w := newWorld(t, nil)
	for _, job := range []struct{ name, deployment string }{{"a", "blue"}, {"b", "green"}, {"c", "Blue"}} {
		w.putRaw(indexID(testWorkspace, "kiln", job.name), store.Document{"name": job.name, "deployment": job.deployment})
	}
	names := func(deployment string) (names []string) {
		for _, name := range BatchJobNames(w.store, testWorkspace, "kiln", deployment, 0) {
			names = append(names, name)
		}
		return names
	}
	for deployment, want := range map[string][]string{"": {"c", "b", "a"}, "blue": {"c", "a"}, "GREEN": {"b"}, "red": nil} {
		if diff := cmp.Diff(want, names(deployment)); diff != "" {
			t.Errorf("jobs of %q (-want +got):\n%s", deployment, diff)
		}
		for _, name := range []string{"a", "b", "c"} {
			if got := BatchJobOf(w.store, testWorkspace, "kiln", deployment, name); got != (deployment != "" && slices.Contains(want, name)) {
				t.Errorf("the job %s is one of %q: %t", name, deployment, got)
			}
		}
	}
	if BatchJobOf(w.store, testWorkspace, "kiln", "", "none") {
		t.Error("a job that does not exist is one of a deployment")
	}
	for place, name := range BatchJobNames(w.store, testWorkspace, "kiln", "blue", 0) {
		for _, next := range BatchJobNames(w.store, testWorkspace, "kiln", "blue", place) {
			if name != "c" || next != "a" {
				t.Errorf("after %s comes %s", name, next)
			}
		}
		break
	}
}

// TestBatchJobWithoutItsOwnDocument: a job that was deleted through ARM, and documents without
// properties.
func TestBatchJobWithoutItsOwnDocument(t *testing.T) {
	w := newWorld(t, nil)
	batch, own := batchJobID(testWorkspace, "kiln", "j"), jobID(testWorkspace, "j")
	absent := func(what string) {
		t.Helper()
		if doc, found := BatchJob(w.store, testWorkspace, "kiln", "j"); found || doc != nil {
			t.Errorf("%s: %v, %t", what, doc, found)
		}
	}
	absent("no document")
	w.putRaw(batch, store.Document{"properties": store.Document{"status": "Preparing", "kept": true}})
	absent("no document in ARM's form")
	w.putRaw(own, store.Document{})
	absent("no properties in ARM's form")
	w.putRaw(own, store.Document{"properties": store.Document{"status": "Running", "displayName": "Kiln", "tags": store.Document{"a": "b"}, "properties": store.Document{"p": "1"}}})
	doc, found := BatchJob(w.store, testWorkspace, "kiln", "j")
	want := store.Document{"properties": store.Document{"status": "Running", "name": "Kiln", "kept": true, "tags": store.Document{"a": "b"}, "properties": store.Document{"p": "1"}}}
	if diff := cmp.Diff(want, doc); diff != "" || !found {
		t.Errorf("%t (-want +got):\n%s", found, diff)
	}
	w.putRaw(batch, store.Document{})
	absent("no properties")
}
