package scoring

import (
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

// settings is a Job that has been checked, with every default in its place and every path absolute.
type settings struct {
	Job

	tries     int
	threshold int
	packages  packages // what Job.Environment asks for
	venv      string   // folder of the virtual environment, once there is one

	// limit bounds one call of the script.
	limit time.Duration
	// noProgress is how long nothing may happen before the job fails.
	noProgress time.Duration
	// now is the clock of log lines and of the two minutes of the init rule.
	now func() time.Time
}

// serviceOverhead is what the service allows a call beyond its timeout, and with it the measure of its patience with a
// job in which nothing happens.
const serviceOverhead = 30 * time.Second

// What a slip of the keyboard may not ask for: more nodes than the service could give by far (its quota is 100, which may
// be raised) and than one environment variable can list, processes without end, and times whose triple is not a number.
const (
	maxInstances   = 1000
	maxConcurrency = 1 << 16
	maxTimeout     = 10 * 365 * 24 * time.Hour
)

// forbiddenInFileName and maxFileName are the service's rule for output file names. Its limit of 260 characters is for
// the whole path on its own machine, which it does not publish; ours leaves room for the prefix of the workers' files.
const (
	forbiddenInFileName = "~\"#%&*:<>?/\\{|}"
	maxFileName         = 220
)

// newSettings applies the service's defaults and finds what the caller alone can have wrong.
func newSettings(job Job) (*settings, error) {
	s := &settings{Job: job, now: time.Now}
	s.applyDefaults()
	for _, check := range []func() error{
		s.checkNumbers, s.checkOutput, s.checkFolders, s.checkEnv, s.checkScript, s.checkModel, s.checkPython, s.checkEnvironment, s.absolutePaths,
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	// Choice: the grace is short by default, so that a hanging script is found soon; the service's own 30 seconds are
	// there by TimeoutGrace. The patience with a job that does not move is the service's, 3 × (timeout + 30 s), and never
	// shorter than a call may take.
	s.limit = s.Timeout + s.TimeoutGrace
	s.noProgress = 3 * (s.Timeout + max(serviceOverhead, s.TimeoutGrace))
	return s, nil
}

func (s *settings) applyDefaults() {
	setDefault(&s.MiniBatchSize, DefaultMiniBatchSize)
	setDefault(&s.MaxConcurrencyPerInstance, 1)
	setDefault(&s.InstanceCount, 1)
	setDefault(&s.Timeout, DefaultTimeout)
	setDefault(&s.TimeoutGrace, DefaultTimeoutGrace)
	setDefault(&s.OutputAction, AppendRow)
	setDefault(&s.OutputFileName, DefaultOutputFileName)
	setDefault(&s.LoggingLevel, Info)
	setDefault(&s.Python, "python3")
	// Choice: the service's engine counts tries in total; what it makes of 0 is not evidenced, and one try is the least
	// that can be meant.
	s.tries = DefaultMaxRetries
	if s.MaxRetries != nil {
		s.tries = *s.MaxRetries
		if s.tries == 0 {
			s.tries = 1
		}
	}
	s.threshold = DefaultErrorThreshold
	if s.ErrorThreshold != nil {
		s.threshold = max(-1, *s.ErrorThreshold)
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
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
			return &InvalidJobError{n.field, fmt.Sprintf("must not be negative, but is %d", n.value)}
		case n.value > n.most:
			return &InvalidJobError{n.field, fmt.Sprintf("must be at most %d, not %d", n.most, n.value)}
		}
	}
	for _, t := range []struct {
		field string
		value time.Duration
	}{{"Timeout", s.Timeout}, {"TimeoutGrace", s.TimeoutGrace}} {
		switch {
		case t.value < 0:
			return &InvalidJobError{t.field, fmt.Sprintf("must not be negative, but is %v", t.value)}
		case t.value > maxTimeout:
			return &InvalidJobError{t.field, fmt.Sprintf("must be at most %v, not %v", maxTimeout, t.value)}
		}
	}
	switch s.LoggingLevel {
	case Warning, Info, Debug:
		return nil
	}
	return &InvalidJobError{"LoggingLevel", fmt.Sprintf("must be warning, info or debug, not %q", s.LoggingLevel)}
}

func (s *settings) checkOutput() error {
	name := s.OutputFileName
	invalid := func(format string, values ...any) error {
		return &InvalidJobError{"OutputFileName", fmt.Sprintf(format, values...)}
	}
	switch {
	case s.OutputAction != AppendRow && s.OutputAction != SummaryOnly:
		return &InvalidJobError{"OutputAction", fmt.Sprintf("must be append_row or summary_only, not %q", s.OutputAction)}
	case strings.ContainsAny(name, forbiddenInFileName), strings.ContainsFunc(name, unicode.IsControl):
		return invalid("must be a plain name without control characters and any of %s, not %q", forbiddenInFileName, name)
	case strings.Trim(name, ". ") == "", strings.TrimRight(name, ". ") != name:
		return invalid("must not end in a dot or a space, as %q does", name)
	case len(name) > maxFileName:
		return invalid("must have at most %d bytes, not %d", maxFileName, len(name))
	}
	return nil
}

func (s *settings) checkEnv() error {
	for _, name := range s.ScriptEnv {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return &InvalidJobError{"ScriptEnv", fmt.Sprintf("must have names of environment variables without values, not %q", name)}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return &InvalidJobError{"Env", fmt.Sprintf("must have names of environment variables, not %q", name)}
		}
		if strings.Contains(s.Env[name], "\x00") {
			return &InvalidJobError{"Env", fmt.Sprintf("must have values without NUL, not as %s", name)}
		}
	}
	return nil
}

