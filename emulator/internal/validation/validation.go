// Package validation words the refusal of a request that breaks the service's rules.
package validation

import "encoding/json"

// A Violation is one entry of the list of validation errors that the service writes, as JSON text,
// into the message of a refusal (azure-sdk-for-python recording test_batch_component, 2023).
type Violation struct {
	PropertyName   string
	ErrorMessage   string
	AttemptedValue any `json:",omitempty"`
	ErrorCode      string
}

// Message lists all violations of a request. noun is the kind of resource: "Endpoint", "Deployment"
// or "Job".
func Message(noun string, violations []Violation) string {
	list, err := json.MarshalIndent(violations, "", "  ")
	if err != nil {
		panic(err) // attempted values are decoded JSON
	}
	return "The " + noun + " request provided has the following validation errors. Please resolve them and try again.\nErrors:\n" +
		string(list) + "\n"
}
