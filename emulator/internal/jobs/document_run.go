package jobs

import (
	"encoding/json"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// parentRun is the run of the whole job. Not evidenced: the run of a pipeline; it has the members
// of a step's run.
func (j *job) parentRun() store.Document {
	run := j.run(j.name, Preparing)
	run["displayName"] = j.display
	run["name"] = j.experiment
	run["runType"] = "azureml.PipelineRun"
	run["runTypeV2"] = store.Document{
		"orchestrator": nil, "traits": []any{"azureml.PipelineRun"}, "attribution": nil, "computeType": nil,
	}
	run["properties"] = j.properties()
	run["tags"] = j.tags()
	return run
}

// ownRun is the run of a job that ARM made. Not evidenced: the run of a command job; it has the
// members of a step's.
func (j *job) ownRun() store.Document {
	run := j.run(j.name, NotStarted)
	run["displayName"] = j.display
	run["name"] = j.experiment
	run["runType"] = "azureml.PipelineRun"
	run["runTypeV2"] = store.Document{
		"orchestrator": nil, "traits": []any{"azureml.PipelineRun"}, "attribution": nil, "computeType": nil,
	}
	if j.kind == commandStep {
		run["status"] = Starting
		run["runType"] = "azureml.scriptrun"
		run["runTypeV2"] = store.Document{
			"orchestrator": "Execution", "traits": []any{"scriptRun", "remote", "CommonRuntime"}, "attribution": nil, "computeType": "AmlcTrain",
		}
		j.addCompute(run, j.settings.compute, j.settings.instanceCount)
	}
	return run
}

// stepInfo is what the documents of a step show.
type stepInfo struct {
	run, name, parent string
	compute           string // empty for a step that is a pipeline itself
	kind              string // commandStep and so on
	nodes             int
	status            string
}

// childRun is the run of the step batchscoring.
func (j *job) childRun() store.Document {
	return j.stepRun(stepInfo{
		run: j.child, name: stepName, parent: j.name, compute: j.settings.compute, nodes: j.settings.instanceCount, status: Queued,
	})
}

// stepRun is the run of a step (seen in azure-sdk-for-python recording
// test_pipeline_job_child_run_download, 2026; not evidenced: of a parallel step, and of one that is
// a pipeline itself).
func (j *job) stepRun(s stepInfo) store.Document {
	run := j.run(s.run, s.status)
	node := derivedID(s.run)[:8]
	run["parentRunId"] = s.parent
	run["parentRunUuid"] = derivedID(runID(j.workspace, s.parent))
	run["displayName"] = s.name
	run["name"] = s.name
	run["runType"] = "azureml.StepRun"
	run["runTypeV2"] = store.Document{
		"orchestrator": "Execution",
		"traits":       []any{"azureml.StepRun", "scriptRun", "remote", "AlmostCommonRuntime", "OsType:Linux", "CommonRuntime"},
		"attribution":  "Aether", "computeType": "AmlcTrain",
	}
	run["properties"] = store.Document{
		"azureml.DevPlatv2": "true", "azureml.DatasetAccessMode": "Asset",
		"StepType": "PythonScriptStep", "ComputeTargetType": "AmlCompute",
		"azureml.moduleid": derivedID(s.name), "azureml.moduleFamilyId": "0",
		"azureml.moduleName": s.name, "azureml.moduleVersion": "1",
		"azureml.runsource": "azureml.StepRun", "azureml.nodeid": node,
		"azureml.pipelinerunid": s.parent, "azureml.pipeline": s.parent, "azureml.rootpipelinerunid": j.name,
		"azureml.pipelineComponent": "masterescloud",
		"ProcessInfoFile":           "azureml-logs/process_info.json", "ProcessStatusFile": "azureml-logs/process_status.json",
	}
	run["tags"] = store.Document{
		"azureml.nodeid": node, "azureml.pipeline": s.parent,
		"_aml_system_ComputeTargetStatus": `{"AllocationState":"steady","PreparingNodeCount":0,"RunningNodeCount":0,"CurrentNodeCount":1}`,
	}
	if s.kind == pipelineStep {
		run["runTypeV2"] = store.Document{"orchestrator": nil, "traits": []any{"azureml.StepRun", "azureml.PipelineRun"}, "attribution": nil, "computeType": nil}
		store.Object(run, "properties")["StepType"] = "SubGraphCloudStep"
		return run
	}
	j.addCompute(run, s.compute, s.nodes)
	return run
}

// addCompute adds what a run shows of its compute.
func (j *job) addCompute(run store.Document, compute string, nodes int) {
	cluster := store.LastSegment(compute)
	properties := store.Object(run, "properties")
	properties["_azureml.ComputeTargetType"], properties["_azureml.ClusterName"] = "amlctrain", cluster
	run["target"] = cluster
	run["computeRequest"] = store.Document{"nodeCount": nodes, "gpuCount": 0}
	run["compute"] = store.Document{
		"target": cluster, "targetType": "amlcompute", "vmSize": nil, "instanceType": nil,
		"instanceCount": nodes, "gpuCount": 0, "priority": nil, "region": nil, "armId": nil, "properties": nil,
	}
}

// run returns a run with all its members; those that parent and child share are set.
func (j *job) run(id, status string) store.Document {
	user, cancel := j.user(), j.cancelURI(id)
	return store.Document{
		"runNumber": j.created.Unix(), "rootRunId": j.name, "createdUtc": store.TimeText(j.created), "createdBy": user,
		"userId": j.caller.ObjectID, "token": nil, "tokenExpiryTimeUtc": nil, "error": nil, "warnings": nil,
		"revision": 1, "statusRevision": 0,
		"runUuid": derivedID(runID(j.workspace, id)), "parentRunUuid": nil, "rootRunUuid": derivedID(runID(j.workspace, j.name)),
		"lastStartTimeUtc": nil, "currentComputeTime": nil, "computeDuration": nil, "effectiveStartTimeUtc": nil,
		"lastModifiedBy": user, "lastModifiedUtc": store.TimeText(j.created), "duration": nil, "cancelationReason": nil,
		"currentAttemptId": 1, "runId": id, "parentRunId": nil, "experimentId": derivedID(j.workspace + "/experiments/" + j.experiment),
		"status": status, "startTimeUtc": nil, "endTimeUtc": nil, "scheduleId": nil, "displayName": nil, "name": nil,
		"dataContainerId": containerID(id), "description": nil, "hidden": false, "runType": nil, "runTypeV2": nil,
		"properties": store.Document{}, "parameters": store.Document{},
		"actionUris": store.Document{"Cancel": cancel, "Diagnose": ""}, "scriptName": nil, "target": nil,
		"uniqueChildRunComputeTargets": []any{}, "tags": store.Document{}, "settings": store.Document{}, "services": store.Document{},
		"inputDatasets": []any{}, "outputDatasets": []any{}, "runDefinition": nil, "jobSpecification": nil,
		"primaryMetricName": nil, "createdFrom": nil, "cancelUri": cancel, "completeUri": nil, "diagnosticsUri": "",
		"computeRequest": nil, "compute": nil, "retainForLifetimeOfWorkspace": nil, "queueingInfo": nil, "inputs": nil, "outputs": nil,
	}
}

func (j *job) user() store.Document {
	caller := j.caller
	issuer := "https://sts.windows.net/" + caller.TenantID + "/"
	return store.Document{
		"userObjectId": caller.ObjectID, "userPuId": "", "userIdp": issuer, "userAltSecId": "", "userIss": issuer,
		"userTenantId": caller.TenantID, "userName": caller.Name, "upn": nil, "clientApplicationId": nil, "applicationACR": nil,
	}
}

func (j *job) cancelURI(run string) string {
	subscription, group, workspace := scopeOf(j.workspace)
	return "https://" + j.host + "/studioservice/apiv2/subscriptions/" + subscription + "/resourceGroups/" + group +
		"/workspaces/" + workspace + "/runs/" + run + "/Cancel"
}

// runDefinition says what the step is to do. It has the members of a command step that mean
// something for batch scoring (seen in azure-sdk-for-python recording
// test_pipeline_job_child_run_download, 2026; the driver's script by azureml-examples issue 2614).
func (j *job) runDefinition() store.Document {
	return store.Document{
		"script": "driver/amlbi_main.py", "command": "", "useAbsolutePath": false, "arguments": []any{},
		"sourceDirectoryDataStore": nil, "framework": "Python", "communicator": "None",
		"target": store.LastSegment(j.settings.compute), "dataReferences": store.Document{}, "data": store.Document{},
		"outputData": store.Document{outputName: store.Document{
			"outputLocation": store.Document{
				"dataset": nil, "dataPath": nil, "type": UriFolder,
				"uri": store.Document{"path": j.scoreFolder(), "isFile": false},
			},
			"mechanism": "Mount", "environmentVariableName": "AZURE_ML_OUTPUT_" + outputName,
		}},
		"nodeCount": j.settings.instanceCount, "environmentVariables": j.settings.environment,
	}
}

// moveRun sets the status of a run and what goes with it: times, revision, and for a failed run the
// error and a warning (seen in azure-sdk-for-python recording test_pipeline_job_get_child_run,
// 2026; the source of the warning is not evidenced).
func moveRun(run store.Document, status string, now time.Time, failure store.Document) {
	if run["status"] != status {
		run["statusRevision"] = next(run["statusRevision"])
	}
	run["status"] = status
	run["revision"] = next(run["revision"])
	run["lastModifiedUtc"] = store.TimeText(now)
	start, started := parseTime(store.Text(run, "startTimeUtc"))
	switch {
	case status == Running && !started:
		run["startTimeUtc"] = store.TimeText(now)
	case IsTerminal(status):
		if !started {
			start = now
			run["startTimeUtc"] = store.TimeText(now)
		}
		run["endTimeUtc"] = store.TimeText(now)
		run["duration"] = durationText(now.Sub(start))
		run["computeDuration"] = run["duration"]
	}
	if failure != nil {
		run["error"] = failure
		run["warnings"] = []any{store.Document{"source": "AzureMLCompute", "message": "AzureMLCompute job failed"}}
	}
}

// runError is the member error of a failed run: the envelope of the data plane with a zero time
// (seen in azure-sdk-for-python recording test_pipeline_job_get_child_run, 2026).
func runError(message string) store.Document {
	envelope := errorEnvelope("UserError", message)
	envelope["correlation"], envelope["environment"], envelope["location"] = nil, nil, nil
	envelope["time"] = "0001-01-01T00:00:00+00:00"
	envelope["componentName"] = "CommonRuntime"
	return envelope
}

// next is the number after a revision.
func next(revision any) any {
	switch n := revision.(type) {
	case json.Number:
		if i, err := n.Int64(); err == nil {
			return i + 1
		}
	case int:
		return n + 1
	}
	return 1
}
