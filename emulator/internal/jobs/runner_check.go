package jobs

import (
	"fmt"
	"path"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// checkDeployment fails a job that cannot run, before anything is copied.
func (r *Runner) checkDeployment(j *job) error {
	for _, check := range []func(*job) error{r.checkCompute, r.checkEnvironment, checkScriptName, r.checkScriptless} {
		if err := check(j); err != nil {
			return err
		}
	}
	return nil
}

// checkCompute fails a job whose compute does not exist. Not evidenced: how such a job ends in
// Azure.
func (r *Runner) checkCompute(j *job) error {
	compute := j.settings.compute
	if !r.missing(j, "computes", compute) {
		return nil
	}
	if strings.Contains(compute, "/versions/") {
		return failf("The compute %s does not exist: computes have no version.", compute)
	}
	return failf("The compute %s does not exist. Create it, or name another one in the deployment or in the request.", compute)
}

// shortOfNodes says why a job has to wait for its cluster, "" if it need not. In Azure such a job
// waits for ever (azureml-examples pull request 1192).
func (r *Runner) shortOfNodes(j *job) string {
	cluster, _ := r.store.Get(unversionedID(j.workspace, "computes", j.settings.compute))
	most := store.Int(cluster, "properties", "properties", "scaleSettings", "maxNodeCount")
	if store.Text(cluster, "properties", "computeType") != "AmlCompute" || int64(j.settings.instanceCount) <= most {
		return ""
	}
	return fmt.Sprintf("The job waits for nodes: it needs %d instances, and the compute %s has at most %d (maxNodeCount). "+
		"Scale the cluster up, or cancel the job.", j.settings.instanceCount, store.Text(cluster, "name"), most)
}

// checkEnvironment fails a job whose environment does not exist. Not evidenced: how such a job ends
// in Azure; the image cannot be pulled.
func (r *Runner) checkEnvironment(j *job) error {
	id := store.Text(j.invocation.Deployment, "properties", "environmentId")
	if !r.missing(j, "environments", id) {
		return nil
	}
	return failf("The environment %s does not exist. Create it, or name another one in the deployment.", id)
}

func (r *Runner) missing(j *job, kind, reference string) bool {
	return Missing(r.store, j.workspace, r.cloud.StorageSuffix, kind, reference)
}

// checkScriptName fails a job whose script cannot be imported: the engine imports it as a module,
// by its file's name (MachineLearningNotebooks issue 1753).
func checkScriptName(j *job) error {
	if !hasScript(j) {
		return nil
	}
	script := store.Text(j.invocation.Deployment, "properties", "codeConfiguration", "scoringScript")
	module := strings.TrimSuffix(path.Base(script), ".py")
	if !strings.Contains(module, ".") {
		return nil
	}
	return failf("The scoring script %s cannot be imported: the name of a Python module has no dot. Rename it, for example to %s.py.",
		script, strings.ReplaceAll(module, ".", "_"))
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
	doc, _ := resolver.version(resolver.container(asset, "models"), asset.version)
	kind := store.Text(doc, "properties", "modelType")
	if kind == "" || strings.EqualFold(kind, mlflowModel) {
		return nil
	}
	return failf("The deployment has no scoring script. Only a model of type %s is scored without one, and %s is of type %s.", mlflowModel, lastAsset(reference), kind)
}
