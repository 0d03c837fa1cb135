package scoring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// argvOf runs a job and returns the options of the driver in sys.argv.
func argvOf(t *testing.T, change func(*Job)) (map[string]string, Job) {
	t.Helper()
	job := newJob(t, "import sys\ndef run(b):\n    return sys.argv[1:] if len(sys.argv) % 2 else ['odd']", 1)
	if change != nil {
		change(&job)
	}
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Split(strings.TrimSuffix(readFile(t, got.OutputFile), "\n"), "\n")
	argv := map[string]string{}
	for pair := range slices.Chunk(words, 2) {
		argv[pair[0]] = pair[1]
	}
	return argv, job
}

// TestRulesDefaults: what the script finds for settings that are not given.
func TestRulesDefaults(t *testing.T) {
	got, job := argvOf(t, nil)
	want := map[string]string{
		"--scoring_module_name": "score.py", "--mini_batch_size": "10", "--error_threshold": "-1", "--output_action": "append_row", "--logging_level": "INFO",
		"--run_invocation_timeout": "30", "--run_max_try": "3", "--append_row_file_name": "predictions.csv", "--output": job.Output, "--process_count_per_node": "1",
		"--client_sdk_version": "1.0.0", "--create_snapshot_at_runtime": "True", "--input_fds_0": job.Input,
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("argv (-want +got):\n%s", diff)
	}
}

