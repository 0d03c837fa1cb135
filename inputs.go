package azmlbatch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// DataMode says how a job reaches the data of an input or output.
type DataMode string

// The delivery modes that the service documents. Empty means the service's default: ModeReadOnlyMount for inputs,
// ModeReadWriteMount for outputs.
const (
	// ModeReadOnlyMount mounts the data; files are fetched as they are read.
	ModeReadOnlyMount DataMode = "ReadOnlyMount"
	// ModeReadWriteMount mounts an output; files are sent as they are written.
	ModeReadWriteMount DataMode = "ReadWriteMount"
	// ModeDownload copies an input to the node before the work begins.
	ModeDownload DataMode = "Download"
	// ModeUpload copies an output from the node when the work has ended.
	ModeUpload DataMode = "Upload"
	// ModeDirect passes the URI as it is; the code reads it by itself.
	ModeDirect DataMode = "Direct"
	// ModeEvalMount evaluates an MLTable and mounts what it names.
	ModeEvalMount DataMode = "EvalMount"
	// ModeEvalDownload evaluates an MLTable and copies what it names to the node.
	ModeEvalDownload DataMode = "EvalDownload"
)

// An Input is one named input of a job: [URIFolder], [URIFile], [MLTable], [CustomModel], [MLFlowModel], [TritonModel],
// [Literal], [LocalPath] or [UnknownData]. A model deployment takes exactly one, a folder or file, and ignores its name.
type Input interface{ inputKind() dataKind }

// An Output is one named output of a job: [URIFolder], [URIFile], [MLTable], [CustomModel], [MLFlowModel], [TritonModel]
// or [UnknownData]. A model deployment takes at most one, a [URIFile] that names the predictions file on a blob datastore
// and does not exist yet; the service calls it "score" whatever its name.
type Output interface{ outputKind() dataKind }

