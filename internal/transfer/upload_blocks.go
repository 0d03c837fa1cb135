package transfer

import (
	"context"
	"errors"
)

// blockFile is a file that is sent in blocks. Storage keeps staged blocks for a week, so an
// interrupted upload resumes with them.
type blockFile struct {
	file
	plan     []block
	complete bool // the blob is there
	idLength int  // of the ids of blocks, before Base64
	next     int  // block to look at
	missing  int  // how many blocks storage lacks
	lists    int  // how often the blocks were listed
	err      error
}

// block is a block of the blob to be.
type block struct {
	offset, size int64
	crc          uint64
	foreign      string // id that another tool gave it; empty for ours
	there        bool
	counted      bool // in the progress
}

// planFile lists the blocks that storage has of a file, and plans the others.
type planFile struct{ *blockFile }

func (j *planFile) run(ctx context.Context, w *worker) error {
	content, staged, err := j.u.Store.Blocks(ctx, j.name)
	if err != nil {
		return err
	}
	return j.makePlan(ctx, w, content, staged)
}

func (j *planFile) done() {
	f := j.blockFile
	if f.complete {
		f.u.meter.skipped(1, f.Size)
		return
	}
	for i := range f.plan {
		b := &f.plan[i]
		if b.there {
			b.counted = true
			f.u.meter.skipped(0, b.size)
		} else {
			f.missing++
		}
	}
	f.send()
}

// send queues the missing blocks. Without any, it makes the blob.
func (f *blockFile) send() {
	if f.missing == 0 {
		f.u.s.first(&makeBlob{f})
		return
	}
	f.next = 0
	f.u.begun = append(f.u.begun, f)
}

func (f *blockFile) nextBlock() job {
	for ; f.err == nil && f.next < len(f.plan); f.next++ {
		if !f.plan[f.next].there {
			f.next++
			return &putBlock{f, f.next - 1}
		}
	}
	return nil
}

// failed records the first failure of the file.
func (f *blockFile) failed(err error) {
	if f.err == nil {
		f.err = err
		f.file.failed(err)
	}
}

// putBlock sends one block.
type putBlock struct {
	*blockFile
	i int
}

func (j *putBlock) run(ctx context.Context, _ *worker) error {
	in, err := j.u.Tree.Open(j.File)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := in.Unchanged(); err != nil {
		return err
	}
	b := &j.plan[j.i]
	body := Body{Size: b.size, CRC: b.crc, file: in.ReaderAt(), offset: b.offset}
	if err := j.u.Store.PutBlock(ctx, j.name, j.id(b), body); err != nil {
		return err
	}
	return in.Unchanged()
}

func (j *putBlock) done() {
	b := &j.plan[j.i]
	b.there = true
	if !b.counted {
		b.counted = true
		j.u.meter.moved(0, b.size)
	}
	if j.missing--; j.missing == 0 && j.err == nil {
		j.u.s.first(&makeBlob{j.blockFile})
	}
}

// makeBlob makes the blob of its blocks.
type makeBlob struct{ *blockFile }

func (j *makeBlob) run(ctx context.Context, _ *worker) error {
	ids := make([]string, len(j.plan))
	for i := range j.plan {
		ids[i] = j.id(&j.plan[i])
	}
	return j.taken(j.u.Store.PutBlockList(ctx, j.name, ids, !j.over))
}

func (j *makeBlob) done() { j.u.meter.moved(1, 0) }

// maxLists is how often the blocks of a file are listed again because storage lost some.
const maxLists = 3

func (j *makeBlob) failed(err error) {
	if j.lists++; errors.Is(err, ErrNoBlock) && j.lists < maxLists {
		j.u.s.first(&findMissing{blockFile: j.blockFile})
		return
	}
	j.blockFile.failed(err)
}

// findMissing finds the blocks that storage lost, and queues them again.
type findMissing struct {
	*blockFile
	staged []Block
}

func (j *findMissing) run(ctx context.Context, _ *worker) (err error) {
	_, j.staged, err = j.u.Store.Blocks(ctx, j.name)
	return err
}

func (j *findMissing) done() {
	have := map[string]bool{}
	for _, b := range j.staged {
		have[b.ID] = true
	}
	for i := range j.plan {
		b := &j.plan[i]
		if b.there = have[j.id(b)]; !b.there {
			b.foreign = "" // now it is ours
			j.missing++
		}
	}
	j.send()
}
