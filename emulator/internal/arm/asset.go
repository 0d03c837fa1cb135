package arm

import (
	"net/http"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// assetKind holds what differs between codes, models, environments, data and components. They share
// routes and rules: one container per name, created by the first version, and synchronous PUTs.
type assetKind struct {
	segment string // in paths: codes, models …
	noun    string // in messages
	shape   object // of a version's own properties, beside the common ones

	// build completes the properties of a version: the common ones and those of the request. old
	// are the properties of the version that exists already, nil if there is none. It may refuse.
	build func(c *call, properties, old store.Document) *answer
	// content are the members that cannot change in an existing version, and contentChanged is the
	// answer to a request that tries.
	content        []string
	contentChanged func(c *call) answer
	// needed are the members that say where the content is; a new version has one of them.
	needed []string
	// versionMembers and containerMembers are shown by some api-versions only.
	versionMembers, containerMembers []versioned
	// container returns the unusual properties of a new container.
	container func(properties store.Document) store.Document
	// show adjusts the properties of a version for the api-version.
	show func(v apiVersion, properties store.Document)
	// showContainer adjusts a container before it is answered.
	showContainer func(c *call, container store.Document)
	// oldestFirst lists containers in the order of creation.
	oldestFirst bool
	// alwaysCreated answers every PUT with 201; no PUT changes the dates or archives a version.
	alwaysCreated bool
	// unmodified shows no last author until the first change.
	unmodified bool
	// afterPut runs when a new version has been stored.
	afterPut func(c *call, id string) error
	// noContainer and noVersion answer for a container or a version that does not exist.
	noContainer func(c *call) answer
	noVersion   func(c *call) answer
	// search lists versions by content, when the query names a hash.
	search func(c *call, kind *assetKind) answer
	// looseList answers an empty list of versions for a name that does not exist; other kinds
	// refuse.
	looseList bool
}

// commonAssetShape are the properties that all versions and containers can have.
var commonAssetShape = object{
	"description": text{}, "tags": dictionary{text{}}, "properties": dictionary{text{}},
	"isArchived": boolean{}, "isAnonymous": boolean{}, "autoDeleteSetting": anything{}, "stage": text{},
}

// previewMembers are shown by the previews of 2023 and 2024 only.
var previewMembers = []versioned{
	{name: "autoDeleteSetting", in: apiVersion.richPreview},
	{name: "intellectualProperty", in: apiVersion.richPreview},
}

// stateMember is shown since 2023.
var stateMember = versioned{name: "provisioningState", value: stateSucceeded, in: since("2023-04-01")}

// readOnlyMembers are set by the service; what a client sends is ignored.
var readOnlyMembers = []string{"provisioningState", "latestVersion", "nextVersion"}

func (h *Handler) assetKinds() []*assetKind {
	return []*assetKind{codeKind(), modelKind(), environmentKind(), dataKind(), componentKind()}
}

// assetRoutes are the routes that all kinds have.
func (h *Handler) assetRoutes() []route {
	var routes []route
	for _, kind := range h.assetKinds() {
		with := func(serve func(*call, *assetKind) answer) func(*call) answer {
			return func(c *call) answer { return serve(c, kind) }
		}
		containers := workspacePath + "/" + kind.segment
		container := containers + "/{name}"
		versions := container + "/versions"
		version := versions + "/{version}"
		routes = append(routes,
			route{method: http.MethodGet, path: containers, serve: with(listContainers)},
			route{method: http.MethodGet, path: container, serve: with(getContainer)},
			route{method: http.MethodPut, path: container, serve: with(putContainer)},
			route{method: http.MethodDelete, path: container, serve: with(deleteContainer)},
			route{method: http.MethodGet, path: versions, serve: with(listVersions)},
			route{method: http.MethodGet, path: version, serve: with(getVersion)},
			route{method: http.MethodPut, path: version, serve: with(putVersion)},
			route{method: http.MethodDelete, path: version, serve: with(deleteVersion)},
			// Not evidenced: labels as routes. References contain them.
			route{method: http.MethodGet, path: container + "/labels/{label}", serve: with(getLabel)},
			route{method: http.MethodGet, path: versions + "/labels/{label}", serve: with(getLabel)},
		)
	}
	return routes
}

func (c *call) containersID(kind *assetKind) string { return c.workspace + "/" + kind.segment }

func (c *call) containerID(kind *assetKind) string {
	return c.containersID(kind) + "/" + c.param("name")
}

func (c *call) versionID(kind *assetKind) string {
	return c.containerID(kind) + "/versions/" + c.param("version")
}

// pathChanged is the answer of Azure ML's services for codes, models and data. The text is known from
// Azure ML's Python SDK. Not evidenced: the status 400.
func pathChanged(c *call) answer {
	return c.fail(http.StatusBadRequest, "UserError", "Asset paths cannot be updated.", withInner("BadArgument", "ArgumentInvalid"))
}

// assetNotFound answers for kinds whose own text is not evidenced: codes, data, and versions of
// environments and components.
func (c *call) assetNotFound(what string) answer {
	return c.notFound("Could not find "+what+".", "NotFoundError")
}
