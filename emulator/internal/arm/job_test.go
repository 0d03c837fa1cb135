package arm

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/unplayed"
	"github.com/google/go-cmp/cmp"
)

func TestPipelineJob(t *testing.T) {
	h := newHost(t)
	h.put("jobs/fire", `{"properties": {"jobType": "pipeline", "displayName": "Fire", "inputs": {}, "tags": {"kiln": "raku"},
		"outputs": {"mugs": {"jobOutputType": "URI_FOLDER"}}}}`).wants(http.StatusCreated).has(map[string]any{
		"name": "fire", "type": "Microsoft.MachineLearningServices/workspaces/jobs", "properties/jobType": "Pipeline",
		"properties/status": "NotStarted", "properties/inputs": nil, "properties/experimentName": "Default", "properties/isArchived": false,
		"properties/outputs/mugs":             map[string]any{"jobOutputType": "uri_folder", "description": nil, "uri": nil, "mode": "ReadWriteMount"},
		"properties/services/Studio/endpoint": "https://ml.azure.com/runs/fire?wsid=/subscriptions/" + testSubscription + "/resourcegroups/pottery/workspaces/kilns",
		"properties/services/Tracking/endpoint": "azureml://eastus.api.azureml.ms/mlflow/v1.0" +
			workspaceID(testSubscription, "pottery", "kilns") + "?",
		"properties/provisioningState": "absent",
	})
	h.put("jobs/fire", `{"properties": {"jobType": "Pipeline", "description": "hot", "tags": {"kiln": "gas"}, "isArchived": true, "displayName": "Glow",
		"experimentName": "other"}}`).wants(http.StatusOK).has(map[string]any{
		"properties/description": "hot", "properties/tags": map[string]any{"kiln": "gas"}, "properties/isArchived": true,
		"properties/displayName": "Glow", "properties/experimentName": "Default",
	})
}

func TestCommandJob(t *testing.T) {
	h := newHost(t)
	const body = `{"properties": {"jobType": "Command", "command": "echo", "codeId": "/codes/a/versions/1", "computeId": "/computes/cluster",
		"inputs": {"clay": {"jobInputType": "uri_folder", "uri": "azureml:clay:1"}, "heat": {"jobInputType": "literal", "value": "900"}}}}`
	created := h.put("jobs/turn?api-version=2025-01-01-preview", body).wants(http.StatusCreated).has(map[string]any{
		"properties/status": "Starting", "properties/displayName": "turn", "properties/resources/instanceCount": number(1),
		"properties/resources/shmSize": "2g", "properties/queueSettings": map[string]any{"jobTier": "Null"},
		"properties/inputs/clay/mode": "ReadOnlyMount", "properties/inputs/clay/description": nil, "properties/inputs/heat/mode": "absent",
		"properties/inputs/clay/pathOnCompute":             "absent",
		"properties/outputs/default/uri":                   "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.turn",
		"properties/properties/_azureml.ClusterName":       "cluster",
		"properties/properties/_azureml.ComputeTargetType": "amlctrain",
		"properties/distribution":                          nil,
		"systemData/createdByType":                         "User",
	})
	if id, _ := created.at("properties/properties/ContentSnapshotId").(string); len(id) != 36 {
		t.Errorf("ContentSnapshotId = %q", id)
	}
	h.put("jobs/none", `{"properties": {}}`).wants(http.StatusBadRequest)
	h.put("jobs/none", `{}`).wants(http.StatusBadRequest)
	h.get("jobs/none").wants(http.StatusNotFound).has(map[string]any{"error/code": "UserError"})
}

