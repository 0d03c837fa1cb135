package arm

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestBuiltInDatastores(t *testing.T) {
	h := newHost(t)
	h.get("datastores?isDefault=true&count=30&orderByAsc=false").wants(http.StatusOK).hasNames("workspaceblobstore").has(map[string]any{
		"nextLink": "absent", "value/0/properties/protocol": "https", "value/0/properties/endpoint": "core.windows.net",
		"value/0/properties/accountName": "kilnstore", "value/0/properties/containerName": "azureml-blobstore-" + testWorkspaceID,
		"value/0/properties/credentials/credentialsType": "AccountKey", "value/0/properties/tags": nil,
		"value/0/properties/serviceDataAccessAuthIdentity": "WorkspaceSystemAssignedIdentity", "value/0/systemData/createdBy": "absent",
		"value/0/properties/isDefault": true,
	})
	h.get("datastores").hasNames("workspaceworkingdirectory", "workspaceartifactstore", "workspacefilestore", "workspaceblobstore")
	h.get("datastores?orderByAsc=true&count=1").hasNames("workspaceblobstore")
	h.get("datastores?names=workspacefilestore,none").hasNames("workspacefilestore")
	for version, want := range map[string][3]any{
		"2022-05-01":         {"absent", "absent", "absent"},
		"2023-04-01-preview": {"absent", "absent", nil},
		"2024-04-01":         {testSubscription, "pottery", "absent"},
		"2024-07-01-preview": {testSubscription, "pottery", "absent"},
	} {
		h.get("datastores/workspaceblobstore?api-version=" + version).has(map[string]any{
			"properties/subscriptionId": want[0], "properties/resourceGroup": want[1], "properties/intellectualProperty": want[2],
		})
	}
}

func TestDatastoreSecrets(t *testing.T) {
	h := newHost(t)
	secrets := "datastores/workspaceblobstore/listSecrets"
	key := base64.StdEncoding.EncodeToString(h.accounts.known["kilnstore"].Keys[0][:])
	h.do(http.MethodPost, secrets, "").wants(http.StatusOK).has(map[string]any{"secretsType": "AccountKey", "key": key})
	h.do(http.MethodPost, secrets, `{"expirableSecret": false}`).has(map[string]any{"secretsType": "AccountKey"})
	h.do(http.MethodPost, secrets, `{"ExpirableSecret": "true", "expireAfterHours": "2"}`).wants(http.StatusOK).has(map[string]any{
		"secretsType": "Sas", "sasToken": "?sv=1&sig=made&srt=co&ss=bf&sp=rcuwdl", "key": "absent",
	})
	if got := h.accounts.expiry.Sub(h.time); got != 2*time.Hour {
		t.Errorf("the SAS lasts %v, want 2h", got)
	}
	h.do(http.MethodPost, "datastores/none/listSecrets", "").wants(http.StatusNotFound)
}

func TestKeylessWorkspaceHasNoSecrets(t *testing.T) {
	h := newHost(t)
	keyless := testWorkspace
	keyless.Name, keyless.StorageAccount, keyless.Keyless = "keyless", "keylessstore", true
	if err := h.CreateWorkspace(keyless); err != nil {
		t.Fatal(err)
	}
	ws := workspaceID(testSubscription, "pottery", "keyless")
	h.get(ws).has(map[string]any{"properties/systemDatastoresAuthMode": "identity"})
	h.get(ws + "/datastores/workspaceblobstore").has(map[string]any{
		"properties/credentials/credentialsType":   "None",
		"properties/serviceDataAccessAuthIdentity": "WorkspaceSystemAssignedIdentity",
	})
	for _, body := range []string{"", `{"expirableSecret": true, "expireAfterHours": 1}`} {
		h.do(http.MethodPost, ws+"/datastores/workspaceblobstore/listSecrets", body).wants(http.StatusBadRequest).has(map[string]any{
			"error/code": "UserError", "error/message": "No secrets for credentials of type None.", "error/additionalInfo/5": "absent",
		})
	}
	if h.accounts.known["keylessstore"].AllowSharedKey || !h.accounts.known["kilnstore"].AllowSharedKey {
		t.Error("AllowSharedKey of the accounts does not follow Keyless")
	}
}

