package arm

import (
	"net/http"
	"slices"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// Properties of a code version that hold the hash of its content.
const (
	hashProperty        = "hash_sha256"
	hashVersionProperty = "hash_version"
)

func codeKind() *assetKind {
	return &assetKind{
		segment: "codes", noun: "Code", shape: object{"codeUri": text{}}, content: []string{"codeUri"}, needed: []string{"codeUri"}, contentChanged: pathChanged,
		build:            buildCode,
		search:           findCode,
		versionMembers:   []versioned{stateMember},
		containerMembers: []versioned{stateMember},
		noContainer:      func(c *call) answer { return c.assetNotFound("code " + c.param("name")) },
		noVersion:        func(c *call) answer { return c.assetNotFound("code " + c.param("name") + ":" + c.param("version")) },
		looseList:        true,
	}
}

// codeRoutes are the routes that codes have besides the common ones. In the published description
// models and data have them too.
func (h *Handler) codeRoutes() []route {
	var routes []route
	for _, segment := range []string{"codes", "models", "data"} {
		routes = append(routes, route{
			method: http.MethodPost, path: workspacePath + "/" + segment + "/{name}/versions/{version}/startPendingUpload",
			serve: startPendingUpload,
		})
	}
	return routes
}

// buildCode ignores isAnonymous: the answer is always false.
func buildCode(_ *call, properties, _ store.Document) *answer {
	properties["isAnonymous"] = false
	fill(properties, "codeUri", nil)
	return nil
}

// findCode lists the versions whose content has the wanted hash. The URL names one code, but all
// codes of the workspace are searched, so that equal content is found under any name
// (azure-sdk-for-python recording test_create_and_get, 2023).
func findCode(c *call, kind *assetKind) answer {
	hash, hashVersion := c.query.Get("hash"), c.query.Get("hashversion")
	var found []store.Document
	for _, doc := range c.h.store.Tree(c.containersID(kind)) {
		properties := store.Object(doc, "properties", "properties")
		if store.Text(properties, hashProperty) == hash && (hashVersion == "" || store.Text(properties, hashVersionProperty) == hashVersion) {
			found = append(found, c.showVersion(kind, doc))
		}
	}
	slices.Reverse(found)
	return c.page(found, c.top("$top"))
}
