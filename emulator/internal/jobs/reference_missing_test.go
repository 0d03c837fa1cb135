package jobs

import (
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

func TestMissing(t *testing.T) {
	w := newWorld(t, nil)
	for _, id := range []string{
		"/codes/score/versions/1", "/models/glaze/versions/1", "/environments/clay/versions/2", "/components/fire/versions/1", "/data/tiles/versions/1",
	} {
		w.put(testWorkspace+id, store.Document{"properties": store.Document{}})
	}
	const other = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.MachineLearningServices/workspaces/w2"
	tests := []struct {
		kind, reference string
		want            bool
	}{
		{"models", "", false},
		{"models", testWorkspace + "/models/glaze/versions/1", false},
		{"models", testWorkspace + "/models/glaze/versions/2", true},
		{"models", testWorkspace + "/models/mug/versions/1", true},
		{"models", testWorkspace + "/codes/score/versions/1", true}, // code is no model
		{"models", "azureml:" + testWorkspace + "/models/glaze/versions/2", true},
		{"models", testWorkspace + "/models/glaze/labels/latest", false},
		{"models", testWorkspace + "/models/mug/versions/labels/latest", true},
		{"models", "azureml:glaze:1", false},
		{"models", "azureml:glaze:2", true},
		{"models", "azureml:mug@latest", true},
		{"models", other + "/models/glaze/versions/2", false},
		{"models", "azureml://registries/azureml/models/mug/versions/1", false},
		{"models", "azureml://datastores/workspaceblobstore/paths/nothing", false},
		{"codes", testWorkspace + "/codes/score/versions/1", false},
		{"codes", testWorkspace + "/codes/score/versions/2", true},
		{"components", testWorkspace + "/components/fire/versions/1", false},
		{"components", testWorkspace + "/components/fire/versions/2", true},
		{"data", "azureml:tiles:1", false},
		{"data", "azureml:tiles:2", true},
		{"environments", "azureml:clay:2", false},
		{"environments", "azureml:clay:1", true},
		{"environments", "azureml:AzureML-sklearn-1.0-ubuntu20.04-py38-cpu:33", false},
		{"environments", "azureml:AzureML-sklearn-1.0-ubuntu20.04-py38-cpu", false},
		{"environments", "azureml:clay", true},
		{"environments", "clay", true},
		{"environments", "azureml:clay@stable", true},
		{"environments", testWorkspace + "/environments/clay", true},
		{"environments", testWorkspace + "/environments/clay/labels/stable", true},
		{"environments", "azureml://registries/azureml/environments/clay", false},
		{"environments", "/environments/clay", false},
		{"computes", testWorkspace + "/computes/cluster", false},
		{"computes", testWorkspace + "/computes/CLUSTER", false},
		{"computes", testWorkspace + "/computes/other", true},
		{"computes", testWorkspace + "/computes/cluster/versions/1", true},
		{"computes", "azureml:cluster", false},
		{"computes", "cluster", false},
		{"computes", "azureml:cluster:1", true},
		{"computes", "other", true},
		{"computes", other + "/computes/other", false},
		{"computes", "/computes/other", false},
		{"datastores", testWorkspace + "/datastores/" + defaultStore, false},
		{"datastores", "azureml:" + testWorkspace + "/datastores/none", true},
		{"datastores", "none", true},
		{"datastores", other + "/datastores/none", false},
		{"jobs", testWorkspace + "/jobs/none", true},
	}
	for _, tt := range tests {
		if got := Missing(w.store, testWorkspace, testSuffix, tt.kind, tt.reference); got != tt.want {
			t.Errorf("Missing(%s, %q) = %v, want %v", tt.kind, tt.reference, got, tt.want)
		}
	}
}
