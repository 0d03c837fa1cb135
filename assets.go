package azmlbatch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// Asset is one of the kinds of things that a workspace keeps in named versions.
type Asset interface {
	Code | Model | Environment | Data | Component
}

// AssetsClient has the calls that all kinds of assets share. Get one from [Client.Codes],
// [Client.Models], [Client.Environments], [Client.Data] or [Client.Components], which add the calls
// of their kind.
//
// The content of a version never changes: the service refuses another path or code under an old
// version, so new content needs a new version. Registering costs nothing; the stored files cost
// what storage costs, and stay when a version is archived or deleted. Calls other than uploads and
// downloads make one to three requests.
type AssetsClient[T Asset] struct{ c *Client }

// assetView is what the engine must know of an asset, whatever its kind. The pointers lead into the
// asset.
type assetView struct {
	kind     ReferenceKind
	id       string
	name     *string
	version  *string
	archived *bool
	content  string         // where the files are; "" without
	outcome  *UploadOutcome // nil for components, which have no files
	stage    *string        // nil for kinds whose stage is not the caller's
}

func viewOf[T Asset](asset *T) assetView {
	return any(asset).(interface{ view() assetView }).view()
}

func (a AssetsClient[T]) kind() ReferenceKind { return viewOf(new(T)).kind }

func (a AssetsClient[T]) op(verb, name string) operation {
	return operation{verb, a.kind().noun(), name}
}

// request is one about a version, and container one about a name.
func (a AssetsClient[T]) request(op operation, method, name, version string, more ...string) request {
	return request{op: op, method: method, invalid: checkAssetVersion(op, name, version),
		url: a.c.armURL(append([]string{string(a.kind()), name, "versions", version}, more...)...)}
}

func (a AssetsClient[T]) container(op operation, method, name string, more ...string) request {
	return request{op: op, method: method, invalid: checkAsset(op, name, ""),
		url: a.c.armURL(append([]string{string(a.kind()), name}, more...)...)}
}

// Get reads one version. A missing version, or name, is [ErrNotFound]. Archived versions are found
// too.
func (a AssetsClient[T]) Get(ctx context.Context, name, version string) (T, error) {
	return do[T](ctx, a.c, a.request(a.op("get", name+":"+version), http.MethodGet, name, version))
}

func checkAssetVersion(op operation, name, version string) error {
	if err := checkAsset(op, name, version); err != nil {
		return err
	}
	if version == "" {
		return op.invalid("version", "is empty", "name one, or use the Latest method")
	}
	return nil
}

// Latest reads the version that was created last and is not archived; this is what @latest means.
// It goes by the time of creation, not by number. A name without active versions is [ErrNotFound].
func (a AssetsClient[T]) Latest(ctx context.Context, name string) (T, error) {
	return latest[T](ctx, a.c, a.kind(), a.container(a.op("get latest version of", name), http.MethodGet, name, "versions"))
}

// latest reads the first item of a list of versions that is asked for newest first, and no further
// page: a list of models asked for one item has a next link as long as there are more.
func latest[T any](ctx context.Context, c *Client, kind ReferenceKind, versions request) (T, error) {
	versions.query = url.Values{"$orderBy": {"createdtime desc"}, "$top": {"1"}}
	if kind != ReferenceKindCode { // the one list that takes no view
		versions.query.Set("listViewType", string(ListViewActiveOnly))
	}
	for v, err := range list[T](ctx, c, versions) {
		return v, err
	}
	var zero T
	return zero, versions.op.found(ErrNotFound, "it has no active version", "register one, or restore an archived one")
}

// ListAssetsOptions narrow a list of versions or of names. The zero value and nil list what is
// active.
type ListAssetsOptions struct {
	// View is [ListViewActiveOnly] when empty. Lists of codes take no view: they always show all.
	View ListView
	// Filter has further parameters of the service's query, for example "stage" or "tags" for
	// models; View beats a "listViewType" in it. It is not changed.
	Filter url.Values
}

