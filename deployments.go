package azmlbatch

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"path"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// OutputAction says what becomes of what the scoring script returns. Unknown values pass through;
// the service reads them without regard to case.
type OutputAction string

const (
	// OutputActionAppendRow writes what run returns into one file, a row per item. The default.
	OutputActionAppendRow OutputAction = "AppendRow"
	// OutputActionSummaryOnly only counts what run returns; the script writes its own files.
	OutputActionSummaryOnly OutputAction = "SummaryOnly"
)

// LoggingLevel is the verbosity of a job's logs. Unknown values pass through; the service reads
// them without regard to case and answers with a capital letter.
type LoggingLevel string

// The logging levels. Info is the service's default.
const (
	LoggingLevelInfo    LoggingLevel = "Info"    // the default
	LoggingLevelWarning LoggingLevel = "Warning" // warnings and errors only
	LoggingLevelDebug   LoggingLevel = "Debug"   // everything
)

// A Deployment is a model with everything that scoring with it needs: script, environment, compute
// and the rules of the run. It costs nothing until a job runs. Zero members take the service's
// defaults, named at each.
type Deployment struct {
	Meta
	// Name of the deployment, unique in its endpoint.
	Name string `wire:"name,readonly"`
	// Location is the region; empty means the workspace's.
	Location string `wire:"location"`
	// Tags are free; the service refuses empty values. They are not inherited by jobs.
	Tags map[string]string `wire:"tags"`
	// Description is free text.
	Description string `wire:"properties/description"`
	// Properties are the caller's and the service's own; they can be added, not changed or removed.
	Properties map[string]string `wire:"properties/properties"`
	// Model to score with; needed unless Configuration names a pipeline component. Write
	// [ModelByID] with [Model.Ref], [ModelByDataPath] or [ModelByOutput].
	Model ModelReference `wire:"properties/model"`
	// CodeConfiguration names code and script. An MLflow model needs none.
	CodeConfiguration CodeConfiguration `wire:"properties/codeConfiguration"`
	// EnvironmentID is the script's environment, as [Environment.Ref] gives it or in any other form
	// that [ParseReference] reads. An MLflow model without a script needs none.
	EnvironmentID string `wire:"properties/environmentId"`
	// EnvironmentVariables are set for the script's processes.
	EnvironmentVariables map[string]string `wire:"properties/environmentVariables"`
	// Compute that jobs run on: the name of a cluster, azureml:NAME or an ARM id. Needed
	// unless Configuration names a pipeline component. Jobs on it cost money for as long as its
	// nodes run.
	Compute string `wire:"properties/compute"`
	// Configuration is nil for a model, else a [PipelineComponentDeployment].
	Configuration DeploymentConfiguration `wire:"properties/deploymentConfiguration"`
	// ErrorThreshold is how many files may fail: nil means -1, which ignores all failures; 0 none.
	ErrorThreshold *int `wire:"properties/errorThreshold"`
	// RetrySettings are the rules for one mini-batch.
	RetrySettings RetrySettings `wire:"properties/retrySettings"`
	// MiniBatchSize is how many files one call of run gets, 10 when zero.
	MiniBatchSize int64 `wire:"properties/miniBatchSize"`
	// LoggingLevel of the jobs, [LoggingLevelInfo] when empty.
	LoggingLevel LoggingLevel `wire:"properties/loggingLevel"`
	// MaxConcurrencyPerInstance is how many processes of the script run on one node, 1 when zero.
	MaxConcurrencyPerInstance int `wire:"properties/maxConcurrencyPerInstance"`
	// OutputAction is what becomes of returned rows, [OutputActionAppendRow] when empty.
	OutputAction OutputAction `wire:"properties/outputAction"`
	// OutputFileName is the file of [OutputActionAppendRow], "predictions.csv" when empty; no
	// folder.
	OutputFileName string `wire:"properties/outputFileName"`
	// Resources say how many nodes a job takes.
	Resources DeploymentResources `wire:"properties/resources"`
	// ProvisioningState is Creating or Updating while an operation runs; set by the service.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (d *Deployment) UnmarshalJSON(b []byte) error { return wire.Decode(b, d) }

func (d Deployment) MarshalJSON() ([]byte, error) { return wire.Encode(d, wire.ForCaller) }

func (d Deployment) String() string { return printed(d) }

// CodeConfiguration names the scoring script of a deployment.
type CodeConfiguration struct {
	// CodeID is the code, as [Code.Ref] gives it or in any other form that [ParseReference] reads.
	CodeID string `wire:"codeId"`
	// ScoringScript is the script's path within the code folder, with forward slashes, for example
	// "score.py". Needed when CodeID is set. It is imported as a module, so .py has its only dot.
	// [CodesClient.Upload] can check that it is there.
	ScoringScript string `wire:"scoringScript"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// RetrySettings are the rules for a mini-batch that fails or hangs.
type RetrySettings struct {
	// MaxRetries is how often a mini-batch is tried in total, 3 when nil. The name is the
	// service's; the engine counts the first try too.
	MaxRetries *int `wire:"maxRetries"`
	// Timeout of one call of run, 30 s when zero. A call that takes longer is stopped with its
	// process and counts as a failed try.
	Timeout time.Duration `wire:"timeout"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// DeploymentResources say what a job of a deployment takes of its compute.
type DeploymentResources struct {
	// InstanceCount is the number of nodes, 1 when zero. Above the cluster's maximum, jobs never
	// start.
	InstanceCount int `wire:"instanceCount"`
	// InstanceType is a type of a Kubernetes compute; empty for a cluster.
	InstanceType string `wire:"instanceType"`
	// Properties are free settings of the compute; the values are JSON.
	Properties map[string]json.RawMessage `wire:"properties"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// A DeploymentPatch has what can be changed in place. For all else use
// [DeploymentsClient.CreateOrUpdate].
type DeploymentPatch struct {
	// Description is the new text; nil leaves the old one, a pointer to "" removes it.
	Description *string `wire:"properties/description"`
	// Tags are the new tags; nil leaves the old ones. The service refuses empty values.
	Tags map[string]string `wire:"tags"`
}

// DeploymentsClient reaches the deployments of one endpoint. Get one from [Client.Deployments].
type DeploymentsClient struct {
	c        *Client
	endpoint string
}

// Deployments returns the calls for the deployments of an endpoint.
func (c *Client) Deployments(endpoint string) DeploymentsClient {
	return DeploymentsClient{c, endpoint}
}

// request is one about a deployment, which errors and logs call "endpoint/deployment", because many
// endpoints have one of the same name.
func (d DeploymentsClient) request(method, verb, name string) request {
	op := operation{verb, "deployment", d.endpoint + "/" + name}
	return request{op: op, method: method, url: d.c.armURL("batchEndpoints", d.endpoint, "deployments", name),
		invalid: cmp.Or(d.c.ready(op), checkName(op, "endpoint", d.endpoint), checkName(op, "name", name))}
}

// Get reads a deployment. A missing deployment, or endpoint, is [ErrNotFound].
func (d DeploymentsClient) Get(ctx context.Context, name string) (Deployment, error) {
	return do[Deployment](ctx, d.c, d.request(http.MethodGet, "get", name))
}

// List iterates over the deployments of the endpoint, a page at a time.
func (d DeploymentsClient) List(ctx context.Context) iter.Seq2[Deployment, error] {
	op := operation{"list deployments of", "endpoint", d.endpoint}
	return list[Deployment](ctx, d.c, request{op: op, url: d.c.armURL("batchEndpoints", d.endpoint, "deployments"),
		invalid: checkName(op, "endpoint", d.endpoint)})
}

// CreateOrUpdate creates a deployment, or replaces the one of that name, and waits until it is
// ready, about half a minute. Fields left empty are reset: to update, get the deployment, change it
// and send it back. References in Model, CodeConfiguration, EnvironmentID and Compute may have any
// form; they are sent as ids, and a label such as azureml:digits@latest is resolved by one more
// request.
//
// A deployment costs nothing until a job runs. Mistakes that can be seen without the service are
// *[ArgumentError]; a missing endpoint is [ErrNotFound].
func (d DeploymentsClient) CreateOrUpdate(ctx context.Context, name string, deployment Deployment, options *WaitOptions) (Deployment, error) {
	p, err := d.BeginCreateOrUpdate(ctx, name, deployment)
	return untilDone(ctx, p, err, options)
}

// BeginCreateOrUpdate is [DeploymentsClient.CreateOrUpdate] without the waiting. The service has
// checked the request when it returns.
func (d DeploymentsClient) BeginCreateOrUpdate(ctx context.Context, name string, deployment Deployment) (*Poller[Deployment], error) {
	r := d.request(http.MethodPut, "create", name)
	if err := cmp.Or(d.c.ready(r.op), checkName(r.op, "endpoint", d.endpoint), checkDeployment(r.op, name, deployment)); err != nil {
		return nil, err
	}
	deployment, err := d.c.resolveDeployment(ctx, r.op, deployment)
	if err != nil {
		return nil, err
	}
	r.body = deployment
	return beginOperation[Deployment](ctx, d.c, r)
}

// Update changes description and tags in place and waits until it is done, usually one request.
// Jobs are not affected. A missing deployment is [ErrNotFound]; a patch that changes nothing is
// *[ArgumentError].
//
// Whether the service merges tags with the old ones or replaces them is not documented: send all
// tags that you want.
func (d DeploymentsClient) Update(ctx context.Context, name string, patch DeploymentPatch, options *WaitOptions) (Deployment, error) {
	r := d.request(http.MethodPatch, "update", name)
	if patch.Description == nil && patch.Tags == nil {
		return Deployment{}, r.op.invalid("patch", "changes nothing",
			"set Description or Tags; everything else changes by CreateOrUpdate")
	}
	r.body, r.invalid = patch, cmp.Or(r.invalid, checkTags(r.op, patch.Tags))
	p, err := beginOperation[Deployment](ctx, d.c, r)
	return untilDone(ctx, p, err, options)
}

// Delete deletes a deployment and waits until that is done. Its jobs and their outputs stay. A
// missing one is [ErrNotFound] or no error, as the service answers. What the service does when the
// endpoint's default deployment is deleted is not documented: set another default first.
func (d DeploymentsClient) Delete(ctx context.Context, name string, options *WaitOptions) error {
	p, err := d.BeginDelete(ctx, name)
	_, err = untilDone(ctx, p, err, options)
	return err
}

// BeginDelete is [DeploymentsClient.Delete] without the waiting.
func (d DeploymentsClient) BeginDelete(ctx context.Context, name string) (*Poller[Nothing], error) {
	return beginOperation[Nothing](ctx, d.c, d.request(http.MethodDelete, "delete", name))
}

// resolveDeployment turns the references of a deployment into what the service takes, and fills in
// the location.
func (c *Client) resolveDeployment(ctx context.Context, op operation, d Deployment) (Deployment, error) {
	if err := c.resolveReferences(ctx, op, d.references()); err != nil {
		return d, err
	}
	if script := d.CodeConfiguration.ScoringScript; script != "" {
		d.CodeConfiguration.ScoringScript = path.Clean(script) // ./score.py would become a module called ..score
	}
	var err error
	if d.Location == "" {
		d.Location, err = c.location(ctx, op)
	}
	return d, err
}

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
	// AssetID is the model, in any form that [ParseReference] reads. The service returns an ARM id.
	AssetID string `wire:"assetId"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// ModelByDataPath is a file or folder in a datastore that is not registered as a model.
type ModelByDataPath struct {
	// DatastoreID is the datastore's name or ARM id. Empty means the default datastore.
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

func (ModelByID) modelReference() {}

func (ModelByDataPath) modelReference() {}

func (ModelByOutput) modelReference() {}

func (UnknownModelReference) modelReference() {}

var _ = wire.OneOf[ModelReference]("referenceType", UnknownModelReference{},
	wire.Kind(ModelByID{}, "Id"),
	wire.Kind(ModelByDataPath{}, "DataPath"),
	wire.Kind(ModelByOutput{}, "OutputPath"))

// DeploymentConfiguration is a deployment of something other than a model:
// [PipelineComponentDeployment], or [UnknownDeploymentConfiguration] for a kind that this package
// does not know.
type DeploymentConfiguration interface{ deploymentConfiguration() }

// PipelineComponentDeployment runs a pipeline component for each job. Such a deployment takes no
// Model.
//
// Its members are those of the published API. No recording of a successful creation is public.
type PipelineComponentDeployment struct {
	// ComponentID is the version, as [Component.Ref] gives it or in any form that [ParseReference]
	// reads.
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

func (PipelineComponentDeployment) deploymentConfiguration() {}

func (UnknownDeploymentConfiguration) deploymentConfiguration() {}

var _ = wire.OneOf[DeploymentConfiguration]("deploymentConfigurationType", UnknownDeploymentConfiguration{},
	wire.Kind(PipelineComponentDeployment{}, "PipelineComponent"))
