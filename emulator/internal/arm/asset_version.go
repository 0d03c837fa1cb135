package arm

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/emulator/internal/validation"
)

// showVersion returns a version as the api-version shows it.
func (c *call) showVersion(kind *assetKind, doc store.Document) store.Document {
	shown := store.Copy(doc)
	properties := store.Object(shown, "properties")
	c.version.conform(properties, kind.versionMembers)
	if kind.show != nil {
		kind.show(c.version, properties)
	}
	return shown
}

func getVersion(c *call, kind *assetKind) answer {
	doc, found := c.h.store.Get(c.versionID(kind))
	if !found {
		return kind.noVersion(c)
	}
	return ok(c.showVersion(kind, doc))
}

// getLabel resolves latest, the only label of workspace assets (components also have default), to
// the version created last.
func getLabel(c *call, kind *assetKind) answer {
	versions := c.newestVersions(kind, view{active: true})
	label := foldName(c.param("label"))
	if len(versions) == 0 || (label != "latest" && (label != "default" || kind.segment != "components")) {
		return kind.noVersion(c)
	}
	return ok(c.showVersion(kind, versions[0]))
}

// listVersions lists the version created last first.
func listVersions(c *call, kind *assetKind) answer {
	if kind.search != nil && c.query.Get("hash") != "" {
		return kind.search(c, kind)
	}
	if _, found := c.h.store.Get(c.containerID(kind)); !found && !kind.looseList && len(c.h.store.List(c.containerID(kind)+"/versions")) == 0 {
		return kind.noContainer(c)
	}
	versions := c.newestVersions(kind, c.listView())
	if strings.Contains(foldName(c.query.Get("$orderby")), "asc") {
		slices.Reverse(versions)
	}
	var shown []store.Document
	for _, doc := range versions {
		if c.wantsVersion(doc) {
			shown = append(shown, c.showVersion(kind, doc))
		}
	}
	return c.page(shown, c.top("$top"))
}

func (c *call) newestVersions(kind *assetKind, shown view) []store.Document {
	versions := c.h.store.List(c.containerID(kind) + "/versions")
	slices.Reverse(versions)
	return slices.DeleteFunc(versions, func(doc store.Document) bool { return !shown.shows(doc) })
}

// wantsVersion applies the filters version, stage, tags and properties; the last two are lists of
// name or name=value, separated by commas.
func (c *call) wantsVersion(doc store.Document) bool {
	properties := store.Object(doc, "properties")
	if wanted := c.query.Get("version"); wanted != "" && !strings.EqualFold(wanted, store.Text(doc, "name")) {
		return false
	}
	if wanted := c.query.Get("stage"); wanted != "" && !strings.EqualFold(wanted, store.Text(properties, "stage")) {
		return false
	}
	return hasEntries(store.Object(properties, "tags"), c.query.Get("$tags")+c.query.Get("tags")) &&
		hasEntries(store.Object(properties, "properties"), c.query.Get("properties"))
}

// hasEntries reports whether entries contain all that are wanted.
func hasEntries(entries store.Document, wanted string) bool {
	for pair := range strings.SplitSeq(wanted, ",") {
		name, value, valued := strings.Cut(strings.TrimSpace(pair), "=")
		if name == "" {
			continue
		}
		if got, found := entries[name]; !found || (valued && got != value) {
			return false
		}
	}
	return true
}

// putVersion registers a version. The last writer wins, but the content cannot change.
func putVersion(c *call, kind *assetKind) answer {
	stored, created, refusal := c.storeVersion(kind)
	if refusal != nil {
		return *refusal
	}
	return c.put(created || kind.alwaysCreated, c.showVersion(kind, stored))
}

// storeVersion stores the version that the request describes.
func (c *call) storeVersion(kind *assetKind) (stored store.Document, created bool, refusal *answer) {
	body, refusal := c.read(object{"properties": withShape(commonAssetShape, kind.shape)}, kind.noun)
	if refusal != nil {
		return nil, false, refusal
	}
	old, exists := c.h.store.Get(c.versionID(kind))
	properties := newAssetProperties(store.Object(body, "properties"))
	if violations := kind.contentViolations(properties); !exists && len(violations) > 0 {
		invalid := c.invalid(kind.noun, violations)
		return nil, false, &invalid
	}
	if refusal := kind.build(c, properties, store.Object(old, "properties")); refusal != nil {
		return nil, false, refusal
	}
	if exists && !sameContent(properties, store.Object(old, "properties"), kind.content) {
		changed := kind.contentChanged(c)
		return nil, false, &changed
	}
	doc := c.newVersion(kind, properties, old)
	if err := c.keepVersion(kind, doc, !exists); err != nil {
		failed := c.internal(err)
		return nil, false, &failed
	}
	stored, _ = c.h.store.Get(store.Text(doc, "id"))
	return stored, !exists, nil
}

