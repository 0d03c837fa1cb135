package azmlbatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/azmlbatch/azmlbatch/internal/local"
)

// UploadOptions tune the upload of a local file or folder. The zero value and nil mean the defaults.
type UploadOptions struct {
	// Datastore to upload to; empty means the workspace's default. Code has a container of its own and ignores it.
	Datastore string
	// Credential says what opens the storage; the zero value lets the client find out.
	Credential StorageCredential
	// Concurrency is the number of requests at once, 8 when zero.
	Concurrency int
	// BlockSize in bytes, 8 MiB when zero, at most 4000 MiB. A file of at most one block is one request; larger
	// files are sent in blocks, and an interrupted upload resumes. Memory is at most Concurrency blocks. A file that would have more than
	// the 50,000 blocks that storage allows goes in larger ones.
	BlockSize int64
	// OnProgress is called after every file and block, by one goroutine at a time. May be nil.
	OnProgress func(UploadProgress)
}

const (
	defaultConcurrency = 8
	defaultBlockSize   = 8 << 20
	maxBlockSize       = 4000 << 20
)

func (o *UploadOptions) resolve() UploadOptions {
	r := orZero(o)
	if r.Concurrency <= 0 {
		r.Concurrency = defaultConcurrency
	}
	if r.BlockSize <= 0 {
		r.BlockSize = defaultBlockSize
	}
	r.BlockSize = min(r.BlockSize, maxBlockSize)
	return r
}

// UploadProgress is how far an upload is.
type UploadProgress struct {
	// Files is how many there are in all.
	Files int
	// Bytes is the size of all files together.
	Bytes int64
	// FilesDone is how many of them storage has.
	FilesDone int
	// BytesDone is what storage has; blocks of unfinished files count too.
	BytesDone int64
	// Reused says that equal content was there already, and nothing was sent.
	Reused bool
}

// Uploaded is a file or folder on a datastore.
type Uploaded struct {
	// URI is the place, azureml://datastores/D/paths/P; inputs, models and data assets take it.
	URI string
	// URL is the same place as an https URL without a signature.
	URL string
	// IsFolder tells a folder from a file.
	IsFolder bool
	// Reused says that equal content was there already, and nothing was sent.
	Reused bool
}

// String is what fmt prints: the fields that are set.
func (u Uploaded) String() string { return printed(u) }

// Upload sends a local file or folder to a datastore, under the hash of its content as az ml does, so that equal content is
// sent once whichever tool sent it first. It registers nothing. Files that .amlignore, or else .gitignore, excludes are
// left out. It blocks until everything is there. If interrupted, call it again; it resumes where it stopped. A path that
// cannot be uploaded is *[ArgumentError]. Stored files cost what storage costs.
func (c *Client) Upload(ctx context.Context, localPath string, options *UploadOptions) (Uploaded, error) {
	op := operation{"upload", "path", localPath}
	up, err := inSpan(ctx, c, op, func(ctx context.Context) (uploaded, error) { return c.uploadToDatastore(ctx, op, localPath, options) })
	if err != nil {
		return Uploaded{}, err
	}
	return Uploaded{URI: placeURI(up.Datastore, up.Path), URL: up.URL, IsFolder: up.IsFolder, Reused: up.Reused}, nil
}

// uploaded is where an upload lies on a datastore.
type uploaded struct {
	Datastore string
	Path      string // LocalUpload/{hash}/{base}
	IsFolder  bool
	Reused    bool
	URL       string
}

// uploadPath is the layout of az ml: one folder per content.
func uploadPath(hash, base string) string { return "LocalUpload/" + hash + "/" + base }

// The marker of a complete upload is metadata of its first file, as az ml writes and reads it.
const (
	markerStatus    = "upload_status"
	markerCompleted = "completed"
	markerName      = "name"
	markerVersion   = "version"
)

// uploadToDatastore sends a file or folder to a datastore.
func (c *Client) uploadToDatastore(ctx context.Context, op operation, localPath string, options *UploadOptions) (uploaded, error) {
	files, err := scanLocal(op, localPath)
	if err != nil {
		return uploaded{}, err
	}
	return c.uploadFiles(ctx, op, files, options)
}

// uploadFiles sends what was scanned to a datastore, unless a complete upload of equal content is there, under the hash of
// either age: MD5 until 2025, SHA-256 since.
func (c *Client) uploadFiles(ctx context.Context, op operation, files local.Tree, options *UploadOptions) (uploaded, error) {
	o := options.resolve()
	if err := c.refuseWrite(op); err != nil {
		return uploaded{}, err
	}
	oldHash, hash, err := local.UploadHashes(files)
	if err != nil {
		return uploaded{}, badFile(op, err)
	}
	root, err := c.datastorePlace(ctx, op, o.Datastore)
	if err != nil {
		return uploaded{}, err
	}
	result := func(hash string, reused bool) uploaded {
		at := uploadPath(hash, files.Base)
		return uploaded{Datastore: root.datastore, Path: at, IsFolder: files.IsFolder, Reused: reused, URL: root.at(at).url().String()}
	}
	t := &transfer{c: c, op: op, options: o, files: files}
	for _, h := range []string{hash, oldHash} {
		t.to = root.at(uploadPath(h, files.Base))
		state, err := t.readMarker(ctx)
		if err != nil {
			return uploaded{}, err
		}
		if state == markerComplete {
			t.report(UploadProgress{Files: len(files.Files), Bytes: files.Bytes(), FilesDone: len(files.Files), BytesDone: files.Bytes(), Reused: true})
			return result(h, true), nil
		}
		if h == hash {
			t.overwrite = state == markerMissing
		}
	}
	t.to = root.at(uploadPath(hash, files.Base))
	if err := t.send(ctx); err != nil {
		return uploaded{}, err
	}
	return result(hash, false), t.confirm(ctx, nil)
}

// uploadToContainer sends code to a container of its own, opened by a signed URL, and returns the folder within it that
// the code's URI ends in: the folder's name, or nothing for a single file. Not evidenced: whether a second attempt at a
// version gets the same container; the content may be other code by then, so what is there is replaced, whatever a marker
// says.
func (c *Client) uploadToContainer(ctx context.Context, op operation, signedURL string, files local.Tree, marker map[string]*string, options *UploadOptions) (string, error) {
	if err := c.refuseWrite(op); err != nil {
		return "", err
	}
	root, err := c.urlPlace(op, signedURL)
	if err != nil {
		return "", err
	}
	folder := ""
	if files.IsFolder {
		folder = files.Base
	}
	t := &transfer{c: c, op: op, options: options.resolve(), files: files, to: root.join(files.Base), overwrite: true}
	if err := t.send(ctx); err != nil {
		return "", err
	}
	return folder, t.confirm(ctx, marker)
}

// scanLocal lists a file or folder to upload.
func scanLocal(op operation, path string) (local.Tree, error) {
	tree, err := local.Scan(path)
	if err != nil {
		return local.Tree{}, badFile(op, err)
	}
	return tree, nil
}

// badFile is the error of a path that cannot be uploaded, or of a file that changed, before anything was sent.
func badFile(op operation, err error) error {
	bad := op.invalid("path", err.Error(), "").causedBy(err)
	var l *local.Error
	if errors.As(err, &l) {
		bad.Problem, bad.Remedy, bad.Err = fmt.Sprintf("%q %s", l.Path, l.Problem), l.Remedy, l.Err
	}
	return bad
}
