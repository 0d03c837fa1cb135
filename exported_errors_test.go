package azmlbatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// callFaults are what can happen to a request. Each gives the answer in the service's place.
var callFaults = map[string]func(r *http.Request, whole *http.Response) (*http.Response, error){
	"reset":        func(*http.Request, *http.Response) (*http.Response, error) { return nil, errReset },
	"refused":      func(*http.Request, *http.Response) (*http.Response, error) { return nil, errRefused },
	"role missing": func(r *http.Request, _ *http.Response) (*http.Response, error) { return refusal(r, 403), nil },
	"not there":    func(r *http.Request, _ *http.Response) (*http.Response, error) { return refusal(r, 404), nil },
	"precondition": func(r *http.Request, _ *http.Response) (*http.Response, error) { return refusal(r, 412), nil },
	"out of order": func(r *http.Request, _ *http.Response) (*http.Response, error) { return refusal(r, 500), nil },
	"proxy's page": func(r *http.Request, _ *http.Response) (*http.Response, error) {
		return said(r, 200, "<html>\n<title>Log in</title>\n</html>"), nil
	},
	"body breaks": func(_ *http.Request, whole *http.Response) (*http.Response, error) {
		whole.Body = breakingBody{io.LimitReader(whole.Body, 1), errReset}
		return whole, nil
	},
	"empty answer": func(r *http.Request, _ *http.Response) (*http.Response, error) { return said(r, 200, ""), nil },
	"unknown state": func(r *http.Request, _ *http.Response) (*http.Response, error) {
		return said(r, 418, "line one\nline two?sig=hidden"), nil
	},
}

func said(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)), Request: r}
}

// refusal is a refusal in the form of the host.
func refusal(r *http.Request, status int) *http.Response {
	if strings.Contains(r.Host, ".blob.") {
		return said(r, status, "\ufeff<?xml version=\"1.0\"?><Error><Code>Refused</Code><Message>No.\nRequestId:1\nTime:2</Message></Error>")
	}
	return said(r, status, `{"error":{"code":"Refused","message":"No,\nnot today."}}`)
}

// striking is the whole service, of which one request meets a fault.
type striking struct {
	mu        sync.Mutex // a call may send two requests at once
	at, asked int
	fault     func(*http.Request, *http.Response) (*http.Response, error)
}

func (s *striking) Do(r *http.Request) (*http.Response, error) {
	whole, err := handlerTransport{http.HandlerFunc(wholeService)}.Do(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked++; err != nil || s.asked != s.at {
		return whole, err
	}
	return s.fault(r, whole)
}

// strike breaks each request of each call in turn, and gives the errors to check. Whichever request fails, the error names
// the operation of the call, as it does for a client that nobody made.
func strike(t *testing.T, fault func(context.CancelFunc) func(*http.Request, *http.Response) (*http.Response, error), check func(error) error) {
	t.Helper()
	nobodys := exportedCalls(nil, callPaths{})
	for i, e := range exportedCalls(newTestClient(t, http.NotFound), callPaths{}) {
		for at := 1; ; at++ {
			ctx, cancel := context.WithCancel(t.Context())
			s := &striking{at: at, fault: fault(cancel)}
			c := newClientOver(t, s, newFakeClock(), func(o *ClientOptions) { o.Retry.MaxRetries = -1 })
			err := exportedCalls(c, newCallPaths(t))[i].run(ctx)
			cancel()
			if s.asked < at {
				break
			}
			if bad := check(err); bad != nil {
				t.Errorf("%s, request %d: %v:\n%v", e.name, at, bad, err)
			}
			if err != nil && e.name != "Resume" { // whose poller names what it resumes
				if own := operationIn(nobodys[i].run(t.Context())); operationIn(err) != own {
					t.Errorf("%s, request %d: error of %q, want of %q:\n%v", e.name, at, operationIn(err), own, err)
				}
			}
		}
	}
}

// operationIn is the operation that the text of an error names first, without the resource.
func operationIn(err error) string {
	named, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "azmlbatch: "), ": ")
	named, _, _ = strings.Cut(named, ` "`)
	return named
}

// mould is the form of every error: the module once, what was done to what, and why.
var mould = regexp.MustCompile(`^azmlbatch: [a-zA-Z :]+( "[^"]*")?: [^\n]+$`)

// checkMould reports what is wrong with the text of an error.
func checkMould(err error) error {
	var failed *JobFailedError
	switch text := err.Error(); {
	case errors.As(err, &failed):
		return nil // a traceback has lines
	case !mould.MatchString(text):
		return errors.New("not of the form")
	case strings.Count(text, "azmlbatch: ") != 1:
		return errors.New("the prefix comes twice")
	case strings.Contains(text, "sig=hidden") || strings.Contains(text, "----"):
		return errors.New("a query or a dump")
	case len(text) > 500:
		return fmt.Errorf("%d characters", len(text))
	}
	return nil
}

// TestErrorsOfEveryExportedCall breaks each request of each call in each way.
func TestErrorsOfEveryExportedCall(t *testing.T) {
	for name, fault := range callFaults {
		t.Run(name, func(t *testing.T) {
			strike(t, func(context.CancelFunc) func(*http.Request, *http.Response) (*http.Response, error) { return fault }, func(err error) error {
				if err == nil {
					return nil // what was asked for has been found another way, or was not needed
				}
				return checkMould(err)
			})
		})
	}
}

// TestCancellationOfEveryExportedCall ends the context before the call and during each of its requests.
func TestCancellationOfEveryExportedCall(t *testing.T) {
	check := func(err error) error {
		switch {
		case err == nil:
			return errors.New("no error")
		case !errors.Is(err, context.Canceled):
			return errors.New("not context.Canceled")
		}
		return checkMould(err)
	}
	strike(t, func(cancel context.CancelFunc) func(*http.Request, *http.Response) (*http.Response, error) {
		return func(r *http.Request, _ *http.Response) (*http.Response, error) {
			cancel()
			return nil, r.Context().Err()
		}
	}, check)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	walk(t, func() http.HandlerFunc { return wholeService }, func(t *testing.T, e exportedCall) {
		if _, asks := e.args[0].(context.Context); !asks {
			return
		}
		if bad := check(e.run(ended)); bad != nil {
			t.Errorf("%v: %v", bad, e.run(ended))
		}
	})
}
