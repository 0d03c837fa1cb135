package arm

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const blue = `{"location": "eastus", "properties": {
	"model": {"referenceType": "Id", "assetId": "/models/mugs/versions/1"}, "compute": "/computes/cluster",
}}`

func TestDeploymentDefaults(t *testing.T) {
	h := newHost(t)
	h.put("batchEndpoints/glaze", glaze)
	created := h.put("batchEndpoints/glaze/deployments/blue", blue).wants(http.StatusCreated).has(map[string]any{
		"properties/provisioningState": "Updating", "properties/errorThreshold": json.Number("-1"), "properties/miniBatchSize": json.Number("10"),
		"properties/maxConcurrencyPerInstance": json.Number("1"), "properties/loggingLevel": "Info", "properties/outputAction": "AppendRow",
		"properties/outputFileName": "predictions.csv", "properties/retrySettings/maxRetries": json.Number("3"),
		"properties/retrySettings/timeout": "PT30S", "properties/resources/instanceCount": json.Number("1"),
		"properties/resources/instanceType": nil, "properties/resources/properties": nil, "properties/codeConfiguration": nil,
		"properties/environmentId": nil, "properties/deploymentConfiguration": nil, "properties/description": nil, "identity": "absent",
	})
	if created.at("properties/properties/AzureAsyncOperationUri") != created.header.Get("Azure-AsyncOperation") {
		t.Error("AzureAsyncOperationUri is not the status URL")
	}
	if got := created.header.Get("x-ms-ratelimit-remaining-subscription-resource-requests"); got != "24" {
		t.Errorf("resource-requests = %q, want 24", got)
	}
	if !strings.Contains(created.header.Get("Azure-AsyncOperation"), "/mfeOperationsStatus/bdbes:") {
		t.Error("the operation has not the prefix of deployments")
	}
	h.poll(created)
	got := h.get("batchEndpoints/glaze/deployments/blue").wants(http.StatusOK)
	if diff := cmp.Diff(map[string]any{}, got.at("properties/properties")); diff != "" {
		t.Errorf("properties.properties (-want +got):\n%s", diff)
	}
	got.has(map[string]any{"properties/provisioningState": "Succeeded"})
}

func TestDeploymentReadsWhatScriptsSend(t *testing.T) {
	h := newHost(t)
	h.put("batchEndpoints/glaze", glaze)
	h.put("batchEndpoints/glaze/deployments/blue", `{"Location": "eastus", "Properties": {
		"Model": {"ReferenceType": "id", "AssetId": "/models/mugs/versions/1"}, "Compute": "/computes/cluster",
		"codeConfiguration": {"CodeId": "/codes/score/versions/1", "scoringScript": "score.py"}, "EnvironmentID": "azureml:AzureML-clay:1",
		"MaxConcurrencyPerInstance": "4", "errorThreshold": "10", "miniBatchSize": "5", "loggingLevel": "debug", "outputAction": "summaryonly",
		"retrySettings": {"maxRetries": "0"}, "resources": {"instanceCount": "2", "properties": {}}, "future": {"Kept": 1},
	}}`).wants(http.StatusCreated).has(map[string]any{
		"properties/model/referenceType": "Id", "properties/maxConcurrencyPerInstance": json.Number("4"),
		"properties/errorThreshold": json.Number("10"), "properties/miniBatchSize": json.Number("5"), "properties/loggingLevel": "Debug",
		"properties/outputAction": "SummaryOnly", "properties/codeConfiguration/codeId": "/codes/score/versions/1",
		"properties/retrySettings/maxRetries": json.Number("0"), "properties/retrySettings/timeout": "PT30S",
		"properties/resources/instanceCount": json.Number("2"), "properties/resources/properties": nil, "properties/future/Kept": json.Number("1"),
	})
}

func TestDeploymentUpdateKeepsItsCreation(t *testing.T) {
	h := newHost(t)
	h.put("batchEndpoints/glaze", glaze)
	h.poll(h.put("batchEndpoints/glaze/deployments/blue", blue))
	h.time = h.time.AddDate(0, 0, 1)
	h.put("batchEndpoints/glaze/deployments/BLUE", blue).wants(http.StatusCreated).has(map[string]any{
		"name": "blue", "systemData/createdAt": "2026-03-01T10:20:30.1234567+00:00",
		"systemData/lastModifiedAt": "2026-03-02T10:20:30.1234567+00:00",
	})
	h.do(http.MethodPatch, "batchEndpoints/glaze/deployments/blue", `{"properties": {"description": "new", "miniBatchSize": 1}, "tags": {"a": "b"}}`).
		wants(http.StatusOK).has(map[string]any{
		"properties/description": "new", "properties/miniBatchSize": json.Number("10"), "tags/a": "b",
	})
	h.get("batchEndpoints/glaze/deployments").wants(http.StatusOK).hasNames("blue")
}

