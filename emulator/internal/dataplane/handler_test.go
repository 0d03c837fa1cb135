package dataplane

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/login"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

const (
	workspace = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.MachineLearningServices/workspaces/w1"
	host      = "https://eastus.api.azureml.ms"
)

// logs is a Blob service with the same two logs for every run.
type logs struct{}

func (logs) List(_ context.Context, account, container, prefix string) iter.Seq2[blob.Properties, error] {
	return func(yield func(blob.Properties, error) bool) {
		for _, name := range []string{"logs/a b.txt", "user_logs/std_log_0.txt"} {
			if !yield(blob.Properties{Name: prefix + name}, nil) {
				return
			}
		}
	}
}

func (logs) UserDelegationSAS(account, container, permissions string, start, expiry time.Time) (string, error) {
	return fmt.Sprintf("sp=%s&se=%s&sig=%s", permissions, expiry.Format("15-04"), account+container), nil
}

func newHandler(t *testing.T, edits ...func(*Options)) (*Handler, *store.Store) {
	t.Helper()
	s, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	options := Options{
		Store: s, Cloud: cloud.Public(), Logs: logs{}, PageSize: 2,
		Now: func() time.Time { return time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC) },
		Verify: func(header string, audiences ...string) (login.Claims, *login.Refusal) {
			audience, good := strings.CutPrefix(header, "Bearer ")
			if !good || !slices.Contains(audiences, audience) {
				return login.Claims{}, &login.Refusal{Reason: login.Audience}
			}
			return login.Claims{}, nil
		},
	}
	for _, edit := range edits {
		edit(&options)
	}
	h, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, map[string]store.Document{
		workspace: {"id": workspace, "location": "eastus"},
		workspace + "/datastores/workspaceartifactstore": {"properties": store.Document{"accountName": "kiln", "containerName": "azureml"}},
		"run:" + workspace + "/j1":                       {"runId": "j1", "status": "Completed", "displayName": "glazing"},
		"run:" + workspace + "/c1": {
			"runId": "c1", "status": "Completed", "createdUtc": "2031-01-02T03:00:00+00:00", "startTimeUtc": "2031-01-02T03:00:01+00:00",
			"endTimeUtc": nil, "lastModifiedUtc": "2031-01-02T03:00:02+00:00", "dataContainerId": "dcid.c1", "outputs": nil, "tags": store.Document{"a": "b"},
		},
		"runchildren:" + workspace + "/j1/c1": {"runId": "c1"},
		"runmetrics:" + workspace + "/c1":     {"Failed Items": 2, "Total Mini Batches": 5},
		"runoutputs:" + workspace + "/c1": {"score": store.Document{
			"assetId": "azureml://locations/eastus/workspaces/0f/data/azureml_c1_output_data_score/versions/1", "type": "UriFolder", "uri": "x",
		}},
		"outputasset:" + workspace + "/azureml_c1_output_data_score": {
			"type": "UriFolder", "uri": "azureml://datastores/workspaceblobstore/paths/azureml/c1/score/",
		},
	})
	return h, s
}

func put(t *testing.T, s *store.Store, docs map[string]store.Document) {
	t.Helper()
	for id, doc := range docs {
		if _, err := s.Put(id, doc); err != nil {
			t.Fatal(err)
		}
	}
}

// do asks and decodes the answer.
func do(t *testing.T, h http.Handler, method, url, body string, wantStatus int) store.Document {
	t.Helper()
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer https://management.azure.com/")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != wantStatus {
		t.Fatalf("%s %s: status %d, want %d: %s", method, url, w.Code, wantStatus, w.Body)
	}
	var answer store.Document
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s %s: %v: %s", method, url, err, w.Body)
	}
	return answer
}

func TestDiscoveryNeedsNoToken(t *testing.T) {
	h, _ := newHandler(t)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, host+"/discovery", nil))
	var got map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if got["api"] != host || got["studio"] != "https://ml.azure.com" || len(got) != 9 {
		t.Errorf("discovery = %v", got)
	}
	if w.Header().Get("mise-correlation-id") != "" || w.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("headers = %v", w.Header())
	}
}

