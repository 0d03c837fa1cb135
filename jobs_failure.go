package azmlbatch

import (
	"bufio"
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

// A JobFailedError is a job that ended as Failed or Canceled, with what its logs say about the cause.
type JobFailedError struct {
	// Job as it ended.
	Job Job
	// Message is the cause in one line: the last line of the user's traceback, else the service's own words.
	Message string
	// Traceback is the first exception of the user's script, whole. Empty when the logs hold none.
	Traceback string
	// MiniBatch is the number of the mini-batch that failed first, counted from 0; -1 when unknown.
	MiniBatch int
	// File is the input file that the traceback or the failed mini-batch points at; empty when unknown.
	File string
	// Node and Process say where the script ran, for example "0" and "process000"; empty when unknown.
	Node, Process string
	// Log is the place of the log that Message comes from, azureml://datastores/…; empty when no log could be read.
	Log string
	// Hint says what usually helps; empty when the cause is not a known one.
	Hint string
	// Counts say how many files were done and failed when the job ended, from the engine's report; -1 when unknown.
	Counts JobCounts
	// Err is why the logs could not be read; nil when they were.
	Err error
}

// Error names the job, the cause and where it happened on the first line; the user's traceback follows. Signatures and
// other query strings of URLs are left out of both; the fields have them.
func (e *JobFailedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "azmlbatch: job %q ended as %s", e.Job.Name, e.Job.Status)
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
		where = append(where, e.Process+" on node "+e.Node)
	}
	if e.Log != "" {
		where = append(where, "log "+e.Log)
	}
	if len(where) > 0 {
		b.WriteString(" (" + strings.Join(where, ", ") + ")")
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	if e.Traceback != "" {
		b.WriteString("\n" + redact(e.Traceback))
	}
	return b.String()
}

// Unwrap returns why the logs could not be read, if that is so.
func (e *JobFailedError) Unwrap() error { return e.Err }

// explain reads the logs of a job that ended badly. It asks as little as it can: run history for the step, one listing,
// and the few files that hold causes, in the order in which they do.
func (j JobsClient) explain(ctx context.Context, job Job) error {
	failed := &JobFailedError{Job: job, MiniBatch: -1, Counts: unknownCounts()}
	if job.Status == JobStatusCanceled {
		failed.Message = "the job was cancelled"
		return failed
	}
	step, err := j.scoringStep(ctx, job.Name)
	if err != nil {
		failed.Err = err
		return failed
	}
	failed.Message = step.Message
	if err := j.readCause(ctx, step, failed); err != nil {
		failed.Err = err
	}
	failed.Hint = cmp.Or(failed.Hint, hintFor(failed.Message+"\n"+failed.Traceback+"\n"+step.Message))
	return failed
}

// causeLogs are the logs that may hold the cause, most telling first. The head process's own log comes last: its
// traceback is the driver's exit with code 42 and says nothing.
var causeLogs = []*regexp.Regexp{
	regexp.MustCompile(`^logs/job_error.*\.txt$`),
	regexp.MustCompile(`^logs/user/error(\.txt|/.*\.txt)$`),
	regexp.MustCompile(`^logs/user/stderr/.*\.txt$`),
	regexp.MustCompile(`^logs/user/stdout/.*\.txt$`),
	regexp.MustCompile(`^logs/job_result\.txt$`),
	regexp.MustCompile(`^(user_logs/std_log.*|azureml-logs/70_driver_log)\.txt$`),
}

const (
	miniBatchReport = "logs/sys/job_report/processed_mini-batches.csv"
	maxLogRead      = 1 << 20 // a log may be huge; the first exception stands near its beginning
)

func (j JobsClient) readCause(ctx context.Context, step JobStep, failed *JobFailedError) error {
	logs, err := j.listLogs(ctx, failed.Job.Name, step)
	if err != nil {
		return err
	}
	for _, pattern := range causeLogs {
		for _, l := range logs {
			if !pattern.MatchString(l.Name) {
				continue
			}
			text, err := j.readLog(ctx, l)
			if err != nil {
				return err
			}
			if t, ok := findFailedCall(text); ok {
				failed.Traceback, failed.Message, failed.Hint, failed.Log = t.text, t.exception, t.hint, l.URI
				failed.Node, failed.Process = cmp.Or(t.node, l.node()), cmp.Or(t.process, l.process())
				return errors.Join(j.addPrinted(ctx, logs, failed), j.readMiniBatch(ctx, logs, failed))
			}
			if l.Name == "logs/job_result.txt" && strings.TrimSpace(text) != "" {
				failed.Message, failed.Log = cmp.Or(resultCause(text), failed.Message), l.URI
			}
		}
	}
	return j.readMiniBatch(ctx, logs, failed)
}

