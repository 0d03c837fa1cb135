package dataplane

import (
	"net/http"
	"net/http/httptest"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestRegistryOperations: an operation on an asset of a registry is polled until it has ended. Only
// the asset store names the asset.
func TestRegistryOperations(t *testing.T) {
	operation := func(id string) (asset string, done, known bool) {
		switch id {
		case "ended":
			return "azureml://registries/pottery/models/glaze/versions/1", true, true
		case "running":
			return "azureml://registries/pottery/models/glaze/versions/1", false, true
		}
		return "", false, false
	}
	h, _ := newHandler(t, func(o *Options) { o.RegistryOperation = operation })
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/assetstore/v1.0/operations/ended":    {http.StatusOK, `{"assetId":"azureml://registries/pottery/models/glaze/versions/1"}`},
		"/AssetStore/V1.0/Operations/ended":    {http.StatusOK, `{"assetId":"azureml://registries/pottery/models/glaze/versions/1"}`},
		"/environment/v1.0/operations/ended":   {http.StatusOK, ""},
		"/assetstore/v1.0/operations/running":  {http.StatusAccepted, ""},
		"/environment/v1.0/operations/running": {http.StatusAccepted, ""},
	} {
		w := ask(h, http.MethodGet, host+path)
		if w.Code != want.status || w.Body.String() != want.body {
			t.Errorf("%s: status %d, body %q; want %d and %q", path, w.Code, w.Body, want.status, want.body)
		}
		if want.body == "" && w.Header().Get("Content-Length") != "0" {
			t.Errorf("%s: headers %v, want an empty body", path, w.Header())
		}
	}
	unknown := do(t, h, http.MethodGet, host+"/assetstore/v1.0/operations/none", "", http.StatusNotFound)
	if fault, _ := unknown["error"].(map[string]any); fault["message"] != "The operation none does not exist." {
		t.Errorf("error = %v", fault)
	}
}

// TestPathsThatAreNoneOfRegistries: they are refused as every path that nobody serves.
func TestPathsThatAreNoneOfRegistries(t *testing.T) {
	played, _ := newHandler(t, func(o *Options) {
		o.RegistryOperation = func(string) (asset string, done, known bool) { return "", true, true }
	})
	bare, _ := newHandler(t)
	want := do(t, bare, http.MethodGet, host+"/kiln/v1.0/operations/x", "", http.StatusNotFound)["error"]
	if got := do(t, bare, http.MethodGet, host+"/assetstore/v1.0/operations/x", "", http.StatusNotFound)["error"]; got.(map[string]any)["code"] != want.(map[string]any)["code"] {
		t.Errorf("without registries: %v, want %v", got, want)
	}
	for _, ask := range []struct{ method, path string }{
		{http.MethodPost, "/assetstore/v1.0/operations/x"},
		{http.MethodGet, "/assetstore/v2.0/operations/x"},
		{http.MethodGet, "/assetstore/v1.0/kilns/x"},
		{http.MethodGet, "/assetstore/v1.0/operations"},
		{http.MethodGet, "/assetstore/v1.0/operations/x/y"},
		{http.MethodGet, "/registrymanagement/v1.0/registries/pottery"},
		{http.MethodGet, "/registrymanagement/v1.0/registries/pottery/kilns"},
		{http.MethodPost, "/registrymanagement/v1.0/registries/pottery/discovery"},
	} {
		got := do(t, played, ask.method, host+ask.path, "", http.StatusNotFound)["error"]
		if diff := gocmp.Diff(want.(map[string]any)["code"], got.(map[string]any)["code"]); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", ask.method, ask.path, diff)
		}
	}
}

// ask asks with a good token.
func ask(h http.Handler, method, url string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, nil)
	r.Header.Set("Authorization", "Bearer https://management.azure.com/")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