func TestTokens(t *testing.T) {
	h, _ := newHandler(t)
	for token, want := range map[string]int{
		"":                                     http.StatusUnauthorized,
		"Bearer https://storage.azure.com":     http.StatusUnauthorized,
		"Bearer https://ml.azure.com":          http.StatusOK,
		"Bearer https://management.azure.com/": http.StatusOK,
	} {
		r := httptest.NewRequest(http.MethodGet, host+"/history/v1.0"+workspace+"/runs/j1", nil)
		r.Header.Set("Authorization", token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("token %q: status %d, want %d", token, w.Code, want)
		}
		if got := w.Header().Get("mise-correlation-id"); got == "" {
			t.Errorf("token %q: no mise-correlation-id", token)
		}
	}
}

func TestRefusalsAreEnvelopes(t *testing.T) {
	h, _ := newHandler(t)
	history := host + "/history/v1.0" + workspace
	for _, test := range []struct {
		method, url, body string
		status            int
		message           string // that of what is not played when empty
	}{
		{http.MethodGet, host + "/nothing", "", http.StatusNotFound, ""},
		{http.MethodGet, host + "/history/v1.0" + workspace + "2/runs/j1", "", http.StatusNotFound, "The workspace 'w12' was not found."},
		{http.MethodGet, history + "/runs/none", "", http.StatusNotFound, "Run none was not found."},
		{http.MethodDelete, history + "/runs/j1", "", http.StatusNotFound, ""},
		{http.MethodPost, history + "/rundata", "{", http.StatusBadRequest, "The request body is not the JSON that is expected here."},
		{http.MethodPost, history + "/rundata", `{"runId": "none"}`, http.StatusNotFound, "Run none was not found."},
		{http.MethodPost, host + "/data/v1.0" + workspace + "/dataversion/batchGetResolvedUris", `{"values": ["azureml:none:1"]}`, http.StatusNotFound, "There is no data asset azureml:none:1."},
		{http.MethodPost, host + "/metric/v2.0" + workspace + "/runs/c1/full", `{"metricName": "none"}`, http.StatusNotFound, "Run c1 has no metric none."},
		{http.MethodPost, host + "/metric/v2.0" + workspace + "/runs/c1/full", `[`, http.StatusBadRequest, "The request body is not the JSON that is expected here."},
		{http.MethodPost, host + "/metric/v2.0" + workspace + "/runs/none/list", "{}", http.StatusNotFound, "Run none was not found."},
		{http.MethodGet, host + "/metric/v2.0" + workspace + "/runs/c1/list", "", http.StatusNotFound, ""},
		{http.MethodPost, host + "/discovery", "", http.StatusNotFound, ""},
		{http.MethodPost, host + "/data/v1.0" + workspace + "/dataversion/batchGetResolvedUris", `[`, http.StatusBadRequest, "The request body is not the JSON that is expected here."},
		{http.MethodGet, host + "/data/v1.0" + workspace + "/dataversion/batchGetResolvedUris", "", http.StatusNotFound, ""},
		{http.MethodGet, host + "/mferp/managementfrontend" + workspace + "/batchEndpoints/none", "", http.StatusNotFound, "The resource /batchEndpoints/none does not exist in the workspace."},
		{http.MethodGet, host + "/mferp/managementfrontend" + workspace + "/batchEndpoints/none/deployments/none", "", http.StatusNotFound, "The resource /batchEndpoints/none/deployments/none does not exist in the workspace."},
		{http.MethodDelete, host + "/mferp/managementfrontend" + workspace + "/batchEndpoints/none", "", http.StatusNotFound, ""},
		{http.MethodGet, host + "/mferp/managementfrontend" + workspace + "/batchEndpoints/none/jobs", "", http.StatusNotFound, "There is no endpoint with the name 'none' in the workspace."},
		{http.MethodGet, host + "/mferp/managementfrontend" + workspace + "/batchEndpoints/none/jobs/j", "", http.StatusNotFound, "The job with the name 'j' does not exist."},
	} {
		answer := do(t, h, test.method, test.url, test.body, test.status)
		fault, _ := answer["error"].(store.Document)
		for _, member := range []string{"correlation", "environment", "location", "time", "componentName", "statusCode"} {
			if answer[member] == nil {
				t.Errorf("%s: %s is missing", test.url, member)
			}
		}
		want := cmp.Or(test.message, "The azmlbatch emulator does not play "+test.method+" "+strings.TrimPrefix(test.url, host)+".")
		if fault["code"] != "UserError" || fault["message"] != want || len(fault) != 12 {
			t.Errorf("%s %s: error = %v, want the message %q", test.method, test.url, fault, want)
		}
	}
}

