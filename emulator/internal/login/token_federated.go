package login

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// exchangeAudience is the audience of a federated token.
	exchangeAudience = "api://AzureADTokenExchange"
	// federationIssuer stands for an identity provider outside Azure, such as a Kubernetes cluster
	// or a build service. It is never called.
	federationIssuer = "https://federation.invalid/azmlbatch"
)

// FederatedToken returns the token that a workload finds in the file named by
// AZURE_FEDERATED_TOKEN_FILE: one of an identity provider that the application trusts. The token
// service accepts no other assertion.
func (s *Service) FederatedToken(clientID string, lifetime time.Duration) (string, error) {
	now := s.now()
	return s.signer.sign(jwt.RegisteredClaims{
		Issuer: federationIssuer, Subject: strings.ToLower(clientID), Audience: jwt.ClaimStrings{exchangeAudience},
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
	})
}

// checkAssertion accepts a federated token made for the application.
func (s *Service) checkAssertion(app App, form url.Values) *aadsts {
	if form.Get("client_assertion_type") != assertionType {
		return errField("client_assertion_type")
	}
	var claims jwt.RegisteredClaims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithTimeFunc(s.now), jwt.WithExpirationRequired())
	_, err := parser.ParseWithClaims(form.Get("client_assertion"), &claims, s.signer.public)
	trusted := claims.Issuer == federationIssuer && claims.Subject == strings.ToLower(app.ClientID) &&
		len(claims.Audience) == 1 && claims.Audience[0] == exchangeAudience
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return errAssertion(50027, "JWT token is invalid or malformed.")
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet):
		return errAssertion(700024, "Client assertion is not within its valid time range.")
	case err != nil || !trusted:
		return errAssertion(700211, "No matching federated identity record found for presented assertion issuer '"+claims.Issuer+"'.")
	}
	return nil
}
