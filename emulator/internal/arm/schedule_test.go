package arm

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/google/go-cmp/cmp"
)

// changedSchedules remembers what it hears of.
type changedSchedules []string

func (c *changedSchedules) Changed(id string) error {
	*c = append(*c, id[strings.LastIndex(id, "/")+1:])
	return nil
}

const fireDaily = `"action": {"actionType": "invokebatchendpoint", "endpointInvocationDefinition": {"endpointName": "e", "properties": {}}},
	"trigger": {"triggerType": "recurrence", "frequency": "day", "interval": "1", "schedule": {"hours": [6], "minutes": ["30"], "weekDays": ["monday"]}}`

func TestScheduleLife(t *testing.T) {
	heard := &changedSchedules{}
	h := newHost(t, func(o *Options) { o.Schedules, o.Pace = heard, Real })
	first := h.put("schedules/fire", `{"properties": {`+fireDaily+`}}`).wants(http.StatusCreated).has(map[string]any{
		"name": "fire", "type": "Microsoft.MachineLearningServices/workspaces/schedules", "properties/provisioningState": "Creating",
		"properties/isEnabled": true, "properties/displayName": nil, "properties/action/actionType": "InvokeBatchEndpoint",
		"properties/trigger/frequency": "Day", "properties/trigger/interval": number(1), "properties/trigger/schedule/weekDays/0": "Monday",
		"properties/trigger/timeZone": "UTC", "properties/trigger/startTime": nil,
	})
	h.poll(first).has(map[string]any{"status": "Succeeded"})
	h.get("schedules/fire").wants(http.StatusOK).has(map[string]any{"properties/provisioningState": "Succeeded"})
	h.poll(h.put("schedules/fire", `{"properties": {"isEnabled": "false", "description": "daily", `+fireDaily+`}}`).wants(http.StatusOK))
	h.get("schedules").hasNames()
	h.get("schedules?listViewType=DisabledOnly").hasNames("fire")
	h.get("schedules?listViewType=All").hasNames("fire")
	h.poll(h.do(http.MethodDelete, "schedules/fire", "").wants(http.StatusAccepted))
	h.get("schedules/fire").wants(http.StatusNotFound)
	h.do(http.MethodDelete, "schedules/fire", "").wants(http.StatusNoContent)
	if got := strings.Join(*heard, " "); got != "fire fire fire fire" {
		t.Errorf("heard of %s, want of two changes and a deletion, twice", got)
	}
}

func TestSchedulesThatNeverFireAreRefused(t *testing.T) {
	h := newHost(t)
	for body, want := range map[string]string{
		`"trigger": {"triggerType": "Cron", "expression": "daily"}, "action": {"actionType": "CreateJob", "jobDefinition": {"jobType": "Command"}}`: `"PropertyName": "Trigger"`,
		`"action": {"actionType": "CreateJob", "jobDefinition": {"jobType": "Command"}}`:                                                            `"PropertyName": "Trigger"`,
		`"trigger": {"triggerType": "Cron", "expression": "* * * * *"}`:                                                                             `"PropertyName": "Action"`,
		`"trigger": {"triggerType": "Cron", "expression": "* * * * *"}, "action": {"actionType": "CreateJob"}`:                                      `"PropertyName": "Action.JobDefinition"`,
		`"trigger": {"triggerType": "Cron", "expression": "* * * * *"}, "action": {"actionType": "InvokeBatchEndpoint"}`:                            `"PropertyName": "Action.EndpointInvocationDefinition"`,
		`"trigger": {"triggerType": "Cron", "expression": "* * * * *"}, "action": {"actionType": "CreateMonitor"}`:                                  `"PropertyName": "Action.ActionType"`,
	} {
		r := h.put("schedules/odd", `{"properties": {`+body+`}}`).wants(http.StatusBadRequest)
		if message, _ := r.at("error/message").(string); !strings.Contains(message, want) {
			t.Errorf("%s: %q, want %s in it", body, message, want)
		}
		h.get("schedules/odd").wants(http.StatusNotFound)
	}
}

// failingSchedules cannot hear of anything.
type failingSchedules struct{ err error }

func (f failingSchedules) Changed(string) error { return f.err }

