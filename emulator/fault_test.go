package emulator

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
)

// faulted is what becomes of a request that a fault applies to.
type faulted struct {
	answered
	Err    error
	Effect bool // the service has done what was asked
}

// faultOn sends a request through a fault to a service that answers 201 with a header and a body of
// 26 letters.
func faultOn(t *testing.T, kind cloud.Kind, f Fault) faulted {
	t.Helper()
	if _, err := f.check(); err != nil {
		t.Fatal(err)
	}
	done := false
	service := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		done = true
		w.Header().Set("X-Glaze", "blue")
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", "26")
		w.WriteHeader(http.StatusCreated)
		write(w, "abcdefghijklmnop", "qrstuvwxyz")
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://kiln.example/", strings.NewReader("clay"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := roundTrip(t.Context(), func(w http.ResponseWriter, r *http.Request) {
		applyFault(f, kind, faultWorld{now: time.Now}, service, w, r)
	}, r)
	seen := see(t, resp, err)
	return faulted{seen, err, done}
}

// errorBody is the format in which each kind of host reports an error: its code and message.
func errorBody(t *testing.T, kind cloud.Kind, header http.Header, body string) (code, message string) {
	t.Helper()
	switch kind {
	case cloud.KindBlob:
		var e struct{ Code, Message string }
		if err := xml.Unmarshal([]byte(strings.TrimPrefix(body, "\ufeff")), &e); err != nil || header.Get("Content-Type") != "application/xml" {
			t.Errorf("not an error of storage: %v %s", header, body)
		}
		if header.Get("X-Ms-Error-Code") != e.Code {
			t.Errorf("x-ms-error-code %q beside the code %q", header.Get("X-Ms-Error-Code"), e.Code)
		}
		return e.Code, e.Message
	case cloud.KindLogin:
		var e struct {
			Error       string
			Description string `json:"error_description"`
		}
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Errorf("not an error of the token service: %s", body)
		}
		return e.Error, e.Description
	}
	var e struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil || header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("not an error of ARM: %v %s", header, body)
	}
	return e.Error.Code, e.Error.Message
}

