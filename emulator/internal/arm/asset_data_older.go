package arm

import (
	"net/http"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
)

var datasetShape = object{"properties": object{
	"description": text{}, "tags": dictionary{text{}}, "properties": dictionary{text{}},
	"isArchived": boolean{}, "isAnonymous": boolean{}, "paths": list{object{"folder": text{}, "file": text{}}},
}}

// datasetRoutes are the datasets of the API of 2021, which Microsoft's REST sample still uses. They
// are data versions under another name: a dataset is found as data too. Not evidenced: the answers,
// which the sample ignores; they are those of a data version plus the paths that were sent.
func (h *Handler) datasetRoutes() []route {
	const version = workspacePath + "/datasets/{name}/versions/{version}"
	return []route{
		{method: http.MethodGet, path: version, serve: getDataset},
		{method: http.MethodPut, path: version, serve: putDataset},
	}
}

func getDataset(c *call) answer {
	doc, found := c.h.store.Get(c.versionID(dataKind()))
	if !found {
		return c.assetNotFound("dataset " + c.param("name") + ":" + c.param("version"))
	}
	return ok(c.showDataset(doc))
}

func putDataset(c *call) answer {
	body, refusal := c.read(datasetShape, "Dataset")
	if refusal != nil {
		return *refusal
	}
	paths, _ := store.Object(body, "properties")["paths"].([]any)
	if len(paths) != 1 {
		return c.invalid("Dataset", []validation.Violation{{
			PropertyName: "Paths", ErrorMessage: "A dataset must have exactly one path.", ErrorCode: "PredicateValidator",
		}})
	}
	path, _ := paths[0].(store.Document)
	properties := store.Object(body, "properties")
	delete(properties, "paths")
	properties["dataType"], properties["dataUri"] = "uri_folder", path["folder"]
	if path["file"] != nil {
		properties["dataType"], properties["dataUri"] = "uri_file", path["file"]
	}
	c.body = body
	a := putVersion(c, dataKind())
	if doc, shown := a.body.(store.Document); shown && !a.failed {
		a.body = c.showDataset(doc)
	}
	return a
}

// showDataset renders a data version as a dataset.
func (c *call) showDataset(doc store.Document) store.Document {
	shown := c.showVersion(dataKind(), doc)
	shown["id"] = c.workspace + "/datasets/" + store.LastSegment(store.ParentID(store.ParentID(store.Text(doc, "id")))) + "/versions/" + store.Text(doc, "name")
	shown["type"] = workspaceType + "/datasets/versions"
	properties := store.Object(shown, "properties")
	member := "folder"
	if properties["dataType"] == "uri_file" {
		member = "file"
	}
	properties["paths"] = []any{store.Document{member: properties["dataUri"]}}
	return shown
}
