// Package loosejson reads JSON as forgivingly as Azure ML does: a byte order mark and trailing
// commas are taken (Microsoft's REST sample for batch scoring sends them), and numbers keep their
// digits.
package loosejson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrEmpty is the error of a text without any JSON.
var ErrEmpty = errors.New("the body is empty")

// Object decodes a JSON object; null gives nil. Text without any JSON is ErrEmpty; any other value
// is an error.
func Object(raw []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(withoutTrailingCommas(raw)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); errors.Is(err, io.EOF) {
		return nil, ErrEmpty
	} else if err != nil {
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the body has more than one JSON value")
	}
	switch value := value.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return value, nil
	}
	return nil, errors.New("the body is not a JSON object but " + kindOf(value))
}

// kindOf says what a decoded value that is no object is in JSON.
func kindOf(value any) string {
	switch value.(type) {
	case []any:
		return "an array"
	case string:
		return "text"
	case bool:
		return "true or false"
	}
	return "a number"
}

// MemberNames returns the names of the members of the object at path in the order in which they
// were sent, which decoded objects do not keep.
func MemberNames(raw []byte, path ...string) []string {
	decoder := json.NewDecoder(bytes.NewReader(withoutTrailingCommas(raw)))
	var names []string
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil
	}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil
		}
		name, _ := token.(string)
		var member json.RawMessage
		if decoder.Decode(&member) != nil {
			return nil
		}
		if len(path) > 0 && strings.EqualFold(name, path[0]) {
			return MemberNames(member, path[1:]...)
		}
		names = append(names, name)
	}
	if len(path) > 0 {
		return nil
	}
	return names
}

// withoutTrailingCommas returns raw without a byte order mark and without each comma that is
// followed by nothing but white space and a closing bracket. Commas in strings stay.
func withoutTrailingCommas(raw []byte) []byte {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	kept := make([]byte, 0, len(raw))
	inText, comma := false, -1 // comma is the place of one that nothing has followed yet
	for i := 0; i < len(raw); i++ {
		b := raw[i]
		if inText {
			kept = append(kept, b)
			if b == '\\' && i+1 < len(raw) {
				i++
				kept = append(kept, raw[i])
			}
			inText = b != '"'
			continue
		}
		switch b {
		case ' ', '\t', '\r', '\n':
		case ',':
			comma = len(kept)
		case '}', ']':
			if comma >= 0 {
				kept = append(kept[:comma], kept[comma+1:]...)
			}
			comma = -1
		default:
			inText, comma = b == '"', -1
		}
		kept = append(kept, b)
	}
	return kept
}
