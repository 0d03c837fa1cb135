package azmlbatch

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/transfer"
)

// DownloadOptions tune a download to a folder. The zero value and nil mean the defaults.
type DownloadOptions struct {
	// Overwrite replaces files that exist and differ. Without it the first one that differs is an error, and nothing is
	// written. Files that are there and equal are not fetched again, in either case.
	Overwrite bool
	// Concurrency is the number of requests at once. Zero lets the client find it: more the longer a round trip takes, up to
	// some hundred, and fewer where storage throttles.
	Concurrency int
	// OnFile is called after every file that was written, by one goroutine at a time, with its path below the folder. May
	// be nil.
	OnFile func(name string, bytes int64)
	// OnProgress is called after every file and every part of a large one, by one goroutine at a time. May be nil.
	OnProgress func(DownloadProgress)
}

// DownloadProgress is how far a download is. No number but Rate ever decreases.
type DownloadProgress struct {
	// Files is how many there are in all.
	Files int
	// Bytes is the size of all files together.
	Bytes int64
	// FilesDone is how many of them are there, those that were skipped among them.
	FilesDone int
	// BytesDone is what is there; parts of unfinished files count too.
	BytesDone int64
	// FilesSkipped is how many files were not fetched, because they were there already and equal.
	FilesSkipped int
	// BytesSkipped is what was not fetched, because it was there already.
	BytesSkipped int64
	// Rate is how many bytes a second were fetched in the last seconds.
	Rate float64
}

// DownloadResult is what a download wrote.
type DownloadResult struct {
	// Files is how many were written, also when the download failed.
	Files int
	// Bytes is the size of these files together.
	Bytes int64
	// Skipped is how many files were there already and equal, and were not fetched.
	Skipped int
}

// Download writes the blob at a place in storage, or all blobs of the folder at it, below a local folder, which is made if it does
// not exist. The place is an azureml:// URI of a datastore, the https URL of a blob, folder or container, with or without a
// signature, a wasbs:// or an abfss:// one.
//
// It blocks until everything is there. If interrupted, call it again; it resumes where it stopped, also within a large file.
// Until then, unfinished files lie in a folder .azmlbatch-… in it. Nothing is written outside of the folder, and a file appears
// whole or not at all, with the time of its blob. Requests that fail are repeated as [ClientOptions].Retry says. Files that
// fail for good are listed in a *[TransferError], and the others are written.
//
// Names that cannot be files in one folder of this machine are an error before anything is written: a blob that has the name
// of another one's folder, names that differ in case only where the file system takes them for one, names of devices on
// Windows. A place without files is [ErrNotFound].
func (c *Client) Download(ctx context.Context, uri, folder string, options *DownloadOptions) (DownloadResult, error) {
	op := operation{"download", "place", uri}
	return inSpan(ctx, c, op, func(ctx context.Context) (DownloadResult, error) {
		at, err := c.blobPlace(ctx, op, uri)
		if err != nil {
			return DownloadResult{}, err
		}
		return c.downloadPrefix(ctx, op, at, folder, options)
	})
}

// downloadPrefix writes the blob at a place, or all blobs of the folder at it, below a local folder.
func (c *Client) downloadPrefix(ctx context.Context, op operation, at place, folder string, options *DownloadOptions) (result DownloadResult, err error) {
	o := orZero(options)
	blobs, itself, trip, err := c.blobsAt(ctx, op, at)
	if err != nil {
		return DownloadResult{}, err
	}
	d := &transfer.Download{Store: c.newBlobStore(op, at, StorageCredentialAuto), Blobs: blobs, Dir: folder,
		Source: at.url().String(), Overwrite: o.Overwrite}
	d.Name = func(b transfer.Blob) string {
		if itself && b.Name == path.Base(at.path) {
			return at.path
		}
		return at.join(b.Name).path
	}
	d.OnFile = func(b transfer.Blob) {
		result.Files++
		result.Bytes += b.Size
		if o.OnFile != nil {
			o.OnFile(b.Name, b.Size)
		}
	}
	t := c.transferOptions(o.Concurrency, defaultBlockSize, trip)
	if o.OnProgress != nil {
		t.Progress = func(p transfer.Progress) { o.OnProgress(DownloadProgress(p)) }
	}
	p, err := d.Run(ctx, t)
	result.Skipped = p.FilesSkipped
	return result, downloadError(op, err)
}

// blobsAt lists the blobs to download, by their names relative to the place. Itself says that one of them is the place. It also
// tells how long the store takes for an answer.
func (c *Client) blobsAt(ctx context.Context, op operation, at place) (blobs []transfer.Blob, itself bool, trip time.Duration, err error) {
	began := time.Now()
	for b, err := range c.listBlobs(ctx, op, at) {
		if err != nil {
			return nil, false, 0, err
		}
		if trip == 0 {
			trip = time.Since(began)
		}
		if name, ok := within(at.path, b.Name); ok && !b.IsFolder {
			blobs = append(blobs, transfer.Blob{Name: name, Size: b.Size, ETag: b.ETag, MD5: b.MD5, Modified: max(0, b.Modified.Unix())})
			itself = itself || b.Name == at.path
		}
	}
	if len(blobs) == 0 {
		return nil, false, 0, &Error{Operation: op.String(), StatusCode: 404, Err: ErrNotFound, Message: "there are no files at " + at.url().String()}
	}
	return blobs, itself, trip, nil
}

// within is a blob's name relative to the path that was asked for: a folder, with or without a slash at its end, or the
// blob itself. "src2/x" only looks as if it were within "src".
func within(folder, name string) (string, bool) {
	if name == folder {
		return path.Base(name), true
	}
	if folder == "" {
		return name, true
	}
	return strings.CutPrefix(name, strings.TrimSuffix(folder, "/")+"/")
}

// downloadError names the operation in what a download returns.
func downloadError(op operation, err error) error {
	var name *transfer.NameError
	var dir *transfer.DirError
	switch {
	case errors.As(err, &name):
		return &Error{Operation: op.String(), Message: name.Error(), Err: fs.ErrInvalid, Remedy: "read it with another tool, or on another machine"}
	case errors.As(err, &dir):
		remedy := dir.Remedy
		if errors.Is(err, fs.ErrExist) {
			remedy = "use an empty folder, or DownloadOptions.Overwrite"
		}
		return op.invalid("folder", dir.Problem, remedy).causedBy(err)
	}
	return transferError(op, err)
}
