package azmlbatch

import (
	"cmp"
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"regexp"
	"slices"
	"strings"
)

// miniBatchReport is the engine's report, a log with a line for each try of a mini-batch.
const miniBatchReport = "logs/sys/job_report/processed_mini-batches.csv"

// reportLines reads the report by the names of its columns, which are all that is known of it: each
// line is a function from a column to its value. A last line that is cut short is left out.
func reportLines(r io.Reader) iter.Seq2[func(column string) string, error] {
	return func(yield func(func(string) string, error) bool) {
		lines := csv.NewReader(r)
		lines.FieldsPerRecord, lines.ReuseRecord = -1, true
		first, err := lines.Read()
		header := slices.Clone(first)
		for err == nil {
			var line []string
			if line, err = lines.Read(); err != nil {
				break
			}
			value := func(column string) string {
				if i := slices.Index(header, column); i >= 0 && i < len(line) {
					return line[i]
				}
				return ""
			}
			if !yield(value, nil) {
				return
			}
		}
		if bad := new(csv.ParseError); !errors.Is(err, io.EOF) && !errors.As(err, &bad) {
			yield(nil, err)
		}
	}
}

var quotedPattern = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'`)

// detailFiles reads the file names out of a mini-batch's detail, whose form is not evidenced:
// quoted names, else text separated by commas.
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

// reportedFailure reports whether a try of a mini-batch did not get to its end.
func reportedFailure(status string) bool {
	return strings.Contains(status, "EXCEPTION") || strings.Contains(status, "TIMEOUT")
}

// jobReport is what the report of a job says.
type jobReport struct {
	counts JobCounts
	// lost is the mini-batch that cost the job files: the first one whose last try failed, or else
	// the first one with too few rows. Nil if there is none.
	lost *lostMiniBatch
	// latest says that the latest failed call ended the job, whatever mini-batch it was about. So
	// it is when processes cannot start: mini-batches may then have had tries that failed before.
	latest bool
	// recovered are the error messages of tries after which their mini-batch succeeded.
	recovered []string
}

// lostMiniBatch is the last try of a mini-batch.
type lostMiniBatch struct {
	id, try, line int
	tooFewRows    bool
	process       string
	message       string // of the exception, or what happened to the process; may be cut or empty
	files         []string
}

// readReport reads the report of a job. The last try of a mini-batch counts: if it did not get to
// its end, all files of the mini-batch failed. Mini-batches that no worker picked are not in the
// report.
func readReport(r io.Reader) (jobReport, error) {
	type miniBatch struct {
		files, failed int
		last          lostMiniBatch
		lost          bool
		messages      []string
	}
	batches := map[int]*miniBatch{}
	at := 0
	for line, err := range reportLines(r) {
		if err != nil {
			return jobReport{counts: unknownCounts()}, operation{"read", "log", miniBatchReport}.failed(err)
		}
		id, files, failed := count(line("Mini-batch Id")), count(line("Total")), count(line("Failed"))
		if id < 0 || files < 0 || failed < 0 {
			continue
		}
		b := batches[id]
		if b == nil {
			b = new(miniBatch)
			batches[id] = b
		}
		at++
		b.files, b.failed, b.lost = files, failed, failed > 0
		b.last = lostMiniBatch{id: id, try: count(line("Picked Count")), line: at, tooFewRows: true, process: line("Process")}
		if reportedFailure(line("Status")) {
			b.failed, b.lost, b.last.tooFewRows = files, true, false
			b.last.message, b.last.files = line("Error Message"), detailFiles(line("Mini-batch Detail"))
			b.messages = append(b.messages, b.last.message)
		}
	}
	report := jobReport{counts: unknownCounts()}
	if len(batches) == 0 {
		return report, nil
	}
	report.counts = JobCounts{Files: -1, MiniBatches: -1, MiniBatchesDone: len(batches)}
	for _, b := range batches {
		report.counts.FilesDone += b.files
		report.counts.FilesFailed += b.failed
		switch {
		case !b.lost:
			report.recovered = append(report.recovered, b.messages...)
		case report.lost == nil || b.last.before(report.lost):
			report.lost = &b.last
		}
	}
	return report, nil
}

// before reports whether b explains a failed job better than c. An exception does so better than
// missing rows. Of two exceptions, that of the later try does: a mini-batch that had not had all
// its tries when the job ended is not why it ended.
func (b *lostMiniBatch) before(c *lostMiniBatch) bool {
	switch {
	case b.tooFewRows != c.tooFewRows:
		return c.tooFewRows
	case b.try != c.try:
		return b.try > c.try
	}
	return b.line < c.line
}
