package arm

import (
	"net/http"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

func (h *Handler) workspaceRoutes() []route {
	const (
		bySubscription = subscriptionPath + "/providers/" + workspaceType
		byGroup        = groupPath + "/providers/" + workspaceType
	)
	return []route{
		{method: http.MethodGet, path: bySubscription, serve: listSubscriptionWorkspaces, unidentified: true},
		{method: http.MethodGet, path: byGroup, serve: listGroupWorkspaces, unidentified: true},
		{method: http.MethodGet, path: workspacePath, serve: getWorkspace, unidentified: true},
	}
}

func listSubscriptionWorkspaces(c *call) answer {
	var workspaces []store.Document
	for _, group := range c.h.store.List(subscriptionID(c.param("subscription")) + "/resourceGroups") {
		workspaces = append(workspaces, c.h.store.List(store.Text(group, "id")+"/providers/"+workspaceType)...)
	}
	return c.page(c.showWorkspaces(workspaces), 0)
}

func listGroupWorkspaces(c *call) answer {
	return c.page(c.showWorkspaces(c.h.store.List(groupID(c.param("subscription"), c.param("group"))+"/providers/"+workspaceType)), 0)
}

func getWorkspace(c *call) answer {
	doc, _ := c.h.store.Get(c.workspace)
	return ok(c.showWorkspaces([]store.Document{doc})[0])
}

// Members that only some api-versions show: those that the published descriptions have since that
// date.
var (
	workspaceMembers         = []versioned{{name: "kind", in: since("2023-04-01")}}
	workspacePropertyMembers = []versioned{
		{name: "managedNetwork", in: since("2023-04-01")}, {name: "enableDataIsolation", in: since("2023-04-01")},
	}
)

// showWorkspaces changes workspaces to what the api-version shows.
func (c *call) showWorkspaces(docs []store.Document) []store.Document {
	for _, doc := range docs {
		c.version.conform(doc, workspaceMembers)
		c.version.conform(store.Object(doc, "properties"), workspacePropertyMembers)
	}
	return docs
}
