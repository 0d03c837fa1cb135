package blob

import "net/http"

// accountInfo is Get Account Information: a general-purpose v2 account without a hierarchical
// namespace.
func (r *request) accountInfo(w http.ResponseWriter) error {
	h := w.Header()
	h.Set("X-Ms-Sku-Name", "Standard_LRS")
	h.Set("X-Ms-Account-Kind", "StorageV2")
	h.Set("X-Ms-Is-Hns-Enabled", "false")
	answerEmpty(w, http.StatusOK)
	return nil
}
