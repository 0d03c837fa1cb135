package ui

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"image/png"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// rowsOf is a scorer that writes the row that the map has for a file's name.
func rowsOf(rows map[string]string) emulator.Func {
	return func(_ context.Context, files []string) ([]string, error) {
		var out []string
		for _, f := range files {
			row, ok := rows[filepath.Base(f)]
			if !ok {
				return nil, fmt.Errorf("no row for %s", f)
			}
			out = append(out, row)
		}
		return out, nil
	}
}

// summarized returns a page of predictions once its summary is there.
func (p *testPage) summarized(path string) string {
	p.t.Helper()
	p.get(path)
	p.handler.summaries.work.Wait()
	return p.get(path)
}

// texts fails the test unless the page has each text, as HTML has it.
func wantTexts(t *testing.T, body string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("the page lacks %q:\n%s", text, body)
		}
	}
}

// waitForUpdate reads the updates of a page until one has the text.
func (p *testPage) waitForUpdate(path, text string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.server.URL+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Accept", eventStream)
	resp, err := p.browser.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for {
		line, err := lines.ReadString('\n')
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			p.t.Fatalf("the updates of %s end without %q: %v", path, text, err)
		}
	}
}

func TestPredictionsStandBesideTheirInputs(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, rowsOf(map[string]string{"a.png": "a.png vase 0.5", "b.csv": "/mnt/in/b.csv bowl 0.25", "c.txt": "nobody bowl 1"}), nil)
	job := run(t, client, endpoint, "a.png", "b.csv", "c.txt")
	p := newTestPage(t, client, nil)
	path := "/jobs/" + job.Name + "/predictions"
	body := p.summarized(path)
	wantTexts(t, body, `<img src="/jobs/`+job.Name+`/input/content?file=a.png"`, `<a href="/jobs/`+job.Name+`/input?file=b.csv">`,
		"Rows 1 to 3 of 3", "<td>vase</td>", "Counts of all 3 rows", `<a href="?column=1&amp;comparison=equal&amp;value=bowl">bowl</a>`)
	if strings.Contains(body, "file=c.txt") || strings.Contains(body, `id="partial"`) || strings.Contains(body, "data-live") {
		t.Errorf("the page shows an input of no row, partial rows or further updates:\n%s", body)
	}
	if strings.Contains(p.get(path+"?value=bowl"), "<td>vase</td>") {
		t.Error("the filter takes a row without its value")
	}
	wantTexts(t, p.get("/jobs/"+job.Name+"/input?file=b.csv"), "<td>bowl</td>", "Among all predictions")
	wantTexts(t, p.get("/jobs/"+job.Name+"/input?file=c.txt"), "No prediction names this file.")
	sorted := p.get(path + "?sort=2&order=descending")
	wantTexts(t, sorted, `aria-sort="descending"`)
	if strings.Index(sorted, `id="row-3"`) > strings.Index(sorted, `id="row-1"`) {
		t.Errorf("the rows are not sorted:\n%s", sorted)
	}
}

func TestInputs(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(score), nil)
	dir := t.TempDir()
	files := map[string]string{"a.png": "\x89PNG", "table.csv": "kind,size\nvase,3\n", "note.txt": "<b>fragile</b>", "data.bin": "\x00\x01", "empty": "",
		"line.json": `{"text":"` + strings.Repeat("ü", previewBytes) + `"}`}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	job, err := client.Endpoints().Invoke(t.Context(), endpoint, azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: dir}})
	if err != nil {
		t.Fatal(err)
	}
	p := newTestPage(t, client, nil)
	path := "/jobs/" + job.Name + "/input"
	for name, want := range map[string]string{"a.png": `<img class="picture tiny"`, "table.csv": "<td>vase</td>", "note.txt": "&lt;b&gt;fragile",
		"data.bin": "neither a picture nor a text", "empty": "The file is empty",
		"line.json": `{&#34;text&#34;:&#34;üü`} {
		wantTexts(t, p.get(path+"?file="+name), want)
	}
	types := map[string]string{"a.png": "image/png", "table.csv": textType, "note.txt": textType, "line.json": textType}
	for name, content := range files {
		for _, query := range []string{"", "&download=1"} {
			resp, body := p.do(http.MethodGet, path+"/content?file="+name+query, nil)
			got := map[string]string{"body": body, "type": resp.Header.Get("Content-Type"), "policy": resp.Header.Get("Content-Security-Policy")}
			want := map[string]string{"body": content, "type": cmp.Or(types[name], "application/octet-stream"), "policy": blobPolicy}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("%s%s (-want +got):\n%s", name, query, diff)
			}
			attached := strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment")
			if attached != (query != "" || types[name] == "") {
				t.Errorf("%s%s: a download: %v", name, query, attached)
			}
		}
	}
	for _, name := range []string{"", "other.txt", "../" + job.Name, "azureml://datastores/workspaceblobstore/paths/x"} {
		if resp, _ := p.do(http.MethodGet, path+"/content?"+url.Values{"file": {name}}.Encode(), nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("the content of %q: %s, want 404", name, resp.Status)
		}
	}
}

