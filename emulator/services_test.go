package emulator

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// TestTokenForOneAccountOpensNoOther: the address of a storage account is an audience of that
// account alone.
func TestTokenForOneAccountOpensNoOther(t *testing.T) {
	e, err := New(&Options{Workspaces: []Workspace{{Name: "kiln", StorageAccount: "kilnstore"}, {Name: "wheel", StorageAccount: "wheelstore"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	for audience, want := range map[string]int{
		"https://kilnstore.blob.core.windows.net":  http.StatusOK,
		"https://kilnstore.blob.core.windows.net/": http.StatusOK,
		"https://storage.azure.com":                http.StatusOK,
		"https://wheelstore.blob.core.windows.net": http.StatusUnauthorized,
		"https://ml.azure.com":                     http.StatusUnauthorized,
	} {
		token, err := e.Credential().GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{audience + "/.default"}})
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://kilnstore.blob.core.windows.net/?"+url.Values{"comp": {"list"}}.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token.Token)
		request.Header.Set("x-ms-version", "2023-11-03")
		resp, err := e.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("containers of kilnstore with a token for %s = %s, want %d", audience, resp.Status, want)
		}
	}
}

func TestKeylessWorkspace(t *testing.T) {
	e := NewTest(t, &Options{Workspaces: []Workspace{
		{Name: "kiln", StorageAccount: "kilnstore", ResourceGroup: "pottery"},
		{Name: "wheel", StorageAccount: "wheelstore", ResourceGroup: "pottery", Keyless: true},
	}})
	const management = "https://management.azure.com"
	for workspace, want := range map[string]int{"kiln": http.StatusOK, "wheel": http.StatusBadRequest} {
		path := strings.TrimSuffix(workspacePath(e), "kiln") + workspace + "/datastores/workspaceblobstore/listSecrets?api-version=2024-04-01"
		if resp, text := rawAsk(t, e, http.MethodPost, management+path, management, "", nil); resp.StatusCode != want {
			t.Errorf("secrets of %s: %s: %s; want %d", workspace, resp.Status, text, want)
		}
	}
}
