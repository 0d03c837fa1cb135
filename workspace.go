package azmlbatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// WorkspaceDetails is the workspace as the service describes it.
type WorkspaceDetails struct {
	Meta
	// Name of the workspace.
	Name string `wire:"name,readonly"`
	// Location is the region, for example "westeurope", of its endpoints, deployments and computes.
	Location string `wire:"location"`
	// Tags of the workspace.
	Tags map[string]string `wire:"tags"`
	// Kind is "Default", "Hub", "Project" or "FeatureStore".
	Kind string `wire:"kind"`
	// Identity of the workspace.
	Identity Identity `wire:"identity"`
	// WorkspaceID is the workspace's GUID. Its storage containers are named after it.
	WorkspaceID string `wire:"properties/workspaceId,readonly"`
	// FriendlyName is the name shown in the studio.
	FriendlyName string `wire:"properties/friendlyName"`
	// Description is free text.
	Description string `wire:"properties/description"`
	// StorageAccount is the ARM id of the default storage account.
	StorageAccount string `wire:"properties/storageAccount"`
	// KeyVault is the ARM id of the key vault.
	KeyVault string `wire:"properties/keyVault"`
	// ApplicationInsights is the ARM id of the application insights.
	ApplicationInsights string `wire:"properties/applicationInsights"`
	// ContainerRegistry is the ARM id of the container registry; empty before the first image.
	ContainerRegistry string `wire:"properties/containerRegistry"`
	// DiscoveryURL leads to the hosts of the workspace data plane.
	DiscoveryURL string `wire:"properties/discoveryUrl,readonly"`
	// MLFlowTrackingURI is what MLflow clients use.
	MLFlowTrackingURI string `wire:"properties/mlFlowTrackingUri,readonly"`
	// SystemDatastoresAuthMode is "accesskey" or "identity". With "identity" the datastores have no
	// secrets, and the client uses the caller's token.
	SystemDatastoresAuthMode string `wire:"properties/systemDatastoresAuthMode"`
	// PublicNetworkAccess is "Enabled" or "Disabled".
	PublicNetworkAccess string `wire:"properties/publicNetworkAccess"`
	// TenantID is the tenant of the workspace.
	TenantID string `wire:"properties/tenantId,readonly"`
	// ProvisioningState is Succeeded when the workspace can be used.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (w *WorkspaceDetails) UnmarshalJSON(b []byte) error { return wire.Decode(b, w) }

func (w WorkspaceDetails) MarshalJSON() ([]byte, error) { return wire.Encode(w, wire.ForCaller) }

// WorkspaceDetails reads the workspace in one request. Calls that need its region or its data plane
// use what was read last.
func (c *Client) WorkspaceDetails(ctx context.Context) (WorkspaceDetails, error) {
	d, err := c.readDetails(ctx)
	if err == nil {
		err = c.details.set(ctx, d)
	}
	return d, err
}

func (c *Client) readDetails(ctx context.Context) (WorkspaceDetails, error) {
	if err := c.ready(operation{"get", "workspace", ""}); err != nil {
		return WorkspaceDetails{}, err
	}
	return do[WorkspaceDetails](ctx, c, request{op: operation{"get", "workspace", c.workspace.Name},
		method: http.MethodGet, url: c.armURL()})
}

// knownDetails reads the workspace at most once per client.
func (c *Client) knownDetails(ctx context.Context) (WorkspaceDetails, error) {
	if err := c.ready(operation{"get", "workspace", ""}); err != nil {
		return WorkspaceDetails{}, err
	}
	d, err := c.details.get(ctx, nil, c.readDetails)
	return d, operation{"get", "workspace", c.workspace.Name}.failed(err)
}

// location is the region in which an operation creates the workspace's resources.
func (c *Client) location(ctx context.Context, op operation) (string, error) {
	d, err := c.knownDetails(ctx)
	return d.Location, op.failed(err)
}

// dataPlaneURL builds a URL of the workspace data plane: service is "history/v1.0", "data/v1.0" or
// "mferp/managementfrontend", and the workspace's ARM path follows it.
func (c *Client) dataPlaneURL(ctx context.Context, service string, segments ...string) (string, error) {
	base, err := c.dataPlaneBase(ctx)
	if err != nil {
		return "", err
	}
	return base + "/" + service + c.armID(segments...), nil
}

// dataPlaneBase is the URL of the data plane, read at most once per client.
func (c *Client) dataPlaneBase(ctx context.Context) (string, error) {
	if _, err := c.knownDetails(ctx); err != nil {
		return "", err
	}
	base, err := c.api.get(ctx, nil, c.discover)
	return base, c.discovering().failed(err)
}

func (c *Client) discovering() operation {
	return operation{"discover", "hosts of workspace", c.workspace.Name}
}

// discover reads the discovery document. The Azure ML clients use its member "api" for everything,
// although "history" names another host. The document is public; the token that goes along stays on
// the data plane's hosts.
func (c *Client) discover(ctx context.Context) (string, error) {
	d, err := c.knownDetails(ctx)
	if err != nil {
		return "", err
	}
	op := c.discovering()
	doc, err := do[struct {
		API string `json:"api"`
	}](ctx, c, request{op: op, plane: c.data, method: http.MethodGet, url: d.DiscoveryURL})
	if err != nil {
		return "", err
	}
	if host := httpsHost(doc.API); host == "" || !c.data.owns(host) {
		return "", foreignHost(op, c.data, doc.API)
	}
	return strings.TrimSuffix(doc.API, "/"), nil
}

// The environment variables in which Azure ML's own tools look for the workspace.
const (
	envSubscription  = "AZUREML_ARM_SUBSCRIPTION"
	envResourceGroup = "AZUREML_ARM_RESOURCEGROUP"
	envWorkspace     = "AZUREML_ARM_WORKSPACE_NAME"
)

// FindWorkspace finds the workspace as Azure ML's Python client does: from the environment
// variables AZUREML_ARM_SUBSCRIPTION, AZUREML_ARM_RESOURCEGROUP and AZUREML_ARM_WORKSPACE_NAME if
// all three are set, else from the file config.json in folder, in its folder .azureml, or in one of
// the folders above. An empty folder means the working directory. It sends nothing. If there is
// none, or the file lacks a member, the error is an *[ArgumentError] that names the file and the
// member.
func FindWorkspace(folder string) (Workspace, error) {
	ws := Workspace{SubscriptionID: os.Getenv(envSubscription), ResourceGroup: os.Getenv(envResourceGroup), Name: os.Getenv(envWorkspace)}
	if ws.SubscriptionID != "" && ws.ResourceGroup != "" && ws.Name != "" {
		return ws, nil
	}
	start, err := filepath.Abs(folder)
	if err != nil {
		return Workspace{}, noWorkspace("folder", "cannot be made absolute", err)
	}
	for at := start; ; at = filepath.Dir(at) {
		for _, file := range []string{filepath.Join(at, "config.json"), filepath.Join(at, ".azureml", "config.json")} {
			b, err := os.ReadFile(file)
			switch {
			case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // .azureml is a file
			case err != nil:
				return Workspace{}, noWorkspace(file, "cannot be read", err)
			default:
				return parseConfig(file, b)
			}
		}
		if at == filepath.Dir(at) {
			missing := missingNames([]string{ws.SubscriptionID, ws.ResourceGroup, ws.Name}, envSubscription, envResourceGroup, envWorkspace)
			return Workspace{}, noWorkspace("folder", fmt.Sprintf("no config.json in %s or above, and the environment lacks %s", start, missing), nil)
		}
	}
}

func parseConfig(file string, b []byte) (Workspace, error) {
	var c struct {
		SubscriptionID string `json:"subscription_id"`
		ResourceGroup  string `json:"resource_group"`
		Workspace      string `json:"workspace_name"`
	}
	err := json.Unmarshal(bytes.TrimPrefix(b, []byte("\ufeff")), &c) // some editors write a byte order mark
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return Workspace{}, noWorkspace(file, fmt.Sprintf("its member %q must be a string, not a JSON %s", wrongType.Field, wrongType.Value), err)
	case errors.As(err, &wrongType):
		return Workspace{}, noWorkspace(file, "must be a JSON object, not a JSON "+wrongType.Value, err)
	case err != nil:
		return Workspace{}, noWorkspace(file, "is not JSON", err)
	}
	missing := missingNames([]string{c.SubscriptionID, c.ResourceGroup, c.Workspace}, "subscription_id", "resource_group", "workspace_name")
	if missing != "" {
		return Workspace{}, noWorkspace(file, "lacks "+missing, nil)
	}
	return Workspace{SubscriptionID: c.SubscriptionID, ResourceGroup: c.ResourceGroup, Name: c.Workspace}, nil
}

// missingNames lists the names whose values are empty, as text.
func missingNames(values []string, names ...string) string {
	var missing []string
	for i, name := range names {
		if values[i] == "" {
			missing = append(missing, name)
		}
	}
	return strings.Join(missing, ", ")
}

func noWorkspace(argument, problem string, err error) error {
	return operation{"find", "workspace", ""}.invalid(argument, problem,
		"download config.json from the studio, or set "+envSubscription+", "+envResourceGroup+" and "+envWorkspace).causedBy(err)
}
