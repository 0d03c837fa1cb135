package azmlbatch_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// Stories run on an emulator, through the whole client: tokens, retries, storage, jobs.

// shop is an emulator and a client that does not sleep between polls.
type shop struct {
	t      *testing.T
	ctx    context.Context // a story is one call
	azure  *emulator.Emulator
	client *azmlbatch.Client
	clock  *azmlbatch.SkippingClock
}

func newShop(t *testing.T, options *emulator.Options, change ...func(*azmlbatch.ClientOptions)) *shop {
	t.Helper()
	if options == nil {
		options = &emulator.Options{}
	}
	clk := new(azmlbatch.SkippingClock)
	if options.Now == nil {
		options.Now = clk.Now
	}
	azure, err := emulator.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := azure.Close(); err != nil {
			t.Error(err)
		}
	})
	w := azure.Workspaces()[0]
	o := &azmlbatch.ClientOptions{}
	o.Transport = azure
	if options.Cloud == emulator.CloudChina {
		o.Cloud = cloud.AzureChina
	}
	if options.Cloud == emulator.CloudUSGovernment {
		o.Cloud = cloud.AzureGovernment
	}
	for _, f := range change {
		f(o)
	}
	client, err := clk.NewClient(azmlbatch.Workspace{SubscriptionID: w.SubscriptionID, ResourceGroup: w.ResourceGroup, Name: w.Name},
		azure.Credential(), o)
	if err != nil {
		t.Fatal(err)
	}
	return &shop{t, t.Context(), azure, client, clk}
}

// files writes a folder of the given name.
func files(t *testing.T, name string, content map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	for file, text := range content {
		path := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// deploy makes the endpoint vases with the default deployment blue, which runs the script.
func (s *shop) deploy(script string) {
	s.t.Helper()
	ctx, c := s.ctx, s.client
	code, err := c.Codes().Upload(ctx, "score", files(s.t, "code", map[string]string{"score.py": script}), nil)
	s.must(err)
	model, err := c.Models().Upload(ctx, "vases", files(s.t, "model", map[string]string{"weights.txt": "1"}), nil)
	s.must(err)
	env, err := c.Environments().CreateOrUpdate(ctx, "plain", azmlbatch.Environment{Image: "python:3.11"}, nil)
	s.must(err)
	_, err = c.Computes().CreateOrUpdate(ctx, "cluster", azmlbatch.Compute{Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_D2_V2", MaxNodes: 1}}, nil)
	s.must(err)
	_, err = c.Endpoints().CreateOrUpdate(ctx, "vases", azmlbatch.Endpoint{}, nil)
	s.must(err)
	_, err = c.Deployments("vases").CreateOrUpdate(ctx, "blue", azmlbatch.Deployment{Model: azmlbatch.ModelByID{AssetID: model.Ref()}, EnvironmentID: env.Ref(), Compute: "cluster",
		MiniBatchSize: 1, ErrorThreshold: new(0), CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: code.Ref(), ScoringScript: "score.py"}}, nil)
	s.must(err)
	_, err = c.Endpoints().SetDefaultDeployment(ctx, "vases", "blue", nil)
	s.must(err)
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// wait follows a job on the real clock, because a real script runs.
func (s *shop) wait(job string) (azmlbatch.Job, error) {
	s.t.Helper()
	client, err := s.azure.Client(nil)
	s.must(err)
	return client.Jobs().Wait(s.t.Context(), job, nil)
}

func (s *shop) jobs() (n int) {
	s.t.Helper()
	for _, err := range s.client.Endpoints().ListJobs(s.t.Context(), "vases", nil) {
		s.must(err)
		n++
	}
	return n
}

const basenames = "import os\ndef run(b):\n    return [os.path.basename(p) for p in b]\n"

func (s *shop) invocation(key string) azmlbatch.Invocation {
	return azmlbatch.Invocation{Key: key, Inputs: azmlbatch.Inputs{"in": azmlbatch.LocalPath{Path: files(s.t, "in", map[string]string{"a.txt": "1", "b.txt": "2"})}}}
}

// TestExactlyOnce breaks the POST of an invocation in every way, and counts the jobs that the service has.
func TestExactlyOnce(t *testing.T) {
	tests := []struct {
		name, fault string
		jobs        int  // that the service has
		known       bool // to the caller
	}{
		{"no connection, then one", "scoring POST /jobs refuse times=2", 1, true},
		{"throttled, then taken", "scoring POST /jobs throttle times=2", 1, true},
		{"cut before the service saw it", "scoring POST /jobs cut-before times=1", 0, false},
		{"cut after the service took it", "scoring POST /jobs cut-after times=1", 1, true},
		{"cut within the answer", "scoring POST /jobs cut-during times=1", 1, true},
		{"502 of a proxy after the service took it", "scoring POST /jobs fail-after=502 times=1", 1, true},
		{"500 before the service did anything", "scoring POST /jobs fail-before times=1", 0, false},
		{"half an answer", "scoring POST /jobs truncate times=1", 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t, nil)
			s.deploy(basenames)
			fault, err := emulator.ParseFault(tt.fault)
			s.must(err)
			s.must(s.azure.Inject(fault))
			job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation("monday"))
			var lost *azmlbatch.AmbiguousInvokeError
			if tt.known && (err != nil || job.Name == "") || !tt.known && !errors.As(err, &lost) {
				t.Errorf("Invoke = %q, %v; want the job known: %v", job.Name, err, tt.known)
			}
			if n := s.jobs(); n != tt.jobs {
				t.Errorf("the service has %d jobs, want %d", n, tt.jobs)
			}
			// Another process with the same key gets the job, or starts the only one.
			again, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation("monday"))
			if err != nil || tt.known && again.Name != job.Name {
				t.Errorf("Invoke with the same key = %q, %v; want %q", again.Name, err, job.Name)
			}
			if n := s.jobs(); n != 1 {
				t.Errorf("the service has %d jobs after the second call, want 1", n)
			}
		})
	}
}

