package azmlbatch

import (
	"cmp"
	"context"
	"io"
	"iter"
	"path"
	"strings"
)

// An OutputFile is one file of a job's output "score": the predictions, or what the script wrote to
// AZUREML_BI_OUTPUT_PATH. Of a pipeline component's job it is a file of one of its named outputs.
type OutputFile struct {
	// Name is the path within the output, and of a pipeline component's job begins with the name of
	// the output: "scores/a.csv".
	Name string
	// Size in bytes.
	Size int64
	// URI is the place, azureml://datastores/D/paths/P.
	URI string
}

// output is where a job's predictions are: a folder, and the file that append_row writes into it.
type output struct {
	folder string // azureml://datastores/D/paths/P/
	file   string // predictions.csv
}

// outputOf finds the place of a job's results: the output in the job's parameters, else
// azureml/{run of the step}/score/ on the default datastore.
func (j JobsClient) outputOf(ctx context.Context, op operation, job Job) (output, error) {
	parameters := job.Parameters()
	file := parameters["append_row_file_name"] // none where the script writes its own files
	if uri := parameters["output_uri"]; uri != "" {
		if base := path.Base(uri); !strings.HasSuffix(uri, "/") && (file == "" || file == base) {
			return output{folder: folderOf(uri), file: base}, nil
		}
		return output{folder: strings.TrimSuffix(uri, "/") + "/", file: cmp.Or(file, "predictions.csv")}, nil
	}
	o := output{file: cmp.Or(file, "predictions.csv")}
	step, err := j.scoringStep(ctx, job.Name)
	if err != nil {
		return output{}, op.failed(err)
	}
	store, err := j.c.defaultDatastore(ctx)
	o.folder = placeURI(store, "azureml/"+step.artifacts()+"/score/")
	return o, err
}

// ListOutputs iterates over the files of a job's output. While the job runs, and after a failure,
// there may be files temp_… of single workers, which the service joins at the end. Of a pipeline
// component's job these are the files of all outputs; those for which the invocation named no place
// are known when the job has ended.
//
// The files are those of the folder that the predictions file is in: give every job a folder of its
// own, as Invoke does by default. In the root of a datastore only the predictions file counts.
func (j JobsClient) ListOutputs(ctx context.Context, name string) iter.Seq2[OutputFile, error] {
	op := operation{"list outputs of", "job", name}
	return inLoop(j.c, op, func(yield func(OutputFile, error) bool) {
		job, err := j.Get(ctx, name)
		if err == nil && job.runsComponent() {
			j.listNamed(ctx, op, job, yield)
			return
		}
		var o output
		if err == nil {
			o, err = j.outputOf(ctx, op, job)
		}
		if err != nil {
			yield(OutputFile{}, err)
			return
		}
		for f, err := range j.outputFiles(ctx, op, o) {
			if !yield(f, err) {
				return
			}
		}
	})
}

func (j JobsClient) outputFiles(ctx context.Context, op operation, o output) iter.Seq2[OutputFile, error] {
	return func(yield func(OutputFile, error) bool) {
		at, err := j.c.blobPlace(ctx, op, o.folder)
		if err != nil {
			yield(OutputFile{}, err)
			return
		}
		for _, prefix := range o.prefixes(at) {
			for b, err := range j.c.listBlobs(ctx, op, prefix) {
				if err != nil {
					yield(OutputFile{}, err)
					return
				}
				within := strings.TrimPrefix(b.Name, at.path)
				if o.has(at, within) && !yield(OutputFile{Name: within, Size: b.Size, URI: o.folder + within}, nil) {
					return
				}
			}
		}
	}
}

// prefixes are what to list. The root of a datastore holds everything else too.
func (o output) prefixes(folder place) []place {
	if folder.path != "" {
		return []place{folder}
	}
	return []place{folder.at(o.file), folder.at(workerPrefix)}
}

// has reports whether a listed file is the job's.
func (o output) has(folder place, name string) bool {
	return folder.path != "" || name == o.file || isWorkerFile(name, o.file) && !strings.Contains(name, "/")
}

// OpenOutput reads one file of a job's output from its beginning. The caller closes it. A broken
// connection is resumed where it broke. A missing file is [ErrNotFound].
func (j JobsClient) OpenOutput(ctx context.Context, f OutputFile) (io.ReadCloser, error) {
	op := operation{"read", "output", f.Name}
	at, err := j.c.blobPlace(ctx, op, f.URI)
	if err != nil {
		return nil, err
	}
	return j.c.openBlob(ctx, op, at)
}

// Download writes the files of a job's output into a folder, and creates the folder if needed.
// Nothing is written outside of it, and a file appears whole or not at all. Of a pipeline
// component's job each output gets a folder of its name; see [JobsClient.ListOutputs]. It blocks,
// resumes and fails as [Client.Download] does. A job without files is [ErrNotFound].
func (j JobsClient) Download(ctx context.Context, name, folder string, options *DownloadOptions) (DownloadResult, error) {
	op := operation{"download outputs of", "job", name}
	return inSpan(ctx, j.c, op, func(ctx context.Context) (DownloadResult, error) {
		if err := options.check(op, folder); err != nil {
			return DownloadResult{}, err
		}
		job, err := j.Get(ctx, name)
		if err == nil && job.runsComponent() {
			return j.downloadNamed(ctx, op, job, folder, options)
		}
		var o output
		if err == nil {
			o, err = j.outputOf(ctx, op, job)
		}
		if err != nil {
			return DownloadResult{}, err
		}
		at, err := j.c.blobPlace(ctx, op, o.folder)
		if err != nil {
			return DownloadResult{}, err
		}
		if at.path == "" { // the root of the datastore
			at = at.at(o.file)
		}
		return j.c.downloadPrefix(ctx, op, at, folder, options)
	})
}
