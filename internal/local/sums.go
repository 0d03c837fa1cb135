package local

import (
	"context"
	"fmt"
	"hash"
	"io"
	"runtime"
	"sync"

	"github.com/minio/crc64nvme"
)

// Sums are the checksums of the parts of files. They are computed along with a hash, so that a file
// that changes between hashing and sending is noticed.
type Sums struct {
	// PartSize returns the size of the parts of a file.
	PartSize func(size int64) int64

	parts []int64 // size of the parts of each file
	first []int32 // index in sums of each file's first part
	sums  []uint64
}

// Part returns the size of the parts of a file, by its index in Tree.Files. A file that can only be
// read from the beginning has one part.
func (s *Sums) Part(file int) int64 { return s.parts[file] }

// Sum returns the CRC64 (NVM Express) of a part of a file.
func (s *Sums) Sum(file, part int) uint64 { return s.sums[int(s.first[file])+part] }

// layOut allocates the sums.
func (s *Sums) layOut(t *Tree) error {
	s.parts, s.first = make([]int64, len(t.Files)), make([]int32, len(t.Files))
	n := int32(0)
	for i, f := range t.Files {
		s.parts[i], s.first[i] = max(1, s.PartSize(f.Size)), n
		if f.Size > s.parts[i] {
			r, err := t.Open(f)
			if err != nil {
				return err
			}
			if r.ReaderAt() == nil {
				s.parts[i] = f.Size
			}
			if err := r.Close(); err != nil {
				return err
			}
		}
		n += int32(max(1, (f.Size+s.parts[i]-1)/s.parts[i])) //nolint:gosec // a blob has at most 50,000
	}
	s.sums = make([]uint64, n)
	return nil
}

// add adds bytes of a file, from an offset.
func (s *Sums) add(file int, offset int64, b []byte) {
	for len(b) > 0 {
		part := offset / s.parts[file]
		n := min(int64(len(b)), (part+1)*s.parts[file]-offset)
		sum := &s.sums[int64(s.first[file])+part]
		*sum = crc64nvme.Update(*sum, b[:n])
		offset, b = offset+n, b[n:]
	}
}

// Several goroutines read files ahead of the hash: opening many small files takes longer than
// hashing them, and reading a large one about as long.
const (
	chunkSize      = 256 << 10
	chunksAhead    = 3 // of each reader
	maxReaders     = 4
	filesInOneRead = 64
)

// run is what one reader reads in one go: small files that fit into a chunk together, or a larger
// file.
type run struct {
	files  []int32
	chunks chan chunk
}

type chunk struct {
	bytes []byte
	err   error
	free  chan []byte // where bytes go after hashing
	last  bool        // of the run
}

