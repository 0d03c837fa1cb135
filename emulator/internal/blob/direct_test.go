package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDirect(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		ctx := t.Context()
		o := &PutOptions{ContentType: "text/csv", Metadata: map[string]string{"Owner": "kiln"}}
		if err := s.Put(ctx, testAccount, testContainer, "a/b.csv", strings.NewReader("1,2"), o); err != nil {
			t.Fatalf("Put: %v", err)
		}
		r, p, err := s.Open(ctx, testAccount, testContainer, "a/b.csv")
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		data, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || string(data) != "1,2" {
			t.Errorf("content = %q, %v", data, err)
		}
		want := Properties{Name: "a/b.csv", Size: 3, ContentType: "text/csv", Metadata: map[string]string{"owner": "kiln"},
			MD5: p.MD5, ETag: p.ETag, Created: p.Created, LastModified: p.LastModified}
		if diff := cmp.Diff(want, p); diff != "" {
			t.Errorf("Properties (-want +got):\n%s", diff)
		}
		for _, text := range []string{"one\n", "two\n"} {
			if err := s.Put(ctx, testAccount, testContainer, "log", strings.NewReader(text), &PutOptions{Append: true}); err != nil {
				t.Fatalf("append: %v", err)
			}
		}
		if got := get(t, s, "log"); got != "one\ntwo\n" {
			t.Errorf("appended = %q", got)
		}
		if err := s.Delete(ctx, testAccount, testContainer, "log"); err != nil {
			t.Errorf("Delete: %v", err)
		}
		if diff := cmp.Diff([]string{"a/b.csv"}, names(t, s, "")); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		missing := map[string]error{
			"Delete":    s.Delete(ctx, testAccount, testContainer, "log"),
			"Put":       s.Put(ctx, testAccount, "nowhere", "x", strings.NewReader(""), nil),
			"account":   s.CreateContainer("nobody", "x"),
			"container": s.Delete(ctx, testAccount, "nowhere", "x"),
		}
		_, _, missing["Open"] = s.Open(ctx, testAccount, testContainer, "log")
		_, missing["AccountSAS"] = s.AccountSAS("nobody", "r", testTime)
		for what, err := range missing {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s of what is missing = %v, want ErrNotFound", what, err)
			}
		}
	})
}

func TestPutIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		put(t, s, "vase", "old")
		broken := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("kiln went out")))
		if err := s.Put(t.Context(), testAccount, testContainer, "vase", broken, nil); err == nil {
			t.Error("Put of a broken reader succeeded")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Put(ctx, testAccount, testContainer, "vase", strings.NewReader("new"), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("Put after cancel = %v", err)
		}
		if got := get(t, s, "vase"); got != "old" {
			t.Errorf("content = %q, want old", got)
		}
	})
}

