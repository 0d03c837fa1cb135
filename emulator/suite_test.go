package emulator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// The suite runs what needs other people's Python packages. Its tests are named TestSuite….

// suitePython is a Python with the packages of scoring/testdata/suite-requirements.txt.
func suitePython(t *testing.T) string {
	t.Helper()
	python := os.Getenv("AZMLBATCH_SUITE_PYTHON")
	if python == "" {
		t.Skip("AZMLBATCH_SUITE_PYTHON names no Python that has pandas, scikit-learn, pyarrow and mlflow; .ci/run makes one of scoring/testdata/suite-requirements.txt")
	}
	return python
}

// run invokes an endpoint on local data and waits for the job.
func run(t *testing.T, azure *Emulator, endpoint, data string) (*azmlbatch.Client, string) {
	t.Helper()
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(t.Context(), endpoint, azmlbatch.Invocation{Inputs: azmlbatch.Inputs{"in": azmlbatch.LocalPath{Path: data}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Jobs().Wait(t.Context(), job.Name, nil); err != nil {
		t.Fatal(err)
	}
	return client, job.Name
}

// TestSuiteMLflowWithoutScriptOrEnvironment takes Microsoft's own sample through the client: model,
// data and settings.
func TestSuiteMLflowWithoutScriptOrEnvironment(t *testing.T) {
	python, corpus := suitePython(t), os.Getenv("AZMLBATCH_CORPUS_DIR")
	if corpus == "" {
		t.Skip("AZMLBATCH_CORPUS_DIR names no folder with public samples")
	}
	sample := filepath.Join(corpus, "azureml-examples", "cli", "endpoints", "batch", "deploy-models", "heart-classifier-mlflow")
	azure := NewTest(t, &Options{Python: python})
	endpoint, err := azure.Deploy(t.Context(), MLFlowModel{Dir: filepath.Join(sample, "deployment-simple", "model")}, &DeployOptions{
		Deployment: azmlbatch.Deployment{MiniBatchSize: 2, MaxConcurrencyPerInstance: 2, RetrySettings: azmlbatch.RetrySettings{Timeout: 5 * time.Minute}},
	})
	if err != nil {
		t.Fatal(err)
	}
	client, job := run(t, azure, endpoint, filepath.Join(sample, "data"))

	type prediction struct {
		Row, Prediction int
		File            string
	}
	rows, seen := map[string]int{}, map[int]bool{}
	for row, err := range azmlbatch.Rows[prediction](t.Context(), client, job, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Row != rows[row.File] {
			t.Fatalf("row %d of %s stands in place %d", row.Row, row.File, rows[row.File])
		}
		rows[row.File]++
		seen[row.Prediction] = true
	}
	want := map[string]int{"heart-unlabeled-0.csv": 100, "heart-unlabeled-1.csv": 100, "heart-unlabeled-2.csv": 100, "heart-unlabeled-3.csv": 3}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[int]bool{0: true, 1: true}, seen); diff != "" {
		t.Errorf("predictions (-want +got):\n%s", diff)
	}
}

// TestSuiteEnvironmentOfTheDeployment: the script finds what the conda file names, which the host's
// Python does not have.
func TestSuiteEnvironmentOfTheDeployment(t *testing.T) {
	ctx := t.Context()
	azure := NewTest(t, &Options{Python: suitePython(t), Environments: EnvironmentsVenv, EnvironmentsDir: t.TempDir()})
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	env, err := client.Environments().CreateOrUpdate(ctx, "small", azmlbatch.Environment{Image: "kiln:1",
		CondaFile: "dependencies:\n- python=2.7\n- pip:\n  - iniconfig==2.0.0\n  - azureml-core\n"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	code := folder(t, "code", map[string]string{
		"score.py": "from importlib.metadata import version\nimport iniconfig\ndef run(mini_batch):\n    return [version('iniconfig')]\n",
	})
	endpoint, err := azure.Deploy(ctx, Script{Dir: code}, &DeployOptions{Deployment: azmlbatch.Deployment{EnvironmentID: env.Ref()}})
	if err != nil {
		t.Fatal(err)
	}
	_, job := run(t, azure, endpoint, filepath.Join(code, "score.py"))
	var rows []string
	for row, err := range azmlbatch.Rows[string](ctx, client, job, &azmlbatch.RowsOptions{Format: azmlbatch.RowFormatLines}) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if got := strings.Join(rows, "\n"); got != "2.0.0" {
		t.Errorf("rows %q, want 2.0.0", got)
	}
}
