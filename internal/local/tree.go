// Package local lists and hashes the local files of an upload as az ml does. It knows nothing of
// Azure.
package local

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/minio/crc64nvme"
)

// File is one file to upload.
type File struct {
	Name    string // path within the folder, with "/"; of a single file its name
	Size    int64
	modTime int64 // nanoseconds; with the size it tells whether the content is still the same
}

func newFile(name string, info fs.FileInfo) File {
	return File{Name: name, Size: info.Size(), modTime: info.ModTime().UnixNano()}
}

// Tree is a file or folder to upload, as it was when scanned.
type Tree struct {
	Root     string // as the caller wrote it
	Base     string // name of the file or folder; blobs lie under it
	IsFolder bool
	Files    []File // by path; the first one carries the marker of a complete upload
	Bytes    int64  // the size of all files together

	source source
	order  []int32  // of the upload hash: an index of Files, or ^i for the name of a folder
	names  []string // of folders
}

// sortFiles sorts the files by path. Until then they are in the order of the upload hash.
func (t *Tree) sortFiles() {
	sorted := make([]int32, len(t.Files)) // what stands where
	for i := range sorted {
		sorted[i] = int32(i) //nolint:gosec // no folder has so many files
	}
	slices.SortFunc(sorted, func(a, b int32) int { return comparePaths(t.Files[a].Name, t.Files[b].Name) })
	files, place := make([]File, len(sorted)), make([]int32, len(sorted))
	for i, from := range sorted {
		files[i], place[from] = t.Files[from], int32(i) //nolint:gosec // see above
	}
	for i, o := range t.order {
		if o >= 0 {
			t.order[i] = place[o]
		}
	}
	t.Files = files
}

// comparePaths compares names as paths of this operating system, as az ml does.
func comparePaths(a, b string) int { return cmp.Compare(filepath.FromSlash(a), filepath.FromSlash(b)) }

// Index returns the index of a name in Files.
func (t *Tree) Index(name string) (int, bool) {
	return slices.BinarySearchFunc(t.Files, name, func(f File, name string) int { return comparePaths(f.Name, name) })
}

// Path returns where a file is read, for messages.
func (t *Tree) Path(f File) string { return t.source.path(t.within(f)) }

// within returns the name of a file in the source.
func (t *Tree) within(f File) string {
	if t.IsFolder {
		return f.Name
	}
	return ""
}

// Open opens a file. Close the result.
func (t *Tree) Open(f File) (*Reader, error) {
	r, err := t.source.open(t.within(f))
	if err != nil {
		return nil, err
	}
	return &Reader{File: r, listed: f, tree: t}, nil
}

// Reader is an open file of a tree.
type Reader struct {
	fs.File
	listed File
	tree   *Tree
}

// Unchanged returns *[ChangedError] if the file has changed since it was scanned.
func (r *Reader) Unchanged() error {
	info, err := r.Stat()
	if err != nil {
		return err
	}
	if info.Size() != r.listed.Size || info.ModTime().UnixNano() != r.listed.modTime {
		return r.Changed()
	}
	return nil
}

// ReadAll reads the whole file into b, which has its size, and compares its CRC64.
func (r *Reader) ReadAll(b []byte, crc uint64) error {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err == nil && crc64nvme.Checksum(b) != crc {
		return r.Changed()
	}
	return err
}

// Changed is the error of a file that has changed since it was hashed.
func (r *Reader) Changed() error { return &ChangedError{Path: r.tree.Path(r.listed)} }

// ReaderAt returns the file for reading at any offset, or nil if its file system cannot do that.
func (r *Reader) ReaderAt() io.ReaderAt {
	at, _ := r.File.(io.ReaderAt)
	return at
}

// A ChangedError says that a file changed while it was being uploaded.
type ChangedError struct{ Path string }

// Error names the file.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s changed while it was being uploaded", e.Path)
}

// An Error says what is wrong with a path, and what to do about it.
type Error struct {
	Path    string
	Problem string
	Remedy  string // may be empty
	Err     error  // cause; nil when the path itself is the mistake
}

// Error returns path, problem and remedy on one line.
func (e *Error) Error() string {
	text := fmt.Sprintf("%q %s", e.Path, e.Problem)
	if e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return text
}

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.Err }
