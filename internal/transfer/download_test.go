package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// stored is a store with files below "up/", as they come from Put Blob, and the larger ones from
// blocks.
func stored(files map[string]string) *fakeStore {
	s := newStore()
	for name, text := range files {
		var blocks []Block
		if len(text) > testBlock {
			blocks = []Block{{"x", int64(len(text))}}
		}
		s.set("up/"+name, []byte(text), blocks)
	}
	s.forget()
	return s
}

func newDownload(s *fakeStore, dir string) *Download {
	return &Download{Store: s, Blobs: s.list("up/"), Name: func(b Blob) string { return "up/" + b.Name }, Dir: dir, Source: "up"}
}

func TestDownloadFetchesEveryFileOnce(t *testing.T) {
	for _, concurrency := range []int{0, 1, 2, 7} {
		s, dir := stored(mixture()), filepath.Join(t.TempDir(), "new", "folder")
		var seen []Progress
		o := testOptions()
		o.Concurrency, o.Progress = concurrency, func(p Progress) { seen = append(seen, p) }
		got, err := newDownload(s, dir).Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if diff := diffFiles(mixture(), readFiles(t, dir)); diff != "" {
			t.Errorf("%d at once: written (-want +got):\n%s", concurrency, diff)
		}
		if n := s.asked("get"); n != 21+2+5+4 { // nothing is asked for an empty file
			t.Errorf("%d at once: %d requests, want 32", concurrency, n)
		}
		if concurrency > 0 && s.most > concurrency {
			t.Errorf("%d requests at once, want at most %d", s.most, concurrency)
		}
		checkProgress(t, seen, Progress{Files: 25, FilesDone: 25, Bytes: 11938, BytesDone: 11938})
		if got.FilesDone != 25 || got.BytesDone != 11938 {
			t.Errorf("Run = %+v", got)
		}
	}
}

// What a download left that broke off after any number of requests is not fetched again, and until
// the end no file is there that is not whole.
func TestDownloadGoesOn(t *testing.T) {
	files := mixture()
	for broken := range 32 {
		s, dir := stored(files), t.TempDir()
		s.fail = func(request) error {
			if len(s.requests) > broken {
				return &Failure{Err: errors.New("the power is off"), Stop: true}
			}
			return nil
		}
		o := testOptions()
		o.Concurrency = 1
		if _, err := newDownload(s, dir).Run(t.Context(), o); err == nil || err.Error() != "the power is off" {
			t.Fatalf("after %d requests: Run = %v", broken, err)
		}
		for name, text := range readFiles(t, dir) {
			if !strings.HasPrefix(name, workPrefix) && files[name] != text {
				t.Errorf("after %d requests: %s is there with another content", broken, name)
			}
		}
		s.fail = nil
		if _, err := newDownload(s, dir).Run(t.Context(), o); err != nil {
			t.Fatalf("after %d requests: Run = %v", broken, err)
		}
		if diff := diffFiles(files, readFiles(t, dir)); diff != "" {
			t.Errorf("after %d requests: written (-want +got):\n%s", broken, diff)
		}
		if n := s.asked("get"); n != 32+1 { // the one that was refused
			t.Errorf("after %d requests: %d in all, want 33", broken, n)
		}
	}
}

// Parts that were spoiled after they were written, as by a machine that lost power, are fetched
// again.
func TestDownloadTrustsNoPartWithoutItsSum(t *testing.T) {
	content := noise(1, 5*testBlock)
	for name, spoil := range map[string]func(b []byte) []byte{
		"content":  func(b []byte) []byte { b[testBlock+5] ^= 1; return b },
		"sum":      func(b []byte) []byte { b[5*testBlock+8] ^= 1; return b },
		"cut":      func(b []byte) []byte { return b[:len(b)-3] },
		"only sum": func(b []byte) []byte { clear(b[testBlock : 2*testBlock]); return b },
	} {
		s, dir := stored(map[string]string{"a": content}), t.TempDir()
		s.fail = func(r request) error {
			if r.offset == 4*testBlock {
				return &Failure{Err: errors.New("the power is off"), Stop: true}
			}
			return nil
		}
		o := testOptions()
		o.Concurrency = 1
		if _, err := newDownload(s, dir).Run(t.Context(), o); err == nil {
			t.Fatal("Run: no error")
		}
		part := filepath.Join(dir, workName("up"), workFile(s.list("up/")[0]))
		b, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(part, spoil(b), 0o600); err != nil {
			t.Fatal(err)
		}
		s.fail = nil
		if _, err := newDownload(s, dir).Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if got := readFiles(t, dir)["a"]; got != content {
			t.Errorf("%s: another content was written", name)
		}
	}
}