// TestSchedulesThatCannotBeTold: a change that the schedules do not hear of has failed.
func TestSchedulesThatCannotBeTold(t *testing.T) {
	failing := &failingSchedules{}
	h := newHost(t, func(o *Options) { o.Schedules, o.Pace = failing, Real })
	h.poll(h.put("schedules/fire", `{"properties": {`+fireDaily+`}}`))
	failing.err = errors.New("no schedules")
	refused := map[string]any{"error/code": "SystemError", "error/message": "no schedules"}
	h.put("schedules/slow", `{"properties": {`+fireDaily+`}}`).wants(http.StatusInternalServerError).has(refused)
	h.do(http.MethodDelete, "schedules/fire", "").wants(http.StatusInternalServerError).has(refused)
	failing.err = nil
	h.get("schedules/fire").wants(http.StatusOK).has(map[string]any{"properties/isEnabled": false})

	alone := newHost(t) // nobody listens
	alone.poll(alone.put("schedules/fire", `{"properties": {`+fireDaily+`}}`).wants(http.StatusCreated))
	alone.poll(alone.do(http.MethodDelete, "schedules/fire", "").wants(http.StatusAccepted))
}

// TestScheduledJobs: their names and what they are, and those that cannot be made.
func TestScheduledJobs(t *testing.T) {
	h := newHost(t)
	const ws = "/subscriptions/" + testSubscription + "/resourceGroups/pottery/providers/Microsoft.MachineLearningServices/workspaces/kilns"
	h.put("jobs/first", `{"properties": {"jobType": "Command", "command": "echo clay", "displayName": "Clay", "experimentName": "wheel"}}`).wants(http.StatusCreated)
	h.put("schedules/stored", `{"properties": {`+fireDaily+`}}`).wants(http.StatusCreated)
	create := func(definition string) (string, error) {
		t.Helper()
		var decoded store.Document
		if err := store.Decode([]byte(definition), &decoded); err != nil {
			t.Fatal(err)
		}
		schedule := store.Document{"id": ws + "/schedules/nightly", "name": "nightly", "properties": store.Document{"action": store.Document{"jobDefinition": decoded}}}
		before := store.Copy(schedule)
		name, err := h.CreateScheduledJob(schedule)
		if diff := cmp.Diff(before, schedule); diff != "" {
			t.Errorf("the schedule has changed (-want +got):\n%s", diff)
		}
		return name, err
	}
	for definition, want := range map[string]map[string]any{
		`{"jobType": "Command", "command": "echo fired"}`: {"properties/jobType": "Command", "properties/command": "echo fired", "type": "Microsoft.MachineLearningServices/workspaces/jobs"},
		`{"jobType": "Pipeline", "sourceJobId": "azureml:first"}`: {
			"properties/jobType": "Command", "properties/command": "echo clay", "properties/displayName": "Clay", "properties/experimentName": "wheel",
		},
		`{"jobType": "Pipeline", "displayName": "again", "sourceJobId": "` + ws + `/jobs/first"}`: {"properties/command": "echo clay", "properties/displayName": "again"},
		`{"jobType": "Pipeline", "sourceJobId": "first"}`:                                         {"properties/command": "echo clay"},
	} {
		name, err := create(definition)
		if err != nil {
			t.Errorf("%s: %v", definition, err)
			continue
		}
		if id, timed := strings.CutPrefix(name, "nightly-20260301T102030Z-"); !timed || len(id) != 4 {
			t.Errorf("the job is named %s", name)
		}
		h.get("jobs/" + name).wants(http.StatusOK).has(want)
	}
	if name, err := create(`{"jobType": "Pipeline", "sourceJobId": "azureml:none"}`); err == nil || err.Error() != "the job azureml:none does not exist" || name != "" {
		t.Errorf("a job that does not exist: %q, %v", name, err)
	}
	if name, err := create(`{"command": "true"}`); err == nil || !strings.HasPrefix(err.Error(), `the job was refused: {"error":`) || name != "" {
		t.Errorf("a job without a type: %q, %v", name, err)
	}
}

// TestRepeatedJob takes over each member of the job that says what it does, and what the schedule
// says otherwise.
func TestRepeatedJob(t *testing.T) {
	source := store.Document{}
	for _, member := range []string{"description", "tags", "computeId", "componentId", "displayName", "experimentName", "command", "codeId", "environmentId",
		"environmentVariables", "inputs", "resources", "settings", "jobs", "limits", "distribution"} {
		source[member] = "of the job"
	}
	source["outputs"] = store.Document{"default": "logs", "rows": "r"}
	want := store.Copy(source)
	want["outputs"], want["experimentName"], want["jobType"] = store.Document{"rows": "r"}, "nightly", "command"
	source["jobType"], source["status"], source["properties"] = "command", "Completed", "of the run"
	got := repeated(source, store.Document{"jobType": "Pipeline", "experimentName": "nightly", "displayName": "", "tags": nil})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
