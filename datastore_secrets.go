package azmlbatch

import (
	"encoding/json"
	"strings"
)

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

func (AccountKeySecrets) secretsType() string { return "AccountKey" }
func (SASSecrets) secretsType() string        { return "Sas" }
func (u UnknownSecrets) secretsType() string  { return u.Type }

func decodeSecrets(raw json.RawMessage) DatastoreSecrets {
	kind, _ := discriminate(raw, secretsType)
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

func decodeCredentials(raw json.RawMessage) DatastoreCredentials {
	kind, _ := discriminate(raw, credentialsType)
	switch strings.ToLower(kind) {
	case "none":
		return decodeTagged[NoCredentials](raw, credentialsType)
	case "accountkey":
		return decodeTagged[AccountKeyCredentials](raw, credentialsType)
	case "sas":
		return decodeTagged[SASCredentials](raw, credentialsType)
	case "serviceprincipal":
		return decodeTagged[ServicePrincipalCredentials](raw, credentialsType)
	case "certificate":
		return decodeTagged[CertificateCredentials](raw, credentialsType)
	}
	return UnknownCredentials{Type: kind, Raw: raw}
}

// encodeCredentials writes credentials with their discriminator, and the secret's own beside the secret.
func encodeCredentials(v any, kind string, secret Secret) ([]byte, error) {
	b, err := encodeTagged(v, credentialsType, kind)
	if err != nil || secret == "" {
		return b, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(b, &object); err != nil {
		return nil, err
	}
	inner := appendString(appendName([]byte{'{'}, secretsType), kind)
	object["secrets"] = append(append(inner, ','), object["secrets"][1:]...)
	return json.Marshal(object)
}
