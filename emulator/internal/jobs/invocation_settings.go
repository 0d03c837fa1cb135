package jobs

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sosodev/duration"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// Overrides are the settings that one invocation changes for its job. Nil or empty means the
// deployment's setting.
type Overrides struct {
	// MiniBatchSize is the number of files in one call of the script's run.
	MiniBatchSize *int
	// InstanceCount is the number of nodes that share the work.
	InstanceCount *int
	// Compute is the ARM id of the compute to run on. The emulator runs on this machine whatever it
	// is.
	Compute string
	// MaxRetries is the number of attempts for a mini-batch.
	MaxRetries *int
	// Timeout limits one call of the script's run; an ISO 8601 duration.
	Timeout string
	// ErrorThreshold is the number of failed files that a job tolerates; -1 means any.
	ErrorThreshold *int
	// MaxConcurrencyPerInstance is the number of worker processes on a node.
	MaxConcurrencyPerInstance *int
	// LoggingLevel is Info, Warning or Debug.
	LoggingLevel string
	// OutputFileName is the name of the file with the predictions.
	OutputFileName string
	// DisplayName names the job for people; the service chooses its id.
	DisplayName string
	// Experiment groups the job with others; by default jobs are grouped by endpoint.
	Experiment string
}

// settings are the deployment's settings after the overrides of an invocation.
type settings struct {
	miniBatchSize  int
	instanceCount  int
	concurrency    int
	maxRetries     int
	timeout        time.Duration
	timeoutText    string // as the deployment or the override spells it
	errorThreshold int
	loggingLevel   string // info, warning, debug
	summaryOnly    bool
	outputFileName string
	compute        string
	environment    map[string]string
}

// The service's defaults, for documents that lack a setting (seen in azure-sdk-for-python recording
// test_batch_job_download, 2023, whose deployment was created with hardly any settings).
func defaultSettings() settings {
	return settings{
		miniBatchSize: 10, instanceCount: 1, concurrency: 1, maxRetries: 3,
		timeout: 30 * time.Second, timeoutText: "PT30S", errorThreshold: -1,
		loggingLevel: "info", outputFileName: "predictions.csv",
	}
}

// settingsOf returns the settings of a job.
func settingsOf(deployment store.Document, o Overrides) (settings, error) {
	s := defaultSettings()
	p := store.Object(deployment, "properties")
	retry := store.Object(p, "retrySettings")
	setInt(&s.miniBatchSize, p["miniBatchSize"], o.MiniBatchSize)
	setInt(&s.instanceCount, store.Object(p, "resources")["instanceCount"], o.InstanceCount)
	setInt(&s.concurrency, p["maxConcurrencyPerInstance"], o.MaxConcurrencyPerInstance)
	setInt(&s.maxRetries, retry["maxRetries"], o.MaxRetries)
	setInt(&s.errorThreshold, p["errorThreshold"], o.ErrorThreshold)
	setText(&s.loggingLevel, p["loggingLevel"], o.LoggingLevel)
	setText(&s.timeoutText, retry["timeout"], o.Timeout)
	setText(&s.outputFileName, p["outputFileName"], o.OutputFileName)
	setText(&s.compute, p["compute"], o.Compute)
	s.loggingLevel = strings.ToLower(s.loggingLevel)
	s.summaryOnly = strings.EqualFold(store.Text(p, "outputAction"), "SummaryOnly")
	s.environment = map[string]string{}
	for name, value := range store.Object(p, "environmentVariables") {
		s.environment[name] = store.Text(value)
	}
	timeout, err := duration.Parse(s.timeoutText)
	if err != nil {
		return s, fmt.Errorf("retrySettings.timeout %q is not an ISO 8601 duration such as PT30S", s.timeoutText)
	}
	s.timeout = timeout.ToTimeDuration()
	return s, s.check()
}

// check refuses settings that cannot work. Not evidenced: the service's texts.
func (s settings) check() error {
	for _, n := range []struct {
		name      string
		value, at int
	}{
		{"miniBatchSize", s.miniBatchSize, 1},
		{"instanceCount", s.instanceCount, 1},
		{"maxConcurrencyPerInstance", s.concurrency, 1},
		{"retrySettings.maxRetries", s.maxRetries, 0},
		{"errorThreshold", s.errorThreshold, -1},
	} {
		if n.value < n.at {
			return fmt.Errorf("%s is %d; the minimum is %d", n.name, n.value, n.at)
		}
	}
	if s.timeout <= 0 {
		return fmt.Errorf("retrySettings.timeout is %s, it must be positive", s.timeoutText)
	}
	switch s.loggingLevel {
	case "info", "warning", "debug":
		return nil
	}
	return fmt.Errorf("loggingLevel is %q, expected Info, Warning or Debug", s.loggingLevel)
}

// parameters is the run configuration as text, the property azureml.parameters of a job. Resolved
// settings show nowhere else. outputURI is empty when the invocation did not choose a place (seen
// in azure-sdk-for-python recordings test_batch_invoke and test_batch_invoke_outputs, 2023).
func (s settings) parameters(outputURI string) string {
	p := map[string]string{
		"run_max_try":            strconv.Itoa(s.maxRetries),
		"run_invocation_timeout": strconv.FormatFloat(s.timeout.Seconds(), 'f', -1, 64),
		"mini_batch_size":        strconv.Itoa(s.miniBatchSize),
		"error_threshold":        strconv.Itoa(s.errorThreshold),
		"logging_level":          strings.ToUpper(s.loggingLevel),
		"process_count_per_node": strconv.Itoa(s.concurrency),
		"legacy_model_job":       "False",
		"NodeCount":              strconv.Itoa(s.instanceCount),
	}
	// Not evidenced: the parameters of summary_only. It writes no such file, so none is named.
	if !s.summaryOnly {
		p["append_row_file_name"] = s.outputFileName
	}
	if outputURI != "" {
		p["output_uri"] = outputURI
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // a map of texts always encodes
	}
	return string(text)
}

func setInt(target *int, own any, override *int) {
	if override != nil {
		*target = *override
		return
	}
	number, ok := own.(json.Number)
	if !ok {
		return
	}
	if n, err := number.Int64(); err == nil {
		*target = int(n)
	}
}

func setText(target *string, own any, override string) {
	switch {
	case override != "":
		*target = override
	case store.Text(own) != "":
		*target = store.Text(own)
	}
}
