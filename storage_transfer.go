package azmlbatch

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // Content-MD5 guards the transfer; it is not a protection
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/azmlbatch/azmlbatch/internal/local"
	"golang.org/x/sync/errgroup"
)

// maxBlocks is how many blocks a blob can have (learn.microsoft.com, scalability targets for Blob storage).
const maxBlocks = 50_000

// transfer is the upload of one file or folder: all files and all blocks go through one pool of workers, each with one
// buffer of at most a block, so that memory does not grow with the number or the size of the files.
type transfer struct {
	c         *Client
	op        operation
	options   UploadOptions
	files     local.Tree
	to        place // of the file or folder
	overwrite bool  // an earlier upload broke off: what is there may be cut short

	buffers sync.Pool
	mu      sync.Mutex
	done    UploadProgress
}

// send uploads every file. The first failure stops the others, and names its file.
func (t *transfer) send(ctx context.Context) error {
	t.done = UploadProgress{Files: len(t.files.Files), Bytes: t.files.Bytes()}
	t.buffers.New = t.newBuffer
	pool, inPool := errgroup.WithContext(ctx)
	pool.SetLimit(t.options.Concurrency)
	var larger []*blockUpload
	for _, f := range t.files.Files {
		if inPool.Err() != nil {
			break
		}
		if f.Size > t.blockSize(f) {
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
func (t *transfer) failed(f local.File, err error) error {
	if err == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	state := fmt.Sprintf("%d of %d files were sent; upload again to go on", t.done.FilesDone, t.done.Files)
	return &fileError{op: t.op, file: f.Name, state: state, err: err}
}

// blockSize is the size of the parts of a file: the caller's, or more where the blob would have too many of them.
func (t *transfer) blockSize(f local.File) int64 {
	return max(t.options.BlockSize, (f.Size+maxBlocks-1)/maxBlocks)
}

// newBuffer makes a buffer for the largest part of all files.
func (t *transfer) newBuffer() any {
	var n int64
	for _, f := range t.files.Files {
		n = max(n, min(f.Size, t.blockSize(f)))
	}
	b := make([]byte, n)
	return &b
}

// part reads a part of a file into a buffer of the pool and sends it.
func (t *transfer) part(f local.File, offset, n int64, send func(part []byte) error) error {
	b := t.buffers.Get().(*[]byte)
	defer t.buffers.Put(b)
	r, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer r.Close()
	part := (*b)[:n]
	if _, err := r.ReadAt(part, offset); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := f.Unchanged(r); err != nil { // cut short, too
		return err
	}
	return send(part)
}

// whole sends a file of at most one block with one request.
func (t *transfer) whole(ctx context.Context, f local.File) error {
	err := t.part(f, 0, f.Size, func(part []byte) error {
		return t.c.blobCall(ctx, t.op, t.blob(f), t.options.Credential, func(ctx context.Context, client *blockblob.Client) error {
			o := &blockblob.UploadOptions{AccessConditions: t.conditions()}
			if f.Size > 0 {
				sum := md5.Sum(part) //nolint:gosec // see the import
				o.TransactionalValidation = blob.TransferValidationTypeMD5(sum[:])
			}
			_, err := client.Upload(ctx, streaming.NopCloser(bytes.NewReader(part)), o)
			return err
		})
	})
	if err != nil && (t.overwrite || !taken(err)) {
		return err
	}
	t.advance(1, f.Size)
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
	file local.File
	ids  []string
	have map[string]bool // blocks that storage has
}

func (t *transfer) startBlocks(ctx context.Context, f local.File) (*blockUpload, error) {
	u := &blockUpload{file: f, have: map[string]bool{}}
	u.ids = make([]string, (f.Size+t.blockSize(f)-1)/t.blockSize(f))
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
	if errors.Is(err, ErrNotFound) {
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

// block sends one block, unless storage has it.
func (t *transfer) block(ctx context.Context, u *blockUpload, i int) error {
	offset := int64(i) * t.blockSize(u.file)
	n := min(t.blockSize(u.file), u.file.Size-offset)
	err := t.part(u.file, offset, n, func(part []byte) error {
		u.ids[i] = blockID(i, part)
		if u.have[u.ids[i]] {
			return nil
		}
		return t.c.blobCall(ctx, t.op, t.blob(u.file), t.options.Credential, func(ctx context.Context, client *blockblob.Client) error {
			sum := md5.Sum(part) //nolint:gosec // see the import
			_, err := client.StageBlock(ctx, u.ids[i], streaming.NopCloser(bytes.NewReader(part)),
				&blockblob.StageBlockOptions{TransactionalValidation: blob.TransferValidationTypeMD5(sum[:])})
			return err
		})
	})
	if err == nil {
		t.advance(0, n)
	}
	return err
}

// blockID holds the place and the content of a block, so that an equal id is an equal block. All blocks of a blob must have
// ids of one length; this is the length of those that az ml sends (azure-storage-blob for Python, _shared/uploads.py), so
// that each can go on where the other broke off.
func blockID(i int, part []byte) string {
	sum := sha256.Sum256(part)
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%014d%x", i, sum[:16]))
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

type markerState int

const (
	markerAbsent   markerState = iota // the first file is not there
	markerMissing                     // it is there and says nothing: an upload broke off
	markerComplete                    // everything is there
)

// readMarker asks for the first file, and tells how an earlier upload of the content ended.
func (t *transfer) readMarker(ctx context.Context) (markerState, error) {
	state := markerAbsent
	at := t.blob(t.files.Files[0])
	err := t.c.blobCall(ctx, t.op, at, t.options.Credential, func(ctx context.Context, b *blockblob.Client) error {
		p, err := b.GetProperties(ctx, nil)
		if err != nil {
			return err
		}
		state = markerMissing
		for name, value := range p.Metadata {
			if strings.EqualFold(name, markerStatus) && value != nil && *value == markerCompleted {
				state = markerComplete
			}
		}
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return markerAbsent, nil
	}
	return state, err
}

// confirm marks the upload as complete, and sets what else the marker shall say.
func (t *transfer) confirm(ctx context.Context, marker map[string]*string) error {
	metadata := map[string]*string{markerStatus: new(markerCompleted)}
	maps.Copy(metadata, marker)
	return t.c.blobCall(ctx, t.op, t.blob(t.files.Files[0]), t.options.Credential, func(ctx context.Context, b *blockblob.Client) error {
		_, err := b.SetMetadata(ctx, metadata, nil)
		return err
	})
}

// blob is where a file of the upload goes.
func (t *transfer) blob(f local.File) place {
	if !t.files.IsFolder {
		return t.to
	}
	return t.to.at(path.Join(t.to.path, f.Name))
}

// taken reports that a blob with this name exists: under a hash that is equal content.
func taken(err error) bool {
	return statusOf(err) == http.StatusConflict && HasCode(err, "BlobAlreadyExists")
}