// TestInputThatIsConverted shows a graymap, which browsers do not know.
func TestInputThatIsConverted(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(score), nil)
	dir := t.TempDir()
	for name, content := range map[string]string{"a.pgm": "P5 1 1 255 \x07", "b.pgm": "none"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	job, err := client.Endpoints().Invoke(t.Context(), endpoint, azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: dir}})
	if err != nil {
		t.Fatal(err)
	}
	p := newTestPage(t, client, nil)
	path := "/jobs/" + job.Name + "/input"
	wantTexts(t, p.get(path+"?file=a.pgm"), `<img class="picture tiny"`)
	resp, body := p.do(http.MethodGet, path+"/content?file=a.pgm", nil)
	if _, err := png.Decode(strings.NewReader(body)); err != nil || resp.Header.Get("Content-Type") != "image/png" {
		t.Errorf("a graymap comes as %s: %v", resp.Header.Get("Content-Type"), err)
	}
	if _, body := p.do(http.MethodGet, path+"/content?download=1&file=a.pgm", nil); body != "P5 1 1 255 \x07" {
		t.Errorf("the download of a graymap is %q", body)
	}
	resp, _ = p.do(http.MethodGet, path+"/content?file=b.pgm", nil)
	if kept := resp.Header.Get("Cache-Control"); resp.StatusCode == http.StatusOK || kept != "no-store" {
		t.Errorf("a file that is no picture: %s, Cache-Control %q; want an error that no browser remembers", resp.Status, kept)
	}
}

func TestInputThatIsRegistered(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(score), nil)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.png"), []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := client.Data().Upload(t.Context(), "vases", dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	job, err := client.Endpoints().Invoke(t.Context(), endpoint, azmlbatch.Invocation{Input: azmlbatch.URIFolder{URI: data.Ref()}})
	if err != nil {
		t.Fatal(err)
	}
	newTestPage(t, client, nil).shows("/jobs/"+job.Name+"/input?file=a.png", "a.png")
}

// TestPredictionsOfAJobThatRuns shows rows while the job waits for its last file, and all of them when
// it has ended.
func TestPredictionsOfAJobThatRuns(t *testing.T) {
	last := make(chan bool)
	scorer := func(ctx context.Context, files []string) ([]string, error) {
		if filepath.Base(files[0]) == "b.txt" {
			select {
			case <-last:
			case <-ctx.Done():
			}
		}
		return score(ctx, files)
	}
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(scorer), &emulator.DeployOptions{Deployment: azmlbatch.Deployment{MiniBatchSize: 1}})
	job := start(t, client, endpoint, "a.txt", "b.txt")
	p := newTestPage(t, client, &Options{Interval: time.Millisecond})
	path := "/jobs/" + job.Name + "/predictions"
	p.waitForUpdate(path, "Rows 1 to 1 of 1 so far")
	wantTexts(t, p.get(path), "Rows 1 to 1 of 1 so far", `id="partial"`, `data-live="on"`, "file=a.txt")
	close(last)
	if _, err := client.Jobs().Wait(t.Context(), job.Name, nil); err != nil {
		t.Fatal(err)
	}
	wantTexts(t, p.summarized(path), "Rows 1 to 2 of 2<", "Counts of all 2 rows.")
}

func TestPredictionsOfAJobThatHasFailed(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, rowsOf(map[string]string{"a.txt": "a.txt 1"}),
		&emulator.DeployOptions{Deployment: azmlbatch.Deployment{MiniBatchSize: 1, ErrorThreshold: new(0), RetrySettings: azmlbatch.RetrySettings{MaxRetries: new(0)}}})
	job := run(t, client, endpoint, "a.txt", "b.txt")
	body := newTestPage(t, client, nil).get("/jobs/" + job.Name + "/predictions")
	wantTexts(t, body, "Failed", `id="partial"`, "The job has not completed")
}

func TestPredictionsOfJSONLines(t *testing.T) {
	rows := map[string]string{"a": `{"file":"a","score":0.5,"tags":["x","y"]}`, "b": `{"file":"b","late":null,"score":2}`, "c": `{"score":1,"file":"<script>alert(1)</script>"}`}
	client, endpoint := emulator.NewEndpoint(t, rowsOf(rows), nil)
	job := run(t, client, endpoint, "a", "b", "c")
	p := newTestPage(t, client, nil)
	path := "/jobs/" + job.Name + "/predictions"
	body := p.get(path)
	wantTexts(t, body, ">score</a>", ">late</a>", "<td>0.5</td>", "<td>[&#34;x&#34;,&#34;y&#34;]</td>", "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>")
	if strings.Contains(body, "<script>alert") {
		t.Errorf("a value became a script:\n%s", body)
	}
	wantTexts(t, p.get(path+"?form=lines"), "Column 1", "{&#34;file&#34;")
	_, csv := p.do(http.MethodGet, path+".csv?sort=1&column=1&comparison=greater&value=0.7", nil)
	if diff := gocmp.Diff("file,score,tags,late\nb,2,,\n<script>alert(1)</script>,1,,\n", csv); diff != "" {
		t.Errorf("download (-want +got):\n%s", diff)
	}
}

