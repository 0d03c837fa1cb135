package jobs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// literalKind is the kind of a value that is no data, in the spelling of ARM.
const literalKind = "literal"

// binding is what a node gives an input, or where it wants an output.
type binding struct {
	value
	parent string // an input or an output of the pipeline
	step   string // a step of the pipeline, whose output is output
	output string
}

// value is a literal or a place of data.
type value struct {
	kind    string // in the spelling of ARM; literal for a text
	text    string // of a literal
	uri     string // of data
	mode    string
	missing bool // an optional input without a value
}

func (v value) isLiteral() bool { return v.uri == "" }

// fits reports whether an invocation may give the value to an input of a kind. Not evidenced: what
// the service says of one that does not fit, and that it does not look at minimum and maximum.
func (v value) fits(kind string) bool {
	var err error
	switch {
	case kind == "": // a job that names none
	case isData(kind) || !v.isLiteral():
		return isData(kind) != v.isLiteral()
	case kind == "integer":
		_, err = strconv.ParseInt(v.text, 10, 64)
	case kind == "number":
		_, err = strconv.ParseFloat(v.text, 64)
	case kind == "boolean":
		_, err = strconv.ParseBool(strings.ToLower(v.text))
	}
	return err == nil
}

func (v value) String() string {
	if v.isLiteral() {
		return fmt.Sprintf("the text %q", v.text)
	}
	return "data"
}

var (
	parentBinding = regexp.MustCompile(`^\s*\$\{\{\s*parent\.(inputs|outputs)\.([\w-]+)\s*\}\}\s*$`)
	stepBinding   = regexp.MustCompile(`^\s*\$\{\{\s*parent\.jobs\.([\w-]+)\.outputs\.([\w-]+)\s*\}\}\s*$`)
)

// readBindings reads the inputs or the outputs of a node. The names of members have the spelling of
// components (job_input_type) or of ARM (jobInputType).
func readBindings(members store.Document) (map[string]binding, error) {
	bindings := map[string]binding{}
	for name, member := range members {
		b, err := readBinding(member)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		bindings[name] = b
	}
	return bindings, nil
}

func readBinding(member any) (binding, error) {
	object, isObject := member.(store.Document)
	if !isObject {
		return parseBinding(scalarText(member), value{kind: literalKind})
	}
	v := value{kind: kindOf(object), mode: store.Text(object, "mode")}
	text := scalarText(object["value"])
	for _, name := range []string{"uri", "path"} {
		if uri := store.Text(object, name); uri != "" {
			v.uri, text = uri, uri
		}
	}
	return parseBinding(text, v)
}

func parseBinding(text string, v value) (binding, error) {
	b := binding{value: v}
	if m := parentBinding.FindStringSubmatch(text); m != nil {
		b.parent, b.uri = m[2], ""
		return b, nil
	}
	if m := stepBinding.FindStringSubmatch(text); m != nil {
		b.step, b.output, b.uri = m[1], m[2], ""
		return b, nil
	}
	if strings.Contains(text, "${{parent.") {
		return b, fmt.Errorf("%s is neither ${{parent.inputs.NAME}} nor ${{parent.jobs.STEP.outputs.NAME}}", text)
	}
	if v.uri == "" {
		b.text = text
	}
	return b, nil
}

// kindOf reads the kind of an input or output in each of its spellings.
func kindOf(object store.Document) string {
	for _, name := range []string{"jobInputType", "job_input_type", "jobOutputType", "job_output_type", "type"} {
		if kind := store.Text(object, name); kind != "" {
			return armKind(kind)
		}
	}
	return ""
}

// armKind is a kind in the spelling of ARM: the batch data plane's UriFolder is uri_folder there.
func armKind(kind string) string {
	for batch, arm := range armKinds {
		if strings.EqualFold(kind, batch) {
			return arm
		}
	}
	return strings.ToLower(kind)
}

// scalarText is a value of JSON as text, in the spelling that components use: True and False.
func scalarText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return map[bool]string{false: "False", true: "True"}[v]
	}
	return ""
}

func texts(object store.Document) map[string]string {
	values := map[string]string{}
	for name, member := range object {
		values[name] = scalarText(member)
	}
	return values
}

// intOf reads a number, which may be written as text.
func intOf(v any, fallback int) int {
	if n, err := strconv.Atoi(strings.TrimSpace(scalarText(v))); err == nil {
		return n
	}
	return fallback
}

var (
	optionalPart = regexp.MustCompile(`(?s)\$\[\[(.*?)\]\]`)
	expression   = regexp.MustCompile(`\$\{\{\s*(inputs|outputs)\.([\w-]+)\s*\}\}`)
)

// render writes the values into a command: $[[…]] goes if an input in it has no value, and
// ${{inputs.x}} and ${{outputs.y}} become texts and paths. As in Azure nothing is quoted: the
// command does that itself.
func render(command string, inputs, outputs map[string]string) (string, error) {
	return substitute(dropOptional(command, inputs), inputs, outputs)
}

// dropOptional removes the optional parts whose inputs have no value.
func dropOptional(command string, inputs map[string]string) string {
	return optionalPart.ReplaceAllStringFunc(command, func(part string) string {
		for _, m := range expression.FindAllStringSubmatch(part, -1) {
			if _, given := inputs[m[2]]; m[1] == "inputs" && !given {
				return ""
			}
		}
		return part[len("$[[") : len(part)-len("]]")]
	})
}

func substitute(command string, inputs, outputs map[string]string) (string, error) {
	var unknown error
	if rest := expression.ReplaceAllString(command, ""); strings.Contains(rest, "${{") {
		unknown = fmt.Errorf("%.60s is neither ${{inputs.NAME}} nor ${{outputs.NAME}}", rest[strings.Index(rest, "${{"):])
	}
	text := expression.ReplaceAllStringFunc(command, func(found string) string {
		m := expression.FindStringSubmatch(found)
		values := map[string]map[string]string{"inputs": inputs, "outputs": outputs}[m[1]]
		v, known := values[m[2]]
		if !known && unknown == nil {
			unknown = fmt.Errorf("%s has no value", found)
		}
		return v
	})
	return text, unknown
}