// addPrinted adds what the script printed where its exception says nothing by itself: sys.exit and argparse write their
// reason to standard error, and the driver of MLflow models writes it to standard output.
func (j JobsClient) addPrinted(ctx context.Context, logs []JobLog, failed *JobFailedError) error {
	stream := ""
	switch {
	case strings.HasPrefix(failed.Message, "SystemExit"):
		stream = "stderr"
	case strings.HasSuffix(failed.Message, ": No objects to concatenate"):
		stream = "stdout"
	}
	at := slices.IndexFunc(logs, func(l JobLog) bool {
		return strings.HasPrefix(l.Name, "logs/user/"+stream+"/") && l.process() == failed.Process && l.node() == failed.Node
	})
	if stream == "" || at < 0 {
		return nil
	}
	text, err := j.readLog(ctx, logs[at])
	if err != nil {
		return err
	}
	if stream == "stdout" {
		if reason := unreadableFile.FindString(text); reason != "" {
			failed.Message = reason + " (" + failed.Message + ")"
		}
		return nil
	}
	if lines := strings.Split(strings.TrimSpace(text), "\n"); lines[0] != "" && len(text) < maxLogRead {
		failed.Traceback += "\nThe end of " + logs[at].Name + ":\n" + strings.Join(lines[max(0, len(lines)-shownLines):], "\n")
	}
	return nil
}

// shownLines is how many lines of standard error go into an error.
const shownLines = 10

// unreadableFile is what the driver of MLflow models logs for a file that it cannot score (Microsoft Learn: how-to-mlflow-batch).
var unreadableFile = regexp.MustCompile(`Error processing input file: .*`)

// readMiniBatch finds the first mini-batch that failed, in the report that the engine writes for every attempt.
func (j JobsClient) readMiniBatch(ctx context.Context, logs []JobLog, failed *JobFailedError) error {
	at := slices.IndexFunc(logs, func(l JobLog) bool { return l.Name == miniBatchReport })
	if at < 0 {
		return nil
	}
	text, err := j.readLog(ctx, logs[at])
	if err != nil {
		return err
	}
	if id, files, ok := firstFailedMiniBatch(text); ok {
		failed.MiniBatch = id
		failed.File = guiltyFile(files, failed.Traceback)
	}
	if len(text) < maxLogRead {
		failed.Counts, err = reportCounts(strings.NewReader(text))
	}
	return err
}

// firstFailedMiniBatch finds the first try in the report that failed.
func firstFailedMiniBatch(text string) (id int, files []string, ok bool) {
	for line, err := range reportLines(strings.NewReader(text)) {
		if err != nil {
			break
		}
		if id = count(line("Mini-batch Id")); id >= 0 && reportedFailure(line("Status")) {
			return id, detailFiles(line("Mini-batch Detail")), true
		}
	}
	return 0, nil, false
}

var quotedPattern = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'`)

// detailFiles reads the file names out of a mini-batch's detail, whose form is not evidenced: quoted names, else text
// separated by commas.
func detailFiles(detail string) []string {
	var files []string
	for _, m := range quotedPattern.FindAllStringSubmatch(detail, -1) {
		files = append(files, cmp.Or(m[1], m[2]))
	}
	if files == nil {
		for _, f := range strings.Split(strings.Trim(detail, "[] "), ",") {
			if f = strings.TrimSpace(f); f != "" {
				files = append(files, f)
			}
		}
	}
	return files
}

// guiltyFile is the one file of a mini-batch, or the one that the traceback names: 11.csv and not 1.csv, which is in it.
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

// traceback is one Python exception as a log shows it, and the hint that may follow it.
type traceback struct{ text, exception, node, process, hint string }

