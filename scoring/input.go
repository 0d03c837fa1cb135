package scoring

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// listing has the names of the input files in order. All names share one block of memory, because
// there may be a million.
type listing struct {
	dir   string // ends with a separator
	names []byte
	ends  []uint32 // where each name ends in names, in the order of reading
	order []uint32 // numbers of the names, sorted by name
}

// namesAtOnce is how many directory entries are read at a time.
const namesAtOnce = 512

// listInput returns the input files sorted by name: one file, or the regular files at the top level
// of a folder.
//
// Azure splits the input in listing order, and does not document that order. Choice: sorting by
// name makes a run repeatable. Hidden and empty files count, because no source says that they do
// not. A symbolic link counts as its target.
func listInput(ctx context.Context, path string) (*listing, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() {
		l := &listing{dir: filepath.Dir(path) + string(filepath.Separator)}
		l.add(filepath.Base(path))
		l.sort()
		return l, nil
	}
	if !info.IsDir() { // opening a named pipe would wait for a writer
		return nil, fmt.Errorf("%s is neither a folder nor a file", path)
	}
	folder, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	l := &listing{dir: filepath.Clean(path) + string(filepath.Separator)}
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		entries, err := folder.ReadDir(namesAtOnce)
		for _, entry := range entries {
			if l.isFile(entry) {
				l.add(entry.Name())
			}
		}
		if errors.Is(err, io.EOF) {
			l.sort()
			return l, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (l *listing) isFile(entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.Type().IsRegular()
	}
	info, err := os.Stat(l.dir + entry.Name())
	return err == nil && info.Mode().IsRegular()
}

func (l *listing) add(name string) {
	l.names = append(l.names, name...)
	l.order = append(l.order, uint32(len(l.ends)))
	l.ends = append(l.ends, uint32(len(l.names)))
}

func (l *listing) sort() {
	slices.SortFunc(l.order, func(a, b uint32) int {
		return cmp.Or(bytes.Compare(l.name(a), l.name(b)), cmp.Compare(a, b))
	})
}

func (l *listing) name(i uint32) []byte {
	start := uint32(0)
	if i > 0 {
		start = l.ends[i-1]
	}
	return l.names[start:l.ends[i]]
}

// len is the number of files.
func (l *listing) len() int { return len(l.order) }

// batches is the number of mini-batches of the given size, of at least one file.
func (l *listing) batches(size int) int {
	return (l.len()-1)/size + 1 // cannot overflow, even with the largest size
}

// batchLen is the number of files in a mini-batch.
func (l *listing) batchLen(batch, size int) int {
	return min(size, l.len()-batch*size)
}

// batch returns the full paths of the files in a mini-batch.
func (l *listing) batch(batch, size int) []string {
	first := batch * size
	paths := make([]string, 0, l.batchLen(batch, size))
	for _, i := range l.order[first : first+l.batchLen(batch, size)] {
		paths = append(paths, l.dir+string(l.name(i)))
	}
	return paths
}
