package transfer

import (
	"context"
	"encoding/binary"
	"os"
	"sync"

	"github.com/minio/crc64nvme"
)

// A large file is fetched in parts. Until it is complete, a table behind its content holds the
// CRC64 of each part, zero for a missing one. An interrupted download resumes with the parts whose
// CRC64 is right, even after a loss of power.

// partFile is a file that is fetched in parts.
type partFile struct {
	d *Download
	Blob
	dirErr error
	file   *os.File
	there  []bool
	next   int
	left   int // parts that are missing
	err    error

	writing sync.Mutex
}

// WriteAt writes to the file, one part at a time. The kernel does no more either, and threads that
// wait for it spin.
func (p *partFile) WriteAt(b []byte, offset int64) (int, error) {
	p.writing.Lock()
	defer p.writing.Unlock()
	return p.file.WriteAt(b, offset)
}

const sumSize = 8

func (p *partFile) parts() int { return int((p.Size + p.d.part - 1) / p.d.part) }

func (p *partFile) span(i int) (offset, size int64) {
	offset = int64(i) * p.d.part
	return offset, min(p.d.part, p.Size-offset)
}

func (p *partFile) nextPart() job {
	for ; p.err == nil && p.next < len(p.there); p.next++ {
		if !p.there[p.next] {
			p.next++
			return &getPart{p, p.next - 1}
		}
	}
	return nil
}

// failed records the first failure of the file.
func (p *partFile) failed(err error) {
	if p.err == nil {
		p.err = err
		p.d.failures.add(p.Name, err)
	}
}

// openParts opens the file that an earlier download left, or creates one.
type openParts struct{ *partFile }

func (j *openParts) run(ctx context.Context, w *worker) (err error) {
	if j.dirErr != nil {
		return j.dirErr
	}
	if j.file == nil {
		if j.file, err = j.d.work.root.OpenFile(workFile(j.Blob), os.O_RDWR|os.O_CREATE, 0o666); err != nil {
			return onDisk(err)
		}
	}
	j.there = make([]bool, j.parts())
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	whole := j.Size + int64(j.parts())*sumSize
	if info.Size() == whole {
		return j.verify(ctx, w.buffer(largeBuffer))
	}
	if info.Size() > 0 { // not if it is new: when a file is closed that was truncated to 0, ext4 writes it to disk first
		if err := j.file.Truncate(0); err != nil {
			return onDisk(err)
		}
	}
	return onDisk(j.file.Truncate(whole))
}

// verify finds the parts that are complete.
func (j *openParts) verify(ctx context.Context, buffer []byte) error {
	sums := make([]byte, j.parts()*sumSize)
	if _, err := j.file.ReadAt(sums, j.Size); err != nil {
		return err
	}
	for i := range j.there {
		want := binary.LittleEndian.Uint64(sums[i*sumSize:])
		if want == 0 {
			continue
		}
		crc := uint64(0)
		for offset, left := j.span(i); left > 0; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := j.file.ReadAt(buffer[:min(left, int64(len(buffer)))], offset)
			if err != nil {
				return err
			}
			crc = crc64nvme.Update(crc, buffer[:n])
			offset, left = offset+int64(n), left-int64(n)
		}
		j.there[i] = crc == want
	}
	return nil
}

func (j *openParts) done() {
	p := j.partFile
	p.d.opened[p] = true
	for i, there := range p.there {
		if there {
			_, size := p.span(i)
			p.d.meter.skipped(0, size)
		} else {
			p.left++
		}
	}
	if p.left == 0 {
		p.d.s.first(&finishFile{p})
		return
	}
	p.d.begun = append(p.d.begun, p)
}

func (j *openParts) failed(err error) {
	if j.file != nil {
		j.d.opened[j.partFile] = true
	}
	j.partFile.failed(err)
}

// getPart fetches one part.
type getPart struct {
	*partFile
	i int
}

func (j *getPart) run(ctx context.Context, w *worker) error {
	offset, size := j.span(j.i)
	crc, err := fetch(ctx, j.d, j.Blob, j.partFile, offset, size, w.buffer(largeBuffer))
	if err != nil {
		return err
	}
	_, err = j.WriteAt(binary.LittleEndian.AppendUint64(nil, crc), j.Size+int64(j.i)*sumSize)
	return onDisk(err)
}

func (j *getPart) done() {
	_, size := j.span(j.i)
	j.there[j.i] = true
	j.d.meter.moved(0, size)
	if j.left--; j.left == 0 && j.err == nil {
		j.d.s.first(&finishFile{j.partFile})
	}
}

// finishFile moves the file to its place.
type finishFile struct{ *partFile }

func (j *finishFile) run(context.Context, *worker) error {
	if err := j.file.Truncate(j.Size); err != nil {
		return err
	}
	if err := j.file.Close(); err != nil {
		return onDisk(err)
	}
	return j.d.put(workFile(j.Blob), j.Blob)
}

func (j *finishFile) done() {
	delete(j.d.opened, j.partFile)
	j.d.written(j.Blob, 0)
}
