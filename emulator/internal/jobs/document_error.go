package jobs

import (
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// FailedCall is a refusal in the form of the data plane's services.
type FailedCall struct {
	// Code is UserError for a mistake of the caller, ServiceError for a fault of the service.
	Code string
	// Message is the text for people.
	Message string
	// Inner are the codes of innerError, the outermost first. Without any it is null.
	Inner []string
	// Status is the HTTP status, which the body repeats.
	Status int
	// Region is the region of the host.
	Region string
	// Component is the name of the refusing service.
	Component string
	// Time is the time of the refusal.
	Time time.Time
}

// FailureDocument is the body of a refusal. Correlation, time and place stand beside the error, not
// inside it as in ARM's form (seen in azure-sdk-for-python issue 31166 and in a refusal of a
// registry's discovery, 2026).
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

// errorEnvelope is an error in the form of the data plane's services, with most members null. The
// caller adds the members beside it.
func errorEnvelope(code, message string) store.Document {
	return store.Document{"error": store.Document{
		"code": code, "severity": nil, "message": message, "messageFormat": nil, "messageParameters": store.Document{},
		"referenceCode": nil, "detailsUri": nil, "target": nil, "details": []any{}, "innerError": nil, "debugInfo": nil, "additionalInfo": nil,
	}}
}
