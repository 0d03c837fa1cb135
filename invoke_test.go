package azmlbatch

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/google/go-cmp/cmp"
)

// batchService answers what an invocation asks for, and takes jobs. Each test replaces what it wants to break.
type batchService struct {
	t     *testing.T
	jobs  []BatchJob
	posts []recordedRequest
	post  func(http.ResponseWriter, *http.Request) bool // returns false to go on as usual
	lists int
	list  http.HandlerFunc // nil lists the jobs
	arm   http.HandlerFunc // ARM's list of jobs
	reads []string
	store fakeStore
}

func (s *batchService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, testWorkspaceID)
	if r.Method == http.MethodGet && r.URL.Host != "acc.blob.core.windows.net" {
		s.reads = append(s.reads, path)
	}
	switch {
	case r.URL.Host == "acc.blob.core.windows.net":
		s.store.ServeHTTP(w, r)
	case r.URL.Host == "digits.r.inference.ml.azure.com" && r.Method == http.MethodGet:
		s.readJob(w, lastSegment(path))
	case r.URL.Host == "digits.r.inference.ml.azure.com":
		s.takeJob(w, r)
	case strings.HasSuffix(path, "/discovery"):
		writeJSON(w, 200, `{"api":"https://r.api.azureml.ms"}`)
	case strings.HasSuffix(path, "/batchEndpoints/digits/jobs"):
		s.lists++
		if s.list != nil {
			s.list(w, r)
			return
		}
		b, _ := json.Marshal(map[string]any{"value": s.jobs})
		writeJSON(w, 200, string(b))
	case path == "/jobs" && s.arm != nil:
		s.arm(w, r)
	case path == "":
		writeJSON(w, 200, `{"location":"r","properties":{"discoveryUrl":"https://r.api.azureml.ms/discovery"}}`)
	case path == "/datastores":
		writeJSON(w, 200, `{"value":[{"name":"workspaceblobstore","properties":{"isDefault":true,"datastoreType":"AzureBlob","accountName":"acc","containerName":"con","endpoint":"core.windows.net","protocol":"https"}}]}`)
	case strings.HasPrefix(path, "/datastores/"):
		writeJSON(w, 200, `{"name":"`+lastSegment(path)+`","properties":{"datastoreType":"AzureBlob","accountName":"acc","containerName":"`+lastSegment(path)+`","endpoint":"core.windows.net","protocol":"https"}}`)
	case path == "/batchEndpoints/digits":
		writeJSON(w, 200, `{"name":"digits","properties":{"scoringUri":"https://digits.r.inference.ml.azure.com/jobs","defaults":{"deploymentName":"blue"},"provisioningState":"Succeeded"}}`)
	case path == "/batchEndpoints/digits/deployments/blue":
		writeJSON(w, 200, `{"name":"blue","properties":{}}`)
	case path == "/batchEndpoints/digits/deployments/pipe":
		writeJSON(w, 200, `{"name":"pipe","properties":{"deploymentConfiguration":{"deploymentConfigurationType":"PipelineComponent"}}}`)
	case path == "/batchEndpoints/digits/deployments/none":
		writeJSON(w, 404, ``)
	default:
		s.t.Errorf("unexpected request %s %s%s", r.Method, r.URL.Host, r.URL.Path)
		writeJSON(w, 404, `{}`)
	}
}

// readJob answers as the scoring plane does.
func (s *batchService) readJob(w http.ResponseWriter, name string) {
	for _, j := range s.jobs {
		if j.Name == name {
			b, _ := json.Marshal(j)
			writeJSON(w, 200, string(b))
			return
		}
	}
	writeJSON(w, 404, `{}`)
}

func (s *batchService) takeJob(w http.ResponseWriter, r *http.Request) {
	got := record(r)
	s.posts = append(s.posts, got)
	if s.post != nil && s.post(w, r) {
		return
	}
	writeJSON(w, 201, s.accept(got.Body))
}

// accept makes a job of a request's body, with the output under the service's own name.
func (s *batchService) accept(body string) string {
	var request struct {
		Properties struct {
			InputData  json.RawMessage            `json:"inputData"`
			OutputData map[string]json.RawMessage `json:"outputData"`
		} `json:"properties"`
	}
	if err := json.Unmarshal([]byte(body), &request); err != nil {
		s.t.Errorf("body of the invocation: %v", err)
	}
	answer, _ := json.Marshal(map[string]any{"name": "batchjob-1", "properties": map[string]any{
		"status": "Preparing", "inputData": request.Properties.InputData, "outputData": request.Properties.OutputData}})
	var job BatchJob
	if err := json.Unmarshal(answer, &job); err != nil {
		s.t.Fatal(err)
	}
	s.jobs = append(s.jobs, job)
	return string(answer)
}

