package transfer

import (
	"cmp"
	"slices"
	"time"
)

// meter counts what was transferred and reports it to the caller.
type meter struct {
	Progress
	report  func(Progress)
	samples []sample // of the last rateTime
}

// sample is how many bytes had been moved at a point in time.
type sample struct {
	at    time.Time
	moved int64
}

// The rate covers the last rateTime, with a sample every rateStep.
const (
	rateTime = 5 * time.Second
	rateStep = 250 * time.Millisecond
)

func newMeter(o Options, files int, bytes int64) *meter {
	m := &meter{Progress: Progress{Files: files, Bytes: bytes}, report: o.Progress}
	m.samples = append(m.samples, sample{at: time.Now()})
	return m
}

// moved counts bytes, and files that are complete. skipped counts those that were there before.
func (m *meter) moved(files int, bytes int64) {
	m.FilesDone += files
	m.BytesDone += bytes
	m.tell()
}

func (m *meter) skipped(files int, bytes int64) {
	m.FilesSkipped += files
	m.BytesSkipped += bytes
	m.moved(files, bytes)
}

func (m *meter) tell() {
	if m.report == nil {
		return
	}
	now, bytes := time.Now(), m.BytesDone-m.BytesSkipped
	if last := m.samples[len(m.samples)-1]; now.Sub(last.at) >= rateStep {
		m.samples = append(m.samples, sample{now, bytes})
		for len(m.samples) > 2 && now.Sub(m.samples[1].at) >= rateTime {
			m.samples = m.samples[1:]
		}
	}
	if first := m.samples[0]; now.After(first.at) {
		m.Rate = float64(bytes-first.moved) / now.Sub(first.at).Seconds()
	}
	m.report(m.Progress)
}

// failures collects what failed.
type failures struct {
	list  []FileError
	count int
}

func (f *failures) add(name string, err error) {
	f.count++
	if len(f.list) < maxListed {
		f.list = append(f.list, FileError{name, err})
	}
}

// error is nil when nothing failed.
func (f *failures) error(files int) error {
	if f.count == 0 {
		return nil
	}
	slices.SortFunc(f.list, func(a, b FileError) int { return cmp.Compare(a.Name, b.Name) })
	return &Error{Failed: f.list, Count: f.count, Files: files}
}
