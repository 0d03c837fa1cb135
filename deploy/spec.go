package deploy

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/azmlbatch/azmlbatch"
)

// A Spec says what a workspace should have. It is a plain value: fill it in, or get one from
// YAML files. What it does not name is left alone; nothing is ever deleted because a Spec does not
// name it.
//
// Parts refer to each other by name. In a reference,
//
//	azureml:NAME  azureml:NAME@latest   the part of the Spec with this name, whichever version it gets
//	azureml:NAME:VERSION                  the part with this name and version
//
// and where the Spec has no such part, NAME@latest, NAME:VERSION, ARM ids and registry ids mean
// what the workspace or the registry has. A reference that is a local path uploads the file or
// folder and registers it without a name. A part with IsAnonymous is registered without a name too:
// its Name is only what the references in the Spec say.
//
// Local paths are relative to the working directory. Version may be empty in every asset: it is the
// latest version where that has the same content and members, else a new one.
type Spec struct {
	// Endpoints by Name. DefaultDeployment may name a deployment of the Spec or one that exists;
	// empty leaves the default as it is.
	Endpoints []azmlbatch.Endpoint
	// Deployments of these endpoints, or of endpoints that exist.
	Deployments []Deployment
	// Models by Name and Version. ModelURI may be a local file or folder.
	Models []azmlbatch.Model
	// Codes by Name and Version. CodeURI may be a local folder. Code that only one deployment uses
	// needs no entry: write the folder in its CodeID.
	Codes []azmlbatch.Code
	// Environments by Name and Version. Build.ContextURI may be a local folder. CondaFile is text,
	// as everywhere.
	Environments []azmlbatch.Environment
	// Computes by Name: clusters to create, or to scale as written. SubnetID may be
	// "virtualNetworks/NETWORK/subnets/SUBNET", which is completed with the workspace's resource
	// group.
	Computes []azmlbatch.Compute
	// Data by Name and Version. DataURI may be a local file or folder.
	Data []azmlbatch.Data
	// Components by Name and Version. The "code" of a command component, also within the jobs of a
	// pipeline component, may be a local folder.
	Components []azmlbatch.Component
	// Schedules by Name. They come last: one that is new or changed fires only after the
	// deployments are there. The Action of azmlbatch.NewEndpointScheduleAction invokes an endpoint.
	Schedules []azmlbatch.Schedule
	// Datastores says where local content of models, data assets and build contexts is uploaded to:
	// the name of a datastore by local path, as written in the Spec. What it does not name goes to
	// the workspace's default datastore.
	Datastores map[string]string
}

// A Deployment is a deployment of a Spec: a deployment and the endpoint it belongs to.
type Deployment struct {
	// Endpoint is the endpoint's name. Needed.
	Endpoint string
	// Deployment by Name. A ModelByID and the CodeID may be local paths.
	Deployment azmlbatch.Deployment
}

// A SpecError is one mistake in a [Spec] or in the file it was read from. It is found before
// anything is sent.
type SpecError struct {
	// File that has the mistake; empty for a Spec that a program filled in.
	File string
	// Line in File, from 1; 0 without a file.
	Line int
	// Column in Line, from 1; 0 without a file.
	Column int
	// Part of the Spec, for example `deployment "digits/blue"`; empty if the file is wrong as a
	// whole.
	Part string
	// Field is the struct field, as in "CodeConfiguration.CodeID", or in a file the key, as in
	// "code_configuration.code".
	Field string
	// Problem says what is wrong with the value.
	Problem string
	// Remedy says what to do. May be empty.
	Remedy string
	// Err is the cause, for example an error of the file system; nil when the value is the mistake.
	Err error

	part part // what Part says, for who knows the file
}

// Error returns place, part, field, problem and remedy on one line.
func (e *SpecError) Error() string {
	var parts []string
	if e.File == "" {
		parts = append(parts, "deploy")
	} else {
		place := e.File
		if e.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column)
		}
		parts = append(parts, place)
	}
	for _, s := range []string{e.Part, e.Field, e.Problem} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	s := strings.Join(parts, ": ")
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}

// Unwrap returns the cause, which may be nil.
func (e *SpecError) Unwrap() error { return e.Err }

// part identifies a part of a Spec.
type part struct {
	kind    azmlbatch.ReferenceKind
	name    string // "digits/blue" for a deployment
	version string // empty for what has none, and where the Spec leaves it open
}

// The kinds of parts that references cannot name.
const (
	kindEndpoint   azmlbatch.ReferenceKind = "endpoints"
	kindDeployment azmlbatch.ReferenceKind = "deployments"
	kindSchedule   azmlbatch.ReferenceKind = "schedules"
)

