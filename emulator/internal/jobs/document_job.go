package jobs

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// armDocument is the job as ARM answers it: a pipeline job that shows no inputs and outputs (seen
// in azure-sdk-for-python recording test_batch_job_download, 2023, with the tags of
// test_batch_invoke, 2023).
func (j *job) armDocument() store.Document {
	return store.Document{
		"id":   jobID(j.workspace, j.name),
		"name": j.name,
		"type": provider + "/workspaces/jobs",
		"properties": store.Document{
			"description":    "Pipeline submission for endpoint: " + j.endpoint + ", deployment: " + j.deployment + ".",
			"tags":           j.tags(),
			"properties":     j.properties(),
			"displayName":    j.display,
			"status":         Preparing,
			"experimentName": j.experiment,
			"services":       Services(j.host, j.studio, j.workspace, j.name),
			"computeId":      nil, "isArchived": false, "identity": nil, "componentId": nil,
			"jobType":  "Pipeline",
			"settings": nil, "jobs": nil, "inputs": nil, "outputs": nil, "sourceJobId": nil,
		},
		"systemData": store.Document{
			"createdAt": store.TimeText(j.created), "createdBy": j.caller.Name, "createdByType": j.caller.kind(),
		},
	}
}

// childDocument is the step as ARM answers it: without properties, which are in run history (seen
// in azure-sdk-for-python recording test_pipeline_job_child_run_download, 2026).
func (j *job) childDocument(run string) store.Document {
	return store.Document{
		"id":   jobID(j.workspace, run),
		"name": run,
		"type": provider + "/workspaces/jobs",
		"systemData": store.Document{
			"createdAt": store.TimeText(j.created), "createdBy": j.caller.Name, "createdByType": j.caller.kind(),
		},
	}
}

// batchDocument is the job as the invocation answers it (seen in azure-sdk-for-python recording
// test_batch_invoke, 2023).
func (j *job) batchDocument() store.Document {
	endpoints := store.Document{}
	for name, endpoint := range servicePlaces(j.host, j.studio, j.workspace, j.name) {
		endpoints[name] = store.Document{"jobEndpointType": name, "port": nil, "endpoint": endpoint, "properties": nil}
	}
	id, kind := j.batchResource()
	properties := store.Document{
		"provisioningState": "Succeeded", // of the request, not of the job
		"inputData":         inputData(j.invocation.Inputs),
		"compute": store.Document{
			"target": j.settings.compute, "instanceCount": orNil(j.invocation.Overrides.InstanceCount), "isLocal": false,
			"location": nil, "instanceType": nil, "properties": nil,
		},
		"output":               store.Document{"datastoreId": nil, "path": nil},
		"retrySettings":        store.Document{"maxRetries": j.settings.maxRetries, "timeout": j.settings.timeoutText},
		"status":               Preparing,
		"interactionEndpoints": endpoints,
		"tags":                 j.tags(),
		"properties":           j.properties(),
		"name":                 j.display,
	}
	if len(j.invocation.Outputs) > 0 {
		properties["outputData"] = j.outputData()
	}
	return store.Document{
		"id": id, "name": j.name, "type": kind,
		"properties": properties,
		"systemData": store.Document{
			"createdAt": store.TimeText(j.created), "createdBy": j.caller.Name,
			"lastModifiedAt": store.TimeText(j.created), "lastModifiedBy": j.caller.Name,
		},
	}
}

// batchResource is the id and the type of a batch job. A job of a pipeline component that was
// invoked through the endpoint's default deployment has an empty endpoint segment (seen in a batch
// job list of 2026, quoted in the documentation of the Ansible collection azure.azcollection).
func (j *job) batchResource() (id, kind string) {
	base, kind := j.workspace+"/batchEndpoints/", provider+"/workspaces/batchEndpoints"
	if isPipeline(j.invocation.Deployment) && !j.invocation.Directed {
		return base + "/jobs/" + j.name, kind + "/jobs"
	}
	return base + j.endpoint + "/deployments/" + j.deployment + "/jobs/" + j.name, kind + "/deployments/jobs"
}

func inputData(inputs map[string]Input) store.Document {
	data := store.Document{}
	for name, input := range inputs {
		if input.Kind == Literal {
			data[name] = store.Document{"description": input.Description, "value": input.Value, "jobInputType": Literal}
			continue
		}
		data[name] = store.Document{
			"description": input.Description, "uri": input.URI, "mode": cmp.Or(input.Mode, readOnly), "jobInputType": cmp.Or(input.Kind, UriFolder),
		}
	}
	return data
}