func (o *ListAssetsOptions) query(kind ReferenceKind) url.Values {
	query := url.Values{}
	maps.Copy(query, orZero(o).Filter)
	if kind != ReferenceKindCode {
		query.Set("listViewType", string(cmp.Or(orZero(o).View, ListViewActiveOnly)))
	}
	return query
}

// ListVersions iterates over the versions of a name, newest first, a page at a time. A missing name
// is [ErrNotFound] for models and an empty list for codes; the service does not document it for the
// other kinds.
func (a AssetsClient[T]) ListVersions(ctx context.Context, name string, options *ListAssetsOptions) iter.Seq2[T, error] {
	r := a.container(a.op("list versions of", name), http.MethodGet, name, "versions")
	r.query = options.query(a.kind())
	return list[T](ctx, a.c, r)
}

// CreateAssetOptions tune CreateOrUpdate. Nil means the defaults.
type CreateAssetOptions struct {
	// MustBeNew refuses an existing version: [ErrConflict]. It costs one more request, and two
	// callers at the same moment may both pass. Without a version it means nothing.
	MustBeNew bool
}

// CreateOrUpdate registers a version, or changes description, tags and properties of an existing
// one, and returns it as the service has it. The asset's own Name is ignored. Without a version the
// service chooses the next one; if other callers take that first, three times in a row, the error
// is [ErrConflict]. A name that breaks the service's rules is *[ArgumentError].
//
// Which of two concurrent registrations of one version wins is not documented by the service. It
// refuses a changed path, with [ErrConflict] or a message of its own.
func (a AssetsClient[T]) CreateOrUpdate(ctx context.Context, name string, asset T, options *CreateAssetOptions) (T, error) {
	op := a.op("create", name)
	*viewOf(&asset).name = name
	return inSpan(ctx, a.c, op, func(ctx context.Context) (T, error) { return a.create(ctx, op, asset, orZero(options)) })
}

func (a AssetsClient[T]) create(ctx context.Context, op operation, asset T, options CreateAssetOptions) (T, error) {
	v := viewOf(&asset)
	if d, ok := any(&asset).(interface{ setDefaults() }); ok {
		d.setDefaults()
	}
	if err := checkNewAsset(op, asset); err != nil {
		return asset, err
	}
	if *v.version == "" {
		return a.createNext(ctx, op, asset)
	}
	if options.MustBeNew {
		if err := a.mustBeNew(ctx, *v.name, *v.version); err != nil {
			return asset, err
		}
	}
	return a.put(ctx, op, asset)
}

func (a AssetsClient[T]) put(ctx context.Context, op operation, asset T) (T, error) {
	v := viewOf(&asset)
	r := a.request(op, http.MethodPut, *v.name, *v.version)
	r.body = asset
	return do[T](ctx, a.c, r)
}

func (a AssetsClient[T]) mustBeNew(ctx context.Context, name, version string) error {
	_, err := a.Get(ctx, name, version)
	switch {
	case err == nil:
		return a.op("create", name).found(ErrConflict, fmt.Sprintf("version %q exists already", version), "leave the version empty to make the next one")
	case errors.Is(err, ErrNotFound):
		return nil
	}
	return err
}

// Archive hides a version from the lists of active ones. It can still be read and used, and its
// files stay. The versions of an environment are an *[Error], because the service pretends to
// archive them and does not (recording test_environment_archive_restore_version of the Azure SDK
// for Python, 2023): archive the name instead.
func (a AssetsClient[T]) Archive(ctx context.Context, name, version string) (T, error) {
	return a.setArchived(ctx, "archive", name, version, true)
}

// Restore undoes [AssetsClient.Archive]. The service sets a model's stage to Development.
func (a AssetsClient[T]) Restore(ctx context.Context, name, version string) (T, error) {
	return a.setArchived(ctx, "restore", name, version, false)
}

