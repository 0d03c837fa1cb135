package emulator

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// newRegistryDir makes a folder of a registry: a model, a version of code, an environment and the
// components of a pipeline.
func newRegistryDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"models/weights/3/weights.txt":     "42",
		"codes/score/1/score.py":           "import os\ndef run(batch):\n    w = open(os.path.join(os.environ['AZUREML_MODEL_DIR'], '3', 'weights.txt')).read()\n    return [w for _ in batch]\n",
		"environments/plain/1/conda.yml":   "dependencies:\n- pip:\n  - pandas\n",
		"environments/plain/1/image.txt":   "kiln:1\n",
		"data/clay/1/a.txt":                "red",
		"components/turn/1/component.json": `{"type": "command", "command": "cat ${{inputs.clay}}/a.txt", "inputs": {"clay": {"type": "uri_folder"}}}`,
		"components/flow/1/component.json": `{"type": "pipeline", "jobs": {"turn": {"type": "command", "componentId": "azureml://registries/pottery/components/turn/versions/1",
			"inputs": {"clay": {"job_input_type": "uri_folder", "uri": "azureml://registries/pottery/data/clay/versions/1"}}}}}`,
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAssetsOfARegistry(t *testing.T) {
	client := NewClient(t, &Options{Registries: []Registry{{Name: "pottery", Dir: newRegistryDir(t)}}})
	ctx := t.Context()
	const registry = "azureml://registries/pottery/"
	if _, err := client.Computes().CreateOrUpdate(ctx, "cluster", azmlbatch.Compute{Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 1}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Endpoints().CreateOrUpdate(ctx, "kiln", azmlbatch.Endpoint{}, nil); err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]azmlbatch.Deployment{
		"model": {
			Model: azmlbatch.ModelByID{AssetID: registry + "models/weights/labels/latest"}, EnvironmentID: registry + "environments/plain/versions/1", Compute: "cluster",
			CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: registry + "codes/score/versions/1", ScoringScript: "score.py"},
		},
		"steps": {Configuration: azmlbatch.PipelineComponentDeployment{ComponentID: registry + "components/flow/versions/1"}},
	} {
		if _, err := client.Deployments("kiln").CreateOrUpdate(ctx, name, d, nil); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	job, err := client.Endpoints().Invoke(ctx, "kiln", azmlbatch.Invocation{Deployment: "model", Input: azmlbatch.LocalPath{Path: "testdata/vases"}})
	if err != nil {
		t.Fatal(err)
	}
	done, err := client.Jobs().Wait(ctx, job.Name, nil)
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range azmlbatch.Rows[string](ctx, client, done.Name, nil) {
		if err != nil || row != "42" {
			t.Errorf("row %q, %v; want what the model's file has", row, err)
		}
	}
	steps, err := client.Endpoints().Invoke(ctx, "kiln", azmlbatch.Invocation{Deployment: "steps", Inputs: azmlbatch.Inputs{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Jobs().Wait(ctx, steps.Name, nil); err != nil {
		t.Error(err)
	}
	if _, err := client.Deployments("kiln").CreateOrUpdate(ctx, "none", azmlbatch.Deployment{
		Model: azmlbatch.ModelByID{AssetID: registry + "models/none/versions/1"}, Compute: "cluster",
	}, nil); err == nil || !strings.Contains(err.Error(), "models/none") {
		t.Errorf("a model that the registry does not have: %v", err)
	}
}

// TestRegistryFolders: any name of the folder will do, and only folders are versions.
func TestRegistryFolders(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "[kilns]")
	for _, name := range []string{"models/weights/3/weights.txt", "models/weights/README.md", "models/.notes"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("42"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := NewTest(t, &Options{Registries: []Registry{{Name: "pottery", Dir: dir}}})
	const models = "https://cert-eastus.experiments.azureml.net/mferp/managementfrontend/subscriptions/s/resourceGroups/g/providers/" +
		"Microsoft.MachineLearningServices/registries/pottery/models/weights/versions/"
	for version, want := range map[string]int{"3": http.StatusOK, "README.md": http.StatusNotFound} {
		if resp, body := rawAsk(t, e, "GET", models+version+"?api-version=2021-10-01-dataplanepreview", "https://management.azure.com", "", nil); resp.StatusCode != want {
			t.Errorf("version %s: %s %s, want %d", version, resp.Status, body, want)
		}
	}
}

// TestAssetsOfARegistryFolder: what the files of a folder make of an asset.
func TestAssetsOfARegistryFolder(t *testing.T) {
	e := NewTest(t, nil)
	r := Registry{Name: "Pottery", Dir: t.TempDir()}
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(r.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("models/a/1/weights.txt", "42")
	write("models/b/1/MLmodel", "flavors: {}")
	write("environments/none/1/README.md", "")
	write("environments/all/1/image.txt", " kiln:1\n")
	write("environments/all/1/conda.yml", "name: clay\n")
	write("environments/other/1/conda.yaml", "name: slip\n")
	write("environments/bad/1/image.txt/a", "")
	write("components/a/1/component.json", `{"type": "command", "speed": 3}`)
	write("components/bad/1/component.json", `{"type": `)
	write("components/list/1/component.json", `[{"type": "command"}]`)
	write("components/null/1/component.json", `null`)
	write("components/none/1/README.md", "")
	const content = "https://registrypottery.blob.core.windows.net/content/"
	s := e.services
	for asset, test := range map[string]struct {
		read  func(Registry, string, string) (store.Document, error)
		want  store.Document
		fails string
	}{
		"models/a/1":           {s.registryModel, store.Document{"modelUri": content + "models/a/1", "modelType": "custom_model"}, ""},
		"models/b/1":           {s.registryModel, store.Document{"modelUri": content + "models/b/1", "modelType": "mlflow_model"}, ""},
		"data/a/1":             {s.registryData, store.Document{"dataUri": content + "data/a/1/", "dataType": "uri_folder"}, ""},
		"codes/a/1":            {s.registryCode, store.Document{"codeUri": content + "codes/a/1"}, ""},
		"environments/none/1":  {s.registryEnvironment, store.Document{"image": "python:3"}, ""},
		"environments/all/1":   {s.registryEnvironment, store.Document{"image": "kiln:1", "condaFile": "name: clay"}, ""},
		"environments/other/1": {s.registryEnvironment, store.Document{"image": "python:3", "condaFile": "name: slip"}, ""},
		"environments/bad/1":   {s.registryEnvironment, nil, "is a directory"},
		"components/a/1":       {s.registryComponent, store.Document{"componentSpec": store.Document{"type": "command", "speed": json.Number("3")}}, ""},
		"components/bad/1":     {s.registryComponent, nil, "component.json: unexpected EOF"},
		"components/list/1":    {s.registryComponent, nil, "component.json must hold a JSON object"},
		"components/null/1":    {s.registryComponent, nil, "component.json must hold a JSON object"},
		"components/none/1":    {s.registryComponent, nil, "no such file"},
	} {
		got, err := test.read(r, filepath.Join(r.Dir, filepath.FromSlash(asset)), asset)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", asset, diff)
		}
		if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
			t.Errorf("%s: error %v, want %q", asset, err, test.fails)
		}
	}
	bad, err := New(&Options{Registries: []Registry{r}})
	if err == nil {
		_ = bad.Close()
	}
	if err == nil || !strings.HasPrefix(err.Error(), "emulator: registry Pottery: "+r.Dir) {
		t.Errorf("New = %v, want an error that names the registry and the folder", err)
	}
}

// TestRegistryInAnotherRegion: its own location, else that of the first workspace.
func TestRegistryInAnotherRegion(t *testing.T) {
	e := NewTest(t, &Options{
		Workspaces: []Workspace{{Location: "westus"}, {Name: "other", Location: "eastus"}}, Registries: []Registry{{Name: "near"}, {Name: "far", Location: "northeurope"}},
	})
	for name, region := range map[string]string{"near": "westus", "far": "northeurope"} {
		resp, body := rawAsk(t, e, "GET", "https://eastus.api.azureml.ms/registrymanagement/v1.0/registries/"+name+"/discovery", "https://management.azure.com", "", nil)
		for _, want := range []string{`"primaryRegion":"` + region + `"`, `"subscriptionId":"` + DefaultSubscriptionID + `"`, `"resourceGroup":"azmlbatch"`} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: %s %s, want %s in it", name, resp.Status, body, want)
			}
		}
	}
}

// TestUploadToARegistry: the two steps, then the operation on the data plane.
func TestUploadToARegistry(t *testing.T) {
	e := NewTest(t, &Options{Registries: []Registry{{Name: "Pottery"}}})
	const arm = "https://management.azure.com"
	resp, body := rawAsk(t, e, "GET", "https://eastus.api.azureml.ms/registrymanagement/v1.0/registries/pottery/discovery", arm, "", nil)
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, `"primaryRegionResourceProviderUri":"https://cert-eastus.experiments.azureml.net/"`) {
		t.Fatalf("discovery: %s %s", resp.Status, body)
	}
	if resp, _ := rawAsk(t, e, "GET", "https://eastus.api.azureml.ms/registrymanagement/v1.0/registries/none/discovery", arm, "", nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("discovery of a registry that is not played: %s", resp.Status)
	}
	base := "https://cert-eastus.experiments.azureml.net/mferp/managementfrontend/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/registries/pottery/"
	const version = "?api-version=2021-10-01-dataplanepreview"
	var containers []string
	for _, v := range []string{"1", "2"} {
		resp, body := rawAsk(t, e, "PUT", base+"tempdatarefs/glaze/versions/"+v+version, arm, `{"temporaryDataReferenceType": "TemporaryBlobReference"}`, nil)
		_, container, _ := strings.Cut(body, `"blobUri":"https://registrypottery.blob.core.windows.net:443/`)
		container, _, _ = strings.Cut(container, `"`)
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(container, "pottery-") {
			t.Fatalf("%s %s", resp.Status, body)
		}
		containers = append(containers, container)
	}
	if containers[0] != containers[1] {
		t.Errorf("versions of one asset get the containers %v, want the same", containers)
	}
	resp, body = rawAsk(t, e, "PUT", base+"models/glaze/versions/1"+version, arm, `{"properties": {"modelUri": "https://registrypottery.blob.core.windows.net/`+containers[0]+`"}}`, nil)
	if resp.StatusCode != http.StatusAccepted || body != "null" {
		t.Fatalf("%s %s", resp.Status, body)
	}
	if resp, body := rawAsk(t, e, "GET", resp.Header.Get("Location"), arm, "", nil); resp.StatusCode != http.StatusOK || !strings.Contains(body, `"azureml://registries/pottery/models/glaze/versions/1"`) {
		t.Errorf("operation: %s %s", resp.Status, body)
	}
	if resp, body := rawAsk(t, e, "GET", base+"models/glaze/versions/1"+version, arm, "", nil); resp.StatusCode != http.StatusOK || !strings.Contains(body, `"type":"models"`) {
		t.Errorf("model: %s %s", resp.Status, body)
	}
	for _, path := range []string{"models/none/versions/1", "kilns/a/versions/1"} {
		if resp, body := rawAsk(t, e, "GET", base+path+version, arm, "", nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	for _, spec := range []string{"a", "pottery=/no/such/folder", "-x"} {
		if _, err := ParseRegistry(spec); err == nil {
			t.Errorf("ParseRegistry(%q) succeeds", spec)
		}
	}
}
