package ui

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// brokenScript fails on files whose name has "bad", within a function of its own.
const brokenScript = `
def length(path):
    with open(path) as f:
        return f.read()[1000]

def run(files):
    print("scoring", len(files), "files")
    return [length(f) if "bad" in f else f for f in files]
`

// deployScript deploys a script to a new emulator.
func deployScript(t *testing.T, script string, d azmlbatch.Deployment) (*azmlbatch.Client, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "score.py"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return emulator.NewEndpoint(t, emulator.Script{Dir: dir, File: "score.py"}, &emulator.DeployOptions{Deployment: d})
}

// TestFailedJob shows the cause before anything else, and the files that were lost.
func TestFailedJob(t *testing.T) {
	client, endpoint := deployScript(t, brokenScript, azmlbatch.Deployment{MiniBatchSize: 1, ErrorThreshold: new(0)})
	job := run(t, client, endpoint, "good.txt", "bad.txt")
	p := newTestPage(t, client, nil)
	body := p.shows("/jobs/"+job.Name, "IndexError: string index out of range", "bad.txt", "return f.read()[1000]", "Failed files",
		"process000", "mini_batch_size", "Inputs and outputs", "LocalUpload")
	if cause, state := strings.Index(body, `id="failure"`), strings.Index(body, `id="state"`); cause < 0 || cause > state {
		t.Errorf("the cause is at %d, after the state at %d", cause, state)
	}
	if !strings.Contains(body, `<mark class="own">  File `) || !strings.Contains(body, `<span class="cause">IndexError`) {
		t.Errorf("the traceback does not set the script's own lines off:\n%s", body)
	}
	if strings.Contains(body, `data-live`) {
		t.Error("the page of a job that has ended asks for updates")
	}
	p.showsCause(body, "IndexError: string index out of range")
}

func TestCompletedJob(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(score), &emulator.DeployOptions{Deployment: azmlbatch.Deployment{MiniBatchSize: 1}})
	job := run(t, client, endpoint, "a.txt", "b.txt", "c.txt")
	p := newTestPage(t, client, nil)
	body := p.shows("/jobs/"+job.Name, "Completed", "3 of 3", "predictions.csv")
	if strings.Contains(body, `id="failure"`) {
		t.Error("a completed job shows a failure")
	}
	resp, rows := p.do(http.MethodGet, "/jobs/"+job.Name+"/outputs/predictions.csv", nil)
	if resp.StatusCode != http.StatusOK || !strings.Contains(rows, "a.txt 1") || resp.Header.Get("Content-Security-Policy") != blobPolicy {
		t.Errorf("the output: %s\n%s", resp.Status, rows)
	}
	if resp, _ := p.do(http.MethodGet, "/jobs/"+job.Name+"/outputs/..%2Fother", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a file that is not in the output: %s", resp.Status)
	}
	if resp, body := p.do(http.MethodGet, "/jobs/none", nil); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "none") {
		t.Errorf("a job that is not there: %s\n%s", resp.Status, body)
	}
}

// TestNoSignatureOfAnInput: an input may be given with one.
func TestNoSignatureOfAnInput(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(score), nil)
	job, err := client.Endpoints().Invoke(t.Context(), endpoint, azmlbatch.Invocation{
		Input: azmlbatch.URIFolder{URI: "https://kilns.blob.core.windows.net/data/vases?sv=2024-01-01&sig=topsecret"}})
	if err != nil {
		t.Fatal(err)
	}
	waitForEnd(t, client, job)
	p := newTestPage(t, client, nil)
	for _, page := range []string{"/jobs", "/jobs/" + job.Name, "/jobs/" + job.Name + "/logs"} {
		if body := p.get(page); strings.Contains(body, "topsecret") {
			t.Errorf("%s shows a signature:\n%s", page, body)
		}
	}
	p.shows("/jobs/"+job.Name, "https://kilns.blob.core.windows.net/data/vases")
}

// TestRequestsOfAJobsPage: a running job costs a bounded number of requests in each round, and one that
// has ended costs one when its page is opened again.
func TestRequestsOfAJobsPage(t *testing.T) {
	begun, goOn := make(chan struct{}, 100), make(chan struct{})
	azure, client, endpoint := newAzure(t, func(ctx context.Context, files []string) ([]string, error) {
		begun <- struct{}{}
		select {
		case <-goOn:
			return score(ctx, files)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, &emulator.DeployOptions{Deployment: azmlbatch.Deployment{MiniBatchSize: 1, RetrySettings: azmlbatch.RetrySettings{Timeout: time.Hour}}})
	job := start(t, client, endpoint, "a.txt", "b.txt", "c.txt")
	<-begun
	p := newTestPage(t, client, nil)
	now := time.Now()
	p.handler.now = func() time.Time { return now }
	asked := func() int {
		before := len(azure.Requests())
		now = now.Add(time.Minute)
		p.get("/jobs/" + job.Name)
		return len(azure.Requests()) - before
	}
	asked() // reads what never changes
	if n := asked(); n > 12 {
		t.Errorf("a look at a running job made %d requests, want at most 12", n)
	}
	close(goOn)
	waitForEnd(t, client, job)
	asked()
	if n := asked(); n != 1 {
		t.Errorf("a look at a job that has ended made %d requests, want one", n)
	}
}

func TestTracebackOfLibraries(t *testing.T) {
	lines := readTraceback("Traceback (most recent call last):\n" +
		"  File \"/x/code/score.py\", line 3, in run\n    frame.read()\n    ^^^^\n" +
		"  File \"/usr/lib/python3.11/csv.py\", line 9, in read\n    raise ValueError\n" +
		"  File \"C:\\py\\Lib\\site-packages\\pandas\\x.py\", line 1, in y\n    z()\n" +
		"ValueError: no")
	var got []string
	for _, l := range lines {
		switch {
		case l.Own:
			got = append(got, "own")
		case l.Cause:
			got = append(got, "cause")
		default:
			got = append(got, "")
		}
	}
	if want := " own own own     cause"; strings.Join(got, " ") != want {
		t.Errorf("lines are %q, want %q", strings.Join(got, " "), want)
	}
}

// TestLastLookAtAJobIsAfterItsEnd has a job that ends while what was read of it a moment ago still counts
// as new: the page reads it again all the same, and has nothing to update any more.
func TestLastLookAtAJobIsAfterItsEnd(t *testing.T) {
	last := make(chan bool)
	scorer := func(ctx context.Context, files []string) ([]string, error) {
		select {
		case <-last:
		case <-ctx.Done():
		}
		return score(ctx, files)
	}
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(scorer), nil)
	job := start(t, client, endpoint, "a.txt")
	p := newTestPage(t, client, nil)
	now := time.Now()
	p.handler.now = func() time.Time { return now }
	path := "/jobs/" + job.Name
	p.get(path)
	close(last)
	if _, err := client.Jobs().Wait(t.Context(), job.Name, nil); err != nil {
		t.Fatal(err)
	}
	if body := p.shows(path, "Completed", "1 of 1"); strings.Contains(body, "data-live") {
		t.Errorf("the page of an ended job goes on updating:\n%s", body)
	}
}
