package azmlbatch

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
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
	file := parameters["append_row_file_name"] // none where the script writes its own files
	if uri := parameters["output_uri"]; uri != "" {
		if base := path.Base(uri); !strings.HasSuffix(uri, "/") && (file == "" || file == base) {
			return output{folder: folderOf(uri), file: base}, nil
		}
		return output{folder: strings.TrimSuffix(uri, "/") + "/", file: cmp.Or(file, "predictions.csv")}, nil
	}
	o := output{file: cmp.Or(file, "predictions.csv")}
	child, err := j.scoringStep(ctx, name)
	if err != nil {
		return output{}, fmt.Errorf("azmlbatch: %s: %w", op, err)
	}
	store, err := j.c.defaultDatastore(ctx)
	o.folder = placeURI(store, "azureml/"+child.artifacts()+"/score/")
	return o, err
}

// Outputs lists the files of a job's output. It works while the job runs, too, and after it failed: then there may be files
// of single workers, temp_…, that the service joins at the end.
func (j JobsClient) Outputs(ctx context.Context, name string) iter.Seq2[JobFile, error] {
	op := operation{"list outputs of", "job", name}
	return func(yield func(JobFile, error) bool) {
		o, err := j.output(ctx, op, name)
		if err != nil {
			yield(JobFile{}, err)
			return
		}
		for f, err := range j.outputFiles(ctx, op, o) {
			if !yield(f, err) {
				return
			}
		}
	}
}

func (j JobsClient) outputFiles(ctx context.Context, op operation, o output) iter.Seq2[JobFile, error] {
	return func(yield func(JobFile, error) bool) {
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
// formats. A row that does not fit is a [*RowError]. RowsOptions.Partial reads a job that still runs.
//
// Rows come in the order in which the workers wrote them. Only the script can say which input file a row belongs to: let
// it return the file's name as a column, as an MLflow model without a script does in its last one. A file can have many
// rows, or none; [JobsClient.Counts] says how many files failed.
func Rows[T any](ctx context.Context, c *Client, job string, options *RowsOptions) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		var err error
		op := operation{"read rows of", "job", job}
		ctx, end := c.begin(ctx, op, slog.LevelInfo)
		defer end(&err)
		files, err := c.Jobs().predictions(ctx, op, job, options != nil && options.Partial)
		if err != nil {
			yield(zero, err)
			return
		}
		for _, f := range files {
			for v, rowErr := range fileRows[T](ctx, c.Jobs(), f, options) {
				err = rowErr
				if !yield(v, rowErr) || rowErr != nil {
					return
				}
			}
		}
	}
}

// predictionsFile is a file of rows: the predictions, or what one worker has written so far.
type predictionsFile struct {
	JobFile
	grows bool
}

// predictions finds the files to read rows from. Without partial it is the one that a finished job has.
func (j JobsClient) predictions(ctx context.Context, op operation, name string, partial bool) ([]predictionsFile, error) {
	if err := checkName(op, "job", name); err != nil {
		return nil, err
	}
	o, err := j.output(ctx, op, name)
	if err != nil {
		return nil, err
	}
	whole := predictionsFile{JobFile: JobFile{Name: o.file, URI: o.folder + o.file}}
	if !partial {
		return []predictionsFile{whole}, nil
	}
	var files []predictionsFile
	for f, err := range j.outputFiles(ctx, op, o) {
		if err != nil {
			return nil, err
		}
		if f.Name == o.file { // joined already
			return []predictionsFile{whole}, nil
		}
		if isWorkerFile(f.Name, o.file) {
			files = append(files, predictionsFile{f, true})
		}
	}
	return files, nil
}

// isWorkerFile reports whether a file of the output holds the rows of one worker of a job that runs: temp_{ip}_{pid}_{name}
// by the engine of 2020, which wrote the name in lower case.
func isWorkerFile(name, predictions string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "temp_") && strings.HasSuffix(name, "_"+strings.ToLower(predictions))
}

// fileRows reads the rows of one file. Of one that grows, a last row that is not whole yet is left out.
func fileRows[T any](ctx context.Context, j JobsClient, f predictionsFile, options *RowsOptions) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		body, err := j.OpenOutput(ctx, f.JobFile)
		if err != nil {
			yield(zero, err)
			return
		}
		defer body.Close()
		var r io.Reader = body
		if f.grows {
			r = &wholeLines{lines: bufio.NewReader(body)}
		}
		for v, err := range ReadRows[T](r, f.Name, options) {
			if f.grows && errors.Is(err, csv.ErrQuote) { // cut within a quoted value of several lines
				return
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// wholeLines reads text up to the end of its last line that has one.
type wholeLines struct {
	lines *bufio.Reader
	line  []byte
}

func (w *wholeLines) Read(p []byte) (int, error) {
	if len(w.line) == 0 {
		line, err := w.lines.ReadBytes('\n')
		if err != nil {
			return 0, err
		}
		w.line = line
	}
	n := copy(p, w.line)
	w.line = w.line[n:]
	return n, nil
}
