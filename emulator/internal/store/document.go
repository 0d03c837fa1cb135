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

// normalize returns a deep copy of doc in the form that Document promises, whatever Go values the
// caller put into it (ints, string maps, structs).
func normalize(doc Document) (Document, error) {
	c := make(Document, len(doc))
	for name, member := range doc {
		normal, err := normalizeValue(member)
		if err != nil {
			return nil, err
		}
		c[name] = normal
	}
	return c, nil
}

func normalizeValue(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, json.Number:
		return v, nil
	case Document:
		if v == nil {
			return nil, nil
		}
		return normalize(v)
	case []any:
		if v == nil {
			return nil, nil
		}
		c := make([]any, len(v))
		for i, item := range v {
			normal, err := normalizeValue(item)
			if err != nil {
				return nil, err
			}
			c[i] = normal
		}
		return c, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var normal any
	err = Decode(text, &normal)
	return normal, err
}

// Decode reads JSON into a document or any other value. Numbers keep their digits.
func Decode(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}
