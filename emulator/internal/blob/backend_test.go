package blob

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// failing is a backend on which one method fails.
type failing struct {
	backend
	method string
}

var errDisk = errors.New("the disk is full")

func (f *failing) err(method string) error {
	if f.method == method {
		return errDisk
	}
	return nil
}

func (f *failing) createContainer(k containerKey, r containerRecord) error {
	return errors.Join(f.err("createContainer"), f.backend.createContainer(k, r))
}

func (f *failing) updateContainer(k containerKey, r containerRecord) error {
	return errors.Join(f.err("updateContainer"), f.backend.updateContainer(k, r))
}

func (f *failing) dropContainer(k containerKey) error {
	return errors.Join(f.err("dropContainer"), f.backend.dropContainer(k))
}

func (f *failing) write(k containerKey, r io.Reader) (content, error) {
	if err := f.err("write"); err != nil {
		return nil, err
	}
	return f.backend.write(k, r)
}

func (f *failing) join(k containerKey, parts []part) (content, error) {
	if err := f.err("join"); err != nil {
		return nil, err
	}
	return f.backend.join(k, parts)
}

func (f *failing) extend(base, tail content) (content, error) {
	if err := f.err("extend"); err != nil {
		return nil, err
	}
	return f.backend.extend(base, tail)
}

func (f *failing) publish(k containerKey, r *record) error {
	return errors.Join(f.err("publish"), f.backend.publish(k, r))
}

func (f *failing) unpublish(k containerKey, r *record) error {
	return errors.Join(f.err("unpublish"), f.backend.unpublish(k, r))
}

// TestFailuresOfTheBackend: the client is told of an internal error and no more, the log has the
// cause, and what was there before is there afterwards.
func TestFailuresOfTheBackend(t *testing.T) {
	t.Parallel()
	block := map[string]string{"X-Ms-Blob-Type": "BlockBlob"}
	list := "<BlockList><Latest>YQ==</Latest></BlockList>"
	for _, test := range []struct {
		method, verb, path, body string
		header                   map[string]string
	}{
		{"createContainer", "PUT", "/fresh?restype=container", "", nil},
		{"updateContainer", "PUT", "/firings?restype=container&comp=metadata", "", nil},
		{"updateContainer", "PUT", "/firings?restype=container&comp=lease", "", map[string]string{"X-Ms-Lease-Action": "acquire", "X-Ms-Lease-Duration": "-1"}},
		{"dropContainer", "DELETE", "/firings?restype=container", "", nil},
		{"write", "PUT", "/firings/there", "new", block},
		{"write", "PUT", "/firings/there?comp=block&blockid=YQ==", "new", nil},
		{"write", "PUT", "/firings/log?comp=appendblock", "new", nil},
		{"publish", "PUT", "/firings/there", "new", block},
		{"publish", "PUT", "/firings/there?comp=metadata", "", nil},
		{"publish", "PUT", "/firings/there?comp=lease", "", map[string]string{"X-Ms-Lease-Action": "acquire", "X-Ms-Lease-Duration": "-1"}},
		{"join", "PUT", "/firings/staged?comp=blocklist", list, nil},
		{"publish", "PUT", "/firings/staged?comp=blocklist", list, nil},
		{"extend", "PUT", "/firings/log?comp=appendblock", "new", nil},
		{"unpublish", "DELETE", "/firings/there", "", nil},
	} {
		t.Run(test.method+" "+test.verb+" "+test.path, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			s := newTestService(t, "", func(o *Options, _ *Account) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			put(t, s, "there", "clay")
			if err := s.Put(t.Context(), testAccount, testContainer, "log", strings.NewReader("clay"), &PutOptions{Append: true}); err != nil {
				t.Fatal(err)
			}
			call(t, s, "PUT", testURL+"/staged?comp=block&blockid=YQ==", "clay", nil)
			c, err := s.container(testAccount, testContainer)
			if err != nil {
				t.Fatal(err)
			}
			broken := &failing{backend: s.store, method: test.method}
			s.store, c.store = broken, broken
			w := call(t, s, test.verb, "https://"+testHost+test.path, test.body, test.header)
			if code := refusalOf(t, test.verb, w.Header(), w.Body.String()); w.Code != http.StatusInternalServerError || code != "InternalError" {
				t.Errorf("%d %s, want 500 InternalError", w.Code, code)
			}
			if test.verb != "HEAD" && !strings.Contains(w.Body.String(), "<Message>Server encountered an internal error. Please try again after some time.\n") {
				t.Errorf("body %s", w.Body)
			}
			if strings.Contains(w.Body.String(), errDisk.Error()) || !strings.Contains(log.String(), errDisk.Error()) {
				t.Errorf("the client is told %s; the log has %s", w.Body, log.String())
			}
			broken.method = ""
			if got := get(t, s, "there") + get(t, s, "log"); got != "clayclay" {
				t.Errorf("afterwards the blobs hold %q", got)
			}
		})
	}
}

