package deploy_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

const schedules = `
name: nightly
display_name: Nightly
tags: {a: b}
trigger:
  type: cron
  expression: "15 2 * * *"
  time_zone: Pacific Standard Time
invoke_batch_endpoint:
  endpoint_name: digits
  deployment_name: blue
  inputs:
    images: {type: uri_folder, path: "https://account.blob.core.windows.net/c/images/", mode: ro_mount}
  mini_batch_size: 5
---
name: weekly
trigger:
  type: recurrence
  frequency: week
  interval: 2
  schedule: {hours: 2, minutes: [0, 30], week_days: [monday, Friday]}
  start_time: "2026-12-01T00:00:00"
create_job: azureml:nice_job
`

// TestSchedules reads schedules, writes them back, and brings them to a workspace, where the second
// plan has nothing to do.
func TestSchedules(t *testing.T) {
	azure := emulator.NewTest(t, nil)
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	job := anyJob(t, azure, client)
	files(t, map[string]string{"schedules.yml": strings.ReplaceAll(schedules, "nice_job", job)})
	spec, err := deploy.Read([]string{"schedules.yml"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	action, err := azmlbatch.NewEndpointScheduleAction("digits", azmlbatch.Invocation{Deployment: "blue", MiniBatchSize: 5,
		Inputs: azmlbatch.Inputs{"images": azmlbatch.URIFolder{URI: "https://account.blob.core.windows.net/c/images/", Mode: azmlbatch.DataModeReadOnlyMount}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []azmlbatch.Schedule{
		{Name: "nightly", DisplayName: "Nightly", Tags: map[string]string{"a": "b"},
			Trigger: azmlbatch.CronTrigger{Expression: "15 2 * * *", TimeZone: "Pacific Standard Time"}, Action: action},
		{Name: "weekly", Trigger: azmlbatch.RecurrenceTrigger{Frequency: azmlbatch.RecurrenceFrequencyWeek, Interval: 2, StartTime: "2026-12-01T00:00:00",
			Schedule: azmlbatch.RecurrenceSchedule{Hours: []int{2}, Minutes: []int{0, 30}, WeekDays: []string{"Monday", "Friday"}}},
			Action: azmlbatch.JobScheduleAction{Definition: []byte(`{"jobType":"Pipeline","sourceJobId":"azureml:` + job + `"}`)}},
	}
	if diff := cmp.Diff(want, spec.Schedules); diff != "" {
		t.Errorf("Read (-want +got):\n%s", diff)
	}
	if again, text := rewritten(t, spec, "."); !cmp.Equal(spec, again) {
		t.Errorf("Write and Read (-want +got):\n%s\n%s", cmp.Diff(spec, again), text)
	}
	deployed := func() string {
		plan, err := deploy.Plan(t.Context(), client, spec, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plan.Apply(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		var actions bytes.Buffer
		for _, c := range plan.List {
			actions.WriteString(c.Name + " " + string(c.Action) + "\n")
			for _, f := range c.Fields {
				actions.WriteString("  " + f.Field + "\n")
			}
		}
		return actions.String()
	}
	for _, want := range []string{"nightly create\nweekly create\n", "nightly leave\nweekly leave\n"} {
		if diff := cmp.Diff(want, deployed()); diff != "" {
			t.Errorf("plan (-want +got):\n%s", diff)
		}
	}
	spec.Schedules[0].Trigger = azmlbatch.CronTrigger{Expression: "15 3 * * *", TimeZone: "Pacific Standard Time"}
	if diff := cmp.Diff("nightly change\n  Trigger.Expression\nweekly leave\n", deployed()); diff != "" {
		t.Errorf("plan of a change (-want +got):\n%s", diff)
	}
	if got, err := client.Schedules().Get(t.Context(), "nightly"); err != nil || !cmp.Equal(got.Trigger, spec.Schedules[0].Trigger) {
		t.Errorf("the schedule fires at %v: %v", got.Trigger, err)
	}
}

// anyJob is the name of a job of the workspace.
func anyJob(t *testing.T, azure *emulator.Emulator, client *azmlbatch.Client) string {
	t.Helper()
	none := func(context.Context, []string) ([]string, error) { return nil, nil }
	endpoint, err := azure.Deploy(t.Context(), emulator.Func(none), nil)
	if err != nil {
		t.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(t.Context(), endpoint, azmlbatch.Invocation{Input: azmlbatch.URIFolder{URI: "azureml://datastores/workspaceblobstore/paths/vases/"}})
	if err != nil {
		t.Fatal(err)
	}
	return job.Name
}

// TestScheduleOfAMissingJob is refused before anything is sent; a dry run cannot look.
func TestScheduleOfAMissingJob(t *testing.T) {
	files(t, map[string]string{"schedules.yml": schedules})
	spec, err := deploy.Read([]string{"schedules.yml"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, _ := newClient(t)
	const want = `deploy: schedule "weekly": Action: "azureml:nice_job" is not in the workspace; start the job once, or refer to another one`
	if _, err := deploy.Plan(t.Context(), client, spec, nil); err == nil || err.Error() != want {
		t.Errorf("Plan = %v, want %s", err, want)
	}
	if _, err := deploy.Local(t.Context(), client, spec, nil); err != nil {
		t.Errorf("Local = %v", err)
	}
}

// TestScheduleMistakes tells what is wrong with a schedule.
func TestScheduleMistakes(t *testing.T) {
	files(t, map[string]string{"data/a.csv": ""})
	const invoke = "invoke_batch_endpoint: {endpoint_name: digits, inputs: {a: {path: 'azureml://datastores/d/paths/a'}}}\n"
	for text, want := range map[string]string{
		"name: a\ntrigger: {expression: '* * * * *'}\n" + invoke:    `f.yml:2:10: trigger.type: is missing; write cron or recurrence`,
		"name: a\ntrigger: {type: cron, expression: '* * * * *'}\n": `f.yml:1:1: schedule "a": create_job: is missing; say what it starts`,
		"name: a\ntrigger: {type: recurrence, frequency: week, interval: 1, schedule: {hours: x, minutes: 0, week_days: mon}}\n" + invoke: "f.yml:2:77: trigger.schedule.hours: has the text \"x\"; write whole numbers\n" +
			"f.yml:2:103: trigger.schedule.week_days: is the text \"mon\"; write monday to sunday",
		"name: a\ntrigger: {type: cron, expression: '* * * * *'}\ncreate_job: job.yml\n":                                                       `f.yml:3:13: create_job: is no reference to a job of the workspace; start the job once and write azureml:JOB, or invoke an endpoint: invoke_batch_endpoint: {endpoint_name: …}`,
		"name: a\ntrigger: {type: cron, expression: '* * * * *'}\ninvoke_batch_endpoint: {endpoint_name: digits, inputs: {a: {path: data}}}\n": `f.yml:3:24: invoke_batch_endpoint: Invocation.Inputs: input a is a local path; upload it with Client.Upload and name the URI`,
	} {
		if err := os.WriteFile("f.yml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := deploy.Read([]string{"f.yml"}, nil); err == nil || err.Error() != want {
			t.Errorf("Read of %s:\n got %v\nwant %s", text, err, want)
		}
	}
}