// contentViolations says that a version names no content. Not evidenced: the service's answer; the
// form is that of other kinds.
func (kind *assetKind) contentViolations(properties store.Document) []validation.Violation {
	if len(kind.needed) == 0 || slices.ContainsFunc(kind.needed, func(name string) bool {
		return properties[name] != nil && properties[name] != ""
	}) {
		return nil
	}
	name := strings.ToUpper(kind.needed[0][:1]) + kind.needed[0][1:]
	return []validation.Violation{{
		PropertyName: name, ErrorMessage: "'" + name + "' must not be empty.", ErrorCode: "ArgumentNullOrEmpty",
	}}
}

// newAssetProperties returns what was sent, with defaults for the common properties.
func newAssetProperties(sent store.Document) store.Document {
	properties := store.Document{}
	maps.Copy(properties, sent)
	for _, name := range readOnlyMembers {
		delete(properties, name)
	}
	fill(properties, "description", nil)
	fill(properties, "tags", store.Document{})
	fill(properties, "properties", store.Document{})
	fill(properties, "isArchived", false)
	fill(properties, "isAnonymous", false)
	return properties
}

func (c *call) newVersion(kind *assetKind, properties, old store.Document) store.Document {
	doc := store.Document{
		"id": c.versionID(kind), "name": c.param("version"), "type": workspaceType + "/" + kind.segment + "/versions",
		"properties": properties, "systemData": c.systemData(nil),
	}
	switch {
	case old != nil:
		doc["id"], doc["name"] = old["id"], old["name"]
		if kind.alwaysCreated {
			doc["systemData"] = old["systemData"]
		} else {
			doc["systemData"] = c.systemData(store.Object(old, "systemData"))
		}
	case kind.unmodified:
		withoutLastAuthor(doc)
	}
	return doc
}

func withoutLastAuthor(doc store.Document) {
	delete(store.Object(doc, "systemData"), "lastModifiedBy")
	delete(store.Object(doc, "systemData"), "lastModifiedByType")
}

// keepVersion stores a version and creates or updates its container.
func (c *call) keepVersion(kind *assetKind, doc store.Document, created bool) error {
	if created {
		if err := c.makeContainer(kind, store.Object(doc, "properties")); err != nil {
			return err
		}
	}
	if _, err := c.h.store.Put(store.Text(doc, "id"), doc); err != nil {
		return err
	}
	if !created {
		return nil
	}
	if kind.afterPut != nil {
		if err := kind.afterPut(c, store.Text(doc, "id")); err != nil {
			return err
		}
	}
	return c.countVersions(kind)
}

// deleteVersion answers 200, or 204 for a version that does not exist, as published. No recording
// has either.
func deleteVersion(c *call, kind *assetKind) answer {
	found, err := c.h.store.Delete(c.versionID(kind))
	if err == nil && found {
		err = c.countVersions(kind)
	}
	return c.deleted(found, err)
}

func (c *call) deleted(found bool, err error) answer {
	switch {
	case err != nil:
		return c.internal(err)
	case !found:
		return withStatus(http.StatusNoContent, nil)
	}
	return ok(nil)
}

// withShape is the union of two shapes.
func withShape(common, own object) object {
	union := maps.Clone(common)
	maps.Copy(union, own)
	return union
}

// sameContent compares the members of a version that cannot change. The place of content has several
// spellings.
func sameContent(properties, old store.Document, members []string) bool {
	for _, member := range members {
		now, before := properties[member], old[member]
		if strings.HasSuffix(member, "Uri") {
			now, before = placeKey(store.Text(now)), placeKey(store.Text(before))
		}
		if !reflect.DeepEqual(now, before) {
			return false
		}
	}
	return true
}

// placeKey is datastore and path of an azureml URI, which has three spellings, or the URI itself.
func placeKey(uri string) string {
	uri = strings.TrimSuffix(uri, "/")
	if i := strings.Index(uri, "/datastores/"); strings.HasPrefix(uri, "azureml:") && i >= 0 {
		return uri[i:]
	}
	return uri
}
