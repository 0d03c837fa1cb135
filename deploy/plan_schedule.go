package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// scheduleItem is a schedule of a Spec.
type scheduleItem struct {
	planned
	want azmlbatch.Schedule
	have *azmlbatch.Schedule
}

// scheduleFields are how schedules compare. That somebody has disabled a schedule is no matter of a
// Spec that leaves IsEnabled open.
var scheduleFields = fieldRules{
	unset:    []string{"IsEnabled", "Trigger.Schedule", "Trigger.StartTime", "Trigger.EndTime"},
	merged:   []string{"Tags", "Properties"},
	defaults: map[string]any{"Trigger.TimeZone": "UTC"},
}

func (i *scheduleItem) part() part { return part{kind: kindSchedule, name: i.want.Name} }

func (i *scheduleItem) read(ctx context.Context, client *azmlbatch.Client) error {
	have, err := client.Schedules().Get(ctx, i.want.Name)
	i.have, err = found(have, err)
	return err
}

func (i *scheduleItem) reread(ctx context.Context, client *azmlbatch.Client) error {
	return i.read(ctx, client)
}

func (i *scheduleItem) plan(context.Context) (Change, error) {
	c := newChange(i.part())
	if i.have == nil {
		c.Action, c.Notes = ActionCreate, []string{"each job that it starts costs what the job costs"}
		return c, nil
	}
	c.Action = ActionLeave
	c.Fields = changedFields(i.want, *i.have, scheduleFields)
	switch state := i.have.ProvisioningState; {
	case len(c.Fields) > 0:
		c.Action = ActionChange
	case broken(state):
		c.Action, c.Notes = ActionChange, []string{fmt.Sprintf("it is %s; it is sent again", state)}
	case inProgress(state):
		c.Action = ActionWait
	}
	return c, nil
}

func (i *scheduleItem) send(ctx context.Context, client *azmlbatch.Client) (func(context.Context,
	*azmlbatch.WaitOptions) error, error) {
	want := i.want
	if i.have != nil {
		want = overlay(want, *i.have, scheduleFields)
	}
	return sent(client.Schedules().BeginCreateOrUpdate(ctx, want.Name, want))
}

// ref is how others would name the schedule; nothing does.
func (i *scheduleItem) ref() string { return i.want.Name }

// withJobID puts the ARM id of the job that a schedule repeats in the place of its name.
func withJobID(s azmlbatch.Schedule, ws azmlbatch.Workspace) azmlbatch.Schedule {
	action, ok := s.Action.(azmlbatch.JobScheduleAction)
	var definition map[string]any
	if !ok || json.Unmarshal(action.Definition, &definition) != nil {
		return s
	}
	if name, ok := strings.CutPrefix(fmt.Sprint(definition["sourceJobId"]), "azureml:"); ok {
		definition["sourceJobId"] = ws.ID() + "/jobs/" + name
		if text, err := json.Marshal(definition); err == nil {
			action.Definition = text
			s.Action = action
		}
	}
	return s
}
