package emulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
)

// Do implements policy.Transporter: the emulator can be the Transport of any azcore client. See
// [Emulator.RoundTrip].
func (e *Emulator) Do(r *http.Request) (*http.Response, error) { return e.RoundTrip(r) }

// RoundTrip implements [http.RoundTripper]: the emulator can be the Transport of an [http.Client],
// without a socket. Bodies stream in both directions. A request to an unknown host fails with
// *[UnknownHostError].
//
// The handler runs in a goroutine until the body is read to its end or closed; closing the body
// waits for it. When the request's context ends, the call fails at once and the handler's context
// ends too. When the emulator is closed, unfinished bodies fail.
func (e *Emulator) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case !e.made():
		return nil, errNotMade
	case r == nil || r.URL == nil:
		return nil, errors.New("emulator: the request is nil, or has no URL")
	}
	if err := e.admit(r); err != nil {
		if r.Body != nil {
			err = errors.Join(err, r.Body.Close())
		}
		return nil, err
	}
	return roundTrip(e.ctx, e.serve, r)
}

// roundTrip answers a request with a handler. When closing ends, unfinished bodies fail.
func roundTrip(closing context.Context, handler http.HandlerFunc, r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	inner, err := serverRequest(ctx, r)
	if err != nil {
		cancel()
		return nil, err
	}
	x := newExchange(r, cancel)
	go x.run(closing, handler, inner)
	select {
	case answer := <-x.answered:
		return answer.response, answer.err
	case <-r.Context().Done():
		x.abandon()
		_ = inner.Body.Close() // unblocks a handler that reads it
		return nil, context.Cause(r.Context())
	}
}

// admit refuses a request that no connection could carry.
func (e *Emulator) admit(r *http.Request) error {
	if err := r.Context().Err(); err != nil {
		return context.Cause(r.Context())
	}
	if _, ok := e.cloud.Route(r.URL.Host); !ok {
		err := &UnknownHostError{Host: r.URL.Host}
		e.options.Logger.WarnContext(r.Context(), err.Error(), "host", err.Host)
		return err
	}
	if r.URL.Scheme != "https" {
		return fmt.Errorf("%s %s://%s: the azmlbatch emulator answers https only", r.Method, r.URL.Scheme, r.URL.Host)
	}
	return nil
}

// serverRequest turns a client's request into the one that a server sees, with the headers that
// net/http's transport adds.
func serverRequest(ctx context.Context, r *http.Request) (*http.Request, error) {
	target, err := url.ParseRequestURI(r.URL.RequestURI())
	if err != nil {
		return nil, err
	}
	inner := r.Clone(ctx)
	inner.URL = target
	inner.RequestURI = r.URL.RequestURI()
	inner.RemoteAddr = "127.0.0.1:0"
	inner.Proto, inner.ProtoMajor, inner.ProtoMinor = "HTTP/1.1", 1, 1
	inner.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: r.URL.Hostname()}
	if inner.Host == "" {
		inner.Host = r.URL.Host
	}
	if inner.Method == "" {
		inner.Method = http.MethodGet
	}
	if inner.Header == nil {
		inner.Header = http.Header{}
	}
	if _, ok := inner.Header["User-Agent"]; !ok {
		inner.Header.Set("User-Agent", "Go-http-client/1.1")
	}
	setLength(inner)
	inner.Body = newRequestBody(r.Body, inner.ContentLength)
	return inner, nil
}

// setLength converts the length from a client's convention (0 may mean unknown) to a server's (-1
// does), and sets the header.
func setLength(r *http.Request) {
	r.TransferEncoding = nil
	r.Header.Del("Content-Length")
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		r.ContentLength = 0
	case r.ContentLength <= 0:
		r.ContentLength = -1
		r.TransferEncoding = []string{"chunked"}
		return
	}
	if r.ContentLength > 0 || r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
}

// requestBody is a request's body as a server sees it: it has the declared length, or ends in an
// error.
type requestBody struct {
	io.Reader
	close func() error
	left  int64 // -1 if not declared
}

func newRequestBody(body io.ReadCloser, length int64) io.ReadCloser {
	if body == nil {
		return http.NoBody
	}
	b := &requestBody{Reader: body, close: sync.OnceValue(body.Close), left: length}
	if length >= 0 {
		b.Reader = io.LimitReader(body, length)
	}
	return b
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left >= 0 {
		b.left -= int64(n)
		if errors.Is(err, io.EOF) && b.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

func (b *requestBody) Close() error { return b.close() }