func TestJobsNameComponentsThatExist(t *testing.T) {
	h := newHost(t)
	ws := workspaceID(testSubscription, "pottery", "kilns")
	h.put("components/fire/versions/1", `{"properties": {"componentSpec": {"code": "azureml:a"}}}`).wants(http.StatusCreated)
	for _, test := range []struct {
		body    string
		missing string // name and version of the component
	}{
		{`"componentId": "` + ws + `/components/fire/versions/1"`, ""},
		{`"jobs": {"a": {"componentId": "` + ws + `/components/fire/versions/1"}}`, ""},
		{`"componentId": "azureml://registries/azureml/components/fire/versions/9"`, ""},
		{`"componentId": "` + ws + `/components/fire/versions/2"`, "fire (version: 2)"},
		{`"jobs": {"a": {"componentId": "` + ws + `/components/fire/versions/1"}, "b": {"componentId": "` + ws + `/components/dry/versions/1"}}`, "dry (version: 1)"},
	} {
		r := h.put("jobs/j", `{"properties": {"jobType": "Pipeline", `+test.body+`}}`)
		if test.missing == "" {
			r.wants(http.StatusCreated)
			h.do(http.MethodDelete, "jobs/j", "").wants(http.StatusOK)
			continue
		}
		r.wants(http.StatusNotFound).has(map[string]any{"error/code": "NotFound"})
		if message, _ := r.at("error/message").(string); !strings.HasSuffix(message, "Not found component "+test.missing+".") {
			t.Errorf("message = %q", message)
		}
		h.do(http.MethodDelete, "jobs/j", "").wants(http.StatusNoContent)
	}
}

// TestJobsAreStarted, unless they are of a kind that never would end here.
func TestJobsAreStarted(t *testing.T) {
	runner := &runningJobs{}
	h := hostRunning(t, runner)
	h.put("jobs/fire", `{"properties": {"jobType": "Command", "command": "echo"}}`).wants(http.StatusCreated)
	h.put("jobs/fire", `{"properties": {"jobType": "Command", "displayName": "again"}}`).wants(http.StatusOK)
	h.put("jobs/flow", `{"properties": {"jobType": "Pipeline", "jobs": {"a": {"type": "command"}, "b": {"type": "parallel"}, "c": {"type": "pipeline"}}}}`).wants(http.StatusCreated)
	for body, kind := range map[string]string{
		`"jobType": "Sweep"`:  "Sweep",
		`"jobType": "automl"`: "AutoML",
		`"jobType": "Spark"`:  "Spark",
		`"jobType": "Pipeline", "jobs": {"a": {"type": "command"}, "b": {"type": "import"}}`: "import",
	} {
		r := h.put("jobs/odd", `{"properties": {`+body+`}}`).wants(http.StatusBadRequest)
		if message, _ := r.at("error/message").(string); message != "The azmlbatch emulator does not run jobs of type "+kind+"; it runs command, parallel and pipeline jobs." {
			t.Errorf("message = %q", message)
		}
		if r.header.Get(unplayed.Header) == "" {
			t.Errorf("the answer for %s is not marked", kind)
		}
		h.get("jobs/odd").wants(http.StatusNotFound)
	}
	ws := workspaceID(testSubscription, "pottery", "kilns")
	if diff := cmp.Diff([]string{ws + "/jobs/fire for A User", ws + "/jobs/flow for A User"}, runner.started); diff != "" {
		t.Errorf("started jobs (-want +got):\n%s", diff)
	}
}

