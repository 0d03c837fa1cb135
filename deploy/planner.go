package deploy

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/azmlbatch/azmlbatch"
)

// item is a part of a Spec together with what the workspace has of it.
type item interface {
	part() part
	// read asks the workspace. It may be called again, to see whether something has changed.
	read(ctx context.Context, client *azmlbatch.Client) error
	// plan compares. Everything that the item refers to has been planned before.
	plan(ctx context.Context) (Change, error)
	// ref is how others refer to the item.
	ref() string
	// planning is the change that plan found.
	planning() *Change
}

// planned remembers the change of an item.
type planned struct{ change Change }

func (p *planned) planning() *Change { return &p.change }

// planner compares a Spec with a workspace.
type planner struct {
	client  *azmlbatch.Client
	spec    Spec
	options PlanOptions
	dryRun  bool // on an emulator, whose quotas mean nothing

	items     []item // those first that others refer to
	byPart    map[part]item
	codes     map[string]*codeItem // anonymous code, by path
	endpoints map[string]*endpointItem
	outside   map[azmlbatch.Reference]*outsider
	rollouts  []*rollout
	switches  []Change // what the rollouts do
	region    string   // of the workspace, empty if nothing asks for it
}

func newPlanner(client *azmlbatch.Client, spec Spec, options *PlanOptions) *planner {
	p := &planner{client: client, spec: spec, byPart: map[part]item{}, codes: map[string]*codeItem{},
		endpoints: map[string]*endpointItem{}, outside: map[azmlbatch.Reference]*outsider{}}
	if options != nil {
		p.options = *options
	}
	return p
}

func (p *planner) add(i item) {
	p.items = append(p.items, i)
	p.byPart[i.part()] = i
}

// collect makes the items of a Spec. It reads local files and sends nothing.
func (p *planner) collect(ctx context.Context) error {
	var bad []error
	for _, v := range p.spec.Computes {
		p.add(&computeItem{want: withSubnetID(v, p.client.Workspace())})
	}
	bad = append(bad, addAssets(p, dataAssets, p.spec.Data), addAssets(p, models, p.spec.Models))
	for _, v := range p.spec.Codes {
		asset, err := newAssetItem(codes, v)
		p.add(&codeItem{assetItem: *asset})
		bad = append(bad, err)
	}
	bad = append(bad, addAssets(p, environments, p.spec.Environments))
	for _, v := range p.spec.Components {
		c, err := p.newComponent(v)
		p.add(c)
		bad = append(bad, err)
	}
	for _, v := range p.spec.Endpoints {
		p.addEndpoint(v, true)
	}
	for _, v := range p.spec.Deployments {
		if p.endpoints[v.Endpoint] == nil {
			p.addEndpoint(azmlbatch.Endpoint{Name: v.Endpoint}, false)
		}
		d, err := p.newDeployment(v)
		p.add(d)
		bad = append(bad, err)
	}
	for _, v := range p.spec.Schedules {
		p.addSchedule(v)
	}
	return errors.Join(append(bad, p.nameAnonymous(ctx))...)
}

func addAssets[T azmlbatch.Asset](p *planner, k *assetKind[T], all []T) error {
	var bad []error
	for _, v := range all {
		i, err := newAssetItem(k, v)
		if i.files != nil {
			i.files.datastore = p.spec.Datastores[i.files.path]
		}
		p.add(i)
		bad = append(bad, err)
	}
	return errors.Join(bad...)
}

func (p *planner) addEndpoint(v azmlbatch.Endpoint, own bool) {
	i := &endpointItem{want: v, own: own}
	p.endpoints[v.Name] = i
	p.add(i)
}

// read asks for everything at once, and then, for local content that no version has, whether
// storage has it, and for clusters that are to have more nodes, for their quota.
func (p *planner) read(ctx context.Context) error {
	var reads []func(context.Context) error
	for _, i := range p.items {
		reads = append(reads, func(ctx context.Context) error { return i.read(ctx, p.client) })
	}
	for _, o := range p.outside {
		reads = append(reads, func(ctx context.Context) error { return o.read(ctx, p.client) })
	}
	if p.uploads() { // so that looking for an upload takes one request more, not two
		reads = append(reads, func(ctx context.Context) error {
			_, err := p.client.Datastores().Default(ctx)
			return err
		})
	}
	if p.hasClusters() { // so that the quotas, which are those of its region, take one request more, not two
		reads = append(reads, p.readRegion)
	}
	if err := together(ctx, reads...); err != nil {
		return err
	}
	then := append(p.readUsed(), p.readQuotas)
	for _, i := range p.items {
		if u, ok := i.(uploader); ok && u.local() {
			then = append(then, func(ctx context.Context) error { return u.findUpload(ctx, p.client) })
		}
	}
	return together(ctx, then...)
}