func (a AssetsClient[T]) setArchived(ctx context.Context, verb, name, version string, archived bool) (T, error) {
	op := a.op(verb, name+":"+version)
	return inSpan(ctx, a.c, op, func(ctx context.Context) (T, error) {
		asset, err := a.Get(ctx, name, version)
		if err != nil {
			return asset, err
		}
		v := viewOf(&asset)
		if *v.archived == archived {
			return asset, nil
		}
		*v.archived = archived
		*v.name, *v.version = name, version
		if v.stage != nil {
			*v.stage = "" // the service sets Archived or Development by itself
		}
		asset, err = a.put(ctx, op, asset)
		if err == nil && *viewOf(&asset).archived != archived {
			err = op.found(nil, "the service took the request and left the version as it was",
				"archive or restore the whole name, with ArchiveContainer or RestoreContainer")
		}
		return asset, err
	})
}

// Delete deletes a version for good; the files in storage stay. A missing one is [ErrNotFound] or
// no error, as the service answers. Deployments that use the version fail at their next job;
// archiving is safer.
func (a AssetsClient[T]) Delete(ctx context.Context, name, version string) error {
	_, err := do[json.RawMessage](ctx, a.c, a.request(a.op("delete", name+":"+version), http.MethodDelete, name, version))
	return err
}

// setAssetName fills in the name of an asset, which the service gives in the id only: a version's
// own name is the version.
func setAssetName(kind ReferenceKind, id string, name *string) {
	if r, err := ParseReference(kind, id); err == nil && r.Form == ReferenceFormNamed {
		*name = r.Name
	}
}

// assetRef is what a request takes to refer to an asset.
func assetRef(v assetView) string {
	r := Reference{Form: ReferenceFormNamed, Kind: v.kind, Name: *v.name, Version: *v.version}
	return cmp.Or(v.id, r.String())
}

// checkPlace checks the member that says where an asset's content is.
func checkPlace(op operation, argument, uri, upload string) error {
	bad := func(problem string) error {
		return op.invalid(argument, problem,
			"give a datastore place or a cloud URL, or upload a local path with "+upload)
	}
	if uri == "" {
		return bad("is empty")
	}
	switch r, err := ParseReference("", uri); {
	case err != nil || r.Form == ReferenceFormLocal:
		return bad(fmt.Sprintf("%q is a local path", redact(clip(uri))))
	case r.Form == ReferenceFormNamed && !strings.Contains(uri, "/"): // the service resolves no short form
		return bad(fmt.Sprintf("%q names an asset and not a place", redact(clip(uri))))
	}
	return nil
}

// An AssetContainer is the name of an asset with all its versions. The first version creates it.
type AssetContainer struct {
	Meta
	// Name of the asset.
	Name string `wire:"name,readonly"`
	// Description is free text.
	Description string `wire:"properties/description"`
	// Tags are free.
	Tags map[string]string `wire:"properties/tags"`
	// Properties are free; they can be added, not changed or removed.
	Properties map[string]string `wire:"properties/properties"`
	// IsArchived hides the name from lists of active names. For environments it stays false when
	// read by GetContainer (seen in 2026); go by the lists.
	IsArchived bool `wire:"properties/isArchived,always"`
	// LatestVersion is the version that was created last, empty in lists of components.
	LatestVersion string `wire:"properties/latestVersion,readonly"`
	// NextVersion is what the service proposes: the highest number plus one, or a time stamp for
	// components and in older answers.
	NextVersion string `wire:"properties/nextVersion,readonly"`
	// DataType of a data asset; empty for other kinds.
	DataType DataType `wire:"properties/dataType"`
	// ProvisioningState of the container; empty for data.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// Extra holds members that this version does not know, by JSON Pointer.
	Extra map[string]json.RawMessage
}

func (a *AssetContainer) UnmarshalJSON(b []byte) error { return wire.Decode(b, a) }

func (a AssetContainer) MarshalJSON() ([]byte, error) { return wire.Encode(a, wire.ForCaller) }

func (a AssetContainer) String() string { return printed(a) }

// GetContainer reads what the service says about a name as a whole. A missing name is
// [ErrNotFound].
func (a AssetsClient[T]) GetContainer(ctx context.Context, name string) (AssetContainer, error) {
	return do[AssetContainer](ctx, a.c, a.container(a.op("get", name), http.MethodGet, name))
}

