package arm

import (
	"slices"
	"strconv"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
)

var containerShape = object{"properties": commonAssetShape}

func (c *call) showContainer(kind *assetKind, doc store.Document) store.Document {
	shown := store.Copy(doc)
	c.version.conform(store.Object(shown, "properties"), kind.containerMembers)
	if kind.showContainer != nil {
		kind.showContainer(c, shown)
	}
	return shown
}

func listContainers(c *call, kind *assetKind) answer {
	docs := c.h.store.List(c.containersID(kind))
	if !kind.oldestFirst {
		slices.Reverse(docs)
	}
	view := c.listView()
	var shown []store.Document
	for _, doc := range docs {
		if view.shows(doc) {
			shown = append(shown, c.showContainer(kind, doc))
		}
	}
	return c.page(shown, c.top("$top", "count"))
}

func getContainer(c *call, kind *assetKind) answer {
	doc, found := c.h.store.Get(c.containerID(kind))
	if !found {
		return kind.noContainer(c)
	}
	shown := c.showContainer(kind, doc)
	if kind.alwaysCreated {
		// An archived environment disappears from the lists, yet its container still says false
		// (azure-sdk-for-python recording test_environment_archive_restore_container, 2026).
		store.Object(shown, "properties")["isArchived"] = false
	}
	if kind.segment == "components" {
		// Getting a component container shows no author; listing it does (recording
		// test_command_component_create_autoincrement, 2026).
		for _, name := range []string{"createdBy", "createdByType", "lastModifiedBy", "lastModifiedByType"} {
			delete(store.Object(shown, "systemData"), name)
		}
	}
	return ok(shown)
}

// putContainer creates a container or changes its description, tags, properties and isArchived.
//
// Not evidenced: the answer to a body without properties, which the service's description requires.
func putContainer(c *call, kind *assetKind) answer {
	body, refusal := c.read(containerShape, kind.noun)
	if refusal != nil {
		return *refusal
	}
	if body["properties"] == nil {
		return c.invalid(kind.noun, []validation.Violation{{
			PropertyName: "Properties", ErrorMessage: "'Properties' must not be empty.", ErrorCode: "ArgumentNullOrEmpty",
		}})
	}
	sent := store.Object(body, "properties")
	_, exists := c.h.store.Get(c.containerID(kind))
	if !exists {
		if err := c.makeContainer(kind, sent); err != nil {
			return c.internal(err)
		}
	}
	doc, err := c.h.store.Update(c.containerID(kind), func(doc store.Document) error {
		properties := store.Object(doc, "properties")
		for _, name := range []string{"description", "tags", "properties", "isArchived"} {
			if sent[name] != nil {
				properties[name] = sent[name]
			}
		}
		if exists && !kind.alwaysCreated {
			doc["systemData"] = c.systemData(store.Object(doc, "systemData"))
		}
		return nil
	})
	if err == nil {
		err = c.countVersions(kind)
	}
	if err != nil {
		return c.internal(err)
	}
	return c.put(!exists || kind.alwaysCreated, c.showContainer(kind, doc))
}

func deleteContainer(c *call, kind *assetKind) answer {
	_, found := c.h.store.Get(c.containerID(kind))
	return c.deleted(found, c.h.store.DeleteTree(c.containerID(kind)))
}

// makeContainer creates the container of a name if there is none, with the properties of its first
// version.
func (c *call) makeContainer(kind *assetKind, properties store.Document) error {
	if _, found := c.h.store.Get(c.containerID(kind)); found {
		return nil
	}
	doc := store.Document{
		"id": c.containerID(kind), "name": c.param("name"), "type": workspaceType + "/" + kind.segment,
		"systemData": c.systemData(nil),
		"properties": store.Document{
			"description": nil, "tags": store.Document{}, "properties": store.Document{}, "isArchived": false,
			"latestVersion": nil, "nextVersion": "1",
		},
	}
	if kind.container != nil {
		for name, value := range kind.container(properties) {
			store.Object(doc, "properties")[name] = value
		}
	}
	if kind.unmodified {
		withoutLastAuthor(doc)
	}
	_, err := c.h.store.Put(store.Text(doc, "id"), doc)
	return err
}

// countVersions sets a container's latest version, the one created last, and its next version: one
// more than the highest number, or 1.
func (c *call) countVersions(kind *assetKind) error {
	versions := c.h.store.List(c.containerID(kind) + "/versions")
	var latest any
	highest := int64(0)
	for _, version := range versions {
		latest = store.Text(version, "name")
		if n, err := strconv.ParseInt(store.Text(version, "name"), 10, 64); err == nil {
			highest = max(highest, n)
		}
	}
	return c.h.update(c.containerID(kind), func(doc store.Document) {
		properties := store.Object(doc, "properties")
		properties["latestVersion"] = latest
		properties["nextVersion"] = strconv.FormatInt(highest+1, 10)
		if kind.unmodified {
			store.Object(doc, "systemData")["lastModifiedAt"] = store.TimeText(c.h.now())
		}
	})
}
