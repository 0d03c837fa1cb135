package deploy_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// TestCorpusRoundTrip brings each file of batch scoring among the public files to an emulator and plans again: nothing is
// left to do. Scripts and models that the files name and the corpus does not have get stand-ins of our own. It prints the
// table of all files:
//
//	AZMLBATCH_CORPUS_DIR=… go test -run TestCorpusRoundTrip -v ./deploy
func TestCorpusRoundTrip(t *testing.T) {
	corpus := os.Getenv("AZMLBATCH_CORPUS_DIR")
	if corpus == "" {
		t.Skip("AZMLBATCH_CORPUS_DIR names no folder with public files")
	}
	t.Chdir(t.TempDir())
	if err := os.CopyFS(".", os.DirFS(corpus)); err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "file\tkind\tloaded\tplanned\tapplied\tno-op")
	counts := map[string]int{}
	for _, file := range yamlFiles(t, ".") {
		row := roundTrip(t, file)
		for _, column := range []string{row.loaded, row.planned, row.applied, row.noop} {
			if strings.Contains(column, " ") && !row.skipped {
				t.Errorf("%s: %s", file, column)
			}
		}
		counts["files"]++
		if row.loaded == "yes" {
			counts["loaded"]++
		}
		if row.noop == "yes" {
			counts["no-op"]++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", file, row.kind, row.loaded, row.planned, row.applied, row.noop)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files, %d loaded, %d applied and then a no-op\n%s", counts["files"], counts["loaded"], counts["no-op"], table.String())
	if counts["no-op"] == 0 {
		t.Error("no file went the whole way")
	}
}

