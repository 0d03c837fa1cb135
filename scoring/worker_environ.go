package scoring

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// inherited are the variables of this process that every script sees: those that programs, and
// Python above all, need to start and to find their files. Any other variable may hold a secret. A
// name that ends in * matches all names that begin so.
var inherited = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LC_*",
	"PYTHON*", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYENV_*", "ASDF_*",
	"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_*", "NVIDIA_*",
}

// inheritedEnviron is the part of this process's environment that the script sees.
func (s *settings) inheritedEnviron() []string {
	names := slices.Concat(inherited, s.ScriptEnv)
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return !slices.ContainsFunc(names, func(pattern string) bool {
			head, open := strings.CutSuffix(pattern, "*")
			return name == pattern || open && strings.HasPrefix(name, head)
		})
	})
}

// jobEnviron is the environment of the job's processes, without the variables of the engine.
func (s *settings) jobEnviron() []string {
	environ := append(s.inheritedEnviron(), s.venvEnviron()...)
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		environ = append(environ, name+"="+s.Env[name])
	}
	return environ
}

// workerEnviron has the variables that the engine sets for the workers of a node.
func (s *settings) workerEnviron(dirs jobDirs, node int) []string {
	environ := []string{
		"AZUREML_MODEL_DIR=" + dirs.model,
		"AZUREML_BI_OUTPUT_PATH=" + s.Output,
		"AZ_BATCHAI_GPU_COUNT_FOUND=" + strconv.Itoa(s.gpus()),
		"AZUREML_NODE_COUNT=" + strconv.Itoa(s.InstanceCount),
		"AZ_BATCH_NODE_LIST=" + s.nodeList(),
		"AZ_BATCH_MASTER_NODE=" + nodeIP(0) + ":6000",
		"AZ_BATCH_IS_CURRENT_NODE_MASTER=" + strconv.FormatBool(node == 0),
		// The code folder must not be written to.
		"PYTHONDONTWRITEBYTECODE=1",
	}
	// Samples call mlflow.log_metric without any setup, so there is a place to log to. It is
	// removed with the job.
	if s.variable("MLFLOW_TRACKING_URI") == "" {
		environ = append(environ, "MLFLOW_TRACKING_URI=file://"+filepath.ToSlash(dirs.tracking))
	}
	return environ
}

// variable returns the value of a variable that the script sees.
func (s *settings) variable(name string) string {
	for _, variable := range slices.Backward(s.jobEnviron()) {
		if value, found := strings.CutPrefix(variable, name+"="); found {
			return value
		}
	}
	return ""
}

// nodeIP is the address of a simulated node. Each node has its own loopback address.
func nodeIP(node int) string {
	return fmt.Sprintf("127.0.%d.%d", (node+1)/256, (node+1)%256)
}

func (s *settings) nodeList() string {
	nodes := make([]string, s.InstanceCount)
	for i := range nodes {
		nodes[i] = nodeIP(i)
	}
	return strings.Join(nodes, ";")
}

// gpus is the number of NVIDIA devices, or the value of the service's variable.
func (s *settings) gpus() int {
	if count, err := strconv.Atoi(s.variable("AZ_BATCHAI_GPU_COUNT_FOUND")); err == nil {
		return count
	}
	devices, _ := filepath.Glob("/dev/nvidia[0-9]*") // the pattern is valid
	return len(devices)
}

// gpuEnviron gives worker i of a node GPU i, and no GPU to workers beyond their number. A
// replacement has the slot of its predecessor, and so its GPU.
func gpuEnviron(slot, gpus int) []string {
	switch {
	case gpus == 0:
		return nil
	case slot < gpus:
		return []string{"CUDA_VISIBLE_DEVICES=" + strconv.Itoa(slot)}
	}
	return []string{"CUDA_VISIBLE_DEVICES="}
}

// argv is the script's sys.argv. It has the options of the driver, with the names in
// azureml-pipeline-core and on Microsoft Learn's troubleshooting page.
func (s *settings) argv() []string {
	argv := []string{
		"driver/amlbi_main.py",
		"--client_sdk_version", "1.0.0",
		"--scoring_module_name", s.Script,
		"--mini_batch_size", strconv.Itoa(s.MiniBatchSize),
		"--error_threshold", strconv.Itoa(s.threshold),
		"--output_action", string(s.OutputAction),
		"--logging_level", strings.ToUpper(string(s.LoggingLevel)),
		"--run_invocation_timeout", strconv.Itoa(max(1, int(s.Timeout/time.Second))),
		"--run_max_try", strconv.Itoa(s.tries),
		"--create_snapshot_at_runtime", "True",
		"--process_count_per_node", strconv.Itoa(s.MaxConcurrencyPerInstance),
		"--output", s.Output,
		"--input_fds_0", s.Input,
	}
	if s.OutputAction == OutputActionAppendRow {
		argv = append(argv, "--append_row_file_name", s.OutputFileName)
	}
	return append(argv, s.Arguments...)
}
