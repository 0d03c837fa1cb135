package ui

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// overviewLogs are the engine's overview of the progress, a log for each day: a line every few seconds.
const overviewLogs = "logs/job_progress_overview"

// maxSamples bounds the memory of a timeline: beyond it every second sample goes.
const maxSamples = 600

// A sample is how many mini-batches of a job were done at a time.
type sample struct {
	at   time.Time
	done int
}

// A timeline is the progress of a job over time.
type timeline struct {
	samples []sample // in the order of time
	total   int      // mini-batches of the job; 0 if not known
}

// overviewLine has the words of the engine's overview, as of 2020: newer ones are not documented.
var overviewLine = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2}[T ][\d:.]+)\s.*?(?i:processed\s+(\d+)\s+of\s+(\d+)|all\s+(\d+)\s[a-z\s-]*processed|no\s+task\s+has\s+been\s+processed)`)

// overviewTime is the form of its times, which are in UTC.
const overviewTime = "2006-01-02T15:04:05.999999999"

// addOverview takes in lines of an overview. Lines with other words are skipped.
func (t *timeline) addOverview(part []byte) {
	for line := range strings.Lines(string(part)) {
		m := overviewLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		at, err := time.Parse(overviewTime, strings.Replace(m[1], " ", "T", 1))
		if err != nil {
			continue
		}
		done, total := m[2], m[3]
		if m[4] != "" {
			done, total = m[4], m[4]
		}
		number := func(text string) int {
			n, _ := strconv.Atoi(text) // nothing is 0
			return n
		}
		t.add(sample{at, number(done)}, number(total))
	}
}

// add puts a sample in its place. One that says what its neighbour says moves on with it, so that a
// job that stands still takes no memory.
func (t *timeline) add(s sample, total int) {
	t.total = max(t.total, total)
	i, _ := slices.BinarySearchFunc(t.samples, s.at, func(a sample, at time.Time) int { return a.at.Compare(at) })
	if i == len(t.samples) && i >= 2 && t.samples[i-1].done == s.done && t.samples[i-2].done == s.done {
		t.samples[i-1].at = s.at
		return
	}
	t.samples = slices.Insert(t.samples, i, s)
	if len(t.samples) > maxSamples {
		kept := t.samples[:0]
		for i, s := range t.samples {
			if i%2 == 0 || i == len(t.samples)-1 {
				kept = append(kept, s)
			}
		}
		t.samples = kept
	}
}

// rateWindow is the time that the present rate is taken from, and longer if nothing was done in it.
const rateWindow = time.Minute

// perMinute is how many mini-batches a minute are being done; 0 if that is not known.
func (t *timeline) perMinute() float64 {
	if len(t.samples) < 2 {
		return 0
	}
	last := t.samples[len(t.samples)-1]
	for i := len(t.samples) - 2; i >= 0; i-- {
		s := t.samples[i]
		took := last.at.Sub(s.at)
		if took >= rateWindow && last.done > s.done || i == 0 && took > 0 {
			return max(0, float64(last.done-s.done)/took.Minutes())
		}
	}
	return 0
}

// left is the time until the job is done at the present rate; negative if that is not known.
func (t *timeline) left() time.Duration {
	rate := t.perMinute()
	if rate <= 0 || t.total == 0 {
		return -1
	}
	minutes := float64(t.total-t.samples[len(t.samples)-1].done) / rate
	return time.Duration(minutes * float64(time.Minute))
}

// A progressChart is a timeline as a drawing.
type progressChart struct {
	Points        string // of the line, as SVG takes them; empty if there is nothing to draw
	Top           int    // the number at the upper edge
	From, To      time.Time
	Took          time.Duration
	Width, Height int
}

const (
	progressWidth  = 1000
	progressHeight = 100
)

// chart draws the samples.
func (t *timeline) chart() progressChart {
	c := progressChart{Width: progressWidth, Height: progressHeight}
	if len(t.samples) < 2 {
		return c
	}
	first, last := t.samples[0], t.samples[len(t.samples)-1]
	c.From, c.To, c.Took, c.Top = first.at, last.at, last.at.Sub(first.at), max(1, t.total)
	if c.Took <= 0 {
		return c
	}
	for _, s := range t.samples {
		c.Top = max(c.Top, s.done)
	}
	var points strings.Builder
	for _, s := range t.samples {
		x := progressWidth * float64(s.at.Sub(first.at)) / float64(c.Took)
		y := progressHeight - progressHeight*float64(s.done)/float64(c.Top)
		fmt.Fprintf(&points, "%.1f,%.1f ", x, y)
	}
	c.Points = strings.TrimSpace(points.String())
	return c
}
