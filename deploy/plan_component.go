package deploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// specHashProperty is the property that tells whether a version of a component has the
// specification of a Spec: the service does not answer it as it was sent.
const specHashProperty = "azmlbatch.spec_sha256"

// componentItem is a component of a Spec, with what its specification refers to.
type componentItem struct {
	assetItem[azmlbatch.Component]
	spec   map[string]any // the specification
	placed []*placed
}

// placed is a member of a specification that names code, an environment or another component.
type placed struct {
	link
	kind   azmlbatch.ReferenceKind
	in     map[string]any
	member string
}

func (p *planner) newComponent(want azmlbatch.Component) (*componentItem, error) {
	asset, err := newAssetItem(components, want)
	i := &componentItem{assetItem: *asset}
	if err == nil {
		err = json.Unmarshal(want.Spec, &i.spec)
	}
	if err != nil {
		return i, badContent(i.of, "Spec", err)
	}
	return i, p.placesIn(i, i.of.name, i.spec)
}

// placesIn finds what a specification, or a step of it, refers to.
func (p *planner) placesIn(i *componentItem, name string, v map[string]any) error {
	for _, find := range []func(*componentItem, string, map[string]any) error{p.placeCode, p.placeEnvironment, p.placeComponent} {
		if err := find(i, name, v); err != nil {
			return err
		}
	}
	if task, ok := v["task"].(map[string]any); ok { // of a parallel component
		if err := p.placesIn(i, name, task); err != nil {
			return err
		}
	}
	jobs, _ := v["jobs"].(map[string]any)
	for _, step := range slices.Sorted(maps.Keys(jobs)) {
		if node, ok := jobs[step].(map[string]any); ok {
			if err := p.placesIn(i, name+"-"+step, node); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *planner) placeCode(i *componentItem, _ string, v map[string]any) error {
	text, ok := v["code"].(string)
	if !ok || strings.Contains(text, "${{") {
		return nil
	}
	return p.place(i, azmlbatch.ReferenceKindCode, v, "code", text)
}

// placeEnvironment finds a reference, or makes an environment of what stands in place of one.
func (p *planner) placeEnvironment(i *componentItem, name string, v map[string]any) error {
	switch e := v["environment"].(type) {
	case string:
		return p.place(i, azmlbatch.ReferenceKindEnvironment, v, "environment", e)
	case map[string]any:
		item, err := newAssetItem(environments, inlineEnvironment(name, e))
		if err != nil {
			return err
		}
		p.placeItem(i, azmlbatch.ReferenceKindEnvironment, v, "environment", item)
	}
	return nil
}

// inlineEnvironment reads the keys that an environment has in YAML.
func inlineEnvironment(name string, v map[string]any) azmlbatch.Environment {
	text := func(in map[string]any, key string) string { s, _ := in[key].(string); return s }
	e := azmlbatch.Environment{Name: name + "-environment", IsAnonymous: true, Image: text(v, "image"), OSType: text(v, "os_type"), Description: text(v, "description")}
	if n := text(v, "name"); n != "" {
		e.Name, e.Version, e.IsAnonymous = n, text(v, "version"), false
	}
	switch conda := v["conda_file"].(type) {
	case string:
		e.CondaFile = conda
	case map[string]any:
		if b, err := json.Marshal(conda); err == nil {
			e.CondaFile = string(b)
		}
	}
	if build, ok := v["build"].(map[string]any); ok {
		e.Build.ContextURI, e.Build.DockerfilePath = text(build, "path"), text(build, "dockerfile_path")
	}
	return e
}

// placeComponent finds the component of a step, or makes one of what stands in place of it.
func (p *planner) placeComponent(i *componentItem, name string, v map[string]any) error {
	switch c := v["component"].(type) {
	case string:
		return p.place(i, azmlbatch.ReferenceKindComponent, v, "component", c)
	case map[string]any:
		b, err := json.Marshal(c)
		if err != nil {
			return err
		}
		inner, err := p.newComponent(azmlbatch.Component{Name: name, IsAnonymous: true, Spec: b})
		if err != nil {
			return err
		}
		if kind, ok := c["type"].(string); ok && v["type"] == nil {
			v["type"] = kind
		}
		p.placeItem(i, azmlbatch.ReferenceKindComponent, v, "component", inner)
	}
	return nil
}

// place follows a reference in a specification.
func (p *planner) place(i *componentItem, kind azmlbatch.ReferenceKind, in map[string]any, member, text string) error {
	l := &kindLink{link{field: "Spec", text: text}, kind}
	if err := p.follow(i.of, l); err != nil {
		return err
	}
	if l.to != nil || l.outside != nil {
		i.placed = append(i.placed, &placed{l.link, kind, in, member})
	}
	return nil
}

// placeItem puts an item of its own in the place of what the specification says there.
func (p *planner) placeItem(i *componentItem, kind azmlbatch.ReferenceKind, in map[string]any, member string, to item) {
	p.addBefore(to)
	i.placed = append(i.placed, &placed{link{field: "Spec", to: to}, kind, in, member})
}

// specHash is the hash of the specification: code counts by its content, everything else by name
// and version.
func (i *componentItem) specHash(ctx context.Context) (string, error) {
	for _, p := range i.placed {
		delete(p.in, "componentId")
		if code, ok := p.to.(*codeItem); ok && code.files != nil {
			hash, err := code.files.codeHash(ctx)
			if err != nil {
				return "", err
			}
			p.in[p.member] = "sha256:" + hash
			continue
		}
		p.in[p.member] = p.versioned()
	}
	b, err := json.Marshal(i.spec)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), err
}

// versioned is the reference as az ml spells it, azureml:NAME:VERSION.
func (p *placed) versioned() string {
	r, err := azmlbatch.ParseReference(p.kind, p.ref())
	if err != nil || r.Version == "" {
		return p.ref()
	}
	return "azureml:" + r.Name + ":" + r.Version
}

func (i *componentItem) plan(ctx context.Context) (Change, error) {
	hash, err := i.specHash(ctx)
	if err != nil {
		return newChange(i.of), err
	}
	foreign := i.have != nil && i.have.Properties[specHashProperty] == "" // made by another tool: nothing tells what it does
	same := foreign && i.of.version != "" && i.looksLike(i.have.Spec)
	switch {
	case same:
		i.have.Properties = withProperty(i.have.Properties, specHashProperty, hash)
	case foreign:
		i.have.Properties = withProperty(i.have.Properties, specHashProperty, "unknown")
	}
	i.want.Properties = withProperty(i.want.Properties, specHashProperty, hash)
	c, err := i.assetItem.plan(ctx)
	if same {
		c.Notes = append(c.Notes, "another tool has registered this version, and versions do not change: it is taken as it is")
	}
	return c, err
}

// looksLike reports whether a specification has the same type and command, and inputs and outputs of
// the same names. More of what the service answers cannot be compared.
func (i *componentItem) looksLike(spec json.RawMessage) bool {
	var theirs map[string]any
	if json.Unmarshal(spec, &theirs) != nil {
		return false
	}
	for _, member := range []string{"type", "command"} {
		if fmt.Sprint(i.spec[member]) != fmt.Sprint(theirs[member]) {
			return false
		}
	}
	for _, member := range []string{"inputs", "outputs"} {
		ours, _ := i.spec[member].(map[string]any)
		have, _ := theirs[member].(map[string]any)
		if !slices.Equal(slices.Sorted(maps.Keys(ours)), slices.Sorted(maps.Keys(have))) {
			return false
		}
	}
	return true
}

// request is the component as az ml sends it (test_component_update_code, 2026): code and the
// components of steps by their ids, an environment by name and version.
func (i *componentItem) request() (azmlbatch.Component, error) {
	for _, p := range i.placed {
		switch p.kind {
		case azmlbatch.ReferenceKindCode:
			p.in[p.member] = "azureml:" + p.ref()
		case azmlbatch.ReferenceKindEnvironment:
			p.in[p.member] = p.versioned()
		default:
			delete(p.in, p.member)
			p.in["componentId"] = p.ref()
		}
	}
	b, err := json.Marshal(i.spec)
	want := i.want
	want.Spec = b
	return want, err
}
