package arm

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/golden"
	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

var testRegistry = Registry{SubscriptionID: testSubscription, ResourceGroup: "pottery", Name: "Pottery-Shop", Location: "westus", StorageAccount: "shopstore"}

const registryBase = "https://cert-westus.experiments.azureml.net/mferp/managementfrontend/subscriptions/" + testSubscription +
	"/resourceGroups/pottery/providers/Microsoft.MachineLearningServices/registries/pottery-shop/"

// newRegistryHost is a host with a registry, which is made twice, and an asset of each kind in it.
func newRegistryHost(t *testing.T, edits ...func(*Options)) *host {
	t.Helper()
	h := newHost(t, edits...)
	for range 2 {
		if err := h.CreateRegistry(testRegistry); err != nil {
			t.Fatal(err)
		}
		for kind, properties := range map[string]store.Document{
			"models": {"modelUri": "https://h/c/m"}, "data": {"dataUri": "https://h/c/d", "dataType": "uri_folder"}, "codes": {"codeUri": "https://h/c/s"},
			"environments": {"image": "kiln:1"}, "components": {"componentSpec": store.Document{"type": "command", "command": "true", "speed": json.Number("3"), "dry": true, "none": nil, "list": []any{json.Number("1"), nil, "a"}}},
		} {
			if err := h.AddRegistryAsset("pottery-shop", kind, "glaze", "1", properties); err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
		}
	}
	return h
}

// TestGoldenRegistry compares whole answers of a registry.
func TestGoldenRegistry(t *testing.T) {
	h := newRegistryHost(t)
	if account, known := h.accounts.known["shopstore"]; !known || !account.AllowSharedKey {
		t.Errorf("the account of the registry: %+v, %t", account, known)
	}
	answers := map[string]any{}
	for _, ask := range []struct{ method, path, body string }{
		{"PUT", "tempdatarefs/glaze/versions/1", `{"temporaryDataReferenceType": "TemporaryBlobReference"}`},
		{"PUT", "models/glaze/versions/2", `{"properties": {"modelUri": "https://h/c/m2", "description": "d"}}`},
		{"PUT", "models/bad/versions/1", `{"properties": {"modelUri": []}}`},
		{"PUT", "environments/glaze/versions/2", `{"properties": {"image": "kiln:2"}}`},
		{"GET", "models/glaze/versions", ""},
		{"GET", "models/glaze/versions?$top=1", ""},
		{"GET", "models/none/versions", ""},
		{"GET", "models/glaze/versions/1", ""},
		{"GET", "models/none/versions/1", ""},
		{"GET", "data/glaze/versions/1", ""},
		{"GET", "codes/glaze/versions/1", ""},
		{"GET", "environments/glaze/versions/2", ""},
		{"GET", "components/glaze/versions/1", ""},
	} {
		r := h.do(ask.method, registryBase+ask.path, ask.body)
		answers[ask.method+" "+ask.path] = map[string]any{
			"status": r.status, "location": masked(r.header.Get("Location")), "timeout": r.header.Get("X-Ms-Async-Operation-Timeout"), "body": decoded(t, masked(r.text)),
		}
	}
	golden.Check(t, "registry", answers)
	h.do("GET", strings.Replace(registryBase, "pottery-shop", "none", 1)+"models/glaze/versions/1", "").wants(http.StatusNotFound).has(map[string]any{
		"error/message": "The Resource 'Microsoft.MachineLearningServices/registries/none' was not found.",
	})
}

