package arm

import (
	"errors"
	"net/http"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/unplayed"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
	"github.com/google/uuid"
)

var (
	jobInputShape = object{
		"jobInputType": enum{"literal", "uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model"},
		"mode":         enum{"Direct", "Download", "EvalDownload", "EvalMount", "ReadOnlyMount", "ReadWriteMount"},
		"uri":          text{}, "value": text{}, "description": text{},
	}
	jobOutputShape = object{
		"jobOutputType": enum{"uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model"},
		"mode":          enum{"Direct", "ReadWriteMount", "Upload"},
		"uri":           text{}, "assetName": text{}, "assetVersion": text{}, "description": text{},
	}
	jobShape = object{"properties": object{
		"jobType":     enum{"AutoML", "Command", "Pipeline", "Spark", "Sweep"},
		"description": text{}, "displayName": text{}, "experimentName": text{}, "isArchived": boolean{},
		"tags": dictionary{text{}}, "properties": dictionary{text{}}, "computeId": text{}, "componentId": text{},
		"command": text{}, "codeId": text{}, "environmentId": text{}, "environmentVariables": dictionary{text{}},
		"inputs": dictionary{jobInputShape}, "outputs": dictionary{jobOutputShape},
		"resources": object{"instanceCount": integer{}, "instanceType": text{}, "shmSize": text{}, "dockerArgs": text{}, "properties": anything{}},
		"settings":  anything{}, "jobs": anything{}, "services": anything{}, "identity": anything{}, "limits": anything{},
	}}
)

// putJob stores a job under the client's name for it, and starts it. Not evidenced: a PUT on an
// existing job; it answers 200 and changes what can be changed.
func putJob(c *call) answer {
	if old, exists := c.h.store.Get(c.jobID()); exists {
		sent, refusal := c.readJob()
		if refusal != nil {
			return *refusal
		}
		return c.changeJob(old, sent)
	}
	doc, refusal := c.createJob()
	if refusal != nil {
		return *refusal
	}
	return c.put(true, c.showJob(doc))
}

// readJob returns the properties of the job that the request describes.
func (c *call) readJob() (store.Document, *answer) {
	body, refusal := c.read(jobShape, "Job")
	if refusal != nil {
		return nil, refusal
	}
	sent := store.Object(body, "properties")
	if sent == nil || sent["jobType"] == nil {
		a := c.invalid("Job", []validation.Violation{{
			PropertyName: "JobType", ErrorMessage: "'Job Type' must not be empty.", ErrorCode: "ArgumentNullOrEmpty",
		}})
		return nil, &a
	}
	return sent, nil
}

// createJob stores and starts a new job.
func (c *call) createJob() (store.Document, *answer) {
	sent, refusal := c.readJob()
	if refusal == nil {
		refusal = c.checkComponents(sent)
	}
	if refusal == nil {
		refusal = c.checkKinds(sent)
	}
	if refusal != nil {
		return nil, refusal
	}
	doc := c.newJob(sent)
	err := c.h.startJob(doc, c.caller())
	if errors.Is(err, jobs.ErrRunning) {
		a := c.jobActive()
		return nil, &a
	}
	if err != nil {
		a := c.internal(err)
		return nil, &a
	}
	return doc, nil
}

// startJob stores a job and starts it.
func (h *Handler) startJob(doc store.Document, caller jobs.Caller) error {
	if h.jobs == nil {
		_, err := h.store.Put(store.Text(doc, "id"), doc)
		return err
	}
	return h.jobs.Start(doc, caller)
}

// checkKinds refuses a job, or a pipeline with a step, that the emulator cannot run: it would never
// end.
func (c *call) checkKinds(sent store.Document) *answer {
	kinds := []string{store.Text(sent, "jobType")}
	for _, node := range store.Object(sent, "jobs") {
		if kind := store.Text(node, "type"); kind != "" {
			kinds = append(kinds, kind)
		}
	}
	for _, kind := range kinds {
		if reason := jobs.Unplayable(kind); reason != "" {
			a := c.fail(http.StatusBadRequest, "UserError", strings.ToUpper(reason[:1])+reason[1:], withInner("BadArgument", "ArgumentInvalid"))
			a.header[unplayed.Header] = "jobs of type " + kind
			return &a
		}
	}
	return nil
}

// caller is who calls, for the runs of a job.
func (c *call) caller() jobs.Caller {
	name, kind := c.author()
	return jobs.Caller{Name: name, Application: kind == "Application", ObjectID: c.claims.ObjectID, TenantID: c.claims.TenantID}
}

