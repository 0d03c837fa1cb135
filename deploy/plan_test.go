package deploy_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// studioScript gives a row for each file.
const studioScript = `import os

def init():
    pass

def run(files):
    return [os.path.basename(f) + " fine" for f in files]
`

// write makes files below the working directory.
func write(t *testing.T, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// studio is a Spec with one of everything that a deployment needs, in folders of the test.
func studio(t *testing.T) deploy.Spec {
	t.Helper()
	t.Chdir(t.TempDir())
	write(t, map[string]string{"model/weights.txt": "1 2 3", "code/score.py": studioScript, "images/a.csv": "1", "images/b.csv": "2", "smoke/c.csv": "3"})
	return studioParts()
}

func studioParts() deploy.Spec {
	return deploy.Spec{
		Computes: []azmlbatch.Compute{{Name: "cluster", Tags: map[string]string{"team": "a"}, Properties: azmlbatch.AmlCompute{VMSize: "Standard_DS3_v2", MaxNodes: 4}}},
		Data:     []azmlbatch.Data{{Name: "images", DataURI: "images"}},
		Models:   []azmlbatch.Model{{Name: "digits", Description: "of the studio", ModelURI: "./model"}},
		Environments: []azmlbatch.Environment{{Name: "digits", Image: "mcr.microsoft.com/azureml/ubuntu22.04",
			CondaFile: "channels: [conda-forge]\ndependencies:\n- python=3.11\n"}},
		Endpoints: []azmlbatch.Endpoint{{Name: "digits", Description: "reads digits"}},
		Deployments: []deploy.Deployment{{Endpoint: "digits", Deployment: azmlbatch.Deployment{
			Name:                 "blue",
			Model:                azmlbatch.ModelByID{AssetID: "azureml:digits"},
			CodeConfiguration:    azmlbatch.CodeConfiguration{CodeID: "./code", ScoringScript: "score.py"},
			EnvironmentID:        "azureml:digits@latest",
			EnvironmentVariables: map[string]string{"API_KEY": "hush", "MODE": "fast"},
			Compute:              "cluster",
		}}},
	}
}

// newClient is a client of a new emulator.
func newClient(t *testing.T) (*azmlbatch.Client, *emulator.Emulator) {
	t.Helper()
	azure := emulator.NewTest(t, nil)
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	return client, azure
}

func plan(t *testing.T, client *azmlbatch.Client, spec deploy.Spec, options *deploy.PlanOptions) *deploy.Changes {
	t.Helper()
	changes, err := deploy.Plan(t.Context(), client, spec, options)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// TestPlanOfAnEmptyWorkspace creates everything, and writes nothing itself.
func TestPlanOfAnEmptyWorkspace(t *testing.T) {
	spec := studio(t)
	client, azure := newClient(t)
	changes := plan(t, client, spec, &deploy.PlanOptions{SetDefault: true, SmokeInput: azmlbatch.LocalPath{Path: "smoke"}})
	want := `+ compute "cluster": create
+ data asset "images": create version 1, upload 2 files of images (2 B)
+ model "digits": create version 1, upload 1 file of ./model (5 B)
+ environment "digits": create version 1
+ endpoint "digits": create
    (the service gives it a scoring URI)
+ code "./code": create version 1, upload 1 file of ./code (107 B)
+ deployment "digits/blue": create
? deployment "digits/blue": test
    (a job scores the smoke input; nodes start for it, and cost)
> endpoint "digits": set default
    DefaultDeployment: nothing → "blue"
7 to create, 1 to test, 1 to set default, 114 B to upload.
`
	if diff := cmp.Diff(want, changes.String()); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	for _, r := range azure.Requests() {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !strings.Contains(r.Host, "login") {
			t.Errorf("Plan sent %s %s%s", r.Method, r.Host, r.Path)
		}
	}
}

// TestPlanAsJSON has what the text has.
// TestPlanWithoutAWorkspace fails, also where a plan asks for nothing but what could be created.
func TestPlanWithoutAWorkspace(t *testing.T) {
	e, err := emulator.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	real := e.Workspaces()[0]
	for name, ws := range map[string]azmlbatch.Workspace{
		"workspace":    {SubscriptionID: real.SubscriptionID, ResourceGroup: real.ResourceGroup, Name: "none"},
		"group":        {SubscriptionID: real.SubscriptionID, ResourceGroup: "none", Name: real.Name},
		"subscription": {SubscriptionID: "99999999-1111-4111-8111-111111111111", ResourceGroup: real.ResourceGroup, Name: real.Name},
	} {
		options := &azmlbatch.ClientOptions{}
		options.Transport = e
		client, err := azmlbatch.NewClient(ws, e.Credential(), options)
		if err != nil {
			t.Fatal(err)
		}
		for kind, spec := range map[string]deploy.Spec{
			"endpoint":    {Endpoints: []azmlbatch.Endpoint{{Name: "digits"}}},
			"compute":     {Computes: []azmlbatch.Compute{{Name: "cluster", Properties: azmlbatch.AmlCompute{VMSize: "Standard_DS3_v2", MaxNodes: 4}}}},
			"environment": {Environments: []azmlbatch.Environment{{Name: "e", Version: "1", Image: "python:3"}}},
			"model":       {Models: []azmlbatch.Model{{Name: "m", ModelURI: "https://account.blob.core.windows.net/c/m"}}},
		} {
			changes, err := deploy.Plan(t.Context(), client, spec, nil)
			if !errors.Is(err, azmlbatch.ErrWorkspaceNotFound) {
				t.Errorf("without the %s, a plan of an %s: %v, %v", name, kind, changes, err)
			}
		}
	}
}

func TestPlanAsJSON(t *testing.T) {
	spec := studio(t)
	client, _ := newClient(t)
	b, err := json.Marshal(plan(t, client, spec, nil))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Changes []struct {
			Resource, Kind, Name, Action string
			Upload                       *struct{ Files, Bytes int }
		}
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	model := got.Changes[2]
	if model.Resource != `model "digits"` || model.Kind != "models" || model.Name != "digits" || model.Action != "create" || model.Upload == nil || model.Upload.Bytes != 5 {
		t.Errorf("JSON of the model's change: %+v", model)
	}
}

// withoutIDs writes OLD and NEW for values that are long or made by chance.
func withoutIDs(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		field, values, ok := strings.Cut(line, ": ")
		old, new, both := strings.Cut(values, " → ")
		if !ok || !both {
			continue
		}
		if len(old) > 50 || strings.HasPrefix(old, `"azureml:`) {
			old = "OLD"
		}
		if len(new) > 50 || strings.HasPrefix(new, `"azureml:`) {
			new = "NEW"
		}
		if strings.HasSuffix(field, "VMSize") {
			old = `"SIZE"`
		}
		lines[i] = field + ": " + old + " → " + new
	}
	return strings.Join(lines, "\n")
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
