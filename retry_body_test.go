package azmlbatch

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// breakingBody gives its text and then the error.
type breakingBody struct {
	io.Reader
	err error
}

func (b breakingBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = b.err
	}
	return n, err
}

func (breakingBody) Close() error { return nil }

// cuts are the ways in which an answer can end before its end. Each changes a whole answer.
var cuts = map[string]func(*http.Response){
	"reset":     func(r *http.Response) { r.Body = breakingBody{strings.NewReader(`{"na`), errReset} },
	"EOF":       func(r *http.Response) { r.Body = breakingBody{strings.NewReader(`{"na`), io.ErrUnexpectedEOF} },
	"at once":   func(r *http.Response) { r.Body = breakingBody{strings.NewReader(``), errReset} },
	"too short": func(r *http.Response) { r.Body, r.ContentLength = http.NoBody, 400 },
	"truncated": func(r *http.Response) { r.Body = io.NopCloser(strings.NewReader(`{"name":"a","value":[{"x":"}]`)) },
}

// cutting answers as the handler does, and cuts the first answers to a method.
func cutting(next http.HandlerFunc, method string, times int, cut func(*http.Response)) (transporter, *int) {
	asked := new(int)
	return func(r *http.Request) (*http.Response, error) {
		resp, err := handlerTransport{next}.Do(r)
		if err != nil || r.Method != method {
			return resp, err
		}
		if *asked++; *asked <= times {
			resp.ContentLength = -1
			cut(resp)
		}
		return resp, nil
	}, asked
}

// TestCutAnswersAreAskedForAgain cuts the answer to each kind of request in every way, once.
func TestCutAnswersAreAskedForAgain(t *testing.T) {
	operation := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodDelete:
			answer(202, `{}`, "Location", operationURL)(w, r)
		case strings.HasSuffix(r.URL.Path, operationPath()):
			answer(200, `{"status":"Succeeded"}`)(w, r)
		case strings.HasSuffix(r.URL.Path, "/batchEndpoints"):
			answer(200, `{"value":[{"name":"digits"}]}`)(w, r)
		case r.Method == http.MethodPut:
			answer(201, `{"name":"digits"}`, "Azure-AsyncOperation", operationURL)(w, r)
		default:
			answer(200, `{"name":"digits"}`)(w, r)
		}
	}
	calls := map[string]struct {
		method string
		call   func(c *Client) error
	}{
		"get": {"GET", func(c *Client) error { _, err := c.Endpoints().Get(t.Context(), "digits"); return err }},
		"list": {"GET", func(c *Client) error {
			for _, err := range c.Endpoints().List(t.Context()) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		"put": {"PUT", func(c *Client) error {
			_, err := c.Endpoints().BeginCreateOrUpdate(t.Context(), "digits", Endpoint{Location: "westus"})
			return err
		}},
		"delete": {"DELETE", func(c *Client) error { _, err := c.Endpoints().BeginDelete(t.Context(), "digits"); return err }},
		"poll": {"GET", func(c *Client) error {
			p, err := c.Endpoints().BeginDelete(t.Context(), "digits")
			if err == nil {
				_, err = p.PollUntilDone(t.Context(), nil)
			}
			return err
		}},
	}
	for name, tt := range calls {
		for how, cut := range cuts {
			t.Run(name+"/"+how, func(t *testing.T) {
				transport, asked := cutting(operation, tt.method, 1, cut)
				if err := tt.call(newClientOver(t, transport, newFakeClock())); err != nil {
					t.Errorf("an answer that was cut once = %v", err)
				}
				if *asked < 2 {
					t.Errorf("%s was asked %d times, want a second time", tt.method, *asked)
				}
			})
		}
	}
}

// TestAnswersThatStayCut has the error name the cut, and the status that came before it.
func TestAnswersThatStayCut(t *testing.T) {
	for how, cut := range cuts {
		t.Run(how, func(t *testing.T) {
			transport, asked := cutting(answer(200, `{"name":"digits"}`), "GET", 100, cut)
			_, err := newClientOver(t, transport, newFakeClock()).Endpoints().Get(t.Context(), "digits")
			var e *Error
			if !errors.As(err, &e) || e.StatusCode != http.StatusOK || !strings.Contains(err.Error(), "the answer was cut off") {
				t.Errorf("Get = %v, want an Error about the cut", err)
			}
			if *asked != defaultMaxRetries+1 {
				t.Errorf("asked %d times, want %d", *asked, defaultMaxRetries+1)
			}
		})
	}
}

// A refusal stays one when its text was cut: the status says it.
func TestRefusalsThatAreCutKeepTheirStatus(t *testing.T) {
	for _, status := range []int{404, 500} {
		transport, _ := cutting(answer(status, `{"error":{}}`), "GET", 100, cuts["reset"])
		_, err := newClientOver(t, transport, newFakeClock()).Endpoints().Get(t.Context(), "digits")
		var e *Error
		if !errors.As(err, &e) || e.StatusCode != status {
			t.Errorf("Get = %v, want status %d", err, status)
		}
	}
}

// What starts a job is not sent a second time because its answer was cut.
func TestCutAnswerOfAnInvocationIsNotAskedForAgain(t *testing.T) {
	for how, cut := range cuts {
		s, _ := newBatchService(t)
		transport, asked := cutting(s.ServeHTTP, "POST", 1, cut)
		job, err := newClientOver(t, transport, newFakeClock()).Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs})
		if err != nil || job.Name != "batchjob-1" || *asked != 1 {
			t.Errorf("%s: Invoke = %q, %v after %d POSTs; want the job that the one POST started", how, job.Name, err, *asked)
		}
	}
}

