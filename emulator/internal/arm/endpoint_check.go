package arm

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/azmlbatch/azmlbatch/emulator/internal/loosejson"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
)

// endpointNames is the documented rule for endpoints and deployments: 3 to 32 characters, a letter
// first, then letters, digits and hyphens, no hyphen last.
var endpointNames = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]$`)

// checkEndpoint refuses an endpoint that breaks rules. Not evidenced: that names and authMode are
// refused as validation errors; deployments and tags are.
func (c *call) checkEndpoint(body store.Document) *answer {
	violations := nameViolations(c.param("endpoint"))
	properties := store.Object(body, "properties")
	if properties["authMode"] == nil {
		violations = append(violations, validation.Violation{
			PropertyName: "AuthMode", ErrorMessage: "'Auth Mode' must not be empty.", ErrorCode: "ArgumentNullOrEmpty",
		})
	}
	violations = append(violations, c.tagViolations(body)...)
	if name := store.Text(properties, "defaults", "deploymentName"); name != "" {
		if _, found := c.h.store.Get(c.endpointID() + "/deployments/" + name); !found {
			violations = append(violations, validation.Violation{
				PropertyName: "Defaults.DeploymentName", ErrorCode: "PredicateValidator", AttemptedValue: name,
				ErrorMessage: "The endpoint has no deployment with this name.",
			})
		}
	}
	if len(violations) == 0 {
		return nil
	}
	a := c.invalid("Endpoint", violations)
	return &a
}

func nameViolations(name string) []validation.Violation {
	if endpointNames.MatchString(name) {
		return nil
	}
	return []validation.Violation{{
		PropertyName: "Name", AttemptedValue: name, ErrorCode: "RegularExpressionValidator",
		ErrorMessage: "The name must have 3 to 32 characters, begin with a letter, contain only letters, digits and '-', and not end with '-'.",
	}}
}

// checkTags refuses tags without a value.
func (c *call) checkTags(noun string, body store.Document) *answer {
	violations := c.tagViolations(body)
	if len(violations) == 0 {
		return nil
	}
	a := c.invalid(noun, violations)
	return &a
}

// tagViolations lists the tags without a value, by their index in the request (azure-sdk-for-python
// issues 41586 and 44114).
func (c *call) tagViolations(body store.Document) []validation.Violation {
	tags := store.Object(body, "tags")
	var violations []validation.Violation
	for name, value := range tags {
		if value != nil && value != "" {
			continue
		}
		place := slices.Index(loosejson.MemberNames(c.raw, "tags"), name)
		violations = append(violations, validation.Violation{
			PropertyName: fmt.Sprintf("Tags.Values[%d]", place), ErrorMessage: "Tag values must not be null or empty.",
			AttemptedValue: value, ErrorCode: "PredicateValidator",
		})
	}
	slices.SortFunc(violations, func(a, b validation.Violation) int {
		return compareTagPlaces(a.PropertyName, b.PropertyName)
	})
	return violations
}

func compareTagPlaces(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b) // Tags.Values[9] before Tags.Values[10]
	}
	return slices.Compare([]byte(a), []byte(b))
}

// endpointNameKey is the id of the document that says which endpoint has a name in a region: {"id":
// …}. The scoring host finds endpoints by it.
func endpointNameKey(region, name string) string { return "endpointname:" + region + "/" + name }

// EndpointID returns the ARM id of the endpoint with a name in a region, whatever its workspace.
func EndpointID(state *store.Store, region, name string) (string, bool) {
	doc, found := state.Get(endpointNameKey(region, name))
	return store.Text(doc, "id"), found
}

// takeEndpointName reserves the endpoint's name in the region, or refuses it. The text is that of
// an integration test of Ansible's azure.azcollection (2026); the status 400 is not evidenced.
func (c *call) takeEndpointName() *answer {
	name := c.param("endpoint")
	id, taken := EndpointID(c.h.store, c.location, name)
	if taken {
		// An interrupted create may have left a name without its endpoint.
		_, taken = c.h.store.Get(id)
	}
	if taken || c.h.reserved[foldName(name)] {
		a := c.fail(http.StatusBadRequest, "UserError", "The specified endpoint name '"+name+
			"' is not available. Endpoint names must be unique within the region. Please choose a different name and try again.",
			withInner("BadArgument"))
		return &a
	}
	if _, err := c.h.store.Put(endpointNameKey(c.location, name), store.Document{"id": c.endpointID()}); err != nil {
		a := c.internal(err)
		return &a
	}
	return nil
}

// freeEndpointName releases the name of a deleted endpoint.
func (h *Handler) freeEndpointName(doc store.Document) error {
	id := store.Text(doc, "id")
	workspace, _ := h.store.Get(store.ParentID(store.ParentID(id)))
	_, err := h.store.Delete(endpointNameKey(store.Text(workspace, "location"), store.Text(doc, "name")))
	return err
}

// ownProperties returns the caller's entries of properties.properties, without those that the
// service sets.
func ownProperties(sent store.Document) store.Document {
	own := store.Document{}
	for name, value := range store.Object(sent, "properties") {
		switch name {
		case creationVersionProperty, endpointIDProperty, asyncURIProperty:
		default:
			own[name] = value
		}
	}
	return own
}
