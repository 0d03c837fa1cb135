package arm

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/schedules"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
)

const scheduleType = workspaceType + "/schedules"

// Schedules hears of schedules that were stored or deleted.
type Schedules interface {
	// Changed is called with the ARM id of the schedule.
	Changed(id string) error
}

var scheduleTriggerShape = object{
	"triggerType": enum{"Cron", "Recurrence"}, "expression": text{}, "startTime": text{}, "endTime": text{}, "timeZone": text{},
	"frequency": enum{"Minute", "Hour", "Day", "Week", "Month"}, "interval": integer{},
	"schedule": object{
		"hours": list{integer{}}, "minutes": list{integer{}}, "monthDays": list{integer{}},
		"weekDays": list{enum{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}},
	},
}

var scheduleShape = object{"properties": object{
	"description": text{}, "displayName": text{}, "isEnabled": boolean{}, "tags": dictionary{text{}}, "properties": dictionary{text{}},
	"action":  object{"actionType": enum{"CreateJob", "InvokeBatchEndpoint", "CreateMonitor"}, "jobDefinition": anything{}, "endpointInvocationDefinition": anything{}},
	"trigger": scheduleTriggerShape,
}}

func (h *Handler) scheduleRoutes() []route {
	const collection = workspacePath + "/schedules"
	const single = collection + "/{schedule}"
	return []route{
		{method: http.MethodGet, path: collection, serve: listSchedules},
		{method: http.MethodGet, path: single, serve: getSchedule},
		{method: http.MethodPut, path: single, serve: putSchedule},
		{method: http.MethodDelete, path: single, serve: deleteSchedule},
	}
}

func (c *call) scheduleID() string { return c.workspace + "/schedules/" + c.param("schedule") }

// listSchedules lists enabled schedules unless listViewType asks for others (published description
// 2024-04-01; no recording has these calls).
func listSchedules(c *call) answer {
	view := foldName(c.query.Get("listviewtype"))
	var shown []store.Document
	for _, doc := range c.h.store.List(c.workspace + "/schedules") {
		enabled := store.IsTrue(doc, "properties", "isEnabled")
		if view == "all" || (view == "disabledonly") != enabled {
			shown = append(shown, doc)
		}
	}
	return c.page(shown, 0)
}

func getSchedule(c *call) answer {
	c.h.settleForRead(c.scheduleID())
	doc, found := c.h.store.Get(c.scheduleID())
	if !found {
		return c.notFound("Schedule "+c.param("schedule")+" was not found.", "NotFound") // not evidenced
	}
	return ok(doc)
}

// putSchedule stores a schedule, which counts from now on, and starts the operation that the
// published description promises.
func putSchedule(c *call) answer {
	body, refusal := c.read(scheduleShape, "Schedule")
	if refusal == nil {
		refusal = c.checkSchedule(store.Object(body, "properties"))
	}
	if refusal != nil {
		return *refusal
	}
	if !c.h.settleForWrite(c.scheduleID()) {
		return c.beingDeleted("Schedule", c.param("schedule"))
	}
	old, exists := c.h.store.Get(c.scheduleID())
	doc := c.newSchedule(store.Object(body, "properties"), old)
	_, err := c.h.store.Put(c.scheduleID(), doc)
	var op *operation
	if err == nil {
		err = c.h.schedulesChanged(c.scheduleID())
	}
	if err == nil {
		op, err = c.begin(c.newOperationID("sch"), schedulePut, c.scheduleID(), endpointDuration, nil)
	}
	if err != nil {
		return c.internal(err)
	}
	a := withStatus(http.StatusCreated, doc)
	if exists {
		a = ok(doc)
	}
	return c.accepted(a, op)
}

func (h *Handler) schedulesChanged(id string) error {
	if h.schedules == nil {
		return nil
	}
	return h.schedules.Changed(id)
}

func (c *call) newSchedule(sent, old store.Document) store.Document {
	properties := store.Copy(sent)
	for _, name := range []string{"description", "displayName"} {
		fill(properties, name, nil)
	}
	fill(properties, "tags", store.Document{})
	fill(properties, "properties", store.Document{})
	fill(properties, "isEnabled", true)
	trigger := store.Object(properties, "trigger")
	for name, value := range map[string]any{"startTime": nil, "endTime": nil, "timeZone": "UTC"} {
		fill(trigger, name, value)
	}
	properties["provisioningState"] = stateCreating
	if old != nil {
		properties["provisioningState"] = stateUpdating
	}
	return store.Document{
		"id": c.scheduleID(), "name": c.param("schedule"), "type": scheduleType, "properties": properties,
		"systemData": c.systemData(store.Object(old, "systemData")),
	}
}

