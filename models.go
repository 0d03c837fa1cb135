package azmlbatch

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/azmlbatch/azmlbatch/internal/local"
	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// ModelType is the format of a model. Unknown values pass through.
type ModelType string

// The formats that the service knows.
const (
	// ModelTypeCustom is any file or folder. The scoring script reads it.
	ModelTypeCustom ModelType = "custom_model"
	// ModelTypeMLFlow is a folder with an MLmodel file; deployments of it need no script and no
	// environment.
	ModelTypeMLFlow ModelType = "mlflow_model"
	// ModelTypeTriton is a model repository of the Triton server.
	ModelTypeTriton ModelType = "triton_model"
)

// A Model is a version of a registered model.
type Model struct {
	Meta
	// Name of the model. The JSON of a version has it in the id only.
	Name string `wire:"-"`
	// Version of the model. Empty registers the next one.
	Version string `wire:"name,readonly"`
	// Description is free text.
	Description string `wire:"properties/description"`
	// Tags are your own key-value pairs.
	Tags map[string]string `wire:"properties/tags"`
	// Properties are your own key-value pairs. They can be added, but not changed or removed.
	Properties map[string]string `wire:"properties/properties"`
	// IsArchived hides the version from lists of active versions; see [AssetsClient.Archive].
	IsArchived bool `wire:"properties/isArchived,always"`
	// IsAnonymous marks a model that was registered as part of a deployment.
	IsAnonymous bool `wire:"properties/isAnonymous"`
	// ModelType is the format, [ModelTypeCustom] when empty.
	ModelType ModelType `wire:"properties/modelType"`
	// ModelURI says where the file or folder is: a datastore path, an output of a job, or a URL.
	// Required; Upload sets it. The service may answer with another spelling, or move the content:
	// compare with [Reference.Equal].
	ModelURI string `wire:"properties/modelUri"`
	// JobName is the job that made the model; empty for none.
	JobName string `wire:"properties/jobName"`
	// Flavors of an MLflow model, by name.
	Flavors map[string]ModelFlavor `wire:"properties/flavors"`
	// Stage is any text, for example "Development" or "Production". Archiving sets it to Archived,
	// restoring to Development. Older versions of the service have none.
	Stage string `wire:"properties/stage"`
	// ProvisioningState is Succeeded from the start; empty from older versions of the service.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// Outcome says what Upload did; zero when another call returned the version. It is never sent.
	Outcome UploadOutcome `wire:"-"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (m *Model) UnmarshalJSON(b []byte) error {
	err := wire.Decode(b, m)
	setAssetName(ReferenceKindModel, m.ID, &m.Name)
	return err
}

func (m Model) MarshalJSON() ([]byte, error) { return wire.Encode(m, wire.ForCaller) }

func (m Model) String() string { return printed(m) }

func (m *Model) view() assetView {
	return assetView{kind: ReferenceKindModel, id: m.ID, name: &m.Name, version: &m.Version, archived: &m.IsArchived,
		outcome: &m.Outcome, content: m.ModelURI, stage: &m.Stage}
}

// Ref is what [ModelByID] takes: Deployment{Model: ModelByID{AssetID: model.Ref()}}.
// [Deployment.Serves] compares.
func (m Model) Ref() string { return assetRef(m.view()) }

// setDefaults sets the type, because the service does not document what an empty one means.
func (m *Model) setDefaults() {
	if m.ModelType == "" {
		m.ModelType = ModelTypeCustom
	}
}

func (m Model) check(op operation) error {
	return checkPlace(op, "Model.ModelURI", m.ModelURI, "Models().Upload")
}

// ModelFlavor describes one way to load an MLflow model.
type ModelFlavor struct {
	// Data are the flavor's settings.
	Data map[string]string `wire:"data"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// ModelsClient manages the models of the workspace. Get one from [Client.Models].
//
// Besides Upload, it has the calls that all kinds of assets share. For versions:
// [AssetsClient.Get], [AssetsClient.Latest], [AssetsClient.ListVersions],
// [AssetsClient.CreateOrUpdate], [AssetsClient.Archive], [AssetsClient.Restore],
// [AssetsClient.Delete] and [AssetsClient.Download]. For all versions of a name:
// [AssetsClient.GetContainer], [AssetsClient.ListContainers], [AssetsClient.ArchiveContainer],
// [AssetsClient.RestoreContainer] and [AssetsClient.DeleteContainer].
type ModelsClient struct{ AssetsClient[Model] }

// Models returns the calls for models.
func (c *Client) Models() ModelsClient { return ModelsClient{AssetsClient[Model]{c}} }

// UploadModelOptions tune [ModelsClient.Upload]. Nil means the defaults.
type UploadModelOptions struct {
	// Model has the other fields of the version, such as Version, ModelType, Description, Tags and
	// Stage. Its Name and ModelURI are ignored. An empty ModelType is detected from the files.
	Model Model
	// AlwaysNew registers a new version even if the latest one has the same content and fields.
	// Equal content is not sent again.
	AlwaysNew bool
	// Upload tunes the transfer; nil means the defaults.
	Upload *UploadOptions
}

// Upload sends a local file or folder to a datastore and registers it as a model. Equal content
// that is there already is not sent again. If the version that the options name, or else the latest
// active one, already has this content and every field that the options set, it is returned and
// nothing is registered. Model.Outcome says what was done.
//
// A folder with a file MLmodel is registered as [ModelTypeMLFlow], anything else as
// [ModelTypeCustom], unless the options set ModelType. The result's ModelType says which. Set
// [ModelTypeCustom] to register a folder with MLmodel as a custom model.
//
// It blocks until everything is sent. If interrupted, call it again; it resumes where it stopped. A
// path that cannot be uploaded is an *[ArgumentError], and so is a folder without MLmodel for
// [ModelTypeMLFlow]. Stored files cost money, and they stay when the version is deleted.
func (m ModelsClient) Upload(ctx context.Context, name, localPath string, options *UploadModelOptions) (Model, error) {
	o := orZero(options)
	modelType := o.Model.ModelType
	return m.upload(ctx, name, localPath, assetUpload[Model]{asset: o.Model, alwaysNew: o.AlwaysNew, options: o.Upload,
		check: func(op operation, files *local.Tree) error {
			switch modelType {
			case "":
				modelType = modelTypeOf(files)
			case ModelTypeMLFlow:
				return checkFolderHolds(op, files, mlModelFile)
			}
			return nil
		},
		place: func(model *Model, up uploaded) {
			model.ModelType = modelType
			// As az ml does, models are registered with the long spelling of a path, data with the
			// short one.
			model.ModelURI = Reference{Form: ReferenceFormPlace, Workspace: m.c.workspace, Datastore: up.Datastore, Path: up.Path}.String()
		}})
}

// mlModelFile describes an MLflow model. It is at the top of the model's folder.
const mlModelFile = "MLmodel"

// modelTypeOf tells an MLflow model by the files that are uploaded.
func modelTypeOf(files *local.Tree) ModelType {
	if files.IsFolder && slices.ContainsFunc(files.Files, func(f local.File) bool { return f.Name == mlModelFile }) {
		return ModelTypeMLFlow
	}
	return ModelTypeCustom
}
