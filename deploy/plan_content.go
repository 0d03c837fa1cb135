package deploy

import (
	"context"
	"path"
	"strings"
	"sync"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/internal/local"
)

// content is a local file or folder, as an upload sends it. It is hashed once, when a hash is asked
// for.
type content struct {
	path      string
	tree      *local.Tree
	datastore string // to upload to; empty means the workspace's default

	mu     sync.Mutex
	hashes map[string]string // by recipe
}

// readContent lists a local file or folder.
func readContent(path string) (*content, error) {
	tree, err := local.Scan(path)
	if err != nil {
		return nil, err
	}
	return &content{path: path, tree: tree, hashes: map[string]string{}}, nil
}

func (c *content) hash(ctx context.Context, recipe string, hash func(context.Context) (string, error)) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.hashes[recipe]; h != "" {
		return h, nil
	}
	h, err := hash(ctx)
	if err == nil {
		c.hashes[recipe] = h
	}
	return h, err
}

func (c *content) codeHash(ctx context.Context) (string, error) {
	return c.hash(ctx, "code", func(ctx context.Context) (string, error) { return c.tree.CodeHash(ctx, nil) })
}

func (c *content) uploadHash(ctx context.Context) (string, error) {
	return c.hash(ctx, "upload", func(ctx context.Context) (string, error) { return c.tree.UploadHash(ctx, nil) })
}

// liesAt reports whether a place holds this content. Places of uploads have the hash of their
// content in their path, LocalUpload/{hash}/{base name}, whatever the service has put before it
// (test_crud_file: ServiceReplicated/{guid}/LocalUpload/…); az ml of before 2025 made the hash with
// MD5.
func (c *content) liesAt(ctx context.Context, uri string) (bool, error) {
	hash, base, ok := uploadIn(uri)
	if !ok || base != c.tree.Base {
		return false, nil
	}
	recipe, sum := "upload", func(ctx context.Context) (string, error) { return c.tree.UploadHash(ctx, nil) }
	if len(hash) == local.OldUploadHashLength {
		recipe, sum = "old upload", c.tree.OldUploadHash
	}
	own, err := c.hash(ctx, recipe, sum)
	return own == hash, err
}

// uploadIn takes the hash and the base name of an upload from a place.
func uploadIn(uri string) (hash, base string, ok bool) {
	_, at, ok := strings.Cut(uri, "/LocalUpload/")
	if !ok {
		_, at, ok = strings.Cut(uri, "/az-ml-artifacts/") // the place that az ml used before
	}
	hash, base, _ = strings.Cut(strings.TrimSuffix(at, "/"), "/")
	return hash, base, ok && hash != "" && base != ""
}

// holds reports whether a file is among those that would be uploaded.
func (c *content) holds(file string) bool {
	for _, f := range c.tree.Files {
		if f.Name == path.Clean(file) {
			return true
		}
	}
	return false
}

// planned is what an upload of the content would send.
func (c *content) planned(there bool) *PlannedUpload {
	return &PlannedUpload{Path: c.path, Files: len(c.tree.Files), Bytes: c.tree.Bytes, There: there}
}

// localContent reads the content that a text names, if it is a local path; else it returns nil.
func localContent(text string) (*content, error) {
	if r, err := azmlbatch.ParseReference("", text); err == nil && r.Form == azmlbatch.ReferenceFormLocal {
		return readContent(r.Path)
	}
	return nil, nil
}
