package jobs

import (
	"context"
	"io"
	"iter"
	"path"
	"strings"

	"github.com/azmlbatch/azmlbatch/emulator/internal/blob"
)

// Blobs is the part of the Blob service that jobs need. Jobs may read every account: roles are not
// played.
type Blobs interface {
	// Put writes a blob whole, or with o.Append adds to the end of an append blob.
	Put(ctx context.Context, account, container, name string, r io.Reader, o *blob.PutOptions) error
	// Open reads a blob; the error is blob.ErrNotFound when there is none.
	Open(ctx context.Context, account, container, name string) (io.ReadCloser, blob.Properties, error)
	// Delete removes a blob; the error is blob.ErrNotFound when there is none.
	Delete(ctx context.Context, account, container, name string) error
	// List yields the blobs whose names begin with prefix, in the order of names.
	List(ctx context.Context, account, container, prefix string) iter.Seq2[blob.Properties, error]
}

// place is a place in Blob storage.
type place struct {
	account, container string
	path               string // of one blob, or of everything below it
	kind               string // uri_file, uri_folder, mltable or "" when unknown
}

// base is the last segment of the path: the name of a model's folder or file on the machine that
// runs the job.
func (p place) base() string {
	path := strings.TrimSuffix(p.path, "/")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// folderMark is the metadata of blobs that represent a folder.
const folderMark = "hdi_isfolder"

// isFolderMark reports whether a blob represents a folder: accounts with a hierarchical namespace
// list their folders as blobs.
func isFolderMark(p blob.Properties) bool {
	for name, value := range p.Metadata {
		if strings.EqualFold(name, folderMark) && strings.EqualFold(value, "true") {
			return true
		}
	}
	return strings.HasSuffix(p.Name, "/")
}

// join is the place below p.
func (p place) join(name string) place {
	p.path = path.Join(p.path, name)
	return p
}

// folder is the prefix of all blobs below p.
func (p place) folder() string {
	if trimmed := strings.TrimRight(p.path, "/"); trimmed != "" {
		return trimmed + "/"
	}
	return ""
}
