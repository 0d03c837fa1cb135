package arm

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEndpointLife(t *testing.T) {
	h := newHost(t)
	id := workspaceID(testSubscription, "pottery", "kilns") + "/batchEndpoints/glaze"
	created := h.put("batchEndpoints/glaze?api-version=2023-10-01", `{
		"LOCATION": "eastus", "tags": {"t1": "v1"},
		"properties": {"AuthMode": "aadtoken", "description": "blue", "properties": {"p1": "v1"}},
	}`).wants(http.StatusCreated).has(map[string]any{
		"id": id, "name": "glaze", "type": "Microsoft.MachineLearningServices/workspaces/batchEndpoints", "location": "eastus",
		"properties/authMode": "AADToken", "properties/description": "blue", "properties/scoringUri": nil, "properties/swaggerUri": nil,
		"properties/defaults/deploymentName": nil, "properties/provisioningState": "Creating", "tags/t1": "v1", "identity": "absent",
		"properties/properties/p1": "v1", "properties/properties/BatchEndpointCreationApiVersion": "2023-10-01",
		"properties/properties/azureml.onlineendpointid": id,
		"systemData/createdBy":                           "A User", "systemData/createdByType": "absent", "systemData/lastModifiedBy": "absent",
		"systemData/createdAt": "2026-03-01T10:20:30.1234567+00:00",
	})
	want := map[string]string{
		"Location":                     "https://management.azure.com" + id + "?api-version=2023-10-01",
		"x-ms-async-operation-timeout": "PT30M",
	}
	for name, value := range want {
		if got := created.header.Get(name); got != value {
			t.Errorf("%s = %q, want %q", name, got, value)
		}
	}
	if got := created.at("properties/properties/AzureAsyncOperationUri"); got != created.header.Get("Azure-AsyncOperation") {
		t.Errorf("AzureAsyncOperationUri = %v", got)
	}
	h.poll(created)
	h.get("batchEndpoints/glaze").wants(http.StatusOK).has(map[string]any{
		"properties/provisioningState": "Succeeded", "properties/scoringUri": "https://glaze.eastus.inference.ml.azure.com/jobs",
		"properties/properties/AzureAsyncOperationUri": "absent",
	})
	h.get("batchEndpoints").wants(http.StatusOK).hasNames("glaze")
	if found, ok := EndpointID(h.store, "eastus", "GLAZE"); !ok || found != id {
		t.Errorf("EndpointID = %q, %v", found, ok)
	}
	h.poll(h.do(http.MethodDelete, "batchEndpoints/glaze", "").wants(http.StatusAccepted))
	missing := h.get("batchEndpoints/glaze").wants(http.StatusNotFound).has(map[string]any{
		"error/code": "UserError",
		"error/message": "An endpoint with the name 'glaze' does not exist in the workspace 'kilns'. " +
			"Please check the endpoint name and also ensure the current user has access to it.",
	})
	if diff := cmp.Diff([]string{"NotFound", "EndpointNotFound"}, missing.innerCodes()); diff != "" {
		t.Errorf("inner codes (-want +got):\n%s", diff)
	}
	h.do(http.MethodDelete, "batchEndpoints/glaze", "").wants(http.StatusNoContent)
	if _, taken := EndpointID(h.store, "eastus", "glaze"); taken {
		t.Error("the name of a deleted endpoint is still taken")
	}
}

func TestEndpointPutWithoutChange(t *testing.T) {
	h := newHost(t)
	created := h.put("batchEndpoints/glaze", `{"location": "eastus", "tags": {"a": "b"}, "properties": {"authMode": "aadToken", "description": "x"}}`)
	h.poll(created)
	h.time = h.time.AddDate(0, 0, 1)
	for _, body := range []string{
		glaze,
		`{"location": "eastus", "tags": {"a": "b"}, "properties": {"authMode": "AADTOKEN", "description": "x", "scoringUri": "ignored",
			"properties": {"BatchEndpointCreationApiVersion": "1999-01-01", "azureml.onlineendpointid": "ignored"}}}`,
	} {
		same := h.put("batchEndpoints/glaze", body).wants(http.StatusOK).has(map[string]any{
			"properties/provisioningState": "Succeeded", "properties/description": "x", "tags/a": "b",
			"systemData/lastModifiedAt":                    "2026-03-01T10:20:30.1234567+00:00",
			"properties/properties/AzureAsyncOperationUri": created.header.Get("Azure-AsyncOperation"),
		})
		for _, name := range []string{"Azure-AsyncOperation", "Location"} {
			if got := same.header.Get(name); got != "" {
				t.Errorf("%s = %q, want none", name, got)
			}
		}
	}
}

func TestEndpointDefaultDeployment(t *testing.T) {
	h := newHost(t)
	h.put("batchEndpoints/glaze", glaze)
	body := `{"location": "eastus", "properties": {"authMode": "aadToken", "defaults": {"deploymentName": "blue"}}}`
	h.put("batchEndpoints/glaze", body).wants(http.StatusBadRequest)
	h.poll(h.put("batchEndpoints/glaze/deployments/blue", blue))
	changed := h.put("batchEndpoints/glaze", body).wants(http.StatusCreated).has(map[string]any{"properties/provisioningState": "Updating"})
	h.poll(changed)
	h.get("batchEndpoints/glaze").has(map[string]any{
		"properties/defaults/deploymentName": "blue", "properties/provisioningState": "Succeeded",
		"properties/scoringUri": "https://glaze.eastus.inference.ml.azure.com/jobs",
	})
	h.put("batchEndpoints/glaze", body).wants(http.StatusOK)
	h.poll(h.do(http.MethodDelete, "batchEndpoints/glaze/deployments/blue", "").wants(http.StatusAccepted))
	h.get("batchEndpoints/glaze").has(map[string]any{"properties/defaults/deploymentName": nil})
}

