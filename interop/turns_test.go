package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// TestTurnsWithAzureAIML lets the SDK and azure-ai-ml work on one workspace in turn. Each finds the other's uploads and
// sends nothing again; each reads what the other made, and puts it back without a change.
//
// AZMLBATCH_AZURE_AI_ML is a Python that has azure-ai-ml; without it the test is skipped.
func TestTurnsWithAzureAIML(t *testing.T) {
	python := os.Getenv("AZMLBATCH_AZURE_AI_ML")
	if python == "" {
		t.Skip("AZMLBATCH_AZURE_AI_ML names no Python with azure-ai-ml")
	}
	server, err := emulator.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	client, err := server.Emulator().Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &turns{t: t, server: server, python: python, client: client}
	s.uploads()
	s.resources()
}

type turns struct {
	t      *testing.T
	server *emulator.Server
	python string
	client *azmlbatch.Client
}

// run runs one step of azure-ai-ml and decodes what it prints last.
func (s *turns) run(result any, args ...string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.python, append([]string{filepath.Join("python", "turns.py")}, args...)...)
	cmd.Env = append(os.Environ(), s.server.Env()...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("azure-ai-ml %s: %v\n%s", args, err, stderr.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), result); err != nil {
		s.t.Fatalf("azure-ai-ml %s printed %q: %v", args, out, err)
	}
}

// puts counts the blobs that were written so far, without markers of a finished upload.
func (s *turns) puts() int {
	n := 0
	for _, r := range s.server.Emulator().Requests() {
		if r.Method == http.MethodPut && strings.Contains(r.Host, ".blob.") && r.Status == http.StatusCreated {
			n++
		}
	}
	return n
}

