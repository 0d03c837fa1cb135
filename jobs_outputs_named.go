package azmlbatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
)

// Outputs of the jobs of pipeline components, which have names.

// runsComponent reports whether the job was started by invoking a pipeline component's deployment.
func (j Job) runsComponent() bool {
	return j.Tags["azureml.batchrun"] == "true" && !j.IsBatch() && j.endpoint() != ""
}

// namedOutputs are the places of a job's outputs by name. The batch service alone tells them, as the
// invocation gave them; the place of an output that the service chose itself is not known.
func (j JobsClient) namedOutputs(ctx context.Context, op operation, job Job) (map[string]place, error) {
	batch, err := j.c.Endpoints().GetJob(ctx, job.endpoint(), job.Name)
	if err != nil {
		return nil, op.failed(err)
	}
	places := map[string]place{}
	for name, out := range batch.Outputs {
		uri := dataURI(out)
		if uri == "" {
			continue
		}
		if places[name], err = j.c.blobPlace(ctx, op, uri); err != nil {
			return nil, err
		}
	}
	if len(places) == 0 {
		return nil, &Error{Operation: op.String(), StatusCode: http.StatusNotFound, Message: "the invocation named no place for an output",
			Remedy: "invoke with Invocation.Outputs, for example URIFolder with an azureml://datastores/ URI; or look at the job in the studio"}
	}
	return places, nil
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
