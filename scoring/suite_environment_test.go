package scoring

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asksPlace returns where the script's Python is and which package it has.
const asksPlace = "import iniconfig, shutil, sys\nfrom importlib.metadata import version\ndef run(b):\n    return [version('iniconfig'), sys.prefix, shutil.which('python')]\n"

const smallConda = "dependencies:\n- python=2.7\n- numpy=1.21\n- pip\n- pip:\n  - iniconfig==2.0.0\n  - azureml-core\n"

func environmentJob(t *testing.T, script, cache string, environment Environment) Job {
	job := newJob(t, script, 1)
	environment.CacheDir = cache
	job.Python, job.Environment = suitePython(t), &environment
	return job
}

// onlyFolder returns the only environment in the cache, "" for none.
func onlyFolder(t *testing.T, cache string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(cache, "python*[0-9a-f]"))
	if err != nil || len(found) > 1 {
		t.Fatalf("in the cache: %q, %v", found, err)
	}
	return strings.Join(found, "")
}

// TestSuiteEnvironment builds an environment, reuses it, and builds it again after its builder was
// killed.
func TestSuiteEnvironment(t *testing.T) {
	cache := t.TempDir()
	run := func() (overview, pip string) {
		t.Helper()
		job := environmentJob(t, asksPlace, cache, Environment{CondaFile: smallConda, Image: "kiln:1"})
		got, err := Run(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		folder := onlyFolder(t, cache)
		if diff := cmp.Diff("2.0.0\n"+folder+"\n"+folder+"/bin/python\n", readFile(t, got.OutputFile)); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		overview = logText(t, job, "logs/job_progress_overview*.txt")
		b, err := os.ReadFile(filepath.Join(job.Logs, filepath.FromSlash(buildLogFile)))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return overview, string(b)
	}
	overview, pip := run()
	if !strings.Contains(pip, "Successfully installed iniconfig-2.0.0\n") {
		t.Errorf("pip's output is not in the log: %s", pip)
	}
	for _, want := range []string{"The image kiln:1 is not run", "Missing: numpy=1.21.", "driver needs them: azureml-core.", "asks for Python =2.7. The job gets Python 3."} {
		if strings.Count(overview, want) != 1 {
			t.Errorf("%q stands %d times in %s", want, strings.Count(overview, want), overview)
		}
	}
	if overview, pip = run(); !strings.Contains(overview, "is reused from an earlier job") || pip != "" {
		t.Errorf("the second job did not reuse the environment: %s\n%s", overview, pip)
	}
	folder := onlyFolder(t, cache)
	if err := os.Remove(filepath.Join(folder, completeMark)); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, "half"), "")
	if _, pip = run(); !strings.Contains(pip, "Successfully installed") {
		t.Errorf("the job used an unfinished environment: %s", pip)
	}
	if _, err := os.Stat(filepath.Join(folder, "half")); err == nil {
		t.Error("an unfinished environment was added to")
	}
}

// TestSuiteEnvironmentTwoAtOnce: one of two jobs builds, and the other waits. Their Python is a
// version manager's wrapper.
func TestSuiteEnvironmentTwoAtOnce(t *testing.T) {
	cache, wrapper := t.TempDir(), filepath.Join(t.TempDir(), "python3")
	writeFile(t, wrapper, "#!/bin/sh\nexec '"+suitePython(t)+"' \"$@\"\n")
	if err := os.Chmod(wrapper, 0o700); err != nil {
		t.Fatal(err)
	}
	ends := make(chan error)
	var jobs [2]Job
	for i := range jobs {
		jobs[i] = environmentJob(t, asksPlace, cache, Environment{Requirements: "iniconfig==2.0.0\n"})
		jobs[i].Python = wrapper
		go func() {
			_, err := Run(t.Context(), jobs[i])
			ends <- err
		}()
	}
	if err := errors.Join(<-ends, <-ends); err != nil {
		t.Fatal(err)
	}
	built := 0
	for _, job := range jobs {
		if b, err := os.ReadFile(filepath.Join(job.Logs, filepath.FromSlash(buildLogFile))); err == nil && len(b) > 0 {
			built++
		}
	}
	if built != 1 {
		t.Errorf("%d jobs built the environment", built)
	}
}

func TestSuiteEnvironmentThatPipRefuses(t *testing.T) {
	cache := t.TempDir()
	job := environmentJob(t, asksPlace, cache, Environment{Requirements: "iniconfig==0.0.0.1\n"})
	got, err := Run(t.Context(), job)
	var failed *EnvironmentError
	if !errors.As(err, &failed) || got.Status != StatusFailed {
		t.Fatalf("Run = %s, %v", got.Status, err)
	}
	const reason = "No matching distribution found for iniconfig==0.0.0.1"
	if failed.Reason != "python -m pip: "+reason || !strings.Contains(failed.Output, "ERROR: "+reason) {
		t.Errorf("error = %+v", failed)
	}
	if log := readFile(t, failed.Log); !strings.Contains(log, reason) || failed.Log != filepath.Join(job.Logs, filepath.FromSlash(buildLogFile)) {
		t.Errorf("log %s:\n%s", failed.Log, log)
	}
	if text := logText(t, job, "logs/job_result.txt"); !strings.Contains(text, reason+"; the whole output is in "+buildLogFile+"\n") {
		t.Errorf("job_result:\n%s", text)
	}
	if folder := onlyFolder(t, cache); folder != "" {
		t.Errorf("%s stays", folder)
	}
}

// TestSuiteEnvironmentCancelled kills the process group of pip and leaves no unfinished
// environment.
func TestSuiteEnvironmentCancelled(t *testing.T) {
	cache := t.TempDir()
	job := environmentJob(t, asksPlace, cache, Environment{Requirements: "iniconfig==2.0.0\n"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	end := make(chan error, 1)
	go func() {
		_, err := Run(ctx, job)
		end <- err
	}()
	for onlyFolder(t, cache) == "" {
		select {
		case err := <-end:
			t.Fatalf("it ended by itself: %v", err)
		default:
		}
	}
	cancel()
	if err := <-end; !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v", err)
	}
	if folder := onlyFolder(t, cache); folder != "" {
		t.Errorf("%s stays", folder)
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range commands {
		if line, err := os.ReadFile(command); err == nil && strings.Contains(string(line), cache) {
			t.Errorf("still runs: %q", line)
		}
	}
}
