package arm

import (
	"net/http"
	"testing"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
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
