package azmlbatch

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestBodiesOfInvocations holds every form of a request's body that the service takes.
func TestBodiesOfInvocations(t *testing.T) {
	const (
		output = `"outputData":{"score":{"jobOutputType":"UriFile","uri":"azureml://datastores/workspaceblobstore/paths/azmlbatch/digits/k/predictions.csv"}}`
		folder = `"inputData":{"UriFolder":{"jobInputType":"UriFolder","uri":"https://acc.blob.core.windows.net/con/digits"}}`
	)
	input := URIFolder{URI: "https://acc.blob.core.windows.net/con/digits"}
	tests := []struct {
		name string
		inv  Invocation
		want string // the members of properties
	}{
		{"a folder without a name", Invocation{Input: input}, folder + "," + output},
		{"a file without a name", Invocation{Input: URIFile{URI: "https://acc.blob.core.windows.net/con/a.csv"}},
			`"inputData":{"UriFile":{"jobInputType":"UriFile","uri":"https://acc.blob.core.windows.net/con/a.csv"}},` + output},
		{"a datastore path", Invocation{Input: URIFolder{URI: "azureml://datastores/d/paths/p/"}},
			`"inputData":{"UriFolder":{"jobInputType":"UriFolder","uri":"azureml://datastores/d/paths/p/"}},` + output},
		{"registered data", Invocation{Input: URIFolder{URI: "azureml:digits:3", Mode: DataModeDownload, Description: "the test set"}},
			`"inputData":{"UriFolder":{"jobInputType":"UriFolder","uri":"` + testWorkspaceID + `/data/digits/versions/3","mode":"Download","description":"the test set"}},` + output},
		{"registered data by id", Invocation{Input: URIFolder{URI: testWorkspaceID + "/data/digits/versions/3"}},
			`"inputData":{"UriFolder":{"jobInputType":"UriFolder","uri":"` + testWorkspaceID + `/data/digits/versions/3"}},` + output},
		{"data of a registry by label", Invocation{Input: URIFolder{URI: "azureml://registries/r/data/digits/labels/latest"}},
			`"inputData":{"UriFolder":{"jobInputType":"UriFolder","uri":"azureml://registries/r/data/digits/labels/latest"}},` + output},
		{"named inputs of every kind", Invocation{Deployment: "pipe", Outputs: Outputs{"score": URIFile{URI: "azureml://datastores/workspaceblobstore/paths/azmlbatch/digits/k/predictions.csv"}}, Inputs: Inputs{
			"folder": input, "file": URIFile{URI: "azureml:a:1"}, "table": MLTable{URI: "azureml:b:1", Mode: DataModeEvalMount}, "custom": CustomModel{URI: "azureml:c:1"},
			"mlflow": MLFlowModel{URI: "azureml:d:1"}, "triton": TritonModel{URI: "azureml:e:1"},
			"text": Literal{Value: "append"}, "number": Literal{Value: 1.5}, "whole": Literal{Value: 7}, "yes": Literal{Value: true},
			"later": UnknownData{Type: "Hologram", Raw: json.RawMessage(`{"jobInputType":"Hologram","x":1}`)}}},
			`"inputData":{"folder":{"jobInputType":"UriFolder","uri":"https://acc.blob.core.windows.net/con/digits"},"file":{"jobInputType":"UriFile","uri":"` + testWorkspaceID + `/data/a/versions/1"},
			"table":{"jobInputType":"MLTable","uri":"` + testWorkspaceID + `/data/b/versions/1","mode":"EvalMount"},"custom":{"jobInputType":"CustomModel","uri":"` + testWorkspaceID + `/models/c/versions/1"},
			"mlflow":{"jobInputType":"MLFlowModel","uri":"` + testWorkspaceID + `/models/d/versions/1"},"triton":{"jobInputType":"TritonModel","uri":"` + testWorkspaceID + `/models/e/versions/1"},
			"text":{"jobInputType":"Literal","value":"append"},"number":{"jobInputType":"Literal","value":1.5},"whole":{"jobInputType":"Literal","value":7},
			"yes":{"jobInputType":"Literal","value":true},"later":{"jobInputType":"Hologram","x":1}},` + output},
		{"an output of the caller's", Invocation{Input: input, Outputs: Outputs{"score": URIFile{URI: "azureml://datastores/d/paths/p/out.csv", Mode: DataModeUpload}}},
			folder + `,"outputData":{"score":{"jobOutputType":"UriFile","uri":"azureml://datastores/d/paths/p/out.csv","mode":"Upload"}}`},
		{"every override", Invocation{Input: input, DisplayName: "monday", ExperimentName: "nightly", MiniBatchSize: 20, ErrorThreshold: new(-1),
			MaxConcurrencyPerInstance: 2, InstanceCount: 4, Compute: "azureml:gpu", RetrySettings: RetrySettings{MaxRetries: new(2), Timeout: 90 * time.Second},
			LoggingLevel: "Debug", OutputFileName: "out.csv"},
			folder + "," + strings.Replace(output, "predictions.csv", "out.csv", 1) + `,"name":"monday","properties":{"experimentName":"nightly"},"miniBatchSize":20,"errorThreshold":-1,"maxConcurrencyPerInstance":2,
			"compute":{"instanceCount":4,"target":"` + testWorkspaceID + `/computes/gpu"},"retrySettings":{"maxRetries":2,"timeout":"PT1M30S"},"loggingLevel":"Debug","outputFileName":"out.csv"`},
		{"no override but a zero", Invocation{Input: input, ErrorThreshold: new(0)}, folder + "," + output + `,"errorThreshold":0`},
		{"a setting in preview", Invocation{Input: input, InstanceCount: 2, Extra: map[string]json.RawMessage{
			"/properties/compute/preemptible": json.RawMessage(`true`), "/properties/compute/instanceCount": json.RawMessage(`9`)}},
			folder + "," + output + `,"compute":{"instanceCount":2,"preemptible":true}`},
		{"the older form, whole", Invocation{Dataset: DatasetVersion{Name: "digits", Version: "3"}, OutputDataset: OutputDataset{DatastoreID: testWorkspaceID + "/datastores/d", Path: "p"}, OutputFileName: "o.csv"},
			`"dataset":{"dataInputType":"DatasetVersion","datasetName":"digits","datasetVersion":"3"},"outputDataset":{"datastoreId":"` + testWorkspaceID + `/datastores/d","path":"p"},"outputFileName":"o.csv"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := newBatchService(t)
			tt.inv.Key = "k"
			if _, err := c.Endpoints().Invoke(t.Context(), "digits", tt.inv); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(compactJSON(`{"properties":{`+tt.want+`}}`), s.posts[0].Body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHeadersOfInvocations(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for deployment, want := range map[string]string{"": "", "blue": "blue"} {
		s, c := newBatchService(t)
		var got http.Header
		s.post = func(_ http.ResponseWriter, r *http.Request) bool { got = r.Header; return false }
		if _, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Deployment: deployment, Key: "monday"}); err != nil {
			t.Fatal(err)
		}
		if got.Get("azureml-model-deployment") != want || !uuid.MatchString(got.Get("repeatability_request-id")) ||
			got.Get("Content-Type") != "application/json" || got.Get("Authorization") != "Bearer token for https://ml.azure.com/.default" {
			t.Errorf("headers with deployment %q = %v", deployment, got)
		}
	}
}

func TestInvokeTakesInputsAndOutputsByPointer(t *testing.T) {
	s, c := newBatchService(t)
	for range 2 { // the key is kept for an output that is a pointer, too
		if _, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Key: "monday", Input: &URIFolder{URI: "https://h/x"},
			Outputs: Outputs{"o": &URIFile{URI: "azureml://datastores/d/paths/p/rows.csv"}}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.posts) != 1 {
		t.Errorf("%d jobs were started, want 1", len(s.posts))
	}
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Input: (*URIFile)(nil)}); !errors.As(err, new(*ArgumentError)) {
		t.Errorf("a nil pointer as input: %v", err)
	}
}

// TestInvokeRefusesWhatIsNoJSON tells about a body that cannot be written, before the job is started.
func TestInvokeRefusesWhatIsNoJSON(t *testing.T) {
	for want, inv := range map[string]Invocation{
		`body: cannot be written as JSON: key "newSetting" of Extra is no place for a member of azmlbatch.Invocation`: {
			Extra: map[string]json.RawMessage{"newSetting": json.RawMessage(`1`)}},
		`body: cannot be written as JSON: member "/properties/newSetting" of Extra: JSON, byte 0: a value was expected`: {
			Extra: map[string]json.RawMessage{"/properties/newSetting": json.RawMessage(`yes`)}},
		`body: cannot be written as JSON: /properties/dataset: is nil`: {Dataset: (*DataURL)(nil)},
	} {
		s, c := newBatchService(t)
		if inv.Dataset == nil {
			inv.Inputs = sampleInputs
		}
		_, err := c.Endpoints().Invoke(t.Context(), "digits", inv)
		if !errors.As(err, new(*ArgumentError)) || !strings.HasSuffix(err.Error(), want) || len(s.posts) != 0 {
			t.Errorf("Invoke = %v after %d posts, want %s", err, len(s.posts), want)
		}
	}
}
