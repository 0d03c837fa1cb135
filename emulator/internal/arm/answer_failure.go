package arm

import (
	"net/http"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
)

// failureOption adds a part to the error of a refusal.
type failureOption func(*failureParts)

type failureParts struct {
	details []any
	infos   []any
}

// withDetail adds an entry to error.details, where some services put the useful code.
func withDetail(code, message string) failureOption {
	return func(p *failureParts) {
		p.details = append(p.details, store.Document{
			"code": code, "message": message, "details": []any{}, "additionalInfo": []any{},
		})
	}
}

// withInner adds an InnerError to error.additionalInfo, where other services put the useful code.
// The codes go from general to specific.
func withInner(codes ...string) failureOption {
	var inner any
	for i := len(codes) - 1; i >= 0; i-- {
		inner = store.Document{"code": codes[i], "innerError": inner}
	}
	return withInfo("InnerError", inner)
}

// withInfo adds another entry to error.additionalInfo.
func withInfo(kind string, value any) failureOption {
	return func(p *failureParts) { p.infos = append(p.infos, additionalInfo(kind, value)) }
}

func additionalInfo(kind string, value any) store.Document {
	return store.Document{"type": kind, "info": store.Document{"value": value}}
}

// fail is a refusal by Azure ML, in ARM's envelope with the entries that the service adds to every
// error.
func (c *call) fail(status int, code, message string, options ...failureOption) answer {
	parts := failureParts{
		details: []any{},
		infos: []any{
			additionalInfo("ComponentName", "managementfrontend"),
			additionalInfo("Correlation", store.Document{"operation": hexID(32), "request": hexID(16)}),
			additionalInfo("Environment", c.region()),
			additionalInfo("Location", c.region()),
			additionalInfo("Time", store.TimeText(c.h.now())),
		},
	}
	for _, option := range options {
		option(&parts)
	}
	a := withStatus(status, store.Document{"error": store.Document{
		"code": code, "message": message, "details": parts.details, "additionalInfo": parts.infos,
	}})
	a.failed = true
	return a
}

// notFound is the answer of most kinds for a missing resource.
func (c *call) notFound(message string, inner ...string) answer {
	return c.fail(http.StatusNotFound, "UserError", message, withInner(inner...))
}

// internal reports a fault of the emulator itself. The text may name documents, never their
// secrets.
func (c *call) internal(err error) answer {
	return c.fail(http.StatusInternalServerError, "SystemError", err.Error())
}

// gatewayFailure is a refusal by ARM itself: code and message only.
func gatewayFailure(status int, code, message string) answer {
	a := withStatus(status, store.Document{"error": store.Document{"code": code, "message": message}})
	a.gateway, a.failed = true, true
	return a
}

// invalid refuses a request for a resource ("Endpoint", "Deployment") and lists what is wrong with
// it.
func (c *call) invalid(noun string, violations []validation.Violation) answer {
	return c.fail(http.StatusBadRequest, "UserError", validation.Message(noun, violations),
		withInner("BadArgument", "ArgumentInvalid", "InvalidInputArguments"))
}
