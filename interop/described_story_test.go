package interop

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// describedStory is one of each: method, path below the workspace, status of the answer, body.
const describedStory = `
PUT codes/score/versions/1 201 {"properties": {"codeUri": "https://azmlbatchlaptop.blob.core.windows.net/code/score"}}
PUT models/digits/versions/1 201 {"properties": {"modelUri": "azureml://datastores/workspaceblobstore/paths/model", "modelType": "mlflow_model", "flavors": {"sklearn": {"data": {"a": "b"}}}, "tags": {"a": "b"}}}
PUT environments/digits/versions/1 201 {"properties": {"image": "example.azurecr.io/digits", "condaFile": "name: digits\ndependencies:\n- python=3.11\n"}}
PUT environments/built/versions/1 201 {"properties": {"build": {"contextUri": "https://azmlbatchlaptop.blob.core.windows.net/code/built", "dockerfilePath": "Dockerfile"}}}
PUT data/file/versions/1 201 {"properties": {"dataType": "uri_file", "dataUri": "azureml://datastores/workspaceblobstore/paths/a.csv"}}
PUT data/folder/versions/1 201 {"properties": {"dataType": "uri_folder", "dataUri": "azureml://datastores/workspaceblobstore/paths/a/"}}
PUT data/table/versions/1 201 {"properties": {"dataType": "mltable", "dataUri": "azureml://datastores/workspaceblobstore/paths/t/"}}
PUT components/fire/versions/1 201 {"properties": {"componentSpec": {"name": "fire", "type": "command", "command": "echo", "environment": "azureml:digits:1"}}}
PUT datastores/blobs 201 {"properties": {"datastoreType": "AzureBlob", "accountName": "azmlbatchlaptop", "containerName": "azureml", "endpoint": "core.windows.net", "protocol": "https", "credentials": {"credentialsType": "AccountKey", "secrets": {"secretsType": "AccountKey", "key": "a2V5"}}}}
PUT computes/batch-cluster 201 {"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "STANDARD_D2_V2", "scaleSettings": {"maxNodeCount": 2}}}}
PATCH computes/batch-cluster 200 {"properties": {"properties": {"scaleSettings": {"maxNodeCount": 4, "minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT2M"}}}}
POST computes/batch-cluster/listNodes 200
PUT batchEndpoints/digits 201 {"location": "eastus", "properties": {"authMode": "AADToken", "description": "digits"}, "tags": {"a": "b"}}
PUT batchEndpoints/digits/deployments/blue 201 {"location": "eastus", "properties": {"compute": "WORKSPACE/computes/batch-cluster", "environmentId": "WORKSPACE/environments/digits/versions/1", "model": {"referenceType": "Id", "assetId": "WORKSPACE/models/digits/versions/1"}, "codeConfiguration": {"codeId": "WORKSPACE/codes/score/versions/1", "scoringScript": "score.py"}, "outputAction": "SummaryOnly", "retrySettings": {"maxRetries": 2, "timeout": "PT1M"}, "loggingLevel": "Debug"}}
GET batchEndpoints/digits/deployments/blue 200
PATCH batchEndpoints/digits/deployments/blue 200 {"tags": {"c": "d"}}
PATCH batchEndpoints/digits 200 {"tags": {"c": "d"}}
POST batchEndpoints/digits/listkeys 200
PUT schedules/nightly 201 {"properties": {"action": {"actionType": "CreateJob", "jobDefinition": {"jobType": "Command", "command": "echo", "environmentId": "WORKSPACE/environments/digits/versions/1"}}, "trigger": {"triggerType": "Cron", "expression": "0 0 1 1 *"}}}
PUT schedules/weekly 201 {"properties": {"action": {"actionType": "CreateJob", "jobDefinition": {"jobType": "Pipeline", "jobs": {}}}, "trigger": {"triggerType": "Recurrence", "frequency": "week", "interval": 1, "schedule": {"hours": [3], "minutes": [0], "weekDays": ["Monday"]}}}}
PUT jobs/alone 201 {"properties": {"jobType": "Command", "command": "echo", "computeId": "WORKSPACE/computes/batch-cluster", "environmentId": "WORKSPACE/environments/digits/versions/1", "inputs": {"in": {"jobInputType": "literal", "value": "1"}}, "outputs": {"out": {"jobOutputType": "uri_folder"}}}}
PUT jobs/flow 201 {"properties": {"jobType": "Pipeline", "jobs": {"fire": {"type": "command", "componentId": "WORKSPACE/components/fire/versions/1"}}, "settings": {"default_compute": "WORKSPACE/computes/batch-cluster"}, "inputs": {"in": {"jobInputType": "uri_folder", "uri": "azureml://datastores/workspaceblobstore/paths/a/"}}}}
GET codes 200
GET codes/score 200
GET codes/score/versions 200
GET codes/score/versions/1 200
GET models 200
GET models/digits 200
GET models/digits/versions 200
GET models/digits/versions/1 200
GET environments 200
GET environments/digits 200
GET environments/digits/versions 200
GET environments/digits/versions/1 200
GET environments/built/versions/1 200
GET data 200
GET data/file 200
GET data/table/versions 200
GET data/table/versions/1 200
GET data/file/versions/1 200
GET data/folder/versions/1 200
GET components 200
GET components/fire 200
GET components/fire/versions 200
GET components/fire/versions/1 200
GET datastores 200
GET datastores/blobs 200
GET datastores/workspacefilestore 200
POST datastores/workspaceblobstore/listSecrets 200
GET computes 200
GET computes/batch-cluster 200
GET batchEndpoints 200
GET batchEndpoints/digits 200
GET batchEndpoints/digits/deployments 200
GET batchEndpoints/digits/deployments/blue 200
GET schedules 200
GET schedules/nightly 200
GET schedules/weekly 200
GET jobs 200
GET jobs/alone 200
GET jobs/flow 200
GET  200
GET batchEndpoints/none 404
GET models/none/versions/1 404
PUT batchEndpoints/odd 400 {"location": "eastus", "properties": {"authMode": "Magic"}}
PUT computes/odd 400 {"location": "eastus", "properties": {"computeType": "Magic"}}
DELETE batchEndpoints/digits/deployments/blue 202
DELETE batchEndpoints/digits 202
DELETE schedules/nightly 202
DELETE computes/batch-cluster?underlyingResourceAction=Delete 202
`

