package arm

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestCodeIsFoundByItsHash: under any name, as the service does.
func TestCodeIsFoundByItsHash(t *testing.T) {
	h := newHost(t)
	put := func(path, hash, version string) {
		h.put(path, `{"properties": {"codeUri": "https://h/c/a", "isAnonymous": true, "properties": {"hash_sha256": "`+hash+`", "hash_version": "`+version+`"}}}`).
			wants(http.StatusCreated).has(map[string]any{"properties/isAnonymous": false, "properties/provisioningState": "Succeeded"})
	}
	put("codes/a/versions/1", "aa", "202208")
	put("codes/b/versions/2", "aa", "202208")
	put("codes/b/versions/3", "aa", "2")
	put("codes/b/versions/4", "bb", "202208")
	for query, want := range map[string][]string{
		"hash=aa&hashVersion=202208": {"2", "1"}, "hash=aa": {"3", "2", "1"}, "hash=bb": {"4"}, "hash=cc": {}, "hash=aa&$top=1": {"3"},
	} {
		h.get("codes/any/versions?" + query).wants(http.StatusOK).hasNames(want...)
	}
	h.get("codes/a/versions/1?api-version=2022-05-01").has(map[string]any{"properties/provisioningState": "absent"})
}

func TestPendingUpload(t *testing.T) {
	h := newHost(t)
	for _, kind := range []string{"codes", "models", "data"} {
		r := h.do(http.MethodPost, kind+"/a/versions/1/startPendingUpload", `{"pendingUploadType": "TemporaryBlobReference"}`).wants(http.StatusOK).
			has(map[string]any{"pendingUploadType": "None", "blobReferenceForConsumption/credential/credentialType": "SAS"})
		blob, _ := r.at("blobReferenceForConsumption/blobUri").(string)
		sas, _ := r.at("blobReferenceForConsumption/credential/sasUri").(string)
		container, _ := strings.CutPrefix(blob, "https://kilnstore.blob.core.windows.net:443/")
		if !strings.HasPrefix(container, testWorkspaceID+"-") || len(container) != 63 {
			t.Errorf("%s: blobUri = %s", kind, blob)
		}
		if want := "https://kilnstore.blob.core.windows.net/" + container + "?skoid=1&sr=c&sp=rcwl&sig=made"; sas != want {
			t.Errorf("%s: sasUri = %s, want %s", kind, sas, want)
		}
	}
	if n := len(h.accounts.containers); n < 3 || h.accounts.containers[n-1] == h.accounts.containers[n-2] {
		t.Errorf("containers %v, want one for each upload", h.accounts.containers)
	}
	h.do(http.MethodPost, "environments/a/versions/1/startPendingUpload", "").wants(http.StatusNotFound)
}

// TestContainersWithoutABody: they are refused, and not made.
func TestContainersWithoutABody(t *testing.T) {
	h := newHost(t)
	for _, kind := range []string{"codes", "models", "data", "environments", "components"} {
		for _, body := range []string{"", "null", "{}", `{"properties": null}`} {
			r := h.put(kind+"/clay", body).wants(http.StatusBadRequest)
			if message, _ := r.at("error/message").(string); !strings.Contains(message, "'Properties' must not be empty.") {
				t.Errorf("%s with the body %q: %s", kind, body, message)
			}
		}
		h.get(kind + "/clay").wants(http.StatusNotFound)
		h.put(kind+"/clay", `{"properties": {}}`).wants(http.StatusCreated)
	}
}

