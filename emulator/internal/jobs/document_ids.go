package jobs

import (
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// Names in every workspace.
const (
	artifactStore = "workspaceartifactstore" // logs and other artifacts of runs
	defaultStore  = "workspaceblobstore"     // outputs without a place of their own

	// stepName is the name of the one step of a batch scoring job, and outputName that of its
	// output, whatever name the request used.
	stepName   = "batchscoring"
	outputName = "score"

	provider = "Microsoft.MachineLearningServices"
)

// artifactPath is where the artifacts of a run lie in the artifact store.
func artifactPath(run string) string { return "ExperimentRun/" + containerID(run) + "/" }

// containerID is the dataContainerId of a run.
func containerID(run string) string { return "dcid." + run }

// Ids of documents, see the package comment.

func jobID(workspace, job string) string { return workspace + "/jobs/" + job }
func batchJobID(workspace, endpoint, job string) string {
	return "batchjob:" + workspace + "/" + endpoint + "/" + job
}
func indexID(workspace, endpoint, job string) string {
	return "batchjobindex:" + workspace + "/" + endpoint + "/" + job
}
func runID(workspace, run string) string        { return "run:" + workspace + "/" + run }
func runMetricsID(workspace, run string) string { return "runmetrics:" + workspace + "/" + run }
func runOutputsID(workspace, run string) string { return "runoutputs:" + workspace + "/" + run }
func runDefinitionID(workspace, run string) string {
	return "rundefinition:" + workspace + "/" + run
}
func runChildID(workspace, run, child string) string {
	return "runchildren:" + workspace + "/" + run + "/" + child
}
func outputAssetID(workspace, asset string) string { return "outputasset:" + workspace + "/" + asset }

const unfinishedRoot = "unfinished:jobs"

func unfinishedID(workspace, job string) string {
	return unfinishedRoot + "/" + url.PathEscape(jobID(workspace, job))
}

// scopeOf returns the parts of the ARM id of a workspace.
func scopeOf(workspace string) (subscription, group, name string) {
	s := strings.Split(strings.Trim(workspace, "/"), "/")
	if len(s) < 8 {
		return "", "", ""
	}
	return s[1], s[3], s[7]
}

// longURI turns azureml://datastores/... into the form with subscription, group and workspace, as
// the data plane answers it. Other references are unchanged.
func longURI(workspace, uri string) string {
	place, short := strings.CutPrefix(uri, "azureml://datastores/")
	if !short {
		return uri
	}
	subscription, group, name := scopeOf(workspace)
	return "azureml://subscriptions/" + subscription + "/resourcegroups/" + group + "/workspaces/" + name + "/datastores/" + place
}

// derivedID is a GUID made of a text: the same text gives the same GUID.
func derivedID(text string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(text)).String()
}

// compactID is derivedID without dashes.
func compactID(text string) string { return strings.ReplaceAll(derivedID(text), "-", "") }
