package scoring

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Environment is what a deployment's environment asks for, as far as it can be had without Docker: its Python packages
// are installed with pip into a virtual environment of [Job.Python]. It needs the package index that pip is set up for; pip
// gets the whole environment of this process, with its proxies and credentials.
//
// What cannot be had is told in the job's progress log: conda packages other than Python and pip, another version of
// Python, a Docker image. Packages that only Azure's own driver needs, such as azureml-core, are left out. pip's output is
// in azureml-logs/20_image_build_log.txt, where Azure has that of its image build; what pip refuses fails the job with an
// [*EnvironmentError].
//
// An environment is built once for the same interpreter and the same packages, by one process at a time, and kept: later
// jobs find it. Nothing removes it; the folder may be deleted when no job runs.
//
// The zero value is an environment without packages, or for an MLflow model without a script the one that the model itself
// names in its conda.yaml or requirements.txt, with mlflow added when it is missing there.
type Environment struct {
	// CondaFile is the text of a conda file, YAML or JSON. Empty means none.
	CondaFile string
	// Requirements is the text of a requirements.txt, installed together with the pip part of CondaFile. Empty means none.
	Requirements string
	// Image is the Docker image, which is not run; it is only named in the log. Empty means that there is none.
	Image string
	// CacheDir is the folder of the environments; empty means azmlbatch/environments in os.UserCacheDir.
	CacheDir string
}

// EnvironmentError tells that the packages of [Job.Environment] could not be installed.
type EnvironmentError struct {
	// Reason names the step that failed and gives its own line about the cause, such as
	// "python -m pip: No matching distribution found for torch==1.0".
	Reason string
	// Output is the end of what the step printed.
	Output string
	// Log is the path of the log with all that it printed. Empty without [Job.Logs].
	Log string
}

// Error gives the reason and the log, and below them the output.
func (e *EnvironmentError) Error() string {
	text := "scoring: the environment cannot be built: " + e.Reason
	if e.Log != "" {
		text += "; the whole output is in " + e.Log
	}
	return text + indent(e.Output)
}

// packages is what is to be installed.
type packages struct {
	lines  []string // of a requirements file
	python string   // what is asked of the version of Python, such as "=3.8.5"; empty for anything
	notes  []string // what is not done, a sentence each
}

// checkEnvironment reads what the environment asks for.
func (s *settings) checkEnvironment() error {
	if s.Environment == nil || s.Func != nil {
		return nil
	}
	environment := *s.Environment
	if s.scriptless() && environment.CondaFile == "" && environment.Requirements == "" {
		environment = s.modelEnvironment(environment)
	}
	p, err := environment.packages()
	if err != nil {
		return &InvalidJobError{"Environment", "must be one that can be built, but " + err.Error()}
	}
	if s.scriptless() && !slices.ContainsFunc(p.lines, isMLflow) {
		p.lines = append(p.lines, "mlflow")
	}
	s.packages = p
	return nil
}

func isMLflow(line string) bool {
	name := packageName(line)
	return name == "mlflow" || name == "mlflow-skinny"
}

// modelEnvironment is the one that MLflow saves with a model.
func (s *settings) modelEnvironment(environment Environment) Environment {
	if text, err := os.ReadFile(filepath.Join(s.Model, "conda.yaml")); err == nil {
		environment.CondaFile = string(text)
	} else if text, err := os.ReadFile(filepath.Join(s.Model, "requirements.txt")); err == nil {
		environment.Requirements = string(text)
	}
	return environment
}

// packages sorts what the environment asks for.
func (environment Environment) packages() (packages, error) {
	var p packages
	if environment.Image != "" {
		p.note("The image %s is not run: the job gets a virtual environment of this machine's Python.", environment.Image)
	}
	pip, err := p.addConda(environment.CondaFile)
	if err != nil {
		return p, err
	}
	p.addPip(append(pip, strings.Split(environment.Requirements, "\n")...))
	return p, nil
}