// TestRulesNumbers pins numbers that scripts do not see.
func TestRulesNumbers(t *testing.T) {
	s, err := newSettings(newJob(t, echo, 1))
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]time.Duration{31 * time.Second, 3 * time.Minute}, []time.Duration{s.limit, s.noProgress}); diff != "" {
		t.Errorf("limit of a call, patience (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff([]string{"127.0.0.1", "127.0.0.255", "127.0.1.0", "127.0.3.232"}, []string{nodeIP(0), nodeIP(254), nodeIP(255), nodeIP(999)}); diff != "" {
		t.Errorf("addresses of nodes (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff([]int{10, 3, -1, 42}, []int{DefaultMiniBatchSize, DefaultMaxRetries, DefaultErrorThreshold, ExitCode}); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if DefaultTimeout != 30*time.Second || DefaultTimeoutGrace != time.Second || DefaultOutputFileName != "predictions.csv" {
		t.Errorf("defaults: %v, %v, %s", DefaultTimeout, DefaultTimeoutGrace, DefaultOutputFileName)
	}
}

// TestRulesSettingsInArgv: what the script finds for settings that are given.
func TestRulesSettingsInArgv(t *testing.T) {
	tests := []struct {
		option, value string
		change        func(*Job)
	}{
		{"--mini_batch_size", "7", func(j *Job) { j.MiniBatchSize = 7 }},
		{"--process_count_per_node", "4", func(j *Job) { j.MaxConcurrencyPerInstance = 4 }},
		{"--run_max_try", "5", func(j *Job) { j.MaxRetries = new(5) }},
		{"--run_invocation_timeout", "1", func(j *Job) { j.Timeout = time.Second - 1 }},
		{"--run_invocation_timeout", "90", func(j *Job) { j.Timeout = 90 * time.Second }},
		{"--error_threshold", "12", func(j *Job) { j.ErrorThreshold = new(12) }},
		{"--append_row_file_name", "rows.txt", func(j *Job) { j.OutputFileName = "rows.txt" }},
		{"--logging_level", "DEBUG", func(j *Job) { j.LoggingLevel = LoggingLevelDebug }},
		{"--logging_level", "WARNING", func(j *Job) { j.LoggingLevel = LoggingLevelWarning }},
	}
	for _, tt := range tests {
		t.Run(tt.option+" "+tt.value, func(t *testing.T) {
			t.Parallel()
			if argv, _ := argvOf(t, tt.change); argv[tt.option] != tt.value {
				t.Errorf("%s is %q, want %q", tt.option, argv[tt.option], tt.value)
			}
		})
	}
}

// TestRulesSettings: effects of settings that no other test of the rules covers.
func TestRulesSettings(t *testing.T) {
	checkRules(t, []rule{
		{name: "max_concurrency_per_instance processes at once", script: meeting, files: 2, change: func(j *Job) { j.MiniBatchSize, j.MaxConcurrencyPerInstance = 1, 2 },
			rows: []string{"a00.txt", "a01.txt"}},
		{name: "instance_count nodes at once", script: meeting, files: 2, change: func(j *Job) { j.MiniBatchSize, j.InstanceCount = 1, 2 }, rows: []string{"a00.txt", "a01.txt"}},
		{name: "one process by default", script: "import helper, os\ndef run(b):\n    helper.note(os.getpid() == os.getpid())\n    return b", files: 3,
			change: func(j *Job) { j.MiniBatchSize = 1 }, notes: []string{"True", "True", "True"}},
		{name: "environment_variables as given", script: "import os\ndef run(b):\n    return [os.environ['GLAZE'], os.environ['EMPTY']]",
			change: func(j *Job) { j.Env["GLAZE"], j.Env["EMPTY"] = "ash = 1; wood = 2", "" }, text: "ash = 1; wood = 2\n\n"},
		{name: "they win over those of the machine", script: "import os\ndef run(b):\n    return [os.environ['HOME']]", change: func(j *Job) { j.Env["HOME"] = "/own" }, text: "/own\n"},
		{name: "and the engine's own over them", script: "import os\ndef run(b):\n    return [os.environ['AZUREML_NODE_COUNT']]", change: func(j *Job) { j.Env["AZUREML_NODE_COUNT"] = "9" }, text: "1\n"},
		{name: "logging_level by argparse's parse_known_args", script: "import argparse\np = argparse.ArgumentParser()\np.add_argument('--logging_level')\na, _ = p.parse_known_args()\ndef run(b):\n    return [a.logging_level.lower()]",
			change: func(j *Job) { j.LoggingLevel = LoggingLevelDebug }, text: "debug\n"},
	})
}

// seen returns the variables that a script sees, without those of the tests and of the engine.
func seen(t *testing.T, change func(*Job)) []string {
	t.Helper()
	job := newJob(t, "import os\ndef run(b):\n    return sorted(n + '=' + v for n, v in os.environ.items())", 1)
	change(&job)
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(lines(t, got.OutputFile), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains([]string{"MARKS", workerVariable, "AZUREML_MODEL_DIR", "AZUREML_BI_OUTPUT_PATH", "AZUREML_NODE_COUNT", "AZ_BATCHAI_GPU_COUNT_FOUND",
			"AZ_BATCH_NODE_LIST", "AZ_BATCH_MASTER_NODE", "AZ_BATCH_IS_CURRENT_NODE_MASTER", "MLFLOW_TRACKING_URI", "PYTHONDONTWRITEBYTECODE",
			"LC_CTYPE"}, name) // Python itself may set the last one
	})
}

