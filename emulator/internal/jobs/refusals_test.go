package jobs

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// TestInvocationsThatCannotRun are refused before there is a job.
func TestInvocationsThatCannotRun(t *testing.T) {
	w := newWorld(t, nil)
	place := w.upload("tiles", threeTiles)
	texts := map[string]string{}
	one, out := Input{Kind: UriFolder, URI: place}, Output{Kind: UriFile, URI: "azureml://datastores/workspaceblobstore/paths/a.csv"}
	for name, test := range map[string]struct {
		edit func(*Invocation)
		want string
	}{
		"no input":            {func(inv *Invocation) { inv.Inputs = nil }, "exactly one data input; this request has 0"},
		"two inputs":          {func(inv *Invocation) { inv.Inputs = map[string]Input{"a": one, "b": one} }, "this request has 2"},
		"two outputs":         {func(inv *Invocation) { inv.Outputs = map[string]Output{"a": out, "b": out} }, "this request names 2"},
		"a literal":           {func(inv *Invocation) { inv.Inputs = map[string]Input{"a": {Kind: Literal, Value: "x"}} }, `'LiteralJobInput' is not supported`},
		"an input nowhere":    {func(inv *Invocation) { inv.Inputs = map[string]Input{"a": {Kind: UriFile}} }, `Input "a" has no uri`},
		"an output nowhere":   {func(inv *Invocation) { inv.Outputs = map[string]Output{"a": {Kind: UriFile}} }, `Output "a" has no uri`},
		"no files in a batch": {func(inv *Invocation) { inv.Overrides.MiniBatchSize = new(0) }, "miniBatchSize is 0; the minimum is 1"},
		"no time at all":      {func(inv *Invocation) { inv.Overrides.Timeout = "PT0S" }, "it must be positive"},
	} {
		t.Run(name, func(t *testing.T) {
			inv := w.invocation(w.deployment(sizes, nil), place)
			test.edit(&inv)
			var bad *BadInvocationError
			if _, err := w.runner.Submit(t.Context(), inv); !errors.As(err, &bad) || !strings.Contains(bad.Error(), test.want) {
				t.Fatalf("Submit = %v, want %q in it", err, test.want)
			}
			texts[name] = bad.Error()
		})
	}
	checkTexts(t, "invocations_that_cannot_run", texts)
	inv := w.invocation(w.deployment(sizes, nil), place)
	inv.Workspace = testWorkspace + "2"
	if _, err := w.runner.Submit(t.Context(), inv); err == nil {
		t.Error("a job of no workspace was taken")
	}
	if jobs := w.store.List(testWorkspace + "/jobs"); len(jobs) != 0 {
		t.Errorf("%d documents of jobs that were refused", len(jobs))
	}
}

func TestSubmitWithoutAStore(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.invocation(w.deployment(sizes, nil), w.upload("tiles", threeTiles))
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.runner.Submit(t.Context(), inv); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Submit = %v, want ErrClosed", err)
	}
	if err := w.runner.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.runner.Submit(t.Context(), inv); !errors.Is(err, ErrClosed) {
		t.Errorf("Submit = %v, want the runner closed", err)
	}
}

func TestRunnerNeedsAPlace(t *testing.T) {
	for name, o := range map[string]Options{"nothing": {}, "no blobs": {Store: new(store.Store)}} {
		if _, err := New(o); err == nil {
			t.Errorf("New with %s made a runner", name)
		}
	}
	w := newWorld(t, nil)
	o := w.options
	o.TempDir = "support_test.go/folder"
	if _, err := New(o); err == nil {
		t.Error("New made a folder within a file")
	}
	if err := w.runner.Wait(t.Context(), "none"); err != nil {
		t.Errorf("Wait for no job = %v", err)
	}
}

// brokenBlobs fails the calls on names with one of the words in them.
type brokenBlobs struct {
	Blobs
	open, list, put string
}

var errBroken = errors.New("the disk is broken")

func broken(word, name string) error {
	if word != "" && strings.Contains(name, word) {
		return errBroken
	}
	return nil
}

func (b brokenBlobs) Open(ctx context.Context, account, container, name string) (io.ReadCloser, blob.Properties, error) {
	if err := broken(b.open, name); err != nil {
		return nil, blob.Properties{}, err
	}
	return b.Blobs.Open(ctx, account, container, name)
}

