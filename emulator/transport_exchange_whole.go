package emulator

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
)

// whole returns the answer of a handler that has returned and whose body is all in the buffer.
func (x *exchange) whole() answer {
	head := x.request.Method == http.MethodHead
	switch {
	case head && x.declared < 0 && x.written > 0:
		x.declared = x.written
		x.sent.Set("Content-Length", strconv.FormatInt(x.written, 10))
	case head || !hasBody(x.status):
	case x.declared > x.written:
		// The handler declared a longer body: on a connection it would end early.
		return answer{response: x.response(x.declared, io.NopCloser(io.MultiReader(bytes.NewReader(x.buffer), brokenReader{})))}
	default:
		x.sniff(x.buffer)
		x.declared = x.written
		x.sent.Set("Content-Length", strconv.FormatInt(x.written, 10))
	}
	length := x.declared
	if !hasBody(x.status) {
		length = 0
	}
	var body io.ReadCloser = http.NoBody
	if len(x.buffer) > 0 {
		body = io.NopCloser(bytes.NewReader(x.buffer))
	}
	return answer{response: x.response(length, body)}
}

// sniff sets the content type if the handler did not, as net/http does.
func (x *exchange) sniff(start []byte) {
	_, typed := x.sent["Content-Type"]
	if !typed && len(start) > 0 && x.sent.Get("Content-Encoding") == "" {
		x.sent.Set("Content-Type", http.DetectContentType(start))
	}
}

// brokenReader ends a body too early.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
