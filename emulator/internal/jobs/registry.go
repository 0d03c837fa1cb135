package jobs

import "strings"

// RegistryID is the id of the document of a registry: its name, its region and where its content
// lies.
func RegistryID(name string) string { return "registry:all/" + strings.ToLower(name) }

// RegistryAssets is what the ids of the assets of a registry begin with, as those of a workspace
// begin with the workspace's ARM id.
func RegistryAssets(name string) string { return "registryassets:" + strings.ToLower(name) }
