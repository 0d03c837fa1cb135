package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	sdk "github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// canceled is a transport that cancels after the first request with a method and a part of a path.
type canceled struct {
	*emulator.Emulator
	method, path string
	once         sync.Once
	cancel       context.CancelFunc
}

func (c *canceled) Do(r *http.Request) (*http.Response, error) {
	response, err := c.Emulator.Do(r)
	if r.Method == c.method && strings.Contains(r.URL.Path, c.path) {
		c.once.Do(c.cancel)
	}
	return response, err
}

// interruptedAt runs the command and interrupts it after a request.
func interruptedAt(t *testing.T, p *pottery, method, path string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs bytes.Buffer
	a := &app{console: console{&bytes.Buffer{}, &out, &errs}, connection: connection{transport: &canceled{Emulator: p.Emulator, method: method, path: path, cancel: cancel}}}
	code = a.run(ctx, args)
	return code, out.String(), errs.String()
}

// canceledAt is interruptedAt with the exit code and the last line of standard error as one text.
func canceledAt(t *testing.T, p *pottery, method string, args ...string) string {
	t.Helper()
	code, _, stderr := interruptedAt(t, p, method, "/", args...)
	lines := strings.SplitAfter(stderr, "\n")
	return fmt.Sprint(code, " ", lines[max(0, len(lines)-2)])
}

func TestInvokePrintsTheName(t *testing.T) {
	p := newPottery(t, nil)
	name := strings.TrimSpace(p.ok(t, "invoke", "vases", "--input", p.input, "--key", "monday"))
	job, err := p.client.Jobs().Wait(t.Context(), name, nil)
	if err != nil || job.ExperimentName != "vases" {
		t.Fatalf("job %q: %+v, %v", name, job, err)
	}
	if again := strings.TrimSpace(p.ok(t, "invoke", "vases", "--input", p.input, "--key", "monday")); again != name {
		t.Errorf("the same key gives %q, want %q", again, name)
	}
	if other := strings.TrimSpace(p.ok(t, "invoke", "vases", "--input", p.input, "--key", "tuesday")); other == name {
		t.Errorf("another key gives the same job")
	}
}

