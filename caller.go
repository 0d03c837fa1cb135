package azmlbatch

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// A Caller is who a client is signed in as, as far as its token tells. It is for people to read and for role assignments
// to name; the service alone decides what the caller may do, see [Client.Permissions].
type Caller struct {
	// ObjectID is the id in Microsoft Entra, which role assignments name.
	ObjectID string
	// TenantID is the tenant that gave the token.
	TenantID string
	// Name is the sign-in name of a user, empty for an application.
	Name string
	// ApplicationID is the application's own id; of a user, it is that of the program that signed in, such as az.
	ApplicationID string
	// IsUser tells a person from a service principal or a managed identity.
	IsUser bool
}

// callerOf reads the claims of a token. A token that is not a JWT, as Entra may give some day, tells nothing.
func callerOf(token string) Caller {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Caller{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return Caller{}
	}
	var claims struct {
		ObjectID          string `json:"oid"`
		TenantID          string `json:"tid"`
		Kind              string `json:"idtyp"` // "user" or "app"; not in every token
		AppID             string `json:"appid"` // of version 1
		Party             string `json:"azp"`   // the same in version 2
		UPN               string `json:"upn"`
		UniqueName        string `json:"unique_name"`
		PreferredUsername string `json:"preferred_username"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return Caller{}
	}
	name := cmp.Or(claims.UPN, claims.UniqueName, claims.PreferredUsername)
	return Caller{ObjectID: claims.ObjectID, TenantID: claims.TenantID, ApplicationID: cmp.Or(claims.AppID, claims.Party), Name: name,
		IsUser: claims.Kind == "user" || claims.Kind == "" && name != ""}
}
