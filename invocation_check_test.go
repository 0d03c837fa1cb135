package azmlbatch

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInvokeRefusesBeforeAnythingIsSent(t *testing.T) {
	onlyFolders := t.TempDir()
	if err := os.MkdirAll(filepath.Join(onlyFolders, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(onlyFolders, "sub", "a.pgm"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, endpoint string
		inv            Invocation
		argument       string
	}{
		{"no endpoint", "", Invocation{Inputs: sampleInputs}, "endpoint"},
		{"a malformed endpoint", "a/b", Invocation{Inputs: sampleInputs}, "endpoint"},
		{"no input", "digits", Invocation{}, "Invocation.Input"},
		{"an input with and without a name", "digits", Invocation{Inputs: sampleInputs, Input: URIFolder{URI: "https://x/y"}}, "Invocation.Inputs"},
		{"an empty URI without a name", "digits", Invocation{Input: MLTable{}}, "Invocation.Input.URI"},
		{"a literal without a value", "digits", Invocation{Inputs: Inputs{"x": Literal{}}}, `Invocation.Inputs["x"].Value`},
		{"an input without a name among named ones", "digits", Invocation{Inputs: Inputs{"": URIFolder{URI: "https://x/y"}, "a": URIFolder{URI: "https://x/z"}}}, "Invocation.Inputs"},
		{"a nil input", "digits", Invocation{Inputs: Inputs{"x": nil}}, `Invocation.Inputs["x"]`},
		{"a local path as URI", "digits", Invocation{Inputs: Inputs{"x": URIFolder{URI: "./digits"}}}, `Invocation.Inputs["x"].URI`},
		{"an empty URI", "digits", Invocation{Inputs: Inputs{"x": URIFile{}}}, `Invocation.Inputs["x"].URI`},
		{"a folder that is empty", "digits", Invocation{Inputs: Inputs{"x": LocalPath{Path: t.TempDir()}}}, `Invocation.Inputs["x"].Path`},
		{"a folder with sub-folders only", "digits", Invocation{Inputs: Inputs{"x": LocalPath{Path: onlyFolders}}}, `Invocation.Inputs["x"]`},
		{"a key that is no path", "digits", Invocation{Inputs: sampleInputs, Key: "a/b"}, "Invocation.Key"},
		{"two forms of input", "digits", Invocation{Inputs: sampleInputs, Dataset: DataURL{Path: "https://x"}}, "Invocation.Dataset"},
		{"an output file name with a folder", "digits", Invocation{Inputs: sampleInputs, OutputFileName: "a/b.csv"}, "Invocation.OutputFileName"},
		{"an output file name with a backslash", "digits", Invocation{Inputs: sampleInputs, OutputFileName: `a\b.csv`}, "Invocation.OutputFileName"},
		{"an output file name that ends with a dot", "digits", Invocation{Inputs: sampleInputs, OutputFileName: "b."}, "Invocation.OutputFileName"},
		{"an output file name that ends with a blank", "digits", Invocation{Inputs: sampleInputs, OutputFileName: "b "}, "Invocation.OutputFileName"},
		{"an output file name with a wildcard", "digits", Invocation{Inputs: sampleInputs, OutputFileName: "b?.csv"}, "Invocation.OutputFileName"},
		{"an output file name with a percent sign", "digits", Invocation{Inputs: sampleInputs, OutputFileName: "b%20.csv"}, "Invocation.OutputFileName"},
		{"an output file name with a line break", "digits", Invocation{Inputs: sampleInputs, OutputFileName: "a\nb.csv"}, "Invocation.OutputFileName"},
		{"a mini-batch below 0", "digits", Invocation{Inputs: sampleInputs, MiniBatchSize: -1}, "Invocation.MiniBatchSize"},
		{"instances below 0", "digits", Invocation{Inputs: sampleInputs, InstanceCount: -1}, "Invocation.InstanceCount"},
		{"processes below 0", "digits", Invocation{Inputs: sampleInputs, MaxConcurrencyPerInstance: -1}, "Invocation.MaxConcurrencyPerInstance"},
		{"a timeout below 0", "digits", Invocation{Inputs: sampleInputs, RetrySettings: RetrySettings{Timeout: -1}}, "Invocation.RetrySettings.Timeout"},
		{"tries below 0", "digits", Invocation{Inputs: sampleInputs, RetrySettings: RetrySettings{MaxRetries: new(-1)}}, "Invocation.RetrySettings.MaxRetries"},
		{"two forms of output", "digits", Invocation{Inputs: sampleInputs, Outputs: Outputs{"o": URIFile{}}, OutputDataset: OutputDataset{Path: "p"}}, "Invocation.OutputDataset"},
		{"a nil output", "digits", Invocation{Inputs: sampleInputs, Outputs: Outputs{"o": nil}}, `Invocation.Outputs["o"]`},
		{"a nil pointer as output", "digits", Invocation{Inputs: sampleInputs, Outputs: Outputs{"o": (*URIFile)(nil)}}, `Invocation.Outputs["o"]`},
		{"an older output without a datastore", "digits", Invocation{Inputs: sampleInputs, OutputDataset: OutputDataset{Path: "p"}}, "Invocation.OutputDataset.DatastoreID"},
		{"an older output without a folder", "digits", Invocation{Inputs: sampleInputs, OutputDataset: OutputDataset{DatastoreID: "d", Path: "/"}}, "Invocation.OutputDataset.Path"},
		{"an older output in a folder of dots", "digits", Invocation{Inputs: sampleInputs, OutputDataset: OutputDataset{DatastoreID: "d", Path: "a/../b"}}, "Invocation.OutputDataset.Path"},
		{"an older output in a folder that ends with a dot", "digits", Invocation{Inputs: sampleInputs, OutputDataset: OutputDataset{DatastoreID: "d", Path: "a./b"}}, "Invocation.OutputDataset.Path"},
		{"a threshold below -1", "digits", Invocation{Inputs: sampleInputs, ErrorThreshold: new(-2)}, "Invocation.ErrorThreshold"},
	}
	said := newTexts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newTestClient(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
			_, err := c.Endpoints().Invoke(t.Context(), tt.endpoint, tt.inv)
			said.add(tt.name, err)
			var bad *ArgumentError
			if !errors.As(err, &bad) || bad.Argument != tt.argument {
				t.Errorf("Invoke = %v, want an ArgumentError about %s", err, tt.argument)
			}
		})
	}
}

