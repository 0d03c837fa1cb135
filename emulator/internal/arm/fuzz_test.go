package arm

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzRequests: whatever comes in, the answer is whole: a status, and JSON if there is a body. No
// job runs here.
func FuzzRequests(f *testing.F) {
	ws := workspaceID(testSubscription, "pottery", "kilns")
	for _, seed := range []struct{ method, path, query, body string }{
		{"GET", "/subscriptions", "api-version=2022-12-01", ""},
		{"PUT", ws + "/batchEndpoints/e", "api-version=2024-04-01", glaze},
		{"PUT", ws + "/batchEndpoints/e/deployments/d", "api-version=2024-04-01", blue},
		{"PUT", ws + "/computes/c", "api-version=2024-04-01", cluster},
		{"PUT", ws + "/jobs/j", "api-version=2025-01-01-preview", `{"properties": {"jobType": "Pipeline", "jobs": {"a": {"type": "command"}}}}`},
		{"PUT", ws + "/components/c/versions/1", "api-version=2024-04-01", `{"properties": {"componentSpec": {"type": "pipeline", "jobs": {"a": {}}, "sourceJobId": "azureml:j"}}}`},
		{"PUT", ws + "/environments/e/versions/1", "api-version=2024-04-01", `{"properties": {"image": "i", "condaFile": "a: [1"}}`},
		{"PUT", ws + "/schedules/s", "api-version=2024-04-01", `{"properties": {` + fireDaily + `}}`},
		{"GET", ws + "/models", "api-version=2024-04-01&$skip=x&$top=-1&listViewType=All", ""},
		{"PATCH", ws + "/batchEndpoints/e", "api-version=2024-04-01", `{"tags": {"a": 1,},}`},
		{"DELETE", ws + "/computes/c", "api-version=2024-04-01&underlyingResourceAction=Detach", ""},
		{"GET", "/subscriptions/" + testSubscription + "/providers/" + provider + "/locations/eastus/mfeOperationsStatus/x", "api-version=2024-04-01&t=1&s=2&h=3", ""},
		{"PUT", "/mferp/managementfrontend/subscriptions/s/resourceGroups/g/providers/" + provider + "/registries/r/models/m/versions/1", "api-version=2021-10-01-dataplanepreview", `{"properties": {}}`},
		{"POST", "//%2f/providers//", "api-version=2024-04-01&%zz", "[]"},
	} {
		f.Add(seed.method, seed.path, seed.query, seed.body)
	}
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		u, err := url.ParseRequestURI("/" + strings.TrimPrefix(path, "/"))
		if err != nil || method == "" || strings.ContainsFunc(method, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r) }) {
			t.Skip("net/http passes on no such request")
		}
		u.RawQuery = query
		h := newHost(t)
		if err := h.CreateRegistry(Registry{Name: "r", Location: "eastus", StorageAccount: "registryr"}); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", strings.NewReader(body))
		r.Method, r.URL, r.Host = method, u, "management.azure.com"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code < 200 || w.Code > 599 || w.Code == http.StatusInternalServerError {
			t.Errorf("%s %s?%s: %d %s", method, path, query, w.Code, w.Body)
		}
		if text := w.Body.Bytes(); len(text) > 0 && !json.Valid(text) {
			t.Errorf("%s %s?%s answers no JSON: %q", method, path, query, text)
		}
	})
}
