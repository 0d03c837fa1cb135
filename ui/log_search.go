package ui

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/azmlbatch/azmlbatch"
)

// Bounds of one view of a search; the next goes on where it stopped.
const (
	maxSearched = 64 << 20 // bytes
	maxFound    = 200      // lines
)

// A searchResult is what a search found.
type searchResult struct {
	Lines []foundLine
	// From and To are the bytes that were searched. More says that the log goes on after them.
	From, To int64
	More     bool
}

// A foundLine is a line that has what was searched.
type foundLine struct {
	logLine
	Part int // that it is in
}

// searchLog looks for a text in the lines of a log, in any case, from an offset on.
func searchLog(ctx context.Context, jobs azmlbatch.JobsClient, l azmlbatch.JobLog, query string, from int64) (searchResult, error) {
	result := searchResult{From: from, To: from}
	r, err := jobs.OpenLogAt(ctx, l, from)
	if err != nil {
		return result, err
	}
	defer r.Close()
	lines, wanted := bufio.NewReaderSize(r, maxLineSize), bytes.ToLower([]byte(query))
	for result.To-from < maxSearched && len(result.Lines) < maxFound {
		line, err := lines.ReadSlice('\n')
		if bytes.Contains(bytes.ToLower(line), wanted) {
			result.Lines = append(result.Lines, foundLine{newLogLine(result.To, bytes.TrimSuffix(line, []byte("\n"))), int(result.To / partSize)})
		}
		result.To += int64(len(line))
		if errors.Is(err, io.EOF) {
			return result, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) { // a long line comes in pieces
			return result, err
		}
	}
	result.More = result.To < l.Size
	return result, nil
}
