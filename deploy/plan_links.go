package deploy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/azmlbatch/azmlbatch"
)

// link is a reference of a deployment.
type link struct {
	field   string
	text    string // as the Spec has it
	set     func(d *azmlbatch.Deployment, ref string)
	to      item      // what the Spec has
	outside *outsider // what the workspace has
}

// ref is what takes the reference's place.
func (l *link) ref() string {
	switch {
	case l.to != nil:
		return l.to.ref()
	case l.outside != nil && l.outside.id != "":
		return l.outside.id
	}
	return l.text
}

func (p *planner) newDeployment(want Deployment) (*deploymentItem, error) {
	i := &deploymentItem{want: want, endpoint: p.endpoints[want.Endpoint]}
	for _, l := range deploymentLinks(want.Deployment) {
		if l.text == "" {
			continue
		}
		if err := p.follow(i.part(), l); err != nil {
			return i, err
		}
		i.links = append(i.links, &l.link)
	}
	return i, nil
}

// kindLink is a link that leads nowhere yet.
type kindLink struct {
	link
	kind azmlbatch.ReferenceKind
}

// deploymentLinks are the references that a deployment can have.
func deploymentLinks(d azmlbatch.Deployment) []*kindLink {
	links := []*kindLink{
		{link{field: "Compute", text: d.Compute, set: func(d *azmlbatch.Deployment, ref string) { d.Compute = ref }}, azmlbatch.ReferenceKindCompute},
		{link{field: "EnvironmentID", text: d.EnvironmentID, set: func(d *azmlbatch.Deployment, ref string) { d.EnvironmentID = ref }},
			azmlbatch.ReferenceKindEnvironment},
		{link{field: "CodeConfiguration.CodeID", text: d.CodeConfiguration.CodeID,
			set: func(d *azmlbatch.Deployment, ref string) { d.CodeConfiguration.CodeID = ref }}, azmlbatch.ReferenceKindCode},
		{link{field: "Model", text: modelID(d), set: func(d *azmlbatch.Deployment, ref string) {
			d.Model = azmlbatch.ModelByID{AssetID: ref}
		}}, azmlbatch.ReferenceKindModel},
	}
	if c, ok := pipelineComponent(d); ok {
		links = append(links, &kindLink{link{field: "Configuration.ComponentID", text: c.ComponentID, set: func(d *azmlbatch.Deployment, ref string) {
			c, _ := pipelineComponent(*d)
			c.ComponentID = ref
			d.Configuration = c
		}}, azmlbatch.ReferenceKindComponent})
		if compute := c.Settings["default_compute"]; compute != "" { // a bare name goes out as it is
			links = append(links, &kindLink{link{field: `Configuration.Settings["default_compute"]`, text: compute,
				set: func(*azmlbatch.Deployment, string) {}}, azmlbatch.ReferenceKindCompute})
		}
	}
	return links
}

// follow finds what a link leads to.
func (p *planner) follow(from part, l *kindLink) error {
	t, err := p.spec.target(l.kind, l.text)
	if err != nil {
		problem, remedy := argumentProblem(err)
		return &SpecError{Part: from.String(), Field: l.field, Problem: problem, Remedy: remedy, Err: err, part: from}
	}
	switch r := t.Reference; {
	case t.own.name != "":
		l.to = p.byPart[t.own]
	case t.local():
		l.to, err = p.anonymous(from, l)
		return err
	case r.Form == azmlbatch.ReferenceFormNamed && r.Registry == "" && p.ours(r) && !curated(r) && (r.Label == "" || r.Label == "latest"):
		key := azmlbatch.Reference{Form: r.Form, Kind: r.Kind, Name: r.Name, Version: r.Version, Label: r.Label}
		if p.outside[key] == nil {
			p.outside[key] = &outsider{reference: key, part: from, field: l.field, text: l.text}
		}
		l.outside = p.outside[key]
	}
	return nil
}

// ours reports whether a reference means the client's workspace.
func (p *planner) ours(r azmlbatch.Reference) bool {
	ws := p.client.Workspace()
	own := azmlbatch.Reference{Form: r.Form, Kind: r.Kind, Name: r.Name, Version: r.Version, Label: r.Label, Workspace: ws}
	return r.WorkspaceID == "" && own.Equal(r)
}

// anonymous is the asset of a local path in a deployment.
func (p *planner) anonymous(from part, l *kindLink) (item, error) {
	if l.kind == azmlbatch.ReferenceKindCode {
		code, err := p.anonymousCode(from, l.field, l.text)
		if code == nil {
			return nil, err
		}
		return code, err
	}
	of := part{kind: azmlbatch.ReferenceKindModel, name: l.text}
	if i := p.byPart[of]; i != nil {
		return i, nil
	}
	i, err := newAssetItem(models, azmlbatch.Model{Name: l.text, ModelURI: l.text, IsAnonymous: true})
	i.of = of
	p.addBefore(i)
	return i, err
}

// anonymousCode is the code of a local path, nil for another reference.
func (p *planner) anonymousCode(from part, field, path string) (*codeItem, error) {
	files, err := localContent(path)
	if files == nil || err != nil {
		return nil, badContent(from, field, err)
	}
	if i := p.codes[path]; i != nil {
		return i, nil
	}
	asset, err := newAssetItem(codes, azmlbatch.Code{Name: path, CodeURI: path, IsAnonymous: true})
	i := &codeItem{assetItem: *asset, anonymous: true}
	p.codes[path] = i
	p.addBefore(i)
	return i, err
}

// addBefore adds an item that comes up while what refers to it is collected.
func (p *planner) addBefore(i item) {
	p.byPart[i.part()] = i
	p.items = append(p.items, i)
}

// nameAnonymous gives anonymous assets names that follow from their content, so that equal content
// is found again: a model the name that az ml gives it, code its hash (az ml
// takes a random name, and finds code by the hash too).
func (p *planner) nameAnonymous(ctx context.Context) error {
	for _, i := range p.items {
		switch i := i.(type) {
		case *codeItem:
			if !i.anonymous {
				continue
			}
			hash, err := i.files.codeHash(ctx)
			if err != nil {
				return badContent(i.of, "CodeURI", err)
			}
			i.want.Name, i.want.Version = hash, "1"
		case *assetItem[azmlbatch.Model]:
			if !i.want.IsAnonymous || i.files == nil || i.of.version != "" {
				continue
			}
			hash, err := i.files.uploadHash(ctx)
			if err != nil {
				return badContent(i.of, "ModelURI", err)
			}
			sum := sha256.Sum256([]byte(hash))
			i.want.Name, i.want.Version = hex.EncodeToString(sum[:]), cmp.Or(i.want.Version, "1")
		}
	}
	return nil
}