// recorded are ends of members that recordings of the service have and its descriptions do not:
// those of a compute and of its nodes in 2024-04-01, those of a workspace in 2023-08-01-preview.
var recorded = []string{
	"/properties/properties/enableBatchPrivateLink", "/properties/provisioningWarnings", "listNodes = 200 /computeType",
	"/properties/EnableSoftwareBillOfMaterials", "/properties/allowRoleAssignmentOnRG", "/properties/creationTime",
	"/properties/enableServiceSideCMKEncryption", "/properties/ipAllowlist", "/properties/networkAcls",
	"/properties/managedNetwork/changeableIsolationModes", "/properties/managedNetwork/enableFirewallLog", "/properties/managedNetwork/enableNetworkMonitor",
	"/properties/notebookInfo/isPrivateLinkEnabled", "/properties/sdkTelemetryAppInsightsKey", "/properties/softDeleteEnabled",
	"/properties/systemDatastoresAuthMode",
}

// TestAnswersAreAsDescribed plays the story in two api-versions.
func TestAnswersAreAsDescribed(t *testing.T) {
	for _, version := range []description{described2024(), described2022()} {
		t.Run(version.version, func(t *testing.T) {
			s := newShop(t)
			d := &described{azure: s.azure, description: version, checked: map[string]int{}, findings: map[string]bool{}}
			s.invoke(false)
			for line := range strings.Lines(describedStory) {
				if line = strings.TrimSpace(line); line != "" {
					s.tell(d, line)
				}
			}
			s.tell(d, "GET SUBSCRIPTION/locations/eastus/usages 200")
			s.tell(d, "GET SUBSCRIPTION/locations/eastus/vmSizes 200")
			s.tell(d, "GET SUBSCRIPTION/workspaces 200")
			for _, kind := range []string{"codes", "data", "models"} {
				if version.version >= "2023" {
					s.tell(d, "POST "+kind+"/next/versions/1/startPendingUpload 200 {\"pendingUploadType\": \"TemporaryBlobReference\"}")
				}
			}
			d.report(t)
		})
	}
}

func (d *described) report(t *testing.T) {
	t.Helper()
	met := map[string]bool{}
	for _, finding := range slices.Sorted(maps.Keys(d.findings)) {
		i := slices.IndexFunc(recorded, func(end string) bool { return strings.HasSuffix(finding, end+": "+noMember) })
		if i < 0 {
			t.Error(finding)
		} else {
			met[recorded[i]] = true
		}
	}
	for _, end := range recorded {
		if !met[end] && d.version > "2023" {
			t.Errorf("no answer has %s: remove it from recorded", end)
		}
	}
	for _, a := range d.answers {
		if a.kind != nil && d.checked[a.method+" "+a.pattern] == 0 {
			t.Errorf("no answer to %s %s was checked", a.method, a.pattern)
		}
	}
}

// tell sends a line of the story.
func (s *shop) tell(d *described, line string) {
	s.t.Helper()
	words := strings.SplitN(line, " ", 4)
	url := "https://management.azure.com" + strings.TrimSuffix(s.id+"/"+words[1], "/")
	if place, ours := strings.CutPrefix(words[1], "SUBSCRIPTION"); ours {
		subscription, _, _ := strings.Cut(s.id, "/resourceGroups/")
		url = "https://management.azure.com" + subscription + "/providers/Microsoft.MachineLearningServices" + place
	}
	body := ""
	if len(words) == 4 {
		body = strings.ReplaceAll(words[3], "WORKSPACE", s.id)
	}
	separator := map[bool]string{true: "&", false: "?"}[strings.Contains(url, "?")]
	r, err := http.NewRequestWithContext(s.t.Context(), words[0], url+separator+"api-version="+d.version, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	token, err := s.azure.Credential().GetToken(s.t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com/.default"}})
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token.Token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := d.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if got := answer.Status; !strings.HasPrefix(got, words[2]) || err != nil {
		s.t.Errorf("%s %s = %s, want %s: %s", words[0], words[1], got, words[2], text)
	}
}