func yamlFiles(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err == nil && !entry.IsDir() && (ext == ".yml" || ext == ".yaml") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// corpusRow is what became of a file: yes, no, a dash for what does not apply, or an error.
type corpusRow struct {
	kind, loaded, planned, applied, noop string
	skipped                              bool
}

// roundTrip reads a file and applies it to an emulator of its own. What only the command line or another file of the
// sample gives comes from here.
func roundTrip(t *testing.T, file string) corpusRow {
	t.Helper()
	row := corpusRow{kind: "?", loaded: "-", planned: "-", applied: "-", noop: "-"}
	var missing *deploy.SpecError
	options := &deploy.ReadOptions{Unchecked: true, OnDocument: func(d deploy.Document) { row.kind = d.Kind }}
	spec, err := deploy.Read([]string{file}, options)
	if row.kind == "inputs of an invocation" {
		if _, err := deploy.ReadInvocation(file, nil); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		row.loaded = "yes"
		return row
	}
	if errors.As(err, &missing) && row.kind != "batch deployment" && row.kind != "pipeline component deployment" {
		row.loaded, row.skipped = "not ours", true
		return row
	}
	for n := range spec.Deployments { // a sample gives these on the command line
		d := &spec.Deployments[n]
		if d.Endpoint == "" {
			d.Endpoint = "corpus"
		}
		if d.Deployment.Name == "" {
			d.Deployment.Name = "blue"
		}
		if d.Deployment.Model == nil && d.Deployment.Configuration == nil {
			d.Deployment.Model = azmlbatch.ModelByID{AssetID: "azureml://registries/azureml/models/corpus/versions/1"}
		}
		if d.Deployment.Compute == "" && d.Deployment.Configuration == nil {
			d.Deployment.Compute = "cpu-cluster"
		}
	}
	row.loaded = "yes"
	standInFiles(t, spec)
	azure := emulator.NewTest(t, nil)
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	standInAssets(t, client, spec)
	standInJob(t, azure, client)
	if _, err := deploy.Local(t.Context(), client, spec, nil); err != nil {
		row.planned = err.Error()
		return row
	}
	row.planned, row.applied = "yes", "yes"
	again, err := deploy.Plan(t.Context(), client, spec, nil)
	switch {
	case err != nil:
		row.noop = err.Error()
	case !again.Empty():
		row.noop = "not empty: " + again.String()
	default:
		row.noop = "yes"
	}
	return row
}

// standInFiles makes the local files that a Spec names and the corpus does not have.
func standInFiles(t *testing.T, spec deploy.Spec) {
	t.Helper()
	make := func(path, text string) {
		if _, err := os.Stat(path); err != nil && path != "" {
			write(t, map[string]string{path: text})
		}
	}
	local := func(uri string) string {
		if r, err := azmlbatch.ParseReference("", uri); err == nil && r.Form == azmlbatch.ReferenceFormLocal {
			return r.Path
		}
		return ""
	}
	for _, d := range spec.Deployments {
		if code := local(d.Deployment.CodeConfiguration.CodeID); code != "" {
			make(filepath.Join(code, d.Deployment.CodeConfiguration.ScoringScript), studioScript)
		}
	}
	for _, m := range spec.Models {
		if path := local(m.ModelURI); path != "" {
			if strings.Contains(string(m.ModelType), "mlflow") {
				path = filepath.Join(path, "MLmodel")
			}
			make(path, "flavors: {}\n")
		}
	}
	for _, c := range spec.Components {
		for _, code := range codePath.FindAllStringSubmatch(string(c.Spec), -1) {
			make(filepath.Join(local(code[1]), "run.py"), "print(1)\n")
		}
	}
	for _, c := range spec.Codes {
		if path := local(c.CodeURI); path != "" {
			make(filepath.Join(path, "score.py"), studioScript)
		}
	}
	for _, e := range spec.Environments {
		if path := local(e.Build.ContextURI); path != "" {
			make(filepath.Join(path, "Dockerfile"), "FROM ubuntu\n")
		}
	}
	for _, d := range spec.Data {
		if path := local(d.DataURI); path != "" {
			if d.DataType != azmlbatch.DataTypeURIFile {
				path = filepath.Join(path, "a.csv")
			}
			make(path, "1\n")
		}
	}
}

var (
	codePath      = regexp.MustCompile(`"code":"([^"]+)"`)
	stepComponent = regexp.MustCompile(`"component":"azureml:([^"@:]+)[@:]`)
)

// standInAssets registers the models and components that a Spec takes from its workspace.
func standInAssets(t *testing.T, client *azmlbatch.Client, spec deploy.Spec) {
	t.Helper()
	for _, c := range spec.Components {
		for _, step := range stepComponent.FindAllStringSubmatch(string(c.Spec), -1) {
			if _, err := client.Components().CreateOrUpdate(t.Context(), step[1], azmlbatch.Component{Spec: []byte(`{"type":"command","command":"true"}`)}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, d := range spec.Deployments {
		if m, ok := d.Deployment.Model.(azmlbatch.ModelByID); ok {
			own := slices.ContainsFunc(spec.Models, func(m2 azmlbatch.Model) bool { return strings.HasPrefix(m.AssetID, "azureml:"+m2.Name) })
			r, err := azmlbatch.ParseReference(azmlbatch.ReferenceKindModel, m.AssetID)
			if own || err != nil || r.Form != azmlbatch.ReferenceFormNamed || r.Registry != "" {
				continue
			}
			_, err = client.Models().CreateOrUpdate(t.Context(), r.Name, azmlbatch.Model{Version: r.Version, ModelURI: "azureml://datastores/workspaceblobstore/paths/m"}, nil)
			if err != nil {
				t.Fatal(err)
			}
		}
		if c, ok := d.Deployment.Configuration.(azmlbatch.PipelineComponentDeployment); ok {
			r, err := azmlbatch.ParseReference(azmlbatch.ReferenceKindComponent, c.ComponentID)
			if err != nil || r.Form != azmlbatch.ReferenceFormNamed || slices.ContainsFunc(spec.Components, func(c azmlbatch.Component) bool { return c.Name == r.Name }) {
				continue
			}
			if _, err = client.Components().CreateOrUpdate(t.Context(), r.Name, azmlbatch.Component{Spec: []byte(`{"type":"pipeline","jobs":{}}`)}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// standInJob makes the pipeline job whose name the sample replaces on the command line. The SDK starts jobs by invoking only.
func standInJob(t *testing.T, azure *emulator.Emulator, client *azmlbatch.Client) {
	t.Helper()
	token, err := azure.Credential().GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com/.default"}})
	if err != nil {
		t.Fatal(err)
	}
	url := "https://management.azure.com" + client.Workspace().ID() + "/jobs/job_name_placeholder?api-version=2024-04-01"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader(`{"properties":{"jobType":"Pipeline","jobs":{}}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := azure.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("PUT of the job = %s, %v", resp.Status, err)
	}
}
