package azmlbatch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// newResponseError explains an answer that is not a success. It reads the body, whatever its form:
// ARM's envelope, the envelope of the workspace data plane, storage's XML with a byte order mark, a
// proxy's page, plain text, nothing.
func newResponseError(op string, resp *http.Response) *Error {
	body, _ := payload(resp) // kept in resp.Body for azcore's error; a body cut short still gives its beginning
	codes, message := parseErrorBody(body)
	if code := resp.Header.Get("x-ms-error-code"); code != "" && len(codes) == 0 {
		codes = []string{code}
	}
	e := &Error{
		Operation:  op,
		StatusCode: resp.StatusCode,
		Codes:      codes,
		Message:    oneLine(redact(message)),
		RequestID:  requestID(resp.Header),
	}
	e.Err = &azcore.ResponseError{ErrorCode: e.Code(), StatusCode: resp.StatusCode, RawResponse: resp} // azcore's own constructor logs the body
	e.Remedy = remedy(e, resp)
	return e
}

func parseErrorBody(body []byte) (codes []string, message string) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	switch {
	case len(body) == 0:
		return nil, ""
	case body[0] == '{':
		return parseJSONError(body)
	case bytes.HasPrefix(bytes.ToLower(body), []byte("<!doctype")), bytes.HasPrefix(bytes.ToLower(body), []byte("<html")):
		return nil, htmlTitle(body)
	case body[0] == '<':
		return parseXMLError(body)
	default:
		return nil, clip(string(body))
	}
}

// errorDetail is the common part of ARM's envelope and of the data plane's.
type errorDetail struct {
	Code           string        `json:"code"`
	Message        string        `json:"message"`
	Details        []errorDetail `json:"details"`
	InnerError     *innerError   `json:"innerError"` // data plane
	AdditionalInfo []struct {
		Type string `json:"type"`
		Info struct {
			Value json.RawMessage `json:"value"`
			policyInfo
		} `json:"info"`
	} `json:"additionalInfo"` // ARM: the entries InnerError and PolicyViolation
}

type innerError struct {
	Code       string      `json:"code"`
	InnerError *innerError `json:"innerError"`
}

// policyInfo is which rule of Azure Policy refused a request.
type policyInfo struct {
	Definition     string `json:"policyDefinitionDisplayName"`
	DefinitionName string `json:"policyDefinitionName"`
	Assignment     string `json:"policyAssignmentDisplayName"`
	AssignmentName string `json:"policyAssignmentName"`
}

// String names policy and assignment, or is empty.
func (p policyInfo) String() string {
	definition, assignment := cmp.Or(p.Definition, p.DefinitionName), cmp.Or(p.Assignment, p.AssignmentName)
	if definition == "" && assignment == "" {
		return ""
	}
	return fmt.Sprintf(" (policy %q, assignment %q)", definition, assignment)
}

func parseJSONError(body []byte) (codes []string, message string) {
	var envelope struct {
		Error errorDetail `json:"error"`
		// Some front doors answer the bare detail.
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	err := json.Unmarshal(body, &envelope) // a member of another kind leaves the others
	d := envelope.Error
	d.Code = cmp.Or(d.Code, envelope.Code)
	message = cmp.Or(d.Message, envelope.Message)
	if err != nil && message == "" {
		return nil, clip(string(body))
	}
	add := func(code string) {
		if code != "" {
			codes = append(codes, code)
		}
	}
	add(d.Code)
	for _, sub := range d.Details {
		add(sub.Code)
		if sub.Message != "" && sub.Message != message {
			message = strings.TrimSuffix(message, ".") + ". " + sub.Message
		}
	}
	inner := d.InnerError
	for _, info := range d.AdditionalInfo {
		message += info.Info.String()
		if strings.EqualFold(info.Type, "InnerError") {
			inner = new(innerError)
			if json.Unmarshal(info.Info.Value, inner) != nil {
				inner = nil
			}
		}
	}
	for ; inner != nil; inner = inner.InnerError {
		add(inner.Code)
	}
	return codes, message
}

func parseXMLError(body []byte) (codes []string, message string) {
	var e struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
		Detail  string `xml:"AuthenticationErrorDetail"`
	}
	if err := xml.Unmarshal(body, &e); err != nil || e.Code == "" {
		return nil, clip(string(body))
	}
	// Storage appends lines with RequestId and Time to its message; the id is in a header too.
	message, _, _ = strings.Cut(e.Message, "\n")
	if detail := shownDetail.FindString(e.Detail); detail != "" {
		message = strings.TrimSuffix(message, ".") + ". " + detail
	}
	return []string{e.Code}, message
}

