package azmlbatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A JobFailedError is a job that ended as Failed or Canceled, with what its logs say about the
// cause.
type JobFailedError struct {
	// Job as it ended.
	Job Job
	// Message is the cause in one line: the last line of the user's traceback, else the service's
	// own words. A try that failed before its mini-batch succeeded is no cause.
	Message string
	// Traceback is the exception of the user's script that ended the job, whole. The end of
	// standard error follows where the exception says nothing by itself, as SystemExit. Empty when
	// the logs hold none.
	Traceback string
	// MiniBatch is the number of the mini-batch that most likely ended the job, counted from 0: of
	// those whose last try failed, the one with the most tries, and of these the first in the report;
	// without any, one with too few rows. -1 when there is none or it is unknown.
	MiniBatch int
	// File is the input file that the traceback or the failed mini-batch points at; empty when
	// unknown.
	File string
	// Node and Process say where the script ran, for example "0" and "process000"; empty when
	// unknown.
	Node, Process string
	// Log is the place of the log that Message comes from, azureml://datastores/…; empty when no
	// log could be read.
	Log string
	// Hint says what usually helps; empty when the cause is not a known one.
	Hint string
	// Counts say how many files were done and failed when the job ended, from the engine's report;
	// -1 when unknown.
	Counts JobCounts
	// Err is why some or all logs could not be read; nil when they were. It says nothing about the
	// job: errors.Is and errors.As do not look into it, but for the two errors of contexts.
	Err error
}

// Error names the job, the cause and where it happened on the first line; the user's traceback
// follows, or else why logs could not be read. Signatures and other query strings of URLs are left
// out; the fields have them.
func (e *JobFailedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, prefix+"job %q ended as %s", e.Job.Name, e.Job.Status)
	if e.Message != "" {
		b.WriteString(": " + oneLine(redact(e.Message)))
	}
	var where []string
	if e.MiniBatch >= 0 {
		where = append(where, fmt.Sprintf("mini-batch %d", e.MiniBatch))
	}
	if e.File != "" {
		where = append(where, fmt.Sprintf("file %q", e.File))
	}
	if e.Process != "" {
		process := e.Process
		if e.Node != "" {
			process += " on node " + e.Node
		}
		where = append(where, process)
	}
	if e.Log != "" {
		where = append(where, "log "+e.Log)
	}
	if len(where) > 0 {
		b.WriteString(" (" + strings.Join(where, ", ") + ")")
	}
	if e.Err != nil && e.Traceback == "" {
		first, _, _ := strings.Cut(e.Err.Error(), "\n") // of several logs: the others mostly say the same
		b.WriteString("; not all logs could be read: " + redact(strings.TrimPrefix(first, prefix)))
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	if e.Traceback != "" {
		b.WriteString("\n" + redact(e.Traceback))
	}
	return b.String()
}

// Is matches context.Canceled and context.DeadlineExceeded if the context ended while the logs were
// read. There is no Unwrap: a log that is not found must not make a job that exists ErrNotFound.
func (e *JobFailedError) Is(target error) bool {
	return (target == context.Canceled || target == context.DeadlineExceeded) && errors.Is(e.Err, target)
}

// explain reads the logs of a job that ended badly: the report, the result, and then the few logs
// that hold causes, in the order in which they do.
func (j JobsClient) explain(ctx context.Context, job Job) error {
	failed := &JobFailedError{Job: job, MiniBatch: -1, Counts: unknownCounts()}
	if job.Status == JobStatusCanceled {
		failed.Message = "it was canceled, or its nodes were lost (low-priority nodes can be preempted)"
		return failed
	}
	step, err := j.failedStep(ctx, job.Name)
	if err != nil {
		failed.Err = err
		j.explainByRun(ctx, failed)
		return failed
	}
	failed.Message = step.Message
	if logs, err := j.listLogs(ctx, job.Name, step); err != nil {
		failed.Err = err
	} else {
		failed.Err = (&causeFinder{jobs: j, logs: logs, failed: failed}).find(ctx)
	}
	failed.Hint = cmp.Or(failed.Hint, hintFor(failed.Message+"\n"+failed.Traceback+"\n"+step.Message))
	if failed.Message == "" {
		j.explainByRun(ctx, failed)
	}
	return failed
}

