package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	sdk "github.com/azmlbatch/azmlbatch"
	"github.com/azmlbatch/azmlbatch/deploy"
)

func TestTable(t *testing.T) {
	kilns := table{header: []string{"NAME", "STATUS", "GLAZE"}, state: 1, rows: [][]string{
		{"raku", "Completed", "red\x1b[2J\n"}, {"anagama", "Failed", ""}, {"noborigama", "Queued", "ash"}}}
	var out bytes.Buffer
	if err := kilns.print(&out, false); err != nil {
		t.Fatal(err)
	}
	plainText := "NAME         STATUS      GLAZE\nraku         Completed   red [2J\nanagama      Failed\nnoborigama   Queued      ash\n"
	if diff := cmp.Diff(plainText, out.String()); diff != "" {
		t.Errorf("plain (-want +got):\n%s", diff)
	}
	out.Reset()
	if err := kilns.print(&out, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{green + "Completed\x1b[0m", red + "Failed\x1b[0m", plain + "Queued\x1b[0m", plain + "STATUS\x1b[0m"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
	withoutColors := out.String()
	for _, code := range []string{plain, red, green, yellow, "\x1b[0m"} {
		withoutColors = strings.ReplaceAll(withoutColors, code, "")
	}
	withoutColors = strings.ReplaceAll(withoutColors, "Failed   \n", "Failed\n")
	if diff := cmp.Diff(plainText, withoutColors); diff != "" {
		t.Errorf("the columns of colours are not aligned (-plain +coloured):\n%s", diff)
	}
}

// TestColors: a file and a buffer are no terminals, so they get none.
func TestColors(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if colors(file) || colors(&bytes.Buffer{}) {
		t.Error("colours for what is no terminal")
	}
	if terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0); err == nil {
		defer terminal.Close()
		for _, test := range []struct {
			noColor, term string
			want          bool
		}{{"", "xterm", true}, {"1", "xterm", false}, {"", "dumb", false}} {
			t.Setenv("NO_COLOR", test.noColor)
			t.Setenv("TERM", test.term)
			if got := colors(terminal); got != test.want {
				t.Errorf("NO_COLOR=%q TERM=%q: colours %v, want %v", test.noColor, test.term, got, test.want)
			}
		}
	}
}

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 20: "5.0 MiB", 1 << 62: "4.0 EiB"} {
		if got := size(bytes); got != want {
			t.Errorf("size(%d) = %q, want %q", bytes, got, want)
		}
	}
}

// TestProgressLines: a line for a new status and for each tenth, and no more.
func TestProgressLines(t *testing.T) {
	var out bytes.Buffer
	p := &progress{writer: &out}
	var counts sdk.JobCounts
	tell := p.job("firing", &counts).OnProgress
	tell(sdk.Progress{Status: "Queued"})
	tell(sdk.Progress{Status: "Queued"})
	for done := range 31 {
		tell(sdk.Progress{Status: "Running", Counts: &sdk.JobCounts{Files: 30, FilesDone: done}})
	}
	p.end()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 12 || lines[0] != "firing Queued" || !strings.HasPrefix(lines[1], "firing Running: 0 of 30 files done") || !strings.HasPrefix(lines[11], "firing Running: 30 of 30 files done") {
		t.Errorf("%d lines, want 12:\n%s", len(lines), &out)
	}
	if counts.FilesDone != 30 {
		t.Errorf("the last counts are %+v", counts)
	}
}

// TestProgressBar: on a terminal the last line is drawn anew, and empty at the end.
func TestProgressBar(t *testing.T) {
	var terminal bytes.Buffer
	p := &progress{writer: &terminal, terminal: true, every: time.Nanosecond}
	p.operation("deleting kiln").OnProgress(sdk.Progress{Polls: 1})
	if text := terminal.String(); !strings.Contains(text, "deleting kiln") {
		t.Errorf("the spinner shows %q", text)
	}
	p.upload("clay").OnProgress(sdk.UploadProgress{Files: 2, Bytes: 2048, BytesDone: 1024})
	p.upload("clay").OnProgress(sdk.UploadProgress{Files: 2, Bytes: 2048, BytesDone: 2047})
	if text := terminal.String(); !strings.Contains(text, "uploading clay") || strings.Contains(text, "\n") {
		t.Errorf("the bar shows %q", text)
	}
	p.deployStep(deploy.StepProgress{Step: "create kiln", State: deploy.StepStateRunning, Operation: &sdk.Progress{Polls: 3}})
	if text := terminal.String(); !strings.Contains(text, "create kiln") || strings.Contains(text, "\n") {
		t.Errorf("a step of apply shows %q", text)
	}
	p.deployStep(deploy.StepProgress{Step: "create kiln", State: deploy.StepStateDone, Elapsed: 1234 * time.Millisecond})
	if text := terminal.String(); !strings.HasSuffix(text, "create kiln: done, 1.2s\n") {
		t.Errorf("a step of apply ends with %q", text)
	}
	p.upload("clay").OnProgress(sdk.UploadProgress{Files: 2, Bytes: 2048, BytesDone: 1024})
	terminal.Reset()
	p.end()
	if text := terminal.String(); text == "" || strings.Trim(text, "\r \x1b[2K") != "" {
		t.Errorf("at the end it writes %q, want that it clears the line", text)
	}
}
