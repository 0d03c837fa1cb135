// Package transfer copies local files to blobs and blobs to local files. One scheduler moves small
// and large files at once, as fast as the network allows and in bounded memory. An interrupted
// transfer resumes. The package knows no workspace and no credential: a [Store] makes its requests.
package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// A Store gives access to the blobs of one container. Each method makes one request and never
// repeats it. All are safe for concurrent use. A [*Failure] says what an error means for the whole
// transfer; any other error concerns one blob.
type Store interface {
	// Put writes a whole blob. With onlyNew it returns ErrExists if the blob exists.
	Put(ctx context.Context, name string, body Body, onlyNew bool) error
	// PutBlock stages a block of a blob.
	PutBlock(ctx context.Context, name, id string, body Body) error
	// PutBlockList makes a blob of staged blocks. With onlyNew it returns ErrExists if the blob
	// exists. It returns ErrNoBlock if a block is missing.
	PutBlockList(ctx context.Context, name string, ids []string, onlyNew bool) error
	// Blocks lists the blocks of a blob: those of its content, in order, and the staged ones. A
	// blob that does not exist has none.
	Blocks(ctx context.Context, name string) (content, staged []Block, err error)
	// Get reads a part of a blob, which must still have the ETag. The CRC64 of the part is nil if
	// the store sends none.
	Get(ctx context.Context, name, etag string, offset, size int64) (body io.ReadCloser, crc *uint64, err error)
}

// ErrExists is returned when a blob that must be new exists.
var ErrExists = errors.New("the blob exists")

// ErrNoBlock is returned when the store lacks a block that a blob is to be made of.
var ErrNoBlock = errors.New("the store does not have every block")

// Blob describes a blob in a list.
type Blob struct {
	Name     string // within the container, or relative to the downloaded folder
	Size     int64
	ETag     string
	MD5      string // of the content, 16 bytes; empty if the store has none
	Modified int64  // seconds since 1970; 0 if unknown
}

// Existing describes the blob that already has the name of a file.
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

// Reader reads the body from the beginning. A file that can be read only once has one Reader. The
// type of a body in memory is one that net/http knows, so that head and body leave in one piece.
func (b Body) Reader() io.ReadCloser {
	switch {
	case b.stream != nil:
		return io.NopCloser(b.stream)
	case b.file != nil:
		return io.NopCloser(io.NewSectionReader(b.file, b.offset, b.Size))
	}
	return io.NopCloser(bytes.NewReader(b.bytes))
}

// InMemory reports whether the body is in memory.
func (b Body) InMemory() bool { return b.file == nil && b.stream == nil }

// Again reports whether Reader can be called more than once.
func (b Body) Again() bool { return b.stream == nil }

// A Failure is a failed request, and what it means for the transfer.
type Failure struct {
	Err       error
	Retry     bool          // it may succeed later
	Throttled bool          // the store asks for fewer requests
	After     time.Duration // the store's Retry-After; 0 without one
	Stop      bool          // every other request would fail too
}

// Error returns the text of Err.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

// An Error lists the files that failed. All others were transferred.
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
	// Concurrency is the number of requests in flight; 0 finds it automatically.
	Concurrency int
	// BlockSize is the size of the parts of large files.
	BlockSize int64
	// RoundTrip is how long a request without content takes, 0 if unknown. The first number of
	// requests in flight depends on it.
	RoundTrip time.Duration
	// Retries is how often a failed request is repeated.
	Retries int
	// Delay is the wait before the first repetition, which doubles each time up to MaxDelay.
	Delay, MaxDelay time.Duration
	// Wait returns how long to really wait, given the wait that is due. Nil waits that long.
	Wait func(time.Duration) time.Duration
	// Progress is called by one goroutine at a time, and at the end. May be nil.
	Progress func(Progress)
}

// Progress is how far a transfer is. Only Rate ever decreases.
type Progress struct {
	Files        int
	Bytes        int64
	FilesDone    int // skipped files included
	BytesDone    int64
	FilesSkipped int
	BytesSkipped int64
	Rate         float64 // bytes a second in the last seconds
}
