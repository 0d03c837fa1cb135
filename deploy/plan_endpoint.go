package deploy

import (
	"context"
	"fmt"

	"github.com/azmlbatch/azmlbatch"
)

// endpointItem is an endpoint of a Spec, or one that deployments of the Spec belong to.
type endpointItem struct {
	planned
	want azmlbatch.Endpoint
	own  bool // the Spec has it; else it has to exist
	have *azmlbatch.Endpoint
	list []azmlbatch.Deployment // those that it has
}

// endpointFields are how endpoints compare. The default deployment is switched by a step of its
// own. The service has answered identities that nobody asked for (test_batch_invoke, 2023).
var endpointFields = fieldRules{
	skip:     []string{"DefaultDeployment", "Location"},
	unset:    []string{"Identity", "Identity.Type"},
	merged:   []string{"Tags", "Properties", "Identity.UserAssignedIdentities"},
	defaults: map[string]any{"AuthMode": azmlbatch.AuthModeAADToken},
	same:     map[string]func(string, string) bool{"Identity.Type": sameIdentity},
}

func (i *endpointItem) part() part { return part{kind: kindEndpoint, name: i.want.Name} }

func (i *endpointItem) read(ctx context.Context, client *azmlbatch.Client) error {
	return together(ctx, func(ctx context.Context) error {
		have, err := client.Endpoints().Get(ctx, i.want.Name)
		i.have, err = found(have, err)
		return err
	}, func(ctx context.Context) error {
		i.list = nil
		for d, err := range client.Deployments(i.want.Name).List(ctx) {
			if err != nil {
				_, err = found(d, err)
				return err
			}
			i.list = append(i.list, d)
		}
		return nil
	})
}

// deployment is one of the endpoint's deployments that exist, nil if it is not there.
func (i *endpointItem) deployment(name string) *azmlbatch.Deployment {
	for n := range i.list {
		if i.list[n].Name == name {
			return &i.list[n]
		}
	}
	return nil
}

func (i *endpointItem) plan(context.Context) (Change, error) {
	c := newChange(i.part())
	if i.have == nil {
		c.Action, c.Notes = ActionCreate, []string{"the service gives it a scoring URI"}
		return c, nil
	}
	c.Action = ActionLeave
	if i.own {
		c.Fields = changedFields(i.want, *i.have, endpointFields)
		c.Obstacle = fixedFields("endpoint", c.Fields, locationChange(i.want.Location, i.have.Location))
	}
	switch state := i.have.ProvisioningState; {
	case len(c.Fields) > 0 || c.Obstacle != "":
		c.Action = ActionChange
	case broken(state) && i.own:
		c.Action, c.Notes = ActionChange, []string{fmt.Sprintf("it is %s; it is sent again", state)}
	case inProgress(state):
		c.Action = ActionWait
	}
	return c, nil
}

// fixedFields says what of an endpoint or deployment cannot change in place: its region, and
// properties that exist (armmachinelearning: they can be added, not removed or altered).
func fixedFields(noun string, fields []FieldChange, location *FieldChange) string {
	if location != nil {
		return fmt.Sprintf("Location cannot change from %v to %v; give the %s another name", location.Old, location.New, noun)
	}
	for _, f := range fields {
		if within(f.Field, "Properties") && f.Old != nil {
			return fmt.Sprintf("%s cannot change, properties can only be added; take another property, or give the %s another name", f.Field, noun)
		}
	}
	return ""
}

func (i *endpointItem) ref() string { return i.want.Name }
