package scoring

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Environment has the Python packages that a deployment's environment asks for. They are installed
// with pip into a virtual environment of [Job.Python]. pip gets the whole environment of this
// process, including proxies and credentials, and uses the package index that it is configured for.
//
// The job's progress log lists what is not installed: conda packages other than Python and pip,
// another version of Python, a Docker image. Packages that only Azure's own driver needs, such as
// azureml-core, are left out. The output of pip is in azureml-logs/20_image_build_log.txt, where
// Azure has the log of its image build. If pip fails, the job fails with an [*EnvironmentError].
//
// A virtual environment is built once per interpreter and set of packages, by one process at a
// time, and cached for later jobs. It is never removed; you can delete the folder while no job
// runs.
//
// The zero value is an environment without packages. For an MLflow model without a script, it is
// the environment that the model's own conda.yaml or requirements.txt describes; mlflow is added if
// it is missing.
type Environment struct {
	// CondaFile is the text of a conda file, in YAML or JSON. Empty means none.
	CondaFile string
	// Requirements is the text of a requirements.txt. Its packages are installed together with the
	// pip part of CondaFile. Empty means none.
	Requirements string
	// Image is the Docker image. It is not run, only mentioned in the log. Empty means none.
	Image string
	// CacheDir is the folder of all virtual environments. Empty means azmlbatch/environments in
	// os.UserCacheDir.
	CacheDir string
}

// EnvironmentError means that the packages of [Job.Environment] could not be installed.
type EnvironmentError struct {
	// Reason names the step that failed and gives its own message, such as "python -m pip: No
	// matching distribution found for torch==1.0".
	Reason string
	// Output is the end of what the step printed.
	Output string
	// Log is the path of the log with everything that the step printed. Empty without [Job.Logs].
	Log string
}

// Error gives the reason and the path of the log, followed by the output.
func (e *EnvironmentError) Error() string {
	text := "scoring: the environment cannot be built: " + e.Reason
	if e.Log != "" {
		text += "; the whole output is in " + e.Log
	}
	return text + indent(e.Output)
}

// packages is what to install.
type packages struct {
	lines  []string // of a requirements file
	python string   // the requested version of Python, such as "=3.8.5"; empty for any
	notes  []string // what is not installed or not set, one sentence each
}

// checkEnvironment reads which packages the environment asks for.
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
		return invalid("Environment", "must be one that can be built, but %v", err)
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

// modelEnvironment adds the environment that MLflow saved with the model.
func (s *settings) modelEnvironment(environment Environment) Environment {
	if text, err := os.ReadFile(filepath.Join(s.Model, "conda.yaml")); err == nil {
		environment.CondaFile = string(text)
	} else if text, err := os.ReadFile(filepath.Join(s.Model, "requirements.txt")); err == nil {
		environment.Requirements = string(text)
	}
	return environment
}

// packages returns what to install, and notes what cannot be installed.
func (environment Environment) packages() (packages, error) {
	var p packages
	if environment.Image != "" {
		p.note("The image %s is not run. The job gets a virtual environment of this machine's Python.",
			environment.Image)
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

// addConda reads a conda file and returns the lines of its pip part.
func (p *packages) addConda(text string) (pip []string, err error) {
	var file struct {
		Dependencies []any          `yaml:"dependencies"`
		Variables    map[string]any `yaml:"variables"`
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return nil, fmt.Errorf("the conda file cannot be read: %w", err)
	}
	var others []string
	for _, dependency := range file.Dependencies {
		switch dependency := dependency.(type) {
		case string:
			others = append(others, p.addCondaPackage(dependency)...)
		case map[string]any:
			lines, ok := dependency["pip"].([]any)
			if !ok || len(dependency) != 1 {
				return nil, badDependency(dependency)
			}
			for _, line := range lines {
				pip = append(pip, fmt.Sprint(line))
			}
		default:
			return nil, badDependency(dependency)
		}
	}
	if len(others) > 0 {
		p.note("Only the pip part of the conda file is installed. Missing: %s.", strings.Join(others, ", "))
	}
	if len(file.Variables) > 0 {
		p.note("The variables of the conda file are not set. Set them as environment variables of the deployment.")
	}
	return pip, nil
}

func badDependency(dependency any) error {
	return fmt.Errorf("the conda file cannot be read: a dependency is neither a package nor a list named pip: %v",
		dependency)
}

// condaName matches a conda package: [channel::]name and the requested version.
var condaName = regexp.MustCompile(`^\s*(?:[^\s:]+::)?([A-Za-z0-9._-]+)\s*(.*?)\s*$`)

// addCondaPackage handles a package outside of the pip part. It returns the package if it cannot be
// installed.
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

// azureOnly are the packages that the service's driver needs in an environment, and packages that
// only exist for them (Microsoft Learn: how-to-use-batch-model-deployments,
// how-to-troubleshoot-batch-endpoints). Scripts do not need them, and several cannot be installed
// with a current Python.
var azureOnly = []string{
	"azureml-core", "azureml-dataset-runtime", "azureml-defaults", "azureml-dataprep", "azureml-dataprep-native",
	"azureml-dataprep-rslex", "azureml-inference-server-http", "azureml-sdk", "azureml-telemetry",
}

// addPip adds the lines of a requirements file.
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
		p.note("These packages are not installed, because only Azure's own driver needs them: %s.", strings.Join(skipped, ", "))
	}
}

var (
	pipName       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*`)
	nameSeparator = regexp.MustCompile(`[-_.]+`)
)

// packageName is the normalized name in a requirement. It is empty for an option of pip.
func packageName(line string) string {
	return nameSeparator.ReplaceAllString(strings.ToLower(pipName.FindString(line)), "-")
}

var exactPython = regexp.MustCompile(`^={0,2}\s*(\d+(?:\.\d+)?)(?:\.[\d*]+)*$`)

// pythonFits reports whether a version of Python is the one that a conda file asks for, whatever
// its patch version. A range, such as >=3.6, does not fit: the log mentions it instead.
func pythonFits(wanted, version string) bool {
	if wanted == "" {
		return true
	}
	exact := exactPython.FindStringSubmatch(wanted)
	return exact != nil && strings.HasPrefix(version+".", exact[1]+".")
}
