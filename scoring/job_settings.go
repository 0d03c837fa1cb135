package scoring

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
)

// settings is a checked Job, with all defaults set and all paths absolute.
type settings struct {
	Job

	tries     int
	threshold int
	packages  packages // of Job.Environment
	venv      string   // folder of the virtual environment, once there is one

	// limit is the time limit of one call of the script.
	limit time.Duration
	// noProgress is how long nothing may happen before the job fails.
	noProgress time.Duration
	// now is the clock for log lines and for the two minutes of the init rule.
	now func() time.Time
}

// serviceOverhead is how much longer than its timeout the service lets a call take. It is also part
// of the time without progress after which the service ends a job.
const serviceOverhead = 30 * time.Second

// Limits that stop a typing error. The quota of the service is 100 nodes per job, and can be
// raised. One environment variable must be able to list all nodes. Three times maxTimeout must fit
// a time.Duration.
const (
	maxInstances   = 1000
	maxConcurrency = 1 << 16
	maxTimeout     = 10 * 365 * 24 * time.Hour
)

// The service's rules for output file names. Its limit of 260 characters is for the whole path on
// its own machine. maxFileName leaves room for the prefix of the workers' files.
const (
	forbiddenInFileName = "~\"#%&*:<>?/\\{|}"
	maxFileName         = 220
)

