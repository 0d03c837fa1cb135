package emulator

import (
	"context"
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

// finish waits for an operation.
func finish[T any](ctx context.Context, t *testing.T, p *azmlbatch.Poller[T], err error) {
	t.Helper()
	if err == nil {
		_, err = p.PollUntilDone(ctx, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// deployAndRun makes an endpoint with the deployment, as its default, and runs it over the data.
func deployAndRun(t *testing.T, client *azmlbatch.Client, deployment azmlbatch.Deployment, data string) azmlbatch.Job {
	t.Helper()
	ctx := t.Context()
	cluster, err := client.Computes().BeginCreateOrUpdate(ctx, "cluster", azmlbatch.Compute{Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 2}}, nil)
	finish(ctx, t, cluster, err)
	endpoint, err := client.Endpoints().BeginCreateOrUpdate(ctx, "suite", azmlbatch.Endpoint{}, nil)
	finish(ctx, t, endpoint, err)
	deployment.Compute = "cluster"
	deployed, err := client.Deployments("suite").BeginCreateOrUpdate(ctx, "blue", deployment, nil)
	finish(ctx, t, deployed, err)
	if _, err := client.Endpoints().SetDefaultDeployment(ctx, "suite", "blue"); err != nil {
		t.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(ctx, "suite", azmlbatch.Invocation{Inputs: azmlbatch.Inputs{"in": azmlbatch.LocalPath{Path: data}}})
	if err != nil {
		t.Fatal(err)
	}
	done, err := client.Jobs().Wait(ctx, job.Name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// TestSuiteMLflowWithoutScriptOrEnvironment takes Microsoft's own sample through the client: model, data and settings.
func TestSuiteMLflowWithoutScriptOrEnvironment(t *testing.T) {
	python, corpus := suitePython(t), os.Getenv("AZMLBATCH_CORPUS_DIR")
	if corpus == "" {
		t.Skip("AZMLBATCH_CORPUS_DIR names no folder with public samples")
	}
	sample := filepath.Join(corpus, "azureml-examples", "cli", "endpoints", "batch", "deploy-models", "heart-classifier-mlflow")
	client := NewClient(t, &Options{Python: python})
	model, err := client.Models().Upload(t.Context(), "heart", filepath.Join(sample, "deployment-simple", "model"),
		&azmlbatch.UploadModelOptions{Model: azmlbatch.Model{ModelType: azmlbatch.ModelTypeMLFlow}})
	if err != nil {
		t.Fatal(err)
	}
	job := deployAndRun(t, client, azmlbatch.Deployment{Model: model.Ref(), MiniBatchSize: 2, MaxConcurrencyPerInstance: 2,
		RetrySettings: azmlbatch.RetrySettings{Timeout: 5 * time.Minute}}, filepath.Join(sample, "data"))

	type prediction struct {
		Row, Prediction int
		File            string
	}
	rows, seen := map[string]int{}, map[int]bool{}
	for row, err := range azmlbatch.Rows[prediction](t.Context(), client, job.Name, &azmlbatch.RowsOptions{Format: azmlbatch.CommaSeparated}) {
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

// TestSuiteEnvironmentOfTheDeployment: the script finds what the conda file names, which the host's Python does not have.
func TestSuiteEnvironmentOfTheDeployment(t *testing.T) {
	client := NewClient(t, &Options{Python: suitePython(t), Environments: EnvironmentsVenv, EnvironmentsDir: t.TempDir()})
	code := filepath.Join(t.TempDir(), "code")
	if err := os.Mkdir(code, 0o750); err != nil {
		t.Fatal(err)
	}
	script := "from importlib.metadata import version\nimport iniconfig\ndef run(mini_batch):\n    return [version('iniconfig')]\n"
	if err := os.WriteFile(filepath.Join(code, "score.py"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	uploaded, err := client.Codes().Upload(ctx, "score", code, nil)
	if err != nil {
		t.Fatal(err)
	}
	model, err := client.Models().Upload(ctx, "none", filepath.Join(code, "score.py"), nil)
	if err != nil {
		t.Fatal(err)
	}
	env, err := client.Environments().CreateOrUpdate(ctx, azmlbatch.Environment{Name: "small", Image: "kiln:1",
		CondaFile: "dependencies:\n- python=2.7\n- pip:\n  - iniconfig==2.0.0\n  - azureml-core\n"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	job := deployAndRun(t, client, azmlbatch.Deployment{Model: model.Ref(), EnvironmentID: env.Ref(),
		CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: uploaded.Ref(), ScoringScript: "score.py"}}, filepath.Join(code, "score.py"))
	var rows []string
	for row, err := range azmlbatch.Rows[string](ctx, client, job.Name, &azmlbatch.RowsOptions{Format: azmlbatch.Lines}) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if got := strings.Join(rows, "\n"); got != "2.0.0" {
		t.Errorf("rows %q, want 2.0.0", got)
	}
}
