package azmlbatch

import (
	"encoding/json"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// DatastoreCredentials are the credentials with which a datastore opens its storage:
// [NoCredentials], [AccountKeyCredentials], [SASCredentials], [ServicePrincipalCredentials],
// [CertificateCredentials] or [UnknownCredentials]. The service answers them without their secrets;
// [DatastoresClient.Secrets] asks for those. An empty secret is not sent.
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
