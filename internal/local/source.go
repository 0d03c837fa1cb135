package local

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// source is where files are read: the disk, or a file system of the caller. Names are paths below
// its root, with "/"; "" is the root.
type source interface {
	readDir(name string) ([]fs.DirEntry, error)
	stat(name string) (fs.FileInfo, error) // of the target of a link
	open(name string) (fs.File, error)
	path(name string) string // for messages
}

// disk is a folder or file of the operating system.
type disk struct{ root string }

func (d disk) path(name string) string {
	if name == "" {
		return d.root
	}
	return d.root + string(filepath.Separator) + filepath.FromSlash(name)
}

func (d disk) readDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(d.path(name)) }
func (d disk) stat(name string) (fs.FileInfo, error)      { return os.Stat(d.path(name)) }
func (d disk) open(name string) (fs.File, error)          { return os.Open(d.path(name)) }

// system is a file system of the caller.
type system struct{ fs.FS }

func (s system) path(name string) string                    { return path.Clean(name) }
func (s system) readDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(s.FS, s.path(name)) }
func (s system) stat(name string) (fs.FileInfo, error)      { return fs.Stat(s.FS, s.path(name)) }
func (s system) open(name string) (fs.File, error)          { return s.Open(s.path(name)) }
