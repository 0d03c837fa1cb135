package emulator

import (
	"bytes"
	"cmp"
	"net/http"
	"strconv"
	"time"
)

// lostAnswer discards an answer.
type lostAnswer struct{ header http.Header }

func newLostAnswer() *lostAnswer { return &lostAnswer{http.Header{}} }

func (a *lostAnswer) Header() http.Header         { return a.header }
func (a *lostAnswer) WriteHeader(int)             {}
func (a *lostAnswer) Write(p []byte) (int, error) { return len(p), nil }

// keptAnswer buffers an answer.
type keptAnswer struct {
	header http.Header
	status int // 0 until WriteHeader or the first Write
	body   bytes.Buffer
}

func (a *keptAnswer) Header() http.Header { return a.header }

func (a *keptAnswer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
}

func (a *keptAnswer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// pass sends the answer on with another body.
func (a *keptAnswer) pass(w http.ResponseWriter, body []byte) {
	if w.Header().Get("Content-Length") != "" {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(cmp.Or(a.status, http.StatusOK))
	_, _ = w.Write(body)
}

// shortBody passes on the beginning of a body. Writing more fails with past, or is discarded when
// past is nil.
type shortBody struct {
	http.ResponseWriter
	left    int
	past    error
	unsized bool // drop Content-Length, so that the short body looks complete
	partial bool // hold back the last byte that Content-Length promises
	passed  int
}

func (b *shortBody) Unwrap() http.ResponseWriter { return b.ResponseWriter }

func (b *shortBody) WriteHeader(status int) {
	if b.unsized {
		b.Header().Del("Content-Length")
		b.unsized = false
	}
	if n, err := strconv.Atoi(b.Header().Get("Content-Length")); b.partial && err == nil {
		b.left = max(min(b.left, n-1), 0)
	}
	b.partial = false // without a Content-Length the client notices the cut anyway
	b.ResponseWriter.WriteHeader(status)
}

func (b *shortBody) Write(p []byte) (int, error) {
	if b.unsized || b.partial {
		b.WriteHeader(http.StatusOK)
	}
	now := p[:min(len(p), b.left)]
	b.left -= len(now)
	b.passed += len(now)
	n, err := b.ResponseWriter.Write(now)
	if err == nil && len(now) < len(p) {
		if err = b.past; err == nil {
			n = len(p)
		}
	}
	return n, err
}

// slowBody sends a body in pieces, each after a pause.
type slowBody struct {
	http.ResponseWriter
	request *http.Request
	piece   int
	pause   time.Duration
}

func (b *slowBody) Unwrap() http.ResponseWriter { return b.ResponseWriter }

func (b *slowBody) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		if err := b.wait(); err != nil {
			return written, err
		}
		n, err := b.ResponseWriter.Write(p[:min(len(p), b.piece)])
		written += n
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

// wait sends the bytes so far and pauses. It ends early when the client is gone.
func (b *slowBody) wait() error {
	_ = http.NewResponseController(b.ResponseWriter).Flush() // the next Write reports a broken connection
	timer := time.NewTimer(b.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-b.request.Context().Done():
		return b.request.Context().Err()
	}
}
