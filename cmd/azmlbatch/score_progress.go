package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/azmlbatch/azmlbatch/scoring"
)

// scoreProgress shows how far a job is.
type scoreProgress interface {
	show(scoring.Progress)
	end()
}

// newProgress returns a bar for a terminal, and plain lines for anything else.
func newProgress(w io.Writer) scoreProgress {
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return &progressBar{writer: w, every: redrawInterval}
	}
	return &progressLines{writer: w}
}

// progressLines writes a line at the start and for every tenth of the mini-batches.
type progressLines struct {
	writer io.Writer
	tenths int
}

func (l *progressLines) show(p scoring.Progress) {
	done := p.MiniBatches.Processed + p.MiniBatches.Failed
	tenths := 10 * done / p.MiniBatches.Total
	switch {
	case done == 0:
		fmt.Fprintf(l.writer, "scoring %s in %s\n", plural(p.Items.Total, "file", "files"),
			plural(p.MiniBatches.Total, "mini-batch", "mini-batches"))
	case tenths > l.tenths:
		fmt.Fprintf(l.writer, "%d of %d mini-batches, %d files succeeded, %d failed\n", done, p.MiniBatches.Total, p.Items.Succeeded, p.Items.Failed)
	}
	l.tenths = tenths
}

func (l *progressLines) end() {}

// plural is a count with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// progressBar draws a bar in the last line of a terminal and clears it at the end.
type progressBar struct {
	writer io.Writer
	every  time.Duration // the shortest time between two drawings
	bar    *progressbar.ProgressBar
}

// redrawInterval limits the cost of drawing: mini-batches may take less than a millisecond.
const redrawInterval = 100 * time.Millisecond

func (b *progressBar) show(p scoring.Progress) {
	if b.bar == nil {
		b.bar = progressbar.NewOptions(p.MiniBatches.Total, progressbar.OptionSetWriter(b.writer), progressbar.OptionShowCount(),
			progressbar.OptionThrottle(b.every), progressbar.OptionSetItsString("mini-batches"), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetRenderBlankState(true))
	}
	if p.Items.Failed > 0 {
		b.bar.Describe(fmt.Sprintf("%d files failed", p.Items.Failed))
	}
	_ = b.bar.Set(p.MiniBatches.Processed + p.MiniBatches.Failed) // fails if the terminal is gone
}

func (b *progressBar) end() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}

// lockedWriter lets the progress and the output of the script share a terminal line by line.
type lockedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}
