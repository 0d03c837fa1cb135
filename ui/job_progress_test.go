package ui

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azmlbatch/azmlbatch"
)

const reportHeader = "Mini-batch Id,Picked Count,Process,Process Start Time,Total,Succeeded,Failed,Elapsed Seconds,Process Seconds,Run Method Seconds,Status,Error Category,Error Message,Mini-batch Detail\n"

// TestReportInParts: the last try of a mini-batch counts, whichever part it comes in.
func TestReportInParts(t *testing.T) {
	parts := []string{
		reportHeader + `0,1,process000,,2,2,0,1,1,1,RUN_DONE,,,` + "\n" +
			`1,1,process001,,2,0,0,1,1,1,RUN_EXCEPTION,USER_ERROR,"ValueError: no",` + `"[""a.csv""]"` + "\n",
		`1,2,process000,,2,2,0,1,1,1,RUN_DONE,,,` + "\n" + // it recovered
			`2,3,process001,,2,0,0,1,1,1,RUN_TIMEOUT,USER_ERROR,,` + `"b.csv, c.csv"` + "\n",
		`3,1,process000,,5,3,2,1,1,1,RUN_DONE,,,` + "\n" + "not,a line of the report\n",
	}
	var r report
	for _, part := range parts {
		r.add([]byte(part))
	}
	want := []lostMiniBatch{
		{ID: 2, Tries: 3, Process: "process001", Failed: 2, Files: []string{"b.csv, c.csv"}, Message: "RUN_TIMEOUT"},
		{ID: 3, Tries: 1, Process: "process000", Failed: 2, Message: "The script returned fewer rows than it got files."},
	}
	if diff := cmp.Diff(want, r.failures()); diff != "" {
		t.Errorf("failed mini-batches (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]tally{"process000": {Tries: 3, Files: 7, Failed: 2}, "process001": {Tries: 2}}, r.tally); diff != "" {
		t.Errorf("tallies (-want +got):\n%s", diff)
	}
}

// TestReportOfManyFailures remembers a bounded number of them.
func TestReportOfManyFailures(t *testing.T) {
	var r report
	r.add([]byte(reportHeader))
	for i := range maxLost + 5 {
		r.add(fmt.Appendf(nil, "%d,1,process000,,1,0,1,1,1,1,RUN_EXCEPTION,,no,\n", i))
	}
	if len(r.failures()) != maxLost || r.beyond != 5 {
		t.Errorf("%d remembered and %d beyond, want %d and 5", len(r.failures()), r.beyond, maxLost)
	}
}

// at is a time in the story of a job.
func at(seconds int) time.Time { return time.Date(2026, 3, 1, 12, 0, seconds, 0, time.UTC) }

func TestTimeline(t *testing.T) {
	var line timeline
	line.addOverview([]byte("2026-03-01T12:00:00.0 No task has been processed yet.\n" +
		"2026-03-01T12:00:30.5 The scheduler says hello.\n" +
		"2026-03-01 12:01:00.000000 Processed 30 of 100 mini batches.\nyesterday processed 1 of 2\n"))
	line.observe(at(120), azmlbatch.JobCounts{MiniBatches: 100, MiniBatchesDone: 60}, false)
	line.observe(at(121), unknownCounts, false)
	line.addOverview([]byte("2026-03-01T12:01:30.0 processed 45 of 100\n")) // read late
	want := []sample{{at(0), 0}, {at(60), 30}, {at(90), 45}, {at(120), 60}}
	if diff := cmp.Diff(want, line.samples, cmp.AllowUnexported(sample{})); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if rate, left := line.perMinute(), line.left(); rate != 30 || left != 80*time.Second {
		t.Errorf("%.1f a minute and %s left, want 30 and 1m20s", rate, left)
	}
	if c := line.chart(); c.Points != "0.0,100.0 500.0,70.0 750.0,55.0 1000.0,40.0" || c.Top != 100 {
		t.Errorf("chart = %+v", c)
	}
	line.addOverview([]byte("2026-03-01T12:05:00.0 All 100 mini batches have been processed.\n"))
	if left := line.left(); left != 0 {
		t.Errorf("at the end %s are left", left)
	}
}

// TestTimelineOfALongJob takes bounded memory, keeps its ends, and remembers standing still.
func TestTimelineOfALongJob(t *testing.T) {
	var line timeline
	for i := range 100_000 {
		line.add(sample{at(i), i}, 200_000)
	}
	if n := len(line.samples); n > maxSamples || line.samples[0] != (sample{at(0), 0}) || line.samples[n-1] != (sample{at(99_999), 99_999}) {
		t.Errorf("%d samples from %v to %v", n, line.samples[0], line.samples[n-1])
	}
	n := len(line.samples)
	for i := range 1_000 {
		line.add(sample{at(100_000 + i), 99_999}, 0)
	}
	if len(line.samples) > n+2 || line.samples[len(line.samples)-1].at != at(100_999) {
		t.Errorf("standing still added %d samples", len(line.samples)-n)
	}
}

func TestNothingToDraw(t *testing.T) {
	for name, line := range map[string]timeline{"nothing": {}, "one": {samples: []sample{{at(0), 1}}}, "one moment": {samples: []sample{{at(0), 1}, {at(0), 2}}}} {
		if c := line.chart(); c.Points != "" || line.perMinute() != 0 || line.left() >= 0 {
			t.Errorf("%s: %+v, %f a minute, %s left", name, c, line.perMinute(), line.left())
		}
	}
}

func TestBar(t *testing.T) {
	tests := map[string]struct {
		counts azmlbatch.JobCounts
		want   bar
	}{
		"unknown":              {unknownCounts, bar{}},
		"no files":             {azmlbatch.JobCounts{}, bar{}},
		"half":                 {azmlbatch.JobCounts{Files: 10, FilesDone: 5, FilesFailed: 1}, bar{true, 50, 10, 40}},
		"failures unknown":     {azmlbatch.JobCounts{Files: 10, FilesDone: 5, FilesFailed: -1}, bar{true, 50, 0, 50}},
		"only mini-batches":    {azmlbatch.JobCounts{Files: -1, FilesDone: 5, FilesFailed: 5, MiniBatches: 4, MiniBatchesDone: 1}, bar{true, 25, 0, 25}},
		"more done than files": {azmlbatch.JobCounts{Files: 10, FilesDone: 12, FilesFailed: 12}, bar{true, 100, 100, 0}},
	}
	for name, tt := range tests {
		if diff := cmp.Diff(tt.want, newBar(tt.counts)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestWorkersOfTwoNodes: names of processes that two nodes have say nothing about either.
func TestWorkersOfTwoNodes(t *testing.T) {
	l := &hugeLog{size: 64, text: numbered}
	jobs := newTestClient(t, l).Jobs()
	log := func(name string) azmlbatch.JobLog { return azmlbatch.JobLog{Name: name, Size: 64, URI: l.log().URI} }
	w := workers{}
	if err := w.look(t.Context(), jobs, []azmlbatch.JobLog{log("logs/sys/node/0/process000.txt"), log("logs/user/stdout/0/process000.stdout.txt"),
		log("logs/sys/node/1/process000.txt"), log("logs/sys/node/10/process001.txt"), log("logs/sys/node/0/_main.txt"), log("logs/job_result.txt")}); err != nil {
		t.Fatal(err)
	}
	r := report{tally: map[string]tally{"process000": {Tries: 9}, "process001": {Tries: 2, Files: 4}}}
	want := []worker{
		{Node: "0", Process: "process000", Now: "1", Log: "logs/user/stdout/0/process000.stdout.txt", seen: 64},
		{Node: "1", Process: "process000", Now: "1", seen: 64},
		{Node: "10", Process: "process001", Now: "1", Tally: tally{Tries: 2, Files: 4}, HasTally: true, seen: 64},
	}
	if diff := cmp.Diff(want, w.list(&r), cmp.AllowUnexported(worker{})); diff != "" {
		t.Errorf("workers (-want +got):\n%s", diff)
	}
}

// TestLogReader reads each byte once, whole lines only, and a log that was begun anew from its start.
func TestLogReader(t *testing.T) {
	text := ""
	l := &hugeLog{text: func(offset int64, p []byte) { copy(p, text[offset:]) }}
	jobs := newTestClient(t, l).Jobs()
	var r logReader
	for _, step := range []struct {
		text     string
		complete bool
		want     string
	}{
		{"", false, ""}, {"one\ntw", false, "one\n"}, {"one\ntwo\n", false, "two\n"}, {"one\ntwo\n", false, ""}, {"new\n", false, "new\n"}, {"new\nend", true, "end"},
	} {
		text, l.size = step.text, int64(len(step.text))
		got, err := r.next(t.Context(), jobs, l.log(), step.complete)
		if err != nil || string(got) != step.want {
			t.Errorf("of %q it reads %q, %v, want %q", step.text, got, err, step.want)
		}
	}
}