// TestContainerThatIsGone: a request that has found a container finds out that it went.
func TestContainerThatIsGone(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	put(t, s, "there", "clay")
	c, err := s.container(testAccount, testContainer)
	if err != nil {
		t.Fatal(err)
	}
	anything := func(containerRecord) error { return nil }
	if err := c.drop(anything); err != nil {
		t.Fatal(err)
	}
	_, _, errRead := c.read("there", func(r *record) (int64, int64, error) { return 0, r.Size, nil })
	_, errChange := c.change("there", func(*record) (*record, error) { return nil, nil })
	_, errAmend := c.amend(func(*containerRecord) error { return nil })
	for name, err := range map[string]error{
		"read": errRead, "change": errChange, "amend": errAmend, "stage": c.stage("there", "YQ==", memoryContent("x")), "drop": c.drop(anything),
	} {
		var f *fault
		if !errors.As(err, &f) || f.code != "ContainerNotFound" {
			t.Errorf("%s: %v, want ContainerNotFound", name, err)
		}
	}
}

// TestFolderThatCannotBe: what stands in the way of a folder is named.
func TestFolderThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(dir string) error{
		"a file": func(dir string) error { return os.WriteFile(dir, nil, 0o600) },
		"a container record, no JSON": func(dir string) error {
			return writeDeep(filepath.Join(dir, testAccount, testContainer, containerFile), "clay")
		},
		"a short key":     func(dir string) error { return writeDeep(filepath.Join(dir, "delegation.key"), "clay") },
		"a folder as key": func(dir string) error { return os.MkdirAll(filepath.Join(dir, "delegation.key"), 0o700) },
		"no folder for content": func(dir string) error {
			c := filepath.Join(dir, testAccount, testContainer)
			return errors.Join(writeDeep(filepath.Join(c, containerFile), "{}"), os.WriteFile(filepath.Join(c, blobsDir), nil, 0o600))
		},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		if err := prepare(dir); err != nil {
			t.Fatal(err)
		}
		s, err := New(Options{Dir: dir})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.HasPrefix(err.Error(), "blob: open "+dir+": ") {
			t.Errorf("%s: %v, want an error that names the folder", name, err)
		}
	}
}

func writeDeep(path, text string) error {
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600))
}

