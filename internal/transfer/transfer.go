// Package transfer moves local files to blobs and blobs to local files: many small ones and few large ones through one
// scheduler, as fast as the way between allows, within a bound of memory, and resumed where it broke. It knows no workspace
// and no credential: a [Store] makes its requests.
package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// A Store is the blobs of one container. Each method makes one request, which it does not repeat, and is safe for concurrent
// use. What a failure means for the transfer it tells by a [*Failure]; any other error is about the one blob.
type Store interface {
	// Put writes a whole blob. With onlyNew it fails with ErrExists where there is one.
	Put(ctx context.Context, name string, body Body, onlyNew bool) error
	// PutBlock stages a block of a blob.
	PutBlock(ctx context.Context, name, id string, body Body) error
	// PutBlockList makes a blob of blocks. With onlyNew it fails with ErrExists where there is one, and with ErrNoBlock where
	// a block is missing.
	PutBlockList(ctx context.Context, name string, ids []string, onlyNew bool) error
	// Blocks lists the blocks of a blob, those of its content in their order and those that are staged. Without a blob there
	// are none.
	Blocks(ctx context.Context, name string) (content, staged []Block, err error)
	// Get reads a part of a blob, which must still have the ETag. The CRC64 of the part is nil where the store tells none.
	Get(ctx context.Context, name, etag string, offset, size int64) (body io.ReadCloser, crc *uint64, err error)
}

// ErrExists says that a blob that was to be new exists.
var ErrExists = errors.New("the blob exists")

// ErrNoBlock says that a blob cannot be made of blocks that the store does not have.
var ErrNoBlock = errors.New("the store does not have every block")

// Blob is what a list tells of a blob.
type Blob struct {
	Name     string // within the container, or relative to what is downloaded
	Size     int64
	ETag     string
	MD5      string // of the content, 16 bytes; empty where the store has none
	Modified int64  // seconds since 1970; 0 where the store has none
}

// Existing is what a list tells of the blob that a file would become.
type Existing struct {
	There bool
	Size  int64
	MD5   string // see Blob
}

// Block is a part of a blob.
type Block struct {
	ID   string
	Size int64
}

// Body is what a request sends.
type Body struct {
	Size int64
	CRC  uint64 // of the content; the polynomial is that of the NVM Express specification

	bytes  []byte // or:
	file   io.ReaderAt
	offset int64
	stream io.Reader // or: once
}

// NewBody is a body in memory.
func NewBody(b []byte, crc uint64) Body { return Body{Size: int64(len(b)), CRC: crc, bytes: b} }

// Reader reads the body. Each call begins anew, except for a file that can be read only once. It is of a type that net/http
// recognizes where the body is in memory: head and body then leave in one piece.
func (b Body) Reader() io.ReadCloser {
	switch {
	case b.stream != nil:
		return io.NopCloser(b.stream)
	case b.file != nil:
		return io.NopCloser(io.NewSectionReader(b.file, b.offset, b.Size))
	}
	return io.NopCloser(bytes.NewReader(b.bytes))
}

// InMemory reports whether the body was read before it is sent.
func (b Body) InMemory() bool { return b.file == nil && b.stream == nil }

// Again reports whether Reader can be called more than once.
func (b Body) Again() bool { return b.stream == nil }

// A Failure is a failed request of which the store knows what it means for the transfer.
type Failure struct {
	Err       error
	Retry     bool          // it may succeed later
	Throttled bool          // the store asks for fewer requests
	After     time.Duration // how long it wants to be left alone; 0 where it did not say
	Stop      bool          // every other request would fail as well
}

// Error returns the text of Err.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

// An Error says which files were not transferred. The others were.
type Error struct {
	Failed []FileError // in the order of their names; at most maxListed
	Count  int         // how many failed
	Files  int         // how many there were
}

// maxListed is how many files an error lists.
const maxListed = 1000

// FileError is why a file was not transferred.
type FileError struct {
	Name string
	Err  error
}

// Error lists the first files with their causes on one line.
func (e *Error) Error() string {
	const shown = 3
	text := fmt.Sprintf("%d of %d files failed: ", e.Count, e.Files)
	for i, f := range e.Failed[:min(shown, len(e.Failed))] {
		if i > 0 {
			text += "; "
		}
		text += fmt.Sprintf("%q: %v", f.Name, f.Err)
	}
	if e.Count > shown {
		text += fmt.Sprintf("; and %d more", e.Count-shown)
	}
	return text
}

// Unwrap returns the causes.
func (e *Error) Unwrap() []error {
	causes := make([]error, len(e.Failed))
	for i, f := range e.Failed {
		causes[i] = f.Err
	}
	return causes
}

// Options tune a transfer.
type Options struct {
	// Concurrency is the number of requests in flight; 0 lets the transfer find it.
	Concurrency int
	// BlockSize is the size of the parts of large files.
	BlockSize int64
	// RoundTrip is how long a request without content takes, 0 where that is not known. It tells how many to begin with.
	RoundTrip time.Duration
	// Retries is how often a request is repeated that may succeed later.
	Retries int
	// Delay is the wait before the first repetition, which doubles each time up to MaxDelay.
	Delay, MaxDelay time.Duration
	// Wait is what is really waited, given what should be; nil waits that.
	Wait func(time.Duration) time.Duration
	// Progress is called by one goroutine at a time, and at the end. May be nil.
	Progress func(Progress)
}

// Progress is how far a transfer is. No number but Rate ever goes back.
type Progress struct {
	Files        int
	Bytes        int64
	FilesDone    int // those that were there already, and are skipped, among them
	BytesDone    int64
	FilesSkipped int
	BytesSkipped int64
	Rate         float64 // bytes a second that were moved lately
}
