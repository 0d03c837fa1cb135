//go:build linux

package scoring

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLogsKeepTheFirstError: close returns what went wrong first, whether a log could not be
// opened, written or closed.
func TestLogsKeepTheFirstError(t *testing.T) {
	isFolder := func(l *logTree) { l.master("INFO", "here") }
	closed := func(name string) func(*logTree) {
		return func(l *logTree) { l.write(name, "here"); l.files[name].Close() }
	}
	for _, tt := range []struct {
		name  string
		steps []func(*logTree)
		want  string
	}{
		{"nothing", nil, ""},
		{"a log that is a folder", []func(*logTree){isFolder}, "is a directory"},
		{"a log that cannot be written", []func(*logTree){closed("logs/a.txt"), func(l *logTree) { l.write("logs/a.txt", "x") }}, "write LOGS/logs/a.txt: file already closed"},
		{"a log of a process that cannot be closed", []func(*logTree){closed(nodeFile(0, "process000")), func(l *logTree) { l.closeLogsOf(0, "process000") }},
			"close LOGS/logs/sys/node/0/process000.txt: file already closed"},
		{"the errors of a process that cannot be closed", []func(*logTree){closed(processErrorFile(0, "process000")), func(l *logTree) { l.closeLogsOf(0, "process000") }},
			"close LOGS/logs/user/error/0/process000.txt: file already closed"},
		{"a log that cannot be closed", []func(*logTree){closed("logs/a.txt")}, "close LOGS/logs/a.txt: file already closed"},
		{"two errors", []func(*logTree){isFolder, closed("logs/a.txt")}, "is a directory"},
	} {
		dir := t.TempDir()
		l, err := newLogTree(dir, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, l.masterFile()), 0o750); err != nil {
			t.Fatal(err)
		}
		for _, step := range tt.steps {
			step(l)
		}
		got := ""
		if err := l.close(); err != nil {
			got = strings.ReplaceAll(err.Error(), dir, "LOGS")
		}
		if (tt.want == "") != (got == "") || tt.want != "" && (!strings.HasPrefix(got, "scoring: logs: ") || !strings.HasSuffix(got, tt.want)) {
			t.Errorf("%s: close = %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestLogsOfErrors pins the lines about an error, by its kind.
func TestLogsOfErrors(t *testing.T) {
	const head = "T The process001 on node 2 failed with error: "
	for _, tt := range []struct {
		name  string
		error ScriptError
		want  []string // after the first line
	}{
		{"an exception", ScriptError{Message: "E", Traceback: "Traceback\nE\n\n"}, []string{head + "Traceback", "E"}},
		{"one without a traceback", ScriptError{Message: "E"}, []string{head + "E"}},
		{"a timeout", ScriptError{Message: "slow", Traceback: "in run\n", TimedOut: true}, []string{head + "slow", "in run"}},
		{"a process that ended", ScriptError{Message: "gone", Traceback: "in run\n", Exited: true}, []string{head + "gone", "in run"}},
		{"missing rows", ScriptError{Message: "no rows", TooFewRows: true, MiniBatch: 7, Hint: "return rows"}, []string{head + "no rows of mini-batch 7", "T Hint: return rows"}},
	} {
		now := time.Date(2026, 3, 1, 23, 4, 5, 6007000, time.UTC)
		dir := t.TempDir()
		l, err := newLogTree(dir, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		tt.error.Phase, tt.error.Process, tt.error.Node = PhaseRun, "process001", 2
		l.scriptError(&tt.error)
		if err := l.close(); err != nil {
			t.Fatal(err)
		}
		checkLogs(t, snapshot(t, dir), now, map[string][]string{
			"logs/job_error.2026030123.txt":    append([]string{"T " + errorFileHead}, tt.want...),
			"logs/user/error/2/process001.txt": append([]string{"T " + tt.error.Error()}, tt.want...),
		})
	}
}

// TestLogsOfStandardError checks how much of it an error shows.
func TestLogsOfStandardError(t *testing.T) {
	l := &logTree{dir: t.TempDir()}
	path := filepath.Join(l.dir, "logs/user/stderr/1/process002.stderr.txt")
	for _, tt := range [][2]string{{"", ""}, {"only\n", "only"}, {"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10"}, {"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n", "2\n3\n4\n5\n6\n7\n8\n9\n10\n11"}} {
		writeFile(t, path, tt[0])
		if got := l.lastStderr(1, "process002"); got != tt[1] {
			t.Errorf("of %q: %q, want %q", tt[0], got, tt[1])
		}
	}
	l.dir = path // a file in the place of the folder
	if got := l.lastStderr(1, "process002"); got != "" {
		t.Errorf("without a folder: %q", got)
	}
	if got := readTail(filepath.Dir(path)); got != "" {
		t.Errorf("of a folder: %q", got)
	}
}

// TestPlural checks a count with its noun.
func TestPlural(t *testing.T) {
	if diff := cmp.Diff([]string{"0 rows", "1 row", "2 rows"}, []string{plural(0, "row"), plural(1, "row"), plural(2, "row")}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEchoByTime checks when lines are copied: every 50 milliseconds if they are whole, and the rest
// at the end.
func TestEchoByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "log")
		var to writes
		e := newEcho(&to)
		e.follow(path, "0: ")
		check := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			to.mu.Lock()
			defer to.mu.Unlock()
			if !slices.Equal(to.lines, want) {
				t.Errorf("%s: %q, want %q", when, to.lines, want)
			}
		}
		writeFile(t, path, "one\ntw")
		time.Sleep(50*time.Millisecond - 1)
		check("before its time")
		time.Sleep(time.Nanosecond)
		check("at its time", "0: one\n")
		writeFile(t, path, "one\ntwo\nthr")
		e.end(path, "none")
		check("at the end of the process", "0: one\n", "0: two\n", "0: thr\n")
		writeFile(t, path, "one\ntwo\nthree\n")
		time.Sleep(time.Second)
		e.close()
		check("after the end", "0: one\n", "0: two\n", "0: thr\n")
	})
}

// TestLogsOnAFullDisk: a job whose logs cannot be written does not begin.
func TestLogsOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", filepath.Join(dir, "logs", "readme.txt")); err != nil {
		t.Fatal(err)
	}
	job := newFuncJob(t, 1, nil)
	job.Logs = dir
	s := &settings{Job: job, now: time.Now}
	got, err := s.run(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "scoring: logs: ") || !strings.HasSuffix(err.Error(), "no space left on device") || got.Status != StatusFailed {
		t.Errorf("run = %+v, %v", got, err)
	}
	var failure *Failure
	if errors.As(err, &failure) {
		t.Error("the job is to blame")
	}
}
