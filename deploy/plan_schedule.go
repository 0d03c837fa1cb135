package deploy

import (
	"context"
	"encoding/json"
	"fmt"

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

// addSchedule adds a schedule, and the job that it repeats. On an emulator that job is not looked
// for: only the workspace has it, and nothing fires in a dry run.
func (p *planner) addSchedule(s azmlbatch.Schedule) {
	i := &scheduleItem{want: s}
	p.add(i)
	action, ok := s.Action.(azmlbatch.JobScheduleAction)
	var definition map[string]any
	if !ok || json.Unmarshal(action.Definition, &definition) != nil {
		return
	}
	text, _ := definition["sourceJobId"].(string)
	r, err := azmlbatch.ParseReference(azmlbatch.ReferenceKindJob, text)
	if text == "" || err != nil || !p.ours(r) {
		return
	}
	key := azmlbatch.Reference{Form: r.Form, Kind: r.Kind, Name: r.Name}
	if p.outside[key] == nil && !p.dryRun {
		p.outside[key] = &outsider{reference: key, part: i.part(), field: "Action", text: text}
	}
	definition["sourceJobId"] = p.client.Workspace().ID() + "/jobs/" + r.Name
	if b, err := json.Marshal(definition); err == nil {
		action.Definition = b
		i.want.Action = action
	}
}
