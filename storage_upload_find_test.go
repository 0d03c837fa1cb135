package azmlbatch_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// TestFindUpload finds what Upload has sent, under the place that Upload returned, and sends nothing itself.
func TestFindUpload(t *testing.T) {
	azure := emulator.NewTest(t, nil)
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := files(t, "model", map[string]string{"weights.txt": "1 2 3"})
	if up, err := client.FindUpload(t.Context(), dir, nil); !errors.Is(err, azmlbatch.ErrNotFound) || up != (azmlbatch.Uploaded{}) {
		t.Errorf("FindUpload before Upload = %v, %v, want ErrNotFound", up, err)
	}
	for _, r := range azure.Requests() {
		if r.Method == http.MethodPut {
			t.Errorf("FindUpload sent %s %s%s", r.Method, r.Host, r.Path)
		}
	}
	sent, err := client.Upload(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	found, err := client.FindUpload(t.Context(), dir, nil)
	sent.Reused = true
	if err != nil || found != sent {
		t.Errorf("FindUpload = %v, %v, want %v", found, err, sent)
	}
	changed := files(t, "model", map[string]string{"weights.txt": "1 2 4"})
	if up, err := client.FindUpload(t.Context(), changed, nil); !errors.Is(err, azmlbatch.ErrNotFound) {
		t.Errorf("FindUpload of other content = %v, %v, want ErrNotFound", up, err)
	}
}