// explainByRun takes the cause from the job's own run, which has the service's words for a job that
// failed before a step began.
func (j JobsClient) explainByRun(ctx context.Context, failed *JobFailedError) {
	r, err := j.run(ctx, failed.Job.Name)
	message := r.step().Message
	if err != nil || message == "" {
		return
	}
	failed.Message, failed.Hint = message, cmp.Or(failed.Hint, hintFor(message))
	if errors.Is(failed.Err, errNoScoringStep) {
		failed.Err = nil // there is no step, and so there are no logs of one
	}
}

// causeLogs are the logs that may hold the cause, most telling first. The head process's own log
// comes last: its traceback is the driver's exit with code 42 and says nothing.
var causeLogs = []*regexp.Regexp{
	regexp.MustCompile(`^logs/job_error.*\.txt$`),
	regexp.MustCompile(`^logs/user/error(\.txt|/.*\.txt)$`),
	regexp.MustCompile(`^logs/user/stderr/.*\.txt$`),
	regexp.MustCompile(`^logs/user/stdout/.*\.txt$`),
	regexp.MustCompile(`^(user_logs/std_log.*|azureml-logs/70_driver_log)\.txt$`),
}

const (
	jobResultLog = "logs/job_result.txt"

	maxLogRead   = 1 << 20 // of one log, which may be huge
	maxCauseLogs = 50      // a job has some logs for each of its processes
	maxUnread    = 5       // of them, because each costs all retries when storage is down
)

// causeFinder looks for the cause of a failed job in its logs.
type causeFinder struct {
	jobs   JobsClient
	logs   []JobLog
	report jobReport
	failed *JobFailedError // to be filled in
}

// find fills in the cause. If a log cannot be read, the others still are.
func (f *causeFinder) find(ctx context.Context) error {
	unread := []error{f.readReport(ctx), f.readResult(ctx)}
	switch message := f.failed.Message; {
	case reasonIsCause.MatchString(message):
		return errors.Join(unread...)
	case imageBuildFailed.MatchString(message):
		return errors.Join(append(unread, f.addBuildError(ctx))...)
	}
	f.report.latest = strings.Contains(f.failed.Message, "Exception: Run failed.")
	call, err := f.findCall(ctx)
	found := call.exception != ""
	unread = append(unread, err)
	if lost := f.report.lost; lost != nil && (!f.report.latest || lost.causedBy(call)) {
		if !found && lost.message != "" { // it is behind the part of the logs that was read
			f.failed.Message, f.failed.Process, f.failed.Log = lost.message, lost.process, logURI(f.logs, miniBatchReport)
		}
		f.failed.MiniBatch, f.failed.File = lost.id, guiltyFile(lost.files, f.failed.Traceback)
	}
	if found {
		unread = append(unread, f.addPrinted(ctx))
	}
	return errors.Join(unread...)
}

// reasonIsCause matches the reasons of failed jobs that are not about the script, whatever happened
// to its mini-batches before.
var reasonIsCause = regexp.MustCompile(`^the path already exists|^No progress update|^scoring: `)

// readReport reads the engine's report, which tells which mini-batch cost the job files.
func (f *causeFinder) readReport(ctx context.Context) error {
	r, err := f.open(ctx, miniBatchReport)
	if r == nil {
		return err
	}
	defer r.Close()
	f.report, err = readReport(r)
	f.failed.Counts = f.report.counts
	return err
}

// readResult reads how the job ended. The engine's reason says more than the step's message.
func (f *causeFinder) readResult(ctx context.Context) error {
	r, err := f.open(ctx, jobResultLog)
	if r == nil {
		return err
	}
	defer r.Close()
	text, err := readText(r)
	if reason := resultReason(text); reason != "" {
		f.failed.Message, f.failed.Log = reason, logURI(f.logs, jobResultLog)
	}
	return err
}

// open opens a log by its name. It returns nil if there is no such log.
func (f *causeFinder) open(ctx context.Context, name string) (io.ReadCloser, error) {
	at := slices.IndexFunc(f.logs, func(l JobLog) bool { return l.Name == name })
	if at < 0 {
		return nil, nil
	}
	return f.jobs.OpenLog(ctx, f.logs[at])
}

