package azmlbatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/local"
	"github.com/azmlbatch/azmlbatch/internal/scratch"
	"github.com/azmlbatch/azmlbatch/internal/transfer"
)

// UploadOptions tune the upload of a local file or folder. The zero value and nil mean the
// defaults.
type UploadOptions struct {
	// Datastore is the datastore to upload to; empty means the workspace's default. Code goes to a
	// container of its own and ignores it.
	Datastore string
	// Credential says what opens the storage; the zero value means [StorageCredentialAuto].
	Credential StorageCredential
	// Concurrency is the number of requests at once, at most 10,000. Zero finds it automatically:
	// more on a slow round trip, up to a few hundred, and fewer when storage throttles.
	Concurrency int
	// BlockSize is in bytes: 4 MiB if zero, at most 4000 MiB. A file up to this size is one
	// request. A larger one is sent in blocks, and an interrupted upload resumes after those that
	// storage has. Blocks are larger for a file that would need more than the 50,000 that storage
	// allows. The size does not affect memory.
	BlockSize int64
	// OnProgress is called after each file and block, by one goroutine at a time. May be nil.
	OnProgress func(UploadProgress)
}

const (
	defaultBlockSize = 4 << 20
	maxBlockSize     = 4000 << 20
)

// UploadProgress is how far an upload is. Only Rate ever decreases.
type UploadProgress struct {
	// Files is the number of files in all.
	Files int
	// Bytes is the total size of all files.
	Bytes int64
	// FilesDone is the number of files that storage has, skipped ones included.
	FilesDone int
	// BytesDone is how much storage has; blocks of incomplete files count too.
	BytesDone int64
	// FilesSkipped is the number of files that storage had, so they were not sent.
	FilesSkipped int
	// BytesSkipped is how much storage had, so it was not sent.
	BytesSkipped int64
	// Rate is the bytes a second that were sent in the last seconds.
	Rate float64
	// Reused says that storage had equal content, so nothing was sent.
	Reused bool
}

// Uploaded is a file or folder on a datastore.
type Uploaded struct {
	// URI is azureml://datastores/D/paths/P, for use in inputs, models and data assets.
	URI string
	// URL is the same place as an https URL without a signature.
	URL string
	// IsFolder says that it is a folder and not a file.
	IsFolder bool
	// Reused says that storage had equal content, so nothing was sent.
	Reused bool
}

// String is what fmt prints: the fields that are set.
func (u Uploaded) String() string { return printed(u) }

// Upload sends a local file or folder to a datastore. As with az ml, the hash of the content names
// the place, so equal content is sent only once, by either tool. Upload registers nothing. It
// leaves out files that .amlignore, or else .gitignore, excludes, and follows links.
//
// It blocks until storage has all files. If interrupted, call it again; it resumes where it
// stopped. Failed requests are repeated as [ClientOptions].Retry says. A *[TransferError] lists the
// files that failed for good; the others are sent, but the upload does not count as complete. A
// path that cannot be uploaded is *[ArgumentError]. Stored files cost what storage costs.
func (c *Client) Upload(ctx context.Context, localPath string, options *UploadOptions) (Uploaded, error) {
	op := operation{"upload", "path", localPath}
	up, err := inSpan(ctx, c, op, func(ctx context.Context) (uploaded, error) { return c.uploadToDatastore(ctx, op, localPath, options) })
	return up.public(), err
}

// UploadFS sends the files of a file system, for example an [embed.FS] or an archive, as
// [Client.Upload] sends a folder called name. A file that cannot be read at an offset is one
// request, which does not resume.
func (c *Client) UploadFS(ctx context.Context, files fs.FS, name string, options *UploadOptions) (Uploaded, error) {
	op := operation{"upload", "file system", name}
	up, err := inSpan(ctx, c, op, func(ctx context.Context) (uploaded, error) {
		if isNil(files) {
			return uploaded{}, op.invalid("files", "is nil", "pass a file system")
		}
		if err := checkUploadName(op, name); err != nil {
			return uploaded{}, err
		}
		tree, err := local.ScanFS(files, name)
		if err != nil {
			return uploaded{}, naming("files", badFile(op, err))
		}
		up, err := c.uploadTree(ctx, op, tree, options)
		return up, naming("files", err)
	})
	return up.public(), err
}

// UploadReader sends the content of r as [Client.Upload] sends a file called name. It writes the
// content to a temporary file first, because its hash must be known.
func (c *Client) UploadReader(ctx context.Context, r io.Reader, name string, options *UploadOptions) (Uploaded, error) {
	op := operation{"upload", "content", name}
	up, err := inSpan(ctx, c, op, func(ctx context.Context) (uploaded, error) { return c.uploadReader(ctx, op, r, name, options) })
	return up.public(), err
}

