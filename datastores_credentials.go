package azmlbatch

import (
	"encoding/json"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// The members that tell one kind from another; secrets have one of their own.
const (
	credentialsType = "credentialsType"
	secretsType     = "secretsType"
)

// DatastoreCredentials are what a datastore opens its storage with: [NoCredentials], [AccountKeyCredentials],
// [SASCredentials], [ServicePrincipalCredentials], [CertificateCredentials] or [UnknownCredentials]. The service never
// shows their secrets; [DatastoresClient.Secrets] asks for them. A secret left empty is not sent.
type DatastoreCredentials interface{ credentialsType() string }

// NoCredentials means that whoever uses the datastore does so with an identity of its own.
type NoCredentials struct {
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// AccountKeyCredentials are a key of the storage account.
type AccountKeyCredentials struct {
	// Key in Base64; only for Create, never in an answer.
	Key Secret `wire:"secrets/key"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// SASCredentials are a shared access signature.
type SASCredentials struct {
	// Token is the query string of the signature; only for Create, never in an answer.
	Token Secret `wire:"secrets/sasToken"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// ServicePrincipalCredentials are an application with a password.
type ServicePrincipalCredentials struct {
	// AuthorityURL is the login host; empty means the cloud's.
	AuthorityURL string `wire:"authorityUrl"`
	// ClientID is the application's id.
	ClientID string `wire:"clientId"`
	// TenantID is the application's tenant.
	TenantID string `wire:"tenantId"`
	// ResourceURL is the audience of the token; empty means storage.
	ResourceURL string `wire:"resourceUrl"`
	// ClientSecret is the password; only for Create, never in an answer.
	ClientSecret Secret `wire:"secrets/clientSecret"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// CertificateCredentials are an application with a certificate.
type CertificateCredentials struct {
	// AuthorityURL is the login host; empty means the cloud's.
	AuthorityURL string `wire:"authorityUrl"`
	// ClientID is the application's id.
	ClientID string `wire:"clientId"`
	// TenantID is the application's tenant.
	TenantID string `wire:"tenantId"`
	// ResourceURL is the audience of the token; empty means storage.
	ResourceURL string `wire:"resourceUrl"`
	// Thumbprint of the certificate.
	Thumbprint string `wire:"thumbprint"`
	// Certificate with its private key; only for Create, never in an answer.
	Certificate Secret `wire:"secrets/certificate"`
	// Extra holds members that this version does not know.
	Extra map[string]json.RawMessage
}

// UnknownCredentials are of a kind that this version does not know. They are sent back unchanged.
type UnknownCredentials struct {
	// Type is the value of credentialsType, possibly empty.
	Type string
	// Raw is the whole JSON object.
	Raw json.RawMessage
}

func (NoCredentials) credentialsType() string               { return "None" }
func (AccountKeyCredentials) credentialsType() string       { return "AccountKey" }
func (SASCredentials) credentialsType() string              { return "Sas" }
func (ServicePrincipalCredentials) credentialsType() string { return "ServicePrincipal" }
func (CertificateCredentials) credentialsType() string      { return "Certificate" }
func (u UnknownCredentials) credentialsType() string        { return u.Type }

// UnmarshalJSON implements [json.Unmarshaler].
func (n *NoCredentials) UnmarshalJSON(b []byte) error { return wire.Decode(b, n) }

// MarshalJSON implements [json.Marshaler].
func (n NoCredentials) MarshalJSON() ([]byte, error) {
	return encodeCredentials(n, n.credentialsType(), "")
}

// UnmarshalJSON implements [json.Unmarshaler].
func (a *AccountKeyCredentials) UnmarshalJSON(b []byte) error { return wire.Decode(b, a) }

// MarshalJSON implements [json.Marshaler]. It has the secret, if there is one.
func (a AccountKeyCredentials) MarshalJSON() ([]byte, error) {
	return encodeCredentials(a, a.credentialsType(), a.Key)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (s *SASCredentials) UnmarshalJSON(b []byte) error { return wire.Decode(b, s) }

// MarshalJSON implements [json.Marshaler]. It has the secret, if there is one.
func (s SASCredentials) MarshalJSON() ([]byte, error) {
	return encodeCredentials(s, s.credentialsType(), s.Token)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (s *ServicePrincipalCredentials) UnmarshalJSON(b []byte) error { return wire.Decode(b, s) }

// MarshalJSON implements [json.Marshaler]. It has the secret, if there is one.
func (s ServicePrincipalCredentials) MarshalJSON() ([]byte, error) {
	return encodeCredentials(s, s.credentialsType(), s.ClientSecret)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (c *CertificateCredentials) UnmarshalJSON(b []byte) error { return wire.Decode(b, c) }

// MarshalJSON implements [json.Marshaler]. It has the secret, if there is one.
func (c CertificateCredentials) MarshalJSON() ([]byte, error) {
	return encodeCredentials(c, c.credentialsType(), c.Certificate)
}

// MarshalJSON implements [json.Marshaler]: Raw, unchanged.
func (u UnknownCredentials) MarshalJSON() ([]byte, error) { return wire.RawOrNull(u.Raw), nil }

func decodeCredentials(raw json.RawMessage) DatastoreCredentials {
	kind, _ := wire.Discriminate(raw, credentialsType)
	switch strings.ToLower(kind) {
	case "none":
		return wire.DecodeTagged[NoCredentials](raw, credentialsType)
	case "accountkey":
		return wire.DecodeTagged[AccountKeyCredentials](raw, credentialsType)
	case "sas":
		return wire.DecodeTagged[SASCredentials](raw, credentialsType)
	case "serviceprincipal":
		return wire.DecodeTagged[ServicePrincipalCredentials](raw, credentialsType)
	case "certificate":
		return wire.DecodeTagged[CertificateCredentials](raw, credentialsType)
	}
	return UnknownCredentials{Type: kind, Raw: raw}
}

// encodeCredentials writes credentials with their discriminator, and the secret's own beside the secret.
func encodeCredentials(v any, kind string, secret Secret) ([]byte, error) {
	b, err := wire.EncodeTagged(v, credentialsType, kind)
	if err != nil || secret == "" {
		return b, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(b, &object); err != nil {
		return nil, err
	}
	inner := wire.AppendString(wire.AppendName([]byte{'{'}, secretsType), kind)
	object["secrets"] = append(append(inner, ','), object["secrets"][1:]...)
	return json.Marshal(object)
}

// DatastoreSecrets open a datastore's storage: [AccountKeySecrets], [SASSecrets] or [UnknownSecrets].
type DatastoreSecrets interface{ secretsType() string }

// AccountKeySecrets are a key of the storage account.
type AccountKeySecrets struct {
	// Key in Base64.
	Key Secret
}

// SASSecrets are a shared access signature.
type SASSecrets struct {
	// Token is the query string of the signature, with or without the question mark.
	Token Secret
}

// UnknownSecrets are of another kind, for example those of a service principal.
type UnknownSecrets struct {
	// Type is the value of secretsType.
	Type string
	// Raw is the whole JSON object. It holds secrets: do not log it.
	Raw json.RawMessage
}

// String implements fmt.Stringer without showing the secrets.
func (u UnknownSecrets) String() string { return u.Type + " " + redacted }

func (AccountKeySecrets) secretsType() string { return "AccountKey" }

func (SASSecrets) secretsType() string { return "Sas" }

func (u UnknownSecrets) secretsType() string { return u.Type }

func decodeSecrets(raw json.RawMessage) DatastoreSecrets {
	kind, _ := wire.Discriminate(raw, secretsType)
	var v struct {
		Key   string `json:"key"`
		Token string `json:"sasToken"`
	}
	if json.Unmarshal(raw, &v) == nil {
		switch {
		case strings.EqualFold(kind, "AccountKey") && v.Key != "":
			return AccountKeySecrets{Key: Secret(v.Key)}
		case strings.EqualFold(kind, "Sas") && v.Token != "":
			return SASSecrets{Token: Secret(v.Token)}
		}
	}
	return UnknownSecrets{Type: kind, Raw: raw}
}
