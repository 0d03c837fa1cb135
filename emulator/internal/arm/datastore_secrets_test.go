package arm

import (
	"net/http"
	"strings"
	"testing"
)

// TestSecretsGoWithTheirKindOfCredentials: the key of a datastore that has become one with a SAS is
// not its SAS.
func TestSecretsGoWithTheirKindOfCredentials(t *testing.T) {
	h := newHost(t)
	put := func(credentials string, status int) {
		t.Helper()
		h.put("datastores/glazes", `{"properties":{"datastoreType":"AzureBlob","accountName":"elsewhere","containerName":"c","credentials":`+credentials+`}}`).wants(status)
	}
	put(`{"credentialsType":"AccountKey","secrets":{"secretsType":"AccountKey","key":"old-key"}}`, http.StatusCreated)
	put(`{"credentialsType":"AccountKey"}`, http.StatusOK)
	if got := h.do(http.MethodPost, "datastores/glazes/listSecrets", "").wants(http.StatusOK); got.at("key") != "old-key" {
		t.Errorf("the key is gone after a PUT without one: %s", got.text)
	}
	put(`{"credentialsType":"Sas"}`, http.StatusOK)
	if got := h.do(http.MethodPost, "datastores/glazes/listSecrets", ""); strings.Contains(got.text, "old-key") {
		t.Errorf("listSecrets of a datastore with a SAS shows the key that it had before: %s", got.text)
	}
}
