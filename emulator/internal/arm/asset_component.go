package arm

import (
	"net/http"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/jobs"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
)

func componentKind() *assetKind {
	return &assetKind{
		segment: "components", noun: "Component", shape: object{"componentSpec": anything{}},
		build: buildComponent,
		versionMembers: []versioned{
			{name: "autoDeleteSetting", in: apiVersion.richPreview},
			stateMember, {name: "stage", value: stageDevelopment, in: apiVersion.richPreview}, // no stable version has it in its description
		},
		containerMembers: []versioned{stateMember},
		container: func(store.Document) store.Document {
			return store.Document{"description": ""}
		},
		showContainer: func(c *call, container store.Document) {
			// nextVersion is the time of the request.
			properties := store.Object(container, "properties")
			properties["latestVersion"] = nil
			properties["nextVersion"] = strings.ReplaceAll(c.h.now().UTC().Format("2006-01-02-15-04-05.0000000"), ".", "-")
		},
		noContainer: func(c *call) answer {
			return c.notFound("Not found component "+c.param("name")+".", "NotFound", "ComponentNotFound")
		},
		// Not evidenced for this request: the text is that of a job that names such a version.
		noVersion: func(c *call) answer {
			return c.notFound("Not found component "+c.param("name")+" (version: "+c.param("version")+").", "NotFound", "ComponentNotFound")
		},
	}
}

// buildComponent refuses to change the code of an existing version, and rewrites the specification
// as the service does.
func buildComponent(c *call, properties, old store.Document) *answer {
	spec := store.Object(properties, "componentSpec")
	if spec == nil {
		a := c.invalid("Component", []validation.Violation{{
			PropertyName: "ComponentSpec", ErrorMessage: "'Component Spec' must not be empty.", ErrorCode: "ArgumentNullOrEmpty",
		}})
		return &a
	}
	if before := store.Object(old, "componentSpec"); before != nil && foldName(store.Text(before, "code")) != foldName(store.Text(spec, "code")) {
		a := c.fail(http.StatusBadRequest, "UserError", "Failed to update component "+c.param("name")+
			" since field \"code\" is immutable, try specifying a new version.",
			withInner("BadArgument", "ArgumentInvalid", "UpdateComponentFailed"))
		return &a
	}
	environment, refusal := c.componentEnvironment(store.Text(spec, "environment"))
	if refusal != nil {
		return refusal
	}
	if strings.EqualFold(store.Text(spec, "type"), "pipeline") {
		if err := jobs.KeepSteps(c.h.store, c.workspace+"/components/"+c.param("name")+"/versions/"+c.param("version"), spec); err != nil {
			a := c.fail(http.StatusBadRequest, "UserError", "The component cannot be made: "+err.Error()+".", withInner("BadArgument", "ArgumentInvalid"))
			return &a
		}
	}
	properties["componentSpec"] = c.componentSpec(spec, environment)
	properties["description"] = nil // it is in the specification
	properties["stage"] = stageDevelopment
	if store.IsTrue(properties, "isAnonymous") {
		properties["stage"] = stageLogged
	}
	return nil
}

// componentEnvironment rewrites the environment of a component as the service does: a curated one
// gets its registry, others stay as sent. An environment that does not exist is refused
// (azure-sdk-for-python recording test_command_component_create_autoincrement, 2023). Names that
// begin with AzureML- count as curated, and as existing.
func (c *call) componentEnvironment(reference string) (string, *answer) {
	name, version, versioned := strings.Cut(strings.TrimPrefix(reference, "azureml:"), ":")
	if reference == "" || !versioned || strings.Contains(name, "/") {
		return reference, nil
	}
	if strings.HasPrefix(foldName(name), "azureml-") {
		return "azureml://registries/azureml/environments/" + name + "/versions/" + version, nil
	}
	if doc, found := c.h.store.Get(c.workspace + "/environments/" + name + "/versions/" + version); found {
		return "azureml:" + store.Text(doc, "id"), nil
	}
	a := c.fail(http.StatusBadRequest, "UserError",
		"Error occurred when loading YAML file rootNode, details: Invalid environment id: No definition exists for environment "+name+
			" version "+version+". See https://aka.ms/azureml/environment/no-definition-exists for troubleshooting.",
		withInner("BadArgument", "ArgumentInvalid", "YamlFileInvalid"))
	return "", &a
}

// componentSpec rewrites a specification as the service does: booleans and numbers become text,
// defaults are filled in, the client's own marks and the jobs of a pipeline component are dropped
// (recordings of 2026).
func (c *call) componentSpec(sent store.Document, environment string) store.Document {
	spec, _ := asText(store.Copy(sent)).(store.Document)
	for _, name := range []string{"_source", "sourceJobId", "jobs"} {
		delete(spec, name)
	}
	spec["name"], spec["version"] = c.param("name"), c.param("version")
	fill(spec, "is_deterministic", "False")
	if environment != "" {
		spec["environment"] = environment
	}
	if spec["type"] == "command" {
		fill(spec, "resources", store.Document{})
		fill(store.Object(spec, "resources"), "instance_count", "1")
	}
	for _, input := range store.Object(spec, "inputs") {
		if input, isObject := input.(store.Document); isObject {
			fill(input, "optional", "False")
			if compute, isName := strings.CutPrefix(store.Text(input, "default"), "azureml:"); isName {
				input["default"] = compute
			}
		}
	}
	return spec
}

// asText turns booleans and numbers at any depth into text, and drops nulls.
func asText(v any) any {
	switch v := v.(type) {
	case store.Document:
		for name, member := range v {
			if v[name] = asText(member); member == nil {
				delete(v, name)
			}
		}
		return v
	case []any:
		for i, item := range v {
			v[i] = asText(item)
		}
		return v
	case nil:
		return nil
	}
	var none []validation.Violation
	return text{}.read(v, "", &none)
}
