package cloud

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRoute(t *testing.T) {
	t.Parallel()
	tests := []struct {
		cloud Cloud
		host  string
		want  Route
	}{
		{Public(), "login.microsoftonline.com", Route{Kind: KindLogin}},
		{Public(), "sts.windows.net:443", Route{Kind: KindLogin}},
		{Public(), "Management.Azure.Com.", Route{Kind: KindManagement}},
		{Public(), "potteryshop.blob.core.windows.net", Route{Kind: KindBlob, Account: "potteryshop"}},
		{Public(), "eastus.api.azureml.ms", Route{Kind: KindAPI, Region: "eastus"}},
		{Public(), "0a1b.workspace.eastus.api.azureml.ms", Route{Kind: KindAPI, Region: "eastus", WorkspaceID: "0a1b"}},
		{Public(), "glaze-check.westus2.inference.ml.azure.com:8443", Route{Kind: KindScoring, Endpoint: "glaze-check", Region: "westus2"}},
		{China(), "azuremlschemasprod.azureedge.net", Route{Kind: KindSchemas}},
		{China(), "login.partner.microsoftonline.cn", Route{Kind: KindLogin}},
		{China(), "login.microsoftonline.com", Route{Kind: KindLogin}},
		{China(), "chinaeast2.api.ml.azure.cn", Route{Kind: KindAPI, Region: "chinaeast2"}},
		{USGov(), "management.usgovcloudapi.net", Route{Kind: KindManagement}},
		{USGov(), "glaze.usgovvirginia.inference.ml.azure.us", Route{Kind: KindScoring, Endpoint: "glaze", Region: "usgovvirginia"}},
	}
	for _, tt := range tests {
		got, ok := tt.cloud.Route(tt.host)
		if !ok {
			t.Errorf("%s: Route(%q) reports an unknown host", tt.cloud.Name, tt.host)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: Route(%q) (-want +got)\n%s", tt.cloud.Name, tt.host, diff)
		}
	}
}

func TestRouteRefuses(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"", "localhost", "127.0.0.1:4433", "[::1]:443", "example.com", "ml.azure.com", "management.chinacloudapi.cn",
		"blob.core.windows.net", ".blob.core.windows.net", "a.b.blob.core.windows.net", "potteryshop.dfs.core.windows.net",
		"api.azureml.ms", "x.other.eastus.api.azureml.ms", "eastus.inference.ml.azure.com", "a.b.eastus.inference.ml.azure.com",
		"bad_name.blob.core.windows.net", "-a.blob.core.windows.net", "evil-management.azure.com",
	} {
		if got, ok := Public().Route(host); ok {
			t.Errorf("Route(%q) = %+v, want none", host, got)
		}
	}
}

// TestLabels: what a label of a host can be, to the limit of its length.
func TestLabels(t *testing.T) {
	t.Parallel()
	for label, want := range map[string]bool{
		"a": true, "z": true, "0": true, "9": true, "a-z": true, strings.Repeat("a", 63): true,
		"": false, strings.Repeat("a", 64): false, "-a": false, "a-": false, "-": false, "a_b": false, "`": false, "{": false, "/": false, ":": false, "A": false,
	} {
		if got := isLabel(label); got != want {
			t.Errorf("isLabel(%q) = %t, want %t", label, got, want)
		}
		host := label + ".api.azureml.ms"
		if _, got := Public().Route(host); strings.ToLower(label) == label && !strings.Contains(label, ":") && got != want {
			t.Errorf("Route(%q) finds a service: %t, want %t", host, got, want)
		}
	}
}

// TestStorageAccounts: which names an account can have; other hosts of storage are nobody's.
func TestStorageAccounts(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"abc": true, "az9": true, "007": true, strings.Repeat("a", 24): true,
		"": false, "ab": false, strings.Repeat("a", 25): false, "a-b": false, "a.bc": false, "a_bc": false, "abc-secondary": false, "Abc": false, "äbc": false,
	} {
		if got := IsStorageAccount(name); got != want {
			t.Errorf("IsStorageAccount(%q) = %t, want %t", name, got, want)
		}
		if route, got := Public().Route(name + ".blob.core.windows.net"); name != "Abc" && (got != want || want && route.Account != name) {
			t.Errorf("the host of %q: %+v, %t", name, route, got)
		}
	}
}

