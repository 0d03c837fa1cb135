package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/azmlbatch/azmlbatch"
)

// progress shows how far work in the cloud is, or a transfer: as a bar in the last line of a
// terminal, and in plain lines elsewhere.
type progress struct {
	writer   io.Writer
	terminal bool
	every    time.Duration // the shortest time between two drawings
	bar      *progressbar.ProgressBar
	total    int64  // of the bar
	label    string // of the last line
	tenths   int64  // that were told
}

func (a *app) newProgress() *progress {
	return &progress{writer: a.err, terminal: isTerminal(a.err), every: redrawInterval}
}

// step is a state of the work.
type step struct {
	label       string // what is going on; a new one is a new line
	detail      string // what else a line says
	done, total int64  // total is 0 while it is unknown
	bytes       bool   // done and total are bytes
}

func (p *progress) show(s step) {
	if p.terminal {
		p.draw(s)
		return
	}
	tenths := int64(0)
	if s.total > 0 {
		tenths = 10 * s.done / s.total
	}
	if s.label == p.label && tenths <= p.tenths {
		return
	}
	p.label, p.tenths = s.label, tenths
	if s.detail != "" {
		s.label += ": " + s.detail
	}
	fmt.Fprintln(p.writer, s.label)
}

func (p *progress) draw(s step) {
	total := s.total
	if total == 0 {
		total = -1 // a spinner
	}
	if p.bar == nil || p.total != total {
		p.end()
		p.total = total
		options := []progressbar.Option{progressbar.OptionSetWriter(p.writer), progressbar.OptionThrottle(p.every),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetDescription(s.label),
			progressbar.OptionSetRenderBlankState(true), progressbar.OptionSetElapsedTime(true),
			progressbar.OptionSetSpinnerChangeInterval(0)} // or it draws from a goroutine of its own
		if s.bytes {
			options = append(options, progressbar.OptionShowBytes(true))
		} else if s.total > 0 {
			options = append(options, progressbar.OptionShowCount())
		}
		p.bar = progressbar.NewOptions64(total, options...)
	}
	p.bar.Describe(s.label)
	_ = p.bar.Set64(s.done) // fails if the terminal is gone
}

// end clears the bar.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}

// operation shows an operation of the service.
func (p *progress) operation(what string) *azmlbatch.WaitOptions {
	return &azmlbatch.WaitOptions{OnProgress: func(now azmlbatch.Progress) {
		p.show(step{label: what, done: int64(now.Polls)})
	}}
}

// job shows a job that is waited for, and notes its counts.
func (p *progress) job(name string, counts *azmlbatch.JobCounts) *azmlbatch.WaitOptions {
	return &azmlbatch.WaitOptions{OnProgress: func(now azmlbatch.Progress) {
		if now.Status == "" { // nothing is known of it
			return
		}
		s := step{label: name + " " + now.Status}
		if now.Counts != nil {
			*counts = *now.Counts
			s.detail = counts.String()
			s.done, s.total = max(0, int64(counts.FilesDone)), max(0, int64(counts.Files))
		}
		p.show(s)
	}}
}

// upload shows an upload.
func (p *progress) upload(path string) *azmlbatch.UploadOptions {
	return &azmlbatch.UploadOptions{OnProgress: func(now azmlbatch.UploadProgress) {
		detail := transferred(now.FilesDone, now.Files, now.BytesDone, now.Bytes)
		if now.Reused {
			detail = "is there already"
		}
		p.show(step{label: "uploading " + path, detail: detail, done: now.BytesDone, total: now.Bytes, bytes: true})
	}}
}

// download shows a download.
func (p *progress) download(what string, overwrite bool) *azmlbatch.DownloadOptions {
	return &azmlbatch.DownloadOptions{Overwrite: overwrite, OnProgress: func(now azmlbatch.DownloadProgress) {
		p.show(step{
			label:  "downloading " + what,
			detail: transferred(now.FilesDone, now.Files, now.BytesDone, now.Bytes),
			done:   now.BytesDone, total: now.Bytes, bytes: true,
		})
	}}
}

func transferred(files, allFiles int, bytes, allBytes int64) string {
	return fmt.Sprintf("%d of %s, %s of %s", files, plural(allFiles, "file", "files"), size(bytes), size(allBytes))
}

// size is a number of bytes for people.
func size(bytes int64) string {
	if bytes < 1<<10 {
		return plural(int(bytes), "byte", "bytes")
	}
	value, unit := float64(bytes)/(1<<10), 0
	for value >= 1<<10 {
		value, unit = value/(1<<10), unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTPE"[unit])
}