// checkSchedule refuses what can never fire. Not evidenced: the service's own refusals.
func (c *call) checkSchedule(properties store.Document) *answer {
	var violations []validation.Violation
	wrong := func(property, format string, values ...any) {
		violations = append(violations, validation.Violation{PropertyName: property, ErrorMessage: fmt.Sprintf(format, values...), ErrorCode: "PredicateValidator"})
	}
	if _, err := schedules.ParseTrigger(store.Object(properties, "trigger"), c.h.now()); err != nil {
		wrong("Trigger", "%s.", err)
	}
	action := store.Object(properties, "action")
	switch kind := store.Text(action, "actionType"); kind {
	case "InvokeBatchEndpoint":
		if store.Object(action, "endpointInvocationDefinition") == nil {
			wrong("Action.EndpointInvocationDefinition", "'Endpoint Invocation Definition' must not be empty.")
		}
	case "CreateJob":
		if store.Text(action, "jobDefinition", "jobType") == "" {
			wrong("Action.JobDefinition", "'Job Type' must not be empty.")
		}
	case "":
		wrong("Action", "'Action' must not be empty.")
	default:
		wrong("Action.ActionType", "The azmlbatch emulator does not play schedules with the action %s.", kind)
	}
	if len(violations) == 0 {
		return nil
	}
	a := c.invalid("Schedule", violations)
	return &a
}

// deleteSchedule answers as a deletion of an endpoint. The schedule fires no more.
func deleteSchedule(c *call) answer {
	a := c.deleteLater(c.scheduleID(), "sch", scheduleDelete)
	if a.status != http.StatusAccepted {
		return a
	}
	err := c.h.update(c.scheduleID(), func(doc store.Document) { store.Object(doc, "properties")["isEnabled"] = false })
	if err == nil {
		err = c.h.schedulesChanged(c.scheduleID())
	}
	if err != nil {
		return c.internal(err)
	}
	return a
}

func (h *Handler) finishSchedule(op *operation) error {
	return h.update(op.Target, func(doc store.Document) { store.Object(doc, "properties")["provisioningState"] = stateSucceeded })
}

func (h *Handler) finishScheduleDelete(op *operation) error {
	if _, err := h.store.Delete(op.Target); err != nil {
		return err
	}
	return h.schedulesChanged(op.Target)
}

// CreateScheduledJob makes and starts the job of a schedule's jobDefinition, and returns its name.
// Not evidenced: the name that the service gives it.
func (h *Handler) CreateScheduledJob(schedule store.Document) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	workspace := store.ParentID(store.ParentID(store.Text(schedule, "id")))
	name := store.Text(schedule, "name") + "-" + h.now().UTC().Format("20060102T150405Z") + "-" + hexID(4)
	doc, _ := h.store.Get(workspace)
	c := &call{h: h, workspace: workspace, location: store.Text(doc, "location"), params: map[string]string{"job": name}}
	definition := store.Copy(store.Object(schedule, "properties", "action", "jobDefinition"))
	if source := store.Text(definition, "sourceJobId"); source != "" {
		job, found := h.store.Get(c.sourceJob(source))
		if !found {
			return "", fmt.Errorf("the job %s does not exist", source)
		}
		definition = repeated(store.Object(job, "properties"), definition)
	}
	c.body = store.Document{"properties": definition}
	if _, refusal := c.createJob(); refusal != nil {
		return "", fmt.Errorf("the job was refused: %s", encodeJSON(refusal.body))
	}
	return name, nil
}

// sourceJob is the id of a job that a schedule names by id or as azureml:NAME.
func (c *call) sourceJob(text string) string {
	text = strings.TrimPrefix(text, "azureml:")
	if strings.Contains(text, "/") {
		return text
	}
	return c.workspace + "/jobs/" + text
}

// repeated is the definition of a job that does the same as another one, but for what a schedule
// says otherwise. azure-ai-ml sends the type Pipeline, an empty experiment and the id, whatever the
// job is (entities/_schedule/schedule.py). Not evidenced: what the service takes over.
func repeated(source, definition store.Document) store.Document {
	same := store.Document{}
	for _, member := range []string{"description", "tags", "computeId", "componentId", "displayName", "experimentName", "command", "codeId", "environmentId",
		"environmentVariables", "inputs", "outputs", "resources", "settings", "jobs", "limits", "distribution"} {
		if source[member] != nil {
			same[member] = source[member]
		}
	}
	delete(store.Object(same, "outputs"), "default") // of the logs, each job has its own
	for member, value := range definition {
		if value != nil && value != "" {
			same[member] = value
		}
	}
	same["jobType"] = source["jobType"]
	return store.Copy(same)
}
