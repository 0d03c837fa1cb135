package azmlbatch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/emulator"
)

// real is a client of the shop on the real clock, for jobs that really run.
func (s *shop) real() *azmlbatch.Client {
	s.t.Helper()
	client, err := s.azure.Client(nil)
	s.must(err)
	return client
}

// restarted is the client of another process, which knows nothing of the first and skips its waits.
func (s *shop) restarted() *azmlbatch.Client {
	s.t.Helper()
	w := s.azure.Workspaces()[0]
	o := &azmlbatch.ClientOptions{}
	o.Transport = s.azure
	client, err := s.clock.NewClient(azmlbatch.Workspace{SubscriptionID: w.SubscriptionID, ResourceGroup: w.ResourceGroup, Name: w.Name},
		s.azure.Credential(), o)
	s.must(err)
	return client
}

func (s *shop) fault(spec string) {
	s.t.Helper()
	fault, err := emulator.ParseFault(spec)
	s.must(err)
	s.must(s.azure.Inject(fault))
}

func (s *shop) posts() (n int) {
	for _, r := range s.azure.Requests() {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Host, ".inference.ml.azure.com") {
			n++
		}
	}
	return n
}

// gated is a script that waits for a file before it scores b.txt.
func gated(gate string) string {
	return fmt.Sprintf(`
import os, time

def run(batch):
    rows = []
    for path in batch:
        name = os.path.basename(path)
        while name == "b.txt" and not os.path.exists(%q):
            time.sleep(0.02)
        print("scored", name, flush=True)
        rows.append(name)
    return rows
`, gate)
}

func TestResultsOfARunningJob(t *testing.T) {
	s := newShop(t, nil)
	gate := filepath.Join(t.TempDir(), "gate")
	s.deploy(gated(gate))
	job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation(""))
	s.must(err)
	rows := func(options *azmlbatch.RowsOptions) (got []string, err error) {
		for row, err := range azmlbatch.Rows[string](t.Context(), s.client, job.Name, options) {
			if err != nil {
				return got, err
			}
			got = append(got, row)
		}
		return got, nil
	}
	var early []string
	var last azmlbatch.Progress
	_, err = s.real().Jobs().Wait(t.Context(), job.Name, &azmlbatch.WaitOptions{OnProgress: func(p azmlbatch.Progress) {
		if last = p; p.Counts == nil || p.Counts.FilesDone != 1 || early != nil {
			return
		}
		if _, err := rows(nil); !errors.Is(err, azmlbatch.ErrNotFound) {
			t.Errorf("the predictions of a running job = %v, want ErrNotFound", err)
		}
		got, err := rows(&azmlbatch.RowsOptions{Partial: true})
		if err != nil {
			t.Error(err)
		}
		if len(got) > 0 {
			early = got
			s.must(os.WriteFile(gate, nil, 0o600))
		}
	}})
	s.must(err)
	if diff := cmp.Diff([]string{"a.txt"}, early); diff != "" {
		t.Errorf("rows while the job ran (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&azmlbatch.JobCounts{Files: 2, FilesDone: 2, MiniBatches: 2, MiniBatchesDone: 2}, last.Counts); diff != "" {
		t.Errorf("counts at the end (-want +got):\n%s", diff)
	}
	for _, options := range []*azmlbatch.RowsOptions{nil, {Partial: true}} {
		got, err := rows(options)
		if diff := cmp.Diff([]string{"a.txt", "b.txt"}, got); diff != "" || err != nil {
			t.Errorf("rows at the end (-want +got), %v:\n%s", err, diff)
		}
	}
	var outputs []string
	for f, err := range s.client.Jobs().ListOutputs(t.Context(), job.Name) {
		s.must(err)
		outputs = append(outputs, f.Name)
	}
	if diff := cmp.Diff([]string{"predictions.csv"}, outputs); diff != "" {
		t.Errorf("outputs at the end (-want +got):\n%s", diff)
	}
}

func TestFollowTheLogsOfARunningJob(t *testing.T) {
	s := newShop(t, nil)
	gate := filepath.Join(t.TempDir(), "gate")
	s.deploy(gated(gate))
	job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation(""))
	s.must(err)
	var printed, logs []string
	for line, err := range s.real().Jobs().FollowLogs(t.Context(), job.Name, nil) {
		s.must(err)
		if strings.HasPrefix(line.Log, "logs/user/stdout/") {
			printed = append(printed, line.Text)
		}
		if line.Text == "scored a.txt" { // b.txt is not scored before this has been read
			s.must(os.WriteFile(gate, nil, 0o600))
		}
		if !slices.Contains(logs, line.Log) {
			logs = append(logs, line.Log)
		}
	}
	if diff := cmp.Diff([]string{"scored a.txt", "scored b.txt"}, printed); diff != "" {
		t.Errorf("what the script printed (-want +got):\n%s", diff)
	}
	if !slices.Contains(logs, "logs/job_result.txt") || slices.ContainsFunc(logs, func(l string) bool { return strings.HasPrefix(l, "logs/sys/") }) {
		t.Errorf("lines came from %v", logs)
	}
}

