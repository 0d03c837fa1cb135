package blob

import (
	"io"
	"maps"
	"slices"
	"time"
)

// containerKey names a container of one of the service's accounts.
type containerKey struct{ account, container string }

// backend stores the content of blobs, and their records if it survives a restart. It knows nothing
// of the protocol: containers decide what is allowed, and never publish a blob twice at the same
// time.
type backend interface {
	// createContainer and updateContainer store the record of a container.
	createContainer(key containerKey, r containerRecord) error
	updateContainer(key containerKey, r containerRecord) error
	// dropContainer removes a container and all of its blobs.
	dropContainer(key containerKey) error

	// write stores everything that r yields as new, unpublished content.
	write(key containerKey, r io.Reader) (content, error)
	// join returns new, unpublished content made of parts of other content.
	join(key containerKey, parts []part) (content, error)
	// extend appends tail to base. Readers of base keep seeing the old content.
	extend(base, tail content) (content, error)

	// publish atomically makes r the blob of its name. The content of the replaced blob may be
	// discarded afterwards.
	publish(key containerKey, r *record) error
	// unpublish removes the blob.
	unpublish(key containerKey, r *record) error
}

// content is a sequence of bytes that does not change.
type content interface {
	size() int64
	// open reads n bytes from off. The range must be within the content.
	open(off, n int64) (io.ReadCloser, error)
	// discard frees content that no blob uses any more.
	discard()
}

// part is a range of some content.
type part struct {
	from   content
	off, n int64
}

// storedContainer is a container that a backend has loaded.
type storedContainer struct {
	key    containerKey
	record containerRecord
	blobs  []*record
}

// containerRecord holds the properties of a container.
type containerRecord struct {
	ETag     uint64            `json:"etag"`
	Modified time.Time         `json:"modified"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Lease    lease             `json:"lease,omitzero"`
}

// Kinds of blobs, as x-ms-blob-type spells them.
const (
	blockBlob  = "BlockBlob"
	appendBlob = "AppendBlob"
)

// record holds everything about a blob but its bytes. A published record is never changed, only
// replaced.
type record struct {
	Name     string            `json:"name"`
	Kind     string            `json:"kind"`
	Headers  contentHeaders    `json:"headers"`
	Metadata map[string]string `json:"metadata,omitempty"`
	ETag     uint64            `json:"etag"`
	Created  time.Time         `json:"created"`
	Modified time.Time         `json:"modified"`
	Size     int64             `json:"size"`
	Tier     string            `json:"tier,omitempty"` // the client's choice; empty means the account's
	// Blocks are the committed blocks in order; empty for a blob that was put in one piece.
	Blocks []block `json:"blocks,omitempty"`
	// Appends is the number of blocks of an append blob.
	Appends int `json:"appends,omitempty"`
	// Lease is the blob's lock; container.change carries it over to the next record.
	Lease lease `json:"lease,omitzero"`
	// File is the base name of the content for a backend that keeps files.
	File string `json:"file,omitempty"`

	content content
	seeded  bool // a file of a seeded folder, which is never changed
}

// contentHeaders are the HTTP headers that a blob stores for its readers.
type contentHeaders struct {
	Type         string `json:"type,omitempty"`
	Encoding     string `json:"encoding,omitempty"`
	Language     string `json:"language,omitempty"`
	Disposition  string `json:"disposition,omitempty"`
	CacheControl string `json:"cacheControl,omitempty"`
	MD5          []byte `json:"md5,omitempty"`
}

// block is one block of a block blob. ID is as the client sent it, base64.
type block struct {
	ID   string `json:"id"`
	Size int64  `json:"size"`
}

// clone returns a copy that can be changed and then published in place of r.
func (r *record) clone() *record {
	c := *r
	c.Metadata = maps.Clone(r.Metadata)
	c.Blocks = slices.Clone(r.Blocks)
	return &c
}
