// Package local lists and hashes the local files of an upload as az ml does. It knows nothing of Azure.
package local

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// File is one file to upload.
type File struct {
	Name    string // path within the folder, with "/"; of a single file its name
	Path    string // where it is read
	Size    int64
	ModTime time.Time // with the size it tells whether the content is still the same
}

// Unchanged is an error when a file that has been read is not what it was when it was listed: its content would not fit its
// hash.
func (f File) Unchanged(r *os.File) error {
	info, err := r.Stat()
	if err == nil && (info.Size() != f.Size || !info.ModTime().Equal(f.ModTime)) {
		err = fmt.Errorf("%s changed while it was being uploaded", f.Path)
	}
	return err
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

// Tree is a file or folder to upload, as it was when it was scanned.
type Tree struct {
	Root     string // as the caller wrote it
	Base     string // name of the file or folder; blobs lie under it
	IsFolder bool
	Files    []File // by path; the first one carries the marker of a complete upload
	entries  []entry
}

// entry is a file or folder in the order of the upload hash; folders count in it even when they are empty.
type entry struct {
	name     string
	file     *File // nil for a folder
	children []entry
}

// Bytes is the size of all files together.
func (l Tree) Bytes() int64 {
	var n int64
	for _, f := range l.Files {
		n += f.Size
	}
	return n
}

const (
	// maxBlobName is the longest name of a blob, in characters, that Azure takes.
	maxBlobName = 1024
	// folderLength is the length of LocalUpload/{hash}/, the folder that an upload goes to.
	folderLength = len("LocalUpload//") + 2*sha256.Size
)

// Scan lists a file or folder without what its ignore file excludes; a single file is never ignored. Links are
// followed, also out of the folder, and the blob is named after the link, as az ml does it; a link to a folder above
// itself is refused. So are sockets, pipes and devices, which have no content, and names that cannot be blobs.
//
// A missing path, a folder without files and everything else that is wrong with it is *[Error].
func Scan(root string) (Tree, error) {
	bad := func(problem string, err error) (Tree, error) {
		return Tree{}, &Error{Path: root, Problem: problem, Remedy: "name a file or a folder with files in it", Err: err}
	}
	if strings.TrimSpace(root) == "" {
		return bad("is empty", nil)
	}
	full, err := filepath.Abs(root)
	if err != nil {
		return bad("cannot be made absolute", err)
	}
	info, err := os.Stat(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return bad("does not exist", err)
	case err != nil:
		return bad("cannot be read", err)
	}
	l := Tree{Root: root, Base: filepath.Base(full), IsFolder: info.IsDir()}
	s := scanner{base: l.Base}
	if !l.IsFolder {
		l.Files, err = s.single(full, l.Base, info)
		return l, err
	}
	if l.Base == string(filepath.Separator) || filepath.Dir(full) == full {
		return bad("is the root of a file system", nil)
	}
	if s.rules, err = readIgnoreRules(full); err != nil {
		return bad("has an ignore file that cannot be read", err)
	}
	if l.entries, err = s.folder(full, "", []fs.FileInfo{info}); err != nil {
		return Tree{}, err
	}
	if len(s.files) == 0 {
		return bad("has no files to upload: it is empty, or its ignore file excludes them all", nil)
	}
	slices.SortFunc(s.files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	l.Files = s.files
	return l, nil
}

type scanner struct {
	base  string
	rules ignoreRules
	files []File
}

func (s *scanner) single(full, name string, info fs.FileInfo) ([]File, error) {
	if err := s.check(full, name, info); err != nil {
		return nil, err
	}
	return []File{{Name: name, Path: full, Size: info.Size(), ModTime: info.ModTime()}}, nil
}

// folder lists what is in a folder. Above are the folders that lead to it, by which a cycle of links is found.
func (s *scanner) folder(dir, name string, above []fs.FileInfo) ([]entry, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, s.bad(dir, "cannot be read", err)
	}
	slices.SortStableFunc(list, func(a, b fs.DirEntry) int {
		return cmp.Compare(strings.ToLower(a.Name()), strings.ToLower(b.Name()))
	})
	var entries []entry
	for _, d := range list {
		e, ok, err := s.entry(filepath.Join(dir, d.Name()), path.Join(name, d.Name()), above)
		if err != nil {
			return nil, err
		}
		if ok {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// entry looks at one file or folder; ok is false for what is ignored.
func (s *scanner) entry(full, name string, above []fs.FileInfo) (e entry, ok bool, err error) {
	ignored := s.rules.excludes(name)
	if ignored && !s.rules.canInclude() {
		return e, false, nil
	}
	info, err := os.Stat(full) // follows links
	if err != nil {
		if ignored {
			return e, false, nil
		}
		return e, false, s.bad(full, "cannot be read", err)
	}
	e.name = path.Base(name)
	if info.IsDir() {
		if slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, info) }) {
			return e, false, s.bad(full, "is a link to a folder above itself", nil)
		}
		if s.rules.excludesInside(name) {
			return e, true, nil
		}
		e.children, err = s.folder(full, name, append(slices.Clip(above), info))
		return e, !ignored || len(e.children) > 0, err
	}
	if ignored {
		return e, false, nil
	}
	if err := s.check(full, name, info); err != nil {
		return e, false, err
	}
	f := File{Name: name, Path: full, Size: info.Size(), ModTime: info.ModTime()}
	s.files = append(s.files, f)
	e.file = &f
	return e, true, nil
}

func (s *scanner) check(full, name string, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return s.bad(full, "is neither a file nor a folder", nil)
	case !utf8.ValidString(name):
		return s.bad(full, "has a name that is not UTF-8", nil)
	case strings.ContainsAny(name, "\\\x00"):
		return s.bad(full, "has a name with a backslash, which storage takes for a folder", nil)
	case folderLength+utf8.RuneCountInString(s.base+"/"+name) > maxBlobName:
		return s.bad(full, "has a name that is too long for a blob", nil)
	}
	return nil
}

func (s *scanner) bad(full, problem string, err error) error {
	return &Error{Path: full, Problem: problem, Remedy: "remove it, or list it in .amlignore in the folder that is uploaded", Err: err}
}