func TestAnswersHaveABound(t *testing.T) {
	asked := 0
	c := newClientOver(t, transporter(func(r *http.Request) (*http.Response, error) {
		asked++
		endless := io.LimitReader(zeroes{}, maxBody+1)
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(endless), Request: r}, nil
	}), newFakeClock())
	_, err := c.Endpoints().Get(t.Context(), "digits")
	newTexts(t).add("too long", err)
	if err == nil || !strings.Contains(err.Error(), "longer than") || asked != 1 {
		t.Errorf("Get = %v after %d requests, want one and an error about the length", err, asked)
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestEndsEarly(t *testing.T) {
	whole := []string{``, `null`, `{}`, ` {"a":"}{"} `, `[1,[2]]`, `{"a":"\"{"}`, `<html>`, `text {`, `{"a":1,}`,
		"\ufeff<?xml?><EnumerationResults a='1'></EnumerationResults>\n"}
	early := []string{`{`, `{"a"`, `{"a":"}`, `{"a":"\`, `{"a":[1,2]`, `[{"a":1}`, ` [`, "\ufeff<?xml?><EnumerationResults a='1'><Blobs>"}
	got := map[string]bool{}
	want := map[string]bool{}
	for _, s := range whole {
		got[s], want[s] = endsEarly([]byte(s)), false
	}
	for _, s := range early {
		got[s], want[s] = endsEarly([]byte(s)), true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("endsEarly (-want +got):\n%s", diff)
	}
}

// openBodies counts the bodies that nobody has closed.
type openBodies struct {
	next http.Handler
	mu   sync.Mutex
	open map[*countedBody]string
}

// left are the requests whose bodies are open.
func (o *openBodies) left() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Collect(maps.Values(o.open))
}

func (o *openBodies) Do(r *http.Request) (*http.Response, error) {
	resp, err := handlerTransport{o.next}.Do(r)
	if err == nil {
		body := &countedBody{ReadCloser: resp.Body, of: o}
		o.mu.Lock()
		defer o.mu.Unlock()
		put(&o.open, body, r.Method+" "+r.URL.Path)
		resp.Body = body
	}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	of *openBodies
}

func (b *countedBody) Close() error {
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	delete(b.of.open, b)
	return b.ReadCloser.Close()
}

func TestBodiesOfAnswersAreClosed(t *testing.T) {
	for _, handler := range []http.HandlerFunc{
		answer(200, `{"name":"digits"}`), answer(200, ``), answer(404, `{}`), answer(503, `{}`), answer(200, `{"cut`), answer(204, ``),
	} {
		o := &openBodies{next: handler}
		c := newClientOver(t, o, newFakeClock())
		_, _ = c.Endpoints().Get(t.Context(), "digits")
		for range c.Endpoints().List(t.Context()) { //nolint:errcheck // only the bodies count here
			break
		}
		if open := o.left(); len(open) > 0 {
			t.Errorf("left open: %v", open)
		}
	}
}

// TestDeclaredLengthIsNotBelieved reads a short answer that declares as much as a number can say: no room is made for that.
func TestDeclaredLengthIsNotBelieved(t *testing.T) {
	resp := &http.Response{StatusCode: http.StatusOK, ContentLength: math.MaxInt64, Body: io.NopCloser(strings.NewReader(`{"name":"digits"}`))}
	if err := readWhole(resp, new(bytes.Buffer), false); err != nil {
		t.Fatal(err)
	}
	if got, err := payload(resp); err != nil || string(got) != `{"name":"digits"}` {
		t.Errorf("payload = %q, %v", got, err)
	}
}
