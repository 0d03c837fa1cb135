package jobs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

func resolveWorld(t *testing.T) *world {
	w := newWorld(t, nil)
	for _, version := range []string{"1", "2", "3"} {
		w.put(testWorkspace+"/data/tiles/versions/"+version, store.Document{"properties": store.Document{
			"dataUri":  "azureml://subscriptions/s1/resourcegroups/g1/workspaces/w1/datastores/workspaceblobstore/paths/v" + version + "/",
			"dataType": "uri_folder", "isArchived": version == "3",
		}})
	}
	w.put(testWorkspace+"/datasets/shards/versions/7", store.Document{"properties": store.Document{
		"paths": []any{store.Document{"folder": "https://kilnstore.blob.core.windows.net/raw/shards"}},
	}})
	w.put(testWorkspace+"/data/loop/versions/1", store.Document{"properties": store.Document{"dataUri": "azureml:loop:1"}})
	w.put(testWorkspace+"/datastores/files", store.Document{"properties": store.Document{"datastoreType": "AzureFile", "accountName": account}})
	w.put(testWorkspace+"/datastores/lake", store.Document{"properties": store.Document{
		"datastoreType": "AzureDataLakeGen2", "accountName": account, "filesystem": "lakefs",
	}})
	w.put(testWorkspace+"/datasets/shards/versions/one", store.Document{"properties": store.Document{
		"paths": []any{store.Document{"pattern": "*"}, store.Document{"file": "https://kilnstore.blob.core.windows.net/raw/shards/a"}},
	}})
	w.put(testWorkspace+"/data/bare/versions/1", store.Document{"properties": store.Document{"paths": []any{store.Document{}}}})
	w.put(testWorkspace+"/data/odd/versions/1", store.Document{"properties": store.Document{"dataUri": "s3://kiln/a", "dataType": "uri_file"}})
	w.put(testWorkspace+"/data/rows/versions/1", store.Document{"properties": store.Document{"dataUri": "azureml://datastores/workspaceblobstore/paths/rows/", "dataType": "mltable"}})
	w.put(testWorkspace+"/data/row/versions/1", store.Document{"properties": store.Document{"dataUri": "azureml://datastores/workspaceblobstore/paths/row", "dataType": "uri_file"}})
	w.putRaw(RegistryID("played"), store.Document{"name": "played"})
	w.putRaw(runOutputsID(testWorkspace, "j1"), store.Document{"score": store.Document{
		"uri": "azureml://datastores/workspaceblobstore/paths/azureml/c1/score/", "type": UriFolder,
	}})
	return w
}

func (w *world) putRaw(id string, doc store.Document) {
	w.t.Helper()
	if _, err := w.store.Put(id, doc); err != nil {
		w.t.Fatal(err)
	}
}

