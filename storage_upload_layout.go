package azmlbatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"golang.org/x/sync/errgroup"

	"github.com/azmlbatch/azmlbatch/internal/local"
	"github.com/azmlbatch/azmlbatch/internal/transfer"
)

// Uploads lie where az ml puts them, in LocalUpload/{hash}/{base name}/…, so that each tool finds
// those of the other. The hash is SHA-256 since 2025; it was MD5 before.

const uploadFolder = "LocalUpload/"

// uploadPath returns the path of an upload.
func uploadPath(hash, base string) string { return uploadFolder + hash + "/" + base }

// The marker of a complete upload is metadata of its first file, as in az ml.
const (
	markerStatus    = "upload_status"
	markerCompleted = "completed"
	markerName      = "name"
	markerVersion   = "version"
)

// blob returns where a file of the upload goes.
func (u *upload) blob(f local.File) place { return u.blobBelow(u.to, f) }

// blobBelow returns where a file goes in an upload at a place.
func (u *upload) blobBelow(at place, f local.File) place {
	if !u.tree.IsFolder {
		return at
	}
	return at.join(f.Name)
}

// firstFile is what storage says about the first file of an upload.
type firstFile struct {
	there    bool
	complete bool // it has the marker: everything is there
	size     int64
}

// readMarker reads the marker of an upload with a hash.
func (u *upload) readMarker(ctx context.Context, hash string) (f firstFile, err error) {
	return u.readMarkerAt(ctx, u.blobBelow(u.root.at(uploadPath(hash, u.tree.Base)), u.tree.Files[0]))
}

func (u *upload) readMarkerAt(ctx context.Context, first place) (f firstFile, err error) {
	began := time.Now()
	err = u.c.blobCall(ctx, u.op, first, u.options.Credential, func(ctx context.Context, b *blockblob.Client) error {
		began = time.Now()
		p, err := b.GetProperties(ctx, nil)
		if err != nil {
			return err
		}
		f = firstFile{there: true}
		if p.ContentLength != nil {
			f.size = *p.ContentLength
		}
		for name, value := range p.Metadata {
			f.complete = f.complete || strings.EqualFold(name, markerStatus) && value != nil && *value == markerCompleted
		}
		return nil
	})
	u.took(began)
	if errors.Is(err, ErrNotFound) && !HasCode(err, containerCodes...) {
		return firstFile{}, nil
	}
	return f, err
}

// took remembers how long a round trip takes.
func (u *upload) took(began time.Time) {
	if took := time.Since(began); u.trip == 0 || took < u.trip {
		u.trip = took
	}
}

// confirm marks the upload as complete, with further metadata.
func (u *upload) confirm(ctx context.Context, marker map[string]*string) error {
	metadata := map[string]*string{markerStatus: new(markerCompleted)}
	maps.Copy(metadata, marker)
	return u.c.blobCall(ctx, u.op, u.blob(u.tree.Files[0]), u.options.Credential, func(ctx context.Context, b *blockblob.Client) error {
		_, err := b.SetMetadata(ctx, metadata, nil)
		return err
	})
}

// find looks for a complete upload of the content. It returns its hash, or "" and remembers what an
// interrupted upload left.
//
// An upload from before 2025 lies under an MD5, which takes longer than the SHA-256 and often
// longer than sending. So the MD5 is computed only if a list shows an upload that old whose first
// file has the same name and size.
func (u *upload) find(ctx context.Context, hash string) (string, error) {
	u.to, u.named = u.root.at(uploadPath(hash, u.tree.Base)), true
	first, err := u.readMarker(ctx, hash)
	if err != nil || first.complete {
		return hash, err
	}
	began := time.Now()
	page, err := u.c.blobPage(ctx, u.op, u.root.at(uploadFolder), "", listOptions{folders: true, prefer: u.options.Credential})
	u.took(began)
	if err != nil && !unlistable(err) {
		return "", err
	}
	unknown := err != nil || page.next != ""
	uploads := page.uploads()
	if old, err := u.findOld(ctx, uploads, unknown); err != nil || old != "" {
		return old, err
	}
	if first.there || unknown || uploads[hash] {
		u.named, err = u.findExisting(ctx) // replace unseen blobs if they cannot be listed
	}
	return "", err
}

// unlistable reports whether a container cannot be listed: the caller may not, or the store does
// not support it.
func unlistable(err error) bool {
	status := statusOf(err)
	return status >= 400 && status < 500 && status != http.StatusTooManyRequests && !HasCode(err, containerCodes...) || status == http.StatusNotImplemented
}

// uploads returns the hashes of the uploads in a page.
func (l blobList) uploads() map[string]bool {
	found := map[string]bool{}
	for _, f := range l.folders {
		hash, _, _ := strings.Cut(strings.TrimPrefix(f, uploadFolder), "/")
		found[hash] = true
	}
	for _, b := range l.blobs { // of a store without folders
		hash, _, _ := strings.Cut(strings.TrimPrefix(b.Name, uploadFolder), "/")
		found[hash] = true
	}
	return found
}

// maxOldUploads is how many first files of old uploads are read before computing the MD5.
const maxOldUploads = 200

