package jobs

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
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

// prunedBlobs lists two logs of every run, notes what is deleted, and fails with the errors it is given.
type prunedBlobs struct {
	Blobs
	list, delete error
	deleted      []string
}

func (b *prunedBlobs) List(_ context.Context, account, container, prefix string) iter.Seq2[blob.Properties, error] {
	return func(yield func(blob.Properties, error) bool) {
		if yield(blob.Properties{Name: prefix + "a"}, nil) {
			yield(blob.Properties{Name: prefix + "b"}, b.list)
		}
	}
}

func (b *prunedBlobs) Delete(_ context.Context, account, container, name string) error {
	b.deleted = append(b.deleted, account+"/"+container+"/"+name)
	return b.delete
}

// TestLogsOfPrunedJobs: all are deleted, or none while they cannot be listed; what fails is logged.
func TestLogsOfPrunedJobs(t *testing.T) {
	w := newWorld(t, nil)
	all := []string{account + "/azureml/ExperimentRun/dcid.r1/a", account + "/azureml/ExperimentRun/dcid.r1/b"}
	for name, test := range map[string]struct {
		blobs *prunedBlobs
		want  []string
		log   int // lines
	}{
		"deleted":    {&prunedBlobs{}, all, 0},
		"gone":       {&prunedBlobs{delete: blob.ErrNotFound}, all, 0},
		"fails":      {&prunedBlobs{delete: errBroken}, all, 2},
		"not listed": {&prunedBlobs{list: errBroken}, nil, 1},
	} {
		var log strings.Builder
		r := &Runner{store: w.store, blobs: test.blobs, log: slog.New(slog.NewTextHandler(&log, nil))}
		r.forgetLogs(testWorkspace, "r1")
		if diff := cmp.Diff(test.want, test.blobs.deleted); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got := strings.Count(log.String(), `msg="job logs" run=r1 error="the disk is broken"`); got != test.log || strings.Count(log.String(), "\n") != test.log {
			t.Errorf("%s: log %s", name, log.String())
		}
		r.forgetLogs("/none", "r1") // without a place for logs
		if len(test.blobs.deleted) != len(test.want) {
			t.Errorf("%s: deleted %v", name, test.blobs.deleted)
		}
	}
}

// TestWhenJobsArePruned: from the end of their time on, looked for once a minute.
func TestWhenJobsArePruned(t *testing.T) {
	start := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		keep, ago, sinceLast time.Duration
		want                 bool
	}{
		"at its time":       {time.Hour, time.Hour, time.Hour, true},
		"before its time":   {time.Hour, time.Hour - 1, time.Hour, false},
		"after a minute":    {time.Hour, 2 * time.Hour, time.Minute, true},
		"within the minute": {time.Hour, 2 * time.Hour, time.Minute - 1, false},
		"kept for ever":     {0, 2 * time.Hour, time.Hour, false},
		"kept for a moment": {1, 1, time.Hour, true},
	} {
		w := newWorld(t, nil)
		r := w.runner
		r.keep, r.pruned, r.now = test.keep, start.Add(-test.sinceLast), func() time.Time { return start }
		err := r.store.Batch(func(b *store.Batch) error {
			return edits{b, &Runner{keep: 1}, start}.markEnded(record{workspace: testWorkspace, endpoint: "kiln", name: "j"}, start.Add(-test.ago))
		})
		if err != nil {
			t.Fatal(err)
		}
		w.putRaw(endedRoot+"/odd", store.Document{"workspace": testWorkspace, "job": "odd", "ended": "yesterday"})
		w.putRaw(runID(testWorkspace, "j"), store.Document{"runId": "j"})
		r.prune()
		_, ended := w.store.Get(endedID(testWorkspace, "j"))
		if _, found := w.store.Get(runID(testWorkspace, "j")); found == test.want || ended == test.want {
			t.Errorf("%s: the run is left: %t, its end: %t; want it pruned: %t", name, found, ended, test.want)
		}
		if _, found := w.store.Get(endedRoot + "/odd"); !found {
			t.Errorf("%s: a document that cannot be read was pruned", name)
		}
	}
}

// TestEndsAreRememberedToPrune: only where jobs are pruned.
func TestEndsAreRememberedToPrune(t *testing.T) {
	for keep, want := range map[time.Duration]bool{-1: false, 0: false, 1: true} {
		w := newWorld(t, nil)
		err := w.store.Batch(func(b *store.Batch) error {
			return edits{b, &Runner{keep: keep}, time.Time{}}.markEnded(record{workspace: testWorkspace, endpoint: "kiln", name: "j"}, time.Time{}.Add(time.Nanosecond))
		})
		if err != nil {
			t.Fatal(err)
		}
		doc, found := w.store.Get(endedID(testWorkspace, "j"))
		if found != want {
			t.Errorf("keep %s: remembered: %t", keep, found)
		}
		marked := store.Document{"workspace": testWorkspace, "endpoint": "kiln", "job": "j", "ended": "0001-01-01T00:00:00.000000001Z"}
		if diff := cmp.Diff(marked, doc); found && diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestDocumentsThatCannotBeForgotten are logged.
func TestDocumentsThatCannotBeForgotten(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	r := &Runner{store: w.store, now: time.Now, log: slog.New(slog.NewTextHandler(&log, nil))}
	r.forget("/a", "/b")
	for _, id := range []string{"/a", "/b"} {
		if !strings.Contains(log.String(), `level=ERROR msg="job bookkeeping" id=`+id+` error="store: closed"`) {
			t.Errorf("%s: log %s", id, log.String())
		}
	}
	log.Reset()
	r.edit(record{name: "j"}, func(edits) error { return nil })
	if !strings.Contains(log.String(), `level=ERROR msg="job documents" job=j error="store: closed"`) {
		t.Errorf("log %s", log.String())
	}
	if err := r.putAll(entry{"/a", store.Document{}}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("putAll = %v, want ErrClosed", err)
	}
}
