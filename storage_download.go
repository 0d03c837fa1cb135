package azmlbatch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// DownloadOptions tune a download to a folder. The zero value and nil mean the defaults.
type DownloadOptions struct {
	// Overwrite replaces files that exist. Without it the first one that exists is an error, and nothing is lost.
	Overwrite bool
	// Concurrency is the number of files at once, 8 when zero.
	Concurrency int
	// OnFile is called after every file, by one goroutine at a time, with its path below the folder. May be nil.
	OnFile func(name string, bytes int64)
}

// DownloadResult is what a download wrote.
type DownloadResult struct {
	// Files is how many were written, also when the download failed.
	Files int
	// Bytes is the size of these files together.
	Bytes int64
}

// downloadPrefix writes the blob at a place, or all blobs of the folder at it, below folder. Names are checked and opened
// through an [os.Root], so that neither ".." nor a link leads outside.
func (c *Client) downloadPrefix(ctx context.Context, op operation, at place, folder string, options *DownloadOptions) (DownloadResult, error) {
	o := orZero(options)
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	bad := func(err error) error {
		return op.invalid("folder", err.Error(), "").causedBy(err)
	}
	if folder == "" {
		return DownloadResult{}, bad(errors.New("is empty"))
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // a folder of results is as open as the caller's umask says
		return DownloadResult{}, bad(err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return DownloadResult{}, bad(err)
	}
	defer func() { _ = root.Close() }() // nothing was written through it that is not closed
	d := &download{c: c, op: op, root: root, options: o}
	err = d.all(ctx, at)
	if err == nil && d.result.Files == 0 {
		err = &Error{Operation: op.String(), StatusCode: 404, Err: ErrNotFound, Message: "there are no files at " + at.url().String()}
	}
	return d.result, err
}

type download struct {
	c       *Client
	op      operation
	root    *os.Root
	options DownloadOptions

	mu     sync.Mutex
	result DownloadResult
}

func (d *download) all(ctx context.Context, at place) error {
	pool, inPool := errgroup.WithContext(ctx)
	pool.SetLimit(d.options.Concurrency)
	for b, err := range d.c.listBlobs(inPool, d.op, at) {
		if err != nil {
			pool.Go(func() error { return err })
			break
		}
		name, ok := within(at.path, b.Name)
		if !ok || b.IsFolder {
			continue
		}
		pool.Go(func() error { return d.failed(name, d.file(inPool, at.at(b.Name), name)) })
	}
	return pool.Wait()
}

// failed adds to an error which file it is about.
func (d *download) failed(name string, err error) error {
	if err == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return &fileError{op: d.op, file: name, state: fmt.Sprintf("%d files were written", d.result.Files), err: err}
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

func (d *download) file(ctx context.Context, at place, name string) error {
	local := filepath.FromSlash(name)
	if !filepath.IsLocal(local) {
		return &Error{Operation: d.op.String(), Message: fmt.Sprintf("the blob %q would be written outside of the folder", at.path),
			Err: fs.ErrInvalid, Remedy: "read it with another tool"}
	}
	if _, err := d.root.Stat(local); err == nil && !d.options.Overwrite {
		return d.op.invalid("folder", fmt.Sprintf("has a file %q already", name),
			"use an empty folder, or DownloadOptions.Overwrite").causedBy(fs.ErrExist)
	}
	if err := d.root.MkdirAll(filepath.Dir(local), 0o755); err != nil {
		return err
	}
	body, err := d.c.openBlob(ctx, d.op, at)
	if err != nil {
		return err
	}
	defer body.Close()
	n, err := d.write(local, body)
	if err != nil {
		return storageError(d.op, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.result.Files++
	d.result.Bytes += n
	if d.options.OnFile != nil {
		d.options.OnFile(name, n)
	}
	return nil
}

// write puts the content in place at once: a reader never sees half a file, and a failure leaves none. On its way it has a
// name that no blob and no file of the caller has, since beside "a" there may be an "a.part".
func (d *download) write(local string, body io.Reader) (int64, error) {
	temporary := filepath.Join(filepath.Dir(local), "."+rand.Text()+".part")
	f, err := d.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, body)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = d.root.Rename(temporary, local)
	}
	if err != nil {
		_ = d.root.Remove(temporary) // the first failure is the one to tell
	}
	return n, err
}