// checkScript looks for the script in the code folder: its absence would only show as an import that fails.
func (s *settings) checkScript() error {
	switch {
	case s.Func != nil && s.Script != "":
		return &InvalidJobError{"Func", "must not be set together with Script: only one of them can score"}
	case s.Func != nil:
		return nil
	case s.Script == "":
		return s.checkScriptless()
	case s.Code == "":
		return &InvalidJobError{"Code", "must name the folder that holds the scoring script"}
	case !isFolder(s.Code):
		return &InvalidJobError{"Code", fmt.Sprintf("must name a folder; there is none at %q", s.Code)}
	case !filepath.IsLocal(s.scriptInCode()):
		return &InvalidJobError{"Script", fmt.Sprintf("must be a path inside the code folder, not %q", s.Script)}
	}
	info, err := os.Stat(s.scriptPath())
	if err != nil || !info.Mode().IsRegular() {
		return &InvalidJobError{"Script", fmt.Sprintf("must name a file in the code folder; there is no %q in %q", s.Script, s.Code)}
	}
	return s.checkModuleName()
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// checkModuleName refuses a script that no import can find: Python takes every dot of a module name
// for the end of a folder's name.
func (s *settings) checkModuleName() error {
	name, isPython := strings.CutSuffix(path.Clean(filepath.ToSlash(s.scriptInCode())), ".py")
	switch {
	case !isPython:
		return &InvalidJobError{"Script", fmt.Sprintf("must end in .py, because it is imported as a Python module; %q does not", s.Script)}
	case strings.Contains(name, "."):
		return &InvalidJobError{"Script", fmt.Sprintf("must have no further dot in its path, because no import finds %q then; "+
			"rename it to %q", s.Script, strings.ReplaceAll(name, ".", "_")+".py")}
	}
	return nil
}

func (s *settings) scriptPath() string {
	return filepath.Join(s.Code, s.scriptInCode())
}

// scriptInCode is the script's path inside the code folder: either slash separates, as for the service.
func (s *settings) scriptInCode() string {
	return filepath.FromSlash(strings.ReplaceAll(s.Script, `\`, "/"))
}

func (s *settings) checkModel() error {
	if s.Model == "" || s.Func != nil {
		return nil
	}
	if _, err := os.Stat(s.Model); err != nil {
		return &InvalidJobError{"Model", fmt.Sprintf("must name a file or a folder: %v", err)}
	}
	return nil
}

// checkPython looks for the interpreter.
func (s *settings) checkPython() error {
	if s.Func != nil {
		return nil
	}
	if _, err := exec.LookPath(s.Python); err != nil {
		return &InvalidJobError{"Python", fmt.Sprintf("must name a Python interpreter: %v", err)}
	}
	return nil
}

// checkFolders refuses folders that cannot be what they are named for, and results among the input: the next job would
// score them.
func (s *settings) checkFolders() error {
	in, err := os.Stat(s.Input)
	switch {
	case s.Input == "":
		return &InvalidJobError{"Input", "must name a folder of files, or one file"}
	case errors.Is(err, fs.ErrNotExist):
		return &InvalidJobError{"Input", fmt.Sprintf("must name a folder or a file; there is none at %q", s.Input)}
	case err == nil && !in.IsDir() && !in.Mode().IsRegular():
		return &InvalidJobError{"Input", fmt.Sprintf("must name a folder or a file; %q is neither", s.Input)}
	case s.Output == "":
		return &InvalidJobError{"Output", "must name a folder for the results"}
	}
	for _, folder := range []struct{ field, path string }{{"Output", s.Output}, {"Logs", s.Logs}} {
		if info, err := os.Stat(folder.path); err == nil && !info.IsDir() {
			return &InvalidJobError{folder.field, fmt.Sprintf("must name a folder; %q is none", folder.path)}
		}
	}
	if out, statErr := os.Stat(s.Output); statErr == nil && err == nil && os.SameFile(in, out) {
		return &InvalidJobError{"Output", "must not be the input folder; name another, which may lie in it"}
	}
	return nil
}

// absolutePaths frees the job from the working directory: workers have one of their own.
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

// moduleName is the script's name for an import: sub/score.py is sub.score.
func moduleName(script string) string {
	name := strings.TrimSuffix(path.Clean(strings.ReplaceAll(script, `\`, "/")), ".py")
	return strings.ReplaceAll(name, "/", ".")
}
