package scoring

import (
	"fmt"
	"regexp"
	"strings"
)

// missingModule matches the message of an import that finds no module.
var missingModule = regexp.MustCompile(`^(?:ModuleNotFoundError|ImportError): No module named '?([^\s';]+)`)

// hiddenPackage matches the message of an import from a package that turns out to be a module.
var hiddenPackage = regexp.MustCompile(`No module named .*; '?([^\s';]+)'? is not a package`)

// driverOption is the first option of the driver, and so the first that a parser does not know.
// argparse, click, absl and getopt name it with or without its dashes.
const driverOption = "client_sdk_version"

// hint says what usually helps. It is empty when the cause is not a known one.
func (e *engine) hint(failed *ScriptError) string {
	module := missingModule.FindStringSubmatch(failed.Message)
	hidden := hiddenPackage.FindStringSubmatch(failed.Message)
	switch {
	case failed.TooFewRows:
		return "return as many rows as files; a file without a row counts as failed"
	case failed.TimedOut && failed.Phase == PhaseRun:
		return "raise the timeout or lower the mini-batch size"
	case failed.TimedOut:
		return fmt.Sprintf("raise the timeout or do less in %s()", failed.Phase)
	case failed.Exited && strings.Contains(failed.Message, "signal 9 "):
		return "the process may have run out of memory; lower the mini-batch size or the number of processes"
	case hidden != nil:
		return fmt.Sprintf("a module named %s hides the package, or the package has no such module; "+
			"rename the file of the code folder that has its name, or check the import", hidden[1])
	case module != nil:
		return e.missingModuleHint(module[1])
	case strings.HasPrefix(failed.Message, "OSError: [Errno 30] "):
		return "input and model are read-only; write results to the folder in AZUREML_BI_OUTPUT_PATH, and other files to a temporary folder"
	case strings.Contains(failed.Stderr+failed.Message, driverOption):
		return "sys.argv has the options of the driver; parse it with parse_known_args()"
	case !isSystemExit(failed.Message):
		return ""
	case strings.Contains(failed.Stderr, "error: the following arguments are required:"):
		return "a deployment cannot pass arguments to its script; read an environment variable instead"
	}
	return ""
}

// isSystemExit reports whether the script ended itself, as sys.exit and argparse do. They write the
// reason to standard error.
func isSystemExit(message string) bool {
	return message == "SystemExit" || strings.HasPrefix(message, "SystemExit:")
}

// missingModuleHint says which Python lacks a module, and where to install it.
func (e *engine) missingModuleHint(module string) string {
	name := packageOf(module)
	if e.venv != "" {
		return fmt.Sprintf("the virtual environment %s has no module %s, and neither has the code folder. %s "+
			"Add %s to the pip part of the conda file or to the requirements", e.venv, module,
			strings.Join(append([]string{"It has the packages that pip installed."}, e.packages.notes...), " "), name)
	}
	return fmt.Sprintf("%s has no module %s, and neither has the code folder. "+
		"The job uses the packages of this Python, whatever the conda file or image of its environment has. "+
		"Install %s there, choose another Python (--python), "+
		"or build the environment (emulator: --environments venv)", e.pythonName(), module, name)
}

// distributions are the packages that pip knows by another name than Python.
var distributions = map[string]string{
	"PIL": "pillow", "azureml": "azureml-core", "cv2": "opencv-python-headless", "dotenv": "python-dotenv",
	"pkg_resources": "setuptools<81", "skimage": "scikit-image", "sklearn": "scikit-learn", "yaml": "pyyaml",
}

// packageOf says which package has a module, as far as that is known.
func packageOf(module string) string {
	top, _, part := strings.Cut(module, ".")
	name := "the package"
	if known := distributions[top]; known != "" {
		name += " " + known
	}
	if part { // the package may be there, in a version without this module
		name += " in a version that has the module"
	}
	return name
}
