package frontdoor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/cloud"
	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/login"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

const (
	workspace  = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.MachineLearningServices/workspaces/w1"
	endpointID = workspace + "/batchEndpoints/tiles-ep"
	host       = "tiles-ep.eastus.inference.ml.azure.com"
)

// submitter notes the invocations it gets.
type submitter struct {
	got []jobs.Invocation
	err error
}

func (s *submitter) Submit(_ context.Context, inv jobs.Invocation) (store.Document, error) {
	s.got = append(s.got, inv)
	return store.Document{"name": "batchjob-1"}, s.err
}

func newHandler(t *testing.T, edits ...func(*Options)) (*Handler, *submitter) {
	t.Helper()
	s, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	for id, doc := range map[string]store.Document{
		workspace:                                        {"location": "westus"},
		endpointID:                                       {"name": "tiles-ep", "properties": store.Document{"defaults": store.Document{"deploymentName": "blue"}}},
		endpointID + "/deployments/blue":                 {"name": "blue"},
		endpointID + "/deployments/green":                {"name": "green"},
		workspace + "/jobs/batchjob-7":                   {"properties": store.Document{"status": "Running"}},
		"batchjob:" + workspace + "/tiles-ep/batchjob-7": {"name": "batchjob-7", "properties": store.Document{"status": "Preparing"}},
		workspace + "/batchEndpoints/bare-ep":            {"name": "bare-ep", "properties": store.Document{"defaults": store.Document{"deploymentName": nil}}},
	} {
		if _, err := s.Put(id, doc); err != nil {
			t.Fatal(err)
		}
	}
	jobs := &submitter{}
	options := Options{
		Store: s, Cloud: cloud.Public(), Jobs: jobs,
		Verify: func(header string, audiences ...string) (login.Claims, *login.Refusal) {
			if header == "Bearer good" && cmp.Equal(audiences, []string{"https://ml.azure.com"}) {
				return login.Claims{AppID: "app1", ObjectID: "o1", TenantID: "t1"}, nil
			}
			return login.Claims{}, &login.Refusal{Reason: login.Reason(strings.TrimPrefix(header, "Bearer "))}
		},
		Endpoint: func(region, name string) (string, bool) {
			id := workspace + "/batchEndpoints/" + name
			_, ok := s.Get(id)
			return id, ok && region == "eastus"
		},
	}
	for _, edit := range edits {
		edit(&options)
	}
	h, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	return h, jobs
}

