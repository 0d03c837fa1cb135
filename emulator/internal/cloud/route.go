package cloud

import (
	"net"
	"regexp"
	"slices"
	"strings"
)

// Kind is the kind of a host: the service that answers for it.
type Kind int

// The kinds of hosts. The zero Kind is none of them.
const (
	// KindLogin is the token service.
	KindLogin Kind = iota + 1
	// KindManagement is Azure Resource Manager.
	KindManagement
	// KindBlob is the Blob service of one storage account.
	KindBlob
	// KindAPI is the workspace data plane of one region.
	KindAPI
	// KindScoring is the front door of one batch endpoint.
	KindScoring
	// KindSchemas is the host of public JSON schemas.
	KindSchemas
	// KindRegistry is the host that manages the assets of registries of one region.
	KindRegistry
)

var kindNames = [...]string{"unknown", "login", "management", "blob", "api", "scoring", "schemas", "registry"}

// String returns the kind's name: login, management, blob, api, scoring, schemas, registry.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		k = 0
	}
	return kindNames[k]
}

// ParseKind is the inverse of [Kind.String].
func ParseKind(name string) (Kind, bool) {
	i := slices.Index(kindNames[1:], name)
	return Kind(i + 1), i >= 0
}

// Route is the meaning of a host name: its kind, and the names in its first labels.
type Route struct {
	// Kind is the service that answers.
	Kind Kind
	// Account is the storage account of a KindBlob host.
	Account string
	// Region is the region of a KindAPI, KindScoring or KindRegistry host.
	Region string
	// Endpoint is the batch endpoint of a KindScoring host.
	Endpoint string
	// WorkspaceID is the GUID in the KindAPI host of a workspace behind a private link,
	// {workspaceId}.workspace.{region}.api.azureml.ms; else empty.
	WorkspaceID string
}

// Route parses a host name, in any case, with or without a port. It returns false for a host that
// this cloud does not have.
func (c Cloud) Route(host string) (Route, bool) {
	host = HostName(host)
	switch {
	case slices.Contains(c.LoginHosts, host), host == discoveryHost:
		return Route{Kind: KindLogin}, true
	case host == c.ManagementHost:
		return Route{Kind: KindManagement}, true
	case host == schemasHost:
		return Route{Kind: KindSchemas}, true
	}
	if labels, ok := labelsBefore(host, "blob."+c.StorageSuffix); ok && len(labels) == 1 && IsStorageAccount(labels[0]) {
		return Route{Kind: KindBlob, Account: labels[0]}, true
	}
	if labels, ok := labelsBefore(host, c.InferenceSuffix); ok && len(labels) == 2 {
		return Route{Kind: KindScoring, Endpoint: labels[0], Region: labels[1]}, true
	}
	if labels, ok := labelsBefore(host, c.RegistrySuffix); ok && len(labels) == 1 && strings.HasPrefix(labels[0], "cert-") {
		return Route{Kind: KindRegistry, Region: strings.TrimPrefix(labels[0], "cert-")}, true
	}
	labels, ok := labelsBefore(host, c.APISuffix)
	switch {
	case ok && len(labels) == 1:
		return Route{Kind: KindAPI, Region: labels[0]}, true
	case ok && len(labels) == 3 && labels[1] == "workspace":
		return Route{Kind: KindAPI, Region: labels[2], WorkspaceID: labels[0]}, true
	}
	return Route{}, false
}

// discoveryHost is a login host in every cloud: MSAL for Python asks it for instance discovery even
// when it signs in to another cloud (seen with Azure CLI 2.45.0 set to AzureChinaCloud).
const discoveryHost = "login.microsoftonline.com"

// schemasHost has the JSON schemas of Azure ML's files. azure-ai-ml asks it, in every cloud, for that
// of MLTable files before it registers one, and tries for 10 s when nobody answers.
const schemasHost = "azuremlschemasprod.azureedge.net"

// HostName returns the name in a host[:port], in lower case and without a final dot.
func HostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

var storageAccount = regexp.MustCompile(`^[a-z0-9]{3,24}$`)

// IsStorageAccount reports whether a storage account can have the name.
func IsStorageAccount(name string) bool { return storageAccount.MatchString(name) }

// labelsBefore returns the labels of host in front of suffix, at least one and none of them empty.
func labelsBefore(host, suffix string) ([]string, bool) {
	before, ok := strings.CutSuffix(host, "."+suffix)
	if !ok {
		return nil, false
	}
	labels := strings.Split(before, ".")
	return labels, !slices.ContainsFunc(labels, func(l string) bool { return !isLabel(l) })
}

// isLabel reports whether s can be a label of a host name.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	})
}
