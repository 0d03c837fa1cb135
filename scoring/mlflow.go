package scoring

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// pythonFunction is the flavour by which MLflow gives a model a predict, whatever library it was made with. Batch
// endpoints support no other without a script (Microsoft Learn: how-to-mlflow-batch).
const pythonFunction = "python_function"

// mlModelFile makes a folder an MLflow model.
const mlModelFile = "MLmodel"

func isMLflowModel(folder string) bool {
	info, err := os.Stat(filepath.Join(folder, mlModelFile))
	return err == nil && info.Mode().IsRegular()
}

// flavors reads the names of the ways in which an MLflow model can be loaded.
func flavors(folder string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(folder, mlModelFile))
	if err != nil {
		return nil, err
	}
	var file struct {
		Flavors map[string]any `yaml:"flavors"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("its file MLmodel cannot be read: %s", yaml.FormatError(err, false, false))
	}
	return slices.Sorted(maps.Keys(file.Flavors)), nil
}

// scriptless tells that the model is scored by the engine's own driver for MLflow models.
func (s *settings) scriptless() bool { return s.Func == nil && s.Script == "" }

// checkScriptless refuses a job without a script whose model is none for that.
func (s *settings) checkScriptless() error {
	if s.Code != "" {
		return &InvalidJobError{"Script", "must name the scoring script in the code folder"}
	}
	if s.Model == "" || !isMLflowModel(s.Model) {
		return &InvalidJobError{"Script", "must name the scoring script; only an MLflow model, which is a folder with a file MLmodel, is scored without one"}
	}
	names, err := flavors(s.Model)
	if err != nil {
		return &InvalidJobError{"Model", "must be a readable MLflow model, but " + err.Error()}
	}
	if !slices.Contains(names, pythonFunction) {
		return &InvalidJobError{"Model", fmt.Sprintf("must have the flavor %s to be scored without a script, but has %s; "+
			"give a scoring script that loads one of them", pythonFunction, strings.Join(names, ", "))}
	}
	return nil
}

// entry is what a worker process imports, and how it writes DataFrames.
type entry struct{ code, script, module, separator string }

// entry gives the user's script, or the driver for MLflow models: python/lib/azmlbatch_mlflow.py.
func (e *engine) entry(l launch) entry {
	if e.scriptless() {
		// No code folder: the scratch folder takes its place on sys.path. Every sample reads the rows with commas. Not
		// evidenced: how a text that holds a comma is quoted; pandas quotes it as CSV readers expect, and nothing else.
		return entry{code: l.workingDir, module: mlflowDriver, separator: ","}
	}
	// The service writes one space between the values of a DataFrame.
	return entry{code: e.Code, script: e.scriptPath(), module: moduleName(e.Script), separator: " "}
}

const mlflowDriver = "azmlbatch_mlflow"

// NoMLflowError tells that an MLflow model without a script cannot be scored because the Python interpreter lacks mlflow,
// or what mlflow itself needs. Azure brings its own; here it must be there.
type NoMLflowError struct {
	// Python is the interpreter.
	Python string
	// Missing is what the import said, such as "No module named 'mlflow'".
	Missing string
}

// Error names the interpreter and the ways out.
func (e *NoMLflowError) Error() string {
	return fmt.Sprintf("scoring: an MLflow model without a scoring script is scored by the Python package mlflow, and %s cannot import it: %s; "+
		"install mlflow, pandas and what the model needs there, or choose another Python (--python)", e.Python, e.Missing)
}

// importFailure is the end of a job whose script cannot be imported.
func (e *engine) importFailure(call *callError) error {
	if missing, found := strings.CutPrefix(call.message, mlflowDriver+".NoMLflow: "); found && e.scriptless() {
		return &NoMLflowError{Python: e.interpreter.name(), Missing: missing}
	}
	return e.failure(fmt.Sprintf(importFailed, call.message, strings.TrimSpace(call.traceback)), "")
}
