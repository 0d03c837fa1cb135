package arm

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	testSubscription = "11111111-1111-4111-8111-111111111111"
	testWorkspaceID  = "33333333-3333-4333-8333-333333333333"
	testVersion      = "2024-04-01"
)

var testWorkspace = Workspace{
	SubscriptionID: testSubscription, ResourceGroup: "pottery", Name: "kilns", Location: "eastus",
	StorageAccount: "kilnstore", ID: testWorkspaceID,
}

// host is a handler under test with a clock that stands still until it is moved.
type host struct {
	*Handler
	t        *testing.T
	time     time.Time
	accounts *fakeAccounts
}

func newHost(t *testing.T, edits ...func(*Options)) *host {
	t.Helper()
	state, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, time: time.Date(2026, 3, 1, 10, 20, 30, 123_456_700, time.UTC), accounts: &fakeAccounts{}}
	options := Options{
		Store: state, Cloud: cloud.Public(), Accounts: h.accounts, User: "A User", Now: func() time.Time { return h.time },
		TenantID: "22222222-2222-4222-8222-222222222222",
	}
	for _, edit := range edits {
		edit(&options)
	}
	if h.Handler, err = New(options); err != nil {
		t.Fatal(err)
	}
	if err := h.CreateWorkspace(testWorkspace); err != nil {
		t.Fatal(err)
	}
	return h
}

// response is an answer, its body decoded.
type response struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	text   string
	body   store.Document
}

// do sends a request. A path that does not begin with a slash is one below the workspace; an
// absolute URL is used as it is; api-version is added if missing.
func (h *host) do(method, path, body string) response {
	h.t.Helper()
	return h.send(h.request(method, path, body))
}

func (h *host) request(method, path, body string) *http.Request {
	h.t.Helper()
	if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "https://") {
		path = workspaceID(testWorkspace.SubscriptionID, testWorkspace.ResourceGroup, testWorkspace.Name) + "/" + path
	}
	if !strings.Contains(path, "api-version=") {
		path += map[bool]string{false: "?", true: "&"}[strings.Contains(path, "?")] + "api-version=" + testVersion
	}
	request := httptest.NewRequestWithContext(h.t.Context(), method, path, strings.NewReader(body))
	request.Host = "management.azure.com"
	return request
}

func (h *host) send(request *http.Request) response {
	h.t.Helper()
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	r := response{
		t: h.t, what: request.Method + " " + request.URL.Path, status: recorder.Code, header: recorder.Header(), text: recorder.Body.String(),
	}
	if r.text != "" && r.text != "null" && r.text[0] == '{' {
		if err := store.Decode([]byte(r.text), &r.body); err != nil {
			h.t.Fatalf("%s: body is not JSON: %v", r.what, err)
		}
	}
	return r
}

func (h *host) get(path string) response { h.t.Helper(); return h.do(http.MethodGet, path, "") }

func (h *host) put(path, body string) response { h.t.Helper(); return h.do(http.MethodPut, path, body) }

// poll follows an operation to its end; the clock moves between polls.
func (h *host) poll(first response) response {
	h.t.Helper()
	url := first.header.Get("Azure-AsyncOperation")
	if url == "" {
		h.t.Fatalf("%s: no Azure-AsyncOperation in %v", first.what, first.header)
	}
	for range 5 {
		r := h.get(url).wants(http.StatusOK)
		if status := r.at("status"); status != "Updating" && status != "InProgress" {
			return r
		}
		h.time = h.time.Add(time.Minute)
	}
	h.t.Fatalf("%s: the operation does not end", first.what)
	return response{}
}

// wants fails the test unless the answer has the status.
func (r response) wants(status int) response {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: status %d, want %d; body %s", r.what, r.status, status, r.text)
	}
	return r
}

// at returns the member at a path of names and indexes separated by slashes, or "absent".
func (r response) at(path string) any { return at(r.body, path) }

func at(v any, path string) any {
	for name := range strings.SplitSeq(path, "/") {
		switch parent := v.(type) {
		case store.Document:
			member, ok := parent[name]
			if !ok {
				return "absent"
			}
			v = member
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(parent) {
				return "absent"
			}
			v = parent[i]
		default:
			return "absent"
		}
	}
	return v
}

// has compares members of the answer by their paths.
func (r response) has(want map[string]any) response {
	r.t.Helper()
	got := map[string]any{}
	for path := range want {
		got[path] = r.at(path)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("%s (-want +got):\n%s", r.what, diff)
	}
	return r
}

// names are those of the items of a list.
func (r response) names() []string {
	r.t.Helper()
	items, _ := r.at("value").([]any)
	names := []string{}
	for _, item := range items {
		names = append(names, store.Text(item.(store.Document), "name"))
	}
	return names
}

func (r response) hasNames(want ...string) response {
	r.t.Helper()
	if diff := cmp.Diff(want, r.names(), cmpopts.EquateEmpty()); diff != "" {
		r.t.Errorf("%s: names (-want +got):\n%s", r.what, diff)
	}
	return r
}

// innerCodes are the nested codes of an error's InnerError entry.
func (r response) innerCodes() []string {
	r.t.Helper()
	var codes []string
	infos, _ := r.at("error/additionalInfo").([]any)
	for _, info := range infos {
		if at(info, "type") != "InnerError" {
			continue
		}
		for inner, _ := at(info, "info/value").(store.Document); inner != nil; inner = store.Object(inner, "innerError") {
			codes = append(codes, store.Text(inner, "code"))
		}
	}
	return codes
}

// fakeAccounts is a Blob service that only remembers.
type fakeAccounts struct {
	mu         sync.Mutex
	known      map[string]blob.Account
	containers []string
	expiry     time.Time
	err        error  // of every call, if set
	only       string // the one call that fails; empty means every call
}

func (f *fakeAccounts) failure(call string) error {
	if f.only != "" && f.only != call {
		return nil
	}
	return f.err
}

func (f *fakeAccounts) AddAccount(account blob.Account) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.failure("AddAccount"); err != nil {
		return err
	}
	if f.known == nil {
		f.known = map[string]blob.Account{}
	}
	f.known[account.Name] = account
	return nil
}

func (f *fakeAccounts) CreateContainer(account, container string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.containers = append(f.containers, account+"/"+container)
	return f.failure("CreateContainer")
}

func (f *fakeAccounts) AccountSAS(account, permissions string, expiry time.Time) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, found := f.known[account]; !found {
		return "", errors.New("no such account")
	}
	if f.err != nil {
		return "", f.err
	}
	f.expiry = expiry
	return "sv=1&sig=made&srt=co&ss=bf&sp=" + permissions, nil
}

func (f *fakeAccounts) UserDelegationSAS(_, _, permissions string, _, _ time.Time) (string, error) {
	if f.err != nil {
		return "", f.err
	}
	return "skoid=1&sr=c&sp=" + permissions + "&sig=made", nil
}
