package scoring

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// pythonFunction is the flavor that gives a model a predict function, whatever library made it.
// Batch endpoints need it to run a model without a script (Microsoft Learn: how-to-mlflow-batch).
const pythonFunction = "python_function"

// mlModelFile is the file that makes a folder an MLflow model.
const mlModelFile = "MLmodel"

func isMLflowModel(folder string) bool {
	info, err := os.Stat(filepath.Join(folder, mlModelFile))
	return err == nil && info.Mode().IsRegular()
}

// flavors returns the names of the flavors of an MLflow model.
func flavors(folder string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(folder, mlModelFile))
	if err != nil {
		return nil, err
	}
	var file struct {
		Flavors map[string]any `yaml:"flavors"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("its file MLmodel cannot be read: %w", err)
	}
	return slices.Sorted(maps.Keys(file.Flavors)), nil
}

// scriptless reports whether the engine's own driver for MLflow models runs instead of a script.
func (s *settings) scriptless() bool { return s.Func == nil && s.Script == "" }

// checkScriptless checks that a job without a script has a model that needs none.
func (s *settings) checkScriptless() error {
	if s.Code != "" {
		return invalid("Script", "must name the scoring script in the code folder")
	}
	if s.Model == "" || !isMLflowModel(s.Model) {
		return invalid("Script", "must name the scoring script; "+
			"only an MLflow model, which is a folder with a file MLmodel, is scored without one")
	}
	names, err := flavors(s.Model)
	if err != nil {
		return invalid("Model", "must be a readable MLflow model, but %v", err)
	}
	if len(names) == 0 {
		return invalid("Model", "must have the flavor %s to be scored without a script, but its file MLmodel has no flavors; log the model again with MLflow, or give a scoring script", pythonFunction)
	}
	if !slices.Contains(names, pythonFunction) {
		return invalid("Model", "must have the flavor %s to be scored without a script, but has %s; "+
			"give a scoring script that loads one of them", pythonFunction, strings.Join(names, ", "))
	}
	return nil
}

// entry is what a worker process imports, and how it separates the values of a DataFrame.
type entry struct{ code, script, module, separator string }

// entry returns the user's script, or the driver for MLflow models: python/lib/azmlbatch_mlflow.py.
func (e *engine) entry(l launch) entry {
	if e.scriptless() {
		// There is no code folder, so the working directory takes its place on sys.path. All
		// samples read the rows with commas. How the service quotes a text that has a comma is not
		// documented; pandas quotes as CSV readers expect.
		return entry{code: l.workingDir, module: mlflowDriver, separator: ","}
	}
	// The service separates the values of a DataFrame by one space.
	return entry{code: e.Code, script: e.scriptPath(), module: moduleName(e.Script), separator: " "}
}

const mlflowDriver = "azmlbatch_mlflow"

// NoMLflowError means that an MLflow model without a script cannot be scored, because the Python
// interpreter lacks mlflow or a package that mlflow needs. Azure provides them; here they must be
// installed.
type NoMLflowError struct {
	// Python is the interpreter.
	Python string
	// Missing is the message of the failed import, such as "No module named 'mlflow'".
	Missing string
}

// Error names the interpreter and says what to install.
func (e *NoMLflowError) Error() string {
	return fmt.Sprintf("scoring: an MLflow model without a scoring script is scored by the Python package mlflow, and %s cannot import it: %s; "+
		"install mlflow, pandas and what the model needs there, or choose another Python (--python)", e.Python, e.Missing)
}

// importFailure is the error of a job whose script cannot be imported.
func (e *engine) importFailure(call *callError) error {
	if missing, found := strings.CutPrefix(call.message, mlflowDriver+".NoMLflow: "); found && e.scriptless() {
		return &NoMLflowError{Python: e.interpreter.name(), Missing: missing}
	}
	return e.failure(fmt.Sprintf(importFailed, call.message, strings.TrimSpace(call.traceback)), "", &e.startFailure)
}