func TestInvokeRows(t *testing.T) {
	p := newPottery(t, nil)
	base := []string{"invoke", "vases", "--input", p.input, "--rows"}
	for name, test := range map[string]struct {
		flags []string
		want  string
	}{
		"csv":               {nil, "a.txt,1\nb.txt,2.50\nc.txt,red\n"},
		"csv with a header": {[]string{"--columns", "file,size"}, "file,size\na.txt,1\nb.txt,2.50\nc.txt,red\n"},
		"jsonl":             {[]string{"--format", "jsonl"}, "[\"a.txt\",1]\n[\"b.txt\",2.50]\n[\"c.txt\",\"red\"]\n"},
		"jsonl, columns": {[]string{"--format", "jsonl", "--columns", "file,<size>"},
			"{\"file\":\"a.txt\",\"<size>\":1}\n{\"file\":\"b.txt\",\"<size>\":2.50}\n{\"file\":\"c.txt\",\"<size>\":\"red\"}\n"},
		"lines": {[]string{"--file-format", "lines"}, "a.txt 1\nb.txt 2.50\nc.txt red\n"},
	} {
		if diff := cmp.Diff(test.want, p.ok(t, append(base, test.flags...)...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	code, _, stderr := p.run(t, append(base, "--columns", "file")...)
	if code != usageError || !strings.Contains(stderr, "--columns has 1 name, but a row has 2: a.txt 1;") {
		t.Errorf("a name missing: exit code %d\n%s", code, stderr)
	}
}

// TestRowsOfJSON: a script whose rows are JSON.
func TestRowsOfJSON(t *testing.T) {
	for name, test := range map[string]struct {
		row   string
		flags []string
		want  string
	}{
		"as it is":           {`{"size": 12345678901234567890, "glaze": "<red>"}`, []string{"--format", "jsonl"}, `{"size":12345678901234567890,"glaze":"<red>"}` + "\n"},
		"members":            {`{"size": 12345678901234567890, "glaze": "a,b", "fired": null}`, []string{"--columns", "glaze,size,fired"}, "glaze,size,fired\n\"a,b\",12345678901234567890,\n"},
		"an array":           {`["a", 2.50, [1], true]`, nil, "a,2.50,[1],true\n"},
		"an object for CSV":  {`{"size": 1}`, nil, "usage"},
		"a number for CSV":   {`1`, nil, "usage"},
		"an array, a header": {`["a", 2]`, []string{"--columns", "file,size"}, "file,size\na,2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPottery(t, nil)
			score := func(context.Context, []string) ([]string, error) { return []string{test.row}, nil }
			if _, err := p.Deploy(t.Context(), emulator.Func(score), &emulator.DeployOptions{Endpoint: "vases"}); err != nil {
				t.Fatal(err)
			}
			code, out, stderr := p.run(t, append([]string{"invoke", "vases", "--input", filepath.Join(p.input, "a.txt"), "--rows", "--file-format", "jsonl"}, test.flags...)...)
			if test.want == "usage" {
				if code != usageError || !strings.Contains(stderr, "use --format jsonl, or name members of JSON objects with --columns") {
					t.Errorf("exit code %d\n%s%s", code, out, stderr)
				}
				return
			}
			if diff := cmp.Diff(test.want, out); diff != "" || code != 0 {
				t.Errorf("exit code %d (-want +got):\n%s%s", code, diff, stderr)
			}
			if _, _, hint := p.run(t, "invoke", "vases", "--input", filepath.Join(p.input, "a.txt"), "--rows", "--file-format", "comma"); strings.Contains(hint, "RowFormat") {
				t.Errorf("the hint names Go: %s", hint)
			}
		})
	}
}

// TestInvokeSettings: what flags say reaches the job.
func TestInvokeSettings(t *testing.T) {
	p := newPottery(t, nil)
	p.addGreen(t)
	name := p.invoke(t, "--deployment-name", "green", "-m", "7", "--instance-count", "1", "--error-threshold", "-1", "--output-file-name", "sizes.txt", "--job-name", "nightly",
		"--max-concurrency-per-instance", "2")
	job, err := p.client.Jobs().Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{"deployment": job.Tags["azureml.deploymentname"], "display name": job.DisplayName}
	for _, parameter := range []string{"mini_batch_size", "NodeCount", "error_threshold", "append_row_file_name", "process_count_per_node"} {
		got[parameter] = job.Parameters()[parameter]
	}
	want := map[string]string{"deployment": "green", "display name": "nightly", "mini_batch_size": "7", "NodeCount": "1", "error_threshold": "-1",
		"append_row_file_name": "sizes.txt", "process_count_per_node": "2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the job (-want +got):\n%s", diff)
	}
}

// TestInvokeInTheCloud: an input that is there already is not uploaded.
func TestInvokeInTheCloud(t *testing.T) {
	p := newPottery(t, nil)
	data, err := p.client.Data().Upload(t.Context(), "clay", p.input, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := p.client.Upload(t.Context(), filepath.Join(p.input, "b.txt"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		flags []string
		want  string
	}{
		"registered data": {[]string{"--input", "azureml:clay:" + data.Version}, "a.txt,1\nb.txt,2.50\nc.txt,red\n"},
		"a label":         {[]string{"--input", "azureml:clay@latest"}, "a.txt,1\nb.txt,2.50\nc.txt,red\n"},
		"a file":          {[]string{"--input", file.URI, "--input-type", "uri_file"}, "b.txt,2.50\n"},
	} {
		code, out, stderr := p.run(t, append([]string{"invoke", "vases", "--rows"}, test.flags...)...)
		if code != 0 || out != test.want || strings.Contains(stderr, "uploading") {
			t.Errorf("%s: exit code %d, %q, want %q\n%s", name, code, out, test.want, stderr)
		}
	}
}

// TestInvokeFile: the file that az ml takes, changed by --set and by flags.
func TestInvokeFile(t *testing.T) {
	p := newPottery(t, nil)
	file := filepath.Join(t.TempDir(), "inputs.yml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("inputs:\n  clay:\n    type: uri_folder\n    path: none\nmini_batch_size: 4\noutput_file_name: old.csv\n")
	name := p.ok(t, "invoke", "vases", "-f", file, "--set", "inputs.clay.path="+p.input, "--output-file-name", "new.csv", "--wait")
	job, err := p.client.Jobs().Get(t.Context(), strings.TrimSpace(name))
	if err != nil || job.Parameters()["mini_batch_size"] != "4" || job.Parameters()["append_row_file_name"] != "new.csv" {
		t.Errorf("parameters %v, %v", job.Parameters(), err)
	}
	write("inputs:\n  clay:\n    typ: uri_folder\n    path: none\n")
	code, _, stderr := p.run(t, "invoke", "vases", "-f", file)
	if code != usageError || !strings.Contains(stderr, "inputs.yml:3:5") {
		t.Errorf("a mistake: exit code %d\n%s", code, stderr)
	}
}

func TestInvokeRefused(t *testing.T) {
	p := newPottery(t, nil)
	p.fails(t, 2, []string{"invoke", "vases"}, "--input is required, or --file; see azmlbatch invoke --help")
	p.fails(t, 2, []string{"invoke", "vases", "--input", "nope"}, `--input: "nope" does not exist; name a file or a folder with files in it`)
	p.fails(t, 2, []string{"invoke", "vases", "--input", p.input, "--key", "a b"}, `--key: "a b" cannot be part of a path; use letters, digits`)
	p.fails(t, 2, []string{"invoke", "vases", "--input", p.input, "--rows", "--json"}, "--rows and --json exclude each other")
	p.fails(t, 2, []string{"invoke", "vases", "--input", "azureml:clay"}, "--input")
	p.fails(t, 2, []string{"invoke", "vases", "--input", p.input, "-f", "inputs.yml"}, "--input and --file exclude each other")
	p.fails(t, 2, []string{"invoke", "vases", "--input", p.input, "--set", "a=b"}, "--set changes a file; name it with --file")
	p.fails(t, 1, []string{"invoke", "mugs", "--input", "https://kiln.example/a"}, `404 EndpointNotFound`)
	p.fails(t, 1, []string{"invoke", "vases", "--input", "https://kiln.example/a", "-d", "red"}, `404 DeploymentNotFound`)
}

// TestInvokeOfAFailingJob: exit code 3, and the cause; with a threshold that is kept, a warning.
func TestInvokeOfAFailingJob(t *testing.T) {
	p := newPottery(t, nil)
	p.write(t, "d.txt", "crack")
	code, out, stderr := p.run(t, "invoke", "vases", "--input", p.input, "--wait")
	if want := "azmlbatch: warning: 1 of 4 files failed and have no rows; see azmlbatch job logs "; code != 0 || !strings.Contains(stderr, want+out) {
		t.Errorf("one failed file of one allowed: exit code %d, want 0 and %q\n%s%s", code, want, out, stderr)
	}
	code, out, stderr = p.run(t, "invoke", "vases", "--input", p.input, "--rows", "--error-threshold", "0")
	if code != jobFailed || out != "" || !strings.Contains(stderr, "the glaze cracked") {
		t.Errorf("none allowed: exit code %d\n%s%s", code, out, stderr)
	}
}

// TestInvokeLosesTheAnswer: how to find the job is said.
func TestInvokeLosesTheAnswer(t *testing.T) {
	invoke := &invoke{app: &app{}}
	lost := &sdk.AmbiguousInvokeError{Endpoint: "vases", Key: "k-1", Output: "azureml://datastores/a/paths/b", Err: errors.New("EOF")}
	const look = "; see azmlbatch job list --endpoint vases --since 15m"
	if err := invoke.lostAnswer(lost, "vases"); !strings.HasSuffix(err.Error(), look+", or invoke again with --key k-1") || !errors.Is(err, lost.Err) {
		t.Errorf("%v", err)
	}
	lost.Output = ""
	if err := invoke.lostAnswer(lost, "vases"); !strings.HasSuffix(err.Error(), look) {
		t.Errorf("without an output: %v", err)
	}
}

// TestInvokeInterrupted: the job goes on, and how to follow it is said.
func TestInvokeInterrupted(t *testing.T) {
	ended := make(chan struct{})
	p := newPottery(t, nil)
	hold := func(ctx context.Context, files []string) ([]string, error) {
		select {
		case <-ended:
		case <-ctx.Done():
		}
		return fired(ctx, files)
	}
	if _, err := p.Deploy(t.Context(), emulator.Func(hold), &emulator.DeployOptions{Endpoint: "vases"}); err != nil {
		t.Fatal(err)
	}
	code, out, stderr := interruptedAt(t, p, http.MethodGet, "/jobs/batchjob-", "invoke", "vases", "--input", p.input, "--wait", "-g", "azmlbatch")
	name := strings.TrimSpace(out)
	want := fmt.Sprintf("azmlbatch: interrupted; %s goes on in Azure: follow it with azmlbatch job wait %s -g azmlbatch, or stop it with azmlbatch job cancel %s -g azmlbatch\n", name, name, name)
	if code != interrupted || !strings.HasSuffix(stderr, want) {
		t.Errorf("exit code %d, want %d and %q\n%s", code, interrupted, want, stderr)
	}
	close(ended)
	if job, err := p.client.Jobs().Wait(t.Context(), name, nil); err != nil || job.Status != sdk.JobStatusCompleted {
		t.Errorf("the job afterwards: %s, %v", job.Status, err)
	}
}
