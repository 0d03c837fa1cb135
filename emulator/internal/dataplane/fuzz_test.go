package dataplane

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// FuzzRequests: whatever comes in, the answer is whole, and no caller's mistake is the server's.
func FuzzRequests(f *testing.F) {
	const (
		history = "/history/v1.0" + workspace + "/experiments/e/"
		jobs    = "/batchEndpoints/e/jobs"
		batch   = workspace
	)
	for _, seed := range []struct{ method, path, query, body string }{
		{"GET", "/discovery", "", ""},
		{"GET", history + "runs/j1", "", ""},
		{"PATCH", history + "runs/j1", "", `{"displayName": "a", "tags": {"a": null}, "hidden": "x", "properties": []}`},
		{"GET", history + "runs/j1/children", "", ""},
		{"GET", history + "runs/c1/details", "", ""},
		{"GET", history + "runs/c1/serviceinstances/0", "", ""},
		{"POST", "/history/v1.0" + workspace + "/rundata", "", `{"runId": "c1", "selectRunMetadata": true}`},
		{"POST", "/metric/v2.0" + workspace + "/runs/c1/list", "", `{"continuationToken": 1}`},
		{"POST", "/metric/v2.0" + workspace + "/runs/c1/full", "", `{"metricName": "Failed Items"}`},
		{"GET", "/mlflow/v1.0" + workspace + "/api/2.0/mlflow/runs/get", "run_id=c1", ""},
		{"GET", batch + jobs, "api-version=2020-09-01-dataplanepreview&$skiptoken=MQ", ""},
		{"GET", batch + "/batchEndpoints/e/deployments/d/jobs/j1", "", ""},
		{"POST", "/data/v1.0" + workspace + "/dataversion/batchGetResolvedUris", "", `{"values": ["azureml://locations/l/workspaces/w/data/a/versions/1", 7]}`},
		{"GET", "/registrymanagement/v1.0/registries/r/discovery", "", ""},
		{"POST", "//%2f/runs//", "%zz", "[]"},
	} {
		f.Add(seed.method, seed.path, seed.query, seed.body)
	}
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		u, err := url.ParseRequestURI("/" + strings.TrimPrefix(path, "/"))
		if err != nil || method == "" || strings.ContainsFunc(method, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r) }) {
			t.Skip("net/http passes on no such request")
		}
		u.RawQuery = query
		h, s := newHandler(t)
		put(t, s, map[string]store.Document{workspace + "/batchEndpoints/e": {"name": "e"}})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", strings.NewReader(body))
		r.Method, r.URL, r.Host = method, u, strings.TrimPrefix(host, "https://")
		r.Header.Set("Authorization", "Bearer https://management.azure.com/")
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
