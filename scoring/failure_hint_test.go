package scoring

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// firstError runs a job and returns its FirstError, even if the job completed.
func firstError(t *testing.T, job Job) *ScriptError {
	t.Helper()
	got, err := Run(t.Context(), job)
	var failure *Failure
	if err != nil && !errors.As(err, &failure) {
		t.Fatalf("Run = %v", err)
	}
	if got.FirstError == nil {
		t.Fatalf("Run = %+v, %v; want a failed call", got, err)
	}
	return got.FirstError
}

// TestHints checks that the error and the logs say what helps, if the cause is a known one.
func TestHints(t *testing.T) {
	tests := []struct {
		name, script  string
		change        func(*Job)
		message, hint string
		stderr        string // in the end of standard error; empty means that none is shown
	}{
		{"parse_args meets the driver's options", "import argparse\nargparse.ArgumentParser(prog='score').parse_args()\ndef run(b):\n    return b", nil,
			"SystemExit: 2", "parse_known_args()", "score: error: unrecognized arguments: --client_sdk_version"},
		{"parse_args in init", "import argparse\ndef init():\n    argparse.ArgumentParser(prog='score').parse_args()\ndef run(b):\n    return b", nil,
			"SystemExit: 2", "parse_known_args()", "score: error: unrecognized arguments: --client_sdk_version"},
		{"getopt meets the driver's options", "import getopt, sys\ngetopt.getopt(sys.argv[1:], 'k')\ndef run(b):\n    return b", nil,
			"getopt.GetoptError: option --client_sdk_version not recognized", "parse_known_args()", ""},
		{"another parser meets them", "import sys\nprint('Error: No such option:', sys.argv[1], file=sys.stderr)\nsys.exit(2)\ndef run(b):\n    return b", nil,
			"SystemExit: 2", "parse_known_args()", "No such option: --client_sdk_version"},
		{"a module that hides a package", "import score.glaze\ndef run(b):\n    return b", nil,
			"ModuleNotFoundError: No module named 'score.glaze'; 'score' is not a package", "a module named score hides the package", ""},
		{"an argument that nobody passes", "import argparse\np = argparse.ArgumentParser(prog='score')\np.add_argument('--kiln', required=True)\np.parse_known_args()\ndef run(b):\n    return b", nil,
			"SystemExit: 2", "environment variable", "score: error: the following arguments are required: --kiln"},
		{"an exit with words of its own", "import sys\ndef run(b):\n    print('no glaze left', file=sys.stderr)\n    sys.exit(3)", nil, "SystemExit: 3", "", "no glaze left"},
		{"a process that ends by itself", "import os, sys\ndef run(b):\n    print('no glaze left', file=sys.stderr, flush=True)\n    os._exit(3)", nil,
			"the process ended by itself, returncode 3", "", "no glaze left"},
		{"a process that is killed", "import os, signal\ndef run(b):\n    os.kill(os.getpid(), signal.SIGKILL)", nil,
			"the process ended by signal 9 (killed), returncode -9", "out of memory", ""},
		{"an exception", "import sys\ndef run(b):\n    print('warning', file=sys.stderr)\n    raise ValueError('cracked')", nil, "ValueError: cracked", "", ""},
		{"a call that takes too long", "import signal\ndef run(b):\n    signal.pause()", quick, "run() took longer than the timeout; the limit of a call is 3.001s", "raise the timeout or lower the mini-batch size", ""},
		{"an init that takes too long", "import signal\ndef init():\n    signal.pause()\ndef run(b):\n    return b", quick, "init() took longer than the timeout; the limit of a call is 3.001s", "raise the timeout", ""},
		{"a wrong return type", "def run(b):\n    return None", nil, "Exception: " + refused("NoneType") + " Please check logs for error. You can check logs/readme.txt for the layout of logs.", "", ""},
		{"no rows", "def run(b):\n    return []", nil, "run() returned 0 rows for 3 files", "as many rows as files", ""},
		{"one row", "def run(b):\n    return ['x']", nil, "run() returned 1 row for 3 files", "as many rows as files", ""},
		{"no row for one file", "def run(b):\n    return ()", func(j *Job) { j.MiniBatchSize = 1 }, "run() returned 0 rows for 1 file", "as many rows as files", ""},
		{"too few in a job that only counts", "def run(b):\n    return []", func(j *Job) { j.OutputAction = OutputActionSummaryOnly }, "run() returned 0 rows for 3 files", "as many rows as files", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job := newJob(t, tt.script, 3)
			job.MaxRetries = new(1)
			if tt.change != nil {
				tt.change(&job)
			}
			got := firstError(t, job)
			if got.Message != tt.message {
				t.Errorf("message %q, want %q", got.Message, tt.message)
			}
			if !strings.Contains(got.Hint, tt.hint) || (got.Hint == "") != (tt.hint == "") {
				t.Errorf("hint %q, want %q in it", got.Hint, tt.hint)
			}
			if !strings.Contains(got.Stderr, tt.stderr) || (got.Stderr == "") != (tt.stderr == "") {
				t.Errorf("standard error %q, want %q in it", got.Stderr, tt.stderr)
			}
			details := got.Details()
			if !strings.Contains(details, tt.message) || !strings.Contains(details, tt.stderr) || !strings.Contains(details, tt.hint) {
				t.Errorf("details:\n%s", details)
			}
			for _, file := range []string{"logs/job_error.*.txt", "logs/user/error/0/process000.txt"} {
				text := logText(t, job, file)
				if !strings.Contains(text, tt.message) || strings.Contains(text, " Hint: "+got.Hint+"\n") != (tt.hint != "") {
					t.Errorf("%s has no message or hint:\n%s", file, text)
				}
			}
			if want := filepath.Join(job.Logs, "logs", "user", "error", "0", "process000.txt"); got.Log != want {
				t.Errorf("log %q, want %q", got.Log, want)
			}
		})
	}
}

