package arm

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

func dataKind() *assetKind {
	return &assetKind{
		segment: "data", noun: "Data",
		needed: []string{"dataUri"}, content: []string{"dataUri", "dataType"}, contentChanged: pathChanged, // not evidenced for dataType
		shape: object{
			"dataType": enum{"uri_file", "uri_folder", "mltable"}, "dataUri": text{}, "referencedUris": list{text{}},
		},
		build: buildData,
		versionMembers: append([]versioned{
			{name: "stage", in: apiVersion.richPreview},
			// Unlike other kinds, data never shows it.
			{name: "provisioningState", in: func(apiVersion) bool { return false }},
		}, previewMembers...),
		container: func(properties store.Document) store.Document {
			return store.Document{"tags": nil, "properties": nil, "dataType": properties["dataType"]}
		},
		unmodified:  true,
		noContainer: func(c *call) answer { return c.assetNotFound("data " + c.param("name")) },
		noVersion:   func(c *call) answer { return c.assetNotFound("data " + c.param("name") + ":" + c.param("version")) },
	}
}

// dataVersions is the service's rule for versions of data (azure-docs issue 111551).
var dataVersions = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,50}$`)

// buildData spells the place of the content in its long form, and ends it with a slash for
// everything that is not a file (azure-sdk-for-python recordings test_create_mltable, 2022, and
// test_create_uri_folder, 2026). Whether anything exists there is not checked.
func buildData(c *call, properties, _ store.Document) *answer {
	if !dataVersions.MatchString(c.param("version")) {
		a := c.fail(http.StatusBadRequest, "UserError", "dataVersion is invalid. It can only contain alphanumeric characters, "+
			"dashes, underscores, and periods, with a limit of 50 characters.", withInner("BadArgument", "ArgumentInvalid"))
		return &a
	}
	if properties["autoDeleteSetting"] != nil {
		a := c.fail(http.StatusBadRequest, "UserError", "AutoDeleteSetting is only supported for assets in managed datastore.",
			withInner("BadArgument", "ArgumentInvalid", "AutoDeleteSettingOnlySupportedForManagedDatastore"))
		return &a
	}
	fill(properties, "dataType", "uri_folder") // not evidenced: the type when none is sent
	properties["dataUri"] = c.longDataURI(store.Text(properties, "dataUri"), store.Text(properties, "dataType"))
	if properties["dataType"] != "mltable" {
		delete(properties, "referencedUris")
	}
	return nil
}

// longDataURI turns azureml://datastores/… into the form with subscription, group and workspace.
// Other URIs are unchanged.
func (c *call) longDataURI(uri, dataType string) string {
	if !strings.HasPrefix(uri, "azureml:") {
		return uri
	}
	if rest, short := strings.CutPrefix(uri, "azureml://datastores/"); short {
		uri = "azureml://subscriptions/" + c.param("subscription") + "/resourcegroups/" + c.param("group") +
			"/workspaces/" + store.LastSegment(c.workspace) + "/datastores/" + rest
	}
	uri = withGroupSpelling(uri, "resourcegroups")
	if dataType != "uri_file" && !strings.HasSuffix(uri, "/") {
		uri += "/"
	}
	return uri
}