func TestStagesOfAModel(t *testing.T) {
	h := newHost(t)
	put := func(more string) response {
		return h.put("models/mugs/versions/1", `{"properties": {"modelUri": "https://h/c/a"`+more+`}}`)
	}
	for _, step := range []struct{ name, more, want string }{
		{"new", ``, "Development"},
		{"moved on", `, "stage": "Production"`, "Production"},
		{"changed", `, "description": "x"`, "Production"},
		{"archived", `, "isArchived": true`, "Archived"},
		{"archived, whatever is sent", `, "isArchived": true, "stage": "Production"`, "Archived"},
		{"restored", `, "isArchived": false, "stage": "Archived"`, "Development"},
	} {
		if got := put(step.more).at("properties/stage"); got != step.want {
			t.Errorf("%s: stage %v, want %s", step.name, got, step.want)
		}
	}
	put("").has(map[string]any{"properties/modelType": "custom_model", "properties/flavors": map[string]any{}, "properties/jobName": nil})
	h.get("models/mugs/versions/1?api-version=2022-05-01").has(map[string]any{"properties/stage": "absent", "properties/provisioningState": "absent"})
	h.get("models/mugs/versions/1").has(map[string]any{"properties/stage": "Development", "properties/autoDeleteSetting": "absent"})
	h.get("models/mugs/versions/2").wants(http.StatusNotFound).has(map[string]any{"error/details/0/code": "NoSuchModelRegistered"})
	h.get("models/none").wants(http.StatusNotFound).has(map[string]any{
		"error/details/0/code": "ModelNotFound", "error/details/0/message": "Model container with name: none not found.",
	})
}

// TestAuthorsOfAVersion: an update keeps who registered a version and when, and changes who changed it
// last and when. That of an environment changes neither.
func TestAuthorsOfAVersion(t *testing.T) {
	const registered, changed = "2026-03-01T10:20:30.1234567+00:00", "2026-03-01T11:20:30.1234567+00:00"
	h := newHost(t)
	for _, tt := range []struct{ path, properties, want string }{
		{"models/clay/versions/1", `"modelUri": "https://h/c/a"`, changed},
		{"environments/clay/versions/1", `"image": "kiln:1"`, registered},
	} {
		h.time = time.Date(2026, 3, 1, 10, 20, 30, 123456700, time.UTC)
		h.put(tt.path, `{"properties": {`+tt.properties+`}}`).wants(http.StatusCreated)
		h.time = h.time.Add(time.Hour)
		h.put(tt.path, `{"properties": {"description": "fired", `+tt.properties+`}}`)
		h.get(tt.path).has(map[string]any{
			"properties/description": "fired", "systemData/createdAt": registered, "systemData/createdByType": "User",
			"systemData/lastModifiedAt": tt.want, "systemData/lastModifiedByType": "User",
		})
	}
}

func TestPlacesOfModelsAndData(t *testing.T) {
	h := newHost(t)
	const subscription = "azureml://subscriptions/" + testSubscription
	const rest = "/pottery/workspaces/kilns/datastores/workspaceblobstore/paths/"
	for _, test := range []struct{ path, sent, want string }{
		{"models/a/versions/1", `"modelUri": "` + subscription + `/resourcegroups` + rest + `x"`, subscription + "/resourceGroups" + rest + "x"},
		{"models/c/versions/1", `"modelUri": "azureml://subscriptions/s"`, "azureml://subscriptions/s"},
		{"models/d/versions/1", `"modelUri": "azureml://subscriptions/s/x/y"`, "azureml://subscriptions/s/x/y"},
		{"models/b/versions/1", `"modelUri": "azureml://datastores/workspaceblobstore/paths/x"`, "azureml://datastores/workspaceblobstore/paths/x"},
		{"data/a/versions/1", `"dataUri": "azureml://datastores/workspaceblobstore/paths/x"`, subscription + "/resourcegroups" + rest + "x/"},
		{"data/b/versions/1", `"dataType": "uri_file", "dataUri": "azureml://datastores/workspaceblobstore/paths/x.csv"`, subscription + "/resourcegroups" + rest + "x.csv"},
		{"data/c/versions/1", `"dataType": "MLTable", "dataUri": "` + subscription + `/resourceGroups` + rest + `x/"`, subscription + "/resourcegroups" + rest + "x/"},
		{"data/d/versions/1", `"dataUri": "https://h/c/x"`, "https://h/c/x"},
	} {
		member := map[bool]string{true: "modelUri", false: "dataUri"}[strings.HasPrefix(test.path, "models")]
		h.put(test.path, `{"properties": {`+test.sent+`}}`).wants(http.StatusCreated).has(map[string]any{"properties/" + member: test.want})
	}
	h.get("data/d/versions/1").has(map[string]any{"properties/dataType": "uri_folder", "properties/referencedUris": "absent", "systemData/lastModifiedBy": "absent"})
	h.get("data/d").has(map[string]any{"properties/dataType": "uri_folder", "properties/tags": nil})
	h.put("data/e/versions/1", `{"properties": {"dataUri": "https://h/c/x", "autoDeleteSetting": {"value": "1"}}}`).wants(http.StatusBadRequest)
}

