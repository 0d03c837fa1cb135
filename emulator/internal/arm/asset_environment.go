package arm

import (
	"net/http"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// labelsProperty is a property that the service sets on environment versions: latest on the newest,
// empty on the others.
const labelsProperty = "azureml.labels"

func environmentKind() *assetKind {
	return &assetKind{
		segment: "environments", noun: "Environment",
		shape: object{
			"image": text{}, "condaFile": text{}, "osType": enum{"Linux", "Windows"},
			"environmentType": enum{"UserCreated", "Curated"}, "autoRebuild": enum{"Disabled", "OnBaseImageUpdate"},
			"build": object{"contextUri": text{}, "dockerfilePath": text{}}, "inferenceConfig": anything{},
		},
		build:  buildEnvironment,
		needed: []string{"image", "build", "condaFile"}, content: []string{"image", "condaFile", "build", "osType"}, contentChanged: environmentChanged,
		versionMembers: append([]versioned{
			{name: "autoRebuild", value: "Disabled", in: since("2023-04-01")},
			stateMember, {name: "stage", value: stageDevelopment, in: since("2023-04-01")},
		}, previewMembers...),
		containerMembers: []versioned{stateMember},
		container: func(store.Document) store.Document {
			return store.Document{"description": ""}
		},
		show: func(v apiVersion, properties store.Document) {
			if !v.since("2023-04-01") {
				delete(store.Object(properties, "properties"), labelsProperty)
			}
		},
		alwaysCreated: true,
		afterPut:      moveLatestLabel,
		noContainer:   environmentNotFound,
		noVersion:     environmentNotFound,
	}
}

// environmentNotFound is evidenced for containers. For a missing version it is not, though the text
// has room for one.
func environmentNotFound(c *call) answer {
	return c.notFound("No environment exists for name: "+c.param("name")+", version: "+c.param("version")+", label: "+c.param("label"),
		"NotFoundError")
}

// environmentChanged refuses other content for an existing version. Description and tags can change
// (azure-cli-extensions issue 5440, azure-sdk-for-python pull request 38590).
func environmentChanged(c *call) answer {
	return c.fail(http.StatusConflict, "UserError", "Environment "+c.param("name")+" with version "+c.param("version")+
		" is already registered and cannot be changed.", withInner("Conflict"))
}

// buildEnvironment turns the conda file into JSON text. A version cannot be archived: the answer
// says false (azure-sdk-for-python recording test_environment_archive_restore_version, 2023).
// Neither the image nor the build context is checked.
func buildEnvironment(c *call, properties, old store.Document) *answer {
	properties["isArchived"] = false
	fill(properties, "osType", "Linux")
	fill(properties, "autoRebuild", "Disabled")
	properties["environmentType"] = "UserCreated"
	if properties["image"] == nil {
		delete(properties, "image") // so for environments that are built
	}
	if build := store.Object(properties, "build"); build != nil {
		fill(build, "dockerfilePath", "Dockerfile")
	} else {
		delete(properties, "build")
	}
	conda, err := condaJSON(store.Text(properties, "condaFile"))
	if err != nil {
		// Not evidenced: how an unreadable conda file is refused.
		a := c.fail(http.StatusBadRequest, "UserError", "The conda file is not valid: "+err.Error(), withInner("BadArgument", "ArgumentInvalid"))
		return &a
	}
	properties["condaFile"] = conda
	properties["stage"] = stageDevelopment
	if store.IsTrue(properties, "isAnonymous") {
		properties["stage"] = stageLogged
	}
	if label, known := store.Object(old, "properties")[labelsProperty]; known {
		store.Object(properties, "properties")[labelsProperty] = label
	}
	return nil
}

// moveLatestLabel gives the label to the new version with the id and takes it from the others.
// Anonymous environments have no labels.
func moveLatestLabel(c *call, id string) error {
	for _, doc := range c.h.store.List(store.ParentID(id)) {
		if store.IsTrue(doc, "properties", "isAnonymous") {
			continue
		}
		label := ""
		if store.Text(doc, "id") == id {
			label = "latest"
		}
		err := c.h.update(store.Text(doc, "id"), func(doc store.Document) {
			properties := store.Object(doc, "properties")
			fill(properties, "properties", store.Document{})
			store.Object(properties, "properties")[labelsProperty] = label
		})
		if err != nil {
			return err
		}
	}
	return nil
}
