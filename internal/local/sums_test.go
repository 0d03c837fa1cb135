package local

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc64"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// mixture is a folder of small and large files, empty files and empty folders, with 3 bytes more or fewer than a chunk.
func mixture(t *testing.T) (dir string, files map[string]string) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	files = map[string]string{}
	for i := range 300 {
		files[fmt.Sprintf("d%d/%03d", i%7, i)] = noise(r, []int{0, 1, 100, 5000, 70_000}[i%5])
	}
	for i, size := range []int{chunkSize - 3, chunkSize, chunkSize + 3, 2 * chunkSize, 5*chunkSize + 1} {
		files[fmt.Sprintf("D3/large%d", i)] = noise(r, size)
	}
	dir = storeFiles(t, files)
	for _, empty := range []string{"d0/a", "z", "z/z"} {
		mkdir(t, filepath.Join(dir, filepath.FromSlash(empty)))
	}
	return dir, files
}

func noise(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// The recipe, word for word and a byte at a time; reading ahead must change nothing.
func TestHashOfManyFiles(t *testing.T) {
	dir, files := mixture(t)
	var feed strings.Builder
	feed.WriteString(uploadHashSeed)
	var walk func(dir, name string)
	walk = func(dir, name string) {
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortStableFunc(list, func(a, b fs.DirEntry) int {
			return strings.Compare(strings.ToLower(a.Name()), strings.ToLower(b.Name()))
		})
		for _, d := range list {
			feed.WriteString(d.Name())
			if d.IsDir() {
				walk(filepath.Join(dir, d.Name()), path.Join(name, d.Name()))
			} else {
				feed.WriteString(files[path.Join(name, d.Name())])
			}
		}
	}
	walk(dir, "")
	tree, err := Scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	sums := &Sums{PartSize: func(size int64) int64 { return 100_000 + size/10 }}
	sum, sum5 := sha256.Sum256([]byte(feed.String())), md5.Sum([]byte(feed.String()))
	if got, err := tree.UploadHash(t.Context(), sums); got != hex.EncodeToString(sum[:]) || err != nil {
		t.Errorf("UploadHash = %s, %v, want %x", got, err, sum)
	}
	if got, err := tree.OldUploadHash(t.Context()); got != hex.EncodeToString(sum5[:]) || err != nil {
		t.Errorf("OldUploadHash = %s, %v, want %x", got, err, sum5)
	}
	table := crc64.MakeTable(0x9A6C9329AC4BC9B5)
	for i, f := range tree.Files {
		content, part := files[f.Name], int(sums.Part(i))
		for p := 0; p == 0 || p*part < len(content); p++ {
			want := crc64.Checksum([]byte(content[p*part:min(len(content), (p+1)*part)]), table)
			if got := sums.Sum(i, p); got != want {
				t.Errorf("%s: sum of part %d = %x, want %x", f.Name, p, got, want)
			}
		}
	}
}

// A file of a file system that cannot be read at an offset is one part.
func TestSumsOfFilesThatAreReadFromTheirBeginning(t *testing.T) {
	const text = "stoneware"
	tree, err := ScanFS(onlyForward{fstest.MapFS{"a": {Data: []byte(text)}, "b": {Data: []byte("xy")}}}, "src")
	if err != nil {
		t.Fatal(err)
	}
	sums := &Sums{PartSize: func(int64) int64 { return 2 }}
	if _, err := tree.UploadHash(t.Context(), sums); err != nil {
		t.Fatal(err)
	}
	if got := []int64{sums.Part(0), sums.Part(1)}; !slices.Equal(got, []int64{int64(len(text)), 2}) {
		t.Errorf("parts of %d bytes, want the whole file where it is larger", got)
	}
}

// onlyForward hides that files can be read at any offset.
type onlyForward struct{ fs.FS }

func (o onlyForward) Open(name string) (fs.File, error) {
	f, err := o.FS.Open(name)
	if _, dir := f.(fs.ReadDirFile); dir || err != nil {
		return f, err
	}
	return struct{ fs.File }{f}, nil
}

func TestHashStopsWithItsContext(t *testing.T) {
	dir, _ := mixture(t)
	tree, err := Scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tree.UploadHash(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("UploadHash = %v, want context.Canceled", err)
	}
}

// Reading ahead ends where a file fails, and the error names it.
func TestHashOfAFileThatFails(t *testing.T) {
	for _, name := range []string{"d0/000", "D3/large4", "d4/298"} {
		dir, _ := mixture(t)
		tree, err := Scan(dir)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		rewrite(t, path, "another")
		var changed *ChangedError
		if _, err := tree.UploadHash(t.Context(), nil); !errors.As(err, &changed) || changed.Path != path {
			t.Errorf("UploadHash = %v, want a ChangedError about %s", err, path)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if _, err := tree.UploadHash(t.Context(), nil); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("UploadHash = %v, want fs.ErrNotExist", err)
		}
	}
}

func BenchmarkUploadHash(b *testing.B) {
	for _, shape := range []struct {
		name        string
		files, size int
	}{{"small", 2000, 10 << 10}, {"large", 1, 64 << 20}} {
		b.Run(shape.name, func(b *testing.B) {
			dir := b.TempDir()
			content := noise(rand.New(rand.NewPCG(1, 2)), shape.size)
			for i := range shape.files {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(content), 0o600); err != nil {
					b.Fatal(err)
				}
			}
			tree, err := Scan(dir)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(tree.Bytes)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tree.UploadHash(b.Context(), &Sums{PartSize: func(int64) int64 { return 4 << 20 }}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
