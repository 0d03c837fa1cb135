package emulator

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/azmlbatch/azmlbatch"
)

// TestCutDuringCutsShortBodiesToo: a body that is shorter than what may pass does not arrive whole.
func TestCutDuringCutsShortBodiesToo(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "short": "42", "ten": "0123456789", "long": "0123456789abcdef"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := startServer(t, &Options{
		Seeds:  []Seed{{Account: "samples", Container: "data", Dir: dir}},
		Faults: []Fault{{Host: "blob", Action: CutDuring}},
	})
	for transport, client := range map[string]*http.Client{
		"in memory": {Transport: s.Emulator()}, "HTTP/1.1": proxied(t, s, false), "HTTP/2": proxied(t, s, true),
	} {
		for name, want := range map[string]string{"empty": "", "short": "4", "ten": "012345678", "long": "0123456789"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://samples.blob.core.windows.net/data/"+name, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			resp, err := client.Do(request)
			if err == nil {
				got, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if err == nil {
				t.Errorf("%s: the body of %s arrived whole", transport, name)
			}
			if transport != "HTTP/2" && string(got) != want { // there the reset may overtake the last data
				t.Errorf("%s: %q of %s passed, want %q", transport, got, name, want)
			}
		}
	}
}

// TestOperationsThatFail: a client learns that, however the operation is followed, and nothing has changed.
func TestOperationsThatFail(t *testing.T) {
	client := NewClient(t, &Options{Faults: []Fault{
		{Host: "management", Method: "DELETE", Action: FailOperation}, {Host: "management", Method: "PUT", Path: "**/bowls", Action: FailOperation},
	}})
	ctx := t.Context()
	if _, err := client.Endpoints().CreateOrUpdate(ctx, "vases", azmlbatch.Endpoint{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := client.Endpoints().Delete(ctx, "vases", nil); !azmlbatch.HasCode(err, "UserError") {
		t.Errorf("a deletion that fails = %v, want the service's error", err)
	}
	if _, err := client.Endpoints().Get(ctx, "vases"); err != nil {
		t.Errorf("the endpoint that was not deleted: %v", err)
	}
	if _, err := client.Endpoints().CreateOrUpdate(ctx, "bowls", azmlbatch.Endpoint{}, nil); !azmlbatch.HasCode(err, "UserError") {
		t.Errorf("a create that fails = %v, want the service's error", err)
	}
}
