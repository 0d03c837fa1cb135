package azmlbatch

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWhereAJobWrites reads the place of the predictions out of a job's parameters.
func TestWhereAJobWrites(t *testing.T) {
	const folder = "azureml://datastores/d/paths/results/"
	tests := []struct {
		name       string
		parameters map[string]string
		want       output
	}{
		{"a file of the caller's", map[string]string{"output_uri": folder + "day.csv", "append_row_file_name": "day.csv"}, output{folder, "day.csv"}},
		{"a file and a script with files of its own", map[string]string{"output_uri": folder + "day.csv"}, output{folder, "day.csv"}},
		{"a folder, in the older form", map[string]string{"output_uri": folder, "append_row_file_name": "predictions.csv"}, output{folder, "predictions.csv"}},
		{"a folder without a slash", map[string]string{"output_uri": folder + "day", "append_row_file_name": "p.csv"}, output{folder + "day/", "p.csv"}},
		{"a folder called like the file", map[string]string{"output_uri": folder + "p.csv/", "append_row_file_name": "p.csv"}, output{folder + "p.csv/", "p.csv"}},
		{"a folder and a script with files of its own", map[string]string{"output_uri": folder}, output{folder, "predictions.csv"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parameters, err := json.Marshal(tt.parameters)
			if err != nil {
				t.Fatal(err)
			}
			body, err := json.Marshal(map[string]any{"name": "j", "properties": map[string]any{"properties": map[string]string{"azureml.parameters": string(parameters)}}})
			if err != nil {
				t.Fatal(err)
			}
			c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, string(body)) })
			job, err := c.Jobs().Get(t.Context(), "j")
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Jobs().outputOf(t.Context(), operation{"read", "job", "j"}, job)
			if err != nil || got != tt.want {
				t.Errorf("output = %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

// pipelineJob answers for the job j of a pipeline component, whose output scores the service has placed. outputs are those
// that run history tells.
func pipelineJob(t *testing.T, outputs string) *Client {
	return newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case strings.HasSuffix(path, "/workspaces/kiln"):
			writeJSON(w, 200, `{"name":"kiln","properties":{"discoveryUrl":"https://westeurope.api.azureml.ms/discovery"}}`)
		case path == "/discovery":
			writeJSON(w, 200, `{"api":"https://westeurope.api.azureml.ms"}`)
		case strings.HasPrefix(path, "/history/v1.0/") && strings.HasSuffix(path, "/rundata"):
			writeJSON(w, 200, `{"runMetadata":{"outputs":`+outputs+`}}`)
		case strings.HasPrefix(path, "/data/v1.0/") && strings.HasSuffix(path, "/dataversion/batchGetResolvedUris"):
			writeJSON(w, 200, `{"values":{"azureml://locations/l/workspaces/w/data/scores/versions/1":{"uri":"azureml://datastores/kilns/paths/azureml/j/scores/"}}}`)
		case strings.HasSuffix(path, "/batchEndpoints/letters"):
			writeJSON(w, 200, `{"name":"letters","properties":{"scoringUri":"https://letters.westeurope.inference.ml.azure.com/jobs"}}`)
		case path == "/jobs/j":
			writeJSON(w, 200, `{"name":"j","properties":{"outputData":{"scores":{"jobOutputType":"UriFolder","uri":null}}}}`)
		default:
			writeJSON(w, 200, `{"name":"j","properties":{"description":"Pipeline submission for endpoint: letters, deployment: steps.",
				"tags":{"azureml.batchrun":"true","azureml.jobtype":"azureml.pipelinejob"}}}`)
		}
	})
}

// TestOutputsThatTheServicePlaced: run history tells where they are.
func TestOutputsThatTheServicePlaced(t *testing.T) {
	c := pipelineJob(t, `{"scores":{"assetId":"azureml://locations/l/workspaces/w/data/scores/versions/1","type":"UriFolder"},"none":{"assetId":null}}`)
	got, err := c.Jobs().runOutputs(t.Context(), operation{"list outputs of", "job", "j"}, "j")
	if diff := cmp.Diff(map[string]string{"scores": "azureml://datastores/kilns/paths/azureml/j/scores/"}, got); diff != "" || err != nil {
		t.Errorf("outputs (-want +got):\n%s%v", diff, err)
	}
}

// TestOutputsWithoutAPlace: of a pipeline component's job that runs, nothing tells where the service puts its outputs.
func TestOutputsWithoutAPlace(t *testing.T) {
	c := pipelineJob(t, "null")
	const want = `azmlbatch: list outputs of job "j": no output of the job has a place; wait for the end of the job, or invoke with Invocation.Outputs`
	for _, err := range c.Jobs().ListOutputs(t.Context(), "j") {
		if !errors.Is(err, ErrNotFound) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("ListOutputs = %v, want %s", err, want)
		}
	}
	if _, err := c.Jobs().Download(t.Context(), "j", t.TempDir(), nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("Download = %v, want ErrNotFound", err)
	}
}
