//go:build linux

package scoring

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch/internal/scratch"
)

// playedPython creates a fake interpreter whose venv and pip are shell scripts, so that they take
// no time. $1 is the folder of the environment, or the file with the requirements. Workers run the
// real Python.
func playedPython(t *testing.T, venv, pip string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python")
	writeFile(t, path, `#!/bin/sh
venv() {
	:
`+venv+`
}
pip() {
	:
`+pip+`
}
case "$1$3" in
-c) printf '%s\0003.11.7\0A=B' "$0"; exit ;;
-Ivenv) venv "$4"; exit ;;
-Ipip) for last; do :; done; echo "$*" >"${last%/*}/arguments"; pip "$last"; exit ;;
esac
exec '`+realPython()+`' "$@"
`)
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// makesVenv creates an environment whose interpreter is the fake one.
const makesVenv = `mkdir -p "$1/bin" && ln -s "$0" "$1/bin/python" && echo made >>"$1/steps"`

func buildJob(t *testing.T, venv, pip string) Job {
	t.Helper()
	job := newJob(t, "import os\ndef run(b):\n    return [os.environ['VIRTUAL_ENV'], os.environ['PATH'].partition(':')[0]]", 1)
	job.Python = playedPython(t, venv, pip)
	job.Environment = &Environment{Requirements: "kiln==1\n\n# fired\nglaze\n", CacheDir: filepath.Join(t.TempDir(), "cache")}
	return job
}

// built returns the only environment in the cache, "" for none.
func built(t *testing.T, job Job) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(job.Environment.CacheDir, "python3.11.7-*[0-9a-f]"))
	if err != nil || len(found) > 1 {
		t.Fatalf("in the cache: %q, %v", found, err)
	}
	return strings.Join(found, "")
}

