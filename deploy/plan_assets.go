package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/azmlbatch/azmlbatch"
)

// What each kind of asset compares, and how.

// assetFields are members that all kinds share. The service answers isAnonymous as it likes, and
// archiving is no matter of a Spec.
var assetFields = fieldRules{skip: []string{"IsArchived", "IsAnonymous"}, merged: []string{"Tags", "Properties"}}

func assetRules(change func(*fieldRules)) fieldRules {
	r := assetFields
	change(&r)
	return r
}

var models = &assetKind[azmlbatch.Model]{
	kind:   azmlbatch.ReferenceKindModel,
	client: func(c *azmlbatch.Client) azmlbatch.AssetsClient[azmlbatch.Model] { return c.Models().AssetsClient },
	field:  "ModelURI",
	view: func(m *azmlbatch.Model) assetView {
		return assetView{m.ID, &m.Name, &m.Version, &m.ModelURI, &m.Properties, m.IsArchived}
	},
	rules: assetRules(func(r *fieldRules) {
		r.unset = []string{"Flavors", "Stage", "JobName"} // the service may read flavors from the files; archiving sets the stage
		r.merged = append(r.merged, "Flavors")
		r.defaults = map[string]any{"ModelType": azmlbatch.ModelTypeCustom}
		r.same = map[string]func(string, string) bool{"ModelURI": samePlace}
	}),
	fill: func(m *azmlbatch.Model, files *content) {
		if m.ModelType == "" && files.tree.IsFolder && files.holds("MLmodel") {
			m.ModelType = azmlbatch.ModelTypeMLFlow
		}
	},
	place: func(m *azmlbatch.Model, up azmlbatch.Uploaded) { m.ModelURI = up.URI },
}

var dataAssets = &assetKind[azmlbatch.Data]{
	kind:   azmlbatch.ReferenceKindData,
	client: func(c *azmlbatch.Client) azmlbatch.AssetsClient[azmlbatch.Data] { return c.Data().AssetsClient },
	field:  "DataURI",
	view: func(d *azmlbatch.Data) assetView {
		return assetView{d.ID, &d.Name, &d.Version, &d.DataURI, &d.Properties, d.IsArchived}
	},
	rules: assetRules(func(r *fieldRules) {
		r.unset = []string{"ReferencedURIs"}
		r.defaults = map[string]any{"DataType": azmlbatch.DataTypeURIFolder}
		r.same = map[string]func(string, string) bool{"DataURI": samePlace}
	}),
	fill: func(d *azmlbatch.Data, files *content) {
		if d.DataType == "" && !files.tree.IsFolder {
			d.DataType = azmlbatch.DataTypeURIFile
		}
	},
	place: func(d *azmlbatch.Data, up azmlbatch.Uploaded) {
		d.DataURI = up.URI
		if up.IsFolder { // the service adds the slash itself (azure-sdk-for-python test_create_uri_folder)
			d.DataURI = strings.TrimSuffix(d.DataURI, "/") + "/"
		}
	},
}

var environments = &assetKind[azmlbatch.Environment]{
	kind: azmlbatch.ReferenceKindEnvironment,
	client: func(c *azmlbatch.Client) azmlbatch.AssetsClient[azmlbatch.Environment] {
		return c.Environments().AssetsClient
	},
	field: "Build.ContextURI",
	view: func(e *azmlbatch.Environment) assetView {
		return assetView{e.ID, &e.Name, &e.Version, &e.Build.ContextURI, &e.Properties, e.IsArchived}
	},
	rules: assetRules(func(r *fieldRules) {
		r.unset = []string{"AutoRebuild"}
		r.defaults = map[string]any{"OSType": "Linux"}
		r.same = map[string]func(string, string) bool{"Build.ContextURI": samePlace, "CondaFile": sameYAML, "OSType": strings.EqualFold}
	}),
	fill: func(e *azmlbatch.Environment, _ *content) {
		if e.Build.DockerfilePath == "" {
			e.Build.DockerfilePath = "Dockerfile"
		}
	},
	place: func(e *azmlbatch.Environment, up azmlbatch.Uploaded) {
		e.Build.ContextURI = strings.TrimSuffix(up.URL, "/") + "/"
	},
}

var components = &assetKind[azmlbatch.Component]{
	kind: azmlbatch.ReferenceKindComponent,
	client: func(c *azmlbatch.Client) azmlbatch.AssetsClient[azmlbatch.Component] {
		return c.Components().AssetsClient
	},
	field: "Spec",
	view: func(c *azmlbatch.Component) assetView {
		return assetView{c.ID, &c.Name, &c.Version, nil, &c.Properties, c.IsArchived}
	},
	// The service does not answer the specification as it was sent, and of a pipeline not its jobs
	// (azure-sdk-for-python test_command_component_create_autoincrement, 2026). A property with its
	// hash tells whether it is the same. The description stands in the specification.
	rules: assetRules(func(r *fieldRules) { r.skip = append(r.skip, "Spec", "Description") }),
	shown: func(f FieldChange) FieldChange {
		if f.Field == fmt.Sprintf("Properties[%q]", specHashProperty) {
			return FieldChange{Field: "Spec", Old: "another specification", New: "that of the Spec"}
		}
		return f
	},
}

// samePlace reports whether two texts mean the same place, however they are spelt.
func samePlace(a, b string) bool {
	return sameReference("")(a, b)
}

// sameReference reports whether two texts refer to the same thing of a kind.
func sameReference(kind azmlbatch.ReferenceKind) func(a, b string) bool {
	return func(a, b string) bool {
		x, errX := azmlbatch.ParseReference(kind, a)
		y, errY := azmlbatch.ParseReference(kind, b)
		if errX != nil || errY != nil {
			return a == b
		}
		// Only the service resolves a label of a registry, and what it answers for one is not
		// evidenced: the version that it took is the same asset.
		if x.Registry != "" && x.Label != "" && y.Version != "" {
			x.Label, x.Version = "", y.Version
		}
		return x.Equal(y)
	}
}

// sameYAML compares what conda files say. The service answers YAML as JSON
// (test_environment_create_conda).
func sameYAML(a, b string) bool {
	x, errX := yamlValue(a)
	y, errY := yamlValue(b)
	if errX != nil || errY != nil {
		return strings.TrimSpace(a) == strings.TrimSpace(b)
	}
	return bytes.Equal(x, y)
}

// yamlValue is what a YAML or JSON text says, as JSON with its names in order.
func yamlValue(text string) ([]byte, error) {
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// withProperty is a copy of properties with one more.
func withProperty(properties map[string]string, name, value string) map[string]string {
	all := maps.Clone(properties)
	if all == nil {
		all = map[string]string{}
	}
	all[name] = value
	return all
}
