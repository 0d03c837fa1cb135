package azmlbatch

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const workspaceJSON = `{"id":"/w","name":"kiln","location":"westus","kind":"Default","tags":{"a":"b"},"sku":{"name":"Basic"},"identity":{"type":"SystemAssigned","principalId":"p"},
	"properties":{"workspaceId":"` + workspaceGUID + `","friendlyName":"Kiln","storageAccount":"/s","discoveryUrl":"https://westus.api.azureml.ms/discovery",
	"systemDatastoresAuthMode":"identity","provisioningState":"Succeeded","newer":{"a":1}}}`

func TestWorkspaceDetails(t *testing.T) {
	service := &fakeService{answers: map[string]http.HandlerFunc{"GET ": answer(200, workspaceJSON)}}
	d, err := service.client(t).WorkspaceDetails(t.Context())
	if err != nil || d.WorkspaceID != workspaceGUID || d.SystemDatastoresAuthMode != "identity" || d.Identity.PrincipalID != "p" {
		t.Errorf("WorkspaceDetails = %+v, %v", d, err)
	}
	out, err := json.Marshal(d)
	if diff := cmp.Diff(compactJSON(workspaceJSON), compactJSON(string(out))); err != nil || diff != "" {
		t.Errorf("written again, %v (-want +got):\n%s", err, diff)
	}
}

// The data plane is looked for once, and only the hosts of the data plane are believed.
func TestDataPlaneIsDiscoveredOnce(t *testing.T) {
	for _, tt := range []struct{ api, want string }{
		{"https://westus.api.azureml.ms/", "https://westus.api.azureml.ms/history/v1.0" + testWorkspaceID + "/runs/j"},
		{"https://api.azureml.ms.evil.example", ""},
		{"http://westus.api.azureml.ms", ""},
		{"", ""},
	} {
		var asked []string
		c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Host)
			if strings.HasSuffix(r.Host, ".api.azureml.ms") {
				writeJSON(w, 200, `{"api":"`+tt.api+`"}`)
				return
			}
			writeJSON(w, 200, workspaceJSON)
		})
		for range 2 {
			got, err := c.dataPlaneURL(t.Context(), "history/v1.0", "runs", "j")
			if got != tt.want || errors.Is(err, errForeignHost) != (tt.want == "") {
				t.Errorf("%q: %s, %v, want %s", tt.api, got, err, tt.want)
			}
		}
		if tt.want != "" {
			if diff := cmp.Diff([]string{"management.azure.com", "westus.api.azureml.ms"}, asked); diff != "" {
				t.Errorf("hosts asked (-want +got):\n%s", diff)
			}
		}
	}
}
