package azmlbatch

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // Content-MD5 guards the transfer; it is not a protection
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"golang.org/x/sync/errgroup"
)

// transfer is the upload of one file or folder: all files and all blocks go through one pool of workers, each with one
// buffer, so that memory does not grow with the number or the size of the files.
type transfer struct {
	c         *Client
	op        operation
	options   UploadOptions
	files     localFiles
	to        place // of the file or folder
	overwrite bool  // an earlier upload broke off: what is there may be cut short

	buffers sync.Pool
	mu      sync.Mutex
	done    UploadProgress
}

// send uploads every file. The first failure stops the others, and names its file.
func (t *transfer) send(ctx context.Context) error {
	t.done = UploadProgress{Files: len(t.files.files), Bytes: t.files.bytes()}
	t.buffers.New = newBuffer
	pool, inPool := errgroup.WithContext(ctx)
	pool.SetLimit(t.options.Concurrency)
	var larger []*blockUpload
	for _, f := range t.files.files {
		if inPool.Err() != nil {
			break
		}
		if f.size > t.options.BlockSize {
			u, err := t.startBlocks(inPool, f)
			if err != nil {
				pool.Go(func() error { return t.failed(f, err) })
				break
			}
			larger = append(larger, u)
			t.goBlocks(inPool, pool, u)
			continue
		}
		pool.Go(func() error { return t.failed(f, t.whole(inPool, f)) })
	}
	if err := pool.Wait(); err != nil {
		return err
	}
	for _, u := range larger {
		if err := t.failed(u.file, t.commit(ctx, u)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// failed adds to an error which file it is about.
func (t *transfer) failed(f localFile, err error) error {
	if err == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Errorf("azmlbatch: %s: file %q (%d of %d files were done; upload again to go on): %w", t.op, f.name, t.done.FilesDone, t.done.Files, err)
}

func newBuffer() any { return new(bytes.Buffer) }

// read fills a buffer of the pool with n bytes of a file.
func (t *transfer) read(f localFile, offset, n int64) (*bytes.Buffer, error) {
	r, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := t.buffers.Get().(*bytes.Buffer)
	b.Reset()
	read, err := io.Copy(b, io.NewSectionReader(r, offset, n))
	if err == nil && read != n {
		err = errFileChanged(f)
	}
	return b, err
}

// whole sends a file of at most one block with one request.
func (t *transfer) whole(ctx context.Context, f localFile) error {
	b, err := t.read(f, 0, f.size)
	if err != nil {
		return err
	}
	defer t.buffers.Put(b)
	err = t.c.blobCall(ctx, t.op, t.blob(f), t.options.Credential, func(ctx context.Context, client *blockblob.Client) error {
		o := &blockblob.UploadOptions{AccessConditions: t.conditions()}
		if f.size > 0 {
			sum := md5.Sum(b.Bytes()) //nolint:gosec // see the import
			o.TransactionalValidation = blob.TransferValidationTypeMD5(sum[:])
		}
		_, err := client.Upload(ctx, streaming.NopCloser(bytes.NewReader(b.Bytes())), o)
		return err
	})
	if err != nil && (t.overwrite || !taken(err)) {
		return err
	}
	t.advance(1, f.size)
	return nil
}

// conditions refuse to replace a blob that another client writes at the same moment; its content is equal.
func (t *transfer) conditions() *blob.AccessConditions {
	if t.overwrite {
		return nil
	}
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: new(azcore.ETagAny)}}
}

// blockUpload is a file that goes in blocks. Storage keeps blocks that were not committed for a week: an upload that
// broke off goes on with those that are there.
type blockUpload struct {
	file localFile
	ids  []string
	have map[string]bool // blocks that storage has
}

func (t *transfer) startBlocks(ctx context.Context, f localFile) (*blockUpload, error) {
	u := &blockUpload{file: f, have: map[string]bool{}}
	u.ids = make([]string, (f.size+t.options.BlockSize-1)/t.options.BlockSize)
	err := t.c.blobCall(ctx, t.op, t.blob(f), t.options.Credential, func(ctx context.Context, client *blockblob.Client) error {
		list, err := client.GetBlockList(ctx, blockblob.BlockListTypeUncommitted, nil)
		if err != nil {
			return err
		}
		for _, b := range list.UncommittedBlocks {
			if b.Name != nil {
				u.have[*b.Name] = true
			}
		}
		return nil
	})
	if isMissing(err) {
		err = nil
	}
	return u, err
}

func (t *transfer) goBlocks(ctx context.Context, pool *errgroup.Group, u *blockUpload) {
	for i := range u.ids {
		if ctx.Err() != nil {
			return
		}
		pool.Go(func() error { return t.failed(u.file, t.block(ctx, u, i)) })
	}
}

// block sends one block, unless storage has it. Its id holds its place and its content, so an equal id is an equal block.
func (t *transfer) block(ctx context.Context, u *blockUpload, i int) error {
	offset := int64(i) * t.options.BlockSize
	n := min(t.options.BlockSize, u.file.size-offset)
	b, err := t.read(u.file, offset, n)
	if err != nil {
		return err
	}
	defer t.buffers.Put(b)
	sum := sha256.Sum256(b.Bytes())
	u.ids[i] = base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%08d%x", i, sum[:16]))
	if !u.have[u.ids[i]] {
		err = t.c.blobCall(ctx, t.op, t.blob(u.file), t.options.Credential, func(ctx context.Context, client *blockblob.Client) error {
			check := md5.Sum(b.Bytes()) //nolint:gosec // see the import
			_, err := client.StageBlock(ctx, u.ids[i], streaming.NopCloser(bytes.NewReader(b.Bytes())),
				&blockblob.StageBlockOptions{TransactionalValidation: blob.TransferValidationTypeMD5(check[:])})
			return err
		})
	}
	if err == nil {
		t.advance(0, n)
	}
	return err
}

func (t *transfer) commit(ctx context.Context, u *blockUpload) error {
	err := t.c.blobCall(ctx, t.op, t.blob(u.file), t.options.Credential, func(ctx context.Context, client *blockblob.Client) error {
		_, err := client.CommitBlockList(ctx, u.ids, &blockblob.CommitBlockListOptions{AccessConditions: t.conditions()})
		return err
	})
	if err != nil && (t.overwrite || !taken(err)) {
		return err
	}
	t.advance(1, 0)
	return nil
}

// advance counts, and tells the caller.
func (t *transfer) advance(files int, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done.FilesDone += files
	t.done.BytesDone += n
	t.report(t.done)
}

func (t *transfer) report(p UploadProgress) {
	if t.options.OnProgress != nil {
		t.options.OnProgress(p)
	}
}
