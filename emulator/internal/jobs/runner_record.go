package jobs

import (
	"errors"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// recordJob stores the first documents of a job. The job comes last: once it shows, everything else
// does too.
func (r *Runner) recordJob(j *job) error {
	documents := []struct {
		id       string
		document store.Document
	}{
		{unfinishedID(j.name), store.Document{
			"workspace": j.workspace, "endpoint": j.endpoint, "job": j.name, "child": j.child,
			"workspaceGUID": j.workspaceGUID, "location": j.location,
		}},
		{runID(j.workspace, j.name), j.parentRun()},
		{runID(j.workspace, j.child), j.childRun()},
		{runChildID(j.workspace, j.name, j.child), store.Document{"runId": j.child}},
		{runDefinitionID(j.workspace, j.child), j.runDefinition()},
		{jobID(j.workspace, j.child), j.childDocument()},
		{batchJobID(j.workspace, j.endpoint, j.name), j.batchDocument()},
		{indexID(j.workspace, j.endpoint, j.name), store.Document{"name": j.name, "deployment": j.deployment}},
		{jobID(j.workspace, j.name), j.armDocument()},
	}
	for _, d := range documents {
		if _, err := r.store.Put(d.id, d.document); err != nil {
			return err
		}
	}
	r.log.Info("job submitted", "job", j.name, "endpoint", j.endpoint, "deployment", j.deployment)
	return nil
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
	r.change(runID(rec.workspace, rec.child), func(run store.Document) { moveRun(run, child, now, nil) })
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
	message    string // of a failed job
	start, end time.Time
	score      string // URI of the predictions of a completed job
}

// childFailed is the error of a parent whose step failed. Not evidenced: recordings show the error
// of the step only.
const childFailed = "Pipeline has failed child jobs. Failed nodes: /" + stepName +
	". For more details and logs, please go to the job detail page and check the child jobs."

// finish stores how a job ended: the runs first and the job last, so that everything is there once
// the job shows its end.
func (r *Runner) finish(rec record, end outcome) {
	var parentError, childError store.Document
	if end.status == Failed {
		parentError, childError = runError(childFailed), runError(end.message)
	}
	if end.status == Completed {
		r.recordOutput(rec, end)
	}
	r.change(runID(rec.workspace, rec.child), func(run store.Document) { moveRun(run, end.status, end.end, childError) })
	r.change(runID(rec.workspace, rec.name), func(run store.Document) { moveRun(run, end.status, end.end, parentError) })
	r.change(batchJobID(rec.workspace, rec.endpoint, rec.name), func(doc store.Document) { endBatchJob(doc, rec, end) })
	r.change(jobID(rec.workspace, rec.name), func(doc store.Document) {
		properties := store.Object(doc, "properties")
		if properties == nil {
			return
		}
		properties["status"] = end.status
		if own := store.Object(properties, "properties"); own != nil {
			own["azureml.pipelines.stages"] = stagesText(end.start, end.end, end.status)
		}
	})
	r.forgetUnfinished(rec)
	r.log.Info("job ended", "job", rec.name, "status", end.status)
}

// forgetUnfinished removes the mark of a job that has not ended.
func (r *Runner) forgetUnfinished(rec record) {
	if _, err := r.store.Delete(unfinishedID(rec.name)); err != nil {
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
}

// recordOutput stores the output of a completed job for run history and the data plane. It is the
// folder around the predictions, which holds the script's own files too.
func (r *Runner) recordOutput(rec record, end outcome) {
	folder := end.score[:strings.LastIndexByte(end.score, '/')+1]
	asset := "azureml_" + rec.child + "_output_data_" + outputName
	output := store.Document{
		"assetId": "azureml://locations/" + rec.location + "/workspaces/" + rec.workspaceGUID + "/data/" + asset + "/versions/1",
		"type":    UriFolder, "uri": folder,
	}
	outputs := store.Document{outputName: output}
	for id, document := range map[string]store.Document{
		outputAssetID(rec.workspace, asset):    output,
		runOutputsID(rec.workspace, rec.child): outputs,
		runOutputsID(rec.workspace, rec.name):  outputs,
	} {
		if _, err := r.store.Put(id, document); err != nil {
			r.log.Error("job output", "job", rec.name, "error", err)
		}
	}
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
		r.finish(rec, outcome{status: Failed, message: stoppedMessage, start: now, end: now})
	}
}
