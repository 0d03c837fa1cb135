package azmlbatch

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// Sentinels for the most common failures. Test for them with [errors.Is]. The details are in
// [*Error].
var (
	// ErrNotFound says that the resource does not exist (status 404). The service puts its own
	// code for "not found" in at least four places, so test for this sentinel and not for a code.
	ErrNotFound = errors.New("not found")
	// ErrWorkspaceNotFound says that the workspace, its resource group or its subscription does not
	// exist, which tells nothing of the resource that was asked for. It is [ErrNotFound] as well.
	ErrWorkspaceNotFound = errors.New("workspace not found")
	// ErrConflict says that the request contradicts the state of the resource (status 409 or 412).
	ErrConflict = errors.New("conflict")
	// ErrUnauthorized says that the token was missing, expired or meant for another audience
	// (status 401).
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden says that the caller lacks a role, or that a network rule or key policy refuses
	// it (status 403).
	ErrForbidden = errors.New("forbidden")
	// ErrThrottled says that the service still asked for fewer requests after the last try (status
	// 429).
	ErrThrottled = errors.New("throttled")
	// ErrReadOnly says that the client was made with [ClientOptions].ReadOnly and the call would
	// have written. Nothing was sent.
	ErrReadOnly = errors.New("client is read-only")
)

// An Error is an answer of the service that is not a success, or a request without an answer. Its
// text is one line. It never contains a query string, a token, a signature or the body of the
// answer. [errors.As] with *[azcore.ResponseError] gives the whole answer.
type Error struct {
	// Operation is what was tried, for example `get endpoint "digits"`. In a call of several requests
	// it is the one that failed; the text of the call's error has the call before it, as in `invoke
	// endpoint "digits": get deployment "digits/blue": 404 …`.
	Operation string
	// StatusCode is the HTTP status of the answer. It is 0 when no answer arrived, and when this
	// package found the failure itself, such as a list without the item; then Err has the sentinel.
	StatusCode int
	// Codes are the service's codes from the outermost to the innermost. The innermost one says
	// most: the outer code of almost every Azure ML error is "UserError". Empty when the body had
	// none (a proxy's page, no body at all).
	Codes []string
	// Message is the service's own text, on one line. Empty when the body had none.
	Message string
	// RequestID identifies the request in a support case. Empty when the answer had none.
	RequestID string
	// Remedy says what the caller can do. Empty when this package knows no better than Message.
	Remedy string
	// Err is the cause: *[azcore.ResponseError] when an answer arrived, else the transport's error.
	Err error
}

// Code is the innermost of Codes, or "" when there is none.
func (e *Error) Code() string {
	if len(e.Codes) == 0 {
		return ""
	}
	return e.Codes[len(e.Codes)-1]
}

// Error returns operation, status, code, message, request id and remedy on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(prefix)
	b.WriteString(e.Operation)
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, ": %d %s", e.StatusCode, cmp.Or(e.Code(), http.StatusText(e.StatusCode)))
	}
	switch {
	case e.Message != "":
		b.WriteString(": " + e.Message)
	case e.StatusCode == 0 && e.Err != nil:
		b.WriteString(": " + shown(e.Err))
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", e.RequestID)
	}
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the sentinel that belongs to the status.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.StatusCode == http.StatusNotFound
	case ErrWorkspaceNotFound:
		return e.StatusCode == http.StatusNotFound &&
			(HasCode(e, "SubscriptionNotFound", "ResourceGroupNotFound", "WorkspaceNotFound") || workspaceMissing.MatchString(e.Message))
	case ErrConflict:
		return e.StatusCode == http.StatusConflict || e.StatusCode == http.StatusPreconditionFailed
	case ErrUnauthorized:
		return e.StatusCode == http.StatusUnauthorized
	case ErrForbidden:
		return e.StatusCode == http.StatusForbidden
	case ErrThrottled:
		return e.StatusCode == http.StatusTooManyRequests
	}
	return false
}

// HasCode reports whether err carries one of the service's codes at any depth, without regard to
// case. It looks into [*Error], which all calls of this package return, and into a bare
// *[azcore.ResponseError] of another package.
func HasCode(err error, codes ...string) bool {
	var own *Error
	var resp *azcore.ResponseError
	var have []string
	switch {
	case errors.As(err, &own):
		have = own.Codes
	case errors.As(err, &resp):
		have = []string{resp.ErrorCode}
	}
	return slices.ContainsFunc(have, func(h string) bool {
		return slices.ContainsFunc(codes, func(c string) bool { return strings.EqualFold(h, c) })
	})
}