// findCall looks for the failed call of the script that ended the job. It returns none if there is
// none. The error tells the logs that could not be read on the way, also when another one had it.
func (f *causeFinder) findCall(ctx context.Context) (traceback, error) {
	read := 0
	var unread []error
	for _, pattern := range causeLogs {
		for _, l := range f.logs {
			if !pattern.MatchString(l.Name) {
				continue
			}
			if read++; read > maxCauseLogs || len(unread) == maxUnread || len(unread) > 0 && ctx.Err() != nil {
				return traceback{}, errors.Join(unread...)
			}
			text, err := f.jobs.readLog(ctx, l)
			if err != nil {
				unread = append(unread, err)
				continue
			}
			if call, ok := f.report.cause(failedCalls(text)); ok {
				to := f.failed
				to.Traceback, to.Message, to.Hint, to.Log = call.text, call.exception, call.hint, l.URI
				to.Node, to.Process = cmp.Or(call.node, l.node()), cmp.Or(call.process, l.process())
				return call, errors.Join(unread...)
			}
		}
	}
	return traceback{}, errors.Join(unread...)
}

// addPrinted adds what the script printed if its exception says nothing by itself. sys.exit,
// argparse and a process that ends write their reason to standard error. The driver of MLflow
// models writes it to standard output.
func (f *causeFinder) addPrinted(ctx context.Context) error {
	message := f.failed.Message
	switch {
	case message == "SystemExit", strings.HasPrefix(message, "SystemExit: "), strings.HasPrefix(message, "the process ended by "):
		return f.addStderr(ctx)
	case strings.HasSuffix(message, ": No objects to concatenate"):
		return f.addUnreadableFile(ctx)
	}
	return nil
}

// printed finds what the failed process wrote to stdout or stderr.
func (f *causeFinder) printed(stream string) (JobLog, bool) {
	at := slices.IndexFunc(f.logs, func(l JobLog) bool {
		return strings.HasPrefix(l.Name, "logs/user/"+stream+"/") && l.process() == f.failed.Process && l.node() == f.failed.Node
	})
	if at < 0 {
		return JobLog{}, false
	}
	return f.logs[at], true
}

const (
	shownLines = 10      // of standard error in an error
	stderrRead = 8 << 10 // from its end
)

// addStderr adds the end of standard error to the traceback.
func (f *causeFinder) addStderr(ctx context.Context) error {
	l, ok := f.printed("stderr")
	if !ok || l.Size == 0 {
		return nil
	}
	r, err := f.jobs.openLogAt(ctx, l, max(0, l.Size-stderrRead))
	if err != nil {
		return err
	}
	defer r.Close()
	text, err := readText(r)
	if lines := strings.Split(strings.TrimSpace(text), "\n"); lines[0] != "" {
		f.failed.Traceback = strings.TrimPrefix(f.failed.Traceback+"\n", "\n") +
			"The end of " + l.Name + ":\n" + strings.Join(lines[max(0, len(lines)-shownLines):], "\n")
	}
	return err
}

// unreadableFile is what the driver of MLflow models logs for a file that it cannot score
// (Microsoft Learn: how-to-mlflow-batch).
var unreadableFile = regexp.MustCompile(`Error processing input file: .*`)

// addUnreadableFile puts the first file that MLflow could not read before its exception.
func (f *causeFinder) addUnreadableFile(ctx context.Context) error {
	l, ok := f.printed("stdout")
	if !ok {
		return nil
	}
	text, err := f.jobs.readLog(ctx, l)
	if reason := unreadableFile.FindString(text); reason != "" {
		f.failed.Message = reason + " (" + f.failed.Message + ")"
	}
	return err
}

// guiltyFile is the only file of a mini-batch, or the file that the traceback names. Of 1.csv and
// 11.csv it takes the longer name that fits.
func guiltyFile(files []string, traceback string) string {
	if len(files) == 1 {
		return path.Base(files[0])
	}
	guilty := ""
	for _, f := range files {
		if base := path.Base(f); base != "." && strings.Contains(traceback, base) && len(base) > len(guilty) {
			guilty = base
		}
	}
	return guilty
}

// resultReason is why the job failed: the last stamped line of job_result.txt without its stamp. A
// job can complete there and fail afterwards, when its output is stored: that is no reason.
func resultReason(text string) string {
	reason := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if stamp, rest, ok := strings.Cut(line, " "); ok && logStamp.MatchString(stamp) && rest != "" {
			reason = rest
		}
	}
	if strings.HasPrefix(reason, "The job completed.") {
		return ""
	}
	return reason
}

