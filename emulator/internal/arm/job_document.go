package arm

import "github.com/azmlbatch/azmlbatch/emulator/internal/store"

// The members of a job that only some api-versions show, by one job asked for with two versions
// (azure-sdk-for-python recording test_mlflow_batch_endpoint_create_and_update, 2026) and by
// recordings of 2022-12-01-preview and 2024-04-01.
var (
	jobMembers = []versioned{
		{name: "notificationSetting", in: since("2023-04-01")},
		{name: "secretsConfiguration", in: apiVersion.richPreview},
		{name: "provisioningState", in: func(apiVersion) bool { return false }},
	}
	commandJobMembers = []versioned{
		{name: "parentJobName", in: since("2025-01-01")},
		{name: "autologgerSettings", in: oldPreview},
		{name: "queueSettings", value: store.Document{"jobTier": "Null"}, in: since("2023-04-01")},
	}
	jobResourceMembers = []versioned{
		{name: "maxInstanceCount", in: apiVersion.richPreview},
		{name: "locations", in: apiVersion.richPreview},
		{name: "dockerArgsList", in: since("2025-01-01")},
	}
	jobQueueMembers  = []versioned{{name: "priority", in: apiVersion.richPreview}}
	jobInputMembers  = []versioned{{name: "pathOnCompute", in: apiVersion.richPreview}}
	jobOutputMembers = []versioned{
		{name: "assetName", in: func(v apiVersion) bool { return v.preview }},
		{name: "assetVersion", in: oldPreview},
		{name: "pathOnCompute", in: apiVersion.richPreview},
		{name: "autoDeleteSetting", in: apiVersion.richPreview},
	}
)

// oldPreview is any preview before those of 2025.
func oldPreview(v apiVersion) bool { return v.preview && !v.since("2025-01-01") }

// showJob returns a job as the api-version shows it. A step of a pipeline has no properties member
// at all.
func (c *call) showJob(doc store.Document) store.Document {
	shown := store.Copy(doc)
	properties := store.Object(shown, "properties")
	if properties == nil {
		return shown
	}
	c.version.conform(properties, jobMembers)
	if properties["jobType"] != "Pipeline" {
		c.version.conform(properties, commandJobMembers)
		c.conformIf(store.Object(properties, "resources"), jobResourceMembers)
		c.conformIf(store.Object(properties, "queueSettings"), jobQueueMembers)
	}
	for _, input := range store.Object(properties, "inputs") {
		if input, isObject := input.(store.Document); isObject && input["jobInputType"] != "literal" {
			c.version.conform(input, jobInputMembers)
		}
	}
	for _, output := range store.Object(properties, "outputs") {
		if output, isObject := output.(store.Document); isObject {
			c.version.conform(output, jobOutputMembers)
		}
	}
	return shown
}

func (c *call) conformIf(object store.Document, members []versioned) {
	if object != nil {
		c.version.conform(object, members)
	}
}
