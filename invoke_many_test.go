package azmlbatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// manyService takes invocations for the endpoint digits. A job ends with the second list that shows it, as Failed when its
// input's place ends in "sour"; an input that ends in "bad" is refused.
type manyService struct {
	t        *testing.T
	mu       sync.Mutex
	jobs     []*manyJob
	most     int // jobs that ran at once
	posts    int
	reads    map[string]int
	onPost   func(n int) // before the n-th POST is answered
	requests int
	store    fakeStore
}

type manyJob struct {
	name, input, place, status string
	shown                      int
}

func newManyService(t *testing.T) (*manyService, *Client) {
	return newManyServiceOn(t, newFakeClock().clock())
}

func newManyServiceOn(t *testing.T, clk clock) (*manyService, *Client) {
	t.Helper()
	s := &manyService{t: t, reads: map[string]int{}, store: fakeStore{now: clk.now}}
	o := &ClientOptions{}
	o.Transport = handlerTransport{s}
	c, err := newClient(testWorkspace, &fakeCredential{}, o, clk)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func (s *manyService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/mferp/managementfrontend"), testWorkspaceID)
	if r.URL.Host == "acc.blob.core.windows.net" {
		s.store.ServeHTTP(w, r)
		return
	}
	if r.Method == http.MethodPost {
		s.mu.Lock()
		s.posts++
		n := s.posts
		s.mu.Unlock()
		if s.onPost != nil {
			s.onPost(n)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if r.Method == http.MethodGet {
		s.reads[path]++
	}
	name, single := strings.CutPrefix(path, "/jobs/")
	switch {
	case r.Method == http.MethodPost:
		s.post(w, r)
	case strings.HasSuffix(path, "/discovery"):
		writeJSON(w, 200, `{"api":"https://r.api.azureml.ms"}`)
	case path == "":
		writeJSON(w, 200, `{"properties":{"discoveryUrl":"https://r.api.azureml.ms/discovery"}}`)
	case path == "/datastores":
		writeJSON(w, 200, `{"value":[{"name":"d","properties":{"isDefault":true,"datastoreType":"AzureBlob","accountName":"acc","containerName":"con"}}]}`)
	case path == "/batchEndpoints/digits":
		writeJSON(w, 200, `{"name":"digits","properties":{"scoringUri":"https://digits.r.inference.ml.azure.com/jobs","defaults":{"deploymentName":"blue"}}}`)
	case strings.HasPrefix(path, "/batchEndpoints/digits/deployments/"):
		writeJSON(w, 200, `{"name":"`+lastSegment(path)+`","properties":{}}`)
	case path == "/batchEndpoints/digits/jobs":
		writeJSON(w, 200, `{"value":[`+s.list(func(j *manyJob) string {
			return fmt.Sprintf(`{"name":%q,"properties":{"status":%q,"inputData":{"UriFolder":{"jobInputType":"UriFolder","uri":%q}},"outputData":{"score":{"jobOutputType":"UriFolder","uri":"azureml://subscriptions/sub-1/resourcegroups/pottery/workspaces/kiln/datastores/d/paths/%s"}}}}`, j.name, j.status, j.input, j.place)
		})+`]}`)
	case path == "/jobs":
		for _, j := range s.jobs {
			j.age()
		}
		writeJSON(w, 200, `{"value":[`+s.list((*manyJob).arm)+`]}`)
	case single:
		i := slices.IndexFunc(s.jobs, func(j *manyJob) bool { return j.name == name })
		s.jobs[i].age() // the only job that runs is read and not listed
		writeJSON(w, 200, s.jobs[i].arm())
	default:
		writeJSON(w, 404, `{}`) // run history, when a failed job is explained
	}
}

func (j *manyJob) age() {
	if j.shown++; j.shown != 2 {
		return
	}
	j.status = "Completed"
	if strings.HasSuffix(j.place, "sour/") {
		j.status = "Failed"
	}
}

func (j *manyJob) arm() string {
	return fmt.Sprintf(`{"name":%q,"properties":{"status":%q}}`, j.name, j.status)
}

func (s *manyService) list(show func(*manyJob) string) string {
	var shown []string
	for _, j := range s.jobs {
		shown = append(shown, show(j))
	}
	return strings.Join(shown, ",")
}

func (s *manyService) post(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Properties struct {
			InputData  map[string]struct{ URI string }
			OutputData map[string]struct{ URI string }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		s.t.Error(err)
	}
	input := body.Properties.InputData["UriFolder"].URI
	if strings.HasSuffix(input, "bad") {
		writeJSON(w, 400, `{"error":{"code":"UserError","message":"no such data"}}`)
		return
	}
	_, place, _ := strings.Cut(body.Properties.OutputData["score"].URI, "/paths/")
	if strings.HasSuffix(input, "sour") {
		place += "sour/"
	}
	j := &manyJob{name: fmt.Sprintf("job-%d", len(s.jobs)), input: input, place: place, status: "Running"}
	s.jobs = append(s.jobs, j)
	running := 0
	for _, j := range s.jobs {
		if j.status == "Running" {
			running++
		}
	}
	s.most = max(s.most, running)
	writeJSON(w, 201, j.arm())
}

func folders(names ...string) iter.Seq[Invocation] {
	return func(yield func(Invocation) bool) {
		for _, name := range names {
			if !yield(Invocation{Input: URIFolder{URI: "https://acc.blob.core.windows.net/con/" + name}}) {
				return
			}
		}
	}
}

func TestInvokeMany(t *testing.T) {
	s, c := newManyService(t)
	names := []string{"good", "sour", "bad", "", "good"}
	for range 15 {
		names = append(names, "good")
	}
	var together sync.WaitGroup
	together.Add(3)
	s.onPost = func(n int) { // the first three are on their way at once
		if n <= 3 {
			together.Done()
			together.Wait()
		}
	}
	started := 0
	got := map[int]string{}
	all := c.Endpoints().InvokeMany(t.Context(), "digits", folders(names...), &InvokeManyOptions{Concurrency: 3, OnStart: func(r InvokeResult) {
		if started++; r.Started.Name == "" || r.Job.Name != "" {
			t.Errorf("OnStart(%+v)", r)
		}
	}})
	for r, err := range all {
		var failed *JobFailedError
		switch {
		case errors.As(err, &failed):
			got[r.Index] = "failed " + string(r.Job.Status) + " " + fmt.Sprint(failed.Job.Name == r.Started.Name)
		case err != nil:
			got[r.Index] = "not started " + r.Started.Name
		default:
			got[r.Index] = string(r.Job.Status)
		}
	}
	want := map[int]string{0: "Completed", 1: "failed Failed true", 2: "not started "}
	for i := 3; i < len(names); i++ {
		want[i] = "Completed"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if s.most > 3 || s.posts != 20 || started != 19 {
		t.Errorf("%d jobs ran at once, %d POSTs, %d started; want at most 3, 20 and 19", s.most, s.posts, started)
	}
	if s.reads["/batchEndpoints/digits"] != 1 || s.reads["/batchEndpoints/digits/deployments/blue"] != 1 {
		t.Errorf("endpoint and deployment were read %d and %d times, want once", s.reads["/batchEndpoints/digits"], s.reads["/batchEndpoints/digits/deployments/blue"])
	}
}

// TestInvokeManyWithKeysGoesOnWhereItWas runs in a bubble: on a clock that every wait moves, the waits
// for jobs would age the list of jobs while others are still being started.
func TestInvokeManyWithKeysGoesOnWhereItWas(t *testing.T) {
	synctest.Test(t, testGoesOnWhereItWas)
}

func testGoesOnWhereItWas(t *testing.T) {
	s, c := newManyServiceOn(t, realClock())
	nights := func(yield func(Invocation) bool) {
		for i := range 6 {
			if !yield(Invocation{Key: fmt.Sprintf("night-%d", i), Input: URIFolder{URI: "https://acc.blob.core.windows.net/con/x"}}) {
				return
			}
		}
		yield(Invocation{Key: "night-0", Input: URIFolder{URI: "https://acc.blob.core.windows.net/con/x"}})
	}
	first := 0
	for _, err := range c.Endpoints().InvokeMany(t.Context(), "digits", nights, &InvokeManyOptions{Concurrency: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		if first++; first == 2 {
			break
		}
	}
	before := s.posts
	if before < 2 || before > 5 { // two yielded, one that ended with them, two that ran
		t.Errorf("%d jobs were started until the loop was left after two, want two to five", before)
	}
	s.reads["/batchEndpoints/digits/jobs"] = 0
	var refused, completed int
	for r, err := range c.Endpoints().InvokeMany(t.Context(), "digits", nights, nil) {
		switch {
		case err == nil && r.Job.Status == JobStatusCompleted:
			completed++
		case r.Index == 6 && errors.As(err, new(*ArgumentError)):
			refused++
			newTexts(t).add("a key that came before", err)
		default:
			t.Errorf("invocation %d = %v", r.Index, err)
		}
	}
	if completed != 6 || refused != 1 || s.posts != 6 {
		t.Errorf("%d completed, %d refused, %d jobs started in all; want 6, 1 and 6", completed, refused, s.posts)
	}
	if n := s.reads["/batchEndpoints/digits/jobs"]; n > 2 {
		t.Errorf("the endpoint's jobs were listed %d times for six keys, want once, and again after ten seconds", n)
	}
}

func TestInvokeManySaysWhatGoesOn(t *testing.T) {
	s, c := newManyService(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var noted []string
	var last error
	endless := func(yield func(Invocation) bool) {
		for yield(Invocation{Input: URIFolder{URI: "https://acc.blob.core.windows.net/con/x"}}) {
		}
	}
	for r, err := range c.Endpoints().InvokeMany(ctx, "digits", endless, &InvokeManyOptions{Concurrency: 5, OnStart: func(r InvokeResult) { noted = append(noted, r.Started.Name) }}) {
		last = err
		if r.Job.Name != "" {
			cancel()
		}
	}
	var unfinished *UnfinishedError
	if !errors.As(last, &unfinished) || !errors.Is(last, context.Canceled) {
		t.Fatalf("the last error = %v, want an UnfinishedError", last)
	}
	if len(noted) != s.posts || len(noted) != len(s.jobs) {
		t.Errorf("OnStart heard of %d jobs, %d were started", len(noted), len(s.jobs))
	}
	for _, name := range unfinished.Names {
		if !slices.Contains(noted, name) {
			t.Errorf("%s is left, and OnStart has not heard of it", name)
		}
	}
}

func TestInvokeManyOfNothing(t *testing.T) {
	s, c := newManyService(t)
	for r, err := range c.Endpoints().InvokeMany(t.Context(), "digits", folders(), nil) {
		t.Errorf("no invocations yielded %+v, %v", r, err)
	}
	for _, err := range c.Endpoints().InvokeMany(t.Context(), "", folders("a"), nil) {
		if !errors.As(err, new(*ArgumentError)) {
			t.Errorf("an empty endpoint = %v", err)
		}
	}
	if s.requests != 0 {
		t.Errorf("%d requests, want none", s.requests)
	}
}

// ARM can be some seconds late to know what the scoring plane has taken.
func TestInvokeManyWaitsForAJobToAppear(t *testing.T) {
	s := &manyService{t: t, reads: map[string]int{}}
	missing := 2
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, testWorkspaceID+"/jobs/") && missing > 0 {
			missing--
			writeJSON(w, 404, `{}`)
			return
		}
		s.ServeHTTP(w, r)
	})
	one := slices.Values([]Invocation{{Input: URIFolder{URI: "https://acc.blob.core.windows.net/con/x"}}})
	for r, err := range c.Endpoints().InvokeMany(t.Context(), "digits", one, nil) {
		if err != nil || r.Job.Status != JobStatusCompleted {
			t.Errorf("job = %+v, %v", r.Job, err)
		}
	}
	if missing != 0 {
		t.Errorf("the job was not asked for")
	}
}

// TestInvokeManyTellsFoundFromStarted, and runs what failed earlier again when it is asked to, once.
func TestInvokeManyTellsFoundFromStarted(t *testing.T) {
	s, c := newManyService(t)
	nights := slices.Values([]Invocation{
		{Key: "good", Input: URIFolder{URI: "https://acc.blob.core.windows.net/con/good"}},
		{Key: "sour", Input: URIFolder{URI: "https://acc.blob.core.windows.net/con/sour"}},
	})
	run := func(o *InvokeManyOptions) (found, failed []string, posts int) {
		before := s.posts
		for r, err := range c.Endpoints().InvokeMany(t.Context(), "digits", nights, o) {
			switch {
			case errors.As(err, new(*JobFailedError)):
				failed = append(failed, r.Invocation.Key)
			case err != nil:
				t.Errorf("%s: %v", r.Invocation.Key, err)
			}
			if r.Found {
				found = append(found, r.Invocation.Key)
			}
		}
		slices.Sort(found)
		return found, failed, s.posts - before
	}
	check := func(what string, o *InvokeManyOptions, wantFound []string, wantPosts int) {
		t.Helper()
		found, failed, posts := run(o)
		if !slices.Equal(found, wantFound) || !slices.Equal(failed, []string{"sour"}) || posts != wantPosts {
			t.Errorf("%s: found %v, failed %v, %d posts; want %v, sour and %d", what, found, failed, posts, wantFound, wantPosts)
		}
	}
	check("the first run", nil, nil, 2)
	check("the second", nil, []string{"good", "sour"}, 0)
	check("a run of what failed", &InvokeManyOptions{RerunFailed: true}, []string{"good"}, 1)
	check("and another", &InvokeManyOptions{RerunFailed: true}, []string{"good"}, 1)
	if len(s.jobs) != 4 || !strings.Contains(s.jobs[3].place, "/sour.3/") {
		t.Errorf("%d jobs, want 4 and the last at the second derived key", len(s.jobs))
	}
	at := func(folder string) int {
		return slices.IndexFunc(s.jobs, func(j *manyJob) bool { return strings.Contains(j.place, folder) })
	}
	s.jobs[at("/good/")].status = "Canceled"
	check("a run of what was canceled", &InvokeManyOptions{RerunFailed: true}, nil, 2)
	if at("/good.2/") < 0 {
		t.Error("no job at a key derived of the canceled one")
	}
}

// TestInvokeManyTellsWhatWasNotStarted with the cause, and counts the jobs that it names.
func TestInvokeManyTellsWhatWasNotStarted(t *testing.T) {
	s, c := newManyService(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("the night is over")
	s.onPost = func(n int) {
		if n == 3 {
			cancel(reason)
		}
	}
	names := make([]string, 20)
	var last error
	told, others := 0, 0
	for r, err := range c.Endpoints().InvokeMany(ctx, "digits", folders(names...), &InvokeManyOptions{Concurrency: 20}) {
		last = err
		switch {
		case errors.As(err, new(*UnfinishedError)):
		case r.Started.Name == "" && errors.Is(err, reason) && strings.Contains(err.Error(), "not started: the night is over"):
			told++
		default: // ended, or cut off in its POST
			others++
		}
	}
	var unfinished *UnfinishedError
	if !errors.As(last, &unfinished) || !errors.Is(last, reason) || !strings.Contains(last.Error(), fmt.Sprintf("%d job", len(unfinished.Names))) {
		t.Fatalf("the last error = %v, want an UnfinishedError that counts its names", last)
	}
	if told == 0 || told+others+len(unfinished.Names) != len(names) {
		t.Errorf("%d told as not started, %d others, %d jobs go on, of 20", told, others, len(unfinished.Names))
	}
}

func TestInvokeManyOfNil(t *testing.T) {
	_, c := newManyService(t)
	for _, err := range c.Endpoints().InvokeMany(t.Context(), "digits", nil, nil) {
		if !errors.As(err, new(*ArgumentError)) {
			t.Errorf("nil = %v, want an ArgumentError", err)
		}
	}
}

// TestIndexOfJobs: one list serves many keys for ten seconds, and a list that failed is no list.
func TestIndexOfJobs(t *testing.T) {
	clk := newFakeClock()
	s := &batchService{t: t, store: fakeStore{now: clk.clock().now}}
	s.jobs = []BatchJob{
		{Name: "in a folder", Outputs: Outputs{"score": URIFile{URI: placeURI("d", "a/monday/predictions.csv")}}},
		{Name: "in the older form", Outputs: Outputs{"score": URIFolder{URI: placeURI("d", "a/tuesday/")}}},
	}
	target := invokeTarget{c: newClientOver(t, handlerTransport{s}, clk, func(o *ClientOptions) { o.Retry.MaxRetries = -1 }), op: operation{"invoke", "endpoint", "digits"}, endpoint: "digits"}
	index := new(jobIndex)
	find := func(place string) (string, error) {
		job, found, err := index.find(t.Context(), target, placeURI("d", place))
		if found != (job.Name != "") {
			t.Errorf("%s: found %t, job %q", place, found, job.Name)
		}
		return job.Name, err
	}
	for place, want := range map[string]string{"a/monday/predictions.csv": "in a folder", "a/monday/": "in a folder", "a/monday": "",
		"a/tuesday/": "in the older form", "a/tuesday": "in the older form", "a/wednesday/": ""} {
		if got, err := find(place); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", place, got, err, want)
		}
	}
	for _, tt := range []struct {
		passes time.Duration
		lists  int
	}{{0, 1}, {10*time.Second - 1, 1}, {1, 2}, {0, 2}} {
		clk.at = clk.at.Add(tt.passes)
		if _, err := find("a/monday/"); err != nil || s.lists != tt.lists {
			t.Errorf("%v later: %v and %d lists, want %d", tt.passes, err, s.lists, tt.lists)
		}
	}
	clk.at = clk.at.Add(time.Minute)
	refused := answer(403, `{"error":{"code":"UserError","message":"not for you"}}`)
	s.list, s.arm = refused, refused
	for range 2 {
		if name, err := find("a/monday/"); !errors.Is(err, ErrForbidden) || name != "" {
			t.Errorf("a list that is refused: %q, %v", name, err)
		}
	}
}
