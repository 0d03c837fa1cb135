package jobs

import (
	"fmt"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
)

// Kinds of inputs and outputs, in the spelling of the batch data plane. ARM spells the same kinds
// uri_folder, uri_file and so on.
const (
	UriFile      = "UriFile"
	UriFolder    = "UriFolder"
	MLTable      = "MLTable"
	Literal      = "Literal"
	CustomModel  = "CustomModel"
	MLFlowModel  = "MLFlowModel"
	TritonModel  = "TritonModel"
	readOnly     = "ReadOnlyMount"
	readAndWrite = "ReadWriteMount"
)

// Invocation is one request to run a deployment over data.
type Invocation struct {
	// Workspace is the ARM id of the endpoint's workspace.
	Workspace string
	// Endpoint is the name of the batch endpoint.
	Endpoint string
	// Deployment is the document of the deployment as it is now. Changing or deleting the
	// deployment later does not affect the job.
	Deployment store.Document
	// Directed says that the caller chose the deployment; otherwise it is the endpoint's default.
	Directed bool
	// Inputs by name, in no particular order. A model deployment takes exactly one, whose name does
	// not matter.
	Inputs map[string]Input
	// Outputs by name. A model deployment takes at most one, whose name becomes "score".
	Outputs map[string]Output
	// Overrides change settings of the deployment for this job.
	Overrides Overrides
	// Caller is who invokes.
	Caller Caller
}

// Input is one input of a job.
type Input struct {
	// Kind is UriFolder, UriFile, Literal and so on. The older forms of an invocation leave it
	// empty.
	Kind string
	// URI is the place of the data: any reference of Azure ML. Empty for a Literal.
	URI string
	// Value is the value of a Literal as the caller gave it.
	Value any
	// Mode is how the job gets the data; empty means ReadOnlyMount.
	Mode string
	// Description is free text; nil when not given.
	Description any
}

// Output is one output of a job.
type Output struct {
	// Kind is UriFile, naming the file to write; a pipeline component's output can be any kind.
	// Empty for the older form of an invocation, which names a folder.
	Kind string
	// URI is a path on a blob datastore. In the older form it ends with a slash.
	URI string
	// Mode is how the output is written; empty means ReadWriteMount.
	Mode string
	// Description is free text; nil when not given.
	Description any
}

// Caller is the caller by the claims of the token.
type Caller struct {
	// Name is what systemData.createdBy shows: a display name, or the application id of a service
	// principal.
	Name string
	// Application says that the caller is a service principal.
	Application bool
	// ObjectID and TenantID are GUIDs.
	ObjectID, TenantID string
}

// kind is what systemData calls the caller.
func (c Caller) kind() string {
	if c.Application {
		return "Application"
	}
	return "User"
}

// isPipeline reports whether a deployment runs a pipeline component.
func isPipeline(deployment store.Document) bool {
	configuration := store.Object(deployment, "properties", "deploymentConfiguration")
	return strings.EqualFold(store.Text(configuration, "deploymentConfigurationType"), "PipelineComponent")
}

// BadInvocationError says that the service refuses an invocation: no job was started.
type BadInvocationError struct {
	// Message says what is wrong.
	Message string
}

// Error returns the message.
func (e *BadInvocationError) Error() string { return e.Message }

// check refuses what cannot run. Not evidenced: which of these the service refuses at once and
// which fail the job, and its texts. Only this is documented: a model deployment takes one data
// input and has one output (Microsoft Learn: how-to-access-data-batch-endpoints-jobs).
func (inv Invocation) check() error {
	for name, input := range inv.Inputs {
		if input.Kind != "" && isShortName(input.URI) {
			return &BadInvocationError{fmt.Sprintf("'id' cannot be null. Input %q: %s is a short name; the service takes the ARM id of an asset version.", name, input.URI)}
		}
	}
	if isPipeline(inv.Deployment) {
		return nil
	}
	if len(inv.Inputs) != 1 {
		return &BadInvocationError{fmt.Sprintf("A model deployment takes exactly one data input; this request has %d.", len(inv.Inputs))}
	}
	if len(inv.Outputs) > 1 {
		return &BadInvocationError{fmt.Sprintf("A model deployment has at most one output; this request names %d.", len(inv.Outputs))}
	}
	if strings.ContainsAny(inv.Overrides.OutputFileName, `/\\`) {
		return &BadInvocationError{fmt.Sprintf("The output file name %q has a slash.", inv.Overrides.OutputFileName)}
	}
	for name, input := range inv.Inputs {
		switch input.Kind {
		case Literal, CustomModel, MLFlowModel, TritonModel:
			return &BadInvocationError{validation.Message("Job", []validation.Violation{notSupported(input)})}
		}
		if input.URI == "" {
			return &BadInvocationError{fmt.Sprintf("Input %q has no uri.", name)}
		}
	}
	for name, output := range inv.Outputs {
		if output.Kind != UriFile && output.Kind != "" {
			return &BadInvocationError{validation.Message("Job", []validation.Violation{notAFile(output.Kind)})}
		}
		if output.URI == "" {
			return &BadInvocationError{fmt.Sprintf("Output %q has no uri.", name)}
		}
	}
	return nil
}

