package azmlbatch

import (
	"encoding/json"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// ModelReference says where a deployment's model is: [ModelByID], [ModelByDataPath],
// [ModelByOutput], or [UnknownModelReference] for one that is newer than this package.
type ModelReference interface{ modelReference() }

// Serves reports whether the deployment's model is this version of a registered one, however the
// two are spelt.
func (d Deployment) Serves(m Model) bool {
	byID, ok := wire.Indirect(d.Model).(ModelByID)
	if !ok {
		return false
	}
	have, errHave := ParseReference(ReferenceKindModel, byID.AssetID)
	want, errWant := ParseReference(ReferenceKindModel, m.Ref())
	return errHave == nil && errWant == nil && have.Equal(want)
}

// ModelByID is a registered model.
type ModelByID struct {
	// AssetID is the model, in any form that [ParseReference] reads as one; an ARM id when it comes
	// from the service.
	AssetID string `wire:"assetId"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// ModelByDataPath is a file or folder in a datastore that is not registered as a model.
type ModelByDataPath struct {
	// DatastoreID is the datastore's name or ARM id. A name is sent as the ARM id. Empty means the
	// default datastore.
	DatastoreID string `wire:"datastoreId"`
	// Path of the file or folder in the datastore.
	Path string `wire:"path"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// ModelByOutput is a model that a job wrote.
type ModelByOutput struct {
	// JobID is the job's name or ARM id. A name is sent as the ARM id.
	JobID string `wire:"jobId"`
	// Path of the file or folder in the job's output.
	Path string `wire:"path"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// UnknownModelReference is a kind of reference that is newer than this package. It is sent back
// exactly as received.
type UnknownModelReference struct {
	// Type is the value of referenceType, possibly empty.
	Type string
	// Raw is the whole JSON object.
	Raw json.RawMessage
}

func (ModelByID) modelReference()             {}
func (ModelByDataPath) modelReference()       {}
func (ModelByOutput) modelReference()         {}
func (UnknownModelReference) modelReference() {}

var _ = wire.OneOf[ModelReference]("referenceType", UnknownModelReference{},
	wire.Kind(ModelByID{}, "Id"),
	wire.Kind(ModelByDataPath{}, "DataPath"),
	wire.Kind(ModelByOutput{}, "OutputPath"))

// DeploymentConfiguration makes a deployment something other than a model with a script:
// [PipelineComponentDeployment], or [UnknownDeploymentConfiguration] for a kind that is newer than
// this package.
type DeploymentConfiguration interface{ deploymentConfiguration() }

// PipelineComponentDeployment runs a pipeline component for each job. Such a deployment takes no
// Model.
//
// Its members are those of the published API. No recording of a successful creation is public.
type PipelineComponentDeployment struct {
	// ComponentID is the component version, in any form that [ParseReference] reads as one. Get it
	// from [Component.Ref].
	ComponentID string `wire:"componentId/assetId"`
	// Description of the component job, free text.
	Description string `wire:"description"`
	// Settings of the pipeline, for example "continue_on_step_failure" and "default_compute".
	Settings map[string]string `wire:"settings"`
	// Tags of the jobs.
	Tags map[string]string `wire:"tags"`
	// ReferenceType says what ComponentID is. Empty means "Id", the only known value.
	ReferenceType string `wire:"componentId/referenceType"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// UnknownDeploymentConfiguration is a kind of deployment that is newer than this package. It is
// sent back exactly as received.
type UnknownDeploymentConfiguration struct {
	// Type is the value of deploymentConfigurationType, possibly empty.
	Type string
	// Raw is the whole JSON object.
	Raw json.RawMessage
}

func (PipelineComponentDeployment) deploymentConfiguration()    {}
func (UnknownDeploymentConfiguration) deploymentConfiguration() {}

var _ = wire.OneOf[DeploymentConfiguration]("deploymentConfigurationType", UnknownDeploymentConfiguration{},
	wire.Kind(PipelineComponentDeployment{}, "PipelineComponent"))
