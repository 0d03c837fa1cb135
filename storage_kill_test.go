package azmlbatch_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// killRounds is how often a transfer is killed until it gets through, in each direction. AZMLBATCH_KILL_ROUNDS asks for more.
func killRounds() int {
	if n, err := strconv.Atoi(os.Getenv("AZMLBATCH_KILL_ROUNDS")); err == nil {
		return n
	}
	return 4
}

// killed is what a child process does.
type killed struct {
	Server    string // base URL
	Workspace azmlbatch.Workspace
	Folder    string
	URI       string // to download; empty uploads
}

const killedEnv = "AZMLBATCH_KILLED"

// TestKilledChild is no test of its own: it is the process that TestKilledTransfersResume kills.
func TestKilledChild(t *testing.T) {
	var k killed
	text := os.Getenv(killedEnv)
	if text == "" {
		t.Skip("a process for TestKilledTransfersResume")
	}
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		t.Fatal(err)
	}
	o := &azmlbatch.ClientOptions{}
	o.Transport = toServer(k.Server)
	client, err := azmlbatch.NewClient(k.Workspace, anyToken{}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	fmt.Println("begins")
	if k.URI == "" {
		_, err = client.Upload(t.Context(), k.Folder, &azmlbatch.UploadOptions{BlockSize: 64 << 10})
	} else {
		_, err = client.Download(t.Context(), k.URI, k.Folder, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// toServer sends every request to one server, and tells it the host in a header.
type toServer string

func (s toServer) Do(r *http.Request) (*http.Response, error) {
	base, err := url.Parse(string(s))
	if err != nil {
		return nil, err
	}
	aimed := r.Clone(r.Context())
	aimed.Header.Set("X-Host", r.URL.Host)
	aimed.URL.Scheme, aimed.URL.Host, aimed.Host = base.Scheme, base.Host, ""
	return http.DefaultClient.Do(aimed)
}

type anyToken struct{}

func (anyToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "any", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// killServer is the emulator behind a socket. It counts what of the files' content goes over the wire, and how often.
type killServer struct {
	azure *emulator.Emulator
	mu    sync.Mutex
	bytes map[string]int64 // of each file or block that was stored or fetched whole
	twice int64
}

func (s *killServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	aimed := r.Clone(r.Context())
	aimed.RequestURI, aimed.URL.Scheme, aimed.URL.Host = "", "https", r.Header.Get("X-Host")
	aimed.Host = aimed.URL.Host
	scope := "https://management.azure.com/.default"
	if strings.Contains(aimed.Host, ".blob.") {
		scope = "https://storage.azure.com/.default"
	}
	token, err := s.azure.Credential().GetToken(r.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	aimed.Header.Set("Authorization", "Bearer "+token.Token)
	resp, err := s.azure.RoundTrip(aimed)
	if err != nil {
		panic(http.ErrAbortHandler) // the child was killed while it sent
	}
	defer resp.Body.Close()
	if content := r.Method == http.MethodPut && r.URL.Query().Get("comp") != "blocklist" || r.Header.Get("X-Ms-Range") != ""; content && resp.StatusCode < 300 {
		s.count(r.URL.Path+r.URL.Query().Get("blockid")+r.Header.Get("X-Ms-Range"), max(r.ContentLength, resp.ContentLength))
	}
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

func (s *killServer) count(what string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, before := s.bytes[what]; before {
		s.twice += n
	}
	s.bytes[what] = n
}

// run runs the child, and kills it so long after it began; less than zero lets it end.
func (k killed) run(t *testing.T, after time.Duration) {
	t.Helper()
	text, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledChild$", "-test.count=1")
	cmd.Env = append(os.Environ(), killedEnv+"="+string(text))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for line := ""; line != "begins\n"; {
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatal("the child did not begin: ", err)
		}
	}
	if after >= 0 {
		kill := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
	}
	rest, _ := io.ReadAll(lines)
	if err := cmd.Wait(); err != nil && after < 0 {
		t.Fatalf("the last run: %v\n%s", err, rest)
	}
}

// TestKilledTransfersResume kills uploads and downloads at random moments, again and again. At no moment is there half a file,
// nothing is lost, and little goes over the wire twice.
func TestKilledTransfersResume(t *testing.T) {
	s := newShop(t, nil)
	server := &killServer{azure: s.azure, bytes: map[string]int64{}}
	listening := httptest.NewServer(server)
	t.Cleanup(listening.Close)
	w := s.azure.Workspaces()[0]
	k := killed{Server: listening.URL, Workspace: azmlbatch.Workspace{SubscriptionID: w.SubscriptionID, ResourceGroup: w.ResourceGroup, Name: w.Name}}
	random := rand.New(rand.NewPCG(11, 30))
	var total int64
	for round := range killRounds() {
		want := killFiles(random)
		k.Folder, k.URI = files(t, "src", want), ""
		for range 1 + random.IntN(3) {
			k.run(t, time.Duration(random.IntN(60))*time.Millisecond)
		}
		k.run(t, -1)
		up, err := s.client.Upload(t.Context(), k.Folder, nil)
		s.must(err)
		if !up.Reused {
			t.Fatalf("round %d: the upload is not complete", round)
		}
		k.Folder, k.URI = t.TempDir(), up.URI
		for range 1 + random.IntN(3) {
			k.run(t, time.Duration(random.IntN(60))*time.Millisecond)
			checkWhole(t, round, k.Folder, want)
		}
		k.run(t, -1)
		got := map[string]string{}
		for name := range want {
			b, err := os.ReadFile(filepath.Join(k.Folder, filepath.FromSlash(name)))
			s.must(err)
			got[name] = string(b)
			total += 2 * int64(len(b))
		}
		if !cmp.Equal(want, got) {
			t.Fatalf("round %d: the download has another content", round)
		}
		if left, _ := filepath.Glob(filepath.Join(k.Folder, ".azmlbatch-*")); len(left) > 0 {
			t.Errorf("round %d: %v was left", round, left)
		}
	}
	t.Logf("%d rounds, %d bytes, %d of them twice", killRounds(), total, server.twice)
	if server.twice > total/sentTwice {
		t.Errorf("%d of %d bytes went over the wire twice", server.twice, total)
	}
}

// killFiles are small files and some of several blocks.
func killFiles(random *rand.Rand) map[string]string {
	want := map[string]string{}
	for i := range 30 {
		want[fmt.Sprintf("small/%02d", i)] = strings.Repeat(strconv.Itoa(random.Int()), 1+random.IntN(50))
	}
	for i := range 2 {
		b := make([]byte, 300<<10+random.IntN(9<<20)*i)
		for j := range b {
			b[j] = byte(random.Uint32())
		}
		want[fmt.Sprintf("large%d", i)] = string(b)
	}
	return want
}

// checkWhole checks that no file is there that is not whole.
func checkWhole(t *testing.T, round int, folder string, want map[string]string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && strings.HasPrefix(d.Name(), ".azmlbatch-") {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		if err == nil && !bytes.Equal(b, []byte(want[filepath.ToSlash(name)])) {
			err = errors.New("it is there and not whole")
		}
		if err != nil {
			return fmt.Errorf("round %d: %s: %w", round, name, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
