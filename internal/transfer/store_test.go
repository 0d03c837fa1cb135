package transfer

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/azmlbatch/azmlbatch/internal/local"
	"github.com/minio/crc64nvme"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeStore is a store in memory.
type fakeStore struct {
	delay func(bytes int64) time.Duration // of an answer; may be nil
	fail  func(r request) error           // may be nil; called before the request has an effect
	after func(r request) error           // likewise, after it

	mu       sync.Mutex
	blobs    map[string]fakeBlob
	staged   map[string]map[string][]byte
	requests []request
	flying   int
	most     int // requests in flight at once
	writes   int
}

type fakeBlob struct {
	content  []byte
	blocks   []Block
	etag     string
	modified time.Time
}

// request is what a store was asked.
type request struct {
	what, name, id string
	offset, bytes  int64
	onlyNew        bool
}

func newStore() *fakeStore {
	return &fakeStore{blobs: map[string]fakeBlob{}, staged: map[string]map[string][]byte{}}
}

// do plays one request.
func (s *fakeStore) do(ctx context.Context, r request, effect func() error) error {
	s.mu.Lock()
	s.requests = append(s.requests, r)
	s.flying++
	s.most = max(s.most, s.flying)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.flying--
		s.mu.Unlock()
	}()
	if s.delay != nil {
		select {
		case <-time.After(s.delay(r.bytes)):
		case <-ctx.Done():
			return &Failure{Err: ctx.Err(), Retry: true}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(r); err != nil {
			return err
		}
	}
	err := effect()
	if err == nil && s.after != nil {
		err = s.after(r)
	}
	return err
}

// receive reads a body and holds it against its sum.
func receive(body Body) ([]byte, error) {
	r := body.Reader()
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != body.Size || crc64nvme.Checksum(b) != body.CRC {
		return nil, errors.New("400 Crc64Mismatch")
	}
	return b, nil
}

func (s *fakeStore) Put(ctx context.Context, name string, body Body, onlyNew bool) error {
	return s.do(ctx, request{what: "put", name: name, bytes: body.Size, onlyNew: onlyNew}, func() error {
		if _, there := s.blobs[name]; there && onlyNew {
			return ErrExists
		}
		b, err := receive(body)
		if err == nil {
			s.set(name, b, nil)
		}
		return err
	})
}

