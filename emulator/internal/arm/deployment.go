package arm

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

const deploymentType = endpointType + "/deployments"

var assetReferenceShape = object{
	"referenceType": enum{"Id", "DataPath", "OutputPath"}, "assetId": text{}, "datastoreId": text{}, "path": text{}, "jobId": text{},
}

var deploymentShape = object{
	"location": text{}, "tags": dictionary{text{}}, "kind": text{}, "sku": anything{}, "identity": anything{},
	"properties": object{
		"description": text{}, "properties": dictionary{text{}},
		"codeConfiguration": object{"codeId": text{}, "scoringScript": text{}},
		"environmentId":     text{}, "environmentVariables": dictionary{text{}}, "compute": text{},
		"deploymentConfiguration": object{
			"deploymentConfigurationType": enum{"Model", "PipelineComponent"}, "componentId": assetReferenceShape,
			"description": text{}, "settings": dictionary{text{}}, "tags": dictionary{text{}},
		},
		"errorThreshold": integer{}, "retrySettings": object{"maxRetries": integer{}, "timeout": text{}},
		"miniBatchSize": integer{}, "loggingLevel": enum{"Info", "Warning", "Debug"}, "model": assetReferenceShape,
		"maxConcurrencyPerInstance": integer{}, "outputAction": enum{"AppendRow", "SummaryOnly"}, "outputFileName": text{},
		"resources": object{"instanceCount": integer{}, "instanceType": text{}, "properties": anything{}},
	},
}

// deploymentMembers are those that only some api-versions show.
var deploymentMembers = []versioned{
	{name: "deploymentConfiguration", in: func(v apiVersion) bool {
		// Azure ML's Python SDK deploys pipeline components with the last of these.
		return v.since("2024-04-01") || v.richPreview() || v.text == "2023-02-01-preview"
	}},
}

func (h *Handler) deploymentRoutes() []route {
	const collection = workspacePath + "/batchEndpoints/{endpoint}/deployments"
	const single = collection + "/{deployment}"
	return []route{
		{method: http.MethodGet, path: collection, serve: listDeployments},
		{method: http.MethodGet, path: single, serve: getDeployment},
		{method: http.MethodPut, path: single, serve: putDeployment, deploymentQuota: true},
		{method: http.MethodPatch, path: single, serve: patchDeployment, deploymentQuota: true},
		{method: http.MethodDelete, path: single, serve: deleteDeployment},
	}
}

func (c *call) deploymentID() string { return c.endpointID() + "/deployments/" + c.param("deployment") }

// showDeployment returns a deployment as the api-version shows it.
func (c *call) showDeployment(doc store.Document) store.Document {
	shown := store.Copy(doc)
	c.version.conform(store.Object(shown, "properties"), deploymentMembers)
	return shown
}

func listDeployments(c *call) answer {
	if _, found := c.h.store.Get(c.endpointID()); !found && len(c.h.store.List(c.endpointID()+"/deployments")) == 0 {
		return c.endpointNotFound()
	}
	var shown []store.Document
	for _, doc := range c.h.store.List(c.endpointID() + "/deployments") {
		shown = append(shown, c.showDeployment(doc))
	}
	return c.page(shown, c.top("$top"))
}

func getDeployment(c *call) answer {
	c.h.settleForRead(c.deploymentID())
	doc, found := c.h.store.Get(c.deploymentID())
	if !found {
		return c.deploymentNotFound()
	}
	return ok(c.showDeployment(doc))
}

// deploymentNotFound has the form of a missing endpoint. Not evidenced: its code and text.
func (c *call) deploymentNotFound() answer {
	if _, found := c.h.store.Get(c.endpointID()); !found {
		return c.endpointNotFound()
	}
	return c.notFound("A deployment with the name '"+c.param("deployment")+"' does not exist in the endpoint '"+c.param("endpoint")+
		"'. Please check the deployment name and also ensure the current user has access to it.", "NotFound", "DeploymentNotFound")
}

// putDeployment answers 201 to a create and to an update (recording CreateScenarioTest, 2024). A
// model, code, environment or compute that does not exist fails the operation.
func putDeployment(c *call) answer {
	body, refusal := c.read(deploymentShape, "Deployment")
	if refusal == nil {
		refusal = locationRequired(body)
	}
	if refusal == nil {
		refusal = c.checkDeployment(body)
	}
	if refusal != nil {
		return *refusal
	}
	if !c.h.settleForWrite(c.endpointID()) {
		return c.beingDeleted("Endpoint", c.param("endpoint"))
	}
	old, exists := c.h.store.Get(c.deploymentID())
	if _, found := c.h.store.Get(c.endpointID()); !found && !exists {
		return c.endpointNotFound()
	}
	if !c.h.settleForWrite(c.deploymentID()) {
		return c.beingDeleted("Deployment", c.param("deployment"))
	}
	return c.storeDeployment(c.newDeployment(body, old))
}

