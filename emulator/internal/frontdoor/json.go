package frontdoor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// object is a JSON object whose members are found without regard to case, and
// whose numbers may be written as texts: Microsoft's samples send both.
type object map[string]any

// readObject decodes JSON with trailing commas, which the service takes too
// (Microsoft's sample cli/batch-score-rest.sh sends one).
func readObject(raw []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(dropTrailingCommas(bytes.TrimPrefix(raw, []byte("\ufeff")))))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the body is empty")
		}
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the body goes on after its JSON")
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("the body is not a JSON object")
	}
	return members, nil
}

// dropTrailingCommas blanks every comma that is followed by nothing but white
// space and a closing bracket, outside of texts.
func dropTrailingCommas(raw []byte) []byte {
	out := bytes.Clone(raw)
	comma, quoted := -1, false
	for i := 0; i < len(out); i++ {
		switch b := out[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted, comma = !quoted, -1
		case quoted, b == ' ', b == '\t', b == '\r', b == '\n':
		case b == ',':
			comma = i
		case (b == '}' || b == ']') && comma >= 0:
			out[comma], comma = ' ', -1
		default:
			comma = -1
		}
	}
	return out
}

// member returns the value of a member, nil when it is absent or null.
func (o object) member(name string) any {
	if value, ok := o[name]; ok {
		return value
	}
	for key, value := range o {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return nil
}

// object returns a member that is an object, nil when it is absent.
func (o object) object(name string) (object, error) {
	switch value := o.member(name).(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return value, nil
	}
	return nil, fmt.Errorf("%s is not a JSON object", name)
}

// text returns a member that is a text, "" when it is absent. A number is taken
// as its digits.
func (o object) text(name string) (string, error) {
	switch value := o.member(name).(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	case json.Number:
		return value.String(), nil
	}
	return "", fmt.Errorf("%s is not a text", name)
}

// integer returns a member that is a whole number, nil when it is absent.
func (o object) integer(name string) (*int, error) {
	text, err := o.text(name)
	if err != nil {
		return nil, fmt.Errorf("%s is not a number", name)
	}
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%s is %q, not a whole number", name, text)
	}
	i := int(n)
	return &i, nil
}
