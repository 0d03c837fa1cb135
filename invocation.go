package azmlbatch

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/local"
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
	// Key makes the invocation idempotent: a second Invoke with the same key on the same endpoint returns the first job,
	// also from another process or after a crash. Letters, digits, '-' and '_', at most 64. Empty means a fresh key, which
	// still guards the one call against a lost answer. With Outputs, the job is known by their places instead of by Key. A
	// pipeline-component deployment takes a key only together with Outputs, because nothing else of its job shows it.
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

var keyPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func checkInvocation(op operation, inv Invocation) error {
	switch {
	case inv.Key != "" && !keyPattern.MatchString(inv.Key):
		return op.invalid("Invocation.Key", fmt.Sprintf("%q cannot be part of a path", inv.Key),
			"use letters, digits, '-' and '_', at most 64")
	case inv.Input != nil && len(inv.Inputs) > 0:
		return op.invalid("Invocation.Inputs", "excludes Input", "use one of the two")
	case len(inv.inputs()) == 0 && inv.Dataset == nil:
		return op.invalid("Invocation.Input", "is nil", "give one input, for example azmlbatch.URIFolder")
	case len(inv.inputs()) > 0 && inv.Dataset != nil:
		return op.invalid("Invocation.Dataset", "excludes Input and Inputs", "use one of the two")
	case len(inv.Outputs) > 0 && inv.OutputDataset != (OutputDataset{}):
		return op.invalid("Invocation.OutputDataset", "excludes Outputs", "use one of the two")
	case inv.MiniBatchSize < 0, inv.InstanceCount < 0, inv.MaxConcurrencyPerInstance < 0:
		return op.invalid("Invocation.MiniBatchSize, InstanceCount, MaxConcurrencyPerInstance", "must not be negative",
			"zero means the deployment's own")
	case strings.ContainsAny(inv.OutputFileName, `/\`):
		return op.invalid("Invocation.OutputFileName", fmt.Sprintf("%q has a slash", inv.OutputFileName),
			"name a file; the folder belongs into Outputs")
	case inv.ErrorThreshold != nil && *inv.ErrorThreshold < -1:
		return op.invalid("Invocation.ErrorThreshold", "is below -1", "-1 ignores all failures")
	}
	if err := checkDataset(op, inv.Dataset); err != nil {
		return err
	}
	if err := checkReferences(op, inv.references()); err != nil {
		return err
	}
	if inv.Input != nil {
		return checkInput(op, "Invocation.Input", inv.Input)
	}
	for _, name := range sortedKeys(inv.Inputs) {
		if err := checkInput(op, fmt.Sprintf("Invocation.Inputs[%q]", name), inv.Inputs[name]); err != nil {
			return err
		}
	}
	return nil
}

// inputs are the inputs by name. One without a name has none yet: a file and a folder on this machine look alike.
func (inv Invocation) inputs() Inputs {
	if inv.Input != nil {
		return Inputs{"": inv.Input}
	}
	return inv.Inputs
}

// checkDataset refuses an older input that names nothing.
func checkDataset(op operation, d Dataset) error {
	bad := func(argument, problem, remedy string) error {
		return op.invalid("Invocation.Dataset"+argument, problem, remedy)
	}
	switch d := wire.Indirect(d).(type) {
	case DataURL:
		if r, err := ParseReference("", d.Path); err != nil || r.Form != ReferenceFormURL {
			return bad(".Path", fmt.Sprintf("%q is not a URL", redact(clip(d.Path))), "give the https URL of a folder or file")
		}
	case DatasetVersion:
		if d.Name == "" {
			return bad(".Name", "is empty", "name the data asset")
		}
		if d.Version == "" {
			return bad(".Version", "is empty", "name the version; Data().Latest finds the newest")
		}
	case DatasetID:
		if d.ID == "" {
			return bad(".ID", "is empty", "give the id of a data asset")
		}
	}
	return nil
}

// checkInput checks an input but for its URI, which is among the references of the invocation.
func checkInput(op operation, argument string, in Input) error {
	switch v := wire.Indirect(in).(type) {
	case nil:
		return op.invalid(argument, "is nil", "give an input, for example azmlbatch.URIFolder")
	case LocalPath:
		return checkLocalInput(op, argument, v.Path)
	case Literal:
		if v.Value == nil {
			return op.invalid(argument+".Value", "is nil", "use a string, number or boolean")
		}
	}
	return nil
}

// checkLocalInput refuses a folder that would upload well and then give the job nothing to score.
func checkLocalInput(op operation, argument, path string) error {
	tree, err := scanLocal(op, path)
	if err != nil {
		return err
	}
	atTop := func(f local.File) bool { return !strings.Contains(f.Name, "/") }
	if tree.IsFolder && !slices.ContainsFunc(tree.Files, atTop) {
		return op.invalid(argument, fmt.Sprintf("%q has only sub-folders", path),
			"put the files directly into the folder: a batch job does not look into sub-folders")
	}
	return nil
}
