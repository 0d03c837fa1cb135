package store

import (
	"bytes"
	"encoding/json"
)

// Copy returns a deep copy of a document: its objects and arrays may be changed freely.
func Copy(doc Document) Document { return CopyValue(doc).(Document) }

// CopyValue is Copy for one value of a document.
func CopyValue(v any) any {
	switch v := v.(type) {
	case Document:
		c := make(Document, len(v))
		for name, member := range v {
			c[name] = CopyValue(member)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, item := range v {
			c[i] = CopyValue(item)
		}
		return c
	}
	return v // immutable: text, numbers, booleans, null
}

// Decode reads JSON into a document or any other value. Numbers keep their digits.
func Decode(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}