func newBatchService(t *testing.T) (*batchService, *Client) {
	clk := newFakeClock()
	s := &batchService{t: t, store: fakeStore{now: clk.clock().now}}
	return s, newClientOver(t, handlerTransport{s}, clk)
}

var sampleInputs = Inputs{"images": URIFolder{URI: "https://acc.blob.core.windows.net/con/digits"}}

func TestInvokeSendsTheInputAndAnOutputThatHoldsTheKey(t *testing.T) {
	s, c := newBatchService(t)
	job, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday", Deployment: "blue",
		MiniBatchSize: 5, ErrorThreshold: new(0), InstanceCount: 2})
	if err != nil {
		t.Fatal(err)
	}
	if job.Name != "batchjob-1" || job.Status != JobStatusPreparing {
		t.Errorf("job = %+v", job)
	}
	want := []recordedRequest{{"POST", "/jobs", "", compactJSON(`{"properties":{
		"inputData":{"images":{"jobInputType":"UriFolder","uri":"https://acc.blob.core.windows.net/con/digits"}},
		"outputData":{"score":{"jobOutputType":"UriFile","uri":"azureml://datastores/workspaceblobstore/paths/azmlbatch/digits/monday/predictions.csv"}},
		"miniBatchSize":5,"errorThreshold":0,"compute":{"instanceCount":2}}}`)}}
	if diff := cmp.Diff(want, s.posts); diff != "" {
		t.Errorf("invocation (-want +got):\n%s", diff)
	}
}

func TestInvokeTwiceWithOneKeyStartsOneJob(t *testing.T) {
	s, c := newBatchService(t)
	for range 2 {
		job, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
		if err != nil || job.Name != "batchjob-1" {
			t.Fatalf("Invoke = %q, %v", job.Name, err)
		}
	}
	if len(s.posts) != 1 {
		t.Errorf("%d jobs were started, want 1", len(s.posts))
	}
}

// TestLostAnswer breaks the POST in every way in which a job may have been started, and counts.
func TestLostAnswer(t *testing.T) {
	accepted := func(s *batchService, r *http.Request) { s.accept(s.posts[len(s.posts)-1].Body) }
	tests := []struct {
		name  string
		post  func(s *batchService, w http.ResponseWriter, r *http.Request)
		found bool
	}{
		{"502 after the service accepted", func(s *batchService, w http.ResponseWriter, r *http.Request) {
			accepted(s, r)
			writeJSON(w, 502, `<html><title>Bad gateway</title></html>`)
		}, true},
		{"201 with a body cut short", func(s *batchService, w http.ResponseWriter, r *http.Request) {
			accepted(s, r)
			writeJSON(w, 201, `{"name":"batch`)
		}, true},
		{"500 and no job", func(_ *batchService, w http.ResponseWriter, _ *http.Request) { writeJSON(w, 500, `{}`) }, false},
		{"503 without Retry-After and no job", func(_ *batchService, w http.ResponseWriter, _ *http.Request) { writeJSON(w, 503, ``) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := newBatchService(t)
			s.post = func(w http.ResponseWriter, r *http.Request) bool { tt.post(s, w, r); return true }
			job, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs})
			var lost *AmbiguousInvokeError
			switch {
			case tt.found && (err != nil || job.Name != "batchjob-1"):
				t.Errorf("Invoke = %q, %v; want the job that was started", job.Name, err)
			case !tt.found && (!errors.As(err, &lost) || lost.Key == "" || lost.Output == ""):
				t.Errorf("Invoke = %v, want an AmbiguousInvokeError with key and output", err)
			}
			if len(s.posts) != 1 {
				t.Errorf("the POST was sent %d times, want once", len(s.posts))
			}
		})
	}
}

