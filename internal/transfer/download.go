package transfer

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/minio/crc64nvme"
)

// A Download writes blobs to files in a folder.
type Download struct {
	Store Store
	// Blobs are the blobs to download, with names relative to the folder. Run changes their order.
	Blobs []Blob
	// Name returns the name of a blob in the store.
	Name func(Blob) string
	// Dir is the folder. It is made if it does not exist.
	Dir string
	// Source identifies the folder in storage. A download resumes what an earlier one from the same
	// source left.
	Source string
	// Overwrite replaces existing files. Without it, the first one that differs from its blob is an
	// error.
	Overwrite bool
	// OnFile is called after each file is written, by one goroutine at a time. May be nil.
	OnFile func(Blob)

	root     *os.Root
	empty    bool            // the folder was empty
	made     map[string]bool // folders that exist in it
	work     *workFolder
	larger   []Blob // without a job yet
	smaller  []Blob
	begun    []*partFile // with parts to fetch
	opened   map[*partFile]bool
	part     int64
	meter    *meter
	failures failures
	s        *scheduler

	// naming is held while a file is created or renamed. The kernel lets one thread at a time change
	// a folder, and threads that wait for it spin.
	naming sync.Mutex
}

// Run writes the files, the largest first. It never writes outside the folder, and a file appears
// only when it is complete. Files that exist and equal their blobs are not fetched.
//
// *[Error] lists the files that failed; the others were written. *[NameError] means that the blobs
// cannot be files in one folder; nothing was written. *[DirError] means that the folder cannot be
// used or its disk is full. Any other error is why the download stopped.
func (d *Download) Run(ctx context.Context, o Options) (Progress, error) {
	var total int64
	for _, b := range d.Blobs {
		total += b.Size
	}
	d.meter = newMeter(o, len(d.Blobs), total)
	err := d.run(ctx, o)
	return d.meter.Progress, err
}

func (d *Download) run(ctx context.Context, o Options) error {
	name := workName(d.Source)
	if err := checkNames(d.Blobs, name); err != nil {
		return err
	}
	if err := d.open(); err != nil {
		return err
	}
	defer func() { _ = d.root.Close() }() // nothing was written through it
	if err := checkCase(d.Blobs, d.root); err != nil {
		return err
	}
	missing, err := d.missing(ctx)
	if err != nil || len(missing) == 0 {
		return err
	}
	if d.work, err = openWork(d.root, name); err != nil {
		return err
	}
	err = d.fetch(ctx, o, missing)
	if closed := d.work.close(err == nil); err == nil {
		err = closed
	}
	return err
}

// A DirError says why a folder cannot take a download.
type DirError struct {
	Problem, Remedy string
	Err             error
}

// Error returns problem and remedy.
func (e *DirError) Error() string {
	if e.Remedy == "" {
		return e.Problem
	}
	return e.Problem + "; " + e.Remedy
}

// Unwrap returns the cause, which may be nil.
func (e *DirError) Unwrap() error { return e.Err }

func (d *Download) open() error {
	if d.Dir == "" {
		return &DirError{Problem: "is empty", Remedy: "name a folder"}
	}
	err := os.MkdirAll(d.Dir, 0o755) //nolint:gosec // a folder of results is as open as the caller's umask says
	if err == nil {
		d.root, err = os.OpenRoot(d.Dir)
	}
	if err != nil {
		return &DirError{Problem: err.Error(), Err: err}
	}
	list, err := fs.ReadDir(d.root.FS(), ".")
	d.empty, d.made = err == nil && len(list) == 0, map[string]bool{".": true}
	return nil
}

// fetch writes the files of blobs.
func (d *Download) fetch(ctx context.Context, o Options, blobs []Blob) error {
	slices.SortStableFunc(blobs, func(a, b Blob) int { return cmp.Compare(b.Size, a.Size) })
	n := 0
	for n < len(blobs) && blobs[n].Size > o.BlockSize {
		n++
	}
	d.larger, d.smaller, d.part, d.opened = blobs[:n], blobs[n:], o.BlockSize, map[*partFile]bool{}
	d.s = newScheduler(o)
	d.s.next[large], d.s.next[small] = d.nextLarge, d.nextSmall
	err := d.s.run(ctx)
	for p := range d.opened {
		_ = p.file.Close() // checksums guard the parts in it
	}
	if err != nil {
		return err
	}
	return d.failures.error(len(d.Blobs))
}

func (d *Download) nextSmall() job {
	if len(d.smaller) == 0 {
		return nil
	}
	b := d.smaller[0]
	d.smaller = d.smaller[1:]
	return &getFile{d: d, Blob: b, err: d.makeFolder(b)}
}

