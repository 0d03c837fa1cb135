package scoring

import (
	"io/fs"
	"os"
	"path/filepath"
)

// showModel makes dir into the folder that AZUREML_MODEL_DIR names: the model stands in it under the last segment of
// its path, and nothing else does. Folders are made anew and files are links, so that a script which walks the folders
// finds them and one that adds a file leaves the model as it is.
//
// Not evidenced: where a model that is a single file stands; here it is $AZUREML_MODEL_DIR/<file name>.
func showModel(model, dir string) error {
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
	// A link that is the model itself would not be walked.
	if model, err = filepath.EvalSymlinks(model); err != nil {
		return err
	}
	return filepath.WalkDir(model, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(model, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(top, relative), 0o755)
		}
		return os.Symlink(path, filepath.Join(top, relative))
	})
}
