package transfer

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/internal/local"
	"github.com/minio/crc64nvme"
)

// mixture has files of all kinds: empty, small, of exactly one block, and of several.
func mixture() map[string]string {
	files := map[string]string{"empty": "", "one": noise(1, testBlock), "two": noise(2, testBlock+1), "sub/five": noise(3, 5*testBlock), "sub/odd": noise(4, 3*testBlock+17)}
	for i := range 20 {
		files[fmt.Sprintf("small/%02d", i)] = noise(uint64(10+i), 10*i+1)
	}
	return files
}

func TestUploadSendsEveryFileOnce(t *testing.T) {
	for _, concurrency := range []int{0, 1, 2, 7} {
		s, dir := newStore(), t.TempDir()
		writeFiles(t, dir, mixture())
		var seen []Progress
		o := testOptions()
		o.Concurrency, o.Progress = concurrency, func(p Progress) { seen = append(seen, p) }
		if err := newUpload(t, s, dir).Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if diff := diffFiles(mixture(), s.contents("up/")); diff != "" {
			t.Errorf("%d at once: stored (-want +got):\n%s", concurrency, diff)
		}
		got := map[string]int{}
		for _, r := range s.requests {
			got[r.what]++
			if (r.what == "put" || r.what == "list") && !r.onlyNew {
				t.Errorf("%+v could replace a blob", r)
			}
		}
		if diff := cmp.Diff(map[string]int{"put": 22, "blocks": 3, "block": 2 + 5 + 4, "list": 3}, got); diff != "" {
			t.Errorf("%d at once: requests (-want +got):\n%s", concurrency, diff)
		}
		if concurrency > 0 && s.most > concurrency {
			t.Errorf("%d requests at once, want at most %d", s.most, concurrency)
		}
		checkProgress(t, seen, Progress{Files: 25, FilesDone: 25, Bytes: 11938, BytesDone: 11938})
	}
}

// checkProgress checks that no number goes back, and how it ends.
func checkProgress(t *testing.T, seen []Progress, last Progress) {
	t.Helper()
	if len(seen) == 0 {
		t.Fatal("no progress was told")
	}
	before := Progress{}
	for _, p := range seen {
		if p.FilesDone < before.FilesDone || p.BytesDone < before.BytesDone || p.FilesSkipped < before.FilesSkipped || p.BytesSkipped < before.BytesSkipped || p.Rate < 0 {
			t.Errorf("progress goes back: %+v after %+v", p, before)
		}
		before = p
	}
	before.Rate = 0
	if diff := cmp.Diff(last, before); diff != "" {
		t.Errorf("last progress (-want +got):\n%s", diff)
	}
}

