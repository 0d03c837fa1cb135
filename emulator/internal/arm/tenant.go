package arm

import (
	"net/http"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// tenantRoutes are the routes above resource groups, which the Azure CLI calls after a login. Not
// evidenced: the answers; they have the members that the CLI reads and those of the published
// descriptions.
func (h *Handler) tenantRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/metadata/endpoints", serve: describeCloud, open: true},
		{method: http.MethodGet, path: "/tenants", serve: listTenants},
		{method: http.MethodGet, path: "/subscriptions", serve: listSubscriptions},
		{method: http.MethodGet, path: subscriptionPath, serve: getSubscription},
		{method: http.MethodGet, path: subscriptionPath + "/locations", serve: listLocations},
		{method: http.MethodGet, path: subscriptionPath + "/resourceGroups", serve: listGroups},
		{method: http.MethodGet, path: groupPath, serve: getGroup},
		{method: http.MethodHead, path: groupPath, serve: headGroup},
	}
}

// describeCloud answers the hosts of the cloud, for clients that have no table of clouds.
func describeCloud(c *call) answer {
	cloud := c.h.cloud
	return ok([]store.Document{{
		"name": cloud.Name, "portal": "https://portal." + strings.TrimPrefix(cloud.ManagementHost, "management."),
		"resourceManager": "https://" + cloud.ManagementHost + "/",
		"authentication": store.Document{
			"loginEndpoint": "https://" + c.loginHost(), "audiences": cloud.ManagementAudiences,
			"tenant": "common", "identityProvider": "AAD",
		},
		"suffixes": store.Document{"storage": cloud.StorageSuffix},
	}})
}

func listTenants(c *call) answer {
	return ok(valueOf([]store.Document{{
		"id": "/tenants/" + c.h.tenantID, "tenantId": c.h.tenantID, "displayName": "azmlbatch", "countryCode": "US",
		"defaultDomain": "azmlbatch.example", "domains": []any{"azmlbatch.example"}, "tenantCategory": "Home",
	}}))
}

func listSubscriptions(c *call) answer { return ok(valueOf(c.h.store.List("/subscriptions"))) }

func getSubscription(c *call) answer {
	doc, _ := c.h.store.Get(subscriptionID(c.param("subscription")))
	return ok(doc)
}

// listLocations lists the regions that have a workspace.
func listLocations(c *call) answer {
	var locations []store.Document
	for _, name := range c.regions() {
		locations = append(locations, store.Document{
			"id": subscriptionID(c.param("subscription")) + "/locations/" + name, "name": name, "type": "Region",
			"displayName": name, "regionalDisplayName": name,
			"metadata": store.Document{"regionType": "Physical", "regionCategory": "Recommended"},
		})
	}
	return ok(valueOf(locations))
}

// regions are the regions of the subscription that have a workspace.
func (c *call) regions() (names []string) {
	for _, group := range c.h.store.List(subscriptionID(c.param("subscription")) + "/resourceGroups") {
		if name := store.Text(group, "location"); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func listGroups(c *call) answer {
	return c.page(c.h.store.List(subscriptionID(c.param("subscription"))+"/resourceGroups"), c.top("$top"))
}

func getGroup(c *call) answer {
	doc, _ := c.h.store.Get(groupID(c.param("subscription"), c.param("group")))
	return ok(doc)
}

func headGroup(*call) answer { return withStatus(http.StatusNoContent, nil) }

// valueOf is a list that fits one page.
func valueOf(docs []store.Document) store.Document {
	value := make([]any, 0, len(docs))
	for _, doc := range docs {
		value = append(value, doc)
	}
	return store.Document{"value": value}
}
