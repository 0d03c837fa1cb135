package arm

import (
	"net/http"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
	"github.com/google/uuid"
)

const (
	datastoreType     = workspaceType + "/datastores"
	artifactContainer = "azureml"
)

func blobStoreContainer(workspaceGUID string) string { return "azureml-blobstore-" + workspaceGUID }

var datastoreShape = object{"properties": object{
	"description": text{}, "tags": dictionary{text{}}, "properties": dictionary{text{}}, "isDefault": boolean{},
	"credentials": object{
		"credentialsType": enum{"AccountKey", "Certificate", "None", "Sas", "ServicePrincipal"},
		"secrets": object{
			"secretsType": enum{"AccountKey", "Certificate", "Sas", "ServicePrincipal"},
			"key":         text{}, "sasToken": text{}, "clientSecret": text{}, "certificate": text{},
		},
		"authorityUrl": text{}, "clientId": text{}, "resourceUrl": text{}, "tenantId": text{}, "thumbprint": text{},
	},
	"datastoreType": enum{"AzureBlob", "AzureDataLakeGen1", "AzureDataLakeGen2", "AzureFile", "OneLake"},
	"accountName":   text{}, "containerName": text{}, "fileShareName": text{}, "filesystem": text{}, "storeName": text{},
	"endpoint": text{}, "protocol": text{}, "subscriptionId": text{}, "resourceGroup": text{},
	"serviceDataAccessAuthIdentity": enum{"None", "WorkspaceSystemAssignedIdentity", "WorkspaceUserAssignedIdentity"},
}}

// datastoreMembers are those that only some api-versions show. intellectualProperty was there in
// the previews before subscriptionId and resourceGroup.
var datastoreMembers = []versioned{
	{name: "subscriptionId", in: since("2024-04-01")},
	{name: "resourceGroup", in: since("2024-04-01")},
	{name: "intellectualProperty", in: func(v apiVersion) bool { return v.richPreview() && !v.since("2024-04-01") }},
}

func (h *Handler) datastoreRoutes() []route {
	const collection = workspacePath + "/datastores"
	const single = collection + "/{datastore}"
	return []route{
		{method: http.MethodGet, path: collection, serve: listDatastores},
		{method: http.MethodGet, path: single, serve: getDatastore},
		{method: http.MethodPut, path: single, serve: putDatastore},
		{method: http.MethodDelete, path: single, serve: deleteDatastore},
		{method: http.MethodPost, path: single + "/listSecrets", serve: listDatastoreSecrets},
	}
}

func (c *call) datastoreID() string { return c.workspace + "/datastores/" + c.param("datastore") }

func (c *call) showDatastore(doc store.Document) store.Document {
	shown := store.Copy(doc)
	c.version.conform(store.Object(shown, "properties"), datastoreMembers)
	return shown
}

// listDatastores lists the newest first unless orderByAsc is true.
func listDatastores(c *call) answer {
	docs := c.h.store.List(c.workspace + "/datastores")
	if !c.flag("orderByAsc") {
		slices.Reverse(docs)
	}
	var shown []store.Document
	for _, doc := range docs {
		if c.wantsDatastore(doc) {
			shown = append(shown, c.showDatastore(doc))
		}
	}
	return c.page(shown, c.top("count"))
}

// wantsDatastore applies the filters isDefault, names (separated by commas) and searchText.
func (c *call) wantsDatastore(doc store.Document) bool {
	name := store.Text(doc, "name")
	if c.query.Has("isdefault") && c.flag("isDefault") != store.IsTrue(doc, "properties", "isDefault") {
		return false
	}
	if wanted := c.query.Get("names"); wanted != "" {
		return slices.ContainsFunc(strings.Split(wanted, ","), func(w string) bool { return strings.EqualFold(w, name) })
	}
	return strings.Contains(foldName(name), foldName(c.query.Get("searchtext")))
}

func getDatastore(c *call) answer {
	doc, found := c.h.store.Get(c.datastoreID())
	if !found {
		return c.datastoreNotFound()
	}
	return ok(c.showDatastore(doc))
}

func (c *call) datastoreNotFound() answer {
	return c.notFound("Could not find datastore: "+c.param("datastore")+".", "NotFoundError")
}

// putDatastore stores the secrets apart and never answers them. The storage behind the datastore is
// not checked, with or without skipValidation.
func putDatastore(c *call) answer {
	body, refusal := c.read(datastoreShape, "Datastore")
	if refusal != nil {
		return *refusal
	}
	sent := store.Object(body, "properties")
	if sent["datastoreType"] == nil {
		return c.invalid("Datastore", []validation.Violation{{
			PropertyName: "DatastoreType", ErrorMessage: "'Datastore Type' must not be empty.", ErrorCode: "ArgumentNullOrEmpty",
		}})
	}
	old, exists := c.h.store.Get(c.datastoreID())
	doc := c.newDatastore(sent, old)
	if exists && credentialsOf(doc) != credentialsOf(old) {
		// Not evidenced. A secret of another kind is useless.
		if _, err := c.h.store.Delete(secretKey(c.datastoreID())); err != nil {
			return c.internal(err)
		}
	}
	if err := c.keepDatastore(doc, store.Object(sent, "credentials", "secrets")); err != nil {
		return c.internal(err)
	}
	return c.put(!exists, c.showDatastore(doc))
}

