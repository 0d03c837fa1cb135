// Package cloud has the host names and token audiences of the clouds that the emulator plays, and
// finds the service that a host name belongs to.
//
// The emulator has its own table on purpose: with a shared one, a mistake in the SDK's table would
// go unnoticed.
package cloud

import (
	"slices"
	"strings"
)

// Cloud is the set of host names and audiences of one Azure cloud. All names are lower case and
// without scheme or port.
type Cloud struct {
	// Name is the name in Azure's tools: AzureCloud, AzureChinaCloud or AzureUSGovernment.
	Name string
	// LoginHosts are the hosts of the token service: first the one that azidentity uses, then its
	// aliases.
	LoginHosts []string
	// PreferredLoginHost is the name that instance discovery calls preferred_network; one of
	// LoginHosts.
	PreferredLoginHost string
	// LoginCacheHost is the name under which MSAL files cached tokens (preferred_cache in instance
	// discovery); one of LoginHosts.
	LoginCacheHost string
	// ManagementHost is the host of Azure Resource Manager.
	ManagementHost string
	// ManagementAudiences are the audiences Azure Resource Manager accepts, with and without the
	// trailing slash.
	ManagementAudiences []string
	// MLAudience is the audience of the scoring hosts.
	MLAudience string
	// StorageAudiences are the audiences that every storage account accepts; see
	// [Cloud.BlobAudiences].
	StorageAudiences []string
	// StorageSuffix follows "{account}.blob.".
	StorageSuffix string
	// APISuffix follows "{region}." in the host of the workspace data plane.
	APISuffix string
	// InferenceSuffix follows "{endpoint}.{region}." in a scoring host.
	InferenceSuffix string
	// RegistrySuffix follows cert-{region}. in the hosts that manage registries. Recordings show the
	// public cloud's only; the others are made like their APISuffix.
	RegistrySuffix string
	// StudioURL is how links to Azure ML studio begin, without a trailing slash. Azure's own is not
	// played.
	StudioURL string
	// GraphHost is the host of Microsoft Graph. It is not played, but the token service issues
	// tokens for it.
	GraphHost string
}

// Public returns the worldwide cloud, which is the emulator's default.
func Public() Cloud {
	return Cloud{
		Name:               "AzureCloud",
		LoginHosts:         []string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"},
		PreferredLoginHost: "login.microsoftonline.com",
		LoginCacheHost:     "login.windows.net",
		ManagementHost:     "management.azure.com",
		ManagementAudiences: []string{
			"https://management.core.windows.net/", "https://management.core.windows.net",
			"https://management.azure.com/", "https://management.azure.com",
		},
		MLAudience:       "https://ml.azure.com",
		StorageAudiences: storageAudiences(),
		StorageSuffix:    "core.windows.net",
		APISuffix:        "api.azureml.ms",
		RegistrySuffix:   "experiments.azureml.net",
		InferenceSuffix:  "inference.ml.azure.com",
		StudioURL:        "https://ml.azure.com",
		GraphHost:        "graph.microsoft.com",
	}
}

// China returns the cloud that 21Vianet operates in China.
func China() Cloud {
	return Cloud{
		Name:               "AzureChinaCloud",
		LoginHosts:         []string{"login.chinacloudapi.cn", "login.partner.microsoftonline.cn"},
		PreferredLoginHost: "login.partner.microsoftonline.cn",
		LoginCacheHost:     "login.partner.microsoftonline.cn",
		ManagementHost:     "management.chinacloudapi.cn",
		ManagementAudiences: []string{
			"https://management.core.chinacloudapi.cn/", "https://management.core.chinacloudapi.cn",
			"https://management.chinacloudapi.cn/", "https://management.chinacloudapi.cn",
		},
		MLAudience:       "https://ml.azure.cn",
		StorageAudiences: storageAudiences(),
		StorageSuffix:    "core.chinacloudapi.cn",
		APISuffix:        "api.ml.azure.cn",
		RegistrySuffix:   "experiments.ml.azure.cn",
		InferenceSuffix:  "inference.ml.azure.cn",
		StudioURL:        "https://studio.ml.azure.cn",
		GraphHost:        "microsoftgraph.chinacloudapi.cn",
	}
}

