package blob

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/unplayed"
)

// fault is a refusal in the words of the service (Microsoft Learn, "Status and error codes" of Blob
// Storage).
type fault struct {
	status  int
	code    string
	message string
	details []detail // elements of the XML body after the message
	headers []detail // additional headers
	// frontEnd marks refusals by the front end, before the Blob service saw the request. They name
	// another server and no version, as KeyBasedAuthenticationNotPermitted does in the azure-ai-ml
	// recordings of 2026.
	frontEnd bool
}

type detail struct{ name, value string }

func newFault(status int, code, message string, details ...detail) *fault {
	return &fault{status: status, code: code, message: message, details: details}
}

// Error is safe to log: faults carry no credentials.
func (f *fault) Error() string { return fmt.Sprintf("%d %s: %s", f.status, f.code, f.message) }

// Is matches ErrNotFound for missing resources and ErrReadOnly for seeded blobs.
func (f *fault) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return f.status == http.StatusNotFound
	case ErrReadOnly:
		return f.code == "BlobImmutableDueToPolicy"
	}
	return false
}

func errContainerNotFound() *fault {
	return newFault(404, "ContainerNotFound", "The specified container does not exist.")
}

func errBlobNotFound() *fault {
	return newFault(404, "BlobNotFound", "The specified blob does not exist.")
}

func errInvalidURI() *fault {
	return newFault(400, "InvalidUri", "The requested URI does not represent any resource on the server.")
}

func errResourceNotFound() *fault {
	return newFault(404, "ResourceNotFound", "The specified resource does not exist.")
}

func errSeeded() *fault {
	return newFault(409, "BlobImmutableDueToPolicy", "This operation is not permitted as the blob is immutable due to a policy.")
}

func errConditionNotMet(status int) *fault {
	return newFault(status, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.")
}

func errBlobType() *fault {
	return newFault(409, "InvalidBlobType", "The blob type is invalid for this operation.")
}

func errTooLarge(limit int64) *fault {
	return newFault(413, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit.",
		detail{"MaxLimit", strconv.FormatInt(limit, 10)})
}

func errHeaderValue(name, value string) *fault {
	return newFault(400, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format.",
		detail{"HeaderName", name}, detail{"HeaderValue", value})
}

func errMissingHeader(name string) *fault {
	return newFault(400, "MissingRequiredHeader", "An HTTP header that's mandatory for this request is not specified.",
		detail{"HeaderName", name})
}

func errUnsupportedHeader(name string) *fault {
	return newFault(400, "UnsupportedHeader", "One of the headers specified in the request is not supported.",
		detail{"HeaderName", name})
}

func errQueryValue(name, value, reason string) *fault {
	return newFault(400, "InvalidQueryParameterValue",
		"Value for one of the query parameters specified in the request URI is invalid.",
		detail{"QueryParameterName", name}, detail{"QueryParameterValue", value}, detail{"Reason", reason})
}

func errXML() *fault {
	return newFault(400, "InvalidXmlDocument", "XML specified is not syntactically valid.")
}

// errNotPlayed refuses a feature that only the real service has. Azure's clients do not retry a
// 501.
func errNotPlayed(what string) *fault {
	f := newFault(501, "NotImplemented", unplayed.Sentence(what))
	f.headers = []detail{{unplayed.Header, what}}
	return f
}

// asFault turns any error into an answer for the client.
func asFault(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	return newFault(500, "InternalError", "Server encountered an internal error. Please try again after some time.")
}

// writeFault answers with a refusal.
func (r *request) writeFault(w http.ResponseWriter, f *fault) {
	h := w.Header()
	for _, name := range []string{"Content-Length", "Content-Type", "Content-Md5", "Content-Range", "Etag", "Last-Modified"} {
		h.Del(name)
	}
	h.Set("X-Ms-Error-Code", f.code)
	for _, d := range f.headers {
		h.Set(d.name, d.value)
	}
	if f.frontEnd {
		h.Set("Server", serverFrontEnd)
		h.Del("X-Ms-Version")
	}
	if r.Method == http.MethodHead || f.status == http.StatusNotModified {
		w.WriteHeader(f.status)
		return
	}
	body := f.body(r.id, r.time.UTC().Format("2006-01-02T15:04:05.0000000Z"))
	h.Set("Content-Type", "application/xml")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.status)
	_, _ = w.Write([]byte(body)) // a client that is gone needs no answer
}

func (f *fault) body(requestID, when string) string {
	var x xmlWriter
	x.begin("Error")
	x.leaf("Code", f.code)
	x.leaf("Message", f.message+"\nRequestId:"+requestID+"\nTime:"+when)
	for _, d := range f.details {
		x.leaf(d.name, d.value)
	}
	x.end("Error")
	return x.String()
}

// xmlWriter writes XML the way the service does: a byte order mark, one line, and empty elements as
// "<X />". encoding/xml cannot write the latter.
type xmlWriter struct{ b strings.Builder }

const xmlHead = "\ufeff" + `<?xml version="1.0" encoding="utf-8"?>`

func (x *xmlWriter) begin(name string) { x.b.WriteString("<" + name + ">") }
func (x *xmlWriter) end(name string)   { x.b.WriteString("</" + name + ">") }
func (x *xmlWriter) empty(name string) { x.b.WriteString("<" + name + " />") }

// leaf writes an element with text.
func (x *xmlWriter) leaf(name, text string) {
	if text == "" {
		x.empty(name)
		return
	}
	x.begin(name)
	x.text(text)
	x.end(name)
}

var xmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")

func (x *xmlWriter) text(s string) { _, _ = xmlEscapes.WriteString(&x.b, s) }

// attribute escapes a value for use between double quotes.
func attribute(s string) string {
	return strings.ReplaceAll(xmlEscapes.Replace(s), `"`, "&quot;")
}

// String returns the document.
func (x *xmlWriter) String() string { return xmlHead + x.b.String() }

// validInXML reports whether a text can be part of an XML 1.0 document.
func validInXML(s string) bool {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return false
	}
	return strings.Contains(s, "\ufffd") || !strings.Contains(b.String(), "\ufffd")
}
