package ui

import (
	"bytes"
	"context"
	"regexp"
	"strings"

	"github.com/azmlbatch/azmlbatch"
)

// A log is shown in parts of so many bytes, each with the lines that begin in it. So a link to a line
// stays right while the log grows, and a log of any length takes the same memory.
const (
	partSize    = 128 << 10
	maxLineSize = 16 << 10 // of which more is not shown
)

// A logLine is a line of a log.
type logLine struct {
	Number int // from 1; 0 if it is not known
	Offset int64
	Text   string
	Cut    bool // the line is longer
	Piece  bool // the line began in a part before
}

// partsOf is the number of parts of a log; one for an empty log.
func partsOf(size int64) int { return int(max(1, (size+partSize-1)/partSize)) }

// readPart reads the lines that begin in a part. If none does, because a long line goes on through the
// part, that is its only line.
func readPart(ctx context.Context, jobs azmlbatch.JobsClient, l azmlbatch.JobLog, part int) ([]logLine, error) {
	start := int64(part) * partSize
	before := min(start, 1) // the byte that ends the line before
	text, err := readLogPart(ctx, jobs, l, start-before, int(before)+partSize+maxLineSize)
	if err != nil {
		return nil, err
	}
	return splitPart(text, start, before), nil
}

// splitPart splits what was read of a part, and of the byte before it.
func splitPart(text []byte, start, before int64) []logLine {
	whole := text[min(int(before), len(text)):]
	at := start
	if before > 0 {
		end := bytes.IndexByte(text, '\n')
		if end < 0 || end >= partSize {
			piece := newLogLine(start, whole[:min(len(whole), partSize)])
			piece.Piece = true
			return []logLine{piece}
		}
		text, at = text[end+1:], start-before+int64(end)+1
	}
	var lines []logLine
	for len(text) > 0 && at < start+partSize {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		lines = append(lines, newLogLine(at, line))
		at += int64(len(text) - len(rest))
		text = rest
	}
	return lines
}

// colours are the codes with which programs colour their words on a terminal.
var colours = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// newLogLine makes a line fit to be shown: as a terminal would show it, and without signatures.
func newLogLine(offset int64, line []byte) logLine {
	l := logLine{Offset: offset, Cut: len(line) > maxLineSize}
	text := strings.TrimSuffix(string(line[:min(len(line), maxLineSize)]), "\r")
	if i := strings.LastIndexByte(text, '\r'); i >= 0 {
		text = text[i+1:] // a progress bar that was drawn again and again
	}
	l.Text = redacted(strings.ToValidUTF8(colours.ReplaceAllString(text, ""), "\uFFFD"))
	return l
}