// TestRegistryHosts: the host that manages registries of a region, and hosts that only look like it.
func TestRegistryHosts(t *testing.T) {
	t.Parallel()
	for _, c := range All() {
		host := c.RegistryHost("EastUS")
		if !strings.HasPrefix(host, "cert-eastus.") {
			t.Errorf("%s: the host of registries is %s", c.Name, host)
		}
		want := Route{Kind: KindRegistry, Region: "eastus"}
		if got, ok := c.Route(host); !ok || got != want {
			t.Errorf("%s: Route(%q) = %+v, %t, want %+v", c.Name, host, got, ok, want)
		}
		for _, other := range []string{strings.TrimPrefix(host, "cert-"), "x." + host, strings.TrimPrefix(host, "cert-eastus.")} {
			if got, ok := c.Route(other); ok {
				t.Errorf("%s: Route(%q) = %+v, want none", c.Name, other, got)
			}
		}
	}
	if got := KindRegistry.String(); got != "registry" {
		t.Errorf("kind %q", got)
	}
}

// Every host a cloud makes is a host it routes, and to no other cloud but for the login host that
// all share.
func TestHostsComeBack(t *testing.T) {
	t.Parallel()
	for _, c := range All() {
		want := map[string]Route{
			c.BlobHost("Potteryshop"):         {Kind: KindBlob, Account: "potteryshop"},
			c.APIHost("EastUS"):               {Kind: KindAPI, Region: "eastus"},
			c.ScoringHost("Glaze", "EastUS"):  {Kind: KindScoring, Endpoint: "glaze", Region: "eastus"},
			c.ManagementHost:                  {Kind: KindManagement},
			c.LoginHosts[len(c.LoginHosts)-1]: {Kind: KindLogin},
		}
		for host, route := range want {
			for _, other := range All() {
				got, ok := other.Route(host)
				if ok != (other.Name == c.Name) {
					t.Errorf("%s routes %q of %s: %v", other.Name, host, c.Name, ok)
				}
				if ok && got != route {
					t.Errorf("%s: Route(%q) = %+v, want %+v", other.Name, host, got, route)
				}
			}
		}
		if !slices.Contains(c.LoginHosts, c.PreferredLoginHost) || !slices.Contains(c.LoginHosts, c.LoginCacheHost) {
			t.Errorf("%s: preferred login hosts are not among %q", c.Name, c.LoginHosts)
		}
	}
}

func TestScoringURI(t *testing.T) {
	t.Parallel()
	if got, want := Public().ScoringURI("glaze", "eastus"), "https://glaze.eastus.inference.ml.azure.com/jobs"; got != want {
		t.Errorf("ScoringURI = %q, want %q", got, want)
	}
}

func TestKnowsAudience(t *testing.T) {
	t.Parallel()
	known := []string{
		"https://management.core.windows.net/", "https://management.azure.com", "https://ml.azure.com", "https://ml.azure.com/",
		"https://storage.azure.com/", "https://potteryshop.blob.core.windows.net", "https://graph.microsoft.com/",
	}
	for _, resource := range known {
		if !Public().KnowsAudience(resource) {
			t.Errorf("KnowsAudience(%q) = false, want true", resource)
		}
	}
	unknown := []string{
		"", "/", "ml.azure.com", "http://ml.azure.com", "https://ml.azure.cn", "https://management.chinacloudapi.cn/",
		"potteryshop.blob.core.windows.net", "https://example.com", "https://management.azure.com.example.com",
	}
	for _, resource := range unknown {
		if Public().KnowsAudience(resource) {
			t.Errorf("KnowsAudience(%q) = true, want false", resource)
		}
	}
	if got := Public().BlobAudiences("Potteryshop"); !slices.Contains(got, "https://potteryshop.blob.core.windows.net") {
		t.Errorf("BlobAudiences lacks the account's own address: %q", got)
	}
}

