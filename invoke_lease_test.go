package azmlbatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeStore is Blob storage as far as records of keys need it: whole blobs, conditions and leases.
type fakeStore struct {
	mu    sync.Mutex
	now   func() time.Time
	blobs map[string]*fakeBlob
	etags int
	calls []string // method, lease action and path of each request
	fail  func(call string) int
	after func(call string) // runs when the request has had its effect
}

type fakeBlob struct {
	content, etag, lease string
	until                time.Time // when the lease runs out
}

func (s *fakeStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, values := range r.Header { // azblob's are as they come
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	action := r.Header.Get("x-ms-lease-action")
	call := strings.Join(strings.Fields(r.Method+" "+action+" "+r.URL.Path), " ")
	content, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.calls = append(s.calls, call)
	status := 0
	if s.fail != nil {
		status = s.fail(call)
	}
	if status == 0 {
		status = s.answer(w, r, action, string(content))
	} else {
		w.WriteHeader(status)
	}
	s.mu.Unlock()
	if s.after != nil && status < 300 {
		s.after(call)
	}
}

// answer plays the service and returns the status.
func (s *fakeStore) answer(w http.ResponseWriter, r *http.Request, action, content string) int {
	b, now := s.blobs[r.URL.Path], s.now()
	leased := b != nil && b.lease != "" && now.Before(b.until)
	id := r.Header.Get("x-ms-lease-id")
	refuse := func(status int, code string) int {
		w.Header().Set("x-ms-error-code", code)
		w.WriteHeader(status)
		return status
	}
	match := r.Header.Get("If-Match")
	switch {
	case r.Method == http.MethodGet && b == nil, action != "" && b == nil:
		return refuse(404, "BlobNotFound")
	case r.Method == http.MethodGet:
		w.Header().Set("ETag", b.etag)
		w.Header().Set("x-ms-lease-status", map[bool]string{true: "locked", false: "unlocked"}[leased])
		_, _ = io.WriteString(w, b.content)
		return 200
	case action == "acquire" && leased && r.Header.Get("x-ms-proposed-lease-id") != b.lease:
		return refuse(409, "LeaseAlreadyPresent")
	case action == "acquire" && match != "" && match != b.etag:
		return refuse(412, "ConditionNotMet")
	case action == "acquire":
		b.lease, b.until = r.Header.Get("x-ms-proposed-lease-id"), now.Add(time.Minute)
		w.WriteHeader(http.StatusCreated)
		return 201
	case action != "" && b.lease != id:
		return refuse(409, "LeaseIdMismatchWithLeaseOperation")
	case action == "renew":
		b.until = now.Add(time.Minute)
		w.WriteHeader(http.StatusOK)
		return 200
	case action == "release":
		b.lease = ""
		w.WriteHeader(http.StatusOK)
		return 200
	case leased && id != b.lease:
		return refuse(412, "LeaseIdMissing")
	case b != nil && r.Header.Get("If-None-Match") == "*":
		return refuse(409, "BlobAlreadyExists")
	}
	s.etags++
	if b == nil {
		b = new(fakeBlob)
		put(&s.blobs, r.URL.Path, b)
	}
	b.content, b.etag = content, fmt.Sprintf(`"%d"`, s.etags)
	w.Header().Set("ETag", b.etag)
	w.WriteHeader(http.StatusCreated)
	return 201
}

// record is the one record that there is.
func (s *fakeStore) record(t *testing.T) (path string, r keyRecord, leased bool) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.blobs) != 1 {
		t.Fatalf("%d records, want 1", len(s.blobs))
	}
	for p, b := range s.blobs {
		if err := json.Unmarshal([]byte(b.content), &r); err != nil {
			t.Fatal(err)
		}
		return p, r, b.lease != "" && s.now().Before(b.until)
	}
	return "", r, false
}