// outputData renames the output of a model deployment to "score", as the service does (seen in
// azure-sdk-for-python recording test_batch_invoke_outputs, 2023).
func (j *job) outputData() store.Document {
	data := store.Document{}
	for name, output := range j.invocation.Outputs {
		if !isPipeline(j.invocation.Deployment) {
			name = outputName
		}
		data[name] = store.Document{
			"description": output.Description, "uri": output.URI, "mode": cmp.Or(output.Mode, readAndWrite), "jobOutputType": cmp.Or(output.Kind, UriFolder),
		}
	}
	return data
}

// Services returns the member services of a job in ARM's form: where people and MLflow follow it.
// apiHost is the workspace's data plane, studioURL that of the studio, and workspace an ARM id.
func Services(apiHost, studioURL, workspace, job string) store.Document {
	services := store.Document{}
	for name, endpoint := range servicePlaces(apiHost, studioURL, workspace, job) {
		services[name] = store.Document{
			"jobServiceType": name, "port": nil, "endpoint": endpoint,
			"status": nil, "errorMessage": nil, "properties": nil, "nodes": nil,
		}
	}
	return services
}

// servicePlaces returns where a job can be followed. The first ends with a question mark in every
// recording.
func servicePlaces(apiHost, studioURL, workspace, job string) map[string]string {
	subscription, group, name := scopeOf(workspace)
	return map[string]string{
		"Tracking": "azureml://" + apiHost + "/mlflow/v1.0" + workspace + "?",
		"Studio": studioURL + "/runs/" + job + "?wsid=/subscriptions/" + subscription +
			"/resourcegroups/" + group + "/workspaces/" + name,
	}
}

func (j *job) tags() store.Document {
	tags := store.Document{
		"azureml.batchrun": "true", "azureml.deploymentname": j.deployment,
		"azureml.jobtype": "azureml.batchjob", "inputType": "input_data", "outputType": "output_data",
	}
	if isPipeline(j.invocation.Deployment) {
		tags["azureml.jobtype"] = "azureml.pipelinejob"
		delete(tags, "inputType")
		delete(tags, "outputType")
	}
	return tags
}

// properties are the properties of a job that has not ended. Jobs of one deployment share
// azureml.pipelineid.
func (j *job) properties() store.Document {
	if isPipeline(j.invocation.Deployment) {
		return j.pipelineProperties()
	}
	outputURI := ""
	if j.output != nil {
		outputURI = j.output.URI
	}
	return store.Document{
		"azureml.pipelineid":               derivedID(store.Text(j.invocation.Deployment, "id")),
		"azureml.runsource":                "azureml.PipelineRun",
		"runSource":                        "Unavailable",
		"runType":                          "HTTP",
		"azureml.parameters":               j.settings.parameters(outputURI),
		"azureml.continue_on_step_failure": "False",
		"azureml.continue_on_failed_optional_input": "False",
		"azureml.pipelineComponent":                 "pipelinerun",
	}
}

// pipelineProperties are those of a job of a pipeline component (seen in a batch job list of 2026,
// quoted in the documentation of the Ansible collection azure.azcollection).
func (j *job) pipelineProperties() store.Document {
	configuration := store.Object(j.invocation.Deployment, "properties", "deploymentConfiguration")
	settings := store.Object(configuration, "settings")
	return store.Document{
		"azureml.runsource":                         "azureml.PipelineRun",
		"runSource":                                 "BatchDeployment",
		"runType":                                   "HTTP",
		"azureml.runLineageType":                    "batchDeployment",
		"azureml.endpointname":                      j.endpoint,
		"azureml.deploymentname":                    j.deployment,
		"azureml.SourceComponentId":                 store.Text(configuration, "componentId", "assetId"),
		"azureml.defaultComputeName":                store.Text(settings, "default_compute"),
		"azureml.defaultDataStoreName":              cmp.Or(store.Text(settings, "default_datastore"), defaultStore),
		"azureml.DatasetAccessMode":                 "Asset",
		"azureml.enforceRerun":                      "False",
		"azureml.continue_on_step_failure":          cases(readSettings(settings).keepGoing),
		"azureml.continue_on_failed_optional_input": "True",
		"azureml.parameters":                        "{}",
		"azureml.pipelineComponent":                 "pipelinerun",
	}
}

// stagesText is the property azureml.pipelines.stages of a job that has ended. Not evidenced: its
// Status for a canceled job.
func stagesText(start, end time.Time, status string) string {
	if status == Completed {
		status = "Finished"
	}
	// A struct keeps the order of the recordings.
	type execution struct{ StartTime, EndTime, Status string }
	stages, err := json.Marshal(struct {
		Initialization *execution
		Execution      execution
	}{Execution: execution{store.TimeText(start), store.TimeText(end), status}})
	if err != nil {
		panic(err) // texts always encode
	}
	return string(stages)
}

func cases(b bool) string { return map[bool]string{false: "False", true: "True"}[b] }

func orNil(n *int) any {
	if n == nil {
		return nil
	}
	return *n
}
