package jobs

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/scoring"
)

// TestWordsOfEngineErrors: what the run of a deployment and of a step say of each.
func TestWordsOfEngineErrors(t *testing.T) {
	j := &job{invocation: Invocation{Deployment: store.Document{"properties": store.Document{"environmentId": "/environments/clay/versions/1"}}}}
	step, alone := &task{name: "turn"}, &task{name: "turn", moved: func(string) {}}
	texts := map[string]string{}
	for name, err := range map[string]error{
		"no mlflow":      &scoring.NoMLflowError{Python: "python9", Missing: "No module named 'mlflow'"},
		"invalid":        &scoring.InvalidJobError{Field: "MiniBatchSize", Reason: "must not be negative, but is -1"},
		"no Python":      &scoring.InvalidJobError{Field: "Python", Reason: "must name a Python interpreter: there is no python9"},
		"no script":      &scoring.InvalidJobError{Field: "Script", Reason: "must name a file in the code folder"},
		"no environment": &scoring.EnvironmentError{Reason: "python -m pip: No matching distribution found for torch==1.0"},
		"another":        errBroken,
	} {
		err = fmt.Errorf("engine: %w", err)
		texts[name+" of a deployment"], texts[name+" of a step"], texts[name+" of a job"] = scoringFailure(j, err).Error(), step.failure(err).Error(), alone.failure(err).Error()
		if name == "another" && !errors.Is(step.failure(err), errBroken) {
			t.Errorf("%v has lost its cause", step.failure(err))
		}
	}
	checkTexts(t, "errors_of_the_engine", texts)
	if err := step.failure(nil); err != nil {
		t.Errorf("no failure is %v", err)
	}
}

// TestMetricsOfAStep: what is left is what is neither done nor failed.
func TestMetricsOfAStep(t *testing.T) {
	w := newWorld(t, nil)
	var log strings.Builder
	r := &Runner{store: w.store, log: slog.New(slog.NewTextHandler(&log, nil))}
	rec := record{workspace: testWorkspace, name: "j1"}
	r.recordProgress(rec, "r1", scoring.Progress{
		Items: scoring.Items{Total: 100, Succeeded: 20, Failed: 3}, MiniBatches: scoring.MiniBatches{Total: 50, Processed: 7, Failed: 1},
	})
	got := map[string]string{}
	for name, value := range RunMetrics(w.store, testWorkspace, "r1") {
		got[name] = fmt.Sprint(value)
	}
	want := map[string]string{"Failed Items": "3", "Total Mini Batches": "50", "Total Items": "100", "Remaining Items": "77", "Remaining Mini Batches": "42"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	r.recordProgress(rec, "r1", scoring.Progress{})
	if !strings.Contains(log.String(), `level=ERROR msg="job metrics" job=j1 error="store: closed"`) {
		t.Errorf("log %s", log.String())
	}
}

// TestSettingsOfPipelines: their defaults, and values as people write them.
func TestSettingsOfPipelines(t *testing.T) {
	for settings, want := range map[string]pipelineSettings{
		`{}`: {datastore: defaultStore, keepGoing: true},
		`{"default_compute": "c", "default_datastore": "azureml:shelf", "continue_on_step_failure": "False"}`: {compute: "c", datastore: "shelf"},
		`{"default_datastore": "` + testWorkspace + `/datastores/shelf", "continue_on_step_failure": false}`:  {datastore: "shelf"},
		`{"default_datastore": "azureml:", "continue_on_step_failure": "True"}`:                               {datastore: defaultStore, keepGoing: true},
		`{"continue_on_step_failure": "no"}`:                                                                  {datastore: defaultStore, keepGoing: true},
	} {
		var decoded store.Document
		if err := store.Decode([]byte(settings), &decoded); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, readSettings(decoded), cmp.AllowUnexported(pipelineSettings{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", settings, diff)
		}
	}
}

// TestRunnerDefaults: what the options mean that are left out, and a store that cannot be changed.
func TestRunnerDefaults(t *testing.T) {
	w := newWorld(t, nil)
	r, err := New(Options{Store: w.store, Blobs: w.blobs})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if r.limit != DefaultLimit || r.now == nil || r.now().IsZero() || r.funcs("any") != nil || r.log == nil || r.keep != 0 {
		t.Errorf("limit %d, keep %s", r.limit, r.keep)
	}
	for limit, want := range map[int]int{-1: DefaultLimit, 0: DefaultLimit, 1: 1, 5: 5} {
		limited, err := New(Options{Store: w.store, Blobs: w.blobs, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		if limited.limit != want {
			t.Errorf("limit %d means %d, want %d", limit, limited.limit, want)
		}
		if err := limited.Close(); err != nil {
			t.Error(err)
		}
	}
	w.putRaw(unfinishedID(testWorkspace, "j"), store.Document{"workspace": testWorkspace, "job": "j"})
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Store: w.store, Blobs: w.blobs}); !errors.Is(err, store.ErrClosed) || !strings.HasPrefix(err.Error(), "jobs: ") {
		t.Errorf("New = %v, want ErrClosed", err)
	}
}

// TestModelsWithoutAScript: only an MLflow model is scored so; what is not registered is judged later.
func TestModelsWithoutAScript(t *testing.T) {
	w := newWorld(t, nil)
	for name, kind := range map[string]string{"flow": "MLflow_Model", "own": "custom_model", "none": ""} {
		w.put(testWorkspace+"/models/"+name+"/versions/1", store.Document{"properties": store.Document{"modelType": kind}})
	}
	for name, test := range map[string]struct {
		model store.Document
		want  string
	}{
		"an MLflow model":     {store.Document{"referenceType": "Id", "assetId": "azureml:flow:1"}, ""},
		"no type":             {store.Document{"referenceType": "Id", "assetId": "azureml:none:1"}, ""},
		"not there":           {store.Document{"referenceType": "Id", "assetId": "azureml:gone:1"}, ""},
		"a path":              {store.Document{"referenceType": "DataPath", "datastoreId": "azureml:" + testWorkspace + "/datastores/x", "path": "a"}, ""},
		"no reference at all": {store.Document{"referenceType": "Id", "assetId": "kiln"}, ""},
		"a custom model": {
			store.Document{"referenceType": "Id", "assetId": "azureml:own:1"},
			"The deployment has no scoring script. Only a model of type mlflow_model is scored without one, and own:1 is of type custom_model.",
		},
		"an unknown kind": {store.Document{"referenceType": "Kiln"}, `The model of the deployment is of the unknown kind "Kiln".`},
	} {
		err := w.runner.checkScriptless(&job{record: record{workspace: testWorkspace}, invocation: Invocation{Deployment: store.Document{"properties": store.Document{"model": test.model}}}})
		if (err != nil || test.want != "") && fmt.Sprint(err) != test.want {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	for script, bad := range map[string]bool{"score.py": false, "score": false, "a.b/score.py": false, "score.v2.py": true, "a/score.tar.gz": true} {
		err := checkScriptName(&job{invocation: Invocation{Deployment: store.Document{"properties": store.Document{"codeConfiguration": store.Document{"codeId": "c", "scoringScript": script}}}}})
		if (err != nil) != bad {
			t.Errorf("the script %s: %v", script, err)
		}
	}
}
