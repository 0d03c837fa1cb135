package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// answered is what a client sees of an answer.
type answered struct {
	Status        string
	ContentLength int64
	Header        http.Header
	Body          string
	CutShort      bool // the body ended in an error
	Failed        bool // there was no answer at all
}

func see(t *testing.T, resp *http.Response, err error) answered {
	t.Helper()
	if err != nil {
		return answered{Failed: true}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	resp.Header.Del("Date")
	resp.Header.Del("Connection")
	return answered{resp.Status, resp.ContentLength, resp.Header, string(body), err != nil, false}
}

// Handlers that do what handlers may do to a ResponseWriter.
var writers = map[string]http.HandlerFunc{
	"nothing":  func(http.ResponseWriter, *http.Request) {},
	"a status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
	"two statuses": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		w.WriteHeader(http.StatusOK)
	},
	"early hints": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusCreated)
	},
	"a short body": func(w http.ResponseWriter, _ *http.Request) { write(w, "clay") },
	"a page":       func(w http.ResponseWriter, _ *http.Request) { write(w, "<html><body>clay") },
	"a long body":  func(w http.ResponseWriter, _ *http.Request) { write(w, strings.Repeat("clay ", 10_000)) },
	"many writes": func(w http.ResponseWriter, _ *http.Request) {
		write(w, "1", strings.Repeat("2", 2047), "3", strings.Repeat("4", 5000))
	},
	"a header late": func(w http.ResponseWriter, _ *http.Request) { write(w, "clay"); w.Header().Set("X-Late", "1") },
	"own type": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/glaze")
		write(w, "clay")
	},
	"no type": func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil; write(w, "clay") },
	"encoded": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "br")
		write(w, "clay")
	},
	"odd names": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["x-ms-meta-Owner"] = []string{"kiln"}
		write(w, "clay")
	},
	"as declared": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "4"); write(w, "clay") },
	"too little":  func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "9"); write(w, "clay") },
	"too little of much": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "9000")
		write(w, strings.Repeat("c", 5000))
	},
	"not modified": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified); write(w, "clay") },
	"no content":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent); write(w, "clay") },
	"flushed": func(w http.ResponseWriter, _ *http.Request) {
		write(w, "clay")
		w.(http.Flusher).Flush()
		write(w, " and glaze")
	},
	"cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"cut in a body": func(w http.ResponseWriter, _ *http.Request) {
		write(w, strings.Repeat("c", 5000))
		panic(http.ErrAbortHandler)
	},
	"cut after flush": func(w http.ResponseWriter, _ *http.Request) {
		write(w, "clay")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	},
	"the request": func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		write(w, fmt.Sprintln(r.Method, r.RequestURI, r.URL.Path, r.URL.RawQuery, r.Proto, r.ContentLength, r.TransferEncoding,
			r.Header.Get("Content-Length"), r.Header.Get("User-Agent"), r.Header.Get("X-Glaze"), string(body), err))
	},
}

func write(w io.Writer, pieces ...string) {
	for _, p := range pieces {
		_, _ = io.WriteString(w, p) // what the writer says of it is seen by the client
	}
}