func logURI(logs []JobLog, name string) string {
	at := slices.IndexFunc(logs, func(l JobLog) bool { return l.Name == name })
	if at < 0 {
		return ""
	}
	return logs[at].URI
}

// readLog reads the beginning of a log.
func (j JobsClient) readLog(ctx context.Context, l JobLog) (string, error) {
	r, err := j.OpenLog(ctx, l)
	if err != nil {
		return "", err
	}
	defer r.Close()
	return readText(r)
}

// readText reads the beginning of a text that may be huge.
func readText(r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxLogRead))
	return strings.ToValidUTF8(string(b), "\uFFFD"), err
}

// hints are causes that users of batch endpoints meet, with what helped them. The command shows them
// as they are, so they name no fields of Go.
var hints = []struct{ text, hint string }{
	{"mage build failed", "correct the environment's image, conda file or requirements; the log has all that the build said"},
	{"the folder has no files", "check the URI of the input: the folder has no file directly in it"},
	{"The specified blob does not exist.)", "check the URI of the input: there is no such file"},
	{"succeeded mini batch item returned from run()", "every file failed or run returned nothing: return one element per file, and read the traceback, or logs/user/error"},
	{"should return a list or a pandas DataFrame", "run must return a list or a pandas DataFrame, not None, text, dict, array or a generator"},
	{"Can't mount Dataset", "the input has no file directly in it, or the cluster's identity cannot read it: check the URI, and give it Storage Blob Data Reader"},
	{"Dataset initialization failed", "the input has no file directly in it, or the cluster's identity cannot read it: check the URI, and give it Storage Blob Data Reader"},
	{"is not a package", "a module hides the package: rename the file of the code folder that has its name"},
	{"cannot import name", "another version of the package is installed, or a file of the code folder has its name: pin the version in the environment, or rename the file"},
	{"No module named 'azureml'", "add azureml-core and azureml-dataset-runtime[fuse] to the environment's conda file"},
	{"No module named 'pkg_resources'", "add setuptools<81 to the environment's conda file"},
	{"No module named 'cv2'", "add opencv-python-headless to the environment's conda file"},
	{"No module named 'sklearn'", "add scikit-learn to the environment's conda file"},
	{"No module named 'PIL'", "add pillow to the environment's conda file"},
	{"No module named 'yaml'", "add pyyaml to the environment's conda file"},
	{"No module named", "the Python that ran the script lacks this module: add its package to the environment, in a version that has it, or the file to the code folder"},
	{"client_sdk_version", "sys.argv holds the options of the driver: parse it with parse_known_args()"},
	{"error: the following arguments are required:", "a deployment cannot pass arguments to its script: read an environment variable instead"},
	{"run() returned ", "return as many rows as files; a file without a row counts as failed"},
	{"[Errno 30]", "a job's input is read-only: write results to the folder in AZUREML_BI_OUTPUT_PATH, and other files to a temporary folder"},
	{"[Errno 28]", "a disk of the node is full: choose a VM size with a larger disk, or remove temporary files after each mini-batch"},
	{"CUDA out of memory", "the GPU lacks memory: lower the mini-batch size or the max concurrency per instance, or choose a larger VM size"},
	{"signal 9 ", "the process may have run out of memory: lower the mini-batch size or the max concurrency per instance, or choose a larger VM size"},
	{"signal 11 ", "native code crashed: check the versions of the packages against the Python and the image of the environment"},
	{"exceeds error threshold", "raise the error threshold, or fix the files that fail"},
	{"the path already exists", "give every job an output of its own"},
	{"No objects to concatenate", "no file of the mini-batch could be read by the MLflow model: check the file types"},
	{"No progress update", "a call of run takes longer than the timeout: raise the timeout of the retry settings, or lower the mini-batch size"},
	{"Datastore has no credentials", "grant the workspace identity access to the storage account"},
	{"took longer than the timeout", "raise the timeout of the retry settings, or lower the mini-batch size"},
	{"run_invocation_timeout", "a call of run takes longer than the timeout: raise the timeout of the retry settings, or lower the mini-batch size"},
	{"AuthenticationException", "the identity that reads the input lacks Storage Blob Data Reader"},
	{"Failed to create table", "in a private network the workspace's storage needs queue and table endpoints too"},
}

func hintFor(text string) string {
	for _, h := range hints {
		if strings.Contains(text, h.text) {
			return h.hint
		}
	}
	return ""
}