func TestOutputsThatAModelDeploymentCannotHave(t *testing.T) {
	const place = "azureml://datastores/d/paths/results"
	tests := []struct {
		name, argument string
		inv            Invocation
	}{
		{"a folder", `Invocation.Outputs["score"]`, Invocation{Outputs: Outputs{"score": URIFolder{URI: place}}}},
		{"a pointer to a folder", `Invocation.Outputs["score"]`, Invocation{Outputs: Outputs{"score": &URIFolder{URI: place}}}},
		{"a table", `Invocation.Outputs["score"]`, Invocation{Outputs: Outputs{"score": MLTable{URI: place}}}},
		{"a custom model", `Invocation.Outputs["score"]`, Invocation{Outputs: Outputs{"score": CustomModel{URI: place}}}},
		{"an MLflow model", `Invocation.Outputs["score"]`, Invocation{Outputs: Outputs{"score": MLFlowModel{URI: place}}}},
		{"a Triton model", `Invocation.Outputs["score"]`, Invocation{Outputs: Outputs{"score": TritonModel{URI: place}}}},
		{"a file without a URI", `Invocation.Outputs["score"].URI`, Invocation{Outputs: Outputs{"score": URIFile{}}}},
		{"a file whose URI is a folder", `Invocation.Outputs["score"].URI`, Invocation{Outputs: Outputs{"score": URIFile{URI: place + "/"}}}},
		{"a file that ends with a dot", `Invocation.Outputs["score"].URI`, Invocation{Outputs: Outputs{"score": URIFile{URI: place + "/a."}}}},
		{"two outputs", "Invocation.Outputs", Invocation{Outputs: Outputs{"a": URIFile{URI: place + "/a.csv"}, "b": URIFile{URI: place + "/b.csv"}}}},
		{"two names of the file", "Invocation.OutputFileName", Invocation{OutputFileName: "b.csv", Outputs: Outputs{"score": URIFile{URI: place + "/a.csv"}}}},
	}
	said := newTexts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := newBatchService(t)
			tt.inv.Inputs = Inputs{"x": LocalPath{Path: "invoke_test.go"}}
			_, err := c.Endpoints().Invoke(t.Context(), "digits", tt.inv)
			said.add(tt.name, err)
			var bad *ArgumentError
			if !errors.As(err, &bad) || bad.Argument != tt.argument {
				t.Errorf("Invoke = %v, want an ArgumentError about %s", err, tt.argument)
			}
			if len(s.posts) != 0 {
				t.Errorf("the invocation was sent")
			}
		})
	}
}

