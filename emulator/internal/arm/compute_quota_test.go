package arm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
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

// TestSizesOfARegion walks the whole table.
func TestSizesOfARegion(t *testing.T) {
	var got []string
	sizes, _ := newHost(t).get("/subscriptions/" + testSubscription + "/providers/Microsoft.MachineLearningServices/locations/eastus/vmSizes").at("value").([]any)
	for _, s := range sizes {
		got = append(got, fmt.Sprint(at(s, "name"), " ", at(s, "family"), " ", at(s, "vCPUs"), " ", at(s, "gpus"), " ", at(s, "memoryGB"), " ", at(s, "premiumIO"),
			" ", at(s, "lowPriorityCapable"), " ", at(s, "supportedComputeTypes")))
	}
	const both = " true [AmlCompute ComputeInstance]"
	want := []string{
		"Standard_D1_v2 standardDv2Family 1 0 3.5 false" + both, "Standard_D2_v2 standardDv2Family 2 0 7 false" + both,
		"Standard_D3_v2 standardDv2Family 4 0 14 false" + both, "Standard_D4_v2 standardDv2Family 8 0 28 false" + both,
		"Standard_DS1_v2 standardDSv2Family 1 0 3.5 true" + both, "Standard_DS2_v2 standardDSv2Family 2 0 7 true" + both,
		"Standard_DS3_v2 standardDSv2Family 4 0 14 true" + both, "Standard_DS4_v2 standardDSv2Family 8 0 28 true" + both,
		"Standard_DS5_v2 standardDSv2Family 16 0 56 true" + both, "Standard_D2s_v3 standardDSv3Family 2 0 8 true" + both,
		"Standard_D4s_v3 standardDSv3Family 4 0 16 true" + both, "Standard_D8s_v3 standardDSv3Family 8 0 32 true" + both,
		"Standard_E4s_v3 standardESv3Family 4 0 32 true" + both, "Standard_F4s_v2 standardFSv2Family 4 0 8 true" + both,
		"Standard_NC6s_v3 standardNCSv3Family 6 1 112 true" + both,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sizes (-want +got):\n%s", diff)
	}
}

// TestUsagesOfARegion compares every member of every usage.
func TestUsagesOfARegion(t *testing.T) {
	h := newHost(t)
	h.put("computes/cluster", `{"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {
		"vmSize": "Standard_NC6s_v3", "scaleSettings": {"maxNodeCount": 4, "minNodeCount": 3}}}}`).wants(http.StatusCreated)
	subscription := "/subscriptions/" + testSubscription
	var want []any
	usage := func(id, kind, name, used string) {
		want = append(want, store.Document{"id": id + "/usages/" + strings.ReplaceAll(name, " ", "_"), "type": "Microsoft.MachineLearningServices/" + kind + "/usages", "unit": "Count",
			"name": store.Document{"value": name, "localizedValue": name}, "currentValue": json.Number(used), "limit": json.Number("100")})
	}
	usage(subscription, "dedicatedCores", "Total Cluster Dedicated Regional vCPUs", "18")
	for _, family := range []string{"Dv2", "DSv2", "DSv3", "ESv3", "FSv2", "NCSv3"} {
		usage(subscription, "vmFamily", "Standard "+family+" Family Cluster Dedicated vCPUs", map[bool]string{true: "18", false: "0"}[family == "NCSv3"])
	}
	usage(workspaceID(testSubscription, "pottery", "kilns")+"/computes/cluster", "workspaces/computes", "Standard NCSv3 Family Cluster Dedicated vCPUs", "18")
	got := h.get(subscription + "/providers/Microsoft.MachineLearningServices/locations/eastus/usages").at("value")
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("usages (-want +got):\n%s", diff)
	}
}
