package deploy

import "reflect"

// keysOf are the keys in a file that a field of a Spec comes from. Of several, the first that the
// file has is meant.
var keysOf = map[string][]string{
	"Name":                               {"name"},
	"Endpoint":                           {"endpoint_name"},
	"Version":                            {"version"},
	"Tags":                               {"tags"},
	"Trigger":                            {"trigger"},
	"Action":                             {"invoke_batch_endpoint", "create_job"},
	"AuthMode":                           {"auth_mode"},
	"Identity":                           {"identity.type"},
	"Build":                              {"build"},
	"CondaFile":                          {"conda_file"},
	"Properties.IdleTimeBeforeScaleDown": {"idle_time_before_scale_down"},
	"ModelURI":                           {"path"},
	"DataURI":                            {"path"},
	"Image":                              {"image"},
	"Build.ContextURI":                   {"build.path"},
	"Compute":                            {"compute"},
	"Model":                              {"model"},
	"EnvironmentID":                      {"environment"},
	"CodeConfiguration":                  {"code_configuration"},
	"CodeConfiguration.CodeID":           {"code_configuration.code"},
	"CodeConfiguration.ScoringScript":    {"code_configuration.scoring_script"},
	"Configuration.ComponentID":          {"component", "job_definition"},
	`Configuration.Settings["default_compute"]`: {"settings.default_compute"},
	"OutputFileName":            {"settings.output_file_name", "output_file_name"},
	"MiniBatchSize":             {"settings.mini_batch_size", "mini_batch_size"},
	"MaxConcurrencyPerInstance": {"settings.max_concurrency_per_instance", "max_concurrency_per_instance"},
	"ErrorThreshold":            {"settings.error_threshold", "error_threshold"},
	"RetrySettings.Timeout":     {"settings.retry_settings.timeout", "retry_settings.timeout"},
	"RetrySettings.MaxRetries":  {"settings.retry_settings.max_retries", "retry_settings.max_retries"},
	"Resources.InstanceCount":   {"resources.instance_count", "settings.instance_count"},
	"Properties.MinNodes":       {"min_instances"},
	"Properties.MaxNodes":       {"max_instances"},
	"Properties.VMSize":         {"size"},
}

// equal compares two parts. Nil and empty maps differ, but no reader makes empty ones.
func equal[T any](a, b T) bool { return reflect.DeepEqual(a, b) }