func (b brokenBlobs) Put(ctx context.Context, account, container, name string, r io.Reader, o *blob.PutOptions) error {
	if err := broken(b.put, name); err != nil {
		return err
	}
	return b.Blobs.Put(ctx, account, container, name, r, o)
}

func (b brokenBlobs) List(ctx context.Context, account, container, prefix string) iter.Seq2[blob.Properties, error] {
	if err := broken(b.list, prefix); err != nil {
		return func(yield func(blob.Properties, error) bool) { yield(blob.Properties{}, err) }
	}
	return b.Blobs.List(ctx, account, container, prefix)
}

func TestStorageThatBreaks(t *testing.T) {
	for name, b := range map[string]brokenBlobs{
		"reading code": {open: "code/"}, "listing code": {list: "code/"}, "reading the model": {open: "weights"}, "listing the model": {list: "glaze"},
		"reading input": {open: "tiles/b"}, "listing input": {list: "tiles/"}, "looking for the output": {list: "score/predictions"}, "writing the output": {put: "score/predictions"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { b.Blobs = o.Blobs; o.Blobs = b })
			job := w.run(w.invocation(w.deployment(sizes, nil), w.upload("tiles", threeTiles)), Failed)
			if got := w.failure(job); !strings.Contains(got, errBroken.Error()) {
				t.Errorf("error of the step = %q", got)
			}
		})
	}
	w := newWorld(t, func(o *Options) { o.Blobs = brokenBlobs{Blobs: o.Blobs, put: "logs/"} })
	w.run(w.invocation(w.deployment(sizes, nil), w.upload("tiles", threeTiles)), Completed) // without its logs
}