// snapshot reads all files below a folder.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newTestService(t, dir, at(testTime))
	put(t, s, "score/Predictions.csv", "first")
	put(t, s, "score/Predictions.csv", "second")
	put(t, s, "gone", "x")
	if err := s.Delete(t.Context(), testAccount, testContainer, "gone"); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), testAccount, testContainer, "log", strings.NewReader("one\n"), &PutOptions{Append: true}); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateContainer(testAccount, "dropped"); err != nil {
		t.Fatal(err)
	}
	if w := call(t, s, "DELETE", "https://"+testHost+"/dropped?restype=container", "", nil); w.Code != 202 {
		t.Fatalf("Delete Container = %d", w.Code)
	}
	sas, err := s.UserDelegationSAS(testAccount, testContainer, "r", testTime, testTime.AddDate(0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	_, before, err := s.Open(t.Context(), testAccount, testContainer, "score/Predictions.csv")
	if err != nil {
		t.Fatal(err)
	}

	// A crash leaves content without a record, staged content, and the tail of an append that was
	// not recorded.
	base := filepath.Join(dir, testAccount, testContainer)
	leftovers := []string{filepath.Join(base, "blobs", "orphan~123"), filepath.Join(base, "staging", "456")}
	for _, path := range leftovers {
		if err := os.WriteFile(path, []byte("left"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	logs, err := filepath.Glob(filepath.Join(base, "blobs", "log~[A-Z0-9]*"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("content of log: %v, %v", logs, err)
	}
	if err := os.WriteFile(logs[0], []byte("one\nhal"), 0o600); err != nil {
		t.Fatal(err)
	}

	again := newTestService(t, dir, at(testTime))
	if diff := cmp.Diff([]string{"log", "score/Predictions.csv"}, names(t, again, "")); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	_, after, err := again.Open(t.Context(), testAccount, testContainer, "score/Predictions.csv")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("Properties (-before +after):\n%s", diff)
	}
	if err := again.Put(t.Context(), testAccount, testContainer, "log", strings.NewReader("two\n"), &PutOptions{Append: true}); err != nil {
		t.Fatal(err)
	}
	if got := get(t, again, "log") + get(t, again, "score/Predictions.csv"); got != "one\ntwo\nsecond" {
		t.Errorf("content = %q", got)
	}
	for _, path := range leftovers {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there", path)
		}
	}
	if w := call(t, again, "GET", "https://"+testHost+"/dropped?restype=container", "", nil); w.Code != 404 {
		t.Errorf("dropped container after a restart = %d", w.Code)
	}
	if w := call(t, again, "GET", testURL+"/log?"+sas, "", nil); w.Code != 200 {
		t.Errorf("delegation SAS after a restart = %d: %s", w.Code, w.Body)
	}
}

// A folder of the user's that only looks like ours stays as it is.
func TestForeignFilesAreLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "pottery", "glazes", "blobs", "celadon.txt")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("green"), 0o600); err != nil {
		t.Fatal(err)
	}
	newTestService(t, dir)
	if data, err := os.ReadFile(path); string(data) != "green" {
		t.Errorf("celadon.txt = %q, %v", data, err)
	}
}

func TestDamagedRecordCostsNoOtherData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newTestService(t, dir)
	put(t, s, "whole", "1")
	put(t, s, "damaged", "2")
	record := filepath.Join(dir, testAccount, testContainer, "blobs", "damaged~.json")
	if err := os.WriteFile(record, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(snapshot(t, dir))
	again := newTestService(t, dir)
	if diff := cmp.Diff([]string{"whole"}, names(t, again, "")); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	if after := len(snapshot(t, dir)); after != before {
		t.Errorf("%d files after, %d before", after, before)
	}
}

func TestRefusedUploadsLeaveNoFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newTestService(t, dir)
	put(t, s, "there", "x")
	before := snapshot(t, dir)
	header := map[string]string{"X-Ms-Blob-Type": "BlockBlob", "If-None-Match": "*"}
	call(t, s, "PUT", testURL+"/there", "y", header)
	header = map[string]string{"X-Ms-Blob-Type": "BlockBlob", "Content-Md5": "XrY7u+Ae7tCTyyK7j1rNww=="}
	call(t, s, "PUT", testURL+"/new", "y", header)
	call(t, s, "PUT", testURL+"/none?comp=appendblock", "y", nil)
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
}

