package login

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims is what the other hosts read in a token.
type Claims struct {
	// Audience is the resource that the token was asked for, to the letter: a trailing slash in the
	// scope is a trailing slash here.
	Audience string
	// TenantID is the GUID of the tenant (tid).
	TenantID string
	// ObjectID is the GUID of the service principal (oid).
	ObjectID string
	// AppID is the GUID of the application (appid).
	AppID string
	// Expires is the first moment at which the token is no longer good.
	Expires time.Time
}

// Reason says why a token is refused.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	// Missing: there is no Authorization header, or no bearer token in it.
	Missing Reason = "missing"
	// Malformed: it is not a JSON web token.
	Malformed Reason = "malformed"
	// Signature: this emulator did not sign it, or it was changed.
	Signature Reason = "signature"
	// Expired: its time is over, or has not come.
	Expired Reason = "expired"
	// Audience: it is good, but for another service.
	Audience Reason = "audience"
)

// Refusal is why a request's token is not accepted. Every host says it in words of its own; none
// repeats the token.
type Refusal struct {
	// Reason is one of the constants.
	Reason Reason
	// Text is one sentence for a log.
	Text string
	// Claims is what the token says, for the reasons Expired and Audience.
	Claims Claims
}

// accessToken is the payload of the tokens of this service, a v1.0 token as Azure's own resources
// get them.
type accessToken struct {
	jwt.RegisteredClaims

	// Resource hides the embedded audience, which would be written as a list: azure-ai-ml compares
	// aud with one string.
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

// Verify checks the value of an Authorization header: a bearer token that this service signed,
// whose time is now and whose audience is one of audiences, to the letter. A nil Refusal means yes.
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
	_, err := parser.ParseWithClaims(raw, &payload, s.signer.public) // validates in this order: form, signature, time
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
