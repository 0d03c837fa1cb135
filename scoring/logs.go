package scoring

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// logTree writes the logs of a job in Azure's layout, each line as it happens.
//
// The layout and the formats of lines come from Microsoft Learn
// (how-to-troubleshoot-batch-endpoints, how-to-debug-parallel-run-step) and azure-sdk-for-python
// issue 31839. The current wording of the overview and result logs is not documented, so readers
// must not parse them strictly.
type logTree struct {
	dir     string
	now     func() time.Time
	started time.Time // its hour is in the names of some files

	// overviewName is the name of the overview log. Empty means one that changes every day.
	overviewName string

	// printedOnly leaves out all logs but what processes print: nobody could read them.
	printedOnly bool

	mu    sync.Mutex
	files map[string]*os.File
	err   error // the first one; a log that is not complete must not pass for one that is
}

const (
	stdLogFile    = "user_logs/std_log_0.txt"
	readmeFile    = "logs/readme.txt"
	jobResultFile = "logs/job_result.txt"

	stdoutFolder      = "logs/user/stdout"
	entryScriptFolder = "logs/user/entry_script_log"

	logTime = "2006-01-02T15:04:05.000000" // UTC, without a zone
)

func newLogTree(dir string, now func() time.Time) (*logTree, error) {
	l := &logTree{dir: dir, now: now, started: now().UTC(), files: map[string]*os.File{}}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("scoring: logs: %w", err)
	}
	l.write(readmeFile, readmeText)
	l.write(l.errorFile(), l.line(errorFileHead))
	if l.err != nil {
		return nil, l.close()
	}
	return l, nil
}

const hourStamp = "2006010215"

// overviewFile is the name of the overview log, which changes every day.
func (l *logTree) overviewFile() string {
	if l.overviewName != "" {
		return l.overviewName
	}
	days := l.now().UTC().Sub(l.started).Truncate(24 * time.Hour)
	return "logs/job_progress_overview." + l.started.Add(days).Format(hourStamp) + ".txt"
}

func (l *logTree) errorFile() string { return "logs/job_error." + l.started.Format(hourStamp) + ".txt" }
func (l *logTree) masterFile() string {
	return "logs/sys/master_role." + l.started.Format(hourStamp) + ".txt"
}

func nodeFile(node int, process string) string {
	return fmt.Sprintf("logs/sys/node/%d/%s.txt", node, process)
}

func processErrorFile(node int, process string) string {
	return fmt.Sprintf("logs/user/error/%d/%s.txt", node, process)
}

func stderrFile(node int, process string) string {
	return fmt.Sprintf("logs/user/stderr/%d/%s.stderr.txt", node, process)
}

// path returns the path of a log and creates its folder.
func (l *logTree) path(name string) (string, error) {
	path := filepath.Join(l.dir, filepath.FromSlash(name))
	return path, os.MkdirAll(filepath.Dir(path), 0o755)
}

// write appends text to a log.
func (l *logTree) write(name, text string) {
	if l.printedOnly {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	file := l.files[name]
	if file == nil {
		path, err := l.path(name)
		if err == nil {
			file, err = openLog(path)
		}
		if err != nil {
			l.keepError(err)
			return
		}
		l.files[name] = file
	}
	if _, err := file.WriteString(text); err != nil {
		l.keepError(err)
	}
}

func (l *logTree) keepError(err error) {
	if l.err == nil {
		l.err = fmt.Errorf("scoring: logs: %w", err)
	}
}

// openLog opens a file for appending. Several writers can do so at once.
func openLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
}

// line formats a line of the progress, error and result logs.
func (l *logTree) line(text string) string {
	return l.now().UTC().Format(logTime) + " " + text + "\n"
}

// overview adds a line to the progress log.
func (l *logTree) overview(format string, values ...any) {
	l.write(l.overviewFile(), l.line(fmt.Sprintf(format, values...)))
}

// result adds a line to the result log.
func (l *logTree) result(text string) {
	l.write(jobResultFile, l.line(text))
}

// system adds a line to a system log: time, level, process, thread and text.
func (l *logTree) system(name, level string, pid, thread int, format string, values ...any) {
	if l.printedOnly {
		return // here too, because formatting takes longer than all else that the engine does
	}
	stamp := strings.Replace(l.now().UTC().Format("2006-01-02 15:04:05.000"), ".", ",", 1)
	l.write(name, fmt.Sprintf("%s|%s|%d|%d|%s\n", stamp, level, pid, thread, fmt.Sprintf(format, values...)))
}

// master adds a line to the log of the head process.
func (l *logTree) master(level, format string, values ...any) {
	l.system(l.masterFile(), level, os.Getpid(), 0, format, values...)
}