func TestLostAnswerIsFoundThroughARMWhenTheDataPlaneFails(t *testing.T) {
	s, c := newBatchService(t)
	s.post = func(w http.ResponseWriter, _ *http.Request) bool { writeJSON(w, 502, ``); return true }
	s.list = answer(400, `{"error":{"code":"UserError","message":"not today"}}`)
	s.arm = func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, `{"value":[{"name":"other","properties":{"experimentName":"digits","properties":{}}},
			{"name":"batchjob-7","properties":{"experimentName":"digits","status":"Running","tags":{"azureml.batchrun":"true"},"properties":{
			"azureml.parameters":"{\"output_uri\":\"azureml://datastores/workspaceblobstore/paths/azmlbatch/digits/monday/predictions.csv\"}"}}}]}`)
	}
	job, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"})
	if err != nil || job.Name != "batchjob-7" {
		t.Errorf("Invoke = %q, %v; want batchjob-7", job.Name, err)
	}
	if len(s.posts) != 0 {
		t.Errorf("the POST was sent %d times although the key was known", len(s.posts))
	}
}

func TestAnswerLostToTheCallersOwnDeadline(t *testing.T) {
	s, c := newBatchService(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.post = func(http.ResponseWriter, *http.Request) bool {
		s.accept(s.posts[0].Body)
		cancel() // the answer comes too late for the caller
		return false
	}
	job, err := c.Endpoints().Invoke(ctx, "digits", Invocation{Inputs: sampleInputs})
	if err == nil && job.Name == "batchjob-1" {
		return
	}
	if !errors.As(err, new(*AmbiguousInvokeError)) {
		t.Errorf("Invoke = %q, %v; want the job, or an AmbiguousInvokeError", job.Name, err)
	}
}

func TestRefusalsOfInvokeAreNotAmbiguous(t *testing.T) {
	s, c := newBatchService(t)
	s.post = func(w http.ResponseWriter, _ *http.Request) bool {
		writeJSON(w, 404, `No valid deployments to route to. Please check that the endpoint has at least one deployment`)
		return true
	}
	_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs})
	if errors.As(err, new(*AmbiguousInvokeError)) || !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "SetDefaultDeployment") {
		t.Errorf("Invoke = %v, want ErrNotFound with the remedy", err)
	}
}

// The file's name may change between two invocations of one key; the folder is the key's.
func TestOneKeyWithAnotherFileNameStartsOneJob(t *testing.T) {
	s, c := newBatchService(t)
	for _, file := range []string{"", "monday.csv"} {
		job, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday", OutputFileName: file})
		if err != nil || job.Name != "batchjob-1" {
			t.Fatalf("Invoke with file %q = %q, %v", file, job.Name, err)
		}
	}
	if len(s.posts) != 1 {
		t.Errorf("%d jobs were started, want 1", len(s.posts))
	}
}

func TestInvokeWithoutDefaultDeployment(t *testing.T) {
	c := newTestClient(t, answer(200, `{"name":"digits","properties":{"scoringUri":"https://digits.r.inference.ml.azure.com/jobs"}}`))
	_, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs})
	want := `azmlbatch: invoke endpoint "digits": Invocation.Deployment: is empty and the endpoint has no default deployment; name a deployment, or set a default with Endpoints().SetDefaultDeployment`
	if err == nil || err.Error() != want {
		t.Errorf("Invoke = %v, want %s", err, want)
	}
}