// TestRequestsOfAKeyedInvocation counts what a key costs: a record, its lease, the job's name, and giving the lease up.
func TestRequestsOfAKeyedInvocation(t *testing.T) {
	s, c := newBatchService(t)
	inv := Invocation{Inputs: sampleInputs, Key: "monday"}
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", inv); err != nil {
		t.Fatal(err)
	}
	const record = "/con/azmlbatch/digits/monday.json"
	want := []string{"PUT " + record, "PUT acquire " + record, "PUT " + record, "PUT release " + record}
	if diff := cmp.Diff(want, s.store.calls); diff != "" {
		t.Errorf("requests to storage (-want +got):\n%s", diff)
	}
	path, r, leased := s.store.record(t)
	if want := (keyRecord{Endpoint: "digits", Output: "azureml://datastores/workspaceblobstore/paths/azmlbatch/digits/monday/", Job: "batchjob-1"}); path != record || !cmp.Equal(r, want) || leased {
		t.Errorf("record %s = %+v, leased %v, want %+v", path, r, leased, want)
	}
	if s.lists != 1 || len(s.posts) != 1 {
		t.Errorf("%d lists and %d posts, want 1 and 1", s.lists, len(s.posts))
	}
	s.store.calls, s.reads = nil, nil
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", inv); err != nil {
		t.Fatal(err)
	}
	if len(s.store.calls) != 0 || len(s.reads) != 3 {
		t.Errorf("a job that is listed cost %v and %v, want endpoint, deployment and list", s.store.calls, s.reads)
	}
	s.reads, s.list = nil, answer(200, `{"value":[]}`)
	job, err := c.Endpoints().Invoke(t.Context(), "digits", inv)
	if err != nil || job.Name != "batchjob-1" || len(s.posts) != 1 {
		t.Errorf("with a late list: %q, %v after %d posts", job.Name, err, len(s.posts))
	}
	if diff := cmp.Diff([]string{"PUT " + record, "GET " + record}, s.store.calls); diff != "" || len(s.reads) != 4 {
		t.Errorf("a job that the list does not show yet cost %v and (-want +got):\n%s", s.reads, diff)
	}
}

func TestInvocationWithoutAKeyTakesNoLease(t *testing.T) {
	s, c := newBatchService(t)
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs}); err != nil {
		t.Fatal(err)
	}
	if len(s.store.calls) != 0 || s.lists != 0 || len(s.posts) != 1 {
		t.Errorf("storage %v, %d lists, %d posts; want none, none and one", s.store.calls, s.lists, len(s.posts))
	}
}

// TestRecordPlaces keeps records out of folders that the caller chose, where another job may read.
func TestRecordPlaces(t *testing.T) {
	const d = "azureml://datastores/d/paths/"
	for output, want := range map[string]string{
		d + "azmlbatch/digits/monday/":            d + "azmlbatch/digits/monday.json",
		d + "results/a.csv":                       d + "azmlbatch/outputs/4b1ce4fae65dbe3c7dd5b6d30d6b2ac4c2b5df7d21ce7ab9db0bc1a2ac0a0dd0.json",
		"https://acc.blob.core.windows.net/con/x": "",
	} {
		got := recordPlace(output)
		if strings.Contains(want, "outputs/") {
			got, want = got[:len(d+"azmlbatch/outputs/")], want[:len(d+"azmlbatch/outputs/")]
		}
		if got != want {
			t.Errorf("record of %s at %s, want %s", output, got, want)
		}
	}
	same := recordPlace(d + "results/a")
	for _, other := range []string{d + "results/a/", d + "/results/a"} {
		if recordPlace(other) != same {
			t.Errorf("%s has another record than the same place in another spelling", other)
		}
	}
	if recordPlace(d+"results/b") == same {
		t.Error("two places have one record")
	}
	theirs := "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/results/a"
	if !strings.HasPrefix(recordPlace(theirs), "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/azmlbatch/outputs/") {
		t.Errorf("record of another workspace's place at %s", recordPlace(theirs))
	}
}

// TestWhereTheCallerMayNotWrite it works without a lease, whichever step is refused.
func TestWhereTheCallerMayNotWrite(t *testing.T) {
	for _, step := range []string{"PUT /", "PUT acquire"} {
		for _, status := range []int{401, 403} {
			s, c := newBatchService(t)
			s.store.fail = func(call string) int {
				if strings.HasPrefix(call, step) {
					return status
				}
				return 0
			}
			for range 2 {
				job, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
				if err != nil || job.Name != "batchjob-1" {
					t.Errorf("%s answered %d: Invoke = %q, %v", step, status, job.Name, err)
				}
			}
			if len(s.posts) != 1 {
				t.Errorf("%s answered %d: %d posts, want 1", step, status, len(s.posts))
			}
		}
	}
}

