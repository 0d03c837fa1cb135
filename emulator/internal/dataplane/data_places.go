package dataplane

import (
	"net/http"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// data serves the places of registered data (seen in azure-sdk-for-python recording
// test_pipeline_job_child_run_download, 2026).
func (c *call) data() {
	if _, ok := c.matches(http.MethodPost, "dataversion/batchGetResolvedUris"); !ok {
		c.noRoute()
		return
	}
	var asked struct {
		Values []string `json:"values"`
	}
	if !c.readBody(&asked) {
		return
	}
	values := store.Document{}
	for _, id := range asked.Values {
		uri, kind, ok := jobs.AssetPlace(c.store, c.workspace, c.cloud.StorageSuffix, id)
		if !ok {
			// Not evidenced: the answer when one of several assets is unknown.
			c.refuse(http.StatusNotFound, "There is no data asset "+id+".", "NotFound")
			return
		}
		values[id] = store.Document{"uri": uri, "type": kind, "legacyDatasetType": nil}
	}
	c.answer(http.StatusOK, store.Document{"values": values})
}
