package azmlbatch

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/local"
	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// An Environment is a version of what a scoring script runs in: a container image, with Python
// packages on top or not. Give Image, or Image and CondaFile, or Build.
type Environment struct {
	Meta
	// Name of the environment. The JSON of a version has it in the id only.
	Name string `wire:"-"`
	// Version of the environment. Empty registers the next one.
	Version string `wire:"name,readonly"`
	// Description is free text.
	Description string `wire:"properties/description"`
	// Tags are free.
	Tags map[string]string `wire:"properties/tags"`
	// Properties are free; they can be added, not changed. The service keeps "azureml.labels" here.
	Properties map[string]string `wire:"properties/properties"`
	// IsArchived is always false: only whole environments can be archived.
	IsArchived bool `wire:"properties/isArchived,always"`
	// IsAnonymous marks an environment that was made along with a job or deployment.
	IsAnonymous bool `wire:"properties/isAnonymous"`
	// Image is a container image, for example "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04".
	// Empty with Build, and in curated environments. It is not looked at until a job needs it.
	Image string `wire:"properties/image"`
	// CondaFile is the text, not the path, of a conda file as YAML or JSON. The service returns
	// YAML as pretty-printed JSON, so compare its meaning. Empty for none.
	CondaFile string `wire:"properties/condaFile"`
	// Build makes the image from a Dockerfile; see [EnvironmentsClient.Upload].
	Build BuildContext `wire:"properties/build"`
	// OSType is "Linux", which is what empty means, or "Windows".
	OSType string `wire:"properties/osType"`
	// AutoRebuild is "Disabled", which is what empty means, or "OnBaseImageUpdate".
	AutoRebuild string `wire:"properties/autoRebuild"`
	// InferenceConfig are the routes of a scoring server in the image, for online endpoints only.
	InferenceConfig InferenceConfig `wire:"properties/inferenceConfig"`
	// EnvironmentType is "UserCreated" or "Curated"; set by the service.
	EnvironmentType string `wire:"properties/environmentType,readonly"`
	// Stage is "Development", or "Logged" for anonymous ones; set by the service.
	Stage string `wire:"properties/stage,readonly"`
	// ProvisioningState is Succeeded from the start; empty from older versions of the service.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// Outcome says what Upload did; zero when another call returned the version. It is never sent.
	Outcome UploadOutcome `wire:"-"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (e *Environment) UnmarshalJSON(b []byte) error {
	err := wire.Decode(b, e)
	setAssetName(ReferenceKindEnvironment, e.ID, &e.Name)
	return err
}

func (e Environment) MarshalJSON() ([]byte, error) { return wire.Encode(e, wire.ForCaller) }

func (e Environment) String() string { return printed(e) }

func (e *Environment) view() assetView {
	return assetView{kind: ReferenceKindEnvironment, id: e.ID, name: &e.Name, version: &e.Version, archived: &e.IsArchived,
		outcome: &e.Outcome, content: e.Build.ContextURI}
}

// Ref is what [Deployment].EnvironmentID takes.
func (e Environment) Ref() string { return assetRef(e.view()) }

func (e Environment) check(op operation) error {
	switch {
	case e.ID != "": // made by the service or a curator: it may have neither
	case strings.TrimSpace(e.Image) == "" && e.Build.ContextURI == "":
		return op.invalid("Environment.Image", "is empty and there is no Build",
			"name a container image, or upload a folder with a Dockerfile by Environments().Upload")
	case e.Image != "" && e.Build.ContextURI != "":
		return op.invalid("Environment.Build", "is given beside Image", "leave one of the two out")
	}
	return e.checkConda(op)
}

func (e Environment) checkConda(op operation) error {
	if !looksLikePath(e.CondaFile) {
		return nil
	}
	return op.invalid("Environment.CondaFile", "looks like a file's name", "give the text of the file: read it first")
}

// looksLikePath tells a file's name from a conda file's text, which is a mapping and so has a
// colon.
func looksLikePath(conda string) bool {
	conda = strings.ToLower(strings.TrimSpace(conda))
	return !strings.ContainsAny(conda, "\n{") &&
		(strings.HasSuffix(conda, ".yml") || strings.HasSuffix(conda, ".yaml") || strings.HasSuffix(conda, ".json"))
}

// BuildContext is a folder with a Dockerfile, in storage.
type BuildContext struct {
	// ContextURI is the https URL of the folder in blob storage, with a slash at the end.
	ContextURI string `wire:"contextUri"`
	// DockerfilePath is the Dockerfile's path within the folder, "Dockerfile" when empty.
	DockerfilePath string `wire:"dockerfilePath"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// InferenceConfig are the routes of a scoring server.
type InferenceConfig struct {
	// LivenessRoute answers as long as the server runs.
	LivenessRoute InferenceRoute `wire:"livenessRoute"`
	// ReadinessRoute answers when the server can score.
	ReadinessRoute InferenceRoute `wire:"readinessRoute"`
	// ScoringRoute takes the requests.
	ScoringRoute InferenceRoute `wire:"scoringRoute"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// InferenceRoute is a path at a port.
type InferenceRoute struct {
	// Path of the route, for example "/score".
	Path string `wire:"path"`
	// Port of the route.
	Port int `wire:"port"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// EnvironmentsClient reaches the environments of the workspace. Get one from [Client.Environments].
//
// A curated environment needs no call: write "azureml:AzureML-NAME:VERSION" or
// "azureml://registries/azureml/environments/NAME/labels/latest" into [Deployment].EnvironmentID.
//
// Besides Upload, it has for versions [AssetsClient.Get], [AssetsClient.Latest],
// [AssetsClient.ListVersions], [AssetsClient.CreateOrUpdate], [AssetsClient.Archive],
// [AssetsClient.Restore], [AssetsClient.Delete] and [AssetsClient.Download], and for names
// [AssetsClient.GetContainer], [AssetsClient.ListContainers], [AssetsClient.ArchiveContainer],
// [AssetsClient.RestoreContainer] and [AssetsClient.DeleteContainer].
type EnvironmentsClient struct{ AssetsClient[Environment] }

// Environments returns the calls for environments.
func (c *Client) Environments() EnvironmentsClient {
	return EnvironmentsClient{AssetsClient[Environment]{c}}
}

// UploadEnvironmentOptions tune [EnvironmentsClient.Upload]. Nil means the defaults.
type UploadEnvironmentOptions struct {
	// Environment has the other members of the version, such as Version, Description, Tags and
	// Build.DockerfilePath. Its Name, Image and Build.ContextURI are not used.
	Environment Environment
	// AlwaysNew registers a new version even if the latest one is equal; content is not sent again.
	AlwaysNew bool
	// Upload tunes the transfer; nil means the defaults.
	Upload *UploadOptions
}

// Upload sends a local folder with a Dockerfile to a datastore and registers it as an environment.
// Equal content that is there already is not sent again. When the version that the options name, or
// else the latest active one, has this content and all that the options say of it, it is returned
// and nothing is registered. Environment.Outcome tells what was done.
//
// It blocks until everything is sent, not until the image is built: that happens at the first job,
// on compute that costs money. A folder without the Dockerfile is *[ArgumentError].
func (e EnvironmentsClient) Upload(ctx context.Context, name, localPath string, options *UploadEnvironmentOptions) (Environment, error) {
	o := orZero(options)
	env := o.Environment
	env.Image = ""
	env.Build.DockerfilePath = cmp.Or(env.Build.DockerfilePath, "Dockerfile")
	return e.upload(ctx, name, localPath, assetUpload[Environment]{asset: env, alwaysNew: o.AlwaysNew, options: o.Upload,
		check: func(op operation, files *local.Tree) error {
			return cmp.Or(env.checkConda(op), checkFolderHolds(op, files, env.Build.DockerfilePath))
		},
		place: func(env *Environment, up uploaded) { env.Build.ContextURI = strings.TrimSuffix(up.URL, "/") + "/" }})
}
