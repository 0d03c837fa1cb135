package ui

import (
	"context"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// TestMain fails when a goroutine has outlived the handler that started it.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A testPage is a page with a browser that is signed in.
type testPage struct {
	t       *testing.T
	handler *Handler
	server  *httptest.Server
	browser *http.Client
}

// newTestPage serves the page of a client until the test ends, and signs a browser in.
func newTestPage(t *testing.T, client *azmlbatch.Client, options *Options) *testPage {
	t.Helper()
	h, err := New(client, options)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &testPage{t: t, handler: h, server: server, browser: &http.Client{Jar: jar, Transport: server.Client().Transport}}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	if resp, body := p.do(http.MethodGet, strings.TrimPrefix(h.Link(server.URL), server.URL), nil); resp.StatusCode != http.StatusOK {
		t.Fatalf("signing in: %s\n%s", resp.Status, body)
	}
	return p
}

// do sends a request of the page's own and returns the answer with its body.
func (p *testPage) do(method, path string, form url.Values) (*http.Response, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return p.send(r)
}

func (p *testPage) send(r *http.Request) (*http.Response, string) {
	p.t.Helper()
	resp, err := p.browser.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp, string(body)
}

// get returns a page that must be there.
func (p *testPage) get(path string) string {
	p.t.Helper()
	resp, body := p.do(http.MethodGet, path, nil)
	if resp.StatusCode != http.StatusOK {
		p.t.Fatalf("GET %s: %s\n%s", path, resp.Status, body)
	}
	return body
}

// shows fails unless the page has each of the texts.
func (p *testPage) shows(path string, texts ...string) string {
	p.t.Helper()
	body := p.get(path)
	for _, text := range texts {
		if !strings.Contains(body, html.EscapeString(text)) {
			p.t.Errorf("GET %s does not show %q:\n%s", path, text, body)
		}
	}
	return body
}

// score is a scorer without Python: a row for each file.
func score(_ context.Context, files []string) ([]string, error) {
	rows := make([]string, len(files))
	for i, f := range files {
		rows[i] = filepath.Base(f) + " 1"
	}
	return rows, nil
}

// run scores files with an endpoint of the emulator, waits for the job and returns it.
func run(t *testing.T, client *azmlbatch.Client, endpoint string, names ...string) azmlbatch.BatchJob {
	t.Helper()
	job := start(t, client, endpoint, names...)
	waitForEnd(t, client, job)
	return job
}

// start is run without the waiting.
func start(t *testing.T, client *azmlbatch.Client, endpoint string, names ...string) azmlbatch.BatchJob {
	t.Helper()
	job, err := client.Endpoints().Invoke(t.Context(), endpoint, azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: folder(t, names...)}})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// waitForEnd waits until a job has ended, in whatever way.
func waitForEnd(t *testing.T, client *azmlbatch.Client, job azmlbatch.BatchJob) {
	t.Helper()
	_, err := client.Jobs().Wait(t.Context(), job.Name, nil)
	if failed := new(azmlbatch.JobFailedError); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
}

// newAzure is an emulator with an endpoint, for tests that do more to it than emulator.NewEndpoint lets
// them.
func newAzure(t *testing.T, scorer emulator.Func, options *emulator.DeployOptions) (azure *emulator.Emulator, client *azmlbatch.Client, endpoint string) {
	t.Helper()
	azure = emulator.NewTest(t, nil)
	endpoint, err := azure.Deploy(t.Context(), scorer, options)
	if err != nil {
		t.Fatal(err)
	}
	if client, err = azure.Client(nil); err != nil {
		t.Fatal(err)
	}
	return azure, client, endpoint
}

// folder is a new folder with files of these names, which hold their name.
func folder(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// causeLink is the link from a failed job to the log that says why.
var causeLink = regexp.MustCompile(`<a href="([^"]+)">The log that says so</a>`)

// showsCause follows that link to a log that has the text.
func (p *testPage) showsCause(body, text string) {
	p.t.Helper()
	m := causeLink.FindStringSubmatch(body)
	if m == nil {
		p.t.Fatalf("there is no link to the log of the cause:\n%s", body)
	}
	p.shows(html.UnescapeString(m[1]), text)
}
