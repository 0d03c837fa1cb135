package azmlbatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"gopkg.in/dnaeon/go-vcr.v3/cassette"
	"gopkg.in/dnaeon/go-vcr.v3/recorder"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// Cassettes are of two origins, which their first line names: recorded from the emulator (AZMLBATCH_RECORD=1 records them
// anew), and retold: order, statuses, headers and members of an exchange with the real service, in our own words. Retold
// ones are never recorded.

// tape returns a client that plays a cassette and nothing else: a request that is not on it fails, and so does one on it
// that was not asked. When recording, the client talks to an emulator.
func tape(t *testing.T, name string, retold bool) *azmlbatch.Client {
	t.Helper()
	path := filepath.Join("testdata", "cassettes", name)
	mode, origin := recorder.ModeReplayOnly, "recorded from the emulator"
	o := &azmlbatch.ClientOptions{}
	ws := azmlbatch.Workspace{SubscriptionID: emulator.DefaultSubscriptionID, ResourceGroup: "azmlbatch", Name: "laptop"}
	var cred azcore.TokenCredential = noToken{}
	if os.Getenv("AZMLBATCH_RECORD") != "" && !retold {
		mode = recorder.ModeRecordOnly
	}
	r, err := recorder.NewWithOptions(&recorder.Options{CassetteName: path, Mode: mode, SkipRequestLatency: true})
	if err != nil {
		t.Fatal(err)
	}
	r.SetMatcher(matchesByMeaning)
	r.AddHook(scrub, recorder.BeforeSaveHook)
	r.AddHook(func(i *cassette.Interaction) error {
		if mode == recorder.ModeReplayOnly && !i.WasReplayed() {
			return errors.New("not asked: " + i.Request.Method + " " + i.Request.URL)
		}
		return nil
	}, recorder.OnRecorderStopHook)
	if mode == recorder.ModeRecordOnly {
		e, err := emulator.New(&emulator.Options{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		r.SetRealTransport(e)
		cred = e.Credential()
	}
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Errorf("cassette %s: %v", name, err)
		}
		if mode == recorder.ModeRecordOnly {
			label(t, path+".yaml", origin)
		}
	})
	o.Transport = onTape{r}
	o.Retry.MaxRetries = -1
	client, err := azmlbatch.NewClientOnFakeClock(ws, cred, o)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// label puts the origin into the first line of a cassette.
func label(t *testing.T, file, origin string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append([]byte("# origin: "+origin+"\n"), b...), 0o600); err != nil {
		t.Fatal(err)
	}
}

type onTape struct{ r *recorder.Recorder }

func (o onTape) Do(r *http.Request) (*http.Response, error) { return o.r.RoundTrip(r) }

type noToken struct{}