// nextLarge fetches the parts of one large file after another.
func (d *Download) nextLarge() job {
	for ; len(d.begun) > 0; d.begun = d.begun[1:] {
		if j := d.begun[0].nextPart(); j != nil {
			return j
		}
	}
	if len(d.larger) == 0 {
		return nil
	}
	b := d.larger[0]
	d.larger = d.larger[1:]
	return &openParts{&partFile{d: d, Blob: b, dirErr: d.makeFolder(b)}}
}

// makeFolder makes the folder of a file.
func (d *Download) makeFolder(b Blob) error {
	dir := filepath.Dir(filepath.FromSlash(b.Name))
	if d.made[dir] {
		return nil
	}
	err := d.root.MkdirAll(dir, 0o755)
	d.made[dir] = err == nil
	return err
}

// put moves a complete file from the work folder to its place.
func (d *Download) put(from string, b Blob) error {
	if at := stamp(b); !at.IsZero() {
		if err := d.work.root.Chtimes(from, at, at); err != nil {
			return err
		}
	}
	d.naming.Lock()
	defer d.naming.Unlock()
	return d.root.Rename(filepath.Join(d.work.name, from), filepath.FromSlash(b.Name))
}

// create makes a file in the work folder.
func (d *Download) create(name string) (*os.File, error) {
	d.naming.Lock()
	defer d.naming.Unlock()
	return d.work.root.Create(name)
}

// written counts a file, and the bytes of it that are not counted yet.
func (d *Download) written(b Blob, bytes int64) {
	if d.OnFile != nil {
		d.OnFile(b)
	}
	d.meter.moved(1, bytes)
}

// getFile fetches a small file with one request.
type getFile struct {
	d *Download
	Blob
	err error // from making its folder
}

func (j *getFile) run(ctx context.Context, w *worker) error {
	if j.err != nil {
		return j.err
	}
	name := workFile(j.Blob)
	f, err := j.d.create(name)
	if err != nil {
		return onDisk(err)
	}
	if j.Size > 0 {
		_, err = fetch(ctx, j.d, j.Blob, f, 0, j.Size, w.buffer(int(min(j.Size, smallBuffer))))
	}
	if closed := f.Close(); err == nil {
		err = onDisk(closed)
	}
	if err == nil {
		err = onDisk(j.d.put(name, j.Blob))
	}
	if err != nil {
		_ = j.d.work.root.Remove(name) // the first failure is reported
	}
	return err
}

func (j *getFile) done()            { j.d.written(j.Blob, j.Size) }
func (j *getFile) failed(err error) { j.d.failures.add(j.Name, err) }

// errSum means that the content changed on its way.
var errSum = errors.New("the content does not have the checksum that storage sent with it")

// fetch writes a part of a blob to a file, and returns its CRC64. An answer that is cut off is
// repeated.
func fetch(ctx context.Context, d *Download, b Blob, f io.WriterAt, offset, size int64, buffer []byte) (crc uint64, err error) {
	body, want, err := d.Store.Get(ctx, d.Name(b), b.ETag, offset, size)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	for left := size; ; {
		n, err := fill(body, buffer[:min(int64(len(buffer)), left+1)])
		if int64(n) > left {
			return 0, &Failure{Err: errors.New("storage sent more than was asked for"), Retry: true}
		}
		if _, err := f.WriteAt(buffer[:n], offset+size-left); err != nil {
			return 0, onDisk(err)
		}
		crc = crc64nvme.Update(crc, buffer[:n])
		left -= int64(n)
		switch {
		case err == nil:
			continue
		case !errors.Is(err, io.EOF):
			return 0, &Failure{Err: err, Retry: true}
		case left > 0:
			return 0, &Failure{Err: io.ErrUnexpectedEOF, Retry: true}
		case want != nil && *want != crc:
			return 0, &Failure{Err: errSum, Retry: true}
		}
		return crc, nil
	}
}

// fill reads until the buffer is full or there is an error: parts of one file are written by several
// goroutines, which wait for each other at each write.
func fill(r io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var more int
		more, err = r.Read(buffer[n:])
		n += more
	}
	return n, err
}

// onDisk classifies an error of writing. A full disk stops the download.
func onDisk(err error) error {
	if err != nil && isFull(err) {
		full := &DirError{Problem: err.Error(), Remedy: "make room and call again; what is there is not fetched again", Err: err}
		return &Failure{Err: full, Stop: true}
	}
	return err
}
