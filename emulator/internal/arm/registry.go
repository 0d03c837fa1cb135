package arm

import (
	"net/http"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/google/uuid"
)

// Registry describes a registry.
type Registry struct {
	SubscriptionID, ResourceGroup, Name, Location string
	// StorageAccount holds the content of its assets.
	StorageAccount string
}

// registryPath is where clients reach a registry: on a host of its region, found by the discovery
// call, and not on the management host (azure-sdk-for-python recording of a registry's environment,
// 2023).
const registryPath = "/mferp/managementfrontend/subscriptions/{registrySubscription}/resourceGroups/{registryGroup}/providers/" +
	provider + "/registries/{registry}"

// registryDuration is how long the service took to register an environment, in that recording.
const registryDuration = 4*time.Minute + 30*time.Second

// CreateRegistry creates a registry and its storage account, unless they exist.
func (h *Handler) CreateRegistry(r Registry) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.accounts.AddAccount(blob.Account{Name: r.StorageAccount, AllowSharedKey: true}); err != nil {
		return err
	}
	id := jobs.RegistryID(r.Name)
	if _, found := h.store.Get(id); found {
		return nil
	}
	_, err := h.store.Put(id, store.Document{
		"name": r.Name, "location": r.Location, "subscriptionId": r.SubscriptionID, "resourceGroup": r.ResourceGroup,
		"account": r.StorageAccount, "registryId": uuid.NewSHA1(uuid.NameSpaceURL, []byte("registry/"+r.Name)).String(),
	})
	return err
}

// AddRegistryAsset registers a version of an asset of a registry, as a PUT does, unless it exists.
// kind is its segment in paths.
func (h *Handler) AddRegistryAsset(registry, kind, name, version string, properties store.Document) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	doc, _ := h.store.Get(jobs.RegistryID(registry))
	c := &call{h: h, workspace: jobs.RegistryAssets(registry), location: store.Text(doc, "location"),
		params: map[string]string{"registry": registry, "name": name, "version": version}}
	for _, k := range h.assetKinds() {
		if k.segment != kind {
			continue
		}
		if _, exists := h.store.Get(c.versionID(k)); exists {
			return nil
		}
		c.body = store.Document{"properties": properties}
		_, _, refusal := c.storeVersion(k)
		return refusal.err()
	}
	return nil
}

func (h *Handler) registryRoutes() []route {
	routes := []route{{method: http.MethodPut, path: registryPath + "/tempdatarefs/{name}/versions/{version}", serve: putTemporaryReference}}
	for _, kind := range h.assetKinds() {
		versions := registryPath + "/" + kind.segment + "/{name}/versions"
		routes = append(routes,
			route{method: http.MethodGet, path: versions, serve: func(c *call) answer { return listRegistryVersions(c, kind) }},
			route{method: http.MethodGet, path: versions + "/{version}", serve: func(c *call) answer { return getRegistryVersion(c, kind) }},
			route{method: http.MethodPut, path: versions + "/{version}", serve: func(c *call) answer { return putRegistryVersion(c, kind) }},
		)
	}
	return routes
}

// findRegistry looks up the registry that the path names.
func (c *call) findRegistry() *answer {
	doc, found := c.h.store.Get(jobs.RegistryID(c.param("registry")))
	if !found {
		return c.missing("ResourceNotFound", "The Resource 'Microsoft.MachineLearningServices/registries/"+c.param("registry")+"' was not found.")
	}
	c.workspace, c.location = jobs.RegistryAssets(c.param("registry")), store.Text(doc, "location")
	return nil
}

// showRegistryVersion returns a version as registries show it: with a URI for an id, and a short
// type.
func (c *call) showRegistryVersion(kind *assetKind, doc store.Document) store.Document {
	shown := c.showVersion(kind, doc)
	name := store.LastSegment(store.ParentID(store.ParentID(store.Text(doc, "id"))))
	shown["id"] = "azureml://registries/" + c.param("registry") + "/" + kind.segment + "/" + name + "/versions/" + store.Text(doc, "name")
	shown["type"] = kind.segment
	return shown
}

func getRegistryVersion(c *call, kind *assetKind) answer {
	doc, found := c.h.store.Get(c.versionID(kind))
	if !found {
		return kind.noVersion(c)
	}
	return ok(c.showRegistryVersion(kind, doc))
}

func listRegistryVersions(c *call, kind *assetKind) answer {
	var shown []store.Document
	for _, doc := range c.newestVersions(kind, c.listView()) {
		shown = append(shown, c.showRegistryVersion(kind, doc))
	}
	return c.page(shown, c.top("$top"))
}

// putRegistryVersion registers a version and names the operation that follows, on the data plane.
// Not evidenced: whether the version shows before the operation has ended; here it does.
func putRegistryVersion(c *call, kind *assetKind) answer {
	_, _, refusal := c.storeVersion(kind)
	if refusal != nil {
		return *refusal
	}
	op, err := c.begin(c.param("registry")+"_"+c.param("name")+"_"+c.param("version")+"_1", registryPut, c.versionID(kind), registryDuration, nil)
	if err != nil {
		return c.internal(err)
	}
	service := "assetstore"
	if kind.segment == "environments" {
		service = "environment"
	}
	a := withStatus(http.StatusAccepted, jsonNull)
	a.header["Location"] = "https://" + c.h.cloud.APIHost(c.location) + "/" + service + "/v1.0/operations/" + op.ID
	a.header["x-ms-async-operation-timeout"] = "PT1H"
	return a
}

// RegistryOperation polls the operation of a PUT of a registry's asset. done says that it has ended.
// asset is the id of the asset.
func (h *Handler) RegistryOperation(id string) (asset string, done, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settle()
	op, found := h.findOperation(id)
	if !found || op.Kind != registryPut {
		return "", false, false
	}
	h.poll(op)
	path := strings.TrimPrefix(op.Target, "registryassets:")
	return "azureml://registries/" + path, op.State != stateUpdating, true
}

// putTemporaryReference is the first of the two steps of an upload: it names a container for the
// content of a version. The container's name depends on the registry and on the asset's name
// (recordings of 2023 and 2025: two versions got the same).
func putTemporaryReference(c *call) answer {
	doc, _ := c.h.store.Get(jobs.RegistryID(c.param("registry")))
	account := store.Text(doc, "account")
	registry := strings.ToLower(store.Text(doc, "name"))
	asset := strings.ToLower(c.param("name"))
	container := strings.Trim(registry[:min(len(registry), 10)], "-_") + "-" + uuid.NewSHA1(uuid.NameSpaceURL, []byte("registry/"+registry+"/"+asset)).String()
	blobURI, sasURI, err := c.uploadContainer(account, container)
	if err != nil {
		return c.internal(err)
	}
	return ok(store.Document{
		"blobReferenceForConsumption": store.Document{
			"blobUri":             blobURI,
			"storageAccountArmId": storageAccountID(store.Text(doc, "subscriptionId"), store.Text(doc, "resourceGroup"), account),
			"credential": store.Document{
				"credentialType": "SAS", "sasUri": sasURI, "wasbsUri": nil,
			},
		},
		"imageReferenceForConsumption": nil, "temporaryDataReferenceId": uuid.NewString(), "temporaryDataReferenceType": nil,
	})
}
