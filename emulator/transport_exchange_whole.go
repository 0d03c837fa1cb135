package emulator

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
)

// whole returns the answer of a handler that has returned and whose body is all in the buffer.
func (x *exchange) whole() answer {
	if hasBody(x.status) {
		x.sniff(x.buffer)
		if x.declared < 0 && (x.written > 0 || !x.isHead()) {
			x.declared = x.written
			x.sent.Set("Content-Length", strconv.FormatInt(x.written, 10))
		}
	}
	var body io.ReadCloser = http.NoBody
	switch {
	case x.isHead() || !hasBody(x.status):
	case x.declared > x.written:
		// The handler declared a longer body: on a connection it would end early.
		body = io.NopCloser(io.MultiReader(bytes.NewReader(x.buffer), brokenReader{}))
	case len(x.buffer) > 0:
		body = io.NopCloser(bytes.NewReader(x.buffer))
	}
	length := x.declared
	if !hasBody(x.status) && !x.isHead() {
		length = 0
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