// hashFiles hashes the content of files in order. It calls before for each file first. sums may be
// nil.
func (t *Tree) hashFiles(ctx context.Context, order []int32, before func(i int32), h hash.Hash, sums *Sums) error {
	ctx, cancel := context.WithCancel(ctx)
	readers := max(1, min(runtime.GOMAXPROCS(0), maxReaders))
	inOrder, toRead := make(chan *run, readers), make(chan *run)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		defer close(inOrder)
		defer close(toRead)
		t.plan(ctx, order, inOrder, toRead)
	})
	for range readers {
		running.Go(func() {
			r := reader{tree: t, sums: sums, free: make(chan []byte, chunksAhead)}
			for range chunksAhead {
				r.free <- nil
			}
			for run := range toRead {
				r.read(ctx, run)
			}
		})
	}
	for run := range inOrder {
		if err := t.hashRun(ctx, run, before, h); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// plan cuts the files into runs, and sends each to the hash and to a reader.
func (t *Tree) plan(ctx context.Context, order []int32, inOrder, toRead chan<- *run) {
	for len(order) > 0 {
		n, size := 1, t.Files[order[0]].Size
		for n < len(order) && n < filesInOneRead && size+t.Files[order[n]].Size <= chunkSize {
			size += t.Files[order[n]].Size
			n++
		}
		r := &run{files: order[:n], chunks: make(chan chunk, chunksAhead)}
		order = order[n:]
		for _, to := range []chan<- *run{inOrder, toRead} {
			select {
			case to <- r:
			case <-ctx.Done():
				return
			}
		}
	}
}

// hashRun hashes the files of a run.
func (t *Tree) hashRun(ctx context.Context, r *run, before func(i int32), h io.Writer) error {
	file, left := -1, int64(0)
	next := func() { // the file that the next bytes belong to
		for left == 0 && file+1 < len(r.files) {
			file++
			before(r.files[file])
			left = t.Files[r.files[file]].Size
		}
	}
	for {
		var c chunk
		select {
		case c = <-r.chunks:
		case <-ctx.Done():
			return ctx.Err()
		}
		if c.err != nil {
			return c.err
		}
		next()
		for b := c.bytes; len(b) > 0; next() {
			n := min(left, int64(len(b)))
			_, _ = h.Write(b[:n]) // a hash never fails
			b, left = b[n:], left-n
		}
		c.free <- c.bytes
		if c.last {
			return nil
		}
	}
}

// reader reads runs of files into chunks of its own.
type reader struct {
	tree *Tree
	sums *Sums
	free chan []byte
}

// read reads a run. A failure is its last chunk.
func (r *reader) read(ctx context.Context, run *run) {
	send := func(c chunk) bool {
		c.free = r.free
		select {
		case run.chunks <- c:
			return true
		case <-ctx.Done():
			return false
		}
	}
	var err error
	if len(run.files) == 1 {
		err = r.large(ctx, run.files[0], send)
	} else {
		err = r.small(ctx, run.files, send)
	}
	if err != nil {
		send(chunk{err: err})
	}
}

// buffer waits for a free chunk. It returns nil if ctx has ended.
func (r *reader) buffer(ctx context.Context) []byte {
	select {
	case b := <-r.free:
		if b == nil { // none has been made yet
			return make([]byte, chunkSize)
		}
		return b[:chunkSize]
	case <-ctx.Done():
		return nil
	}
}

// small reads files that fit into one chunk together.
func (r *reader) small(ctx context.Context, files []int32, send func(chunk) bool) error {
	b, n := r.buffer(ctx), int64(0)
	if b == nil {
		return ctx.Err()
	}
	for _, i := range files {
		f := r.tree.Files[i]
		if err := r.whole(int(i), f, b[n:n+f.Size]); err != nil {
			return err
		}
		n += f.Size
	}
	send(chunk{bytes: b[:n], last: true})
	return nil
}

func (r *reader) whole(i int, f File, into []byte) error {
	in, err := r.tree.Open(f)
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := io.ReadFull(in, into); err != nil {
		return r.failed(in, err)
	}
	if r.sums != nil {
		r.sums.add(i, 0, into)
	}
	return in.Unchanged()
}

// large reads a file of any size.
func (r *reader) large(ctx context.Context, i int32, send func(chunk) bool) error {
	f := r.tree.Files[i]
	in, err := r.tree.Open(f)
	if err != nil {
		return err
	}
	defer in.Close()
	for offset := int64(0); ; {
		b := r.buffer(ctx)
		if b == nil {
			return ctx.Err()
		}
		b = b[:min(chunkSize, f.Size-offset)]
		if _, err := io.ReadFull(in, b); err != nil {
			return r.failed(in, err)
		}
		if r.sums != nil {
			r.sums.add(int(i), offset, b)
		}
		offset += int64(len(b))
		last := offset == f.Size
		if last {
			if err := in.Unchanged(); err != nil {
				return err
			}
		}
		if !send(chunk{bytes: b, last: last}) || last {
			return ctx.Err()
		}
	}
}

// failed is the error of a file that could not be read, or that got shorter.
func (r *reader) failed(in *Reader, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // ReadFull returns them bare
		return in.Changed()
	}
	return fmt.Errorf("read %s: %w", r.tree.Path(in.listed), err)
}
