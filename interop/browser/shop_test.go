package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
	"github.com/azmlbatch/azmlbatch/ui"
)

// shop is a workspace of the emulator, the page over it, and a browser that is signed in.
type shop struct {
	*tab
	azure  *emulator.Emulator
	client *azmlbatch.Client
	server *httptest.Server
}

// newShop opens the page of an empty workspace.
func newShop(t *testing.T) *shop {
	t.Helper()
	b := newTab(t)
	azure, err := emulator.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := azure.Client(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { azure.Close() })
	s := &shop{tab: b, azure: azure, client: client}
	s.signIn(client, &ui.Options{Interval: 50 * time.Millisecond, LocalInputs: true})
	return s
}

// signIn serves the page of a client and opens its link.
func (s *shop) signIn(client *azmlbatch.Client, options *ui.Options) {
	s.t.Helper()
	page, err := ui.New(client, options)
	if err != nil {
		s.t.Fatal(err)
	}
	s.server = httptest.NewServer(page)
	s.t.Cleanup(func() {
		if err := page.Close(); err != nil { // ends the updates of open pages, so that the server can close
			s.t.Error(err)
		}
		s.server.Close()
	})
	s.open(page.Link(s.server.URL))
	s.waitFor(`location.pathname === "/jobs" && document.querySelector("main h1")`)
}

// visit goes to a page of the workspace.
func (s *shop) visit(path string) {
	s.t.Helper()
	s.open(s.server.URL + path)
}

// deploy makes an endpoint with one deployment.
func (s *shop) deploy(endpoint string, scorer emulator.Scorer, deployment azmlbatch.Deployment) {
	s.t.Helper()
	options := &emulator.DeployOptions{Endpoint: endpoint, Deployment: deployment}
	if _, err := s.azure.Deploy(s.t.Context(), scorer, options); err != nil {
		s.t.Fatal(err)
	}
}

// start has the endpoint score the files.
func (s *shop) start(endpoint string, files map[string][]byte) azmlbatch.BatchJob {
	s.t.Helper()
	input := azmlbatch.LocalPath{Path: s.folder(files)}
	job, err := s.client.Endpoints().Invoke(s.t.Context(), endpoint, azmlbatch.Invocation{Input: input, DisplayName: endpoint + " of Monday"})
	if err != nil {
		s.t.Fatal(err)
	}
	return job
}

// ended waits for a job, however it ends.
func (s *shop) ended(job string) {
	s.t.Helper()
	_, err := s.client.Jobs().Wait(s.t.Context(), job, nil)
	if failed := new(azmlbatch.JobFailedError); err != nil && !errors.As(err, &failed) {
		s.t.Fatal(err)
	}
}

// picture keeps what the window shows for the README; see pictures.sh.
func (s *shop) picture() {
	s.t.Helper()
	s.setLook(forREADME)
	s.screenshot("picture")
	s.setLook(desktopLight)
}

// folder is a new folder with the files.
func (s *shop) folder(files map[string][]byte) string {
	s.t.Helper()
	dir := s.t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	return dir
}

// pots are pictures of one colour each, with names from pot-00.png on.
func pots(n int) map[string][]byte {
	files := map[string][]byte{}
	for i := range n {
		picture := image.NewRGBA(image.Rect(0, 0, 64, 64))
		for at := range 64 * 64 {
			picture.SetRGBA(at%64, at/64, color.RGBA{R: 200, G: uint8(20 * i), B: 60, A: 255})
		}
		var content bytes.Buffer
		if err := png.Encode(&content, picture); err != nil {
			panic(err) // to memory
		}
		files[fmt.Sprintf("pot-%02d.png", i)] = content.Bytes()
	}
	return files
}

// kinds of pots, as the scorers name them.
var kinds = []string{"vase", "bowl", "jug"}

// kindOf is a scorer: the name of each file, its kind and how sure that is.
func kindOf(_ context.Context, files []string) ([]string, error) {
	var rows []string
	for _, f := range files {
		name := filepath.Base(f)
		sum := 0
		for _, c := range name {
			sum += int(c)
		}
		rows = append(rows, fmt.Sprintf("%s %s %.3f", name, kinds[sum%len(kinds)], float64(sum%97)/97))
	}
	return rows, nil
}

// gate lets a scorer through one mini-batch at a time.
type gate chan bool

// kindOf is the function kindOf once the gate lets it through.
func (g gate) kindOf(ctx context.Context, files []string) ([]string, error) {
	select {
	case <-g:
	case <-ctx.Done():
	}
	return kindOf(ctx, files)
}

// pass lets the next mini-batches through.
func (g gate) pass(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case g <- true:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}
