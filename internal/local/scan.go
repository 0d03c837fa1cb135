package local

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Scan lists a file or folder without what its ignore file excludes; a single file is never
// ignored. As in az ml, links are followed, also out of the folder, and a blob is named after the
// link. Scan refuses a link to a folder above itself, sockets, pipes and devices, and names that
// storage does not keep. It does not look at ignored files.
//
// A path that cannot be uploaded is *[Error].
func Scan(root string) (*Tree, error) {
	bad := func(problem string, err error) (*Tree, error) {
		return nil, &Error{Path: root, Problem: problem, Remedy: "name a file or a folder with files in it", Err: err}
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
	case info.IsDir() && filepath.Dir(full) == full:
		return bad("is the root of a file system", nil)
	}
	return scan(&Tree{Root: root, Base: filepath.Base(full), IsFolder: info.IsDir(), source: disk{full}}, info)
}

// ScanFS lists the files of a file system, as [Scan] lists those of a folder with the name base.
func ScanFS(files fs.FS, base string) (*Tree, error) {
	root, err := fs.Stat(files, ".")
	if err == nil && !root.IsDir() {
		err = fs.ErrInvalid
	}
	if err != nil {
		return nil, &Error{Path: base, Problem: "cannot be read as a folder", Err: err}
	}
	return scan(&Tree{Root: base, Base: base, IsFolder: true, source: system{files}}, root)
}

func scan(t *Tree, info fs.FileInfo) (*Tree, error) {
	s := scanner{tree: t}
	if err := s.checkName(t.Base, t.Base); err != nil {
		return nil, err
	}
	if !t.IsFolder {
		if err := s.add(t.Base, "", info); err != nil {
			return nil, err
		}
		return t, nil
	}
	var err error
	switch s.rules, err = readIgnoreRules(t.source); {
	case errors.Is(err, errNotText):
		return nil, &Error{Path: t.Root, Problem: "has an ignore file that is not text", Err: err, Remedy: "save it as UTF-8"}
	case err != nil:
		return nil, &Error{Path: t.Root, Problem: "has an ignore file that cannot be read", Err: err, Remedy: "mend it or remove it"}
	}
	list, err := t.source.readDir("")
	if err != nil {
		return nil, &Error{Path: t.Root, Problem: "cannot be read", Err: err}
	}
	if err := s.entries("", list, []fs.FileInfo{info}); err != nil {
		return nil, err
	}
	if len(t.Files) == 0 {
		return nil, &Error{Path: t.Root, Problem: "has no files to upload: it is empty, or its ignore file excludes them all",
			Remedy: "name a file or a folder with files in it"}
	}
	t.sortFiles()
	return t, nil
}

type scanner struct {
	tree  *Tree
	rules ignoreRules
}

// entries scans the content of a folder. above are the folders that lead to it, to find a cycle of
// links.
func (s *scanner) entries(name string, list []fs.DirEntry, above []fs.FileInfo) error {
	slices.SortStableFunc(list, func(a, b fs.DirEntry) int {
		return cmp.Compare(lower(a.Name()), lower(b.Name()))
	})
	for _, d := range list {
		if err := s.entry(path.Join(name, d.Name()), above); err != nil {
			return err
		}
	}
	return nil
}

// entry scans one file or folder.
func (s *scanner) entry(name string, above []fs.FileInfo) error {
	ignored := s.rules.excludes(name)
	if ignored && !s.rules.mayIncludeIn(name) {
		return nil
	}
	info, err := s.tree.source.stat(name)
	if err != nil {
		if ignored {
			return nil
		}
		return s.bad(name, "cannot be read", err)
	}
	if info.IsDir() {
		return s.subfolder(name, info, above, ignored)
	}
	if ignored {
		return nil
	}
	return s.add(name, name, info)
}

