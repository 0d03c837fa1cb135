package arm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// condaJSON turns a conda file, YAML or JSON, into the form that the service answers: JSON indented
// by two spaces, with the members in their original order. Empty stays empty.
//
// Not evidenced: that JSON is formatted anew as well. JSON is YAML too.
func condaJSON(text string) (string, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	if strings.TrimSpace(text) == "" {
		return "", nil
	}
	var value any
	if err := yaml.UnmarshalWithOptions([]byte(text), &value, yaml.UseOrderedMap()); err != nil {
		return "", fmt.Errorf("%s", yaml.FormatError(err, false, false))
	}
	if _, isObject := value.(yaml.MapSlice); !isObject {
		return "", fmt.Errorf("expected an object, found %T", value)
	}
	var compact, pretty bytes.Buffer
	if err := writeOrdered(&compact, value); err != nil {
		return "", err
	}
	if err := json.Indent(&pretty, compact.Bytes(), "", "  "); err != nil {
		return "", err
	}
	return pretty.String(), nil
}

// writeOrdered writes a decoded YAML value as JSON and keeps the order of members.
func writeOrdered(into *bytes.Buffer, value any) error {
	switch value := value.(type) {
	case yaml.MapSlice:
		into.WriteByte('{')
		for i, item := range value {
			if i > 0 {
				into.WriteByte(',')
			}
			into.Write(encodeJSON(fmt.Sprint(item.Key)))
			into.WriteByte(':')
			if err := writeOrdered(into, item.Value); err != nil {
				return err
			}
		}
		into.WriteByte('}')
	case []any:
		into.WriteByte('[')
		for i, item := range value {
			if i > 0 {
				into.WriteByte(',')
			}
			if err := writeOrdered(into, item); err != nil {
				return err
			}
		}
		into.WriteByte(']')
	default:
		text, err := marshalJSON(value)
		if err != nil {
			return err // a number that JSON does not have, such as .inf
		}
		into.Write(text)
	}
	return nil
}
