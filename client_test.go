package azmlbatch

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
)

var testWorkspace = Workspace{SubscriptionID: "sub-1", ResourceGroup: "pottery", Name: "kiln"}

const testWorkspaceID = "/subscriptions/sub-1/resourceGroups/pottery/providers/Microsoft.MachineLearningServices/workspaces/kiln"

// fakeCredential hands out a token that names its scope, and remembers the scopes asked for.
type fakeCredential struct {
	mu     sync.Mutex
	scopes []string
}

func (f *fakeCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if err := ctx.Err(); err != nil {
		return azcore.AccessToken{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scopes = append(f.scopes, o.Scopes...)
	return azcore.AccessToken{Token: "token for " + strings.Join(o.Scopes, " "), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// fakeClock stands still but for sleeping, and remembers what was slept.
type fakeClock struct {
	mu    sync.Mutex
	at    time.Time
	slept []time.Duration
}

func newFakeClock() *fakeClock { return &fakeClock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (f *fakeClock) clock() clock {
	advance := func(d time.Duration) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.at = f.at.Add(d)
		f.slept = append(f.slept, d)
	}
	return clock{
		now: func() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.at },
		sleep: func(ctx context.Context, d time.Duration) error {
			advance(d)
			return ctx.Err()
		},
		after:   func(time.Duration) <-chan time.Time { return nil }, // calls take no time
		backoff: func(d time.Duration) time.Duration { advance(d); return 0 },
	}
}

// handlerTransport answers requests from a handler, without a socket.
type handlerTransport struct{ handler http.Handler }

func (h handlerTransport) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

type transporter func(*http.Request) (*http.Response, error)

func (f transporter) Do(r *http.Request) (*http.Response, error) { return f(r) }

// newTestClient makes a client over a handler, with a clock that does not sleep.
func newTestClient(t *testing.T, handler http.HandlerFunc, change ...func(*ClientOptions)) *Client {
	t.Helper()
	return newClientOver(t, handlerTransport{handler}, newFakeClock(), change...)
}

func newClientOver(t *testing.T, transport policy.Transporter, clk *fakeClock, change ...func(*ClientOptions)) *Client {
	t.Helper()
	o := &ClientOptions{}
	o.Transport = transport
	for _, f := range change {
		f(o)
	}
	c, err := newClient(testWorkspace, &fakeCredential{}, o, clk.clock())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// recordedRequest is what a wire test compares.
type recordedRequest struct {
	Method, Path, Query, Body string
}

func record(r *http.Request) recordedRequest {
	b, _ := io.ReadAll(r.Body)
	return recordedRequest{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Body: compactJSON(string(b))}
}

// compactJSON orders members and drops white space, so that bodies compare by meaning.
func compactJSON(s string) string {
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		return s
	}
	b, _ := json.Marshal(v)
	return string(b)
}

func writeJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func TestNewClientRefusesWhatOnlyTheCallerCanGetWrong(t *testing.T) {
	good := testWorkspace
	tests := []struct {
		name     string
		ws       Workspace
		cred     azcore.TokenCredential
		options  *ClientOptions
		argument string
	}{
		{"no subscription", Workspace{ResourceGroup: "g", Name: "w"}, &fakeCredential{}, nil, "Workspace.SubscriptionID"},
		{"no group", Workspace{SubscriptionID: "s", Name: "w"}, &fakeCredential{}, nil, "Workspace.ResourceGroup"},
		{"blank name", Workspace{SubscriptionID: "s", ResourceGroup: "g", Name: " "}, &fakeCredential{}, nil, "Workspace.Name"},
		{"a placeholder", Workspace{SubscriptionID: "<my-subscription>", ResourceGroup: "g", Name: "w"}, &fakeCredential{}, nil, "Workspace.SubscriptionID"},
		{"an id in place of a name", Workspace{SubscriptionID: "s", ResourceGroup: "/subscriptions/s/resourceGroups/g", Name: "w"}, &fakeCredential{}, nil, "Workspace.ResourceGroup"},
		{"a line's end", Workspace{SubscriptionID: "s", ResourceGroup: "g", Name: "w\n"}, &fakeCredential{}, nil, "Workspace.Name"},
		{"no credential", good, nil, nil, "cred"},
		{"cloud without management", good, &fakeCredential{}, &ClientOptions{ClientOptions: azcore.ClientOptions{
			Cloud: cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{}}}}, "Cloud"},
	}
	said := newTexts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewClient(tt.ws, tt.cred, tt.options)
			said.add(tt.name, err)
			var bad *ArgumentError
			if !asError(err, &bad) || bad.Argument != tt.argument {
				t.Errorf("NewClient = %v, want an ArgumentError about %s", err, tt.argument)
			}
		})
	}
}