func TestUploadBeginsWithTheLargest(t *testing.T) {
	s, dir := newStore(), t.TempDir()
	writeFiles(t, dir, map[string]string{"a": "1", "b": "22", "c": noise(1, 2*testBlock), "d": noise(2, 3*testBlock), "e": "22"})
	o := testOptions()
	o.Concurrency = 1
	if err := newUpload(t, s, dir).Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, r := range s.requests {
		order = append(order, r.what+" "+r.name)
	}
	want := []string{"blocks up/d", "block up/d", "block up/d", "block up/d", "blocks up/c", "block up/c", "block up/c",
		"list up/d", "list up/c", "put up/b", "put up/e", "put up/a"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// What an upload left that broke off after any number of requests is not sent again.
func TestUploadGoesOn(t *testing.T) {
	files := mixture()
	for broken := range 38 {
		s, dir := newStore(), t.TempDir()
		writeFiles(t, dir, files)
		s.fail = func(request) error {
			if len(s.requests) > broken {
				return &Failure{Err: errors.New("the power is off"), Stop: true}
			}
			return nil
		}
		o := testOptions()
		o.Concurrency = 1
		if err := newUpload(t, s, dir).Run(t.Context(), o); err == nil || err.Error() != "the power is off" {
			t.Fatalf("after %d requests: Run = %v", broken, err)
		}
		done := s.requests[:broken]
		s.forget()
		s.fail = nil
		var seen []Progress
		o.Progress = func(p Progress) { seen = append(seen, p) }
		if err := have(newUpload(t, s, dir), s).Run(t.Context(), o); err != nil {
			t.Fatalf("after %d requests: Run = %v", broken, err)
		}
		if diff := diffFiles(files, s.contents("up/")); diff != "" {
			t.Errorf("after %d requests: stored (-want +got):\n%s", broken, diff)
		}
		for _, r := range s.requests {
			if r.what != "blocks" && slices.ContainsFunc(done, func(d request) bool { return d.what == r.what && d.name == r.name && d.id == r.id && d.bytes > 0 }) {
				t.Errorf("after %d requests: %+v was sent twice", broken, r)
			}
		}
		last := seen[len(seen)-1]
		if last.FilesDone != 25 || last.BytesDone != last.Bytes || (last.BytesSkipped == 0) != (broken < 2) {
			t.Errorf("after %d requests: last progress %+v", broken, last)
		}
	}
}

// What is there and not equal is replaced; what is there under a name that does not name its
// content, too.
func TestUploadReplacesWhatIsNotEqual(t *testing.T) {
	files := map[string]string{"small": "clay", "cut": "glaze", "large": noise(1, 3*testBlock), "same": "slip"}
	for _, named := range []bool{true, false} {
		s, dir := newStore(), t.TempDir()
		writeFiles(t, dir, files)
		s.set("up/small", []byte("CLAY"), nil)
		s.set("up/cut", []byte("gl"), nil)
		s.set("up/same", []byte("slip"), nil)
		s.set("up/large", []byte(noise(2, 3*testBlock)), []Block{{blockID(0, 1, idLength), testBlock}, {blockID(testBlock, 2, idLength), testBlock}, {blockID(2*testBlock, 3, idLength), testBlock}})
		s.stage("up/large", blockID(0, 12345, idLength), []byte(noise(3, testBlock))) // of other content
		u := have(newUpload(t, s, dir), s)
		u.Named = named
		if err := u.Run(t.Context(), testOptions()); err != nil {
			t.Fatal(err)
		}
		if diff := diffFiles(files, s.contents("up/")); diff != "" {
			t.Errorf("named %v: stored (-want +got):\n%s", named, diff)
		}
		if s.asked("put") != 2 || s.asked("block") != 3 {
			t.Errorf("named %v: %d files and %d blocks were sent, want 2 and 3", named, s.asked("put"), s.asked("block"))
		}
	}
}

// pythonBlockID is the id that azure-storage-blob for Python gives to a block.
func pythonBlockID(offset int64) string {
	inner := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%032d", offset))
	return base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(inner)))
}

// az ml has sent a part of a file in blocks of its own size.
func TestUploadGoesOnWithBlocksOfAzML(t *testing.T) {
	content := noise(1, 4*testBlock+5)
	for _, named := range []bool{true, false} {
		s, dir := newStore(), t.TempDir()
		writeFiles(t, dir, map[string]string{"a": content})
		for _, offset := range []int64{700, 1400, 2800} {
			s.stage("up/a", pythonBlockID(offset), []byte(content[offset:offset+700]))
		}
		u := newUpload(t, s, dir)
		u.Named = named
		if err := u.Run(t.Context(), testOptions()); err != nil {
			t.Fatal(err)
		}
		if got := s.contents("up/")["a"]; got != content {
			t.Errorf("named %v: another content is stored", named)
		}
		var sent int64
		for _, r := range s.requests {
			sent += r.bytes
		}
		want := int64(len(content))
		if named { // only then its blocks are those of this file
			want -= 3 * 700
		}
		if sent != want {
			t.Errorf("named %v: %d bytes were sent, want %d", named, sent, want)
		}
	}
}

// azcopyBlockID is the id that azcopy gives to a block: zeros, the 16 bytes of the job's id, and the
// numbers of the job's part, of the file in it, and of the block.
func azcopyBlockID(job [16]byte, block int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "00000%s%05d%05d%05d", job[:], 0, 3, block))
}

// azcopy --put-md5 was killed in the middle of a folder. The whole blobs count; the blocks that it
// staged do not, because nothing says what they hold.
func TestUploadGoesOnAfterAzCopy(t *testing.T) {
	files := map[string]string{"whole": "clay", "changed": "slip", "missing": "glaze", "large": noise(1, 4*testBlock+5)}
	for _, named := range []bool{true, false} {
		s, dir := newStore(), t.TempDir()
		writeFiles(t, dir, files)
		s.set("up/whole", []byte("clay"), nil)
		s.set("up/changed", []byte("SLIP"), nil)
		var job [16]byte
		copy(job[:], noise(2, len(job)))
		for block := range 2 { // of an older version of the file
			s.stage("up/large", azcopyBlockID(job, block), []byte(noise(3, 2*testBlock)))
		}
		u := have(newUpload(t, s, dir), s)
		u.Named = named
		if err := u.Run(t.Context(), testOptions()); err != nil {
			t.Fatal(err)
		}
		if diff := diffFiles(files, s.contents("up/")); diff != "" {
			t.Errorf("named %v: stored (-want +got):\n%s", named, diff)
		}
		if s.asked("put") != 2 || s.asked("block") != 5 {
			t.Errorf("named %v: %d files and %d blocks were sent, want 2 and 5", named, s.asked("put"), s.asked("block"))
		}
		if left := s.staged["up/large"]; len(left) > 0 {
			t.Errorf("named %v: %d staged blocks are left", named, len(left))
		}
	}
}