// TestLoadFinishesWhatACrashLeft: a deleted container whose folder was not yet removed, a container
// without a record, a staged upload, and blobs whose content is missing, too short or elsewhere.
func TestLoadFinishesWhatACrashLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newTestService(t, dir)
	for _, name := range []string{"whole", "missing", "short", "elsewhere"} {
		put(t, s, name, "clay of "+name)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	container := filepath.Join(dir, testAccount, testContainer)
	deleted := filepath.Join(dir, testAccount, ".deleted-1", "blobs", "a")
	half := filepath.Join(dir, testAccount, "halfmade", "blobs", "a")
	staged := filepath.Join(container, stagingDir, "x")
	for _, path := range []string{deleted, half, staged} {
		if err := writeDeep(path, "x"); err != nil {
			t.Fatal(err)
		}
	}
	content := func(name string) string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(container, blobsDir, name+"~[0-9A-Z]*"))
		if err != nil || len(found) != 1 {
			t.Fatalf("content of %s: %v, %v", name, found, err)
		}
		return found[0]
	}
	record := filepath.Join(container, blobsDir, "elsewhere"+recordSuffix)
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	moved := bytes.Replace(text, []byte(`"file": "`), []byte(`"file": "../`), 1)
	if err := errors.Join(os.Remove(content("missing")), os.Truncate(content("short"), 3), os.WriteFile(record, moved, 0o600)); err != nil {
		t.Fatal(err)
	}

	var log bytes.Buffer
	again := newTestService(t, dir, func(o *Options, _ *Account) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	if got := names(t, again, ""); len(got) != 1 || get(t, again, "whole") != "clay of whole" {
		t.Errorf("blobs after the crash: %v", got)
	}
	for _, name := range []string{"missing", "short", "elsewhere"} {
		if !strings.Contains(log.String(), name+recordSuffix) {
			t.Errorf("the log does not name %s: %s", name, log.String())
		}
	}
	if _, err := os.Stat(filepath.Dir(filepath.Dir(deleted))); err == nil {
		t.Error("the deleted container is still there")
	}
	if _, err := os.Stat(staged); err == nil {
		t.Error("the staged upload is still there")
	}
	if _, err := os.Stat(half); err != nil {
		t.Errorf("what is not a container was touched: %v", err)
	}
}