// TestStoreThatCannotBeReached starts nothing: another process may hold the lease.
func TestStoreThatCannotBeReached(t *testing.T) {
	for _, step := range []string{"PUT /", "PUT acquire"} {
		s, c := newBatchService(t)
		s.store.fail = func(call string) int {
			if strings.HasPrefix(call, step) {
				return 400
			}
			return 0
		}
		_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
		var e *Error
		if !errors.As(err, &e) || e.StatusCode != http.StatusBadRequest || len(s.posts) != 0 {
			t.Errorf("%s failed: Invoke = %v after %d posts, want the 400 and none", step, err, len(s.posts))
		}
	}
}

// TestRecordThatCannotBeWritten leaves the lease to run out, and the job is the caller's.
func TestRecordThatCannotBeWritten(t *testing.T) {
	s, c := newBatchService(t)
	puts := 0
	s.store.fail = func(call string) int {
		if strings.HasPrefix(call, "PUT /") {
			if puts++; puts == 2 {
				return 400
			}
		}
		return 0
	}
	job, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
	if _, r, leased := s.store.record(t); err != nil || job.Name != "batchjob-1" || r.Job != "" || !leased {
		t.Errorf("Invoke = %q, %v; record %+v, leased %v", job.Name, err, r, leased)
	}
}

// TestRefusedInvocationGivesTheLeaseUp so that a corrected one need not wait.
func TestRefusedInvocationGivesTheLeaseUp(t *testing.T) {
	s, c := newBatchService(t)
	s.post = func(w http.ResponseWriter, _ *http.Request) bool { writeJSON(w, 400, `{}`); return true }
	_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
	if _, r, leased := s.store.record(t); err == nil || r.Job != "" || leased {
		t.Errorf("Invoke = %v; record %+v, leased %v; want it free", err, r, leased)
	}
	s.post = nil
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"}); err != nil {
		t.Error(err)
	}
	if want := 2; s.lists != 3 || len(s.posts) != want { // the second looks again under the lease
		t.Errorf("%d lists and %d posts", s.lists, len(s.posts))
	}
}

// TestAmbiguousInvocationKeepsTheLease: whoever follows looks for the job when lists show it at the latest.
func TestAmbiguousInvocationKeepsTheLease(t *testing.T) {
	s, c := newBatchService(t)
	s.post = func(w http.ResponseWriter, _ *http.Request) bool { writeJSON(w, 502, ``); return true }
	_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
	if _, _, leased := s.store.record(t); !errors.As(err, new(*AmbiguousInvokeError)) || !leased {
		t.Fatalf("Invoke = %v, leased %v", err, leased)
	}
	s.post = nil
	s.accept(s.posts[0].Body) // it had started after all
	s.list = answer(200, `{"value":[]}`)
	began := s.store.now()
	s.store.after = func(call string) {
		if strings.HasPrefix(call, "PUT acquire") {
			s.list = nil // by now the list shows it
		}
	}
	job, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
	if err != nil || job.Name != "batchjob-1" || len(s.posts) != 1 {
		t.Errorf("the second call = %q, %v after %d posts", job.Name, err, len(s.posts))
	}
	if waited := s.store.now().Sub(began); waited < 40*time.Second || waited > 70*time.Second {
		t.Errorf("it waited for %v, want the rest of the lease", waited)
	}
	if _, r, leased := s.store.record(t); r.Job != "batchjob-1" || leased {
		t.Errorf("record %+v, leased %v", r, leased)
	}
}

func TestWaitingForAnothersLeaseEndsWithTheContext(t *testing.T) {
	s, c := newBatchService(t)
	s.store.blobs = map[string]*fakeBlob{"/con/azmlbatch/digits/monday.json": {content: `{}`, lease: "theirs", until: s.store.now().Add(time.Hour)}}
	ctx, cancel := context.WithCancel(t.Context())
	reads := 0
	s.store.after = func(call string) {
		if reads++; reads == 2 {
			cancel()
		}
	}
	_, err := c.Endpoints().Invoke(ctx, "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
	newTexts(t).add("waiting", err)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "same key") || len(s.posts) != 0 {
		t.Errorf("Invoke = %v after %d posts", err, len(s.posts))
	}
}