// Other tools use ids of other lengths; all of a blob must have one.
func TestUploadBesideBlocksOfOtherTools(t *testing.T) {
	for _, id := range []string{"0123456789abcdef0123456789abcdef0123", strings.Repeat("x", 60), "0123456789abcd"} {
		s, dir := newStore(), t.TempDir()
		content := noise(1, 3*testBlock)
		writeFiles(t, dir, map[string]string{"a": content})
		s.stage("up/a", base64.StdEncoding.EncodeToString([]byte(id)), []byte("?"))
		if err := newUpload(t, s, dir).Run(t.Context(), testOptions()); err != nil || s.contents("up/")["a"] != content {
			t.Errorf("beside %q: Run = %v", id, err)
		}
	}
}

func TestUploadWithAnotherBlockSizeGoesOn(t *testing.T) {
	s, dir := newStore(), t.TempDir()
	content := noise(1, 4*testBlock)
	writeFiles(t, dir, map[string]string{"a": content})
	for offset := 0; offset < 1500; offset += 500 {
		s.stage("up/a", blockID(int64(offset), crcOf(content[offset:offset+500]), idLength), []byte(content[offset:offset+500]))
	}
	if err := newUpload(t, s, dir).Run(t.Context(), testOptions()); err != nil {
		t.Fatal(err)
	}
	if got := s.contents("up/")["a"]; got != content || s.asked("block") != 3 {
		t.Errorf("%d blocks were sent, want 3; equal %v", s.asked("block"), got == content)
	}
}

// A large file whose blob is complete is not sent, whoever made the blob: its blocks tell, or its MD5. Storage computes that
// of a blob that came in one request; azcopy --put-md5 sets that of one that it made of its own blocks.
func TestUploadOfALargeFileThatIsThere(t *testing.T) {
	content := noise(1, 3*testBlock)
	ours := []Block{{blockID(0, crcOf(content[:testBlock]), idLength), testBlock}, {blockID(testBlock, crcOf(content[testBlock:2*testBlock]), idLength), testBlock},
		{blockID(2*testBlock, crcOf(content[2*testBlock:]), idLength), testBlock}}
	python := []Block{{pythonBlockID(0), 2 * testBlock}, {pythonBlockID(2 * testBlock), testBlock}}
	short := []Block{{pythonBlockID(0), 2 * testBlock}}
	azcopys := []Block{{azcopyBlockID([16]byte{1}, 0), 3 * testBlock}}
	right, wrong := md5.Sum([]byte(content)), md5.Sum(nil)
	for _, tt := range []struct {
		name   string
		blocks []Block
		named  bool
		md5    string
		sent   bool
	}{
		{"ours", ours, true, "", false}, {"ours, under any name", ours, false, "", false}, {"of az ml", python, true, "", false},
		{"of az ml, under any name", python, false, "", true}, {"cut short", short, true, "", true}, {"in one request", nil, true, string(right[:]), false},
		{"of azcopy", azcopys, true, "", true}, {"of azcopy with an MD5", azcopys, true, string(right[:]), false},
		{"of azcopy with an MD5, under any name", azcopys, false, string(right[:]), false}, {"of azcopy with another MD5", azcopys, true, string(wrong[:]), true},
	} {
		s, dir := newStore(), t.TempDir()
		writeFiles(t, dir, map[string]string{"a": content})
		s.set("up/a", []byte(content), tt.blocks)
		u := have(newUpload(t, s, dir), s)
		u.Have[0].MD5 = tt.md5
		u.Named = tt.named
		if err := u.Run(t.Context(), testOptions()); err != nil || (s.asked("block") > 0) != tt.sent {
			t.Errorf("%s: Run = %v, and %d blocks were sent", tt.name, err, s.asked("block"))
		}
	}
}

func crcOf(s string) uint64 { return crc64nvme.Checksum([]byte(s)) }

