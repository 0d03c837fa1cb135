package frontdoor

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/azmlbatch/azmlbatch/emulator/internal/golden"
	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
)

func TestReadInvocation(t *testing.T) {
	folder := map[string]jobs.Input{"tiles": {Kind: jobs.UriFolder, URI: "https://kiln/p"}}
	tests := map[string]struct {
		body string
		want jobs.Invocation
	}{
		"today's form": {
			`{"properties": {"inputData": {"tiles": {"uri": "https://kiln/p", "jobInputType": "UriFolder"}}}}`,
			jobs.Invocation{Inputs: folder},
		},
		"Pascal case and trailing commas": {
			`{"Properties": {"InputData": {"tiles": {"Uri": "https://kiln/p", "JobInputType": "uriFOLDER",},},},}`,
			jobs.Invocation{Inputs: folder},
		},
		"commas and brackets in texts": {
			`{"properties": {"inputData": {"a,}": {"uri": "x,]\",}", "jobInputType": "UriFile"}}, }` + "\n}",
			jobs.Invocation{Inputs: map[string]jobs.Input{"a,}": {Kind: jobs.UriFile, URI: `x,]",}`}}},
		},
		"byte order mark": {
			"\ufeff" + `{"properties": {"inputData": {"tiles": {"uri": "https://kiln/p", "jobInputType": "UriFolder"}}}}`,
			jobs.Invocation{Inputs: folder},
		},
		"unknown members": {
			`{"extra": 1, "properties": {"more": [], "inputData": {"tiles": {"uri": "https://kiln/p", "jobInputType": "UriFolder", "also": {}}}}}`,
			jobs.Invocation{Inputs: folder},
		},
		"mode and description": {
			`{"properties": {"inputData": {"tiles": {"uri": "u", "jobInputType": "UriFolder", "mode": "Download", "description": "d"}}}}`,
			jobs.Invocation{Inputs: map[string]jobs.Input{"tiles": {Kind: jobs.UriFolder, URI: "u", Mode: "Download", Description: "d"}}},
		},
		"literals": {
			`{"properties": {"inputData": {"a": {"jobInputType": "Literal", "value": "append"}, "b": {"JobInputType": "literal", "Value": 0.5}}}}`,
			jobs.Invocation{Inputs: map[string]jobs.Input{
				"a": {Kind: jobs.Literal, Value: "append"}, "b": {Kind: jobs.Literal, Value: json.Number("0.5")},
			}},
		},
		"output": {
			`{"properties": {"inputData": {"tiles": {"uri": "https://kiln/p", "jobInputType": "UriFolder"}},
			  "OutputData": {"out": {"Uri": "azureml://datastores/s/paths/p.csv", "JobOutputType": "UriFile", "mode": "Upload"}}}}`,
			jobs.Invocation{Inputs: folder, Outputs: map[string]jobs.Output{
				"out": {Kind: jobs.UriFile, URI: "azureml://datastores/s/paths/p.csv", Mode: "Upload"},
			}},
		},
		"older form, url": {
			`{"properties": {"dataset": {"dataInputType": "DataUrl", "Path": "https://kiln/p"}}}`,
			jobs.Invocation{Inputs: map[string]jobs.Input{"dataset": {URI: "https://kiln/p"}}},
		},
		"older form, version and output": {
			`{"properties": {"dataset": {"dataInputType": "DatasetVersion", "datasetName": "tiles", "datasetVersion": "1234"},
			  "outputDataset": {"datastoreId": "/subscriptions/s/datastores/shelf", "path": "folder"}, "outputFileName": "p1.csv"}}`,
			jobs.Invocation{
				Inputs:    map[string]jobs.Input{"dataset": {URI: "azureml:tiles:1234"}},
				Outputs:   map[string]jobs.Output{"outputDataset": {URI: "azureml://datastores/shelf/paths/folder/"}},
				Overrides: jobs.Overrides{OutputFileName: "p1.csv"},
			},
		},
		"older form, output by a short name": {
			`{"properties": {"outputDataset": {"datastoreId": "azureml:shelf", "path": "/folder/a/"}}}`,
			jobs.Invocation{Outputs: map[string]jobs.Output{"outputDataset": {URI: "azureml://datastores/shelf/paths/folder/a/"}}},
		},
		"older form, output without a path": {
			`{"properties": {"outputDataset": {"datastoreId": "shelf"}}}`,
			jobs.Invocation{Outputs: map[string]jobs.Output{"outputDataset": {URI: "azureml://datastores/shelf/paths/"}}},
		},
		"older form, latest version": {
			`{"properties": {"dataset": {"dataInputType": "datasetversion", "datasetName": "tiles"}}}`,
			jobs.Invocation{Inputs: map[string]jobs.Input{"dataset": {URI: "azureml:tiles@latest"}}},
		},
		"older form, id": {
			`{"properties": {"dataset": {"dataInputType": "DatasetId", "datasetId": "/subscriptions/s/datasets/tiles/versions/1"}}}`,
			jobs.Invocation{Inputs: map[string]jobs.Input{"dataset": {URI: "/subscriptions/s/datasets/tiles/versions/1"}}},
		},
		"overrides, numbers as texts": {
			`{"properties": {"miniBatchSize": "5", "errorThreshold": -1, "maxConcurrencyPerInstance": 2, "loggingLevel": "Debug",
			  "compute": {"instanceCount": 4, "target": "/c/one"}, "retrySettings": {"maxRetries": "1", "timeout": "PT1M"},
			  "outputFileName": "own.csv", "name": "monday", "properties": {"experimentName": "tests"}}}`,
			jobs.Invocation{Overrides: jobs.Overrides{
				MiniBatchSize: new(5), ErrorThreshold: new(-1), MaxConcurrencyPerInstance: new(2), LoggingLevel: "Debug",
				InstanceCount: new(4), Compute: "/c/one", MaxRetries: new(1), Timeout: "PT1M", OutputFileName: "own.csv",
				DisplayName: "monday", Experiment: "tests",
			}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := readInvocation([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("readInvocation (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadInvocationRefuses(t *testing.T) {
	texts := map[string]string{}
	for body, want := range map[string]string{
		``:                                  "empty",
		`null`:                              "not a JSON object",
		`[]`:                                "not a JSON object",
		`{}`:                                "properties is missing",
		`{"properties": 1}`:                 "properties is not a JSON object",
		`{"properties": {}`:                 "not JSON",
		`{"properties": {}} {}`:             "more than one",
		`{"properties": {"inputData": []}}`: "inputData",
		`{"properties": {"inputData": {"a": null}}}`:                                                  "null",
		`{"properties": {"inputData": {"a": {"uri": "u", "jobInputType": "uri_folder"}}}}`:            "uri_folder",
		`{"properties": {"inputData": {"a": {"uri": "u"}}}}`:                                          "jobInputType",
		`{"properties": {"inputData": {"a": {"jobInputType": "UriFile"}}}}`:                           "uri is missing",
		`{"properties": {"inputData": {"a": {"uri": [], "jobInputType": "UriFile"}}}}`:                "uri is not a text",
		`{"properties": {"inputData": {"a": {"jobInputType": "Literal"}}}}`:                           "needs a value",
		`{"properties": {"outputData": {"a": {"uri": "u", "jobOutputType": "Literal"}}}}`:             "Literal",
		`{"properties": {"dataset": {"dataInputType": "DataUrl"}}}`:                                   "names its data by",
		`{"properties": {"dataset": {"dataInputType": "Table"}}}`:                                     "dataInputType",
		`{"properties": {"outputDataset": {"path": "p"}}}`:                                            "datastoreId",
		`{"properties": {"inputData": {"a": {"uri": "u", "jobInputType": []}}}}`:                      "jobInputType is not a text",
		`{"properties": {"inputData": {"a": {"uri": "u", "jobInputType": "UriFile", "mode": {}}}}}`:   "mode is not a text",
		`{"properties": {"outputData": []}}`:                                                          "outputData",
		`{"properties": {"outputData": {"a": null}}}`:                                                 "null",
		`{"properties": {"outputData": {"a": {"uri": {}, "jobOutputType": "UriFile"}}}}`:              "uri is not a text",
		`{"properties": {"outputData": {"a": {"uri": "u", "jobOutputType": "UriFile", "mode": {}}}}}`: "mode is not a text",
		`{"properties": {"outputDataset": []}}`:                                                       "outputDataset",
		`{"properties": {"outputDataset": {"datastoreId": []}}}`:                                      "datastoreId is not a text",
		`{"properties": {"outputDataset": {"datastoreId": "d", "path": []}}}`:                         "path is not a text",
		`{"properties": {"dataset": []}}`:                                                             "dataset",
		`{"properties": {"dataset": {"dataInputType": "DataUrl", "path": {}}}}`:                       "path is not a text",
		`{"properties": {"dataset": {"dataInputType": "DatasetId"}}}`:                                 "names its data by",
		`{"properties": {"dataset": {"dataInputType": "DatasetVersion", "datasetVersion": "1"}}}`:     "names its data by",
		`{"properties": {"retrySettings": []}}`:                                                       "retrySettings",
		`{"properties": {"compute": []}}`:                                                             "compute",
		`{"properties": {"properties": []}}`:                                                          "properties",
		`{"properties": {"errorThreshold": []}}`:                                                      "errorThreshold",
		`{"properties": {"maxConcurrencyPerInstance": "x"}}`:                                          "maxConcurrencyPerInstance",
		`{"properties": {"compute": {"target": []}}}`:                                                 "target",
		`{"properties": {"retrySettings": {"timeout": []}}}`:                                          "timeout",
		`{"properties": {"loggingLevel": []}}`:                                                        "loggingLevel",
		`{"properties": {"outputFileName": []}}`:                                                      "outputFileName",
		`{"properties": {"name": []}}`:                                                                "name",
		`{"properties": {"properties": {"experimentName": []}}}`:                                      "experimentName",
		`{"properties": {"miniBatchSize": "many"}}`:                                                   "miniBatchSize",
		`{"properties": {"compute": {"instanceCount": 1.5}}}`:                                         "instanceCount",
		`{"properties": {"retrySettings": {"maxRetries": {}}}}`:                                       "maxRetries",
	} {
		_, err := readInvocation([]byte(body))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("readInvocation(%s) = %v, want %q in it", body, err, want)
		}
		texts[body] = fmt.Sprint(err)
	}
	golden.Check(t, "invocations_that_cannot_be_read", texts)
}

func FuzzReadInvocation(f *testing.F) {
	f.Add([]byte(body))
	f.Add([]byte(`{"Properties": {"dataset": {"dataInputType": "DataUrl", "Path": "https://kiln/p",},},}`))
	f.Add([]byte(`{"properties": {"compute": {"instanceCount": "4"}, "outputData": {"o": {"uri": "u", "jobOutputType": "UriFile"}}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, err := readInvocation(raw)
		// Whatever is plain JSON with properties is not refused for its commas.
		if err != nil && json.Valid(raw) && strings.Contains(err.Error(), "not JSON:") {
			t.Errorf("valid JSON is refused: %v", err)
		}
	})
}
