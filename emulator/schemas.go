package emulator

import (
	"fmt"
	"net/http"
)

// mltableSchema is a JSON schema of our own for MLTable files: what every one of them has.
const mltableSchema = `{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "required": ["paths"],
  "properties": {
    "paths": {
      "type": "array",
      "items": {
        "type": "object",
        "properties": {"file": {"type": "string"}, "folder": {"type": "string"}, "pattern": {"type": "string"}}
      }
    }
  }
}
`

// serveSchema answers for the host of public JSON schemas, without a sign-in. It has only the one
// that a client asks for by itself.
func serveSchema(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path != "/latest/MLTable.schema.json" {
		http.Error(w, "The azmlbatch emulator has no schema at "+req.URL.Path+".", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, mltableSchema)
}
