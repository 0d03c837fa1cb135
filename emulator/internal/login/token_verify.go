package login

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are the claims of a token that the other hosts use.
type Claims struct {
	// Audience is exactly the resource that the token was requested for, including a trailing
	// slash.
	Audience string
	// TenantID is the GUID of the tenant (tid).
	TenantID string
	// ObjectID is the GUID of the service principal (oid).
	ObjectID string
	// AppID is the GUID of the application (appid).
	AppID string
	// Expires is when the token stops being valid.
	Expires time.Time
}

// Reason is why a token is refused.
type Reason string

// The reasons, in the order of the checks.
const (
	// Missing means that there is no Authorization header, or no bearer token in it.
	Missing Reason = "missing"
	// Malformed means that it is not a JSON web token.
	Malformed Reason = "malformed"
	// Signature means that this emulator did not sign it, or that it was changed.
	Signature Reason = "signature"
	// Expired means that it is not valid any more, or not yet.
	Expired Reason = "expired"
	// Audience means that it is valid, but for another service.
	Audience Reason = "audience"
)

// Refusal says why a token is not accepted. Hosts use their own words for it; none repeats the
// token.
type Refusal struct {
	// Reason is one of the constants.
	Reason Reason
	// Text is a sentence for logs.
	Text string
	// Claims are the token's claims, for the reasons Expired and Audience.
	Claims Claims
}

// accessToken is the payload of a token: version 1.0, as Azure's resources get.
type accessToken struct {
	jwt.RegisteredClaims

	// Resource hides the embedded audience, which would be encoded as a list; azure-ai-ml compares
	// aud with a string.
	Resource string `json:"aud"`
	AppID    string `json:"appid"`
	AppIDACR string `json:"appidacr"` // "1" signed in with a secret, "2" with an assertion
	IDP      string `json:"idp"`
	IDType   string `json:"idtyp"`
	ObjectID string `json:"oid"`
	TenantID string `json:"tid"`
	UTI      string `json:"uti"`
	Version  string `json:"ver"`
}

// Verify checks the bearer token in an Authorization header: its signature, its lifetime, and that
// its audience is exactly one of audiences. A nil Refusal means that the token is valid.
func (s *Service) Verify(authorizationHeader string, audiences ...string) (Claims, *Refusal) {
	scheme, raw, _ := strings.Cut(strings.TrimSpace(authorizationHeader), " ")
	raw = strings.TrimSpace(raw)
	switch {
	case scheme == "":
		return Claims{}, &Refusal{Reason: Missing, Text: "the request has no Authorization header"}
	case !strings.EqualFold(scheme, "Bearer") || raw == "":
		return Claims{}, &Refusal{Reason: Missing, Text: "the Authorization header carries no bearer token"}
	}
	var payload accessToken
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}),
		jwt.WithTimeFunc(s.now), jwt.WithExpirationRequired())
	_, err := parser.ParseWithClaims(raw, &payload, s.signer.public) // validates in this order: format, signature, time
	switch {
	case err == nil:
		return payload.admit(audiences)
	case errors.Is(err, jwt.ErrTokenMalformed):
		return Claims{}, &Refusal{Reason: Malformed, Text: "the bearer token is not a JSON web token"}
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable):
		return Claims{}, &Refusal{Reason: Signature, Text: "the bearer token was not signed by this token service"}
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return Claims{}, &Refusal{Reason: Expired, Text: "the bearer token is not valid yet", Claims: payload.claims()}
	}
	return Claims{}, &Refusal{Reason: Expired, Text: "the bearer token is expired", Claims: payload.claims()}
}

func (t *accessToken) admit(audiences []string) (Claims, *Refusal) {
	c := t.claims()
	if !slices.Contains(audiences, c.Audience) {
		return Claims{}, &Refusal{Reason: Audience, Text: "the bearer token is for " + c.Audience, Claims: c}
	}
	return c, nil
}

func (t *accessToken) claims() Claims {
	c := Claims{Audience: t.Resource, TenantID: t.TenantID, ObjectID: t.ObjectID, AppID: t.AppID}
	if t.ExpiresAt != nil {
		c.Expires = t.ExpiresAt.Time
	}
	return c
}