func TestHistogramOfANumericColumn(t *testing.T) {
	rows, names := map[string]string{}, []string{}
	for i := range 40 {
		name := fmt.Sprintf("pot-%02d", i)
		rows[name], names = fmt.Sprintf("%s %d", name, i*i), append(names, name)
	}
	client, endpoint := emulator.NewEndpoint(t, rowsOf(rows), nil)
	job := run(t, client, endpoint, names...)
	body := newTestPage(t, client, nil).summarized("/jobs/" + job.Name + "/predictions")
	wantTexts(t, body, "0 to 1521, mean 513.5", `aria-label="Histogram of Column 2 in 48 bars, from 0 to 1521"`, "<title>0 to 32: 6 rows</title>", "40 different values")
}

// TestPredictionsOfAScriptWithFilesOfItsOwn has no rows, and leads to the files.
func TestPredictionsOfAScriptWithFilesOfItsOwn(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, emulator.Func(score), &emulator.DeployOptions{Deployment: azmlbatch.Deployment{OutputAction: azmlbatch.OutputActionSummaryOnly}})
	job := run(t, client, endpoint, "a.txt")
	p := newTestPage(t, client, nil)
	body := p.get("/jobs/" + job.Name + "/predictions")
	wantTexts(t, body, "The job has left no rows.", `<a href="/jobs/`+job.Name+`">its page</a>`)
	if strings.Contains(body, `id="problem"`) || strings.Contains(body, `id="summary"`) {
		t.Errorf("no rows are a problem, or have a summary:\n%s", body)
	}
}

// TestPredictionsWithoutTheirInputs stand alone when the storage of the inputs cannot be listed.
func TestPredictionsWithoutTheirInputs(t *testing.T) {
	azure, client, endpoint := newAzure(t, score, nil)
	job := run(t, client, endpoint, "a.txt")
	if err := azure.Inject(emulator.Fault{Host: "scoring", Method: http.MethodGet, Action: emulator.ActionFailBefore, Status: http.StatusForbidden}); err != nil {
		t.Fatal(err)
	}
	wantTexts(t, newTestPage(t, client, nil).get("/jobs/"+job.Name+"/predictions"), "Rows 1 to 1 of 1", "The inputs cannot be shown:")
}

// TestInputWhosePredictionsCannotBeRead says so, and not that there are none.
func TestInputWhosePredictionsCannotBeRead(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, rowsOf(map[string]string{"a": `{"file":`}), nil)
	job := run(t, client, endpoint, "a")
	body := newTestPage(t, client, nil).get("/jobs/" + job.Name + "/input?file=a")
	wantTexts(t, body, `<pre tabindex="0"`, `id="unread"`, "The predictions cannot be read: ")
	if strings.Contains(body, "No prediction names this file.") {
		t.Errorf("the page says that there is no prediction:\n%s", body)
	}
}

func TestPredictionsThatAreNot(t *testing.T) {
	client, endpoint := emulator.NewEndpoint(t, rowsOf(map[string]string{"a": `"never closed`}), nil)
	job := run(t, client, endpoint, "a")
	p := newTestPage(t, client, nil)
	wantTexts(t, p.get("/jobs/"+job.Name+"/predictions?form=space"), `id="problem"`, "line 1")
	if resp, _ := p.do(http.MethodGet, "/jobs/"+job.Name+"/predictions.csv?form=space", nil); resp.StatusCode == http.StatusOK {
		t.Errorf("a download of rows that cannot be read: %s", resp.Status)
	}
	if resp, _ := p.do(http.MethodGet, "/jobs/nobody/predictions", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("the predictions of no job: %s, want 404", resp.Status)
	}
}

// TestPredictionsShowNoSignature has a script that writes signed URLs.
func TestPredictionsShowNoSignature(t *testing.T) {
	const signed = "https://shelf.blob.core.windows.net/pots/a?sv=1&sig=hidden"
	client, endpoint := emulator.NewEndpoint(t, rowsOf(map[string]string{"a": signed, "b": signed}), nil)
	job := run(t, client, endpoint, "a", "b")
	body := newTestPage(t, client, nil).summarized("/jobs/" + job.Name + "/predictions")
	wantTexts(t, body, "https://shelf.blob.core.windows.net/pots/a", "1 different value")
	if strings.Contains(body, "hidden<") || strings.Contains(body, "sig=hidden") || strings.Contains(body, "sig%3Dhidden") {
		t.Errorf("the page shows a signature:\n%s", body)
	}
}