// readUsed reads the environments that deployments use in the place of anonymous ones of the Spec.
// az ml names those by a hash of text that only its YAML library writes so.
func (p *planner) readUsed() (reads []func(context.Context) error) {
	for _, i := range p.items {
		d, ok := i.(*deploymentItem)
		if !ok || d.have == nil {
			continue
		}
		r, err := azmlbatch.ParseReference(azmlbatch.ReferenceKindEnvironment, d.have.EnvironmentID)
		if err != nil || r.Registry != "" || r.Version == "" || !p.ours(r) {
			continue
		}
		for _, l := range d.links {
			if e, ok := l.to.(*assetItem[azmlbatch.Environment]); ok && e.want.IsAnonymous && e.want.Name != r.Name {
				reads = append(reads, func(ctx context.Context) (err error) {
					e.used, err = found(p.client.Environments().Get(ctx, r.Name, r.Version))
					return err
				})
			}
		}
	}
	return reads
}

// uploader is an item with local content that goes to a datastore.
type uploader interface {
	findUpload(ctx context.Context, client *azmlbatch.Client) error
	local() bool
}

// uploads reports whether the Spec has local content that goes to a datastore.
func (p *planner) uploads() bool {
	for _, i := range p.items {
		if u, ok := i.(uploader); ok && u.local() {
			return true
		}
	}
	return false
}

func (i *assetItem[T]) local() bool { return i.files != nil }

func (i *codeItem) local() bool { return false } // code has containers of its own

// together runs functions at once and waits for all of them. The first that fails ends the others.
func together(ctx context.Context, run ...func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	failed := make([]error, len(run))
	for i, f := range run {
		all.Go(func() {
			if failed[i] = f(ctx); failed[i] != nil {
				cancel(failed[i])
			}
		})
	}
	all.Wait()
	for _, err := range failed { // what failed first, not what was cancelled by it
		if err != nil && (context.Cause(ctx) == nil || errors.Is(context.Cause(ctx), err)) {
			return err
		}
	}
	return errors.Join(failed...)
}

// compare plans all items, in an order in which everything is planned before it is referred to.
func (p *planner) compare(ctx context.Context) error {
	for _, i := range p.items {
		c, err := i.plan(ctx)
		if err != nil {
			return err
		}
		*i.planning() = c
	}
	return p.planSwitches(ctx)
}

// changes lists what there is to do. What another deployment's endpoint of the workspace needs
// nothing done is left out.
func (p *planner) changes() []Change {
	var all []Change
	for _, i := range p.items {
		if e, ok := i.(*endpointItem); ok && !e.own && i.planning().Action == ActionLeave {
			continue
		}
		all = append(all, *i.planning())
	}
	return append(all, p.switches...)
}

// outsider is something that the Spec refers to and does not have.
type outsider struct {
	reference azmlbatch.Reference
	part      part   // who refers to it
	field     string // and where
	text      string

	id      string
	missing bool
	compute *azmlbatch.Compute
	spec    json.RawMessage // of a component
}

func (o *outsider) read(ctx context.Context, client *azmlbatch.Client) (err error) {
	r := o.reference
	switch r.Kind {
	case azmlbatch.ReferenceKindCompute:
		o.compute, err = found(client.Computes().Get(ctx, r.Name))
		o.missing = o.compute == nil
		return err
	case azmlbatch.ReferenceKindJob:
		job, err := found(client.Jobs().Get(ctx, r.Name))
		o.missing = err == nil && job == nil
		return err
	case azmlbatch.ReferenceKindModel:
		o.id, err = readOutsider(ctx, models, client, r)
	case azmlbatch.ReferenceKindEnvironment:
		o.id, err = readOutsider(ctx, environments, client, r)
	case azmlbatch.ReferenceKindCode:
		o.id, err = readOutsider(ctx, codes, client, r)
	case azmlbatch.ReferenceKindComponent:
		var c *azmlbatch.Component
		if c, err = findOutsider(ctx, components, client, r); c != nil {
			o.id, o.spec = c.ID, c.Spec
		}
	}
	o.missing = err == nil && o.id == ""
	return err
}