func TestOlderDatasetForms(t *testing.T) {
	tests := []struct {
		name string
		data Dataset
		want string
	}{
		{"a URL", DataURL{Path: "https://x/y"}, `{"dataInputType":"DataUrl","path":"https://x/y"}`},
		{"a version", DatasetVersion{Name: "digits", Version: "3"}, `{"dataInputType":"DatasetVersion","datasetName":"digits","datasetVersion":"3"}`},
		{"an id", DatasetID{ID: "d"}, `{"dataInputType":"DatasetId","datasetId":"d"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := newBatchService(t)
			if _, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Dataset: tt.data, Key: "k"}); err != nil {
				t.Fatal(err)
			}
			want := compactJSON(`{"properties":{"dataset":` + tt.want + `,"outputDataset":{"datastoreId":"` + testWorkspaceID +
				`/datastores/workspaceblobstore","path":"azmlbatch/digits/k/"}}}`)
			if diff := cmp.Diff(want, s.posts[0].Body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

// A job that the service took and did not name is not lost.
func TestInvokeFindsTheNameOfTheJob(t *testing.T) {
	for body, lists := range map[string]int{``: 1, `{}`: 1, `{"id":"/w/batchEndpoints//jobs/batchjob-1"}`: 0} {
		s, c := newBatchService(t)
		s.post = func(w http.ResponseWriter, _ *http.Request) bool {
			s.accept(s.posts[0].Body)
			writeJSON(w, 201, body)
			return true
		}
		job, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs})
		if err != nil || job.Name != "batchjob-1" || s.lists != lists || len(s.posts) != 1 {
			t.Errorf("answer %q: job %q, %v; %d lists, %d posts", body, job.Name, err, s.lists, len(s.posts))
		}
	}
}

// What the service turned away is not ambiguous, whatever happens before the next try.
func TestInvokeThatWasTurnedAwayAndThenCancelled(t *testing.T) {
	s, c := newBatchService(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.post = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "1")
		writeJSON(w, 429, ``)
		cancel()
		return true
	}
	_, err := c.Endpoints().Invoke(ctx, "digits", Invocation{Inputs: sampleInputs})
	if errors.As(err, new(*AmbiguousInvokeError)) || !errors.Is(err, context.Canceled) || s.lists != 0 {
		t.Errorf("error = %v after %d lists, want context.Canceled and no search", err, s.lists)
	}
}

// Nothing of a pipeline component's job shows the key, so it would start the work twice.
func TestKeyThatCannotBeKeptIsRefused(t *testing.T) {
	target := invokeTarget{deployment: Deployment{Configuration: PipelineComponentDeployment{}}}
	_, err := target.invoke(t.Context(), Invocation{Inputs: sampleInputs, Key: "monday"})
	newTexts(t).add("no output", err)
	var bad *ArgumentError
	if !errors.As(err, &bad) || bad.Argument != "Invocation.Key" {
		t.Errorf("error = %v, want an ArgumentError for Invocation.Key", err)
	}
}

// TestFirstInvocationWithAKeyWhereNoPlaneListsAJob starts the job: an endpoint that was just read has none yet.
func TestFirstInvocationWithAKeyWhereNoPlaneListsAJob(t *testing.T) {
	s, c := newBatchService(t)
	s.list = answer(404, `{"error":{"code":"UserError","message":"no jobs"}}`)
	s.arm = answer(200, `{"value":[]}`)
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "monday"}); err != nil {
		t.Fatal(err)
	}
	if len(s.posts) != 1 {
		t.Errorf("the POST was sent %d times, want once", len(s.posts))
	}
	s.arm = answer(403, `{"error":{"code":"AuthorizationFailed","message":"no"}}`)
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs, Key: "tuesday"}); !errors.Is(err, ErrForbidden) {
		t.Errorf("Invoke = %v, want ErrForbidden: nobody could tell whether the key was used", err)
	}
	if len(s.posts) != 1 {
		t.Errorf("the POST was sent %d times although the key could not be looked up", len(s.posts))
	}
}

// TestLookupOfManyKeysWhereNoPlaneListsAJob finds none, as the lookup of one key does.
func TestLookupOfManyKeysWhereNoPlaneListsAJob(t *testing.T) {
	s, c := newBatchService(t)
	s.list = answer(404, `{"error":{"code":"UserError","message":"no jobs"}}`)
	s.arm = answer(200, `{"value":[]}`)
	target, err := c.Endpoints().target(t.Context(), operation{"invoke", "endpoint", "digits"}, "digits", "")
	if err != nil {
		t.Fatal(err)
	}
	target.index = new(jobIndex)
	if _, found, err := target.lookup(t.Context(), "azureml://datastores/d/paths/azmlbatch/digits/monday/"); found || err != nil {
		t.Errorf("lookup = %v, %v, want none", found, err)
	}
}

// TestLookupByPlace finds a job by its file, by the folder around it, and in the older form by the folder itself.
func TestLookupByPlace(t *testing.T) {
	const root = "azureml://datastores/d/paths/"
	tests := []struct {
		name, job, place string
		want             bool
	}{
		{"the folder of a key", root + "azmlbatch/digits/monday/predictions.csv", root + "azmlbatch/digits/monday/", true},
		{"in the longer spelling", "azureml:" + testWorkspaceID + "/datastores/d/paths/azmlbatch/digits/monday/x.csv", root + "azmlbatch/digits/monday/", true},
		{"the older form", root + "azmlbatch/digits/monday/", root + "azmlbatch/digits/monday/", true},
		{"the older form, answered without a slash", root + "azmlbatch/digits/monday", root + "azmlbatch/digits/monday/", true},
		{"the caller's file", root + "results/a.csv", root + "results/a.csv", true},
		{"a neighbour of the caller's file", root + "results/b.csv", root + "results/a.csv", false},
		{"a file in a folder called like the caller's file", root + "results/a.csv/b.csv", root + "results/a.csv", false},
		{"another key", root + "azmlbatch/digits/mon/predictions.csv", root + "azmlbatch/digits/monday/", false},
		{"a folder within the key's", root + "azmlbatch/digits/monday/sub/predictions.csv", root + "azmlbatch/digits/monday/", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := newBatchService(t)
			s.jobs = []BatchJob{{Name: "batchjob-1", Outputs: Outputs{"score": URIFile{URI: tt.job}}}}
			target, err := c.Endpoints().target(t.Context(), operation{"invoke", "endpoint", "digits"}, "digits", "")
			if err != nil {
				t.Fatal(err)
			}
			for _, index := range []*jobIndex{nil, {}} {
				target.index = index
				if _, found, err := target.lookup(t.Context(), tt.place); found != tt.want || err != nil {
					t.Errorf("lookup with index %v = %v, %v, want %v", index != nil, found, err, tt.want)
				}
			}
		})
	}
}