// TestPipelineComponentKeepsItsSteps, which no answer shows.
func TestPipelineComponentKeepsItsSteps(t *testing.T) {
	h := newHost(t)
	const spec = `{"properties": {"componentSpec": {"type": "pipeline", %s}}}`
	h.put("components/flow/versions/1", strings.Replace(spec, "%s", `"jobs": {"a": {"type": "command", "n": 1}}`, 1)).wants(http.StatusCreated).
		has(map[string]any{"properties/componentSpec/jobs": "absent"})
	ws := workspaceID(testSubscription, "pottery", "kilns")
	kept, _ := h.store.Get("componentjobs:" + ws + "/components/flow/versions/1")
	if at(kept, "jobs/a/type") != "command" {
		t.Errorf("kept %v", kept)
	}
	h.put("jobs/own", `{"properties": {"jobType": "Pipeline", "jobs": {"a": {"type": "command"}}, "inputs": {"heat": {"jobInputType": "literal", "value": "900"}}}}`).wants(http.StatusCreated)
	h.put("components/flow/versions/2", strings.Replace(spec, "%s", `"sourceJobId": "`+ws+`/jobs/own"`, 1)).wants(http.StatusCreated).
		has(map[string]any{"properties/componentSpec/inputs/heat/default": "900", "properties/componentSpec/inputs/heat/type": "string"})
	h.put("components/flow/versions/3", strings.Replace(spec, "%s", `"sourceJobId": "`+ws+`/jobs/none"`, 1)).wants(http.StatusBadRequest)
}

func TestListsOfJobs(t *testing.T) {
	h := newHost(t)
	for name, properties := range map[string]string{"a": `"tags": {"kiln": "raku"}`} {
		h.put("jobs/"+name, `{"properties": {"jobType": "Pipeline", `+properties+`}}`).wants(http.StatusCreated)
	}
	h.put("jobs/b", `{"properties": {"jobType": "Command", "properties": {"p": "1"}, "tags": {"kiln": "gas"}}}`).wants(http.StatusCreated)
	h.put("jobs/c", `{"properties": {"jobType": "Command", "isArchived": true}}`).wants(http.StatusCreated)
	if _, err := h.store.Put(workspaceID(testSubscription, "pottery", "kilns")+"/jobs/step", store.Document{"name": "step"}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][]string{
		"":                           {"b", "a"},
		"?listViewType=All":          {"c", "b", "a"},
		"?listViewType=archivedonly": {"c"},
		"?listViewType=ActiveOnly":   {"b", "a"},
		"?jobType=pipeline":          {"a"},
		"?tag=kiln":                  {"b", "a"},
		"?tag=kiln%3Dgas":            {"b"},
		"?properties=p%3D1":          {"b"},
		"?properties=p%3D2":          {},
		"?$top=1":                    {"b"},
		"?jobType=Command&tag=kiln":  {"b"},
	} {
		h.get("jobs" + query).wants(http.StatusOK).hasNames(want...)
	}
}

// runningJobs runs the jobs with these ids, until it is told to cancel them.
type runningJobs struct {
	countedJobs
	store                      *store.Store
	running, started, canceled []string
	broken                     error // of Start
}

func (r *runningJobs) Runs(id string) bool { return slices.Contains(r.running, id) }

func (r *runningJobs) Start(job store.Document, caller jobs.Caller) error {
	if r.broken != nil {
		return r.broken
	}
	r.started = append(r.started, store.Text(job, "id")+" for "+caller.Name)
	_, err := r.store.Put(store.Text(job, "id"), job)
	return err
}

// hostRunning is a host whose jobs r runs.
func hostRunning(t *testing.T, r *runningJobs, edits ...func(*Options)) *host {
	t.Helper()
	return newHost(t, append(edits, func(o *Options) { o.Jobs, r.store = r, o.Store })...)
}

func (r *runningJobs) Cancel(id string) error {
	for _, running := range r.running {
		if running == id {
			r.canceled = append(r.canceled, id)
			return nil
		}
	}
	return errors.New("no such job is running")
}

// TestDeleteOfARunningJob: it would go on without a document.
func TestDeleteOfARunningJob(t *testing.T) {
	runner := &runningJobs{}
	h := hostRunning(t, runner)
	h.put("jobs/fire", `{"properties": {"jobType": "Command", "command": "echo"}}`).wants(http.StatusCreated)
	runner.running = []string{workspaceID(testSubscription, "pottery", "kilns") + "/jobs/fire"}
	r := h.do(http.MethodDelete, "jobs/fire", "").wants(http.StatusConflict)
	if got := r.at("error/message"); got != "Job fire has not ended. Cancel it, or wait for its end." {
		t.Errorf("message = %q", got)
	}
	h.get("jobs/fire").wants(http.StatusOK)
	runner.running = nil
	h.do(http.MethodDelete, "jobs/fire", "").wants(http.StatusOK)
}

