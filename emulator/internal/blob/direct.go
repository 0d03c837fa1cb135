package blob

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// Properties describe a blob.
type Properties struct {
	// Name is the blob's name within its container.
	Name string
	// Size is the length of the content in bytes.
	Size int64
	// ContentType is the media type. Default: application/octet-stream.
	ContentType string
	// MD5 is the hash of the content; nil for blobs that were written in blocks, appended to or
	// seeded.
	MD5 []byte
	// ETag changes with every change of the blob. It has no quotes.
	ETag string
	// Created and LastModified are in UTC.
	Created, LastModified time.Time
	// Metadata belongs to the caller; nil when there is none. Names are in lower case.
	Metadata map[string]string
	// Append says that this is an append blob.
	Append bool
	// ReadOnly says that this is a file of a seeded folder.
	ReadOnly bool
}

func (r *record) properties() Properties {
	p := Properties{
		Name: r.Name, Size: r.Size, ContentType: r.Headers.Type, MD5: slices.Clone(r.Headers.MD5), ETag: formatETag(r.ETag),
		Created: r.Created, LastModified: r.Modified, Append: r.Kind == appendBlob, ReadOnly: r.seeded,
	}
	if len(r.Metadata) > 0 {
		p.Metadata = maps.Clone(r.Metadata)
	}
	return p
}

// PutOptions say how to write a blob.
type PutOptions struct {
	// ContentType is the media type of a new blob. Default: application/octet-stream.
	ContentType string
	// Metadata of a new blob. An append to an existing blob does not change its metadata.
	Metadata map[string]string
	// Append adds to the append blob of this name, which is created if needed. Otherwise Put
	// replaces the blob.
	Append bool
}

// container returns a container for the direct interface.
func (s *Service) container(account, name string) (*container, error) {
	acct, _, ok := s.account(account)
	if !ok {
		return nil, fmt.Errorf("blob: account %s: %w", account, ErrNotFound)
	}
	c, ok := acct.find(name)
	if !ok {
		return nil, fmt.Errorf("blob: container %s/%s: %w", account, name, ErrNotFound)
	}
	return c, nil
}

// CreateContainer creates a container. It is not an error if there is one already.
func (s *Service) CreateContainer(account, container string) error {
	acct, _, ok := s.account(account)
	if !ok {
		return fmt.Errorf("blob: account %s: %w", account, ErrNotFound)
	}
	err := checkContainerName(container)
	if err == nil {
		_, _, err = acct.create(s, containerKey{account, container}, nil)
	}
	if err != nil {
		return fmt.Errorf("blob: create container %s/%s: %w", account, container, err)
	}
	return nil
}

// Put stores everything r yields as a blob, atomically. The container must exist. No credential is
// needed. A nil o means the defaults.
func (s *Service) Put(ctx context.Context, account, container, name string, r io.Reader, o *PutOptions) error {
	if o == nil {
		o = &PutOptions{}
	}
	c, err := s.container(account, container)
	if err != nil {
		return err
	}
	stored, err := blobName(name)
	if err == nil {
		err = c.putDirect(ctx, stored, r, o)
	}
	if err != nil {
		return fmt.Errorf("blob: put %s/%s/%s: %w", account, container, name, err)
	}
	return nil
}

func (c *container) putDirect(ctx context.Context, name string, r io.Reader, o *PutOptions) error {
	metadata, err := lowerKeys(o.Metadata)
	if err != nil {
		return err
	}
	in := newHasher(&contextReader{ctx, r})
	data, err := c.store.write(c.key, in)
	if err != nil {
		return err
	}
	next := &record{
		Name: name, Kind: blockBlob, content: data, Metadata: metadata,
		Headers: contentHeaders{Type: cmp.Or(o.ContentType, defaultContentType), MD5: in.md5.Sum(nil)},
	}
	if !o.Append {
		return c.replace(next, c.direct().checkCreate)
	}
	next.Kind, next.Headers.MD5 = appendBlob, nil
	return c.appendOrCreate(next)
}

// direct returns the conditions of a write through the direct interface: only a lease stops it.
func (c *container) direct() conditions { return conditions{now: c.clock.now} }

// appendOrCreate appends the content of next to the blob of its name, or creates that blob.
func (c *container) appendOrCreate(next *record) error {
	used := false
	_, err := c.change(next.Name, func(current *record) (*record, error) {
		if current == nil {
			used = true
			next.Appends = 1
			return next, nil
		}
		if err := c.direct().checkWrite(current); err != nil {
			return nil, err
		}
		if current.Kind != appendBlob {
			return nil, errBlobType()
		}
		return c.grow(current, next.content)
	})
	if err != nil || !used {
		next.content.discard()
	}
	return err
}

// lowerKeys returns metadata in the form in which it is stored.
func lowerKeys(m map[string]string) (map[string]string, error) {
	out := make(map[string]string, len(m))
	for name, value := range m {
		name = strings.ToLower(name)
		if err := checkMetadata(name, value); err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, nil
}

// Open returns the present content of a blob; later writes do not affect the reader. The caller
// must close it. Reading fails with the context's error when the context ends.
func (s *Service) Open(ctx context.Context, account, container, name string) (io.ReadCloser, Properties, error) {
	c, err := s.container(account, container)
	if err != nil {
		return nil, Properties{}, err
	}
	rec, body, err := c.read(storedName(name), func(r *record) (int64, int64, error) { return 0, r.Size, nil })
	if err != nil {
		return nil, Properties{}, fmt.Errorf("blob: open %s/%s/%s: %w", account, container, name, err)
	}
	return readCloser{&contextReader{ctx, body}, body}, rec.properties(), nil
}

// storedName is blobName for a lookup: it returns a name that no blob can have unchanged, and no
// blob is found.
func storedName(name string) string {
	if stored, err := blobName(name); err == nil {
		return stored
	}
	return name
}

type readCloser struct {
	io.Reader
	io.Closer
}

// List yields the blobs whose names start with prefix, in the order of their names (by bytes). It
// reads page by page, so blobs written while the loop runs may or may not appear. An error is
// yielded once and ends the loop.
func (s *Service) List(ctx context.Context, account, container, prefix string) iter.Seq2[Properties, error] {
	return func(yield func(Properties, error) bool) {
		c, err := s.container(account, container)
		if err != nil {
			yield(Properties{}, err)
			return
		}
		l := listing{prefix: prefix, limit: 1000}
		for {
			p, err := c.page(l)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Properties{}, fmt.Errorf("blob: list %s/%s: %w", account, container, err))
				return
			}
			for _, e := range p.entries {
				if !yield(e.blob.properties(), nil) {
					return
				}
			}
			if l.from = p.next; p.next == "" {
				return
			}
		}
	}
}

// Delete removes a blob.
func (s *Service) Delete(_ context.Context, account, container, name string) error {
	c, err := s.container(account, container)
	if err != nil {
		return err
	}
	_, err = c.change(storedName(name), func(current *record) (*record, error) {
		if current == nil {
			return nil, errBlobNotFound()
		}
		return nil, c.direct().checkWrite(current)
	})
	if err != nil {
		return fmt.Errorf("blob: delete %s/%s/%s: %w", account, container, name, err)
	}
	return nil
}
