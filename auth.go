package azmlbatch

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Access is one audience for which the client's credential gave a token.
type Access struct {
	// Audience that the token is for, for example "https://ml.azure.com".
	Audience string
	// ExpiresOn is when the token ends; the client asks for a new one by itself before that.
	ExpiresOn time.Time
}

// Authenticate asks the credential for a token of the management and of the scoring audience, so that a wrong secret shows
// before long work begins. It sends nothing to Azure ML, and no other call needs it. A credential that gives no token is
// an *[Error]; a token says nothing about the caller's roles.
func (c *Client) Authenticate(ctx context.Context) ([]Access, error) {
	var access []Access
	for _, audience := range []string{c.cloud.managementAud, c.cloud.mlAudience} {
		token, err := c.cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{audience + "/.default"}, EnableCAE: true})
		if err != nil {
			return access, transportError(operation{"authenticate for", "audience", audience}, err)
		}
		access = append(access, Access{Audience: audience, ExpiresOn: token.ExpiresOn})
	}
	return access, nil
}
