package blob

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/google/renameio/v2/maybe"
)

// dirBackend keeps blobs in a folder:
//
//	{account}/{container}/container.json     the container's record
//	{account}/{container}/blobs/{stem}~{id}  content of a blob; see diskStem
//	{account}/{container}/blobs/{stem}~.json its record, which names the content file
//	{account}/{container}/staging/{id}       content that no blob refers to yet
//
// A blob changes when its record is renamed into place, so a crash leaves either the old blob or
// the new one.
type dirBackend struct {
	root string
	log  *slog.Logger
}

const (
	containerFile = "container.json"
	blobsDir      = "blobs"
	stagingDir    = "staging"
	recordSuffix  = "~.json"
	deletedPrefix = ".deleted-" // no container can have such a name
)

func openDirBackend(root string, log *slog.Logger) (*dirBackend, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	return &dirBackend{root: root, log: log}, os.MkdirAll(root, 0o700)
}

// secretSize is the length of a secret in bytes.
const secretSize = 32

// secret returns the random bytes in the file of this name. It creates them on first use.
func (d *dirBackend) secret(name string) ([]byte, error) {
	path := filepath.Join(d.root, name)
	key, err := os.ReadFile(path)
	if err == nil && len(key) < secretSize {
		return nil, fmt.Errorf("%s holds no key; remove the file, and a new key is created", path)
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = make([]byte, secretSize)
	rand.Read(key) // never fails
	return key, maybe.WriteFile(path, key, 0o600)
}

func (d *dirBackend) path(key containerKey, elem ...string) string {
	return filepath.Join(append([]string{d.root, key.account, key.container}, elem...)...)
}

func (d *dirBackend) createContainer(key containerKey, r containerRecord) error {
	for _, dir := range []string{blobsDir, stagingDir} {
		if err := os.MkdirAll(d.path(key, dir), 0o700); err != nil {
			return err
		}
	}
	return d.updateContainer(key, r)
}

func (d *dirBackend) updateContainer(key containerKey, r containerRecord) error {
	return writeJSON(d.path(key, containerFile), r)
}

// dropContainer renames the folder first; if removing it is interrupted, load finishes that.
func (d *dirBackend) dropContainer(key containerKey) error {
	gone := filepath.Join(d.root, key.account, deletedPrefix+rand.Text())
	if err := os.Rename(d.path(key), gone); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

func (d *dirBackend) publish(key containerKey, r *record) error {
	stem := d.path(key, blobsDir) + string(filepath.Separator) + diskStem(r.Name)
	c := r.content.(*fileContent)
	if r.File == "" {
		if err := d.settle(r, c, stem); err != nil {
			return err
		}
	}
	return writeJSON(stem+recordSuffix, r)
}

// settle moves content from the staging folder to its place beside the record.
func (d *dirBackend) settle(r *record, c *fileContent, stem string) error {
	if err := os.MkdirAll(filepath.Dir(stem), 0o700); err != nil {
		return err
	}
	from := c.where()
	final := stem + "~" + filepath.Base(from)
	if err := os.Rename(from, final); err != nil {
		return err
	}
	c.moveTo(final)
	r.File = filepath.Base(final)
	return nil
}

func (d *dirBackend) unpublish(key containerKey, r *record) error {
	stem := d.path(key, blobsDir) + string(filepath.Separator) + diskStem(r.Name)
	return os.Remove(stem + recordSuffix)
}

func (d *dirBackend) write(key containerKey, r io.Reader) (content, error) {
	f, err := os.OpenFile(d.path(key, stagingDir, rand.Text()), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	n, err := io.Copy(f, r)
	// The content must be on disk before the record that names it, or a power cut could leave an
	// empty blob.
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		_ = os.Remove(f.Name())
		return nil, err
	}
	return &fileContent{path: f.Name(), n: n}, nil
}

func (d *dirBackend) join(key containerKey, parts []part) (content, error) {
	r := &partsReader{parts: parts}
	c, err := d.write(key, r)
	return c, errors.Join(err, r.Close())
}

func (d *dirBackend) extend(base, tail content) (content, error) {
	b := base.(*fileContent)
	f, err := os.OpenFile(b.where(), os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	n, err := appendAt(f, b.n, tail)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return &fileContent{path: b.where(), n: b.n + n}, nil
}

// appendAt writes tail after the first n bytes of f. Bytes beyond n are left of an interrupted
// append.
func appendAt(f *os.File, n int64, tail content) (int64, error) {
	if err := f.Truncate(n); err != nil {
		return 0, err
	}
	if _, err := f.Seek(n, io.SeekStart); err != nil {
		return 0, err
	}
	r, err := tail.open(0, tail.size())
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.Copy(f, r)
}

// writeJSON writes a file atomically (on Windows, where the library cannot, in place).
func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	return maybe.WriteFile(path, data, 0o600)
}

// fileContent is content in a file of its own: the first n bytes of the file.
type fileContent struct {
	n int64

	mu   sync.Mutex
	path string
}

func (c *fileContent) size() int64 { return c.n }

func (c *fileContent) where() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.path
}

func (c *fileContent) moveTo(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.path = path
}

func (c *fileContent) open(off, n int64) (io.ReadCloser, error) {
	f, err := os.Open(c.where())
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(off, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return limitedFile{io.LimitReader(f, n), f}, nil
}

// discard is best effort: load removes what is left.
func (c *fileContent) discard() { _ = os.Remove(c.where()) }

// limitedFile is a range of a file. Its Reader is an *io.LimitedReader, so that the kernel can copy
// it.
type limitedFile struct {
	io.Reader
	io.Closer
}

// WriteTo passes the limited reader itself to dst, which may be able to copy from a file without a
// buffer.
func (l limitedFile) WriteTo(dst io.Writer) (int64, error) { return io.Copy(dst, l.Reader) }

// partsReader reads one part after the other, and opens each when it gets there.
type partsReader struct {
	parts   []part
	current io.ReadCloser
}

func (r *partsReader) Read(p []byte) (int, error) {
	for {
		if r.current == nil {
			if len(r.parts) == 0 {
				return 0, io.EOF
			}
			next, err := r.parts[0].from.open(r.parts[0].off, r.parts[0].n)
			if err != nil {
				return 0, err
			}
			r.current, r.parts = next, r.parts[1:]
		}
		n, err := r.current.Read(p)
		if err != io.EOF {
			return n, err
		}
		if err := r.Close(); err != nil || n > 0 {
			return n, err
		}
	}
}

// Close closes the part being read.
func (r *partsReader) Close() error {
	if r.current == nil {
		return nil
	}
	err := r.current.Close()
	r.current = nil
	return err
}