func (c *call) changeJob(old, sent store.Document) answer {
	doc, err := c.h.store.Update(store.Text(old, "id"), func(doc store.Document) error {
		fill(doc, "properties", store.Document{})
		for _, name := range []string{"description", "displayName", "isArchived", "tags"} {
			if sent[name] != nil {
				store.Object(doc, "properties")[name] = sent[name]
			}
		}
		return nil
	})
	if err != nil {
		return c.internal(err)
	}
	return ok(c.showJob(doc))
}

// checkComponents refuses a job that names a missing component version of the workspace
// (azure-sdk-for-python recording test_pipeline_job_validation_remote, 2023).
func (c *call) checkComponents(sent store.Document) *answer {
	ids := []string{store.Text(sent, "componentId")}
	for _, node := range store.Object(sent, "jobs") {
		if node, isObject := node.(store.Document); isObject {
			ids = append(ids, store.Text(node, "componentId"))
		}
	}
	for _, id := range ids {
		if !strings.HasPrefix(foldName(id), foldName(c.workspace)+"/components/") {
			continue
		}
		if _, found := c.h.store.Get(id); found {
			continue
		}
		a := c.fail(http.StatusNotFound, "NotFound", "key: "+id+", Message: Not found component "+
			store.LastSegment(store.ParentID(store.ParentID(id)))+" (version: "+store.LastSegment(id)+").")
		return &a
	}
	return nil
}

func (c *call) newJob(sent store.Document) store.Document {
	name := c.param("job")
	properties := store.Copy(sent)
	for _, member := range []string{"description", "computeId", "identity", "componentId", "displayName", "experimentName"} {
		fill(properties, member, nil)
	}
	fill(properties, "displayName", name)
	fill(properties, "experimentName", "Default")
	fill(properties, "tags", store.Document{})
	fill(properties, "properties", store.Document{})
	fill(properties, "isArchived", false)
	properties["services"] = jobs.Services(c.h.cloud.APIHost(c.location), c.h.cloud.StudioURL, c.workspace, name)
	if properties["jobType"] == "Pipeline" {
		completePipelineJob(properties)
	} else {
		completeCommandJob(properties, name)
	}
	author, kind := c.author()
	return store.Document{
		"id": c.workspace + "/jobs/" + name, "name": name, "type": jobType, "properties": properties,
		"systemData": store.Document{"createdAt": store.TimeText(c.h.now()), "createdBy": author, "createdByType": kind},
	}
}

// completePipelineJob fills in what the service adds. Empty inputs come back as null, outputs with
// all their members.
func completePipelineJob(properties store.Document) {
	properties["status"] = jobNotStarted
	for _, member := range []string{"settings", "jobs", "inputs", "outputs", "sourceJobId"} {
		fill(properties, member, nil)
	}
	if len(store.Object(properties, "inputs")) == 0 {
		properties["inputs"] = nil
	}
	completeJobData(properties)
}

// completeCommandJob adds the output for the job's logs and the properties that the service sets.
func completeCommandJob(properties store.Document, name string) {
	properties["status"] = jobStarting
	own := store.Object(properties, "properties")
	own["_azureml.ComputeTargetType"] = "amlctrain"
	if compute := store.Text(properties, "computeId"); compute != "" {
		own["_azureml.ClusterName"] = store.LastSegment(compute)
	}
	if properties["codeId"] != nil {
		own["ContentSnapshotId"] = uuid.NewString()
	}
	for _, member := range []string{"codeId", "distribution", "limits"} {
		fill(properties, member, nil)
	}
	for _, member := range []string{"environmentVariables", "parameters", "inputs", "outputs", "resources", "queueSettings"} {
		fill(properties, member, store.Document{})
	}
	fill(store.Object(properties, "queueSettings"), "jobTier", "Null")
	resources := store.Object(properties, "resources")
	fill(resources, "instanceCount", number(1))
	fill(resources, "shmSize", "2g")
	for _, member := range []string{"instanceType", "properties", "dockerArgs"} {
		fill(resources, member, nil)
	}
	fill(store.Object(properties, "outputs"), "default", store.Document{
		"uri": "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid." + name, "jobOutputType": "uri_folder",
	})
	completeJobData(properties)
}

func completeJobData(properties store.Document) {
	for _, input := range store.Object(properties, "inputs") {
		if input, isObject := input.(store.Document); isObject {
			fill(input, "description", nil)
			if input["jobInputType"] != "literal" {
				fill(input, "uri", nil)
				fill(input, "mode", "ReadOnlyMount")
			}
		}
	}
	for _, output := range store.Object(properties, "outputs") {
		if output, isObject := output.(store.Document); isObject {
			fill(output, "description", nil)
			fill(output, "uri", nil)
			fill(output, "mode", "ReadWriteMount")
		}
	}
}
