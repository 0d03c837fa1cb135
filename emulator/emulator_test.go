package emulator

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/azmlbatch/azmlbatch"
)

// TestHandler: the emulator as an http.Handler, for a server of one's own.
func TestHandler(t *testing.T) {
	var logged bytes.Buffer
	e := NewTest(t, &Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	ask := func(host, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+path, nil)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w
	}
	for host, want := range map[string]int{
		"login.microsoftonline.com":              http.StatusOK,
		"management.azure.com":                   http.StatusUnauthorized,
		"eastus.api.azureml.ms":                  http.StatusOK,
		"vases.eastus.inference.ml.azure.com":    http.StatusUnauthorized,
		"azmlbatchlaptop.blob.core.windows.net":  http.StatusConflict,
		"azmlbatchlaptop.queue.core.windows.net": http.StatusBadGateway,
		"management.azure.com.elsewhere.example": http.StatusBadGateway,
		"management.azure.com:443":               http.StatusUnauthorized,
		"login.microsoftonline.com.:8443":        http.StatusOK,
	} {
		path := "/discovery"
		if strings.HasPrefix(host, "login") {
			path = "/common/discovery/instance?authorization_endpoint=https://login.microsoftonline.com/common/oauth2/authorize"
		}
		if strings.Contains(host, "blob") {
			path = "/azureml?restype=container"
		}
		w := ask(host, path)
		if w.Code != want {
			t.Errorf("%s = %d %s, want %d", host, w.Code, w.Body, want)
		}
		if want == http.StatusBadGateway {
			refused := "the azmlbatch emulator does not play the host " + host + "; nothing was sent"
			if strings.TrimSpace(w.Body.String()) != refused || !strings.Contains(logged.String(), refused) {
				t.Errorf("%s is told %s; the log has %s", host, w.Body, logged.String())
			}
		} else if w.Header().Get("Date") == "" {
			t.Errorf("%s answers without a date", host)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if w := ask("login.microsoftonline.com", "/"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), errClosed.Error()) {
		t.Errorf("after Close: %d %s", w.Code, w.Body)
	}
	if err := e.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

// TestUnknownHostIsNotRetried: azcore would try four times otherwise, with pauses.
func TestUnknownHostIsNotRetried(t *testing.T) {
	e := NewTest(t, nil)
	tries := &tried{transport: e}
	pipeline := runtime.NewPipeline("kiln", "v1", runtime.PipelineOptions{}, &policy.ClientOptions{Transport: tries})
	request, err := runtime.NewRequest(t.Context(), http.MethodGet, "https://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := pipeline.Do(request)
	if err == nil {
		_ = resp.Body.Close()
	}
	var unknown *UnknownHostError
	if !errors.As(err, &unknown) || tries.n != 1 {
		t.Errorf("%d tries, %v; want one and an *UnknownHostError", tries.n, err)
	}
}

// tried counts the tries of a request.
type tried struct {
	transport policy.Transporter
	n         int
}

func (t *tried) Do(r *http.Request) (*http.Response, error) { t.n++; return t.transport.Do(r) }

// TestClientOptions: everything but transport and cloud is the caller's, in every cloud.
func TestClientOptions(t *testing.T) {
	for _, c := range []Cloud{CloudPublic, CloudChina, CloudUSGovernment} {
		e := NewTest(t, &Options{Cloud: c})
		seen := 0
		o := &azmlbatch.ClientOptions{}
		o.PerCallPolicies = []policy.Policy{counter{&seen}}
		client, err := e.Client(o)
		if err != nil {
			t.Fatal(err)
		}
		details, err := client.WorkspaceDetails(t.Context())
		if err != nil || details.Name != "laptop" {
			t.Errorf("%s: workspace %q, %v", c, details.Name, err)
		}
		if seen == 0 || o.Transport != nil {
			t.Errorf("%s: the caller's policy saw %d requests; its options have the transport %v", c, seen, o.Transport)
		}
	}
}

type counter struct{ seen *int }

func (c counter) Do(r *policy.Request) (*http.Response, error) { *c.seen++; return r.Next() }

// TestFolderOfEnvironments: virtual environments lie in the cache folder of the user, or where the
// options say. A file in the place of the folder shows which one a job wants.
func TestFolderOfEnvironments(t *testing.T) {
	cache := t.TempDir()
	standard, chosen := filepath.Join(cache, "azmlbatch", "environments"), filepath.Join(cache, "chosen")
	if err := os.Mkdir(filepath.Dir(standard), 0o750); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{standard, chosen} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("XDG_CACHE_HOME", cache)
	for dir, want := range map[string]string{"": standard, chosen: chosen} {
		e := NewTest(t, &Options{Environments: EnvironmentsVenv, EnvironmentsDir: dir})
		client, err := e.Client(nil)
		if err != nil {
			t.Fatal(err)
		}
		env, err := client.Environments().CreateOrUpdate(t.Context(), "bare",
			azmlbatch.Environment{Image: "kiln:1", CondaFile: "dependencies:\n- pip:\n  - glaze\n"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		script := folder(t, "code", map[string]string{"score.py": "def run(files):\n    return files\n"})
		endpoint, err := e.Deploy(t.Context(), Script{Dir: script}, &DeployOptions{Deployment: azmlbatch.Deployment{EnvironmentID: env.Ref()}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := score(t, client, endpoint); err == nil || !strings.Contains(err.Error(), want+":") {
			t.Errorf("EnvironmentsDir %q: %v; want an error about %s", dir, err, want)
		}
	}
}

// TestSecondEmulatorOnAFolder: the first one's state must not be written by two.
func TestSecondEmulatorOnAFolder(t *testing.T) {
	dir := t.TempDir()
	NewTest(t, &Options{DataDir: dir})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := Start(ctx, &Options{DataDir: dir})
	if err == nil {
		_ = s.Close()
		t.Error("two emulators run on one folder")
	}
	if errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
