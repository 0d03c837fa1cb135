package azmlbatch

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
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
	// lost is the mini-batch that explains the failed job best, see before, of those that cost it
	// files. Nil if there is none.
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
// missing rows. Of two alike, that of the later try does: a mini-batch that had not had all its
// tries when the job ended is not why it ended. Of the same try, the first in the report does.
func (b *lostMiniBatch) before(c *lostMiniBatch) bool {
	switch {
	case b.tooFewRows != c.tooFewRows:
		return c.tooFewRows
	case b.try != c.try:
		return b.try > c.try
	}
	return b.line < c.line
}

// traceback is one Python exception as a log shows it, and the hint that may follow it.
type traceback struct{ text, exception, node, process, hint string }

var (
	tracebackWhere = regexp.MustCompile(`(process\d+) on node (\S+)`)
	failedCall     = regexp.MustCompile(`(process\d+) on node (\S+) failed with error: (.+)`)
	logStamp       = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}`)
)

const tracebackHead = "Traceback (most recent call last):"

// failedCalls returns the failed calls of the script in a log, in their order: exceptions, and what
// happened to a process or to rows. The driver's exit is none of them.
func failedCalls(log string) []traceback {
	var calls []traceback
	lines := strings.Split(strings.ReplaceAll(log, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		var t traceback
		if before, _, ok := strings.Cut(line, tracebackHead); ok {
			t = readTraceback(lines[i+1:])
			if m := tracebackWhere.FindStringSubmatch(before); m != nil {
				t.process, t.node = m[1], m[2]
			}
			t.hint = hintAfter(lines[i+1:])
			i += strings.Count(t.text, "\n")
		} else if m := failedCall.FindStringSubmatch(line); m != nil {
			end := i + 1
			for end < len(lines) && lines[end] != "" && !logStamp.MatchString(lines[end]) {
				end++
			}
			t = traceback{text: strings.Join(lines[i+1:end], "\n"), exception: m[3], process: m[1], node: m[2], hint: hintAfter(lines[i+1:])}
		}
		if t.exception != "" && !strings.HasPrefix(t.exception, "SystemExit: 42") {
			calls = append(calls, t)
		}
	}
	return calls
}

// cause chooses the failed call that ended the job: that of the lost mini-batch, or else the first
// one that the job did not recover from.
func (r jobReport) cause(calls []traceback) (traceback, bool) {
	fits := func(t traceback) bool {
		return !slices.ContainsFunc(r.recovered, func(message string) bool { return sameError(message, t.exception) })
	}
	process := ""
	if l := r.lost; l != nil && !r.latest && (l.tooFewRows || l.message != "") {
		fits, process = l.causedBy, l.process
	}
	best := -1
	for i, t := range calls {
		if fits(t) && (best < 0 || r.latest || t.rank(process) > calls[best].rank(process)) {
			best = i
		}
	}
	if best < 0 {
		return traceback{}, false
	}
	return calls[best], true
}

// rank is higher for an exception than for missing rows, and for one of the process that is asked
// for.
func (t traceback) rank(process string) int {
	rank := 0
	if strings.HasPrefix(t.text, tracebackHead) {
		rank += 2
	}
	if t.process == process {
		rank++
	}
	return rank
}

// causedBy reports whether a failed call in a log is the one that lost the mini-batch.
func (b *lostMiniBatch) causedBy(t traceback) bool {
	if b.tooFewRows { // the service writes no such line
		return strings.HasSuffix(t.exception, fmt.Sprintf(" of mini-batch %d", b.id))
	}
	return sameError(b.message, t.exception)
}

// sameError reports whether the report's message, which may be cut or be a whole traceback, tells
// of an exception in a log.
func sameError(message, exception string) bool {
	message, exception = oneLine(strings.ToValidUTF8(message, "")), oneLine(exception)
	return message != "" && (strings.Contains(message, exception) || strings.HasPrefix(exception, message))
}

// hintAfter returns the hint about the error before these lines. The emulator's engine writes one
// where it knows more than the exception tells, such as which Python lacks a module; the service
// writes none.
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

// readTraceback reads what follows the head line: frames, which are indented, the exception, and
// the further lines of its message up to an empty or a stamped line. A chained exception ("During
// handling …") is read to its end.
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

// chained reports whether, after an empty line, the traceback goes on with another exception. A
// second traceback without a note between them is another one.
func chained(last string, lines []string) bool {
	for _, l := range lines {
		if l = strings.TrimSpace(l); l != "" {
			return chainNote(l) || l == tracebackHead && chainNote(last)
		}
	}
	return false
}
