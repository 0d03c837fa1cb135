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

// String implements fmt.Stringer without showing the secrets.
func (u UnknownSecrets) String() string { return u.Type + " " + redacted }

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