func TestResolve(t *testing.T) {
	w := resolveWorld(t)
	tests := map[string]place{
		"azureml:tiles:1":                                {account, dataStore, "v1/", "uri_folder"},
		testWorkspace + "/data/tiles/versions/1":         {account, dataStore, "v1/", "uri_folder"},
		"azureml:tiles@latest":                           {account, dataStore, "v2/", "uri_folder"}, // 3 is archived
		"azureml:tiles:3":                                {account, dataStore, "v3/", "uri_folder"},
		"azureml:shards:7":                               {account, "raw", "shards", "uri_folder"},
		"azureml:shards@latest":                          {account, "raw", "shards/a", "uri_file"},
		"azureml://datastores/lake/paths/x":              {account, "lakefs", "x", ""},
		"azureml://jobs/j1/outputs/score":                {account, dataStore, "azureml/c1/score/", ""},
		"azureml://jobs/j1/outputs/score/paths/p.csv":    {account, dataStore, "azureml/c1/score/p.csv", ""},
		"runs:/j1/model/w.txt":                           {account, "azureml", "ExperimentRun/dcid.j1/model/w.txt", ""},
		"https://kilnstore.blob.core.windows.net/raw/a/": {account, "raw", "a/", ""},
		"azureml://locations/eastus/workspaces/w1/data/shards/versions/labels/latest": {account, "raw", "shards/a", "uri_file"},
	}
	for text, want := range tests {
		got, err := w.runner.resolver(testWorkspace).resolve(text, "data")
		if err != nil {
			t.Errorf("resolve(%q): %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(place{})); diff != "" {
			t.Errorf("resolve(%q) (-want +got):\n%s", text, diff)
		}
	}
}

// TestWorkspacesByGUID: its own GUID means the workspace, in any case, and any other one does not.
func TestWorkspacesByGUID(t *testing.T) {
	const own, other = "0f0f0f0f-1111-4111-8111-111111111111", "99999999-1111-4111-8111-111111111111"
	w := resolveWorld(t)
	w.put(testWorkspace, store.Document{"properties": store.Document{"workspaceId": own}})
	r := w.runner.resolver(testWorkspace)
	for _, form := range []string{"azureml://locations/eastus/workspaces/%s/data/tiles/versions/2", "azureml://workspaces/%s/datastores/workspaceblobstore/paths/a"} {
		want, err := r.resolve(strings.Replace(form, "workspaces/%s/", "", 1), "data")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.resolve(fmt.Sprintf(form, strings.ToUpper(own)), "data"); err != nil || got != want {
			t.Errorf(form+": %v, %v; want %v", own, got, err, want)
		}
		if got, err := r.resolve(fmt.Sprintf(form, other), "data"); err == nil {
			t.Errorf(form+": %v, want an error", other, got)
		}
	}
	_, err := r.resolve("azureml://locations/eastus/workspaces/"+other+"/data/tiles/versions/2", "data")
	if want := `there is no asset "tiles" of version "2" among the data of the workspace ` + other; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if Missing(w.store, testWorkspace, testSuffix, "data", "azureml://locations/eastus/workspaces/"+other+"/data/tiles/versions/2") {
		t.Error("data of a workspace that is not played counts as missing")
	}
}

func TestResolveRefuses(t *testing.T) {
	w := resolveWorld(t)
	texts := map[string]string{}
	for text, want := range map[string]string{
		"azureml:tiles:9":                  "there is no asset",
		"azureml:unknown@latest":           "there is no asset",
		"azureml:loop:1":                   "not another asset",
		"azureml://datastores/cup/paths/x": "could not find datastore: cup",
		"azureml://datastores/files/paths": "only blob datastores",
		"azureml://jobs/j1/outputs/other":  "has no output",
		"azureml:bare:1":                   "registered without a place",
		"azureml:odd:1":                    "s3",
		"kiln":                             "kiln",
		"azureml://registries/none/data/tiles/versions/1":                    `there is no registry "none" here`,
		"azureml://registries/played/data/tiles/versions/1":                  "there is no asset",
		strings.TrimSuffix(testWorkspace, "w1") + "w2/data/tiles/versions/9": "there is no asset",
	} {
		_, err := w.runner.resolver(testWorkspace).resolve(text, "data")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("resolve(%q) = %v, want %q in it", text, err, want)
		}
		texts[text] = err.Error()
	}
	checkTexts(t, "references_that_do_not_resolve", texts)
}

func TestAssetPlace(t *testing.T) {
	w := resolveWorld(t)
	uri, kind, ok := AssetPlace(w.store, testWorkspace, testSuffix, "azureml://locations/eastus/workspaces/0f0f/data/tiles/versions/1")
	if want := "azureml://subscriptions/s1/resourcegroups/g1/workspaces/w1/datastores/workspaceblobstore/paths/v1/"; uri != want || kind != UriFolder || !ok {
		t.Errorf("AssetPlace = %s, %s, %v; want %s", uri, kind, ok, want)
	}
	for id, want := range map[string]string{"azureml:row:1": UriFile, "azureml:rows:1": MLTable, "azureml:tiles:2": UriFolder} {
		if _, kind, ok := AssetPlace(w.store, testWorkspace, testSuffix, id); kind != want || !ok {
			t.Errorf("AssetPlace of %s is a %s, %t; want a %s", id, kind, ok, want)
		}
	}
	for _, id := range []string{"azureml://locations/eastus/workspaces/0f0f/data/none/versions/1", "azureml://datastores/lake/paths/x", "kiln", ""} {
		if uri, kind, ok := AssetPlace(w.store, testWorkspace, testSuffix, id); ok || uri != "" || kind != "" {
			t.Errorf("AssetPlace of %q = %s, %s, %t", id, uri, kind, ok)
		}
	}
}