func (p *packages) note(format string, values ...any) {
	p.notes = append(p.notes, fmt.Sprintf(format, values...))
}

// addConda takes in a conda file and gives the lines of its pip part.
func (p *packages) addConda(text string) (pip []string, err error) {
	var file struct {
		Dependencies []any          `yaml:"dependencies"`
		Variables    map[string]any `yaml:"variables"`
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return nil, fmt.Errorf("the conda file cannot be read: %s", yaml.FormatError(err, false, false))
	}
	var others []string
	for _, dependency := range file.Dependencies {
		switch dependency := dependency.(type) {
		case string:
			others = append(others, p.addCondaPackage(dependency)...)
		case map[string]any:
			lines, ok := dependency["pip"].([]any)
			if !ok || len(dependency) != 1 {
				return nil, fmt.Errorf("the conda file cannot be read: a dependency is neither a package nor a list named pip: %v", dependency)
			}
			for _, line := range lines {
				pip = append(pip, fmt.Sprint(line))
			}
		default:
			return nil, fmt.Errorf("the conda file cannot be read: a dependency is neither a package nor a list named pip: %v", dependency)
		}
	}
	if len(others) > 0 {
		p.note("Packages of conda are not installed, only those of its pip part are. Missing: %s.", strings.Join(others, ", "))
	}
	if len(file.Variables) > 0 {
		p.note("The variables of the conda file are not set; give them to the deployment as environment variables.")
	}
	return pip, nil
}

// condaName takes a conda package apart: [channel::]name, and what is asked of its version.
var condaName = regexp.MustCompile(`^\s*(?:[^\s:]+::)?([A-Za-z0-9._-]+)\s*(.*?)\s*$`)

// addCondaPackage takes in a package of conda itself and gives it back when it cannot be had.
func (p *packages) addCondaPackage(text string) (missing []string) {
	parts := condaName.FindStringSubmatch(text)
	if parts == nil {
		return []string{text}
	}
	switch name, version := strings.ToLower(parts[1]), parts[2]; {
	case name == "python":
		p.python = version
		return nil
	case name == "pip" && version == "":
		return nil
	}
	return []string{text}
}

// azureOnly are the packages that the service's driver needs in an environment and a script does not (Microsoft Learn:
// how-to-use-batch-model-deployments, how-to-troubleshoot-batch-endpoints), and those that only bring them along. Several
// of them cannot be installed beside a Python or libraries of today.
var azureOnly = []string{"azureml-core", "azureml-dataset-runtime", "azureml-defaults", "azureml-dataprep", "azureml-dataprep-native",
	"azureml-dataprep-rslex", "azureml-inference-server-http", "azureml-sdk", "azureml-telemetry"}

// addPip takes in the lines of a requirements file.
func (p *packages) addPip(lines []string) {
	var skipped []string
	for _, line := range lines {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case slices.Contains(azureOnly, packageName(line)):
			skipped = append(skipped, line)
		default:
			p.lines = append(p.lines, line)
		}
	}
	if len(skipped) > 0 {
		p.note("Only Azure's own driver needs these packages; they are not installed: %s.", strings.Join(skipped, ", "))
	}
}

var (
	pipName       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*`)
	nameSeparator = regexp.MustCompile(`[-_.]+`)
)

// packageName is the name in a requirement, in the spelling that makes equal names equal; empty for an option of pip.
func packageName(line string) string {
	return nameSeparator.ReplaceAllString(strings.ToLower(pipName.FindString(line)), "-")
}

var exactPython = regexp.MustCompile(`^={0,2}\s*(\d+(?:\.\d+)?)(?:\.[\d*]+)*$`)

// pythonFits tells whether a version of Python is the one that a conda file asks for, whatever the patch. A range, such as
// >=3.6, is not judged but told, as every other version is.
func pythonFits(wanted, version string) bool {
	if wanted == "" {
		return true
	}
	exact := exactPython.FindStringSubmatch(wanted)
	return exact != nil && strings.HasPrefix(version+".", exact[1]+".")
}
