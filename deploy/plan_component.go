package deploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// specHashProperty is the property that tells whether a version of a component has the specification of a Spec:
// the service does not answer it as it was sent.
const specHashProperty = "azmlbatch.spec_sha256"

// componentItem is a component of a Spec, with the code that its specification names.
type componentItem struct {
	assetItem[azmlbatch.Component]
	spec  any // the specification as JSON values
	codes []*placedCode
}

// placedCode is local code in a specification.
type placedCode struct {
	*codeItem
	in map[string]any // the object whose member "code" names it
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
	return i, p.codesIn(i, i.spec)
}

// codesIn finds the local code in a specification, also in the steps of a pipeline.
func (p *planner) codesIn(i *componentItem, v any) error {
	switch v := v.(type) {
	case map[string]any:
		if text, ok := v["code"].(string); ok && !strings.Contains(text, "${{") {
			code, err := p.anonymousCode(i.of, "Spec", text)
			if err != nil {
				return err
			}
			if code != nil {
				i.codes = append(i.codes, &placedCode{code, v})
			}
		}
		for _, member := range v {
			if err := p.codesIn(i, member); err != nil {
				return err
			}
		}
	case []any:
		for _, member := range v {
			if err := p.codesIn(i, member); err != nil {
				return err
			}
		}
	}
	return nil
}

// specHash is the hash of the specification, in which code counts by its content.
func (i *componentItem) specHash(ctx context.Context) (string, error) {
	for _, c := range i.codes {
		hash, err := c.files.codeHash(ctx)
		if err != nil {
			return "", err
		}
		c.in["code"] = "sha256:" + hash
	}
	b, err := json.Marshal(i.spec)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), err
}

func (i *componentItem) plan(ctx context.Context) (Change, error) {
	hash, err := i.specHash(ctx)
	if err != nil {
		return newChange(i.of), err
	}
	if i.have != nil && i.have.Properties[specHashProperty] == "" { // made by another tool: nothing tells what it does
		i.have.Properties = withProperty(i.have.Properties, specHashProperty, "unknown")
	}
	i.want.Properties = withProperty(i.want.Properties, specHashProperty, hash)
	c, err := i.assetItem.plan(ctx)
	for n := range c.Fields {
		if strings.Contains(c.Fields[n].Field, specHashProperty) {
			c.Fields[n] = FieldChange{Field: "Spec", Old: "another specification", New: "that of the Spec"}
		}
	}
	return c, err
}

// request is the component as it is sent: code by its id, as az ml spells it (assets.md section 11).
func (i *componentItem) request() (azmlbatch.Component, error) {
	for _, c := range i.codes {
		c.in["code"] = "azureml:" + c.ref()
	}
	b, err := json.Marshal(i.spec)
	want := i.want
	want.Spec = b
	return want, err
}