func TestActions(t *testing.T) {
	const whole = "abcdefghijklmnopqrstuvwxyz"
	reset := func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }
	tested := map[Action]bool{ActionHang: true} // see TestHang
	for spec, want := range map[string]struct {
		status     string
		retryAfter string
		body       string // as far as it goes
		cutShort   bool
		err        func(error) bool
		effect     bool
	}{
		"throttle":        {status: "429 Too Many Requests", retryAfter: "1"},
		"throttle=503,7":  {status: "503 Service Unavailable", retryAfter: "7"},
		"throttle=,0":     {status: "429 Too Many Requests", retryAfter: "0"},
		"throttle=503":    {status: "503 Service Unavailable", retryAfter: "1"},
		"fail-before":     {status: "500 Internal Server Error"},
		"fail-before=502": {status: "502 Bad Gateway"},
		"fail-after":      {status: "500 Internal Server Error", effect: true},
		"fail-after=504":  {status: "504 Gateway Timeout", effect: true},
		"refuse":          {err: func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		"cut-before":      {err: reset},
		"cut-after":       {err: reset, effect: true},
		"cut-during":      {status: "201 Created", body: whole[:10], cutShort: true, effect: true},
		"cut-during=20":   {status: "201 Created", body: whole[:20], cutShort: true, effect: true},
		"cut-during=99":   {status: "201 Created", body: whole[:25], cutShort: true, effect: true},
		"slow=1ms":        {status: "201 Created", body: whole, effect: true},
		"slow=1ms,7":      {status: "201 Created", body: whole, effect: true},
		"truncate":        {status: "201 Created", body: whole[:10], effect: true},
		"truncate=20":     {status: "201 Created", body: whole[:20], effect: true},
		"truncate=99":     {status: "201 Created", body: whole, effect: true},
		"fail-operation":  {status: "201 Created", body: whole, effect: true}, // see TestOperationsThatFail
		"deny":            {status: "403 Forbidden"},                          // see TestDenied for the text
		"disallow":        {status: "403 Forbidden"},
		"quota":           {status: "400 Bad Request"},
		"quota=403":       {status: "403 Forbidden"},
		"conflict":        {status: "409 Conflict"},
		"late-list=1h":    {status: "201 Created", body: whole, effect: true},
		"lose-lease":      {status: "201 Created", body: whole, effect: true},
		"expire-sas":      {status: "201 Created", body: whole, effect: true},
		"wrong-link":      {status: "201 Created", body: whole, effect: true},
		"empty-error":     {status: "502 Bad Gateway"},
		"empty-error=404": {status: "404 Not Found"},
		"html-error":      {status: "502 Bad Gateway"},
		"html-error=503":  {status: "503 Service Unavailable"},
	} {
		f, err := ParseFault("* * * " + spec)
		if err != nil {
			t.Fatal(err)
		}
		tested[f.Action] = true
		t.Run(spec, func(t *testing.T) {
			got := faultOn(t, cloud.KindManagement, f)
			if got.Status != want.status || got.Effect != want.effect || got.CutShort != want.cutShort {
				t.Errorf("got %q, effect %v, cut short %v (%v); want %+v", got.Status, got.Effect, got.CutShort, got.Err, want)
			}
			if want.err != nil && (got.Err == nil || !want.err(got.Err)) {
				t.Errorf("error %v", got.Err)
			}
			if strings.HasPrefix(want.status, "201") && (got.Body != want.body || got.Header.Get("X-Glaze") != "blue") {
				t.Errorf("body %q, header %v; want %q and the service's headers", got.Body, got.Header, want.body)
			}
			if got.Header.Get("Retry-After") != want.retryAfter {
				t.Errorf("Retry-After %q, want %q", got.Header.Get("Retry-After"), want.retryAfter)
			}
			if f.Action == ActionTruncate && want.body != whole && got.Header.Get("Content-Length") == "26" {
				t.Error("a truncated body declares its true length")
			}
			switch {
			case f.Action == ActionEmptyError && got.Body != "":
				t.Errorf("body %q", got.Body)
			case f.Action == ActionHTMLError:
				if !strings.Contains(got.Body, "<h1>"+want.status+"</h1>") || got.Header.Get("Content-Type") != "text/html" {
					t.Errorf("%v %s, want a page with the status", got.Header, got.Body)
				}
			}
		})
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(actions)), slices.Sorted(maps.Keys(tested))); diff != "" {
		t.Errorf("actions, and those that are tested (-want +got):\n%s", diff)
	}
}

// TestErrorsInTheFormatOfTheHost: each kind of host has its own, and clients read it.
func TestErrorsInTheFormatOfTheHost(t *testing.T) {
	for kind := cloud.KindLogin; kind <= cloud.KindScoring; kind++ {
		for _, test := range []struct {
			fault         Fault
			code, message string
		}{
			{Fault{Action: ActionThrottle}, "TooManyRequests", "The request was throttled. Retry it later."},
			{Fault{Action: ActionThrottle, Status: 503}, "ServerBusy", "The request was throttled. Retry it later."},
			{Fault{Action: ActionFailBefore, Status: 502}, "InternalServerError", "Received 502 from a service request"},
			{Fault{Action: ActionFailAfter}, "InternalServerError", "Received 500 from a service request"},
		} {
			got := faultOn(t, kind, test.fault)
			code, message := errorBody(t, kind, got.Header, got.Body)
			want := test.code
			if kind == cloud.KindLogin {
				want = "temporarily_unavailable"
			}
			if code != want || message != test.message {
				t.Errorf("%s of a %s host: %q %q, want %q %q", test.fault.Action, kind, code, message, want, test.message)
			}
		}
	}
}

// TestHang: the client gives up, and the service was not asked.
func TestHang(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, "https://kiln.example/", strings.NewReader("clay"))
	if err != nil {
		t.Fatal(err)
	}
	asked, waits := false, make(chan struct{})
	service := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true })
	ended := make(chan error, 1)
	go func() {
		resp, err := roundTrip(t.Context(), func(w http.ResponseWriter, r *http.Request) {
			close(waits)
			applyFault(Fault{Action: ActionHang}, cloud.KindBlob, faultWorld{now: time.Now}, service, w, r)
		}, r)
		if err == nil {
			_ = resp.Body.Close()
		}
		ended <- err
	}()
	<-waits
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || asked {
		t.Errorf("error %v, the service was asked: %v", err, asked)
	}
}

