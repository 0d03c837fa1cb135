package arm

import (
	"maps"
	"net/http"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
	"github.com/google/uuid"
)

const (
	computeType = workspaceType + "/computes"
	amlCompute  = "AmlCompute"
)

var computeShape = object{
	"location": text{}, "tags": dictionary{text{}}, "sku": anything{},
	"identity": object{"type": text{}, "userAssignedIdentities": anything{}},
	"properties": object{
		"computeType": enum{
			"AKS", amlCompute, "ComputeInstance", "DataFactory", "DataLakeAnalytics", "Databricks", "HDInsight", "Kubernetes",
			"SynapseSpark", "VirtualMachine",
		},
		"description": text{}, "disableLocalAuth": boolean{}, "computeLocation": text{}, "resourceId": text{},
		"properties": anything{}, // depends on computeType
	},
}

// amlComputeShape are the properties.properties of a cluster.
var amlComputeShape = object{
	"osType": enum{"Linux", "Windows"}, "vmSize": text{}, "vmPriority": enum{"Dedicated", "LowPriority"},
	"scaleSettings": object{
		"maxNodeCount": integer{}, "minNodeCount": integer{}, "nodeIdleTimeBeforeScaleDown": text{},
	},
	"userAccountCredentials": object{
		"adminUserName": text{}, "adminUserPassword": text{}, "adminUserSshPublicKey": text{},
	},
	"remoteLoginPortPublicAccess": enum{"Enabled", "Disabled", "NotSpecified"},
	"enableNodePublicIp":          boolean{}, "enableBatchPrivateLink": boolean{}, "isolatedNetwork": boolean{},
	"subnet": object{"id": text{}}, "virtualMachineImage": object{"id": text{}}, "propertyBag": anything{},
}

func (h *Handler) computeRoutes() []route {
	const collection = workspacePath + "/computes"
	const single = collection + "/{compute}"
	return []route{
		{method: http.MethodGet, path: collection, serve: listComputes},
		{method: http.MethodGet, path: single, serve: getCompute},
		{method: http.MethodPut, path: single, serve: putCompute},
		{method: http.MethodPatch, path: single, serve: patchCompute},
		{method: http.MethodDelete, path: single, serve: deleteCompute},
		{method: http.MethodPost, path: single + "/listNodes", serve: listComputeNodes},
	}
}

func (c *call) computeID() string { return c.workspace + "/computes/" + c.param("compute") }

func listComputes(c *call) answer {
	var shown []store.Document
	for _, doc := range c.h.store.List(c.workspace + "/computes") {
		shown = append(shown, c.showCompute(doc))
	}
	return c.page(shown, 0)
}

func getCompute(c *call) answer {
	c.h.settleForRead(c.computeID())
	doc, found := c.h.store.Get(c.computeID())
	if !found {
		return computeNotFound()
	}
	return ok(c.showCompute(doc))
}

// computeNotFound has no body and the response type standard (azure-sdk-for-python recording
// test_pipeline_job_validation_remote, 2026).
func computeNotFound() answer { return withStatus(http.StatusNotFound, nil) }

// putCompute answers 201 to a create and to an update.
func putCompute(c *call) answer {
	body, refusal := c.read(computeShape, "Compute")
	if refusal == nil {
		refusal = locationRequired(body)
	}
	if refusal == nil {
		refusal = c.readCluster(body)
	}
	if refusal == nil {
		refusal = c.checkCompute(body)
	}
	if refusal != nil {
		return *refusal
	}
	if !c.h.settleForWrite(c.computeID()) {
		return c.beingDeleted("Compute", c.param("compute"))
	}
	old, _ := c.h.store.Get(c.computeID())
	size := store.Text(body, "properties", "properties", "vmSize")
	return c.storeCompute(c.newCompute(body, old), clusterData(store.Object(body, "properties"), old), size)
}

// readCluster reads properties.properties of a cluster; those of other compute types stay as sent.
func (c *call) readCluster(body store.Document) *answer {
	properties := store.Object(body, "properties")
	if store.Text(properties, "computeType") != amlCompute || properties["properties"] == nil {
		return nil
	}
	inner := &call{h: c.h, request: c.request, route: c.route, location: c.location}
	inner.body, _ = properties["properties"].(store.Document)
	read, refusal := inner.read(amlComputeShape, "Compute")
	properties["properties"] = read
	return refusal
}

// checkCompute refuses an incomplete compute. Not evidenced: no recording has an error of this
// kind.
func (c *call) checkCompute(body store.Document) *answer {
	properties := store.Object(body, "properties")
	var violations []validation.Violation
	if store.Text(properties, "computeType") == "" {
		violations = append(violations, validation.Violation{
			PropertyName: "ComputeType", ErrorMessage: "'Compute Type' must not be empty.", ErrorCode: "ArgumentNullOrEmpty",
		})
	}
	if store.Text(properties, "computeType") == amlCompute && store.Text(properties, "properties", "vmSize") == "" {
		violations = append(violations, validation.Violation{
			PropertyName: "Properties.VmSize", ErrorMessage: "'Vm Size' must not be empty.", ErrorCode: "ArgumentNullOrEmpty",
		})
	}
	if store.Text(properties, "computeType") == amlCompute {
		violations = append(violations, scaleViolations(store.Object(properties, "properties", "scaleSettings"))...)
	}
	return c.refuseCompute(violations)
}

