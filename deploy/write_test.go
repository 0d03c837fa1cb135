package deploy_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

// meaning makes conda files comparable, because a file's own text is written as a mapping, and
// takes away passwords, which are not written.
func meaning(t *testing.T, spec deploy.Spec) deploy.Spec {
	t.Helper()
	for i, e := range spec.Environments {
		if e.CondaFile == "" {
			continue
		}
		var file any
		if err := yaml.Unmarshal([]byte(e.CondaFile), &file); err != nil {
			t.Fatalf("conda file: %v", err)
		}
		b, err := json.Marshal(file)
		if err != nil {
			t.Fatalf("conda file: %v", err)
		}
		spec.Environments[i].CondaFile = string(b)
	}
	for i, c := range spec.Computes {
		cluster := c.Properties.(azmlbatch.AmlCompute)
		cluster.Administrator.Password = ""
		spec.Computes[i].Properties = cluster
	}
	return spec
}

// rewritten writes a Spec into a folder and reads it back.
func rewritten(t *testing.T, spec deploy.Spec, folder string) (deploy.Spec, string) {
	t.Helper()
	var text bytes.Buffer
	if err := spec.Write(&text, &deploy.WriteOptions{Folder: folder}); err != nil {
		t.Fatalf("Write: %v", err)
	}
	path := filepath.Join(folder, "written.yml")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := deploy.Read([]string{path}, &deploy.ReadOptions{Unchecked: true})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatalf("Read of what Write wrote: %v\n%s", err, text.String())
	}
	return again, text.String()
}

// TestWrite writes a Spec with all kinds and reads it back from this folder and from another one:
// the same Spec, with paths that lead to the same places.
func TestWrite(t *testing.T) {
	files(t, pipelineFiles)
	folders := []string{"", "parts", "deeper/still"}
	if err := os.MkdirAll("deeper/still", 0o700); err != nil {
		t.Fatal(err)
	}
	spec := digits()
	spec.Models[0].ModelURI = "parts/src"
	spec.Data[0] = azmlbatch.Data{Name: "images", Version: "2", DataURI: "parts", DataType: azmlbatch.DataTypeURIFolder, Tags: map[string]string{"no": "yes", "n": "1.0"}}
	spec.Datastores = map[string]string{"parts/src": "models"}
	spec.Models = append(spec.Models, azmlbatch.Model{Name: "digits-green-model", IsAnonymous: true, ModelURI: "parts/score"})
	spec.Endpoints[0].DefaultDeployment = "blue"
	blue := &spec.Deployments[0].Deployment
	blue.CodeConfiguration.CodeID, blue.EnvironmentID = "parts/src", "azureml:digits@latest"
	blue.ErrorThreshold, blue.OutputAction, blue.LoggingLevel = new(0), azmlbatch.OutputActionSummaryOnly, azmlbatch.LoggingLevelDebug
	blue.EnvironmentVariables = map[string]string{"A": "$B", "C": ""}
	green := deploy.Deployment{Endpoint: "digits", Deployment: azmlbatch.Deployment{Name: "green", Compute: "cluster", Model: azmlbatch.ModelByID{AssetID: "azureml:digits-green-model"}}}
	spec.Deployments = append(spec.Deployments, green)
	for file, endpoint := range map[string]string{"deploy/deployment.yml": "files", "deploy/by_job.yml": "jobs", "deploy/by_name.yml": "names"} {
		pipeline, err := deploy.Read([]string{file}, &deploy.ReadOptions{Set: []string{"endpoint_name=" + endpoint}})
		if err != nil {
			t.Fatal(err)
		}
		spec.Components = append(pipeline.Components, spec.Components...)
		spec.Deployments = append(spec.Deployments, pipeline.Deployments...)
	}
	slices.SortFunc(spec.Components, func(a, b azmlbatch.Component) int {
		return cmp.Or(strings.Compare(fmt.Sprint(a.IsAnonymous), fmt.Sprint(b.IsAnonymous)), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(spec.Deployments, func(a, b deploy.Deployment) int { return strings.Compare(a.Endpoint, b.Endpoint) })
	for _, folder := range folders {
		got, text := rewritten(t, spec, folder)
		if diff := gocmp.Diff(spec, got); diff != "" {
			t.Errorf("Write to folder %q and Read (-want +got):\n%s\n%s", folder, diff, text)
		}
	}
}

// TestWriteTellsWhatItLeavesOut names in a comment what the YAML has no key for, and never writes a
// password.
func TestWriteTellsWhatItLeavesOut(t *testing.T) {
	spec := deploy.Spec{Computes: []azmlbatch.Compute{{Name: "cluster", Properties: &azmlbatch.AmlCompute{VMSize: "s", MaxNodes: 1, IsolatedNetwork: true,
		Administrator: azmlbatch.NodeAdministrator{UserName: "me", Password: "swordfish"}}}}}
	var text bytes.Buffer
	if err := spec.Write(&text, nil); err != nil {
		t.Fatal(err)
	}
	want := `# not written, because this file has no key for it: the administrator's password, IsolatedNetwork
$schema: https://azuremlschemas.azureedge.net/latest/amlCompute.schema.json
name: cluster
type: amlcompute
size: s
min_instances: 0
max_instances: 1
ssh_settings:
  admin_username: me
`
	if diff := gocmp.Diff(want, text.String()); diff != "" {
		t.Errorf("Write (-want +got):\n%s", diff)
	}
}

// TestWriteTellsComputesThatAreNoClusters also where nothing else is written.
func TestWriteTellsComputesThatAreNoClusters(t *testing.T) {
	spec := deploy.Spec{Computes: []azmlbatch.Compute{{Name: "kube"}, {Name: "desk"}}}
	comment := "# not written, because these files can only describe clusters: compute \"kube\", compute \"desk\"\n"
	for endpoint, want := range map[string]string{"": comment, "vases": comment +
		"$schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json\nname: vases\n"} {
		if endpoint != "" {
			spec.Endpoints = []azmlbatch.Endpoint{{Name: endpoint}}
		} else {
			spec.Endpoints = nil
		}
		var text bytes.Buffer
		if err := spec.Write(&text, nil); err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, text.String()); diff != "" {
			t.Errorf("Write with endpoint %q (-want +got):\n%s", endpoint, diff)
		}
	}
}

// TestCorpusWrite writes each public file that can be read, and reads the same again.
func TestCorpusWrite(t *testing.T) {
	corpus := os.Getenv("AZMLBATCH_CORPUS_DIR")
	if corpus == "" {
		t.Skip("AZMLBATCH_CORPUS_DIR names no folder with public files")
	}
	written := 0
	err := filepath.WalkDir(corpus, func(path string, entry fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || entry.IsDir() || ext != ".yml" && ext != ".yaml" {
			return err
		}
		spec, err := deploy.Read([]string{path}, &deploy.ReadOptions{Unchecked: true})
		if err != nil {
			return nil //nolint:nilerr // TestCorpus looks at the files that are not read
		}
		got, text := rewritten(t, spec, t.TempDir())
		if diff := gocmp.Diff(meaning(t, spec), meaning(t, got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s\n%s", path, diff, text)
		}
		written++
		return nil
	})
	t.Logf("%d files written and read again", written)
	if err != nil || written == 0 {
		t.Errorf("wrote %d files: %v", written, err)
	}
}
