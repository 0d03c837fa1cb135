package emulator

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSchemaOfMLTable(t *testing.T) {
	e := NewTest(t, nil)
	for address, want := range map[string]int{
		"https://azuremlschemasprod.azureedge.net/latest/MLTable.schema.json": http.StatusOK,
		"https://azuremlschemasprod.azureedge.net/latest/other.schema.json":   http.StatusNotFound,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := e.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != want {
			t.Errorf("GET %s = %s, want %d", address, resp.Status, want)
		}
		if want == http.StatusOK {
			var schema struct{ Required []string }
			if err := json.NewDecoder(resp.Body).Decode(&schema); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"paths"}, schema.Required); diff != "" {
				t.Errorf("required members (-want +got):\n%s", diff)
			}
		}
		_ = resp.Body.Close()
	}
}
