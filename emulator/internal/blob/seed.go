package blob

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
)

// seed shows the files of a local folder as blobs. It reads the folder at every request, so a file
// added later is a blob at once. Links to files inside the folder are followed; links that leave
// the folder and links to folders are not.
type seed struct {
	prefix string // of blob names: "" or "some/path/"
	root   *os.Root
}

// Seed shows the files below dir as blobs whose names are prefix, a slash (unless prefix is empty)
// and the file's path within dir. The container is created if needed. Files are not copied, and no
// request changes them: writes are refused as for a blob with an immutability policy. A stored blob
// hides a file of the same name. Files whose names no blob can have are left out. Seeds do not
// survive a restart.
func (s *Service) Seed(account, container, prefix, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("blob: seed %s/%s: %w", account, container, err)
	}
	if err := s.CreateContainer(account, container); err != nil {
		return errors.Join(err, root.Close())
	}
	c, err := s.container(account, container)
	if err != nil {
		return errors.Join(err, root.Close())
	}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seeds = append(c.seeds, &seed{prefix: prefix, root: root})
	return nil
}

func (s *seed) close() error { return s.root.Close() }

// lookup returns the blob of this name, or nil when there is no such file.
func (s *seed) lookup(name string) *record {
	if stored, err := blobName(name); err != nil || stored != name {
		return nil // storage does not keep such a name
	}
	rel, ok := strings.CutPrefix(name, s.prefix)
	if !ok || !fs.ValidPath(rel) || rel == "." {
		return nil
	}
	info, err := s.root.Stat(rel)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return s.record(name, rel, info)
}

// record describes a file as a blob. It has no MD5, like a blob that was uploaded in blocks.
func (s *seed) record(name, rel string, info fs.FileInfo) *record {
	modified := info.ModTime().UTC()
	return &record{
		Name: name, Kind: blockBlob, Headers: contentHeaders{Type: defaultContentType},
		ETag: ticks(modified), Created: modified, Modified: modified, Size: info.Size(),
		content: seedContent{s.root, rel, info.Size()}, seeded: true,
	}
}

// ascend yields the files whose blob names start with prefix and are not below from, in the order
// of blob names.
func (s *seed) ascend(prefix, from string) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		if overlaps(s.prefix, prefix) {
			s.walk(".", prefix, from, yield)
		}
	}
}

// walk visits a folder. It returns false when the loop has ended.
func (s *seed) walk(dir, prefix, from string, yield func(*record, error) bool) bool {
	entries, err := s.readDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true // removed while we walked
	}
	if err != nil {
		return yield(nil, err)
	}
	for _, e := range entries {
		rel := path.Join(dir, e.Name())
		name := s.prefix + rel
		if e.IsDir() {
			inRange := overlaps(name+"/", prefix) && (name+"/" >= from || strings.HasPrefix(from, name+"/"))
			if inRange && !s.walk(rel, prefix, from, yield) {
				return false
			}
			continue
		}
		if name < from || !strings.HasPrefix(name, prefix) {
			continue
		}
		if r := s.lookup(name); r != nil && !yield(r, nil) {
			return false
		}
	}
	return true
}

// readDir reads a folder in the order of blob names, in which "a.txt" comes before "a/b".
func (s *seed) readDir(dir string) ([]fs.DirEntry, error) {
	f, err := s.root.Open(dir)
	if err != nil {
		return nil, err
	}
	entries, err := f.ReadDir(-1)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(blobOrder(a), blobOrder(b)) })
	return entries, nil
}

func blobOrder(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

// overlaps reports whether names that start with folder can start with prefix.
func overlaps(folder, prefix string) bool {
	return strings.HasPrefix(folder, prefix) || strings.HasPrefix(prefix, folder)
}

// seedContent is a seeded file, with the length that it had when it was looked up.
type seedContent struct {
	root *os.Root
	rel  string
	n    int64
}

func (c seedContent) size() int64 { return c.n }
func (c seedContent) discard()    {}

func (c seedContent) open(off, n int64) (io.ReadCloser, error) {
	f, err := c.root.Open(c.rel)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(off, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return limitedFile{io.LimitReader(f, n), f}, nil
}