func TestDeploymentMembersByVersion(t *testing.T) {
	h := newHost(t)
	h.put("batchEndpoints/glaze", glaze)
	for _, version := range []string{"2023-02-01-preview", "2024-04-01"} {
		h.put("batchEndpoints/glaze/deployments/flow?api-version="+version, `{"location": "eastus", "properties": {"deploymentConfiguration": {
		"DeploymentConfigurationType": "pipelinecomponent", "componentId": {"referenceType": "Id", "assetId": "/components/flow/versions/1"},
		"settings": {"continue_on_step_failure": false}}}}`).wants(http.StatusCreated).
			has(map[string]any{"properties/deploymentConfiguration/deploymentConfigurationType": "PipelineComponent"})
	}
	for version, want := range map[string]any{
		"2022-05-01": "absent", "2023-02-01-preview": "PipelineComponent", "2023-10-01": "absent", "2024-04-01": "PipelineComponent", "2024-01-01-preview": "PipelineComponent",
	} {
		h.get("batchEndpoints/glaze/deployments/flow?api-version=" + version).wants(http.StatusOK).
			has(map[string]any{"properties/deploymentConfiguration/deploymentConfigurationType": want})
	}
	h.get("batchEndpoints/glaze/deployments/flow").has(map[string]any{
		"properties/deploymentConfiguration/settings/continue_on_step_failure": "False", "properties/model": nil,
	})
}

