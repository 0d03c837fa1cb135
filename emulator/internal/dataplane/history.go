package dataplane

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// history serves run history. A run is found by its id; the experiment in a path is ignored.
func (c *call) history() {
	if len(c.path) > 2 && (strings.EqualFold(c.path[0], "experiments") || strings.EqualFold(c.path[0], "experimentids")) {
		c.path = c.path[2:]
	}
	if p, ok := c.matches(http.MethodGet, "runs/{run}"); ok {
		c.withRun(p[0], func(run store.Document) { c.answer(http.StatusOK, run) })
	} else if p, ok := c.matches(http.MethodPatch, "runs/{run}"); ok {
		c.withRun(p[0], func(store.Document) { c.changeRun(p[0]) })
	} else if p, ok := c.matches(http.MethodGet, "runs/{run}/serviceinstances/{node}"); ok {
		// No service runs beside a job here.
		c.withRun(p[0], func(store.Document) { c.answer(http.StatusOK, store.Document{"instances": store.Document{}}) })
	} else if p, ok := c.matches(http.MethodGet, "runs/{run}/children"); ok {
		c.withRun(p[0], func(store.Document) {
			c.answer(http.StatusOK, store.Document{"value": jobs.RunChildren(c.store, c.workspace, p[0])})
		})
	} else if p, ok := c.matches(http.MethodGet, "runs/{run}/details"); ok {
		c.withRun(p[0], func(run store.Document) { c.runDetails(p[0], run) })
	} else if _, ok := c.matches(http.MethodPost, "rundata"); ok {
		c.runData()
	} else {
		c.noRoute()
	}
}

func (c *call) withRun(name string, serve func(run store.Document)) {
	run, ok := jobs.Run(c.store, c.workspace, name)
	if !ok {
		c.refuse(http.StatusNotFound, "Run "+name+" was not found.", "NotFound")
		return
	}
	serve(run)
}

// changeRun changes what people can change of a run, as azure-ai-ml's update, archive and restore
// of jobs do. Not evidenced: the answer; it is the run.
func (c *call) changeRun(name string) {
	var asked struct {
		DisplayName, Description *string
		Hidden                   *bool
		Tags, Properties         map[string]string
	}
	if !c.readBody(&asked) {
		return
	}
	change := store.Document{}
	setMember(change, "displayName", asked.DisplayName)
	setMember(change, "description", asked.Description)
	setMember(change, "hidden", asked.Hidden)
	for member, entries := range map[string]map[string]string{"tags": asked.Tags, "properties": asked.Properties} {
		texts := store.Document{}
		for key, value := range entries {
			texts[key] = value
		}
		change[member] = texts
	}
	if _, err := jobs.ChangeRun(c.store, c.workspace, name, change); err != nil {
		c.refuse(http.StatusInternalServerError, "The run cannot be changed.")
		return
	}
	c.withRun(name, func(run store.Document) { c.answer(http.StatusOK, run) })
}

func setMember[T any](doc store.Document, name string, value *T) {
	if value != nil {
		doc[name] = *value
	}
}

// runData answers a run with its outputs, which no other call shows (seen in azure-sdk-for-python
// recording test_pipeline_job_child_run_download, 2026).
func (c *call) runData() {
	var asked struct {
		RunID               string `json:"runId"`
		SelectRunMetadata   bool   `json:"selectRunMetadata"`
		SelectRunDefinition bool   `json:"selectRunDefinition"`
	}
	if !c.readBody(&asked) {
		return
	}
	c.withRun(asked.RunID, func(run store.Document) {
		data := store.Document{"runMetadata": nil, "runDefinition": nil, "jobSpecification": nil, "systemSettings": nil}
		if asked.SelectRunMetadata {
			run["outputs"] = c.outputs(asked.RunID)
			data["runMetadata"] = run
		}
		if definition := jobs.RunDefinition(c.store, c.workspace, asked.RunID); asked.SelectRunDefinition && definition != nil {
			data["runDefinition"] = definition
		}
		c.answer(http.StatusOK, data)
	})
}

// outputs are the outputs of a run by asset, null when there are none.
func (c *call) outputs(run string) any {
	outputs := jobs.RunOutputs(c.store, c.workspace, run)
	if len(outputs) == 0 {
		return nil
	}
	shown := store.Document{}
	for name, output := range outputs {
		if o, ok := output.(store.Document); ok {
			shown[name] = store.Document{"assetId": o["assetId"], "type": o["type"]}
		}
	}
	return shown
}

// detailMembers are the members that the details of a run share with the run, according to the
// client for run history in azure-ai-ml.
var detailMembers = []string{
	"runId", "runUuid", "parentRunUuid", "rootRunUuid", "target", "status", "parentRunId", "dataContainerId", "startTimeUtc", "endTimeUtc", "error",
	"warnings", "tags", "properties", "parameters", "services", "inputDatasets", "outputDatasets", "runDefinition", "revision",
	"runTypeV2", "settings", "computeRequest", "compute", "createdBy", "computeDuration", "effectiveStartTimeUtc", "runNumber",
	"rootRunId", "experimentId", "userId", "statusRevision", "currentComputeTime", "lastStartTimeUtc", "lastModifiedBy", "lastModifiedUtc", "duration",
	"inputs", "currentAttemptId",
}

// runDetails answers a run with URLs of its logs. No recording has this call.
func (c *call) runDetails(name string, run store.Document) {
	files, err := c.logFiles(name)
	if err != nil {
		c.refuse(http.StatusInternalServerError, "The logs of the run cannot be listed.")
		return
	}
	details := store.Document{
		"createdTimeUtc": run["createdUtc"], "jobCost": nil, "outputs": c.outputs(name), "logFiles": files,
	}
	for _, member := range detailMembers {
		details[member] = run[member]
	}
	c.answer(http.StatusOK, details)
}

// logLifetime is how long the URLs of logs work.
const logLifetime = time.Hour

// logFiles maps the path of each log of a run to a URL that needs no token.
func (c *call) logFiles(run string) (store.Document, error) {
	files := store.Document{}
	account, container, prefix, ok := jobs.Artifacts(c.store, c.workspace, run)
	if !ok {
		return files, nil
	}
	// It begins a little earlier than now, for clients whose clocks are behind.
	now := c.now()
	sas, err := c.logs.UserDelegationSAS(account, container, "r", now.Add(-5*time.Minute), now.Add(logLifetime))
	if err != nil {
		return nil, err
	}
	for p, err := range c.logs.List(c.request.Context(), account, container, prefix) {
		if err != nil {
			return nil, err
		}
		link := url.URL{
			Scheme: "https", Host: c.cloud.BlobHost(account), Path: "/" + container + "/" + p.Name,
			RawQuery: strings.TrimPrefix(sas, "?"),
		}
		files[strings.TrimPrefix(p.Name, prefix)] = link.String()
	}
	return files, nil
}