// findOld looks for a complete upload from before 2025, among the listed hashes or, if those are
// unknown, anywhere.
func (u *upload) findOld(ctx context.Context, uploads map[string]bool, unknown bool) (string, error) {
	candidates := map[string]bool{}
	for hash := range uploads {
		if len(hash) == local.OldUploadHashLength {
			candidates[hash] = true
		}
	}
	if !unknown && len(candidates) <= maxOldUploads && u.tree.Bytes > oldUploadProbe {
		if err := u.keepAlike(ctx, candidates); err != nil {
			return "", err
		}
	}
	if !unknown && len(candidates) == 0 {
		return "", nil
	}
	hash, err := u.tree.OldUploadHash(ctx)
	if err != nil {
		return "", unreadable(ctx, u.op, err)
	}
	if !unknown && !candidates[hash] {
		return "", nil
	}
	first, err := u.readMarker(ctx, hash)
	if err != nil || !first.complete {
		return "", err
	}
	return hash, nil
}

// oldUploadProbe is the size from which an MD5 takes longer than reading some first files.
const oldUploadProbe = 32 << 20

// keepAlike drops uploads whose first file differs in name or size.
func (u *upload) keepAlike(ctx context.Context, hashes map[string]bool) error {
	alike := make(chan string, len(hashes))
	pool, ctx := errgroup.WithContext(ctx)
	pool.SetLimit(16)
	for hash := range hashes {
		pool.Go(func() error {
			probe := *u
			first, err := probe.readMarker(ctx, hash)
			if first.complete && first.size == u.tree.Files[0].Size {
				alike <- hash
			}
			return err
		})
	}
	if err := pool.Wait(); err != nil {
		return err
	}
	close(alike)
	clear(hashes)
	for hash := range alike {
		hashes[hash] = true
	}
	return nil
}

// findExisting finds out which files storage has at the place of the upload. known is false if the
// container cannot be listed.
func (u *upload) findExisting(ctx context.Context) (known bool, err error) {
	u.have = make([]transfer.Existing, len(u.tree.Files))
	return u.list(ctx, func(i int, b blobItem) {
		u.have[i] = transfer.Existing{There: true, Size: b.Size, MD5: b.MD5}
	})
}

// list calls found for each file of the upload that storage has, with its index. known is false if
// the container cannot be listed.
func (u *upload) list(ctx context.Context, found func(i int, b blobItem)) (known bool, err error) {
	for b, err := range u.c.listBlobsBy(ctx, u.op, u.to, u.options.Credential) {
		switch {
		case err != nil && unlistable(err):
			return false, nil
		case err != nil:
			return false, err
		}
		if i, ok := u.fileOf(b.Name); ok && !b.IsFolder {
			found(i, b)
		}
	}
	return true, nil
}

// fileOf returns the index of a blob's file.
func (u *upload) fileOf(blob string) (int, bool) {
	if !u.tree.IsFolder {
		return 0, blob == u.to.path
	}
	name, ok := strings.CutPrefix(blob, u.to.join("").path)
	if !ok {
		return 0, false
	}
	return u.tree.Index(name)
}

// verify makes sure that storage has every file, before the upload is marked as complete. For a
// single file, setting the marker does that.
func (u *upload) verify(ctx context.Context) error {
	if len(u.tree.Files) == 1 {
		return nil
	}
	there := make([]bool, len(u.tree.Files))
	known, err := u.list(ctx, func(i int, b blobItem) { there[i] = b.Size == u.tree.Files[i].Size })
	if err != nil || !known {
		return err
	}
	if i := slices.Index(there, false); i >= 0 {
		return &Error{Operation: u.op.String(), Message: fmt.Sprintf("storage took %q and does not have it", u.tree.Files[i].Name),
			Remedy: "upload again; what is there is not sent again"}
	}
	return nil
}

// FindUpload looks for a complete upload of a local file or folder and sends nothing: it tells
// whether [Client.Upload] would find everything there. It hashes the content, which blocks as long
// as reading it takes. The place is that of [UploadOptions].Datastore. Content that is not there,
// or not all of it, is [ErrNotFound]; uploads by az ml from before 2025 are left to Upload to find.
// A path that cannot be uploaded is *[ArgumentError]. One request, and the first time for a
// datastore one more; retried.
func (c *Client) FindUpload(ctx context.Context, localPath string, options *UploadOptions) (Uploaded, error) {
	op := operation{"find upload of", "path", localPath}
	up, err := inSpan(ctx, c, op, func(ctx context.Context) (uploaded, error) { return c.findUpload(ctx, op, localPath, options) })
	return up.public(), err
}

func (c *Client) findUpload(ctx context.Context, op operation, localPath string, options *UploadOptions) (uploaded, error) {
	if err := options.check(op); err != nil {
		return uploaded{}, err
	}
	tree, err := scanLocal(op, localPath)
	if err != nil {
		return uploaded{}, err
	}
	u := c.newUpload(op, tree, options)
	hash, err := tree.UploadHash(ctx, nil)
	if err != nil {
		return uploaded{}, unreadable(ctx, op, err)
	}
	if u.root, err = c.datastorePlace(ctx, op, u.options.Datastore); err != nil {
		return uploaded{}, err
	}
	first, err := u.readMarker(ctx, hash)
	if err == nil && !first.complete {
		err = op.found(ErrNotFound, fmt.Sprintf("datastore %q has no complete upload of this content", u.root.datastore), "call Upload")
	}
	if err != nil {
		return uploaded{}, err
	}
	at := uploadPath(hash, tree.Base)
	return uploaded{Datastore: u.root.datastore, Path: at, IsFolder: tree.IsFolder, Reused: true, URL: u.root.at(at).url().String()}, nil
}