// ListContainers iterates over the names of this kind in the workspace, a page at a time. The order
// is the service's. A new name can be missing, because some lists come from a search index: after a
// creation use [AssetsClient.Get].
func (a AssetsClient[T]) ListContainers(ctx context.Context, options *ListAssetsOptions) iter.Seq2[AssetContainer, error] {
	op := a.op("list", "")
	op.kind += "s"
	return list[AssetContainer](ctx, a.c, request{op: op, url: a.c.armURL(string(a.kind())), query: options.query(a.kind())})
}

// ArchiveContainer hides a name from the lists of active names. Its versions can still be used.
func (a AssetsClient[T]) ArchiveContainer(ctx context.Context, name string) (AssetContainer, error) {
	return a.setContainerArchived(ctx, "archive", name, true)
}

// RestoreContainer undoes [AssetsClient.ArchiveContainer].
func (a AssetsClient[T]) RestoreContainer(ctx context.Context, name string) (AssetContainer, error) {
	return a.setContainerArchived(ctx, "restore", name, false)
}

// setContainerArchived always writes, because the container's own GET does not tell whether it is
// archived.
func (a AssetsClient[T]) setContainerArchived(ctx context.Context, verb, name string, archived bool) (AssetContainer, error) {
	r := a.container(a.op(verb, name), http.MethodPut, name)
	return inSpan(ctx, a.c, r.op, func(ctx context.Context) (AssetContainer, error) {
		container, err := a.GetContainer(ctx, name)
		if err != nil {
			return container, err
		}
		container.IsArchived = archived
		r.body = container
		return do[AssetContainer](ctx, a.c, r)
	})
}

// DeleteContainer deletes a name with all its versions for good; the files in storage stay. A
// missing one is [ErrNotFound] or no error, as the service answers.
func (a AssetsClient[T]) DeleteContainer(ctx context.Context, name string) error {
	_, err := do[json.RawMessage](ctx, a.c, a.container(a.op("delete", name), http.MethodDelete, name))
	return err
}

// nextVersionTries is how often the next version is asked for when neighbours take it first.
const nextVersionTries = 3

// createNext registers the asset under the version that the service proposes.
func (a AssetsClient[T]) createNext(ctx context.Context, op operation, asset T) (T, error) {
	var err error
	for range nextVersionTries {
		v := viewOf(&asset)
		if *v.version, err = a.nextVersion(ctx, *v.name); err != nil {
			return asset, err
		}
		var created T
		if created, err = a.put(ctx, op, asset); err == nil || !versionTaken(err) {
			return created, err
		}
	}
	return asset, err
}

// versionTaken reports whether a registration failed because someone else has made the version
// since it was proposed. Python's client knows "Asset paths cannot be updated." beside the status
// 409, and a component answers 400 with "field ... is immutable" (test_component_update_code,
// 2026).
func versionTaken(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	return errors.Is(err, ErrConflict) || e.mentions("cannot be updated") || e.mentions("is immutable")
}

// nextVersion is what the container proposes, 1 for a new name.
func (a AssetsClient[T]) nextVersion(ctx context.Context, name string) (string, error) {
	container, err := a.GetContainer(ctx, name)
	switch {
	case errors.Is(err, ErrNotFound):
		return "1", nil
	case err != nil:
		return "", err
	case container.NextVersion != "":
		return container.NextVersion, nil
	}
	return a.highestVersion(ctx, name)
}

// highestVersion is the service's rule of 2026, for containers that propose nothing: the highest
// number plus one, and 1 when no version is a number. Not evidenced: what containers of codes say.
func (a AssetsClient[T]) highestVersion(ctx context.Context, name string) (string, error) {
	highest := 0
	for asset, err := range a.ListVersions(ctx, name, &ListAssetsOptions{View: ListViewAll}) {
		if err != nil {
			return "", err
		}
		if n, err := strconv.Atoi(strings.TrimSpace(*viewOf(&asset).version)); err == nil && n > highest {
			highest = n
		}
	}
	return strconv.Itoa(highest + 1), nil
}

func checkNewAsset[T Asset](op operation, asset T) error {
	v := viewOf(&asset)
	if err := checkAsset(op, *v.name, *v.version); err != nil {
		return err
	}
	return any(asset).(interface{ check(operation) error }).check(op)
}
