package ui

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// signed is the URL of an upload with a signature that lets anyone list and read it.
func signed(t *testing.T, client *azmlbatch.Client, up azmlbatch.Uploaded) (address, signature string) {
	t.Helper()
	store, err := client.Datastores().Default(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := client.Datastores().Secrets(t.Context(), store.Name)
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimPrefix(string(secrets.(azmlbatch.SASSecrets).Token), "?")
	query, err := url.ParseQuery(token)
	if err != nil {
		t.Fatal(err)
	}
	_, path, _ := strings.Cut(up.URI, "/paths/")
	return "https://" + store.AccountName + ".blob.core.windows.net/" + store.ContainerName + "/" + path + "?" + token, query.Get("sig")
}

// TestInputsOfASignedURL shows files that only a signature opens, and the signature nowhere.
func TestInputsOfASignedURL(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(score), nil)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.png"), []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	up, err := client.Upload(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	address, signature := signed(t, client, up)
	job, err := client.Endpoints().Invoke(t.Context(), endpoint, azmlbatch.Invocation{Input: azmlbatch.URIFolder{URI: address}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Jobs().Wait(t.Context(), job.Name, nil); err != nil {
		t.Fatal(err)
	}
	p := newTestPage(t, client, nil)
	for path, want := range map[string]string{"": "Inputs and outputs", "/predictions": "content?file=a.png", "/input?file=a.png": `<img class="picture`} {
		body := p.get("/jobs/" + job.Name + path)
		wantTexts(t, body, want)
		for _, secret := range []string{signature, signature[:12], "sig="} {
			if strings.Contains(body, secret) {
				t.Errorf("%s shows the signature", path)
			}
		}
	}
	if resp, body := p.do(http.MethodGet, "/jobs/"+job.Name+"/input/content?file=a.png", nil); resp.StatusCode != http.StatusOK || body != "a" {
		t.Errorf("the content of the file: %s, %q", resp.Status, body)
	}
}

// TestSignatureOfAnOrder refuses a signed URL, and does not write it into the page again.
func TestSignatureOfAnOrder(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(score), nil)
	p := newTestPage(t, client, nil)
	input := "https://pots.blob.core.windows.net/kiln/raw?sp=rl&sig=c2lnbmF0dXJlLW9mLWEta2lsbg%3D%3D"
	body := p.get("/endpoints/" + endpoint + "/invoke?" + url.Values{"input": {input}}.Encode())
	wantTexts(t, body, "has a signature", "https://pots.blob.core.windows.net/kiln/raw")
	if strings.Contains(body, "c2lnbmF0dXJl") {
		t.Errorf("the page shows the signature:\n%s", body)
	}
}
