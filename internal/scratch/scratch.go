// Package scratch makes temporary folders that are removed at the latest when the next one is made.
// A process that is killed cannot remove its folder; the next process that makes one of the same
// kind does.
package scratch

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Dir is a temporary folder of this process. A lock on a file in it tells other processes that the
// folder is in use; the system releases the lock when this process ends, however it ends.
type Dir struct {
	// Path is the folder.
	Path string

	lock *os.File
}

const lockFile = "lock"

// New makes a folder in dir whose name begins with prefix, after it has removed the folders of that
// kind that killed processes left. An empty dir is the system's folder for temporary files.
//
// before is called for each folder that is about to be removed; nil means that nothing is to be
// done with it.
func New(dir, prefix string, before func(path string)) (*Dir, error) {
	dir = cmp.Or(dir, os.TempDir())
	RemoveAbandoned(dir, prefix, before)
	for {
		path, err := os.MkdirTemp(dir, prefix)
		if err != nil {
			return nil, err
		}
		lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process took the empty folder for abandoned
		}
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(path))
		}
		// Where files cannot be locked, the folder has no lock and is never taken for abandoned.
		locked, lockErr := TryLock(lock)
		if lockErr != nil || locked && isThere(lock) {
			return &Dir{Path: path, lock: lock}, nil //nolint:nilerr // see above
		}
		lock.Close() // another process had the lock first, and removes the folder
	}
}

// Remove removes the folder and all that is in it, also folders that were made unwritable.
func (d *Dir) Remove() error {
	err := removeAll(d.Path) // under the lock, so that nobody takes it for abandoned meanwhile
	d.lock.Close()
	if err != nil { // some systems do not remove an open file
		err = removeAll(d.Path)
	}
	return err
}

// Keep leaves the folder to the user: nobody removes it any more.
func (d *Dir) Keep() error {
	err := os.Remove(d.lock.Name()) // under the lock, as above
	d.lock.Close()
	if err != nil {
		err = os.Remove(d.lock.Name())
	}
	return err
}

// RemoveAbandoned removes the folders that killed processes left; the arguments are those of [New].
// What cannot be removed stays: it may belong to another user.
func RemoveAbandoned(dir, prefix string, before func(path string)) {
	dir = cmp.Or(dir, os.TempDir())
	folder, err := os.Open(dir)
	if err != nil {
		return
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return
	}
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			removeIfAbandoned(filepath.Join(dir, name), before)
		}
	}
}

func removeIfAbandoned(path string, before func(path string)) {
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		_ = os.Remove(path) // only when it is empty: its process was killed before it had a lock
		return
	}
	if err != nil {
		return
	}
	defer lock.Close()
	if locked, err := TryLock(lock); !locked || err != nil || !isThere(lock) {
		return
	}
	if before != nil {
		before(path)
	}
	_ = removeAll(path)
}

// isThere reports whether an open file still has its name: whoever had its lock before may have
// removed it.
func isThere(file *os.File) bool {
	own, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(file.Name())
	return err == nil && os.SameFile(own, named)
}

func removeAll(path string) error {
	err := os.RemoveAll(path)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}
