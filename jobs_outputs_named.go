package azmlbatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// Outputs of the jobs of pipeline components, which have names.

// runsComponent reports whether the job was started by invoking a pipeline component's deployment.
func (j Job) runsComponent() bool {
	return j.Tags["azureml.batchrun"] == "true" && !j.IsBatch() && j.endpoint() != ""
}

// namedOutputs are the places of a job's outputs by name: those that the invocation gave, as the
// batch service tells them, and those that the service chose itself, as run history tells them when
// the job has ended.
func (j JobsClient) namedOutputs(ctx context.Context, op operation, job Job) (map[string]place, error) {
	batch, err := j.c.Endpoints().GetJob(ctx, job.endpoint(), job.Name)
	if err != nil {
		return nil, op.failed(err)
	}
	uris, err := j.runOutputs(ctx, op, job.Name)
	if err != nil {
		return nil, err
	}
	for name, out := range batch.Outputs {
		if uri := dataURI(out); uri != "" {
			uris[name] = uri
		}
	}
	places := map[string]place{}
	for name, uri := range uris {
		if places[name], err = j.c.blobPlace(ctx, op, uri); err != nil {
			return nil, err
		}
	}
	if len(places) == 0 {
		return nil, &Error{Operation: op.String(), Err: ErrNotFound, Message: "no output of the job has a place",
			Remedy: "wait for the end of the job, or invoke with Invocation.Outputs, for example URIFolder with an azureml://datastores/ URI"}
	}
	return places, nil
}

// runData asks run history for a run, with all that azure-ai-ml asks for.
type runData struct {
	RunID         string `wire:"runId"`
	Metadata      bool   `wire:"selectRunMetadata"`
	Definition    bool   `wire:"selectRunDefinition"`
	Specification bool   `wire:"selectJobSpecification"`
}

// runOutputs are the URIs of the outputs of a run by name. It makes one request, and a second if
// there are any: run history names the outputs as data assets, and another service has their places.
func (j JobsClient) runOutputs(ctx context.Context, op operation, run string) (map[string]string, error) {
	u, err := j.c.dataPlaneURL(ctx, "history/v1.0", "rundata")
	if err != nil {
		return nil, err
	}
	data, err := do[struct {
		Outputs map[string]struct {
			AssetID string `wire:"assetId"`
		} `wire:"runMetadata/outputs"`
	}](ctx, j.c, request{op: op, plane: j.c.data, method: http.MethodPost, url: u, query: url.Values{"api-version": {"v1.0"}},
		body: runData{run, true, true, true}, reads: true})
	if err != nil {
		return nil, err
	}
	assets := map[string]string{}
	for name, output := range data.Outputs {
		if output.AssetID != "" {
			assets[name] = output.AssetID
		}
	}
	return j.resolveAssets(ctx, op, assets)
}

// assetIDs asks for the places of data assets.
type assetIDs struct {
	Values []string `wire:"values"`
}

// resolveAssets returns the URIs of data assets, by the names that the caller has for them.
func (j JobsClient) resolveAssets(ctx context.Context, op operation, assets map[string]string) (map[string]string, error) {
	uris := map[string]string{}
	if len(assets) == 0 {
		return uris, nil
	}
	u, err := j.c.dataPlaneURL(ctx, "data/v1.0", "dataversion", "batchGetResolvedUris")
	if err != nil {
		return nil, err
	}
	resolved, err := do[struct {
		Values map[string]struct {
			URI string `wire:"uri"`
		} `wire:"values"`
	}](ctx, j.c, request{op: op, plane: j.c.data, method: http.MethodPost, url: u, query: url.Values{"api-version": {"1.5.0"}},
		body: assetIDs{slices.Sorted(maps.Values(assets))}, reads: true})
	if err != nil {
		return nil, err
	}
	for name, id := range assets {
		if uri := resolved.Values[id].URI; uri != "" {
			uris[name] = uri
		}
	}
	return uris, nil
}

func (j JobsClient) listNamed(ctx context.Context, op operation, job Job, yield func(OutputFile, error) bool) {
	places, err := j.namedOutputs(ctx, op, job)
	if err != nil {
		yield(OutputFile{}, err)
		return
	}
	for _, name := range sortedKeys(places) {
		at := places[name]
		for b, err := range j.c.listBlobs(ctx, op, at) {
			if err != nil {
				yield(OutputFile{}, err)
				return
			}
			within, ok := within(at.path, b.Name)
			if ok && !b.IsFolder && !yield(OutputFile{Name: name + "/" + within, Size: b.Size, URI: placeURI(at.datastore, b.Name)}, nil) {
				return
			}
		}
	}
}

// downloadNamed downloads one output after the other. One that is empty is no fault, unless all are.
func (j JobsClient) downloadNamed(ctx context.Context, op operation, job Job, folder string, options *DownloadOptions) (all DownloadResult, err error) {
	places, err := j.namedOutputs(ctx, op, job)
	if err != nil {
		return all, err
	}
	var empty error
	for _, name := range sortedKeys(places) {
		if !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) {
			return all, &Error{Operation: op.String(), Message: fmt.Sprintf("the output %q cannot be a folder", name)}
		}
		one, err := j.c.downloadPrefix(ctx, op, places[name], filepath.Join(folder, name), options)
		all.Files, all.Bytes, all.Skipped = all.Files+one.Files, all.Bytes+one.Bytes, all.Skipped+one.Skipped
		switch {
		case errors.Is(err, ErrNotFound):
			empty = err
		case err != nil:
			return all, err
		}
	}
	if all.Files+all.Skipped == 0 {
		return all, empty
	}
	return all, nil
}
