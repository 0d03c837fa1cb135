package emulator

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/unplayed"
)

// Request is a request as [Emulator.Requests] returns it. It has neither query nor headers, because
// tokens and signatures are there.
type Request struct {
	// Method is the HTTP method.
	Method string
	// Host is the host name, in lower case and without a port.
	Host string
	// Path is the path, decoded.
	Path string
	// Status is the HTTP status of the answer; 0 if the connection was cut before it.
	Status int
}

// remembered is the number of requests that are kept; older ones are dropped.
const remembered = 10_000

// requestLog keeps the latest requests and logs each of them.
type requestLog struct {
	logger *slog.Logger

	mu     sync.Mutex
	latest []Request
	oldest int // index of the oldest, once latest is full
}

func (l *requestLog) add(ctx context.Context, r Request, took time.Duration) {
	l.logger.InfoContext(ctx, "request", "method", r.Method, "host", r.Host, "path", r.Path, "status", r.Status, "took", took)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.latest) < remembered {
		l.latest = append(l.latest, r)
		return
	}
	l.latest[l.oldest] = r
	l.oldest = (l.oldest + 1) % remembered
}

func (l *requestLog) all() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Concat(l.latest[l.oldest:], l.latest[:l.oldest])
}

// observe runs the handler and logs the request, also when the handler cuts the connection.
func (l *requestLog) observe(next http.Handler, w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	seen := &statusWriter{ResponseWriter: w}
	ended := false
	defer func() {
		if ended && seen.status == 0 {
			seen.status = http.StatusOK // what net/http answers for a handler that writes nothing
		}
		l.add(r.Context(), Request{r.Method, cloud.HostName(r.Host), r.URL.Path, seen.status}, time.Since(start))
		if what := w.Header().Get(unplayed.Header); what != "" {
			l.logger.WarnContext(r.Context(), unplayed.Sentence(what), "host", cloud.HostName(r.Host))
		}
	}()
	next.ServeHTTP(seen, r)
	ended = true
}

// statusWriter records the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}