// isShortName reports whether a URI is azureml:NAME:VERSION, azureml:NAME@LABEL or the same without
// azureml:, or azureml:NAME. Clients turn these into ARM ids; users who sent them met refusals
// (azure-cli issue 23466, azure-docs issues 111551 and 111596). Not evidenced: which short form the
// service still takes. azureml:/NAME@latest is documented.
func isShortName(uri string) bool {
	scheme, name := splitScheme(uri)
	return name != "" && !strings.Contains(name, "/") && (scheme == "azureml" || scheme == "" && strings.ContainsAny(name, ":@"))
}

// notAFile is the service's refusal, as a user saw it (azure-docs issue 118447). It shows the kind
// in ARM's spelling.
func notAFile(kind string) validation.Violation {
	return validation.Violation{
		PropertyName: "OutputData.Values[0].JobOutputType", ErrorMessage: "Job output type must be 'uri_file'.",
		AttemptedValue: armKinds[kind], ErrorCode: "PredicateValidator",
	}
}

// notSupported is the service's refusal of a literal, as a user saw it (azure-docs issue 115245). It
// names the two kinds that are taken; not evidenced: the attempted value of data of other kinds. An
// MLTable is another matter: it fails the job (Microsoft Learn: how-to-troubleshoot-batch-endpoints).
func notSupported(input Input) validation.Violation {
	attempted := map[string]any{"JobInputType": input.Kind}
	if input.Kind == Literal {
		attempted["Value"] = input.Value
	} else {
		attempted["Uri"] = input.URI
	}
	return validation.Violation{
		PropertyName:   "InputData.Values[0]",
		ErrorMessage:   "The specified job input type '" + input.Kind + "JobInput' is not supported. The supported types are: UriFileJobInput, UriFolderJobInput.",
		AttemptedValue: attempted, ErrorCode: "PredicateValidator",
	}
}

// armKinds are the kinds in the spelling of ARM.
var armKinds = map[string]string{
	UriFile: "uri_file", UriFolder: "uri_folder", MLTable: "mltable",
	CustomModel: "custom_model", MLFlowModel: "mlflow_model", TritonModel: "triton_model",
}

// job is a job and the invocation that started it.
type job struct {
	record
	deployment string // name
	display    string
	experiment string
	created    time.Time
	location   string // of the workspace
	host       string // of the workspace data plane
	studio     string // how links to the studio begin
	caller     Caller
	kind       string  // commandStep or pipelineStep; empty for a model deployment's job
	input      Input   // of a model deployment's job
	output     *Output // its chosen place, nil for the default
	settings   settings
	invocation Invocation // empty for a job that ARM made
}

// record is what ending a job needs, also after a restart.
type record struct {
	workspace, name         string
	endpoint                string // empty for a job that ARM made
	child                   string // the step batchscoring; empty for other jobs
	workspaceGUID, location string
}

// chooseOutput sets the output of a model deployment's job. The URI of a UriFile names the file,
// whatever the deployment says (seen in azure-sdk-for-python recording test_batch_invoke_outputs,
// 2023).
func (j *job) chooseOutput() {
	for _, output := range j.invocation.Outputs {
		j.output = &output
		if output.Kind == UriFile {
			j.settings.outputFileName = output.URI[strings.LastIndexByte(output.URI, '/')+1:]
		}
	}
}

// scoreURI is the predictions file of a model deployment's job, and scoreFolder its folder, with a
// slash at the end.
func (j *job) scoreURI() string { return j.scoreFolder() + j.settings.outputFileName }

func (j *job) scoreFolder() string {
	if j.output == nil {
		return "azureml://datastores/" + defaultStore + "/paths/azureml/" + j.child + "/" + outputName + "/"
	}
	return j.output.URI[:strings.LastIndexByte(j.output.URI, '/')+1]
}
