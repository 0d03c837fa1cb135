package deploy_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// deployed makes an endpoint with two deployments, and what they need, by the calls of the SDK.
func deployed(t *testing.T, client *azmlbatch.Client) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	model, err := client.Models().Upload(ctx, "digits", "model", &azmlbatch.UploadModelOptions{Model: azmlbatch.Model{Description: "of images", Tags: map[string]string{"n": "1"}}})
	must(err)
	code, err := client.Codes().Upload(ctx, "score", "code", nil)
	must(err)
	env, err := client.Environments().CreateOrUpdate(ctx, "digits", azmlbatch.Environment{Image: "ubuntu", CondaFile: "dependencies:\n- python=3.11\n- pip:\n  - \"numpy==1.0\"\n"}, nil)
	must(err)
	_, err = client.Computes().CreateOrUpdate(ctx, "cluster", azmlbatch.Compute{Properties: azmlbatch.AmlCompute{VMSize: "STANDARD_DS3_V2", MaxNodes: 4, IdleTimeBeforeScaleDown: 200 * time.Second}}, nil)
	must(err)
	_, err = client.Endpoints().CreateOrUpdate(ctx, "digits", azmlbatch.Endpoint{Description: "of images", Tags: map[string]string{"a": "b"}, Properties: map[string]string{"owner": "team"}}, nil)
	must(err)
	blue := azmlbatch.Deployment{
		Model: azmlbatch.ModelByID{AssetID: model.Ref()}, EnvironmentID: env.Ref(), Compute: "cluster", MiniBatchSize: 3, ErrorThreshold: new(0),
		CodeConfiguration: azmlbatch.CodeConfiguration{CodeID: code.Ref(), ScoringScript: "score.py"}, OutputAction: azmlbatch.OutputActionSummaryOnly,
		EnvironmentVariables: map[string]string{"A": "1.0"}, RetrySettings: azmlbatch.RetrySettings{MaxRetries: new(1), Timeout: 5 * time.Minute},
	}
	_, err = client.Deployments("digits").CreateOrUpdate(ctx, "blue", blue, nil)
	must(err)
	green := blue
	green.Model = azmlbatch.ModelByID{AssetID: "azureml://registries/azureml/models/bert/versions/3"}
	_, err = client.Deployments("digits").CreateOrUpdate(ctx, "green", green, nil)
	must(err)
	_, err = client.Endpoints().SetDefaultDeployment(ctx, "digits", "blue", nil)
	must(err)
}

// TestExport writes what a workspace has and reads it back: the same Spec, with all that was
// deployed.
func TestExport(t *testing.T) {
	golden, err := filepath.Abs("testdata/exported.yml")
	if err != nil {
		t.Fatal(err)
	}
	folders(t)
	client := emulator.NewClient(t, nil)
	deployed(t, client)
	spec, err := deploy.Export(t.Context(), client, "digits")
	if err != nil {
		t.Fatalf("Export: %v", err)
	}
	if err := spec.Check(); err != nil {
		t.Errorf("Check of what was exported: %v", err)
	}
	var text bytes.Buffer
	if err := spec.Write(&text, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("exported.yml", text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := deploy.Read([]string{"exported.yml"}, nil)
	if err != nil {
		t.Fatalf("Read: %v\n%s", err, text.String())
	}
	if diff := cmp.Diff(spec, again); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text.String()); diff != "" {
		t.Errorf("Write of Export (-want +got):\n%s", diff)
	}
}

// TestExportNothing tells a missing endpoint, and stops with its context.
func TestExportNothing(t *testing.T) {
	client := emulator.NewClient(t, nil)
	if _, err := deploy.Export(t.Context(), client, "digits"); !errors.Is(err, azmlbatch.ErrNotFound) {
		t.Errorf("Export of a missing endpoint: %v, want ErrNotFound", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := deploy.Export(ctx, client, "digits"); !errors.Is(err, context.Canceled) {
		t.Errorf("Export with a canceled context: %v", err)
	}
}
