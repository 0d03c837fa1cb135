package jobs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/golden"
)

const (
	testSuffix    = "core.windows.net"
	testWorkspace = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.MachineLearningServices/workspaces/w1"
)

func TestParseReference(t *testing.T) {
	tests := map[string]struct {
		text string
		want reference
	}{
		"arm id":                 {testWorkspace + "/data/tiles/versions/3", assetVersion{workspace: testWorkspace, kind: "data", name: "tiles", version: "3"}},
		"arm id of another case": {"/Subscriptions/s1/resourcegroups/g1/providers/microsoft.machinelearningservices/workspaces/w1/Data/tiles/versions/3", assetVersion{workspace: testWorkspace, kind: "data", name: "tiles", version: "3"}},
		"arm id with a prefix":   {"azureml:" + testWorkspace + "/models/glaze/versions/1", assetVersion{workspace: testWorkspace, kind: "models", name: "glaze", version: "1"}},
		"arm id of a code":       {testWorkspace + "/codes/kiln/versions/1", assetVersion{workspace: testWorkspace, kind: "codes", name: "kiln", version: "1"}},
		"short":                  {"azureml:tiles:3", assetVersion{name: "tiles", version: "3"}},
		"short without a prefix": {"tiles:3", assetVersion{name: "tiles", version: "3"}},
		"short latest":           {"azureml:tiles@latest", assetVersion{name: "tiles"}},
		"slash latest":           {"azureml:/tiles@latest", assetVersion{name: "tiles"}},
		"long":                   {"azureml://subscriptions/s1/resourcegroups/g1/workspaces/w1/data/tiles/versions/3", assetVersion{workspace: testWorkspace, kind: "data", name: "tiles", version: "3"}},
		"long with a provider":   {"azureml://subscriptions/s1/resourceGroups/g1/providers/Microsoft.MachineLearningServices/workspaces/w1/data/tiles/versions/3", assetVersion{workspace: testWorkspace, kind: "data", name: "tiles", version: "3"}},
		"registry":               {"azureml://registries/clay/models/glaze/versions/1", assetVersion{registry: "clay", kind: "models", name: "glaze", version: "1"}},
		"registry's label":       {"azureml://registries/clay/environments/glaze/labels/latest", assetVersion{registry: "clay", kind: "environments", name: "glaze"}},
		"data plane":             {"azureml://locations/eastus/workspaces/0f0f/data/tiles/versions/3", assetVersion{kind: "data", name: "tiles", version: "3"}},
		"odd label of the shell": {"azureml://locations/eastus/workspaces/w1/data/tiles/versions/labels/latest", assetVersion{kind: "data", name: "tiles"}},
		"label":                  {"azureml://locations/eastus/workspaces/w1/data/tiles/labels/latest", assetVersion{kind: "data", name: "tiles"}},
		"workspace named data":   {"azureml://locations/eastus/workspaces/data/data/tiles/versions/1", assetVersion{kind: "data", name: "tiles", version: "1"}},
		"datastore short":        {"azureml://datastores/shelf/paths/a/b.png", datastorePath{datastore: "shelf", path: "a/b.png"}},
		"datastore long":         {"azureml://subscriptions/s1/resourcegroups/g1/workspaces/w1/datastores/shelf/paths/a/", datastorePath{testWorkspace, "shelf", "a/"}},
		"data plane's GUID":      {"azureml://locations/eastus/workspaces/0F0F0F0F-1111-4111-8111-111111111111/data/tiles/versions/3", assetVersion{workspace: "0F0F0F0F-1111-4111-8111-111111111111", kind: "data", name: "tiles", version: "3"}},
		"datastore of a list":    {"azureml://workspaces/0f0f/datastores/shelf/paths/a", datastorePath{datastore: "shelf", path: "a"}},
		"datastore arm":          {"azureml:" + testWorkspace + "/datastores/shelf/paths/a", datastorePath{testWorkspace, "shelf", "a"}},
		"datastore artifacts":    {"azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.r1", datastorePath{datastore: "workspaceartifactstore", path: "ExperimentRun/dcid.r1"}},
		"job output":             {"azureml://jobs/j1/outputs/score/paths/predictions.csv", jobOutput{"j1", "score", "predictions.csv"}},
		"job artifact":           {"runs:/j1/model/weights.json", jobOutput{job: "j1", path: "model/weights.json"}},
		"blob":                   {"https://kiln.blob.core.windows.net/tiles/raw%20set/a.png", blobPath{"kiln", "tiles", "raw set/a.png"}},
		"blob with a SAS":        {"https://kiln.blob.core.windows.net/tiles/raw?sv=1&sig=x", blobPath{"kiln", "tiles", "raw"}},
		"blob with a port":       {"https://Kiln.blob.core.windows.net:443/tiles", blobPath{"kiln", "tiles", ""}},
		"wasbs":                  {"wasbs://tiles@kiln.blob.core.windows.net/raw/", blobPath{"kiln", "tiles", "raw/"}},
		"abfss":                  {"abfss://tiles@kiln.dfs.core.windows.net/raw", blobPath{"kiln", "tiles", "raw"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseReference(test.text, testSuffix)
			if err != nil {
				t.Fatalf("parseReference(%q): %v", test.text, err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(assetVersion{}, datastorePath{}, blobPath{}, jobOutput{})); diff != "" {
				t.Errorf("parseReference(%q) (-want +got):\n%s", test.text, diff)
			}
		})
	}
}

func TestParseReferenceRefuses(t *testing.T) {
	texts := map[string]string{}
	for _, text := range []string{
		"", "tiles", "azureml:tiles", "azureml:tiles@stable", "./tiles", "http://kiln.blob.core.windows.net/tiles/a",
		"https://example.org/tiles", "https://kiln.blob.core.windows.net/", "s3://tiles/a", "adl://kiln/tiles",
		"azureml://datastores/", "azureml://registries/clay/models/glaze", "azureml://registries/clay/jobs/j/outputs/o", "azureml://registries/clay/registries/a/models/b/versions/1", "azureml://locations/eastus/workspaces/w1/data/tiles",
		"azureml://jobs/j1", "runs:/", "wasbs://kiln.blob.core.windows.net/raw", testWorkspace, testWorkspace + "/widgets/a/versions/1",
		"azureml://registries/clay/models//versions/1", "azureml://registries/clay/datastores/a/paths/b", "azureml://registries/clay/widgets/a/versions/1",
		"azureml://registries/clay/subscriptions/s1/resourcegroups/g1/workspaces/w1/data/tiles/versions/3",
		"https://kiln.blob.core.windows.net:port/a", "azureml://registries/clay/workspaces/w1/models/glaze/versions/1",
		"azureml://workspaces/w1/registries/clay/models/glaze/versions/1", testWorkspace + "/registries/clay/models/glaze/versions/1",
		"https://a.kiln.blob.core.windows.net/tiles/a", "https://ki.blob.core.windows.net/tiles/a", "https://kiln_1.blob.core.windows.net/tiles/a",
		"wasbs://tiles@a.kiln.blob.core.windows.net/raw", "abfss://tiles@k.dfs.core.windows.net/raw", "wasbs://tiles@kiln.file.core.windows.net/raw",
	} {
		got, err := parseReference(text, testSuffix)
		if err == nil {
			t.Errorf("parseReference(%q) = %#v, want an error", text, got)
		}
		texts[text] = fmt.Sprint(err)
	}
	golden.Check(t, "references_that_are_none", texts)
}

func TestParseReferenceKeepsSecretsOutOfErrors(t *testing.T) {
	_, err := parseReference("https://example.org/tiles?sig=topsecret", testSuffix)
	if err == nil || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("error = %v, want one without the query", err)
	}
}

func FuzzParseReference(f *testing.F) {
	for _, text := range []string{
		"azureml:tiles:3", "azureml:tiles@latest", "azureml://datastores/shelf/paths/a/b.png", testWorkspace + "/data/tiles/versions/3",
		"https://kiln.blob.core.windows.net/tiles/a?sig=secret", "wasbs://tiles@kiln.blob.core.windows.net/raw/", "runs:/j1/model",
		"azureml://jobs/j1/outputs/score/paths/p.csv", "azureml://locations/eastus/workspaces/w1/data/tiles/versions/labels/latest",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := parseReference(text, testSuffix)
		if (ref == nil) == (err == nil) {
			t.Errorf("parseReference(%q) = %#v, %v", text, ref, err)
		}
	})
}