// TestScriptErrors pins what an error of the script says about its place in the job.
func TestScriptErrors(t *testing.T) {
	tests := []struct {
		name, script string
		change       func(*Job)
		want         ScriptError
		text         string
	}{
		{"import", "raise ValueError('x')", nil, ScriptError{Phase: PhaseImport, Message: "ValueError: x", MiniBatch: -1, Process: "process000"},
			"import failed in process000 on node 0: ValueError: x"},
		{"init", "def init():\n    raise ValueError('x')\ndef run(b):\n    return b", nil, ScriptError{Phase: PhaseInit, Message: "ValueError: x", MiniBatch: -1, Process: "process000"},
			"init() failed in process000 on node 0: ValueError: x"},
		{"run", "import helper\ndef run(b):\n    if helper.once():\n        raise ValueError('x')\n    return b", nil,
			ScriptError{Phase: PhaseRun, Message: "ValueError: x", MiniBatch: 0, Try: 1, Process: "process000", File: "a00.txt", Files: []string{"a00.txt"}},
			`run() failed in process000 on node 0, mini-batch 0, file "a00.txt": ValueError: x`},
		{"shutdown", "def run(b):\n    return b\ndef shutdown():\n    raise ValueError('x')", nil, ScriptError{Phase: PhaseShutdown, Message: "ValueError: x", MiniBatch: -1, Process: "process000"},
			"shutdown() failed in process000 on node 0: ValueError: x"},
		{"the last try", "def run(b):\n    if 'a01' in b[0]:\n        raise ValueError('x')\n    return b", func(j *Job) { j.MaxRetries, j.LoggingLevel = new(1), LoggingLevelInfo },
			ScriptError{Phase: PhaseRun, Message: "ValueError: x", MiniBatch: 1, Try: 1, Process: "process000", File: "a01.txt", Files: []string{"a01.txt"}},
			`run() failed in process000 on node 0, mini-batch 1, file "a01.txt": ValueError: x`},
		{"another node", "import helper, os\ncalls = 0\ndef run(b):\n    global calls\n    calls += 1\n    if calls == 1:\n        helper.meet()\n    if os.environ['AZ_BATCH_IS_CURRENT_NODE_MASTER'] == 'false' and helper.once():\n        raise ValueError('x')\n    return b",
			func(j *Job) { j.InstanceCount, j.OutputAction = 2, OutputActionAppendRow }, ScriptError{Phase: PhaseRun, Message: "ValueError: x", Try: 1, Node: 1, Process: "process000"}, ""},
		{"a call that hangs", "import helper, signal\ndef run(b):\n    if helper.once():\n        signal.pause()\n    return b", quick,
			ScriptError{Phase: PhaseRun, Message: "run() took longer than the timeout; the limit of a call is 3.001s", Try: 1, Process: "process000", TimedOut: true, Files: []string{"a00.txt"}}, ""},
		{"a process that ends", "import helper, os\ndef run(b):\n    if helper.once():\n        os._exit(1)\n    return b", nil,
			ScriptError{Phase: PhaseRun, Message: "the process ended by itself, returncode 1", Try: 1, Process: "process000", Exited: true, Files: []string{"a00.txt"}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job := newJob(t, tt.script, 2)
			job.MiniBatchSize = 1
			if tt.change != nil {
				tt.change(&job)
			}
			got := *firstError(t, job)
			if got.PID <= 0 || got.PID == os.Getpid() {
				t.Errorf("process id %d", got.PID)
			}
			text := strings.ReplaceAll(got.Error(), job.Input+"/", "")
			if text != tt.text && tt.text != "" {
				t.Errorf("Error() = %q, want %q", text, tt.text)
			}
			got.File = strings.TrimPrefix(got.File, job.Input+"/")
			for i, file := range got.Files {
				got.Files[i] = strings.TrimPrefix(file, job.Input+"/")
			}
			got.PID, got.Traceback, got.Hint, got.Log = 0, "", "", ""
			if tt.want.Node == 1 { // which of the two files it got is not defined
				got.Files, got.File, got.MiniBatch = nil, "", 0
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestWordsOfHints pins every hint, and what has none.
func TestWordsOfHints(t *testing.T) {
	e := &engine{settings: &settings{Job: Job{Python: "/usr/bin/python3"}}}
	const driver, arguments = "sys.argv has the options of the driver; parse it with parse_known_args()", "a deployment cannot pass arguments to its script; read an environment variable instead"
	missing := func(module string) string {
		return "/usr/bin/python3 has no module " + module + ", and neither has the code folder. The job uses the packages of this Python, whatever the conda file or image of " +
			"its environment has. Install the package there, choose another Python (--python), or build the environment (emulator: --environments venv)"
	}
	for _, tt := range []struct {
		failed ScriptError
		want   string
	}{
		{ScriptError{TooFewRows: true}, "return as many rows as files; a file without a row counts as failed"},
		{ScriptError{TimedOut: true, Phase: PhaseRun}, "raise the timeout or lower the mini-batch size"},
		{ScriptError{TimedOut: true, Phase: PhaseInit}, "raise the timeout or do less in init()"},
		{ScriptError{TimedOut: true, Phase: PhaseShutdown}, "raise the timeout or do less in shutdown()"},
		{ScriptError{Exited: true, Message: "the process ended by signal 9 (killed), returncode -9"},
			"the process may have run out of memory; lower the mini-batch size or the number of processes"},
		{ScriptError{Exited: true, Message: "the process ended by signal 15 (terminated), returncode -15"}, ""},
		{ScriptError{Message: "ValueError: signal 9 (killed)"}, ""},
		{ScriptError{Message: "ModuleNotFoundError: No module named 'mlflow.pyfunc'; 'mlflow' is not a package"},
			"a module named mlflow hides the package, or the package has no such module; rename the file of the code folder that has its name, or check the import"},
		{ScriptError{Message: "ModuleNotFoundError: No module named 'torch'"}, missing("torch")},
		{ScriptError{Message: "ImportError: No module named torch"}, missing("torch")},
		{ScriptError{Message: "ValueError: No module named 'torch'"}, ""},
		{ScriptError{Message: "SystemExit: 2", Stderr: "unrecognized arguments: --client_sdk_version 1.0.0"}, driver},
		{ScriptError{Message: "NoSuchOption: No such option: --client_sdk_version"}, driver},
		{ScriptError{Message: "SystemExit: 2", Stderr: "score: error: the following arguments are required: --kiln"}, arguments},
		{ScriptError{Message: "SystemExit", Stderr: "score: error: the following arguments are required: --kiln"}, arguments},
		{ScriptError{Message: "SystemExitError", Stderr: "score: error: the following arguments are required: --kiln"}, ""},
		{ScriptError{Message: "SystemExit: 2", Stderr: "no glaze"}, ""},
		{ScriptError{Message: "ValueError: cracked"}, ""},
	} {
		if got := e.hint(&tt.failed); got != tt.want {
			t.Errorf("the hint of %+v is %q, want %q", tt.failed, got, tt.want)
		}
	}
	for module, name := range map[string]string{
		"PIL": "pillow", "azureml": "azureml-core", "cv2": "opencv-python-headless", "dotenv": "python-dotenv", "pkg_resources": "setuptools<81", "skimage": "scikit-image",
		"sklearn": "scikit-learn", "yaml": "pyyaml", "yaml.x.y": "pyyaml in a version that has the module", "torch.nn": " in a version that has the module",
	} {
		got := e.hint(&ScriptError{Message: "ModuleNotFoundError: No module named '" + module + "'"})
		want := strings.Replace(missing(module), "Install the package there", "Install the package "+strings.TrimSpace(name)+" there", 1)
		if got != want {
			t.Errorf("the hint of module %s is %q, want %q", module, got, want)
		}
	}
	e.venv, e.packages.notes = "/cache/venv", []string{"The image kiln:1 is not run."}
	want := "the virtual environment /cache/venv has no module torch, and neither has the code folder. It has the packages that pip installed. The image kiln:1 is not run. " +
		"Add the package to the pip part of the conda file or to the requirements"
	if got := e.hint(&ScriptError{Message: "ModuleNotFoundError: No module named 'torch'"}); got != want {
		t.Errorf("the hint in an environment is %q, want %q", got, want)
	}
}

// TestWordsOfErrors pins the texts of errors, line by line.
func TestWordsOfErrors(t *testing.T) {
	cause := &ScriptError{Phase: PhaseRun, Message: "SystemExit: 2", Traceback: "Traceback:\n  x\n", MiniBatch: 0, File: "/in/a \"b\"", Node: 1, Process: "process002", Stderr: "no\nclay", Hint: "buy clay"}
	imported := &ScriptError{Phase: PhaseImport, Message: "ValueError: x", Traceback: "Traceback:\n  y\n", MiniBatch: -1, Process: "process000"}
	const run = `run() failed in process002 on node 1, mini-batch 0, file "/in/a \"b\"": SystemExit: 2`
	const details = run + "\nTraceback:\n  x\nstandard error ends with:\n\tno\n\tclay\nhint: buy clay"
	for _, tt := range []struct{ name, got, want string }{
		{"an error", cause.Error(), run},
		{"its details", cause.Details(), details},
		{"without details", (&ScriptError{Phase: PhaseInit, Message: "x", MiniBatch: -1, Process: "process000"}).Details(), "init() failed in process000 on node 0: x"},
		{"of an import", imported.Error(), "import failed in process000 on node 0: ValueError: x"},
		{"of missing rows", (&ScriptError{Phase: PhaseRun, TooFewRows: true, Message: "run() returned 0 rows for 1 file", MiniBatch: 3, Process: "process000"}).Error(),
			"run() returned 0 rows for 1 file in process000 on node 0, mini-batch 3"},
		{"a failure", (&Failure{Reason: "no"}).Error(), "scoring: no"},
		{"with a detail", (&Failure{Reason: "no", Detail: "why"}).Error(), "scoring: no (why)"},
		{"with a cause", (&Failure{Reason: "no", Detail: "why", Cause: cause}).Error(), "scoring: no (why)\n" + details},
		{"with the traceback of the cause", (&Failure{Reason: "no: Traceback:\n  y", Cause: imported}).Error(), "scoring: no: Traceback:\n  y\n" + imported.Error()},
		{"a mistake", (&InvalidJobError{"Input", "must not be"}).Error(), "scoring: invalid job: Input must not be"},
		{"no MLflow", (&NoMLflowError{"/usr/bin/python3", "No module named 'mlflow'"}).Error(), "scoring: an MLflow model without a scoring script is scored by the Python package mlflow, " +
			"and /usr/bin/python3 cannot import it: No module named 'mlflow'; install mlflow, pandas and what the model needs there, or choose another Python (--python)"},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got := errors.Unwrap(&Failure{Cause: cause}); !errors.Is(got, cause) {
		t.Errorf("a failure unwraps to %v", got)
	}
	if got := errors.Unwrap(&Failure{}); got != nil {
		t.Errorf("a failure without a cause unwraps to %v", got)
	}
	if other := errors.New("other"); errors.Is(&Failure{Reason: pathExists}, other) || errors.Is(&Failure{Reason: noSuccess}, ErrOutputExists) {
		t.Error("a failure is another error")
	}
}

// TestHintOfAMissingModule checks that the hint names the interpreter and says where the module
// could come from. The conda file is not used when a job runs with this machine's Python.
func TestHintOfAMissingModule(t *testing.T) {
	const script = "import no_such_module\ndef run(b):\n    return b"
	tests := []struct {
		name, script string
		want         []string
	}{
		{"in the import", script, []string{"no module no_such_module"}},
		{"in init", "def init():\n    import no_such_module\ndef run(b):\n    return b", []string{"no module no_such_module"}},
		{"in run", "def run(b):\n    import no_such_module", []string{"no module no_such_module"}},
		{"of a package", "import xml.no_such_module\ndef run(b):\n    return b", []string{"no module xml.no_such_module", "Install the package in a version that has the module there"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			job := newJob(t, tt.script, 1)
			job.MaxRetries = new(1)
			got := firstError(t, job)
			for _, want := range append(tt.want, realPython(), "--python", "--environments venv") {
				if !strings.Contains(got.Hint, want) {
					t.Errorf("no %q in the hint %q", want, got.Hint)
				}
			}
			if strings.Contains(got.Hint, "add the package to") {
				t.Errorf("the hint mentions an environment that the job does not use: %q", got.Hint)
			}
		})
	}
}

func TestPackageOfAModule(t *testing.T) {
	for module, want := range map[string]string{
		"no_such_module": "the package", "cv2": "the package opencv-python-headless", "azureml.core": "the package azureml-core in a version that has the module",
		"sklearn.ensemble.forest": "the package scikit-learn in a version that has the module",
	} {
		if got := packageOf(module); got != want {
			t.Errorf("%s: %q, want %q", module, got, want)
		}
	}
}

// TestHintOfAMissingModuleInAnEnvironment checks that the hint lists what was not installed.
func TestHintOfAMissingModuleInAnEnvironment(t *testing.T) {
	environment := Environment{
		CondaFile: "dependencies: [numpy=1.21, pip, {pip: [azureml-core, pandas]}]", Image: "kiln:1",
	}
	p, err := environment.packages()
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{settings: &settings{Job: Job{Environment: &environment}, packages: p, venv: "/cache/python3.11.7-00"}}
	got := e.hint(&ScriptError{Phase: PhaseImport, Message: "ModuleNotFoundError: No module named 'numpy'"})
	for _, want := range []string{"/cache/python3.11.7-00", "no module numpy", "Missing: numpy=1.21.", "only Azure's own driver needs them: azureml-core.", "The image kiln:1 is not run", "pip part of the conda file"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if strings.Contains(got, "--environments venv") {
		t.Errorf("the hint suggests an environment that exists already: %q", got)
	}
}

// TestTooFewRowsIsNotTheCauseBesideAnException: an exception explains a failed job better than
// missing rows.
func TestTooFewRowsIsNotTheCauseBesideAnException(t *testing.T) {
	job := newJob(t, "def run(b):\n    if 'a01' in b[0]:\n        raise ValueError('cracked')\n    return []", 3)
	job.MiniBatchSize, job.MaxRetries = 1, new(1)
	got := firstError(t, job)
	if got.Message != "ValueError: cracked" || got.TooFewRows {
		t.Errorf("first error %+v", got)
	}
}

// TestTooFewRowsNamesTheMiniBatch checks all that is known about missing rows.
func TestTooFewRowsNamesTheMiniBatch(t *testing.T) {
	job := newJob(t, "def run(b):\n    return b if 'a00' in b[0] else b[:1]", 5)
	job.MiniBatchSize, job.ErrorThreshold = 2, new(0)
	_, err := Run(t.Context(), job)
	var failure *Failure
	if !errors.As(err, &failure) || failure.Cause == nil {
		t.Fatalf("Run = %v", err)
	}
	got := *failure.Cause
	got.PID, got.Hint, got.Log = 0, "", ""
	want := ScriptError{Phase: PhaseRun, Message: "run() returned 1 row for 2 files", TooFewRows: true, MiniBatch: 1, Try: 1,
		Process: "process000", Files: []string{job.Input + "/a02.txt", job.Input + "/a03.txt"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cause (-want +got):\n%s", diff)
	}
	if want := "run() returned 1 row for 2 files in process000 on node 0, mini-batch 1"; failure.Cause.Error() != want {
		t.Errorf("Error() = %q, want %q", failure.Cause.Error(), want)
	}
	if text := logText(t, job, "logs/job_error.*.txt"); !strings.Contains(text, "The process000 on node 0 failed with error: run() returned 1 row for 2 files of mini-batch 1\n") {
		t.Errorf("job_error:\n%s", text)
	}
}

// TestStderrIsOnlyItsEnd checks that an error has only the end of a long standard error.
func TestStderrIsOnlyItsEnd(t *testing.T) {
	job := newJob(t, "import sys\ndef run(b):\n    for i in range(10000):\n        print('line', i, file=sys.stderr)\n    sys.stderr.buffer.write(b'half a rune \\xc3')\n    sys.exit(1)", 1)
	job.MaxRetries = new(1)
	got := firstError(t, job)
	if want := "line 9991\nline 9992\nline 9993\nline 9994\nline 9995\nline 9996\nline 9997\nline 9998\nline 9999\nhalf a rune \uFFFD"; got.Stderr != want {
		t.Errorf("standard error %q, want %q", got.Stderr, want)
	}
}