// sour fails for b.txt.
const sour = "import os\ndef run(b):\n    if os.path.basename(b[0]) == 'b.txt':\n        raise ValueError('sour')\n    return b\n"

func TestCompletedJobWithFailedFilesSaysHowMany(t *testing.T) {
	s := newShop(t, nil)
	s.deploy(sour)
	inv := s.invocation("")
	inv.ErrorThreshold = new(-1)
	job, err := s.client.Endpoints().Invoke(t.Context(), "vases", inv)
	s.must(err)
	done, err := s.wait(job.Name)
	if err != nil || done.Status != azmlbatch.JobStatusCompleted {
		t.Fatalf("Wait = %s, %v; want Completed, as the service says", done.Status, err)
	}
	want := azmlbatch.JobCounts{Files: 2, FilesDone: 2, FilesFailed: 1, MiniBatches: 2, MiniBatchesDone: 2}
	got, err := s.client.Jobs().Counts(t.Context(), job.Name)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Counts (-want +got), %v:\n%s", err, diff)
	}
	s.fault("api GET /mlflow/** empty-error=403")
	got, err = s.client.Jobs().Counts(t.Context(), job.Name)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Counts from the engine's report (-want +got), %v:\n%s", err, diff)
	}
}

func TestFailedJobCountsToo(t *testing.T) {
	s := newShop(t, nil)
	s.deploy(sour)
	job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation(""))
	s.must(err)
	_, err = s.wait(job.Name)
	var failed *azmlbatch.JobFailedError
	if !errors.As(err, &failed) || failed.Counts.FilesFailed != 1 || failed.Counts.FilesDone != 2 {
		t.Errorf("Wait = %v with %+v, want one of two files failed", err, failed)
	}
	rows := 0
	for _, err := range azmlbatch.Rows[string](t.Context(), s.client, job.Name, &azmlbatch.RowsOptions{Partial: true}) {
		s.must(err)
		rows++
	}
	if rows != 1 {
		t.Errorf("%d rows were saved from the failed job, want the one of a.txt", rows)
	}
}

func TestJobsOfAnEndpointAreListedThroughEitherPlane(t *testing.T) {
	s := newShop(t, nil)
	s.deploy(basenames)
	var want []string
	for range 3 {
		job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation(""))
		s.must(err)
		want = append([]string{job.Name}, want...)
	}
	for _, plane := range []string{"data plane", "management plane"} {
		for _, options := range []*azmlbatch.ListBatchJobsOptions{nil, {Deployment: "blue"}} {
			var got []string
			for job, err := range s.client.Endpoints().ListJobs(t.Context(), "vases", options) {
				s.must(err)
				if len(job.Outputs) != 1 || job.Deployment() != "blue" {
					t.Errorf("%s: outputs of the job = %v, deployment %q", plane, job.Outputs, job.Deployment())
				}
				got = append(got, job.Name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %+v (-want +got):\n%s", plane, options, diff)
			}
		}
		for job, err := range s.client.Endpoints().ListJobs(t.Context(), "vases", &azmlbatch.ListBatchJobsOptions{Deployment: "green"}) {
			t.Errorf("%s: a job of another deployment = %q, %v", plane, job.Name, err)
		}
		s.fault("api GET /mferp/** fail-before=400")
	}
}

// killer ends a process's context as soon as it has sent an invocation.
type killer struct {
	policy.Transporter
	kill context.CancelFunc
}

func (k killer) Do(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost && r.URL.Path == "/jobs" {
		k.kill()
	}
	return k.Transporter.Do(r)
}

