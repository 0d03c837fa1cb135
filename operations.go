package azmlbatch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// operationHandler follows an operation of the management plane. Recordings show:
// Azure-AsyncOperation is polled for a status and the resource is read at the end; a cancel has a
// Location only, which is polled by HTTP status and renewed by each answer; a delete's Location
// answers 404 after success and is never read. Whatever is polled, a word in the body beats the
// HTTP status, because an operation can fail with a 200 (msrestazure-for-python issue 157).
type operationHandler[T any] struct {
	client   *Client
	state    resumeToken
	wordless bool // only the HTTP status said that it succeeded
}

// beginOperation sends the first request of an operation and returns its poller. What was put or
// patched is read at the end.
func beginOperation[T any](ctx context.Context, c *Client, r request) (*Poller[T], error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	h := &operationHandler[T]{client: c, state: resumeToken{Version: resumeTokenVersion,
		Result: reflect.TypeFor[T]().Name(), Verb: r.op.verb, Kind: r.op.kind, Name: r.op.name}}
	if r.method == http.MethodPut || r.method == http.MethodPatch {
		h.state.Final = r.url
	}
	p := newPoller(c, r.op, h, operationSchedule)
	async, location := resp.Header.Get("Azure-AsyncOperation"), resp.Header.Get("Location")
	switch {
	case async != "":
		h.state.Poll, h.state.ByStatus = async, r.op.verb == "cancel"
	case location != "" && resp.StatusCode == http.StatusAccepted:
		h.state.Poll, h.state.ByStatus = location, true
	default:
		if err := h.readFirst(p, resp); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// readFirst reads a first answer whose headers name nothing to poll. It names that itself, or it is
// the result.
func (h *operationHandler[T]) readFirst(p *Poller[T], resp *http.Response) error {
	var first T
	if err := decodeBody(p.op, resp, &first); err != nil && resp.StatusCode != http.StatusAccepted {
		return err
	}
	var said operationAnswer
	_ = decodeBody(p.op, resp, &said) // it has been decoded before
	switch {
	case said.OperationURI != "" && said.ProvisioningState != string(ProvisioningStateSucceeded):
		h.state.Poll = said.OperationURI // of older answers, which go on naming an operation that ended long ago
	case h.state.Final != "" && said.ProvisioningState != "" && !isTerminal(said.ProvisioningState):
		h.state.Poll = h.state.Final // the resource is all there is to ask, as in azcore
	default: // 200 with the final resource, 204, or a synchronous 201
		p.done, p.result, p.last.Status = true, first, "Succeeded"
		if word := h.word(said, resp); isFailure(word) {
			p.last.Status, p.err = word, h.failure(word, said, resp)
		}
	}
	return nil
}

func (h *operationHandler[T]) op() operation {
	return operation{h.state.Verb, h.state.Kind, h.state.Name}
}

func (h *operationHandler[T]) token() resumeToken { return h.state }

func (h *operationHandler[T]) poll(ctx context.Context) (pollState, error) {
	resp, err := h.client.send(ctx, request{op: h.op(), method: http.MethodGet, url: h.state.Poll})
	if h.state.ByStatus && h.state.Verb == "delete" && errors.Is(err, ErrNotFound) {
		return pollState{status: "Succeeded", done: true}, nil // the Location of a deletion is gone with what it deleted
	}
	if err != nil {
		return pollState{}, err
	}
	after, _ := retryAfter(resp.Header, h.client.clock.now())
	s := pollState{retryAfter: after}
	var said operationAnswer
	if err := decodeBody(h.op(), resp, &said); err != nil && !h.state.ByStatus {
		return s, err
	}
	if renewed := resp.Header.Get("Location"); renewed != "" && h.state.ByStatus && resp.StatusCode == http.StatusAccepted {
		h.state.Poll = renewed
	}
	s.status, s.percent = h.word(said, resp), said.Percent
	s.done = isTerminal(s.status)
	h.wordless = said.word() == ""
	if isFailure(s.status) {
		return s, h.failure(s.status, said, resp)
	}
	return s, nil
}

// word is the state of an operation: the body's word, else what the HTTP status implies, else
// empty.
func (h *operationHandler[T]) word(said operationAnswer, resp *http.Response) string {
	word := said.word()
	switch {
	case h.state.Verb == "cancel" && isCanceled(word):
		return "Succeeded" // it is the word of what was cancelled
	case word != "":
		return word
	case resp.StatusCode != http.StatusAccepted && h.reportsFailure(said):
		return "Failed"
	case h.state.ByStatus && resp.StatusCode == http.StatusAccepted:
		return "InProgress"
	case h.state.ByStatus:
		return "Succeeded"
	case said.PropertiesStatus == "" && hasNoBody(resp) && resp.StatusCode != http.StatusAccepted:
		return "Succeeded" // an mfeOperationResults behind Azure-AsyncOperation has no word but its HTTP status
	}
	return said.PropertiesStatus
}

// reportsFailure reports whether an answer without a word has an error. Not evidenced, but an
// operation that ends so has not done its work. What a job that was cancelled or deleted says of
// itself does not count.
func (h *operationHandler[T]) reportsFailure(said operationAnswer) bool {
	raw := said.Error
	if h.state.Kind != "job" {
		if isFailure(said.PropertiesStatus) {
			return true
		}
		raw = said.failed()
	}
	codes, message := parseJSONError(raw)
	return len(codes) > 0 || message != ""
}

func isCanceled(word string) bool {
	return strings.EqualFold(word, "Canceled") || strings.EqualFold(word, "Cancelled")
}

func isFailure(word string) bool { return isCanceled(word) || strings.EqualFold(word, "Failed") }

func isTerminal(word string) bool { return isFailure(word) || strings.EqualFold(word, "Succeeded") }

func hasNoBody(resp *http.Response) bool {
	body, err := payload(resp)
	return err == nil && len(bytes.TrimSpace(body)) == 0
}

// operationAnswer is the state of an operation in an answer of its own or of its resource.
type operationAnswer struct {
	Status            string          `wire:"status"`
	PropertiesStatus  string          `wire:"properties/status"`
	ProvisioningState string          `wire:"properties/provisioningState"`
	OperationURI      string          `wire:"properties/properties/AzureAsyncOperationUri"`
	Percent           float64         `wire:"percentComplete"`
	Error             json.RawMessage `wire:"error"`
	PropertiesError   json.RawMessage `wire:"properties/error"`
	ErrorCode         string          `wire:"code"`
	ErrorMessage      string          `wire:"message"`
}

func (a operationAnswer) word() string { return cmp.Or(a.Status, a.ProvisioningState) }

// failed is the error object, wherever it stands.
func (a operationAnswer) failed() json.RawMessage {
	if len(a.Error) > 0 && string(a.Error) != "null" {
		return a.Error
	}
	return a.PropertiesError
}

// failure explains a failed operation. The answer is a 200, and its error often has no code (a
// recording of 2022 shows message, details and additionalInfo only).
func (h *operationHandler[T]) failure(word string, said operationAnswer, resp *http.Response) error {
	raw := said.failed()
	detail, _ := json.Marshal(map[string]any{"error": raw, "code": said.ErrorCode, "message": said.ErrorMessage}) // raw came out of JSON
	codes, message := parseJSONError(detail)
	return &Error{Operation: h.op().String(), Codes: append([]string{"Operation" + word}, codes...),
		Message:   cmp.Or(oneLine(redact(message)), "the operation ended as "+word),
		RequestID: requestID(resp.Header),
		Err:       &OperationFailedError{Status: word, Raw: raw}}
}

// OperationFailedError is the cause inside an *[Error] if the service accepted a request and then
// failed to carry it out.
type OperationFailedError struct {
	// Status is the operation's last status: "Failed" or "Canceled".
	Status string
	// Raw is the service's error object; null or empty if it gave none.
	Raw json.RawMessage
}

// Error returns the status only; the text is in the [*Error] around it.
func (e *OperationFailedError) Error() string { return "operation " + e.Status }

func (h *operationHandler[T]) final(ctx context.Context) (result T, err error) {
	if h.state.Final == "" {
		return result, nil
	}
	op := operation{"get", h.state.Kind, h.state.Name}
	resp, err := h.client.send(ctx, request{op: op, method: http.MethodGet, url: h.state.Final})
	if err != nil {
		return result, err
	}
	if err := decodeBody(op, resp, &result); err != nil {
		return result, err
	}
	var said operationAnswer
	_ = decodeBody(op, resp, &said)                      // it has been decoded before
	if h.wordless && isFailure(said.ProvisioningState) { // where the operation had a word, the state is another's
		return result, h.failure(said.ProvisioningState, said, resp)
	}
	return result, nil
}

// Resume returns a poller from the [Poller.ResumeToken] of another one, which may have been made in
// another process. T is the type of that poller's result: [Nothing] for a deletion or a
// cancellation, [Job] for [JobsClient.Poller]. It sends nothing. A text that is not a token, or the
// token of another T, is *[ArgumentError].
//
//	p, err := azmlbatch.Resume[azmlbatch.Endpoint](client, token)
func Resume[T Endpoint | Deployment | Compute | Schedule | Job | Nothing](client *Client, token string) (*Poller[T], error) {
	op := operation{"resume", "poller", ""}
	if err := client.ready(op); err != nil {
		return nil, err
	}
	t, err := client.readToken(op, token)
	if err != nil {
		return nil, err
	}
	if want := reflect.TypeFor[T]().Name(); t.Result != want {
		return nil, op.invalid("token", fmt.Sprintf("is of a Poller[%s], not of a Poller[%s]", t.Result, want), "call Resume with the type of the poller")
	}
	if t.Result == jobResult {
		p, err := client.Jobs().Poller(t.Name)
		resumed, _ := any(p).(*Poller[T])
		return resumed, err
	}
	return newPoller(client, operation{t.Verb, t.Kind, t.Name}, &operationHandler[T]{client: client, state: t}, operationSchedule), nil
}

// readToken checks that a token leads nowhere but to the management plane.
func (c *Client) readToken(op operation, text string) (resumeToken, error) {
	var t resumeToken
	bad := func(problem string) (resumeToken, error) {
		return t, op.invalid("token", problem, "pass the text of ResumeToken unchanged")
	}
	switch err := json.Unmarshal([]byte(text), &t); {
	case err != nil:
		return bad("is not a resume token")
	case t.Version != resumeTokenVersion:
		return bad(fmt.Sprintf("is of version %d, not %d", t.Version, resumeTokenVersion))
	case t.Result == jobResult:
		return t, checkName(operation{op.verb, "job", t.Name}, "token", t.Name)
	case t.Poll == "", t.Final == "" && t.Result != reflect.TypeFor[Nothing]().Name():
		return bad("has no URL to ask")
	}
	for _, raw := range []string{t.Poll, t.Final} {
		if u, err := url.Parse(raw); raw != "" && (err != nil || u.Scheme != "https" || !c.management.owns(u.Host)) {
			return bad("names a host that is not this client's management host")
		}
	}
	return t, nil
}
