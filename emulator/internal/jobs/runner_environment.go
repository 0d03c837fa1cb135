package jobs

import (
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/scoring"
)

// environment returns the environment of a job, nil for this machine's Python and its packages, and
// a sentence about it for the step's log.
//
// A deployment's environment is built only if Options.Venv says so, and as far as the engine can.
func (r *Runner) environment(j *job) (*scoring.Environment, string) {
	properties := store.Object(j.invocation.Deployment, "properties")
	id := store.Text(properties, "environmentId")
	switch {
	case r.function(j) != nil, !r.venv && id == "":
		return nil, ""
	case r.venv && id == "" && hasScript(j):
		return nil, "The deployment names no environment" + plainPython
	case r.venv && id == "":
		return &scoring.Environment{CacheDir: r.venvDir}, "The model gets a virtual environment with the packages that it names itself."
	}
	return r.environmentOf(j.workspace, id)
}

const plainPython = ": the script gets this machine's Python and its packages."

// environmentOf returns the environment that a reference means, and a sentence for the log.
func (r *Runner) environmentOf(workspace, id string) (*scoring.Environment, string) {
	name := lastAsset(id)
	if !r.venv || id == "" {
		if id == "" {
			return nil, ""
		}
		return nil, "The image of environment " + name + " is not run" + plainPython
	}
	doc, found := r.environmentVersion(workspace, id)
	if !found {
		return nil, "Environment " + name + " is not in this workspace" + plainPython
	}
	conda := store.Text(doc, "condaFile")
	if conda == "" {
		return nil, "Environment " + name + " has no conda file, and its image is not run" + plainPython
	}
	return &scoring.Environment{CondaFile: conda, Image: store.Text(doc, "image"), CacheDir: r.venvDir},
		"The script gets a virtual environment with the pip part of the conda file of environment " + name + "."
}

// environmentVersion returns the properties of an environment of the workspace.
func (r *Runner) environmentVersion(workspace, id string) (store.Document, bool) {
	ref, err := parseReference(id, r.cloud.StorageSuffix)
	asset, isAsset := ref.(assetVersion)
	if err != nil || !isAsset {
		return nil, false
	}
	resolver := r.resolver(workspace)
	doc, found := resolver.version(resolver.container(asset, "environments"), asset.version)
	return store.Object(doc, "properties"), found
}

// hasScript reports whether the deployment has a scoring script.
func hasScript(j *job) bool {
	return store.Text(j.invocation.Deployment, "properties", "codeConfiguration", "scoringScript") != ""
}