// newDeployment is the resource that the request describes, with the service's defaults for missing
// members (recordings test_batch_job_download, 2023, and CreateScenarioTest, 2024).
func (c *call) newDeployment(body, old store.Document) store.Document {
	now := store.TimeText(c.h.now())
	author, _ := c.author()
	doc := store.Document{
		"id": c.deploymentID(), "name": c.param("deployment"), "type": deploymentType,
		"properties": deploymentProperties(store.Object(body, "properties")),
		"systemData": store.Document{"createdAt": now, "createdBy": author, "lastModifiedAt": now},
		"tags":       orEmpty(body["tags"]), "location": body["location"],
	}
	if old != nil {
		doc["id"], doc["name"] = old["id"], old["name"]
		store.Object(doc, "systemData")["createdAt"] = store.Object(old, "systemData")["createdAt"]
		store.Object(doc, "systemData")["createdBy"] = store.Object(old, "systemData")["createdBy"]
	}
	return doc
}

func deploymentProperties(sent store.Document) store.Document {
	properties := store.Copy(sent)
	for _, name := range []string{"description", "codeConfiguration", "environmentId", "compute", "deploymentConfiguration", "model"} {
		fill(properties, name, nil)
	}
	fill(properties, "properties", store.Document{})
	delete(store.Object(properties, "properties"), asyncURIProperty)
	fill(properties, "environmentVariables", store.Document{})
	fill(properties, "errorThreshold", json.Number("-1"))
	fill(properties, "miniBatchSize", json.Number("10"))
	fill(properties, "maxConcurrencyPerInstance", json.Number("1"))
	fill(properties, "loggingLevel", "Info")
	fill(properties, "outputAction", "AppendRow")
	fill(properties, "outputFileName", "predictions.csv")
	fill(properties, "retrySettings", store.Document{})
	fill(store.Object(properties, "retrySettings"), "maxRetries", json.Number("3"))
	fill(store.Object(properties, "retrySettings"), "timeout", "PT30S")
	fill(properties, "resources", store.Document{})
	resources := store.Object(properties, "resources")
	fill(resources, "instanceCount", json.Number("1"))
	fill(resources, "instanceType", nil)
	if len(store.Object(resources, "properties")) == 0 {
		resources["properties"] = nil // {} comes back as null
	}
	properties["provisioningState"] = stateUpdating
	return properties
}

func (c *call) storeDeployment(doc store.Document) answer {
	op, err := c.begin(c.newOperationID("bdbes"), deploymentPut, store.Text(doc, "id"), deploymentDuration,
		store.Document{"missing": c.missingReferences(store.Object(doc, "properties"))})
	if err == nil {
		_, err = c.h.store.Put(store.Text(doc, "id"), doc)
	}
	if err != nil {
		return c.internal(err)
	}
	a := c.accepted(withStatus(http.StatusCreated, nil), op)
	a.header["Location"] = c.url()
	c.rememberOperation(doc, a.header["Azure-AsyncOperation"])
	a.body = c.withAsyncURI(c.showDeployment(doc), a.header["Azure-AsyncOperation"])
	return a
}

// finishDeployment completes the deployment, or lets it fail because it names something that does
// not exist.
func (h *Handler) finishDeployment(op *operation) error {
	state := stateSucceeded
	if missing, _ := op.Data["missing"].([]any); len(missing) > 0 {
		state = stateFailed
		op.Error = missingError(missing)
	}
	return h.update(op.Target, func(doc store.Document) {
		store.Object(doc, "properties")["provisioningState"] = state
	})
}

func missingError(missing []any) store.Document {
	var messages []string
	for _, detail := range missing {
		messages = append(messages, store.Text(detail, "message"))
	}
	return store.Document{"code": "UserError", "message": strings.Join(messages, " "), "details": missing, "additionalInfo": []any{}}
}

// patchDeployment changes description and tags; everything else takes a PUT. Not evidenced: the
// answer; the published description allows 200.
func patchDeployment(c *call) answer {
	body, refusal := c.read(deploymentShape, "Deployment")
	if refusal == nil {
		refusal = c.checkTags("Deployment", body)
	}
	if refusal != nil {
		return *refusal
	}
	if _, found := c.h.store.Get(c.deploymentID()); !found {
		return c.deploymentNotFound()
	}
	if !c.h.settleForWrite(c.deploymentID()) {
		return c.beingDeleted("Deployment", c.param("deployment"))
	}
	doc, err := c.h.store.Update(c.deploymentID(), func(doc store.Document) error {
		if description := store.Object(body, "properties")["description"]; description != nil {
			store.Object(doc, "properties")["description"] = description
		}
		if body["tags"] != nil {
			doc["tags"] = body["tags"]
		}
		store.Object(doc, "systemData")["lastModifiedAt"] = store.TimeText(c.h.now())
		return nil
	})
	if err != nil {
		return c.internal(err)
	}
	return ok(c.showDeployment(doc))
}

// deleteDeployment works as the deletion of an endpoint does. Not evidenced.
func deleteDeployment(c *call) answer {
	return c.deleteLater(c.deploymentID(), "bdbes", deploymentDelete)
}

// finishDeploymentDelete also clears the endpoint's default if it was this deployment. Not
// evidenced: what the service does.
func (h *Handler) finishDeploymentDelete(op *operation) error {
	endpoint := store.ParentID(store.ParentID(op.Target))
	err := h.update(endpoint, func(doc store.Document) {
		defaults := store.Object(doc, "properties", "defaults")
		if foldName(store.Text(defaults, "deploymentName")) == foldName(store.LastSegment(op.Target)) {
			defaults["deploymentName"] = nil
		}
	})
	if err != nil {
		return err
	}
	if _, err := h.store.Delete(lastOperationKey(op.Target)); err != nil {
		return err
	}
	return h.store.DeleteTree(op.Target)
}
