package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azmlbatch/azmlbatch/internal/scratch"
)

// A file gets the time of its blob, with a hash of the ETag as the fraction of the second. So a
// later download knows it as unchanged. On a file system without such times, files are fetched
// again.
const stampStep = 100 * time.Nanosecond // the resolution of NTFS

// stamp returns the time that the file of a blob gets; zero without a time or an ETag.
func stamp(b Blob) time.Time {
	if b.Modified == 0 || b.ETag == "" {
		return time.Time{}
	}
	sum := sha256.Sum256([]byte(b.ETag))
	steps := binary.BigEndian.Uint64(sum[:]) % uint64(time.Second/stampStep)
	return time.Unix(b.Modified, 0).Add(time.Duration(steps) * stampStep) //nolint:gosec // less than a second
}

// missing returns the blobs whose files do not exist yet.
func (d *Download) missing(ctx context.Context) ([]Blob, error) {
	if d.empty {
		return d.Blobs, nil
	}
	var missing, doubtful []Blob // of the same size as their file
	for _, b := range d.Blobs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		info, err := d.root.Stat(filepath.FromSlash(b.Name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, b)
		case err == nil && info.Mode().IsRegular() && info.Size() == b.Size && stamp(b).Equal(info.ModTime()):
			d.meter.skipped(1, b.Size)
		case err == nil && info.Mode().IsRegular() && info.Size() == b.Size && (b.MD5 != "" || b.Size == 0):
			doubtful = append(doubtful, b)
		case err == nil && !d.Overwrite:
			return nil, exists(b)
		default: // what is wrong shows when it is written
			missing = append(missing, b)
		}
	}
	different, err := d.different(ctx, doubtful)
	if err == nil && len(different) > 0 && !d.Overwrite {
		err = exists(different[0])
	}
	return append(missing, different...), err
}

func exists(b Blob) error {
	return &DirError{Problem: fmt.Sprintf("has a file %q already, and storage has another content", b.Name), Err: fs.ErrExist}
}

// different returns the blobs whose files have another MD5.
func (d *Download) different(ctx context.Context, blobs []Blob) ([]Blob, error) {
	same := make([]bool, len(blobs))
	pool, ctx := errgroup.WithContext(ctx)
	pool.SetLimit(runtime.GOMAXPROCS(0))
	for i, b := range blobs {
		pool.Go(func() (err error) {
			if err = ctx.Err(); err == nil && b.Size > 0 {
				same[i], err = d.hasMD5(ctx, b)
			} else {
				same[i] = b.Size == 0
			}
			return err
		})
	}
	if err := pool.Wait(); err != nil {
		return nil, err
	}
	var different []Blob
	for i, b := range blobs {
		if same[i] {
			d.meter.skipped(1, b.Size)
		} else {
			different = append(different, b)
		}
	}
	return different, nil
}

func (d *Download) hasMD5(ctx context.Context, b Blob) (bool, error) {
	f, err := d.root.Open(filepath.FromSlash(b.Name))
	if err != nil {
		return false, err
	}
	defer f.Close()
	sum, err := md5Of(ctx, f, make([]byte, min(b.Size+1, largeBuffer)))
	return err == nil && sum == b.MD5, err
}

// workFolder holds incomplete files, in the folder of the download.
type workFolder struct {
	parent *os.Root
	root   *os.Root
	name   string
	lock   *os.File
}

// workPrefix begins the names of work folders.
const workPrefix = ".azmlbatch-"

// lockName is a file that a running download keeps locked.
const lockName = "lock"

// workName depends on the source alone, so that a later download finds what an earlier one left.
func workName(source string) string {
	sum := sha256.Sum256([]byte(source))
	return workPrefix + hex.EncodeToString(sum[:8])
}

// workFile names the file of a blob in the work folder. It depends on the content, so that a later
// download resumes the same file.
func workFile(b Blob) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d", b.Name, b.ETag, b.Size))
	return hex.EncodeToString(sum[:16])
}

// openWork makes the work folder, or takes over that of an interrupted download. It refuses a
// second download from one source to one folder at the same time.
func openWork(parent *os.Root, name string) (*workFolder, error) {
	if err := parent.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, &DirError{Problem: err.Error(), Err: err}
	}
	root, err := parent.OpenRoot(name)
	if err != nil {
		return nil, &DirError{Problem: err.Error(), Err: err}
	}
	w := &workFolder{parent: parent, root: root, name: name}
	if w.lock, err = root.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o600); err == nil {
		// If files cannot be locked, other downloads go unnoticed.
		if alone, lockErr := scratch.TryLock(w.lock); lockErr == nil && !alone {
			err = &DirError{Problem: "is being written by another download of the same files", Remedy: "wait for it, or use another folder"}
		}
	}
	if err != nil {
		_ = w.release() // the first failure is reported
		return nil, err
	}
	return w, nil
}

func (w *workFolder) release() error {
	var err error
	if w.lock != nil {
		err = w.lock.Close()
	}
	if closed := w.root.Close(); err == nil {
		err = closed
	}
	return err
}

// close removes the folder, unless a later download can resume with it.
func (w *workFolder) close(complete bool) error {
	list, err := fs.ReadDir(w.root.FS(), ".")
	if err != nil {
		list = nil
	}
	keep := !complete && slices.ContainsFunc(list, func(e fs.DirEntry) bool { return e.Name() != lockName })
	if err := w.release(); err != nil || keep {
		return err
	}
	return w.parent.RemoveAll(w.name)
}
