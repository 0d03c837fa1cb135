package deploy

import (
	"context"
	"errors"

	"github.com/azmlbatch/azmlbatch"
)

// PlanOptions tune [Plan]. The zero value and nil mean the defaults.
type PlanOptions struct {
	// SetDefault makes the deployment of each endpoint of the Spec its default. An endpoint with
	// several deployments in the Spec names its own in DefaultDeployment, which has this effect
	// without SetDefault.
	SetDefault bool
	// SmokeInput is scored by every deployment that is new, changed or about to become the default,
	// before it becomes that, and by one that is not the default and has not scored it well yet. One
	// that is the default, and changes in place, gets the tag azmlbatch.smokeTest: "pending" until
	// it has passed, so that no change of the default stays untested. Nil
	// tests nothing. A local path is uploaded. The test is a job: it costs what nodes cost.
	//
	// A pipeline component takes it as the one data input that has no default. Its test passes when
	// the job completes and leaves files in the component's outputs.
	SmokeInput azmlbatch.Input
	// SmokeInputs by name are for pipeline components with several inputs, instead of SmokeInput. A
	// model deployment takes one and ignores its name.
	SmokeInputs azmlbatch.Inputs
	// Keep is how many deployments each endpoint of the Spec keeps: those of the Spec, the default,
	// and then the newest. The others are deleted after the switch. Zero keeps all.
	Keep int
	// Python parses scoring scripts before anything is sent. Empty means the python3 or python
	// found in PATH; where there is none, scripts are not parsed. The script is compiled, never
	// run.
	Python string
	// Sources are where the Spec was read from, so that mistakes and changes name file, line and key.
	// Nil names the fields of Go.
	Sources *Sources
}

// Action is what Apply does with a resource.
type Action string

// The actions.
const (
	ActionCreate     Action = "create"      // it is not there, or this version of it is not
	ActionChange     Action = "change"      // it is there, and fields of it change in place
	ActionWait       Action = "wait"        // it is as it should be, but the service is still at it
	ActionLeave      Action = "leave"       // it is as it should be
	ActionTest       Action = "test"        // it scores the smoke input
	ActionSetDefault Action = "set default" // it becomes the default deployment of its endpoint
	ActionDelete     Action = "delete"      // it is older than those that are kept
)

// Change is what [Changes.Apply] does with one resource.
type Change struct {
	// Resource as people call it, for example `deployment "digits/blue"`.
	Resource string `json:"resource"`
	// Kind of the resource, as in ids: "models", "computes", "endpoints", "deployments".
	Kind azmlbatch.ReferenceKind `json:"kind"`
	// Name of the resource; "digits/blue" for a deployment.
	Name string `json:"name"`
	// Version of an asset: the one that exists, or the one that the service will most likely give.
	Version string `json:"version,omitempty"`
	// Action that Apply takes.
	Action Action `json:"action"`
	// Fields that differ, with old and new value. Empty for a new resource.
	Fields []FieldChange `json:"fields,omitempty"`
	// Upload of local content that the action needs; nil for none.
	Upload *PlannedUpload `json:"upload,omitempty"`
	// Notes say what the service does by itself, and what is worth knowing.
	Notes []string `json:"notes,omitempty"`
	// Obstacle says why Apply refuses the whole plan: what cannot change in place, and the way
	// around.
	Obstacle string `json:"obstacle,omitempty"`

	part part // of the Spec
}

// PlannedUpload is local content that Apply sends.
type PlannedUpload struct {
	// Path of the local file or folder.
	Path string `json:"path"`
	// Files is how many there are.
	Files int `json:"files"`
	// Bytes is the size of all files together.
	Bytes int64 `json:"bytes"`
	// There says that storage has equal content already, and nothing is sent.
	There bool `json:"there"`
}

// Changes are what it takes to bring a workspace to what a [Spec] says. Get them from [Plan]. They
// print as the text that a reviewer reads, and encode as JSON.
type Changes struct {
	// List has the parts of the Spec, those first that others refer to, and then smoke tests,
	// switches of the default deployment, and deletions.
	List []Change `json:"changes"`

	planner *planner
}

// Plan reads what a workspace has of a [Spec] and returns what Apply would do. It writes nothing.
//
// It reads everything at once, two requests deep, and hashes local content. Mistakes that can be
// found before anything is sent are returned together, each a *[SpecError]: those of [Spec.Check],
// names that the service refuses, scripts that do not parse, references to what does not exist,
// jobs that ask for more nodes than their cluster has, or than the quota of the subscription allows.
//
// A field that the Spec leaves empty means the service's default, which is no change where the
// workspace has it. Nor are other spellings of one value: the case of enums and sizes, durations,
// ids, places and conda files. Tags and Properties that the Spec does not name stay as they are,
// because policies and tools write there too; environment variables that it does not name are
// removed. An endpoint's default deployment and its identity stay where the Spec says nothing of
// them. What the service never answers, such as a password, cannot be compared: it is sent when the
// resource is created, or changes for another reason.
func Plan(ctx context.Context, client *azmlbatch.Client, spec Spec, options *PlanOptions) (*Changes, error) {
	p := newPlanner(client, spec, options)
	if err := spec.Check(); err != nil {
		return nil, p.options.Sources.located(err)
	}
	return p.changesOf(ctx)
}

// changesOf reads and compares, and tells mistakes and changes with their places.
func (p *planner) changesOf(ctx context.Context) (*Changes, error) {
	changes, err := p.readAndCompare(ctx)
	if err != nil {
		return nil, p.options.Sources.located(err)
	}
	for n := range changes.List {
		p.options.Sources.name(&changes.List[n])
	}
	return changes, nil
}

func (p *planner) readAndCompare(ctx context.Context) (*Changes, error) {
	if err := errors.Join(p.collect(ctx), p.preflight(ctx)); err != nil {
		return nil, err
	}
	if err := p.read(ctx); err != nil {
		return nil, err
	}
	if err := p.checkFound(); err != nil {
		return nil, err
	}
	if err := p.compare(ctx); err != nil {
		return nil, err
	}
	return &Changes{List: p.changes(), planner: p}, nil
}

// Empty reports whether there is nothing to do.
func (c *Changes) Empty() bool {
	if c == nil {
		return true
	}
	for _, change := range c.List {
		if change.Action != ActionLeave || change.Obstacle != "" {
			return false
		}
	}
	return true
}

// Obstacles returns why Apply would refuse the plan, nil if it would not.
func (c *Changes) Obstacles() error {
	if c == nil {
		return nil
	}
	var found []error
	for _, change := range c.List {
		if change.Obstacle != "" {
			found = append(found, &SpecError{Part: change.Resource, Problem: change.Obstacle, part: change.part})
		}
	}
	err := errors.Join(found...)
	if c.planner == nil {
		return err
	}
	return c.planner.options.Sources.located(err)
}
