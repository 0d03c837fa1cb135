package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// outputPlace is the folder in Blob storage that a job writes to. Only datastore paths can be
// outputs (Microsoft Learn: how-to-access-data-batch-endpoints-jobs).
func (r *Runner) outputPlace(e *execution) (place, error) {
	if e.settings.outputFileName == "" {
		return place{}, failf("The output cannot be written: the URI %s names no file.", withoutQuery(e.scoreURI()))
	}
	to, err := r.resolver(e.workspace).writable(e.scoreFolder())
	if err != nil {
		return place{}, failf("The output cannot be written%v", err)
	}
	return to, nil
}

// checkOutput fails a job whose predictions file exists already (text of Microsoft Learn:
// how-to-use-batch-adf).
func (r *Runner) checkOutput(e *execution) error {
	to, err := r.outputPlace(e)
	if err != nil {
		return err
	}
	taken, err := r.exists(e.ctx, to, e.settings)
	if err != nil {
		return err
	}
	if taken {
		return failf("The output cannot be written: the path already exists: %s", e.scoreURI())
	}
	return nil
}

// exists reports whether a job's output exists: the predictions file or, when the script writes its
// own files, anything in the folder.
func (r *Runner) exists(ctx context.Context, to place, s settings) (bool, error) {
	prefix := to.folder()
	if !s.summaryOnly {
		prefix = to.join(s.outputFileName).path
	}
	for p, err := range r.blobs.List(ctx, to.account, to.container, prefix) {
		if err != nil {
			return false, err
		}
		if s.summaryOnly || p.Name == prefix {
			return true, nil
		}
		if p.Name > prefix {
			break
		}
	}
	return false, nil
}

// uploadOutput writes everything below folder to the place of the job's output.
func (r *Runner) uploadOutput(e *execution, folder string) error {
	to, err := r.outputPlace(e)
	if err != nil {
		return err
	}
	if err := r.uploadFolder(e.ctx, folder, to); err != nil {
		return fmt.Errorf("upload of the output: %w", err)
	}
	return nil
}

// uploadFolder writes everything below folder to a place.
func (r *Runner) uploadFolder(ctx context.Context, folder string, to place) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && path == folder {
				return nil // the script wrote nothing
			}
			return err
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		return r.upload(ctx, path, to.join(filepath.ToSlash(name)))
	})
}

func (r *Runner) upload(ctx context.Context, path string, to place) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return r.blobs.Put(ctx, to.account, to.container, to.path, file, nil)
}