// TestRulesCleanEnvironment: of its caller, a script sees what every program needs and what the job
// names.
func TestRulesCleanEnvironment(t *testing.T) {
	realPython() // before PATH is gone
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value) // which puts it back at the end
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	needed := []string{"ASDF_DIR", "CONDA_DEFAULT_ENV", "CONDA_PREFIX", "CUDA_HOME", "DYLD_LIBRARY_PATH", "HOME", "LANG", "LANGUAGE", "LC_TIME", "LD_LIBRARY_PATH",
		"LOGNAME", "NVIDIA_VISIBLE", "PATH", "PYENV_VERSION", "PYTHONHASHSEED", "SHELL", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV"}
	var want []string
	for _, name := range needed {
		value := map[string]string{"PYTHONHASHSEED": "1", "TMPDIR": os.TempDir()}[name]
		t.Setenv(name, cmp.Or(value, "of "+name))
		want = append(want, name+"="+os.Getenv(name))
	}
	for _, name := range []string{"AZURE_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_URI", "GLAZE", "GLAZE_RED", "GLAZED", "HOMER", "PYTHO"} {
		t.Setenv(name, "secret")
	}
	tests := []struct {
		name   string
		change func(*Job)
		more   []string
	}{
		{"nothing else", func(*Job) {}, nil},
		{"by name", func(j *Job) { j.ScriptEnv = []string{"GLAZE", "NOT_SET"} }, []string{"GLAZE=secret"}},
		{"by the beginning of names", func(j *Job) { j.ScriptEnv = []string{"GLAZE_*", "HOMER"} }, []string{"GLAZE_RED=secret", "HOMER=secret"}},
		{"with a value of its own", func(j *Job) { j.Env["GLAZE"], j.ScriptEnv = "ash", []string{"GLAZE"} }, []string{"GLAZE=ash"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := slices.Sorted(slices.Values(append(tt.more, want...)))
			if diff := gocmp.Diff(all, seen(t, tt.change)); diff != "" {
				t.Errorf("variables (-want +got):\n%s", diff)
			}
		})
	}
	for _, trackTo := range []string{"MLFLOW_TRACKING_URI", "MLFLOW_*"} {
		s := &settings{Job: Job{ScriptEnv: []string{trackTo}}}
		if got := s.variable("MLFLOW_TRACKING_URI"); got != "secret" {
			t.Errorf("with ScriptEnv %s MLFLOW_TRACKING_URI is %q", trackTo, got)
		}
	}
	if got := (&settings{}).variable("MLFLOW_TRACKING_URI"); got != "" {
		t.Errorf("MLFLOW_TRACKING_URI is %q, want none", got)
	}
}

