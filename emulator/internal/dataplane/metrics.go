package dataplane

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// metrics serves the metrics of runs: the list of a run's metrics, and the values of each. It
// follows the client for run history in azure-ai-ml; no recording has these calls.
func (c *call) metrics() {
	if p, ok := c.matches(http.MethodPost, "runs/{run}/list"); ok {
		c.withRun(p[0], func(store.Document) { c.listMetrics(p[0]) })
	} else if p, ok := c.matches(http.MethodPost, "runs/{run}/full"); ok {
		c.withRun(p[0], func(run store.Document) { c.fullMetric(p[0], run) })
	} else {
		c.noRoute()
	}
}

var scalar = store.Document{"uxMetricType": "azureml.v1.scalar"}

func (c *call) listMetrics(run string) {
	value := []any{}
	for _, name := range slices.Sorted(maps.Keys(jobs.RunMetrics(c.store, c.workspace, run))) {
		value = append(value, store.Document{
			"metricKey":  store.Document{"namespace": "", "name": name, "labels": []any{}, "columnNames": []any{name}},
			"columns":    store.Document{name: "Double"},
			"properties": scalar,
		})
	}
	c.answer(http.StatusOK, store.Document{"value": value})
}

func (c *call) fullMetric(name string, run store.Document) {
	var asked struct {
		MetricName string `json:"metricName"`
	}
	if !c.readBody(&asked) {
		return
	}
	value, ok := jobs.RunMetrics(c.store, c.workspace, name)[asked.MetricName]
	if !ok {
		c.refuse(http.StatusNotFound, "Run "+name+" has no metric "+asked.MetricName+".", "NotFound")
		return
	}
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte(c.workspace+"/"+name+"/"+asked.MetricName)).String()
	c.answer(http.StatusOK, store.Document{
		"dataContainerId": run["dataContainerId"], "name": asked.MetricName, "namespace": "", "standardSchemaId": nil,
		"columns": store.Document{asked.MetricName: "Double"}, "properties": scalar,
		"value": []any{store.Document{
			"metricId": id, "createdUtc": run["lastModifiedUtc"], "step": 0, "data": store.Document{asked.MetricName: value},
		}},
	})
}

// mlflow serves the tracking address of a workspace, mlFlowTrackingUri: reading one run (MLflow's
// documentation of its REST API).
func (c *call) mlflow() {
	if _, ok := c.matches(http.MethodGet, "api/2.0/mlflow/runs/get"); !ok {
		c.noRoute()
		return
	}
	query := c.request.URL.Query()
	name := cmp.Or(query.Get("run_id"), query.Get("run_uuid"))
	c.withRun(name, func(run store.Document) {
		c.answer(http.StatusOK, store.Document{"run": store.Document{
			"info": store.Document{
				"run_id": name, "run_uuid": name, "run_name": run["displayName"], "experiment_id": run["experimentId"],
				"status": mlflowStatus(run["status"]), "start_time": millis(run["startTimeUtc"]), "end_time": millis(run["endTimeUtc"]),
				"lifecycle_stage": "active",
			},
			"data": store.Document{
				"metrics": c.mlflowMetrics(name, run), "params": []any{}, "tags": pairs(run["tags"]),
			},
		}})
	})
}

func (c *call) mlflowMetrics(name string, run store.Document) []any {
	metrics := jobs.RunMetrics(c.store, c.workspace, name)
	list := []any{}
	for _, key := range slices.Sorted(maps.Keys(metrics)) {
		list = append(list, store.Document{"key": key, "value": metrics[key], "timestamp": millis(run["lastModifiedUtc"]), "step": 0})
	}
	return list
}

func mlflowStatus(status any) string {
	switch status {
	case jobs.Completed:
		return "FINISHED"
	case jobs.Failed:
		return "FAILED"
	case jobs.Canceled:
		return "KILLED"
	case jobs.Running, jobs.CancelRequested:
		return "RUNNING"
	}
	return "SCHEDULED"
}

// millis is a time of run history in milliseconds since 1970, null when there is none.
func millis(value any) any {
	t, err := time.Parse(time.RFC3339Nano, store.Text(value))
	if err != nil {
		return nil
	}
	return t.UnixMilli()
}

func pairs(value any) []any {
	members := store.Object(value)
	list := []any{}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		list = append(list, store.Document{"key": key, "value": members[key]})
	}
	return list
}
