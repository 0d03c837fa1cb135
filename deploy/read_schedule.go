package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/azmlbatch/azmlbatch"
)

// schedule reads a schedule. The CLI knows create_job; what invokes a batch endpoint, which the API
// and the studio have and the CLI has not, stands below invoke_batch_endpoint, the API's word for
// it, with the keys of an inputs file.
func (r *reader) schedule(m *mapping) {
	var v azmlbatch.Schedule
	m.word("name", &v.Name)
	m.text("display_name", &v.DisplayName)
	m.text("description", &v.Description)
	m.texts("tags", &v.Tags)
	m.texts("properties", &v.Properties)
	m.readOnly("id", "is_enabled", "provisioning_state", "creation_context")
	m.nested("trigger", func(m *mapping) { v.Trigger = trigger(m) })
	job, invoke := m.value("create_job"), m.value("invoke_batch_endpoint")
	switch {
	case job != nil && invoke != nil:
		m.bad("create_job", job, "stands beside invoke_batch_endpoint", "leave one of the two out")
	case job != nil:
		v.Action = repeatedJob(m, job)
	default:
		m.nested("invoke_batch_endpoint", func(m *mapping) { v.Action = invokedEndpoint(m) })
	}
	addTo(r, &r.spec.Schedules, m, part{kindSchedule, v.Name, ""}, v,
		func(o azmlbatch.Schedule) bool { return o.Name == v.Name })
}

var (
	frequencies = []string{"minute", "hour", "day", "week", "month"}
	weekDays    = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
)

// trigger reads when a schedule fires.
func trigger(m *mapping) azmlbatch.Trigger {
	var start, end, zone string
	m.text("start_time", &start)
	m.text("end_time", &end)
	m.text("time_zone", &zone)
	if kind := m.choice("type", "cron", "recurrence"); kind == "cron" {
		v := azmlbatch.CronTrigger{StartTime: start, EndTime: end, TimeZone: zone}
		m.text("expression", &v.Expression)
		return v
	} else if kind == "" {
		if m.value("type") == nil {
			m.bad("type", m.node, "is missing", "write cron or recurrence")
		}
		m.readOnly("expression", "frequency", "interval", "schedule")
		return nil
	}
	v := azmlbatch.RecurrenceTrigger{StartTime: start, EndTime: end, TimeZone: zone}
	v.Frequency = azmlbatch.RecurrenceFrequency(capital(m.choice("frequency", frequencies...)))
	m.integer("interval", &v.Interval)
	m.nested("schedule", func(m *mapping) {
		v.Schedule.Hours = m.integers("hours")
		v.Schedule.Minutes = m.integers("minutes")
		v.Schedule.MonthDays = m.integers("month_days")
		for _, day := range m.items("week_days") {
			i := slices.IndexFunc(weekDays, func(d string) bool { return plainWord(d) == plainWord(day.Value) })
			if i < 0 {
				m.bad("week_days", day, "is "+nodeNoun(day), "write monday to sunday")
				continue
			}
			v.Schedule.WeekDays = append(v.Schedule.WeekDays, capital(weekDays[i]))
		}
	})
	return v
}

// capital is a word with a capital letter.
func capital(word string) string {
	if word == "" {
		return ""
	}
	return string(word[0]-'a'+'A') + word[1:]
}

// items are the items of a list; one value is a list of one.
func (m *mapping) items(key string) []*yaml.Node {
	v := m.value(key)
	switch {
	case v == nil:
		return nil
	case v.Kind == yaml.SequenceNode:
		return v.Content
	}
	return []*yaml.Node{v}
}

// integers reads a list of whole numbers, or one.
func (m *mapping) integers(key string) []int {
	var all []int
	for _, item := range m.items(key) {
		n := 0
		if item.Kind != yaml.ScalarNode || item.Decode(&n) != nil {
			m.bad(key, item, "has "+nodeNoun(item), "write whole numbers")
			continue
		}
		all = append(all, n)
	}
	return all
}

// repeatedJob is the action that starts a job of the workspace again, as azure-ai-ml asks for it:
// by sourceJobId.
func repeatedJob(m *mapping, v *yaml.Node) azmlbatch.ScheduleAction {
	text := ""
	if v.Kind == yaml.ScalarNode {
		m.word("create_job", &text)
	}
	job, err := azmlbatch.ParseReference(azmlbatch.ReferenceKindJob, text)
	if _, local := m.yamlFile(text); err != nil || local || job.Form != azmlbatch.ReferenceFormNamed {
		m.bad("create_job", v, "is no reference to a job of the workspace",
			"start the job once and write azureml:JOB, or invoke an endpoint: invoke_batch_endpoint: {endpoint_name: …}")
		return nil
	}
	definition, err := json.Marshal(map[string]string{"jobType": "Pipeline", "sourceJobId": "azureml:" + job.Name})
	if err != nil {
		return nil
	}
	return azmlbatch.JobScheduleAction{Definition: definition}
}

// invokedEndpoint is the action that invokes a batch endpoint.
func invokedEndpoint(m *mapping) azmlbatch.ScheduleAction {
	endpoint := ""
	m.word("endpoint_name", &endpoint)
	inv := invocation(m)
	action, err := azmlbatch.NewEndpointScheduleAction(endpoint, inv)
	var argument *azmlbatch.ArgumentError
	if errors.As(err, &argument) && endpoint != "" {
		m.bad("", m.node, fmt.Sprintf("%s: %s", argument.Argument, argument.Problem), argument.Remedy)
		return nil
	}
	if endpoint == "" {
		m.bad("endpoint_name", m.node, "is missing", "name the endpoint to invoke")
		return nil
	}
	return action
}
