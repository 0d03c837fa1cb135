package deploy

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/azmlbatch/azmlbatch"
)

func (w *writer) schedule(v azmlbatch.Schedule) {
	m := newYAMLMap()
	m.text("name", v.Name)
	m.text("display_name", v.DisplayName)
	m.text("description", v.Description)
	m.texts("tags", v.Tags)
	m.texts("properties", v.Properties)
	w.omit("IsEnabled", v.IsEnabled != nil && !*v.IsEnabled)
	w.omit("Extra", len(v.Extra) > 0)
	m.nested("trigger", w.trigger(v.Trigger))
	switch action := v.Action.(type) {
	case azmlbatch.EndpointScheduleAction:
		m.nested("invoke_batch_endpoint", w.invokedEndpoint(action.Definition))
	case azmlbatch.JobScheduleAction:
		var job struct{ SourceJobID string }
		if err := json.Unmarshal(action.Definition, &job); err == nil && job.SourceJobID != "" {
			m.text("create_job", "azureml:"+job.SourceJobID[strings.LastIndexAny(job.SourceJobID, "/:")+1:])
		} else {
			w.omit("Action", true)
		}
	default:
		w.omit("Action", action != nil)
	}
	w.document("schedule", m)
}

func (w *writer) trigger(v azmlbatch.Trigger) *yamlMap {
	m := newYAMLMap()
	bounds := func(start, end, zone string) {
		m.text("start_time", start)
		m.text("end_time", end)
		m.text("time_zone", zone)
	}
	switch v := v.(type) {
	case azmlbatch.CronTrigger:
		m.text("type", "cron")
		m.text("expression", v.Expression)
		bounds(v.StartTime, v.EndTime, v.TimeZone)
	case azmlbatch.RecurrenceTrigger:
		m.text("type", "recurrence")
		m.word("frequency", string(v.Frequency), frequencies...)
		m.integer("interval", v.Interval)
		within := newYAMLMap()
		within.integers("hours", v.Schedule.Hours)
		within.integers("minutes", v.Schedule.Minutes)
		within.list("week_days", "!!str", v.Schedule.WeekDays)
		within.integers("month_days", v.Schedule.MonthDays)
		m.nested("schedule", within)
		bounds(v.StartTime, v.EndTime, v.TimeZone)
	default:
		w.omit("Trigger", v != nil)
	}
	return m
}

func (m *yamlMap) integers(key string, values []int) {
	texts := make([]string, len(values))
	for i, n := range values {
		texts[i] = strconv.Itoa(n)
	}
	m.list(key, "!!int", texts)
}

func (m *yamlMap) list(key, tag string, values []string) {
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, v := range values {
		list.Content = append(list.Content, scalarNode(tag, strings.ToLower(v)))
	}
	if len(values) > 0 {
		m.put(key, list)
	}
}

// endpointInvocation is what azmlbatch.NewEndpointScheduleAction makes.
type endpointInvocation struct {
	EndpointName   string
	DeploymentName string
	Properties     map[string]json.RawMessage
}

// scheduledData is one input or output of an invocation.
type scheduledData struct {
	JobInputType, JobOutputType, URI, Mode, Description string
	Value                                               any
}

// scheduledSettings are keys of an inputs file, by the member of the request.
var scheduledSettings = map[string]string{
	"miniBatchSize": "mini_batch_size", "errorThreshold": "error_threshold", "loggingLevel": "logging_level",
	"outputFileName":            "output_file_name",
	"maxConcurrencyPerInstance": "max_concurrency_per_instance", "name": "job_name",
}

func (w *writer) invokedEndpoint(definition []byte) *yamlMap {
	m := newYAMLMap()
	var v endpointInvocation
	if err := json.Unmarshal(definition, &v); err != nil {
		w.omit("Action", true)
		return m
	}
	m.text("endpoint_name", v.EndpointName)
	m.text("deployment_name", v.DeploymentName)
	for _, member := range slices.Sorted(maps.Keys(v.Properties)) {
		value := v.Properties[member]
		switch key := scheduledSettings[member]; {
		case member == "inputData" || member == "outputData":
			w.scheduledPorts(m, strings.TrimSuffix(member, "Data")+"s", value)
		case key == "logging_level":
			m.text(key, strings.ToLower(strings.Trim(string(value), `"`)))
		case key != "":
			m.json(key, value)
		default:
			w.omit("Action."+member, true)
		}
	}
	return m
}

func (w *writer) scheduledPorts(m *yamlMap, key string, text []byte) {
	var ports map[string]scheduledData
	if err := json.Unmarshal(text, &ports); err != nil {
		w.omit("Action."+key, true)
		return
	}
	all := newYAMLMap()
	for _, name := range slices.Sorted(maps.Keys(ports)) {
		p, one := ports[name], newYAMLMap()
		if plainWord(p.JobInputType) == "literal" {
			value, err := json.Marshal(p.Value)
			if err == nil {
				all.json(name, value)
			}
			continue
		}
		one.word("type", p.JobInputType+p.JobOutputType, append(slices.Clone(dataTypes), modelTypes...)...)
		one.text("path", p.URI)
		one.text("description", p.Description)
		for word, mode := range dataModes {
			if word != "mount" && plainWord(string(mode)) == plainWord(p.Mode) {
				one.text("mode", word)
			}
		}
		all.nested(name, one)
	}
	m.nested(key, all)
}