func TestWorkspaceWithoutKeys(t *testing.T) {
	s := newShop(t, &emulator.Options{Workspaces: []emulator.Workspace{{Keyless: true}}})
	_, err := s.client.Datastores().Secrets(t.Context(), "workspaceblobstore")
	if err == nil || !strings.Contains(err.Error(), "use your own token") {
		t.Errorf("Secrets = %v, want the service's refusal with the remedy", err)
	}
	s.deploy(basenames)
	job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation(""))
	s.must(err)
	_, err = s.wait(job.Name)
	s.must(err)
	rows := 0
	for _, err := range azmlbatch.Rows[string](t.Context(), s.client, job.Name, nil) {
		s.must(err)
		rows++
	}
	if rows != 2 {
		t.Errorf("%d rows, want 2", rows)
	}
}

func TestSovereignClouds(t *testing.T) {
	for name, c := range map[string]emulator.Cloud{"china": emulator.CloudChina, "us government": emulator.CloudUSGovernment} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, &emulator.Options{Cloud: c})
			s.deploy(basenames)
			job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation(""))
			s.must(err)
			if _, err := s.wait(job.Name); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFailedJobShowsTheScriptsOwnTraceback(t *testing.T) {
	s := newShop(t, nil)
	s.deploy("import os\n\ndef glaze(path):\n    if os.path.basename(path) == 'b.txt':\n        raise ValueError('no glaze on ' + os.path.basename(path))\n\ndef run(b):\n    for p in b:\n        glaze(p)\n    return b\n")
	job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation(""))
	s.must(err)
	_, err = s.wait(job.Name)
	var failed *azmlbatch.JobFailedError
	if !errors.As(err, &failed) {
		t.Fatalf("Wait = %v, want a JobFailedError", err)
	}
	if failed.Message != "ValueError: no glaze on b.txt" || failed.MiniBatch != 1 || failed.File != "b.txt" || failed.Process == "" || failed.Log == "" {
		t.Errorf("failure = %+v", failed)
	}
	for _, want := range []string{`score.py", line 5, in glaze`, `score.py", line 9, in run`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error shows no %q:\n%v", want, err)
		}
	}
}

func TestJobsThatCannotRunSayWhy(t *testing.T) {
	s := newShop(t, nil)
	s.deploy(basenames)
	invoke := func(inv azmlbatch.Invocation) error {
		t.Helper()
		job, err := s.client.Endpoints().Invoke(t.Context(), "vases", inv)
		s.must(err)
		_, err = s.wait(job.Name)
		return err
	}
	place := "azureml://datastores/workspaceblobstore/paths/mine/rows.csv"
	first := s.invocation("")
	first.Outputs = azmlbatch.Outputs{"out": azmlbatch.URIFile{URI: place}}
	if err := invoke(first); err != nil {
		t.Fatalf("the first job = %v", err)
	}
	second := first
	second.DisplayName = "again"
	if err := invoke(second); err == nil || !strings.Contains(err.Error(), "the path already exists") || !strings.Contains(err.Error(), "an output of its own") {
		t.Errorf("an output that exists = %v", err)
	}
	empty := azmlbatch.Invocation{Inputs: azmlbatch.Inputs{"in": azmlbatch.URIFolder{URI: "azureml://datastores/workspaceblobstore/paths/nothing-here/"}}}
	if err := invoke(empty); err == nil || !strings.Contains(err.Error(), "Can't mount Dataset") {
		t.Errorf("an input without files = %v", err)
	}
}

