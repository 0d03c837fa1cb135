package dataplane

import (
	"net/http"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// registries serves what clients of registries ask of this host: where a registry is managed, and
// how an operation on one of its assets stands. It reports false for other paths.
func (c *call) registries(segments []string) bool {
	is := func(want ...string) bool {
		for i, w := range want {
			if i >= len(segments) || w != "" && !strings.EqualFold(w, segments[i]) {
				return false
			}
		}
		return len(segments) == len(want) && c.request.Method == http.MethodGet
	}
	switch {
	case is("registrymanagement", "v1.0", "registries", "", "discovery"):
		c.registryDiscovery(segments[3])
	case is("environment", "v1.0", "operations", ""), is("assetstore", "v1.0", "operations", ""):
		c.registryOperation(segments[3], strings.EqualFold(segments[0], "assetstore"))
	default:
		return false
	}
	return true
}

// registryDiscovery answers where a registry is managed, and a refusal for one that is not played,
// which is that of a registry of another tenant (azure-sdk-for-python recordings, 2023 and 2026).
func (c *call) registryDiscovery(name string) {
	doc, found := c.store.Get(jobs.RegistryID(name))
	if !found {
		failure := jobs.FailureDocument(jobs.FailedCall{
			Code: "UserError", Message: "User/tenant/subscription is not allowed to access registry " + name,
			Inner: []string{"Auth", "Authorization", "UnAuthorizedRegistryAccess"}, Status: http.StatusForbidden,
			Region: c.region, Component: "feedmanagement", Time: c.now(),
		})
		detail := store.Object(failure, "error")
		detail["messageFormat"], detail["messageParameters"] = "User/tenant/subscription is not allowed to access registry {feedName}", store.Document{"feedName": name}
		c.answer(http.StatusForbidden, failure)
		return
	}
	region, id := store.Text(doc, "location"), store.Text(doc, "registryId")
	c.answer(http.StatusOK, store.Document{
		"registryId": id, "registryName": store.Text(doc, "name"), "tenantId": c.tenantID, "primaryRegion": region, "regions": []any{region},
		"subscriptionId": store.Text(doc, "subscriptionId"), "resourceGroup": store.Text(doc, "resourceGroup"), "workspaceName": nil,
		"primaryRegionResourceProviderUri": "https://" + c.cloud.RegistryHost(region) + "/",
		"registryFqdns":                    store.Document{region: store.Document{"uri": "https://" + id + ".registry." + region + ".privatelink." + c.cloud.APISuffix}},
	})
}

// registryOperation answers 202 without a body until the operation has ended; then the asset's id
// for data and models, and nothing for an environment (recordings of 2023 and 2025).
func (c *call) registryOperation(id string, named bool) {
	if c.operation == nil {
		c.noRoute()
		return
	}
	asset, done, known := c.operation(id)
	switch {
	case !known:
		c.refuse(http.StatusNotFound, "The operation "+id+" does not exist.", "NotFound")
	case !done:
		c.empty(http.StatusAccepted)
	case named:
		c.answer(http.StatusOK, store.Document{"assetId": asset})
	default:
		c.empty(http.StatusOK)
	}
}

// empty answers without a body.
func (c *call) empty(status int) {
	c.w.Header().Set("Content-Length", "0")
	c.w.Header().Set("X-Ms-Response-Type", "standard")
	c.w.WriteHeader(status)
}
