package azmlbatch

import (
	"cmp"
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

// localFile is one file to upload.
type localFile struct {
	name    string // path within the folder, with "/"; of a single file its name
	path    string // where it is read
	size    int64
	modTime time.Time // with the size it tells whether the content is still the same
}

// unchanged is an error when a file that has been read is not what it was when it was listed: its content would not fit its
// hash.
func (f localFile) unchanged(r *os.File) error {
	info, err := r.Stat()
	if err == nil && (info.Size() != f.size || !info.ModTime().Equal(f.modTime)) {
		err = fmt.Errorf("%s changed while it was being uploaded", f.path)
	}
	return err
}

// badFile is the error of a file that cannot be read, or that changed, before anything was sent.
func badFile(op operation, err error) error {
	return &ArgumentError{Operation: op.String(), Argument: "path", Problem: err.Error(), Err: err}
}

// localFiles is a file or folder to upload, as it was when it was scanned.
type localFiles struct {
	root  string // as the caller wrote it
	base  string // name of the file or folder; blobs lie under it
	isDir bool
	files []localFile // by path; the first one carries the marker of a complete upload
	tree  []localEntry
}

// localEntry is a file or folder in the order of the upload hash; folders count in it even when they are empty.
type localEntry struct {
	name     string
	file     *localFile // nil for a folder
	children []localEntry
}

func (l localFiles) bytes() int64 {
	var n int64
	for _, f := range l.files {
		n += f.size
	}
	return n
}

// maxBlobName is the longest name of a blob, in characters, that Azure takes.
const maxBlobName = 1024

// scanLocal lists a file or folder without what its ignore file excludes; a single file is never ignored. Links are
// followed, also out of the folder, and the blob is named after the link, as az ml does it; a link to a folder above
// itself is refused. So are sockets, pipes and devices, which have no content, and names that cannot be blobs.
//
// A missing path, a folder without files and everything else that is wrong with it is *[ArgumentError].
func scanLocal(op operation, root string) (localFiles, error) {
	bad := func(problem string, err error) (localFiles, error) {
		return localFiles{}, &ArgumentError{Operation: op.String(), Argument: "path", Err: err,
			Problem: fmt.Sprintf("%q %s", root, problem), Remedy: "name a file or a folder with files in it"}
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
	l := localFiles{root: root, base: filepath.Base(full), isDir: info.IsDir()}
	s := scanner{op: op, base: l.base}
	if !l.isDir {
		l.files, err = s.single(full, l.base, info)
		return l, err
	}
	if l.base == string(filepath.Separator) || filepath.Dir(full) == full {
		return bad("is the root of a file system", nil)
	}
	if s.rules, err = readIgnoreRules(full); err != nil {
		return bad("has an ignore file that cannot be read", err)
	}
	if l.tree, err = s.folder(full, "", []fs.FileInfo{info}); err != nil {
		return localFiles{}, err
	}
	if len(s.files) == 0 {
		return bad("has no files to upload: it is empty, or its ignore file excludes them all", nil)
	}
	slices.SortFunc(s.files, func(a, b localFile) int { return cmp.Compare(a.path, b.path) })
	l.files = s.files
	return l, nil
}

type scanner struct {
	op    operation
	base  string
	rules ignoreRules
	files []localFile
}

func (s *scanner) single(full, name string, info fs.FileInfo) ([]localFile, error) {
	if err := s.check(full, name, info); err != nil {
		return nil, err
	}
	return []localFile{{name: name, path: full, size: info.Size(), modTime: info.ModTime()}}, nil
}

// folder lists what is in a folder. Above are the folders that lead to it, by which a cycle of links is found.
func (s *scanner) folder(dir, name string, above []fs.FileInfo) ([]localEntry, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, s.bad(dir, "cannot be read", err)
	}
	slices.SortStableFunc(list, func(a, b fs.DirEntry) int {
		return cmp.Compare(strings.ToLower(a.Name()), strings.ToLower(b.Name()))
	})
	var entries []localEntry
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
func (s *scanner) entry(full, name string, above []fs.FileInfo) (e localEntry, ok bool, err error) {
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
	f := localFile{name: name, path: full, size: info.Size(), modTime: info.ModTime()}
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
	case utf8.RuneCountInString(uploadPath(strings.Repeat("0", sha256HexLength), s.base)+"/"+name) > maxBlobName:
		return s.bad(full, "has a name that is too long for a blob", nil)
	}
	return nil
}

func (s *scanner) bad(full, problem string, err error) error {
	return &ArgumentError{Operation: s.op.String(), Argument: "path", Problem: fmt.Sprintf("%q %s", full, problem), Err: err,
		Remedy: "remove it, or list it in .amlignore in the folder that is uploaded"}
}