// TestJobThatDoesNotStart can be sent again.
func TestJobThatDoesNotStart(t *testing.T) {
	runner := &runningJobs{broken: errors.New("the kiln is cold")}
	h := hostRunning(t, runner)
	const body = `{"properties": {"jobType": "Command", "command": "echo"}}`
	h.put("jobs/fire", body).wants(http.StatusInternalServerError)
	h.get("jobs/fire").wants(http.StatusNotFound)
	runner.broken = jobs.ErrRunning
	h.put("jobs/fire", body).wants(http.StatusConflict)
	runner.broken = nil
	h.do(http.MethodDelete, "jobs/fire", "")
	h.put("jobs/fire", body).wants(http.StatusCreated)
	if len(runner.started) != 1 {
		t.Errorf("started jobs: %v", runner.started)
	}
}

func TestCancelOfAJob(t *testing.T) {
	ws := workspaceID(testSubscription, "pottery", "kilns")
	runner := &runningJobs{running: []string{ws + "/jobs/runs"}}
	h := hostRunning(t, runner, func(o *Options) { o.Pace = Real })
	for _, name := range []string{"stands", "runs"} {
		h.put("jobs/"+name, `{"properties": {"jobType": "Pipeline"}}`).wants(http.StatusCreated)
	}
	first := h.do(http.MethodPost, "jobs/stands/cancel", "").wants(http.StatusAccepted)
	if first.text != "null" || first.header.Get("Azure-AsyncOperation") != "" || first.header.Get("x-ms-async-operation-timeout") != "PT1H" {
		t.Errorf("answer to a cancel: %q; it must be followed by its Location, for an hour", first.text)
	}
	h.get("jobs/stands").has(map[string]any{"properties/status": "CancelRequested"})
	h.time = h.time.Add(time.Second)
	second := h.get(first.header.Get("Location")).wants(http.StatusAccepted)
	if second.text != "{}" || second.header.Get("Location") == first.header.Get("Location") || second.header.Get("Azure-AsyncOperation") != second.header.Get("Location") {
		t.Errorf("poll of a cancel: %q; it must have a new URL, twice", second.text)
	}
	if retry := second.header.Get("Retry-After"); retry != "" {
		t.Errorf("a poll with the real pace has Retry-After: %s", retry)
	}
	h.time = h.time.Add(cancelDuration)
	if end := h.get(second.header.Get("Location")).wants(http.StatusOK); end.text != "" {
		t.Errorf("the end of a cancel has the body %q", end.text)
	}
	h.get("jobs/stands").has(map[string]any{"properties/status": "Canceled"})

	at := h.do(http.MethodPost, "jobs/runs/cancel", "").wants(http.StatusAccepted).header.Get("Location")
	for range 3 { // it takes as long as the job takes
		at = h.get(at).wants(http.StatusAccepted).header.Get("Location")
	}
	if err := h.update(ws+"/jobs/runs", func(doc store.Document) { store.Object(doc, "properties")["status"] = "Completed" }); err != nil {
		t.Fatal(err)
	}
	h.time = h.time.Add(cancelDuration)
	h.get(at).wants(http.StatusOK)
	h.get("jobs/runs").has(map[string]any{"properties/status": "Completed"})
	if diff := cmp.Diff(runner.running, runner.canceled); diff != "" {
		t.Errorf("canceled jobs (-want +got):\n%s", diff)
	}
	h.do(http.MethodPost, "jobs/runs/cancel", "").wants(http.StatusAccepted)
	h.get("jobs/runs").has(map[string]any{"properties/status": "Completed"})
	h.do(http.MethodPost, "jobs/none/cancel", "").wants(http.StatusNotFound)
}
