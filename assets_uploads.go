package azmlbatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"reflect"
	"strings"

	"github.com/azmlbatch/azmlbatch/internal/local"
	"github.com/azmlbatch/azmlbatch/internal/wire"
)

// assetUpload is how the kinds of assets with files differ.
type assetUpload[T Asset] struct {
	asset     T
	alwaysNew bool
	options   *UploadOptions
	check     func(op operation, files *local.Tree) error // of the files, before anything is sent
	place     func(asset *T, up uploaded)                 // notes where they are now
}

// UploadOutcome says what the Upload of an asset did.
type UploadOutcome struct {
	// Reused says that equal content was in storage already, and no file was sent.
	Reused bool
	// Registered says that a version was registered, or that an existing one got other members,
	// such as a description. Where it is false, the version that was returned existed and says the
	// same.
	Registered bool
}

// String is "reused", "registered", "reused and registered", or empty when there was no upload.
func (o UploadOutcome) String() string {
	switch {
	case o.Reused && o.Registered:
		return "reused and registered"
	case o.Reused:
		return "reused"
	case o.Registered:
		return "registered"
	}
	return ""
}

// upload sends local files and registers them, for all kinds of assets but codes.
func (a AssetsClient[T]) upload(ctx context.Context, name, localPath string, u assetUpload[T]) (T, error) {
	op := a.op("upload", name)
	return inSpan(ctx, a.c, op, func(ctx context.Context) (T, error) {
		var zero T
		v := viewOf(&u.asset)
		*v.name = name
		if err := checkAsset(op, name, *v.version); err != nil {
			return zero, err
		}
		files, err := scanLocal(op, localPath)
		if err != nil {
			return zero, err
		}
		if err := u.check(op, files); err != nil {
			return zero, err
		}
		up, err := a.c.uploadTree(ctx, op, files, u.options)
		if err != nil {
			return zero, err
		}
		u.place(&u.asset, up)
		version, registered, err := a.registerUpload(ctx, op, u.asset, u.alwaysNew)
		if err == nil {
			*viewOf(&version).outcome = UploadOutcome{Reused: up.Reused, Registered: registered}
		}
		return version, err
	})
}

// registerUpload registers uploaded content, unless a version already has it and every field of the
// asset: the version that was asked for, else the latest.
func (a AssetsClient[T]) registerUpload(ctx context.Context, op operation, asset T, alwaysNew bool) (version T, registered bool, err error) {
	v := viewOf(&asset)
	if *v.version != "" || !alwaysNew {
		have, err := a.existing(ctx, *v.name, *v.version)
		if err == nil && saysAll(have, asset) {
			return have, false, nil
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return asset, false, err
		}
	}
	if *v.version == "" {
		version, err = a.createNext(ctx, op, asset)
	} else {
		version, err = a.put(ctx, op, asset)
	}
	return version, err == nil, err
}

// existing reads a version; an empty one means the latest.
func (a AssetsClient[T]) existing(ctx context.Context, name, version string) (T, error) {
	if version == "" {
		return a.Latest(ctx, name)
	}
	return a.Get(ctx, name, version)
}

// saysAll reports whether one asset has every member that a request for the other would send. The
// service may have added others.
func saysAll(have, want any) bool { return includes(requested(have), requested(want), "") }

// requested is what a request for an asset would send, as JSON values.
func requested(asset any) (v any) {
	b, err := wire.Encode(asset, wire.ForRequest)
	if err != nil || json.Unmarshal(b, &v) != nil {
		return nil
	}
	return v
}

// includes compares JSON values. Members whose names end in Uri are places, which have several
// spellings.
func includes(have, want any, name string) bool {
	switch want := want.(type) {
	case map[string]any:
		have, _ := have.(map[string]any)
		for name, value := range want {
			if !includes(have[name], value, name) {
				return false
			}
		}
		return true
	case string:
		have, ok := have.(string)
		return ok && (have == want || strings.HasSuffix(name, "Uri") && samePlace(have, want))
	}
	return reflect.DeepEqual(have, want)
}

// checkFolderHolds checks that the upload is a folder with a certain file in it.
func checkFolderHolds(op operation, files *local.Tree, file string) error {
	remedy := "name a folder that holds " + file
	if !files.IsFolder {
		return op.invalid(localPathArgument, fmt.Sprintf("%q is not a folder", files.Root), remedy)
	}
	return checkHolds(op, files, localPathArgument, file, remedy)
}

// checkHolds checks that a file is part of the upload. Case matters, because it does where the file
// is used, whatever this machine's file system does.
func checkHolds(op operation, files *local.Tree, argument, file, remedy string) error {
	want := path.Clean(file)
	remedy += "; what .amlignore or .gitignore excludes is not uploaded"
	for _, f := range files.Files {
		switch {
		case f.Name == want:
			return nil
		case strings.EqualFold(f.Name, want):
			remedy = fmt.Sprintf("did you mean %q? Case matters", f.Name)
		case path.Base(f.Name) == path.Base(want) && !strings.HasPrefix(remedy, "did you"):
			remedy = fmt.Sprintf("did you mean %q?", f.Name)
		}
	}
	return op.invalid(argument, fmt.Sprintf("%q is not among the files of %q", file, files.Root), remedy)
}

// Download writes the files of a version into a folder, which it creates if needed. It writes
// nothing outside of that folder, and a file appears whole or not at all. A missing version is
// [ErrNotFound]. A version without files, such as a component or an environment without a build
// context, is an *[ArgumentError]. It blocks until everything is there; each file is retried.
func (a AssetsClient[T]) Download(ctx context.Context, name, version, folder string, options *DownloadOptions) (DownloadResult, error) {
	op := a.op("download", name+":"+version)
	return inSpan(ctx, a.c, op, func(ctx context.Context) (DownloadResult, error) {
		return a.download(ctx, op, name, version, folder, options)
	})
}

func (a AssetsClient[T]) download(ctx context.Context, op operation, name, version, folder string, options *DownloadOptions) (DownloadResult, error) {
	if err := options.check(op, folder); err != nil {
		return DownloadResult{}, err
	}
	asset, err := a.Get(ctx, name, version)
	if err != nil {
		return DownloadResult{}, err
	}
	content := viewOf(&asset).content
	if content == "" {
		return DownloadResult{}, op.invalid("version", "has no files",
			"only codes, models, data, and environments with a build context have files")
	}
	at, err := a.c.blobPlace(ctx, op, content)
	if err != nil {
		return DownloadResult{}, err
	}
	return a.c.downloadPrefix(ctx, op, at, folder, options)
}
