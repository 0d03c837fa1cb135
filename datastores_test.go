package azmlbatch

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCreateDatastores(t *testing.T) {
	blob := Datastore{Type: DatastoreTypeAzureBlob, AccountName: "shelf", ContainerName: "c"}
	with := func(d Datastore, c DatastoreCredentials) Datastore { d.Credentials = c; return d }
	const blobBody = `"datastoreType":"AzureBlob","accountName":"shelf","containerName":"c","credentials":`
	tests := []struct {
		name  string
		store Datastore
		want  string // properties
	}{
		{"no credentials", blob, blobBody + `{"credentialsType":"None"}`},
		{"key", with(blob, AccountKeyCredentials{Key: "hush"}), blobBody + `{"credentialsType":"AccountKey","secrets":{"secretsType":"AccountKey","key":"hush"}}`},
		{"key that stays", with(blob, AccountKeyCredentials{}), blobBody + `{"credentialsType":"AccountKey"}`},
		{"signature", with(blob, &SASCredentials{Token: "sv=1"}), blobBody + `{"credentialsType":"Sas","secrets":{"secretsType":"Sas","sasToken":"sv=1"}}`},
		{"service principal", with(blob, ServicePrincipalCredentials{ClientID: "i", TenantID: "t", ClientSecret: "hush"}),
			blobBody + `{"credentialsType":"ServicePrincipal","clientId":"i","tenantId":"t","secrets":{"secretsType":"ServicePrincipal","clientSecret":"hush"}}`},
		{"certificate", with(blob, CertificateCredentials{ClientID: "i", TenantID: "t", Thumbprint: "h", Certificate: "hush"}),
			blobBody + `{"credentialsType":"Certificate","clientId":"i","tenantId":"t","thumbprint":"h","secrets":{"secretsType":"Certificate","certificate":"hush"}}`},
		{"newer credentials", with(blob, UnknownCredentials{Type: "Newer", Raw: []byte(`{"credentialsType":"Newer","a":1}`)}), blobBody + `{"credentialsType":"Newer","a":1}`},
		{"without an account", Datastore{Type: DatastoreTypeAzureDataLakeGen1, Extra: Datastore{}.Extra}, `"datastoreType":"AzureDataLakeGen1","credentials":{"credentialsType":"None"}`},
		{"newer type", Datastore{Type: "Newer"}, `"datastoreType":"Newer","credentials":{"credentialsType":"None"}`},
	}
	for _, tt := range tests {
		service := &fakeService{answers: map[string]http.HandlerFunc{"PUT /datastores/shelf": answer(201, `{"name":"shelf"}`)}}
		got, err := service.client(t).Datastores().CreateOrUpdate(t.Context(), "shelf", tt.store, nil)
		if err != nil || got.Name != "shelf" {
			t.Errorf("%s: CreateOrUpdate = %+v, %v", tt.name, got, err)
			continue
		}
		want := recordedRequest{Method: "PUT", Path: testWorkspaceID + "/datastores/shelf", Query: "api-version=2024-04-01&skipValidation=true",
			Body: compactJSON(`{"properties":{` + tt.want + `}}`)}
		if diff := cmp.Diff(want, service.requests[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestDatastoreMistakesAreFoundBeforeSending(t *testing.T) {
	said := newTexts(t)
	for _, tt := range []struct {
		name  string
		store Datastore
		want  string
	}{
		{"shelf", Datastore{AccountName: "a"}, "Datastore.Type"},
		{"shelf", Datastore{Type: DatastoreTypeAzureBlob}, "Datastore.AccountName"},
		{"shelf", Datastore{Type: DatastoreTypeAzureFile, FileShareName: "f"}, "Datastore.AccountName"},
		{"", Datastore{Type: DatastoreTypeAzureBlob, AccountName: "a"}, "name"},
	} {
		service := &fakeService{}
		var bad *ArgumentError
		_, err := service.client(t).Datastores().CreateOrUpdate(t.Context(), tt.name, tt.store, nil)
		said.add(fmt.Sprintf("%q of type %q", tt.name, tt.store.Type), err)
		if !asError(err, &bad) || !strings.Contains(err.Error(), tt.want) || len(service.requests) != 0 {
			t.Errorf("%+v: %v after %d requests, want an ArgumentError about %s", tt.store, err, len(service.requests), tt.want)
		}
	}
}

func TestDatastoreCalls(t *testing.T) {
	service := storeService(keyedBlobstore)
	service.answers["DELETE /datastores/workspaceblobstore"] = answer(200, ``)
	c := service.client(t)
	for d, err := range c.Datastores().List(t.Context(), nil) {
		if err != nil || d.Name != "workspaceblobstore" || !d.IsDefault {
			t.Errorf("List gives %+v, %v", d, err)
		}
	}
	if d, err := c.Datastores().Default(t.Context()); err != nil || d.Name != "workspaceblobstore" {
		t.Errorf("Default = %+v, %v", d, err)
	}
	if err := c.Datastores().Delete(t.Context(), "workspaceblobstore"); err != nil {
		t.Errorf("Delete = %v", err)
	}
	if err := c.Datastores().Delete(t.Context(), "other"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Delete of none = %v, want ErrNotFound", err)
	}
	want := []string{"GET /datastores", "GET /datastores?isDefault=true", "DELETE /datastores/workspaceblobstore", "DELETE /datastores/other"}
	if diff := cmp.Diff(want, service.routes()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	service.answers["GET /datastores"] = answer(200, `{"value":[]}`)
	if _, err := c.Datastores().Default(t.Context()); !errors.Is(err, ErrNotFound) {
		t.Errorf("Default of none = %v, want ErrNotFound", err)
	}
}

func TestSecretsOfDatastores(t *testing.T) {
	tests := []struct {
		body string
		want DatastoreSecrets
	}{
		{keyOne, AccountKeySecrets{Key: "b25l"}},
		{`{"SecretsType":"sas","sasToken":"?sv=1"}`, SASSecrets{Token: "?sv=1"}},
		{`{"secretsType":"Certificate","certificate":"c"}`, UnknownSecrets{Type: "Certificate", Raw: []byte(`{"secretsType":"Certificate","certificate":"c"}`)}},
		{`{"secretsType":"Sas"}`, UnknownSecrets{Type: "Sas", Raw: []byte(`{"secretsType":"Sas"}`)}},
	}
	for _, tt := range tests {
		service := &fakeService{answers: map[string]http.HandlerFunc{"POST /datastores/shelf/listSecrets": answer(200, tt.body)}}
		got, err := service.client(t).Datastores().Secrets(t.Context(), "shelf")
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("Secrets of %s, %v (-want +got):\n%s", tt.body, err, diff)
		}
		want := recordedRequest{Method: "POST", Path: testWorkspaceID + "/datastores/shelf/listSecrets", Query: "api-version=2024-07-01-preview",
			Body: `{"expirableSecret":true,"expireAfterHours":1}`}
		if diff := cmp.Diff(want, service.requests[0]); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	cluster := AmlCompute{Administrator: NodeAdministrator{UserName: "potter", Password: "hush"}}
	for _, v := range []any{Secret("hush"), AccountKeyCredentials{Key: "hush"}, SASCredentials{Token: "hush"}, ServicePrincipalCredentials{ClientSecret: "hush"},
		CertificateCredentials{Certificate: "hush"}, AccountKeySecrets{Key: "hush"}, SASSecrets{Token: "hush"}, EndpointKeys{PrimaryKey: "hush", SecondaryKey: "hush"},
		cluster, Datastore{Credentials: UnknownCredentials{Type: "Newer", Raw: []byte(`{"key":"hush"}`)}}, Compute{Properties: cluster},
		Datastore{Credentials: SASCredentials{Token: "hush", Extra: map[string]json.RawMessage{"/secrets/next": json.RawMessage(`"hush"`)}}}, UnknownSecrets{Type: "Certificate", Raw: []byte(`{"certificate":"hush"}`)}} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("made", "value", v)
		for _, text := range []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%q", v), fmt.Sprintf("%s", v), fmt.Sprintf("%d", v), fmt.Sprintf("%x", v), log.String()} {
			if strings.Contains(text, "hush") || strings.Contains(text, hex.EncodeToString([]byte("hush"))) {
				t.Errorf("%T shows its secret: %s", v, text)
			}
		}
	}
	if Secret("").String() != "" {
		t.Error("no secret prints as one")
	}
}

func TestDatastoreOptionsAreQueries(t *testing.T) {
	service := &fakeService{answers: map[string]http.HandlerFunc{
		"GET /datastores":       answer(200, `{"value":[]}`),
		"PUT /datastores/shelf": answer(201, `{"name":"shelf"}`),
	}}
	c := service.client(t)
	if _, err := collect(c.Datastores().List(t.Context(), &ListDatastoresOptions{Names: []string{"shelf", "kiln"}, SearchText: "el"})); err != nil {
		t.Error(err)
	}
	store := Datastore{Type: DatastoreTypeAzureBlob, AccountName: "acc", ContainerName: "c"}
	if _, err := c.Datastores().CreateOrUpdate(t.Context(), "shelf", store, &CreateDatastoreOptions{Validate: true}); err != nil {
		t.Error(err)
	}
	want := []string{"GET /datastores?names=shelf%2Ckiln&searchText=el", "PUT /datastores/shelf?skipValidation=false"}
	if diff := cmp.Diff(want, service.routes()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestSecretsThatLackTheirSecret are of no use as what they say they are.
func TestSecretsThatLackTheirSecret(t *testing.T) {
	for body, want := range map[string]DatastoreSecrets{
		`{"secretsType":"AccountKey","key":"k"}`: AccountKeySecrets{Key: "k"},
		`{"secretsType":"Sas","sasToken":"s"}`:   SASSecrets{Token: "s"},
		`{"secretsType":"AccountKey"}`:           UnknownSecrets{Type: "AccountKey", Raw: json.RawMessage(`{"secretsType":"AccountKey"}`)},
		`{"secretsType":"Sas"}`:                  UnknownSecrets{Type: "Sas", Raw: json.RawMessage(`{"secretsType":"Sas"}`)},
	} {
		got, err := readSecrets(json.RawMessage(body))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", body, err, diff)
		}
	}
}