// TestProcessKilledInTheMiddleOfAnInvocation lets a process lose the answer and its power to look for the job, as if it had
// been killed. Another one, with the same key, gets the job, or starts the only one.
func TestProcessKilledInTheMiddleOfAnInvocation(t *testing.T) {
	for fault, jobs := range map[string]int{"cut-after": 1, "fail-after=502": 1, "cut-during": 1, "cut-before": 0, "hang": 0} {
		t.Run(fault, func(t *testing.T) {
			dying, kill := context.WithCancel(t.Context())
			defer kill()
			s := newShop(t, nil, func(o *azmlbatch.ClientOptions) {
				if fault == "hang" {
					o.Transport = killer{o.Transport, kill}
				}
			})
			s.deploy(basenames)
			s.fault("scoring POST /jobs " + fault + " times=1")
			s.must(s.azure.Inject(
				emulator.Fault{Host: "api", Path: "/mferp/**", Action: emulator.ActionCutBefore, Skip: 1}, // the key is looked for before the POST
				emulator.Fault{Host: "management", Path: "/**/jobs", Action: emulator.ActionCutBefore}))
			_, err := s.client.Endpoints().Invoke(dying, "vases", s.invocation("monday"))
			if !errors.As(err, new(*azmlbatch.AmbiguousInvokeError)) {
				t.Fatalf("Invoke = %v, want an AmbiguousInvokeError", err)
			}
			s.azure.ClearFaults()
			if n := s.jobs(); n != jobs {
				t.Errorf("the service has %d jobs, want %d", n, jobs)
			}
			other, err := s.restarted().Endpoints().Invoke(t.Context(), "vases", s.invocation("monday"))
			s.must(err)
			third, err := s.restarted().Endpoints().Invoke(t.Context(), "vases", s.invocation("monday"))
			if err != nil || third.Name != other.Name || s.jobs() != 1 {
				t.Errorf("the third call = %q, %v; the second %q; %d jobs, want one", third.Name, err, other.Name, s.jobs())
			}
		})
	}
}

func TestLocalInputsAreUploadedOnce(t *testing.T) {
	s := newShop(t, nil)
	s.deploy(basenames)
	uploads := func() (n int) {
		for _, r := range s.azure.Requests() {
			if r.Method == http.MethodPut && strings.Contains(r.Path, "/LocalUpload/") {
				n++
			}
		}
		return n
	}
	folder := files(t, "in", map[string]string{"a.txt": "1", "b.txt": "2"})
	before := uploads()
	for _, path := range []string{folder, folder, filepath.Join(folder, "a.txt")} {
		job, err := s.client.Endpoints().Invoke(t.Context(), "vases", azmlbatch.Invocation{Input: azmlbatch.LocalPath{Path: path}})
		s.must(err)
		kind := "UriFolder"
		if strings.HasSuffix(path, ".txt") {
			kind = "UriFile"
		}
		if _, ok := job.Inputs[kind]; !ok || len(job.Inputs) != 1 {
			t.Errorf("input %s became %+v, want one called %s", path, job.Inputs, kind)
		}
	}
	if n := uploads() - before; n != 3+2 { // two files and a marker; one file and a marker
		t.Errorf("%d requests uploaded the folder twice and a file once, want 5", n)
	}
}

func TestEveryInputThatAModelDeploymentTakes(t *testing.T) {
	s := newShop(t, nil)
	s.deploy(basenames)
	data, err := s.client.Data().Upload(t.Context(), "digits", files(t, "in", map[string]string{"a.txt": "1", "b.txt": "2"}), nil)
	s.must(err)
	place, err := s.client.Upload(t.Context(), files(t, "in", map[string]string{"a.txt": "1", "b.txt": "2"}), nil)
	s.must(err)
	tests := []struct {
		name string
		inv  azmlbatch.Invocation
		rows int
	}{
		{"a datastore path", azmlbatch.Invocation{Input: azmlbatch.URIFolder{URI: place.URI}}, 2},
		{"a file on a datastore", azmlbatch.Invocation{Input: azmlbatch.URIFile{URI: place.URI + "/a.txt"}}, 1},
		{"an https folder", azmlbatch.Invocation{Input: azmlbatch.URIFolder{URI: place.URL}}, 2},
		{"registered data by version", azmlbatch.Invocation{Input: azmlbatch.URIFolder{URI: "azureml:digits:1"}}, 2},
		{"registered data by label", azmlbatch.Invocation{Input: azmlbatch.URIFolder{URI: "azureml:digits@latest"}}, 2},
		{"registered data by id", azmlbatch.Invocation{Input: azmlbatch.URIFolder{URI: data.ID}}, 2},
		{"a named input", azmlbatch.Invocation{Inputs: azmlbatch.Inputs{"images": azmlbatch.URIFolder{URI: place.URI}}}, 2},
		{"the older form with a URL", azmlbatch.Invocation{Dataset: azmlbatch.DataURL{Path: place.URL}}, 2},
		{"the older form with a version", azmlbatch.Invocation{Dataset: azmlbatch.DatasetVersion{Name: "digits", Version: "1"}}, 2},
		{"the older form with an id", azmlbatch.Invocation{Dataset: azmlbatch.DatasetID{ID: data.ID}}, 2},
	}
	invocations := func(yield func(azmlbatch.Invocation) bool) {
		for _, tt := range tests {
			if !yield(tt.inv) {
				return
			}
		}
	}
	for r, err := range s.real().Endpoints().InvokeMany(t.Context(), "vases", invocations, nil) {
		tt := tests[r.Index]
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		rows := 0
		for _, err := range azmlbatch.Rows[string](t.Context(), s.client, r.Job.Name, nil) {
			s.must(err)
			rows++
		}
		if rows != tt.rows {
			t.Errorf("%s: %d rows, want %d", tt.name, rows, tt.rows)
		}
	}
}

