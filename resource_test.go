package azmlbatch

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch/internal/wire"
	"github.com/google/go-cmp/cmp"
)

// Every resource keeps what this version does not know, at every level, through a round trip, and leaves out of a request
// what the service alone sets.
func TestResourcesLoseNothing(t *testing.T) {
	const meta = `"id":"/x/1","name":"n","type":"t","systemData":{"createdAt":"2026-02-23T06:23:22.45068Z","createdBy":"A Potter","newer":1},"newer":{"a":[1]}`
	tests := []struct {
		name, body string
		value      json.Unmarshaler
	}{
		{"endpoint", `{"location":"westus","tags":{"a":"b"},"identity":{"type":"UserAssigned","userAssignedIdentities":{"/id":{"newer":1}},"newer":1},
			"properties":{"description":"d","authMode":"Newer","defaults":{"deploymentName":"blue","newer":1},"properties":{"p":"v"},"newer":2}}`, new(Endpoint)},
		{"deployment of a model", `{"properties":{"model":{"assetId":"/m","referenceType":"Id","newer":1},"codeConfiguration":{"codeId":"/c","scoringScript":"s.py","newer":1},
			"environmentId":"/e","environmentVariables":{"A":"b"},"compute":"/k","errorThreshold":0,"retrySettings":{"maxRetries":0,"timeout":"PT1M40S","newer":1},
			"miniBatchSize":3,"loggingLevel":"Newer","maxConcurrencyPerInstance":2,"outputAction":"Newer","outputFileName":"p.csv",
			"resources":{"instanceCount":2,"instanceType":"i","properties":{"a":{"b":1}},"newer":1},"newer":[true]}}`, new(Deployment)},
		{"deployment of a data path", `{"properties":{"model":{"datastoreId":"/d","path":"p","referenceType":"DataPath","newer":1}}}`, new(Deployment)},
		{"deployment of an output", `{"properties":{"model":{"jobId":"/j","path":"p","referenceType":"OutputPath","newer":1}}}`, new(Deployment)},
		{"deployment of a newer kind", `{"properties":{"model":{"referenceType":"Newer","x":1},"deploymentConfiguration":{"deploymentConfigurationType":"Newer","x":1}}}`, new(Deployment)},
		{"deployment of a component", `{"properties":{"deploymentConfiguration":{"deploymentConfigurationType":"PipelineComponent","componentId":{"assetId":"/c","referenceType":"Id","newer":1},
			"description":"d","settings":{"a":"b"},"tags":{"c":"d"},"newer":1}}}`, new(Deployment)},
		{"cluster", `{"location":"westus","properties":{"computeType":"AmlCompute","description":"d","disableLocalAuth":true,"newer":1,"properties":{"osType":"Linux","vmSize":"S","vmPriority":"Newer",
			"scaleSettings":{"maxNodeCount":2,"minNodeCount":0,"nodeIdleTimeBeforeScaleDown":"PT2M","newer":1},"userAccountCredentials":{"adminUserName":"u","adminUserPassword":"p","adminUserSshPublicKey":"k","newer":1},
			"subnet":{"id":"/s","newer":1},"virtualMachineImage":{"id":"/v","newer":1},"propertyBag":{},"enableNodePublicIp":false,"isolatedNetwork":true,"enableBatchPrivateLink":true,"remoteLoginPortPublicAccess":"Disabled"}}}`, new(Compute)},
		{"another compute", `{"properties":{"computeType":"ComputeInstance","properties":{"vmSize":"S","state":"Running"}}}`, new(Compute)},
		{"datastore without credentials", `{"properties":{"datastoreType":"AzureBlob","accountName":"a","containerName":"c","endpoint":"e","protocol":"https","subscriptionId":"s","resourceGroup":"g",
			"serviceDataAccessAuthIdentity":"None","credentials":{"credentialsType":"None","newer":1},"newer":1}}`, new(Datastore)},
		{"datastore with a service principal", `{"properties":{"credentials":{"credentialsType":"ServicePrincipal","authorityUrl":"u","clientId":"c","tenantId":"t","resourceUrl":"r","newer":1}}}`, new(Datastore)},
		{"datastore with a certificate", `{"properties":{"credentials":{"credentialsType":"Certificate","clientId":"c","tenantId":"t","thumbprint":"h","newer":1}}}`, new(Datastore)},
		{"datastore with a key", `{"properties":{"credentials":{"credentialsType":"AccountKey","newer":1}}}`, new(Datastore)},
		{"datastore with a signature", `{"properties":{"credentials":{"credentialsType":"Sas","newer":1}}}`, new(Datastore)},
		{"datastore with newer credentials", `{"properties":{"credentials":{"credentialsType":"Newer","x":{}}}}`, new(Datastore)},
		{"container", `{"properties":{"description":"d","tags":{"a":"b"},"properties":{"p":"v"},"isArchived":true,"dataType":"uri_file","newer":1}}`, new(AssetContainer)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := "{" + meta + "," + tt.body[1:]
			if _, none := tt.value.(*Datastore); !none {
				in = strings.Replace(in, `"properties":{`, `"properties":{"provisioningState":"Succeeded",`, 1)
			}
			if err := tt.value.UnmarshalJSON([]byte(in)); err != nil {
				t.Fatal(err)
			}
			out, err := json.Marshal(tt.value)
			if diff := cmp.Diff(compactJSON(in), compactJSON(string(out))); err != nil || diff != "" {
				t.Errorf("written again, %v (-want +got):\n%s", err, diff)
			}
			request, err := wire.Marshal(tt.value, wire.ForRequest)
			if diff := cmp.Diff(compactJSON(strings.TrimSuffix(tt.body, "}")+`,"newer":{"a":[1]}}`), compactJSON(string(request))); err != nil || diff != "" {
				t.Errorf("in a request, %v (-want +got):\n%s", err, diff)
			}
		})
	}
}
