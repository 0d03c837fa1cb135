package scoring

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// showModel makes dir into the folder that AZUREML_MODEL_DIR names: the model stands in it under the last segment of
// its path, and nothing else does. Folders are made anew and files are links, so that a script which walks the folders
// finds them and one that adds a file leaves the model as it is.
//
// Not evidenced: where a model that is a single file stands; here it is $AZUREML_MODEL_DIR/<file name>.
func showModel(ctx context.Context, model, dir string) error {
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
	// A link that is the model itself would not be walked.
	if model, err = filepath.EvalSymlinks(model); err != nil {
		return err
	}
	return filepath.WalkDir(model, func(path string, entry fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		relative, err := filepath.Rel(model, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(top, relative), 0o755)
		}
		return link(path, filepath.Join(top, relative))
	})
}

// linkContent makes a file that no one can tell from the original: MLflow, since 2026, refuses a model whose files are
// links out of its folder. Only another file system makes it a copy.
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
