package deploy

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/azmlbatch/azmlbatch"
)

// rollout is what follows the deployments of an endpoint: tests, the switch of its default,
// deletions.
type rollout struct {
	endpoint *endpointItem
	tests    []*deploymentItem
	from     string // the default that the plan found
	target   string // the new default; empty leaves the old one
	remove   []string
}

// wantedDefault is the default deployment that an endpoint shall have, empty to leave it.
func (p *planner) wantedDefault(e *endpointItem) (string, error) {
	if e.own && e.want.DefaultDeployment != "" {
		return e.want.DefaultDeployment, nil
	}
	all := p.deploymentsOf(e)
	switch {
	case !p.options.SetDefault || len(all) == 0:
		return "", nil
	case len(all) > 1:
		return "", &SpecError{Part: e.part().String(), Field: "DefaultDeployment", part: e.part(),
			Problem: fmt.Sprintf("is empty, and the Spec has %d deployments of the endpoint", len(all)), Remedy: "name the one that becomes the default"}
	}
	return all[0].want.Deployment.Name, nil
}

func (p *planner) deploymentsOf(e *endpointItem) (all []*deploymentItem) {
	for _, i := range p.items {
		if d, ok := i.(*deploymentItem); ok && d.endpoint == e {
			all = append(all, d)
		}
	}
	return all
}

// checkDefaults finds defaults that cannot be: several to choose from, or none of that name.
func (p *planner) checkDefaults() (bad []error) {
	for _, i := range p.items {
		e, ok := i.(*endpointItem)
		if !ok {
			continue
		}
		target, err := p.wantedDefault(e)
		inSpec := slices.ContainsFunc(p.deploymentsOf(e), func(d *deploymentItem) bool { return d.want.Deployment.Name == target })
		if err == nil && target != "" && !inSpec && e.deployment(target) == nil {
			err = &SpecError{Part: e.part().String(), Field: "DefaultDeployment", part: e.part(),
				Problem: fmt.Sprintf("%q is no deployment of the endpoint", target), Remedy: "add it to the Spec, or name another one"}
		}
		bad = append(bad, err)
	}
	return append(bad, p.checkSmokeInput()...)
}

// planSwitches plans what follows the deployments.
func (p *planner) planSwitches(ctx context.Context) error {
	p.rollouts, p.switches = nil, nil
	for _, i := range p.items {
		e, ok := i.(*endpointItem)
		if !ok {
			continue
		}
		r, err := p.planRollout(ctx, e)
		if err != nil {
			return err
		}
		p.rollouts = append(p.rollouts, r)
		for _, d := range r.tests {
			c := newChange(d.part())
			c.Action, c.Notes = ActionTest, []string{"a job scores the smoke input; nodes start for it, and cost"}
			p.switches = append(p.switches, c)
		}
		if r.target != "" {
			c := newChange(e.part())
			c.Action = ActionSetDefault
			c.Fields = []FieldChange{{Field: "DefaultDeployment", Old: orNothing(e.currentDefault()), New: r.target}}
			p.switches = append(p.switches, c)
		}
		for _, name := range r.remove {
			c := newChange(part{kind: kindDeployment, name: e.want.Name + "/" + name})
			c.Action = ActionDelete
			p.switches = append(p.switches, c)
		}
	}
	return nil
}

func orNothing(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (i *endpointItem) currentDefault() string {
	if i.have == nil {
		return ""
	}
	return i.have.DefaultDeployment
}

func (p *planner) planRollout(ctx context.Context, e *endpointItem) (*rollout, error) {
	current := e.currentDefault()
	r := &rollout{endpoint: e, from: current}
	target, _ := p.wantedDefault(e) // checked before
	if target != current {
		r.target = target
	}
	for _, d := range p.deploymentsOf(e) {
		due, err := p.testIsDue(ctx, r, d)
		if err != nil {
			return nil, err
		}
		if due {
			r.tests = append(r.tests, d)
		}
	}
	r.remove = p.superfluous(e, cmp.Or(target, current))
	return r, nil
}

// testIsDue reports whether a deployment has to score the smoke input. One that is unchanged and not
// the default may have failed its test in an earlier run, or never had one; the default is taken as
// tested, so that an unchanged deploy costs no further request, unless its tag says otherwise.
func (p *planner) testIsDue(ctx context.Context, r *rollout, d *deploymentItem) (bool, error) {
	name := d.want.Deployment.Name
	switch action := d.change.Action; {
	case !p.tests():
		return false, nil
	case action == ActionCreate, action == ActionChange, r.target == name, d.isPending():
		return true, nil
	case action != ActionLeave, d.have == nil, r.from == name:
		return false, nil
	}
	passed, err := p.hasPassed(ctx, d)
	return !passed, err
}

// superfluous are the deployments that Keep has no room for, oldest last.
func (p *planner) superfluous(e *endpointItem, standard string) (names []string) {
	if p.options.Keep <= 0 {
		return nil
	}
	room := p.options.Keep
	stays := func(name string) bool {
		return name == standard || slices.ContainsFunc(p.deploymentsOf(e), func(d *deploymentItem) bool { return d.want.Deployment.Name == name })
	}
	for _, d := range p.deploymentsOf(e) {
		if e.deployment(d.want.Deployment.Name) == nil {
			room-- // it is still to come, or too new for the list
		}
	}
	list := slices.Clone(e.list)
	slices.SortStableFunc(list, func(a, b azmlbatch.Deployment) int {
		if first := stays(a.Name); first != stays(b.Name) {
			if first {
				return -1
			}
			return 1
		}
		return b.SystemData.CreatedAt.Compare(a.SystemData.CreatedAt)
	})
	for _, d := range list {
		if room--; room < 0 && !stays(d.Name) {
			names = append(names, d.Name)
		}
	}
	return names
}