func (c *Client) uploadReader(ctx context.Context, op operation, r io.Reader, name string, options *UploadOptions) (_ uploaded, err error) {
	if isNil(r) {
		return uploaded{}, op.invalid("r", "is nil", "pass a reader")
	}
	if err := checkUploadName(op, name); err != nil {
		return uploaded{}, err
	}
	dir, err := scratch.New("", "azmlbatch-upload-", nil)
	if err != nil {
		return uploaded{}, storageError(op, err)
	}
	defer func() {
		if removed := dir.Remove(); err == nil && removed != nil {
			err = storageError(op, removed)
		}
	}()
	path := filepath.Join(dir.Path, "content", name)
	if err := writeContent(ctx, path, r); err != nil {
		return uploaded{}, storageError(op, err)
	}
	return c.uploadToDatastore(ctx, op, path, options)
}

// checkUploadName checks the name for content that is not a local file.
func checkUploadName(op operation, name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, `/\`) || !filepath.IsLocal(name) {
		return op.invalid("name", fmt.Sprintf("%q is not the name of a file", redact(name)), "pass a name without folders, for example model.pkl")
	}
	if problem := local.NameProblem(name); problem != "" {
		return op.invalid("name", fmt.Sprintf("%q %s", redact(name), problem), "pass another name, for example model.pkl")
	}
	if redact(name) != name { // it would be part of URLs
		return op.invalid("name", "looks like a signature, a key or a token", "pass the name of a file, for example model.pkl")
	}
	return nil
}

// writeContent writes the content of a reader to a new file in a new folder.
func writeContent(ctx context.Context, path string, r io.Reader) error {
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	}))
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// uploaded is where an upload lies on a datastore.
type uploaded struct {
	Datastore string
	Path      string // LocalUpload/{hash}/{base}
	IsFolder  bool
	Reused    bool
	URL       string
}

func (u uploaded) public() Uploaded {
	if u.Path == "" {
		return Uploaded{}
	}
	return Uploaded{URI: placeURI(u.Datastore, u.Path), URL: u.URL, IsFolder: u.IsFolder, Reused: u.Reused}
}

// uploadToDatastore sends a file or folder to a datastore.
func (c *Client) uploadToDatastore(ctx context.Context, op operation, localPath string, options *UploadOptions) (uploaded, error) {
	tree, err := scanLocal(op, localPath)
	if err != nil {
		return uploaded{}, err
	}
	return c.uploadTree(ctx, op, tree, options)
}

// check finds what no upload can be done with.
func (o *UploadOptions) check(op operation) error {
	if o == nil {
		return nil
	}
	const blockSize = "UploadOptions.BlockSize"
	switch {
	case o.BlockSize < 0:
		return op.invalid(blockSize, fmt.Sprintf("is %d", o.BlockSize), "count bytes; zero means 4 MiB")
	case o.BlockSize > maxBlockSize:
		return op.invalid(blockSize, fmt.Sprintf("is %d", o.BlockSize), "use at most 4000 MiB, which is 4000<<20")
	case !slices.Contains([]StorageCredential{StorageCredentialAuto, StorageCredentialIdentity, StorageCredentialSecrets}, o.Credential):
		return op.invalid("UploadOptions.Credential", fmt.Sprintf("%q is not one", redact(clip(string(o.Credential)))), "use one of the constants StorageCredential…")
	case o.Datastore != "":
		if err := checkName(op, "UploadOptions.Datastore", o.Datastore); err != nil {
			return err
		}
	}
	return checkConcurrency(op, "UploadOptions.Concurrency", o.Concurrency, "count requests; zero finds a number automatically")
}

// uploadTree sends scanned files to a datastore, unless it has a complete upload of equal content.
func (c *Client) uploadTree(ctx context.Context, op operation, tree *local.Tree, options *UploadOptions) (uploaded, error) {
	if err := cmp.Or(c.refuseWrite(op), options.check(op)); err != nil {
		return uploaded{}, err
	}
	u := c.newUpload(op, tree, options)
	hash, err := tree.UploadHash(ctx, u.sums)
	if err != nil {
		return uploaded{}, unreadable(ctx, u.op, err)
	}
	if u.root, err = c.datastorePlace(ctx, op, u.options.Datastore); err != nil {
		return uploaded{}, err
	}
	result := func(hash string, reused bool) uploaded {
		at := uploadPath(hash, tree.Base)
		return uploaded{Datastore: u.root.datastore, Path: at, IsFolder: tree.IsFolder, Reused: reused, URL: u.root.at(at).url().String()}
	}
	old, err := u.find(ctx, hash)
	switch {
	case err != nil:
		return uploaded{}, err
	case old != "":
		u.reused()
		return result(old, true), nil
	}
	if err := u.send(ctx); err != nil {
		return uploaded{}, err
	}
	return result(hash, false), u.confirm(ctx, nil)
}

// toContainer sends code to its own container, opened by a signed URL. It returns the folder in the
// code's URI: the folder's name, or "" for a single file. Not documented: whether a second attempt
// at a version gets the same container. It may hold other code then, so existing blobs are
// replaced, marker or not.
func (u *upload) toContainer(ctx context.Context, signedURL string, marker map[string]*string) (folder string, err error) {
	if u.root, err = u.c.urlPlace(u.op, signedURL); err != nil {
		return "", err
	}
	if u.tree.IsFolder {
		folder = u.tree.Base
	}
	u.to = u.root.join(u.tree.Base)
	if _, err := u.findExisting(ctx); err != nil {
		return "", err
	}
	if err := u.send(ctx); err != nil {
		return "", err
	}
	return folder, u.confirm(ctx, marker)
}

// scanLocal lists a file or folder to upload.
func scanLocal(op operation, localPath string) (*local.Tree, error) {
	tree, err := local.Scan(localPath)
	if err != nil {
		return nil, badFile(op, err)
	}
	return tree, nil
}

// localPathArgument is what the calls that upload name their local file or folder.
const localPathArgument = "localPath"

// naming names the argument of a call whose local path is part of it, in an error about that path.
func naming(argument string, err error) error {
	var bad *ArgumentError
	if errors.As(err, &bad) && bad.Argument == localPathArgument {
		bad.Argument = argument
	}
	return err
}

// badFile is the error of a path that cannot be uploaded, or of a file that changed. Nothing was
// sent.
func badFile(op operation, err error) error {
	bad := op.invalid(localPathArgument, err.Error(), "").causedBy(err)
	var l *local.Error
	if errors.As(err, &l) {
		bad.Problem, bad.Remedy, bad.Err = fmt.Sprintf("%q %s", l.Path, l.Problem), l.Remedy, l.Err
	}
	return bad
}

// upload is the upload of one file or folder.
type upload struct {
	c       *Client
	op      operation
	options UploadOptions
	tree    *local.Tree
	sums    *local.Sums
	root    place               // the container
	to      place               // of the file or folder
	named   bool                // the place names the content, by a hash
	have    []transfer.Existing // see [transfer.Upload]
	trip    time.Duration       // of the quickest request so far
}

func (c *Client) newUpload(op operation, tree *local.Tree, options *UploadOptions) *upload {
	u := &upload{c: c, op: op, options: orZero(options), tree: tree}
	if u.options.BlockSize == 0 {
		u.options.BlockSize = defaultBlockSize
	}
	u.sums = &local.Sums{PartSize: transfer.PartSize(u.options.BlockSize)}
	return u
}

// unreadable is the error of files that could not be hashed. Nothing was sent.
func unreadable(ctx context.Context, op operation, err error) error {
	if ctx.Err() != nil {
		return storageError(op, err)
	}
	return badFile(op, err)
}

// send sends the files, and verifies that storage has them.
func (u *upload) send(ctx context.Context) error {
	t := &transfer.Upload{Store: u.c.newBlobStore(u.op, u.root, u.options.Credential), Tree: u.tree, Sums: u.sums,
		Named: u.named, Have: u.have, Name: func(f local.File) string { return u.blob(f).path }}
	o := u.c.transferOptions(u.options.Concurrency, u.options.BlockSize, u.trip)
	o.Progress = u.report
	if err := t.Run(ctx, o); err != nil {
		return transferError(u.op, err)
	}
	return u.verify(ctx)
}

func (u *upload) report(p transfer.Progress) {
	if u.options.OnProgress != nil {
		u.options.OnProgress(UploadProgress{Files: p.Files, Bytes: p.Bytes, FilesDone: p.FilesDone, BytesDone: p.BytesDone,
			FilesSkipped: p.FilesSkipped, BytesSkipped: p.BytesSkipped, Rate: p.Rate})
	}
}

// reused reports that storage had everything.
func (u *upload) reused() {
	if u.options.OnProgress != nil {
		files, bytes := len(u.tree.Files), u.tree.Bytes
		u.options.OnProgress(UploadProgress{Files: files, Bytes: bytes, FilesDone: files, BytesDone: bytes, FilesSkipped: files, BytesSkipped: bytes, Reused: true})
	}
}
