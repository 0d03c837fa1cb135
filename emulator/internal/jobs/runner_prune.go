package jobs

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

const endedRoot = "ended:jobs"

func endedID(workspace, job string) string {
	return endedRoot + "/" + url.PathEscape(jobID(workspace, job))
}

// pruneInterval is how often ended jobs are looked through, by the runner's clock.
const pruneInterval = time.Minute

// markEnded remembers when a job ended, for prune.
func (e edits) markEnded(rec record, at time.Time) error {
	if e.runner.keep <= 0 {
		return nil
	}
	_, err := e.Put(endedID(rec.workspace, rec.name), store.Document{
		"workspace": rec.workspace, "endpoint": rec.endpoint, "job": rec.name, "ended": at.UTC().Format(time.RFC3339Nano),
	})
	return err
}

// prune forgets the jobs that ended longer ago than Options.Keep: their documents and their logs.
// What they wrote to their outputs stays.
func (r *Runner) prune() {
	if r.keep <= 0 {
		return
	}
	now := r.now()
	r.mu.Lock()
	due := now.Sub(r.pruned) >= pruneInterval
	if due {
		r.pruned = now
	}
	r.mu.Unlock()
	if !due {
		return
	}
	for _, entry := range r.store.List(endedRoot) {
		ended, err := time.Parse(time.RFC3339Nano, store.Text(entry, "ended"))
		if err != nil || now.Sub(ended) < r.keep {
			continue
		}
		workspace, endpoint, job := store.Text(entry, "workspace"), store.Text(entry, "endpoint"), store.Text(entry, "job")
		r.forgetRun(workspace, job)
		r.forget(batchJobID(workspace, endpoint, job), indexID(workspace, endpoint, job), endedID(workspace, job))
		r.log.Info("job pruned", "job", job)
	}
}

// forgetRun deletes what is known of a run and of those below it.
func (r *Runner) forgetRun(workspace, run string) {
	for _, child := range r.store.List("runchildren:" + workspace + "/" + run) {
		id := store.Text(child, "runId")
		r.forgetRun(workspace, id)
		r.forget(runChildID(workspace, run, id))
	}
	for name := range RunOutputs(r.store, workspace, run) {
		r.forget(outputAssetID(workspace, "azureml_"+run+"_output_data_"+name))
	}
	r.forgetLogs(workspace, run)
	r.forget(runMetricsID(workspace, run), runOutputsID(workspace, run), runDefinitionID(workspace, run), runID(workspace, run), jobID(workspace, run))
}

func (r *Runner) forget(ids ...string) {
	for _, id := range ids {
		if _, err := r.store.Delete(id); err != nil {
			r.log.Error("job bookkeeping", "id", id, "error", err)
		}
	}
}

func (r *Runner) forgetLogs(workspace, run string) {
	account, container, prefix, ok := Artifacts(r.store, workspace, run)
	if !ok {
		return
	}
	var names []string
	for p, err := range r.blobs.List(context.Background(), account, container, prefix) {
		if err != nil {
			r.log.Error("job logs", "run", run, "error", err)
			return
		}
		names = append(names, p.Name)
	}
	for _, name := range names {
		if err := r.blobs.Delete(context.Background(), account, container, name); err != nil && !errors.Is(err, blob.ErrNotFound) {
			r.log.Error("job logs", "run", run, "error", err)
		}
	}
}