func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		const writers, rounds = 4, 8
		created := make(chan int, writers*rounds)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range rounds {
					// All writers of a round want to create the same blob; one may.
					answer := call(t, s, "PUT", fmt.Sprintf("%s/round-%d", testURL, i), fmt.Sprint(w),
						map[string]string{"X-Ms-Blob-Type": "BlockBlob", "If-None-Match": "*"})
					created <- answer.Code
					if err := s.Put(t.Context(), testAccount, testContainer, "log", strings.NewReader("line\n"), &PutOptions{Append: true}); err != nil {
						t.Errorf("append: %v", err)
					}
					put(t, s, "shared", strings.Repeat(fmt.Sprint(w), 1000))
					if got := get(t, s, "shared"); got != strings.Repeat(got[:1], 1000) {
						t.Errorf("a reader saw two writes at once")
					}
					names(t, s, "")
				}
			})
		}
		wg.Wait()
		close(created)
		count := map[int]int{}
		for code := range created {
			count[code]++
		}
		if diff := cmp.Diff(map[int]int{201: rounds, 409: (writers - 1) * rounds}, count); diff != "" {
			t.Errorf("answers to If-None-Match: * (-want +got):\n%s", diff)
		}
		if got := get(t, s, "log"); got != strings.Repeat("line\n", writers*rounds) {
			t.Errorf("log has %d bytes", len(got))
		}
	})
}

func TestContainerGoesWhileBlobsChange(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		var wg sync.WaitGroup
		for w := range 3 {
			wg.Go(func() {
				for i := range 20 {
					err := s.Put(t.Context(), testAccount, testContainer, fmt.Sprintf("%d/%d", w, i), bytes.NewReader([]byte("x")), nil)
					if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("Put: %v", err)
					}
				}
			})
		}
		wg.Go(func() { call(t, s, "DELETE", testURL+"?restype=container", "", nil) })
		wg.Wait()
		if err := s.CreateContainer(testAccount, testContainer); err != nil {
			t.Fatal(err)
		}
		if got := names(t, s, ""); got != nil {
			t.Errorf("a new container of the same name holds %v", got)
		}
	})
}

// TestDirectErrors: what is not there, and what cannot be, by the names of account, container and
// blob.
func TestDirectErrors(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	ctx := t.Context()
	put(t, s, "plain", "clay")
	list := func(account, container string) error {
		for _, err := range s.List(ctx, account, container, "") {
			return err
		}
		return nil
	}
	_, _, errOpen := s.Open(ctx, "nobody", "c", "a")
	_, errSAS := s.AccountSAS("nobody", "r", time.Now())
	_, errDelegation := s.UserDelegationSAS("nobody", "c", "r", time.Now(), time.Now())
	for name, err := range map[string]error{
		"CreateContainer": s.CreateContainer("nobody", "c"), "Put": s.Put(ctx, "nobody", "c", "a", strings.NewReader(""), nil), "Open": errOpen,
		"List": list("nobody", "c"), "Delete": s.Delete(ctx, "nobody", "c", "a"), "AccountSAS": errSAS, "UserDelegationSAS": errDelegation,
		"Put to no container": s.Put(ctx, testAccount, "none", "a", strings.NewReader(""), nil), "List of no container": list(testAccount, "none"),
		"Delete of no blob": s.Delete(ctx, testAccount, testContainer, "none"), "Seed": s.Seed("nobody", "c", "", t.TempDir()),
	} {
		if !errors.Is(err, ErrNotFound) || errors.Is(err, ErrReadOnly) || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v, want ErrNotFound alone", name, err)
		}
	}
	_, errSAS = s.UserDelegationSAS(testAccount, "No", "r", time.Now(), time.Now())
	for name, test := range map[string]struct {
		err  error
		says string
	}{
		"container name":     {s.CreateContainer(testAccount, "No"), "create container kilnstore/No: 400"},
		"SAS of a container": {errSAS, `container "No"`},
		"metadata":           {s.Put(ctx, testAccount, testContainer, "a", strings.NewReader(""), &PutOptions{Metadata: map[string]string{"1st": ""}}), "InvalidMetadata"},
		"append to a block blob": {
			s.Put(ctx, testAccount, testContainer, "plain", strings.NewReader("x"), &PutOptions{Append: true}), "InvalidBlobType"},
		"account name": {s.AddAccount(Account{Name: "No"}), `account name "No": must be 3 to 24`},
	} {
		if test.err == nil || !strings.Contains(test.err.Error(), test.says) {
			t.Errorf("%s: %v, want an error that says %s", name, test.err, test.says)
		}
	}
	if got := get(t, s, "plain"); got != "clay" {
		t.Errorf("a refused append left %q", got)
	}
}