// TestRefusedContentLeavesNoFiles: what a request sent is removed when the request is refused or
// its content is replaced.
func TestRefusedContentLeavesNoFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newTestService(t, dir)
	put(t, s, "there", "clay")
	staged := func() int {
		found, err := filepath.Glob(filepath.Join(dir, testAccount, testContainer, stagingDir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	const block = "PUT /pots?comp=block&blockid="
	for _, test := range []struct {
		name, request, body string
		header              map[string]string
		status, staged      int
	}{
		{"a block", block + "YQ==", "clay", nil, 201, 1},
		{"the same block again", block + "YQ==", "other", nil, 201, 1},
		{"another block", block + "Yg==", "clay", nil, 201, 2},
		{"a block whose ID has another length", block + "YWJjZA==", "clay", nil, 400, 2},
		{"a block with another MD5", block + "Yw==", "clay", map[string]string{"Content-Md5": "XrY7u+Ae7tCTyyK7j1rNww=="}, 400, 2},
		{"a list with a block that is not there", "PUT /pots?comp=blocklist", "<BlockList><Latest>YQ==</Latest><Latest>eg==</Latest></BlockList>", nil, 400, 2},
		{"a list whose condition is not met", "PUT /pots?comp=blocklist", "<BlockList><Latest>YQ==</Latest></BlockList>", map[string]string{"If-Match": `"0x1"`}, 412, 2},
		{"a list", "PUT /pots?comp=blocklist", "<BlockList><Latest>YQ==</Latest></BlockList>", nil, 201, 0},
		{"a blob that is there", "PUT /there", "other", map[string]string{"X-Ms-Blob-Type": "BlockBlob", "If-None-Match": "*"}, 409, 0},
		{"a blob with another MD5", "PUT /there", "other", map[string]string{"X-Ms-Blob-Type": "BlockBlob", "Content-Md5": "XrY7u+Ae7tCTyyK7j1rNww=="}, 400, 0},
		{"a blob in another's place", "PUT /there", "other", map[string]string{"X-Ms-Blob-Type": "BlockBlob"}, 201, 0},
	} {
		method, path, _ := strings.Cut(test.request, " ")
		w := call(t, s, method, testURL+path, test.body, test.header)
		if got := staged(); w.Code != test.status || got != test.staged {
			t.Errorf("%s = %d, want %d; %d files wait, want %d\n%s", test.name, w.Code, test.status, got, test.staged, w.Body)
		}
	}
	found, err := filepath.Glob(filepath.Join(dir, testAccount, testContainer, blobsDir, "*"))
	if err != nil || len(found) != 4 { // a record and its content for each of the two blobs
		t.Errorf("files %v, %v; want four", found, err)
	}
}

// TestDeletedContainerLeavesNoFiles: nothing of it stays on disk, under whatever name.
func TestDeletedContainerLeavesNoFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newTestService(t, dir)
	put(t, s, "there", "clay")
	files := func() (names []string) {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() || strings.Contains(path, deletedPrefix) {
				names = append(names, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	before := files()
	if err := s.CreateContainer(testAccount, "second"); err != nil {
		t.Fatal(err)
	}
	call(t, s, "PUT", strings.Replace(testURL, testContainer, "second", 1)+"/pot", "clay", map[string]string{"X-Ms-Blob-Type": "BlockBlob"})
	if len(files()) <= len(before) {
		t.Fatalf("the second container has no files: %v", files())
	}
	if w := call(t, s, "DELETE", strings.Replace(testURL, testContainer, "second", 1)+"?restype=container", "", nil); w.Code != http.StatusAccepted {
		t.Fatalf("delete = %d %s", w.Code, w.Body)
	}
	if diff := cmp.Diff(before, files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestSecretsOnDisk: a secret is random, stays, and is for this user only.
func TestSecretsOnDisk(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	secret := func(dir string) []byte {
		d, err := openDirBackend(dir, log)
		if err != nil {
			t.Fatal(err)
		}
		key, err := d.secret("some.key")
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	one, other := t.TempDir(), t.TempDir()
	first := secret(one)
	if len(first) != 32 || bytes.Equal(first, make([]byte, 32)) || bytes.Equal(first, secret(other)) {
		t.Errorf("secrets %x and %x are not random", first, secret(other))
	}
	if !bytes.Equal(first, secret(one)) {
		t.Error("a secret changes")
	}
	files, err := filepath.Glob(filepath.Join(one, "*", "some.key"))
	if direct, err := filepath.Glob(filepath.Join(one, "some.key")); err == nil {
		files = append(files, direct...)
	}
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for size, valid := range map[int]bool{31: false, 32: true} {
		if err := os.WriteFile(files[0], make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := openDirBackend(one, log)
		if err != nil {
			t.Fatal(err)
		}
		want := files[0] + " holds no key; remove the file, and a new key is created"
		if _, err := d.secret("some.key"); (err == nil) != valid || err != nil && err.Error() != want {
			t.Errorf("a file of %d bytes: %v", size, err)
		}
	}
}

// TestSecretThatCannotBeRead: it is not replaced, for what it signed would be refused.
func TestSecretThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := openDirBackend(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "some.key")
	if err := os.Symlink("some.key", loop); err != nil {
		t.Skip(err) // Windows
	}
	if key, err := d.secret("some.key"); err == nil {
		t.Errorf("secret = %d bytes, want an error", len(key))
	}
	if target, err := os.Readlink(loop); target != "some.key" {
		t.Errorf("the file that could not be read was replaced: %q, %v", target, err)
	}
}

// torn is content that breaks off.
type torn struct{ content }

func (torn) open(int64, int64) (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader("cl"), iotest.ErrReader(errDisk))), nil
}

// TestContentThatBreaksOff: a hash that was asked for is never that of a part. Without one the status
// is sent before the content is read.
func TestContentThatBreaksOff(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	put(t, s, "there", "clay")
	c, err := s.container(testAccount, testContainer)
	if err != nil {
		t.Fatal(err)
	}
	c.find("there").content = torn{c.find("there").content}
	for _, hash := range []string{"md5", "crc64"} {
		w := call(t, s, "GET", testURL+"/there", "", map[string]string{"X-Ms-Range": "bytes=0-3", "X-Ms-Range-Get-Content-" + hash: "true"})
		if code := refusalOf(t, "GET", w.Header(), w.Body.String()); w.Code != http.StatusInternalServerError || code != "InternalError" {
			t.Errorf("%s: %d %s, want 500 InternalError", hash, w.Code, code)
		}
	}
	w := call(t, s, "GET", testURL+"/there", "", nil)
	if w.Code != http.StatusOK || w.Header().Get("Content-Length") != "4" || w.Body.String() != "cl" {
		t.Errorf("without a hash: %d %v: %q, want 200, 4 bytes announced and 2 sent", w.Code, w.Header(), w.Body)
	}
}