func TestRecordThatIsNone(t *testing.T) {
	s, c := newBatchService(t)
	s.store.blobs = map[string]*fakeBlob{"/con/azmlbatch/digits/monday.json": {content: `rows,of,somebody`}}
	_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
	newTexts(t).add("rows of somebody", err)
	if err == nil || !strings.Contains(err.Error(), `"azmlbatch/digits/monday.json" is not the record of a key`) || len(s.posts) != 0 {
		t.Errorf("Invoke = %v after %d posts", err, len(s.posts))
	}
}

// TestRecordDeletedWhileItIsRead is made anew.
func TestRecordDeletedWhileItIsRead(t *testing.T) {
	s, c := newBatchService(t)
	const path = "/con/azmlbatch/digits/monday.json"
	s.store.blobs = map[string]*fakeBlob{path: {content: `{}`}}
	s.store.fail = func(call string) int {
		if strings.HasPrefix(call, "GET") {
			delete(s.store.blobs, path)
			return 404
		}
		return 0
	}
	job, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
	if _, r, _ := s.store.record(t); err != nil || r.Job != job.Name || len(s.posts) != 1 {
		t.Errorf("Invoke = %q, %v after %d posts; record %+v", job.Name, err, len(s.posts), r)
	}
}

// TestJobOfARecordThatNoPlaneKnows has only its name.
func TestJobOfARecordThatNoPlaneKnows(t *testing.T) {
	s, c := newBatchService(t)
	s.store.blobs = map[string]*fakeBlob{"/con/azmlbatch/digits/monday.json": {content: `{"endpoint":"Digits","job":"batchjob-9"}`}}
	job, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
	if err != nil || job.Name != "batchjob-9" || len(s.posts) != 0 {
		t.Errorf("Invoke = %q, %v after %d posts", job.Name, err, len(s.posts))
	}
}

// TestReadOnlyClientLeavesNoRecord: it finds jobs, and makes nothing.
func TestReadOnlyClientLeavesNoRecord(t *testing.T) {
	s, _ := newBatchService(t)
	c := newClientOver(t, handlerTransport{s}, newFakeClock(), func(o *ClientOptions) { o.ReadOnly = true })
	_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
	if !errors.Is(err, ErrReadOnly) || len(s.store.calls)+len(s.posts) != 0 {
		t.Errorf("Invoke = %v after %v, want ErrReadOnly and nothing sent", err, s.store.calls)
	}
}

// TestWaitsForAnothersLease grow by half, up to five seconds, and a lease that is too short for the POST is renewed first.
func TestWaitsForAnothersLease(t *testing.T) {
	clk := newFakeClock()
	s := &batchService{t: t, store: fakeStore{now: clk.clock().now}}
	s.store.blobs = map[string]*fakeBlob{"/con/azmlbatch/digits/monday.json": {content: `{}`, lease: "theirs", until: s.store.now().Add(time.Minute)}}
	if _, err := newClientOver(t, handlerTransport{s}, clk).Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"}); err != nil {
		t.Fatal(err)
	}
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	want := []time.Duration{ms(500), ms(750), ms(1125), ms(1687.5), ms(2531.25), ms(3796.875), ms(5000), ms(5000)}
	if diff := cmp.Diff(want, clk.slept[:min(len(clk.slept), len(want))]); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

// TestLeaseLastsForThePost: with less than 30 seconds left it is renewed, else not.
func TestLeaseLastsForThePost(t *testing.T) {
	for passed, want := range map[time.Duration]int{0: 0, 30 * time.Second: 0, 30*time.Second + 1: 1, time.Minute: 1} {
		clk := newFakeClock()
		s := &batchService{t: t, store: fakeStore{now: clk.clock().now}}
		c := newClientOver(t, handlerTransport{s}, clk)
		a := attempt{invokeTarget: invokeTarget{c: c, op: operation{"invoke", "endpoint", "digits"}, endpoint: "digits"}, key: "monday",
			place: placeURI("workspaceblobstore", "azmlbatch/digits/monday/")}
		l, _, err := a.acquire(t.Context())
		if err != nil || l == nil {
			t.Fatal(l, err)
		}
		clk.at = clk.at.Add(passed)
		before := len(s.store.calls)
		if err := l.ensure(t.Context()); err != nil || len(s.store.calls)-before != want {
			t.Errorf("%v after it was granted: %v and %v, want %d requests", passed, err, s.store.calls[before:], want)
		}
	}
	var none *keyLease
	if err := none.ensure(t.Context()); err != nil {
		t.Errorf("no lease: %v", err)
	}
}
