package arm

import (
	"net/http"
	"reflect"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

const endpointType = workspaceType + "/batchEndpoints"

// Members that the service writes into properties.properties.
const (
	creationVersionProperty = "BatchEndpointCreationApiVersion"
	endpointIDProperty      = "azureml.onlineendpointid"
	asyncURIProperty        = "AzureAsyncOperationUri"
)

var endpointShape = object{
	"location": text{}, "tags": dictionary{text{}}, "kind": text{}, "sku": anything{},
	"identity": object{"type": text{}, "userAssignedIdentities": anything{}},
	"properties": object{
		"authMode": enum{"AADToken", "Key", "AMLToken"}, "description": text{}, "properties": dictionary{text{}},
		"defaults": object{"deploymentName": text{}},
		"keys":     object{"primaryKey": text{}, "secondaryKey": text{}},
	},
}

func (h *Handler) endpointRoutes() []route {
	const collection = workspacePath + "/batchEndpoints"
	const single = collection + "/{endpoint}"
	return []route{
		{method: http.MethodGet, path: collection, serve: listEndpoints},
		{method: http.MethodGet, path: single, serve: getEndpoint, unidentified: true},
		{method: http.MethodPut, path: single, serve: putEndpoint},
		{method: http.MethodPatch, path: single, serve: patchEndpoint},
		{method: http.MethodDelete, path: single, serve: deleteEndpoint},
		{method: http.MethodPost, path: single + "/listkeys", serve: listEndpointKeys},
	}
}

func (c *call) endpointID() string { return c.workspace + "/batchEndpoints/" + c.param("endpoint") }

func listEndpoints(c *call) answer {
	return c.page(c.h.store.List(c.workspace+"/batchEndpoints"), c.top("count"))
}

func getEndpoint(c *call) answer {
	c.h.settleForRead(c.endpointID())
	doc, found := c.h.store.Get(c.endpointID())
	if !found {
		return c.endpointNotFound()
	}
	return ok(doc)
}

// endpointNotFound is the answer since Dec 2023 (azure-sdk-for-python recording
// test_batch_endpoint_create, 2026).
func (c *call) endpointNotFound() answer {
	return c.notFound("An endpoint with the name '"+c.param("endpoint")+"' does not exist in the workspace '"+store.LastSegment(c.workspace)+
		"'. Please check the endpoint name and also ensure the current user has access to it.", "NotFound", "EndpointNotFound")
}

func putEndpoint(c *call) answer {
	body, refusal := c.read(endpointShape, "Endpoint")
	if refusal == nil {
		refusal = locationRequired(body)
	}
	if refusal == nil {
		refusal = c.checkEndpoint(body)
	}
	if refusal != nil {
		return *refusal
	}
	if !c.h.settleForWrite(c.endpointID()) {
		return c.beingDeleted("Endpoint", c.param("endpoint"))
	}
	old, exists := c.h.store.Get(c.endpointID())
	if exists {
		return c.changeEndpoint(old, body)
	}
	return c.createEndpoint(body)
}

func (c *call) createEndpoint(body store.Document) answer {
	if refusal := c.takeEndpointName(); refusal != nil {
		return *refusal
	}
	sent := store.Object(body, "properties")
	name := c.param("endpoint")
	id := c.workspace + "/batchEndpoints/" + name
	own := ownProperties(sent)
	own[creationVersionProperty] = c.version.text
	own[endpointIDProperty] = id
	now := store.TimeText(c.h.now())
	author, _ := c.author()
	doc := store.Document{
		"id": id, "name": name, "type": endpointType,
		"properties": store.Document{
			"description": sent["description"], "properties": own, "scoringUri": nil, "swaggerUri": nil,
			"authMode": sent["authMode"], "defaults": store.Document{"deploymentName": nil}, "provisioningState": stateCreating,
		},
		"systemData": store.Document{"createdAt": now, "createdBy": author, "lastModifiedAt": now},
		"tags":       orEmpty(body["tags"]), "location": body["location"],
	}
	if body["identity"] != nil {
		doc["identity"] = body["identity"]
	}
	return c.storeEndpoint(doc, http.StatusCreated)
}

// changeEndpoint answers a PUT on an existing endpoint. Without a change that is a plain 200
// (recording CreateScenarioTest, 2024). Not evidenced: a real change; it is answered like a create,
// so that clients can poll. What the request leaves out does not change.
func (c *call) changeEndpoint(old, body store.Document) answer {
	doc := mergeEndpoint(old, body)
	if reflect.DeepEqual(old, doc) {
		return ok(c.withAsyncURI(old, c.lastOperation(old)))
	}
	store.Object(doc, "properties")["provisioningState"] = stateUpdating
	store.Object(doc, "systemData")["lastModifiedAt"] = store.TimeText(c.h.now())
	return c.storeEndpoint(doc, http.StatusCreated)
}

// mergeEndpoint returns a copy of old with the changes of body. Members of properties.properties
// can be added, not changed or removed.
func mergeEndpoint(old, body store.Document) store.Document {
	doc := store.Copy(old)
	sent, properties := store.Object(body, "properties"), store.Object(doc, "properties")
	for _, name := range []string{"description", "authMode"} {
		if sent[name] != nil {
			properties[name] = sent[name]
		}
	}
	own := store.Object(properties, "properties")
	for name, value := range ownProperties(sent) {
		if _, taken := own[name]; !taken {
			own[name] = value
		}
	}
	if defaults := store.Object(sent, "defaults"); defaults != nil {
		properties["defaults"] = store.Document{"deploymentName": defaults["deploymentName"]}
	}
	for _, name := range []string{"tags", "identity"} {
		if body[name] != nil {
			doc[name] = body[name]
		}
	}
	return doc
}

// storeEndpoint stores doc and starts the operation that completes it.
func (c *call) storeEndpoint(doc store.Document, status int) answer {
	takes := endpointDuration
	if store.Text(doc, "properties", "authMode") != "AADToken" {
		takes = failingDuration
	}
	op, err := c.begin(c.newOperationID("bebes"), endpointPut, store.Text(doc, "id"), takes, store.Document{"location": c.location})
	if err == nil {
		_, err = c.h.store.Put(store.Text(doc, "id"), doc)
	}
	if err != nil {
		return c.internal(err)
	}
	a := c.accepted(withStatus(status, nil), op)
	a.header["Location"] = c.url()
	c.rememberOperation(doc, a.header["Azure-AsyncOperation"])
	a.body = c.withAsyncURI(doc, a.header["Azure-AsyncOperation"])
	return a
}

// finishEndpoint completes the endpoint, or lets it fail: batch endpoints take Entra tokens only,
// and one with another authMode is accepted first and fails ten minutes later (recording
// New-AzMLWorkspaceBatchEndpoint, 2022).
func (h *Handler) finishEndpoint(op *operation) error {
	return h.update(op.Target, func(doc store.Document) {
		properties := store.Object(doc, "properties")
		if store.Text(properties, "authMode") != "AADToken" {
			properties["provisioningState"] = stateFailed
			op.Error = endpointFailure(op)
			return
		}
		properties["provisioningState"] = stateSucceeded
		properties["scoringUri"] = h.cloud.ScoringURI(store.Text(doc, "name"), store.Text(op.Data, "location"))
	})
}

func endpointFailure(op *operation) store.Document {
	const message = "InternalServerError: Internal error. Please see troubleshooting guide, available here: https://aka.ms/oe-tsg#error-internalservererror"
	return store.Document{
		"message": message, "details": []any{},
		"additionalInfo": []any{store.Document{"type": "MmsOperation", "info": store.Document{
			"id": op.ID, "operationType": "OnlineEndpoint", "state": stateFailed,
			"createdTime": store.TimeText(op.Started), "endTime": store.TimeText(op.Ends), "error": store.Document{"message": message},
			"resourceLocation": "/modelmanagement/v1.0" + op.Target, "operationLog": "", "parentRequestId": zeroGUID,
		}}},
	}
}

// patchEndpoint changes tags and identity; nothing else can be patched. Tags are replaced as a
// whole. Not evidenced: the answer; the published description allows 200.
func patchEndpoint(c *call) answer {
	body, refusal := c.read(endpointShape, "Endpoint")
	if refusal != nil {
		return *refusal
	}
	if refusal := c.checkTags("Endpoint", body); refusal != nil {
		return *refusal
	}
	if _, found := c.h.store.Get(c.endpointID()); !found {
		return c.endpointNotFound()
	}
	if !c.h.settleForWrite(c.endpointID()) {
		return c.beingDeleted("Endpoint", c.param("endpoint"))
	}
	doc, err := c.h.store.Update(c.endpointID(), func(doc store.Document) error {
		for _, name := range []string{"tags", "identity"} {
			if body[name] != nil {
				doc[name] = body[name]
			}
		}
		return nil
	})
	if err != nil {
		return c.internal(err)
	}
	return ok(doc)
}

// deleteEndpoint deletes the deployments too. For an endpoint that does not exist it answers 204,
// which the published description allows; no recording has it.
func deleteEndpoint(c *call) answer {
	return c.deleteLater(c.endpointID(), "bebes", endpointDelete)
}

// deleteLater starts the deletion of an endpoint or a deployment. Both URLs of the answer are
// signed; the one to poll is not the Location, which ends in 404.
func (c *call) deleteLater(id, prefix string, kind operationKind) answer {
	doc, found := c.h.store.Get(id)
	if !found {
		return withStatus(http.StatusNoContent, nil)
	}
	c.h.settleForWrite(id)
	op, err := c.begin(c.newOperationID(prefix), kind, store.Text(doc, "id"), deleteDuration, nil)
	if err == nil {
		err = c.h.update(id, func(doc store.Document) {
			store.Object(doc, "properties")["provisioningState"] = stateDeleting
		})
	}
	if err != nil {
		return c.internal(err)
	}
	a := c.accepted(withStatus(http.StatusAccepted, jsonNull), op)
	a.header["Location"] = c.signedURL(resultsCollection, op.ID, "")
	if op.Fails {
		delete(a.header, "Azure-AsyncOperation")
	}
	return a
}

func (h *Handler) finishEndpointDelete(op *operation) error {
	if doc, found := h.store.Get(op.Target); found {
		if err := h.freeEndpointName(doc); err != nil {
			return err
		}
	}
	for _, id := range []string{secretKey(op.Target), lastOperationKey(op.Target)} {
		if _, err := h.store.Delete(id); err != nil {
			return err
		}
	}
	return h.store.DeleteTree(op.Target)
}

func listEndpointKeys(c *call) answer {
	doc, found := c.h.store.Get(c.endpointID())
	if !found {
		return c.endpointNotFound()
	}
	key := secretKey(store.Text(doc, "id"))
	keys, found := c.h.store.Get(key)
	if !found {
		keys = store.Document{"primaryKey": randomText(32), "secondaryKey": randomText(32)}
		if _, err := c.h.store.Put(key, keys); err != nil {
			return c.internal(err)
		}
	}
	return ok(keys)
}
