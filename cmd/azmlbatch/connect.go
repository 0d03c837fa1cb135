package main

import (
	"cmp"
	"context"
	"os"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/spf13/cobra"

	"github.com/azmlbatch/azmlbatch"
)

// connection says which workspace is used, and how it is reached.
type connection struct {
	subscription, resourceGroup, workspaceName string
	cloudName                                  string
	// transport stands in for the network in tests; nil is the network.
	transport policy.Transporter
}

const workspaceHelp = `The workspace is named by flags, by the environment (AZUREML_ARM_SUBSCRIPTION,
AZUREML_ARM_RESOURCEGROUP and AZUREML_ARM_WORKSPACE_NAME), or by a file config.json in this
folder or above it, as the studio gives out. Sign in with az login, or with a service
principal in AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or in any other way
that Azure's DefaultAzureCredential knows.`

// cloudNames are the names that az cloud has.
const cloudNames = "AzureCloud, AzureChinaCloud, AzureUSGovernment"

// inWorkspace adds the flags that name the workspace to a command and all its verbs.
func (a *app) inWorkspace(cmd *cobra.Command) *cobra.Command {
	c, flags := &a.connection, cmd.PersistentFlags()
	flags.StringVar(&c.subscription, "subscription", "", "`ID` of the subscription")
	flags.StringVarP(&c.resourceGroup, "resource-group", "g", "", "`NAME` of the resource group")
	flags.StringVarP(&c.workspaceName, "workspace-name", "w", "", "`NAME` of the workspace")
	flags.StringVar(&c.cloudName, "cloud", "", "`NAME` of the cloud: "+cloudNames+"; by default that of AZURE_AUTHORITY_HOST, else AzureCloud")
	completeFlag(cmd, "cloud", cobra.FixedCompletions(strings.Split(cloudNames, ", "), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// workspace finds the workspace. Flags win over what is found.
func (c *connection) workspace() (azmlbatch.Workspace, error) {
	ws := azmlbatch.Workspace{SubscriptionID: c.subscription, ResourceGroup: c.resourceGroup, Name: c.workspaceName}
	if ws.SubscriptionID != "" && ws.ResourceGroup != "" && ws.Name != "" {
		return ws, nil
	}
	found, err := azmlbatch.FindWorkspace("")
	if err != nil {
		return ws, err
	}
	return azmlbatch.Workspace{
		SubscriptionID: cmp.Or(ws.SubscriptionID, found.SubscriptionID),
		ResourceGroup:  cmp.Or(ws.ResourceGroup, found.ResourceGroup),
		Name:           cmp.Or(ws.Name, found.Name),
	}, nil
}

// cloud is the cloud of the flag, or of the login host in the environment.
func (c *connection) cloud() (cloud.Configuration, error) {
	switch strings.ToLower(c.cloudName) {
	case "azurecloud":
		return cloud.AzurePublic, nil
	case "azurechinacloud":
		return cloud.AzureChina, nil
	case "azureusgovernment":
		return cloud.AzureGovernment, nil
	case "":
	default:
		return cloud.Configuration{}, usagef("--cloud must be one of "+cloudNames+", not %q", c.cloudName)
	}
	login := strings.TrimSuffix(os.Getenv("AZURE_AUTHORITY_HOST"), "/")
	for _, known := range []cloud.Configuration{cloud.AzureChina, cloud.AzureGovernment} {
		if login == strings.TrimSuffix(known.ActiveDirectoryAuthorityHost, "/") {
			return known, nil
		}
	}
	return cloud.AzurePublic, nil
}

// client returns a client for the workspace. It sends nothing.
func (c *connection) client() (*azmlbatch.Client, error) {
	ws, err := c.workspace()
	if err != nil {
		return nil, err
	}
	options := azcore.ClientOptions{Transport: c.transport}
	if options.Cloud, err = c.cloud(); err != nil {
		return nil, err
	}
	cred, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options})
	if err != nil {
		return nil, err
	}
	return azmlbatch.NewClient(ws, cred, &azmlbatch.ClientOptions{ClientOptions: options})
}

// again is what a suggested command needs to reach the same workspace: the flags that this one had.
func (c *connection) again() string {
	var b strings.Builder
	for _, flag := range [][2]string{
		{"--subscription", c.subscription}, {"-g", c.resourceGroup}, {"-w", c.workspaceName}, {"--cloud", c.cloudName},
	} {
		if flag[1] != "" {
			b.WriteString(" " + flag[0] + " " + shellWord(flag[1]))
		}
	}
	return b.String()
}

// plainWord is a word that no shell reads as anything else.
var plainWord = regexp.MustCompile(`^[\w./:@-]+$`)

// shellWord is a word for a shell, quoted only where it has to be.
func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return shellQuote(word)
}

// workspaceVerb is what a verb does in the workspace.
type workspaceVerb func(ctx context.Context, client *azmlbatch.Client, args []string) error

// endAtSecond lets a second interrupt end the process at once. After the first one a call may take its
// time, to find out what became of a request. What it returns ends this.
func (a *app) endAtSecond(ctx context.Context) func() bool {
	if a.release == nil {
		return func() bool { return false }
	}
	return context.AfterFunc(ctx, a.release)
}

// asking is a verb that asks the workspace.
func (a *app) asking(verb workspaceVerb) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		client, err := a.client()
		if err != nil {
			return err
		}
		defer a.endAtSecond(cmd.Context())()
		return verb(cmd.Context(), client, args)
	}
}
