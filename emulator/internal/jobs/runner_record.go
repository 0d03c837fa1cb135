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
	for _, e := range entries {
		if _, err := r.store.Put(e.id, e.document); err != nil {
			return err
		}
	}
	return nil
}

// recordJob stores the first documents of a job. The job comes last: once it shows, everything else
// does too. A job that ARM made has its document already.
func (r *Runner) recordJob(j *job) error {
	entries := []entry{{unfinishedID(j.workspace, j.name), store.Document{
		"workspace": j.workspace, "endpoint": j.endpoint, "job": j.name, "child": j.child,
		"workspaceGUID": j.workspaceGUID, "location": j.location,
	}}}
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
		entry{indexID(j.workspace, j.endpoint, j.name), store.Document{"name": j.name, "deployment": j.deployment}},
		entry{jobID(j.workspace, j.name), j.armDocument()})...)
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
	now := r.now()
	if rec.child != "" {
		r.change(runID(rec.workspace, rec.child), func(run store.Document) { moveRun(run, child, now, nil) })
	}
	r.change(runID(rec.workspace, rec.name), func(run store.Document) { moveRun(run, parent, now, nil) })
	r.change(jobID(rec.workspace, rec.name), func(doc store.Document) {
		if properties := store.Object(doc, "properties"); properties != nil {
			properties["status"] = parent
		}
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

// finish stores how a job ended: the runs first and the job last, so that everything is there once
// the job shows its end.
func (r *Runner) finish(rec record, end outcome) {
	var parentError store.Document
	if end.status == Failed {
		parentError = runError(end.message)
	}
	if rec.child != "" {
		var childError store.Document
		childError, parentError = parentError, nil
		if childError != nil {
			parentError = runError(fmt.Sprintf(childrenFailed, "/"+stepName))
		}
		if end.status == Completed {
			r.recordOutputs(rec, rec.child, end.scoreOutput())
			r.recordOutputs(rec, rec.name, end.scoreOutput())
		}
		r.moveRun(rec, rec.child, end.status, childError)
	}
	r.moveRun(rec, rec.name, end.status, parentError)
	if rec.endpoint != "" {
		r.change(batchJobID(rec.workspace, rec.endpoint, rec.name), func(doc store.Document) { endBatchJob(doc, rec, end) })
	}
	r.change(jobID(rec.workspace, rec.name), func(doc store.Document) {
		properties := store.Object(doc, "properties")
		if properties == nil {
			return
		}
		properties["status"] = end.status
		if own := store.Object(properties, "properties"); own != nil {
			endProperties(own, strings.EqualFold(store.Text(properties, "jobType"), commandStep), end)
		}
	})
	r.markEnded(rec, end.end)
	r.forgetUnfinished(rec)
	r.log.Info("job ended", "job", rec.name, "status", end.status)
}

// forgetUnfinished removes the mark of a job that has not ended.
func (r *Runner) forgetUnfinished(rec record) {
	if _, err := r.store.Delete(unfinishedID(rec.workspace, rec.name)); err != nil {
		r.log.Error("job bookkeeping", "job", rec.name, "error", err)
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

// change edits a document. One that no longer exists was deleted by its owner, which is no error.
func (r *Runner) change(id string, edit func(store.Document)) {
	_, err := r.store.Update(id, func(doc store.Document) error { edit(doc); return nil })
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		r.log.Error("job document", "id", id, "error", err)
	}
}

// failUnfinished marks the jobs as failed that an earlier runner on the same store left running.
func (r *Runner) failUnfinished() {
	now := r.now()
	for _, doc := range r.store.List(unfinishedRoot) {
		rec := record{
			workspace: store.Text(doc, "workspace"), endpoint: store.Text(doc, "endpoint"), name: store.Text(doc, "job"), child: store.Text(doc, "child"),
			workspaceGUID: store.Text(doc, "workspaceGUID"), location: store.Text(doc, "location"),
		}
		if job, _ := r.store.Get(jobID(rec.workspace, rec.name)); IsTerminal(store.Text(job, "properties", "status")) {
			r.forgetUnfinished(rec) // only this was left to do
			continue
		}
		for _, run := range runsBelow(r.store, rec.workspace, rec.name) {
			if run != rec.child {
				r.moveRun(rec, run, Failed, runError(stoppedMessage))
			}
		}
		r.finish(rec, outcome{status: Failed, message: stoppedMessage, start: now, end: now})
	}
}
