package ui

import (
	"regexp"
	"strings"
)

// A tracebackLine is a line of a Python traceback.
type tracebackLine struct {
	Text string
	// Own says that it belongs to the user's own code, and not to a library.
	Own bool
	// Cause says that it names the exception.
	Cause bool
}

var frameLine = regexp.MustCompile(`^\s*File "([^"]+)", line \d+`)

// readTraceback says of each line whose it is. A frame is the line that names its file, and the
// indented ones after it.
func readTraceback(text string) []tracebackLine {
	var lines []tracebackLine
	own := false
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		l := tracebackLine{Text: line}
		switch m := frameLine.FindStringSubmatch(line); {
		case m != nil:
			own = ownCode(m[1])
			l.Own = own
		case strings.HasPrefix(line, " "):
			l.Own = own
		default:
			own = false
			l.Cause = line != "" && !strings.HasPrefix(line, "Traceback (most recent call last)")
		}
		lines = append(lines, l)
	}
	return lines
}

// ownCode reports whether a file is the user's: not a library's, and not one of Python's own.
func ownCode(file string) bool {
	file = strings.ReplaceAll(file, `\`, "/")
	for _, part := range []string{"/site-packages/", "/dist-packages/", "/lib/python", "<frozen ", "driver/amlbi_main.py"} {
		if strings.Contains(file, part) {
			return false
		}
	}
	return true
}
