package azmlbatch

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// What uploading and downloading share for all kinds of assets. The transfer itself is in upload.go and download.go.

// registerUpload registers uploaded content, unless the latest version of the name is the same already.
func (a AssetsClient[T]) registerUpload(ctx context.Context, op operation, asset T, alwaysNew bool, same func(latest T) bool) (T, error) {
	v := viewOf(&asset)
	if *v.version == "" && !alwaysNew {
		newest, err := a.Latest(ctx, *v.name)
		if err == nil && same(newest) {
			return newest, nil
		}
		if err != nil && !isNotFound(err) {
			return asset, err
		}
	}
	if *v.version == "" {
		return a.createNext(ctx, op, asset)
	}
	return a.put(ctx, op, asset)
}

// says reports whether what is there is what is wanted; wanting nothing is always content.
func says(have, want string) bool { return want == "" || have == want }

// saysAll reports whether everything that is wanted is there; the service adds keys of its own.
func saysAll(have, want map[string]string) bool {
	for key, value := range want {
		if have[key] != value {
			return false
		}
	}
	return true
}

// checkFolderWith checks that a path is a folder with a certain file in it.
func checkFolderWith(op operation, folder, file, what string) error {
	bad := func(problem string, err error) error {
		return &ArgumentError{Operation: op.String(), Argument: "path", Problem: fmt.Sprintf("%q %s", folder, problem), Err: err,
			Remedy: fmt.Sprintf("a %s is a folder that holds %s", what, file)}
	}
	info, err := os.Stat(folder)
	switch {
	case err != nil:
		return bad("cannot be read", err)
	case !info.IsDir():
		return bad("is not a folder", nil)
	}
	if _, err := os.Stat(filepath.Join(folder, filepath.FromSlash(file))); err != nil {
		return bad("has no "+file, err)
	}
	return nil
}

// Download writes the files of a version into a folder, which is made if it does not exist. Nothing is written outside of
// it, and a file appears whole or not at all. A missing version is [ErrNotFound]; one without files, such as a component
// or an environment without a build context, is *[ArgumentError]. It blocks until everything is there and is retried
// file by file.
func (a AssetsClient[T]) Download(ctx context.Context, name, version, dir string, options *DownloadOptions) (_ DownloadResult, err error) {
	op := a.op("download", name+":"+version)
	ctx, end := a.c.begin(ctx, op, slog.LevelInfo)
	defer end(&err)
	asset, err := a.Get(ctx, name, version)
	if err != nil {
		return DownloadResult{}, err
	}
	content := viewOf(&asset).content
	if content == "" {
		return DownloadResult{}, &ArgumentError{Operation: op.String(), Argument: "version", Problem: "it has no files",
			Remedy: "codes, models and data have, and environments with a build context"}
	}
	at, err := a.c.blobPlace(ctx, op, content)
	if err != nil {
		return DownloadResult{}, err
	}
	return a.c.downloadPrefix(ctx, op, at, dir, options)
}