// TestSlowBodyEndsWithTheClient: a client that is gone does not keep the handler waiting.
func TestSlowBodyEndsWithTheClient(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://kiln.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	service := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		_, err := io.WriteString(w, "clay")
		wrote <- err
	})
	resp, err := roundTrip(t.Context(), func(w http.ResponseWriter, r *http.Request) {
		applyFault(Fault{Action: ActionSlow, Pause: time.Hour}, cloud.KindBlob, faultWorld{now: time.Now}, service, w, r)
	}, r)
	if err == nil {
		_ = resp.Body.Close()
	}
	if err := <-wrote; !errors.Is(err, context.Canceled) {
		t.Errorf("the write of the body = %v, want the end of the request", err)
	}
}

// TestWrongLink: every place in which a client finds the address of its next request.
func TestWrongLink(t *testing.T) {
	service := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, name := range []string{"Location", "Azure-AsyncOperation", "Operation-Location"} {
			w.Header().Set(name, "https://management.azure.com/"+name)
		}
		body := `{"nextLink": "https://management.azure.com/next?a=b", "value": [{"id": "https://management.azure.com/id"}],` +
			`"azureAsyncOperationUri":"https://management.azure.com/poll"}`
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		write(w, body)
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://management.azure.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := roundTrip(t.Context(), func(w http.ResponseWriter, r *http.Request) {
		applyFault(Fault{Action: ActionWrongLink}, cloud.KindManagement, faultWorld{}, service, w, r)
	}, r)
	got := see(t, resp, err)
	want := `{"nextLink": "https://elsewhere.invalid/next?a=b", "value": [{"id": "https://management.azure.com/id"}],` +
		`"azureAsyncOperationUri":"https://elsewhere.invalid/poll"}`
	if got.Body != want || got.ContentLength != int64(len(want)) {
		t.Errorf("body of %d bytes:\n%s\nwant\n%s", got.ContentLength, got.Body, want)
	}
	for _, name := range []string{"Location", "Azure-AsyncOperation", "Operation-Location"} {
		if link := got.Header.Get(name); link != "https://elsewhere.invalid/"+name {
			t.Errorf("%s: %s", name, link)
		}
	}
}

// TestFaultsMatch: which request a fault applies to, by every member that says so.
func TestFaultsMatch(t *testing.T) {
	hosts := map[cloud.Kind]string{
		cloud.KindLogin: "login.microsoftonline.com", cloud.KindManagement: "management.azure.com", cloud.KindBlob: "kilnstore.blob.core.windows.net",
		cloud.KindAPI: "eastus.api.azureml.ms", cloud.KindScoring: "vases.eastus.inference.ml.azure.com",
	}
	for _, test := range []struct {
		fault        Fault
		kind         cloud.Kind
		method, path string
		want         bool
	}{
		{Fault{}, cloud.KindBlob, "GET", "/a/b", true},
		{Fault{Host: "*", Method: "*", Path: "*"}, cloud.KindAPI, "PUT", "/a/b", true},
		{Fault{Host: "login"}, cloud.KindLogin, "POST", "/", true},
		{Fault{Host: "management"}, cloud.KindManagement, "GET", "/", true},
		{Fault{Host: "blob"}, cloud.KindBlob, "GET", "/", true},
		{Fault{Host: "api"}, cloud.KindAPI, "GET", "/", true},
		{Fault{Host: "scoring"}, cloud.KindScoring, "GET", "/", true},
		{Fault{Host: "Scoring"}, cloud.KindScoring, "GET", "/", true},
		{Fault{Host: "scoring"}, cloud.KindAPI, "GET", "/", false},
		{Fault{Host: "kilnstore.blob.core.windows.net"}, cloud.KindBlob, "GET", "/", true},
		{Fault{Host: "KilnStore.blob.core.windows.net"}, cloud.KindBlob, "GET", "/", true},
		{Fault{Host: "other.blob.core.windows.net"}, cloud.KindBlob, "GET", "/", false},
		{Fault{Method: "put"}, cloud.KindBlob, "PUT", "/", true},
		{Fault{Method: "PUT"}, cloud.KindBlob, "POST", "/", false},
		{Fault{Path: "/jobs"}, cloud.KindScoring, "POST", "/jobs", true},
		{Fault{Path: "/Jobs"}, cloud.KindScoring, "POST", "/jobS", true},
		{Fault{Path: "/jobs"}, cloud.KindScoring, "POST", "/jobs/1", false},
		{Fault{Path: "/jobs"}, cloud.KindScoring, "POST", "/old/jobs", false},
		{Fault{Path: "/jobs/*"}, cloud.KindScoring, "GET", "/jobs/1", true},
		{Fault{Path: "/jobs/*"}, cloud.KindScoring, "GET", "/jobs/1/a", false},
		{Fault{Path: "/jobs/**"}, cloud.KindScoring, "GET", "/jobs/1/a", true},
		{Fault{Path: "**/models/*/versions/*"}, cloud.KindManagement, "PUT", "/subscriptions/1/models/m/versions/2", true},
		{Fault{Path: "/a.c"}, cloud.KindBlob, "GET", "/abc", false},
		{Fault{Path: "/a\nb*"}, cloud.KindBlob, "GET", "/a\nb", true},
	} {
		test.fault.Action = ActionCutBefore
		var f faults
		if err := f.add([]Fault{test.fault}); err != nil {
			t.Errorf("%+v: %v", test.fault, err)
			continue
		}
		r := &http.Request{Method: test.method, Host: hosts[test.kind] + ":443"}
		var err error
		if r.URL, err = r.URL.Parse("https://x/"); err != nil {
			t.Fatal(err)
		}
		r.URL.Path = test.path
		if _, got := f.match(test.kind, r); got != test.want {
			t.Errorf("%+v matches %s %s %q: %v, want %v", test.fault, test.kind, test.method, test.path, got, test.want)
		}
	}
}

