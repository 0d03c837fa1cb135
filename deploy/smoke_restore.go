package deploy

import (
	"context"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// smokeTag is the tag of a default deployment that was changed in place: an Apply that dies before
// the test has ended leaves it pending, so that the next one tests.
const (
	smokeTag     = "azmlbatch.smokeTest"
	smokePending = "pending"
	smokePassed  = "passed"
)

// isPending reports whether the deployment has a change in place that has not passed its test.
func (i *deploymentItem) isPending() bool {
	return i.have != nil && i.have.Tags[smokeTag] == smokePending
}

// markPassed says on a default deployment that its change has passed the test. The tag stays: whether
// the service merges the tags of an update or replaces them is not documented.
func (a *applier) markPassed(ctx context.Context, s *step, d *deploymentItem) error {
	if !d.marked {
		return nil
	}
	if err := d.reread(ctx, a.client); err != nil || !d.isPending() {
		return err
	}
	tags := withProperty(d.have.Tags, smokeTag, smokePassed)
	_, err := a.client.Deployments(d.want.Endpoint).Update(ctx, d.want.Deployment.Name, azmlbatch.DeploymentPatch{Tags: tags}, s.waiting())
	return err
}

// restoreTimeout bounds how long an Apply whose ctx has ended still blocks; an update takes the
// service ten to sixty seconds.
const restoreTimeout = 2 * time.Minute

// restoreDefault gives the default deployment its old definition again, where the plan has changed
// it in place, also after the end of ctx, and notes it. What somebody else has written since stays: another
// default, and another definition, which is a *[ConflictError].
func (a *applier) restoreDefault(ctx context.Context, smoke *SmokeError, d *deploymentItem) error {
	name, old := d.want.Deployment.Name, d.before
	if old == nil || !d.sent || d.endpoint.currentDefault() != name {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTimeout)
	defer cancel()
	endpoint, err := a.client.Endpoints().Get(ctx, d.want.Endpoint)
	if err != nil {
		return err
	}
	if smoke.Default = endpoint.DefaultDeployment; smoke.Default != name {
		return nil
	}
	if err := a.awaitEnd(ctx, d); err != nil || d.have == nil {
		return err
	}
	if len(changedFields(*old, *d.have, deploymentFields)) == 0 {
		return nil // the change has had no effect, or somebody else was faster
	}
	if changed := changedFields(d.resolved(), *d.have, deploymentFields); len(changed) > 0 {
		return &ConflictError{Resource: d.part().String(), Fields: changed}
	}
	back := &step{name: "put back " + d.part().String(), a: a, began: time.Now()}
	a.note(back, StepProgress{State: StepStateStarted})
	if _, err = a.client.Deployments(d.want.Endpoint).CreateOrUpdate(ctx, name, *old, back.waiting()); err != nil {
		a.note(back, StepProgress{State: StepStateFailed, Err: err})
		return err
	}
	smoke.Restored = true
	a.note(back, StepProgress{State: StepStateDone})
	return nil
}

// awaitEnd reads a deployment until no operation on it goes on.
func (a *applier) awaitEnd(ctx context.Context, d *deploymentItem) error {
	for {
		err := d.reread(ctx, a.client)
		if err != nil || d.have == nil || !inProgress(d.have.ProvisioningState) {
			return err
		}
		select {
		case <-time.After(pollInterval):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