func TestDatastoreLife(t *testing.T) {
	h := newHost(t)
	const body = `{"properties": {"datastoreType": "azureblob", "accountName": "kilnstore", "containerName": "clay",
		"credentials": {"credentialsType": "accountkey", "secrets": {"secretsType": "AccountKey", "key": "sesame"}}}}`
	created := h.put("datastores/clay?skipValidation=true", body).wants(http.StatusCreated).has(map[string]any{
		"properties/datastoreType": "AzureBlob", "properties/credentials/credentialsType": "AccountKey",
		"properties/credentials/secrets": "absent", "properties/isDefault": false, "properties/endpoint": "core.windows.net",
		"properties/protocol": "https", "properties/serviceDataAccessAuthIdentity": "None", "properties/properties": nil,
		"systemData/createdByType": "User",
	})
	if got := created.header.Get("Location"); !strings.HasSuffix(got, "/datastores/clay?skipValidation=true&api-version="+testVersion) {
		t.Errorf("Location = %q", got)
	}
	if strings.Contains(h.get("datastores").text, "sesame") {
		t.Error("a list shows the key")
	}
	h.do(http.MethodPost, "datastores/clay/listSecrets", "").has(map[string]any{"secretsType": "AccountKey", "key": "sesame"})
	h.time = h.time.Add(time.Hour)
	again := h.put("datastores/clay", body).wants(http.StatusOK).has(map[string]any{
		"systemData/createdAt": "2026-03-01T10:20:30.1234567+00:00", "systemData/lastModifiedAt": "2026-03-01T11:20:30.1234567+00:00",
	})
	if got := again.header.Get("Location"); got != "" {
		t.Errorf("Location of an update = %q, want none", got)
	}
	h.put("datastores/clay", strings.Replace(body, `"accountName"`, `"isDefault": true, "accountName"`, 1)).wants(http.StatusOK)
	h.get("datastores?isDefault=true").hasNames("clay")
	h.do(http.MethodDelete, "datastores/clay", "").wants(http.StatusOK)
	h.do(http.MethodDelete, "datastores/clay", "").wants(http.StatusNoContent)
	h.get("datastores/clay").wants(http.StatusNotFound).has(map[string]any{
		"error/code": "UserError", "error/message": "Could not find datastore: clay.",
	})
	h.put("datastores/clay", `{"properties": {}}`).wants(http.StatusBadRequest)
}

func TestSecretsOfOtherCredentials(t *testing.T) {
	h := newHost(t)
	for name, credentials := range map[string]string{
		"Sas":              `{"credentialsType": "Sas", "secrets": {"secretsType": "Sas", "sasToken": "sig=1"}}`,
		"ServicePrincipal": `{"credentialsType": "ServicePrincipal", "clientId": "c", "tenantId": "t", "secrets": {"clientSecret": "s"}}`,
	} {
		h.put("datastores/"+name, `{"properties": {"datastoreType": "AzureBlob", "credentials": `+credentials+`}}`).wants(http.StatusCreated)
		h.do(http.MethodPost, "datastores/"+name+"/listSecrets", `{"expirableSecret": true}`).wants(http.StatusOK).
			has(map[string]any{"secretsType": name})
	}
	h.put("datastores/elsewhere", `{"properties": {"datastoreType": "AzureBlob", "accountName": "elsewhere", "credentials": {"credentialsType": "AccountKey"}}}`).
		wants(http.StatusCreated)
	h.do(http.MethodPost, "datastores/elsewhere/listSecrets", "").wants(http.StatusBadRequest).
		has(map[string]any{"error/message": "No secrets were stored for the datastore elsewhere."})
	h.do(http.MethodPost, "datastores/none/listSecrets", "").wants(http.StatusNotFound)
	h.get("datastores/ServicePrincipal").has(map[string]any{
		"properties/credentials/clientId": "c", "properties/credentials/secrets": "absent",
	})
}
