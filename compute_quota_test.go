package azmlbatch

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestQuota reads what the service's examples show (2024-04-01, examples Usage and VirtualMachineSize).
func TestQuota(t *testing.T) {
	service := newComputeService()
	region := testWorkspaceID[:strings.Index(testWorkspaceID, "/resourceGroups/")] + "/providers/Microsoft.MachineLearningServices/locations/westeurope"
	service.answers["GET "+region+"/usages"] = answer(200, `{"value":[{"name":{"localizedValue":"Standard D Family Cluster Dedicated vCPUs","value":"D"},
		"type":"Microsoft.MachineLearningServices/vmFamily/usages","currentValue":2,"id":"/subscriptions/s/usages/D","limit":48,"unit":"Count"}]}`)
	service.answers["GET "+region+"/vmSizes"] = answer(200, `{"value":[{"name":"Standard_DS1_v2","family":"standardDSv2Family","vCPUs":1,"gpus":0,"osVhdSizeMB":1047552,
		"memoryGB":3.5,"lowPriorityCapable":true}]}`)
	c := service.client(t)
	var usages []Usage
	for u, err := range c.Computes().ListUsages(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		usages = append(usages, u)
	}
	want := []Usage{{ID: "/subscriptions/s/usages/D", Type: "Microsoft.MachineLearningServices/vmFamily/usages", Name: "Standard D Family Cluster Dedicated vCPUs",
		CurrentValue: 2, Limit: 48, Unit: "Count", Extra: map[string]json.RawMessage{"/name/value": json.RawMessage(`"D"`)}}}
	if diff := cmp.Diff(want, usages); diff != "" {
		t.Errorf("usages (-want +got):\n%s", diff)
	}
	var sizes []VMSize
	for s, err := range c.Computes().ListVMSizes(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, s)
	}
	wantSizes := []VMSize{{Name: "Standard_DS1_v2", Family: "standardDSv2Family", VCPUs: 1, MemoryGB: 3.5, LowPriorityCapable: true,
		Extra: map[string]json.RawMessage{"/osVhdSizeMB": json.RawMessage(`1047552`)}}}
	if diff := cmp.Diff(wantSizes, sizes); diff != "" {
		t.Errorf("sizes (-want +got):\n%s", diff)
	}
	service.answers["GET "] = answer(404, `{"error":{"code":"ResourceNotFound","message":"no"}}`)
	for _, err := range service.client(t).Computes().ListUsages(t.Context()) {
		if err == nil || !strings.HasPrefix(err.Error(), "azmlbatch: list usages of computes: ") {
			t.Errorf("of a workspace that is not there: %v", err)
		}
	}
}
