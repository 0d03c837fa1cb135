package jobs

import (
	"encoding/base64"
	"errors"
	"iter"
	"maps"
	"strconv"
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
	properties["name"] = status["displayName"]
	return doc, true
}

// BatchJobOf reports whether a job of an endpoint is one of a deployment.
func BatchJobOf(s *store.Store, workspace, endpoint, deployment, job string) bool {
	entry, found := s.Get(indexID(workspace, endpoint, job))
	return found && strings.EqualFold(store.Text(entry, "deployment"), deployment)
}

// BatchJobNames yields the names of the jobs of an endpoint, of one deployment unless deployment is
// empty, the newest first. Each comes with its place; those from the place before on are left out,
// 0 leaves out none.
func BatchJobNames(s *store.Store, workspace, endpoint, deployment string, before uint64) iter.Seq2[uint64, string] {
	return func(yield func(uint64, string) bool) {
		for place, entry := range s.Newest("batchjobindex:"+workspace+"/"+endpoint, before) {
			if deployment != "" && !strings.EqualFold(store.Text(entry, "deployment"), deployment) {
				continue
			}
			if !yield(place, store.Text(entry, "name")) {
				return
			}
		}
	}
}

// ListToken is the continuation token of a list of jobs, the newest first, whose last job has this
// place. Jobs added or deleted meanwhile neither repeat nor hide others.
func ListToken(place uint64) string {
	return base64.RawURLEncoding.EncodeToString(strconv.AppendUint(nil, place, 10))
}

// ParseListToken returns the place of a continuation token, 0 for no token.
func ParseListToken(token string) (uint64, error) {
	if token == "" {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(string(text), 10, 64)
}

// Run returns a run of run history: a job or a step. What people can change of a job is that of the
// job in ARM's form, so the two never disagree.
func Run(s *store.Store, workspace, run string) (store.Document, bool) {
	doc, ok := s.Get(runID(workspace, run))
	if !ok {
		return nil, false
	}
	job, _ := s.Get(jobID(workspace, run))
	own := store.Object(job, "properties")
	for name, member := range changeable {
		if value, known := own[name]; known {
			doc[member] = value
		}
	}
	return doc, true
}

// changeable are the members of a job that people can change, with their names in a run.
var changeable = map[string]string{
	"displayName": "displayName", "description": "description", "tags": "tags", "properties": "properties", "isArchived": "hidden",
}

// ChangeRun changes what people can change of a run, by the members of a run; null and unknown
// members change nothing. Tags and properties are added to those that exist. It reports false for a
// run that does not exist.
func ChangeRun(s *store.Store, workspace, run string, change store.Document) (bool, error) {
	job, _ := s.Get(jobID(workspace, run))
	target, root := jobID(workspace, run), []string{"properties"}
	if store.Object(job, "properties") == nil { // a step has none in ARM's form
		target, root = runID(workspace, run), nil
	}
	_, err := s.Update(target, func(doc store.Document) error {
		own := store.Object(doc, root...)
		for name, member := range changeable {
			if root == nil {
				name = member
			}
			applyChange(own, name, change[member])
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func applyChange(own store.Document, name string, value any) {
	entries, isObject := value.(store.Document)
	switch {
	case value == nil:
	case !isObject:
		own[name] = value
	case store.Object(own, name) == nil:
		own[name] = entries
	default:
		maps.Copy(store.Object(own, name), entries)
	}
}

// RunChildren returns the runs of the steps of a job, the oldest first.
func RunChildren(s *store.Store, workspace, run string) []store.Document {
	children := []store.Document{}
	for _, entry := range s.List("runchildren:" + workspace + "/" + run) {
		if child, ok := Run(s, workspace, store.Text(entry, "runId")); ok {
			children = append(children, child)
		}
	}
	return children
}

// runsBelow returns the runs of a job's steps that have not ended, at any depth.
func runsBelow(s *store.Store, workspace, run string) (runs []string) {
	for _, child := range RunChildren(s, workspace, run) {
		id := store.Text(child, "runId")
		if !IsTerminal(store.Text(child, "status")) {
			runs = append(runs, id)
		}
		runs = append(runs, runsBelow(s, workspace, id)...)
	}
	return runs
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
