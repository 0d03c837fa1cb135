package arm

import (
	"encoding/json"
	"strconv"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// fill sets a member that is missing or null.
func fill(doc store.Document, name string, fallback any) {
	if doc[name] == nil {
		doc[name] = fallback
	}
}

// number is a JSON number for a document.
func number(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }

// orEmpty returns v, an empty object for null: tags and properties of most resources are never
// null.
func orEmpty(v any) any {
	if v == nil {
		return store.Document{}
	}
	return v
}
