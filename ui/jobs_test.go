package ui

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

func TestJobs(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(score), nil)
	job := run(t, client, endpoint, "a.txt", "b.txt")
	p := newTestPage(t, client, nil)
	p.shows("/jobs", job.DisplayName, "Completed", endpoint, "2 / 2", "blue")
	p.shows("/jobs?endpoint="+endpoint+"&deployment=blue&status=Completed", job.DisplayName)
	if body := p.shows("/jobs?endpoint="+strings.ToUpper(endpoint), job.DisplayName); !strings.Contains(body, `<option value="`+endpoint+`">`) {
		t.Errorf("the filter does not offer the endpoint:\n%s", body)
	}
	for _, none := range []string{"endpoint=other", "deployment=green", "status=Failed", "after=2999-01-01", "until=2001-01-01"} {
		if body := p.shows("/jobs?"+none, "No job fits."); strings.Contains(body, job.DisplayName) {
			t.Errorf("with %s the list shows the job", none)
		}
	}
}

// TestJobsOfAnEmptyWorkspace looks again when the first job has come.
func TestJobsOfAnEmptyWorkspace(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(score), nil)
	p := newTestPage(t, client, nil)
	now := time.Now()
	p.handler.jobs.now = func() time.Time { return now }
	p.shows("/jobs", "No job fits.")
	job := run(t, client, endpoint, "a.txt")
	now = now.Add(jobsStay)
	p.shows("/jobs", job.DisplayName)
}

// hostileNames are names of files that would be code if a page did not escape them.
var hostileNames = []string{`<script>alert(1)<!--.csv`, `"><img src=x onerror=alert(1)>.csv`, `{{.Data}}.csv`, `javascript:alert(1).csv`, `'; alert(1).csv`}

// failAll is a scorer that fails with the name of the file in its words.
func failAll(_ context.Context, files []string) ([]string, error) {
	return nil, &fileError{files[0]}
}

type fileError struct{ file string }

func (e *fileError) Error() string {
	return "cannot read " + e.file + " from https://a.blob.core.windows.net/c/b?sv=2024&sig=topsecret"
}

// TestHostileNames opens every page about jobs whose files have hostile names.
func TestHostileNames(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(failAll), &emulator.DeployOptions{
		Deployment: azmlbatch.Deployment{MiniBatchSize: 1, ErrorThreshold: new(0)}})
	job, err := client.Endpoints().Invoke(t.Context(), endpoint, azmlbatch.Invocation{
		DisplayName: "<script>alert(1)</script>", Input: azmlbatch.LocalPath{Path: folder(t, hostileNames...)}})
	if err != nil {
		t.Fatal(err)
	}
	waitForEnd(t, client, job)
	p := newTestPage(t, client, nil)
	pages := []string{"/jobs", "/jobs?endpoint=" + url.QueryEscape(hostileNames[1]), "/jobs/" + job.Name, "/jobs/" + job.Name + "/logs"}
	for l, err := range client.Jobs().ListLogs(t.Context(), job.Name) {
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, "/jobs/"+job.Name+"/logs/"+url.PathEscape(l.Name))
	}
	pages = append(pages, pages[len(pages)-1]+"?q="+url.QueryEscape(hostileNames[0]))
	for _, page := range pages {
		body := p.get(page)
		for _, code := range []string{"<script>alert", "<img", "topsecret"} {
			if strings.Contains(body, code) {
				t.Errorf("%s has %q", page, code)
			}
		}
	}
	for _, missing := range []string{"/jobs/" + url.PathEscape(hostileNames[0]), "/jobs/" + job.Name + "/logs/" + url.PathEscape(hostileNames[1])} {
		resp, body := p.do(http.MethodGet, missing, nil)
		if resp.StatusCode < 400 || strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") {
			t.Errorf("%s: %s\n%s", missing, resp.Status, body)
		}
	}
}
