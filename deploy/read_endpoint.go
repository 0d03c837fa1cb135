package deploy

import (
	"encoding/json"

	"go.yaml.in/yaml/v4"

	"github.com/azmlbatch/azmlbatch"
)

// endpoint reads a batch endpoint.
func (r *reader) endpoint(m *mapping) {
	var e azmlbatch.Endpoint
	m.word("name", &e.Name)
	m.text("description", &e.Description)
	m.texts("tags", &e.Tags)
	m.texts("properties", &e.Properties)
	m.word("location", &e.Location)
	switch m.choice("auth_mode", "aad_token", "key", "aml_token") {
	case "aad_token":
		e.AuthMode = azmlbatch.AuthModeAADToken
	case "key":
		e.AuthMode = "Key"
	case "aml_token":
		e.AuthMode = "AMLToken"
	}
	m.nested("defaults", func(m *mapping) { m.word("deployment_name", &e.DefaultDeployment) })
	e.Identity = identity(m)
	m.readOnly("id", "provisioning_state", "scoring_uri", "openapi_uri", "swagger_uri", "creation_context", "kind")
	addTo(r, &r.spec.Endpoints, m, part{kindEndpoint, e.Name, ""}, e,
		func(o azmlbatch.Endpoint) bool { return o.Name == e.Name })
}

// identity reads the managed identity of an endpoint or a compute.
func identity(m *mapping) azmlbatch.Identity {
	var id azmlbatch.Identity
	m.nested("identity", func(m *mapping) {
		switch m.choice("type", "system_assigned", "user_assigned", "none") {
		case "system_assigned":
			id.Type = azmlbatch.IdentityTypeSystemAssigned
		case "user_assigned":
			id.Type = azmlbatch.IdentityTypeUserAssigned
		}
		m.readOnly("principal_id", "tenant_id")
		list := m.value("user_assigned_identities")
		if list == nil {
			return
		}
		if list.Kind != yaml.SequenceNode {
			m.bad("user_assigned_identities", list, "is "+nodeNoun(list),
				"write a list: - resource_id: /subscriptions/…")
			return
		}
		id.UserAssignedIdentities = map[string]json.RawMessage{}
		for _, item := range list.Content {
			if item.Kind != yaml.MappingNode {
				m.bad("user_assigned_identities", item, "has "+nodeNoun(item)+" in its list",
					"write - resource_id: /subscriptions/…")
				continue
			}
			one := m.mappingOf(item, "user_assigned_identities")
			resource := ""
			one.word("resource_id", &resource)
			one.readOnly("principal_id", "client_id")
			one.done()
			id.UserAssignedIdentities[resource] = json.RawMessage("{}")
		}
	})
	return id
}
