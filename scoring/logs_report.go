package scoring

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The report of a job has one line per try of a mini-batch, written while the job runs, and sums at
// the end. The columns of the tries are those in Microsoft's performance tuning guide for parallel
// runs. The columns of the sums are not documented.
const (
	reportFile         = "logs/sys/job_report/processed_mini-batches.csv"
	nodeSummaryFile    = "logs/sys/job_report/node_summary.csv"
	processSummaryFile = "logs/sys/job_report/process_summary.csv"
	statusDone         = "RUN_DONE"
	reportTime         = "2006-01-02 15:04:05.000000"
	maxReportedDetail  = 500
)

var reportColumns = []string{"Mini-batch Id", "Picked Count", "Process", "Process Start Time", "Total", "Succeeded", "Failed",
	"Elapsed Seconds", "Process Seconds", "Run Method Seconds", "Status", "Error Category", "Error Message", "Mini-batch Detail"}

var summaryColumns = []string{"Name", "Mini-batches", "Tries", "Items Succeeded", "Items Failed", "Run Method Seconds"}

// try is one try of a mini-batch.
type try struct {
	task    task
	worker  string    // name of the process
	started time.Time // when the process was started
	files   int
	failed  int
	ok      int
	elapsed time.Duration
	reply   reply
	err     *callError
	paths   []string // of the files, for a failed try
}

func (l *logTree) reportTry(t try) {
	if l.printedOnly {
		return
	}
	status, category, message := statusDone, "", ""
	if t.err != nil {
		status, category = t.err.category(), "USER_ERROR"
		message = t.err.message[:min(len(t.err.message), maxReportedDetail)]
	}
	l.write(reportFile, csvLine(strconv.Itoa(t.task.batch), strconv.Itoa(t.task.tries), t.worker,
		t.started.UTC().Format(reportTime), strconv.Itoa(t.files), strconv.Itoa(t.ok), strconv.Itoa(t.failed),
		seconds(t.elapsed), seconds(t.reply.total), seconds(t.reply.run), status, category, message, t.detail()))
}

// maxReportedFiles is how many file names a line of the report can have.
const maxReportedFiles = 20

// detail is a JSON list of the files of a failed try: the one that the traceback points to, or else
// all files of the mini-batch. What the service writes in this column is not documented.
func (t try) detail() string {
	if t.err == nil {
		return ""
	}
	files := t.paths[:min(len(t.paths), maxReportedFiles)]
	if t.err.file != "" {
		files = []string{t.err.file}
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = filepath.Base(f)
	}
	b, _ := json.Marshal(names) // strings can always be marshaled
	return string(b)
}

// tally adds up what a process or a node did.
type tally struct {
	batches, tries, ok, failed int
	run                        time.Duration
}

func (t *tally) add(one try, settled bool) {
	t.tries++
	if settled {
		t.batches++
	}
	t.ok += one.ok
	t.failed += one.failed
	t.run += one.reply.run
}

func (t *tally) line(name string) string {
	return csvLine(name, strconv.Itoa(t.batches), strconv.Itoa(t.tries), strconv.Itoa(t.ok), strconv.Itoa(t.failed),
		seconds(t.run))
}

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 6, 64)
}

func csvLine(fields ...string) string {
	var line strings.Builder
	w := csv.NewWriter(&line)
	_ = w.Write(fields) // a strings.Builder returns no errors
	w.Flush()
	return line.String()
}

// duration formats a time as h:mm:ss, as in the progress log.
func duration(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
