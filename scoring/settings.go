package scoring

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
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
	for _, check := range []func() error{s.checkNumbers, s.checkOutput, s.checkEnv, s.checkScript, s.checkModel, s.checkEnvironment} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	if err := s.absolutePaths(); err != nil {
		return nil, err
	}
	if err := s.checkFolders(); err != nil {
		return nil, err
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
		s.tries = max(1, *s.MaxRetries)
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
	switch {
	case s.MiniBatchSize < 0:
		return &InvalidJobError{"MiniBatchSize", fmt.Sprintf("%d is negative", s.MiniBatchSize)}
	case s.MaxConcurrencyPerInstance < 0:
		return &InvalidJobError{"MaxConcurrencyPerInstance", fmt.Sprintf("%d is negative", s.MaxConcurrencyPerInstance)}
	case s.InstanceCount < 0:
		return &InvalidJobError{"InstanceCount", fmt.Sprintf("%d is negative", s.InstanceCount)}
	case s.MaxConcurrencyPerInstance > maxConcurrency:
		return &InvalidJobError{"MaxConcurrencyPerInstance", fmt.Sprintf("%d is more than %d", s.MaxConcurrencyPerInstance, maxConcurrency)}
	case s.InstanceCount > maxInstances:
		return &InvalidJobError{"InstanceCount", fmt.Sprintf("%d is more than %d", s.InstanceCount, maxInstances)}
	case s.MaxRetries != nil && *s.MaxRetries < 0:
		return &InvalidJobError{"MaxRetries", fmt.Sprintf("%d is negative", *s.MaxRetries)}
	case s.Timeout < 0:
		return &InvalidJobError{"Timeout", fmt.Sprintf("%v is negative", s.Timeout)}
	case s.Timeout > maxTimeout:
		return &InvalidJobError{"Timeout", fmt.Sprintf("%v is longer than %v", s.Timeout, maxTimeout)}
	case s.TimeoutGrace < 0:
		return &InvalidJobError{"TimeoutGrace", fmt.Sprintf("%v is negative", s.TimeoutGrace)}
	case s.TimeoutGrace > maxTimeout:
		return &InvalidJobError{"TimeoutGrace", fmt.Sprintf("%v is longer than %v", s.TimeoutGrace, maxTimeout)}
	}
	switch s.LoggingLevel {
	case Warning, Info, Debug:
		return nil
	}
	return &InvalidJobError{"LoggingLevel", fmt.Sprintf("%q is none of warning, info, debug", s.LoggingLevel)}
}

func (s *settings) checkOutput() error {
	name := s.OutputFileName
	switch {
	case s.Input == "":
		return &InvalidJobError{"Input", "empty; name a folder of files to score, or one file"}
	case s.Output == "":
		return &InvalidJobError{"Output", "empty; name a folder for the results"}
	case s.OutputAction != AppendRow && s.OutputAction != SummaryOnly:
		return &InvalidJobError{"OutputAction", fmt.Sprintf("%q is neither append_row nor summary_only", s.OutputAction)}
	case strings.ContainsAny(name, forbiddenInFileName):
		return &InvalidJobError{"OutputFileName", fmt.Sprintf("%q holds one of %s", name, forbiddenInFileName)}
	case !filepath.IsLocal(name) || name == "." || strings.Contains(name, "\x00"):
		return &InvalidJobError{"OutputFileName", fmt.Sprintf("%q is no file name", name)}
	case len(name) > maxFileName:
		return &InvalidJobError{"OutputFileName", fmt.Sprintf("%d bytes are more than %d", len(name), maxFileName)}
	}
	return nil
}

func (s *settings) checkEnv() error {
	for _, name := range s.ScriptEnv {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return &InvalidJobError{"ScriptEnv", fmt.Sprintf("%q cannot be the name of an environment variable; give names without values", name)}
		}
	}
	for name, value := range s.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
			return &InvalidJobError{"Env", fmt.Sprintf("%q cannot be the name of an environment variable with the value %q", name, value)}
		}
	}
	return nil
}

// checkScript looks for the script in the code folder: its absence would only show as an import that fails.
func (s *settings) checkScript() error {
	switch {
	case s.Func != nil && s.Script != "":
		return &InvalidJobError{"Func", "set together with Script; only one of them can score"}
	case s.Func != nil:
		return nil
	case s.Script == "":
		return s.checkScriptless()
	case s.Code == "":
		return &InvalidJobError{"Code", "empty; name the folder that holds the scoring script"}
	case !filepath.IsLocal(s.scriptInCode()):
		return &InvalidJobError{"Script", fmt.Sprintf("%q leaves the code folder", s.Script)}
	}
	info, err := os.Stat(s.scriptPath())
	if err != nil || !info.Mode().IsRegular() {
		return &InvalidJobError{"Script", fmt.Sprintf("there is no file %q in the code folder %q", s.Script, s.Code)}
	}
	return s.checkModuleName()
}

// checkModuleName refuses a script that no import can find: Python takes every dot of a module name
// for the end of a folder's name.
func (s *settings) checkModuleName() error {
	name, isPython := strings.CutSuffix(path.Clean(filepath.ToSlash(s.scriptInCode())), ".py")
	switch {
	case !isPython:
		return &InvalidJobError{"Script", fmt.Sprintf("%q is imported as a Python module; its name must end in .py", s.Script)}
	case strings.Contains(name, "."):
		return &InvalidJobError{"Script", fmt.Sprintf("%q cannot be imported as a Python module: a dot in its path stands for a folder; "+
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
	if s.Model == "" {
		return nil
	}
	if _, err := os.Stat(s.Model); err != nil {
		return &InvalidJobError{"Model", fmt.Sprintf("cannot be read: %v", err)}
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

// checkFolders refuses results among the input: the next job would score them.
func (s *settings) checkFolders() error {
	in, err := os.Stat(s.Input)
	if err != nil {
		return nil //nolint:nilerr // what cannot be read fails the job, in the service's words
	}
	if out, err := os.Stat(s.Output); err == nil && os.SameFile(in, out) {
		return &InvalidJobError{"Output", "it is the input folder; name another, which may lie in it"}
	}
	return nil
}

// moduleName is the script's name for an import: sub/score.py is sub.score.
func moduleName(script string) string {
	name := strings.TrimSuffix(path.Clean(strings.ReplaceAll(script, `\`, "/")), ".py")
	return strings.ReplaceAll(name, "/", ".")
}
