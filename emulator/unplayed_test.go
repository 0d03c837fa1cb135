package emulator

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// TestWhatIsNotPlayedIsToldAsSuch: the answer says what was asked for and that Azure may have it,
// and the log has one warning.
func TestWhatIsNotPlayedIsToldAsSuch(t *testing.T) {
	var log bytes.Buffer
	e := NewTest(t, &Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	w := e.Workspaces()[0]
	if _, err := e.Deploy(t.Context(), Func(sizes), nil); err != nil {
		t.Fatal(err)
	}
	workspace := "/subscriptions/" + w.SubscriptionID + "/resourceGroups/" + w.ResourceGroup +
		"/providers/Microsoft.MachineLearningServices/workspaces/" + w.Name
	const management, ml, storage = "https://management.azure.com", "https://ml.azure.com", "https://storage.azure.com"
	for _, test := range []struct {
		method, url, audience string
		status                int
		what                  string
	}{
		{"PUT", management + workspace + "/onlineEndpoints/e?api-version=2024-04-01", management, 404,
			"PUT Microsoft.MachineLearningServices/workspaces/onlineEndpoints"},
		{"POST", management + workspace + "/batchEndpoints/e/deployments/d/getLogs?api-version=2024-04-01", management, 404,
			"POST Microsoft.MachineLearningServices/workspaces/batchEndpoints/deployments/getLogs"},
		{"DELETE", management + workspace + "/models?api-version=2024-04-01", management, 405,
			"DELETE Microsoft.MachineLearningServices/workspaces/models"},
		{"GET", management + "/subscriptions/" + w.SubscriptionID + "/resourceGroups/g/providers/Microsoft.Kiln/ovens/o?api-version=2024-04-01", management, 404,
			"GET Microsoft.Kiln/ovens"},
		{"GET", management + "/kilns?api-version=2024-04-01", management, 404, "GET /kilns"},
		{"GET", "https://eastus.api.azureml.ms/history/v1.0" + workspace + "/kilns", ml, 404, "GET /history/v1.0" + workspace + "/kilns"},
		{"GET", "https://endpoint-1.eastus.inference.ml.azure.com/score", ml, 404, "GET /score"},
		{"GET", "https://login.microsoftonline.com/common/kiln", "", 404, "GET /common/kiln"},
		{"GET", "https://" + w.StorageAccount + ".blob.core.windows.net/?restype=service&comp=stats", storage, 501, "service statistics"},
	} {
		log.Reset()
		r, err := http.NewRequestWithContext(t.Context(), test.method, test.url, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Ms-Version", "2024-08-04")
		if test.audience != "" {
			token, err := e.Credential().GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{test.audience + "/.default"}})
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token.Token)
		}
		resp, err := e.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		sentence := "The azmlbatch emulator does not play " + test.what + "."
		if resp.StatusCode != test.status || !strings.Contains(string(body), sentence) {
			t.Errorf("%s %s: %s %s; want %d and %q", test.method, test.url, resp.Status, body, test.status, sentence)
		}
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=WARN") || !strings.Contains(got, sentence) {
			t.Errorf("%s %s logs %q, want one warning with %q", test.method, test.url, got, sentence)
		}
	}
}
