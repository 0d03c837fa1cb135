package arm

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/golden"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// goldenVersions are the api-versions at which members come or go.
var goldenVersions = []string{"2022-05-01", "2022-12-01-preview", "2023-02-01-preview", "2023-04-01", "2023-10-01", "2024-01-01-preview", "2024-04-01", "2025-01-01-preview"}

// goldenRequests are requests, in their order, whose answers testdata/golden holds. Reads are made with each of goldenVersions
// whose answer differs from the one before.
var goldenRequests = []struct{ name, method, path, body string }{
	{"workspace", "GET", "", ""},
	{"storage_account", "GET", "/subscriptions/" + testSubscription + "/resourceGroups/pottery/providers/Microsoft.Storage/storageAccounts/kilnstore", ""},
	{"subscription", "GET", "/subscriptions/" + testSubscription, ""},
	{"tenants", "GET", "/tenants", ""},
	{"cloud", "GET", "/metadata/endpoints", ""},
	{"locations", "GET", "/subscriptions/" + testSubscription + "/locations", ""},
	{"providers", "GET", "/subscriptions/" + testSubscription + "/providers", ""},
	{"resources", "GET", "/subscriptions/" + testSubscription + "/resources", ""},
	{"permissions", "GET", "/subscriptions/" + testSubscription + "/providers/Microsoft.Authorization/permissions", ""},
	{"resource_group", "GET", "/subscriptions/" + testSubscription + "/resourceGroups/pottery", ""},
	{"datastores", "GET", "datastores", ""},
	{"endpoint_put", "PUT", "batchEndpoints/glaze", `{"location": "eastus", "properties": {"authMode": "aadtoken", "description": "d", "properties": {"p": "1"}}, "tags": {"a": "b"}}`},
	{"endpoint", "GET", "batchEndpoints/glaze", ""},
	{"deployment_put", "PUT", "batchEndpoints/glaze/deployments/blue", blue},
	{"deployment", "GET", "batchEndpoints/glaze/deployments/blue", ""},
	{"compute_put", "PUT", "computes/cluster", `{"location": "eastus", "properties": {"computeType": "AmlCompute", "description": "d", "properties": {"vmSize": "Standard_DS3_v2",
		"userAccountCredentials": {"adminUserName": "potter", "adminUserPassword": "sesame", "adminUserSshPublicKey": "ssh"}, "scaleSettings": {"maxNodeCount": 4}}}}`},
	{"compute", "GET", "computes/cluster", ""},
	{"compute_put_again", "PUT", "computes/cluster", `{"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2"}}}`},
	{"compute_again", "GET", "computes/cluster", ""},
	{"compute_instance", "PUT", "computes/desk", `{"location": "eastus", "properties": {"computeType": "ComputeInstance", "disableLocalAuth": true, "properties": {"vmSize": "s"}}, "tags": {"a": "b"}}`},
	{"nodes", "POST", "computes/cluster/listNodes", ""},
	{"code_put", "PUT", "codes/score/versions/1", `{"properties": {"codeUri": "https://h/c/a"}}`},
	{"code", "GET", "codes/score/versions/1", ""},
	{"codes", "GET", "codes", ""},
	{"model_put", "PUT", "models/mugs/versions/1", `{"properties": {"modelUri": "https://h/c/a"}}`},
	{"model", "GET", "models/mugs/versions/1", ""},
	{"models", "GET", "models", ""},
	{"environment_put", "PUT", "environments/clay/versions/1", `{"properties": {"image": "kiln:1", "condaFile": "name: clay"}}`},
	{"environment", "GET", "environments/clay/versions/1", ""},
	{"environment_build", "PUT", "environments/wet/versions/1", `{"properties": {"build": {"contextUri": "https://h/c/b/", "dockerfilePath": "Dockerfile"}, "isAnonymous": true}}`},
	{"environments", "GET", "environments", ""},
	{"data_put", "PUT", "data/shards/versions/1", `{"properties": {"dataUri": "azureml://datastores/workspaceblobstore/paths/x"}}`},
	{"data_put_again", "PUT", "data/shards/versions/1", `{"properties": {"dataUri": "azureml://datastores/workspaceblobstore/paths/x", "description": "d"}}`},
	{"data", "GET", "data/shards/versions/1", ""},
	{"data_containers", "GET", "data", ""},
	{"component_put", "PUT", "components/fire/versions/1", `{"properties": {"componentSpec": {"type": "command", "code": "azureml:a"}, "isAnonymous": true}}`},
	{"component", "GET", "components/fire/versions/1", ""},
	{"components", "GET", "components", ""},
	{"command_job_put", "PUT", "jobs/turn", `{"properties": {"jobType": "Command", "command": "echo", "codeId": "/codes/a/versions/1", "computeId": "/computes/cluster",
		"inputs": {"clay": {"jobInputType": "uri_folder", "uri": "azureml:clay:1"}, "heat": {"jobInputType": "literal", "value": "900"}}}}`},
	{"command_job", "GET", "jobs/turn", ""},
	{"bare_command_job_put", "PUT", "jobs/bare", `{"properties": {"jobType": "Command", "command": "echo"}}`},
	{"bare_pipeline_job_put", "PUT", "jobs/barest", `{"properties": {"jobType": "Pipeline"}}`},
	{"full_command_job_put", "PUT", "jobs/full", `{"properties": {"jobType": "Command", "command": "echo", "codeId": "/codes/a/versions/1", "distribution": {"distributionType": "PyTorch"},
		"limits": {"jobLimitsType": "Command", "timeout": "PT1H"}, "environmentVariables": {"A": "b"}, "parameters": {"p": 1}, "queueSettings": {"jobTier": "Spot"},
		"resources": {"instanceCount": 2, "shmSize": "4g", "instanceType": "i", "properties": {"q": 1}, "dockerArgs": "-x"},
		"inputs": {"none": null, "clay": {"jobInputType": "uri_file", "uri": "azureml:clay:1", "mode": "Direct", "description": "d"}},
		"outputs": {"none": null, "mugs": {"jobOutputType": "uri_folder", "uri": "azureml://x", "mode": "Upload", "description": "e"}}}}`},
	{"pipeline_job_put", "PUT", "jobs/fire", `{"properties": {"jobType": "Pipeline", "outputs": {"mugs": {"jobOutputType": "uri_folder"}}}}`},
	{"pipeline_job", "GET", "jobs/fire", ""},
	{"schedule_put", "PUT", "schedules/nightly", `{"properties": {"displayName": "n", "isEnabled": true, "trigger": {"triggerType": "Cron", "expression": "0 3 * * *", "timeZone": "UTC"},
		"action": {"actionType": "CreateJob", "jobDefinition": {"jobType": "Pipeline"}}}}`},
	{"schedule", "GET", "schedules/nightly", ""},
	{"schedules", "GET", "schedules", ""},
	{"datastore_put", "PUT", "datastores/clay", `{"properties": {"datastoreType": "AzureBlob", "accountName": "a", "containerName": "c", "description": "d", "tags": {"a": "b"},
		"credentials": {"credentialsType": "AccountKey", "secrets": {"secretsType": "AccountKey", "key": "sesame"}}}}`},
	{"datastore", "GET", "datastores/clay", ""},
	{"jobs", "GET", "jobs", ""},
	{"missing_schedule", "GET", "schedules/none", ""},
	{"missing_deployment", "GET", "batchEndpoints/glaze/deployments/none", ""},
	{"missing_job", "GET", "jobs/none", ""},
	{"missing_datastore", "GET", "datastores/none", ""},
	{"missing_code", "GET", "codes/none/versions/1", ""},
	{"missing_model", "GET", "models/none", ""},
	{"missing_component", "GET", "components/none/versions/1", ""},
	{"missing_endpoint", "GET", "batchEndpoints/none", ""},
	{"missing_environment", "GET", "environments/none", ""},
	{"missing_data", "GET", "data/none/versions/1", ""},
	{"wrong_kinds", "PUT", "batchEndpoints/bad", `{"location": [], "tags": [], "properties": {"authMode": "no", "properties": {"a": {}}, "defaults": 1}}`},
	{"wrong_kinds_of_a_deployment", "PUT", "batchEndpoints/glaze/deployments/bad", `{"location": "eastus", "properties": {"miniBatchSize": "x", "errorThreshold": 1.5, "model": []}}`},
	{"wrong_kinds_of_a_compute", "PUT", "computes/bad", `{"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "s", "enableNodePublicIp": "maybe"}}}`},
	{"wrong_kinds_of_data", "PUT", "data/bad/versions/1", `{"properties": {"dataType": "x", "referencedUris": "y", "isArchived": 7}}`},
	{"wrong_kinds_of_common_properties", "PUT", "codes/bad/versions/1", `{"properties": {"description": {}, "tags": {"a": {}}, "properties": {"p": []}, "isAnonymous": "perhaps", "stage": []}}`},
	{"wrong_kinds_of_a_container", "PUT", "models/bad", `{"properties": {"tags": 1, "properties": 2, "isArchived": "no"}}`},
	{"broken_rules_of_a_deployment", "PUT", "batchEndpoints/glaze/deployments/1", `{"location": "eastus", "properties": {"codeConfiguration": {}, "outputFileName": "a/b",
		"miniBatchSize": 0, "maxConcurrencyPerInstance": 0, "errorThreshold": -2, "retrySettings": {"maxRetries": -1}, "resources": {"instanceCount": 0}}, "tags": {"a": ""}}`},
	{"broken_rules_of_an_endpoint", "PUT", "batchEndpoints/1", `{"location": "eastus", "properties": {"defaults": {"deploymentName": "x"}}}`},
	{"broken_rules_of_a_compute", "PUT", "computes/bad", `{"location": "eastus", "properties": {}}`},
}