func (c *call) refuseCompute(violations []validation.Violation) *answer {
	if len(violations) == 0 {
		return nil
	}
	a := c.invalid("Compute", violations)
	return &a
}

// scaleViolations lists the numbers of nodes that no cluster can have.
func scaleViolations(scale store.Document) []validation.Violation {
	const path = "Properties.scaleSettings."
	violations := lowNumbers(scale, path, []least{{"minNodeCount", 0}, {"maxNodeCount", 0}})
	low, high := scale["minNodeCount"], scale["maxNodeCount"]
	if len(violations) == 0 && low != nil && high != nil && store.Int(scale, "minNodeCount") > store.Int(scale, "maxNodeCount") {
		violations = append(violations, validation.Violation{
			PropertyName: path + "minNodeCount", AttemptedValue: low,
			ErrorMessage: "The value must be less than or equal to that of maxNodeCount.", ErrorCode: "LessThanOrEqualValidator",
		})
	}
	return violations
}

// storeCompute stores doc and starts the operation that completes it with data. The answer has the
// status URL and no Location. It shows the size that was sent, also when the compute keeps another.
func (c *call) storeCompute(doc, data store.Document, size string) answer {
	op, err := c.begin(uuid.NewString(), computePut, store.Text(doc, "id"), computeDuration, data)
	if err == nil {
		_, err = c.h.store.Put(store.Text(doc, "id"), doc)
	}
	if err != nil {
		return c.internal(err)
	}
	shown := c.showCompute(doc)
	inner := store.Object(shown, "properties", "properties")
	if size != "" {
		inner["vmSize"] = strings.ToUpper(size) // so in the answer to a PUT only, since 2024
	}
	a := withStatus(http.StatusCreated, shown)
	a.header["Azure-AsyncOperation"] = c.signedURL(computeCollection, op.ID, "&service=new")
	return a
}

// patchCompute changes the scale settings of a cluster. Not evidenced: the answer; the published
// description allows 200.
func patchCompute(c *call) answer {
	body, refusal := c.read(computeShape, "Compute")
	if refusal != nil {
		return *refusal
	}
	old, found := c.h.store.Get(c.computeID())
	if !found {
		return computeNotFound()
	}
	if properties := store.Object(body, "properties"); properties != nil {
		properties["computeType"] = amlCompute
	}
	if refusal := c.readCluster(body); refusal != nil {
		return *refusal
	}
	if !c.h.settleForWrite(c.computeID()) {
		return c.beingDeleted("Compute", c.param("compute"))
	}
	sent := store.Object(body, "properties", "properties", "scaleSettings")
	merged := store.Document{}
	maps.Copy(merged, store.Object(old, "properties", "properties", "scaleSettings"))
	maps.Copy(merged, sent)
	if refusal := c.refuseCompute(scaleViolations(merged)); refusal != nil {
		return *refusal
	}
	doc, err := c.h.store.Update(c.computeID(), func(doc store.Document) error {
		properties := store.Object(doc, "properties")
		properties["modifiedOn"] = store.TimeText(c.h.now())
		if inner := store.Object(properties, "properties"); inner != nil && sent != nil {
			fill(inner, "scaleSettings", store.Document{})
			for name, value := range sent {
				store.Object(inner, "scaleSettings")[name] = value
			}
		}
		return nil
	})
	if c.h.computesChanged(err) != nil {
		return c.internal(err)
	}
	return ok(c.showCompute(doc))
}

// computesChanged lets jobs start that waited for nodes. It returns err, the error of the change.
func (h *Handler) computesChanged(err error) error {
	if err == nil && h.jobs != nil {
		h.jobs.ComputesChanged()
	}
	return err
}

// deleteCompute requires the query value that says what becomes of the machines. There are none, so
// Delete and Detach do the same. Not evidenced: the refusal, and deleting a compute that does not
// exist.
func deleteCompute(c *call) answer {
	switch foldName(c.query.Get("underlyingresourceaction")) {
	case "delete", "detach":
	default:
		return c.fail(http.StatusBadRequest, "UserError",
			"The query parameter underlyingResourceAction is required and must be Delete or Detach.", withInner("BadArgument", "ArgumentInvalid"))
	}
	doc, found := c.h.store.Get(c.computeID())
	if !found {
		return withStatus(http.StatusNoContent, nil)
	}
	c.h.settleForWrite(c.computeID())
	op, err := c.begin(uuid.NewString(), computeDelete, store.Text(doc, "id"), deleteDuration, nil)
	if err == nil {
		err = c.h.update(c.computeID(), func(doc store.Document) {
			store.Object(doc, "properties")["provisioningState"] = stateDeleting
		})
	}
	if err != nil {
		return c.internal(err)
	}
	a := withStatus(http.StatusAccepted, nil)
	a.header["Azure-AsyncOperation"] = c.signedURL(computeCollection, op.ID, "&service=new")
	return a
}

// listComputeNodes lists no node: jobs run on this machine, and an idle cluster has scaled down to
// zero.
func listComputeNodes(c *call) answer {
	doc, found := c.h.store.Get(c.computeID())
	if !found {
		return computeNotFound()
	}
	return ok(store.Document{"computeType": store.Object(doc, "properties")["computeType"], "nodes": []any{}})
}
