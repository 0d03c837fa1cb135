package ui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/azmlbatch/azmlbatch"
)

// Bounds of the line numbers.
const (
	maxCounted     = 64 << 20 // bytes that one view reads to count lines
	maxLineIndexes = 200      // logs of which numbers are remembered
)

// lineIndexes remember how many lines come before the parts of logs.
type lineIndexes struct {
	mu   sync.Mutex
	logs map[string]*lineIndex
}

// A lineIndex says for the first parts of a log how many lines begin before each.
type lineIndex struct {
	before []int // by part; the first is 0
}

// number gives the lines of a part their numbers. A part that is too far from those that were counted
// has no numbers yet: the next view counts on.
func (x *lineIndexes) number(ctx context.Context, jobs azmlbatch.JobsClient, job string, l azmlbatch.JobLog, part int, lines []logLine) error {
	known := x.known(job+"/"+l.Name, partsOf(l.Size))
	if part >= len(known) {
		counted, err := countLines(ctx, jobs, l, known, part)
		if err != nil {
			return err
		}
		known = counted
		x.remember(job+"/"+l.Name, known)
	}
	if part >= len(known) {
		return nil
	}
	for i := range lines {
		if !lines[i].Piece {
			lines[i].Number = known[part] + i + 1
		}
	}
	return nil
}

// known returns what is remembered of a log. A log that has fewer parts now was begun anew.
func (x *lineIndexes) known(key string, parts int) []int {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i := x.logs[key]; i != nil && len(i.before) <= parts {
		return i.before
	}
	return []int{0}
}

func (x *lineIndexes) remember(key string, before []int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for other := range x.logs {
		if len(x.logs) < maxLineIndexes {
			break
		}
		delete(x.logs, other)
	}
	x.logs[key] = &lineIndex{before}
}

// countLines counts on from what is known up to a part, within the bound of one view.
func countLines(ctx context.Context, jobs azmlbatch.JobsClient, l azmlbatch.JobLog, known []int, part int) ([]int, error) {
	first := len(known) - 1
	start := max(0, int64(first)*partSize-1)
	r, err := jobs.OpenLogAt(ctx, l, start)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	counted := append([]int(nil), known...)
	buffer := make([]byte, partSize)
	for next := first + 1; next <= part && (next-first)*partSize <= maxCounted; next++ {
		piece := buffer
		if next == 1 {
			piece = buffer[:partSize-1] // each part ends a byte early: its last line end begins a line of the next
		}
		n, err := io.ReadFull(r, piece)
		lines := counted[next-1] + bytes.Count(piece[:n], []byte("\n"))
		if next == 1 {
			lines++ // the first line begins without a line end before it
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return counted, nil // it was begun anew meanwhile
		}
		if err != nil {
			return nil, err
		}
		counted = append(counted, lines)
	}
	return counted, nil
}