func TestOlderDatasets(t *testing.T) {
	h := newHost(t)
	h.put("datasets/clay/versions/1", `{"properties": {"paths": [{"folder": "https://h/c/a"}]}}`).wants(http.StatusCreated).has(map[string]any{
		"type": "Microsoft.MachineLearningServices/workspaces/datasets/versions", "properties/paths/0/folder": "https://h/c/a",
	})
	h.put("datasets/clay/versions/2", `{"properties": {"paths": [{"file": "https://h/c/a.csv"}]}}`).wants(http.StatusCreated)
	h.get("datasets/clay/versions/2").wants(http.StatusOK).has(map[string]any{"properties/paths/0/file": "https://h/c/a.csv"})
	h.get("data/clay/versions/1").wants(http.StatusOK).has(map[string]any{"properties/dataUri": "https://h/c/a", "properties/dataType": "uri_folder"})
	h.get("datasets/clay/versions/3").wants(http.StatusNotFound)
	for _, paths := range []string{``, `"paths": []`, `"paths": [{"folder": "a"}, {"folder": "b"}]`} {
		h.put("datasets/clay/versions/3", `{"properties": {`+paths+`}}`).wants(http.StatusBadRequest)
	}
}

func TestSpecificationOfAComponent(t *testing.T) {
	h := newHost(t)
	h.put("environments/clay/versions/1", `{"properties": {"image": "kiln:1"}}`).wants(http.StatusCreated)
	ws := workspaceID(testSubscription, "pottery", "kilns")
	put := func(name, spec string) response {
		return h.put("components/"+name+"/versions/1", `{"properties": {"description": "gone", "componentSpec": {`+spec+`}}}`)
	}
	put("fire", `"type": "command", "code": "azureml:a", "environment": "azureml:clay:1", "_source": "YAML", "sourceJobId": "x", "version": 7, "nothing": null,
		"inputs": {"heat": {"type": "number", "default": 900.5}, "fast": {"default": true, "optional": true}, "on": {"default": "azureml:cluster"}}`).
		wants(http.StatusCreated).has(map[string]any{
		"properties/description": nil, "properties/stage": "absent",
		"properties/componentSpec": map[string]any{
			"type": "command", "code": "azureml:a", "environment": "azureml:" + ws + "/environments/clay/versions/1", "name": "fire", "version": "1",
			"is_deterministic": "False", "resources": map[string]any{"instance_count": "1"},
			"inputs": map[string]any{
				"heat": map[string]any{"type": "number", "default": "900.5", "optional": "False"},
				"fast": map[string]any{"default": "True", "optional": "True"},
				"on":   map[string]any{"default": "cluster", "optional": "False"},
			},
		},
	})
	put("flow", `"type": "pipeline", "jobs": {"a": {}}`).wants(http.StatusCreated).has(map[string]any{
		"properties/componentSpec/jobs": "absent", "properties/componentSpec/resources": "absent",
	})
	put("curated", `"environment": "azureml:AzureML-clay:3"`).has(map[string]any{
		"properties/componentSpec/environment": "azureml://registries/azureml/environments/AzureML-clay/versions/3",
	})
	r := put("bad", `"environment": "azureml:clay:9"`).wants(http.StatusBadRequest)
	if message, _ := r.at("error/message").(string); !strings.Contains(message, "No definition exists for environment clay version 9") {
		t.Errorf("message = %q", message)
	}
	h.put("components/bad/versions/1", `{"properties": {}}`).wants(http.StatusBadRequest)
	h.get("components/none").wants(http.StatusNotFound).has(map[string]any{"error/message": "Not found component none."})
	h.get("components/fire/versions/2").wants(http.StatusNotFound)
	h.get("components/fire/labels/default").wants(http.StatusOK).has(map[string]any{"name": "1"})
	h.get("components/fire").has(map[string]any{"properties/latestVersion": nil, "properties/nextVersion": "2026-03-01-10-20-30-1234567", "systemData/createdBy": "absent"})
}
