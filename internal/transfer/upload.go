package transfer

import (
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // what storage tells of a blob's content; not a protection
	"errors"
	"io"
	"slices"

	"github.com/azmlbatch/azmlbatch/internal/local"
)

// An Upload sends files to blobs of one container.
type Upload struct {
	Store Store
	Tree  *local.Tree
	// Sums are those of the parts of the files, made with PartSize(BlockSize).
	Sums *local.Sums
	// Name returns the name of a file's blob.
	Name func(local.File) string
	// Have is what storage has of each file, by its index; nil when it has nothing. A blob that equals
	// its file is not sent again.
	Have []Existing
	// Named says that the names of the blobs name their content, by a hash: what is there is of the same content, and what
	// another client writes meanwhile too.
	Named bool

	order    []int        // of the files that no job has been made of yet
	larger   int          // how many of them are sent in blocks
	begun    []*blockFile // of which blocks are to be sent
	meter    *meter
	failures failures
	s        *scheduler
}

// maxBlocks is how many blocks a blob can have (learn.microsoft.com, scalability targets for Blob storage).
const maxBlocks = 50_000

// PartSize returns how large the parts of a file of some size are: blockSize, or more where a blob would have more blocks than
// storage allows.
func PartSize(blockSize int64) func(size int64) int64 {
	return func(size int64) int64 { return max(blockSize, (size+maxBlocks-1)/maxBlocks) }
}

// Run sends the files, the largest first. Files that fail are told by *[Error]; the others are sent. Any other error is why
// everything stopped.
func (u *Upload) Run(ctx context.Context, o Options) error {
	files := u.Tree.Files
	u.meter = newMeter(o, len(files), u.Tree.Bytes)
	u.order = make([]int, len(files))
	for i := range u.order {
		u.order[i] = i
	}
	slices.SortStableFunc(u.order, func(a, b int) int { return cmp.Compare(files[b].Size, files[a].Size) })
	for u.larger < len(files) && files[u.order[u.larger]].Size > u.Sums.Part(u.order[u.larger]) {
		u.larger++
	}
	rest := u.order[u.larger:]
	u.s = newScheduler(o)
	u.s.next[large] = u.nextLarge
	u.s.next[small] = func() job {
		if len(rest) == 0 {
			return nil
		}
		j := &putFile{file: u.file(rest[0])}
		rest = rest[1:]
		return j
	}
	if err := u.s.run(ctx); err != nil {
		return err
	}
	return u.failures.error(len(files))
}

// nextLarge sends the blocks of one large file after another.
func (u *Upload) nextLarge() job {
	for ; len(u.begun) > 0; u.begun = u.begun[1:] {
		if j := u.begun[0].nextBlock(); j != nil {
			return j
		}
	}
	if u.larger == 0 {
		return nil
	}
	f := &blockFile{file: u.file(u.order[0])}
	u.order, u.larger = u.order[1:], u.larger-1
	return &planFile{f}
}

// file is one file of an upload.
type file struct {
	local.File
	u     *Upload
	index int
	name  string // of the blob
	have  Existing
	over  bool // what is there is replaced
}

func (u *Upload) file(i int) file {
	f := file{File: u.Tree.Files[i], u: u, index: i, over: !u.Named}
	f.name = u.Name(f.File)
	if u.Have != nil && u.Have[i].There {
		f.have, f.over = u.Have[i], true
	}
	return f
}

func (f *file) failed(err error) { f.u.failures.add(f.Name, err) }

// taken is success where the blob exists and its name names its content: another client, or an earlier try, has written it.
func (f *file) taken(err error) error {
	if f.u.Named && errors.Is(err, ErrExists) {
		return nil
	}
	return err
}

// putFile sends a file with one request, unless it is there.
type putFile struct {
	file
	there bool
}

func (j *putFile) run(ctx context.Context, w *worker) error {
	if j.have.There && j.have.Size == j.Size {
		var err error
		if j.there, err = j.equal(w); j.there || err != nil {
			return err
		}
	}
	in, err := j.u.Tree.Open(j.File)
	if err != nil {
		return err
	}
	defer in.Close()
	body, err := j.body(in, w)
	if err != nil {
		return err
	}
	if err := j.taken(j.u.Store.Put(ctx, j.name, body, !j.over)); err != nil || body.InMemory() {
		return err
	}
	return in.Unchanged()
}

// body reads a small file into memory, where it is held against its sum; a larger one is read while it is sent.
func (j *putFile) body(in *local.Reader, w *worker) (Body, error) {
	sum := j.u.Sums.Sum(j.index, 0)
	if j.Size <= smallBuffer {
		b := w.buffer(int(j.Size))
		return NewBody(b, sum), in.ReadAll(b, sum)
	}
	body := Body{Size: j.Size, CRC: sum, file: in.ReaderAt()}
	if body.file == nil {
		body.stream = in
	}
	return body, in.Unchanged()
}

// equal reports whether a blob of the same size is the file, by the MD5 that storage has of it. Where it has none, the file is
// sent.
func (j *putFile) equal(w *worker) (bool, error) {
	if j.Size == 0 || j.have.MD5 == "" {
		return j.Size == 0, nil
	}
	in, err := j.u.Tree.Open(j.File)
	if err != nil {
		return false, err
	}
	defer in.Close()
	h := md5.New() //nolint:gosec // see the import
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{in}, w.buffer(smallBuffer)); err != nil {
		return false, err
	}
	return string(h.Sum(nil)) == j.have.MD5, in.Unchanged()
}

func (j *putFile) done() {
	if j.there {
		j.u.meter.skipped(1, j.Size)
		return
	}
	j.u.meter.moved(1, j.Size)
}