func TestJobsLeaveNoFiles(t *testing.T) {
	w := newWorld(t, nil)
	for _, script := range []string{sizes, raises} {
		job := w.submit(w.invocation(w.deployment(script, nil), w.upload("tiles", threeTiles)))
		if err := w.runner.Wait(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	if left := foldersIn(t, w.options.TempDir); len(left) != 0 {
		t.Errorf("folders of jobs that have ended: %v", left)
	}
}

// TestModelsByPlace: a model need not be registered.
func TestModelsByPlace(t *testing.T) {
	for name, test := range map[string]struct {
		model store.Document
		want  string // "" completes, else the error of the step
	}{
		"a path on a datastore":  {store.Document{"referenceType": "DataPath", "datastoreId": testWorkspace + "/datastores/workspaceblobstore", "path": "models/glaze"}, ""},
		"a short datastore":      {store.Document{"referenceType": "DataPath", "datastoreId": "azureml:" + testWorkspace + "/datastores/workspaceblobstore", "path": "/models/glaze"}, ""},
		"an output of a job":     {store.Document{"referenceType": "OutputPath", "jobId": testWorkspace + "/jobs/j1", "path": "models/glaze"}, ""},
		"an unknown kind":        {store.Document{"referenceType": "Hologram"}, `is of the unknown kind "Hologram"`},
		"nothing there":          {store.Document{"referenceType": "DataPath", "datastoreId": testWorkspace + "/datastores/workspaceblobstore", "path": "none"}, "cannot be read"},
		"a name that is no path": {store.Document{"referenceType": "DataPath", "datastoreId": testWorkspace + "/datastores/workspaceblobstore", "path": "bad"}, "cannot be the name of a file"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			inv := w.invocation(w.deployment(sizes, store.Document{"model": test.model}), w.upload("tiles", threeTiles))
			w.upload("bad", map[string]string{"a//glaze": "x"})
			if err := w.blobs.Service.Put(t.Context(), account, "azureml", "ExperimentRun/dcid.j1/models/glaze/weights.txt", strings.NewReader("42"), nil); err != nil {
				t.Fatal(err)
			}
			if test.want == "" {
				w.run(inv, Completed)
				return
			}
			if got := w.failure(w.run(inv, Failed)); !strings.Contains(got, test.want) {
				t.Errorf("error of the step = %q, want %q in it", got, test.want)
			}
		})
	}
}

// TestFoldersThatAreBlobs: accounts with a hierarchical namespace list folders as blobs, which are no input.
func TestFoldersThatAreBlobs(t *testing.T) {
	w := newWorld(t, nil)
	place := w.upload("tiles", threeTiles)
	for name, metadata := range map[string]map[string]string{"tiles/sub": {"Hdi_IsFolder": "TRUE"}, "tiles/other/": nil} {
		if err := w.blobs.Service.Put(t.Context(), account, dataStore, name, strings.NewReader(""), &blob.PutOptions{Metadata: metadata}); err != nil {
			t.Fatal(err)
		}
	}
	job := w.run(w.invocation(w.deployment(sizes, nil), place), Completed)
	rows := w.read(dataStore, "azureml/"+store.Text(w.child(job), "runId")+"/score/predictions.csv")
	if n := strings.Count(rows, "\n"); n != 3 {
		t.Errorf("%d rows, want one for each of 3 files:\n%s", n, rows)
	}
}

// TestSummaryOnlyIntoAUsedFolder: a script with files of its own needs an empty folder.
func TestSummaryOnlyIntoAUsedFolder(t *testing.T) {
	w := newWorld(t, nil)
	w.upload("results/deep", map[string]string{"old.txt": "x"})
	inv := w.invocation(w.deployment(sizes, store.Document{"outputAction": "SummaryOnly"}), w.upload("tiles", threeTiles))
	inv.Outputs = map[string]Output{"out": {Kind: UriFile, URI: "azureml://datastores/workspaceblobstore/paths/results/predictions.csv"}}
	if got := w.failure(w.run(inv, Failed)); !strings.Contains(got, "the path already exists") {
		t.Errorf("error of the step = %q", got)
	}
}

func TestWhoInvokes(t *testing.T) {
	w := newWorld(t, nil)
	for kind, caller := range map[string]Caller{"User": {Name: "potter"}, "Application": {Name: "app", Application: true}} {
		inv := w.invocation(w.deployment(sizes, nil), w.upload("tiles", threeTiles))
		inv.Caller = caller
		doc, _ := w.store.Get(jobID(testWorkspace, w.submit(inv)))
		want := store.Document{"createdBy": caller.Name, "createdByType": kind}
		data := store.Object(doc, "systemData")
		if diff := cmp.Diff(want, store.Document{"createdBy": data["createdBy"], "createdByType": data["createdByType"]}); diff != "" {
			t.Errorf("systemData (-want +got):\n%s", diff)
		}
	}
}

func TestViewsOfJobs(t *testing.T) {
	w := newWorld(t, nil)
	first := w.run(w.invocation(w.deployment(sizes, nil), w.upload("tiles", threeTiles)), Completed)
	second := w.run(w.invocation(w.deployment(sizes, nil), w.upload("tiles", threeTiles)), Completed)
	for deployment, want := range map[string][]string{"": {second, first}, "BLUE": {second, first}, "green": nil} {
		if got := w.batchJobs(endpoint, deployment); !slices.Equal(got, want) {
			t.Errorf("jobs of deployment %q = %v, want %v", deployment, got, want)
		}
	}
	child := store.Text(w.child(first), "runId")
	if got := RunDefinition(w.store, testWorkspace, child); got["script"] != "driver/amlbi_main.py" {
		t.Errorf("definition = %v", got)
	}
	if a, c, prefix, ok := Artifacts(w.store, testWorkspace, child); a != account || c != "azureml" || prefix != "ExperimentRun/dcid."+child+"/" || !ok {
		t.Errorf("artifacts = %s %s %s %v", a, c, prefix, ok)
	}
	if _, _, _, ok := Artifacts(w.store, testWorkspace+"2", child); ok {
		t.Error("a workspace without datastores has artifacts")
	}
	for what, id := range map[string]string{"no batch job": batchJobID(testWorkspace, endpoint, "none"), "a job that was deleted": jobID(testWorkspace, second)} {
		_, _ = w.store.Delete(id)
		if _, ok := BatchJob(w.store, testWorkspace, endpoint, map[bool]string{true: "none", false: second}[what == "no batch job"]); ok {
			t.Errorf("%s is shown", what)
		}
	}
	for _, id := range []string{"azureml://datastores/d/paths/p", "azureml:none:1", "https://h"} {
		if _, _, ok := AssetPlace(w.store, testWorkspace, testSuffix, id); ok {
			t.Errorf("%s has a place", id)
		}
	}
}

func TestErrorsOfTheDataPlane(t *testing.T) {
	doc := FailureDocument(FailedCall{Code: "UserError", Message: "words", Inner: []string{"NotFound", "RunNotFound"}, Status: 404, Region: "eastus", Component: "api"})
	want := store.Document{
		"code": "NotFound", "innerError": store.Document{"code": "RunNotFound", "innerError": nil},
	}
	if diff := cmp.Diff(any(want), store.Object(doc, "error")["innerError"]); diff != "" {
		t.Errorf("innerError (-want +got):\n%s", diff)
	}
	correlation := store.Object(doc, "correlation")
	if doc["statusCode"] != 404 || doc["environment"] != "eastus" || doc["location"] != "eastus" || doc["componentName"] != "api" ||
		len(store.Text(correlation, "operation")) != 32 || len(store.Text(correlation, "request")) != 16 {
		t.Errorf("document = %v", doc)
	}
}

// TestRefusedOutputs: a model deployment writes one file; a pipeline component may write any kind.
func TestRefusedOutputs(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.invocation(w.deployment(sizes, nil), w.upload("tiles", threeTiles))
	for kind, attempted := range map[string]string{
		UriFolder: "uri_folder", MLTable: "mltable", CustomModel: "custom_model", MLFlowModel: "mlflow_model", TritonModel: "triton_model",
	} {
		inv.Outputs = map[string]Output{"score": {Kind: kind, URI: "azureml://datastores/workspaceblobstore/paths/results/"}}
		w.refusesOfAModel(inv, "OutputData.Values[0].JobOutputType", "Job output type must be 'uri_file'.", `"`+attempted+`"`)
	}
}

// TestRefusedInputs: a model deployment scores a folder or a file; a pipeline component may take any
// kind.
func TestRefusedInputs(t *testing.T) {
	w := newWorld(t, nil)
	inv := w.invocation(w.deployment(sizes, nil), "")
	const place = "azureml://datastores/workspaceblobstore/paths/glaze"
	for input, attempted := range map[Input]string{
		{Kind: Literal, Value: "append"}: `"Value": "append"`,
		{Kind: CustomModel, URI: place}:  `"Uri": "` + place + `"`,
		{Kind: MLFlowModel, URI: place}:  `"Uri": "` + place + `"`,
		{Kind: TritonModel, URI: place}:  `"Uri": "` + place + `"`,
	} {
		inv.Inputs = map[string]Input{"x": input}
		w.refusesOfAModel(inv, "InputData.Values[0]",
			"The specified job input type '"+input.Kind+"JobInput' is not supported. The supported types are: UriFileJobInput, UriFolderJobInput.",
			"{\n      \"JobInputType\": \""+input.Kind+"\",\n      "+attempted+"\n    }")
	}
}

// refusesOfAModel checks that an invocation of a model deployment is refused in the service's words,
// and that a pipeline component takes the same.
func (w *world) refusesOfAModel(inv Invocation, property, message, attempted string) {
	w.t.Helper()
	want := "The Job request provided has the following validation errors. Please resolve them and try again.\nErrors:\n[\n  {\n" +
		`    "PropertyName": "` + property + "\",\n" + `    "ErrorMessage": "` + message + "\",\n" +
		`    "AttemptedValue": ` + attempted + ",\n" + `    "ErrorCode": "PredicateValidator"` + "\n  }\n]\n"
	var bad *BadInvocationError
	if _, err := w.runner.Submit(w.t.Context(), inv); !errors.As(err, &bad) || bad.Message != want {
		w.t.Errorf("Submit = %v, want %s", err, want)
	}
	inv.Deployment = store.Document{"name": "steps", "properties": store.Document{
		"deploymentConfiguration": store.Document{"deploymentConfigurationType": "PipelineComponent"},
	}}
	if _, err := w.runner.Submit(w.t.Context(), inv); err != nil {
		w.t.Errorf("%s: a pipeline component: %v", attempted, err)
	}
}
