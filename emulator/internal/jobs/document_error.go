package jobs

import (
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// FailedCall is a refusal in the form of the data plane's services.
type FailedCall struct {
	// Code is UserError for the caller's mistakes, ServiceError for our own.
	Code string
	// Message is what a client shows.
	Message string
	// Inner are the codes of innerError, the outermost first; none is null.
	Inner []string
	// Status is the HTTP status, which the body repeats.
	Status int
	// Region is the region of the host.
	Region string
	// Component is the service that refuses.
	Component string
	// Time is when it does.
	Time time.Time
}

// FailureDocument is the body of a refusal: unlike in ARM's form, what stands around an error
// stands beside it (seen in azure-sdk-for-python issue 31166 and in a refusal of a registry's
// discovery, 2026).
func FailureDocument(f FailedCall) store.Document {
	document := errorEnvelope(f.Code, f.Message)
	var inner any
	for i := len(f.Inner) - 1; i >= 0; i-- {
		inner = store.Document{"code": f.Inner[i], "innerError": inner}
	}
	store.Object(document, "error")["innerError"] = inner
	id := compactID(f.Message + f.Time.String())
	document["correlation"] = store.Document{"operation": id, "request": id[:16]}
	document["environment"] = f.Region
	document["location"] = f.Region
	document["time"] = store.TimeText(f.Time)
	document["componentName"] = f.Component
	document["statusCode"] = f.Status
	return document
}

// errorEnvelope is an error in the form of the data plane's services, with most of its members
// null. Callers add the members that stand beside it.
func errorEnvelope(code, message string) store.Document {
	return store.Document{"error": store.Document{
		"code": code, "severity": nil, "message": message, "messageFormat": nil, "messageParameters": store.Document{},
		"referenceCode": nil, "detailsUri": nil, "target": nil, "details": []any{}, "innerError": nil, "debugInfo": nil, "additionalInfo": nil,
	}}
}