// TestRulesVariables: the variables that the engine sets, by node and process.
func TestRulesVariables(t *testing.T) {
	variables := []string{"AZUREML_BI_OUTPUT_PATH", "AZUREML_NODE_COUNT", "AZ_BATCHAI_GPU_COUNT_FOUND", "AZ_BATCH_NODE_LIST", "AZ_BATCH_MASTER_NODE", "AZ_BATCH_IS_CURRENT_NODE_MASTER"}
	job := newJob(t, fmt.Sprintf("import helper, os\ndef run(b):\n    helper.meet()\n    return [' '.join(os.environ[v] for v in %s)]", "['"+strings.Join(variables, "', '")+"']"), 2)
	job.MiniBatchSize, job.InstanceCount, job.Env["AZ_BATCHAI_GPU_COUNT_FOUND"] = 1, 2, "0"
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	common := job.Output + " 2 0 127.0.0.1;127.0.0.2 127.0.0.1:6000 "
	if diff := gocmp.Diff([]string{common + "false", common + "true"}, lines(t, got.OutputFile)); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

// TestRulesPlaceOfTracking: MLflow logs to a folder of the job, which goes with it.
func TestRulesPlaceOfTracking(t *testing.T) {
	job := newJob(t, "import os\nplace = os.environ['MLFLOW_TRACKING_URI'].removeprefix('file://')\nos.mkdir(place)\ndef run(b):\n    return [place, os.path.dirname(os.environ['AZUREML_MODEL_DIR']) + '/mlruns']", 1)
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	rows := lines(t, got.OutputFile)
	if len(rows) != 2 || rows[0] != rows[1] {
		t.Errorf("the place and its name in the folder of the job: %q", rows)
	}
	if _, err := os.Stat(rows[0]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", rows[0], err)
	}
}

// TestRulesVariablesOfNodes: of the nodes the first is the master.
func TestRulesVariablesOfNodes(t *testing.T) {
	s := &settings{Job: Job{InstanceCount: 3, Output: "/out", Env: map[string]string{"AZ_BATCHAI_GPU_COUNT_FOUND": "2", "MLFLOW_TRACKING_URI": "own"}}}
	for node, master := range []string{"true", "false", "false"} {
		want := []string{
			"AZUREML_MODEL_DIR=/model", "AZUREML_BI_OUTPUT_PATH=/out", "AZ_BATCHAI_GPU_COUNT_FOUND=2", "AZUREML_NODE_COUNT=3",
			"AZ_BATCH_NODE_LIST=127.0.0.1;127.0.0.2;127.0.0.3", "AZ_BATCH_MASTER_NODE=127.0.0.1:6000", "AZ_BATCH_IS_CURRENT_NODE_MASTER=" + master, "PYTHONDONTWRITEBYTECODE=1",
		}
		if diff := gocmp.Diff(want, s.workerEnviron(jobDirs{model: "/model", tracking: "/runs"}, node)); diff != "" {
			t.Errorf("node %d (-want +got):\n%s", node, diff)
		}
	}
	s.Env = nil
	if got := s.workerEnviron(jobDirs{tracking: "/runs"}, 0); got[len(got)-1] != "MLFLOW_TRACKING_URI=file:///runs" {
		t.Errorf("variables %v, want a place to log to", got)
	}
}

// TestRulesGPUs: worker i has GPU i, if there is one. A replacement has its predecessor's.
func TestRulesGPUs(t *testing.T) {
	const tell = "helper.note(os.environ.get('CUDA_VISIBLE_DEVICES', 'not set'))\n"
	const perSlot = "import helper, os\ndef init():\n    " + tell + meeting
	gpus := func(n string) func(*Job) {
		return func(j *Job) {
			j.MiniBatchSize, j.MaxConcurrencyPerInstance, j.Env["AZ_BATCHAI_GPU_COUNT_FOUND"] = 1, 2, n
			delete(j.Env, "CUDA_VISIBLE_DEVICES")
		}
	}
	checkRules(t, []rule{
		{name: "one for each", script: perSlot, files: 2, change: gpus("2"), notes: []string{"0", "1"}},
		{name: "later workers none", script: perSlot, files: 2, change: gpus("1"), notes: []string{"", "0"}},
		{name: "no GPU", script: perSlot, files: 2, change: gpus("0"), notes: []string{"not set", "not set"}},
		{name: "a replacement takes the freed one", script: "import helper, os\ndef init():\n    " + tell + "def run(b):\n    if helper.once():\n        os._exit(1)\n    return b",
			change: func(j *Job) { gpus("1")(j); j.MaxConcurrencyPerInstance = 1 }, notes: []string{"0", "0"}, tries: 1},
	})
}

// TestRulesModelFolder: AZUREML_MODEL_DIR has the model under the last segment of its path, and
// nothing else.
func TestRulesModelFolder(t *testing.T) {
	const walk = "import os\ndef run(b):\n    root = os.environ['AZUREML_MODEL_DIR']\n    return sorted(os.path.relpath(os.path.join(d, f), root) for d, _, fs in os.walk(root) for f in fs) or ['empty']"
	tree := func(j *Job) string { return filepath.Dir(j.Model) }
	tests := []struct {
		name  string
		model func(*testing.T, *Job)
		want  string
	}{
		{"a folder", func(*testing.T, *Job) {}, "model/weights.txt\n"},
		{"a folder with folders", func(t *testing.T, j *Job) {
			writeFile(t, filepath.Join(j.Model, "a", "b", "deep.bin"), "")
		}, "model/a/b/deep.bin\nmodel/weights.txt\n"},
		{"a folder of another name", func(t *testing.T, j *Job) {
			j.Model = filepath.Join(tree(j), "Kiln 1.0")
			writeFile(t, filepath.Join(j.Model, "w"), "")
		}, "Kiln 1.0/w\n"},
		{"a folder with a slash at its end", func(_ *testing.T, j *Job) { j.Model += "/" }, "model/weights.txt\n"},
		{"a file", func(_ *testing.T, j *Job) { j.Model = filepath.Join(j.Model, "weights.txt") }, "weights.txt\n"},
		{"a link to a folder", func(t *testing.T, j *Job) {
			link := filepath.Join(tree(j), "latest")
			if err := os.Symlink(j.Model, link); err != nil {
				t.Fatal(err)
			}
			j.Model = link
		}, "latest/weights.txt\n"},
		{"no model", func(_ *testing.T, j *Job) { j.Model = "" }, "empty\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job := newJob(t, walk, 1)
			tt.model(t, &job)
			got, err := Run(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(tt.want, readFile(t, got.OutputFile)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRulesHelper: azureml_user.parallel_run.EntryScript.
func TestRulesHelper(t *testing.T) {
	job := newJob(t, `
from azureml_user.parallel_run import EntryScript
import os
entry = EntryScript()
def run(b):
    assert EntryScript() is entry
    entry.logger.info("fired")
    entry.logger.debug("unseen")
    return [entry.agent_name, entry.output_dir, entry.log_dir, entry.working_dir == os.getcwd(), entry.dir]
`, 1)
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	logDir := filepath.Join(job.Logs, "logs", "user", "entry_script_log", "0")
	if diff := gocmp.Diff([]string{"process000", job.Output, logDir, "True", job.Code}, strings.Split(strings.TrimSpace(readFile(t, got.OutputFile)), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text := readFile(t, filepath.Join(logDir, "process000.log.txt")); !strings.Contains(text, "|127.0.0.1_process000|INFO|") || !strings.Contains(text, "|run()|fired\n") || strings.Contains(text, "unseen") {
		t.Errorf("the log of the helper's logger:\n%s", text)
	}
}

// TestRulesWorkingFolder: each process has its own, which is not that of the code or of the caller.
func TestRulesWorkingFolder(t *testing.T) {
	job := newJob(t, meeting+"import os\nopen('scratch', 'w').close()\nhelper.note(os.getcwd())\n", 2)
	job.MiniBatchSize, job.MaxConcurrencyPerInstance = 1, 2
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	folders := slices.Compact(notes(t, job))
	if len(folders) != 2 || slices.Contains(folders, job.Code) {
		t.Errorf("working folders %v, want two", folders)
	}
	for _, folder := range folders {
		if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", folder, err)
		}
	}
}

// TestRulesRefusedSettings: mistakes are found before anything starts.
func TestRulesRefusedSettings(t *testing.T) {
	tests := map[string]struct {
		field  string
		change func(*Job)
	}{
		"an input that is not there":     {"Input", func(j *Job) { j.Input += "-gone" }},
		"a device for input":             {"Input", func(j *Job) { j.Input = os.DevNull }},
		"a file for output":              {"Output", func(j *Job) { j.Output = filepath.Join(j.Input, "a00.txt") }},
		"a file for logs":                {"Logs", func(j *Job) { j.Logs = filepath.Join(j.Input, "a00.txt") }},
		"a file for code":                {"Code", func(j *Job) { j.Code = filepath.Join(j.Code, j.Script) }},
		"a Python that is not there":     {"Python", func(j *Job) { j.Python = "no-such-python" }},
		"no code folder":                 {"Code", func(j *Job) { j.Code += "-gone" }},
		"an empty code folder":           {"Code", func(j *Job) { j.Code = "" }},
		"no script there":                {"Script", func(j *Job) { j.Script = "other.py" }},
		"a folder for a script":          {"Script", func(j *Job) { j.Script = "." }},
		"a script outside of the folder": {"Script", func(j *Job) { j.Script = "../code/score.py" }},
		"a dot in the script's name":     {"Script", func(j *Job) { copyScript(j, "batch-score.v2.py") }},
		"a dot in its folder's name":     {"Script", func(j *Job) { copyScript(j, "v1.2/score.py") }},
		"a hidden folder":                {"Script", func(j *Job) { copyScript(j, ".code/score.py") }},
		"a notebook":                     {"Script", func(j *Job) { copyScript(j, "score.ipynb") }},
		"a script without an extension":  {"Script", func(j *Job) { copyScript(j, "score") }},
		"an extension in capitals":       {"Script", func(j *Job) { copyScript(j, "score.PY") }},
		"outside with backslashes":       {"Script", func(j *Job) { j.Script = `..\code\score.py` }},
		"a model that is not there":      {"Model", func(j *Job) { j.Model += "-gone" }},
		"no input":                       {"Input", func(j *Job) { j.Input = "" }},
		"no output":                      {"Output", func(j *Job) { j.Output = "" }},
		"the input folder for output":    {"Output", func(j *Job) { j.Output = j.Input + "/../input" }},
		"a negative mini-batch size":     {"MiniBatchSize", func(j *Job) { j.MiniBatchSize = -1 }},
		"negative concurrency":           {"MaxConcurrencyPerInstance", func(j *Job) { j.MaxConcurrencyPerInstance = -1 }},
		"negative instances":             {"InstanceCount", func(j *Job) { j.InstanceCount = -1 }},
		"negative tries":                 {"MaxRetries", func(j *Job) { j.MaxRetries = new(-1) }},
		"too much concurrency":           {"MaxConcurrencyPerInstance", func(j *Job) { j.MaxConcurrencyPerInstance = math.MaxInt }},
		"too many instances":             {"InstanceCount", func(j *Job) { j.InstanceCount = math.MaxInt }},
		"an endless timeout":             {"Timeout", func(j *Job) { j.Timeout = math.MaxInt64 }},
		"an endless grace":               {"TimeoutGrace", func(j *Job) { j.TimeoutGrace = math.MaxInt64 }},
		"a negative timeout":             {"Timeout", func(j *Job) { j.Timeout = -1 }},
		"a negative grace":               {"TimeoutGrace", func(j *Job) { j.TimeoutGrace = -1 }},
		"an unknown output action":       {"OutputAction", func(j *Job) { j.OutputAction = "explode" }},
		"an unknown level":               {"LoggingLevel", func(j *Job) { j.LoggingLevel = "loud" }},
		"a variable without a name":      {"Env", func(j *Job) { j.Env[""] = "x" }},
		"a variable with = in its name":  {"Env", func(j *Job) { j.Env["A=B"] = "x" }},
		"a passed variable without name": {"ScriptEnv", func(j *Job) { j.ScriptEnv = []string{""} }},
		"a passed variable with a value": {"ScriptEnv", func(j *Job) { j.ScriptEnv = []string{"A=B"} }},
		"a passed variable with NUL":     {"ScriptEnv", func(j *Job) { j.ScriptEnv = []string{"A\x00"} }},
		"a variable with NUL":            {"Env", func(j *Job) { j.Env["A"] = "\x00" }},
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		tt := tests[name]
		t.Run(name, func(t *testing.T) {
			job := newJob(t, "import helper\nhelper.note('started')\n"+echo, 1)
			tt.change(&job)
			got, err := Run(t.Context(), job)
			var invalid *InvalidJobError
			if !errors.As(err, &invalid) || invalid.Field != tt.field || got.Status != StatusFailed {
				t.Errorf("Run = %s, %v; want a mistake in %s", got.Status, err, tt.field)
			}
			if info, err := os.Stat(job.Logs); len(notes(t, job)) > 0 || err == nil && info.IsDir() {
				t.Errorf("the job started: notes %v, logs %v", notes(t, job), err)
			}
			if info, err := os.Stat(job.Output); err == nil && info.IsDir() && job.Output != job.Input+"/../input" {
				t.Errorf("the job created the output folder")
			}
		})
	}
}

// copyScript renames the script of a job.
func copyScript(job *Job, name string) {
	path := filepath.Join(job.Code, filepath.FromSlash(name))
	_ = os.MkdirAll(filepath.Dir(path), 0o750)
	_ = os.Rename(filepath.Join(job.Code, job.Script), path)
	job.Script = name
}

// TestRulesPythonOfThePath: the default interpreter, here a wrapper like those of version managers.
func TestRulesPythonOfThePath(t *testing.T) {
	job := newJob(t, "import sys\ndef run(b):\n    return [sys.executable]", 1)
	wrapper := filepath.Join(filepath.Dir(job.Code), "bin", "python3")
	writeFile(t, wrapper, "#!/bin/sh\nexec '"+job.Python+"' \"$@\"\n")
	if err := os.Chmod(wrapper, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(wrapper)+":"+os.Getenv("PATH"))
	want := job.Python
	job.Python = ""
	got, err := Run(t.Context(), job)
	if err != nil || readFile(t, got.OutputFile) != want+"\n" {
		t.Errorf("Run = %v; it ran with %q, want %q", err, readFile(t, got.OutputFile), want)
	}
}

// TestRulesVariablesOfAWrapper: what a wrapper sets, every process has, also those that are started
// without it.
func TestRulesVariablesOfAWrapper(t *testing.T) {
	job := newJob(t, "import helper, os\ndef run(b):\n    helper.meet()\n    return [os.environ.get('KILN'), os.environ['MARKS'] == helper.MARKS, 'HOME' in os.environ]", 2)
	wrapper := filepath.Join(filepath.Dir(job.Code), "bin", "python3")
	writeFile(t, wrapper, "#!/bin/sh\necho started >>\"$MARKS/wrapper\"\nKILN=hot exec '"+job.Python+"' \"$@\"\n")
	if err := os.Chmod(wrapper, 0o700); err != nil {
		t.Fatal(err)
	}
	job.Python, job.MiniBatchSize, job.MaxConcurrencyPerInstance = wrapper, 1, 2
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if text := readFile(t, got.OutputFile); text != strings.Repeat("hot\nTrue\nTrue\n", 2) {
		t.Errorf("rows %q", text)
	}
	if text := readFile(t, filepath.Join(job.Env["MARKS"], "wrapper")); text != "started\n" {
		t.Errorf("the wrapper was started %d times, want once", strings.Count(text, "\n"))
	}
}

// TestRulesInvalidJobs pins the messages, and the limits of numbers.
func TestRulesInvalidJobs(t *testing.T) {
	tests := []struct {
		change func(*Job)
		want   string
	}{
		{func(j *Job) { j.MiniBatchSize = -1 }, "MiniBatchSize must not be negative, but is -1"},
		{func(j *Job) { j.MaxConcurrencyPerInstance = 65537 }, "MaxConcurrencyPerInstance must be at most 65536, not 65537"},
		{func(j *Job) { j.InstanceCount = 1001 }, "InstanceCount must be at most 1000, not 1001"},
		{func(j *Job) { j.MaxRetries = new(-2) }, "MaxRetries must not be negative, but is -2"},
		{func(j *Job) { j.ErrorThreshold = new(-2) }, "ErrorThreshold must be at least -1, not -2"},
		{func(j *Job) { j.Timeout = -time.Second }, "Timeout must not be negative, but is -1s"},
		{func(j *Job) { j.Timeout = 87600*time.Hour + 1 }, "Timeout must be at most 87600h0m0s, not 87600h0m0.000000001s"},
		{func(j *Job) { j.TimeoutGrace = 87600*time.Hour + 1 }, "TimeoutGrace must be at most 87600h0m0s, not 87600h0m0.000000001s"},
		{func(j *Job) { j.LoggingLevel = "loud" }, `LoggingLevel must be warning, info or debug, not "loud"`},
		{func(j *Job) { j.OutputAction = "explode" }, `OutputAction must be append_row or summary_only, not "explode"`},
		{func(j *Job) { j.OutputFileName = "a/b" }, `OutputFileName must be a plain name without control characters or any of ~"#%&*:<>?/\{|}, not "a/b"`},
		{func(j *Job) { j.OutputFileName = "a. " }, `OutputFileName must not end in a dot or a space, as "a. " does`},
		{func(j *Job) { j.OutputFileName = strings.Repeat("x", 221) }, "OutputFileName must have at most 220 bytes, not 221"},
		{func(j *Job) { j.Input = "" }, "Input must name a folder of files, or one file"},
		{func(j *Job) { j.Input = "/no/such" }, `Input must name a folder or a file; there is none at "/no/such"`},
		{func(j *Job) { j.Input = os.DevNull }, `Input must name a folder or a file; "/dev/null" is neither`},
		{func(j *Job) { j.Output = os.DevNull }, `Output must name a folder; "/dev/null" is none`},
		{func(j *Job) { j.Logs = os.DevNull }, `Logs must name a folder; "/dev/null" is none`},
		{func(j *Job) { j.Model = "/no/such" }, "Model must name a file or a folder: stat /no/such: no such file or directory"},
		{func(j *Job) { j.Code, j.Script = "/", "score.py" }, `Script must name a file in the code folder; there is no "score.py" in "/"`},
		{func(j *Job) { j.Environment = &Environment{CondaFile: "dependencies: [3]"} },
			"Environment must be one that can be built, but the conda file cannot be read: a dependency is neither a package nor a list named pip: 3"},
		{func(j *Job) { j.MaxConcurrencyPerInstance = -1 }, "MaxConcurrencyPerInstance must not be negative, but is -1"},
		{func(j *Job) { j.InstanceCount = -1 }, "InstanceCount must not be negative, but is -1"},
		{func(j *Job) { j.TimeoutGrace = -time.Second }, "TimeoutGrace must not be negative, but is -1s"},
		{func(j *Job) { j.Output = "" }, "Output must name a folder for the results"},
		{func(j *Job) { j.Output = j.Input }, "Output must not be the input folder; name another, which may lie in it"},
		{func(j *Job) { j.Env = map[string]string{"A=B": ""} }, `Env must have names of environment variables, not "A=B"`},
		{func(j *Job) { j.Env = map[string]string{"A\x00": ""} }, `Env must have names of environment variables, not "A\x00"`},
		{func(j *Job) { j.Env = map[string]string{"A": "secret\x00"} }, "Env must have values without NUL, not as A"},
		{func(j *Job) { j.ScriptEnv = []string{"A=B"} }, `ScriptEnv must have names of environment variables without values, not "A=B"`},
		{func(j *Job) { j.Code = "" }, "Code must name the folder that holds the scoring script"},
		{func(j *Job) { j.Code = "/no/such" }, `Code must name a folder; there is none at "/no/such"`},
		{func(j *Job) { j.Script = "../score.py" }, `Script must be a path inside the code folder, not "../score.py"`},
		{func(j *Job) { copyScript(j, "a.b.py") }, `Script must have no further dot in its path, because no import finds "a.b.py" then; rename it to "a_b.py"`},
		{func(j *Job) { copyScript(j, "a.txt") }, `Script must end in .py, because it is imported as a Python module; "a.txt" does not`},
		{func(j *Job) { j.Python = "no-such" }, `Python must name a Python interpreter: exec: "no-such": executable file not found in $PATH`},
		{func(j *Job) { j.Func = func(context.Context, []string) ([]string, error) { return nil, nil } }, "Func must not be set together with Script: only one of them can score"},
	}
	for _, tt := range tests {
		job := newJob(t, echo, 1)
		tt.change(&job)
		if _, err := Run(t.Context(), job); err == nil || err.Error() != "scoring: invalid job: "+tt.want {
			t.Errorf("Run = %v, want %s", err, tt.want)
		}
	}
}

// TestRulesLargestSettings: the largest values work.
func TestRulesLargestSettings(t *testing.T) {
	checkRules(t, []rule{
		{name: "all files at once", script: echo, files: 3, change: func(j *Job) { j.MiniBatchSize = math.MaxInt }, items: Items{3, 3, 0}, batches: MiniBatches{1, 1, 0}},
		{name: "as many processes and instances as there may be", script: echo, files: 1, change: func(j *Job) { j.MaxConcurrencyPerInstance, j.InstanceCount = maxConcurrency, maxInstances }, items: Items{1, 1, 0}},
		{name: "the longest times", script: echo, files: 1, change: func(j *Job) { j.Timeout, j.TimeoutGrace = maxTimeout, maxTimeout }, items: Items{1, 1, 0}},
	})
}

// TestRulesPatienceIsLongerThanACall: a call may use all its grace.
func TestRulesPatienceIsLongerThanACall(t *testing.T) {
	job := newJob(t, echo, 1)
	job.Timeout, job.TimeoutGrace = time.Second, 10*time.Minute
	s, err := newSettings(job)
	if err != nil {
		t.Fatal(err)
	}
	if s.noProgress <= s.limit {
		t.Errorf("the job fails after %v without progress, and a call may take %v", s.noProgress, s.limit)
	}
}