// readOutsider is the id of a version in the workspace, empty if it is not there.
func readOutsider[T azmlbatch.Asset](ctx context.Context, k *assetKind[T], client *azmlbatch.Client, r azmlbatch.Reference) (string, error) {
	v, err := findOutsider(ctx, k, client, r)
	if v == nil || err != nil {
		return "", err
	}
	return k.view(v).id, nil
}

// findOutsider is a version in the workspace, nil if it is not there.
func findOutsider[T azmlbatch.Asset](ctx context.Context, k *assetKind[T], client *azmlbatch.Client, r azmlbatch.Reference) (*T, error) {
	if r.Version == "" {
		return found(k.client(client).Latest(ctx, r.Name))
	}
	return found(k.client(client).Get(ctx, r.Name, r.Version))
}

// checkFound finds references to what is not there, and jobs that a cluster of the workspace can
// never run.
func (p *planner) checkFound() error {
	var bad []error
	for _, o := range p.outsiders() {
		if o.missing {
			remedy := fmt.Sprintf("create the %s first, add it to the Spec, or refer to another one", part{kind: o.reference.Kind}.noun())
			switch {
			case o.reference.Kind == azmlbatch.ReferenceKindJob:
				remedy = "start the job once, or refer to another one"
			case o.reference.Version == "latest":
				remedy = fmt.Sprintf("write azureml:%s@latest for its newest version", o.reference.Name)
			}
			bad = append(bad, &SpecError{Part: o.part.String(), Field: o.field, part: o.part, Problem: fmt.Sprintf("%q is not in the workspace", o.text), Remedy: remedy})
		}
	}
	for _, e := range p.endpointsByName() {
		if !e.own && e.have == nil {
			bad = append(bad, &SpecError{Part: e.part().String(), Problem: "is not in the workspace", Remedy: "add it to the Spec", part: e.part()})
		}
	}
	for _, i := range p.items {
		switch i := i.(type) {
		case *deploymentItem:
			bad = append(bad, i.tooManyNodes())
		case *computeItem:
			bad = append(bad, p.beyondQuota(i))
		}
	}
	return errors.Join(append(bad, p.checkDefaults()...)...)
}

// outsiders are what the Spec refers to and does not have, in an order that stays.
func (p *planner) outsiders() []*outsider {
	return slices.SortedFunc(maps.Values(p.outside), func(a, b *outsider) int {
		x, y := a.reference, b.reference
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Version, y.Version), cmp.Compare(x.Label, y.Label))
	})
}

func (p *planner) endpointsByName() []*endpointItem {
	return slices.SortedFunc(maps.Values(p.endpoints), func(a, b *endpointItem) int { return cmp.Compare(a.want.Name, b.want.Name) })
}

// tooManyNodes checks a deployment against a cluster that the Spec does not have: its jobs would
// wait for ever (azureml-examples pull request 1192).
func (i *deploymentItem) tooManyNodes() error {
	for _, l := range i.links {
		if l.outside == nil || l.outside.compute == nil {
			continue
		}
		cluster, ok := clusterOf(*l.outside.compute)
		if wants := max(i.want.Deployment.Resources.InstanceCount, 1); ok && wants > cluster.MaxNodes {
			return &SpecError{Part: i.part().String(), Field: "Resources.InstanceCount", part: i.part(),
				Problem: fmt.Sprintf("is %d, but compute %q has at most %s, so jobs would wait forever", wants, l.outside.compute.Name, nodes(cluster.MaxNodes)),
				Remedy:  "lower it, or raise the maximum of the compute"}
		}
	}
	return nil
}

// curated reports whether an environment is one of Microsoft's, which the service resolves itself
// (test_command_job_invalid_datastore).
func curated(r azmlbatch.Reference) bool {
	return r.Kind == azmlbatch.ReferenceKindEnvironment && strings.HasPrefix(r.Name, "AzureML-")
}
