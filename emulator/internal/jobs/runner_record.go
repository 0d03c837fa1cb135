package jobs

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// entry is a document and its id in the store.
type entry struct {
	id       string
	document store.Document
}

func (r *Runner) putAll(entries ...entry) error {
	return r.store.Batch(func(b *store.Batch) error {
		for _, e := range entries {
			if _, err := b.Put(e.id, e.document); err != nil {
				return err
			}
		}
		return nil
	})
}

// edits are changes of documents that are stored together, so that no reader and no killed emulator
// sees some of them without the others.
type edits struct {
	*store.Batch
	runner *Runner
	now    time.Time
}

// edit stores what change does to the documents of a job.
func (r *Runner) edit(rec record, change func(edits) error) {
	now := r.now()
	if err := r.store.Batch(func(b *store.Batch) error { return change(edits{b, r, now}) }); err != nil {
		r.log.Error("job documents", "job", rec.name, "error", err)
	}
}

// change edits a document. One that no longer exists was deleted by its owner, which is no error.
func (e edits) change(id string, edit func(store.Document)) error {
	_, err := e.Update(id, func(doc store.Document) error { edit(doc); return nil })
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// moveRun sets the status of one run.
func (e edits) moveRun(rec record, run, status string, failure store.Document) error {
	if run == "" {
		return nil // the job has no step
	}
	return e.change(runID(rec.workspace, run), func(doc store.Document) { moveRun(doc, status, e.now, failure) })
}

// recordJob stores the first documents of a job; document is the one in ARM's form.
func (r *Runner) recordJob(j *job, document store.Document) error {
	entries := []entry{
		{jobID(j.workspace, j.name), document},
		{unfinishedID(j.workspace, j.name), store.Document{
			"workspace": j.workspace, "endpoint": j.endpoint, "job": j.name, "child": j.child,
			"workspaceGUID": j.workspaceGUID, "location": j.location,
		}},
	}
	if j.endpoint == "" {
		return r.putAll(append(entries, entry{runID(j.workspace, j.name), j.ownRun()})...)
	}
	entries = append(entries, entry{runID(j.workspace, j.name), j.parentRun()})
	if j.child != "" {
		entries = append(entries,
			entry{runID(j.workspace, j.child), j.childRun()},
			entry{runChildID(j.workspace, j.name, j.child), store.Document{"runId": j.child}},
			entry{runDefinitionID(j.workspace, j.child), j.runDefinition()},
			entry{jobID(j.workspace, j.child), j.childDocument(j.child)})
	}
	r.log.Info("job submitted", "job", j.name, "endpoint", j.endpoint, "deployment", j.deployment)
	return r.putAll(append(entries,
		entry{batchJobID(j.workspace, j.endpoint, j.name), j.batchDocument()},
		entry{indexID(j.workspace, j.endpoint, j.name), store.Document{"name": j.name, "deployment": j.deployment}})...)
}

// advance sets the statuses of a job and its step, unless the job is being ended.
func (r *Runner) advance(e *execution, parent, child string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.ctx.Err() == nil {
		r.setStatus(e.record, parent, child)
	}
}

// setStatus changes the status of a job that has not ended.
func (r *Runner) setStatus(rec record, parent, child string) {
	r.edit(rec, func(e edits) error {
		return errors.Join(
			e.moveRun(rec, rec.child, child, nil),
			e.moveRun(rec, rec.name, parent, nil),
			e.change(jobID(rec.workspace, rec.name), func(doc store.Document) {
				if properties := store.Object(doc, "properties"); properties != nil {
					properties["status"] = parent
				}
			}))
	})
	r.log.Info("job status", "job", rec.name, "status", parent, "step", child)
}

// outcome is how a job ended.
type outcome struct {
	status     string
	message    string // of a failed job: of its step batchscoring, if it has one
	start, end time.Time
	score      string           // URI of the predictions of a completed job of a model deployment
	outputs    map[string]value // of a completed job of a pipeline component
}

// finish stores how a job ended.
func (r *Runner) finish(rec record, end outcome) {
	r.edit(rec, func(e edits) error { return e.finish(rec, end) })
	r.log.Info("job ended", "job", rec.name, "status", end.status)
}

func (e edits) finish(rec record, end outcome) error {
	var parentError store.Document
	if end.status == Failed {
		parentError = runError(end.message)
	}
	var errs []error
	if rec.child != "" {
		childError := parentError
		if childError != nil {
			parentError = runError(fmt.Sprintf(childrenFailed, "/"+stepName))
		}
		if end.status == Completed {
			errs = append(errs, e.recordOutputs(rec, rec.child, end.scoreOutput()), e.recordOutputs(rec, rec.name, end.scoreOutput()))
		}
		errs = append(errs, e.moveRun(rec, rec.child, end.status, childError))
	}
	errs = append(errs, e.moveRun(rec, rec.name, end.status, parentError))
	if rec.endpoint != "" {
		errs = append(errs, e.change(batchJobID(rec.workspace, rec.endpoint, rec.name), func(doc store.Document) { endBatchJob(doc, rec, end) }))
	}
	errs = append(errs,
		e.change(jobID(rec.workspace, rec.name), func(doc store.Document) { endJob(doc, end) }),
		e.markEnded(rec, end.end))
	e.Delete(unfinishedID(rec.workspace, rec.name))
	return errors.Join(errs...)
}

// endJob sets how a job in ARM's form ended.
func endJob(doc store.Document, end outcome) {
	properties := store.Object(doc, "properties")
	if properties == nil {
		return
	}
	properties["status"] = end.status
	if own := store.Object(properties, "properties"); own != nil {
		endProperties(own, strings.EqualFold(store.Text(properties, "jobType"), commandStep), end)
	}
}

// endBatchJob adds what the batch view shows of an ended job: the places of its artifacts and its
// predictions (seen in a batch job list of 2026, quoted in the documentation of the Ansible
// collection azure.azcollection).
func endBatchJob(doc store.Document, rec record, end outcome) {
	properties := store.Object(doc, "properties")
	if properties == nil {
		return
	}
	properties["output"] = store.Document{
		"datastoreId": rec.workspace + "/datastores/" + artifactStore, "path": strings.TrimSuffix(artifactPath(rec.name), "/"),
	}
	if _, chosen := properties["outputData"]; !chosen && end.score != "" {
		properties["outputData"] = store.Document{outputName: store.Document{
			"description": nil, "uri": longURI(rec.workspace, end.score), "mode": readAndWrite, "jobOutputType": UriFile,
		}}
	}
	for name, v := range end.outputs { // not evidenced: the outputs of a pipeline component's job
		data := store.Object(properties, "outputData")
		if data == nil {
			data = store.Document{}
			properties["outputData"] = data
		}
		if data[name] == nil {
			data[name] = store.Document{
				"description": nil, "uri": longURI(rec.workspace, v.uri), "mode": cmp.Or(v.mode, readAndWrite), "jobOutputType": batchKind(v.kind),
			}
		}
	}
}

// endProperties adds what the properties of an ended job show: the stages of a pipeline, the times
// of a command job (PowerShell recordings of jobs, 2024).
func endProperties(own store.Document, command bool, end outcome) {
	if !command {
		own["azureml.pipelines.stages"] = stagesText(end.start, end.end, end.status)
		return
	}
	own["StartTimeUtc"], own["EndTimeUtc"] = end.start.UTC().Format(time.DateTime), end.end.UTC().Format(time.DateTime)
}

// scoreOutput is the output of a completed job of a model deployment. It is the folder around the
// predictions, which holds the script's own files too.
func (end outcome) scoreOutput() map[string]value {
	return map[string]value{outputName: {kind: "uri_folder", uri: end.score[:strings.LastIndexByte(end.score, '/')+1]}}
}

// failUnfinished marks the jobs as failed that an earlier runner on the same store left running.
func (r *Runner) failUnfinished() error {
	left := r.store.List(unfinishedRoot)
	recs, steps := make([]record, len(left)), make([][]string, len(left))
	for i, doc := range left {
		recs[i] = record{
			workspace: store.Text(doc, "workspace"), endpoint: store.Text(doc, "endpoint"), name: store.Text(doc, "job"), child: store.Text(doc, "child"),
			workspaceGUID: store.Text(doc, "workspaceGUID"), location: store.Text(doc, "location"),
		}
		steps[i] = runsBelow(r.store, recs[i].workspace, recs[i].name)
	}
	now := r.now()
	return r.store.Batch(func(b *store.Batch) error {
		for i, rec := range recs {
			if err := (edits{b, r, now}).failUnfinished(rec, steps[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e edits) failUnfinished(rec record, steps []string) error {
	for _, run := range steps {
		if run == rec.child {
			continue // finish does it
		}
		if err := e.moveRun(rec, run, Failed, runError(stoppedMessage)); err != nil {
			return err
		}
	}
	return e.finish(rec, outcome{status: Failed, message: stoppedMessage, start: e.now, end: e.now})
}
