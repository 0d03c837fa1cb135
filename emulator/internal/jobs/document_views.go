package jobs

import (
	"slices"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// BatchJob returns a job of an endpoint as the scoring host and the batch data plane answer it. Its
// status is that of the job in ARM's form, so the two never disagree. workspace is an ARM id. It
// reports false for a job that does not exist, or was deleted through ARM.
func BatchJob(s *store.Store, workspace, endpoint, job string) (store.Document, bool) {
	doc, ok := s.Get(batchJobID(workspace, endpoint, job))
	if !ok {
		return nil, false
	}
	own, ok := s.Get(jobID(workspace, job))
	if !ok {
		return nil, false
	}
	properties, status := store.Object(doc, "properties"), store.Object(own, "properties")
	if properties == nil || status == nil {
		return nil, false
	}
	for _, name := range [...]string{"status", "tags", "properties"} {
		properties[name] = status[name]
	}
	return doc, true
}

// BatchJobNames returns the names of the jobs of an endpoint, of one deployment unless deployment
// is empty, the newest first.
func BatchJobNames(s *store.Store, workspace, endpoint, deployment string) []string {
	var names []string
	for _, entry := range s.List("batchjobindex:" + workspace + "/" + endpoint) {
		if deployment == "" || strings.EqualFold(store.Text(entry, "deployment"), deployment) {
			names = append(names, store.Text(entry, "name"))
		}
	}
	slices.Reverse(names)
	return names
}

// Run returns a run of run history: a job or a step.
func Run(s *store.Store, workspace, run string) (store.Document, bool) {
	return s.Get(runID(workspace, run))
}

// RunChildren returns the runs of the steps of a job, the oldest first.
func RunChildren(s *store.Store, workspace, run string) []store.Document {
	children := []store.Document{}
	for _, entry := range s.List("runchildren:" + workspace + "/" + run) {
		if child, ok := s.Get(runID(workspace, store.Text(entry, "runId"))); ok {
			children = append(children, child)
		}
	}
	return children
}

// RunMetrics returns the metrics of a run by name, all of them numbers. A run that has logged none
// has an empty document.
func RunMetrics(s *store.Store, workspace, run string) store.Document {
	metrics, _ := s.Get(runMetricsID(workspace, run))
	return metrics
}

// RunOutputs returns the outputs of a run by name, each an object with the members assetId, type
// and uri. A run without outputs has an empty document.
func RunOutputs(s *store.Store, workspace, run string) store.Document {
	outputs, _ := s.Get(runOutputsID(workspace, run))
	return outputs
}

// RunDefinition returns what a run was to do, nil if that is unknown.
func RunDefinition(s *store.Store, workspace, run string) store.Document {
	definition, _ := s.Get(runDefinitionID(workspace, run))
	return definition
}

// Artifacts returns the account, container and prefix of the blobs with the logs of a run. It
// reports false if the workspace has no datastore for them.
func Artifacts(s *store.Store, workspace, run string) (account, container, prefix string, ok bool) {
	r := resolver{store: s, workspace: workspace}
	to, err := r.onDatastore(datastorePath{datastore: artifactStore, path: artifactPath(run)})
	return to.account, to.container, to.path, err == nil
}

// AssetPlace returns the place that a data asset or the output of a job is registered with, as the
// data plane spells it, and its kind, such as UriFolder. id is any reference to the asset; suffix
// is the storage suffix of the cloud.
func AssetPlace(s *store.Store, workspace, suffix, id string) (uri, kind string, ok bool) {
	ref, err := parseReference(id, suffix)
	asset, isAsset := ref.(assetVersion)
	if err != nil || !isAsset {
		return "", "", false
	}
	if output, ok := s.Get(outputAssetID(workspace, asset.name)); ok {
		return longURI(workspace, store.Text(output, "uri")), store.Text(output, "type"), true
	}
	r := resolver{store: s, workspace: workspace, suffix: suffix}
	uri, dataType, err := r.asset(asset, "data")
	if err != nil {
		return "", "", false
	}
	switch dataType {
	case "uri_file":
		kind = UriFile
	case "mltable":
		kind = MLTable
	default:
		kind = UriFolder
	}
	return longURI(workspace, uri), kind, true
}
