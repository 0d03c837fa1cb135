package azmlbatch

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// cloudConfig is what this package must know of a cloud beyond azcore's table.
type cloudConfig struct {
	management         string // https://management.azure.com
	managementHost     string // management.azure.com
	managementAudience string // scope of management and of the workspace data plane
	mlAudience         string // scope of the scoring hosts
	// Suffixes of the hosts that tokens may go to. They start with a dot.
	scoringSuffixes []string
	dataSuffixes    []string
	storageSuffix   string // core.windows.net, without a dot; the hosts of blobs are {account}.blob.{storageSuffix}
}

// resolveCloud joins azcore's table with the facts about Azure ML in each cloud
// (learn.microsoft.com: how-to-custom-dns, how-to-access-azureml-behind-firewall, and azure-ai-ml's
// own table of environments).
func resolveCloud(c cloud.Configuration) (cloudConfig, *ArgumentError) {
	if c.Services == nil {
		c = cloud.AzurePublic
	}
	bad := func(problem string) (cloudConfig, *ArgumentError) {
		return cloudConfig{}, operation{"create", "client", ""}.invalid("Cloud", problem,
			"use cloud.AzurePublic, AzureChina, AzureGovernment, or fill in Services")
	}
	arm := c.Services[cloud.ResourceManager]
	cfg := cloudConfig{management: strings.TrimSuffix(arm.Endpoint, "/"), managementHost: httpsHost(arm.Endpoint), managementAudience: arm.Audience}
	if cfg.managementHost == "" || cfg.managementAudience == "" {
		return bad("has no https endpoint and audience for cloud.ResourceManager")
	}
	switch cfg.managementHost {
	case "management.chinacloudapi.cn":
		cfg.useSuffix("ml.azure.cn", "core.chinacloudapi.cn")
	case "management.usgovcloudapi.net":
		cfg.useSuffix("ml.azure.us", "core.usgovcloudapi.net")
	case "management.azure.com":
		cfg.useSuffix("ml.azure.com", "core.windows.net")
		// The public cloud alone has a data plane of another name.
		cfg.dataSuffixes = []string{".api.azureml.ms", ".experiments.azureml.net"}
	default:
		cfg.storageSuffix = "core.windows.net" // unless ServiceStorage says another
	}
	own, ok := c.Services[ServiceMachineLearning]
	if !ok && cfg.mlAudience == "" {
		return bad("has no entry for ServiceMachineLearning, and " + cfg.managementHost + " belongs to none of Azure's clouds")
	}
	if ok {
		host := httpsHost(cmp.Or(own.Endpoint, own.Audience))
		if host == "" || own.Audience == "" {
			return bad("its entry for ServiceMachineLearning needs an https URL as Audience and, if set, as Endpoint")
		}
		cfg.useSuffix(host, cfg.storageSuffix)
		cfg.mlAudience = strings.TrimSuffix(own.Audience, "/")
	}
	if own, ok := c.Services[ServiceStorage]; ok {
		if cfg.storageSuffix = httpsHost(own.Endpoint); cfg.storageSuffix == "" {
			return bad("its entry for ServiceStorage needs an https URL as Endpoint")
		}
	}
	return cfg, nil
}

// httpsHost is the host of an https URL in lower case, "" for anything else.
func httpsHost(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" {
		return ""
	}
	return strings.ToLower(u.Host)
}

func (c *cloudConfig) useSuffix(ml, storage string) {
	c.mlAudience = "https://" + ml
	c.scoringSuffixes = []string{".inference." + ml}
	c.dataSuffixes = []string{".api." + ml, ".experiments." + ml} // pages of Microsoft Learn differ
	c.storageSuffix = storage
}

// ServiceMachineLearning is the key in a [cloud.Configuration] for Azure ML's scoring hosts: the
// Audience of their tokens, and in Endpoint their host suffix. The public, China and US Government
// clouds need no entry; others do:
//
//	config.Services[azmlbatch.ServiceMachineLearning] = cloud.ServiceConfiguration{
//		Audience: "https://ml.azure.example", Endpoint: "https://ml.azure.example",
//	}
//
// Without an Endpoint the hosts are those of the audience.
const ServiceMachineLearning cloud.ServiceName = "azmlbatch/machinelearning"

// ServiceStorage is the key in a [cloud.Configuration] for the domain of the cloud's storage
// accounts, in Endpoint; "https://core.windows.net" without it. The caller's token goes to
// {account}.blob.{domain} and to no other host, whatever a datastore says.
const ServiceStorage cloud.ServiceName = "azmlbatch/storage"

// A plane is one family of hosts with one token audience. A token goes only to the hosts of its
// plane.
type plane struct {
	name     string
	pipeline runtime.Pipeline
	owns     func(host string) bool
}

func exactHost(host string) func(string) bool {
	return func(h string) bool { return strings.EqualFold(h, host) }
}

func hostSuffix(suffixes []string) func(string) bool {
	return func(h string) bool {
		h = strings.ToLower(h)
		return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(h, s) })
	}
}
