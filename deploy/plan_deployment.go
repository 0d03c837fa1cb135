package deploy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// deploymentItem is a deployment of a Spec.
type deploymentItem struct {
	planned
	want     Deployment
	endpoint *endpointItem
	links    []*link

	have   *azmlbatch.Deployment
	before *azmlbatch.Deployment // as the plan found it
	sent   bool                  // Apply has written it
	marked bool                  // it is the default, so the change is marked until it has passed its test
}

// deploymentFields are how deployments compare: with the service's defaults
// (test_batch_job_download), and references by what they mean.
var deploymentFields = fieldRules{
	skip:   []string{"Location", "Configuration.ReferenceType"},
	merged: []string{"Tags", "Properties", "Configuration.Settings", "Configuration.Tags"},
	unset:  []string{"Configuration.Description", "Resources.InstanceType"},
	defaults: map[string]any{
		"ErrorThreshold": new(-1), "RetrySettings.MaxRetries": new(3), "RetrySettings.Timeout": 30 * time.Second, "MiniBatchSize": 10,
		"LoggingLevel": azmlbatch.LoggingLevelInfo, "MaxConcurrencyPerInstance": 1, "OutputAction": azmlbatch.OutputActionAppendRow,
		"OutputFileName": "predictions.csv", "Resources.InstanceCount": 1,
	},
	same: map[string]func(string, string) bool{
		"Compute":                   sameReference(azmlbatch.ReferenceKindCompute),
		"EnvironmentID":             sameReference(azmlbatch.ReferenceKindEnvironment),
		"CodeConfiguration.CodeID":  sameReference(azmlbatch.ReferenceKindCode),
		"Model.AssetID":             sameReference(azmlbatch.ReferenceKindModel),
		"Model.DatastoreID":         sameReference(azmlbatch.ReferenceKindDatastore),
		"Model.JobID":               sameReference(azmlbatch.ReferenceKindJob),
		"Configuration.ComponentID": sameReference(azmlbatch.ReferenceKindComponent),
		"Configuration.Settings":    sameSetting,
	},
}

// sameWord compares enums.
func sameWord(a, b string) bool { return plainWord(a) == plainWord(b) }

// sameSetting compares settings of a pipeline: text whose booleans come in two cases, and a
// compute.
func sameSetting(a, b string) bool {
	return strings.EqualFold(a, b) || sameReference(azmlbatch.ReferenceKindCompute)(a, b)
}

func (i *deploymentItem) part() part { return i.want.part() }

// read does not go by the list of the endpoint's deployments, which can be late.
func (i *deploymentItem) read(ctx context.Context, client *azmlbatch.Client) error {
	err := i.reread(ctx, client)
	i.before = i.have
	return err
}

// resolved is the deployment with the ids of what it refers to, as far as they are known.
func (i *deploymentItem) resolved() azmlbatch.Deployment {
	d := i.want.Deployment
	for _, l := range i.links {
		l.set(&d, l.ref())
	}
	return d
}

func (i *deploymentItem) plan(context.Context) (Change, error) {
	c := newChange(i.part())
	have := i.have
	if have == nil {
		c.Action = ActionCreate
		return c, nil
	}
	c.Action = ActionLeave
	c.Fields = changedFields(i.resolved(), *have, deploymentFields)
	c.Obstacle = fixedFields("deployment", c.Fields, locationChange(i.want.Deployment.Location, have.Location))
	switch state := have.ProvisioningState; {
	case len(c.Fields) > 0 || c.Obstacle != "":
		c.Action = ActionChange
		if i.endpoint.have != nil && i.endpoint.have.DefaultDeployment == have.Name {
			c.Notes = []string{"it is the default deployment: jobs that start from now on run the change; a deployment with a new name can be tested first"}
		}
	case broken(state):
		c.Action, c.Notes = ActionChange, []string{fmt.Sprintf("it is %s; it is sent again", state)}
	case inProgress(state):
		c.Action = ActionWait
	}
	return c, nil
}

func (i *deploymentItem) ref() string { return i.want.Deployment.Name }
