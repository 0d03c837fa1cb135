package arm

import (
	"net/http"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// providerRoutes are the routes that tell which resources there are. The Azure CLI reads the types
// and api-versions before it gets a resource by its id. Not evidenced: the answers; they have the
// members that the CLI reads.
func (h *Handler) providerRoutes() []route {
	const authorization = "/providers/Microsoft.Authorization"
	routes := []route{
		{method: http.MethodGet, path: subscriptionPath + "/providers", serve: listProviders},
		{method: http.MethodGet, path: subscriptionPath + "/providers/{provider}", serve: getProvider},
		{method: http.MethodPost, path: subscriptionPath + "/providers/{provider}/register", serve: getProvider},
		{method: http.MethodGet, path: subscriptionPath + "/resources", serve: listResources},
		{method: http.MethodGet, path: groupPath + "/resources", serve: listResources},
	}
	for _, scope := range []string{
		subscriptionPath, groupPath, workspacePath, groupPath + "/providers/" + storageAccountType + "/{account}",
	} {
		routes = append(routes, route{method: http.MethodGet, path: scope + authorization + "/roleAssignments", serve: listRoleAssignments},
			route{method: http.MethodGet, path: scope + authorization + "/permissions", serve: listPermissions})
	}
	return routes
}

// resourceTypes are the types of the providers that the emulator plays.
var resourceTypes = map[string][]string{
	provider: {
		"workspaces", "workspaces/batchEndpoints", "workspaces/batchEndpoints/deployments", "workspaces/codes", "workspaces/codes/versions",
		"workspaces/components", "workspaces/components/versions", "workspaces/computes", "workspaces/data", "workspaces/data/versions",
		"workspaces/datastores", "workspaces/environments", "workspaces/environments/versions", "workspaces/jobs", "workspaces/models",
		"workspaces/models/versions",
	},
	"Microsoft.Storage": {"storageAccounts"},
}

func listProviders(c *call) answer {
	var providers []store.Document
	for _, namespace := range []string{provider, "Microsoft.Storage"} {
		providers = append(providers, c.providerOf(namespace))
	}
	return ok(valueOf(providers))
}

// getProvider says that every resource provider is registered, also when asked to register one. One
// that the emulator does not play has no resource types.
func getProvider(c *call) answer { return ok(c.providerOf(c.param("provider"))) }

func (c *call) providerOf(namespace string) store.Document {
	types := []any{}
	for name, played := range resourceTypes {
		if !strings.EqualFold(name, namespace) {
			continue
		}
		versions := []string{"2023-05-01"}
		if namespace = name; name == provider {
			versions = slices.Clone(publishedVersions)
			slices.Reverse(versions)
		}
		for _, kind := range played {
			types = append(types, store.Document{
				"resourceType": kind, "locations": c.regions(), "apiVersions": versions, "capabilities": "None",
			})
		}
	}
	return store.Document{
		"id": subscriptionID(c.param("subscription")) + "/providers/" + namespace, "namespace": namespace,
		"registrationState": "Registered", "registrationPolicy": "RegistrationRequired", "resourceTypes": types,
	}
}

// listResources lists the workspaces and their storage accounts, by name, type, kind and place
// only.
func listResources(c *call) answer {
	groups := []store.Document{{"id": groupID(c.param("subscription"), c.param("group"))}}
	if c.param("group") == "" {
		groups = c.h.store.List(subscriptionID(c.param("subscription")) + "/resourceGroups")
	}
	var resources []store.Document
	for _, group := range groups {
		for _, kind := range []string{workspaceType, storageAccountType} {
			for _, doc := range c.h.store.List(store.Text(group, "id") + "/providers/" + kind) {
				resource := store.Document{}
				for _, name := range []string{"id", "name", "type", "location", "kind", "sku", "identity", "tags"} {
					if doc[name] != nil {
						resource[name] = doc[name]
					}
				}
				resources = append(resources, resource)
			}
		}
	}
	return c.page(resources, c.top("$top"))
}

// listRoleAssignments lists none: roles are not played.
func listRoleAssignments(*call) answer { return ok(valueOf(nil)) }

// listPermissions lists those of a role that may do everything but what is denied.
func listPermissions(c *call) answer {
	denied := []any{}
	if c.h.denied != nil {
		for _, action := range c.h.denied() {
			if !strings.HasPrefix(strings.ToLower(action), "microsoft.") {
				action = workspaceType + "/" + action
			}
			denied = append(denied, action)
		}
	}
	return ok(valueOf([]store.Document{{"actions": []any{"*"}, "notActions": denied, "dataActions": []any{"*"}, "notDataActions": denied}}))
}