// TestAppendToLeasedBlobDirectly: a lease holds off appends, too.
func TestAppendToLeasedBlobDirectly(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	log := func(text string) error {
		return s.Put(t.Context(), testAccount, testContainer, "log", strings.NewReader(text), &PutOptions{Append: true})
	}
	if err := log("a"); err != nil {
		t.Fatal(err)
	}
	call(t, s, "PUT", testURL+"/log?comp=lease", "", map[string]string{"X-Ms-Lease-Action": "acquire", "X-Ms-Lease-Duration": "-1"})
	if err := log("b"); err == nil || !strings.Contains(err.Error(), "LeaseIdMissing") {
		t.Errorf("append = %v, want LeaseIdMissing", err)
	}
	if got := get(t, s, "log"); got != "a" {
		t.Errorf("content %q", got)
	}
}

// TestListStops: when the loop ends, and when the context does.
func TestListStops(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	for i := range 1500 {
		put(t, s, fmt.Sprintf("b%04d", i), "")
	}
	n := 0
	for _, err := range s.List(t.Context(), testAccount, testContainer, "") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 2 {
			break
		}
	}
	if n != 2 || len(names(t, s, "")) != 1500 {
		t.Errorf("%d of %d blobs", n, len(names(t, s, "")))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n = 0
	var ended error
	for _, err := range s.List(ctx, testAccount, testContainer, "") {
		if err != nil {
			ended = err
			break
		}
		n++
		cancel()
	}
	if n != 1000 || !errors.Is(ended, context.Canceled) { // it looks at the context between pages
		t.Errorf("%d blobs, then %v", n, ended)
	}
}

// TestBlocksOfOneBlob: a block that is put again, IDs of several lengths, and where a listed block
// is looked for.
func TestBlocksOfOneBlob(t *testing.T) {
	t.Parallel()
	onEachBackend(t, func(t *testing.T, s *Service) {
		stage := func(id, text string) string {
			w := call(t, s, "PUT", testURL+"/bowl?comp=block&blockid="+id, text, nil)
			return fmt.Sprint(w.Code, w.Header().Get("X-Ms-Error-Code"))
		}
		commit := func(list string) string {
			w := call(t, s, "PUT", testURL+"/bowl?comp=blocklist", "<BlockList>"+list+"</BlockList>", nil)
			return fmt.Sprint(w.Code, w.Header().Get("X-Ms-Error-Code"))
		}
		for _, step := range []struct{ got, want string }{
			{stage("YTE=", "old "), "201"},
			{stage("YTE=", "one "), "201"}, // in the place of the other
			{stage("YTI=", "two "), "201"},
			{stage("YWFhYQ==", "x"), "400InvalidBlobOrBlock"}, // IDs have one length, as they are encoded
			{commit("<Uncommitted>YTE=</Uncommitted><Latest>YTI=</Latest>"), "201"},
			{stage("YTE=", "ONE "), "201"},
			{commit("<Committed>YTE=</Committed><Uncommitted>YTE=</Uncommitted><Latest>YTE=</Latest><Latest>YTI=</Latest>"), "201"},
		} {
			if step.got != step.want {
				t.Errorf("got %s, want %s", step.got, step.want)
			}
		}
		if got := get(t, s, "bowl"); got != "one ONE ONE two " {
			t.Errorf("content %q", got)
		}
	})
}

