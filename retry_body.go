package azmlbatch

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// The retry layer reads the body of an answer. An answer that is cut off is then a network failure
// like any other, and the request is repeated if it may be.

// maxBody limits the memory for one answer of the JSON planes. The largest known answers are pages
// of lists, of a few MiB.
const maxBody = 64 << 20

// roomAtOnce is how much room is made for a body before any of it is there, whatever length is
// declared.
const roomAtOnce = 64 << 10

// cutError is an answer that is not complete.
type cutError struct {
	status    int
	requestID string
	err       error
}

func (e *cutError) Error() string { return "the answer was cut off: " + e.err.Error() }

func (e *cutError) Unwrap() error { return e.err }

var (
	errEndsEarly   = errors.New("its text has no end")
	errEmpty       = errors.New("it is empty")
	errBodyTooLong = fmt.Errorf("the answer is longer than %d MiB", maxBody>>20)
)

// wholeBody is a body that has been read. Closing it frees nothing.
type wholeBody struct {
	bytes.Reader
	data []byte
}

// Close implements [io.Closer].
func (*wholeBody) Close() error { return nil }

// readWhole reads the body of an answer into room. It replaces the body by what was read, even if
// that is not complete. A page of a list that is empty is not complete; other successes may be.
func readWhole(resp *http.Response, room *bytes.Buffer, page bool) error {
	defer resp.Body.Close()
	room.Reset()
	room.Grow(int(min(max(0, resp.ContentLength), roomAtOnce)) + bytes.MinRead) // so that most answers need no more
	n, err := room.ReadFrom(io.LimitReader(resp.Body, maxBody+1))
	whole := &wholeBody{data: room.Bytes()}
	whole.Reset(whole.data)
	resp.Body = whole
	switch {
	case n > maxBody:
		return errBodyTooLong
	case err == nil && n == 0 && resp.ContentLength > 0: // net/http compares the lengths; another transport may not
		err = io.ErrUnexpectedEOF
	case err == nil && n == 0 && page && resp.StatusCode == http.StatusOK:
		err = errEmpty
	case err == nil && resp.StatusCode < http.StatusMultipleChoices && endsEarly(whole.data):
		err = errEndsEarly
	}
	if err != nil {
		return &cutError{resp.StatusCode, requestID(resp.Header), err}
	}
	return nil
}

// endsEarly reports whether a text begins as JSON or as storage's list of blobs and is not
// complete. It finds cut answers that have no declared length.
func endsEarly(text []byte) bool {
	switch begin := bytes.TrimLeft(text, "\ufeff \t\r\n"); {
	case len(begin) == 0:
		return false
	case begin[0] == '<':
		return bytes.Contains(text, []byte("<EnumerationResults")) && !bytes.Contains(text, []byte("</EnumerationResults>"))
	case begin[0] != '{' && begin[0] != '[':
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case quoted:
		case c == '{', c == '[':
			depth++
		case c == '}', c == ']':
			depth--
		}
	}
	return quoted || depth > 0
}

// payload returns the whole body of an answer. It can be called several times.
func payload(resp *http.Response) ([]byte, error) {
	if whole, ok := resp.Body.(*wholeBody); ok {
		return whole.data, nil
	}
	return runtime.Payload(resp)
}

// requestID reads the request id, which each plane puts into another header. Recordings of 2023 to
// 2026 show no x-ms-request-id on many management answers, X-Request-ID at the scoring host and
// mise-correlation-id on the data plane.
func requestID(h http.Header) string {
	return cmp.Or(h.Get("x-ms-request-id"), h.Get("x-ms-correlation-request-id"), h.Get("X-Request-ID"),
		h.Get("mise-correlation-id"))
}
