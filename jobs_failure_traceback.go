package azmlbatch

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

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
