package emulator

import (
	"slices"

	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/azmlbatch/azmlbatch"
)

// Client returns a client of the SDK for the first workspace, that calls the emulator in memory.
// Transport and Cloud of the options are replaced by the emulator's. Nil options mean the defaults.
func (e *Emulator) Client(options *azmlbatch.ClientOptions) (*azmlbatch.Client, error) {
	if !e.made() {
		return nil, errNotMade
	}
	var o azmlbatch.ClientOptions
	if options != nil {
		o = *options
	}
	o.PerCallPolicies = slices.Clone(o.PerCallPolicies)
	o.Transport = e
	o.Cloud = e.cloudConfiguration()
	w := e.options.Workspaces[0]
	return azmlbatch.NewClient(azmlbatch.Workspace{SubscriptionID: w.SubscriptionID, ResourceGroup: w.ResourceGroup, Name: w.Name},
		e.credential, &o)
}

func (e *Emulator) cloudConfiguration() azcloud.Configuration {
	switch e.options.Cloud {
	case CloudChina:
		return azcloud.AzureChina
	case CloudUSGovernment:
		return azcloud.AzureGovernment
	}
	return azcloud.AzurePublic
}
