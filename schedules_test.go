package azmlbatch

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scheduleService stores one schedule and remembers the bodies of PUTs.
type scheduleService struct {
	stored string
	puts   []string
}

func (s *scheduleService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, testWorkspaceID)
	switch {
	case r.Method == http.MethodPut && path == "/schedules/nightly":
		body, _ := io.ReadAll(r.Body) // a request of the test is whole
		s.puts = append(s.puts, string(body))
		w.Header().Set("Azure-AsyncOperation", operationURL)
		writeJSON(w, 201, `{"properties":{"provisioningState":"Creating"}}`)
	case r.Method == http.MethodGet && path == "/schedules/nightly":
		writeJSON(w, 200, s.stored)
	case r.Method == http.MethodGet && path == "/schedules":
		writeJSON(w, 200, `{"value":[{"name":"`+r.URL.Query().Get("listViewType")+`"}]}`)
	default:
		writeJSON(w, 200, `{"status":"Succeeded"}`)
	}
}

func sameJSON(t *testing.T, want, got string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(want), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got), &b); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestScheduleOnTheWire(t *testing.T) {
	s := &scheduleService{stored: `{"name":"nightly","properties":{"isEnabled":true,"provisioningState":"Succeeded","future":1,
		"trigger":{"triggerType":"Recurrence","frequency":"Week","interval":2,"schedule":{"hours":[2],"minutes":[0,30],"weekDays":["Monday"],"monthDays":null},"timeZone":"UTC"},
		"action":{"actionType":"InvokeBatchEndpoint","endpointInvocationDefinition":{"endpointName":"digits"}}}}`}
	c := newTestClient(t, s.ServeHTTP)
	action, err := NewEndpointScheduleAction("digits", Invocation{Deployment: "blue", Input: URIFolder{URI: "https://a.blob.core.windows.net/c/f/"}, MiniBatchSize: 5})
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.Schedules().CreateOrUpdate(t.Context(), "nightly", Schedule{
		DisplayName: "Nightly", Tags: map[string]string{"team": "post"}, IsEnabled: new(false),
		Trigger: CronTrigger{Expression: "0 2 * * *", TimeZone: "UTC"}, Action: action,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, `{"properties":{"displayName":"Nightly","tags":{"team":"post"},"isEnabled":false,
		"trigger":{"triggerType":"Cron","expression":"0 2 * * *","timeZone":"UTC"},
		"action":{"actionType":"InvokeBatchEndpoint","endpointInvocationDefinition":{"endpointName":"digits","deploymentName":"blue",
			"properties":{"miniBatchSize":5,"inputData":{"UriFolder":{"jobInputType":"UriFolder","uri":"https://a.blob.core.windows.net/c/f/"}}}}}}}`, s.puts[0])
	want := RecurrenceTrigger{Frequency: RecurrenceFrequencyWeek, Interval: 2, TimeZone: "UTC",
		Schedule: RecurrenceSchedule{Hours: []int{2}, Minutes: []int{0, 30}, WeekDays: []string{"Monday"}}}
	if diff := cmp.Diff(Trigger(want), made.Trigger); diff != "" {
		t.Errorf("trigger (-want +got):\n%s", diff)
	}
	if _, err := c.Schedules().Enable(t.Context(), "nightly", nil); err != nil || len(s.puts) != 1 {
		t.Errorf("enabling an enabled schedule: %v, %d PUTs", err, len(s.puts))
	}
	if _, err := c.Schedules().Disable(t.Context(), "nightly", nil); err != nil {
		t.Fatal(err)
	}
	sameJSON(t, strings.Replace(strings.Replace(strings.Replace(strings.Replace(s.stored, `"isEnabled":true`, `"isEnabled":false`, 1), `"provisioningState":"Succeeded",`, "", 1),
		`,"monthDays":null`, "", 1), `"name":"nightly",`, "", 1), s.puts[1])
	for view, asked := range map[ScheduleListView]string{"": "", ScheduleListViewAll: "All"} {
		listed, err := collect(c.Schedules().List(t.Context(), &ListSchedulesOptions{View: view}))
		if err != nil || len(listed) != 1 || listed[0].Name != asked {
			t.Errorf("the list of view %q asked for %v, %v", view, listed, err)
		}
	}
}

func TestSchedulesOfUnknownKinds(t *testing.T) {
	const text = `{"properties":{"trigger":{"triggerType":"Moon","phase":"full"},"action":{"actionType":"CreateMonitor","createMonitorRequest":{"a":1}}}}`
	var s Schedule
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	if u, ok := s.Trigger.(UnknownTrigger); !ok || u.Type != "Moon" {
		t.Errorf("trigger %#v", s.Trigger)
	}
	if u, ok := s.Action.(UnknownScheduleAction); !ok || u.Type != "CreateMonitor" {
		t.Errorf("action %#v", s.Action)
	}
	again, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, text, string(again))
}