var (
	tracebackWhere = regexp.MustCompile(`(process\d+) on node (\S+)`)
	failedCall     = regexp.MustCompile(`(process\d+) on node (\S+) failed with error: (.+)`)
	logStamp       = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}`)
)

const tracebackHead = "Traceback (most recent call last):"

// findFailedCall returns the first failed call of the script in a log: its exception, else what happened to its process
// or to its rows.
func findFailedCall(log string) (traceback, bool) {
	if t, ok := findTraceback(log); ok {
		return t, true
	}
	lines := strings.Split(strings.ReplaceAll(log, "\r\n", "\n"), "\n")
	for i, line := range lines {
		if m := failedCall.FindStringSubmatch(line); m != nil && m[3] != tracebackHead {
			below := slices.IndexFunc(append(lines[i+1:], ""), func(l string) bool { return l == "" || logStamp.MatchString(l) })
			text := strings.Join(lines[i+1:i+1+below], "\n")
			return traceback{text: text, exception: m[3], process: m[1], node: m[2], hint: hintAfter(lines[i+1:])}, true
		}
	}
	return traceback{}, false
}

// hintAfter returns the hint about the error before these lines. The emulator's engine writes one where it knows more than
// the exception tells, such as which Python lacks a module; the service writes none.
func hintAfter(lines []string) string {
	for _, line := range lines {
		if _, hint, ok := strings.Cut(line, " Hint: "); ok && logStamp.MatchString(line) {
			return hint
		}
		if strings.Contains(line, "failed with error: ") {
			break
		}
	}
	return ""
}

// findTraceback returns the first exception in a log that is the user's and not the driver's exit.
func findTraceback(log string) (traceback, bool) {
	lines := strings.Split(strings.ReplaceAll(log, "\r\n", "\n"), "\n")
	for i, line := range lines {
		before, _, ok := strings.Cut(line, tracebackHead)
		if !ok {
			continue
		}
		t := readTraceback(lines[i+1:])
		if t.exception == "" || strings.HasPrefix(t.exception, "SystemExit: 42") {
			continue
		}
		if m := tracebackWhere.FindStringSubmatch(before); m != nil {
			t.process, t.node = m[1], m[2]
		}
		t.hint = hintAfter(lines[i+1:])
		return t, true
	}
	return traceback{}, false
}

// readTraceback reads what follows the head line: frames, which are indented, the exception, and the further lines of its
// message up to an empty or a stamped line. A chained exception ("During handling …") is read to its end.
func readTraceback(lines []string) traceback {
	out := []string{tracebackHead}
	var t traceback
	for i := 0; i < len(lines); i++ {
		line := strings.TrimRight(lines[i], " \t")
		if logStamp.MatchString(line) {
			break
		}
		if line == "" {
			if !chained(out[len(out)-1], lines[i:]) {
				break
			}
			out = append(out, line)
			t.exception = ""
			continue
		}
		out = append(out, line)
		if t.exception == "" && line[0] != ' ' && line[0] != '\t' && line != tracebackHead && !chainNote(line) {
			t.exception = line
		}
	}
	t.text = strings.Join(out, "\n")
	return t
}

func chainNote(line string) bool {
	return strings.HasPrefix(line, "During handling of the above exception") || strings.HasPrefix(line, "The above exception was the direct cause")
}

// chained reports whether, after an empty line, the traceback goes on with another exception. A second traceback without
// a note between them is another one.
func chained(last string, lines []string) bool {
	for _, l := range lines {
		if l = strings.TrimSpace(l); l != "" {
			return chainNote(l) || l == tracebackHead && chainNote(last)
		}
	}
	return false
}

// resultCause is the last stamped line of job_result.txt without its stamp.
func resultCause(text string) string {
	cause := ""
	s := bufio.NewScanner(strings.NewReader(text))
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		if stamp, rest, ok := strings.Cut(line, " "); ok && logStamp.MatchString(stamp) && rest != "" {
			cause = rest
		}
	}
	return cause
}

// hints are causes that users of batch endpoints meet, with what helped them.
var hints = []struct{ text, hint string }{
	{"No succeeded mini batch item returned from run()", "every file failed or run returned nothing: return one element per file, and read the traceback above or logs/user/error"},
	{"should return a list or a pandas DataFrame", "run must return a list or a pandas DataFrame, not None, text, dict, array or a generator"},
	{"Can't mount Dataset", "the input has no file directly in it, or the cluster's identity cannot read it: check the URI, and give it Storage Blob Data Reader"},
	{"Dataset initialization failed", "the input has no file directly in it, or the cluster's identity cannot read it: check the URI, and give it Storage Blob Data Reader"},
	{"No module named 'azureml'", "add azureml-core and azureml-dataset-runtime[fuse] to the environment's conda file"},
	{"pkg_resources", "add setuptools<81 to the environment's conda file"},
	{"No module named", "the Python that ran the script lacks this module: add its package to the environment, or the file to the code folder"},
	{"error: unrecognized arguments:", "sys.argv holds the options of the driver: parse it with parse_known_args()"},
	{"error: the following arguments are required:", "a deployment cannot pass arguments to its script: read an environment variable instead"},
	{"run() returned ", "return as many rows as files; a file without a row counts as failed"},
	{"signal 9 ", "the process may have run out of memory: lower MiniBatchSize or MaxConcurrencyPerInstance, or choose a larger VM size"},
	{"exceeds error threshold", "raise errorThreshold, or mend the files that fail"},
	{"the path already exists", "give every job an output of its own"},
	{"No objects to concatenate", "no file of the mini-batch could be read by the MLflow model: check the file types"},
	{"No progress update", "a call of run takes longer than the timeout: raise RetrySettings.Timeout or lower MiniBatchSize"},
	{"Datastore has no credentials", "grant the workspace identity access to the storage account"},
	{"took longer than the timeout", "raise RetrySettings.Timeout or lower MiniBatchSize"},
	{"run_invocation_timeout", "a call of run takes longer than the timeout: raise RetrySettings.Timeout or lower MiniBatchSize"},
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

// readLog reads the beginning of a log.
func (j JobsClient) readLog(ctx context.Context, l JobLog) (string, error) {
	r, err := j.OpenLog(ctx, l)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxLogRead))
	return strings.ToValidUTF8(string(b), "\uFFFD"), err
}