// set writes a blob. The caller has the lock, or is alone.
func (s *fakeStore) set(name string, content []byte, blocks []Block) {
	s.writes++
	s.blobs[name] = fakeBlob{content: content, blocks: blocks, etag: fmt.Sprintf("%q", fmt.Sprint(s.writes)), modified: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	delete(s.staged, name)
}

func (s *fakeStore) PutBlock(ctx context.Context, name, id string, body Body) error {
	return s.do(ctx, request{what: "block", name: name, id: id, bytes: body.Size}, func() error {
		for other := range s.staged[name] {
			if len(other) != len(id) {
				return errors.New("400 InvalidBlobOrBlock")
			}
		}
		b, err := receive(body)
		if err != nil {
			return err
		}
		s.stage(name, id, b)
		return nil
	})
}

func (s *fakeStore) stage(name, id string, b []byte) {
	if s.staged[name] == nil {
		s.staged[name] = map[string][]byte{}
	}
	s.staged[name][id] = b
}

func (s *fakeStore) PutBlockList(ctx context.Context, name string, ids []string, onlyNew bool) error {
	return s.do(ctx, request{what: "list", name: name, onlyNew: onlyNew}, func() error {
		if _, there := s.blobs[name]; there && onlyNew {
			return ErrExists
		}
		var content []byte
		var blocks []Block
		for _, id := range ids {
			b, there := s.staged[name][id]
			if !there {
				return ErrNoBlock
			}
			content = append(content, b...)
			blocks = append(blocks, Block{id, int64(len(b))})
		}
		s.set(name, content, blocks)
		return nil
	})
}

func (s *fakeStore) Blocks(ctx context.Context, name string) (content, staged []Block, err error) {
	err = s.do(ctx, request{what: "blocks", name: name}, func() error {
		content = s.blobs[name].blocks
		for _, id := range slices.Sorted(maps.Keys(s.staged[name])) {
			staged = append(staged, Block{id, int64(len(s.staged[name][id]))})
		}
		return nil
	})
	return content, staged, err
}

func (s *fakeStore) Get(ctx context.Context, name, etag string, offset, size int64) (body io.ReadCloser, crc *uint64, err error) {
	err = s.do(ctx, request{what: "get", name: name, offset: offset, bytes: size}, func() error {
		b, there := s.blobs[name]
		if !there || b.etag != etag {
			return errors.New("412 ConditionNotMet")
		}
		part := b.content[offset : offset+size]
		body, crc = io.NopCloser(bytes.NewReader(part)), new(crc64nvme.Checksum(part))
		return nil
	})
	return body, crc, err
}

// list are the blobs below a folder, as a list tells them.
func (s *fakeStore) list(folder string) (blobs []Blob) {
	for name, b := range s.blobs {
		if rest, ok := cutPrefix(name, folder); ok {
			sum := md5.Sum(b.content)
			blob := Blob{Name: rest, Size: int64(len(b.content)), ETag: b.etag, Modified: b.modified.Unix()}
			if b.blocks == nil {
				blob.MD5 = string(sum[:])
			}
			blobs = append(blobs, blob)
		}
	}
	slices.SortFunc(blobs, func(a, b Blob) int { return strings.Compare(a.Name, b.Name) })
	return blobs
}

func cutPrefix(name, folder string) (string, bool) {
	if len(name) <= len(folder) || name[:len(folder)] != folder {
		return "", false
	}
	return name[len(folder):], true
}

// contents are the blobs by names relative to a folder.
func (s *fakeStore) contents(folder string) map[string]string {
	found := map[string]string{}
	for _, b := range s.list(folder) {
		found[b.Name] = string(s.blobs[folder+b.Name].content)
	}
	return found
}

// asked counts the requests of a kind.
func (s *fakeStore) asked(what string) (n int) {
	for _, r := range s.requests {
		if r.what == what {
			n++
		}
	}
	return n
}

// forget drops what was asked.
func (s *fakeStore) forget() { s.requests, s.most = nil, 0 }

const testBlock = 1000

// writeFiles writes files below a folder.
func writeFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// readFiles are the files below a folder.
func readFiles(t testing.TB, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		found[filepath.ToSlash(name)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// diffFiles compares contents by name; of long ones it shows sizes and sums.
func diffFiles(want, got map[string]string) string {
	short := func(files map[string]string) map[string]string {
		shown := map[string]string{}
		for name, text := range files {
			if shown[name] = text; len(text) > 20 || !utf8.ValidString(text) {
				shown[name] = fmt.Sprintf("%d bytes, %x", len(text), crc64nvme.Checksum([]byte(text)))
			}
		}
		return shown
	}
	return cmp.Diff(short(want), short(got))
}

// noise is text that does not repeat itself.
func noise(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// newUpload scans and hashes a folder.
func newUpload(t testing.TB, s Store, dir string) *Upload {
	t.Helper()
	tree, err := local.Scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	sums := &local.Sums{PartSize: PartSize(testBlock)}
	if _, err := tree.UploadHash(t.Context(), sums); err != nil {
		t.Fatal(err)
	}
	return &Upload{Store: s, Tree: tree, Sums: sums, Named: true, Name: func(f local.File) string { return path.Join("up", f.Name) }}
}

// have finds what an earlier upload left.
func have(u *Upload, s *fakeStore) *Upload {
	u.Have = make([]Existing, len(u.Tree.Files))
	for _, b := range s.list("up/") {
		if i, ok := u.Tree.Index(b.Name); ok {
			u.Have[i] = Existing{There: true, Size: b.Size, MD5: b.MD5}
		}
	}
	return u
}

func testOptions() Options {
	return Options{BlockSize: testBlock, Retries: 3, Delay: 100 * time.Millisecond, MaxDelay: time.Second}
}
