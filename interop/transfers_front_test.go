package interop

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// backend is a Blob storage to test the transfers against: the emulator's own, or Azurite. The
// management plane is always the emulator's.
type backend struct {
	name      string
	azure     *emulator.Emulator
	storage   policy.Transporter // answers for all hosts
	datastore string             // "" for the default one
}

// onBackends runs a test against each storage.
func onBackends(t *testing.T, test func(t *testing.T, b backend)) {
	t.Helper()
	t.Run("emulator", func(t *testing.T) {
		azure, err := emulator.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { azure.Close() })
		test(t, backend{"emulator", azure, azure, ""})
	})
	t.Run("azurite", func(t *testing.T) {
		a := newAzurite(t)
		a.open(t, azmlbatch.NoCredentials{})
		test(t, backend{"azurite", a.azure, a, "azurite"})
	})
}

func (b backend) workspace() azmlbatch.Workspace {
	w := b.azure.Workspaces()[0]
	return azmlbatch.Workspace{SubscriptionID: w.SubscriptionID, ResourceGroup: w.ResourceGroup, Name: w.Name}
}

// front is a server between clients and a backend. It counts the content of files that goes through,
// makes faults, and says when a client is to be killed.
type front struct {
	*httptest.Server
	b     backend
	fault func(r *http.Request) fault // nil for none; called by one goroutine at a time

	mu      sync.Mutex
	working int              // requests that are looked after
	idle    sync.Cond        // on mu: working is 0
	stored  map[string]int64 // bytes of each file, block or part that went through whole
	wire    int64            // bytes that went through, whole or not; without those of refused requests
	again   int64            // bytes of what had gone through whole before
	marked  []int64          // bytes that were stored when an upload was marked as complete
	point   killPoint        // counted down
	kill    func()           // at the point; nil afterwards
	dead    bool             // the client was killed: what it has sent since is lost
	victim  int              // the number of the client that may be killed; what another has sent is lost
	refused int              // requests, by faults
}

// fault is what happens to a request instead of an answer.
type fault int

const (
	none     fault = iota
	cut            // the connection is reset in the middle of the content
	busy           // 503, come again in a second
	throttle       // 503, without a time
	forget         // storage answers that it has taken the content, and has not
)

