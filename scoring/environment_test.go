package scoring

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPackagesOfAnEnvironment(t *testing.T) {
	const conda = "Only the pip part of the conda file is installed. Missing: "
	const azure = "These packages are not installed, because only Azure's own driver needs them: "
	tests := []struct {
		name        string
		environment Environment
		want        packages
	}{
		{"nothing", Environment{}, packages{}},
		{"a conda file", Environment{CondaFile: "name: e\nchannels: [conda-forge]\ndependencies:\n- python=3.8.5\n- pip\n- pip:\n  - torch==1.13.0\n  - pandas\n"},
			packages{lines: []string{"torch==1.13.0", "pandas"}, python: "=3.8.5"}},
		{"the same as the service keeps it", Environment{CondaFile: `{"dependencies": ["python=3.8.5", "pip", {"pip": ["pandas"]}]}`},
			packages{lines: []string{"pandas"}, python: "=3.8.5"}},
		{"packages of conda itself", Environment{CondaFile: "dependencies: [conda-forge::numpy=1.21, pip<22.0, 'python >=3.6', gcc_linux-64]"},
			packages{python: ">=3.6", notes: []string{conda + "conda-forge::numpy=1.21, pip<22.0, gcc_linux-64."}}},
		{"what only Azure needs", Environment{CondaFile: "dependencies: [{pip: ['azureml-core', 'AzureML_Dataset.Runtime[fuse]>=1.40', azureml-mlflow]}]", Requirements: "azureml-defaults\n"},
			packages{lines: []string{"azureml-mlflow"}, notes: []string{azure + "azureml-core, AzureML_Dataset.Runtime[fuse]>=1.40, azureml-defaults."}}},
		{"each package that only Azure needs", Environment{Requirements: "azureml-core\nazureml-dataset-runtime\nazureml-defaults\nazureml-dataprep\nazureml-dataprep-native\nazureml-dataprep-rslex\n" +
			"azureml-inference-server-http\nazureml-sdk\nazureml-telemetry\nazureml\n"},
			packages{lines: []string{"azureml"}, notes: []string{azure + "azureml-core, azureml-dataset-runtime, azureml-defaults, azureml-dataprep, azureml-dataprep-native, azureml-dataprep-rslex, " +
				"azureml-inference-server-http, azureml-sdk, azureml-telemetry."}}},
		{"requirements and conda file together", Environment{CondaFile: "dependencies: [{pip: [a]}]", Requirements: "# tools\n\n b ; python_version > '3'\r\n--extra-index-url https://example.com\n"},
			packages{lines: []string{"a", "b ; python_version > '3'", "--extra-index-url https://example.com"}}},
		{"variables", Environment{CondaFile: "variables: {A: b}"},
			packages{notes: []string{"The variables of the conda file are not set. Set them as environment variables of the deployment."}}},
		{"an image", Environment{Image: "kiln:1"}, packages{notes: []string{"The image kiln:1 is not run. The job gets a virtual environment of this machine's Python."}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.environment.packages()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(packages{})); diff != "" {
				t.Errorf("packages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestACondaFileThatIsNoneIsRefused(t *testing.T) {
	for name, file := range map[string]string{
		"no YAML": "dependencies: [", "a list": "- numpy", "a number": "dependencies: [3]", "a map": "dependencies: [{npm: [left]}]", "pip is no list": "dependencies: [{pip: pandas}]",
	} {
		t.Run(name, func(t *testing.T) {
			job := newJob(t, echo, 1)
			job.Environment = &Environment{CondaFile: file}
			_, err := Run(t.Context(), job)
			var invalid *InvalidJobError
			if !errors.As(err, &invalid) || invalid.Field != "Environment" || !strings.Contains(invalid.Reason, "the conda file cannot be read") {
				t.Errorf("Run = %v", err)
			}
		})
	}
}

func TestAnMLflowModelBringsItsEnvironment(t *testing.T) {
	tests := []struct {
		name        string
		files       map[string]string
		environment Environment
		want        []string
	}{
		{"the deployment's own conda file comes first", map[string]string{"conda.yaml": "dependencies: [{pip: [xgboost]}]"}, Environment{CondaFile: "dependencies: [{pip: [mlflow]}]"}, []string{"mlflow"}},
		{"its conda file", map[string]string{"conda.yaml": "dependencies: [{pip: [mlflow==2.1, xgboost]}]", "requirements.txt": "other"}, Environment{}, []string{"mlflow==2.1", "xgboost"}},
		{"its requirements, with mlflow added", map[string]string{"requirements.txt": "xgboost\n"}, Environment{}, []string{"xgboost", "mlflow"}},
		{"a small mlflow", map[string]string{"requirements.txt": "MLflow_skinny\n"}, Environment{}, []string{"MLflow_skinny"}},
		{"the deployment's own comes first", map[string]string{"requirements.txt": "xgboost"}, Environment{Requirements: "mlflow"}, []string{"mlflow"}},
		{"none", nil, Environment{}, []string{"mlflow"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			job := mlflowModel(t, anMLModel)
			for name, text := range tt.files {
				writeFile(t, filepath.Join(job.Model, name), text)
			}
			job.Environment = &tt.environment
			s, err := newSettings(job)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, s.packages.lines); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAScriptGetsTheEnvironmentOfTheDeployment: that of an MLflow model is for the model alone.
func TestAScriptGetsTheEnvironmentOfTheDeployment(t *testing.T) {
	for name, tt := range map[string]struct {
		environment Environment
		want        []string
	}{
		"none":          {Environment{}, nil},
		"a conda file":  {Environment{CondaFile: "dependencies: [{pip: [glaze]}]"}, []string{"glaze"}},
		"requirements":  {Environment{Requirements: "glaze"}, []string{"glaze"}},
		"both of these": {Environment{CondaFile: "dependencies: [{pip: [glaze]}]", Requirements: "clay"}, []string{"glaze", "clay"}},
	} {
		job := newJob(t, echo, 1)
		writeFile(t, filepath.Join(job.Model, "MLmodel"), anMLModel)
		writeFile(t, filepath.Join(job.Model, "conda.yaml"), "dependencies: [{pip: [xgboost]}]")
		job.Environment = &tt.environment
		s, err := newSettings(job)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, s.packages.lines); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPythonFits(t *testing.T) {
	for wanted, want := range map[string]bool{
		"": true, "3.11": true, "=3.11": true, "==3.11.2": true, "= 3.11.*": true, "3": true, "=3.1": false, "=3.8.5": false, "=2": false,
		">=3.6": false, "=3.11.7=h1_0": false, // told, not judged
	} {
		if got := pythonFits(wanted, "3.11.7"); got != want {
			t.Errorf("pythonFits(%q) = %v", wanted, got)
		}
	}
}

// TestAModelOfMLflowIsNoLink: MLflow follows symbolic links and refuses files outside of the
// folder.
func TestAModelOfMLflowIsNoLink(t *testing.T) {
	job := mlflowModel(t, anMLModel)
	if err := os.Symlink(filepath.Join(job.Model, "weights.txt"), filepath.Join(job.Model, "link")); err != nil {
		t.Fatal(err)
	}
	job.Code, job.Script = t.TempDir(), "score.py"
	writeFile(t, filepath.Join(job.Code, "score.py"), "import os\ndef run(b):\n    top = os.path.join(os.environ['AZUREML_MODEL_DIR'], 'model')\n"+
		"    return [(os.path.islink(os.path.join(f, n)), n, open(os.path.join(f, n)).read()[:7]) for f, _, names in os.walk(top) for n in names]\n")
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"(False, 'MLmodel', 'flavors')", "(False, 'link', '42')", "(False, 'weights.txt', '42')"}
	if diff := cmp.Diff(want, lines(t, got.OutputFile)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestEnvironmentErrorGivesTheToolsOwnLine uses output of pip and venv.
func TestEnvironmentErrorGivesTheToolsOwnLine(t *testing.T) {
	tests := []struct{ name, step, output, reason string }{
		{"a version that there is not", "pip", "Looking in indexes: https://example.com\nERROR: Could not find a version that satisfies the requirement torch==1.0 (from versions: none)\nERROR: No matching distribution found for torch==1.0\n",
			"python -m pip: No matching distribution found for torch==1.0"},
		{"a conflict", "pip", "ERROR: Cannot install a==1 and b==2 because these package versions have conflicting dependencies.\n\nThe conflict is caused by:\n    a 1 depends on c<1\n\nERROR: ResolutionImpossible: for help visit https://pip.pypa.io\n",
			"python -m pip: Cannot install a==1 and b==2 because these package versions have conflicting dependencies."},
		{"a build", "pip", "  error: subprocess-exited-with-error\n  exit code: 1\n  error: command 'gcc' failed\nERROR: Failed to build 'kiln' when getting requirements to build wheel\n",
			"python -m pip: Failed to build 'kiln' when getting requirements to build wheel"},
		{"only in small letters", "pip", "error: metadata-generation-failed\nhint: See above for details.\n", "python -m pip: metadata-generation-failed"},
		{"venv", "venv", "Error: Command '['/x/bin/python', '-m', 'ensurepip']' returned non-zero exit status 1.\n", "python -m venv: Command '['/x/bin/python', '-m', 'ensurepip']' returned non-zero exit status 1."},
		{"nothing", "venv", "", "python -m venv: exit status 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := &venv{log: "/logs/build.txt", keepsLog: tt.output != ""}
			want := &EnvironmentError{Reason: tt.reason, Output: strings.TrimSpace(tt.output)}
			text := "scoring: the environment cannot be built: " + tt.reason
			if tt.output != "" {
				want.Log = v.log
				text += "; the whole output is in /logs/build.txt\n\t" + strings.ReplaceAll(want.Output, "\n", "\n\t")
			}
			got := v.failure(tt.step, errors.New("exit status 1"), tt.output)
			if diff := cmp.Diff(error(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Error() != text {
				t.Errorf("Error() = %q, want %q", got.Error(), text)
			}
		})
	}
}

// TestEnvironmentErrorShowsTheEnd checks how much an error shows of what a step printed.
func TestEnvironmentErrorShowsTheEnd(t *testing.T) {
	printed := "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n"
	for output, want := range map[string]string{printed: strings.TrimSpace(printed), printed + "13\n": strings.TrimPrefix(printed, "1\n") + "13"} {
		var failed *EnvironmentError
		if err := (&venv{log: "log"}).failure("pip", errors.New("exit status 1"), output); !errors.As(err, &failed) || failed.Output != want || failed.Log != "" {
			t.Errorf("of %q: %+v, want %q", output, failed, want)
		}
	}
}
