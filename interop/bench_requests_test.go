package interop

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"github.com/azmlbatch/azmlbatch"
)

const benchHost = "https://management.azure.com"

func benchEndpoint(state string) []byte {
	id := benchWorkspace.ID() + "/batchEndpoints/glazes"
	uri := `null`
	if state == "Succeeded" {
		uri = `"https://glazes.westeurope.inference.ml.azure.com/jobs"`
	}
	return fmt.Appendf(nil, `{"id":%q,"name":"glazes","type":"Microsoft.MachineLearningServices/workspaces/batchEndpoints",`+
		`"properties":{"description":"Glaze faults in photographs","properties":{"studio":"north","line":"stoneware",`+
		`"BatchEndpointCreationApiVersion":"2024-04-01","azureml.onlineendpointid":%q},"scoringUri":%s,"swaggerUri":null,`+
		`"authMode":"AADToken","defaults":{"deploymentName":"blue"},"provisioningState":%q},`+
		`"systemData":{"createdAt":"2026-02-27T17:05:24.3638539+00:00","createdBy":"A Potter","lastModifiedAt":"2026-02-27T17:05:24.3638669+00:00"},`+
		`"tags":{"owner":"kiln-room"},"location":"westeurope","kind":null}`, id, id, uri, state)
}

// BenchmarkGetEndpoint is one request through everything that a request meets: token, retry layer, decoding.
func BenchmarkGetEndpoint(b *testing.B) {
	answer := benchAnswer{status: http.StatusOK, body: benchEndpoint("Succeeded")}
	compareClients(b, func(*http.Request) benchAnswer { return answer },
		func(b *testing.B, c *azmlbatch.Client) {
			e, err := c.Endpoints().Get(b.Context(), "glazes")
			if err != nil || e.DefaultDeployment != "blue" {
				b.Fatal(e, err)
			}
		},
		func(b *testing.B, f *ml.ClientFactory) {
			e, err := f.NewBatchEndpointsClient().Get(b.Context(), benchWorkspace.ResourceGroup, benchWorkspace.Name, "glazes", nil)
			if err != nil || *e.Properties.Defaults.DeploymentName != "blue" {
				b.Fatal(e, err)
			}
		})
}

// BenchmarkMissingEndpoint is the way of an error.
func BenchmarkMissingEndpoint(b *testing.B) {
	answer := benchAnswer{status: http.StatusNotFound, body: []byte(`{"error":{"code":"UserError","message":"There is no endpoint glazes in this workspace.","details":[],` +
		`"additionalInfo":[{"type":"ComponentName","info":{"value":"managementfrontend"}},{"type":"Environment","info":{"value":"westeurope"}},` +
		`{"type":"InnerError","info":{"value":{"code":"NotFound","innerError":{"code":"EndpointNotFound","innerError":null}}}}]}}`)}
	compareClients(b, func(*http.Request) benchAnswer { return answer },
		func(b *testing.B, c *azmlbatch.Client) {
			if _, err := c.Endpoints().Get(b.Context(), "glazes"); !azmlbatch.HasCode(err, "EndpointNotFound") {
				b.Fatal(err)
			}
		},
		func(b *testing.B, f *ml.ClientFactory) {
			_, err := f.NewBatchEndpointsClient().Get(b.Context(), benchWorkspace.ResourceGroup, benchWorkspace.Name, "glazes", nil)
			if !azmlbatch.HasCode(err, "UserError") { // azcore reads no inner codes
				b.Fatal(err)
			}
		})
}

// BenchmarkCreateEndpoint creates and waits; the operation has ended when it is first asked for.
func BenchmarkCreateEndpoint(b *testing.B) {
	const operation = "/providers/Microsoft.MachineLearningServices/locations/westeurope/mfeOperationsStatus/bebes:b0f1ba9e"
	accepted := benchAnswer{status: http.StatusCreated, body: benchEndpoint("Creating"), header: http.Header{
		"Azure-Asyncoperation": {benchHost + operation + "?api-version=2024-04-01&t=639078087247061687&c=c&s=s&h=h"},
		"Location":             {benchHost + benchWorkspace.ID() + "/batchEndpoints/glazes?api-version=2024-04-01"}}}
	ended := benchAnswer{status: http.StatusOK, body: []byte(`{"id":"` + operation + `","name":"bebes:b0f1ba9e","status":"Succeeded"}`)}
	final := benchAnswer{status: http.StatusOK, body: benchEndpoint("Succeeded")}
	compareClients(b, func(r *http.Request) benchAnswer {
		switch {
		case r.Method == http.MethodPut:
			return accepted
		case strings.Contains(r.URL.Path, "mfeOperationsStatus"):
			return ended
		}
		return final
	},
		func(b *testing.B, c *azmlbatch.Client) {
			e, err := c.Endpoints().CreateOrUpdate(b.Context(), "glazes", azmlbatch.Endpoint{
				Location: "westeurope", Description: "Glaze faults in photographs", Tags: map[string]string{"owner": "kiln-room"},
				Properties: map[string]string{"studio": "north", "line": "stoneware"}}, nil)
			if err != nil || e.ScoringURI == "" {
				b.Fatal(e, err)
			}
		},
		func(b *testing.B, f *ml.ClientFactory) {
			p, err := f.NewBatchEndpointsClient().BeginCreateOrUpdate(b.Context(), benchWorkspace.ResourceGroup, benchWorkspace.Name, "glazes", ml.BatchEndpoint{
				Location: new("westeurope"), Tags: map[string]*string{"owner": new("kiln-room")}, Properties: &ml.BatchEndpointProperties{
					AuthMode: new(ml.EndpointAuthModeAADToken), Description: new("Glaze faults in photographs"),
					Properties: map[string]*string{"studio": new("north"), "line": new("stoneware")}}}, nil)
			if err != nil {
				b.Fatal(err)
			}
			e, err := p.PollUntilDone(b.Context(), &runtime.PollUntilDoneOptions{Frequency: time.Millisecond})
			if err != nil || e.Properties.ScoringURI == nil {
				b.Fatal(e, err)
			}
		})
}