func (s *turns) folder(name string) string {
	s.t.Helper()
	folder := filepath.Join(s.t.TempDir(), name)
	for path, content := range map[string]string{"weights.json": name, "sub/empty": "", "sub/deeper/ö €.txt": "two"} {
		file := filepath.Join(folder, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	return folder
}

func (s *turns) uploads() {
	s.t.Helper()
	t, ctx := s.t, s.t.Context()
	var theirs struct{ Model, Data string }
	sdk := func(folder, prefix string) (model azmlbatch.Model, data azmlbatch.Data) {
		model, err := s.client.Models().Upload(ctx, prefix+"-model", folder, nil)
		if err != nil {
			t.Fatal(err)
		}
		if data, err = s.client.Data().Upload(ctx, prefix+"-data", folder, nil); err != nil {
			t.Fatal(err)
		}
		return model, data
	}
	for _, first := range []string{"sdk", "azure-ai-ml"} {
		folder := s.folder(first)
		var model azmlbatch.Model
		var data azmlbatch.Data
		before := s.puts()
		ours := func() { model, data = sdk(folder, first+"-ours") }
		others := func() { s.run(&theirs, "upload", folder, first+"-theirs") }
		if first == "sdk" {
			ours()
		} else {
			others()
		}
		sent := s.puts() - before
		if sent < 3 {
			t.Errorf("%s first: %d blobs written, want 3 files at least", first, sent)
		}
		before = s.puts()
		if first == "sdk" {
			others()
		} else {
			ours()
		}
		if n := s.puts() - before; n != 0 {
			t.Errorf("%s first: the other one wrote %d blobs again", first, n)
		}
		place := func(uri string) string {
			r, err := azmlbatch.ParseReference(azmlbatch.ReferenceKindData, uri)
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimSuffix(r.Path, "/")
		}
		if diff := cmp.Diff([]string{place(theirs.Model), place(theirs.Data)}, []string{place(model.ModelURI), place(data.DataURI)}); diff != "" {
			t.Errorf("%s first: places (-azure-ai-ml +sdk):\n%s", first, diff)
		}
	}
}

// resources makes an endpoint with the SDK; azure-ai-ml reads it and puts it back; the SDK does the same.
func (s *turns) resources() {
	s.t.Helper()
	t, ctx := s.t, s.t.Context()
	s.deploy()
	var seen map[string]any
	s.run(&seen, "read", "turns")
	want := map[string]any{
		"name": "turns", "description": "in turn", "tags": map[string]any{"team": "vision"}, "default": "blue",
		"deployments": map[string]any{"blue": map[string]any{
			"description": "every setting", "mini_batch_size": 7.0, "error_threshold": 3.0, "max_concurrency_per_instance": 2.0,
			"output_file_name": "rows.csv", "retries": 5.0, "timeout": 90.0, "logging_level": "Debug",
			"environment_variables": map[string]any{"LIGHT": "on"}, "instance_count": 2.0,
		}},
	}
	if diff := cmp.Diff(any(want), any(seen)); diff != "" {
		t.Errorf("what azure-ai-ml reads (-want +got):\n%s", diff)
	}
	before := s.documents()
	s.run(&seen, "write", "turns")
	if diff := cmp.Diff(before, s.documents()); diff != "" {
		t.Errorf("after azure-ai-ml put everything back (-before +after):\n%s", diff)
	}
	endpoint, err := s.client.Endpoints().Get(ctx, "turns")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.Endpoints().CreateOrUpdate(ctx, "turns", endpoint, nil); err != nil {
		t.Fatal(err)
	}
	deployment, err := s.client.Deployments("turns").Get(ctx, "blue")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.Deployments("turns").CreateOrUpdate(ctx, "blue", deployment, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, s.documents()); diff != "" {
		t.Errorf("after the SDK put everything back (-before +after):\n%s", diff)
	}
}

func (s *turns) deploy() {
	s.t.Helper()
	t, ctx := s.t, s.t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	model, err := s.client.Models().Upload(ctx, "turns-model", s.folder("model"), nil)
	check(err)
	script := filepath.Join(t.TempDir(), "score.py")
	check(os.WriteFile(script, []byte("def init():\n    pass\n\ndef run(mini_batch):\n    return mini_batch\n"), 0o644))
	code, err := s.client.Codes().Upload(ctx, "turns-code", script, nil)
	check(err)
	environment, err := s.client.Environments().CreateOrUpdate(ctx, "turns", azmlbatch.Environment{Image: "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest"}, nil)
	check(err)
	_, err = s.client.Computes().CreateOrUpdate(ctx, "turns-cluster", azmlbatch.Compute{Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_DS3_V2", MaxNodes: 2}}, nil)
	check(err)
	_, err = s.client.Endpoints().CreateOrUpdate(ctx, "turns", azmlbatch.Endpoint{Description: "in turn", Tags: map[string]string{"team": "vision"}}, nil)
	check(err)
	_, err = s.client.Deployments("turns").CreateOrUpdate(ctx, "blue", azmlbatch.Deployment{
		Description: "every setting", Model: azmlbatch.ModelByID{AssetID: model.Ref()}, EnvironmentID: environment.Ref(), Compute: "turns-cluster",
		CodeConfiguration:    azmlbatch.CodeConfiguration{CodeID: code.Ref(), ScoringScript: "score.py"},
		EnvironmentVariables: map[string]string{"LIGHT": "on"}, MiniBatchSize: 7, ErrorThreshold: new(3), MaxConcurrencyPerInstance: 2,
		OutputFileName: "rows.csv", LoggingLevel: azmlbatch.LoggingLevelDebug, Resources: azmlbatch.DeploymentResources{InstanceCount: 2},
		RetrySettings: azmlbatch.RetrySettings{MaxRetries: new(5), Timeout: 90 * time.Second},
	}, nil)
	check(err)
	_, err = s.client.Endpoints().SetDefaultDeployment(ctx, "turns", "blue", nil)
	check(err)
}

// documents are the endpoint and its deployment as Azure Resource Manager shows them, without their dates and states.
func (s *turns) documents() []any {
	s.t.Helper()
	azure := s.server.Emulator()
	w := azure.Workspaces()[0]
	endpoint := fmt.Sprintf("https://management.azure.com/subscriptions/%s/resourceGroups/%s/providers/Microsoft.MachineLearningServices/workspaces/%s/batchEndpoints/turns",
		w.SubscriptionID, w.ResourceGroup, w.Name)
	token, err := azure.Credential().GetToken(s.t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com/.default"}})
	if err != nil {
		s.t.Fatal(err)
	}
	var documents []any
	for _, address := range []string{endpoint, endpoint + "/deployments/blue"} {
		request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, address+"?api-version=2024-04-01", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token.Token)
		resp, err := azure.RoundTrip(request)
		if err != nil {
			s.t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			s.t.Fatalf("GET %s: %s, %v", address, resp.Status, err)
		}
		var document map[string]any
		if err := json.Unmarshal(body, &document); err != nil {
			s.t.Fatal(err)
		}
		delete(document, "systemData")
		// The service adds the URLs of the latest operation here.
		delete(document["properties"].(map[string]any), "properties")
		documents = append(documents, document)
	}
	return documents
}
