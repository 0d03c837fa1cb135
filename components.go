package azmlbatch

import (
	"bytes"
	"encoding/json"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// A Component is a version of a pipeline or command component, as far as deployments need it: its specification is kept as
// JSON. Fill in Name and, unless the next one is meant, Version.
type Component struct {
	Meta
	// Name of the component. It is no member of the JSON of a version, where it stands in the id only.
	Name string `wire:"-"`
	// Version of the component. Empty means the next one when it is registered.
	Version string `wire:"name,readonly"`
	// Description of the version. The service returns it empty: it stands in Spec.
	Description string `wire:"properties/description"`
	// Tags are free.
	Tags map[string]string `wire:"properties/tags"`
	// Properties are free; they can be added, not changed or removed.
	Properties map[string]string `wire:"properties/properties"`
	// IsArchived takes the version out of lists of active ones; see [AssetsClient.Archive].
	IsArchived bool `wire:"properties/isArchived,always"`
	// IsAnonymous marks a component that was made along with a job.
	IsAnonymous bool `wire:"properties/isAnonymous"`
	// Spec is the component's YAML as a JSON object, in the YAML's own words ("display_name", "inputs"). The service does
	// not echo it: booleans and numbers come back as text, defaults are filled in, and of a pipeline component the jobs
	// are gone. Do not compare it, and keep your own copy.
	Spec json.RawMessage `wire:"properties/componentSpec"`
	// Stage is "Development", or "Logged" for anonymous ones; set by the service.
	Stage string `wire:"properties/stage,readonly"`
	// ProvisioningState is Succeeded from the start; empty from older versions of the service.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// Extra holds members that this version does not know, by JSON Pointer; they are sent back unchanged.
	Extra map[string]json.RawMessage
}

// UnmarshalJSON implements [json.Unmarshaler].
func (c *Component) UnmarshalJSON(b []byte) error {
	err := wire.Decode(b, c)
	setAssetName(ReferenceKindComponent, c.ID, &c.Name)
	return err
}

// MarshalJSON implements [json.Marshaler]. Read-only members are included; the name is in the id only.
func (c Component) MarshalJSON() ([]byte, error) { return wire.Encode(c, wire.ForCaller) }

// String is what fmt prints: the fields that are set, without secrets.
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
// It has the calls that all kinds of assets share. For versions: [AssetsClient.Get],
// [AssetsClient.Latest], [AssetsClient.ListVersions], [AssetsClient.CreateOrUpdate],
// [AssetsClient.Archive], [AssetsClient.Restore] and [AssetsClient.Delete]. For names as a whole:
// [AssetsClient.GetContainer], [AssetsClient.ListContainers], [AssetsClient.ArchiveContainer],
// [AssetsClient.RestoreContainer] and [AssetsClient.DeleteContainer].
type ComponentsClient struct{ AssetsClient[Component] }

// Components returns the calls for components.
func (c *Client) Components() ComponentsClient {
	return ComponentsClient{AssetsClient[Component]{c}}
}
