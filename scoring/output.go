package scoring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// outputFile is the path of the file with all rows.
func (e *engine) outputFile() string {
	return filepath.Join(e.Output, e.OutputFileName)
}

// rowsFile is where a worker process writes its rows while the job runs. The service has such files
// as temp_<ip>_<pid>_<name> in the output folder, and leaves them there when a job fails or is
// cancelled. Here the name of the process replaces its id, which can be used twice.
func (e *engine) rowsFile(node int, process string) string {
	if e.OutputAction == OutputActionSummaryOnly {
		return ""
	}
	return filepath.Join(e.Output, fmt.Sprintf("temp_%s_%s_%s", nodeIP(node), process, e.OutputFileName))
}

// refuseOutputFile fails the job if the output file exists and may not be replaced.
//
// Choice: sources disagree about an existing file (the job fails; nothing is written; it is
// overwritten). Failing loses no data. Whether the current service still lower-cases the name is
// not documented; here it stays as given.
func (e *engine) refuseOutputFile() error {
	if e.OutputAction == OutputActionSummaryOnly {
		return nil
	}
	info, err := os.Lstat(e.outputFile())
	switch {
	case err == nil && e.Overwrite && !info.IsDir(), errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil:
		return e.failure(pathExists, e.outputFile(), nil)
	}
	return fmt.Errorf("scoring: output: %w", err)
}

// joinOutput joins the workers' files. The first worker's file becomes the output file, so its rows
// are not copied, and the other files are appended to it. It gets its final name when it is
// complete.
//
// Choice: the order is by node and process. The service uses the order of a folder listing.
func (e *engine) joinOutput(ctx context.Context) error {
	started := e.now()
	parts, empty := e.writtenParts()
	var total int64
	for _, p := range parts {
		total += p.size
	}
	e.logs.overview("There are %d temp files to concatenate. Total size is %.2f MB.", len(parts), float64(total)/(1<<20))
	if err := joinParts(ctx, parts); err != nil {
		return fmt.Errorf("scoring: join the output: %w", err)
	}
	if err := e.refuseOutputFile(); err != nil { // the script may have created one
		return err
	}
	if err := os.Rename(parts[0].path, e.outputFile()); err != nil {
		return fmt.Errorf("scoring: join the output: %w", err)
	}
	for _, p := range append(parts[1:], empty...) {
		// A process that never wrote has no file.
		if err := os.Remove(p.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("scoring: join the output: %w", err)
		}
	}
	e.logs.overview("Finished concatenating %d files in %v.", len(parts), e.now().Sub(started).Round(time.Millisecond))
	return nil
}

// writtenParts returns the workers' files by node and process: those with rows, at least one, and
// those without, such as the file of a process that died at once.
func (e *engine) writtenParts() (parts, empty []part) {
	for _, n := range e.nodes {
		for _, p := range n.parts {
			if p.size > 0 {
				parts = append(parts, p)
			} else {
				empty = append(empty, p)
			}
		}
	}
	if len(parts) == 0 { // all rows are empty
		return empty[:1], empty[1:]
	}
	return parts, empty
}

// joinParts appends all parts to the first. Each part ends with its last mini-batch that was
// acknowledged: a process that was killed may have left half a row, and its mini-batch has been
// scored again.
func joinParts(ctx context.Context, parts []part) error {
	// Not opened for appending, because the system cannot copy between files then.
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
		if err := appendPart(ctx, first, p); err != nil {
			return err
		}
	}
	return first.Close()
}

// copiedAtOnce limits how long a cancelled job goes on copying.
const copiedAtOnce = 64 << 20

func appendPart(ctx context.Context, to *os.File, p part) error {
	from, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer from.Close()
	for left := p.size; left > 0; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		copied, err := io.CopyN(to, from, min(left, copiedAtOnce))
		if err != nil {
			return fmt.Errorf("%s, %d bytes before its end: %w", filepath.Base(p.path), left-copied, err)
		}
		left -= copied
	}
	return nil
}
