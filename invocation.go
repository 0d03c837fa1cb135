package azmlbatch

import (
	"encoding/json"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// An Invocation says what one batch job is to score, and where to. The zero value of every setting means the
// deployment's own.
type Invocation struct {
	// Deployment takes the job; empty means the endpoint's default deployment.
	Deployment string
	// Input is the one input of a model deployment, a folder or a file, which needs no name. See [Input].
	Input Input
	// Inputs by name, for pipeline-component deployments; a model deployment takes exactly one and ignores the name. It
	// excludes Input.
	Inputs Inputs `wire:"properties/inputData"`
	// Outputs by name. A model deployment takes one, a [URIFile] that names the predictions file on a blob datastore.
	// Empty makes the client choose a file in a fresh folder on the default datastore whose path holds Key; that is
	// what makes an invocation findable. A file that exists already makes the job fail.
	Outputs Outputs `wire:"properties/outputData"`
	// Key makes the invocation idempotent: every Invoke with the same key on the same endpoint returns the first job, at once
	// or later, also from another process or after a crash. Letters, digits, '-' and '_', at most 64. Empty means a fresh
	// key, which still guards the one call against a lost answer.
	//
	// A key belongs to its endpoint; one that was deleted and made anew has keys of its own. Asking for another input, or
	// naming another deployment, under a key that has a job is a [*KeyConflictError]. With Outputs, the job is known by their
	// places instead of by Key. A pipeline-component deployment takes a key only together with Outputs, because nothing
	// else of its job shows it.
	//
	// Processes that invoke at once are kept apart by a lease on a small blob near the output. A caller who may not write to
	// that datastore is kept apart from others by the lists of jobs alone, which are some seconds late.
	Key string

	// DisplayName is shown in the studio instead of a made-up name.
	DisplayName string `wire:"properties/name"`
	// ExperimentName groups jobs; the service documents it for pipeline-component deployments.
	ExperimentName string `wire:"properties/properties/experimentName"`
	// MiniBatchSize is the number of files per call of the script's run.
	MiniBatchSize int64 `wire:"properties/miniBatchSize"`
	// ErrorThreshold is the number of failed files that ends the job; -1 ignores all failures, nil is the deployment's.
	ErrorThreshold *int `wire:"properties/errorThreshold"`
	// MaxConcurrencyPerInstance is the number of worker processes per node.
	MaxConcurrencyPerInstance int `wire:"properties/maxConcurrencyPerInstance"`
	// InstanceCount is the number of nodes. Nodes cost money while they run.
	InstanceCount int `wire:"properties/compute/instanceCount"`
	// Compute is another cluster than the deployment's: its name, azureml:NAME or ARM id. Computes have no version.
	Compute string `wire:"properties/compute/target"`
	// RetrySettings are tries and time limit per mini-batch.
	RetrySettings RetrySettings `wire:"properties/retrySettings"`
	// LoggingLevel of the job.
	LoggingLevel LoggingLevel `wire:"properties/loggingLevel"`
	// OutputFileName names the predictions file, without a folder. Empty means the deployment's. The URI of an output
	// names the file too; giving two names is an error.
	OutputFileName string `wire:"properties/outputFileName"`

	// Dataset is the older form of an input (API 2021-10-01), for services and scripts that still need it. It excludes
	// Input and Inputs.
	Dataset Dataset `wire:"properties/dataset"`
	// OutputDataset is the older form of an output. It excludes Outputs.
	OutputDataset OutputDataset `wire:"properties/outputDataset"`
	// Extra holds members of the request that this package does not know, such as a setting in preview, by JSON Pointer:
	// "/properties/newSetting". A field of this struct that is set wins.
	Extra map[string]json.RawMessage
}

// A Dataset is the older form of an input: [DataURL], [DatasetVersion] or [DatasetID].
type Dataset interface{ dataset() }

// DataURL is a folder or file by its https URL, in the older form.
type DataURL struct {
	// Path is the URL.
	Path string `wire:"path"`
}

// DatasetVersion is a registered dataset of the workspace, in the older form.
type DatasetVersion struct {
	// Name of the dataset.
	Name string `wire:"datasetName"`
	// Version of the dataset.
	Version string `wire:"datasetVersion"`
}

// DatasetID is a registered dataset by its id, in the older form.
type DatasetID struct {
	// ID of the dataset, sent as it is. A reference to a data asset, such as azureml:NAME:VERSION, is sent as the ARM id.
	ID string `wire:"datasetId"`
}

func (DataURL) dataset()        {}
func (DatasetVersion) dataset() {}
func (DatasetID) dataset()      {}

var _ = wire.OneOf[Dataset]("dataInputType", nil,
	wire.Kind(DataURL{}, "DataUrl"),
	wire.Kind(DatasetVersion{}, "DatasetVersion"),
	wire.Kind(DatasetID{}, "DatasetId"))

// OutputDataset is the older form of an output.
type OutputDataset struct {
	// DatastoreID is the ARM id of a blob datastore. A name or azureml:NAME is sent as the id.
	DatastoreID string `wire:"datastoreId"`
	// Path is a folder on the datastore that does not exist yet.
	Path string `wire:"path"`
}

// inputs are the inputs by name. One without a name has none yet: a file and a folder on this machine look alike.
func (inv Invocation) inputs() Inputs {
	if inv.Input != nil {
		return Inputs{"": inv.Input}
	}
	return inv.Inputs
}