// newSettings applies the defaults and checks what only the caller can have wrong.
func newSettings(job Job) (*settings, error) {
	s := &settings{Job: job, now: time.Now}
	s.applyDefaults()
	for _, check := range []func() error{
		s.checkNumbers, s.checkOutput, s.checkFolders, s.checkEnv, s.checkScript, s.checkModel, s.checkPython,
		s.checkEnvironment, s.absolutePaths,
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	// Choice: the grace is short by default, so that a hanging script is found soon. TimeoutGrace
	// can be set to the service's 30 seconds. The time without progress is the service's, 3 ×
	// (timeout + 30 s), and always longer than a call may take.
	s.limit = s.Timeout + s.TimeoutGrace
	s.noProgress = 3 * (s.Timeout + max(serviceOverhead, s.TimeoutGrace))
	return s, nil
}

func (s *settings) applyDefaults() {
	s.MiniBatchSize = cmp.Or(s.MiniBatchSize, DefaultMiniBatchSize)
	s.MaxConcurrencyPerInstance = cmp.Or(s.MaxConcurrencyPerInstance, 1)
	s.InstanceCount = cmp.Or(s.InstanceCount, 1)
	s.Timeout = cmp.Or(s.Timeout, DefaultTimeout)
	s.TimeoutGrace = cmp.Or(s.TimeoutGrace, DefaultTimeoutGrace)
	s.OutputAction = cmp.Or(s.OutputAction, OutputActionAppendRow)
	s.OutputFileName = cmp.Or(s.OutputFileName, DefaultOutputFileName)
	s.LoggingLevel = cmp.Or(s.LoggingLevel, LoggingLevelInfo)
	s.Python = cmp.Or(s.Python, "python3")
	// Choice: the service's engine counts tries in total. Its meaning of 0 is not documented; one
	// try is the least that makes sense.
	s.tries = DefaultMaxRetries
	if s.MaxRetries != nil {
		s.tries = cmp.Or(*s.MaxRetries, 1)
	}
	s.threshold = DefaultErrorThreshold
	if s.ErrorThreshold != nil {
		s.threshold = *s.ErrorThreshold
	}
}

// invalid returns the error for a field of the job.
func invalid(field, reason string, values ...any) error {
	return &InvalidJobError{Field: field, Reason: fmt.Sprintf(reason, values...)}
}

func (s *settings) checkNumbers() error {
	for _, n := range []struct {
		field       string
		value, most int
	}{
		{"MiniBatchSize", s.MiniBatchSize, math.MaxInt},
		{"MaxConcurrencyPerInstance", s.MaxConcurrencyPerInstance, maxConcurrency},
		{"InstanceCount", s.InstanceCount, maxInstances},
		{"MaxRetries", s.tries, math.MaxInt},
	} {
		switch {
		case n.value < 0:
			return invalid(n.field, "must not be negative, but is %d", n.value)
		case n.value > n.most:
			return invalid(n.field, "must be at most %d, not %d", n.most, n.value)
		}
	}
	if s.threshold < -1 {
		return invalid("ErrorThreshold", "must be at least -1, not %d", s.threshold)
	}
	for _, t := range []struct {
		field string
		value time.Duration
	}{{"Timeout", s.Timeout}, {"TimeoutGrace", s.TimeoutGrace}} {
		switch {
		case t.value < 0:
			return invalid(t.field, "must not be negative, but is %v", t.value)
		case t.value > maxTimeout:
			return invalid(t.field, "must be at most %v, not %v", maxTimeout, t.value)
		}
	}
	switch s.LoggingLevel {
	case LoggingLevelWarning, LoggingLevelInfo, LoggingLevelDebug:
		return nil
	}
	return invalid("LoggingLevel", "must be warning, info or debug, not %q", s.LoggingLevel)
}

func (s *settings) checkOutput() error {
	name := s.OutputFileName
	switch {
	case s.OutputAction != OutputActionAppendRow && s.OutputAction != OutputActionSummaryOnly:
		return invalid("OutputAction", "must be append_row or summary_only, not %q", s.OutputAction)
	case strings.ContainsAny(name, forbiddenInFileName), strings.ContainsFunc(name, unicode.IsControl):
		return invalid("OutputFileName", "must be a plain name without control characters or any of %s, not %q",
			forbiddenInFileName, name)
	case strings.TrimRight(name, ". ") != name:
		return invalid("OutputFileName", "must not end in a dot or a space, as %q does", name)
	case len(name) > maxFileName:
		return invalid("OutputFileName", "must have at most %d bytes, not %d", maxFileName, len(name))
	}
	return nil
}

func (s *settings) checkEnv() error {
	for _, name := range s.ScriptEnv {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return invalid("ScriptEnv", "must have names of environment variables without values, not %q", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return invalid("Env", "must have names of environment variables, not %q", name)
		}
		if strings.Contains(s.Env[name], "\x00") {
			return invalid("Env", "must have values without NUL, not as %s", name)
		}
	}
	return nil
}

// checkScript checks that the script is in the code folder and can be imported.
func (s *settings) checkScript() error {
	switch {
	case s.Func != nil && s.Script != "":
		return invalid("Func", "must not be set together with Script: only one of them can score")
	case s.Func != nil:
		return nil
	case s.Script == "":
		return s.checkScriptless()
	case s.Code == "":
		return invalid("Code", "must name the folder that holds the scoring script")
	case !isFolder(s.Code):
		return invalid("Code", "must name a folder; there is none at %q", s.Code)
	case !filepath.IsLocal(s.scriptInCode()):
		return invalid("Script", "must be a path inside the code folder, not %q", s.Script)
	}
	info, err := os.Stat(s.scriptPath())
	if err != nil || !info.Mode().IsRegular() {
		return invalid("Script", "must name a file in the code folder; there is no %q in %q", s.Script, s.Code)
	}
	return s.checkModuleName()
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// checkModuleName refuses a path that is not a module name: Python takes each dot for the end of a
// package name.
func (s *settings) checkModuleName() error {
	name, isPython := strings.CutSuffix(path.Clean(filepath.ToSlash(s.scriptInCode())), ".py")
	switch {
	case !isPython:
		return invalid("Script", "must end in .py, because it is imported as a Python module; %q does not", s.Script)
	case strings.Contains(name, "."):
		return invalid("Script", "must have no further dot in its path, because no import finds %q then; "+
			"rename it to %q", s.Script, strings.ReplaceAll(name, ".", "_")+".py")
	}
	return nil
}

func (s *settings) scriptPath() string {
	return filepath.Join(s.Code, s.scriptInCode())
}

// scriptInCode is the path of the script inside the code folder. As with the service, both slashes
// separate folders.
func (s *settings) scriptInCode() string {
	return filepath.FromSlash(strings.ReplaceAll(s.Script, `\`, "/"))
}

func (s *settings) checkModel() error {
	if s.Model == "" || s.Func != nil {
		return nil
	}
	if _, err := os.Stat(s.Model); err != nil {
		return invalid("Model", "must name a file or a folder: %v", err)
	}
	return nil
}

// checkPython checks that the interpreter exists.
func (s *settings) checkPython() error {
	if s.Func != nil {
		return nil
	}
	if _, err := exec.LookPath(s.Python); err != nil {
		return invalid("Python", "must name a Python interpreter: %v", err)
	}
	return nil
}

// checkFolders checks the input and the folders for results. Output must not be the input folder,
// because the next job would score the results.
func (s *settings) checkFolders() error {
	in, err := os.Stat(s.Input)
	switch {
	case s.Input == "":
		return invalid("Input", "must name a folder of files, or one file")
	case errors.Is(err, fs.ErrNotExist):
		return invalid("Input", "must name a folder or a file; there is none at %q", s.Input)
	case err == nil && !in.IsDir() && !in.Mode().IsRegular():
		return invalid("Input", "must name a folder or a file; %q is neither", s.Input)
	case s.Output == "":
		return invalid("Output", "must name a folder for the results")
	}
	for _, folder := range []struct{ field, path string }{{"Output", s.Output}, {"Logs", s.Logs}} {
		if info, err := os.Stat(folder.path); err == nil && !info.IsDir() {
			return invalid(folder.field, "must name a folder; %q is none", folder.path)
		}
	}
	if out, _ := os.Stat(s.Output); os.SameFile(in, out) { // what is not there is no such file
		return invalid("Output", "must not be the input folder; name another, which may lie in it")
	}
	return nil
}

// absolutePaths makes all paths absolute: workers have working directories of their own.
func (s *settings) absolutePaths() error {
	for _, path := range []*string{&s.Code, &s.Model, &s.Input, &s.Output, &s.Logs} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return fmt.Errorf("scoring: %w", err)
		}
		*path = absolute
	}
	return nil
}

// moduleName is the module name of a script: sub/score.py is sub.score.
func moduleName(script string) string {
	name := strings.TrimSuffix(path.Clean(strings.ReplaceAll(script, `\`, "/")), ".py")
	return strings.ReplaceAll(name, "/", ".")
}