// A blob that was replaced meanwhile is fetched anew.
func TestDownloadOfAnotherContentDoesNotGoOn(t *testing.T) {
	s, dir := stored(map[string]string{"a": noise(1, 5*testBlock)}), t.TempDir()
	s.fail = func(r request) error {
		if r.offset == 3*testBlock {
			s.set("up/a", []byte(noise(2, 5*testBlock)), []Block{{"x", 5 * testBlock}})
		}
		return nil
	}
	o := testOptions()
	o.Concurrency = 1
	var failed *Error
	if _, err := newDownload(s, dir).Run(t.Context(), o); !errors.As(err, &failed) || !strings.Contains(err.Error(), "ConditionNotMet") {
		t.Errorf("Run = %v, want the failed condition", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a file is there: %v", err)
	}
	s.fail = nil
	if _, err := newDownload(s, dir).Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if diff := diffFiles(map[string]string{"a": noise(2, 5*testBlock)}, readFiles(t, dir)); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

func TestDownloadOfWhatIsThere(t *testing.T) {
	files := mixture()
	s, dir := stored(files), t.TempDir()
	if _, err := newDownload(s, dir).Run(t.Context(), testOptions()); err != nil {
		t.Fatal(err)
	}
	// A second time, nothing is fetched; small files also where their times are others.
	later := time.Now()
	for _, name := range []string{"one", "small/03", "empty"} {
		if err := os.Chtimes(filepath.Join(dir, filepath.FromSlash(name)), later, later); err != nil {
			t.Fatal(err)
		}
	}
	s.forget()
	got, err := newDownload(s, dir).Run(t.Context(), testOptions())
	if want := (Progress{Files: 25, FilesDone: 25, FilesSkipped: 25, Bytes: 11938, BytesDone: 11938, BytesSkipped: 11938}); err != nil || got != want || len(s.requests) != 0 {
		t.Errorf("Run = %+v, %v with %d requests, want everything skipped", got, err, len(s.requests))
	}
	// What differs is an error before anything is written, or replaced.
	writeFiles(t, dir, map[string]string{"small/03": noise(99, 31)})
	s.set("up/sub/five", []byte(noise(98, 5*testBlock)), []Block{{"x", 5 * testBlock}})
	if err := os.Remove(filepath.Join(dir, "one")); err != nil {
		t.Fatal(err)
	}
	s.forget()
	var bad *DirError
	if _, err := newDownload(s, dir).Run(t.Context(), testOptions()); !errors.As(err, &bad) || !errors.Is(err, fs.ErrExist) || len(s.requests) != 0 {
		t.Errorf("Run = %v with %d requests, want fs.ErrExist and nothing fetched", err, len(s.requests))
	}
	d := newDownload(s, dir)
	d.Overwrite = true
	if got, err := d.Run(t.Context(), testOptions()); err != nil || got.FilesSkipped != 22 || s.asked("get") != 1+5+1 {
		t.Errorf("Run = %+v, %v with %d requests", got, err, s.asked("get"))
	}
	if diff := diffFiles(s.contents("up/"), readFiles(t, dir)); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

// A blob that was changed within the second of its time is another: the ETag tells it.
func TestFilesAreKnownByTheETag(t *testing.T) {
	s, dir := stored(map[string]string{"a": noise(1, 2*testBlock)}), t.TempDir()
	if _, err := newDownload(s, dir).Run(t.Context(), testOptions()); err != nil {
		t.Fatal(err)
	}
	s.set("up/a", []byte(noise(2, 2*testBlock)), []Block{{"x", 2 * testBlock}})
	d := newDownload(s, dir)
	d.Overwrite = true
	if got, err := d.Run(t.Context(), testOptions()); err != nil || got.FilesSkipped != 0 {
		t.Errorf("Run = %+v, %v, want the file to be fetched", got, err)
	}
}

func TestNamesThatAreNoFiles(t *testing.T) {
	for _, tt := range []struct {
		names []string
		want  string
	}{
		{[]string{"../escape"}, "outside of the folder"},
		{[]string{"a/../../escape"}, "outside of the folder"},
		{[]string{"/etc/x"}, "outside of the folder"},
		{[]string{"a//b"}, "outside of the folder"},
		{[]string{"a/./b"}, "means the folder itself"},
		{[]string{"nul\x00"}, "no file can have"},
		{[]string{"a/" + strings.Repeat("n", 256)}, "too long"},
		{[]string{strings.Repeat("ö", 128) + "/b"}, "too long"},
		{[]string{"a", "a-b", "a/b"}, `"a" cannot be a file, because "a/b" lies in a folder of that name`},
		{[]string{"a/b/c", "a/b"}, `"a/b" cannot be a file`},
		{[]string{workName("up") + "/x"}, "unfinished files"},
	} {
		s, dir := newStore(), filepath.Join(t.TempDir(), "out")
		for _, name := range append(tt.names, "fine") {
			s.set("up/"+name, []byte("x"), nil)
		}
		var bad *NameError
		if _, err := newDownload(s, dir).Run(t.Context(), testOptions()); !errors.As(err, &bad) || !errors.Is(err, fs.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: Run = %v, want a NameError that says %q", tt.names, err, tt.want)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%q: something was written", tt.names)
		}
	}
}

func TestNamesOnWindows(t *testing.T) {
	for name, want := range map[string]string{
		"CON": "device", "a/nul.txt": "device", "com1": "device", "LPT³.x": "device", "aux .c": "device", "conin$": "device",
		"a:b": "character", `a\b`: "character", "what?": "character", "tab\t": "character", "a.": "ends in a dot", "b /c": "blank",
		strings.Repeat("n", 256): "too long", strings.Repeat("ö", 255): "",
		"console": "", "com": "", "com10": "", "nul-1": "", "a b/c.d": "",
	} {
		if got := nameProblem(name, "windows"); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestNamesThatDifferInCase(t *testing.T) {
	s, dir := newStore(), t.TempDir()
	for _, name := range []string{"Readme", "README", "x/a", "X"} {
		s.set("up/"+name, []byte(name), nil)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	one, err := foldsCase(root)
	if err != nil {
		t.Fatal(err)
	}
	_, err = newDownload(s, dir).Run(t.Context(), testOptions())
	var bad *NameError
	if one && !errors.As(err, &bad) || !one && (err != nil || len(readFiles(t, dir)) != 4) {
		t.Errorf("Run = %v where names fold: %v", err, one)
	}
	if a, b, ok := clash(s.list("up/"), strings.ToLower); !ok {
		t.Errorf("no clash was found among names that differ in case: %s, %s", a, b)
	}
	if list := readFiles(t, dir); one && len(list) != 0 {
		t.Errorf("%v was left", list)
	}
}

func TestDownloadNeverLeavesTheFolder(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink(filepath.Join(outside, "target"), filepath.Join(dir, "file")); err != nil {
		t.Fatal(err)
	}
	d := newDownload(stored(map[string]string{"link/escape": "x", "file": "mine"}), dir)
	d.Overwrite = true
	var failed *Error
	if _, err := d.Run(t.Context(), testOptions()); !errors.As(err, &failed) || failed.Count != 1 || failed.Failed[0].Name != "link/escape" {
		t.Errorf("Run = %v, want an error about link/escape", err)
	}
	if left := readFiles(t, outside); len(left) != 0 {
		t.Errorf("%v was written outside", left)
	}
	if got := readFiles(t, dir); got["file"] != "mine" {
		t.Errorf("written: %v, want the link to be replaced", got)
	}
}

func TestDownloadListsTheFilesThatFail(t *testing.T) {
	files := mixture()
	s, dir := stored(files), t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "one", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.fail = func(r request) error {
		if r.name == "up/sub/five" && r.offset == 2*testBlock {
			return errors.New("409 BlobArchived")
		}
		return nil
	}
	d := newDownload(s, dir)
	d.Overwrite = true
	var failed *Error
	_, err := d.Run(t.Context(), testOptions())
	if !errors.As(err, &failed) || failed.Count != 2 || failed.Failed[0].Name != "one" || failed.Failed[1].Name != "sub/five" {
		t.Fatalf("Run = %v, want an Error about two files", err)
	}
	delete(files, "one")
	delete(files, "sub/five")
	got := readFiles(t, dir)
	maps.DeleteFunc(got, func(name, _ string) bool { return strings.HasPrefix(name, workPrefix) })
	if diff := diffFiles(files, got); diff != "" {
		t.Errorf("the others (-want +got):\n%s", diff)
	}
}

// What arrives is not what was sent: cut, longer, or with another sum.
func TestDownloadOfSpoiledAnswers(t *testing.T) {
	for name, spoil := range map[string]func(io.ReadCloser) io.ReadCloser{
		"cut": func(r io.ReadCloser) io.ReadCloser { return io.NopCloser(io.LimitReader(r, 3)) },
		"broken": func(r io.ReadCloser) io.ReadCloser {
			return io.NopCloser(io.MultiReader(io.LimitReader(r, 3), errReader{}))
		},
		"longer": func(r io.ReadCloser) io.ReadCloser { return io.NopCloser(io.MultiReader(r, strings.NewReader("more"))) },
		"changed": func(r io.ReadCloser) io.ReadCloser {
			b, _ := io.ReadAll(r)
			b[0] ^= 1
			return io.NopCloser(strings.NewReader(string(b)))
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			store, dir := &spoiling{fakeStore: stored(mixture()), spoil: spoil, left: map[string]int{}}, t.TempDir()
			d := newDownload(store.fakeStore, dir)
			d.Store = store
			if _, err := d.Run(t.Context(), testOptions()); err != nil {
				t.Errorf("%s: Run = %v", name, err)
			}
			if diff := diffFiles(mixture(), readFiles(t, dir)); diff != "" {
				t.Errorf("%s: written (-want +got):\n%s", name, diff)
			}
			store.always = true
			if _, err := func() (Progress, error) {
				d := newDownload(store.fakeStore, t.TempDir())
				d.Store = store
				return d.Run(t.Context(), testOptions())
			}(); err == nil {
				t.Errorf("%s: Run where every answer is spoiled: no error", name)
			}
		})
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, syscall.ECONNRESET }

// spoiling spoils the first answer about each part.
type spoiling struct {
	*fakeStore
	spoil  func(io.ReadCloser) io.ReadCloser
	left   map[string]int
	always bool
}

func (s *spoiling) Get(ctx context.Context, name, etag string, offset, size int64) (io.ReadCloser, *uint64, error) {
	body, crc, err := s.fakeStore.Get(ctx, name, etag, offset, size)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := fmt.Sprint(name, offset)
	if s.left[key]++; s.left[key] == 1 || s.always {
		body = s.spoil(body)
	}
	return body, crc, nil
}

// Two downloads of the same into one folder would write into each other's files.
func TestDownloadIntoAFolderThatIsWritten(t *testing.T) {
	s, dir := stored(mixture()), t.TempDir()
	var begun bool
	var second error
	s.fail = func(r request) error {
		if r.name == "up/two" && !begun {
			begun = true
			s.mu.Unlock()
			_, second = newDownload(s, dir).Run(t.Context(), testOptions())
			s.mu.Lock()
		}
		return nil
	}
	if _, err := newDownload(s, dir).Run(t.Context(), testOptions()); err != nil {
		t.Fatal(err)
	}
	var bad *DirError
	if !errors.As(second, &bad) || !strings.Contains(second.Error(), "another download") {
		t.Errorf("the second Run = %v, want a DirError", second)
	}
	if diff := diffFiles(mixture(), readFiles(t, dir)); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

func TestDownloadIntoWhatIsNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	writeFiles(t, filepath.Dir(file), map[string]string{"file": "x"})
	for _, dir := range []string{"", file, filepath.Join(file, "below")} {
		var bad *DirError
		if _, err := newDownload(stored(mixture()), dir).Run(t.Context(), testOptions()); !errors.As(err, &bad) {
			t.Errorf("Run into %q = %v, want a DirError", dir, err)
		}
	}
}

func TestDownloadStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dir := stored(mixture()), t.TempDir()
		s.delay = func(int64) time.Duration { return time.Second }
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := newDownload(s, dir).Run(ctx, testOptions()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run = %v, want context.DeadlineExceeded", err)
		}
		if took := time.Since(began); took != 1500*time.Millisecond {
			t.Errorf("it stopped after %v, want at once", took)
		}
	})
}

// endingContext is cancelled when it is asked for the third time.
type endingContext struct {
	context.Context
	asked int
}

func (c *endingContext) Err() error {
	if c.asked++; c.asked < 3 {
		return nil
	}
	return context.Canceled
}

func TestHashOfWhatIsThereStopsWithItsContext(t *testing.T) {
	const size = 4 * largeBuffer
	d := newDownload(newStore(), t.TempDir())
	if err := os.WriteFile(filepath.Join(d.Dir, "large"), make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.open(); err != nil {
		t.Fatal(err)
	}
	defer d.root.Close()
	ctx := &endingContext{Context: t.Context()}
	if _, err := d.hasMD5(ctx, Blob{Name: "large", Size: size, MD5: "x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("hasMD5 = %v, want the end of its context", err)
	}
}