func TestRefusalsOfTheService(t *testing.T) {
	s := newShop(t, nil)
	s.deploy(basenames)
	ctx := t.Context()
	if _, err := s.client.Endpoints().Get(ctx, "bowls"); !errors.Is(err, azmlbatch.ErrNotFound) || !azmlbatch.HasCode(err, "EndpointNotFound") {
		t.Errorf("a missing endpoint = %v", err)
	}
	if _, err := s.client.Computes().Get(ctx, "none"); !errors.Is(err, azmlbatch.ErrNotFound) {
		t.Errorf("a missing compute, told without a body = %v", err)
	}
	if _, err := s.client.Endpoints().Invoke(ctx, "vases", azmlbatch.Invocation{Deployment: "green", Inputs: s.invocation("").Inputs}); !errors.Is(err, azmlbatch.ErrNotFound) {
		t.Errorf("a missing deployment = %v", err)
	}
	_, err := s.client.Endpoints().CreateOrUpdate(ctx, "vases", azmlbatch.Endpoint{Tags: map[string]string{"team": ""}}, nil)
	if !errors.As(err, new(*azmlbatch.ArgumentError)) {
		t.Errorf("an empty tag value = %v", err)
	}
	_, err = s.client.Endpoints().CreateOrUpdate(ctx, "keyed", azmlbatch.Endpoint{AuthMode: "Key"}, nil)
	if !errors.As(err, new(*azmlbatch.ArgumentError)) {
		t.Errorf("auth mode Key = %v", err)
	}
	p, err := s.client.Endpoints().BeginCreateOrUpdate(ctx, "keyed", azmlbatch.Endpoint{AuthMode: "AMLToken"})
	s.must(err)
	if _, err := p.PollUntilDone(ctx, nil); !azmlbatch.HasCode(err, "OperationFailed") {
		t.Errorf("auth mode AMLToken = %v, want the operation to fail", err)
	}
}

func TestEndpointNameTakenInTheRegion(t *testing.T) {
	s := newShop(t, &emulator.Options{Workspaces: []emulator.Workspace{{}, {Name: "neighbour"}}})
	w := s.azure.Workspaces()[1]
	o := &azmlbatch.ClientOptions{}
	o.Transport = s.azure
	neighbour, err := azmlbatch.NewClientOnFakeClock(azmlbatch.Workspace{SubscriptionID: w.SubscriptionID, ResourceGroup: w.ResourceGroup, Name: w.Name}, s.azure.Credential(), o)
	s.must(err)
	_, err = neighbour.Endpoints().CreateOrUpdate(t.Context(), "vases", azmlbatch.Endpoint{}, nil)
	s.must(err)
	_, err = s.client.Endpoints().CreateOrUpdate(t.Context(), "vases", azmlbatch.Endpoint{}, nil)
	if err == nil || !strings.Contains(err.Error(), "is not available") || !strings.Contains(err.Error(), "choose another") {
		t.Errorf("a name that a neighbour has = %v", err)
	}
}

// wrongToken gives out a token of another audience.
type wrongToken struct {
	azcore.TokenCredential
	scope string
}

func (w wrongToken) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	o.Scopes = []string{w.scope}
	return w.TokenCredential.GetToken(ctx, o)
}

func TestTokensThatAreRefused(t *testing.T) {
	now := time.Now()
	s := newShop(t, &emulator.Options{Now: func() time.Time { return now }})
	s.deploy(basenames)
	client := func(scope string) *azmlbatch.Client {
		o := &azmlbatch.ClientOptions{}
		o.Transport = s.azure
		c, err := azmlbatch.NewClientOnFakeClock(s.client.Workspace(), wrongToken{s.azure.Credential(), scope}, o)
		s.must(err)
		return c
	}
	_, err := client("https://ml.azure.com/.default").Endpoints().Get(t.Context(), "vases")
	if !errors.Is(err, azmlbatch.ErrUnauthorized) || !strings.Contains(err.Error(), "made for another audience") {
		t.Errorf("a scoring token at management = %v", err)
	}
	_, err = client("https://management.azure.com/.default").Endpoints().Invoke(t.Context(), "vases",
		azmlbatch.Invocation{Inputs: azmlbatch.Inputs{"in": azmlbatch.URIFolder{URI: "azureml://datastores/workspaceblobstore/paths/x/"}}})
	if !errors.Is(err, azmlbatch.ErrUnauthorized) || !strings.Contains(err.Error(), "made for another audience") {
		t.Errorf("a management token at scoring = %v", err)
	}
	now = now.Add(48 * time.Hour)
	_, err = s.client.Endpoints().Get(t.Context(), "vases")
	if !errors.Is(err, azmlbatch.ErrUnauthorized) {
		t.Errorf("an expired token = %v", err)
	}
}