func TestRunHistory(t *testing.T) {
	h, _ := newHandler(t)
	base := host + "/history/v1.0" + workspace
	if got := do(t, h, http.MethodGet, base+"/runs/j1?api-version=v1.0", "", http.StatusOK); got["displayName"] != "glazing" {
		t.Errorf("run = %v", got)
	}
	if got := do(t, h, http.MethodGet, base+"/experiments/tests/runs/c1", "", http.StatusOK); got["runId"] != "c1" {
		t.Errorf("run by experiment = %v", got)
	}
	children := do(t, h, http.MethodGet, base+"/runs/j1/children?api-version=v1.0", "", http.StatusOK)
	value, _ := children["value"].([]any)
	if len(value) != 1 || len(children) != 1 || value[0].(store.Document)["runId"] != "c1" {
		t.Errorf("children = %v", children)
	}
	if got := do(t, h, http.MethodGet, base+"/runs/c1/children", "", http.StatusOK)["value"]; !gocmp.Equal(got, []any{}) {
		t.Errorf("children of a step = %v, want an empty list", got)
	}
	data := do(t, h, http.MethodPost, base+"/rundata", `{"runId": "c1", "selectRunMetadata": true, "selectRunDefinition": true, "selectJobSpecification": true}`, http.StatusOK)
	want := store.Document{"score": store.Document{
		"assetId": "azureml://locations/eastus/workspaces/0f/data/azureml_c1_output_data_score/versions/1", "type": "UriFolder",
	}}
	if diff := gocmp.Diff(want, data["runMetadata"].(store.Document)["outputs"]); diff != "" {
		t.Errorf("runMetadata.outputs (-want +got):\n%s", diff)
	}
	if _, ok := data["jobSpecification"]; !ok || len(data) != 4 {
		t.Errorf("rundata has the members %v", data)
	}
}

func TestRunDetailsHaveLogURLs(t *testing.T) {
	h, _ := newHandler(t)
	got := do(t, h, http.MethodGet, host+"/history/v1.0"+workspace+"/runs/c1/details", "", http.StatusOK)
	const start = "https://kiln.blob.core.windows.net/azureml/ExperimentRun/dcid.c1/"
	want := store.Document{
		"logs/a b.txt":            start + "logs/a%20b.txt?sp=r&se=04-04&sig=kilnazureml",
		"user_logs/std_log_0.txt": start + "user_logs/std_log_0.txt?sp=r&se=04-04&sig=kilnazureml",
	}
	if diff := gocmp.Diff(want, got["logFiles"]); diff != "" {
		t.Errorf("logFiles (-want +got):\n%s", diff)
	}
	if got["runId"] != "c1" || got["createdTimeUtc"] != "2031-01-02T03:00:00+00:00" {
		t.Errorf("details = %v", got)
	}
}

// TestRunDetailsHaveTheMembersOfTheRun: those that the client for run history in azure-ai-ml reads,
// and four of their own.
func TestRunDetailsHaveTheMembersOfTheRun(t *testing.T) {
	h, _ := newHandler(t)
	shared := strings.Fields(`compute computeDuration computeRequest createdBy currentAttemptId currentComputeTime dataContainerId duration effectiveStartTimeUtc
		endTimeUtc error experimentId inputDatasets inputs lastModifiedBy lastModifiedUtc lastStartTimeUtc outputDatasets parameters parentRunId parentRunUuid
		properties revision rootRunId rootRunUuid runDefinition runId runNumber runTypeV2 runUuid services settings startTimeUtc status statusRevision tags target
		userId warnings`)
	run := do(t, h, http.MethodGet, host+"/history/v1.0"+workspace+"/runs/c1", "", http.StatusOK)
	got := do(t, h, http.MethodGet, host+"/history/v1.0"+workspace+"/runs/c1/details", "", http.StatusOK)
	want := store.Document{"createdTimeUtc": run["createdUtc"], "jobCost": nil, "logFiles": got["logFiles"], "outputs": got["outputs"]}
	for _, member := range shared {
		want[member] = run[member]
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
}

func TestResolvedURIs(t *testing.T) {
	h, _ := newHandler(t)
	const id = "azureml://locations/eastus/workspaces/0f/data/azureml_c1_output_data_score/versions/1"
	got := do(t, h, http.MethodPost, host+"/data/v1.0"+workspace+"/dataversion/batchGetResolvedUris?api-version=1.5.0", `{"values": ["`+id+`"]}`, http.StatusOK)
	want := store.Document{"values": store.Document{id: store.Document{
		"uri":  "azureml://subscriptions/s1/resourcegroups/g1/workspaces/w1/datastores/workspaceblobstore/paths/azureml/c1/score/",
		"type": "UriFolder", "legacyDatasetType": nil,
	}}}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("resolved URIs (-want +got):\n%s", diff)
	}
}