// TestCountsOfBlocks: one more than the service keeps is refused.
func TestCountsOfBlocks(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	c, err := s.container(testAccount, testContainer)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100_000 {
		if err := c.stage("bowl", fmt.Sprintf("%08d", i), memoryContent("")); err != nil {
			t.Fatalf("block %d: %v", i, err)
		}
	}
	var f *fault
	if err := c.stage("bowl", "one more", memoryContent("")); !errors.As(err, &f) || f.code != "BlockCountExceedsLimit" {
		t.Errorf("block 100001: %v, want BlockCountExceedsLimit", err)
	}
	if err := s.Put(t.Context(), testAccount, testContainer, "log", strings.NewReader("x"), &PutOptions{Append: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.change("log", func(current *record) (*record, error) { n := current.clone(); n.Appends = 49_999; return n, nil }); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "BlockCountExceedsLimit"} {
		w := call(t, s, "PUT", testURL+"/log?comp=appendblock", "y", nil)
		if got := w.Header().Get("X-Ms-Error-Code"); got != want {
			t.Errorf("append %d: %q, want %q", 50_000+i, got, want)
		}
	}
}

// TestMetadataAndPropertiesAreKept: what a client sets is what every way of reading shows.
func TestMetadataAndPropertiesAreKept(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	call(t, s, "PUT", testURL+"/bowl", "clay", map[string]string{
		"X-Ms-Blob-Type": "BlockBlob", "X-Ms-Meta-Glaze": "blue", "Content-Type": "text/a", "Content-Encoding": "br", "Content-Language": "en",
		"X-Ms-Blob-Content-Disposition": "inline", "X-Ms-Blob-Cache-Control": "no-store", "X-Ms-Blob-Content-Md5": "XrY7u+Ae7tCTyyK7j1rNww==",
		"X-Ms-Client-Request-Id": "mine",
	})
	for _, method := range []string{"GET", "HEAD"} {
		w := call(t, s, method, testURL+"/bowl?comp=metadata", "", map[string]string{"X-Ms-Client-Request-Id": "mine"})
		glaze := w.Header()["x-ms-meta-glaze"] //nolint:staticcheck // the service writes it in lower case
		if w.Code != 200 || len(glaze) != 1 || glaze[0] != "blue" || w.Header().Get("Etag") == "" || w.Header().Get("X-Ms-Client-Request-Id") != "mine" {
			t.Errorf("%s metadata: %d %v", method, w.Code, w.Header())
		}
	}
	w := call(t, s, "HEAD", testURL+"/bowl", "", map[string]string{"X-Ms-Client-Request-Id": strings.Repeat("x", 1025)})
	for name, want := range map[string]string{
		"Content-Type": "text/a", "Content-Encoding": "br", "Content-Language": "en", "Content-Disposition": "inline", "Cache-Control": "no-store",
		"Content-Md5": "XrY7u+Ae7tCTyyK7j1rNww==", "X-Ms-Client-Request-Id": "",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	call(t, s, "PUT", testURL+"/bowl?comp=properties", "", map[string]string{"X-Ms-Blob-Content-Language": "de"})
	w = call(t, s, "HEAD", testURL+"/bowl", "", nil)
	if h := w.Header(); h.Get("Content-Language") != "de" || h.Get("Content-Encoding") != "" || h.Get("Content-Type") != defaultContentType || h.Get("Cache-Control") != "" {
		t.Errorf("after Set Blob Properties: %v", h)
	}
}

// TestRootContainer: a blob of the container $root needs no container in its URL.
func TestRootContainer(t *testing.T) {
	t.Parallel()
	s := newTestService(t, "")
	for _, container := range []string{"$root", "$web", "$logs"} {
		if err := s.CreateContainer(testAccount, container); err != nil {
			t.Errorf("%s: %v", container, err)
		}
	}
	w := call(t, s, "PUT", "https://"+testHost+":443/robots.txt", "none", map[string]string{"X-Ms-Blob-Type": "BlockBlob"})
	if w.Code != 201 {
		t.Errorf("PUT /robots.txt = %d %s", w.Code, w.Body)
	}
	if w := call(t, s, "GET", "https://"+testHost+"/$root/robots.txt", "", nil); w.Code != 200 || w.Body.String() != "none" {
		t.Errorf("GET /$root/robots.txt = %d %s", w.Code, w.Body)
	}
}