func TestSchedulesAreChecked(t *testing.T) {
	c := newTestClient(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	action := JobScheduleAction{Definition: []byte(`{}`)}
	said := newTexts(t)
	for name, s := range map[string]Schedule{
		"no trigger": {Action: action}, "no action": {Trigger: CronTrigger{Expression: "* * * * *"}},
		"nil pointer": {Trigger: (*CronTrigger)(nil), Action: action}, "empty tag": {Trigger: CronTrigger{Expression: "* * * * *"}, Action: action, Tags: map[string]string{"a": ""}},
	} {
		_, err := c.Schedules().CreateOrUpdate(t.Context(), "nightly", s, nil)
		said.add(name, err)
		if !asError(err, new(*ArgumentError)) {
			t.Errorf("%s: %v, want an *ArgumentError", name, err)
		}
	}
	for name, inv := range map[string]Invocation{"nothing": {}, "local": {Input: LocalPath{Path: "schedules.go"}}} {
		_, err := NewEndpointScheduleAction("digits", inv)
		said.add("an action for "+name, err)
		if !asError(err, new(*ArgumentError)) {
			t.Errorf("%s: %v, want an *ArgumentError", name, err)
		}
	}
	if _, err := NewEndpointScheduleAction("", Invocation{Input: URIFolder{URI: "https://a.blob.core.windows.net/c"}}); !asError(err, new(*ArgumentError)) {
		t.Errorf("no endpoint: %v, want an *ArgumentError", err)
	}
}

// TestReferencesOfASchedule go out as ids, or not at all: nobody resolves them when the schedule fires.
func TestReferencesOfASchedule(t *testing.T) {
	const url = "https://a.blob.core.windows.net/c/f/"
	id := armPrefix + "/data/clay/versions/3"
	for _, tt := range []struct {
		text, want string // "" for a refusal
	}{
		{id, id},
		{"azureml:" + id, id},
		{"azureml://subscriptions/s/resourcegroups/g/workspaces/w/data/clay/versions/3", id},
		{"azureml://registries/r/data/clay/labels/latest", "azureml://registries/r/data/clay/labels/latest"},
		{"azureml://locations/r/workspaces/guid/data/clay/versions/3", "azureml://locations/r/workspaces/guid/data/clay/versions/3"},
		{"azureml://datastores/d/paths/p", "azureml://datastores/d/paths/p"},
		{url, url},
		{"azureml:clay:3", ""}, {"clay:3", ""}, {"azureml:clay@latest", ""}, {armPrefix + "/data/clay/labels/latest", ""},
		{"azureml://locations/r/workspaces/guid/data/clay/labels/latest", ""},
	} {
		inputs := Inputs{"in": URIFolder{URI: tt.text}}
		for argument, inv := range map[string]Invocation{"Invocation.Input.URI": {Input: inputs["in"]}, `Invocation.Inputs["in"].URI`: {Inputs: inputs}} {
			action, err := NewEndpointScheduleAction("digits", inv)
			var bad *ArgumentError
			switch {
			case tt.want == "":
				if !errors.As(err, &bad) || bad.Argument != argument || !strings.Contains(err.Error(), "ARM id") {
					t.Errorf("%s: %v, want an ArgumentError about %s", tt.text, err, argument)
				}
			case err != nil || !strings.Contains(string(action.Definition), `"`+tt.want+`"`):
				t.Errorf("%s: %s, %v, want %s", tt.text, action.Definition, err, tt.want)
			}
		}
		if dataURI(inputs["in"]) != tt.text {
			t.Errorf("the caller's input is %+v now", inputs)
		}
	}
	compute := armPrefix + "/computes/raku"
	for text, want := range map[string]string{compute: compute, "azureml:" + compute: compute, "raku": "", "azureml:raku": ""} {
		action, err := NewEndpointScheduleAction("digits", Invocation{Input: URIFolder{URI: url}, Compute: text})
		if (err == nil) != (want != "") || !strings.Contains(string(action.Definition), want) {
			t.Errorf("compute %s: %s, %v, want %q", text, action.Definition, err, want)
		}
	}
}
