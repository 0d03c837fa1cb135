package azmlbatch

import (
	"context"
	"fmt"
	"io"
	"iter"
)

// A StoredFile is one file in storage.
type StoredFile struct {
	// Name is the path below the folder that was listed. A file that was itself listed has its own
	// name, without folders.
	Name string
	// Size in bytes.
	Size int64
	// URI of the file, which [Client.OpenFile] takes: azureml://datastores/D/paths/P where a
	// datastore was listed, else an https URL. It has the signature of the listed URL, if that had
	// one, and is then a secret.
	URI string
}

// String names the file without its signature.
func (f StoredFile) String() string { return printed(f) }

// ListFiles iterates over the files at a place in storage: those of a folder and of its
// sub-folders, or the one file that the URI names. The URI is what [Client.Download] takes. Nothing
// is fetched before the loop starts, then a page of up to 5,000 files at a time. A place without
// files is an empty list.
func (c *Client) ListFiles(ctx context.Context, uri string) iter.Seq2[StoredFile, error] {
	op := operation{"list files at", "place", uri}
	return func(yield func(StoredFile, error) bool) {
		at, err := c.blobPlace(ctx, op, uri)
		if err != nil {
			yield(StoredFile{}, err)
			return
		}
		for b, err := range c.listBlobs(ctx, op, at) {
			if err != nil {
				yield(StoredFile{}, err)
				return
			}
			name, ok := within(at.path, b.Name)
			if !ok || b.IsFolder {
				continue
			}
			if !yield(StoredFile{Name: name, Size: b.Size, URI: at.at(b.Name).uri()}, nil) {
				return
			}
		}
	}
}

// OpenFile reads one file in storage from its beginning. The URI is that of a [StoredFile], or what
// else [Client.Download] takes. The caller closes the file. A broken connection is resumed where it
// broke. A missing file is [ErrNotFound].
func (c *Client) OpenFile(ctx context.Context, uri string) (io.ReadCloser, error) {
	op := operation{"read", "file", uri}
	at, err := c.blobPlace(ctx, op, uri)
	if err != nil {
		return nil, err
	}
	if at.path == "" {
		return nil, badPlace(op, uri, "names no file", "use the URI of a file; ListFiles finds them")
	}
	return c.openBlob(ctx, op, at)
}

// uri is the place in the form that it was given in.
func (p place) uri() string {
	switch {
	case p.datastore != "":
		return placeURI(p.datastore, p.path)
	case p.sas != "":
		return fmt.Sprintf("%s?%s", p.url(), p.sas)
	}
	return p.url().String()
}