// TestNewClientTakesNames that groups may have.
func TestNewClientTakesNames(t *testing.T) {
	for _, group := range []string{"rg-kiln_1", "Kiln.(West)", "töpferei"} {
		if _, err := NewClient(Workspace{SubscriptionID: "s", ResourceGroup: group, Name: "w"}, &fakeCredential{}, nil); err != nil {
			t.Errorf("%s: %v", group, err)
		}
	}
}

func TestAudiencesByCloud(t *testing.T) {
	ownCloud := cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
		cloud.ResourceManager:  {Endpoint: "https://management.kiln.example", Audience: "https://management.kiln.example/"},
		ServiceMachineLearning: {Audience: "https://ml.kiln.example"},
	}}
	tests := []struct {
		name                string
		cloud               cloud.Configuration
		scoringHost         string
		wantMgmt, wantScore string
	}{
		{"public", cloud.AzurePublic, "e.westeurope.inference.ml.azure.com", "https://management.core.windows.net//.default", "https://ml.azure.com/.default"},
		{"china", cloud.AzureChina, "e.chinaeast2.inference.ml.azure.cn", "https://management.core.chinacloudapi.cn//.default", "https://ml.azure.cn/.default"},
		{"us government", cloud.AzureGovernment, "e.usgovvirginia.inference.ml.azure.us", "https://management.core.usgovcloudapi.net//.default", "https://ml.azure.us/.default"},
		{"a cloud of one's own", ownCloud, "e.here.inference.ml.kiln.example", "https://management.kiln.example//.default", "https://ml.kiln.example/.default"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cred := &fakeCredential{}
			o := &ClientOptions{}
			o.Cloud = tt.cloud
			o.Transport = handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, `{}`) })}
			c, err := newClient(testWorkspace, cred, o, newFakeClock().clock())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Endpoints().Get(t.Context(), "digits"); err != nil {
				t.Fatal(err)
			}
			_, err = do[BatchJob](t.Context(), c, request{op: operation{"get", "job", "j"}, plane: c.scoring, method: "GET",
				url: "https://" + tt.scoringHost + "/jobs/j"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{tt.wantMgmt, tt.wantScore}, cred.scopes); diff != "" {
				t.Errorf("scopes asked for (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTokensStayOnTheirPlane(t *testing.T) {
	c := newTestClient(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	tests := []struct {
		name  string
		plane *plane
		url   string
	}{
		{"management to scoring", c.management, "https://e.westeurope.inference.ml.azure.com/jobs"},
		{"scoring to management", c.scoring, "https://management.azure.com/x"},
		{"scoring to a look-alike", c.scoring, "https://e.inference.ml.azure.com.evil.example/jobs"},
		{"scoring to a bare suffix", c.scoring, "https://evilinference.ml.azure.com/jobs"},
		{"data to elsewhere", c.data, "https://api.azureml.ms.evil.example/discovery"},
		{"management without TLS", c.management, "http://management.azure.com/x"},
		{"user info", c.management, "https://management.azure.com@evil.example/x"},
	}
	said := newTexts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.send(t.Context(), request{op: operation{"get", "thing", "x"}, plane: tt.plane, method: "GET", url: tt.url})
			said.add(tt.name, err)
			if !isError(err, errForeignHost) {
				t.Errorf("send to %s = %v, want it refused", tt.url, err)
			}
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var hosts []string
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		hosts = append(hosts, r.URL.Host)
		w.Header().Set("Location", "https://evil.example/steal")
		w.WriteHeader(http.StatusFound)
	})
	_, err := c.Endpoints().Get(t.Context(), "digits")
	newTexts(t).add("a redirect", err)
	if err == nil {
		t.Error("Get followed a redirect, want an error")
	}
	if diff := cmp.Diff([]string{"management.azure.com"}, hosts); diff != "" {
		t.Errorf("hosts asked (-want +got):\n%s", diff)
	}
}

func TestReadOnlyClientSendsNoWrite(t *testing.T) {
	var sent []string
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Method)
		writeJSON(w, 200, `{"properties":{"scoringUri":"https://e.r.inference.ml.azure.com/jobs","defaults":{"deploymentName":"blue"}}}`)
	}, func(o *ClientOptions) { o.ReadOnly = true })
	calls := map[string]func() error{
		"delete": func() error { _, err := c.Endpoints().BeginDelete(t.Context(), "digits"); return err },
		"cancel": func() error { _, err := c.Jobs().BeginCancel(t.Context(), "job-1"); return err },
	}
	said := newTexts(t)
	for name, call := range calls {
		err := call()
		said.add(name, err)
		if !isError(err, ErrReadOnly) {
			t.Errorf("%s = %v, want ErrReadOnly", name, err)
		}
	}
	if _, err := c.Endpoints().Get(t.Context(), "digits"); err != nil {
		t.Errorf("Get = %v, want reading to work", err)
	}
	if diff := cmp.Diff([]string{"GET"}, sent); diff != "" {
		t.Errorf("methods sent (-want +got):\n%s", diff)
	}
}