func TestByName(t *testing.T) {
	t.Parallel()
	for _, c := range All() {
		got, ok := ByName(strings.ToUpper(c.Name))
		if !ok || got.Name != c.Name {
			t.Errorf("ByName(%q) = %q, %v", strings.ToUpper(c.Name), got.Name, ok)
		}
	}
	if c, ok := ByName(""); !ok || c.Name != Public().Name {
		t.Errorf(`ByName("") = %q, %v; want the public cloud`, c.Name, ok)
	}
	if _, ok := ByName("AzureGermanCloud"); ok {
		t.Error("ByName knows a cloud that is not played")
	}
}

func TestKindNames(t *testing.T) {
	t.Parallel()
	for k := KindLogin; k <= KindRegistry; k++ {
		if got, ok := ParseKind(k.String()); !ok || got != k {
			t.Errorf("ParseKind(%q) = %v, %v; want %v", k, got, ok, k)
		}
	}
	if _, ok := ParseKind("unknown"); ok {
		t.Error(`ParseKind("unknown") succeeds`)
	}
}

// TestDomains: a certificate for them is good for every host of the cloud, and for no host of
// another.
func TestDomains(t *testing.T) {
	t.Parallel()
	for _, c := range All() {
		covered := func(host string) bool {
			return slices.ContainsFunc(c.Domains(), func(d string) bool { return host == d || strings.HasSuffix(host, "."+d) })
		}
		for _, host := range append(slices.Clone(c.LoginHosts), c.ManagementHost, c.BlobHost("kilns"), c.APIHost("eastus"),
			c.ScoringHost("vases", "eastus"), "login.microsoftonline.com") {
			if !covered(host) {
				t.Errorf("%s: %s is in none of %v", c.Name, host, c.Domains())
			}
		}
		for _, other := range All() {
			if other.Name != c.Name && covered(other.ManagementHost) {
				t.Errorf("%s covers %s", c.Name, other.ManagementHost)
			}
		}
		if covered("example.com") {
			t.Errorf("%s covers example.com", c.Name)
		}
	}
}

// TestTable pins what has no other test: names that clients compare to the letter.
func TestTable(t *testing.T) {
	t.Parallel()
	for _, want := range []struct{ name, login, management, storage, api, inference, studio, graph, ml string }{
		{"AzureCloud", "login.microsoftonline.com", "management.azure.com", "core.windows.net", "api.azureml.ms", "inference.ml.azure.com",
			"https://ml.azure.com", "graph.microsoft.com", "https://ml.azure.com"},
		{"AzureChinaCloud", "login.chinacloudapi.cn", "management.chinacloudapi.cn", "core.chinacloudapi.cn", "api.ml.azure.cn", "inference.ml.azure.cn",
			"https://studio.ml.azure.cn", "microsoftgraph.chinacloudapi.cn", "https://ml.azure.cn"},
		{"AzureUSGovernment", "login.microsoftonline.us", "management.usgovcloudapi.net", "core.usgovcloudapi.net", "api.ml.azure.us", "inference.ml.azure.us",
			"https://ml.azure.us", "graph.microsoft.us", "https://ml.azure.us"},
	} {
		c, ok := ByName(want.name)
		got := []string{c.Name, c.LoginHosts[0], c.ManagementHost, c.StorageSuffix, c.APISuffix, c.InferenceSuffix, c.StudioURL, c.GraphHost, c.MLAudience}
		if diff := cmp.Diff([]string{want.name, want.login, want.management, want.storage, want.api, want.inference, want.studio, want.graph, want.ml}, got); !ok || diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.name, diff)
		}
		for _, audience := range []string{"https://" + want.management, "https://" + want.management + "/", strings.Replace("https://"+want.management, "management.", "management.core.", 1)} {
			if want.name == "AzureCloud" {
				audience = strings.Replace(audience, "core.azure.com", "core.windows.net", 1)
			}
			if !slices.Contains(c.ManagementAudiences, audience) {
				t.Errorf("%s: %s is no audience of the management host", want.name, audience)
			}
		}
	}
	if got := Kind(99).String() + Kind(-1).String() + Kind(0).String(); got != "unknownunknownunknown" {
		t.Errorf("kinds that are none: %s", got)
	}
	if k, ok := ParseKind("unknown"); ok {
		t.Errorf("unknown is the kind %d", k)
	}
}
