package emulator

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// TestSchedules: a schedule invokes its endpoint when the emulator's clock says so.
func TestSchedules(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	e := NewTest(t, &Options{Now: clock})
	ctx := t.Context()
	endpoint, err := e.Deploy(ctx, Func(sizes), nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := e.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := client.Upload(ctx, "testdata/vases", nil)
	if err != nil {
		t.Fatal(err)
	}
	action, err := azmlbatch.NewEndpointScheduleAction(endpoint, azmlbatch.Invocation{Input: azmlbatch.URIFolder{URI: data.URI}, DisplayName: "nightly"})
	if err != nil {
		t.Fatal(err)
	}
	schedules := client.Schedules()
	made, err := schedules.CreateOrUpdate(ctx, "often", azmlbatch.Schedule{
		Trigger: azmlbatch.RecurrenceTrigger{Frequency: azmlbatch.RecurrenceFrequencyMinute, Interval: 5}, Action: action,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if made.Name != "often" || made.ProvisioningState != azmlbatch.ProvisioningStateSucceeded || made.IsEnabled == nil || !*made.IsEnabled {
		t.Errorf("the schedule is %+v", made)
	}
	jobs := func() (names []string) {
		for j, err := range client.Jobs().List(ctx, nil) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, j.DisplayName)
		}
		return names
	}
	pass := func(minutes int, want ...string) {
		t.Helper()
		mu.Lock()
		now = now.Add(time.Duration(minutes) * time.Minute)
		mu.Unlock()
		if diff := cmp.Diff(want, jobs()); diff != "" {
			t.Errorf("jobs at %s (-want +got):\n%s", clock().Format("15:04"), diff)
		}
	}
	pass(4)
	pass(1, "nightly")
	pass(6, "nightly", "nightly")
	if _, err := schedules.Disable(ctx, "often", nil); err != nil {
		t.Fatal(err)
	}
	pass(10, "nightly", "nightly")
	list := func(view azmlbatch.ScheduleListView) (names []string) {
		for s, err := range schedules.List(ctx, &azmlbatch.ListSchedulesOptions{View: view}) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, s.Name)
		}
		return names
	}
	for view, want := range map[azmlbatch.ScheduleListView][]string{
		"": nil, azmlbatch.ScheduleListViewDisabledOnly: {"often"}, azmlbatch.ScheduleListViewAll: {"often"},
	} {
		if diff := cmp.Diff(want, list(view)); diff != "" {
			t.Errorf("schedules of view %q (-want +got):\n%s", view, diff)
		}
	}
	if _, err := schedules.Enable(ctx, "often", nil); err != nil {
		t.Fatal(err)
	}
	pass(5, "nightly", "nightly", "nightly")
	if err := schedules.Delete(ctx, "often", nil); err != nil {
		t.Fatal(err)
	}
	pass(10, "nightly", "nightly", "nightly")
	for j, err := range client.Jobs().List(ctx, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Jobs().Wait(ctx, j.Name, nil); err != nil {
			t.Error(err)
		}
	}
}

// TestScheduledJob: a schedule creates the job of its definition.
func TestScheduledJob(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	client := NewClient(t, &Options{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
	if _, err := client.Schedules().CreateOrUpdate(t.Context(), "daily", azmlbatch.Schedule{
		Trigger: azmlbatch.CronTrigger{Expression: "15 10 * * *"},
		Action:  azmlbatch.JobScheduleAction{Definition: []byte(`{"jobType": "Command", "command": "echo fired", "displayName": "fire"}`)},
	}, nil); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	now = now.Add(20 * time.Minute)
	mu.Unlock()
	n := 0
	for j, err := range client.Jobs().List(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if j, err = client.Jobs().Wait(t.Context(), j.Name, nil); err != nil || j.DisplayName != "fire" {
			t.Errorf("job %+v, %v", j, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d jobs, want one", n)
	}
	if _, err := client.Schedules().CreateOrUpdate(t.Context(), "never", azmlbatch.Schedule{
		Trigger: azmlbatch.CronTrigger{Expression: "at noon"}, Action: azmlbatch.JobScheduleAction{Definition: []byte(`{"jobType": "Command"}`)},
	}, nil); err == nil {
		t.Error("a schedule without a time was taken")
	}
}

// TestScheduleRepeatsAJob: what a job of the workspace has done is done again, by the id that azure-ai-ml sends or by the name.
func TestScheduleRepeatsAJob(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	client := NewClient(t, &Options{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
	put := func(name, expression, definition string) {
		t.Helper()
		if _, err := client.Schedules().CreateOrUpdate(t.Context(), name, azmlbatch.Schedule{
			Trigger: azmlbatch.CronTrigger{Expression: expression}, Action: azmlbatch.JobScheduleAction{Definition: []byte(definition)},
		}, nil); err != nil {
			t.Fatal(err)
		}
	}
	// ended waits for the jobs and returns them by what shows of the definition.
	ended := func() map[string]string {
		t.Helper()
		found := map[string]string{}
		for j, err := range client.Jobs().List(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			if j, err = client.Jobs().Wait(t.Context(), j.Name, nil); err != nil {
				t.Fatal(err)
			}
			found[j.Name] = j.JobType + " " + j.DisplayName + " of " + j.ExperimentName
		}
		return found
	}
	pass := func() {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Hour)
	}
	put("own", "5 10 * * *", `{"jobType": "Pipeline", "displayName": "fire", "experimentName": "kiln", "jobs": {"one": {"type": "command", "command": "echo fired"}}}`)
	pass()
	first := ended()
	if len(first) != 1 {
		t.Fatalf("jobs = %v, want one", first)
	}
	for name := range first {
		put("by-id", "5 11 * * *", `{"jobType": "Pipeline", "experimentName": "", "sourceJobId": "`+client.Workspace().ID()+`/jobs/`+name+`"}`)
		put("by-name", "5 11 * * *", `{"jobType": "Pipeline", "displayName": "again", "sourceJobId": "azureml:`+name+`"}`)
	}
	put("of-none", "5 11 * * *", `{"jobType": "Pipeline", "sourceJobId": "azureml:none"}`)
	pass()
	got := slices.Sorted(maps.Values(ended()))
	want := []string{"Pipeline again of kiln", "Pipeline fire of kiln", "Pipeline fire of kiln"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
}
