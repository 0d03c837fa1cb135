package ui

import "github.com/azmlbatch/azmlbatch"

// unknownCounts are the counts of a job of which nothing is known.
var unknownCounts = azmlbatch.JobCounts{Files: -1, FilesDone: -1, FilesFailed: -1, MiniBatches: -1, MiniBatchesDone: -1}

// A bar is how much of a job is done, in percent of its width.
type bar struct {
	Known bool
	// Done includes Failed, which begins at FailedAt and ends where Done does.
	Done, Failed, FailedAt float64
}

// newBar draws files, or mini-batches if the files are not known.
func newBar(c azmlbatch.JobCounts) bar {
	all, done, failed := c.Files, c.FilesDone, c.FilesFailed
	if all < 0 || done < 0 {
		all, done, failed = c.MiniBatches, c.MiniBatchesDone, 0
	}
	if all <= 0 || done < 0 {
		return bar{}
	}
	percent := func(n int) float64 { return 100 * float64(min(max(n, 0), all)) / float64(all) }
	b := bar{Known: true, Done: percent(done), Failed: min(percent(failed), percent(done))}
	b.FailedAt = b.Done - b.Failed
	return b
}
