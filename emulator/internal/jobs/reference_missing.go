package jobs

import (
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// Missing reports whether a reference names an asset or a compute that does not exist, in a
// workspace that the emulator plays. kind is codes, models, environments or computes; workspace is
// the ARM id of the workspace that short names mean; suffix is the storage suffix of the cloud.
// What lies elsewhere, such as the assets of a registry that is not played, is never missing: nobody
// here can tell.
func Missing(s *store.Store, workspace, suffix, kind, reference string) bool {
	if reference == "" {
		return false
	}
	if kind == "computes" {
		return computeMissing(s, workspace, reference)
	}
	ref, err := parseReference(reference, suffix)
	asset, isAsset := ref.(assetVersion)
	if err != nil || !isAsset || kind == "environments" && isCurated(asset.name) {
		return false
	}
	r := resolver{store: s, workspace: workspace, suffix: suffix}
	owner := r.scope(asset.workspace)
	if asset.registry != "" {
		owner = RegistryID(asset.registry)
	}
	if _, played := s.Get(owner); !played {
		return false
	}
	_, found := r.version(r.container(asset, kind), asset.version)
	return !found
}

// isCurated reports whether an environment is Microsoft's own, which every workspace has.
func isCurated(environment string) bool {
	return strings.HasPrefix(strings.ToLower(environment), "azureml-")
}

// computeMissing reads an ARM id or a name. A compute has no version: an id with one names nothing.
func computeMissing(s *store.Store, workspace, reference string) bool {
	id := computeID(workspace, reference)
	at := strings.Index(strings.ToLower(id), "/computes/")
	if at < 0 {
		return false
	}
	if _, played := s.Get(id[:at]); !played {
		return false
	}
	_, found := s.Get(id)
	return !found
}

// computeID is the ARM id of a compute that is named by its id or its name.
func computeID(workspace, reference string) string {
	id := strings.TrimPrefix(reference, "azureml:")
	if strings.Contains(id, "/") {
		return id
	}
	return workspace + "/computes/" + id
}
