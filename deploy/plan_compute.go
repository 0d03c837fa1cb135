package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// computeItem is a cluster, or another compute, of a Spec.
type computeItem struct {
	planned
	want  azmlbatch.Compute
	have  *azmlbatch.Compute
	quota *azmlbatch.ClusterQuota // nil where it does not matter
	ready *step                   // after which its operation has ended; nil if there is none
}

// computeFields are how computes compare: the size in any case
// (test_aml_compute_create_and_delete), and what the service leaves open or never answers.
var computeFields = fieldRules{
	skip:   []string{"Type", "Location", "Properties.Administrator.Password"},
	merged: []string{"Tags", "Identity.UserAssignedIdentities"},
	unset: []string{"Identity", "Identity.Type", "ResourceID", "DisableLocalAuth", "Properties.Administrator", "Properties.IdleTimeBeforeScaleDown", "Properties.EnableNodePublicIP",
		"Properties.VMSize"},
	defaults: map[string]any{
		"Properties.OSType": "Linux", "Properties.VMPriority": azmlbatch.VMPriorityDedicated, "Properties.RemoteLogin": "NotSpecified",
	},
	same: map[string]func(string, string) bool{
		"Properties.VMSize": strings.EqualFold, "Properties.OSType": strings.EqualFold, "Properties.RemoteLogin": strings.EqualFold,
		"Properties.SubnetID": strings.EqualFold, "Properties.VirtualMachineImageID": strings.EqualFold, "Identity.Type": sameIdentity,
	},
}

// changeableCompute are the fields that az ml compute update offers; Azure ML changes no others of
// a cluster.
var changeableCompute = []string{
	"Tags", "Identity", "Description", "Properties.MinNodes", "Properties.MaxNodes", "Properties.IdleTimeBeforeScaleDown",
}

// sameIdentity compares lists of identity types, with blanks or without.
func sameIdentity(a, b string) bool {
	return strings.EqualFold(strings.ReplaceAll(a, " ", ""), strings.ReplaceAll(b, " ", ""))
}

func (i *computeItem) part() part {
	return part{kind: azmlbatch.ReferenceKindCompute, name: i.want.Name}
}

func (i *computeItem) read(ctx context.Context, client *azmlbatch.Client) error {
	have, err := client.Computes().Get(ctx, i.want.Name)
	i.have, err = found(have, err)
	return err
}

func (i *computeItem) plan(context.Context) (Change, error) {
	c := newChange(i.part())
	if i.have == nil {
		c.Action, c.Notes = ActionCreate, append(costOf(i.want), i.quotaNotes()...)
		return c, nil
	}
	c.Action = ActionLeave
	c.Fields = changedFields(i.want, *i.have, computeFields)
	if different := locationChange(i.want.Location, i.have.Location); different != nil {
		c.Fields = append(c.Fields, *different)
	}
	c.Notes = append(nodeErrors(*i.have), i.quotaNotes()...)
	switch state := i.have.ProvisioningState; {
	case len(c.Fields) > 0:
		c.Action = ActionChange
		for _, f := range c.Fields {
			if !slices.ContainsFunc(changeableCompute, func(name string) bool { return within(f.Field, name) }) {
				c.Obstacle = fmt.Sprintf("%s of a compute cannot change in place; give the new cluster another name", f.Field)
			}
		}
	case broken(state):
		c.Action, c.Notes = ActionChange, append(c.Notes, fmt.Sprintf("it is %s; it is sent again", state))
	case inProgress(state):
		c.Action = ActionWait
	}
	return c, nil
}

// within reports whether a field is another one or lies in it.
func within(field, name string) bool {
	rest, ok := strings.CutPrefix(field, name)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// locationChange is the change of a region, whose names have two spellings. Nothing can move.
func locationChange(want, have string) *FieldChange {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }
	if want == "" || have == "" || plain(want) == plain(have) {
		return nil
	}
	return &FieldChange{Field: "Location", Old: have, New: want}
}

// costOf says what a new cluster costs without doing anything.
func costOf(c azmlbatch.Compute) []string {
	if cluster, ok := clusterOf(c); ok && cluster.MinNodes > 0 {
		return []string{fmt.Sprintf("it keeps %s running, also without jobs, and that costs", nodes(cluster.MinNodes))}
	}
	return nil
}

// nodeErrors are the reasons why a cluster has fewer nodes than it was asked for, such as an
// exceeded quota.
func nodeErrors(c azmlbatch.Compute) (notes []string) {
	if cluster, ok := clusterOf(c); ok {
		for _, e := range cluster.Errors {
			notes = append(notes, "its nodes do not start: "+shownText("", strings.Join(strings.Fields(string(e)), " ")))
		}
	}
	return notes
}

// inProgress reports whether an operation on a resource goes on.
func inProgress(s azmlbatch.ProvisioningState) bool {
	return s == azmlbatch.ProvisioningStateCreating || s == azmlbatch.ProvisioningStateUpdating
}

// broken reports whether the last operation on a resource did not end well.
func broken(s azmlbatch.ProvisioningState) bool {
	return s == azmlbatch.ProvisioningStateFailed || s == azmlbatch.ProvisioningStateCanceled
}

// withSubnetID completes the id of a subnet that is given by the names of its network and its own.
// The CLI too takes the network to be in the workspace's resource group.
func withSubnetID(c azmlbatch.Compute, ws azmlbatch.Workspace) azmlbatch.Compute {
	cluster, ok := clusterOf(c)
	if !ok || !strings.HasPrefix(cluster.SubnetID, "virtualNetworks/") {
		return c
	}
	cluster.SubnetID = fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Network/%s", ws.SubscriptionID, ws.ResourceGroup, cluster.SubnetID)
	c.Properties = cluster
	return c
}

// ref is how others name the compute.
func (i *computeItem) ref() string { return i.want.Name }
