package azmlbatch

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// DatastoreType is the kind of storage behind a datastore. Unknown values pass through.
type DatastoreType string

// The kinds that the service documents. Blobs can be read and written on the first two.
const (
	DatastoreTypeAzureBlob         DatastoreType = "AzureBlob"         // a container of Blob storage; the kind for inputs, uploads and outputs of batch jobs
	DatastoreTypeAzureDataLakeGen2 DatastoreType = "AzureDataLakeGen2" // a filesystem of Data Lake Storage, read and written through its blob endpoint
	DatastoreTypeAzureDataLakeGen1 DatastoreType = "AzureDataLakeGen1" // retired by Azure; kept without loss
	DatastoreTypeAzureFile         DatastoreType = "AzureFile"         // a file share, as workspacefilestore; this package reads no files on it
	DatastoreTypeOneLake           DatastoreType = "OneLake"           // a lakehouse of Microsoft Fabric; this package reads no files on it
)

// A Datastore is a named way to a storage account. Every workspace starts with four:
// workspaceblobstore (the default), workspaceartifactstore (logs), workspacefilestore and
// workspaceworkingdirectory.
type Datastore struct {
	Meta
	// Name of the datastore.
	Name string `wire:"name,readonly"`
	// Type of the storage.
	Type DatastoreType `wire:"properties/datastoreType"`
	// Description is free text.
	Description string `wire:"properties/description"`
	// Tags are free.
	Tags map[string]string `wire:"properties/tags"`
	// Properties are free.
	Properties map[string]string `wire:"properties/properties"`
	// IsDefault marks the datastore for uploads and outputs that name none.
	IsDefault bool `wire:"properties/isDefault,readonly"`
	// Credentials open the storage; [NoCredentials] means that all use their own identity.
	Credentials DatastoreCredentials `wire:"properties/credentials"`
	// SubscriptionID of the account. The service sets it for its own blob datastore only.
	SubscriptionID string `wire:"properties/subscriptionId"`
	// ResourceGroup of the account, see SubscriptionID.
	ResourceGroup string `wire:"properties/resourceGroup"`
	// AccountName is the storage account.
	AccountName string `wire:"properties/accountName"`
	// ContainerName is the container of a [DatastoreTypeAzureBlob].
	ContainerName string `wire:"properties/containerName"`
	// Filesystem is the container of a [DatastoreTypeAzureDataLakeGen2].
	Filesystem string `wire:"properties/filesystem"`
	// FileShareName is the share of a [DatastoreTypeAzureFile].
	FileShareName string `wire:"properties/fileShareName"`
	// Endpoint is the domain of the account, such as "core.windows.net"; empty means the cloud's.
	Endpoint string `wire:"properties/endpoint"`
	// Protocol is "https".
	Protocol string `wire:"properties/protocol"`
	// ServiceDataAccessAuthIdentity is the identity with which the service itself reads: "None",
	// "WorkspaceSystemAssignedIdentity" or "WorkspaceUserAssignedIdentity".
	ServiceDataAccessAuthIdentity string `wire:"properties/serviceDataAccessAuthIdentity"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (d *Datastore) UnmarshalJSON(b []byte) error { return wire.Decode(b, d) }

// MarshalJSON includes secrets.
func (d Datastore) MarshalJSON() ([]byte, error) { return wire.Encode(d, wire.ForCaller) }

func (d Datastore) String() string { return printed(d) }

// blobHost is the host of the account's blobs; suffix is the cloud's, for a datastore that names no
// endpoint.
func (d Datastore) blobHost(suffix string) string {
	return strings.ToLower(d.AccountName + ".blob." + cmp.Or(d.Endpoint, suffix))
}

// DatastoresClient reaches the datastores of the workspace. Get one from [Client.Datastores].
type DatastoresClient struct{ c *Client }

// Datastores returns the calls for datastores.
func (c *Client) Datastores() DatastoresClient { return DatastoresClient{c} }

func (d DatastoresClient) request(method, verb, name string, more ...string) request {
	return d.c.about(operation{verb, "datastore", name}, method, append([]string{"datastores", name}, more...)...)
}

// Get reads a datastore. A missing one is [ErrNotFound].
func (d DatastoresClient) Get(ctx context.Context, name string) (Datastore, error) {
	return do[Datastore](ctx, d.c, d.request(http.MethodGet, "get", name))
}

// Default reads the datastore for uploads and outputs that name none. The client then remembers it.
// A workspace without one is [ErrNotFound].
func (d DatastoresClient) Default(ctx context.Context) (Datastore, error) {
	store, err := d.readDefault(ctx)
	if err == nil {
		err = d.c.storage.defaultStore().set(ctx, store)
	}
	return store, err
}

func (d DatastoresClient) readDefault(ctx context.Context) (Datastore, error) {
	op := operation{"get", "default datastore", ""}
	for store, err := range list[Datastore](ctx, d.c, request{op: op, url: d.c.armURL("datastores"), query: url.Values{"isDefault": {"true"}}}) {
		return store, err
	}
	return Datastore{}, op.found(ErrNotFound, "the workspace has no default datastore", "name a datastore in the options")
}

// ListDatastoresOptions narrow [DatastoresClient.List]. The zero value and nil list all datastores
// of the workspace.
type ListDatastoresOptions struct {
	// Names asks for the datastores of these names.
	Names []string
	// SearchText asks for datastores whose name contains the text.
	SearchText string
}

// List iterates over the datastores, a page at a time.
func (d DatastoresClient) List(ctx context.Context, options *ListDatastoresOptions) iter.Seq2[Datastore, error] {
	o := orZero(options)
	query := url.Values{}
	if len(o.Names) > 0 {
		query.Set("names", strings.Join(o.Names, ","))
	}
	if o.SearchText != "" {
		query.Set("searchText", o.SearchText)
	}
	return list[Datastore](ctx, d.c, request{op: operation{"list", "datastores", ""}, url: d.c.armURL("datastores"), query: query})
}

// CreateDatastoreOptions tune [DatastoresClient.CreateOrUpdate]. Nil means the defaults.
type CreateDatastoreOptions struct {
	// Validate lets the service check that it can reach the storage, and refuse the datastore if
	// not. Without it nothing is checked, as with az ml.
	Validate bool
}

// CreateOrUpdate registers a storage account's container, or replaces the datastore of that name.
// The storage itself is not created. Get does not return the secrets; whether an update without
// them keeps them is not documented by the service.
func (d DatastoresClient) CreateOrUpdate(ctx context.Context, name string, store Datastore, options *CreateDatastoreOptions) (Datastore, error) {
	r := d.request(http.MethodPut, "create", name)
	if store.Credentials == nil {
		store.Credentials = NoCredentials{}
	}
	r.query, r.body, r.invalid = url.Values{"skipValidation": {strconv.FormatBool(!orZero(options).Validate)}}, store, cmp.Or(r.invalid, store.check(r.op))
	defer d.c.forgetDatastore(name)
	return do[Datastore](ctx, d.c, r)
}

// check finds the mistakes that only the caller can have made; types that this version does not
// know are the service's.
func (d Datastore) check(op operation) error {
	switch d.Type {
	case "":
		return op.invalid("Datastore.Type", "is empty", "name the kind of storage, for example AzureBlob")
	case DatastoreTypeAzureBlob:
		return d.checkPlace(op, "ContainerName", d.ContainerName, "container")
	case DatastoreTypeAzureDataLakeGen2:
		return d.checkPlace(op, "Filesystem", d.Filesystem, "filesystem")
	case DatastoreTypeAzureFile:
		return d.checkPlace(op, "FileShareName", d.FileShareName, "file share")
	}
	return nil
}

// checkPlace checks where a datastore is: its account, and the container that its type has.
func (d Datastore) checkPlace(op operation, field, container, noun string) error {
	switch {
	case d.AccountName == "":
		return op.invalid("Datastore.AccountName", "is empty", "name the storage account")
	case !storageAccount.MatchString(strings.ToLower(d.AccountName)):
		return op.invalid("Datastore.AccountName", fmt.Sprintf("%q is not the name of an account", redact(clip(d.AccountName))),
			"use 3 to 24 letters and digits, without the host; Endpoint takes another domain")
	case strings.ContainsAny(d.Endpoint, "/: "):
		return op.invalid("Datastore.Endpoint", fmt.Sprintf("%q is not a domain", redact(clip(d.Endpoint))), "pass the domain alone, for example core.windows.net")
	case strings.TrimSpace(container) == "":
		return op.invalid("Datastore."+field, "is empty", "name the "+noun)
	}
	if k, ok := wire.Indirect(d.Credentials).(AccountKeyCredentials); ok {
		if _, err := base64.StdEncoding.DecodeString(string(k.Key)); err != nil {
			return op.invalid("Datastore.Credentials.Key", "is not in Base64", "copy the key as the portal shows it")
		}
	}
	return nil
}

// Delete removes a datastore. The storage behind it stays. A missing one is [ErrNotFound] or no
// error, as the service answers.
func (d DatastoresClient) Delete(ctx context.Context, name string) error {
	defer d.c.forgetDatastore(name)
	_, err := do[json.RawMessage](ctx, d.c, d.request(http.MethodDelete, "delete", name))
	return err
}

// secretsAPIVersion is the first that hands out a signature which ends, in place of the account's
// key.
const secretsAPIVersion = "2024-07-01-preview"

// Secrets returns what opens a datastore's storage: a signature for one hour if the service can
// make one, else the account's key. The service refuses it with status 400 for a datastore without
// credentials. Uploads and downloads need no such call.
func (d DatastoresClient) Secrets(ctx context.Context, name string) (DatastoreSecrets, error) {
	r := d.request(http.MethodPost, "list secrets of", name, "listSecrets")
	r.reads, r.query = true, url.Values{"api-version": {secretsAPIVersion}}
	r.body = map[string]any{"expirableSecret": true, "expireAfterHours": secretHours}
	raw, err := do[json.RawMessage](ctx, d.c, r)
	if err != nil {
		var e *Error
		if errors.As(err, &e) && e.mentions("no secrets for credentials") {
			e.Remedy = "the datastore has no credentials: use your own token for the storage account"
		}
		return nil, err
	}
	secrets, err := readSecrets(raw)
	return secrets, r.op.failed(err)
}

// knownDatastore reads a datastore at most once per client; "" is the default one.
func (c *Client) knownDatastore(ctx context.Context, op operation, name string) (Datastore, error) {
	read := func(ctx context.Context) (Datastore, error) { return c.Datastores().Get(ctx, name) }
	if name == "" {
		standard, err := c.storage.defaultStore().get(ctx, nil, c.Datastores().readDefault)
		if err != nil {
			return standard, op.failed(err)
		}
		name, read = standard.Name, func(context.Context) (Datastore, error) { return standard, nil }
	}
	d, err := c.storage.store(name).get(ctx, nil, read)
	if err != nil {
		return d, op.failed(err)
	}
	return d, nil
}

// defaultDatastore is the name of the default datastore, read at most once per client.
func (c *Client) defaultDatastore(ctx context.Context) (string, error) {
	d, err := c.knownDatastore(ctx, operation{"get", "default datastore", ""}, "")
	return d.Name, err
}

// DatastoreCredentials are the credentials with which a datastore opens its storage:
// [NoCredentials], [AccountKeyCredentials], [SASCredentials], [ServicePrincipalCredentials],
// [CertificateCredentials] or [UnknownCredentials]. The service returns them without their secrets;
// see [DatastoresClient.Secrets]. An empty secret is not sent.
type DatastoreCredentials interface{ credentials() }

// NoCredentials means that everybody uses the datastore with an identity of their own.
type NoCredentials struct {
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// AccountKeyCredentials are a key of the storage account.
type AccountKeyCredentials struct {
	// Key in Base64. It is sent and never answered.
	Key Secret `wire:"secrets/key,with=secretsType:AccountKey"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// SASCredentials are a shared access signature.
type SASCredentials struct {
	// Token is the query string of the signature. It is sent and never answered.
	Token Secret `wire:"secrets/sasToken,with=secretsType:Sas"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// ServicePrincipalCredentials are an application with a password.
type ServicePrincipalCredentials struct {
	// AuthorityURL is the login host. Empty means the cloud's.
	AuthorityURL string `wire:"authorityUrl"`
	// ClientID is the application's id.
	ClientID string `wire:"clientId"`
	// TenantID is the application's tenant.
	TenantID string `wire:"tenantId"`
	// ResourceURL is the audience of the token. Empty means storage.
	ResourceURL string `wire:"resourceUrl"`
	// ClientSecret is the password. It is sent and never answered.
	ClientSecret Secret `wire:"secrets/clientSecret,with=secretsType:ServicePrincipal"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// CertificateCredentials are an application with a certificate.
type CertificateCredentials struct {
	// AuthorityURL is the login host. Empty means the cloud's.
	AuthorityURL string `wire:"authorityUrl"`
	// ClientID is the application's id.
	ClientID string `wire:"clientId"`
	// TenantID is the application's tenant.
	TenantID string `wire:"tenantId"`
	// ResourceURL is the audience of the token. Empty means storage.
	ResourceURL string `wire:"resourceUrl"`
	// Thumbprint of the certificate.
	Thumbprint string `wire:"thumbprint"`
	// Certificate with its private key. It is sent and never answered.
	Certificate Secret `wire:"secrets/certificate,with=secretsType:Certificate"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// UnknownCredentials are of a kind that is newer than this package. They are sent back exactly as
// received.
type UnknownCredentials struct {
	// Type is the value of credentialsType, possibly empty.
	Type string
	// Raw is the whole JSON object.
	Raw json.RawMessage
}

// String shows the type and REDACTED: Raw may hold secrets that the caller has put in.
func (u UnknownCredentials) String() string { return u.Type + " " + redacted }

func (NoCredentials) credentials()               {}
func (AccountKeyCredentials) credentials()       {}
func (SASCredentials) credentials()              {}
func (ServicePrincipalCredentials) credentials() {}
func (CertificateCredentials) credentials()      {}
func (UnknownCredentials) credentials()          {}

var _ = wire.OneOf[DatastoreCredentials]("credentialsType", UnknownCredentials{},
	wire.Kind(NoCredentials{}, "None"),
	wire.Kind(AccountKeyCredentials{}, "AccountKey"),
	wire.Kind(SASCredentials{}, "Sas"),
	wire.Kind(ServicePrincipalCredentials{}, "ServicePrincipal"),
	wire.Kind(CertificateCredentials{}, "Certificate"))

// DatastoreSecrets open a datastore's storage: [AccountKeySecrets], [SASSecrets] or
// [UnknownSecrets].
type DatastoreSecrets interface{ secrets() }

// AccountKeySecrets are a key of the storage account.
type AccountKeySecrets struct {
	// Key in Base64.
	Key Secret `wire:"key"`
}

// SASSecrets are a shared access signature.
type SASSecrets struct {
	// Token is the query string of the signature, with or without the question mark.
	Token Secret `wire:"sasToken"`
}

// UnknownSecrets are of another kind, for example those of a service principal.
type UnknownSecrets struct {
	// Type is the value of secretsType.
	Type string
	// Raw is the whole JSON object. It holds secrets: do not log it.
	Raw json.RawMessage
}

// String shows the type and REDACTED.
func (u UnknownSecrets) String() string { return u.Type + " " + redacted }

func (AccountKeySecrets) secrets() {}
func (SASSecrets) secrets()        {}
func (UnknownSecrets) secrets()    {}

var _ = wire.OneOf[DatastoreSecrets]("secretsType", UnknownSecrets{},
	wire.Kind(AccountKeySecrets{}, "AccountKey"),
	wire.Kind(SASSecrets{}, "Sas"))

// readSecrets reads an answer. One that names a known kind and lacks its secret is of no use as
// that kind.
func readSecrets(raw json.RawMessage) (secrets DatastoreSecrets, err error) {
	err = wire.Unmarshal(raw, &secrets)
	switch secrets {
	case AccountKeySecrets{}:
		secrets = UnknownSecrets{Type: "AccountKey", Raw: raw}
	case SASSecrets{}:
		secrets = UnknownSecrets{Type: "Sas", Raw: raw}
	}
	return secrets, err
}

// Signatures are asked for an hour and renewed some minutes before they end. Keys, which somebody
// may exchange, are kept as long.
const (
	secretHours  = 1
	secretMargin = 5 * time.Minute
)
