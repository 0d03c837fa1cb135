package ui

import (
	"context"
	"path"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// maxInputs is how many input files of a job are known by name, which takes some MB.
const maxInputs = 20_000

// An inputFile is a file that a job scores.
type inputFile struct {
	azmlbatch.StoredFile
	Job string
}

// IsImage reports whether a browser can show the file as a picture.
func (f inputFile) IsImage() bool {
	contentType, _ := blobType(f.Name)
	return strings.HasPrefix(contentType, "image/") || isNetpbm(f.Name)
}

// IsTiny says that a picture has few pixels, which are then shown as such.
func (f inputFile) IsTiny() bool { return f.IsImage() && f.Size < tinyPicture }

const tinyPicture = 2 << 10 // bytes

// An inputIndex finds the input files of a job by name. A batch job scores the files directly in a
// folder, so names are unique.
type inputIndex struct {
	files map[string]*inputFile
	more  bool // there are more files than the index holds
}

// of finds the file that a row belongs to: one of the row's values is its name, or its path on the
// machine that scored it.
func (x inputIndex) of(cells []string) *inputFile {
	for _, cell := range cells {
		if f := x.files[path.Base(cell)]; f != nil {
			return f
		}
	}
	return nil
}

// inputsOf returns the index of a job.
func (h *Handler) inputsOf(ctx context.Context, job azmlbatch.Job) (inputIndex, error) {
	return h.inputs.wait(ctx, job.Name, true, func(ctx context.Context) (inputIndex, error) {
		return listInputs(ctx, h.client, job)
	})
}

// inputFile returns one file of a job's input. Only names in the index can be read, so an address
// cannot ask for any other file in storage.
func (h *Handler) inputFile(ctx context.Context, job azmlbatch.Job, name string) (*inputFile, error) {
	found, err := h.inputsOf(ctx, job)
	if err != nil {
		return nil, err
	}
	if f := found.files[name]; f != nil {
		return f, nil
	}
	return nil, notFound("show input", name, "the job has no such input file")
}

// listInputs lists the files of a batch job's inputs.
func listInputs(ctx context.Context, client *azmlbatch.Client, job azmlbatch.Job) (inputIndex, error) {
	index := inputIndex{files: map[string]*inputFile{}}
	endpoint, _ := startedBy(job)
	if endpoint == "" {
		return index, nil
	}
	batch, err := client.Endpoints().GetJob(ctx, endpoint, job.Name)
	if err != nil {
		return index, err
	}
	for _, input := range batch.Inputs {
		uri, err := placeOf(ctx, client, input)
		if err == nil && uri != "" {
			err = index.list(ctx, client, job.Name, uri)
		}
		if err != nil {
			return index, err
		}
	}
	return index, nil
}

// list adds the files directly in a folder, or one file.
func (x *inputIndex) list(ctx context.Context, client *azmlbatch.Client, job, uri string) error {
	for f, err := range client.ListFiles(ctx, uri) {
		switch {
		case err != nil:
			return err
		case strings.Contains(f.Name, "/"):
			continue
		case len(x.files) == maxInputs:
			x.more = true
			return nil
		}
		x.files[f.Name] = &inputFile{f, job}
	}
	return nil
}

// placeOf is where the data of an input is; a registered asset is looked up. Values and kinds that
// are not known are nowhere.
func placeOf(ctx context.Context, client *azmlbatch.Client, input azmlbatch.Input) (string, error) {
	var uri string
	switch input := input.(type) {
	case azmlbatch.URIFolder:
		uri = input.URI
	case azmlbatch.URIFile:
		uri = input.URI
	default:
		return "", nil
	}
	r, err := azmlbatch.ParseReference(azmlbatch.ReferenceKindData, uri)
	if err != nil || r.Form != azmlbatch.ReferenceFormNamed {
		return uri, err
	}
	data, err := client.Data().Get(ctx, r.Name, r.Version)
	return data.DataURI, err
}
