package azmlbatch

import (
	"bytes"
	"encoding/json"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// A Component is a version of a pipeline or command component, with its specification as JSON.
type Component struct {
	Meta
	// Name of the component. The JSON of a version has it in the id only.
	Name string `wire:"-"`
	// Version of the component. Empty registers the next one.
	Version string `wire:"name,readonly"`
	// Description of the version. The service returns it empty; Spec has it.
	Description string `wire:"properties/description"`
	// Tags are free.
	Tags map[string]string `wire:"properties/tags"`
	// Properties are free; they can be added, not changed or removed.
	Properties map[string]string `wire:"properties/properties"`
	// IsArchived hides the version from lists of active ones; see [AssetsClient.Archive].
	IsArchived bool `wire:"properties/isArchived,always"`
	// IsAnonymous marks a component that was made along with a job.
	IsAnonymous bool `wire:"properties/isAnonymous"`
	// Spec is the component's YAML as a JSON object, in the YAML's own words ("display_name",
	// "inputs"). The service changes it: booleans and numbers come back as text, defaults are
	// filled in, and a pipeline component loses its jobs. Keep your own copy, and do not compare.
	Spec json.RawMessage `wire:"properties/componentSpec"`
	// Stage is "Development", or "Logged" for anonymous ones; set by the service.
	Stage string `wire:"properties/stage,readonly"`
	// ProvisioningState is Succeeded from the start; empty from older versions of the service.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (c *Component) UnmarshalJSON(b []byte) error {
	err := wire.Decode(b, c)
	setAssetName(ReferenceKindComponent, c.ID, &c.Name)
	return err
}

func (c Component) MarshalJSON() ([]byte, error) { return wire.Encode(c, wire.ForCaller) }

func (c Component) String() string { return printed(c) }

func (c *Component) view() assetView {
	return assetView{kind: ReferenceKindComponent, id: c.ID, name: &c.Name, version: &c.Version, archived: &c.IsArchived}
}

// Ref is what [PipelineComponentDeployment] takes.
func (c Component) Ref() string { return assetRef(c.view()) }

func (c Component) check(op operation) error {
	if len(c.Spec) == 0 {
		return op.invalid("Component.Spec", "is empty", "give the component's YAML as a JSON object")
	}
	if !json.Valid(c.Spec) || bytes.TrimSpace(c.Spec)[0] != '{' {
		return op.invalid("Component.Spec", "is not a JSON object", "")
	}
	return nil
}

// ComponentsClient reaches the components of the workspace. Get one from [Client.Components].
//
// It has for versions [AssetsClient.Get], [AssetsClient.Latest], [AssetsClient.ListVersions],
// [AssetsClient.CreateOrUpdate], [AssetsClient.Archive], [AssetsClient.Restore] and
// [AssetsClient.Delete], and for names [AssetsClient.GetContainer], [AssetsClient.ListContainers],
// [AssetsClient.ArchiveContainer], [AssetsClient.RestoreContainer] and
// [AssetsClient.DeleteContainer].
type ComponentsClient struct{ AssetsClient[Component] }

// Components returns the calls for components.
func (c *Client) Components() ComponentsClient {
	return ComponentsClient{AssetsClient[Component]{c}}
}