func newFront(t *testing.T, b backend) *front {
	t.Helper()
	f := &front{b: b, stored: map[string]int64{}}
	f.idle.L = &f.mu
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// client is a client whose requests go through the front.
func (f *front) client(t *testing.T, change ...func(*azmlbatch.ClientOptions)) *azmlbatch.Client {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	o := &azmlbatch.ClientOptions{}
	o.Transport = toFront{front: f.URL, next: transport}
	o.Retry.RetryDelay = time.Millisecond
	for _, c := range change {
		c(o)
	}
	client, err := azmlbatch.NewClient(f.b.workspace(), anyToken{}, o)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// toFront sends every request to the front, and tells it the host in a header. A victim tells its number.
type toFront struct {
	front  string
	next   http.RoundTripper
	victim int
}

func (s toFront) Do(r *http.Request) (*http.Response, error) {
	to, err := url.Parse(s.front)
	if err != nil {
		return nil, err
	}
	aimed := r.Clone(r.Context())
	aimed.Header.Set("X-Host", r.URL.Host)
	if s.victim > 0 {
		aimed.Header.Set("X-Victim", strconv.Itoa(s.victim))
	}
	aimed.URL.Scheme, aimed.URL.Host, aimed.Host = to.Scheme, to.Host, ""
	return s.next.RoundTrip(aimed)
}

// anyToken is a credential whose tokens the front replaces.
type anyToken struct{}

func (anyToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "any", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// look counts a request in or out.
func (f *front) look(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.working += n; f.working == 0 {
		f.idle.Broadcast()
	}
}

// wait returns when no request is looked after.
func (f *front) wait() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.working > 0 {
		f.idle.Wait()
	}
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.look(1)
	defer f.look(-1)
	if f.isLate(r) {
		panic(http.ErrAbortHandler)
	}
	aimed, err := f.aim(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	f.countRequest()
	broken := f.nextFault(aimed)
	switch broken {
	case busy, throttle:
		if broken == busy {
			w.Header().Set("Retry-After", "1")
		}
		w.Header().Set("X-Ms-Error-Code", "ServerBusy")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case forget:
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
		return
	case cut:
		if r.Method == http.MethodPut {
			_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
			panic(http.ErrAbortHandler)
		}
	}
	f.pass(w, r, aimed, broken == cut)
}

// pass passes a request on, and the answer back. With half, the connection is cut in the middle of it.
func (f *front) pass(w http.ResponseWriter, r, aimed *http.Request, half bool) {
	content := contentOf(aimed)
	sent := &countingReader{Reader: r.Body, f: f, counts: content != ""}
	if r.ContentLength > 0 {
		aimed.Body = struct {
			io.Reader
			io.Closer
		}{sent, r.Body}
	}
	resp, err := f.b.storage.Do(aimed)
	if err == nil && sent.lost.Load() {
		err = resp.Body.Close()
	}
	if err != nil || sent.lost.Load() {
		panic(http.ErrAbortHandler) // the client was killed while it sent
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	answer := &countingReader{Reader: resp.Body, f: f, counts: content != "" && r.Method == http.MethodGet}
	n := resp.ContentLength
	if half {
		n /= 2
	}
	switch {
	case r.Method == http.MethodHead:
	case n < 0:
		_, err = io.Copy(w, answer)
	default:
		_, err = io.CopyN(w, answer, n)
	}
	f.finish(aimed, resp.StatusCode, content, sent.n.Load()+answer.n.Load(), r.Method == http.MethodPut || err == nil && !half)
	if err != nil || half {
		panic(http.ErrAbortHandler)
	}
}

// aim turns a request to the front into that to the backend.
func (f *front) aim(r *http.Request) (*http.Request, error) {
	aimed := r.Clone(context.WithoutCancel(r.Context())) // what the client has sent is stored, also when it is dead
	aimed.RequestURI, aimed.URL.Scheme, aimed.URL.Host = "", "https", r.Header.Get("X-Host")
	aimed.Host = aimed.URL.Host
	aimed.Header.Del("X-Host")
	aimed.Header.Del("X-Victim")
	scope := "https://management.azure.com/.default"
	if strings.Contains(aimed.Host, ".blob.") {
		scope = "https://storage.azure.com/.default"
	}
	if r.Header.Get("Authorization") != "" {
		token, err := f.b.azure.Credential().GetToken(r.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
		if err != nil {
			return nil, err
		}
		aimed.Header.Set("Authorization", "Bearer "+token.Token)
	}
	return aimed, nil
}

// contentOf names what of a file's content a request carries, or nothing.
func contentOf(r *http.Request) string {
	comp := r.URL.Query().Get("comp")
	switch {
	case !strings.Contains(r.Host, ".blob."):
	case r.Method == http.MethodPut && (comp == "" || comp == "block"):
		return r.URL.Path + " " + r.URL.Query().Get("blockid")
	case r.Method == http.MethodGet && r.Header.Get("X-Ms-Range") != "":
		return r.URL.Path + " " + r.Header.Get("X-Ms-Range")
	}
	return ""
}

func (f *front) nextFault(r *http.Request) fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault == nil {
		return none
	}
	next := f.fault(r)
	if next != none {
		f.refused++
	}
	return next
}

// finish counts what a request has moved.
func (f *front) finish(r *http.Request, status int, content string, n int64, whole bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.URL.Query().Get("comp") == "metadata" && status < 300:
		total := int64(0)
		for _, n := range f.stored {
			total += n
		}
		f.marked = append(f.marked, total)
	case content == "":
	case status >= 300:
		if f.wire -= n; status == http.StatusConflict { // storage had it, and its answer was lost
			f.stored[content] = n
		}
	case whole:
		if _, before := f.stored[content]; before {
			f.again += n
		}
		f.stored[content] = n
	}
}

// killPoint is when a client is killed: after so many bytes of content or so many requests.
type killPoint struct {
	bytes    int64
	requests int
}

// setKill sets when the victim with a number is killed.
func (f *front) setKill(victim int, p killPoint, kill func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.victim, f.point, f.kill, f.dead = victim, p, kill, false
}

// isLate reports whether a request comes from an earlier victim: it lay in a socket when that was killed.
func (f *front) isLate(r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	from := r.Header.Get("X-Victim")
	return from != "" && from != strconv.Itoa(f.victim)
}

func (f *front) countRequest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.point.requests--; f.point.requests == 0 {
		f.killNow()
	}
}

// countBytes counts content. It reports false for content that is lost with its client: without that,
// what is in the buffers of the sockets would still arrive.
func (f *front) countBytes(n int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wire += int64(n)
	if before := f.point.bytes; before > 0 {
		if f.point.bytes -= int64(n); f.point.bytes <= 0 {
			f.killNow()
		}
	}
	return !f.dead
}

func (f *front) killNow() {
	if f.kill != nil {
		f.kill()
		f.kill, f.dead = nil, true
	}
}

type countingReader struct {
	io.Reader
	f      *front
	counts bool
	n      atomic.Int64 // atomic, because a transport may read on when it has the answer
	lost   atomic.Bool  // the client was killed meanwhile
}

func (r *countingReader) Read(p []byte) (int, error) {
	if r.counts {
		p = p[:min(len(p), 32<<10)] // so that a kill can come within a block
	}
	n, err := r.Reader.Read(p)
	if r.counts && n > 0 {
		r.n.Add(int64(n))
		if !r.f.countBytes(n) {
			r.lost.Store(true)
			return 0, io.ErrUnexpectedEOF
		}
	}
	return n, err
}