func TestMetrics(t *testing.T) {
	h, _ := newHandler(t)
	base := host + "/metric/v2.0" + workspace + "/runs/c1"
	list, _ := do(t, h, http.MethodPost, base+"/list", `{}`, http.StatusOK)["value"].([]any)
	if len(list) != 2 || list[0].(store.Document)["metricKey"].(store.Document)["name"] != "Failed Items" {
		t.Errorf("metrics = %v", list)
	}
	full, _ := do(t, h, http.MethodPost, base+"/full", `{"metricName": "Failed Items"}`, http.StatusOK)["value"].([]any)
	if diff := gocmp.Diff(store.Document{"Failed Items": 2.0}, full[0].(store.Document)["data"]); diff != "" {
		t.Errorf("value of a metric (-want +got):\n%s", diff)
	}
	run := do(t, h, http.MethodGet, host+"/mlflow/v1.0"+workspace+"/api/2.0/mlflow/runs/get?run_id=c1", "", http.StatusOK)["run"].(store.Document)
	want := []any{
		store.Document{"key": "Failed Items", "value": 2.0, "timestamp": 1925089202000.0, "step": 0.0},
		store.Document{"key": "Total Mini Batches", "value": 5.0, "timestamp": 1925089202000.0, "step": 0.0},
	}
	if diff := gocmp.Diff(want, run["data"].(store.Document)["metrics"]); diff != "" {
		t.Errorf("MLflow metrics (-want +got):\n%s", diff)
	}
	if info := run["info"].(store.Document); info["status"] != "FINISHED" || info["start_time"] != 1925089201000.0 || info["end_time"] != nil {
		t.Errorf("MLflow info = %v", info)
	}
}