// USGov returns the cloud of the government of the United States.
func USGov() Cloud {
	return Cloud{
		Name:               "AzureUSGovernment",
		LoginHosts:         []string{"login.microsoftonline.us", "login.usgovcloudapi.net"},
		PreferredLoginHost: "login.microsoftonline.us",
		LoginCacheHost:     "login.microsoftonline.us",
		ManagementHost:     "management.usgovcloudapi.net",
		ManagementAudiences: []string{
			"https://management.core.usgovcloudapi.net/", "https://management.core.usgovcloudapi.net",
			"https://management.usgovcloudapi.net/", "https://management.usgovcloudapi.net",
		},
		MLAudience:       "https://ml.azure.us",
		StorageAudiences: storageAudiences(),
		StorageSuffix:    "core.usgovcloudapi.net",
		APISuffix:        "api.ml.azure.us",
		RegistrySuffix:   "experiments.ml.azure.us",
		InferenceSuffix:  "inference.ml.azure.us",
		StudioURL:        "https://ml.azure.us",
		GraphHost:        "graph.microsoft.us",
	}
}

// All returns all clouds, the default first.
func All() []Cloud { return []Cloud{Public(), China(), USGov()} }

// ByName returns the cloud that Azure's tools call name, in any case. The empty name means the
// public cloud.
func ByName(name string) (Cloud, bool) {
	if name == "" {
		return Public(), true
	}
	for _, c := range All() {
		if strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return Cloud{}, false
}

// storageAudiences is the same in every cloud: azidentity and azure-ai-ml always ask for
// https://storage.azure.com/.default.
func storageAudiences() []string {
	return []string{"https://storage.azure.com", "https://storage.azure.com/"}
}

// BlobHost returns the host of the account's Blob service.
func (c Cloud) BlobHost(account string) string {
	return strings.ToLower(account) + ".blob." + c.StorageSuffix
}

// BlobAudiences returns the audiences that the account's Blob service accepts.
func (c Cloud) BlobAudiences(account string) []string {
	own := "https://" + c.BlobHost(account)
	return append(slices.Clone(c.StorageAudiences), own, own+"/")
}

// APIHost returns the host of the workspace data plane in a region: run history, data, and the
// batch endpoints' own job lists.
func (c Cloud) APIHost(region string) string {
	return strings.ToLower(region) + "." + c.APISuffix
}

// RegistryHost returns the host that manages the assets of the registries of a region.
func (c Cloud) RegistryHost(region string) string {
	return "cert-" + strings.ToLower(region) + "." + c.RegistrySuffix
}

// ScoringHost returns the host that jobs of the endpoint are submitted to.
func (c Cloud) ScoringHost(endpoint, region string) string {
	return strings.ToLower(endpoint) + "." + strings.ToLower(region) + "." + c.InferenceSuffix
}

// ScoringURI returns the address in an endpoint's scoringUri.
func (c Cloud) ScoringURI(endpoint, region string) string {
	return "https://" + c.ScoringHost(endpoint, region) + "/jobs"
}

// Domains returns domains that together cover every host of this cloud.
func (c Cloud) Domains() []string {
	domains := append(slices.Clone(c.LoginHosts), c.ManagementHost, "blob."+c.StorageSuffix, c.APISuffix, c.InferenceSuffix, c.RegistrySuffix, schemasHost)
	if !slices.Contains(domains, discoveryHost) {
		domains = append(domains, discoveryHost)
	}
	return domains
}

// KnowsAudience reports whether the token service of this cloud issues tokens for the resource. A
// trailing slash does not matter here, but it does to the hosts that check the audience.
func (c Cloud) KnowsAudience(resource string) bool {
	bare := strings.ToLower(strings.TrimRight(resource, "/"))
	if slices.Contains(c.ManagementAudiences, bare) || slices.Contains(c.StorageAudiences, bare) {
		return true
	}
	return bare == c.MLAudience || bare == "https://"+c.GraphHost || c.IsBlobAudience(bare)
}

// IsBlobAudience reports whether an audience is the address of a storage account's Blob service,
// with or without a trailing slash.
func (c Cloud) IsBlobAudience(audience string) bool {
	host, ok := strings.CutPrefix(strings.TrimSuffix(audience, "/"), "https://")
	r, known := c.Route(host)
	return ok && known && r.Kind == KindBlob
}
