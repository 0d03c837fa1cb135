package azmlbatch

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// A Schedule invokes a batch endpoint, or creates a job, at set times. Each job that it starts
// costs what the job costs.
type Schedule struct {
	Meta
	// Name of the schedule, unique in its workspace.
	Name string `wire:"name,readonly"`
	// DisplayName is free text.
	DisplayName string `wire:"properties/displayName"`
	// Description is free text.
	Description string `wire:"properties/description"`
	// Tags are free.
	Tags map[string]string `wire:"properties/tags"`
	// Properties are free.
	Properties map[string]string `wire:"properties/properties"`
	// IsEnabled says whether the schedule fires. Nil means the service's default: a new schedule
	// fires.
	IsEnabled *bool `wire:"properties/isEnabled"`
	// Trigger says when: [CronTrigger], [RecurrenceTrigger] or [UnknownTrigger]. Required.
	Trigger Trigger `wire:"properties/trigger"`
	// Action says what: [EndpointScheduleAction], [JobScheduleAction] or [UnknownScheduleAction].
	// Required.
	Action ScheduleAction `wire:"properties/action"`
	// ProvisioningState is that of the schedule's last change, not of the jobs that it starts.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (s *Schedule) UnmarshalJSON(b []byte) error { return wire.Decode(b, s) }

func (s Schedule) MarshalJSON() ([]byte, error) { return wire.Encode(s, wire.ForCaller) }

func (s Schedule) String() string { return printed(s) }

// SchedulesClient reaches the schedules of the workspace. Get one from [Client.Schedules].
type SchedulesClient struct{ c *Client }

// Schedules returns the calls for schedules.
func (c *Client) Schedules() SchedulesClient { return SchedulesClient{c} }

func (s SchedulesClient) request(method, verb, name string) request {
	return s.c.about(operation{verb, "schedule", name}, method, "schedules", name)
}

// Get reads a schedule. A missing one is [ErrNotFound].
func (s SchedulesClient) Get(ctx context.Context, name string) (Schedule, error) {
	return do[Schedule](ctx, s.c, s.request(http.MethodGet, "get", name))
}

// ListSchedulesOptions narrow [SchedulesClient.List]. The zero value and nil list the enabled
// schedules, as the service does by default.
type ListSchedulesOptions struct {
	// View chooses enabled schedules, disabled ones, or all. Empty means
	// ScheduleListViewEnabledOnly.
	View ScheduleListView
}

// ScheduleListView chooses schedules by whether they fire.
type ScheduleListView string

// The views of lists of schedules.
const (
	ScheduleListViewEnabledOnly  ScheduleListView = "EnabledOnly"  // shows only those that fire
	ScheduleListViewDisabledOnly ScheduleListView = "DisabledOnly" // shows only those that do not
	ScheduleListViewAll          ScheduleListView = "All"          // shows both
)

// List iterates over the schedules, a page at a time: those that are enabled, unless the options say
// otherwise.
func (s SchedulesClient) List(ctx context.Context, options *ListSchedulesOptions) iter.Seq2[Schedule, error] {
	query := url.Values{}
	if view := orZero(options).View; view != "" {
		query.Set("listViewType", string(view))
	}
	return list[Schedule](ctx, s.c, request{op: operation{"list", "schedules", ""}, url: s.c.armURL("schedules"), query: query})
}

// CreateOrUpdate creates a schedule, or replaces the one of that name, and waits until the service
// has stored it. Fields left empty are reset: to update, get the schedule, change it and send it
// back. The request is retried.
func (s SchedulesClient) CreateOrUpdate(ctx context.Context, name string, schedule Schedule, options *WaitOptions) (Schedule, error) {
	p, err := s.BeginCreateOrUpdate(ctx, name, schedule)
	return untilDone(ctx, p, err, options)
}

// BeginCreateOrUpdate is [SchedulesClient.CreateOrUpdate] without the waiting.
func (s SchedulesClient) BeginCreateOrUpdate(ctx context.Context, name string, schedule Schedule) (*Poller[Schedule], error) {
	r := s.request(http.MethodPut, "create", name)
	if err := checkSchedule(r.op, schedule); err != nil {
		return nil, err
	}
	r.body = schedule
	return beginOperation[Schedule](ctx, s.c, r)
}

func checkSchedule(op operation, schedule Schedule) error {
	if err := checkName(op, "name", op.name); err != nil {
		return err
	}
	if wire.Indirect(schedule.Trigger) == nil {
		return op.invalid("Schedule.Trigger", "is missing", `set it to CronTrigger{Expression: "0 2 * * *"}, for example`)
	}
	if wire.Indirect(schedule.Action) == nil {
		return op.invalid("Schedule.Action", "is missing", "set it to what NewEndpointScheduleAction returns, for example")
	}
	return cmp.Or(checkTrigger(op, wire.Indirect(schedule.Trigger)), checkAction(op, wire.Indirect(schedule.Action)), checkTags(op, schedule.Tags))
}

func checkTrigger(op operation, trigger any) error {
	const within = "Schedule.Trigger."
	switch t := trigger.(type) {
	case CronTrigger:
		if n := len(strings.Fields(t.Expression)); n != 5 {
			return op.invalid(within+"Expression", fmt.Sprintf("%q has %d fields", clip(t.Expression), n),
				"give minute, hour, day of the month, month and day of the week, for example 0 2 * * *")
		}
	case RecurrenceTrigger:
		if t.Frequency == "" {
			return op.invalid(within+"Frequency", "is empty", "name the unit of time, for example RecurrenceFrequencyDay")
		}
		if t.Interval < 1 {
			return op.invalid(within+"Interval", fmt.Sprintf("is %d", t.Interval), "count the units between two firings, at least 1")
		}
		return cmp.Or(checkEach(op, within+"Schedule.Hours", t.Schedule.Hours, 0, 23),
			checkEach(op, within+"Schedule.Minutes", t.Schedule.Minutes, 0, 59),
			checkEach(op, within+"Schedule.MonthDays", t.Schedule.MonthDays, 1, 31))
	}
	return nil
}

func checkEach(op operation, argument string, numbers []int, least, most int) error {
	for _, n := range numbers {
		if n < least || n > most {
			return op.invalid(argument, fmt.Sprintf("has %d", n), fmt.Sprintf("use %d to %d", least, most))
		}
	}
	return nil
}

// checkAction refuses a definition that cannot be sent. Its content is the service's to judge.
func checkAction(op operation, action any) error {
	var definition json.RawMessage
	remedy := ""
	switch a := action.(type) {
	case EndpointScheduleAction:
		definition, remedy = a.Definition, "make the action with NewEndpointScheduleAction"
	case JobScheduleAction:
		definition, remedy = a.Definition, "give the properties of the job as a JSON object"
	default:
		return nil
	}
	switch {
	case len(definition) == 0:
		return op.invalid("Schedule.Action.Definition", "is empty", remedy)
	case !json.Valid(definition):
		return op.invalid("Schedule.Action.Definition", "is not JSON", remedy)
	}
	return nil
}

// Enable lets a schedule fire and waits until the service has stored that. It reads the schedule
// and sends it back, unless it is enabled already. A missing one is [ErrNotFound].
func (s SchedulesClient) Enable(ctx context.Context, name string, options *WaitOptions) (Schedule, error) {
	return s.setEnabled(ctx, operation{"enable", "schedule", name}, true, options)
}

// Disable keeps a schedule from firing and waits until the service has stored that. Jobs that it
// has started go on. A missing one is [ErrNotFound].
func (s SchedulesClient) Disable(ctx context.Context, name string, options *WaitOptions) (Schedule, error) {
	return s.setEnabled(ctx, operation{"disable", "schedule", name}, false, options)
}

func (s SchedulesClient) setEnabled(ctx context.Context, op operation, enabled bool, options *WaitOptions) (Schedule, error) {
	return inSpan(ctx, s.c, op, func(ctx context.Context) (Schedule, error) {
		schedule, err := s.Get(ctx, op.name)
		if err != nil || schedule.IsEnabled != nil && *schedule.IsEnabled == enabled {
			return schedule, err
		}
		schedule.IsEnabled = &enabled
		r := s.request(http.MethodPut, op.verb, op.name)
		r.body = schedule
		p, err := beginOperation[Schedule](ctx, s.c, r)
		return untilDone(ctx, p, err, options)
	})
}

// Delete deletes a schedule and waits until that is done. Jobs that it has started go on. A missing
// schedule is [ErrNotFound] or no error, as the service answers.
func (s SchedulesClient) Delete(ctx context.Context, name string, options *WaitOptions) error {
	p, err := s.BeginDelete(ctx, name)
	_, err = untilDone(ctx, p, err, options)
	return err
}

// BeginDelete is [SchedulesClient.Delete] without the waiting.
func (s SchedulesClient) BeginDelete(ctx context.Context, name string) (*Poller[Nothing], error) {
	return beginOperation[Nothing](ctx, s.c, s.request(http.MethodDelete, "delete", name))
}

// A Trigger says when a schedule fires: [CronTrigger], [RecurrenceTrigger] or [UnknownTrigger].
type Trigger interface{ trigger() }

// CronTrigger fires at the times of a crontab expression.
type CronTrigger struct {
	// Expression has five fields: minute, hour, day of the month, month, day of the week. "30 2 * *
	// 1" is Mondays at 02:30.
	Expression string `wire:"expression"`
	// StartTime and EndTime bound the schedule, as "2026-06-01T00:00:01" in TimeZone, without an
	// offset. Empty means from now on, and for ever.
	StartTime string `wire:"startTime"`
	EndTime   string `wire:"endTime"`
	// TimeZone is the name that Windows gives it, such as "Pacific Standard Time". Empty means UTC.
	TimeZone string `wire:"timeZone"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// RecurrenceTrigger fires every so many units of time.
type RecurrenceTrigger struct {
	// Frequency is the unit. Required.
	Frequency RecurrenceFrequency `wire:"frequency"`
	// Interval is how many units lie between two firings, at least 1.
	Interval int `wire:"interval"`
	// Schedule names the times and days within the unit. The zero value means the time and day of
	// StartTime.
	Schedule RecurrenceSchedule `wire:"schedule"`
	// StartTime and EndTime bound the schedule, as in [CronTrigger].
	StartTime string `wire:"startTime"`
	EndTime   string `wire:"endTime"`
	// TimeZone is as in [CronTrigger].
	TimeZone string `wire:"timeZone"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// RecurrenceSchedule is when a [RecurrenceTrigger] fires within its unit: at each of the hours, at
// each of the minutes.
type RecurrenceSchedule struct {
	// Hours are 0 to 23. The service requires them where there is a schedule.
	Hours []int `wire:"hours"`
	// Minutes are 0 to 59. The service requires them where there is a schedule.
	Minutes []int `wire:"minutes"`
	// WeekDays are "Monday" to "Sunday".
	WeekDays []string `wire:"weekDays"`
	// MonthDays are 1 to 31.
	MonthDays []int `wire:"monthDays"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// RecurrenceFrequency is a unit of time. Units that this version does not know pass through
// unchanged.
type RecurrenceFrequency string

// The units of recurrences.
const (
	RecurrenceFrequencyMinute RecurrenceFrequency = "Minute"
	RecurrenceFrequencyHour   RecurrenceFrequency = "Hour"
	RecurrenceFrequencyDay    RecurrenceFrequency = "Day"
	RecurrenceFrequencyWeek   RecurrenceFrequency = "Week"
	RecurrenceFrequencyMonth  RecurrenceFrequency = "Month"
)

// UnknownTrigger is a trigger of a kind that is newer than this package. It is sent back exactly as
// received.
type UnknownTrigger struct {
	// Type is the kind as the service spelt it.
	Type string
	// Raw is the whole JSON object.
	Raw json.RawMessage
}

func (CronTrigger) trigger()       {}
func (RecurrenceTrigger) trigger() {}
func (UnknownTrigger) trigger()    {}

var _ = wire.OneOf[Trigger]("triggerType", UnknownTrigger{}, wire.Kind(CronTrigger{}, "Cron"), wire.Kind(RecurrenceTrigger{}, "Recurrence"))

// A ScheduleAction is what a schedule does when it fires: [EndpointScheduleAction],
// [JobScheduleAction] or [UnknownScheduleAction].
type ScheduleAction interface{ scheduleAction() }

// EndpointScheduleAction invokes a batch endpoint.
type EndpointScheduleAction struct {
	// Definition says which endpoint, and with what. Its form is not published;
	// [NewEndpointScheduleAction] makes one. Required.
	Definition json.RawMessage `wire:"endpointInvocationDefinition"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// JobScheduleAction creates a job.
type JobScheduleAction struct {
	// Definition are the properties of the job, as the API for jobs takes them. Required.
	Definition json.RawMessage `wire:"jobDefinition"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// UnknownScheduleAction is an action that is newer than this package. It is sent back exactly as
// received.
type UnknownScheduleAction struct {
	// Type is the kind as the service spelt it.
	Type string
	// Raw is the whole JSON object.
	Raw json.RawMessage
}

func (EndpointScheduleAction) scheduleAction() {}
func (JobScheduleAction) scheduleAction()      {}
func (UnknownScheduleAction) scheduleAction()  {}

var _ = wire.OneOf[ScheduleAction]("actionType", UnknownScheduleAction{},
	wire.Kind(EndpointScheduleAction{}, "InvokeBatchEndpoint"), wire.Kind(JobScheduleAction{}, "CreateJob"))

// NewEndpointScheduleAction returns the action that invokes an endpoint of the workspace with an
// invocation each time that the schedule fires. It sends nothing. The service has not published the
// form of the definition: this one has endpointName, deploymentName and, as properties, what
// [EndpointsClient.Invoke] posts. The emulator takes it; try it on a schedule of your workspace
// before you rely on it.
//
// Name registered data, and a compute, by the ARM id: a short form such as azureml:NAME:VERSION is
// *[ArgumentError], because only a client can resolve it. Upload local files first. A Key has no
// effect, because each firing starts a job of its own; leave Outputs empty, or the second job finds
// the first one's file.
func NewEndpointScheduleAction(endpoint string, invocation Invocation) (EndpointScheduleAction, error) {
	op := operation{"schedule an invocation of", "endpoint", endpoint}
	if err := cmp.Or(checkName(op, "endpoint", endpoint), checkInvocation(op, invocation)); err != nil {
		return EndpointScheduleAction{}, err
	}
	for name, input := range invocation.inputs() {
		if _, local := wire.Indirect(input).(LocalPath); local {
			return EndpointScheduleAction{}, op.invalid("Invocation.Inputs", "input "+name+" is a local path", "upload it with Client.Upload and name the URI")
		}
	}
	invocation.Inputs = maps.Clone(invocation.Inputs) // the caller's stay as they are
	if err := scheduledReferences(op, invocation.references()); err != nil {
		return EndpointScheduleAction{}, err
	}
	invocation.Inputs, invocation.Input = namedInputs(invocation.inputs()), nil
	body, err := wire.Encode(invocation, wire.ForRequest)
	if err != nil {
		return EndpointScheduleAction{}, op.failed(err)
	}
	definition := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &definition); err != nil {
		return EndpointScheduleAction{}, op.failed(err)
	}
	for member, name := range map[string]string{"endpointName": endpoint, "deploymentName": invocation.Deployment} {
		if name != "" {
			definition[member], _ = json.Marshal(name) // a string always marshals
		}
	}
	text, err := json.Marshal(definition)
	return EndpointScheduleAction{Definition: text}, err
}

// scheduledReferences puts ids in the places of references, as far as that takes no request. What
// the service does with a short form is not evidenced, and users met refusals (azure-cli issue
// 23466).
func scheduledReferences(op operation, held []heldReference) error {
	for _, h := range held {
		r, err := h.check(op)
		switch {
		case err != nil:
			return err
		case r.Form != ReferenceFormNamed || r.Registry != "" || r.WorkspaceID != "" && r.Label == "":
			continue // sent as it is
		case r.Workspace == Workspace{} || r.Label != "":
			return op.invalid(h.argument, fmt.Sprintf("%q is a short form, which a schedule cannot resolve", redact(clip(h.text))),
				"write the ARM id, which the resource has in its ID")
		}
		id, err := r.ID(Workspace{})
		if err != nil {
			return op.failed(err)
		}
		h.set(id)
	}
	return nil
}
