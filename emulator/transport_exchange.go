package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
)

// exchange is one request and its answer in memory. It is the handler's ResponseWriter and builds
// the client's Response. A short answer is passed on when the handler returns. A long one streams
// through a pipe, so that only a block of it is in memory.
type exchange struct {
	request  *http.Request // the client's
	cancel   context.CancelFunc
	answered chan answer   // the response, once
	done     chan struct{} // closed when the handler has returned

	// The rest belongs to the handler's goroutine.
	header   http.Header // as the handler changes it
	status   int         // 0 until WriteHeader
	sent     http.Header // header at the time of WriteHeader
	declared int64       // Content-Length in it; -1 if there is none
	written  int64
	buffer   []byte // of the body, not yet passed on
	streams  bool   // the response was passed on, its body follows
	out      *io.PipeWriter
	in       *io.PipeReader
}

type answer struct {
	response *http.Response
	err      error
}

// bufferSize is the longest answer that is not streamed, the same as net/http's.
const bufferSize = 2048

var errBodyClosed = errors.New("emulator: the client has closed the body of the answer")

func newExchange(r *http.Request, cancel context.CancelFunc) *exchange {
	x := &exchange{
		request: r, cancel: cancel, answered: make(chan answer, 1), done: make(chan struct{}),
		header: http.Header{}, declared: -1,
	}
	x.in, x.out = io.Pipe()
	return x
}

// run runs the handler and completes the answer. When the context closing ends, the emulator is
// closing: bodies in progress fail, so that no handler waits for one.
func (x *exchange) run(closing context.Context, handler http.HandlerFunc, r *http.Request) {
	defer close(x.done)
	defer x.cancel()
	defer func() { _ = r.Body.Close() }() // the handler has returned
	// A body that is being read fails as soon as the context ends.
	defer context.AfterFunc(x.request.Context(), func() { _ = x.out.CloseWithError(context.Cause(x.request.Context())) })()
	defer context.AfterFunc(closing, func() {
		_ = x.out.CloseWithError(errClosed)
		_ = r.Body.Close()
	})()
	x.end(try(handler, x, r))
}

// try runs the handler and turns a panic into an error.
func try(handler http.HandlerFunc, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case cutConnection:
			err = v.err
		default:
			if cause, ok := v.(error); ok && errors.Is(cause, http.ErrAbortHandler) {
				err = errReset()
				return
			}
			err = fmt.Errorf("emulator: %s %s%s: panic: %v\n%s", r.Method, r.Host, r.URL.Path, v, debug.Stack())
		}
	}()
	handler(w, r)
	return nil
}

// end completes the answer. A connection that is cut before the answer began is an error of the
// call; one that is cut later is an error of the body.
func (x *exchange) end(err error) {
	switch {
	case x.streams && err != nil:
		_ = x.out.CloseWithError(errors.Join(io.ErrUnexpectedEOF, err))
	case x.streams && x.written < x.declared:
		_ = x.out.CloseWithError(io.ErrUnexpectedEOF)
	case x.streams:
		_ = x.out.Close()
	case err != nil:
		x.answered <- answer{err: err}
	default:
		x.WriteHeader(http.StatusOK)
		x.answered <- x.whole()
	}
}

// Header returns the header of the answer, to be changed before WriteHeader.
func (x *exchange) Header() http.Header { return x.header }

// WriteHeader sets status and header. Only the first call counts.
func (x *exchange) WriteHeader(status int) {
	if x.status != 0 || status < 200 {
		return
	}
	x.status, x.sent = status, x.header.Clone()
	if n, err := strconv.ParseInt(x.sent.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
		x.declared = n
	}
}

// Write passes on a part of the body.
func (x *exchange) Write(p []byte) (int, error) {
	x.WriteHeader(http.StatusOK)
	switch {
	case !hasBody(x.status):
		return 0, http.ErrBodyNotAllowed
	case x.declared >= 0 && x.written+int64(len(p)) > x.declared:
		return 0, http.ErrContentLength
	}
	x.written += int64(len(p))
	if !x.streams && len(x.buffer)+len(p) <= bufferSize {
		x.buffer = append(x.buffer, p...)
		return len(p), nil
	}
	if err := x.stream(p); err != nil {
		return 0, err
	}
	if x.isHead() {
		return len(p), nil
	}
	return x.out.Write(p)
}

// isHead reports whether the client wants no body.
func (x *exchange) isHead() bool { return x.request.Method == http.MethodHead }

// Flush passes on what has been written so far.
func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError is Flush for http.ResponseController.
func (x *exchange) FlushError() error {
	x.WriteHeader(http.StatusOK)
	if !hasBody(x.status) {
		return nil
	}
	return x.stream(nil)
}

// stream passes on the response, if that was not done yet, and then the buffer. next is the part of
// the body that follows.
func (x *exchange) stream(next []byte) error {
	if !x.streams {
		x.sniff(slices.Concat(x.buffer, next[:min(len(next), 512)]))
		x.streams = true
		var body io.ReadCloser = &streamedBody{x}
		if x.isHead() {
			body = http.NoBody
		}
		x.answered <- answer{response: x.response(x.declared, body)}
	}
	buffered := x.buffer
	x.buffer = nil
	if len(buffered) == 0 || x.isHead() {
		return nil
	}
	_, err := x.out.Write(buffered)
	return err
}

// response builds the client's Response.
func (x *exchange) response(length int64, body io.ReadCloser) *http.Response {
	return &http.Response{
		Status: strconv.Itoa(x.status) + " " + http.StatusText(x.status), StatusCode: x.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: asRead(x.sent), Body: body, ContentLength: length, Request: x.request,
	}
}

// asRead returns a header as net/http's client reads it: with canonical names, whatever the server
// wrote.
func asRead(h http.Header) http.Header {
	read := make(http.Header, len(h))
	for name, values := range h {
		if len(values) > 0 {
			name = http.CanonicalHeaderKey(name)
			read[name] = append(read[name], values...)
		}
	}
	return read
}

// hasBody tells whether an answer with this status may have a body.
func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// streamedBody is the body of an answer whose handler may still run.
type streamedBody struct{ x *exchange }

func (b *streamedBody) Read(p []byte) (int, error) { return b.x.in.Read(p) }

// Close makes the handler's writes fail and waits until it has returned.
func (b *streamedBody) Close() error {
	b.x.abandon()
	<-b.x.done
	return nil
}

// abandon makes the handler's next Write fail and ends its context.
func (x *exchange) abandon() {
	_ = x.in.CloseWithError(errBodyClosed)
	x.cancel()
}
