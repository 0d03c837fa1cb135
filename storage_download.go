package azmlbatch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/transfer"
)

// DownloadOptions tune a download to a folder. The zero value and nil mean the defaults.
type DownloadOptions struct {
	// Overwrite replaces existing files that differ. Without it, the first one that differs is an
	// error, and nothing is written. Either way, files that are equal are not fetched again.
	Overwrite bool
	// Concurrency is the number of requests at once, at most 10,000. Zero finds it automatically:
	// more on a slow round trip, up to a few hundred, and fewer when storage throttles.
	Concurrency int
	// OnFile is called after each file is written, with its path below the folder, by one goroutine
	// at a time. May be nil.
	OnFile func(name string, bytes int64)
	// OnProgress is called after each file and each part of a large one, by one goroutine at a
	// time. May be nil.
	OnProgress func(DownloadProgress)
}

// DownloadProgress is how far a download is. Only Rate ever decreases.
type DownloadProgress struct {
	// Files is the number of files in all.
	Files int
	// Bytes is the total size of all files.
	Bytes int64
	// FilesDone is the number of files that exist, skipped ones included.
	FilesDone int
	// BytesDone is how much exists; parts of incomplete files count too.
	BytesDone int64
	// FilesSkipped is the number of files that existed and were equal, so they were not fetched.
	FilesSkipped int
	// BytesSkipped is how much existed, so it was not fetched.
	BytesSkipped int64
	// Rate is the bytes a second that were fetched in the last seconds.
	Rate float64
}

// DownloadResult is what a download wrote.
type DownloadResult struct {
	// Files is the number of files written, even if the download failed.
	Files int
	// Bytes is their total size.
	Bytes int64
	// Skipped is the number of files that existed and were equal, so they were not fetched.
	Skipped int
}

// Download writes a blob, or all blobs of a folder in storage, below a local folder, which it
// creates if needed. The URI is an azureml:// URI of a datastore, the https URL of a blob, folder
// or container with or without a signature, or a wasbs:// or abfss:// URL.
//
// It blocks until all files are written. If interrupted, call it again; it resumes where it
// stopped, also within a large file. Incomplete files lie in a subfolder .azmlbatch-…, and a file
// appears only when it is complete, with the time of its blob. Nothing is written outside the
// folder. Failed requests are repeated as [ClientOptions].Retry says. A *[TransferError] lists the
// files that failed for good; the others are written.
//
// Names that cannot be files in one folder on this machine are an error before anything is written:
// a blob with the name of another one's folder, names that differ only in case if the file system
// ignores case, device names on Windows. If there are no files, the error is [ErrNotFound].
func (c *Client) Download(ctx context.Context, uri, folder string, options *DownloadOptions) (DownloadResult, error) {
	op := operation{"download", "place", uri}
	return inSpan(ctx, c, op, func(ctx context.Context) (DownloadResult, error) {
		if err := options.check(op, folder); err != nil {
			return DownloadResult{}, err
		}
		at, err := c.blobPlace(ctx, op, uri)
		if err != nil {
			return DownloadResult{}, err
		}
		return c.downloadPrefix(ctx, op, at, folder, options)
	})
}

// check finds what no download can be done with. A folder that does not exist yet is fine.
func (o *DownloadOptions) check(op operation, folder string) error {
	info, err := os.Stat(folder)
	switch {
	case folder == "":
		return op.invalid("folder", "is empty", "name a folder")
	case err == nil && !info.IsDir(), errors.Is(err, syscall.ENOTDIR):
		return op.invalid("folder", fmt.Sprintf("%q is a file, or lies below one", folder), "name a folder; it is created if needed")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return op.invalid("folder", fmt.Sprintf("%q cannot be read", folder), "name another folder").causedBy(err)
	}
	return checkConcurrency(op, "DownloadOptions.Concurrency", orZero(o).Concurrency, "count requests; zero finds a number automatically")
}

// downloadPrefix writes the blob at a place, or all blobs of the folder there, below a local
// folder.
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

// blobsAt lists the blobs to download, with names relative to the place. itself says that one of
// them is the place. trip is how long storage takes to answer.
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
		return nil, false, 0, op.found(ErrNotFound, "there are no files at "+at.url().String(), "")
	}
	return blobs, itself, trip, nil
}

// within returns a blob's name relative to a path: a folder, with or without a slash at its end, or
// the blob itself. "src2/x" is not within "src".
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