// credentialsOf returns the kind of a datastore's credentials.
func credentialsOf(datastore store.Document) string {
	return store.Text(datastore, "properties", "credentials", "credentialsType")
}

func (c *call) newDatastore(sent, old store.Document) store.Document {
	properties := store.Copy(sent)
	for _, name := range []string{"description", "properties", "subscriptionId", "resourceGroup"} {
		fill(properties, name, nil)
	}
	fill(properties, "tags", store.Document{})
	fill(properties, "isDefault", false)
	fill(properties, "credentials", store.Document{"credentialsType": "None"})
	delete(store.Object(properties, "credentials"), "secrets")
	switch store.Text(properties, "datastoreType") {
	case "AzureBlob", "AzureFile", "AzureDataLakeGen2":
		fill(properties, "endpoint", c.h.cloud.StorageSuffix)
		fill(properties, "protocol", "https")
	}
	fill(properties, "serviceDataAccessAuthIdentity", "None")
	doc := store.Document{
		"id": c.datastoreID(), "name": c.param("datastore"), "type": datastoreType,
		"properties": properties, "systemData": c.systemData(nil),
	}
	if old != nil {
		doc["id"], doc["name"] = old["id"], old["name"]
		doc["systemData"] = c.systemData(store.Object(old, "systemData"))
	}
	return doc
}

func (c *call) keepDatastore(doc, secrets store.Document) error {
	id := store.Text(doc, "id")
	if store.IsTrue(doc, "properties", "isDefault") {
		for _, other := range c.h.store.List(c.workspace + "/datastores") {
			if err := c.h.update(store.Text(other, "id"), func(doc store.Document) {
				store.Object(doc, "properties")["isDefault"] = false
			}); err != nil {
				return err
			}
		}
	}
	if secrets != nil {
		if _, err := c.h.store.Put(secretKey(id), secrets); err != nil {
			return err
		}
	}
	_, err := c.h.store.Put(id, doc)
	return err
}

// deleteDatastore answers 200 without a body. Not evidenced: deleting a datastore that does not
// exist; the published description says 204.
func deleteDatastore(c *call) answer {
	found, err := c.h.store.Delete(c.datastoreID())
	if err == nil {
		_, err = c.h.store.Delete(secretKey(c.datastoreID()))
	}
	switch {
	case err != nil:
		return c.internal(err)
	case !found:
		return withStatus(http.StatusNoContent, nil)
	}
	return ok(nil)
}

// builtInDatastores are the four datastores of every new workspace. Since 2025 their systemData
// names no creator.
func (h *Handler) builtInDatastores(w Workspace, workspace string) []store.Document {
	build := func(name, kind, member, container, identity string) store.Document {
		properties := store.Document{
			"description": nil, "tags": nil, "properties": nil, "isDefault": name == "workspaceblobstore",
			"credentials":    store.Document{"credentialsType": "AccountKey"},
			"subscriptionId": nil, "resourceGroup": nil, "datastoreType": kind, "accountName": w.StorageAccount, member: container,
			"endpoint": h.cloud.StorageSuffix, "protocol": "https", "serviceDataAccessAuthIdentity": identity,
		}
		if w.Keyless {
			properties["credentials"] = store.Document{"credentialsType": "None"}
		}
		if name == "workspaceblobstore" {
			properties["subscriptionId"], properties["resourceGroup"] = w.SubscriptionID, w.ResourceGroup
		}
		return store.Document{
			"id": workspace + "/datastores/" + name, "name": name, "type": datastoreType, "properties": properties,
			"systemData": store.Document{
				"createdAt": store.TimeText(h.now()), "lastModifiedAt": store.TimeText(h.now()),
				"lastModifiedBy": zeroGUID, "lastModifiedByType": "Application",
			},
		}
	}
	return []store.Document{
		build("workspaceblobstore", "AzureBlob", "containerName", blobStoreContainer(w.ID), "WorkspaceSystemAssignedIdentity"),
		build("workspacefilestore", "AzureFile", "fileShareName", "azureml-filestore-"+w.ID, "None"),
		build("workspaceartifactstore", "AzureBlob", "containerName", artifactContainer, "None"),
		build("workspaceworkingdirectory", "AzureFile", "fileShareName", "code-"+uuid.NewString(), "None"),
	}
}
