package scoring

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/azmlbatch/azmlbatch/internal/scratch"
)

// venv is a virtual environment in the cache. It is built in place, because its scripts contain its
// path. The builder holds a lock, which ends with the process, and writes completeMark at the end.
// A folder without that file was left by a builder that was killed; it is built again.
type venv struct {
	dir   string
	lines []string
	log   string // file for the output of pip
	base  baseInterpreter

	mark     string // in the environment of pip and of what it starts
	keepsLog bool   // the log stays after the job
}

// baseInterpreter is the Python that the environment is created with.
type baseInterpreter struct {
	path    string
	version string
}

const (
	buildLogFile     = "azureml-logs/20_image_build_log.txt"
	completeMark     = "complete"
	requirementsFile = "requirements.txt"
	lockInterval     = 200 * time.Millisecond
	shownOfOutput    = 12 // lines shown of a step that failed
)

// prepareEnvironment builds the virtual environment that the job asks for, or finds it in the
// cache. Then it sets Job.Python to the interpreter in it.
func (e *engine) prepareEnvironment(ctx context.Context) error {
	if e.Environment == nil || e.Func != nil {
		return nil
	}
	v, err := e.newVenv(ctx)
	if err != nil {
		return err
	}
	notes := e.packages.notes
	if !pythonFits(e.packages.python, v.base.version) {
		notes = append(notes, fmt.Sprintf("The conda file asks for Python %s. The job gets Python %s of %s.",
			e.packages.python, v.base.version, v.base.path))
	}
	for _, note := range notes {
		e.logs.overview("Environment: %s", note)
	}
	if v.complete() {
		e.logs.overview("Environment: %s is reused from an earlier job.", v.dir)
	} else {
		e.logs.overview("Environment: building %s with %d requirements. The output of pip is in %s.",
			v.dir, len(v.lines), buildLogFile)
		e.guard.start(v.base.path, e.jobEnviron())
		err := v.build(ctx)
		endMarked(e.mark + ".") // for processes that left the group of pip
		if err != nil {
			return err
		}
	}
	e.venv, e.Python = v.dir, v.python()
	return nil
}

// newVenv returns which environment the job needs and where it is.
func (e *engine) newVenv(ctx context.Context) (*venv, error) {
	base, err := e.describeInterpreter(ctx)
	if err != nil {
		return nil, err
	}
	root := e.Environment.CacheDir
	if root == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("scoring: no folder for environments: %w; name one in Environment.CacheDir", err)
		}
		root = filepath.Join(cache, "azmlbatch", "environments")
	}
	if root, err = filepath.Abs(root); err != nil {
		return nil, fmt.Errorf("scoring: %w", err)
	}
	content := append([]string{base.path, base.version}, e.packages.lines...)
	sum := sha256.Sum256([]byte(strings.Join(content, "\n")))
	v := &venv{
		dir:   filepath.Join(root, fmt.Sprintf("python%s-%x", base.version, sum[:8])),
		lines: e.packages.lines, base: base, mark: e.mark + ".environment", keepsLog: e.Logs != "",
	}
	if v.log, err = e.logs.path(buildLogFile); err != nil {
		return nil, fmt.Errorf("scoring: %w", err)
	}
	return v, nil
}

// describeSelf prints the path, version and environment of the interpreter that runs it.
const describeSelf = `import os, sys
told = [sys.executable, "%d.%d.%d" % sys.version_info[:3]] + ["=".join(item) for item in os.environ.items()]
sys.stdout.buffer.write(os.fsencode("\0".join(told)))`

// describeInterpreter finds out which interpreter Job.Python is.
func (e *engine) describeInterpreter(ctx context.Context) (baseInterpreter, error) {
	in, err := findInterpreter(e.Python, e.jobEnviron())
	if err != nil {
		return baseInterpreter{}, err
	}
	cmd := exec.Command(in.path, "-c", describeSelf)
	cmd.Env = in.environ
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = runInGroup(ctx, cmd)
	told := strings.Split(stdout.String(), "\x00")
	if err == nil && len(told) < 2 {
		err = errors.New("it did not report its version")
	}
	if err != nil {
		if ctx.Err() != nil {
			return baseInterpreter{}, context.Cause(ctx)
		}
		return baseInterpreter{}, fmt.Errorf("scoring: the interpreter %s: %w%s", in.path, err, indent(stderr.String()))
	}
	if !in.known {
		in.remember(told[0], told[2:])
	}
	return baseInterpreter{path: told[0], version: told[1]}, nil
}

