package scoring

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// linkModel creates the folder that AZUREML_MODEL_DIR names. It contains the model under the last
// segment of its path, and nothing else. Folders are created and files are symbolic links: a script
// that walks the tree finds them, and one that adds a file does not change the model.
//
// The place of a model that is a single file is not documented; here it is $AZUREML_MODEL_DIR/<file
// name>.
func linkModel(ctx context.Context, model, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil || model == "" {
		return err
	}
	top := filepath.Join(dir, filepath.Base(model))
	info, err := os.Stat(model)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return os.Symlink(model, top)
	}
	link := os.Symlink
	if isMLflowModel(model) {
		link = linkContent
	}
	// WalkDir would not follow a link to the model itself.
	if model, err = filepath.EvalSymlinks(model); err != nil {
		return err
	}
	return filepath.WalkDir(model, func(path string, entry fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		name := filepath.Join(top, strings.TrimPrefix(path, model))
		if entry.IsDir() {
			return os.MkdirAll(name, 0o755)
		}
		return link(path, name)
	})
}

// linkContent creates a hard link, or a copy on another file system. Since 2026 MLflow refuses a
// model with files that are symbolic links to places outside of its folder.
func linkContent(path, name string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if os.Link(real, name) == nil {
		return nil
	}
	from, err := os.Open(real)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(name)
	if err != nil {
		return err
	}
	defer to.Close()
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	return to.Close()
}
