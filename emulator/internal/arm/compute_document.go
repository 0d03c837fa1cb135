package arm

import (
	"time"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// computeMembers are those that only some api-versions show.
var computeMembers = []versioned{
	{name: "provisioningWarnings", value: store.Document{}, in: since("2023-08-01")},
}

func (c *call) showCompute(doc store.Document) store.Document {
	shown := store.Copy(doc)
	c.version.conform(store.Object(shown, "properties"), computeMembers)
	return shown
}

// newCompute is the resource while it is being created: no counts, no credentials, and tags null if
// it is new (azure-sdk-for-python recordings test_aml_compute_create_and_delete, 2023 and 2026).
func (c *call) newCompute(body, old store.Document) store.Document {
	now := store.TimeText(c.h.now())
	sent := store.Object(body, "properties")
	properties := store.Document{
		"createdOn": now, "modifiedOn": now, "disableLocalAuth": false, "description": sent["description"],
		"resourceId": sent["resourceId"], "computeType": sent["computeType"], "provisioningState": stateCreating,
		"provisioningErrors": nil, "provisioningWarnings": nil, "isAttachedCompute": false,
		"properties": sent["properties"],
	}
	if sent["disableLocalAuth"] != nil {
		properties["disableLocalAuth"] = sent["disableLocalAuth"]
	}
	if store.Text(sent, "computeType") == amlCompute {
		properties["properties"] = clusterInTheMaking(store.Object(sent, "properties"))
	}
	doc := store.Document{
		"id": c.computeID(), "name": c.param("compute"), "type": computeType,
		"location": body["location"], "tags": body["tags"], "properties": properties,
	}
	for _, name := range []string{"identity", "sku"} {
		if body[name] != nil {
			doc[name] = body[name]
		}
	}
	if old != nil {
		c.keepCompute(doc, old)
	}
	return doc
}

// keepCompute copies what an update does not change.
func (c *call) keepCompute(doc, old store.Document) {
	doc["id"], doc["name"], doc["location"] = old["id"], old["name"], old["location"]
	fill(doc, "tags", orEmpty(old["tags"]))
	properties, before := store.Object(doc, "properties"), store.Object(old, "properties")
	properties["createdOn"], properties["computeLocation"] = before["createdOn"], before["computeLocation"]
	properties["provisioningWarnings"] = store.Document{}
	if store.Text(properties, "computeType") != amlCompute {
		return
	}
	// The size stays what it was (azure-rest-api-specs issue 18889, terraform-provider-azurerm 15825).
	if size := store.Text(before, "properties", "vmSize"); size != "" {
		store.Object(properties, "properties")["vmSize"] = size
	}
	group := groupID(c.param("subscription"), c.param("group"))
	properties["resourceId"] = group + "/providers/Microsoft.BatchAI/workspaces/" + store.LastSegment(c.workspace) + "/clusters/" + c.param("compute")
}

func clusterInTheMaking(sent store.Document) store.Document {
	cluster := store.Copy(sent)
	delete(cluster, "userAccountCredentials")
	delete(cluster, "propertyBag")
	fill(cluster, "vmPriority", "Dedicated")
	fill(cluster, "osType", "Linux")
	fill(cluster, "scaleSettings", store.Document{})
	scale := store.Object(cluster, "scaleSettings")
	fill(scale, "maxNodeCount", number(1))
	fill(scale, "minNodeCount", number(0))
	fill(scale, "nodeIdleTimeBeforeScaleDown", "PT2M")
	fill(cluster, "remoteLoginPortPublicAccess", "NotSpecified")
	fill(cluster, "isolatedNetwork", false)
	fill(cluster, "enableNodePublicIp", true)
	fill(cluster, "enableBatchPrivateLink", false)
	for _, name := range []string{
		"subnet", "currentNodeCount", "targetNodeCount", "nodeStateCounts", "allocationState", "errors", "virtualMachineImage",
	} {
		fill(cluster, name, nil)
	}
	return cluster
}

// finishCompute completes a compute: a cluster gets its counts, all zero, and shows its credentials
// without the password.
func (h *Handler) finishCompute(op *operation) error {
	return h.update(op.Target, func(doc store.Document) {
		fill(doc, "tags", store.Document{})
		properties := store.Object(doc, "properties")
		properties["provisioningState"] = stateSucceeded
		properties["modifiedOn"] = store.TimeText(h.now())
		properties["provisioningWarnings"] = store.Document{}
		fill(properties, "computeLocation", doc["location"])
		if store.Text(properties, "computeType") != amlCompute {
			return
		}
		properties["resourceId"] = nil
		h.readyCluster(store.Object(properties, "properties"), op.Data)
	})
}

// clusterData is what the end of a cluster's operation needs: the credentials to show, and since
// when an existing cluster has been steady.
func clusterData(sent, old store.Document) store.Document {
	data := store.Document{
		"allocationStateTransitionTime": store.Object(old, "properties", "properties")["allocationStateTransitionTime"],
	}
	if credentials := store.Object(sent, "properties", "userAccountCredentials"); credentials != nil {
		data["userAccountCredentials"] = store.Document{
			"adminUserName": credentials["adminUserName"], "adminUserPassword": nil,
			"adminUserSshPublicKey": credentials["adminUserSshPublicKey"],
		}
	}
	return data
}

func (h *Handler) readyCluster(cluster, data store.Document) {
	for _, name := range []string{"userAccountCredentials", "allocationStateTransitionTime"} {
		if data[name] != nil {
			cluster[name] = data[name]
		}
	}
	cluster["currentNodeCount"], cluster["targetNodeCount"] = number(0), number(0)
	counts := store.Document{}
	for _, state := range []string{"preparing", "running", "idle", "unusable", "leaving", "preempted"} {
		counts[state+"NodeCount"] = number(0)
	}
	cluster["nodeStateCounts"] = counts
	cluster["allocationState"] = "Steady"
	fill(cluster, "allocationStateTransitionTime", store.TimeText(h.now().Truncate(time.Millisecond)))
	fill(cluster, "propertyBag", store.Document{})
}
