package login

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"sync"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// signer signs tokens with one key under its own key id.
type signer struct {
	kid string
	key func() (*rsa.PrivateKey, error)
}

func newSigner(key *rsa.PrivateKey) *signer {
	if key == nil {
		return &signer{kid: uuid.NewString(), key: processKey}
	}
	// The id is derived from the key, so that tokens survive a restart with the same key.
	kid := uuid.NewSHA1(uuid.NameSpaceOID, key.N.Bytes()).String()
	return &signer{kid: kid, key: func() (*rsa.PrivateKey, error) { return key, nil }}
}

// processKey is shared by all services of the process without a key of their own: creating one
// takes a tenth of a second, and a test binary creates a service for every test. Each service has
// its own key id, so no token is valid at another service.
var processKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func (s *signer) sign(claims jwt.Claims) (string, error) {
	key, err := s.key()
	if err != nil {
		return "", err
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = s.kid
	t.Header["x5t"] = s.kid
	return t.SignedString(key)
}

// public is a jwt.Keyfunc: the key of a token that this signer made.
func (s *signer) public(t *jwt.Token) (any, error) {
	if t.Header["kid"] != s.kid {
		return nil, jwt.ErrTokenSignatureInvalid
	}
	key, err := s.key()
	if err != nil {
		return nil, err
	}
	return &key.PublicKey, nil
}

// jwk is the public key as a member of a JSON web key set.
func (s *signer) jwk(issuer string) (map[string]any, error) {
	key, err := s.key()
	if err != nil {
		return nil, err
	}
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": s.kid, "x5t": s.kid, "issuer": issuer,
		"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
	}, nil
}