func do(h http.Handler, method, url, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer good")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const body = `{"properties": {"inputData": {"tiles": {"uri": "https://kiln.blob.core.windows.net/c/p", "jobInputType": "UriFolder"}}}}`

func TestInvoke(t *testing.T) {
	tests := map[string]struct {
		header     []string
		deployment string
		directed   bool
	}{
		"default":             {nil, "blue", false},
		"directed":            {[]string{"azureml-model-deployment", "green"}, "green", true},
		"directed, any case":  {[]string{"azureml-model-deployment", "GREEN"}, "green", true},
		"with a repeat token": {[]string{"repeatability_request-id", "r1"}, "blue", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, submitted := newHandler(t)
			w := do(h, http.MethodPost, "https://"+host+"/jobs", body, test.header...)
			if w.Code != http.StatusCreated {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			want := map[string]string{
				"azureml-model-deployment": test.deployment,
				"Location": "https://westus.api.azureml.ms/mferp/managementfrontend" + endpointID + "/deployments/" + test.deployment +
					"?api-version=2020-09-01-dataplanepreview",
				"Server": "azureml-frontdoor", "x-ms-response-type": "standard", "Content-Type": "application/json; charset=utf-8",
			}
			for name, value := range want {
				if got := w.Header().Get(name); got != value {
					t.Errorf("header %s = %q, want %q", name, got, value)
				}
			}
			for _, name := range []string{"x-request-time", "x-request-id", "x-envoy-upstream-service-time", "x-aml-cluster"} {
				if w.Header().Get(name) == "" {
					t.Errorf("header %s is missing", name)
				}
			}
			got := submitted.got[0]
			if got.Workspace != workspace || got.Endpoint != "tiles-ep" || got.Deployment["name"] != test.deployment || got.Directed != test.directed {
				t.Errorf("submitted %+v", got)
			}
			if diff := cmp.Diff(jobs.Caller{Name: "app1", Application: true, ObjectID: "o1", TenantID: "t1"}, got.Caller); diff != "" {
				t.Errorf("caller (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOtherHosts(t *testing.T) {
	h, _ := newHandler(t)
	for _, host := range []string{"management.azure.com", "kiln.blob.core.windows.net", "tiles-ep.example", "eastus.api.azureml.ms"} {
		if w := do(h, http.MethodPost, "https://"+host+"/jobs", body); w.Code != http.StatusNotFound || !strings.HasPrefix(w.Body.String(), "There is no endpoint") {
			t.Errorf("%s: status %d: %s", host, w.Code, w.Body)
		}
	}
}

// TestEndpointThatGoes: an endpoint is deleted while it is looked up, and a name leads to a document
// that is no endpoint.
func TestEndpointThatGoes(t *testing.T) {
	for _, id := range []string{workspace + "/batchEndpoints/gone-ep", workspace} {
		h, _ := newHandler(t, func(o *Options) { o.Endpoint = func(string, string) (string, bool) { return id, true } })
		if w := do(h, http.MethodPost, "https://"+host+"/jobs", body); w.Code != http.StatusNotFound || !strings.HasPrefix(w.Body.String(), "There is no endpoint") {
			t.Errorf("%s: status %d: %s", id, w.Code, w.Body)
		}
	}
}

func TestNothingToRouteTo(t *testing.T) {
	h, submitted := newHandler(t)
	for _, w := range []*httptest.ResponseRecorder{
		do(h, http.MethodPost, "https://bare-ep.eastus.inference.ml.azure.com/jobs", body),
		do(h, http.MethodPost, "https://"+host+"/jobs", body, "azureml-model-deployment", "red"),
		do(h, http.MethodPost, "https://"+host+"/jobs", body, "azureml-model-deployment", "blue/../green"),
	} {
		if w.Code != http.StatusNotFound || !strings.HasPrefix(w.Body.String(), "No valid deployments to route to.") {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	}
	if len(submitted.got) != 0 {
		t.Errorf("submitted %+v", submitted.got)
	}
}

func TestTokenRefusals(t *testing.T) {
	h, submitted := newHandler(t)
	for reason, want := range map[login.Reason]string{
		login.Missing: "Jwt is missing", login.Expired: "Jwt is expired", login.Audience: "Audiences in Jwt are not allowed",
		login.Signature: "Jwt verification fails", login.Malformed: "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
		"another": "Jwt verification fails",
	} {
		w := do(h, http.MethodPost, "https://"+host+"/jobs", body, "Authorization", "Bearer "+string(reason))
		challenge := `Bearer realm="https://` + host + `/jobs", error="invalid_token"`
		if reason == login.Missing {
			challenge = `Bearer realm="https://` + host + `/jobs"`
		}
		if got := w.Header().Get("Www-Authenticate"); w.Code != http.StatusUnauthorized || w.Body.String() != want || got != challenge {
			t.Errorf("%s: status %d, %s: %s; want %s: %s", reason, w.Code, got, w.Body, challenge, want)
		}
		if w.Header().Get("Content-Type") != "text/plain" || w.Header().Get("Server") != "azureml-frontdoor" || w.Header().Get("X-Request-Id") == "" {
			t.Errorf("%s: headers %v", reason, w.Header())
		}
	}
	if len(submitted.got) != 0 {
		t.Errorf("submitted %+v", submitted.got)
	}
}

func TestRefusedInvocations(t *testing.T) {
	tests := map[string]struct {
		err           error
		status        int
		code, message string
	}{
		"caller's mistake": {&jobs.BadInvocationError{Message: "two inputs"}, http.StatusBadRequest, "UserError", "two inputs"},
		"our own":          {errors.New("disk full"), http.StatusInternalServerError, "ServiceError", "Received 500 from a service request"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, submitted := newHandler(t)
			submitted.err = test.err
			w := do(h, http.MethodPost, "https://"+host+"/jobs", body)
			var answer struct {
				Error      struct{ Code, Message string }
				StatusCode int
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			if w.Code != test.status || answer.Error.Code != test.code || answer.Error.Message != test.message || answer.StatusCode != test.status || w.Header().Get("x-ms-response-type") != "error" {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
			if strings.Contains(w.Body.String(), "disk") {
				t.Errorf("the answer tells of our own troubles: %s", w.Body)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	h, _ := newHandler(t)
	w := do(h, http.MethodGet, "https://"+host+"/jobs/batchjob-7", "")
	var job struct{ Properties struct{ Status string } }
	if err := json.Unmarshal(w.Body.Bytes(), &job); err != nil || w.Code != http.StatusOK || job.Properties.Status != "Running" {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if got, want := w.Header().Get("Content-Length"), strconv.Itoa(w.Body.Len()); got != want { // a long body would be chunked
		t.Errorf("Content-Length %q, want %s", got, want)
	}
	for url, want := range map[string]int{
		"https://" + host + "/jobs/batchjob-8":                           http.StatusNotFound,
		"https://" + host + "/jobs/batchjob-7/more":                      http.StatusMethodNotAllowed,
		"https://" + host + "/score":                                     http.StatusNotFound,
		"https://" + host + "/jobs":                                      http.StatusMethodNotAllowed,
		"https://other-ep.eastus.inference.ml.azure.com/jobs/batchjob-7": http.StatusNotFound,
		"https://tiles-ep.westus.inference.ml.azure.com/jobs/batchjob-7": http.StatusNotFound,
	} {
		if w := do(h, http.MethodGet, url, ""); w.Code != want {
			t.Errorf("GET %s: status %d, want %d", url, w.Code, want)
		}
	}
}

func TestBodiesThatCannotBeRead(t *testing.T) {
	h, submitted := newHandler(t)
	for name, test := range map[string]struct {
		body   io.Reader
		status int
	}{
		"cut":       {iotest.ErrReader(errors.New("cut")), http.StatusBadRequest},
		"too large": {strings.NewReader(strings.Repeat(" ", maxBody+1)), http.StatusRequestEntityTooLarge},
		"no JSON":   {strings.NewReader("{"), http.StatusBadRequest},
	} {
		r := httptest.NewRequest(http.MethodPost, "https://"+host+"/jobs", test.body)
		r.Header.Set("Authorization", "Bearer good")
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != test.status || !strings.Contains(w.Body.String(), `"code":"UserError"`) {
			t.Errorf("%s: status %d: %s", name, w.Code, w.Body)
		}
	}
	if len(submitted.got) != 0 {
		t.Errorf("submitted %+v", submitted.got)
	}
}

func TestCallerWithAName(t *testing.T) {
	h, submitted := newHandler(t, func(o *Options) { o.User = "potter" })
	if w := do(h, http.MethodPost, "https://"+host+"/jobs", body); w.Code != http.StatusCreated {
		t.Fatalf("status %d", w.Code)
	}
	if diff := cmp.Diff(jobs.Caller{Name: "potter", ObjectID: "o1", TenantID: "t1"}, submitted.got[0].Caller); diff != "" {
		t.Errorf("caller (-want +got):\n%s", diff)
	}
}

func TestOptionsThatAreRequired(t *testing.T) {
	for name, edit := range map[string]func(*Options){
		"Store": func(o *Options) { o.Store = nil }, "Verify": func(o *Options) { o.Verify = nil },
		"Endpoint": func(o *Options) { o.Endpoint = nil }, "Jobs": func(o *Options) { o.Jobs = nil },
	} {
		var whole Options
		newHandler(t, func(o *Options) { whole = *o })
		edit(&whole)
		if _, err := New(whole); err == nil {
			t.Errorf("New without %s made a handler", name)
		}
	}
}

// TestClocks: the answer's time is that of the clock, which is the machine's without one.
func TestClocks(t *testing.T) {
	now := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, test := range map[string]struct {
		clock func() time.Time
		want  [2]string // x-request-time, x-envoy-upstream-service-time
	}{
		"one that ticks": {func() time.Time { now = now.Add(1500 * time.Millisecond); return now }, [2]string{"1.500", "1500"}},
		"none":           {},
	} {
		h, _ := newHandler(t, func(o *Options) { o.Now = test.clock })
		w := do(h, http.MethodGet, "https://"+host+"/jobs/batchjob-7", "")
		got := [2]string{w.Header().Get("X-Request-Time"), w.Header().Get("X-Envoy-Upstream-Service-Time")}
		if w.Code != http.StatusOK || test.clock != nil && got != test.want || got[0] == "" || got[1] == "" {
			t.Errorf("%s: status %d, times %q, want %q", name, w.Code, got, test.want)
		}
	}
}

// TestMethodsAndMessages: the words of a refusal, and the methods that it names.
func TestMethodsAndMessages(t *testing.T) {
	h, _ := newHandler(t)
	for ask, want := range map[string]struct {
		status      int
		allow, text string
	}{
		"GET /jobs":                 {http.StatusMethodNotAllowed, "POST", "Method not allowed."},
		"DELETE /jobs/batchjob-7":   {http.StatusMethodNotAllowed, "GET", "Method not allowed."},
		"GET /jobs/batchjob-7/more": {http.StatusMethodNotAllowed, "GET", "Method not allowed."},
		"GET /jobs/batch%20job":     {http.StatusNotFound, "", "The job with the name 'batch job' does not exist in the endpoint 'tiles-ep'."},
	} {
		method, path, _ := strings.Cut(ask, " ")
		w := do(h, method, "https://"+host+path, "")
		if w.Code != want.status || w.Header().Get("Allow") != want.allow || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: status %d, Allow %q: %s; want %+v", ask, w.Code, w.Header().Get("Allow"), w.Body, want)
		}
	}
}
