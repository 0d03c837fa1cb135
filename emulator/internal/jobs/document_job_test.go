package jobs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/golden"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

func TestRunsHaveAllMembers(t *testing.T) {
	w := newWorld(t, nil)
	j, err := w.runner.newJob(w.invocation(w.deployment(sizes, nil), "azureml:tiles:1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]store.Document{"parent": j.parentRun(), "child": j.childRun()} {
		// The count of azure-sdk-for-python recording test_pipeline_job_child_run_download, 2026.
		if len(run) != 61 {
			t.Errorf("%s run has %d members, want 61", name, len(run))
		}
	}
}

func TestBatchDocument(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.invocation(w.deployment(sizes, store.Document{"maxConcurrencyPerInstance": 2}), "azureml:tiles:1")
	inv.Overrides.InstanceCount = new(4)
	inv.Overrides.DisplayName = "monday"
	j, err := w.runner.newJob(inv)
	if err != nil {
		t.Fatal(err)
	}
	j.created = time.Date(2031, 2, 3, 4, 5, 6, 780_000_000, time.UTC)
	got := j.batchDocument()
	want := store.Document{
		"id": testWorkspace + "/batchEndpoints/tiles-ep/deployments/blue/jobs/" + j.name, "name": j.name,
		"type": "Microsoft.MachineLearningServices/workspaces/batchEndpoints/deployments/jobs",
		"properties": store.Document{
			"provisioningState": "Succeeded",
			"inputData": store.Document{"tiles": store.Document{
				"description": nil, "uri": "azureml:tiles:1", "mode": "ReadOnlyMount", "jobInputType": "UriFolder",
			}},
			"compute": store.Document{
				"target": testWorkspace + "/computes/cluster", "instanceCount": 4, "isLocal": false,
				"location": nil, "instanceType": nil, "properties": nil,
			},
			"output":        store.Document{"datastoreId": nil, "path": nil},
			"retrySettings": store.Document{"maxRetries": 3, "timeout": "PT30S"},
			"status":        "Preparing",
			"interactionEndpoints": store.Document{
				"Tracking": store.Document{
					"jobEndpointType": "Tracking", "port": nil, "properties": nil,
					"endpoint": "azureml://eastus.api.azureml.ms/mlflow/v1.0" + testWorkspace + "?",
				},
				"Studio": store.Document{
					"jobEndpointType": "Studio", "port": nil, "properties": nil,
					"endpoint": "https://ml.azure.com/runs/" + j.name + "?wsid=/subscriptions/s1/resourcegroups/g1/workspaces/w1",
				},
			},
			"tags": store.Document{
				"outputType": "output_data", "inputType": "input_data", "azureml.batchrun": "true",
				"azureml.deploymentname": "blue", "azureml.jobtype": "azureml.batchjob",
			},
			"properties": store.Document{
				"azureml.pipelineid": derivedID(store.Text(inv.Deployment, "id")), "azureml.runsource": "azureml.PipelineRun",
				"runSource": "Unavailable", "runType": "HTTP",
				"azureml.parameters": `{"NodeCount":"4","append_row_file_name":"predictions.csv","error_threshold":"-1","legacy_model_job":"False",` +
					`"logging_level":"INFO","mini_batch_size":"10","process_count_per_node":"2","run_invocation_timeout":"30","run_max_try":"3"}`,
				"azureml.continue_on_step_failure": "False", "azureml.continue_on_failed_optional_input": "False",
				"azureml.pipelineComponent": "pipelinerun",
			},
			"name": "monday",
		},
		"systemData": store.Document{
			"createdAt": "2031-02-03T04:05:06.78+00:00", "createdBy": "potter",
			"lastModifiedAt": "2031-02-03T04:05:06.78+00:00", "lastModifiedBy": "potter",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("batch document (-want +got):\n%s", diff)
	}
}

func TestTimeAndDurationTexts(t *testing.T) {
	at := time.Date(2026, 3, 4, 1, 4, 27, 65_959_999, time.FixedZone("", 3600))
	if got, want := store.TimeText(at), "2026-03-04T00:04:27.0659599+00:00"; got != want {
		t.Errorf("timeText = %s, want %s", got, want)
	}
	for d, want := range map[time.Duration]string{
		0: "00:00:00", 148*time.Second + 533_649*time.Microsecond: "00:02:28.5336490", 49*time.Hour + time.Minute: "2.01:01:00", -time.Second: "00:00:00",
	} {
		if got := durationText(d); got != want {
			t.Errorf("durationText(%v) = %s, want %s", d, got, want)
		}
	}
}

// TestDocumentsOfAJob compares whole documents, so that a member that comes, goes or changes is seen whatever it is.
// AZMLBATCH_RECORD=1 writes them anew; the witness tests hold them against recordings of the service.
func TestDocumentsOfAJob(t *testing.T) {
	w := newWorld(t, nil)
	model := w.deployment(sizes, store.Document{"environmentVariables": store.Document{"GLAZE": "blue"}})
	pipeline := store.Document{"id": "/d/steps", "name": "steps", "properties": store.Document{"deploymentConfiguration": store.Document{
		"deploymentConfigurationType": "PipelineComponent", "componentId": store.Document{"assetId": "/components/fire/versions/1"},
		"settings": store.Document{"default_compute": "cluster"},
	}}}
	for name, deployment := range map[string]store.Document{"model": model, "pipeline": pipeline} {
		inv := w.invocation(deployment, "https://kilnstore.blob.core.windows.net/c/p")
		inv.Overrides.DisplayName, inv.Directed = "monday", false
		j, err := w.runner.newJob(inv)
		if err != nil {
			t.Fatal(err)
		}
		j.name, j.child, j.created = "job-1", "step-1", time.Date(2031, 2, 3, 4, 5, 6, 780_000_000, time.UTC)
		failed := j.childRun()
		moveRun(failed, Running, j.created.Add(time.Second), nil)
		moveRun(failed, Failed, j.created.Add(time.Minute), runError("cracked"))
		command := *j
		command.kind = commandStep
		for what, doc := range map[string]store.Document{
			"arm": j.armDocument(), "step": j.childDocument(j.child), "batch": j.batchDocument(), "parent_run": j.parentRun(), "child_run": j.childRun(),
			"failed_run": failed, "definition": j.runDefinition(), "own_run": j.ownRun(),
			"nested_run":  j.stepRun(stepInfo{run: "step-2", name: "glaze", parent: "job-1", kind: pipelineStep, status: NotStarted}),
			"command_run": command.ownRun(),
		} {
			golden.Check(t, name+"_"+what, doc)
		}
	}
}
