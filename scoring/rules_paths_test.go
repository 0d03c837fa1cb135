package scoring

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRulesRelativePaths checks that all paths of a job may be relative.
func TestRulesRelativePaths(t *testing.T) {
	job := newJob(t, "import os\ndef run(b):\n    os.chdir('/')\n    return b + sorted(os.listdir(os.environ['AZUREML_MODEL_DIR']))", 1)
	input := job.Input
	t.Chdir(filepath.Dir(job.Code))
	job.Code, job.Model, job.Input, job.Output, job.Logs = "code", "model", "input", "output", "logs"
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(job.Env["MARKS"]), "output", "predictions.csv"); got.OutputFile != want {
		t.Errorf("output file %s, want %s", got.OutputFile, want)
	}
	if text := readFile(t, got.OutputFile); text != filepath.Join(input, "a00.txt")+"\nmodel\n" {
		t.Errorf("rows %q", text)
	}
	if text := logText(t, job, "logs/user/stderr/0/process000.stderr.txt"); text != "" {
		t.Errorf("standard error %q", text)
	}
}

// TestRulesPathsAreAbsolute checks each path of the settings, and that an empty one stays empty.
func TestRulesPathsAreAbsolute(t *testing.T) {
	job := newJob(t, echo, 1)
	dir := filepath.Dir(job.Code)
	t.Chdir(dir)
	paths := func(j Job) []string { return []string{j.Code, j.Model, j.Input, j.Output, j.Logs} }
	for _, want := range [][]string{paths(job), {job.Code, "", job.Input, job.Output, ""}} {
		relative := job
		for i, path := range []*string{&relative.Code, &relative.Model, &relative.Input, &relative.Output, &relative.Logs} {
			*path = strings.TrimPrefix(want[i], dir+"/")
		}
		s, err := newSettings(relative)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, paths(s.Job)); diff != "" {
			t.Errorf("code, model, input, output, logs (-want +got):\n%s", diff)
		}
	}
}

// TestRulesWithoutAWorkingFolder: what is relative to a folder that was removed has no place, and
// the job ends before anything starts.
func TestRulesWithoutAWorkingFolder(t *testing.T) {
	job := newJob(t, "import helper\nhelper.note('started')\n"+echo, 1)
	wrapper := filepath.Join(filepath.Dir(job.Code), "python3")
	writeFile(t, wrapper, "#!/bin/sh\nexec '"+job.Python+"' \"$@\"\n")
	gone := filepath.Join(t.TempDir(), "gone")
	if err := errors.Join(os.Chmod(wrapper, 0o700), os.Mkdir(gone, 0o700)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(gone)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Job){
		"the output":              func(j *Job) { j.Output = "output" },
		"the logs":                func(j *Job) { j.Logs = "logs" },
		"the cache":               func(j *Job) { j.Environment = &Environment{CacheDir: "cache"} },
		"a wrapper":               func(j *Job) { j.Python = wrapper },
		"a wrapper for a builder": func(j *Job) { j.Python, j.Environment = wrapper, &Environment{} },
	} {
		job := job
		change(&job)
		got, err := Run(t.Context(), job)
		if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "scoring: getwd: ") || got.Status != StatusFailed {
			t.Errorf("%s: Run = %s, %v", name, got.Status, err)
		}
	}
	if started := notes(t, job); len(started) > 0 {
		t.Errorf("the script: %v", started)
	}
}
