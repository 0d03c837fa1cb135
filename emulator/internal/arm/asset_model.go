package arm

import (
	"net/http"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

const (
	stageDevelopment = "Development"
	stageArchived    = "Archived"
	stageLogged      = "Logged"
)

func modelKind() *assetKind {
	return &assetKind{
		segment: "models", noun: "Model", content: []string{"modelUri"}, needed: []string{"modelUri"}, contentChanged: pathChanged,
		shape: object{
			"modelUri": text{}, "modelType": enum{"custom_model", "mlflow_model", "triton_model"}, "jobName": text{},
			"flavors": dictionary{object{"data": dictionary{text{}}}},
		},
		build: buildModel,
		versionMembers: append([]versioned{
			stateMember, {name: "stage", value: stageDevelopment, in: since("2023-04-01")},
		}, previewMembers...),
		containerMembers: []versioned{stateMember},
		oldestFirst:      true,
		noContainer:      modelContainerNotFound,
		noVersion:        modelVersionNotFound,
	}
}

// buildModel spells the place of the content with resourceGroups, and sets the stage: archiving a
// model makes it Archived, restoring it Development, whatever stage the request names
// (azure-sdk-for-python recording test_model_archive_restore_version, 2025).
func buildModel(_ *call, properties, old store.Document) *answer {
	fill(properties, "flavors", store.Document{})
	fill(properties, "modelType", "custom_model") // not evidenced: the type when none is sent
	fill(properties, "jobName", nil)
	if uri := store.Text(properties, "modelUri"); uri != "" {
		properties["modelUri"] = withGroupSpelling(uri, "resourceGroups")
	}
	switch {
	case store.IsTrue(properties, "isArchived"):
		properties["stage"] = stageArchived
	case properties["stage"] != nil && properties["stage"] != stageArchived:
	case old != nil && old["stage"] != stageArchived:
		properties["stage"] = old["stage"]
	default:
		properties["stage"] = nil
	}
	fill(properties, "stage", stageDevelopment)
	return nil
}

// withGroupSpelling writes the segment resourceGroups of an azureml URI in the given case. The
// service uses different cases for models and for data.
func withGroupSpelling(uri, spelling string) string {
	if !strings.HasPrefix(uri, "azureml://subscriptions/") {
		return uri
	}
	segments := strings.Split(uri, "/")
	const place = 4 // azureml: "" subscriptions S resourcegroups
	if len(segments) > place && strings.EqualFold(segments[place], spelling) {
		segments[place] = spelling
	}
	return strings.Join(segments, "/")
}

// The model service puts the useful code into details.

func modelContainerNotFound(c *call) answer {
	return c.fail(http.StatusNotFound, "UserError", "The specified resource was not found.",
		withDetail("ModelNotFound", "Model container with name: "+c.param("name")+" not found."))
}

func modelVersionNotFound(c *call) answer {
	return c.fail(http.StatusNotFound, "UserError", "The specified resource was not found.",
		withDetail("NoSuchModelRegistered", "There is no registered model in Account Subscription: "+c.param("subscription")+
			", ResourceGroup: "+c.param("group")+", Workspace: "+c.param("workspace")+" with id "+c.param("name")+":"+c.param("version")))
}
