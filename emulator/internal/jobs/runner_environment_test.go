package jobs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/scoring"
)

func TestEnvironmentOfAJob(t *testing.T) {
	const plain = ": the script gets this machine's Python and its packages."
	const curated = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
	ofPip := &scoring.Environment{CondaFile: "{}", Image: "kiln:1", CacheDir: "/venvs"}
	tests := []struct {
		name     string
		venv     bool
		settings store.Document
		want     *scoring.Environment
		words    string
	}{
		{"host", false, nil, nil, "The image of environment clay:2 is not run" + plain},
		{"host and none", false, store.Document{"environmentId": nil}, nil, ""},
		{"venv", true, nil, ofPip, "The script gets a virtual environment with the pip part of the conda file of environment clay:2."},
		{"venv by a short name", true, store.Document{"environmentId": "azureml:clay:2"}, ofPip, "The script gets a virtual environment with the pip part of the conda file of environment clay:2."},
		{"venv and none", true, store.Document{"environmentId": nil}, nil, "The deployment names no environment" + plain},
		{"venv and another workspace's", true, store.Document{"environmentId": testWorkspace + "2/environments/clay/versions/9"}, nil,
			"Environment clay:9 is not in this workspace" + plain},
		{"venv and a registry's", true, store.Document{"environmentId": curated}, nil, "Environment " + curated + " is not in this workspace" + plain},
		{"venv and only an image", true, store.Document{"environmentId": testWorkspace + "/environments/bare/versions/1"}, nil,
			"Environment bare:1 has no conda file, and its image is not run" + plain},
		{"venv and no script", true, store.Document{"environmentId": nil, "codeConfiguration": nil}, &scoring.Environment{CacheDir: "/venvs"},
			"The model gets a virtual environment with the packages that it names itself."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.Venv, o.VenvDir = tt.venv, "/venvs" })
			w.put(testWorkspace+"/environments/clay/versions/2", store.Document{"properties": store.Document{"condaFile": "{}", "image": "kiln:1"}})
			w.put(testWorkspace+"/environments/bare/versions/1", store.Document{"properties": store.Document{"image": "kiln:1"}})
			j, err := w.runner.newJob(w.invocation(w.deployment(sizes, tt.settings), "azureml:tiles:1"))
			if err != nil {
				t.Fatal(err)
			}
			got, words := w.runner.environment(j)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
			if words != tt.words {
				t.Errorf("words %q, want %q", words, tt.words)
			}
		})
	}
}

// withoutScript is a deployment of the model in models/glaze, registered as the type.
func (w *world) withoutScript(modelType string, settings store.Document) store.Document {
	w.t.Helper()
	deployment := w.deployment(sizes, settings)
	delete(store.Object(deployment, "properties"), "codeConfiguration")
	w.upload("models/glaze", map[string]string{"MLmodel": "flavors: {python_function: {}}"})
	w.put(testWorkspace+"/models/glaze/versions/1", store.Document{"properties": store.Document{
		"modelUri": "azureml://datastores/workspaceblobstore/paths/models/glaze", "modelType": modelType,
	}})
	return deployment
}

func TestOnlyMLflowModelsGoWithoutAScript(t *testing.T) {
	w := newWorld(t, nil)
	job := w.run(w.invocation(w.withoutScript("custom_model", nil), w.upload("tiles", threeTiles)), Failed)
	if got, want := w.failure(job), "Only a model of type mlflow_model is scored without one, and glaze:1 is of type custom_model."; !strings.Contains(got, want) {
		t.Errorf("error of the step = %q, want %q in it", got, want)
	}
}

// TestAPythonWithoutMLflow: Azure brings an mlflow along, so the words are those of this emulator.
func TestAPythonWithoutMLflow(t *testing.T) {
	packages := t.TempDir()
	if err := os.WriteFile(filepath.Join(packages, "mlflow.py"), []byte("raise ModuleNotFoundError(\"No module named 'mlflow'\")\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, nil)
	deployment := w.withoutScript("mlflow_model", store.Document{"environmentVariables": store.Document{"PYTHONPATH": packages}})
	job := w.run(w.invocation(deployment, w.upload("tiles", threeTiles)), Failed)
	for _, want := range []string{"cannot import it: No module named 'mlflow'", "--environments venv"} {
		if got := w.failure(job); !strings.Contains(got, want) {
			t.Errorf("error of the step = %q, want %q in it", got, want)
		}
	}
	if log := w.childLog(job, executionLog); !strings.Contains(log, "the emulator lets MLflow score the model") {
		t.Errorf("log of the step = %q", log)
	}
}
