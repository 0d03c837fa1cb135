package arm

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/google/go-cmp/cmp"
)

func TestPageSizesOfAnyNumber(t *testing.T) {
	h := newHost(t)
	for _, version := range []string{"1", "2", "3"} {
		h.put("codes/glaze/versions/"+version, `{"properties":{"codeUri":"https://kilnstore.blob.core.windows.net/c/glaze"}}`).wants(http.StatusCreated)
	}
	h.get("codes/glaze/versions?$top=9223372036854775807").wants(http.StatusOK).hasNames("3", "2", "1")
	h.get("codes/glaze/versions?$skip=1&$top=9223372036854775807").wants(http.StatusOK).hasNames("2", "1")
	h.get("codes/glaze/versions?$skip=9223372036854775807&$top=9223372036854775807").wants(http.StatusOK).hasNames()
}

// TestNameWithoutItsEndpointIsFree: what is left of a create that was cut short between two writes.
// TestPages follows lists of several pages, in every way in which clients do.
func TestPages(t *testing.T) {
	h := newHost(t)
	var want []string
	for i := range pageSize + 1 {
		name := fmt.Sprintf("m%02d", i)
		h.put("models/"+name+"/versions/1", `{"properties": {"modelUri": "https://h/c/a"}}`).wants(http.StatusCreated)
		want = append(want, name)
	}
	for path, sizes := range map[string][]int{
		"models": {pageSize, 1}, "models?$top=20": {20, 20, 11}, "models?count=51": {51}, "models?$top=0": {pageSize, 1}, "models?%24top=50": {50, 1},
	} {
		var got []string
		for i, size := range sizes {
			page := h.get(path).wants(http.StatusOK)
			names := page.names()
			if got = append(got, names...); len(names) != size {
				t.Errorf("page %d of %s has %d items, want %d", i, path, len(names), size)
			}
			link, more := page.body["nextLink"].(string)
			if more != (i+1 < len(sizes)) {
				t.Fatalf("page %d of %s: next link %v", i, path, more)
			}
			if more && (!strings.HasPrefix(link, "https://management.azure.com/") || strings.Count(strings.ToLower(link), "$skiptoken=") != 1) {
				t.Errorf("link = %s", link)
			}
			path = link
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("all pages (-want +got):\n%s", diff)
		}
	}
	next, _ := h.get("models").body["nextLink"].(string)
	_, token, _ := strings.Cut(next, "$skipToken=")
	h.get("models?$skip=" + token).hasNames("m50") // as generated clients name it
	h.get("models?$skip=49").hasNames("m49", "m50")
	h.get("models?$skip=60").hasNames()
	h.get("models?$skip=-1&$top=1").hasNames("m00")
	for _, token := range []string{"!", "bm8", "H4sIAAAAAAAA_w"} {
		for _, kind := range []string{"models", "jobs", "batchEndpoints"} {
			h.get(kind + "?$skipToken=" + token).wants(http.StatusBadRequest).has(map[string]any{"error/code": "UserError"})
		}
	}
}

func TestNameWithoutItsEndpointIsFree(t *testing.T) {
	h := newHost(t)
	id := workspaceID(testWorkspace.SubscriptionID, testWorkspace.ResourceGroup, testWorkspace.Name) + "/batchEndpoints/vases"
	if _, err := h.store.Put(endpointNameKey("eastus2", "vases"), store.Document{"id": id}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.Put(endpointNameKey("eastus", "vases"), store.Document{"id": id}); err != nil {
		t.Fatal(err)
	}
	h.put("batchEndpoints/vases", `{"location":"`+testWorkspace.Location+`","properties":{"authMode":"AADToken"}}`).wants(http.StatusCreated)
}
