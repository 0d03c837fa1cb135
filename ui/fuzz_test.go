package ui

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzSplitPart: whatever a log holds, its parts have each line once, and what is shown is text without
// a line end.
func FuzzSplitPart(f *testing.F) {
	for _, seed := range []string{"", "\n", "clay\nglaze", "clay\r\n\x1b[31mred\x1b[0m\n", "bad \xff byte\n", strings.Repeat("x", 100) + "\n\n"} {
		f.Add([]byte(seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, text []byte, before uint8) {
		start := int64(before%2) * partSize
		lines := splitPart(text, start, min(start, 1))
		last := int64(-1)
		for _, line := range lines {
			if strings.Contains(line.Text, "\n") || !utf8.ValidString(line.Text) {
				t.Errorf("a line is %q", line.Text)
			}
			if line.Offset <= last || line.Offset < start {
				t.Errorf("a line at %d comes after one at %d in a part from %d on", line.Offset, last, start)
			}
			last = line.Offset
		}
	})
}

// FuzzReport: no report brings the page down, and what is remembered of it is bounded.
func FuzzReport(f *testing.F) {
	f.Add([]byte(reportHeader + "0,1,process000,,2,0,2,1,1,1,RUN_EXCEPTION,USER_ERROR,no,\"[\"\"a.csv\"\"]\"\n"))
	f.Add([]byte(reportHeader + "\"\n,,"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var r report
		r.add(text)
		r.add(text)
		for _, one := range r.failures() {
			if one.Failed < 0 {
				t.Errorf("%d files failed", one.Failed)
			}
		}
	})
}

// FuzzTimeline: samples stay in the order of time, whatever an overview says.
func FuzzTimeline(f *testing.F) {
	f.Add([]byte("2026-03-01T12:00:00.0 No task has been processed yet.\n2026-03-01T11:00:00.0 Processed 3 of 2 mini batches.\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var line timeline
		line.addOverview(text)
		for i := 1; i < len(line.samples); i++ {
			if line.samples[i].at.Before(line.samples[i-1].at) {
				t.Errorf("%v comes after %v", line.samples[i].at, line.samples[i-1].at)
			}
		}
		if c := line.chart(); strings.ContainsAny(c.Points, "NI") {
			t.Errorf("points are no numbers: %s", c.Points)
		}
		line.left()
	})
}

// FuzzTraceback: each line comes once, as it was.
func FuzzTraceback(f *testing.F) {
	f.Add("Traceback (most recent call last):\n  File \"score.py\", line 1, in run\n    x\nValueError: no")
	f.Fuzz(func(t *testing.T, text string) {
		var got []string
		for _, line := range readTraceback(text) {
			got = append(got, line.Text)
		}
		if want := strings.TrimRight(text, "\n"); strings.Join(got, "\n") != want {
			t.Errorf("%q became %q", want, got)
		}
	})
}
