package blob

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// load reads all containers of the folder and removes what a crash has left.
func (d *dirBackend) load() ([]storedContainer, error) {
	var all []storedContainer
	accounts, err := os.ReadDir(d.root)
	if err != nil {
		return nil, err
	}
	for _, account := range accounts {
		if !account.IsDir() || !validAccountName(account.Name()) {
			continue
		}
		containers, err := os.ReadDir(filepath.Join(d.root, account.Name()))
		if err != nil {
			return nil, err
		}
		for _, container := range containers {
			if strings.HasPrefix(container.Name(), deletedPrefix) {
				_ = os.RemoveAll(filepath.Join(d.root, account.Name(), container.Name())) // load tries again next time
				continue
			}
			c, ok, err := d.loadContainer(containerKey{account.Name(), container.Name()})
			if err != nil {
				return nil, err
			}
			if ok {
				all = append(all, c)
			}
		}
	}
	return all, nil
}

func (d *dirBackend) loadContainer(key containerKey) (storedContainer, bool, error) {
	stored := storedContainer{key: key}
	err := readJSON(d.path(key, containerFile), &stored.record)
	if errors.Is(err, fs.ErrNotExist) {
		return stored, false, nil // half created, or not a container
	}
	if err != nil {
		return stored, false, err
	}
	if err := os.RemoveAll(d.path(key, stagingDir)); err != nil {
		return stored, false, err
	}
	if err := d.createContainer(key, stored.record); err != nil {
		return stored, false, err
	}
	stored.blobs, err = d.loadBlobs(key)
	return stored, true, err
}

// loadBlobs reads the records of a container and removes content that no record names. If a record
// cannot be read, it removes nothing: the content of that record must not be lost.
func (d *dirBackend) loadBlobs(key containerKey) ([]*record, error) {
	var blobs []*record
	contents := map[string]bool{} // path: is named by a record
	intact := true
	err := filepath.WalkDir(d.path(key, blobsDir), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir():
			return err
		case !strings.HasSuffix(path, recordSuffix):
			if _, seen := contents[path]; !seen {
				contents[path] = false
			}
			return nil
		}
		r, err := d.loadBlob(path)
		if err != nil {
			d.log.Warn("blob left out: its files do not fit together", "file", path, "error", err)
			intact = false
			return nil
		}
		contents[filepath.Join(filepath.Dir(path), r.File)] = true
		blobs = append(blobs, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for path, named := range contents {
		if !named && intact {
			_ = os.Remove(path) // load tries again next time
		}
	}
	return blobs, nil
}

func (d *dirBackend) loadBlob(path string) (*record, error) {
	r := &record{}
	if err := readJSON(path, r); err != nil {
		return nil, err
	}
	if !filepath.IsLocal(r.File) || filepath.Base(r.File) != r.File {
		return nil, errors.New("content file is not beside the record")
	}
	file := filepath.Join(filepath.Dir(path), r.File)
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() < r.Size {
		return nil, errors.New("content file is too short")
	}
	r.content = &fileContent{path: file, n: r.Size}
	return r, nil
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}