func TestChangeRun(t *testing.T) {
	const run, patch = "/runs/j1", `{"displayName": "new", "tags": {"b": "2"}, "properties": {"q": "3"}, "description": "words", "hidden": true, "status": "Failed"}`
	wantMembers := store.Document{
		"displayName": "new", "description": "words", "hidden": true, "status": "Completed",
		"tags": store.Document{"a": "1", "b": "2"}, "properties": store.Document{"p": "1", "q": "3"},
	}
	base := host + "/history/v1.0" + workspace
	members := func(doc store.Document) store.Document {
		got := store.Document{}
		for name := range wantMembers {
			got[name] = doc[name]
		}
		return got
	}
	for name, path := range map[string]string{"a job": "/runs/j1", "a job by its experiment": "/experiments/kiln/runs/j1", "a step": "/runs/c1"} {
		t.Run(name, func(t *testing.T) {
			h, s := newHandler(t)
			before := store.Document{"tags": store.Document{"a": "1"}, "properties": store.Document{"p": "1"}}
			if path == "/runs/c1" {
				before["runId"], before["status"] = "c1", "Completed"
				put(t, s, map[string]store.Document{"run:" + workspace + "/c1": before, workspace + "/jobs/c1": {"name": "c1"}})
			} else {
				put(t, s, map[string]store.Document{workspace + "/jobs/j1": {"name": "j1", "properties": before}})
			}
			answer := do(t, h, http.MethodPatch, base+path, patch, http.StatusOK)
			if diff := gocmp.Diff(wantMembers, members(answer)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if diff := gocmp.Diff(wantMembers, members(do(t, h, http.MethodGet, base+path, "", http.StatusOK))); diff != "" {
				t.Errorf("run (-want +got):\n%s", diff)
			}
			do(t, h, http.MethodPatch, base+path, `{"hidden": false}`, http.StatusOK)
			if got := do(t, h, http.MethodGet, base+path, "", http.StatusOK); got["hidden"] != false || got["displayName"] != "new" {
				t.Errorf("after another change: %v", got)
			}
		})
	}
	h, s := newHandler(t)
	put(t, s, map[string]store.Document{workspace + "/jobs/j1": {"properties": store.Document{"isArchived": false, "tags": nil}}})
	do(t, h, http.MethodPatch, base+run, patch, http.StatusOK)
	job, _ := s.Get(workspace + "/jobs/j1")
	want := store.Document{"isArchived": true, "displayName": "new", "description": "words",
		"tags": store.Document{"b": "2"}, "properties": store.Document{"q": "3"}}
	if diff := gocmp.Diff(want, job["properties"]); diff != "" {
		t.Errorf("job in ARM's form (-want +got):\n%s", diff)
	}
	do(t, h, http.MethodPatch, base+"/runs/none", patch, http.StatusNotFound)
	do(t, h, http.MethodPatch, base+run, `{"hidden": "yes"}`, http.StatusBadRequest)
	do(t, h, http.MethodPatch, base+run, `[`, http.StatusBadRequest)
}

func TestServiceInstances(t *testing.T) {
	h, _ := newHandler(t)
	base := host + "/history/v1.0" + workspace
	got := do(t, h, http.MethodGet, base+"/runs/j1/serviceinstances/0", "", http.StatusOK)
	if diff := gocmp.Diff(store.Document{"instances": store.Document{}}, got); diff != "" {
		t.Errorf("service instances (-want +got):\n%s", diff)
	}
	do(t, h, http.MethodGet, base+"/runs/none/serviceinstances/0", "", http.StatusNotFound)
}

// TestMLflowWords: each status of a run has MLflow's word for it.
func TestMLflowWords(t *testing.T) {
	for status, want := range map[string]string{
		"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED", "Running": "RUNNING", "CancelRequested": "RUNNING", "Queued": "SCHEDULED", "Preparing": "SCHEDULED",
	} {
		h, s := newHandler(t)
		put(t, s, map[string]store.Document{"run:" + workspace + "/c1": {"runId": "c1", "status": status, "tags": store.Document{"b": "2", "a": "1"}}})
		for _, name := range []string{"run_id", "run_uuid"} {
			run := do(t, h, http.MethodGet, host+"/mlflow/v1.0"+workspace+"/api/2.0/mlflow/runs/get?"+name+"=c1", "", http.StatusOK)["run"].(store.Document)
			if got := run["info"].(store.Document)["status"]; got != want {
				t.Errorf("%s is %v, want %s", status, got, want)
			}
			tags := []any{store.Document{"key": "a", "value": "1"}, store.Document{"key": "b", "value": "2"}}
			if diff := gocmp.Diff(any(tags), run["data"].(store.Document)["tags"]); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		}
	}
	h, _ := newHandler(t)
	do(t, h, http.MethodGet, host+"/mlflow/v1.0"+workspace+"/api/2.0/mlflow/runs/get?run_id=none", "", http.StatusNotFound)
	do(t, h, http.MethodGet, host+"/mlflow/v1.0"+workspace+"/api/2.0/mlflow/runs/search", "", http.StatusNotFound)
}

// brokenLogs can neither list nor sign.
type brokenLogs struct {
	sign error
}

func (b brokenLogs) List(context.Context, string, string, string) iter.Seq2[blob.Properties, error] {
	return func(yield func(blob.Properties, error) bool) { yield(blob.Properties{}, errors.New("no storage")) }
}

func (b brokenLogs) UserDelegationSAS(string, string, string, time.Time, time.Time) (string, error) {
	return "", b.sign
}

func TestWhatCannotBeServed(t *testing.T) {
	run := host + "/history/v1.0" + workspace + "/runs/c1"
	for name, broken := range map[string]brokenLogs{"logs that cannot be listed": {}, "logs that cannot be signed": {sign: errors.New("no key")}} {
		t.Run(name, func(t *testing.T) {
			h, _ := newHandler(t, func(o *Options) { o.Logs = broken })
			answer := do(t, h, http.MethodGet, run+"/details", "", http.StatusInternalServerError)
			if fault := answer["error"].(store.Document); fault["code"] != "ServiceError" || fault["message"] != "The logs of the run cannot be listed." {
				t.Errorf("error = %v", fault)
			}
		})
	}
	h, s := newHandler(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	answer := do(t, h, http.MethodPatch, run, `{"hidden": true}`, http.StatusInternalServerError)
	if fault := answer["error"].(store.Document); fault["code"] != "ServiceError" || fault["message"] != "The run cannot be changed." {
		t.Errorf("error = %v", fault)
	}
	for name, o := range map[string]Options{"nothing": {}, "no token check": {Store: s, Logs: logs{}}, "no logs": {Store: s, Verify: h.verify}} {
		if _, err := New(o); err == nil {
			t.Errorf("New with %s made a handler", name)
		}
	}
}

func TestRunsWithoutLogsOrOutputs(t *testing.T) {
	h, s := newHandler(t)
	if _, err := s.Delete(workspace + "/datastores/workspaceartifactstore"); err != nil {
		t.Fatal(err)
	}
	got := do(t, h, http.MethodGet, host+"/history/v1.0"+workspace+"/runs/j1/details", "", http.StatusOK)
	if diff := gocmp.Diff(any(store.Document{}), got["logFiles"]); diff != "" || got["outputs"] != nil {
		t.Errorf("logFiles = %v, outputs = %v", got["logFiles"], got["outputs"])
	}
	data := do(t, h, http.MethodPost, host+"/history/v1.0"+workspace+"/rundata", `{"runId": "j1"}`, http.StatusOK)
	for member, value := range data {
		if value != nil {
			t.Errorf("%s = %v, which was not asked for", member, value)
		}
	}
	put(t, s, map[string]store.Document{"rundefinition:" + workspace + "/j1": {"script": "a.py"}})
	data = do(t, h, http.MethodPost, host+"/history/v1.0"+workspace+"/rundata", `{"runId": "j1", "selectRunDefinition": true}`, http.StatusOK)
	if diff := gocmp.Diff(any(store.Document{"script": "a.py"}), data["runDefinition"]); diff != "" {
		t.Errorf("runDefinition (-want +got):\n%s", diff)
	}
}

// TestRegistryDiscovery compares the whole answers for a registry that is played and for one that
// is not.
func TestRegistryDiscovery(t *testing.T) {
	h, s := newHandler(t, func(o *Options) { o.TenantID = "t1" })
	put(t, s, map[string]store.Document{jobs.RegistryID("Pottery"): {
		"name": "pottery", "location": "eastus", "subscriptionId": "s2", "resourceGroup": "g2", "account": "a", "registryId": "r1",
	}})
	got := do(t, h, http.MethodGet, host+"/registrymanagement/v1.0/registries/pottery/discovery", "", http.StatusOK)
	want := store.Document{
		"registryId": "r1", "registryName": "pottery", "tenantId": "t1", "primaryRegion": "eastus", "regions": []any{"eastus"}, "subscriptionId": "s2", "resourceGroup": "g2",
		"workspaceName": nil, "primaryRegionResourceProviderUri": "https://cert-eastus.experiments.azureml.net/",
		"registryFqdns": store.Document{"eastus": store.Document{"uri": "https://r1.registry.eastus.privatelink.api.azureml.ms"}},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("discovery (-want +got):\n%s", diff)
	}
	refused := do(t, h, http.MethodGet, host+"/registrymanagement/v1.0/registries/none/discovery", "", http.StatusForbidden)
	fault, _ := refused["error"].(store.Document)
	for member, want := range map[string]any{
		"code": "UserError", "message": "User/tenant/subscription is not allowed to access registry none",
		"messageFormat": "User/tenant/subscription is not allowed to access registry {feedName}", "messageParameters": store.Document{"feedName": "none"},
	} {
		if diff := gocmp.Diff(want, fault[member]); diff != "" {
			t.Errorf("refusal: %s (-want +got):\n%s", member, diff)
		}
	}
	if refused["componentName"] != "feedmanagement" {
		t.Errorf("refusal of %v", refused["componentName"])
	}
}

// TestClocks: the answer's time is that of the clock, which is the machine's without one.
func TestClocks(t *testing.T) {
	now := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, test := range map[string]struct {
		clock func() time.Time
		want  string
	}{
		"one that ticks": {func() time.Time { now = now.Add(1500 * time.Millisecond); return now }, "1.500"},
		"none":           {},
	} {
		h, _ := newHandler(t, func(o *Options) { o.Now = test.clock })
		w := ask(h, http.MethodGet, host+"/history/v1.0"+workspace+"/runs/c1")
		if got := w.Header().Get("X-Request-Time"); w.Code != http.StatusOK || got == "" || test.want != "" && got != test.want {
			t.Errorf("%s: status %d, time %q, want %q", name, w.Code, got, test.want)
		}
	}
}
