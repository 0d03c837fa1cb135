package azmlbatch

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// An AssetContainer is the name under which the versions of an asset stand. The service makes it with the first version.
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
	// IsArchived takes the name out of lists of active names. A GET of an environment's container goes on saying false
	// when it is archived (seen in 2026): go by the lists.
	IsArchived bool `wire:"properties/isArchived,always"`
	// LatestVersion is the version that was created last, empty in lists of components.
	LatestVersion string `wire:"properties/latestVersion,readonly"`
	// NextVersion is what the service proposes for the next version: the highest number plus one; older answers, and
	// components, have a time stamp.
	NextVersion string `wire:"properties/nextVersion,readonly"`
	// DataType of a data asset; empty for other kinds.
	DataType DataType `wire:"properties/dataType"`
	// ProvisioningState of the container; empty for data.
	ProvisioningState ProvisioningState `wire:"properties/provisioningState,readonly"`
	// Extra holds members that this version does not know, by JSON Pointer; they are sent back unchanged.
	Extra map[string]json.RawMessage
}

// UnmarshalJSON implements [json.Unmarshaler].
func (a *AssetContainer) UnmarshalJSON(b []byte) error { return wire.Decode(b, a) }

// MarshalJSON implements [json.Marshaler]. Read-only members are included.
func (a AssetContainer) MarshalJSON() ([]byte, error) { return wire.Encode(a, wire.ForCaller) }

// String is what fmt prints: the fields that are set, without secrets.
func (a AssetContainer) String() string { return printed(a) }

// GetContainer reads what the service says about a name as a whole. A missing name is [ErrNotFound].
func (a AssetsClient[T]) GetContainer(ctx context.Context, name string) (AssetContainer, error) {
	return do[AssetContainer](ctx, a.c, a.container(a.op("get", name), http.MethodGet, name))
}

// ListContainers iterates over the names of this kind in the workspace, a page at a time as the loop asks for more. The
// order is the service's. A name made a moment ago can be missing, because some lists come from a search index: after a
// creation use [AssetsClient.Get].
func (a AssetsClient[T]) ListContainers(ctx context.Context, options *ListAssetsOptions) iter.Seq2[AssetContainer, error] {
	op := a.op("list", "")
	op.kind += "s"
	return list[AssetContainer](ctx, a.c, request{op: op, url: a.c.armURL(string(a.kind())), query: options.query(a.kind())})
}

// ArchiveContainer takes a name out of the lists of active names. Its versions can still be read and used.
func (a AssetsClient[T]) ArchiveContainer(ctx context.Context, name string) (AssetContainer, error) {
	return a.setContainerArchived(ctx, "archive", name, true)
}

// RestoreContainer undoes [AssetsClient.ArchiveContainer].
func (a AssetsClient[T]) RestoreContainer(ctx context.Context, name string) (AssetContainer, error) {
	return a.setContainerArchived(ctx, "restore", name, false)
}

// setContainerArchived always writes, because the container's own GET does not tell whether it is archived.
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

// DeleteContainer deletes a name with all its versions for good; the files in storage stay. A missing one is [ErrNotFound]
// or no error, as the service answers.
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

// versionTaken reports whether a registration failed because someone else has made the version since it was proposed.
// Python's client knows "Asset paths cannot be updated." beside the status 409, and a component answers 400 with
// "field ... is immutable" (test_component_update_code, 2026).
func versionTaken(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	return e.StatusCode == http.StatusConflict || e.mentions("cannot be updated") || e.mentions("is immutable")
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

// highestVersion is the service's rule of 2026, for containers that propose nothing: the highest number plus one, and 1
// when no version is a number. Not evidenced: what containers of codes say.
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