// node adds a line to the log of one of a node's processes, or of its main process.
func (l *logTree) node(node int, process, level string, pid, thread int, format string, values ...any) {
	l.system(nodeFile(node, process), level, pid, thread, format, values...)
}

// closeLogsOf closes the logs of a process that has ended. A job may have a great many processes,
// one after another.
func (l *logTree) closeLogsOf(node int, process string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range []string{nodeFile(node, process), processErrorFile(node, process)} {
		if file := l.files[name]; file != nil {
			delete(l.files, name)
			if err := file.Close(); err != nil {
				l.keepError(err)
			}
		}
	}
}

// scriptError writes an error of the script to the logs for errors.
func (l *logTree) scriptError(e *ScriptError) {
	text := e.Traceback
	if text == "" || e.TimedOut || e.Exited {
		text = strings.TrimSuffix(e.Message+"\n"+e.Traceback, "\n")
	}
	if e.TooFewRows {
		text += fmt.Sprintf(" of mini-batch %d", e.MiniBatch)
	}
	text = strings.TrimRight(text, "\n")
	line := l.line(fmt.Sprintf("The %s on node %d failed with error: %s", e.Process, e.Node, text))
	if e.Hint != "" { // the service does not write such a line
		line += l.line(hintHead + e.Hint)
	}
	l.write(l.errorFile(), line)
	l.write(processErrorFile(e.Node, e.Process), l.line(e.Error())+line)
}

// hintHead begins the line with the hint, after an error.
const hintHead = "Hint: "

// shownOfStderr is how many lines of standard error an error shows.
const shownOfStderr = 10

// lastStderr returns the last lines that a process wrote to standard error.
func (l *logTree) lastStderr(node int, process string) string {
	path := filepath.Join(l.dir, filepath.FromSlash(stderrFile(node, process)))
	lines := strings.Split(strings.TrimSpace(readTail(path)), "\n")
	return strings.Join(lines[max(0, len(lines)-shownOfStderr):], "\n")
}

// std writes to the head process's own output. As in Azure, it does not say why a job failed.
func (l *logTree) std(lines ...string) {
	l.write(stdLogFile, strings.Join(lines, "\n")+"\n")
}

// start writes the first lines of the logs.
func (l *logTree) start() {
	l.std("Azure Machine Learning Batch Inference Start",
		l.now().UTC().Format("[2006-01-02 15:04:05.000000] ")+"No started flag set. Skip creating started flag.")
	l.master("INFO", "Start scheduling.")
}

// end writes how the job ended. reason is empty for a completed job.
func (l *logTree) end(reason string, lines ...string) {
	l.std(append([]string{"Azure Machine Learning Batch Inference End",
		"Cleaning up all outstanding Run operations, waiting 300.0 seconds",
		"2 items cleaning up...", "Cleanup took 0.0 seconds"}, lines...)...)
	if reason == "" {
		reason = "The job completed. Failed items, if any, are explained in job_error and in logs/user/error."
	}
	l.result(reason)
	l.master("INFO", "End: %s", reason)
}

// close closes all logs and returns the first error that occurred.
func (l *logTree) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, file := range l.files {
		if err := file.Close(); err != nil {
			l.keepError(err)
		}
	}
	return l.err
}

// readTail returns the end of a log for an error message. The log may be huge.
func readTail(path string) string {
	const most = 4 << 10
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	if end, err := file.Seek(0, io.SeekEnd); err == nil {
		_, _ = file.Seek(max(0, end-most), io.SeekStart) // if it fails, so does the read
	}
	text, _ := io.ReadAll(io.LimitReader(file, most)) // as much as can be read
	return strings.ToValidUTF8(string(text), "\uFFFD")
}

// plural returns a count with its noun.
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func indent(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	return "\n\t" + strings.ReplaceAll(text, "\n", "\n\t")
}

const errorFileHead = `This file shows errors in loading, calling init() and calling run() of the entry script. ` +
	`An error here may not impact the job result. Please check "job_result.txt" for the job result.`

const readmeText = `The logs of a batch scoring job:

job_result.txt                       how the job ended
job_error.*.txt                      every error of the scoring script
job_progress_overview.*.txt          progress in words
user/error/<node>/processNNN.txt     the errors of one process
user/stdout/<node>/, user/stderr/    what the script printed
user/entry_script_log/<node>/        what the script logged with EntryScript().logger
sys/master_role.*.txt                scheduling
sys/node/<node>/processNNN.txt       what a process did
sys/node/<node>/_main.txt            how processes started and ended
sys/job_report/                      one line for each try of a mini-batch, each node and each process
../user_logs/std_log_0.txt           the output of the head process
`
