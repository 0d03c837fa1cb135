package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

// killRounds is how often a transfer is killed until it gets through, in each direction and against
// each storage. AZMLBATCH_KILL_ROUNDS asks for more.
func killRounds() int {
	if n, err := strconv.Atoi(os.Getenv("AZMLBATCH_KILL_ROUNDS")); err == nil {
		return n
	}
	return 2
}

// victim is what a child process does.
type victim struct {
	Number    int    // at its front
	Front     string // base URL
	Workspace azmlbatch.Workspace
	Datastore string
	Folder    string
	URI       string // to download; empty uploads
}

// killSeed decides at which moments the transfers are killed. AZMLBATCH_KILL_SEED asks for others.
func killSeed() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("AZMLBATCH_KILL_SEED"), 10, 64); err == nil {
		return n
	}
	return 30
}

const victimEnv = "AZMLBATCH_VICTIM"

// A victim has few requests in flight, so that it is known how much a kill can cost.
const (
	victimFlying = 4
	victimBlock  = 256 << 10
	victimPart   = 4 << 20 // of a download
)

// TestVictim is no test of its own: it is the process that TestKilledTransfersResume kills.
func TestVictim(t *testing.T) {
	var v victim
	text := os.Getenv(victimEnv)
	if text == "" {
		t.Skip("a process for TestKilledTransfersResume")
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	o := &azmlbatch.ClientOptions{}
	o.Transport = toFront{v.Front, http.DefaultTransport, v.Number}
	client, err := azmlbatch.NewClient(v.Workspace, anyToken{}, o)
	if err != nil {
		t.Fatal(err)
	}
	if v.URI == "" {
		_, err = client.Upload(t.Context(), v.Folder, &azmlbatch.UploadOptions{Datastore: v.Datastore, BlockSize: victimBlock, Concurrency: victimFlying})
	} else {
		_, err = client.Download(t.Context(), v.URI, v.Folder, &azmlbatch.DownloadOptions{Concurrency: victimFlying})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// run lets the victim work until it is killed or done. It reports whether it was killed.
func (v victim) run(t *testing.T, f *front, p killPoint) (killed bool) {
	t.Helper()
	v.Number = f.victim + 1 // which nobody else changes
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestVictim$", "-test.count=1")
	cmd.Env = append(os.Environ(), victimEnv+"="+string(text))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	f.setKill(v.Number, p, func() {
		killed = true
		kill()
	})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	f.CloseClientConnections()
	f.wait() // what the victim has sent may still be on its way to storage
	f.setKill(v.Number+1, killPoint{}, nil)
	if err != nil && !killed {
		t.Fatalf("the victim: %v\n%s", err, &out)
	}
	return killed
}

// randomPoint is a moment before left bytes have been moved by at most so many requests.
func randomPoint(random *rand.Rand, left int64, requests int) killPoint {
	if random.IntN(3) == 0 {
		return killPoint{requests: 1 + random.IntN(requests)}
	}
	return killPoint{bytes: 1 + random.Int64N(max(1, left))}
}

// TestKilledTransfersResume kills uploads and downloads at random moments, again and again. At no
// moment is there half a file, nothing is lost, nothing that storage has is sent again, and a kill
// costs no more than what was in flight.
func TestKilledTransfersResume(t *testing.T) {
	onBackends(t, func(t *testing.T, b backend) {
		var up, down toll
		random := rand.New(rand.NewPCG(11, killSeed()))
		for round := range killRounds() {
			up.upload(t, b, random, round)
			down.download(t, b, random, round, up.uri, up.want)
			if t.Failed() {
				return
			}
		}
		t.Logf("uploads: %v", up)
		t.Logf("downloads: %v", down)
		if up.again > 0 {
			t.Errorf("%d bytes were uploaded again that storage had", up.again)
		}
	})
}

// toll is what kills cost.
type toll struct {
	rounds, kills        int
	content, wire, again int64
	uri                  string // of the last upload
	want                 map[string]string
}

func (c toll) String() string {
	return fmt.Sprintf("%d rounds, %d kills; %d bytes of content, %d over the wire (%.2f times), %d of them were there whole",
		c.rounds, c.kills, c.content, c.wire, float64(c.wire)/float64(c.content), c.again)
}

// kill runs the victim until it gets through, and counts.
func (c *toll) kill(t *testing.T, f *front, v victim, random *rand.Rand, atMost int64, check func()) {
	t.Helper()
	kills, size := 0, sizeOf(c.want)
	for range 1 + random.IntN(3) {
		if v.run(t, f, randomPoint(random, size-sizeOfStored(f), 50)) {
			kills++
		}
		check()
	}
	v.run(t, f, killPoint{})
	if most := size + int64(kills)*atMost + f.again; f.wire > most {
		t.Errorf("%d bytes went over the wire, want at most %d: %d bytes of content, %d kills", f.wire, most, size, kills)
	}
	c.rounds++
	c.kills += kills
	c.content, c.wire, c.again = c.content+size, c.wire+f.wire, c.again+f.again
}

func sizeOf(files map[string]string) (n int64) {
	for _, text := range files {
		n += int64(len(text))
	}
	return n
}

func sizeOfStored(f *front) (n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, size := range f.stored {
		n += size
	}
	return n
}

// upload kills an upload of new files until it gets through.
func (c *toll) upload(t *testing.T, b backend, random *rand.Rand, round int) {
	t.Helper()
	f := newFront(t, b)
	defer f.Close()
	c.want = killFiles(random)
	v := victim{Front: f.URL, Workspace: b.workspace(), Datastore: b.datastore, Folder: writeFiles(t, c.want)}
	c.kill(t, f, v, random, victimFlying*victimBlock, func() {})
	for _, stored := range f.marked {
		if stored != sizeOf(c.want) {
			t.Errorf("round %d: the upload was marked as complete when storage had %d of %d bytes", round, stored, sizeOf(c.want))
		}
	}
	again, err := f.client(t).Upload(t.Context(), v.Folder, &azmlbatch.UploadOptions{Datastore: b.datastore})
	if err != nil || !again.Reused {
		t.Errorf("round %d: the upload is not complete: %v", round, err)
	}
	c.uri = again.URI
}

// download kills a download until it gets through.
func (c *toll) download(t *testing.T, b backend, random *rand.Rand, round int, uri string, want map[string]string) {
	t.Helper()
	f := newFront(t, b)
	defer f.Close()
	c.want = want
	v := victim{Front: f.URL, Workspace: b.workspace(), Folder: t.TempDir(), URI: uri}
	c.kill(t, f, v, random, victimFlying*victimPart, func() {
		for name, text := range filesIn(t, v.Folder) {
			if text != want[name] {
				t.Fatalf("round %d: %s is there and not whole", round, name)
			}
		}
	})
	if got := filesIn(t, v.Folder); !cmp.Equal(want, got) {
		t.Errorf("round %d: the download has another content", round)
	}
	if left, _ := filepath.Glob(filepath.Join(v.Folder, ".azmlbatch-*")); len(left) > 0 {
		t.Errorf("round %d: %v was left", round, left)
	}
	if err := os.RemoveAll(v.Folder); err != nil {
		t.Error(err)
	}
}

// killFiles are small files and two large ones.
func killFiles(random *rand.Rand) map[string]string {
	want := map[string]string{}
	for i := range 30 {
		want[fmt.Sprintf("small/%02d", i)] = strings.Repeat(strconv.Itoa(random.Int()), 1+random.IntN(50))
	}
	noise := rand.NewChaCha8([32]byte{byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32())})
	for i, size := range []int{300 << 10, 6<<20 + random.IntN(14<<20)} {
		b := make([]byte, size)
		_, _ = noise.Read(b) // never fails
		want[fmt.Sprintf("large%d", i)] = string(b)
	}
	return want
}

// writeFiles writes files into a new folder.
func writeFiles(t *testing.T, content map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "src")
	for name, text := range content {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// filesIn are the files of a folder, without those that a download has not finished.
func filesIn(t *testing.T, folder string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		case d == nil || d.IsDir() && !strings.HasPrefix(d.Name(), ".azmlbatch-"):
			return nil
		case d.IsDir():
			return fs.SkipDir
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		got[filepath.ToSlash(name)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}
