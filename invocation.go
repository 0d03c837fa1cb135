package azmlbatch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/azmlbatch/azmlbatch/internal/local"
	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// An Invocation says what a batch job scores and where the results go. A setting left zero is the
// deployment's.
type Invocation struct {
	// Deployment that runs the job; empty means the endpoint's default deployment.
	Deployment string
	// Input of a model deployment: a folder or a file, without a name. See [Input].
	Input Input
	// Inputs by name, instead of Input, for pipeline-component deployments; Inputs{} if the
	// component has none. A model deployment takes exactly one and ignores its name.
	Inputs Inputs `wire:"properties/inputData"`
	// Outputs by name. A model deployment takes one: a [URIFile] that names the predictions file on
	// a blob datastore. The job fails if the file exists. Empty lets the client choose a file in a
	// new folder on the default datastore; Key is part of its path, so that the job can be found by
	// it.
	Outputs Outputs `wire:"properties/outputData"`
	// Key makes the invocation idempotent: every Invoke with the same key on the same endpoint
	// returns the first job, even from another process or after a crash. Letters, digits, '-' and
	// '_', at most 64. Empty means a new key, which still guards this call against a lost answer.
	//
	// A key belongs to its endpoint; a recreated endpoint starts without keys. Another input or
	// another deployment under a key that has a job is a [*KeyConflictError]. With Outputs, their
	// places identify the job instead of Key. A pipeline-component deployment takes a key only
	// together with Outputs, because nothing else on its job shows it.
	//
	// A lease on a small blob near the output keeps processes apart that invoke at the same time.
	// For a caller who may not write to that datastore, only the lists of jobs do, and they lag by
	// some seconds.
	Key string

	// DisplayName is shown in the studio; empty lets the service make one up.
	DisplayName string `wire:"properties/name"`
	// ExperimentName groups jobs; the service documents it for pipeline-component deployments.
	ExperimentName string `wire:"properties/properties/experimentName"`
	// MiniBatchSize is the number of files per call of the script's run.
	MiniBatchSize int64 `wire:"properties/miniBatchSize"`
	// ErrorThreshold is how many files may fail; -1 ignores all failures, nil is the deployment's.
	ErrorThreshold *int `wire:"properties/errorThreshold"`
	// MaxConcurrencyPerInstance is the number of worker processes per node.
	MaxConcurrencyPerInstance int `wire:"properties/maxConcurrencyPerInstance"`
	// InstanceCount is the number of nodes. Nodes cost money while they run.
	InstanceCount int `wire:"properties/compute/instanceCount"`
	// Compute replaces the deployment's cluster: its name, azureml:NAME or ARM id.
	Compute string `wire:"properties/compute/target"`
	// RetrySettings are tries and time limit per mini-batch.
	RetrySettings RetrySettings `wire:"properties/retrySettings"`
	// LoggingLevel of the job.
	LoggingLevel LoggingLevel `wire:"properties/loggingLevel"`
	// OutputFileName is the name of the predictions file, without a folder; empty means the
	// deployment's. Leave it empty if the URI of an output names the file.
	OutputFileName string `wire:"properties/outputFileName"`

	// Dataset is the older form of an input (API 2021-10-01), instead of Input and Inputs.
	Dataset Dataset `wire:"properties/dataset"`
	// OutputDataset is the older form of an output, instead of Outputs.
	OutputDataset OutputDataset `wire:"properties/outputDataset"`
	// Extra adds members that this package does not know, such as a preview setting, by JSON
	// Pointer: "/properties/newSetting". A field that is set wins.
	Extra map[string]json.RawMessage
}

// A Dataset is the older form of an input: [DataURL], [DatasetVersion] or [DatasetID].
type Dataset interface{ input() Input }

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
	// ID of the dataset. A reference to a data asset is sent as its ARM id, all else unchanged.
	ID string `wire:"datasetId"`
}

func (d DataURL) input() Input { return URIFolder{URI: d.Path} }

func (d DatasetVersion) input() Input { return URIFolder{URI: "azureml:" + d.Name + ":" + d.Version} }

func (d DatasetID) input() Input { return URIFolder{URI: d.ID} }

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

// inputs are the inputs by name. The name of Input is empty until its kind is known: a local path
// may be a file or a folder.
func (inv Invocation) inputs() Inputs {
	if inv.Input != nil {
		return Inputs{"": inv.Input}
	}
	return inv.Inputs
}

var keyPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// checkInvocation finds the mistakes that show without knowing the deployment.
func checkInvocation(op operation, inv Invocation) error {
	switch {
	case inv.Key != "" && !keyPattern.MatchString(inv.Key):
		return op.invalid("Invocation.Key", fmt.Sprintf("%q cannot be part of a path", inv.Key),
			"use letters, digits, '-' and '_', at most 64")
	case inv.Input != nil && len(inv.Inputs) > 0:
		return op.invalid("Invocation.Inputs", "cannot be combined with Input", "set one of the two")
	case inv.Input == nil && inv.Inputs == nil && inv.Dataset == nil:
		return op.invalid("Invocation.Input", "is nil", "give one input, for example azmlbatch.URIFolder; for a pipeline component without inputs, Inputs{}")
	case len(inv.inputs()) > 0 && inv.Dataset != nil:
		return op.invalid("Invocation.Dataset", "cannot be combined with Input or Inputs", "set one of them")
	case len(inv.Outputs) > 0 && inv.OutputDataset != (OutputDataset{}):
		return op.invalid("Invocation.OutputDataset", "cannot be combined with Outputs", "set one of the two")
	}
	if err := checkNumbers(op, "Invocation.", []numberRule{
		{"MiniBatchSize", inv.MiniBatchSize, 0, "count files; zero means the deployment's own"},
		{"MaxConcurrencyPerInstance", int64(inv.MaxConcurrencyPerInstance), 0, "count processes; zero means the deployment's own"},
		{"InstanceCount", int64(inv.InstanceCount), 0, "count nodes; zero means the deployment's own"},
		{"ErrorThreshold", valueOr(inv.ErrorThreshold, -1), -1, "-1 ignores all failures, 0 allows none"},
		{"RetrySettings.MaxRetries", valueOr(inv.RetrySettings.MaxRetries, 0), 0, "count tries; left out it is the deployment's own"},
	}); err != nil {
		return err
	}
	if inv.Deployment != "" {
		if err := checkName(op, "Invocation.Deployment", inv.Deployment); err != nil {
			return err
		}
	}
	if err := checkTime(op, "Invocation.RetrySettings.Timeout", inv.RetrySettings.Timeout, "zero means the deployment's own"); err != nil {
		return err
	}
	if err := checkFileName(op, "Invocation.OutputFileName", inv.OutputFileName); err != nil {
		return err
	}
	if err := checkDataset(op, inv.Dataset); err != nil {
		return err
	}
	if err := checkReferences(op, inv.references()); err != nil {
		return err
	}
	if err := checkInputs(op, inv); err != nil {
		return err
	}
	return checkOutputs(op, inv)
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

func checkInputs(op operation, inv Invocation) error {
	if inv.Input != nil {
		return checkInput(op, inputArgument(""), inv.Input)
	}
	for _, name := range sortedKeys(inv.Inputs) {
		if name == "" {
			return op.invalid("Invocation.Inputs", "has an empty name", "name the input, or set Invocation.Input")
		}
		if err := checkInput(op, inputArgument(name), inv.Inputs[name]); err != nil {
			return err
		}
	}
	return nil
}

// inputArgument is the field that holds an input of [Invocation.inputs].
func inputArgument(name string) string {
	if name == "" {
		return "Invocation.Input"
	}
	return fmt.Sprintf("Invocation.Inputs[%q]", name)
}

// checkInput checks all of an input but its URI, which is one of the invocation's references.
func checkInput(op operation, argument string, in Input) error {
	switch v := wire.Indirect(in).(type) {
	case nil:
		return op.invalid(argument, "is nil", "give an input, for example azmlbatch.URIFolder")
	case LocalPath:
		return cmp.Or(v.Options.check(op), checkLocalInput(op, argument, v.Path))
	case Literal:
		if v.Value == nil {
			return op.invalid(argument+".Value", "is nil", "use a string, number or boolean")
		}
	}
	return nil
}

// checkLocalInput refuses a folder that would upload, but has nothing for the job to score.
func checkLocalInput(op operation, argument, path string) error {
	tree, err := scanLocal(op, path)
	if err != nil {
		return naming(argument+".Path", err)
	}
	atTop := func(f local.File) bool { return !strings.Contains(f.Name, "/") }
	if tree.IsFolder && !slices.ContainsFunc(tree.Files, atTop) {
		return op.invalid(argument, fmt.Sprintf("%q has only sub-folders", path),
			"put the files directly into the folder: a batch job does not look into sub-folders")
	}
	return nil
}

// checkOutputs refuses an output that is not a place on a datastore: the service accepts it, and
// the job fails (azure-docs issue 93817). An output of a pipeline component may leave the place to
// the service.
func checkOutputs(op operation, inv Invocation) error {
	for _, name := range sortedKeys(inv.Outputs) {
		argument := fmt.Sprintf("Invocation.Outputs[%q]", name)
		if wire.Indirect(inv.Outputs[name]) == nil {
			return op.invalid(argument, "is nil", "give an output, for example azmlbatch.URIFile")
		}
		if uri := dataURI(inv.Outputs[name]); uri != "" {
			if err := checkOutputPlace(op, argument+".URI", uri); err != nil {
				return err
			}
		}
	}
	switch d := inv.OutputDataset; {
	case d == OutputDataset{}:
	case d.DatastoreID == "":
		return op.invalid("Invocation.OutputDataset.DatastoreID", "is empty", "name a blob datastore")
	default:
		return checkOutputPath(op, "Invocation.OutputDataset.Path", fmt.Sprintf("%q", redact(clip(d.Path))), d.Path)
	}
	return nil
}

func checkOutputPlace(op operation, argument, uri string) error {
	remedy := "write azureml://datastores/DATASTORE/paths/PATH"
	quoted := fmt.Sprintf("%q", redact(clip(uri)))
	r, err := ParseReference("", uri)
	switch {
	case err == nil && r.Form == ReferenceFormPlace:
		return checkOutputPath(op, argument, quoted, r.Path)
	case err == nil && r.Form == ReferenceFormLocal:
		return op.invalid(argument, quoted+" is a local path, but a job writes to a datastore", remedy+", and read the result with Rows or Download")
	case err == nil && r.Form == ReferenceFormURL:
		return op.invalid(argument, quoted+" is a URL, but a job writes to a datastore", remedy)
	}
	if store, path, ok := strings.Cut(uri, "/"); ok && hasPrefixFold(store, "azureml:") && armName.MatchString(store[len("azureml:"):]) {
		remedy = "write " + redact(clip(placeURI(store[len("azureml:"):], path)))
	}
	return op.invalid(argument, quoted+" is not a place on a datastore", remedy)
}

// checkOutputPath refuses a path that storage would not keep as it is written.
func checkOutputPath(op operation, argument, quoted, path string) error {
	segments := strings.Split(path, "/")
	switch {
	case strings.Trim(path, "/") == "":
		return op.invalid(argument, quoted+" names no path", "write the path of a file or folder that does not exist yet")
	case slices.ContainsFunc(segments, isDots):
		return op.invalid(argument, quoted+" has a folder of dots, which storage does not have", "write the path without . and ..")
	case slices.ContainsFunc(segments, endsInDotOrBlank):
		return op.invalid(argument, quoted+" has a part that ends with a dot or a blank, which storage drops", "write the path without it")
	case strings.ContainsFunc(path, unicode.IsControl):
		return op.invalid(argument, quoted+" has a control character, which storage refuses", "write the path without it")
	}
	return nil
}

// checkModelData refuses before uploading what the service would refuse after it: a model
// deployment takes one folder or file, and writes one file.
func checkModelData(op operation, inv Invocation) error {
	const one = "a model deployment takes one folder or file"
	inputs := inv.inputs()
	if len(inputs) == 0 && inv.Dataset == nil {
		return op.invalid("Invocation.Inputs", "is empty; "+one, "give one input, for example azmlbatch.URIFolder")
	}
	if len(inputs) > 1 {
		return op.invalid("Invocation.Inputs", fmt.Sprintf("has %d inputs; %s", len(inputs), one), "leave one, or invoke once for each")
	}
	for _, in := range inputs {
		switch v := wire.Indirect(in).(type) {
		case URIFolder, URIFile, LocalPath, UnknownData:
		default:
			return op.invalid("Invocation.Input", fmt.Sprintf("is of type %T; %s", v, one), "use azmlbatch.URIFolder, URIFile or LocalPath")
		}
	}
	if len(inv.Outputs) > 1 {
		return op.invalid("Invocation.Outputs", fmt.Sprintf("has %d outputs; a model deployment writes one file", len(inv.Outputs)), "leave one")
	}
	for name, o := range inv.Outputs {
		return checkModelOutput(op, fmt.Sprintf("Invocation.Outputs[%q]", name), o, inv.OutputFileName)
	}
	return nil
}

func checkModelOutput(op operation, argument string, out Output, fileName string) error {
	switch o := wire.Indirect(out).(type) {
	case UnknownData:
		return nil
	case URIFile:
		file := o.URI[strings.LastIndexByte(o.URI, '/')+1:]
		switch {
		case file == "":
			return op.invalid(argument+".URI", fmt.Sprintf("%q does not name a file", redact(clip(o.URI))),
				"end it with the name of the predictions file, such as predictions.csv")
		case fileName != "" && fileName != file:
			return op.invalid("Invocation.OutputFileName", fmt.Sprintf("is %q, but the output's URI names %q", fileName, redact(file)),
				"leave OutputFileName empty: the URI names the file")
		}
		return checkFileName(op, argument+".URI", file)
	default:
		return op.invalid(argument, fmt.Sprintf("is of type %T; a model deployment writes one file", o),
			"use azmlbatch.URIFile with the URI of the predictions file")
	}
}

// isDots reports whether a segment of a path is "." or "..", or has more dots only.
func isDots(segment string) bool { return segment != "" && strings.Trim(segment, ".") == "" }

func endsInDotOrBlank(segment string) bool {
	return strings.HasSuffix(segment, ".") || strings.HasSuffix(segment, " ")
}

// references lists the references of an invocation. An older dataset id may be the service's own;
// one that is not a reference is sent unchanged.
func (inv *Invocation) references() []heldReference {
	var held []heldReference
	if inv.Compute != "" {
		held = append(held, heldReference{argument: "Invocation.Compute", kind: ReferenceKindCompute, text: inv.Compute,
			set: func(id string) { inv.Compute = id }})
	}
	if inv.OutputDataset.DatastoreID != "" {
		held = append(held, heldReference{argument: "Invocation.OutputDataset.DatastoreID", kind: ReferenceKindDatastore,
			text: inv.OutputDataset.DatastoreID, set: func(id string) { inv.OutputDataset.DatastoreID = id }})
	}
	if d, ok := wire.Indirect(inv.Dataset).(DatasetID); ok && d.ID != "" {
		held = append(held, heldReference{argument: "Invocation.Dataset.ID", kind: ReferenceKindData, also: namedDataKinds, forms: append(placedDataForms, ReferenceFormLocal),
			text: d.ID, set: func(id string) { inv.Dataset = DatasetID{ID: id} }})
	}
	if inv.Input != nil {
		h := inputReference("Invocation.Input.URI", inv.Input, func(in Input) { inv.Input = in })
		return append(held, h...)
	}
	for _, name := range sortedKeys(inv.Inputs) {
		h := inputReference(fmt.Sprintf("Invocation.Inputs[%q].URI", name), inv.Inputs[name], func(in Input) { inv.Inputs[name] = in })
		held = append(held, h...)
	}
	return held
}

// inputReference is the reference of an input that has a URI, in a list.
func inputReference(argument string, in Input, set func(Input)) []heldReference {
	h := heldReference{argument: argument, kind: ReferenceKindData, also: namedDataKinds, forms: placedDataForms, text: dataURI(in)}
	switch v := wire.Indirect(in).(type) {
	case URIFolder:
		h.set = func(id string) { v.URI = id; set(v) }
	case URIFile:
		h.set = func(id string) { v.URI = id; set(v) }
	case MLTable:
		h.set = func(id string) { v.URI = id; set(v) }
	case CustomModel:
		h.kind, h.set = ReferenceKindModel, func(id string) { v.URI = id; set(v) }
	case MLFlowModel:
		h.kind, h.set = ReferenceKindModel, func(id string) { v.URI = id; set(v) }
	case TritonModel:
		h.kind, h.set = ReferenceKindModel, func(id string) { v.URI = id; set(v) }
	default:
		return nil
	}
	return []heldReference{h}
}

// An input names data of any kind, or says where it is.
var (
	namedDataKinds  = []ReferenceKind{"datasets", ReferenceKindModel} // datasets: the older word in ids
	placedDataForms = []ReferenceForm{ReferenceFormPlace, ReferenceFormURL, ReferenceFormOutput}
)
