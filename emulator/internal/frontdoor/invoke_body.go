package frontdoor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
)

// Kinds as answers spell them. A request may use any case, but not the snake case of ARM's jobs
// (uri_folder).
var (
	outputKinds = []string{jobs.UriFile, jobs.UriFolder, jobs.MLTable, jobs.CustomModel, jobs.MLFlowModel, jobs.TritonModel}
	inputKinds  = append([]string{jobs.Literal}, outputKinds...)
)

// readInvocation reads every form of an invocation's body: today's inputData and outputData,
// dataset and outputDataset of api-version 2021-10-01 (Microsoft's sample cli/batch-score-rest.sh),
// and the settings that one job can override (published description 2020-09-01-dataplanepreview).
// Unknown members are ignored. Errors are worded for the caller.
func readInvocation(raw []byte) (jobs.Invocation, error) {
	var inv jobs.Invocation
	body, err := readObject(raw)
	if err != nil {
		return inv, err
	}
	properties, err := body.object("properties")
	if err != nil {
		return inv, err
	}
	if properties == nil {
		return inv, fmt.Errorf("properties is missing")
	}
	if inv.Inputs, err = readInputs(properties); err != nil {
		return inv, err
	}
	if inv.Outputs, err = readOutputs(properties); err != nil {
		return inv, err
	}
	inv.Overrides, err = readOverrides(properties)
	return inv, err
}

func readInputs(properties object) (map[string]jobs.Input, error) {
	data, err := properties.object("inputData")
	if err != nil {
		return nil, err
	}
	inputs := map[string]jobs.Input{}
	for name := range data {
		member, err := data.object(name)
		if err == nil && member == nil {
			err = fmt.Errorf("it is null")
		}
		if err != nil {
			return nil, fmt.Errorf("inputData %q: %w", name, err)
		}
		if inputs[name], err = readInput(member); err != nil {
			return nil, fmt.Errorf("inputData %q: %w", name, err)
		}
	}
	dataset, err := properties.object("dataset")
	if err != nil || dataset == nil {
		return inputs, err
	}
	// Not evidenced: the name of this form's one input in answers.
	inputs["dataset"], err = readDataset(dataset)
	return inputs, err
}

func readInput(member object) (input jobs.Input, err error) {
	if input.Kind, err = member.kind("jobInputType", inputKinds); err != nil {
		return input, err
	}
	if input.URI, err = member.text("uri"); err != nil {
		return input, err
	}
	if input.Mode, err = member.text("mode"); err != nil {
		return input, err
	}
	input.Value, input.Description = member.member("value"), member.member("description")
	switch {
	case input.Kind == jobs.Literal && input.Value == nil:
		return input, fmt.Errorf("a Literal needs a value")
	case input.Kind != jobs.Literal && input.URI == "":
		return input, fmt.Errorf("uri is missing")
	}
	return input, nil
}

// readDataset reads the one input of api-version 2021-10-01.
func readDataset(dataset object) (jobs.Input, error) {
	kind, err := dataset.kind("dataInputType", []string{"DataUrl", "DatasetVersion", "DatasetId"})
	if err != nil {
		return jobs.Input{}, fmt.Errorf("dataset: %w", err)
	}
	parts := map[string]string{}
	for _, name := range []string{"path", "datasetId", "datasetName", "datasetVersion"} {
		if parts[name], err = dataset.text(name); err != nil {
			return jobs.Input{}, fmt.Errorf("dataset: %w", err)
		}
	}
	var input jobs.Input
	switch {
	case kind == "DataUrl" && parts["path"] != "":
		input.URI = parts["path"]
	case kind == "DatasetId" && parts["datasetId"] != "":
		input.URI = parts["datasetId"]
	case kind == "DatasetVersion" && parts["datasetName"] != "" && parts["datasetVersion"] != "":
		input.URI = "azureml:" + parts["datasetName"] + ":" + parts["datasetVersion"]
	case kind == "DatasetVersion" && parts["datasetName"] != "":
		input.URI = "azureml:" + parts["datasetName"] + "@latest"
	default:
		return input, fmt.Errorf("dataset: a %s names its data by path, datasetId, or datasetName and datasetVersion", kind)
	}
	return input, nil
}