// TestInputsThatAModelDeploymentCannotHave are refused before anything is uploaded.
func TestInputsThatAModelDeploymentCannotHave(t *testing.T) {
	const uri = "azureml://datastores/d/paths/in"
	said := newTexts(t)
	for name, tt := range map[string]struct {
		inputs   Inputs
		argument string
	}{
		"two":             {Inputs{"a": URIFolder{URI: uri}, "b": LocalPath{Path: "invoke_test.go"}}, "Invocation.Inputs"},
		"a literal":       {Inputs{"a": Literal{Value: 1}}, "Invocation.Input"},
		"a table":         {Inputs{"a": MLTable{URI: uri}}, "Invocation.Input"},
		"a custom model":  {Inputs{"a": &CustomModel{URI: uri}}, "Invocation.Input"},
		"an MLflow model": {Inputs{"a": MLFlowModel{URI: uri}}, "Invocation.Input"},
		"a Triton model":  {Inputs{"a": TritonModel{URI: uri}}, "Invocation.Input"},
		"none":            {Inputs{}, "Invocation.Inputs"},
	} {
		s, c := newBatchService(t)
		_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: tt.inputs})
		said.add(name, err)
		var bad *ArgumentError
		if !errors.As(err, &bad) || bad.Argument != tt.argument || len(s.posts) != 0 {
			t.Errorf("%s: %v after %d posts, want an ArgumentError about %s", name, err, len(s.posts), tt.argument)
		}
	}
}

// TestOutputsThatAreNoPlace are refused whatever the deployment, with a text that is true of the value.
func TestOutputsThatAreNoPlace(t *testing.T) {
	said := newTexts(t)
	for uri, want := range map[string]string{
		"https://acc.blob.core.windows.net/con/h.csv?sig=secret": `"https://acc.blob.core.windows.net/con/h.csv" is a URL`,
		"wasbs://con@acc.blob.core.windows.net/h.csv":            "is a URL",
		"./out.csv":                          `"./out.csv" is a local path`,
		"./":                                 `"./" is a local path`,
		"out.csv":                            `"out.csv" is a local path`,
		"/tmp/out.csv":                       `"/tmp/out.csv" is a local path`,
		`C:\out.csv`:                         "is a local path",
		"file:///tmp/out.csv":                "is a local path",
		"azureml:store/res/x.csv":            `"azureml:store/res/x.csv" is not a place on a datastore; write azureml://datastores/store/paths/res/x.csv`,
		"azureml:x.csv":                      "is not a place on a datastore",
		"azureml:pics:1":                     "is not a place on a datastore",
		armPrefix + "/data/pics/versions/1":  "is not a place on a datastore",
		"azureml://jobs/j/outputs/o/paths/x": "is not a place on a datastore",
		"runs:/j/x":                          "is not a place on a datastore",
		"azureml://datastores/d":             "is not a place on a datastore",
		"azureml://datastores/d/paths/":      "names no path",
		"azureml://datastores/d/paths":       "names no path",
		"azureml://datastores/d/paths/../x":  "has a folder of dots",
		"azureml://datastores/d/paths/./x":   "has a folder of dots",
		"azureml://datastores/d/paths/a/...": "has a folder of dots",
		"azureml://datastores/d/paths/a./x":  "ends with a dot or a blank",
		"azureml://datastores/d/paths/a /x":  "ends with a dot or a blank",
		"azureml://datastores/d/paths/a\t/x": "has a control character",
	} {
		for _, o := range []Output{URIFile{URI: uri}, &URIFile{URI: uri}, URIFolder{URI: uri}, MLTable{URI: uri}, CustomModel{URI: uri}, MLFlowModel{URI: uri}, TritonModel{URI: uri}} {
			c := newTestClient(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
			_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Outputs: Outputs{"score": o}})
			said.add(uri, err)
			var bad *ArgumentError
			if !errors.As(err, &bad) || bad.Argument != `Invocation.Outputs["score"].URI` || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%T of %s: %v, want an ArgumentError that says %s", o, uri, err, want)
			}
		}
	}
}

// TestOutputsOfAPipelineComponent may leave the place to the service, and be folders.
func TestOutputsOfAPipelineComponent(t *testing.T) {
	s, c := newBatchService(t)
	inv := Invocation{Deployment: "pipe", Inputs: Inputs{"a": Literal{Value: 1}, "b": MLTable{URI: "azureml:t:1"}},
		Outputs: Outputs{"anywhere": URIFolder{}, "here": URIFolder{URI: "azureml://datastores/d/paths/p/"}}}
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", inv); err != nil || len(s.posts) != 1 {
		t.Errorf("Invoke = %v after %d posts", err, len(s.posts))
	}
}