// subfolder scans a folder. A line such as "out/" ignores the content of a folder and not the
// folder, so its name counts in the upload hash, as in az ml. An ignored folder is read only if a
// later line may include something in it again; then it need not be readable.
func (s *scanner) subfolder(name string, info fs.FileInfo, above []fs.FileInfo, ignored bool) error {
	t := s.tree
	files, order := len(t.Files), len(t.order)
	t.order = append(t.order, ^int32(len(t.names))) //nolint:gosec // no tree has so many folders
	t.names = append(t.names, path.Base(name))
	inside := s.rules.excludesInside(name)
	if inside && !s.rules.mayIncludeIn(name) {
		return nil
	}
	list, err := t.source.readDir(name)
	switch {
	case slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, info) }):
		err = s.bad(name, "is a link to a folder above itself", nil)
	case err != nil:
		err = s.bad(name, "cannot be read", err)
	default:
		err = s.entries(name, list, append(slices.Clip(above), info))
		inside = false
	}
	if ignored && len(t.Files) == files {
		t.order = t.order[:order]
	}
	if inside {
		return nil
	}
	return err
}

// add adds a file. in is its name in the source.
func (s *scanner) add(name, in string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return s.bad(in, "is neither a file nor a folder", nil)
	}
	if s.tree.IsFolder {
		if err := s.checkName(in, s.tree.Base+"/"+name); err != nil {
			return err
		}
	}
	s.tree.order = append(s.tree.order, int32(len(s.tree.Files))) //nolint:gosec // no folder has so many files
	s.tree.Files = append(s.tree.Files, newFile(name, info))
	s.tree.Bytes += info.Size()
	return nil
}

// Limits of blob names (learn.microsoft.com, "Naming and Referencing Containers, Blobs, and
// Metadata"). The limit of a segment is that of accounts with a hierarchical namespace.
const (
	maxBlobName        = 1024 // characters
	maxBlobSegments    = 254
	maxBlobSegmentName = 255 // characters
	// uploadFolder is the length of LocalUpload/{hash}/, the folder of an upload.
	uploadFolder = len("LocalUpload//") + 2*sha256.Size
)

func (s *scanner) checkName(in, name string) error {
	if problem := NameProblem(name); problem != "" {
		return s.bad(in, problem, nil)
	}
	return nil
}

// NameProblem says why storage would change or refuse the name of a file; "" if it takes it. Not
// documented: blanks at the end of a segment. They are refused, because some tools cut them off.
func NameProblem(name string) string {
	segments := strings.Split(name, "/")
	switch {
	case !utf8.ValidString(name):
		return "has a name that is not UTF-8"
	case strings.Contains(name, `\`):
		return "has a name with a backslash, which storage takes for a folder"
	case strings.ContainsFunc(name, notInNames):
		return "has a name with a control character, which storage refuses"
	case uploadFolder+utf8.RuneCountInString(name) > maxBlobName:
		return "has a name that is too long for a blob"
	case len(segments)+strings.Count("LocalUpload/hash/", "/") > maxBlobSegments:
		return "lies in too many folders for a blob"
	}
	for _, segment := range segments {
		switch {
		case strings.HasSuffix(segment, "."):
			return "has a name that ends in a dot, which storage drops"
		case strings.TrimRightFunc(segment, unicode.IsSpace) != segment:
			return "has a name that ends in a blank, which storage may drop"
		case utf8.RuneCountInString(segment) > maxBlobSegmentName:
			return "has a name that is too long for a part of a blob's name"
		}
	}
	return ""
}

// notInNames reports whether a blob name cannot contain a character: a control character, or one
// that XML cannot carry.
func notInNames(r rune) bool { return unicode.IsControl(r) || r == '\ufffe' || r == '\uffff' }

func (s *scanner) bad(name, problem string, err error) error {
	remedy := "remove it, or list it in .amlignore in the folder that is uploaded"
	if name == s.tree.Base || !s.tree.IsFolder {
		remedy = "give it another name"
	}
	return &Error{Path: s.tree.source.path(name), Problem: problem, Err: err, Remedy: remedy}
}
