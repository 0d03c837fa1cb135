package scoring

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const anMLModel = "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n  sklearn:\n    pickled_model: model.pkl\n"

// mlflowModel returns a job without a script with one file and this MLmodel file.
func mlflowModel(t *testing.T, mlModel string) Job {
	t.Helper()
	job := newJob(t, echo, 1)
	job.Code, job.Script = "", ""
	writeFile(t, filepath.Join(job.Model, "MLmodel"), mlModel)
	return job
}

func TestWithoutAScriptOnlyMLflowModelsAreScored(t *testing.T) {
	tests := []struct {
		name, mlModel string
		change        func(*Job)
		field, reason string
	}{
		{"no model", anMLModel, func(j *Job) { j.Model = "" }, "Script", "must name the scoring script; only an MLflow model, which is a folder with a file MLmodel, is scored without one"},
		{"another model", anMLModel, func(j *Job) { j.Model = filepath.Join(j.Model, "weights.txt") }, "Script", "must name the scoring script; only an MLflow model, which is a folder with a file MLmodel, is scored without one"},
		{"a code folder", anMLModel, func(j *Job) { j.Code = j.Input }, "Script", "must name the scoring script in the code folder"},
		{"no python_function", "flavors:\n  sklearn: {}\n  keras: {}\n", nil, "Model", "must have the flavor python_function to be scored without a script, but has keras, sklearn; give a scoring script that loads one of them"},
		{"no flavors", "flavors: {}", nil, "Model", "must have the flavor python_function to be scored without a script, but its file MLmodel has no flavors; log the model again with MLflow, or give a scoring script"},
		{"no YAML", "flavors: [", nil, "Model", "must be a readable MLflow model, but its file MLmodel cannot be read: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			job := mlflowModel(t, tt.mlModel)
			if tt.change != nil {
				tt.change(&job)
			}
			_, err := Run(t.Context(), job)
			var invalid *InvalidJobError
			if !errors.As(err, &invalid) || invalid.Field != tt.field || !strings.HasPrefix(invalid.Reason, tt.reason) {
				t.Errorf("Run = %v, want %s %s…", err, tt.field, tt.reason)
			}
		})
	}
}

func TestAPythonWithoutMLflowIsNamedBeforeAnyWork(t *testing.T) {
	job := mlflowModel(t, anMLModel)
	packages := t.TempDir()
	writeFile(t, filepath.Join(packages, "mlflow", "__init__.py"), "raise ModuleNotFoundError(\"No module named 'mlflow'\")\n")
	job.Env["PYTHONPATH"] = packages
	got, err := Run(t.Context(), job)
	var missing *NoMLflowError
	if !errors.As(err, &missing) || got.Status != StatusFailed {
		t.Fatalf("Run = %s, %v; want a NoMLflowError", got.Status, err)
	}
	if diff := cmp.Diff(&NoMLflowError{Python: realPython(), Missing: "No module named 'mlflow'"}, missing); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if !strings.Contains(err.Error(), "install mlflow") || got.MiniBatches.Processed+got.MiniBatches.Failed > 0 {
		t.Errorf("Run = %+v, %v", got, err)
	}
	if log := logText(t, job, "logs/job_result.txt"); !strings.Contains(log, "No module named 'mlflow'") {
		t.Errorf("job_result does not mention it: %s", log)
	}
}
