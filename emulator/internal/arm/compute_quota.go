package arm

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// quotaRoutes tell the sizes of machines and the quotas of a region.
func (h *Handler) quotaRoutes() []route {
	return []route{
		{method: http.MethodGet, path: locationPath + "/vmSizes", serve: listVMSizes},
		{method: http.MethodGet, path: locationPath + "/usages", serve: listUsages},
	}
}

// vmSize is a size of machine. Not evidenced: which sizes a region has; these are those of public examples.
type vmSize struct {
	name, family string // the family as usages name it, "DSv2"
	cores, gpus  int
	memoryGB     string
}

var vmSizes = []vmSize{
	{"Standard_D1_v2", "Dv2", 1, 0, "3.5"}, {"Standard_D2_v2", "Dv2", 2, 0, "7"}, {"Standard_D3_v2", "Dv2", 4, 0, "14"},
	{"Standard_D4_v2", "Dv2", 8, 0, "28"}, {"Standard_DS1_v2", "DSv2", 1, 0, "3.5"}, {"Standard_DS2_v2", "DSv2", 2, 0, "7"},
	{"Standard_DS3_v2", "DSv2", 4, 0, "14"}, {"Standard_DS4_v2", "DSv2", 8, 0, "28"}, {"Standard_DS5_v2", "DSv2", 16, 0, "56"},
	{"Standard_D2s_v3", "DSv3", 2, 0, "8"}, {"Standard_D4s_v3", "DSv3", 4, 0, "16"}, {"Standard_D8s_v3", "DSv3", 8, 0, "32"},
	{"Standard_E4s_v3", "ESv3", 4, 0, "32"}, {"Standard_F4s_v2", "FSv2", 4, 0, "8"}, {"Standard_NC6s_v3", "NCSv3", 6, 1, "112"},
}

// familyLimit is the quota of each family, in cores: that of a new subscription is of this order.
const familyLimit = 100

func listVMSizes(*call) answer {
	var sizes []store.Document
	for _, s := range vmSizes {
		sizes = append(sizes, store.Document{
			"name": s.name, "family": "standard" + s.family + "Family", "vCPUs": number(int64(s.cores)), "gpus": number(int64(s.gpus)),
			"memoryGB": json.Number(s.memoryGB), "lowPriorityCapable": true, "premiumIO": strings.Contains(s.family, "S"),
			"supportedComputeTypes": []any{amlCompute, "ComputeInstance"},
		})
	}
	return ok(valueOf(sizes))
}

// listUsages tells the quota of each family, and what each cluster takes of it: the nodes that it keeps always.
func listUsages(c *call) answer {
	used, all := map[string]int{}, 0
	var ofClusters []store.Document
	for _, cluster := range c.clustersOfRegion() {
		for _, s := range vmSizes {
			if strings.EqualFold(s.name, store.Text(cluster, "properties", "properties", "vmSize")) {
				cores := s.cores * int(store.Int(cluster, "properties", "properties", "scaleSettings", "minNodeCount"))
				used[s.family] += cores
				all += cores
				ofClusters = append(ofClusters, usage(store.Text(cluster, "id"), "workspaces/computes", s.quotaName(), cores))
			}
		}
	}
	subscription := subscriptionID(c.param("subscription"))
	usages := []store.Document{usage(subscription, "dedicatedCores", "Total Cluster Dedicated Regional vCPUs", all)}
	told := map[string]bool{}
	for _, s := range vmSizes {
		if !told[s.family] {
			told[s.family] = true
			usages = append(usages, usage(subscription, "vmFamily", s.quotaName(), used[s.family]))
		}
	}
	return ok(valueOf(append(usages, ofClusters...)))
}

func (s vmSize) quotaName() string { return "Standard " + s.family + " Family Cluster Dedicated vCPUs" }

func usage(id, kind, name string, used int) store.Document {
	return store.Document{
		"id": id + "/usages/" + strings.ReplaceAll(name, " ", "_"), "type": provider + "/" + kind + "/usages", "unit": "Count",
		"name": store.Document{"value": name, "localizedValue": name}, "currentValue": number(int64(used)), "limit": number(familyLimit),
	}
}

// clustersOfRegion lists the computes of the subscription's workspaces in the region of the request.
func (c *call) clustersOfRegion() []store.Document {
	var clusters []store.Document
	for _, group := range c.h.store.List(subscriptionID(c.param("subscription")) + "/resourceGroups") {
		for _, workspace := range c.h.store.List(store.Text(group, "id") + "/providers/" + workspaceType) {
			if strings.EqualFold(store.Text(workspace, "location"), c.param("location")) {
				clusters = append(clusters, c.h.store.List(store.Text(workspace, "id")+"/computes")...)
			}
		}
	}
	return clusters
}
