package jobs

import (
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
	"github.com/azmlbatch/azmlbatch/scoring"
)

// environment returns the environment of a job, nil for this machine's Python and its packages, and
// a sentence about it for the step's log.
//
// A deployment's environment is built only if Options.Venv says so, and as far as the engine can.
func (r *Runner) environment(j *job) (*scoring.Environment, string) {
	const plain = ": the script gets this machine's Python and its packages."
	properties := store.Object(j.invocation.Deployment, "properties")
	id := store.Text(properties, "environmentId")
	name := lastAsset(id)
	switch {
	case r.function(j) != nil, !r.venv && id == "":
		return nil, ""
	case !r.venv:
		return nil, "The image of environment " + name + " is not run" + plain
	case id == "" && hasScript(j):
		return nil, "The deployment names no environment" + plain
	case id == "":
		return &scoring.Environment{CacheDir: r.venvDir}, "The model gets a virtual environment with the packages that it names itself."
	}
	doc, found := r.environmentVersion(j, id)
	if !found {
		return nil, "Environment " + name + " is not in this workspace" + plain
	}
	conda := store.Text(doc, "condaFile")
	if conda == "" {
		return nil, "Environment " + name + " has no conda file, and its image is not run" + plain
	}
	return &scoring.Environment{CondaFile: conda, Image: store.Text(doc, "image"), CacheDir: r.venvDir},
		"The script gets a virtual environment with the pip part of the conda file of environment " + name + "."
}

// environmentVersion returns the properties of an environment of the workspace.
func (r *Runner) environmentVersion(j *job, id string) (store.Document, bool) {
	ref, err := parseReference(id, r.cloud.StorageSuffix)
	asset, isAsset := ref.(assetVersion)
	if err != nil || !isAsset {
		return nil, false
	}
	resolver := r.resolver(j.workspace)
	doc, found := resolver.version(resolver.scope(asset.workspace)+"/environments/"+asset.name, asset.version)
	return store.Object(doc, "properties"), found
}

// hasScript reports whether the deployment has a scoring script.
func hasScript(j *job) bool {
	return store.Text(j.invocation.Deployment, "properties", "codeConfiguration", "scoringScript") != ""
}

// mlflowModel is the type of models that need no script.
const mlflowModel = "mlflow_model"

// checkScriptless fails a job without a script unless its model is registered as an MLflow model
// (Microsoft Learn: how-to-mlflow-batch). The text is our own. A model that is not registered is
// judged by its content later.
func (r *Runner) checkScriptless(j *job) error {
	if hasScript(j) {
		return nil
	}
	reference, err := modelReference(store.Object(j.invocation.Deployment, "properties", "model"))
	if err != nil {
		return err
	}
	ref, err := parseReference(reference, r.cloud.StorageSuffix)
	asset, isAsset := ref.(assetVersion)
	if err != nil || !isAsset {
		return nil //nolint:nilerr // what cannot be read is told when the model is fetched
	}
	resolver := r.resolver(j.workspace)
	doc, _ := resolver.version(resolver.scope(asset.workspace)+"/models/"+asset.name, asset.version)
	kind := store.Text(doc, "properties", "modelType")
	if kind == "" || strings.EqualFold(kind, mlflowModel) {
		return nil
	}
	return failf("The deployment has no scoring script. Only a model of type %s is scored without one, and %s is of type %s.", mlflowModel, lastAsset(reference), kind)
}