// shownDetail finds why storage does not take a credential. It passes over details that repeat the
// signature of the request.
var shownDetail = regexp.MustCompile(`^(?:(?:Issuer|Audience|Lifetime) validation failed|Signature not valid in the specified time frame).*`)

var titlePattern = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

const pageText = "an HTML page, not the service's answer"

// htmlTitle keeps the title of the page, which is the useful part.
func htmlTitle(body []byte) string {
	if m := titlePattern.FindSubmatch(body); m != nil {
		return pageText + ": " + clip(html.UnescapeString(string(m[1])))
	}
	return pageText
}

// foreignPage reports whether an answer is the page of a proxy or gateway: no plane of the service
// answers HTML. A request that the service's own gateway cannot read at all is an exception.
func foreignPage(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong:
		return false
	}
	if isHTML(resp.Header) {
		return true
	}
	body, _ := payload(resp)
	_, message := parseErrorBody(body)
	return strings.HasPrefix(message, pageText)
}

func isHTML(h http.Header) bool {
	const html = "text/html"
	kind := h.Get("Content-Type")
	return len(kind) >= len(html) && strings.EqualFold(kind[:len(html)], html)
}

// A pageError is a proxy's page in the place of a blob: any content can be a blob's, so the headers
// must tell.
type pageError struct{ resp *http.Response }

func (e *pageError) Error() string { return pageText }

// checkBlobPage returns an error for an answer that storage did not make. All answers of storage
// have a request id.
func checkBlobPage(resp *http.Response) error {
	if resp.StatusCode >= http.StatusMultipleChoices || !isHTML(resp.Header) || resp.Header.Get("X-Ms-Request-Id") != "" {
		return nil
	}
	_ = readWhole(resp, new(bytes.Buffer), false) // its beginning will do
	return &pageError{resp}
}

// failed adds the operation to the error of one of its steps: every error of a call names the call
// first. An error of this package names the step's own operation already; any other, such as that of
// a context, becomes an [*Error]. A failed job is no failed operation, and stays as it is.
func (o operation) failed(err error) error {
	switch {
	case err == nil || strings.HasPrefix(err.Error(), prefix+o.String()+":") || errors.As(err, new(*JobFailedError)):
		return err
	case strings.HasPrefix(err.Error(), prefix):
		var bad *ArgumentError
		if errors.As(err, &bad) && strings.HasSuffix(bad.Operation, strings.TrimPrefix(o.String(), o.verb)) { // the caller's own argument
			own := *bad
			own.Operation = o.String()
			return &own
		}
		return &stepError{o, err}
	}
	return transportError(o, err)
}

// transportError wraps a failure that gave no whole answer.
func transportError(op operation, err error) error {
	e := &Error{Operation: op.String(), Err: err}
	var cut *cutError
	var page *pageError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return e
	case errors.As(err, &page):
		return newResponseError(op.String(), page.resp)
	case errors.As(err, &cut):
		e.StatusCode, e.RequestID, e.Message = cut.status, cut.requestID, shown(cut)
		e.Remedy = "check the network, and any proxy in between"
		return e
	}
	if text := signInText(err); text != "" {
		e.Message = text
	}
	e.Remedy = transportRemedy(err)
	return e
}
