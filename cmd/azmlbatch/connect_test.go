package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/google/go-cmp/cmp"

	sdk "github.com/azmlbatch/azmlbatch"
)

// TestWorkspace: flags win over the environment, which wins over config.json.
func TestWorkspace(t *testing.T) {
	for _, name := range []string{"AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME"} {
		t.Setenv(name, "")
	}
	t.Chdir(t.TempDir())
	_, err := (&connection{workspaceName: "kilns"}).workspace()
	if err == nil || !strings.HasSuffix(errorText(err), ", or use --subscription, -g and -w") {
		t.Errorf("nothing names a workspace: %v", err)
	}
	all := connection{subscription: "s1", resourceGroup: "g1", workspaceName: "w1"}
	check := func(c connection, want sdk.Workspace) {
		t.Helper()
		if got, err := c.workspace(); err != nil || got != want {
			t.Errorf("%+v: %v, %v, want %v", c, got, err, want)
		}
	}
	check(all, sdk.Workspace{SubscriptionID: "s1", ResourceGroup: "g1", Name: "w1"})
	if err := os.WriteFile("config.json", []byte(`{"subscription_id":"s2","resource_group":"g2","workspace_name":"w2"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	check(connection{}, sdk.Workspace{SubscriptionID: "s2", ResourceGroup: "g2", Name: "w2"})
	check(connection{workspaceName: "w1"}, sdk.Workspace{SubscriptionID: "s2", ResourceGroup: "g2", Name: "w1"})
	t.Setenv("AZUREML_ARM_SUBSCRIPTION", "s3")
	t.Setenv("AZUREML_ARM_RESOURCEGROUP", "g3")
	t.Setenv("AZUREML_ARM_WORKSPACE_NAME", "w3")
	check(connection{resourceGroup: "g1"}, sdk.Workspace{SubscriptionID: "s3", ResourceGroup: "g1", Name: "w3"})
	check(all, sdk.Workspace{SubscriptionID: "s1", ResourceGroup: "g1", Name: "w1"})
}

func TestCloud(t *testing.T) {
	for name, test := range map[string]struct {
		flag, login string
		want        cloud.Configuration
	}{
		"none":                    {"", "", cloud.AzurePublic},
		"a flag":                  {"azureusgovernment", "https://login.chinacloudapi.cn/", cloud.AzureGovernment},
		"the public cloud's flag": {"AzureCloud", "https://login.chinacloudapi.cn/", cloud.AzurePublic},
		"China's flag":            {"AzureChinaCloud", "", cloud.AzureChina},
		"China's login host":      {"", "https://login.chinacloudapi.cn", cloud.AzureChina},
		"another login host":      {"", "https://login.microsoftonline.com/", cloud.AzurePublic},
	} {
		t.Setenv("AZURE_AUTHORITY_HOST", test.login)
		got, err := (&connection{cloudName: test.flag}).cloud()
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// TestFlagsNameTheWorkspace: in every verb, as az ml names them.
func TestFlagsNameTheWorkspace(t *testing.T) {
	p := newPottery(t, nil)
	for _, name := range []string{"AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME"} {
		t.Setenv(name, "")
	}
	t.Chdir(t.TempDir())
	ws := p.client.Workspace()
	flags := []string{"--subscription", ws.SubscriptionID, "-g", ws.ResourceGroup, "-w", ws.Name}
	for _, verb := range leaves((&app{}).command()) {
		_, workspace := flagSets(verb)
		if workspace.Lookup("workspace-name") == nil {
			continue
		}
		switch strings.TrimPrefix(verb.CommandPath(), "azmlbatch ") {
		case "endpoint list", "job list":
			p.ok(t, append(strings.Fields(verb.CommandPath())[1:], flags...)...)
		}
	}
	p.fails(t, 2, []string{"endpoint", "list"}, "no config.json in ", "or use --subscription, -g and -w")
	p.fails(t, 2, append([]string{"endpoint", "list", "--cloud", "moon"}, flags...), `--cloud must be one of AzureCloud, AzureChinaCloud, AzureUSGovernment, not "moon"`)
	p.fails(t, 1, append([]string{"endpoint", "list"}, "--subscription", ws.SubscriptionID, "-g", ws.ResourceGroup, "-w", "none"), "404")
}

func TestAgain(t *testing.T) {
	if got := (&connection{resourceGroup: "the kilns", workspaceName: "w-1"}).again(); got != " -g 'the kilns' -w w-1" {
		t.Errorf("flags %q", got)
	}
}

// TestNotSignedIn: one line that says how.
func TestNotSignedIn(t *testing.T) {
	p := newPottery(t, nil)
	t.Setenv("AZURE_CLIENT_SECRET", "wrong")
	p.fails(t, 1, []string{"endpoint", "list"}, "AADSTS7000215")
	t.Setenv("PATH", filepath.Join(t.TempDir(), "no az here"))
	t.Setenv("AZURE_CLIENT_SECRET", "")
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "AzureCLICredential") // and no other: looking for a managed identity takes long
	p.fails(t, 1, []string{"endpoint", "list"}, "az login")
}
