package arm

import (
	"encoding/json"
	"net/http"
	"testing"
)

// TestQuota: what a cluster keeps always counts against its family and the whole.
func TestQuota(t *testing.T) {
	h := newHost(t)
	h.put("computes/cluster", `{"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {
		"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"maxNodeCount": 4, "minNodeCount": 2}}}}`).wants(http.StatusCreated)
	region := "/subscriptions/" + testSubscription + "/providers/Microsoft.MachineLearningServices/locations/eastus"
	h.get(region + "/usages").has(map[string]any{
		"value/0/name/value": "Total Cluster Dedicated Regional vCPUs", "value/0/currentValue": json.Number("8"),
		"value/1/name/value": "Standard Dv2 Family Cluster Dedicated vCPUs", "value/1/currentValue": json.Number("0"),
		"value/2/name/value": "Standard DSv2 Family Cluster Dedicated vCPUs", "value/2/currentValue": json.Number("8"), "value/2/limit": json.Number("100"),
		"value/7/type": "Microsoft.MachineLearningServices/workspaces/computes/usages", "value/7/currentValue": json.Number("8"),
		"value/7/id": workspaceID(testSubscription, "pottery", "kilns") + "/computes/cluster/usages/Standard_DSv2_Family_Cluster_Dedicated_vCPUs",
	})
	h.get("/subscriptions/" + testSubscription + "/providers/Microsoft.MachineLearningServices/locations/westus/usages").has(map[string]any{
		"value/0/currentValue": json.Number("0"), "value/7": "absent"})
	h.get(region + "/vmSizes").has(map[string]any{"value/0/name": "Standard_D1_v2", "value/0/family": "standardDv2Family", "value/0/vCPUs": json.Number("1")})
}