// TestUploadContainersOfARegistry: an asset has one for all its versions, whatever the case of its
// name, and other assets have others.
func TestUploadContainersOfARegistry(t *testing.T) {
	h := newRegistryHost(t)
	container := func(asset string) string {
		t.Helper()
		h.accounts.containers = nil
		h.do("PUT", registryBase+"tempdatarefs/"+asset, "{}").wants(http.StatusOK)
		if len(h.accounts.containers) != 1 {
			t.Fatalf("%s: the containers %v were created, want one", asset, h.accounts.containers)
		}
		return h.accounts.containers[0]
	}
	first := container("glaze/versions/1")
	// Ten letters of the registry's name without what cannot end it, and a GUID.
	if !strings.HasPrefix(first, "shopstore/pottery-sh-") || len(first) != len("shopstore/pottery-sh-")+36 {
		t.Errorf("container %s", first)
	}
	if again := container("Glaze/versions/2"); again != first {
		t.Errorf("another version: %s, want %s", again, first)
	}
	if other := container("mugs/versions/1"); other == first {
		t.Errorf("another asset has the container %s too", other)
	}
	h.accounts.err = errors.New("no storage")
	h.do("PUT", registryBase+"tempdatarefs/glaze/versions/1", "{}").wants(http.StatusInternalServerError).has(map[string]any{"error/message": "no storage"})
	if err := h.CreateRegistry(testRegistry); !errors.Is(err, h.accounts.err) {
		t.Errorf("CreateRegistry = %v, want %v", err, h.accounts.err)
	}
}

// TestRegistryOperation: it runs for as long as the service took, and names the asset.
func TestRegistryOperation(t *testing.T) {
	h := newRegistryHost(t, func(o *Options) { o.Pace = Real })
	location := h.do("PUT", registryBase+"models/Mugs/versions/2", `{"properties": {"modelUri": "https://h/c/m"}}`).wants(http.StatusAccepted).header.Get("Location")
	if want := "https://westus.api.azureml.ms/assetstore/v1.0/operations/pottery-shop_Mugs_2_1"; location != want {
		t.Errorf("Location %s, want %s", location, want)
	}
	check := func(wantDone bool) {
		t.Helper()
		asset, done, known := h.RegistryOperation("pottery-shop_Mugs_2_1")
		if want := "azureml://registries/pottery-shop/models/Mugs/versions/2"; !known || done != wantDone || !strings.EqualFold(asset, want) {
			t.Errorf("operation on %s, ended: %t, known: %t; want %s, %t", asset, done, known, want, wantDone)
		}
	}
	check(false)
	h.time = h.time.Add(registryDuration - time.Nanosecond)
	check(false)
	h.time = h.time.Add(time.Nanosecond)
	check(true)
	check(true)

	status := h.put("batchEndpoints/glaze", glaze).wants(http.StatusCreated).header.Get("Azure-AsyncOperation")
	id, _, _ := strings.Cut(status[strings.LastIndex(status, "/")+1:], "?")
	for _, id := range []string{id, "none"} {
		if asset, done, known := h.RegistryOperation(id); asset != "" || done || known {
			t.Errorf("operation %s is one of a registry: %q, %t", id, asset, done)
		}
	}
}

// TestRegistriesThatCannotBeStored: no part of one is made.
func TestRegistriesThatCannotBeStored(t *testing.T) {
	state, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	h := newRegistryHost(t, func(o *Options) { o.Store = state })
	if err := h.AddRegistryAsset("pottery-shop", "models", "bad", "1", store.Document{"modelUri": []any{}}); err == nil || !strings.HasPrefix(err.Error(), "arm: refused: {") {
		t.Errorf("an asset of the wrong kind: %v", err)
	}
	if err := h.AddRegistryAsset("pottery-shop", "kilns", "bad", "1", store.Document{}); err != nil {
		t.Errorf("a kind that registries do not have: %v", err)
	}
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	other := testRegistry
	other.Name = "other"
	if err := h.CreateRegistry(other); !errors.Is(err, store.ErrClosed) {
		t.Errorf("CreateRegistry = %v, want ErrClosed", err)
	}
	if err := h.CreateRegistry(testRegistry); err != nil {
		t.Errorf("CreateRegistry of one that exists = %v", err)
	}
	if _, found := state.Get(jobs.RegistryID("other")); found {
		t.Error("the registry is there")
	}
	if err := h.AddRegistryAsset("pottery-shop", "models", "mugs", "1", store.Document{"modelUri": "https://h/c/m"}); err == nil || !strings.Contains(err.Error(), store.ErrClosed.Error()) {
		t.Errorf("AddRegistryAsset = %v, want ErrClosed", err)
	}
	h.do("PUT", registryBase+"models/mugs/versions/1", `{"properties": {"modelUri": "https://h/c/m"}}`).wants(http.StatusInternalServerError)
}