// python is the interpreter in the environment.
func (v *venv) python() string { return filepath.Join(v.dir, "bin", "python") }

// venvEnviron is what activating the environment sets, so that programs that a script starts by
// name come from it too.
func (s *settings) venvEnviron() []string {
	if s.venv == "" {
		return nil
	}
	path := filepath.Join(s.venv, "bin") + string(os.PathListSeparator) + os.Getenv("PATH")
	return []string{"VIRTUAL_ENV=" + s.venv, "PATH=" + path}
}

func (v *venv) complete() bool {
	_, err := os.Stat(filepath.Join(v.dir, completeMark))
	return err == nil
}

// build builds the environment, unless another job or process did so while this one waited for the
// lock.
func (v *venv) build(ctx context.Context) (err error) {
	if err := os.MkdirAll(filepath.Dir(v.dir), 0o755); err != nil {
		return fmt.Errorf("scoring: environment: %w", err)
	}
	lock, err := v.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	if v.complete() {
		return nil
	}
	if err := os.RemoveAll(v.dir); err != nil {
		return fmt.Errorf("scoring: environment: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(v.dir) // what cannot be removed has no completeMark
		}
	}()
	if err := v.install(ctx, lock); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(v.dir, completeMark), nil, 0o644); err != nil {
		return fmt.Errorf("scoring: environment: %w", err)
	}
	return nil
}

// lock waits until it has the lock for building.
func (v *venv) lock(ctx context.Context) (*os.File, error) {
	file, err := os.OpenFile(v.dir+".lock", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("scoring: environment: %w", err)
	}
	again := time.NewTicker(lockInterval)
	defer again.Stop()
	for {
		locked, err := scratch.TryLock(file)
		if locked {
			return file, nil
		}
		if err != nil {
			file.Close()
			return nil, fmt.Errorf("scoring: environment: lock %s: %w", file.Name(), err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			file.Close()
			return nil, context.Cause(ctx)
		}
	}
}

// install creates the environment and runs pip in it.
func (v *venv) install(ctx context.Context, lock *os.File) error {
	// -I: packages in PYTHONPATH must not count as installed.
	if err := v.step(ctx, lock, v.base.path, "-I", "-m", "venv", v.dir); err != nil {
		return err
	}
	requirements := filepath.Join(v.dir, requirementsFile)
	if err := os.WriteFile(requirements, []byte(strings.Join(v.lines, "\n")+"\n"), 0o644); err != nil {
		return fmt.Errorf("scoring: environment: %w", err)
	}
	if len(v.lines) == 0 {
		return nil
	}
	return v.step(ctx, lock, v.python(), "-I", "-m", "pip", "install",
		"--no-input", "--disable-pip-version-check", "--progress-bar=off", "-r", requirements)
}

// step runs one command and appends its output to the log.
func (v *venv) step(ctx context.Context, lock *os.File, name string, arguments ...string) error {
	log, err := openLog(v.log)
	if err != nil {
		return fmt.Errorf("scoring: environment: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(name, arguments...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), workerVariable+"="+v.mark) // Job.Env is only for the script
	// If this process is killed, the lock lasts as long as pip.
	cmd.ExtraFiles = []*os.File{lock}
	if err = runInGroup(ctx, cmd); err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("scoring: environment: %w", err)
	}
	return v.failure(arguments[2], exit, readTail(v.log))
}

// failure returns the error of a failed step, from the end of its output.
func (v *venv) failure(step string, exit error, output string) error {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	failed := &EnvironmentError{
		Reason: fmt.Sprintf("python -m %s: %s", step, cmp.Or(ownError(lines), exit.Error())),
		Output: strings.Join(lines[max(0, len(lines)-shownOfOutput):], "\n"),
	}
	if v.keepsLog {
		failed.Log = v.log
	}
	return failed
}

// ownError is the line in which pip or venv says why it failed; empty if there is none. With pip it
// is the last error that does not only point to a web page.
func ownError(lines []string) string {
	for _, head := range []string{"ERROR: ", "error: ", "Error: "} {
		for _, line := range slices.Backward(lines) {
			line, found := strings.CutPrefix(strings.TrimSpace(line), head)
			if found && !strings.HasPrefix(line, "ResolutionImpossible") {
				return line
			}
		}
	}
	return ""
}