// TestInputThatCannotBeUploaded: the invocation fails with the refusal, and starts nothing.
func TestInputThatCannotBeUploaded(t *testing.T) {
	s, _ := newBatchService(t)
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host == "acc.blob.core.windows.net" || strings.HasSuffix(r.URL.Path, "/listSecrets") {
			answer(403, `{"error":{"code":"AuthorizationPermissionMismatch"}}`, "x-ms-error-code", "AuthorizationPermissionMismatch")(w, r)
			return
		}
		s.ServeHTTP(w, r)
	})
	inv := Invocation{Input: LocalPath{Path: storeFiles(t, map[string]string{"a.txt": "clay"})}}
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", inv); !errors.Is(err, ErrForbidden) || len(s.posts) != 0 {
		t.Errorf("Invoke = %v after %d POSTs, want ErrForbidden and none", err, len(s.posts))
	}
}

// TestAnswersThatMayHaveStartedAJob: only those lead to a search, and nothing else is called ambiguous.
func TestAnswersThatMayHaveStartedAJob(t *testing.T) {
	asked := func(status int, header http.Header) error {
		return &Error{StatusCode: status, Err: &azcore.ResponseError{RawResponse: &http.Response{StatusCode: status, Header: header}}}
	}
	later := http.Header{"Retry-After": {"1"}}
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"a broken connection": {&Error{Err: errReset}, true}, "a connection that was never made": {&Error{Err: &unsentError{errRefused}}, false},
		"a client that reads": {&Error{Err: ErrReadOnly}, false}, "a host of another plane": {&Error{Err: errForeignHost}, false},
		"an argument": {&ArgumentError{}, false}, "an answer that cannot be read": {asked(299, nil), true}, "a redirect": {asked(300, nil), false},
		"400": {asked(400, nil), false}, "408": {asked(408, nil), true}, "409": {asked(409, nil), false}, "429": {asked(429, nil), false},
		"499": {asked(499, nil), false}, "500": {asked(500, nil), true}, "503": {asked(503, nil), true}, "503, later": {asked(503, later), false}, "500, later": {asked(500, later), true},
	} {
		if got := ambiguous(tt.err); got != tt.want {
			t.Errorf("%s: ambiguous = %t, want %t", name, got, tt.want)
		}
	}
}

// TestSearchForALostJob looks five times, each time twice as long after the one before, because lists lag.
func TestSearchForALostJob(t *testing.T) {
	clk := newFakeClock()
	s := &batchService{t: t, store: fakeStore{now: clk.clock().now}}
	s.post = func(w http.ResponseWriter, _ *http.Request) bool { writeJSON(w, 201, `{}`); return true }
	_, err := newClientOver(t, handlerTransport{s}, clk).Endpoints().Invoke(t.Context(), "digits", Invocation{Inputs: sampleInputs})
	newTexts(t).add("a job without a name", err)
	if diff := cmp.Diff([]time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}, clk.slept); diff != "" || s.lists != 5 {
		t.Errorf("%d lists, waits between them (-want +got):\n%s", s.lists, diff)
	}
}

// TestInvocationThatSaysNothing, of a pipeline component without inputs, still has its properties.
func TestInvocationThatSaysNothing(t *testing.T) {
	s, c := newBatchService(t)
	if _, err := c.Endpoints().Invoke(t.Context(), "digits", Invocation{Deployment: "pipe", Inputs: Inputs{}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"properties":{"inputData":{}}}`, s.posts[0].Body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}