func TestDeploymentRefusals(t *testing.T) {
	h := newHost(t)
	h.put("batchEndpoints/glaze", glaze)
	withoutModel := h.put("batchEndpoints/glaze/deployments/blue", `{"location": "eastus", "tags": {}, "properties": {"compute": "/computes/c"}}`).
		wants(http.StatusBadRequest).has(map[string]any{
		"error/code": "UserError",
		"error/message": "The Deployment request provided has the following validation errors. Please resolve them and try again.\nErrors:\n[\n  {\n" +
			"    \"PropertyName\": \"ModelConfiguration.ModelReference\",\n    \"ErrorMessage\": \"'Model Reference' must not be empty.\",\n" +
			"    \"ErrorCode\": \"ArgumentNullOrEmpty\"\n  }\n]\n",
	})
	if diff := cmp.Diff([]string{"BadArgument", "ArgumentInvalid", "InvalidInputArguments"}, withoutModel.innerCodes()); diff != "" {
		t.Errorf("inner codes (-want +got):\n%s", diff)
	}
	for _, test := range []struct{ name, path, body, says string }{
		{"name", "batchEndpoints/glaze/deployments/1", blue, `"PropertyName": "Name"`},
		{"a model without an id", "batchEndpoints/glaze/deployments/blue", `{"location": "eastus", "properties": {"model": {"referenceType": "Id"}, "compute": "c"}}`, "'Model Reference' must not be empty."},
		{"no compute", "batchEndpoints/glaze/deployments/blue", `{"location": "eastus", "properties": {"model": {}}}`, "ComputeId"},
		{"no script", "batchEndpoints/glaze/deployments/blue", `{"location": "eastus", "properties": {"model": {}, "compute": "c", "codeConfiguration": {"codeId": "x"}}}`, "ScoringScript"},
		{"a script without an environment", "batchEndpoints/glaze/deployments/blue", `{"location": "eastus", "properties": {"model": {}, "compute": "c", "codeConfiguration": {"codeId": "x", "scoringScript": "s.py"}}}`,
			`"ErrorMessage": "'Environment Id' must not be empty."`},
		{"a folder in the file's name", "batchEndpoints/glaze/deployments/blue", `{"location": "eastus", "properties": {"model": {}, "compute": "c", "outputFileName": "a/b.csv"}}`, `"PropertyName": "OutputFileName"`},
		{"a folder of Windows in the file's name", "batchEndpoints/glaze/deployments/blue", `{"location": "eastus", "properties": {"model": {}, "compute": "c", "outputFileName": "a\\\\b.csv"}}`, `"PropertyName": "OutputFileName"`},
		{"low numbers", "batchEndpoints/glaze/deployments/blue", `{"location": "eastus", "properties": {"model": {}, "compute": "c", "miniBatchSize": 0, "errorThreshold": -2, "resources": {"instanceCount": 0}}}`,
			`"PropertyName": "Resources.instanceCount"`},
		{"not a number", "batchEndpoints/glaze/deployments/blue", `{"location": "eastus", "properties": {"miniBatchSize": "many"}}`, `"PropertyName": "properties.miniBatchSize"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := h.put(test.path, test.body).wants(http.StatusBadRequest)
			if message, _ := r.at("error/message").(string); !strings.Contains(message, test.says) {
				t.Errorf("message = %q, want %q in it", message, test.says)
			}
		})
	}
	for _, path := range []string{"batchEndpoints/none/deployments", "batchEndpoints/none/deployments/blue", "batchEndpoints/glaze/deployments/none"} {
		h.get(path).wants(http.StatusNotFound).has(map[string]any{"error/code": "UserError"})
	}
	h.put("batchEndpoints/none/deployments/blue", blue).wants(http.StatusNotFound)
}

// TestDeploymentOfWhatDoesNotExist: everything that is missing is named at once; mending it mends the deployment.
func TestDeploymentOfWhatDoesNotExist(t *testing.T) {
	h := newHost(t)
	h.put("batchEndpoints/glaze", glaze)
	ws := workspaceID(testSubscription, "pottery", "kilns")
	body := `{"location": "eastus", "properties": {
		"model": {"referenceType": "Id", "assetId": "` + ws + `/models/mugs/versions/7"}, "compute": "` + ws + `/computes/cluster",
		"environmentId": "azureml:clay:3", "codeConfiguration": {"codeId": "` + ws + `/codes/score/versions/1", "scoringScript": "score.py"}}}`
	created := h.put("batchEndpoints/glaze/deployments/blue", body).wants(http.StatusCreated)
	h.poll(created).has(map[string]any{
		"status": "Failed", "error/code": "UserError",
		"error/details/0/code": "ModelNotFound", "error/details/1/code": "EnvironmentNotFound",
		"error/details/2/code": "CodeNotFound", "error/details/3/code": "ComputeNotFound", "error/details/4": "absent",
		"error/message": "The model " + ws + "/models/mugs/versions/7 of the deployment does not exist. " +
			"The environment azureml:clay:3 of the deployment does not exist. " +
			"The code " + ws + "/codes/score/versions/1 of the deployment does not exist. " +
			"The compute " + ws + "/computes/cluster of the deployment does not exist.",
	})
	h.get("batchEndpoints/glaze/deployments/blue").wants(http.StatusOK).has(map[string]any{"properties/provisioningState": "Failed"})

	h.put("models/mugs/versions/7", `{"properties": {"modelUri": "azureml://datastores/workspaceblobstore/paths/mugs"}}`).wants(http.StatusCreated)
	h.put("environments/clay/versions/3", `{"properties": {"image": "kiln:1"}}`).wants(http.StatusCreated)
	h.put("codes/score/versions/1", `{"properties": {"codeUri": "https://kilnstore.blob.core.windows.net/c/score"}}`).wants(http.StatusCreated)
	h.poll(h.put("computes/cluster", `{"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2"}}}`))
	h.poll(h.put("batchEndpoints/glaze/deployments/blue", body)).has(map[string]any{"status": "Succeeded", "error": "absent"})
	h.get("batchEndpoints/glaze/deployments/blue").has(map[string]any{"properties/provisioningState": "Succeeded"})
}

func TestDeploymentOfAModelAtAPlaceThatDoesNotExist(t *testing.T) {
	h := newHost(t)
	h.put("batchEndpoints/glaze", glaze)
	ws := workspaceID(testSubscription, "pottery", "kilns")
	h.put("jobs/training", `{"properties": {"jobType": "Command", "command": "true"}}`).wants(http.StatusCreated)
	for model, want := range map[string]string{
		`"DataPath", "path": "mugs", "datastoreId": "` + ws + `/datastores/workspaceblobstore"`: "",
		`"DataPath", "path": "mugs", "datastoreId": "` + ws + `/datastores/none"`:               "DatastoreNotFound",
		`"OutputPath", "path": "mugs", "jobId": "` + ws + `/jobs/training"`:                     "",
		`"OutputPath", "path": "mugs", "jobId": "` + ws + `/jobs/none"`:                         "JobNotFound",
	} {
		body := `{"location": "eastus", "properties": {"compute": "/computes/cluster", "model": {"referenceType": ` + model + `}}}`
		got := h.poll(h.put("batchEndpoints/glaze/deployments/blue", body))
		if want == "" {
			got.has(map[string]any{"status": "Succeeded"})
		} else {
			got.has(map[string]any{"status": "Failed", "error/details/0/code": want, "error/details/1": "absent"})
		}
	}
}

func TestDeploymentOfAComponentThatDoesNotExist(t *testing.T) {
	h := newHost(t)
	h.put("batchEndpoints/glaze", glaze)
	h.poll(h.put("batchEndpoints/glaze/deployments/flow", `{"location": "eastus", "properties": {"deploymentConfiguration": {
		"deploymentConfigurationType": "PipelineComponent", "componentId": {"referenceType": "Id", "assetId": "`+
		workspaceID(testSubscription, "pottery", "kilns")+`/components/flow/versions/1"}}}}`).wants(http.StatusCreated)).
		has(map[string]any{"status": "Failed", "error/details/0/code": "ComponentNotFound"})
}

func TestDeletingAnEndpointDeletesItsDeployments(t *testing.T) {
	h := newHost(t)
	h.put("batchEndpoints/glaze", glaze)
	h.poll(h.put("batchEndpoints/glaze/deployments/blue", blue))
	h.poll(h.do(http.MethodDelete, "batchEndpoints/glaze", "").wants(http.StatusAccepted))
	h.get("batchEndpoints/glaze/deployments/blue").wants(http.StatusNotFound)
	h.do(http.MethodDelete, "batchEndpoints/glaze/deployments/blue", "").wants(http.StatusNoContent)
}
