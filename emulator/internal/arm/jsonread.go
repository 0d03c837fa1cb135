package arm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// readJSON decodes a request body as forgivingly as the service: a byte order
// mark and trailing commas are taken (Microsoft's REST sample for batch scoring
// sends them). Empty text and null are no body.
func readJSON(raw []byte) (store.Document, error) {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(withoutTrailingCommas(raw)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("additional text after the JSON value")
	}
	switch value := value.(type) {
	case nil:
		return nil, nil
	case store.Document:
		return value, nil
	}
	return nil, fmt.Errorf("expected an object, found %T", value)
}

// withoutTrailingCommas returns raw less each comma that is followed by nothing
// but white space and a closing bracket. Commas in texts stay.
func withoutTrailingCommas(raw []byte) []byte {
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

// memberNames returns the names of the members of the object at path in the
// order in which they were sent, which decoded objects do not keep.
func memberNames(raw []byte, path ...string) []string {
	raw = withoutTrailingCommas(bytes.TrimPrefix(raw, []byte("\ufeff")))
	decoder := json.NewDecoder(bytes.NewReader(raw))
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
		if len(path) > 0 && foldName(name) == foldName(path[0]) {
			return memberNames(member, path[1:]...)
		}
		names = append(names, name)
	}
	if len(path) > 0 {
		return nil
	}
	return names
}

// decodeNumbers decodes JSON with numbers kept as they are written.
func decodeNumbers(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return decoder.Decode(into)
}