func TestEndpointPatch(t *testing.T) {
	h := newHost(t)
	h.do(http.MethodPatch, "batchEndpoints/glaze", `{"tags": {"a": "b"}}`).wants(http.StatusNotFound)
	h.put("batchEndpoints/glaze", glaze)
	h.do(http.MethodPatch, "batchEndpoints/glaze", `{"tags": {"a": "b"}, "properties": {"description": "not patched"}}`).wants(http.StatusOK).
		has(map[string]any{"tags/a": "b", "properties/description": nil})
	h.do(http.MethodPatch, "batchEndpoints/glaze", `{"tags": {"a": ""}}`).wants(http.StatusBadRequest)
}

func TestEndpointWithKeysFailsLater(t *testing.T) {
	h := newHost(t)
	created := h.put("batchEndpoints/glaze", `{"location": "eastus", "properties": {"authMode": "key"}}`).wants(http.StatusCreated).
		has(map[string]any{"properties/authMode": "Key"})
	h.poll(created).has(map[string]any{
		"status": "Failed", "error/code": "absent", "error/additionalInfo/0/type": "MmsOperation",
		"error/additionalInfo/0/info/state": "Failed",
		"error/message":                     "InternalServerError: Internal error. Please see troubleshooting guide, available here: https://aka.ms/oe-tsg#error-internalservererror",
	})
	h.get("batchEndpoints/glaze").has(map[string]any{"properties/provisioningState": "Failed", "properties/scoringUri": nil})
}

func TestEndpointRefusals(t *testing.T) {
	h := newHost(t, func(o *Options) { o.ReservedNames = []string{"Taken"} })
	h.put("batchEndpoints/glaze", glaze)
	other := testWorkspace
	other.Name, other.StorageAccount = "neighbour", "neighbourstore"
	if err := h.CreateWorkspace(other); err != nil {
		t.Fatal(err)
	}
	const unavailable = "' is not available. Endpoint names must be unique within the region. Please choose a different name and try again."
	for _, test := range []struct{ name, path, body, says string }{
		{"too short", "batchEndpoints/ab", glaze, `"PropertyName": "Name"`},
		{"too long", "batchEndpoints/a" + strings.Repeat("b", 32), glaze, `"PropertyName": "Name"`},
		{"digit first", "batchEndpoints/1abc", glaze, `"PropertyName": "Name"`},
		{"hyphen last", "batchEndpoints/abc-", glaze, `"PropertyName": "Name"`},
		{"underscore", "batchEndpoints/a_b", glaze, `"PropertyName": "Name"`},
		{"no authMode", "batchEndpoints/matte", `{"location": "eastus"}`, `"PropertyName": "AuthMode"`},
		{"unknown authMode", "batchEndpoints/matte", `{"location": "eastus", "properties": {"authMode": "none"}}`, `"PropertyName": "properties.authMode"`},
		{"reserved", "batchEndpoints/taken", glaze, "The specified endpoint name 'taken" + unavailable},
		{"taken by a neighbour", workspaceID(testSubscription, "pottery", "neighbour") + "/batchEndpoints/Glaze", glaze, "The specified endpoint name 'Glaze" + unavailable},
		{"empty tag", "batchEndpoints/matte", `{"location": "eastus", "tags": {"z": "1", "y": "2", "a": "",}, "properties": {"authMode": "aadToken"}}`,
			"The Endpoint request provided has the following validation errors. Please resolve them and try again.\nErrors:\n[\n  {\n" +
				"    \"PropertyName\": \"Tags.Values[2]\",\n    \"ErrorMessage\": \"Tag values must not be null or empty.\",\n" +
				"    \"AttemptedValue\": \"\",\n    \"ErrorCode\": \"PredicateValidator\"\n  }\n]\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := h.put(test.path, test.body).wants(http.StatusBadRequest).has(map[string]any{"error/code": "UserError"})
			if message, _ := r.at("error/message").(string); !strings.Contains(message, test.says) {
				t.Errorf("message = %q, want %q in it", message, test.says)
			}
		})
	}
}

func TestEndpointKeysStayTheSame(t *testing.T) {
	h := newHost(t)
	h.do(http.MethodPost, "batchEndpoints/glaze/listkeys", "").wants(http.StatusNotFound)
	h.put("batchEndpoints/glaze", glaze)
	first := h.do(http.MethodPost, "batchEndpoints/glaze/listKeys", "").wants(http.StatusOK)
	again := h.do(http.MethodPost, "batchEndpoints/glaze/listkeys", "").wants(http.StatusOK)
	if first.at("primaryKey") == "absent" || first.at("primaryKey") == first.at("secondaryKey") || first.text != again.text {
		t.Error("the keys are not two that stay the same")
	}
}