func (p part) noun() string {
	if p.kind == azmlbatch.ReferenceKindData {
		return "data asset"
	}
	return strings.TrimSuffix(string(p.kind), "s")
}

func (p part) String() string {
	name := p.name
	if p.version != "" {
		name += ":" + p.version
	}
	return fmt.Sprintf("%s %q", p.noun(), name)
}

func (d Deployment) part() part {
	return part{kind: kindDeployment, name: d.Endpoint + "/" + d.Deployment.Name}
}

// parts lists all parts, those that others refer to first.
func (s Spec) parts() []part {
	var all []part
	for _, v := range s.Computes {
		all = append(all, part{azmlbatch.ReferenceKindCompute, v.Name, ""})
	}
	for _, v := range s.Data {
		all = append(all, part{azmlbatch.ReferenceKindData, v.Name, v.Version})
	}
	for _, v := range s.Models {
		all = append(all, part{azmlbatch.ReferenceKindModel, v.Name, v.Version})
	}
	for _, v := range s.Codes {
		all = append(all, part{azmlbatch.ReferenceKindCode, v.Name, v.Version})
	}
	for _, v := range s.Environments {
		all = append(all, part{azmlbatch.ReferenceKindEnvironment, v.Name, v.Version})
	}
	for _, v := range s.Components {
		all = append(all, part{azmlbatch.ReferenceKindComponent, v.Name, v.Version})
	}
	for _, v := range s.Endpoints {
		all = append(all, part{kindEndpoint, v.Name, ""})
	}
	for _, v := range s.Deployments {
		all = append(all, v.part())
	}
	for _, v := range s.Schedules {
		all = append(all, part{kindSchedule, v.Name, ""})
	}
	return all
}

// target is what a reference within a Spec leads to: a part of the Spec, a local path, or
// something that exists.
type target struct {
	azmlbatch.Reference
	own  part // the part; its name is empty for all else
	kind azmlbatch.ReferenceKind
}

// local reports whether the target is a file or folder of this machine.
func (t target) local() bool { return t.Form == azmlbatch.ReferenceFormLocal }

// target finds what a reference means.
func (s Spec) target(kind azmlbatch.ReferenceKind, text string) (target, error) {
	r, err := azmlbatch.ParseReference(kind, text)
	t := target{Reference: r, kind: kind}
	if err != nil || r.Form != azmlbatch.ReferenceFormNamed || r.Kind != kind || r.Registry != "" ||
		r.Workspace != (azmlbatch.Workspace{}) || r.WorkspaceID != "" {
		return t, err
	}
	var named []part
	for _, p := range s.parts() {
		if p.kind == kind && p.name == r.Name && (r.Version == "" || r.Version == p.version) {
			named = append(named, p)
		}
	}
	versioned := kind != azmlbatch.ReferenceKindCompute
	switch {
	case len(named) > 1:
		return t, fmt.Errorf("%q could be any of %d versions here; write the version", text, len(named))
	case len(named) == 1:
		t.own = named[0]
	case versioned && r.Version == "" && r.Label == "":
		return t,
			fmt.Errorf("%q is not %s of this Spec; write azureml:%s@latest or azureml:%s:VERSION for one of the workspace",
				text, withArticle(part{kind: kind}.noun()), r.Name, r.Name)
	}
	return t, nil
}

// argumentProblem takes an error apart for a [SpecError]: the root's errors have problem and
// remedy.
func argumentProblem(err error) (problem, remedy string) {
	var argument *azmlbatch.ArgumentError
	if errors.As(err, &argument) {
		return argument.Problem, argument.Remedy
	}
	problem, remedy, _ = strings.Cut(err.Error(), "; ")
	return problem, remedy
}

// modelID is the reference of a deployment to a registered model or a local path.
func modelID(d azmlbatch.Deployment) string {
	switch m := d.Model.(type) {
	case azmlbatch.ModelByID:
		return m.AssetID
	case *azmlbatch.ModelByID:
		return m.AssetID
	}
	return ""
}

// pipelineComponent returns the pipeline component of a deployment that has one.
func pipelineComponent(d azmlbatch.Deployment) (azmlbatch.PipelineComponentDeployment, bool) {
	switch c := d.Configuration.(type) {
	case azmlbatch.PipelineComponentDeployment:
		return c, true
	case *azmlbatch.PipelineComponentDeployment:
		return *c, true
	}
	return azmlbatch.PipelineComponentDeployment{}, false
}
