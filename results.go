package azmlbatch

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"path"
	"strings"
)

// A JobFile is one file of a job's output "score": the predictions, or what the script wrote to AZUREML_BI_OUTPUT_PATH.
type JobFile struct {
	// Name is the path within the output.
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

// output finds the place of a job's results. An output that was asked for stands in the job's parameters; else the
// service uses azureml/{child}/score/ on the default datastore.
func (j JobsClient) output(ctx context.Context, op operation, name string) (output, error) {
	job, err := j.Get(ctx, name)
	if err != nil {
		return output{}, err
	}
	parameters := job.Parameters()
	o := output{file: firstNonEmpty(parameters["append_row_file_name"], "predictions.csv")}
	if uri := parameters["output_uri"]; uri != "" {
		if path.Base(uri) == o.file && !strings.HasSuffix(uri, "/") {
			uri = strings.TrimSuffix(uri, o.file)
		}
		o.folder = strings.TrimSuffix(uri, "/") + "/"
		return o, nil
	}
	child, err := j.scoringStep(ctx, name)
	if err != nil {
		return output{}, fmt.Errorf("azmlbatch: %s: %w", op, err)
	}
	store, err := j.c.defaultDatastore(ctx)
	o.folder = placeURI(store, "azureml/"+child.artifacts()+"/score/")
	return o, err
}

// Outputs lists the files of a job's output. It works while the job runs, too: then the files are partial.
func (j JobsClient) Outputs(ctx context.Context, name string) iter.Seq2[JobFile, error] {
	op := operation{"list outputs of", "job", name}
	return func(yield func(JobFile, error) bool) {
		o, err := j.output(ctx, op, name)
		if err != nil {
			yield(JobFile{}, err)
			return
		}
		at, err := j.c.blobPlace(ctx, op, o.folder)
		if err != nil {
			yield(JobFile{}, err)
			return
		}
		for b, err := range j.c.listBlobs(ctx, op, at) {
			if err != nil {
				yield(JobFile{}, err)
				return
			}
			within := strings.TrimPrefix(b.Name, at.path)
			if !yield(JobFile{Name: within, Size: b.Size, URI: o.folder + within}, nil) {
				return
			}
		}
	}
}

// OpenOutput reads one file of a job's output. The caller closes it.
func (j JobsClient) OpenOutput(ctx context.Context, f JobFile) (io.ReadCloser, error) {
	op := operation{"read", "output", f.Name}
	at, err := j.c.blobPlace(ctx, op, f.URI)
	if err != nil {
		return nil, err
	}
	return j.c.openBlob(ctx, op, at)
}

// Download writes the files of a job's output into a folder, which is made if it does not exist. Nothing is written
// outside of it, and a file appears whole or not at all.
func (j JobsClient) Download(ctx context.Context, name, dir string, options *DownloadOptions) (_ DownloadResult, err error) {
	op := operation{"download outputs of", "job", name}
	ctx, end := j.c.begin(ctx, op, slog.LevelInfo)
	defer end(&err)
	o, err := j.output(ctx, op, name)
	if err != nil {
		return DownloadResult{}, err
	}
	at, err := j.c.blobPlace(ctx, op, o.folder)
	if err != nil {
		return DownloadResult{}, err
	}
	return j.c.downloadPrefix(ctx, op, at, dir, options)
}

// Rows reads the predictions of a finished job as rows, streamed in constant memory: nothing is fetched before the loop
// starts, leaving it ends the download, and an error is yielded once and ends the loop. See [ReadRows] for T and the
// formats. A row that does not fit is a [*RowError].
func Rows[T any](ctx context.Context, c *Client, job string, options *RowsOptions) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		var err error
		op := operation{"read rows of", "job", job}
		ctx, end := c.begin(ctx, op, slog.LevelInfo)
		defer end(&err)
		if err = checkName(op, "job", job); err != nil {
			yield(zero, err)
			return
		}
		o, err := c.Jobs().output(ctx, op, job)
		if err != nil {
			yield(zero, err)
			return
		}
		r, err := c.Jobs().OpenOutput(ctx, JobFile{Name: o.file, URI: o.folder + o.file})
		if err != nil {
			yield(zero, err)
			return
		}
		defer r.Close()
		for v, rowErr := range ReadRows[T](r, o.file, options) {
			err = rowErr
			if !yield(v, rowErr) {
				return
			}
		}
	}
}
