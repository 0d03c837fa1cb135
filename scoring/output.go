package scoring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// outputFile is where the joined rows go.
func (e *engine) outputFile() string {
	return filepath.Join(e.Output, e.OutputFileName)
}

// rowsFile is where a worker process writes its rows while the job runs: the service shows temp_<ip>_<pid>_<name> in
// the output folder, and leaves it there when a job fails or is cancelled. The process's name stands for its id, which
// a replacement may get again.
func (e *engine) rowsFile(node int, process string) string {
	if e.OutputAction == SummaryOnly {
		return ""
	}
	return filepath.Join(e.Output, fmt.Sprintf("temp_%s_%s_%s", nodeIP(node), process, e.OutputFileName))
}

// prepareOutput makes the folder and refuses an output file that is there.
//
// Choice: sources disagree on an existing file (the job fails; nothing is written; it is overwritten). Failing loses
// nobody's data. Whether today's service still lower-cases the name is not evidenced; here it stays as given.
func (e *engine) prepareOutput() error {
	if e.OutputAction == AppendRow {
		_, err := os.Lstat(e.outputFile())
		if err == nil {
			return e.failure(pathExists, e.outputFile())
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("scoring: output: %w", err)
		}
	}
	if err := os.MkdirAll(e.Output, 0o755); err != nil {
		return fmt.Errorf("scoring: output: %w", err)
	}
	return nil
}

// joinOutput joins what the workers wrote. The first worker's file becomes the output and the others are appended, so
// that the rows of one worker are not copied at all; it gets its name when it is whole.
//
// Choice: by node and process, where the service takes them in the order of a folder listing.
func (e *engine) joinOutput() error {
	started := e.now()
	parts := e.writtenParts()
	var total int64
	for _, p := range parts {
		total += p.size
	}
	e.logs.overview("There are %d temp files to concatenate. Total size is %.2f MB.", len(parts), float64(total)/(1<<20))
	if err := joinParts(parts); err != nil {
		return fmt.Errorf("scoring: join the output: %w", err)
	}
	if err := os.Rename(parts[0].path, e.outputFile()); err != nil {
		return fmt.Errorf("scoring: join the output: %w", err)
	}
	for _, p := range parts[1:] {
		if err := os.Remove(p.path); err != nil {
			return fmt.Errorf("scoring: join the output: %w", err)
		}
	}
	e.logs.overview("Finished concatenating %d files in %v.", len(parts), e.now().Sub(started).Round(time.Millisecond))
	return nil
}

// writtenParts gives the workers' files by node and process.
func (e *engine) writtenParts() []part {
	var parts []part
	for _, n := range e.nodes {
		for _, p := range n.parts {
			if p.path != "" {
				parts = append(parts, p)
			}
		}
	}
	return parts
}

// joinParts appends all parts to the first, each up to the end of its last acknowledged mini-batch: a process that was
// killed while it wrote leaves half a row behind, and its mini-batch has been scored again.
func joinParts(parts []part) error {
	// Not opened for appending: the system copies between files by itself only without.
	first, err := os.OpenFile(parts[0].path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer first.Close()
	if err := first.Truncate(parts[0].size); err != nil {
		return err
	}
	if _, err := first.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	for _, p := range parts[1:] {
		if err := appendPart(first, p); err != nil {
			return err
		}
	}
	return first.Close()
}

func appendPart(to *os.File, p part) error {
	from, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer from.Close()
	copied, err := io.Copy(to, io.LimitReader(from, p.size))
	if err == nil && copied < p.size {
		err = fmt.Errorf("%s: %w: %d of %d bytes", filepath.Base(p.path), io.ErrUnexpectedEOF, copied, p.size)
	}
	return err
}
