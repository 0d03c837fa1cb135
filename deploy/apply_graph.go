package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/azmlbatch/azmlbatch"
)

// graph makes the steps of a plan.
func (a *applier) graph() {
	for _, i := range a.items {
		switch i := i.(type) {
		case *computeItem:
			a.addCompute(i)
		case *endpointItem:
			a.addResource(i, nil)
		case *deploymentItem:
			a.addDeployment(i)
		case *componentItem:
			var before []*step
			for _, p := range i.placed {
				if p.to != nil {
					before = a.needs(before, p.to)
				}
			}
			a.addAsset(i, before)
		case assetWriter:
			a.addAsset(i, nil)
		}
	}
	for _, r := range a.rollouts {
		a.addRollout(r)
	}
	before := slices.Clone(a.steps)
	for _, i := range a.items {
		if i, ok := i.(*scheduleItem); ok {
			a.addResource(i, before)
		}
	}
}

// needs adds the step that an item waits for, if it has one.
func (a *applier) needs(after []*step, i item) []*step {
	if s := a.byItem[i]; s != nil {
		after = append(after, s)
	}
	return after
}

// stepName says what a step does.
func stepName(c *Change) string {
	verb := string(c.Action)
	if c.Action == ActionWait {
		verb = "wait for"
	}
	return verb + " " + c.Resource
}

// assetWriter is an asset of any kind.
type assetWriter interface {
	item
	write(ctx context.Context, s *step) error
}

func (a *applier) addAsset(i assetWriter, after []*step) {
	if i.planning().Action != ActionLeave {
		a.byItem[i] = a.add(stepName(i.planning()), after, i.write)
	}
}

// resource is what has operations: a compute, an endpoint, a deployment or a schedule.
type resource interface {
	item
	// reread asks for this one resource again.
	reread(ctx context.Context, client *azmlbatch.Client) error
	// send writes it and returns what waits for the end of the operation.
	send(ctx context.Context, client *azmlbatch.Client) (operation func(context.Context, *azmlbatch.WaitOptions) error, err error)
}

func (a *applier) addResource(i resource, after []*step) {
	if i.planning().Action != ActionLeave {
		a.byItem[i] = a.add(stepName(i.planning()), after, func(ctx context.Context, s *step) error {
			wait, err := a.begin(ctx, i)
			if err != nil || wait == nil {
				return err
			}
			return wait(ctx, s.waiting())
		})
	}
}

// addCompute adds two steps, because others need the cluster to exist only.
func (a *applier) addCompute(i *computeItem) {
	c := i.planning()
	if c.Action == ActionLeave {
		return
	}
	var wait func(context.Context, *azmlbatch.WaitOptions) error
	accepted := a.add(stepName(c), nil, func(ctx context.Context, _ *step) (err error) {
		wait, err = a.begin(ctx, i)
		return err
	})
	a.byItem[i] = accepted
	i.ready = a.add("wait until "+c.Resource+" is ready", []*step{accepted}, func(ctx context.Context, s *step) error {
		if wait == nil {
			return nil
		}
		return wait(ctx, s.waiting())
	})
}

// begin writes a resource unless it has become what the Spec says, and returns what waits for the
// end; nil for nothing to wait for.
func (a *applier) begin(ctx context.Context, i resource) (func(context.Context, *azmlbatch.WaitOptions) error, error) {
	was := *i.planning()
	if err := i.reread(ctx, a.client); err != nil {
		return nil, err
	}
	now, err := i.plan(ctx)
	switch {
	case err != nil || now.Action == ActionLeave:
		return nil, err
	case now.Action == ActionWait:
		return func(ctx context.Context, o *azmlbatch.WaitOptions) error { return a.settle(ctx, i, o) }, nil
	}
	if changed := unplanned(was.Fields, now.Fields); now.Obstacle != "" || len(changed) > 0 {
		return nil, &ConflictError{Resource: now.Resource, Fields: changed}
	}
	return i.send(ctx, a.client)
}

// unplanned are the fields that differ now and that the plan did not show so, with this value in the
// workspace. Fields that no longer differ are none: an attempt whose operation failed, or somebody
// with the same in mind, has written them.
func unplanned(was, now []FieldChange) (changed []FieldChange) {
	for _, f := range now {
		if !slices.ContainsFunc(was, func(w FieldChange) bool { return w.Field == f.Field && fmt.Sprint(w.Old) == fmt.Sprint(f.Old) }) {
			changed = append(changed, f)
		}
	}
	return changed
}

// settle waits for an operation that somebody else has begun, perhaps an Apply that was broken off,
// and sends the resource if that ended badly.
func (a *applier) settle(ctx context.Context, i resource, o *azmlbatch.WaitOptions) error {
	began := time.Now()
	for polls := 1; ; polls++ {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(o.Interval):
		}
		if err := i.reread(ctx, a.client); err != nil {
			return err
		}
		now, err := i.plan(ctx)
		switch {
		case err != nil || now.Action == ActionLeave:
			return err
		case now.Action == ActionWait:
			o.OnProgress(azmlbatch.Progress{Status: "Updating", Elapsed: time.Since(began), Polls: polls})
			continue
		case now.Obstacle != "" || len(now.Fields) > 0:
			return &ConflictError{Resource: now.Resource, Fields: now.Fields}
		}
		wait, err := i.send(ctx, a.client)
		if err != nil {
			return err
		}
		return wait(ctx, o)
	}
}

func (a *applier) addDeployment(i *deploymentItem) {
	c := i.planning()
	if c.Action == ActionLeave {
		return
	}
	after := a.needs(nil, i.endpoint)
	var clusters []*step
	for _, l := range i.links {
		if l.to == nil {
			continue
		}
		after = a.needs(after, l.to)
		if compute, ok := l.to.(*computeItem); ok && compute.ready != nil {
			clusters = append(clusters, compute.ready)
		}
	}
	a.byItem[i] = a.add(stepName(c), after, func(ctx context.Context, s *step) error {
		run := func() error {
			wait, err := a.begin(ctx, i)
			if err != nil || wait == nil {
				return err
			}
			return wait(ctx, s.waiting())
		}
		early := unfinished(clusters)
		err := run()
		if err == nil || len(early) == 0 || errors.As(err, new(*ConflictError)) || ctx.Err() != nil {
			return err
		}
		for _, ready := range early { // not evidenced: whether the service always takes a cluster that is being made
			select {
			case <-ready.done:
			case <-ctx.Done():
				return err
			}
			if ready.err != nil || ready.skipped {
				return err
			}
		}
		return run()
	})
}

// unfinished are the steps that have not ended.
func unfinished(steps []*step) (open []*step) {
	for _, s := range steps {
		select {
		case <-s.done:
		default:
			open = append(open, s)
		}
	}
	return open
}

// sent makes what waits for an operation out of its poller.
func sent[T any](p *azmlbatch.Poller[T], err error) (func(context.Context, *azmlbatch.WaitOptions) error, error) {
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, o *azmlbatch.WaitOptions) error {
		_, err := p.PollUntilDone(ctx, o)
		return err
	}, nil
}