func TestManyJobsRunAndAreWatched(t *testing.T) {
	s := newShop(t, nil)
	s.deploy(sour)
	good := files(t, "good", map[string]string{"a.txt": "1"})
	bad := files(t, "bad", map[string]string{"b.txt": "2"})
	invocations := func(yield func(azmlbatch.Invocation) bool) {
		for i, path := range []string{good, bad, good, good} {
			if !yield(azmlbatch.Invocation{Key: fmt.Sprint("night-", i), Input: azmlbatch.LocalPath{Path: path}}) {
				return
			}
		}
	}
	names := map[int]string{}
	for range 2 { // the second time, all are found
		for r, err := range s.real().Endpoints().InvokeMany(t.Context(), "vases", invocations, &azmlbatch.InvokeManyOptions{Concurrency: 2}) {
			var failed *azmlbatch.JobFailedError
			if r.Index == 1 && (!errors.As(err, &failed) || failed.Message != "ValueError: sour") || r.Index != 1 && err != nil {
				t.Errorf("invocation %d = %v", r.Index, err)
			}
			if name, ok := names[r.Index]; ok && name != r.Job.Name {
				t.Errorf("invocation %d = %q, then %q", r.Index, name, r.Job.Name)
			}
			names[r.Index] = r.Job.Name
		}
	}
	if len(names) != 4 || s.posts() != 4 {
		t.Errorf("%d results, %d POSTs, want 4 and 4", len(names), s.posts())
	}
	watched := map[string]string{}
	for job, err := range s.client.Jobs().Watch(t.Context(), []string{names[0], names[1], "unknown"}, &azmlbatch.WatchOptions{Explain: true}) {
		watched[job.Name] = fmt.Sprint(job.Status, " ", errors.Is(err, azmlbatch.ErrNotFound), " ", err != nil && strings.Contains(err.Error(), "ValueError: sour"))
	}
	want := map[string]string{names[0]: "Completed false false", names[1]: "Failed false true", "unknown": " true false"}
	if diff := cmp.Diff(want, watched); diff != "" {
		t.Errorf("watched (-want +got):\n%s", diff)
	}
}

// TestOutputInTheRootOfADatastore is the predictions file, and not all that the datastore holds.
func TestOutputInTheRootOfADatastore(t *testing.T) {
	s := newShop(t, nil)
	echo := func(_ context.Context, files []string) ([]string, error) { return files, nil }
	endpoint, err := s.azure.Deploy(s.ctx, emulator.Func(echo), nil)
	s.must(err)
	job, err := s.client.Endpoints().Invoke(s.ctx, endpoint, azmlbatch.Invocation{
		Input:   azmlbatch.LocalPath{Path: files(t, "in", map[string]string{"a.txt": "1"})},
		Outputs: azmlbatch.Outputs{"score": azmlbatch.URIFile{URI: "azureml://datastores/workspaceblobstore/paths/night.csv"}}})
	s.must(err)
	_, err = s.wait(job.Name)
	s.must(err)
	_, err = s.client.UploadReader(s.ctx, strings.NewReader("x"), "temp_night.csv", nil) // of somebody else, in a folder
	s.must(err)
	var names []string
	for f, err := range s.client.Jobs().ListOutputs(s.ctx, job.Name) {
		s.must(err)
		names = append(names, f.Name)
	}
	if diff := cmp.Diff([]string{"night.csv"}, names); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	dir := filepath.Join(t.TempDir(), "out")
	if result, err := s.client.Jobs().Download(s.ctx, job.Name, dir, nil); err != nil || result.Files != 1 {
		t.Errorf("Download = %+v, %v, want one file", result, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "night.csv")); err != nil {
		t.Error(err)
	}
	rows := 0
	for _, err := range azmlbatch.Rows[string](s.ctx, s.client, job.Name, &azmlbatch.RowsOptions{Partial: true}) {
		s.must(err)
		rows++
	}
	if rows != 1 {
		t.Errorf("%d rows, want 1", rows)
	}
}
