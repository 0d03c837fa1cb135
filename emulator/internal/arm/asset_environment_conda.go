package arm

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"go.yaml.in/yaml/v4"
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
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return "", err
	}
	if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
		return "", errors.New("an object was expected")
	}
	var compact, pretty bytes.Buffer
	if err := writeOrdered(&compact, document.Content[0], 0); err != nil {
		return "", err
	}
	if err := json.Indent(&pretty, compact.Bytes(), "", "  "); err != nil {
		return "", err
	}
	return pretty.String(), nil
}

// Aliases can stand within their own anchors, and can double with each line. These bound how deep a
// conda file may be nested, and how many bytes of JSON may come of it.
const (
	maxCondaDepth = 100
	maxCondaBytes = 1 << 20
)

// writeOrdered writes a YAML value as JSON and keeps the order of members.
func writeOrdered(into *bytes.Buffer, node *yaml.Node, depth int) error {
	if depth > maxCondaDepth || into.Len() > maxCondaBytes {
		return errors.New("it is too deep or too long")
	}
	switch node.Kind {
	case yaml.AliasNode:
		return writeOrdered(into, node.Alias, depth+1)
	case yaml.MappingNode:
		into.WriteByte('{')
		for i := 0; i+1 < len(node.Content); i += 2 {
			if i > 0 {
				into.WriteByte(',')
			}
			into.Write(encodeJSON(node.Content[i].Value))
			into.WriteByte(':')
			if err := writeOrdered(into, node.Content[i+1], depth+1); err != nil {
				return err
			}
		}
		into.WriteByte('}')
	case yaml.SequenceNode:
		into.WriteByte('[')
		for i, item := range node.Content {
			if i > 0 {
				into.WriteByte(',')
			}
			if err := writeOrdered(into, item, depth+1); err != nil {
				return err
			}
		}
		into.WriteByte(']')
	default:
		var value any
		if err := node.Decode(&value); err != nil {
			return err
		}
		text, err := marshalJSON(value)
		if err != nil {
			return err // a number that JSON does not have, such as .inf
		}
		into.Write(text)
	}
	return nil
}