func readOutputs(properties object) (map[string]jobs.Output, error) {
	data, err := properties.object("outputData")
	if err != nil {
		return nil, err
	}
	outputs := map[string]jobs.Output{}
	for name := range data {
		member, err := data.object(name)
		if err == nil && member == nil {
			err = fmt.Errorf("it is null")
		}
		if err != nil {
			return nil, fmt.Errorf("outputData %q: %w", name, err)
		}
		if outputs[name], err = readOutput(member); err != nil {
			return nil, fmt.Errorf("outputData %q: %w", name, err)
		}
	}
	dataset, err := properties.object("outputDataset")
	if err != nil || dataset == nil {
		return outputs, err
	}
	outputs["outputDataset"], err = readOutputDataset(dataset)
	return outputs, err
}

func readOutput(member object) (output jobs.Output, err error) {
	if output.Kind, err = member.kind("jobOutputType", outputKinds); err != nil {
		return output, err
	}
	if output.URI, err = member.text("uri"); err != nil {
		return output, err
	}
	output.Description = member.member("description")
	output.Mode, err = member.text("mode")
	return output, err
}

// readOutputDataset reads the output folder of api-version 2021-10-01.
func readOutputDataset(dataset object) (jobs.Output, error) {
	datastore, err := dataset.text("datastoreId")
	if err != nil {
		return jobs.Output{}, fmt.Errorf("outputDataset: %w", err)
	}
	path, err := dataset.text("path")
	if err != nil {
		return jobs.Output{}, fmt.Errorf("outputDataset: %w", err)
	}
	name := datastore[strings.LastIndexAny(datastore, "/:")+1:]
	if name == "" {
		return jobs.Output{}, fmt.Errorf("outputDataset: datastoreId is missing")
	}
	// Not evidenced: how answers spell this place. The slash marks a folder.
	uri := "azureml://datastores/" + name + "/paths/" + strings.Trim(path, "/")
	return jobs.Output{URI: strings.TrimSuffix(uri, "/") + "/"}, nil
}

func readOverrides(properties object) (o jobs.Overrides, err error) {
	retry, err := properties.object("retrySettings")
	if err != nil {
		return o, err
	}
	compute, err := properties.object("compute")
	if err != nil {
		return o, err
	}
	own, err := properties.object("properties")
	if err != nil {
		return o, err
	}
	for _, number := range []struct {
		in     object
		name   string
		target **int
	}{
		{properties, "miniBatchSize", &o.MiniBatchSize},
		{properties, "errorThreshold", &o.ErrorThreshold},
		{properties, "maxConcurrencyPerInstance", &o.MaxConcurrencyPerInstance},
		{compute, "instanceCount", &o.InstanceCount},
		{retry, "maxRetries", &o.MaxRetries},
	} {
		if *number.target, err = number.in.integer(number.name); err != nil {
			return o, err
		}
	}
	for _, text := range []struct {
		in     object
		name   string
		target *string
	}{
		{compute, "target", &o.Compute},
		{retry, "timeout", &o.Timeout},
		{properties, "loggingLevel", &o.LoggingLevel},
		{properties, "outputFileName", &o.OutputFileName},
		{properties, "name", &o.DisplayName},
		{own, "experimentName", &o.Experiment},
	} {
		if *text.target, err = text.in.text(text.name); err != nil {
			return o, err
		}
	}
	return o, nil
}

// kind reads a discriminator. Not evidenced: the refusal of an unknown one.
func (o object) kind(name string, known []string) (string, error) {
	text, err := o.text(name)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, text) })
	if i < 0 {
		return "", fmt.Errorf("%s is %q, expected one of %s", name, text, strings.Join(known, ", "))
	}
	return known[i], nil
}
