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
	// Sums are the checksums of the parts, made with PartSize(BlockSize).
	Sums *local.Sums
	// Name returns the name of a file's blob.
	Name func(local.File) string
	// Have says for each file, by its index, what storage has; nil if it has nothing. A file that
	// equals its blob is not sent.
	Have []Existing
	// Named says that the blobs are named by a hash of their content. So a blob with the right name
	// has the right content, whoever wrote it.
	Named bool

	order    []int        // of the files without a job yet
	larger   int          // how many of them go in blocks
	begun    []*blockFile // with blocks to send
	meter    *meter
	failures failures
	s        *scheduler
}

// maxBlocks is the most blocks of a blob (learn.microsoft.com, scalability targets for Blob
// storage).
const maxBlocks = 50_000

// PartSize returns a function from the size of a file to the size of its parts: blockSize, or more
// if the blob would have too many blocks.
func PartSize(blockSize int64) func(size int64) int64 {
	return func(size int64) int64 { return max(blockSize, (size+maxBlocks-1)/maxBlocks) }
}

// Run sends the files, the largest first. *[Error] lists the files that failed; the others were
// sent. Any other error is why the upload stopped.
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
	over  bool // replaces an existing blob
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

// taken ignores ErrExists if the name of the blob names its content: another client or an earlier
// try wrote it.
func (f *file) taken(err error) error {
	if f.u.Named && errors.Is(err, ErrExists) {
		return nil
	}
	return err
}

// putFile sends a file with one request, unless storage has it.
type putFile struct {
	file
	there bool
}

func (j *putFile) run(ctx context.Context, w *worker) error {
	var err error
	if j.there, err = j.isThere(ctx, w); j.there || err != nil {
		return err
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

// body reads a small file into memory and compares it with its checksum. A larger one is read while
// it is sent.
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

// isThere reports whether the existing blob has the content of the file, by its size and MD5, which
// storage or the tool that made the blob has computed. Without an MD5 only an empty blob tells.
func (f *file) isThere(ctx context.Context, w *worker) (bool, error) {
	switch {
	case !f.have.There || f.have.Size != f.Size:
		return false, nil
	case f.Size == 0 || f.have.MD5 == "":
		return f.Size == 0, nil
	}
	in, err := f.u.Tree.Open(f.File)
	if err != nil {
		return false, err
	}
	defer in.Close()
	sum, err := md5Of(ctx, in, w.buffer(smallBuffer))
	if err != nil {
		return false, err
	}
	return sum == f.have.MD5, in.Unchanged()
}

// md5Of hashes all that a reader has, until the context ends.
func md5Of(ctx context.Context, r io.Reader, buffer []byte) (string, error) {
	h := md5.New() //nolint:gosec // see the import
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := r.Read(buffer)
		_, _ = h.Write(buffer[:n]) // never fails
		if errors.Is(err, io.EOF) {
			return string(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

func (j *putFile) done() {
	if j.there {
		j.u.meter.skipped(1, j.Size)
		return
	}
	j.u.meter.moved(1, j.Size)
}
