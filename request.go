package azmlbatch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// request describes one HTTP request to the JSON planes.
type request struct {
	op     operation
	plane  *plane // nil means management
	method string
	url    string // absolute; api-version is added for the management plane unless it has one
	query  url.Values
	header http.Header
	body   any  // goes without its read-only members; nil sends no body
	reads  bool // a POST that changes nothing; other methods tell by themselves
	once   bool // starts work that must not start twice: sent again only if it provably never arrived
	ok     []int
	room   *bytes.Buffer // for a page of a list, whose body is read into it; else nil
	pages  *int          // of a list: counts the pages asked for; may be nil
	// invalid is what is wrong with the caller's arguments; with it, nothing is sent.
	invalid error
}

// about is a request for a resource of the workspace, by its path segments. The resource is
// op.name.
func (c *Client) about(op operation, method string, segments ...string) request {
	return request{op: op, method: method, url: c.armURL(segments...), invalid: cmp.Or(c.ready(op), checkName(op, "name", op.name))}
}

// do sends the request and decodes the answer into a T. A success without a body, and the literal
// null, give a zero T.
func do[T any](ctx context.Context, c *Client, r request) (T, error) {
	var v T
	resp, err := c.send(ctx, r)
	if err != nil {
		return v, err
	}
	if err := decodeBody(r.op, resp, &v); err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// send makes every request to the JSON planes. The answer's status is one of r.ok, or of 200, 201,
// 202 and 204 when r.ok is empty; anything else is *[Error]. Its body has been read; see payload.
func (c *Client) send(ctx context.Context, r request) (resp *http.Response, err error) {
	if r.invalid != nil {
		return nil, r.invalid
	}
	if err := c.ready(r.op); err != nil {
		return nil, err
	}
	ctx, end := c.begin(ctx, r.op, slog.LevelDebug)
	defer end(&err)
	if !r.reads && !onlyReads(r.method) {
		if err := c.refuseWrite(r.op); err != nil {
			return nil, err
		}
	}
	p := r.plane
	if p == nil {
		p = c.management
	}
	s := &sending{once: r.once, room: r.room}
	if r.once {
		outliving, end := s.outlive(ctx, c.clock)
		defer end()
		ctx = outliving
	}
	req, err := c.newRequest(context.WithValue(ctx, sendingKey{}, s), p, r)
	if err != nil {
		return nil, err
	}
	resp, err = p.pipeline.Do(req)
	if err != nil {
		err = endedBy(ctx, err)
		if !s.sent {
			err = &unsentError{err}
		}
		return nil, transportError(r.op, err)
	}
	ok := r.ok
	if ok == nil {
		ok = []int{http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent}
	}
	if !slices.Contains(ok, resp.StatusCode) || isHTML(resp.Header) {
		e := newResponseError(r.op.String(), resp)
		if e.StatusCode < http.StatusMultipleChoices {
			e.Remedy += mayHaveWorked(resp)
		}
		return nil, e
	}
	return resp, nil
}

func onlyReads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// refuseWrite is the error of a call that would write with a read-only client, else nil.
func (c *Client) refuseWrite(op operation) error {
	if !c.readOnly {
		return nil
	}
	return &Error{Operation: op.String(), Message: ErrReadOnly.Error(), Err: ErrReadOnly,
		Remedy: "make the client without ClientOptions.ReadOnly"}
}

func (c *Client) newRequest(ctx context.Context, p *plane, r request) (*policy.Request, error) {
	req, err := runtime.NewRequest(ctx, r.method, r.url)
	if err != nil {
		return nil, transportError(r.op, err)
	}
	if u := req.Raw().URL; !p.owns(u.Host) || u.Scheme != "https" {
		return nil, foreignHost(r.op, p, r.url)
	}
	if !c.options.Logging.IncludeBody {
		runtime.SkipBodyDownload(req) // the retry layer has read it; azcore would copy it
	}
	raw := req.Raw()
	raw.URL.RawQuery = c.rawQuery(p, raw.URL, r.query)
	raw.Header.Set("Accept", "application/json")
	for name, values := range r.header {
		raw.Header[http.CanonicalHeaderKey(name)] = values
	}
	if r.body == nil {
		return req, nil
	}
	body, err := wire.Marshal(r.body, wire.ForRequest)
	if err != nil {
		return nil, r.op.invalid("body", "cannot be written as JSON: "+oneLine(redact(err.Error())), "").causedBy(err)
	}
	return req, req.SetBody(streaming.NopCloser(bytes.NewReader(body)), "application/json")
}

// rawQuery adds parameters to a query and leaves the rest as the service gave it. Operation URLs
// are signed, and the service refuses a re-encoded one.
func (c *Client) rawQuery(p *plane, u *url.URL, add url.Values) string {
	raw := u.RawQuery
	if p == c.management && !hasParameter(raw, "api-version") && !add.Has("api-version") {
		raw = joinQuery(raw, "api-version="+url.QueryEscape(c.apiVersion))
	}
	return joinQuery(raw, add.Encode())
}

func hasParameter(rawQuery, name string) bool {
	for parameter := range strings.SplitSeq(rawQuery, "&") {
		if key, _, _ := strings.Cut(parameter, "="); strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

func joinQuery(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "&" + b
}

// foreignHost is the error for a host that does not belong to the plane, such as a link in an
// answer or a host of another cloud. No token is sent there.
func foreignHost(op operation, p *plane, raw string) error {
	host := "an unreadable URL"
	if u, err := url.Parse(raw); err == nil {
		host = u.Scheme + "://" + u.Host
	}
	return &Error{Operation: op.String(),
		Message: fmt.Sprintf("%s is not a host of the %s plane; no token is sent there", host, p.name),
		Remedy:  "check ClientOptions.Cloud; a link of the service that leaves its own hosts is never followed",
		Err:     errForeignHost}
}

var errForeignHost = errors.New("foreign host")

func decodeBody(op operation, resp *http.Response, v any) error {
	body, err := payload(resp)
	if err != nil {
		return transportError(op, err)
	}
	return decodeText(op, resp, body, v)
}

// mayHaveWorked is what to say of a success whose answer says nothing, unless the call only reads.
func mayHaveWorked(resp *http.Response) string {
	if resp.Request != nil && onlyReads(resp.Request.Method) {
		return ""
	}
	return "; the call may have worked, so read the resource before trying again"
}

// decodeText decodes the body of a success. No body at all is fine and leaves v as it is.
func decodeText(op operation, resp *http.Response, body []byte, v any) error {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if err := wire.Unmarshal(body, v); err != nil {
		e := &Error{Operation: op.String(), StatusCode: resp.StatusCode, Err: err, RequestID: requestID(resp.Header),
			Message: "the answer is not the JSON that was expected (" + oneLine(err.Error()) + ")",
			Remedy:  "check for a proxy in between" + mayHaveWorked(resp)}
		if _, message := parseErrorBody(body); strings.HasPrefix(message, pageText) {
			e.Message, e.Remedy = oneLine(redact(message)), pageRemedy+mayHaveWorked(resp)
		}
		return e
	}
	return nil
}

// inSpan runs a call of several requests within a span. Whichever of them fails, the error names the
// call first: count files of job "x": list steps of job "x": 403 …
func inSpan[T any](ctx context.Context, c *Client, op operation, run func(context.Context) (T, error)) (v T, err error) {
	if err := c.ready(op); err != nil {
		return v, err
	}
	ctx, end := c.begin(ctx, op, slog.LevelInfo)
	defer end(&err)
	v, err = run(ctx)
	return v, op.failed(err)
}

// inLoop is inSpan for a call that returns a loop. It has no span, because the loop's body is the
// caller's.
func inLoop[T any](c *Client, op operation, items iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err := c.ready(op); err != nil {
			var zero T
			yield(zero, err)
			return
		}
		for v, err := range items {
			if !yield(v, op.failed(err)) {
				return
			}
		}
	}
}

// begin opens the span of a step and returns the function that ends and logs it. Steps of several
// requests are logged at slog.LevelInfo, single requests at slog.LevelDebug. As in every Azure SDK,
// a span inside another span of this package is left out; the HTTP spans of its requests are
// children of the outer one.
//
//	ctx, end := c.begin(ctx, op, slog.LevelInfo)
//	defer end(&err)
func (c *Client) begin(ctx context.Context, op operation, level slog.Level) (context.Context, func(*error)) {
	logger := c.options.Logger
	logs := logger != nil && logger.Enabled(ctx, level)
	if !logs && !c.tracer.Enabled() {
		return ctx, func(*error) {}
	}
	started := c.clock.now()
	ctx, endSpan := runtime.StartSpan(ctx, op.verb+" "+op.kind, c.tracer, &runtime.StartSpanOptions{
		Attributes: []tracing.Attribute{{Key: attributeName, Value: redact(op.name)}},
	})
	return ctx, func(err *error) {
		endSpan(*err)
		if logs {
			attributes := []any{"name", redact(op.name), "duration", c.clock.now().Sub(started).Round(time.Microsecond)}
			if *err != nil {
				attributes = append(attributes, "error", *err)
			}
			logger.Log(ctx, level, op.verb+" "+op.kind, attributes...)
		}
	}
}