// TestGolden compares whole answers, so that a member that comes, goes or changes is seen whatever it is.
// AZMLBATCH_RECORD=1 writes the answers anew; the witness tests hold them against recordings of the service.
func TestGolden(t *testing.T) {
	h := newHost(t)
	for _, g := range goldenRequests {
		t.Run(g.name, func(t *testing.T) {
			answers := store.Document{}
			if g.method == http.MethodGet && !strings.HasPrefix(g.path, "/") {
				before := ""
				for _, version := range goldenVersions {
					r := h.get(g.path + "?api-version=" + version)
					if now := masked(r.text); now != before {
						answers[version], before = decoded(t, now), now
					}
				}
			} else {
				answers[testVersion] = decoded(t, masked(h.do(g.method, g.path, g.body).text))
			}
			golden.Check(t, g.name, answers)
		})
	}
}

var (
	guid      = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	hexText   = regexp.MustCompile(`"[0-9a-f]{16}(?:[0-9a-f]{16})?"`)
	signature = regexp.MustCompile(`&t=[^"]*`)
)

// masked is an answer without what is new each time.
func masked(text string) string {
	text = guid.ReplaceAllStringFunc(text, func(id string) string {
		if strings.Count(id, id[:1]) > 20 { // of this test's own
			return id
		}
		return "GUID"
	})
	return signature.ReplaceAllString(hexText.ReplaceAllString(text, `"HEX"`), "&SIGNATURE")
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	if text == "" {
		return nil
	}
	var v any
	if err := store.Decode([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}
