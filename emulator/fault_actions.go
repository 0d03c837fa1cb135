package emulator

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/arm"
	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

// faultedCall is a request that a fault applies to.
type faultedCall struct {
	Fault            // Status filled in
	kind  cloud.Kind // of the host
	faultWorld
	next http.Handler // who would answer
}

// applyFault lets the fault answer the request.
func applyFault(f Fault, kind cloud.Kind, world faultWorld, next http.Handler, w http.ResponseWriter, r *http.Request) {
	spec := actions[f.Action]
	f.Status = cmp.Or(f.Status, spec.status)
	spec.apply(&faultedCall{f, kind, world, next}, w, r)
}

// cutConnection is the panic that ends a call without an answer. The in-memory transport returns
// its error; the server closes the connection.
type cutConnection struct{ err error }

func errReset() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}

func errRefused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

func (c *faultedCall) throttle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", strconv.Itoa(int(c.RetryAfter/time.Second)))
	code := "TooManyRequests"
	if c.kind == cloud.KindManagement { // the quota that the other answers show
		kind := map[string]string{"read": "reads", "delete": "deletes", "write": "writes"}[verbOf(r.Method)]
		w.Header().Set("X-Ms-Ratelimit-Remaining-Subscription-"+kind, "0")
		w.Header().Set("X-Ms-Ratelimit-Remaining-Subscription-Global-"+kind, "0")
	}
	if c.Status == http.StatusServiceUnavailable {
		code = "ServerBusy"
	}
	c.fail(w, code, "The request was throttled. Retry it later.")
}

func (c *faultedCall) failBefore(w http.ResponseWriter, _ *http.Request) {
	c.fail(w, "InternalServerError", "Received "+strconv.Itoa(c.Status)+" from a service request")
}

func (c *faultedCall) failAfter(w http.ResponseWriter, r *http.Request) {
	c.next.ServeHTTP(newLostAnswer(), r)
	c.failBefore(w, r)
}

// fail answers with an error in the host's format: XML for storage, OAuth's error for the token
// service, ARM's error for the others.
func (c *faultedCall) fail(w http.ResponseWriter, code, message string) {
	contentType, body := "application/json; charset=utf-8", fmt.Sprintf(`{"error":{"code":%q,"message":%q}}`, code, message)
	switch c.kind {
	case cloud.KindBlob:
		w.Header().Set("X-Ms-Error-Code", code)
		contentType = "application/xml"
		body = "\ufeff" + `<?xml version="1.0" encoding="utf-8"?><Error><Code>` + code + "</Code><Message>" + message + "</Message></Error>"
	case cloud.KindLogin:
		body = fmt.Sprintf(`{"error":"temporarily_unavailable","error_description":%q}`, message)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(c.Status)
	_, _ = io.WriteString(w, body) // a client that is gone needs no answer
}

func (c *faultedCall) refuse(http.ResponseWriter, *http.Request)    { panic(cutConnection{errRefused()}) }
func (c *faultedCall) cutBefore(http.ResponseWriter, *http.Request) { panic(cutConnection{errReset()}) }

func (c *faultedCall) cutAfter(_ http.ResponseWriter, r *http.Request) {
	c.next.ServeHTTP(newLostAnswer(), r)
	panic(cutConnection{errReset()})
}

func (c *faultedCall) cutDuring(w http.ResponseWriter, r *http.Request) {
	body := &shortBody{ResponseWriter: w, left: cmp.Or(c.Bytes, 10), past: errReset(), partial: true}
	c.next.ServeHTTP(body, r)
	if body.passed > 0 {
		_ = http.NewResponseController(w).Flush() // sends the part that the client may have before the cut
	}
	panic(cutConnection{io.ErrUnexpectedEOF})
}

func (c *faultedCall) hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // net/http notices that a client is gone only after the body was read
	<-r.Context().Done()
	panic(cutConnection{r.Context().Err()})
}

func (c *faultedCall) slow(w http.ResponseWriter, r *http.Request) {
	c.next.ServeHTTP(&slowBody{ResponseWriter: w, request: r, piece: cmp.Or(c.Bytes, 1024), pause: c.Pause}, r)
}

func (c *faultedCall) truncate(w http.ResponseWriter, r *http.Request) {
	c.next.ServeHTTP(&shortBody{ResponseWriter: w, left: cmp.Or(c.Bytes, 10), unsized: true}, r)
}

func (c *faultedCall) failOperation(w http.ResponseWriter, r *http.Request) {
	c.next.ServeHTTP(w, r.WithContext(arm.WithFailingOperation(r.Context())))
}

func (c *faultedCall) emptyError(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(c.Status)
}

func (c *faultedCall) htmlError(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(c.Status)
	title := strconv.Itoa(c.Status) + " " + http.StatusText(c.Status)
	_, _ = io.WriteString(w, "<html>\r\n<head><title>"+title+"</title></head>\r\n<body>\r\n<center><h1>"+title+
		"</h1></center>\r\n<hr><center>proxy</center>\r\n</body>\r\n</html>\r\n")
}

// wrongHost is the host of a wrong link, a name that can never exist.
const wrongHost = "elsewhere.invalid"

var (
	linkHeaders = []string{"Location", "Azure-Asyncoperation", "Operation-Location"}
	headerHost  = regexp.MustCompile(`^https://[^/]+`)
	memberHost  = regexp.MustCompile(`(?i)("(?:nextLink|azureAsyncOperationUri)"\s*:\s*")https://[^/"]+`)
)

func (c *faultedCall) wrongLink(w http.ResponseWriter, r *http.Request) {
	kept := &keptAnswer{header: w.Header()}
	c.next.ServeHTTP(kept, r)
	for _, name := range linkHeaders {
		if link := w.Header().Get(name); link != "" {
			w.Header().Set(name, headerHost.ReplaceAllString(link, "https://"+wrongHost))
		}
	}
	kept.pass(w, memberHost.ReplaceAll(kept.body.Bytes(), []byte("${1}https://"+wrongHost)))
}