// TestEnvironmentIsBuiltOnceAndKept builds an environment and uses it twice.
func TestEnvironmentIsBuiltOnceAndKept(t *testing.T) {
	job := buildJob(t, makesVenv, `cp "$1" "$(dirname "$1")/installed"; echo installed`)
	for i := range 2 {
		job.Output = filepath.Join(t.TempDir(), "output")
		got, err := Run(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		dir := built(t, job)
		if diff := cmp.Diff([]string{dir, filepath.Join(dir, "bin")}, lines(t, got.OutputFile)); diff != "" {
			t.Errorf("job %d: VIRTUAL_ENV and PATH (-want +got):\n%s", i, diff)
		}
		if steps := readFile(t, filepath.Join(dir, "steps")); steps != "made\n" {
			t.Errorf("job %d: it was made %q", i, steps)
		}
		if diff := cmp.Diff("kiln==1\nglaze\n", readFile(t, filepath.Join(dir, "installed"))); diff != "" {
			t.Errorf("requirements (-want +got):\n%s", diff)
		}
		arguments := "-I -m pip install --no-input --disable-pip-version-check --progress-bar=off -r " + dir + "/requirements.txt\n"
		if diff := cmp.Diff(arguments, readFile(t, filepath.Join(dir, "arguments"))); diff != "" {
			t.Errorf("arguments of pip (-want +got):\n%s", diff)
		}
	}
	if log := logText(t, job, buildLogFile); log != "installed\n" {
		t.Errorf("log of the build %q", log)
	}
	overview := logText(t, job, "logs/job_progress_overview.*.txt")
	for _, want := range []string{"with 2 requirements. The output of pip is in azureml-logs/20_image_build_log.txt.", "is reused from an earlier job."} {
		if strings.Count(overview, want) != 1 {
			t.Errorf("%q is not once in\n%s", want, overview)
		}
	}
}

// TestEnvironmentTellsWhatItLacks checks the notes in the log of the job, and that pip does not run
// for no packages.
func TestEnvironmentTellsWhatItLacks(t *testing.T) {
	job := buildJob(t, makesVenv, "exit 1")
	job.Environment.Requirements, job.Environment.Image = "", "kiln:1"
	job.Environment.CondaFile = "dependencies: [python=3.8, numpy=1.21, '=1.0', {pip: [azureml-core]}]\nvariables: {A: b}"
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	dir := built(t, job)
	want := []string{
		"The image kiln:1 is not run. The job gets a virtual environment of this machine's Python.",
		"Only the pip part of the conda file is installed. Missing: numpy=1.21, =1.0.",
		"The variables of the conda file are not set. Set them as environment variables of the deployment.",
		"These packages are not installed, because only Azure's own driver needs them: azureml-core.",
		"The conda file asks for Python =3.8. The job gets Python 3.11.7 of " + job.Python + ".",
		"building " + dir + " with 0 requirements. The output of pip is in azureml-logs/20_image_build_log.txt.",
	}
	var got []string
	for line := range strings.Lines(logText(t, job, "logs/job_progress_overview.*.txt")) {
		if _, note, found := strings.Cut(strings.TrimSuffix(line, "\n"), " Environment: "); found {
			got = append(got, note)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

// TestEnvironmentThatWasNotFinished checks that the folder of a builder that was killed is built
// anew, and that a job whose packages do not change finds it complete.
func TestEnvironmentThatWasNotFinished(t *testing.T) {
	job := buildJob(t, makesVenv, "")
	s, err := newSettings(job)
	if err != nil {
		t.Fatal(err)
	}
	v := newVenvOf(t, s)
	writeFile(t, filepath.Join(v.dir, "bin", "python"), "half an interpreter")
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if steps := readFile(t, filepath.Join(v.dir, "steps")); steps != "made\n" || !v.complete() {
		t.Errorf("it was made %q, complete %v", steps, v.complete())
	}
}

// TestEnvironmentThatCannotBeBuilt fails each step of a build.
func TestEnvironmentThatCannotBeBuilt(t *testing.T) {
	tests := []struct {
		name, venv, pip string
		change          func(*testing.T, *Job)
		reason          string // of an EnvironmentError
		text            string // of any other, with … for what differs
	}{
		{"venv fails", "echo 'Error: no ensurepip'; return 3", "", nil, "python -m venv: no ensurepip", ""},
		{"venv fails without a word", "return 3", "", nil, "python -m venv: exit status 3", ""},
		{"pip fails", makesVenv, "echo 'ERROR: no clay'; return 1", nil, "python -m pip: no clay", ""},
		{"pip is killed", makesVenv, "kill -9 $$", nil, "python -m pip: signal: killed", ""},
		{"venv makes no interpreter", "mkdir -p \"$1\"", "", nil, "", "scoring: environment: fork/exec …/bin/python: no such file or directory"},
		{"venv makes no folder", ":", "", nil, "", "scoring: environment: open …/requirements.txt: no such file or directory"},
		{"the mark of a complete one is a folder", makesVenv + ` && mkdir "$1/complete"`, "", nil, "", "scoring: environment: open …/complete: is a directory"},
		{"the cache is a file", makesVenv, "", func(t *testing.T, j *Job) { writeFile(t, j.Environment.CacheDir, "") }, "", "scoring: environment: mkdir …: not a directory"},
		{"the lock is a folder", makesVenv, "", func(t *testing.T, j *Job) {
			s, err := newSettings(*j)
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(newVenvOf(t, s).dir+".lock", "file"), "")
		}, "", "scoring: environment: open …: is a directory"},
		{"the log is below a file", makesVenv, "", func(t *testing.T, j *Job) { writeFile(t, filepath.Join(j.Logs, "azureml-logs"), "") }, "", "scoring: mkdir …: not a directory"},
		{"the log is a folder", makesVenv, "", func(t *testing.T, j *Job) {
			writeFile(t, filepath.Join(j.Logs, "azureml-logs", "20_image_build_log.txt", "file"), "")
		}, "", "scoring: environment: open …: is a directory"},
		{"a python that says nothing", "", "", func(t *testing.T, j *Job) { script(t, j.Python, "exit 0") }, "", "scoring: the interpreter …/python: it did not report its version"},
		{"a python that fails", "", "", func(t *testing.T, j *Job) { script(t, j.Python, "echo no clay >&2; exit 4") }, "", "scoring: the interpreter …/python: exit status 4\n\tno clay"},
		{"a python that does not start", "", "", func(t *testing.T, j *Job) { writeFile(t, j.Python, "#!/no/such/shell\n") }, "", "scoring: the interpreter …: no such file or directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			job := buildJob(t, tt.venv, tt.pip)
			if tt.change != nil {
				tt.change(t, &job)
			}
			got, err := Run(t.Context(), job)
			var failed *EnvironmentError
			switch {
			case err == nil || got.Status != StatusFailed || got.OutputFile != "":
				t.Errorf("Run = %+v, %v; want an error", got, err)
			case tt.reason != "" && (!errors.As(err, &failed) || failed.Reason != tt.reason):
				t.Errorf("Run = %v, want the reason %q", err, tt.reason)
			case tt.reason == "" && !isText(err, tt.text):
				t.Errorf("Run = %v, want %q", err, tt.text)
			}
			if left := built(t, job); left != "" {
				t.Errorf("%s stays", left)
			}
		})
	}
}

// script writes an executable shell script.
func script(t *testing.T, path, text string) {
	t.Helper()
	writeFile(t, path, "#!/bin/sh\n"+text+"\n")
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// newVenvOf returns the environment that a job needs.
func newVenvOf(t *testing.T, s *settings) *venv {
	t.Helper()
	logs, err := newLogTree(t.TempDir(), s.now)
	if err != nil {
		t.Fatal(err)
	}
	defer logs.close() //nolint:errcheck // an empty log
	v, err := (&engine{settings: s, logs: logs}).newVenv(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEnvironmentsOfDefault(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	user, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	job := buildJob(t, makesVenv, "")
	folders := map[string]bool{}
	for _, environment := range []Environment{{Requirements: "kiln==1"}, {CondaFile: "dependencies: [{pip: [kiln==1]}]"}, {Requirements: "kiln==2"}, {}} {
		job.Environment = &environment
		s, err := newSettings(job)
		if err != nil {
			t.Fatal(err)
		}
		dir := newVenvOf(t, s).dir
		if want := filepath.Join(user, "azmlbatch", "environments", "python3.11.7-"); !strings.HasPrefix(dir, want) || len(dir) != len(want)+16 {
			t.Errorf("folder %s, want %s and 16 digits", dir, want)
		}
		folders[dir] = true
	}
	if len(folders) != 3 { // equal packages share one
		t.Errorf("folders %v, want three", folders)
	}
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	if _, err := Run(t.Context(), job); !isText(err, "scoring: no folder for environments: …; name one in Environment.CacheDir") {
		t.Errorf("without a cache folder: Run = %v", err)
	}
}

// TestEnvironmentOfAnotherBuilder checks that a job waits while another builds, until its context
// ends.
func TestEnvironmentOfAnotherBuilder(t *testing.T) {
	job := buildJob(t, makesVenv, "")
	s, err := newSettings(job)
	if err != nil {
		t.Fatal(err)
	}
	v := newVenvOf(t, s)
	writeFile(t, v.dir+".lock", "")
	lock, err := os.OpenFile(v.dir+".lock", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if locked, err := scratch.TryLock(lock); !locked || err != nil {
		t.Fatalf("TryLock = %v, %v", locked, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.lock(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("lock = %v, want the error of the context", err)
	}
	wait := started(t.Context(), job)
	writeFile(t, filepath.Join(v.dir, completeMark), "") // the other has built it, and lets go
	if err := os.MkdirAll(filepath.Join(v.dir, "bin"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(realPython(), v.python()); err != nil {
		t.Fatal(err)
	}
	lock.Close()
	got, err := wait()
	if err != nil || readFile(t, got.OutputFile) != v.dir+"\n"+v.dir+"/bin\n" {
		t.Errorf("Run = %+v, %v", got, err)
	}
}

// TestEnvironmentBuildEndsWithTheJob checks that a cancelled job leaves no process of pip, and no
// unfinished environment.
func TestEnvironmentBuildEndsWithTheJob(t *testing.T) {
	job := buildJob(t, makesVenv, `sleep 1000 & echo "process $!" >>"$MARKS_OF_PIP/notes"; setsid sleep 1000 & echo "process $!" >>"$MARKS_OF_PIP/notes"; echo >"$MARKS_OF_PIP/here"; wait`)
	t.Setenv("MARKS_OF_PIP", job.Env["MARKS"])
	here := filepath.Join(job.Env["MARKS"], "here")
	if err := syscall.Mkfifo(here, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wait := started(ctx, job)
	readFile(t, here)
	if running := guards(t, os.Getpid()); len(running) != 1 {
		t.Errorf("guards %v, want one for what pip starts", running)
	}
	cancel()
	if got, err := wait(); !errors.Is(err, context.Canceled) || got.Status != StatusCanceled {
		t.Errorf("Run = %+v, %v", got, err)
	}
	if left := built(t, job); left != "" {
		t.Errorf("%s stays", left)
	}
	checkClean(t, job)
}

// TestEnvironmentThatAnotherOneBuilds: a job that waits for the lock uses what the other one built.
func TestEnvironmentThatAnotherOneBuilds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &venv{dir: filepath.Join(t.TempDir(), "v"), base: baseInterpreter{path: "/no/such/python"}}
		held, err := v.lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		built := make(chan error, 1)
		go func() { built <- v.build(t.Context()) }()
		time.Sleep(time.Minute + 201*time.Millisecond) // between two looks
		writeFile(t, filepath.Join(v.dir, "complete"), "")
		if len(built) > 0 {
			t.Fatalf("build = %v beside the lock", <-built)
		}
		held.Close()
		began := time.Now()
		if err := <-built; err != nil || time.Since(began) > 200*time.Millisecond {
			t.Errorf("build = %v, %v after the other one", err, time.Since(began))
		}
	})
}
