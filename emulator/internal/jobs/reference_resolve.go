package jobs

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// resolver finds the places of references by the documents of a store.
type resolver struct {
	store     *store.Store
	workspace string // ARM id of the workspace that short references mean
	suffix    string // storage suffix of the cloud
}

// missingError says that a reference names something that does not exist.
type missingError struct{ text string }

func (e *missingError) Error() string { return e.text }

func missingf(format string, args ...any) error { return &missingError{fmt.Sprintf(format, args...)} }

// resolve returns the place that a reference means. kind is the kind of asset that a short name
// means, such as models.
func (r resolver) resolve(text, kind string) (place, error) {
	ref, err := parseReference(text, r.suffix)
	if err != nil {
		return place{}, err
	}
	asset, isAsset := ref.(assetVersion)
	if !isAsset {
		return r.locate(ref)
	}
	uri, dataType, err := r.asset(asset, kind)
	if err != nil {
		return place{}, err
	}
	found, err := r.registered(uri)
	if err != nil {
		return place{}, fmt.Errorf("asset %q: %w", asset.name, err)
	}
	if found.kind == "" {
		found.kind = dataType
	}
	return found, nil
}

// registered resolves the URI that an asset or an output is registered with.
func (r resolver) registered(uri string) (place, error) {
	ref, err := parseReference(uri, r.suffix)
	if err != nil {
		return place{}, err
	}
	return r.locate(ref)
}

// locate returns the place of a reference that is not an asset.
func (r resolver) locate(ref reference) (place, error) {
	switch ref := ref.(type) {
	case blobPath:
		return place{account: ref.account, container: ref.container, path: ref.path}, nil
	case datastorePath:
		return r.onDatastore(ref)
	case jobOutput:
		return r.ofJob(ref)
	}
	return place{}, fmt.Errorf("a place in storage is expected, not another %s", ref.referenceKind())
}

// writable returns the place of an output, which is on a datastore. The error begins where a
// sentence about the output goes on.
func (r resolver) writable(uri string) (place, error) {
	ref, err := parseReference(uri, r.suffix)
	if err != nil {
		return place{}, fmt.Errorf(": %w", err)
	}
	onDatastore, ok := ref.(datastorePath)
	if !ok {
		return place{}, fmt.Errorf(" to a %s: outputs are paths on a blob datastore, azureml://datastores/NAME/paths/PATH", ref.referenceKind())
	}
	to, err := r.onDatastore(onDatastore)
	if err != nil {
		return place{}, fmt.Errorf(": %w", err)
	}
	return to, nil
}

// container is the id of an asset without its version.
func (r resolver) container(ref assetVersion, kind string) string {
	if ref.registry != "" {
		return RegistryAssets(ref.registry) + "/" + kind + "/" + ref.name
	}
	return r.scope(ref.workspace) + "/" + kind + "/" + ref.name
}

// scope is the ARM id of the workspace that a reference means. There is nothing at that of a GUID
// that is not the workspace's own: only an ARM id leads to another workspace.
func (r resolver) scope(workspace string) string {
	if workspace == "" || strings.Contains(workspace, "/") {
		return cmp.Or(workspace, r.workspace)
	}
	own, _ := r.store.Get(r.workspace)
	if strings.EqualFold(workspace, store.Text(own, "properties", "workspaceId")) {
		return r.workspace
	}
	return "workspaces/" + workspace
}

func (r resolver) onDatastore(ref datastorePath) (place, error) {
	doc, ok := r.store.Get(r.scope(ref.workspace) + "/datastores/" + ref.datastore)
	if !ok {
		return place{}, missingf("could not find datastore: %s", ref.datastore)
	}
	properties := store.Object(doc, "properties")
	container := cmp.Or(store.Text(properties, "containerName"), store.Text(properties, "filesystem")) // the second for Data Lake
	if container == "" || store.Text(properties, "accountName") == "" {
		return place{}, fmt.Errorf("datastore %q is of type %s; only blob datastores can be read",
			ref.datastore, store.Text(properties, "datastoreType"))
	}
	return place{account: store.Text(properties, "accountName"), container: container, path: ref.path}, nil
}

// ofJob finds an output of a job, or a path among the artifacts of a run, such as MLflow's
// runs:/JOB/PATH.
func (r resolver) ofJob(ref jobOutput) (place, error) {
	if ref.output == "" {
		return r.onDatastore(datastorePath{datastore: artifactStore, path: artifactPath(ref.job) + ref.path})
	}
	outputs, ok := r.store.Get(runOutputsID(r.workspace, ref.job))
	output := store.Object(outputs, ref.output)
	if !ok || output == nil {
		return place{}, missingf("job %q has no output %q", ref.job, ref.output)
	}
	found, err := r.registered(store.Text(output, "uri"))
	if ref.path != "" {
		found.path = strings.TrimSuffix(found.path, "/") + "/" + ref.path
	}
	return found, err
}

// asset returns the URI and the data type of a registered asset.
func (r resolver) asset(ref assetVersion, kind string) (uri, dataType string, err error) {
	if ref.kind != "" {
		kind = ref.kind
	}
	kinds := []string{kind}
	if kind == "data" || kind == "datasets" {
		// Datasets and data are the same assets: Microsoft's sample cli/batch-score-rest.sh
		// registers one and invokes with the other.
		kinds = []string{"data", "datasets"}
	}
	for _, kind := range kinds {
		doc, ok := r.version(r.container(ref, kind), ref.version)
		if !ok {
			continue
		}
		return registeredURI(store.Object(doc, "properties"))
	}
	if _, played := r.store.Get(RegistryID(ref.registry)); ref.registry != "" && !played {
		return "", "", missingf("there is no registry %q here", ref.registry)
	}
	return "", "", missingf("there is no asset %q of version %q among the %s of the %s", ref.name, cmp.Or(ref.version, "latest"), kind, r.holder(ref))
}

// holder is what messages call the registry or the workspace of an asset.
func (r resolver) holder(ref assetVersion) string {
	switch {
	case ref.registry != "":
		return "registry " + ref.registry
	case strings.EqualFold(r.scope(ref.workspace), r.workspace):
		return "workspace"
	}
	return "workspace " + path.Base(ref.workspace)
}

// version returns a version of an asset; version "" means the one created last that is not
// archived.
func (r resolver) version(container, version string) (store.Document, bool) {
	if version != "" {
		return r.store.Get(container + "/versions/" + version)
	}
	versions := r.store.List(container + "/versions")
	for i := len(versions) - 1; i >= 0; i-- {
		if archived, _ := store.Object(versions[i], "properties")["isArchived"].(bool); !archived {
			return versions[i], true
		}
	}
	return nil, false
}

// registeredURI finds the place among the properties of an asset version.
func registeredURI(properties store.Document) (uri, dataType string, err error) {
	for _, name := range []string{"dataUri", "modelUri", "codeUri"} {
		if uri := store.Text(properties, name); uri != "" {
			return uri, store.Text(properties, "dataType"), nil
		}
	}
	// A dataset of api-version 2021-03-01-preview: {"paths": [{"folder": URI}]}.
	paths, _ := properties["paths"].([]any)
	for _, p := range paths {
		if folder := store.Text(p, "folder"); folder != "" {
			return folder, "uri_folder", nil
		}
		if file := store.Text(p, "file"); file != "" {
			return file, "uri_file", nil
		}
	}
	return "", "", errors.New("the asset is registered without a place in storage")
}
