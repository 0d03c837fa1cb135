package azmlbatch

import (
	"encoding/json"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// DataMode says how a job reaches the data of an input or output.
type DataMode string

// The modes that the service documents. Empty means the service's default: DataModeReadOnlyMount
// for inputs, DataModeReadWriteMount for outputs.
const (
	DataModeReadOnlyMount  DataMode = "ReadOnlyMount"  // of an input; files are fetched when they are read
	DataModeReadWriteMount DataMode = "ReadWriteMount" // of an output; files are sent while they are written
	DataModeDownload       DataMode = "Download"       // copies an input to the node before the work starts
	DataModeUpload         DataMode = "Upload"         // copies an output from the node after the work
	DataModeDirect         DataMode = "Direct"         // passes the URI to the code, which reads the data
	DataModeEvalMount      DataMode = "EvalMount"      // mounts the data that an MLTable names
	DataModeEvalDownload   DataMode = "EvalDownload"   // copies the data that an MLTable names to the node
)

// An Input is one named input of a job: [URIFolder], [URIFile], [MLTable], [CustomModel],
// [MLFlowModel], [TritonModel], [Literal], [LocalPath] or [UnknownData]. A model deployment takes
// exactly one, a folder or file, and ignores its name.
type Input interface{ input() }

// An Output is one named output of a job: [URIFolder], [URIFile], [MLTable], [CustomModel],
// [MLFlowModel], [TritonModel] or [UnknownData]. A model deployment takes at most one: a [URIFile]
// that names the predictions file on a blob datastore. The file must not exist yet. The service
// names this output "score", whatever its name in the request.
type Output interface{ output() }

// URIFolder is a folder of files. A batch job scores the files directly in it and ignores its
// sub-folders.
type URIFolder struct {
	// URI is an https URL of blob storage, a datastore path (azureml://datastores/D/paths/P) or a
	// registered data asset: its ARM id, azureml:NAME:VERSION or azureml:NAME@latest. Invoke sends
	// an asset as its ARM id; a label costs one request.
	URI string `wire:"uri"`
	// Mode is how the job reaches the data. Empty means the service's default.
	Mode DataMode `wire:"mode"`
	// Description is free text.
	Description string `wire:"description"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// URIFile is one file. Its fields are those of [URIFolder].
type URIFile URIFolder

// MLTable is an mltable asset, for pipeline-component deployments.
type MLTable URIFolder

// CustomModel is a model of no particular format, for pipeline-component deployments.
type CustomModel URIFolder

// MLFlowModel is a model in MLflow's format, for pipeline-component deployments.
type MLFlowModel URIFolder

// TritonModel is a model in Triton's format, for pipeline-component deployments.
type TritonModel URIFolder

// Literal is a plain value, for pipeline-component deployments.
type Literal struct {
	// Value is a string, number or boolean. The service usually returns a string; a number comes as
	// float64, or as [json.Number] if a float64 cannot hold the integer.
	Value any `wire:"value"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// LocalPath is a local file or folder as an input. [EndpointsClient.Invoke] uploads it to the
// default datastore, unless its content is there already, and sends it as [URIFile] or [URIFolder].
type LocalPath struct {
	// Path of the file or folder. A folder must have at least one file directly in it.
	Path string
	// Options tune the upload. Nil means the defaults.
	Options *UploadOptions
}

// UnknownData is an input or output of a kind that this package does not know. It is sent back
// exactly as received.
type UnknownData struct {
	// Type is the kind as the service spelt it.
	Type string
	// Raw is the whole JSON object.
	Raw json.RawMessage
}

func (URIFolder) input()   {}
func (URIFile) input()     {}
func (MLTable) input()     {}
func (CustomModel) input() {}
func (MLFlowModel) input() {}
func (TritonModel) input() {}
func (Literal) input()     {}
func (LocalPath) input()   {}
func (UnknownData) input() {}

func (URIFolder) output()   {}
func (URIFile) output()     {}
func (MLTable) output()     {}
func (CustomModel) output() {}
func (MLFlowModel) output() {}
func (TritonModel) output() {}
func (UnknownData) output() {}

// The kinds of inputs and outputs. The batch data plane writes the first spelling, ARM's job API
// the second. LocalPath is not among them: it is uploaded before the request is made.
var (
	_          = wire.OneOf[Output]("jobOutputType", UnknownData{}, dataKinds...)
	inputKinds = wire.OneOf[Input]("jobInputType", UnknownData{}, append(dataKinds, wire.Kind(Literal{}, "Literal", "literal"))...)

	dataKinds = []wire.KindOf{
		wire.Kind(URIFolder{}, "UriFolder", "uri_folder"),
		wire.Kind(URIFile{}, "UriFile", "uri_file"),
		wire.Kind(MLTable{}, "MLTable", "mltable"),
		wire.Kind(CustomModel{}, "CustomModel", "custom_model"),
		wire.Kind(MLFlowModel{}, "MLFlowModel", "mlflow_model"),
		wire.Kind(TritonModel{}, "TritonModel", "triton_model"),
	}
)

// Inputs are the named inputs of an invocation or job.
type Inputs map[string]Input

// Outputs are the named outputs of an invocation or job.
type Outputs map[string]Output

// dataURI is where the data of an input or output is, "" for a kind that has no URI.
func dataURI(v any) string {
	switch v := wire.Indirect(v).(type) {
	case URIFolder:
		return v.URI
	case URIFile:
		return v.URI
	case MLTable:
		return v.URI
	case CustomModel:
		return v.URI
	case MLFlowModel:
		return v.URI
	case TritonModel:
		return v.URI
	}
	return ""
}

// outputAt is an output at a URI from a job's parameters, where a folder ends with a slash.
func outputAt(uri string) Output {
	if strings.HasSuffix(uri, "/") {
		return URIFolder{URI: uri}
	}
	return URIFile{URI: uri}
}