func TestFaultsOfTheWay(t *testing.T) {
	tests := []struct {
		name, fault string
		want        string // in the error; "" for success after retries
	}{
		{"a proxy's page", "management GET /** html-error", "an HTML page, not the service's answer"},
		{"an error without a body", "management GET /** empty-error", "502 Bad Gateway"},
		{"half an answer, always", "management GET /** truncate", "the answer was cut off"},
		{"half an answer, three times", "management GET /** truncate times=3", ""},
		{"an answer cut on its way, three times", "management GET /** cut-during times=3", ""},
		{"a link to another host", "management GET /** wrong-link", "no token is sent there"},
		{"throttled three times", "management GET /** throttle times=3", ""},
		{"cut twice", "management GET /** cut-before times=2", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t, nil)
			for i := range 60 { // more than a page, for the link
				_, err := s.client.Environments().CreateOrUpdate(t.Context(), "plain", azmlbatch.Environment{Version: string(rune('a'+i/26)) + string(rune('a'+i%26)), Image: "python"}, nil)
				s.must(err)
			}
			fault, err := emulator.ParseFault(tt.fault)
			s.must(err)
			s.must(s.azure.Inject(fault))
			err = nil
			for _, e := range s.client.Environments().ListVersions(t.Context(), "plain", nil) {
				if e != nil {
					err = e
				}
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("list = %v, want %q", err, tt.want)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\n?") {
				t.Errorf("the error has more than a line, or a query: %q", err)
			}
		})
	}
}

func TestUploadsAreSentOnce(t *testing.T) {
	s := newShop(t, nil)
	dir := files(t, "images", map[string]string{"a.txt": "1", "sub/b.txt": "2", ".gitignore": "*.tmp\n", "c.tmp": "3"})
	puts := func() (n int) {
		for _, r := range s.azure.Requests() {
			if r.Method == http.MethodPut && strings.HasSuffix(r.Host, ".blob.core.windows.net") {
				n++
			}
		}
		return n
	}
	first, err := s.client.Upload(t.Context(), dir, nil)
	s.must(err)
	sent := puts()
	second, err := s.client.Upload(t.Context(), dir, nil)
	s.must(err)
	if first.URI != second.URI || first.Reused || !second.Reused || puts() != sent || sent != 4 { // three files and the marker
		t.Errorf("first %+v, second %+v, %d and %d requests", first, second, sent, puts()-sent)
	}
	target := t.TempDir()
	model, err := s.client.Models().Upload(t.Context(), "images", dir, nil)
	s.must(err)
	_, err = s.client.Models().Download(t.Context(), "images", model.Version, target, nil)
	s.must(err)
	for name, want := range map[string]string{"a.txt": "1", "sub/b.txt": "2"} {
		if b, err := os.ReadFile(filepath.Join(target, filepath.FromSlash(name))); err != nil || string(b) != want {
			t.Errorf("%s = %q, %v", name, b, err)
		}
	}
	if again, err := s.client.Models().Download(t.Context(), "images", model.Version, target, nil); err != nil || again != (azmlbatch.DownloadResult{Skipped: 3}) {
		t.Errorf("a second download = %+v, %v, want three files skipped", again, err)
	}
	s.must(os.WriteFile(filepath.Join(target, "a.txt"), []byte("mine"), 0o600))
	if _, err := s.client.Models().Download(t.Context(), "images", model.Version, target, nil); !errors.As(err, new(*azmlbatch.ArgumentError)) {
		t.Errorf("a download over another file = %v, want it refused", err)
	}
}

// TestBigFilesGoInBlocksAndGoOn cuts an upload in the middle, and counts what the second one sends.
func TestBigFilesGoInBlocksAndGoOn(t *testing.T) {
	s := newShop(t, nil)
	path := filepath.Join(files(t, "big", map[string]string{"x.bin": strings.Repeat("0123456789abcdef", 1<<12)}), "x.bin") // 64 KiB
	o := &azmlbatch.UploadOptions{BlockSize: 16 << 10, Concurrency: 1}
	s.must(s.azure.Inject(emulator.Fault{Host: "blob", Method: "PUT", Action: emulator.ActionFailBefore, Status: 400, Skip: 2, Times: 1}))
	if _, err := s.client.Upload(t.Context(), path, o); err == nil || !strings.Contains(err.Error(), "x.bin") {
		t.Fatalf("Upload = %v, want the broken block with its file", err)
	}
	before := len(s.azure.Requests())
	up, err := s.client.Upload(t.Context(), path, o)
	s.must(err)
	puts := 0
	for _, r := range s.azure.Requests()[before:] {
		if r.Method == http.MethodPut {
			puts++
		}
	}
	if puts != 4 { // two blocks that were missing, the list, the marker
		t.Errorf("%d PUTs to go on, want 4", puts)
	}
	if up.IsFolder || up.Reused {
		t.Errorf("uploaded = %+v", up)
	}
}
