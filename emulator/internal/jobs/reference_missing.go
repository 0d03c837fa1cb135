package jobs

import (
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// Missing reports whether a reference names something that does not exist, in a workspace that the
// emulator plays. kind is that of an asset, or computes, datastores or jobs; workspace is
// the ARM id of the workspace that short names mean; suffix is the storage suffix of the cloud.
// What lies elsewhere, such as the assets of a registry that is not played, is never missing: nobody
// here can tell.
func Missing(s *store.Store, workspace, suffix, kind, reference string) bool {
	if reference == "" {
		return false
	}
	switch kind {
	case "computes", "datastores", "jobs":
		return unversionedMissing(s, workspace, kind, reference)
	}
	ref, err := parseReference(reference, suffix)
	if err != nil {
		return namesNothing(kind, strings.TrimPrefix(reference, "azureml:"))
	}
	asset, isAsset := ref.(assetVersion)
	if !isAsset || kind == "environments" && isCurated(asset.name) {
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

// namesNothing reports a name or an ARM id without a version, or with a label that there is not.
// Other forms that cannot be read are let pass.
func namesNothing(kind, name string) bool {
	if kind == "environments" && isCurated(name) {
		return false
	}
	return isARMID(name) || !strings.Contains(name, "/")
}

// isCurated reports whether an environment is Microsoft's own, which every workspace has.
func isCurated(environment string) bool {
	return strings.HasPrefix(strings.ToLower(environment), "azureml-")
}

// unversionedMissing reads an ARM id or a name of what has no versions: an id with one names
// nothing.
func unversionedMissing(s *store.Store, workspace, kind, reference string) bool {
	id := unversionedID(workspace, kind, reference)
	at := strings.Index(strings.ToLower(id), "/"+kind+"/")
	if at < 0 {
		return false
	}
	if _, played := s.Get(id[:at]); !played {
		return false
	}
	_, found := s.Get(id)
	return !found
}

// unversionedID is the ARM id of what is named by its id or its name.
func unversionedID(workspace, kind, reference string) string {
	id := strings.TrimPrefix(reference, "azureml:")
	if strings.Contains(id, "/") {
		return id
	}
	return workspace + "/" + kind + "/" + id
}
