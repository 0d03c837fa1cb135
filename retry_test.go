package azmlbatch

import (
	stdcmp "cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	errReset   = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
)

// outcome is what one try meets: a status, or an error of the transport.
type outcome struct {
	status int
	header map[string]string
	body   string // empty means {}
	err    error
}

func (o outcome) meet(r *http.Request) (*http.Response, error) {
	if o.err != nil {
		return nil, o.err
	}
	h := http.Header{}
	for k, v := range o.header {
		h.Set(k, v)
	}
	return &http.Response{StatusCode: o.status, Header: h, Body: io.NopCloser(strings.NewReader(stdcmp.Or(o.body, "{}"))), Request: r}, nil
}

func TestRetriesByMethod(t *testing.T) {
	get := request{op: operation{"get", "thing", ""}, method: http.MethodGet}
	put := request{op: operation{"put", "thing", ""}, method: http.MethodPut, body: map[string]int{"a": 1}}
	invoke := request{op: operation{"invoke", "thing", ""}, method: http.MethodPost, body: map[string]int{"a": 1}, once: true}
	tests := []struct {
		name   string
		r      request
		meets  []outcome
		tries  int
		ok     bool
		waited []time.Duration
	}{
		{"first try", get, []outcome{{status: 200}}, 1, true, nil},
		{"GET after 500, 503 and a reset", get, []outcome{{status: 500}, {status: 503}, {err: errReset}, {status: 200}}, 4, true, nil},
		{"PUT is repeated with its body", put, []outcome{{status: 502}, {status: 200}}, 2, true, nil},
		{"three retries at most", get, []outcome{{status: 500}, {status: 500}, {status: 500}, {status: 500}}, 4, false, nil},
		{"400 is final", get, []outcome{{status: 400}}, 1, false, nil},
		{"Retry-After in seconds", get, []outcome{{status: 429, header: map[string]string{"Retry-After": "120"}}, {status: 200}}, 2, true, []time.Duration{2 * time.Minute}},
		{"Retry-After in milliseconds", get, []outcome{{status: 429, header: map[string]string{"x-ms-retry-after-ms": "250"}}, {status: 200}}, 2, true, []time.Duration{250 * time.Millisecond}},
		{"invoke after a refused connection", invoke, []outcome{{err: errRefused}, {status: 201}}, 2, true, nil},
		{"invoke after a proxy that is gone", invoke, []outcome{{err: &net.OpError{Op: "proxyconnect", Err: errReset}}, {status: 201}}, 2, true, nil},
		{"invoke after 429", invoke, []outcome{{status: 429}, {status: 201}}, 2, true, nil},
		{"invoke after 503 with Retry-After", invoke, []outcome{{status: 503, header: map[string]string{"Retry-After": "1"}}, {status: 201}}, 2, true, nil},
		{"invoke is not repeated after 503 without", invoke, []outcome{{status: 503}}, 1, false, nil},
		{"invoke is not repeated after 502", invoke, []outcome{{status: 502}}, 1, false, nil},
		{"invoke is not repeated after a reset", invoke, []outcome{{err: errReset}}, 1, false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clk := newFakeClock()
			tries := 0
			var bodies []string
			c := newClientOver(t, transporter(func(r *http.Request) (*http.Response, error) {
				if r.Body != nil {
					b, _ := io.ReadAll(r.Body)
					bodies = append(bodies, string(b))
				}
				tries++
				return tt.meets[min(tries, len(tt.meets))-1].meet(r)
			}), clk)
			tt.r.url = c.armURL("things")
			_, err := c.send(t.Context(), tt.r)
			if (err == nil) != tt.ok {
				t.Errorf("send = %v, want success %v", err, tt.ok)
			}
			if tries != tt.tries {
				t.Errorf("%d tries, want %d", tries, tt.tries)
			}
			if tt.waited != nil {
				if diff := cmp.Diff(tt.waited, clk.slept); diff != "" {
					t.Errorf("waits (-want +got):\n%s", diff)
				}
			}
			for _, b := range bodies {
				if tt.r.body != nil && b != `{"a":1}` {
					t.Errorf("a try carried the body %q", b)
				}
			}
		})
	}
}

func TestLastAnswerIsTheCallers(t *testing.T) {
	c := newTestClient(t, answer(503, `{"error":{"code":"KilnBusy","message":"come back later"}}`))
	_, err := c.Endpoints().Get(t.Context(), "digits")
	if !HasCode(err, "KilnBusy") {
		t.Errorf("Get = %v, want the service's own code after the last try", err)
	}
}

func TestRetryAfterBeyondTheDeadlineReturnsAtOnce(t *testing.T) {
	clk := newFakeClock()
	clk.at = time.Now() // a context's deadline is on the real clock
	tries := 0
	c := newClientOver(t, transporter(func(r *http.Request) (*http.Response, error) {
		tries++
		return outcome{status: 429, header: map[string]string{"Retry-After": "3600"}}.meet(r)
	}), clk)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := c.Endpoints().Get(ctx, "digits")
	if !errors.Is(err, ErrThrottled) || tries != 1 {
		t.Errorf("Get = %v after %d tries, want ErrThrottled after one", err, tries)
	}
}

// TestAPostOutlivesItsCaller, whose answer tells whether the work was started: by 15 s while it is on its way, and not at
// all while it waits for its next try.
func TestAPostOutlivesItsCaller(t *testing.T) {
	tests := map[string]struct {
		meet func(*http.Request) (*http.Response, error)
		want time.Duration // from the end of the caller's context
	}{
		"on its way": {func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, 15 * time.Second},
		"before its next try": {outcome{status: 429, header: map[string]string{"Retry-After": "3600"}}.meet, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &ClientOptions{}
				o.Transport = transporter(tt.meet)
				c, err := NewClient(testWorkspace, &fakeCredential{}, o)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Minute, cancel)
				began := time.Now()
				_, err = c.send(ctx, request{op: operation{"invoke", "thing", ""}, method: http.MethodPost, url: c.armURL("things"), once: true})
				if took := time.Since(began); took != time.Minute+tt.want || !errors.Is(err, context.Canceled) {
					t.Errorf("send = %v after %v, want context.Canceled after %v", err, took, time.Minute+tt.want)
				}
			})
		})
	}
}