// TestFaultsCount: skip, times, and the order of several faults.
func TestFaultsCount(t *testing.T) {
	var f faults
	if err := f.add([]Fault{{Action: ActionRefuse, Skip: 1, Times: 2}, {Action: ActionHang, Times: 1}, {Action: ActionCutAfter, Method: "PUT"}}); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://management.azure.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	next := func() Action { got, _ := f.match(cloud.KindManagement, r); return got.Action }
	var got []Action
	for range 6 {
		got = append(got, next())
	}
	// The first fault lets one request pass, to the fault after it.
	if diff := cmp.Diff([]Action{ActionHang, ActionRefuse, ActionRefuse, ActionCutAfter, ActionCutAfter, ActionCutAfter}, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	f.clear()
	if a := next(); a != "" {
		t.Errorf("after clear: %s", a)
	}
}

// TestDeniedRoleActions: a fault that denies an action everywhere, from the first request that it
// applies to until it is used up.
func TestDeniedRoleActions(t *testing.T) {
	const write, read = "batchEndpoints/write", "batchEndpoints/read"
	for name, test := range map[string]struct {
		fault Fault
		seen  int
		want  []string
	}{
		"everywhere":     {Fault{RoleAction: write, Action: ActionDeny}, 0, []string{write}},
		"by stars":       {Fault{RoleAction: write, Action: ActionDeny, Host: "*", Method: "*", Path: "**"}, 0, []string{write}},
		"by a star":      {Fault{RoleAction: read, Action: ActionDeny, Path: "*"}, 0, []string{read}},
		"one host":       {Fault{RoleAction: write, Action: ActionDeny, Host: "management"}, 0, nil},
		"one method":     {Fault{RoleAction: write, Action: ActionDeny, Method: "PUT"}, 0, nil},
		"one path":       {Fault{RoleAction: write, Action: ActionDeny, Path: "/a"}, 0, nil},
		"no role action": {Fault{Action: ActionDeny}, 0, nil},
		"another action": {Fault{RoleAction: write, Action: ActionDisallow}, 0, nil},
		"not yet":        {Fault{RoleAction: write, Action: ActionDeny, Skip: 2}, 1, nil},
		"from now on":    {Fault{RoleAction: write, Action: ActionDeny, Skip: 2}, 2, []string{write}},
		"the last time":  {Fault{RoleAction: write, Action: ActionDeny, Skip: 1, Times: 2}, 2, []string{write}},
		"used up":        {Fault{RoleAction: write, Action: ActionDeny, Skip: 1, Times: 2}, 3, nil},
	} {
		f := faults{list: []*activeFault{{Fault: test.fault, seen: test.seen}}}
		if diff := cmp.Diff(test.want, f.denied()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestCutDuringCutsShortBodiesToo: a body that is shorter than what may pass does not arrive whole.
func TestCutDuringCutsShortBodiesToo(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "short": "42", "ten": "0123456789", "long": "0123456789abcdef"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := startServer(t, &Options{
		Seeds:  []Seed{{Account: "samples", Container: "data", Dir: dir}},
		Faults: []Fault{{Host: "blob", Action: ActionCutDuring}},
	})
	for transport, client := range map[string]*http.Client{
		"in memory": {Transport: s.Emulator()}, "HTTP/1.1": proxied(t, s, false), "HTTP/2": proxied(t, s, true),
	} {
		for name, want := range map[string]string{"empty": "", "short": "4", "ten": "012345678", "long": "0123456789"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://samples.blob.core.windows.net/data/"+name, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			resp, err := client.Do(request)
			if err == nil {
				got, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if err == nil {
				t.Errorf("%s: the body of %s arrived whole", transport, name)
			}
			if transport != "HTTP/2" && string(got) != want { // there the reset may overtake the last data
				t.Errorf("%s: %q of %s passed, want %q", transport, got, name, want)
			}
		}
	}
}

// TestOperationsThatFail: a client learns that, however the operation is followed, and nothing has
// changed.
func TestOperationsThatFail(t *testing.T) {
	client := NewClient(t, &Options{Faults: []Fault{
		{Host: "management", Method: "DELETE", Action: ActionFailOperation}, {Host: "management", Method: "PUT", Path: "**/bowls", Action: ActionFailOperation},
	}})
	ctx := t.Context()
	if _, err := client.Endpoints().CreateOrUpdate(ctx, "vases", azmlbatch.Endpoint{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := client.Endpoints().Delete(ctx, "vases", nil); !azmlbatch.HasCode(err, "UserError") {
		t.Errorf("a deletion that fails = %v, want the service's error", err)
	}
	if _, err := client.Endpoints().Get(ctx, "vases"); err != nil {
		t.Errorf("the endpoint that was not deleted: %v", err)
	}
	if _, err := client.Endpoints().CreateOrUpdate(ctx, "bowls", azmlbatch.Endpoint{}, nil); !azmlbatch.HasCode(err, "UserError") {
		t.Errorf("a create that fails = %v, want the service's error", err)
	}
}

// TestShortBodies: how much of a body of 26 bytes passes, and what the client is told of its length.
func TestShortBodies(t *testing.T) {
	cut := errors.New("cut")
	for name, test := range map[string]struct {
		body   shortBody
		length string // that the answer declares
		want   int    // bytes that pass
		told   string // Content-Length
		err    error
	}{
		"the beginning":                        {shortBody{left: 10, past: cut}, "26", 10, "26", cut},
		"all of it":                            {shortBody{left: 26, past: cut}, "26", 26, "26", nil},
		"the rest discarded":                   {shortBody{left: 10}, "26", 10, "26", nil},
		"as if it were complete":               {shortBody{left: 10, unsized: true}, "26", 10, "", nil},
		"cut within a small answer":            {shortBody{left: 99, partial: true, past: cut}, "26", 25, "26", cut},
		"cut within a large answer":            {shortBody{left: 10, partial: true, past: cut}, "26", 10, "26", cut},
		"cut within an answer without length":  {shortBody{left: 10, partial: true, past: cut}, "", 10, "", cut},
		"cut within an answer without a body":  {shortBody{left: 10, partial: true, past: cut}, "0", 0, "0", cut},
		"cut within an answer of one byte":     {shortBody{left: 10, partial: true, past: cut}, "1", 0, "1", cut},
		"an answer without length, not to cut": {shortBody{left: 99}, "", 26, "", nil},
	} {
		recorder := httptest.NewRecorder()
		body := test.body
		body.ResponseWriter = recorder
		if test.length != "" {
			body.Header().Set("Content-Length", test.length)
		}
		n, err := body.Write([]byte("abcdefghijklmnopqrstuvwxyz"))
		if got := recorder.Body.Len(); got != test.want || body.passed != test.want || !errors.Is(err, test.err) || (err == nil) != (test.err == nil) || err == nil && n != 26 {
			t.Errorf("%s: %d bytes pass, Write = %d, %v; want %d and %v", name, got, n, err, test.want, test.err)
		}
		if got := recorder.Header().Get("Content-Length"); got != test.told {
			t.Errorf("%s: Content-Length %q, want %q", name, got, test.told)
		}
	}
}
