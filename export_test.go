package azmlbatch

import "github.com/Azure/azure-sdk-for-go/sdk/azcore"

// NewClientOnFakeClock makes a client that does not sleep, for tests outside of the package.
func NewClientOnFakeClock(ws Workspace, cred azcore.TokenCredential, options *ClientOptions) (*Client, error) {
	return newClient(ws, cred, options, newFakeClock().clock())
}
