package ui

import (
	"bytes"
	"context"
	"io"

	"github.com/azmlbatch/azmlbatch"
)

// maxLogPart is how much of a log one look reads at most; the next look reads on.
const maxLogPart = 4 << 20

// A logReader reads a growing log in parts, so that each byte is read once.
type logReader struct {
	read int64 // what the caller has taken
	size int64 // of the log at the last look
}

// next returns what was added to the log since the last look, whole lines only, and nothing if it has
// not grown. The end of the last line counts as its end if the log is complete.
func (r *logReader) next(ctx context.Context, jobs azmlbatch.JobsClient, l azmlbatch.JobLog, complete bool) ([]byte, error) {
	if l.Size < r.read {
		r.read = 0 // it was begun anew
	}
	if r.size = l.Size; l.Size == r.read {
		return nil, nil
	}
	part, err := readLogPart(ctx, jobs, l, r.read, maxLogPart)
	if err != nil {
		return nil, err
	}
	if atEnd := r.read+int64(len(part)) >= l.Size; !atEnd || !complete {
		part = part[:bytes.LastIndexByte(part, '\n')+1]
	}
	r.read += int64(len(part))
	return part, nil
}

// readLogPart reads a log from an offset, so many bytes at most.
func readLogPart(ctx context.Context, jobs azmlbatch.JobsClient, l azmlbatch.JobLog, offset int64, limit int) ([]byte, error) {
	r, err := jobs.OpenLogAt(ctx, l, offset)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, int64(limit)))
}

// lastLine is the last line of a log that is not empty, of what lies in the last few kilobytes.
func lastLine(ctx context.Context, jobs azmlbatch.JobsClient, l azmlbatch.JobLog) (string, error) {
	const tail = 4 << 10
	part, err := readLogPart(ctx, jobs, l, max(0, l.Size-tail), tail)
	if err != nil {
		return "", err
	}
	lines := bytes.Split(bytes.TrimSpace(part), []byte("\n"))
	return string(bytes.TrimSpace(lines[len(lines)-1])), nil
}
