package scoring

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inputs adds files to the input folder. A name that ends in a slash is a folder.
func inputs(t *testing.T, job Job, names ...string) {
	t.Helper()
	for _, name := range names {
		if dir, isFolder := strings.CutSuffix(name, "/"); isFolder {
			if err := os.MkdirAll(filepath.Join(job.Input, dir), 0o750); err != nil {
				t.Fatal(err)
			}
			continue
		}
		writeFile(t, filepath.Join(job.Input, filepath.FromSlash(name)), "")
	}
}

// TestRulesCutting: mini-batches are split by number of files.
func TestRulesCutting(t *testing.T) {
	const lengths = "def run(b):\n    return [len(b)] * len(b)"
	size := func(n int) func(*Job) { return func(j *Job) { j.MiniBatchSize = n } }
	checkRules(t, []rule{
		{name: "100 files of size 10 are 10 mini-batches", script: lengths, files: 100, text: strings.Repeat("10\n", 100), batches: MiniBatches{10, 10, 0}},
		{name: "the last one is shorter", script: lengths, files: 5, change: size(2), text: "2\n2\n2\n2\n1\n", batches: MiniBatches{3, 3, 0}},
		{name: "fewer files than the size", script: lengths, files: 3, change: size(1000), text: "3\n3\n3\n", batches: MiniBatches{1, 1, 0}},
		{name: "one file each", script: echo, files: 3, change: size(1), text: "a00.txt\na01.txt\na02.txt\n", batches: MiniBatches{3, 3, 0}},
		{name: "the size of the files has no meaning", script: lengths, files: 4, change: func(j *Job) {
			j.MiniBatchSize = 2
			_ = os.Truncate(filepath.Join(j.Input, "a00.txt"), 10<<20) // sparse
		}, text: "2\n2\n2\n2\n"},
	})
}

// TestRulesInput: which files are scored.
func TestRulesInput(t *testing.T) {
	tests := []struct {
		name  string
		names []string
		want  []string
	}{
		{"by name", []string{"b.txt", "a.txt", "B.txt", "10.txt", "9.txt"}, []string{"10.txt", "9.txt", "B.txt", "a.txt", "b.txt"}},
		{"sub-folders are not explored", []string{"a.txt", "sub/b.txt", "empty/"}, []string{"a.txt"}},
		{"no filter", []string{"a.png", "b", "c.tar.gz", "README"}, []string{"README", "a.png", "b", "c.tar.gz"}},
		{"hidden files count", []string{".hidden", "_SUCCESS", "a.txt"}, []string{".hidden", "_SUCCESS", "a.txt"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job := newJob(t, echo, 0)
			inputs(t, job, tt.names...)
			got, err := Run(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Join(tt.want, "\n")+"\n", readFile(t, got.OutputFile)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRulesInputOfOneFile(t *testing.T) {
	job := newJob(t, "def run(b):\n    return [b]", 3)
	job.Input = filepath.Join(job.Input, "a01.txt")
	got, err := Run(t.Context(), job)
	if err != nil || readFile(t, got.OutputFile) != fmt.Sprintf("['%s']\n", job.Input) {
		t.Errorf("Run = %+v, %v: %q", got, err, readFile(t, got.OutputFile))
	}
}

func TestRulesSymbolicLinks(t *testing.T) {
	job := newJob(t, "import helper\ndef run(b):\n    return [open(p).read() for p in b]", 1)
	for link, target := range map[string]string{"file": "a00.txt", "folder": ".", "broken": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(job.Input, link)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Run(t.Context(), job)
	if err != nil || readFile(t, got.OutputFile) != "0\n0\n" { // the file itself and the link to it
		t.Errorf("Run = %+v, %v", got, err)
	}
}

// TestRulesNumbering: mini-batches are numbered from 0 in the order of the listing.
func TestRulesNumbering(t *testing.T) {
	job := newJob(t, "def run(b):\n    raise ValueError(b[0])", 5)
	job.MiniBatchSize, job.MaxRetries = 2, new(1)
	if _, err := Run(t.Context(), job); err == nil {
		t.Fatal("Run succeeded")
	}
	rows, err := csv.NewReader(strings.NewReader(logText(t, job, "logs/sys/job_report/processed_mini-batches.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, row := range rows[1:] {
		got = append(got, []string{row[0], row[4], filepath.Base(row[12])})
	}
	if diff := cmp.Diff([][]string{{"0", "2", "a00.txt"}, {"1", "2", "a02.txt"}, {"2", "1", "a04.txt"}}, got); diff != "" {
		t.Errorf("id, files, first file (-want +got):\n%s", diff)
	}
}

// TestRulesNoInput: an input without files fails the job with the service's message.
func TestRulesNoInput(t *testing.T) {
	tests := []struct {
		name   string
		change func(*testing.T, *Job)
	}{
		{"an empty folder", func(*testing.T, *Job) {}},
		{"only sub-folders", func(t *testing.T, j *Job) { inputs(t, *j, "sub/a.txt") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			job := newJob(t, echo, 0)
			tt.change(t, &job)
			got, err := Run(t.Context(), job)
			var failure *Failure
			if !errors.As(err, &failure) || got.Status != StatusFailed || failure.Reason != "Dataset initialization failed: UserErrorException: Message: Can't mount Dataset(ID='"+job.Input+"', name='None', version=None). "+
				"Source of the dataset is either not accessible or doesn't contain any data." ||
				failure.Detail != "there is no file at the top level of the folder; sub-folders are not explored" {
				t.Errorf("Run = %v, %v", got, err)
			}
		})
	}
}

// TestRulesInputBelowAFile: it may be a mistake or this machine's fault, so the job fails as one whose
// input cannot be mounted.
func TestRulesInputBelowAFile(t *testing.T) {
	job := newJob(t, echo, 1)
	job.Input = filepath.Join(job.Input, "a00.txt", "below")
	if err := os.Mkdir(job.Output, 0o750); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), job)
	var failure *Failure
	if !errors.As(err, &failure) || failure.Detail != "stat "+job.Input+": not a directory" {
		t.Errorf("Run = %v", err)
	}
}

// TestRulesInputThatIsGone: an input that disappears after it was checked fails the job, as one that
// cannot be mounted does.
func TestRulesInputThatIsGone(t *testing.T) {
	job := newJob(t, echo, 1)
	s, err := newSettings(job)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(job.Input); err != nil {
		t.Fatal(err)
	}
	_, err = s.run(t.Context())
	var failure *Failure
	if !errors.As(err, &failure) || failure.Reason != fmt.Sprintf(cannotMount, job.Input) || failure.Detail != "stat "+job.Input+": no such file or directory" {
		t.Errorf("run = %v", err)
	}
}
