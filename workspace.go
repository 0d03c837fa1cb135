package azmlbatch

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// WorkspaceDetails is the workspace as the service describes it.
type WorkspaceDetails struct {
	Meta
	// Name of the workspace.
	Name string `wire:"name,readonly"`
	// Location is the region, for example "westeurope". Endpoints, deployments and computes are made there.
	Location string `wire:"location"`
	// Tags of the workspace.
	Tags map[string]string `wire:"tags"`
	// Kind is "Default", "Hub", "Project" or "FeatureStore".
	Kind string `wire:"kind"`
	// Identity of the workspace.
	Identity Identity `wire:"identity"`
	// WorkspaceID is the workspace's own GUID. Names of storage containers are made of it.
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
	// ContainerRegistry is the ARM id of the container registry, empty until the first image is built.
	ContainerRegistry string `wire:"properties/containerRegistry"`
	// DiscoveryURL leads to the hosts of the workspace data plane.
	DiscoveryURL string `wire:"properties/discoveryUrl,readonly"`
	// MLFlowTrackingURI is what MLflow clients use.
	MLFlowTrackingURI string `wire:"properties/mlFlowTrackingUri,readonly"`
	// SystemDatastoresAuthMode is "accesskey" or "identity". With identity the datastores have no secrets and the client
	// uses the caller's own token.
	SystemDatastoresAuthMode string `wire:"properties/systemDatastoresAuthMode"`
	// PublicNetworkAccess is "Enabled" or "Disabled".
	PublicNetworkAccess string `wire:"properties/publicNetworkAccess"`
	// TenantID is the tenant of the workspace.
	TenantID string `wire:"properties/tenantId,readonly"`
	// ProvisioningState of the workspace.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

// UnmarshalJSON implements [json.Unmarshaler].
func (w *WorkspaceDetails) UnmarshalJSON(b []byte) error { return decode(b, w) }

// MarshalJSON implements [json.Marshaler].
func (w WorkspaceDetails) MarshalJSON() ([]byte, error) { return encode(w, forCaller) }

// WorkspaceDetails reads the workspace. One request; retried.
func (c *Client) WorkspaceDetails(ctx context.Context) (WorkspaceDetails, error) {
	return do[WorkspaceDetails](ctx, c, request{op: operation{"get", "workspace", c.workspace.Name},
		method: http.MethodGet, url: c.armURL()})
}

// discovered is what the client reads once about its workspace and then keeps: the location and the data-plane hosts.
// A failed reading is not kept.
type discovered struct {
	mu      sync.Mutex
	details *WorkspaceDetails
	api     string // base URL of the data plane, https://{region}.api.azureml.ms
}

// cachedDetails reads the workspace at most once per client.
func (c *Client) cachedDetails(ctx context.Context) (WorkspaceDetails, error) {
	c.discovered.mu.Lock()
	defer c.discovered.mu.Unlock()
	if c.discovered.details != nil {
		return *c.discovered.details, nil
	}
	d, err := c.WorkspaceDetails(ctx)
	if err == nil {
		c.discovered.details = &d
	}
	return d, err
}

// location is the region in which the workspace's resources are made.
func (c *Client) location(ctx context.Context) (string, error) {
	d, err := c.cachedDetails(ctx)
	return d.Location, err
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

// dataPlaneBase reads the discovery document, once. The Azure ML clients use its member "api" for everything, although
// "history" names another host. The document is public; the token that goes along stays on the data plane's hosts.
func (c *Client) dataPlaneBase(ctx context.Context) (string, error) {
	d, err := c.cachedDetails(ctx)
	if err != nil {
		return "", err
	}
	c.discovered.mu.Lock()
	defer c.discovered.mu.Unlock()
	if c.discovered.api != "" {
		return c.discovered.api, nil
	}
	op := operation{"discover", "hosts of workspace", c.workspace.Name}
	doc, err := do[struct {
		API string `json:"api"`
	}](ctx, c, request{op: op, plane: c.data, method: http.MethodGet, url: d.DiscoveryURL})
	if err != nil {
		return "", err
	}
	u, err := url.Parse(doc.API)
	if err != nil || u.Host == "" || !c.data.owns(u.Host) {
		return "", foreignHost(op, c.data, doc.API)
	}
	c.discovered.api = strings.TrimSuffix(doc.API, "/")
	return c.discovered.api, nil
}
