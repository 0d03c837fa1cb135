package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
	"github.com/azmlbatch/azmlbatch/emulator/internal/store"
)

// Texts of Microsoft Learn, how-to-troubleshoot-batch-endpoints.
const (
	cannotMount = "Dataset initialization failed: UserErrorException: Message: Can't mount Dataset(ID='%s', name='None', version=None). " +
		"Source of the dataset is either not accessible or doesn't contain any data."
	noDataset = "Data set node [code] references parameter dataset_param, which doesn't have a specified value or a default value."
)

func (r *Runner) resolver(workspace string) resolver {
	return resolver{store: r.store, workspace: workspace, suffix: r.cloud.StorageSuffix}
}

// fetchCode copies the code folder of the deployment, "" when it has none.
func (r *Runner) fetchCode(e *execution, dir string) (string, error) {
	configuration := store.Object(e.invocation.Deployment, "properties", "codeConfiguration")
	id := store.Text(configuration, "codeId")
	if id == "" {
		return "", nil
	}
	from, err := r.resolver(e.workspace).resolve(id, "codes")
	if err != nil {
		return "", failf("The code of the deployment cannot be read: %v", err)
	}
	folder := filepath.Join(dir, "code")
	n, err := r.copyFolder(e.ctx, from, folder, everything)
	if err == nil && n == 0 {
		err = errors.New("the folder is empty")
	}
	if err != nil {
		return "", failf("The code %s of the deployment cannot be read: %v", id, err)
	}
	return folder, nil
}

// fetchModel copies the model of the deployment. It keeps the last segment of its registered path,
// which scripts look for below AZUREML_MODEL_DIR. It returns "" when the deployment has no model.
func (r *Runner) fetchModel(e *execution, dir string) (string, error) {
	reference, err := modelReference(store.Object(e.invocation.Deployment, "properties", "model"))
	if reference == "" || err != nil {
		return "", err
	}
	from, err := r.resolver(e.workspace).resolve(reference, "models")
	if err != nil {
		return "", failf("The model of the deployment cannot be read: %v", err)
	}
	name := from.base()
	if name == "" {
		name = "model" // a whole container
	}
	target := filepath.Join(dir, "model", name)
	if err := r.copyEither(e.ctx, from, target); err != nil {
		return "", failf("The model %s of the deployment cannot be read: %v", reference, err)
	}
	return target, nil
}

// modelReference turns each of the three kinds of a deployment's model into a reference.
func modelReference(model store.Document) (string, error) {
	p := strings.TrimPrefix(store.Text(model, "path"), "/")
	switch kind := strings.ToLower(store.Text(model, "referenceType")); kind {
	case "":
		return "", nil
	case "id":
		return store.Text(model, "assetId"), nil
	case "datapath":
		return "azureml:" + strings.TrimPrefix(store.Text(model, "datastoreId"), "azureml:") + "/paths/" + p, nil
	case "outputpath":
		return "runs:/" + store.LastSegment(store.Text(model, "jobId")) + "/" + p, nil
	default:
		return "", failf("The model of the deployment is of the unknown kind %q.", store.Text(model, "referenceType"))
	}
}

// fetchInput copies the one data input of a job: a file, or the files of a folder without those of
// its sub-folders, which batch scoring does not explore (Microsoft Learn: how-to-mlflow-batch).
func (r *Runner) fetchInput(e *execution, folder string) error {
	switch e.input.Kind {
	case UriFile, UriFolder, "":
	default:
		return &failure{message: noDataset}
	}
	from, err := r.resolver(e.workspace).resolve(e.input.URI, "data")
	if err != nil {
		return mountFailure(e.job, err)
	}
	if from.kind == "mltable" {
		return &failure{message: noDataset}
	}
	if e.input.Kind == UriFile {
		err = r.copyInto(e.ctx, from, folder)
	} else {
		err = r.fetchInputFolder(e.ctx, from, folder)
	}
	if err != nil {
		return mountFailure(e.job, err)
	}
	return nil
}

// fetchInputFolder copies the files of a folder, or one file: the older forms of an invocation do
// not say which.
func (r *Runner) fetchInputFolder(ctx context.Context, from place, folder string) error {
	n, err := r.copyFolder(ctx, from, folder, topLevel)
	if err != nil || n > 0 {
		return err
	}
	if from.base() != "" && !strings.HasSuffix(from.path, "/") {
		if err = r.copyInto(ctx, from, folder); !errors.Is(err, blob.ErrNotFound) {
			return err
		}
	}
	return errors.New("the folder has no files; sub-folders are not explored")
}

// mountFailure is the service's sentence for data that cannot be read. It suggests a missing role,
// so what does not exist at all gets a sentence of ours.
func mountFailure(j *job, cause error) error {
	if errors.As(cause, new(*missingError)) {
		return failf("The input %s does not exist: %v.", withoutQuery(j.input.URI), cause)
	}
	return failf(cannotMount+" (%s: %v)", derivedID(j.name), withoutQuery(j.input.URI), cause)
}

// depth says which blobs below a folder are copied.
type depth bool

const (
	topLevel   depth = false
	everything depth = true
)

// copyEither copies one blob, or the folder if there is no such blob.
func (r *Runner) copyEither(ctx context.Context, from place, target string) error {
	if from.path != "" && !strings.HasSuffix(from.path, "/") {
		err := r.copyFile(ctx, from, target)
		if err == nil || !errors.Is(err, blob.ErrNotFound) {
			return err
		}
	}
	n, err := r.copyFolder(ctx, from, target, everything)
	if err == nil && n == 0 {
		err = fmt.Errorf("%s does not exist in container %s of account %s: %w", from.path, from.container, from.account, blob.ErrNotFound)
	}
	return err
}

// copyFolder copies the blobs below a place and returns how many there were.
func (r *Runner) copyFolder(ctx context.Context, from place, folder string, d depth) (int, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return 0, err
	}
	prefix, n := from.folder(), 0
	for p, err := range r.blobs.List(ctx, from.account, from.container, prefix) {
		if err != nil {
			return n, err
		}
		name := strings.TrimPrefix(p.Name, prefix)
		if isFolderMark(p) || name == "" || (d == topLevel && strings.Contains(name, "/")) {
			continue
		}
		source := place{account: from.account, container: from.container, path: p.Name}
		target, err := copyPath(folder, name)
		if err != nil {
			return n, err
		}
		if err := r.copyFile(ctx, source, target); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// below returns the path of a name in a folder. A name that leads out of it has none.
func below(folder, name string) (string, bool) {
	if path.Clean(name) != name || !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsRune(name, 0) {
		return "", false
	}
	return filepath.Join(folder, filepath.FromSlash(name)), true
}

// copyPath returns the path of a blob's copy.
func copyPath(folder, name string) (string, error) {
	target, isLocal := below(folder, name)
	if !isLocal {
		return "", fmt.Errorf("the blob name %q cannot be the name of a file", name)
	}
	return target, nil
}

// copyInto copies one blob into a folder.
func (r *Runner) copyInto(ctx context.Context, from place, folder string) error {
	target, err := copyPath(folder, from.base())
	if err != nil {
		return err
	}
	return r.copyFile(ctx, from, target)
}

func (r *Runner) copyFile(ctx context.Context, from place, target string) (err error) {
	source, _, err := r.blobs.Open(ctx, from.account, from.container, from.path)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	file, err := os.Create(target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = io.Copy(file, source)
	return err
}
