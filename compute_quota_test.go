package azmlbatch

import (
	"encoding/json"
	"errors"
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

// TestQuotaOfACluster: nodes count against the dedicated cores of their family, whoever uses them.
func TestQuotaOfACluster(t *testing.T) {
	const kind, name = "Microsoft.MachineLearningServices/", "Standard DSv2 Family Cluster Dedicated vCPUs"
	quotas := Quotas{
		VMSizes: []VMSize{{Name: "Standard_DS3_v2", Family: "standardDSv2Family", VCPUs: 4}, {Name: "Standard_M8", Family: "standardMFamily", VCPUs: 8}},
		Usages: []Usage{
			{Type: kind + "workspaces/usages", Name: name, Limit: 1},
			{Type: kind + "vmFamily/usages", Name: "Standard D Family Cluster Dedicated vCPUs", Limit: 1},
			{Type: kind + "vmFamily/usages", Name: name, CurrentValue: 12, Limit: 18},
			{Type: kind + "workspaces/computes/usages", ID: "/x/computes/C/usages/Standard_DSv2", Name: name, CurrentValue: 8},
			{Type: kind + "workspaces/computes/usages", ID: "/x/computes/c2/usages/Standard_DSv2", Name: name, CurrentValue: 4},
		},
	}
	cluster := func(id string, properties ComputeProperties) Compute {
		return Compute{Meta: Meta{ID: id}, Properties: properties}
	}
	for name, test := range map[string]struct {
		cluster   Compute
		own       int64
		most, now int
		unknown   string
	}{
		"one that exists":    {cluster("/x/computes/c", AmlCompute{VMSize: "STANDARD_DS3_V2"}), 8, 4, 3, ""},
		"a new one":          {cluster("", &AmlCompute{VMSize: "Standard_DS3_v2"}), 0, 4, 1, ""},
		"no quota is told":   {cluster("", AmlCompute{VMSize: "Standard_M8"}), 0, 0, 0, `the service tells none for family "standardMFamily"`},
		"no such size":       {cluster("", AmlCompute{VMSize: "Standard_Z1"}), 0, 0, 0, `the region has no size "Standard_Z1"`},
		"low-priority nodes": {cluster("", AmlCompute{VMSize: "Standard_DS3_v2", VMPriority: VMPriorityLowPriority}), 0, 0, 0, "the service does not tell it for low-priority nodes"},
		"no cluster":         {cluster("", UnknownCompute{}), 0, 0, 0, "the compute is no cluster"},
	} {
		got := quotas.OfCluster(test.cluster)
		if got.Own != test.own || got.MaxNodes() != test.most || got.RoomNodes() != test.now || got.Unknown != test.unknown {
			t.Errorf("%s: %+v with at most %d nodes and room for %d, want %+v", name, got, got.MaxNodes(), got.RoomNodes(), test)
		}
	}
	if full := (ClusterQuota{Usage: Usage{CurrentValue: 9, Limit: 8}, VCPUs: 4}); full.RoomNodes() != 0 {
		t.Errorf("a quota that is exceeded has room for %d nodes", full.RoomNodes())
	}
}

// TestQuotas reads both lists, and fails with either.
func TestQuotas(t *testing.T) {
	region := testWorkspaceID[:strings.Index(testWorkspaceID, "/resourceGroups/")] + "/providers/Microsoft.MachineLearningServices/locations/westeurope"
	answers := map[string]string{"/usages": `{"value":[{"limit":48}]}`, "/vmSizes": `{"value":[{"name":"Standard_DS1_v2"}]}`}
	for _, refused := range []string{"", "/usages", "/vmSizes"} {
		service := newComputeService()
		for list, text := range answers {
			service.answers["GET "+region+list] = answer(200, text)
		}
		if refused != "" {
			service.answers["GET "+region+refused] = answer(403, `{"error":{"code":"AuthorizationFailed","message":"no"}}`)
		}
		got, err := service.client(t).Computes().Quotas(t.Context())
		switch {
		case refused != "" && !errors.Is(err, ErrForbidden):
			t.Errorf("with %s refused: %v, want ErrForbidden", refused, err)
		case refused == "" && (err != nil || len(got.Usages) != 1 || got.Usages[0].Limit != 48 || len(got.VMSizes) != 1 || got.VMSizes[0].Name != "Standard_DS1_v2"):
			t.Errorf("quotas = %+v, %v", got, err)
		}
	}
}