// operation says what a request is for, in errors and logs: get endpoint "digits".
type operation struct{ verb, kind, name string }

func (o operation) String() string {
	if o.name == "" {
		return o.verb + " " + o.kind
	}
	return fmt.Sprintf("%s %s %q", o.verb, o.kind, redact(o.name)) // a signed URL may have been given for a name
}

// found is a failure that this package found itself, with the sentinel or cause that it stands for.
func (o operation) found(cause error, message, remedy string) *Error {
	return &Error{Operation: o.String(), Message: message, Remedy: remedy, Err: cause}
}

// prefix is how the text of every error of this package begins.
const prefix = "azmlbatch: "

// bare is the text of an error that goes into the text of another.
func bare(err error) string { return strings.TrimPrefix(shown(err), prefix) }

// stepError is the failure of a step, with the operation that it was a step of.
type stepError struct {
	op  operation
	err error
}

func (e *stepError) Error() string { return prefix + e.op.String() + ": " + bare(e.err) }

func (e *stepError) Unwrap() error { return e.err }

// alsoError is an error whose text includes an earlier error. It unwraps to the later one only: the
// 404 of an earlier step must not make it ErrNotFound.
type alsoError struct {
	err, before error
	words       string // that lead to the earlier one
}

func (e *alsoError) Error() string { return fmt.Sprintf("%v (%s: %s)", e.err, e.words, bare(e.before)) }

func (e *alsoError) Unwrap() error { return e.err }

// rawResponse is the HTTP answer inside err, or nil.
func rawResponse(err error) *http.Response {
	var resp *azcore.ResponseError
	if errors.As(err, &resp) {
		return resp.RawResponse
	}
	return nil
}

// An ArgumentError is a mistake in the arguments of a call. It is found before anything is sent.
type ArgumentError struct {
	// Operation is what was tried, for example `create endpoint "a b"`.
	Operation string
	// Argument names the parameter or field, for example "Name" or "Deployment.Compute".
	Argument string
	// Problem says what is wrong with the value.
	Problem string
	// Remedy says what would be accepted. May be empty.
	Remedy string
	// Err is the cause, for example an error of the file system; nil when the value itself is the
	// mistake.
	Err error
}

// Error returns operation, argument, problem and remedy on one line.
func (e *ArgumentError) Error() string {
	s := e.Operation + ": " + e.Argument + ": " + e.Problem
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return prefix + oneLine(redact(s)) // a value that was given in the wrong place may be a signed URL or a key
}

// Unwrap returns the cause, which may be nil.
func (e *ArgumentError) Unwrap() error { return e.Err }

// invalid is the one place where an [ArgumentError] is made.
func (o operation) invalid(argument, problem, remedy string) *ArgumentError {
	return &ArgumentError{Operation: o.String(), Argument: redact(argument), Problem: redact(problem), Remedy: redact(remedy)}
}

func (e *ArgumentError) causedBy(err error) *ArgumentError {
	e.Err = err
	return e
}

// An AmbiguousInvokeError says that an invocation was sent, its answer was lost, and its job cannot
// be found. The job may have been started. Nothing was sent a second time.
//
// Invoke again with the same Key: it returns the job if there is one by then. Invoking with another
// key may start the work twice. Without an Output the job cannot be recognized: look at
// the endpoint's jobs first.
type AmbiguousInvokeError struct {
	// Endpoint that was invoked.
	Endpoint string
	// Key of the invocation, the caller's or a fresh one.
	Key string
	// Output is the place by which the job was looked for. Empty for an invocation without one,
	// such as that of a pipeline component without outputs.
	Output string
	// Lookup is why the last search failed. Nil when the search worked and found nothing.
	Lookup error
	// Err is what came instead of an answer.
	Err error
}

// Error names the endpoint, the key and the remedy on one line.
func (e *AmbiguousInvokeError) Error() string {
	search := fmt.Sprintf("no job with key %q is listed", e.Key)
	if e.Lookup != nil {
		search = fmt.Sprintf("the search for a job with key %q failed (%s)", e.Key, bare(e.Lookup))
	}
	remedy := "invoke again with the same key"
	if e.Output == "" { // then nothing was searched for, and a key does not help
		search, remedy = "the job has no output to find it by", "look at the endpoint's jobs before invoking again"
	}
	return prefix + fmt.Sprintf("invoke endpoint %q: the answer was lost and %s; "+
		"it may have started: %s (%s)", e.Endpoint, search, remedy, bare(e.Err))
}

// Unwrap returns what came instead of an answer.
func (e *AmbiguousInvokeError) Unwrap() error { return e.Err }
