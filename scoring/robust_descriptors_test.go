//go:build linux

package scoring

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRobustNoDescriptorStaysOpen checks that a job closes what it opened, however it and its
// processes end.
func TestRobustNoDescriptorStaysOpen(t *testing.T) {
	run := func(script string) {
		job := newJob(t, script, 3)
		job.MiniBatchSize, job.MaxConcurrencyPerInstance, job.Echo = 1, 2, io.Discard
		_, _ = Run(t.Context(), job)
	}
	run(echo) // opens what the runtime keeps
	before := openBelow(t, "")
	for range 3 {
		_, _ = Run(t.Context(), newFuncJob(t, 1, func(_ context.Context, files []string) ([]string, error) { return files, nil }))
	}
	if after := openBelow(t, ""); after > before {
		t.Errorf("%d descriptors are open, %d were before the jobs of a function", after, before)
	}
	for _, script := range []string{echo, "import no_such_module", "import os\ndef run(b):\n    os._exit(1)", "def init():\n    raise ValueError()\ndef run(b):\n    return b"} {
		run(script)
		if after := openBelow(t, ""); after > before {
			t.Errorf("%d descriptors are open, %d were before the job: %s", after, before, script)
		}
	}
}

// TestRobustNoMoreDescriptors lets jobs open one more file at a time, until one has enough. All others
// say in one line what is missing, and leave nothing open.
func TestRobustNoMoreDescriptors(t *testing.T) {
	start := func(job Job) func() error {
		return func() error { _, err := Run(t.Context(), job); return err }
	}
	for name, prepare := range map[string]func() (start func() error){
		"a function": func() func() error {
			return start(newFuncJob(t, 1, func(_ context.Context, files []string) ([]string, error) { return files, nil }))
		},
		"a script": func() func() error { return start(newJob(t, echo, 1)) },
		"a command": func() func() error {
			return func() error { return RunCommand(t.Context(), Command{Line: "true"}) }
		},
	} {
		if err := prepare()(); err != nil { // opens what the runtime keeps
			t.Fatal(err)
		}
		before, most := openBelow(t, ""), 50
		for more := 0; ; more++ {
			start := prepare()
			restore := limitDescriptors(t, more)
			err := start()
			restore()
			if open := openBelow(t, ""); open > before {
				t.Errorf("%s: %d descriptors are open after a job with %d more, %d were before", name, open, more, before)
			}
			if err == nil {
				if more < 5 {
					t.Errorf("%s: a job needs no more than %d descriptors", name, more)
				}
				break
			}
			if more == most || !strings.Contains(err.Error(), "too many open files") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, with %d descriptors: %v", name, more, err)
				break
			}
		}
	}
}

// limitDescriptors lets this process open so many more files, until restore is called.
func limitDescriptors(t *testing.T, more int) (restore func()) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	next, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(next.Fd()) + uint64(more), Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	}
}

// openBelow counts the files in a folder that this process has open.
func openBelow(t *testing.T, dir string) (n int) {
	t.Helper()
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Error(err)
	}
	for _, d := range descriptors {
		if to, err := os.Readlink("/proc/self/fd/" + d.Name()); err == nil && strings.HasPrefix(to, dir) {
			n++
		}
	}
	return n
}