// TestInMemoryAsOverASocket: what a client sees of an answer is the same without a socket.
func TestInMemoryAsOverASocket(t *testing.T) {
	for name, handler := range writers {
		server := httptest.NewUnstartedServer(handler)
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // it says what some handlers do wrong
		server.Start()
		t.Cleanup(server.Close)
		client := server.Client()
		client.Transport.(*http.Transport).DisableCompression = true
		methods := []string{"GET", "HEAD", "PUT", "DELETE"}
		if strings.HasPrefix(name, "cut ") {
			methods = methods[:2] // over a socket, a request body that nobody read may reset the whole answer
		}
		for _, method := range methods {
			t.Run(name+"/"+method, func(t *testing.T) {
				request := func() *http.Request {
					var body io.Reader
					if method == "PUT" {
						body = strings.NewReader("wet clay")
					}
					r, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/shelf/bowl%2F1?glaze=blue%20", body)
					if err != nil {
						t.Fatal(err)
					}
					r.Header.Set("X-Glaze", "blue")
					return r
				}
				overSocket, err := client.Do(request())
				want := see(t, overSocket, err)
				inMemory, err := roundTrip(t.Context(), handler, request())
				got := see(t, inMemory, err)
				if strings.HasPrefix(name, "cut") {
					want.Body, got.Body = "", "" // how much arrives before a cut depends on buffers
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("over a socket and in memory (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestRequestBodies: lengths as clients state them, and bodies that do not keep to them.
func TestRequestBodies(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		write(w, fmt.Sprint(r.ContentLength, " ", r.TransferEncoding, " ", r.Header.Get("Content-Length"), " ", string(body), " ", err))
	}
	for name, test := range map[string]struct {
		method string
		body   io.Reader
		length int64
		want   string
	}{
		"none":            {"GET", nil, 0, "0 []   <nil>"},
		"none, of a POST": {"POST", nil, 0, "0 [] 0  <nil>"},
		"no body":         {"PUT", http.NoBody, 0, "0 [] 0  <nil>"},
		"stated":          {"PUT", strings.NewReader("clay"), 4, "4 [] 4 clay <nil>"},
		"unknown, as 0":   {"PUT", io.MultiReader(strings.NewReader("clay")), 0, "-1 [chunked]  clay <nil>"},
		"unknown, as -1":  {"PATCH", io.MultiReader(strings.NewReader("clay")), -1, "-1 [chunked]  clay <nil>"},
		"too short":       {"PUT", io.MultiReader(strings.NewReader("clay")), 6, "6 [] 6 clay unexpected EOF"},
		"too long":        {"PUT", io.MultiReader(strings.NewReader("clay")), 2, "2 [] 2 cl <nil>"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), test.method, "https://management.azure.com/", test.body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = test.length
		resp, err := roundTrip(t.Context(), echo, r)
		if got := see(t, resp, err); got.Body != test.want {
			t.Errorf("%s: the server sees %q, want %q", name, got.Body, test.want)
		}
	}
}

// closes notes that it was closed.
type closes struct {
	io.Reader
	closed chan struct{}
}

func (c closes) Close() error { close(c.closed); return nil }

func TestRefusalsInMemory(t *testing.T) {
	e := NewTest(t, nil)
	ended, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	cancel(reason)
	for name, test := range map[string]struct {
		ctx  context.Context
		url  string
		want func(error) bool
	}{
		"unknown host": {t.Context(), "https://example.com/", func(err error) bool {
			var unknown *UnknownHostError
			return errors.As(err, &unknown) && unknown.Host == "example.com"
		}},
		"http":    {t.Context(), "http://management.azure.com/", func(err error) bool { return strings.Contains(err.Error(), "answers https only") }},
		"context": {ended, "https://management.azure.com/", func(err error) bool { return errors.Is(err, reason) }},
	} {
		body := closes{strings.NewReader("clay"), make(chan struct{})}
		r, err := http.NewRequestWithContext(test.ctx, http.MethodPost, test.url, body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := e.RoundTrip(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		if err == nil || !test.want(err) {
			t.Errorf("%s: %v", name, err)
		}
		select {
		case <-body.closed:
		default:
			t.Errorf("%s: the request's body was not closed", name)
		}
	}
	r := &http.Request{URL: &url.URL{Scheme: "https", Host: "management.azure.com", Opaque: "no slash"}}
	if resp, err := e.RoundTrip(r.WithContext(t.Context())); err == nil {
		_ = resp.Body.Close()
		t.Error("a request without a path was answered")
	}
}

// TestBareRequest: a request that was made without http.NewRequest has no method, host and header.
func TestBareRequest(t *testing.T) {
	seen := func(w http.ResponseWriter, r *http.Request) {
		write(w, fmt.Sprint(r.Method, " ", r.Host, " ", r.Header.Get("User-Agent"), " ", r.RemoteAddr, " ", r.TLS != nil && r.TLS.ServerName == "management.azure.com"))
	}
	r := (&http.Request{URL: &url.URL{Scheme: "https", Host: "management.azure.com", Path: "/"}}).WithContext(t.Context())
	resp, err := roundTrip(t.Context(), seen, r)
	if got := see(t, resp, err).Body; got != "GET management.azure.com Go-http-client/1.1 127.0.0.1:0 true" {
		t.Errorf("the server sees %q", got)
	}
	r.Header = http.Header{"User-Agent": {"kiln/1"}}
	r.Host = "login.windows.net"
	resp, err = roundTrip(t.Context(), seen, r)
	if got := see(t, resp, err).Body; got != "GET login.windows.net kiln/1 127.0.0.1:0 true" {
		t.Errorf("the server sees %q", got)
	}
}

// TestPanicInMemory: a panic of a handler is an error of the call that names the request and the
// place.
func TestPanicInMemory(t *testing.T) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://management.azure.com/tenants", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := roundTrip(t.Context(), func(http.ResponseWriter, *http.Request) { panic("cold kiln") }, r)
	if err == nil {
		_ = resp.Body.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "GET management.azure.com/tenants: panic: cold kiln\n") || !strings.Contains(err.Error(), "TestPanicInMemory") {
		t.Errorf("error %v, want one with request, panic and stack", err)
	}
}

// TestContextEndsACall: the call fails at once with the cause, and the handler's context ends.
func TestContextEndsACall(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	handled := make(chan struct{})
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, "https://management.azure.com/", io.MultiReader(strings.NewReader("x")))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := roundTrip(t.Context(), func(_ http.ResponseWriter, r *http.Request) {
		defer close(handled)
		cancel(reason)
		<-r.Context().Done()
	}, r)
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, reason) {
		t.Errorf("error %v, want %v", err, reason)
	}
	<-handled
}

// TestBodyThatIsClosedEarly: the handler's next write fails, and Close waits for the handler.
func TestBodyThatIsClosedEarly(t *testing.T) {
	handled := make(chan error, 1)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://management.azure.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := roundTrip(t.Context(), func(w http.ResponseWriter, r *http.Request) {
		var err error
		for err == nil {
			_, err = w.Write(bytes.Repeat([]byte("clay"), 1000))
		}
		handled <- err
	}, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-handled:
		if !errors.Is(err, errBodyClosed) {
			t.Errorf("the handler's write failed with %v, want %v", err, errBodyClosed)
		}
	default:
		t.Error("Close has not waited for the handler")
	}
}