// Storage has taken blocks and does not have them when the blob is to be made.
func TestUploadSendsAgainWhatStorageForgot(t *testing.T) {
	s, dir := newStore(), t.TempDir()
	content := noise(1, 5*testBlock)
	writeFiles(t, dir, map[string]string{"a": content})
	lost := 0
	s.fail = func(r request) error {
		if r.what == "list" && lost < 2 {
			lost++
			for _, id := range slices.Sorted(maps.Keys(s.staged["up/a"]))[:2] {
				delete(s.staged["up/a"], id)
			}
		}
		return nil
	}
	var seen []Progress
	o := testOptions()
	o.Progress = func(p Progress) { seen = append(seen, p) }
	if err := newUpload(t, s, dir).Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if s.contents("up/")["a"] != content || s.asked("block") != 5+2+2 {
		t.Errorf("%d blocks were sent, want 9", s.asked("block"))
	}
	checkProgress(t, seen, Progress{Files: 1, FilesDone: 1, Bytes: 5 * testBlock, BytesDone: 5 * testBlock})
	s.fail = func(r request) error {
		if r.what == "list" {
			clear(s.staged["up/a"])
		}
		return nil
	}
	delete(s.blobs, "up/a")
	var failed *Error
	if err := newUpload(t, s, dir).Run(t.Context(), testOptions()); !errors.As(err, &failed) || !errors.Is(err, ErrNoBlock) {
		t.Errorf("Run with a store that forgets for ever = %v, want ErrNoBlock", err)
	}
}

// An answer is lost after its effect; the second try finds the blob.
func TestUploadTakesItsOwnBlobForDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dir := newStore(), t.TempDir()
		writeFiles(t, dir, mixture())
		lost := map[string]bool{}
		s.after = func(r request) error {
			if key := r.what + r.name + r.id; !lost[key] {
				lost[key] = true
				return &Failure{Err: errors.New("connection reset"), Retry: true}
			}
			return nil
		}
		if err := newUpload(t, s, dir).Run(t.Context(), testOptions()); err != nil {
			t.Fatal(err)
		}
		if diff := diffFiles(mixture(), s.contents("up/")); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
	})
}

func TestUploadListsTheFilesThatFail(t *testing.T) {
	s, dir := newStore(), t.TempDir()
	files := mixture()
	writeFiles(t, dir, files)
	u := newUpload(t, s, dir)
	if err := os.Remove(filepath.Join(dir, "one")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sub", "odd"), []byte(noise(5, 3*testBlock+17)), 0o644); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "sub", "odd"), later, later); err != nil {
		t.Fatal(err)
	}
	s.fail = func(r request) error {
		if r.what == "block" && r.name == "up/sub/five" {
			return errors.New("409 LeaseIdMissing")
		}
		return nil
	}
	err := u.Run(t.Context(), testOptions())
	var failed *Error
	var changed *local.ChangedError
	if !errors.As(err, &failed) || failed.Count != 3 || failed.Files != 25 {
		t.Fatalf("Run = %v, want an Error about 3 of 25 files", err)
	}
	if !errors.Is(err, os.ErrNotExist) || !errors.As(err, &changed) {
		t.Errorf("Run = %v, want the causes to be found", err)
	}
	var names []string
	for _, f := range failed.Failed {
		names = append(names, f.Name)
		delete(files, f.Name)
	}
	if diff := cmp.Diff([]string{"one", "sub/five", "sub/odd"}, names); diff != "" {
		t.Errorf("failed (-want +got):\n%s", diff)
	}
	if diff := diffFiles(files, s.contents("up/")); diff != "" {
		t.Errorf("the others (-want +got):\n%s", diff)
	}
}

// A file that is changed between hash and sending without any trace in its size and time is found
// by its sum.
func TestUploadOfASmallFileThatChangedWithoutTrace(t *testing.T) {
	s, dir := newStore(), t.TempDir()
	writeFiles(t, dir, map[string]string{"a": "clay", "b": "bowl"})
	u := newUpload(t, s, dir)
	file := filepath.Join(dir, "a")
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("mud!"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, before.ModTime(), before.ModTime()); err != nil {
		t.Fatal(err)
	}
	var changed *local.ChangedError
	if err := u.Run(t.Context(), testOptions()); !errors.As(err, &changed) || len(s.contents("up/")) != 1 {
		t.Errorf("Run = %v, want a ChangedError, and one blob: %v", err, s.contents("up/"))
	}
}

func TestUploadStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dir := newStore(), t.TempDir()
		writeFiles(t, dir, mixture())
		s.delay = func(int64) time.Duration { return time.Second }
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		o := testOptions()
		o.Concurrency = 3
		began := time.Now()
		if err := newUpload(t, s, dir).Run(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run = %v, want context.DeadlineExceeded", err)
		}
		if took := time.Since(began); took != 1500*time.Millisecond || len(s.requests) != 6 {
			t.Errorf("it stopped after %v and %d requests, want at once", took, len(s.requests))
		}
	})
}