func (noToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "none", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// matchesByMeaning compares method, URL with its query as a set, and the body as JSON.
func matchesByMeaning(r *http.Request, taped cassette.Request) bool {
	u, err := url.Parse(taped.URL)
	if err != nil || r.Method != taped.Method || r.URL.Host != u.Host || r.URL.Path != u.Path || !cmp.Equal(r.URL.Query(), u.Query()) {
		return false
	}
	if r.Body == nil || r.Body == http.NoBody {
		return taped.Body == ""
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	return cmp.Equal(parsed(string(b)), parsed(taped.Body))
}

func parsed(s string) any {
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		return s
	}
	return v
}

// secrets are what must never be on a cassette, with what stands in for them. The signatures of operation URLs are
// replaced wherever they occur, so that a replayed poll asks the URL that the replayed answer gave.
var secrets = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`([?&](?:c|s|h|sig)=)[^&"\s]+`), "${1}REDACTED"},
	{regexp.MustCompile(`("(?:key|sasToken|access_token|primaryKey|secondaryKey)":\s*")[^"]+`), "${1}REDACTED"},
	{regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`), "REDACTED"},
}

func scrub(i *cassette.Interaction) error {
	texts := []*string{&i.Request.URL, &i.Request.RequestURI, &i.Request.Body, &i.Response.Body}
	i.Request.Headers.Del("Authorization")
	for _, h := range []http.Header{i.Request.Headers, i.Response.Headers} {
		for k, values := range h {
			for n := range values {
				texts = append(texts, &h[k][n])
			}
		}
	}
	for _, s := range secrets {
		for _, text := range texts {
			*text = s.pattern.ReplaceAllString(*text, s.instead)
		}
	}
	return nil
}

// TestCassetteDeployAndInvoke is the way from nothing to a job, as the emulator told it.
func TestCassetteDeployAndInvoke(t *testing.T) {
	client, ctx := tape(t, "deploy-and-invoke", false), t.Context()
	env, err := client.Environments().CreateOrUpdate(ctx, "plain", azmlbatch.Environment{Version: "1", Image: "python:3.11"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Computes().CreateOrUpdate(ctx, "batch-cluster", azmlbatch.Compute{Location: "eastus",
		Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 2}}, nil); err != nil {
		t.Fatal(err)
	}
	ep, err := client.Endpoints().CreateOrUpdate(ctx, "vases", azmlbatch.Endpoint{}, nil)
	if err != nil || ep.ScoringURI != "https://vases.eastus.inference.ml.azure.com/jobs" {
		t.Fatalf("scoring URI %q, %v", ep.ScoringURI, err)
	}
	model, err := client.Models().CreateOrUpdate(ctx, "vases", azmlbatch.Model{Version: "1", ModelURI: "https://azmlbatchlaptop.blob.core.windows.net/models/vases"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	code, err := client.Codes().CreateOrUpdate(ctx, "score", azmlbatch.Code{Version: "1", CodeURI: "https://azmlbatchlaptop.blob.core.windows.net/codes/score"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := client.Deployments("vases").CreateOrUpdate(ctx, "blue", azmlbatch.Deployment{
		Model: azmlbatch.ModelByID{AssetID: model.ID}, EnvironmentID: env.Ref(), Compute: "batch-cluster",
		CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: code.Ref(), ScoringScript: "score.py"}}, nil)
	if err != nil || d.MiniBatchSize != 10 || *d.ErrorThreshold != -1 {
		t.Fatalf("defaults of the deployment: %+v, %v", d, err)
	}
	if _, err := client.Endpoints().SetDefaultDeployment(ctx, "vases", "blue", nil); err != nil {
		t.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(ctx, "vases", azmlbatch.Invocation{Key: "monday",
		Inputs: azmlbatch.Inputs{"vases": azmlbatch.URIFolder{URI: "https://shelf.blob.core.windows.net/vases/new"}}})
	if err != nil || job.Deployment() != "blue" || job.Status != azmlbatch.JobStatusPreparing {
		t.Errorf("Invoke = %+v, %v", job, err)
	}
	if err := client.Endpoints().Delete(ctx, "vases", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Endpoints().Get(ctx, "vases"); !errors.Is(err, azmlbatch.ErrNotFound) || !azmlbatch.HasCode(err, "EndpointNotFound") {
		t.Errorf("Get after the deletion = %v", err)
	}
}

// TestCassetteRealEndpoint retells how the real service makes and deletes an endpoint, February 2026.
func TestCassetteRealEndpoint(t *testing.T) {
	client, ctx := tape(t, "real-endpoint-2026", true), t.Context()
	ep, err := client.Endpoints().CreateOrUpdate(ctx, "jugs-7f", azmlbatch.Endpoint{Location: "westus", Description: "jugs",
		Tags: map[string]string{"shelf": "3"}, Properties: map[string]string{"glaze": "ash", "clay": "red"}}, nil)
	if err != nil || ep.ScoringURI != "https://jugs-7f.westus.inference.ml.azure.com/jobs" || ep.Properties["BatchEndpointCreationApiVersion"] == "" {
		t.Fatalf("endpoint = %+v, %v", ep, err)
	}
	if err := client.Endpoints().Delete(ctx, "jugs-7f", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Endpoints().Get(ctx, "jugs-7f"); !azmlbatch.HasCode(err, "EndpointNotFound") {
		t.Errorf("Get after the deletion = %v", err)
	}
}

// TestCassetteRealCancel retells how the real service cancels a job, February 2026: a Location that each answer renews.
func TestCassetteRealCancel(t *testing.T) {
	client := tape(t, "real-cancel-2026", true)
	if err := client.Jobs().Cancel(t.Context(), "firing-12", nil); err != nil {
		t.Fatal(err)
	}
}

var (
	originLine = regexp.MustCompile(`^# origin: (recorded from the emulator|retold from an exchange with the real service)`)
	leaks      = []*regexp.Regexp{
		regexp.MustCompile(`(?i)bearer\s+[a-z0-9._-]{8,}`),
		regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.`),
		regexp.MustCompile(`[?&](sig|s|h|c)=(?:[^R&\s"]|R[^E])`),
		regexp.MustCompile(`[A-Za-z0-9+/]{86}==`),
		regexp.MustCompile(`(?i)client_secret|AccountKey=`),
	}
)

// TestNoSecretsInTestdata reads all of testdata for anything that looks like a secret, and every cassette for its origin.
func TestNoSecretsInTestdata(t *testing.T) {
	read := 0
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read++
		for _, leak := range leaks {
			if found := leak.Find(b); found != nil {
				t.Errorf("%s holds what looks like a secret (%s): %.40q", path, leak, found)
			}
		}
		if strings.HasPrefix(path, filepath.Join("testdata", "cassettes")) && !originLine.Match(b) {
			t.Errorf("%s does not say where it comes from", path)
		}
		return nil
	})
	if err != nil || read == 0 {
		t.Errorf("read %d files of testdata: %v", read, err)
	}
}

func TestScrub(t *testing.T) {
	i := &cassette.Interaction{}
	i.Request.URL = "https://x.blob.core.windows.net/c?sv=1&sig=abc%3D"
	i.Request.Headers = http.Header{"Authorization": {"Bearer abc"}}
	i.Response.Body = `{"key": "abc==", "sasToken":"?sv=1&sig=x"}`
	i.Response.Headers = http.Header{"Location": {"https://management.azure.com/o?t=1&c=C&s=S&h=H"}}
	if err := scrub(i); err != nil {
		t.Fatal(err)
	}
	got := []string{i.Request.URL, i.Request.Headers.Get("Authorization"), i.Response.Body, i.Response.Headers.Get("Location")}
	want := []string{"https://x.blob.core.windows.net/c?sv=1&sig=REDACTED", "", `{"key": "REDACTED", "sasToken":"REDACTED"}`,
		"https://management.azure.com/o?t=1&c=REDACTED&s=REDACTED&h=REDACTED"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("scrub (-want +got):\n%s", diff)
	}
}