// URIFolder is a folder of files. Of an input, only the files directly in it are scored; sub-folders are not explored.
type URIFolder struct {
	// URI is an https URL of blob storage, a datastore path (azureml://datastores/D/paths/P) or a registered data asset
	// (its ARM id, azureml:NAME:VERSION, or azureml:NAME@latest).
	URI string `wire:"uri"`
	// Mode is how the job reaches the data; empty means the service's default.
	Mode DataMode `wire:"mode"`
	// Description is free text.
	Description string `wire:"description"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// URIFile is one file; its fields are those of [URIFolder].
type URIFile URIFolder

// MLTable is an mltable asset. Pipeline-component deployments take it; model deployments do not.
type MLTable URIFolder

// CustomModel is a model of no particular format, for pipeline-component deployments.
type CustomModel URIFolder

// MLFlowModel is a model in MLflow's format, for pipeline-component deployments.
type MLFlowModel URIFolder

// TritonModel is a model in Triton's format, for pipeline-component deployments.
type TritonModel URIFolder

// Literal is a plain value, for pipeline-component deployments only.
type Literal struct {
	// Value is a string, number or boolean. The service's description says text, and what is read back is text as a rule; a
	// number that is read is a float64, or a [json.Number] when it is an integer with more digits than a float64 keeps.
	Value any
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// LocalPath is a local file or folder. [EndpointsClient.Invoke] uploads it to the default datastore first, reusing equal
// content that is there already, and sends the place as [URIFile] or [URIFolder]. It is an input only.
type LocalPath struct {
	// Path of the file or folder. A folder must have at least one file directly in it.
	Path string
	// Options tune the upload; nil means the defaults.
	Options *UploadOptions
}

// UnknownData is an input or output of a kind that is newer than this package. It is sent back exactly as received.
type UnknownData struct {
	// Type is the kind as the service spelt it.
	Type string
	// Raw is the whole JSON object.
	Raw json.RawMessage
}

// dataKind carries both spellings of one kind: the batch data plane writes PascalCase, ARM's job API snake case.
type dataKind struct{ batch, arm string }

var (
	kindURIFolder   = dataKind{"UriFolder", "uri_folder"}
	kindURIFile     = dataKind{"UriFile", "uri_file"}
	kindMLTable     = dataKind{"MLTable", "mltable"}
	kindCustomModel = dataKind{"CustomModel", "custom_model"}
	kindMLFlowModel = dataKind{"MLFlowModel", "mlflow_model"}
	kindTritonModel = dataKind{"TritonModel", "triton_model"}
	kindLiteral     = dataKind{"Literal", "literal"}
	kindLocal       = dataKind{}
)

func (URIFolder) inputKind() dataKind     { return kindURIFolder }
func (URIFile) inputKind() dataKind       { return kindURIFile }
func (MLTable) inputKind() dataKind       { return kindMLTable }
func (CustomModel) inputKind() dataKind   { return kindCustomModel }
func (MLFlowModel) inputKind() dataKind   { return kindMLFlowModel }
func (TritonModel) inputKind() dataKind   { return kindTritonModel }
func (Literal) inputKind() dataKind       { return kindLiteral }
func (LocalPath) inputKind() dataKind     { return kindLocal }
func (u UnknownData) inputKind() dataKind { return dataKind{u.Type, u.Type} }

func (URIFolder) outputKind() dataKind     { return kindURIFolder }
func (URIFile) outputKind() dataKind       { return kindURIFile }
func (MLTable) outputKind() dataKind       { return kindMLTable }
func (CustomModel) outputKind() dataKind   { return kindCustomModel }
func (MLFlowModel) outputKind() dataKind   { return kindMLFlowModel }
func (TritonModel) outputKind() dataKind   { return kindTritonModel }
func (u UnknownData) outputKind() dataKind { return dataKind{u.Type, u.Type} }

// Inputs are the named inputs of an invocation or batch job, in the spelling of the batch data plane.
type Inputs map[string]Input

// Outputs are the named outputs of an invocation or batch job, in the spelling of the batch data plane.
type Outputs map[string]Output

// JobInputs are the inputs of a [Job], in the spelling of ARM.
type JobInputs map[string]Input

// JobOutputs are the outputs of a [Job], in the spelling of ARM.
type JobOutputs map[string]Output

const (
	inputDiscriminator  = "jobInputType"
	outputDiscriminator = "jobOutputType"
)

// UnmarshalJSON implements [json.Unmarshaler].
func (m *Inputs) UnmarshalJSON(b []byte) error { return decodeData(b, inputDiscriminator, m) }

// MarshalJSON implements [json.Marshaler].
func (m Inputs) MarshalJSON() ([]byte, error) {
	return encodeData(m, inputDiscriminator, func(i Input) string { return i.inputKind().batch })
}

// UnmarshalJSON implements [json.Unmarshaler].
func (m *Outputs) UnmarshalJSON(b []byte) error { return decodeData(b, outputDiscriminator, m) }

// MarshalJSON implements [json.Marshaler].
func (m Outputs) MarshalJSON() ([]byte, error) {
	return encodeData(m, outputDiscriminator, func(o Output) string { return o.outputKind().batch })
}

// UnmarshalJSON implements [json.Unmarshaler].
func (m *JobInputs) UnmarshalJSON(b []byte) error { return decodeData(b, inputDiscriminator, m) }

// MarshalJSON implements [json.Marshaler].
func (m JobInputs) MarshalJSON() ([]byte, error) {
	return encodeData(m, inputDiscriminator, func(i Input) string { return i.inputKind().arm })
}

// UnmarshalJSON implements [json.Unmarshaler].
func (m *JobOutputs) UnmarshalJSON(b []byte) error { return decodeData(b, outputDiscriminator, m) }

// MarshalJSON implements [json.Marshaler].
func (m JobOutputs) MarshalJSON() ([]byte, error) {
	return encodeData(m, outputDiscriminator, func(o Output) string { return o.outputKind().arm })
}

// decodeData reads a map of inputs or outputs. M's element is Input or Output, both of which every kind but two satisfies.
func decodeData[M ~map[string]E, E any](b []byte, discriminator string, into *M) error {
	if wire.IsNull(b) {
		return nil
	}
	m := M{}
	err := wire.EachMember(b, func(name string, raw []byte) error {
		v, err := decodeDatum(raw, discriminator)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		e, ok := v.(E)
		if !ok { // a Literal among outputs: no such kind is known
			kind, _ := wire.Discriminate(raw, discriminator)
			e, _ = any(UnknownData{Type: kind, Raw: json.RawMessage(string(raw))}).(E)
		}
		m[name] = e
		return nil
	})
	if err == nil {
		*into = m
	}
	return err
}

func decodeDatum(raw []byte, discriminator string) (any, error) {
	kind, err := wire.Discriminate(raw, discriminator)
	if err != nil {
		return nil, err
	}
	unknown := UnknownData{Type: kind, Raw: json.RawMessage(string(raw))}
	var f URIFolder
	if kind != "" {
		if err := wire.Decode(raw, &f); err != nil {
			return nil, err
		}
		dropDiscriminator(f.Extra, discriminator)
		if len(f.Extra) == 0 {
			f.Extra = nil
		}
	}
	switch strings.ReplaceAll(strings.ToLower(kind), "_", "") {
	case "urifolder":
		return f, nil
	case "urifile":
		return URIFile(f), nil
	case "mltable":
		return MLTable(f), nil
	case "custommodel":
		return CustomModel(f), nil
	case "mlflowmodel":
		return MLFlowModel(f), nil
	case "tritonmodel":
		return TritonModel(f), nil
	case "literal":
		return decodeLiteral(raw, discriminator)
	}
	return unknown, nil
}

func decodeLiteral(raw []byte, discriminator string) (any, error) {
	var l Literal
	err := wire.EachMember(raw, func(name string, value []byte) error {
		switch {
		case strings.EqualFold(name, discriminator):
		case strings.EqualFold(name, "value"):
			err := json.Unmarshal(value, &l.Value)
			if f, ok := l.Value.(float64); ok && !bytes.ContainsAny(value, ".eE") && strconv.FormatFloat(f, 'f', -1, 64) != string(value) {
				l.Value = json.Number(value)
			}
			return err
		case !wire.IsNull(value):
			if l.Extra == nil {
				l.Extra = map[string]json.RawMessage{}
			}
			l.Extra["/"+wire.EscapePointer(name)] = json.RawMessage(string(value))
		}
		return nil
	})
	return l, err
}

func dropDiscriminator(extra map[string]json.RawMessage, discriminator string) {
	for key := range extra {
		if strings.EqualFold(key, "/"+discriminator) {
			delete(extra, key)
		}
	}
}

func encodeData[E any](m map[string]E, discriminator string, kindOf func(E) string) ([]byte, error) {
	if m == nil {
		return []byte("null"), nil
	}
	out := []byte{'{'}
	for _, name := range sortedKeys(m) {
		v := wire.Indirect(any(m[name]))
		e, ok := v.(E)
		if !ok {
			return nil, fmt.Errorf("%s: is nil", name)
		}
		b, err := encodeDatum(v, discriminator, kindOf(e))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(append(wire.AppendName(out, name), b...), ',')
	}
	if len(m) > 0 {
		out = out[:len(out)-1]
	}
	return append(out, '}'), nil
}

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

func encodeDatum(v any, discriminator, kind string) ([]byte, error) {
	if u, ok := v.(UnknownData); ok {
		return u.Raw, nil
	}
	if l, ok := v.(Literal); ok {
		b, err := json.Marshal(l.Value)
		if err != nil {
			return nil, err
		}
		return wire.EncodeTagged(struct {
			Value json.RawMessage `wire:"value"`
			Extra map[string]json.RawMessage
		}{b, l.Extra}, discriminator, kind)
	}
	if _, ok := v.(LocalPath); ok {
		return nil, fmt.Errorf("a LocalPath is uploaded by Invoke and has no JSON form")
	}
	return wire.EncodeTagged(v, discriminator, kind)
}
