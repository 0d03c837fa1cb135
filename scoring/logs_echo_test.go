package scoring

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writes collects what is written, one element per call.
type writes struct {
	mu    sync.Mutex
	lines []string
	heard func(line string) // nil for nothing
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, string(p))
	if w.heard != nil {
		w.heard(string(p))
	}
	return len(p), nil
}

// TestEcho checks what the writer gets of what scripts print.
func TestEcho(t *testing.T) {
	tests := []struct {
		name, script string
		change       func(*Job)
		want         []string // sorted
	}{
		{"both streams, and the logger", "import logging, sys\ndef run(b):\n    print('out')\n    print('err', file=sys.stderr)\n    logging.info('logged')\n    return b", nil,
			[]string{"INFO:root:logged\n", "err\n", "out\n"}},
		{"on import, in init and in shutdown", "print('import')\ndef init():\n    print('init')\ndef run(b):\n    return b\ndef shutdown():\n    print('shutdown')", nil,
			[]string{"import\n", "init\n", "shutdown\n"}},
		{"a line without its end", "import sys\ndef run(b):\n    sys.stdout.write('half')\n    return b", nil, []string{"half\n"}},
		{"an import that fails", "print('here')\nimport no_such_module", nil, []string{"here\n"}},
		{"processes by name", "import helper\ndef run(b):\n    helper.meet()\n    print('here')\n    return b", func(j *Job) { j.MiniBatchSize, j.InstanceCount = 1, 2 },
			[]string{"0/process000: here\n", "1/process000: here\n"}},
		{"a process that is replaced", "import helper, os\ndef run(b):\n    print('here')\n    if helper.once():\n        os._exit(1)\n    return b", nil, []string{"here\n", "here\n"}},
		{"a long line is broken", "def run(b):\n    print('x' * 100000)\n    return b", nil, []string{strings.Repeat("x", 100000-65536) + "\n", strings.Repeat("x", 65536) + "\n"}},
		{"nothing of an earlier job", "def run(b):\n    print('here')\n    return b", func(j *Job) {
			path := filepath.Join(j.Logs, "logs", "user", "stdout", "0", "process000.stdout.txt")
			_ = os.MkdirAll(filepath.Dir(path), 0o750)
			_ = os.WriteFile(path, []byte("before\n"), 0o600)
		}, []string{"here\n"}},
		{"without logs", "def run(b):\n    print('here')\n    return b", func(j *Job) { j.Logs = "" }, []string{"here\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job := newJob(t, tt.script, 2)
			if tt.change != nil {
				tt.change(&job)
			}
			var to writes
			job.Echo = &to
			_, _ = Run(t.Context(), job) // also of a job that fails
			slices.Sort(to.lines)
			if diff := cmp.Diff(tt.want, to.lines, cmp.Transformer("short", func(s string) string { return s[:min(len(s), 100)] })); diff != "" {
				t.Errorf("echo (-want +got):\n%s", diff)
			}
			for _, line := range to.lines {
				if !slices.Contains(tt.want, line) {
					t.Errorf("a line of %d bytes", len(line))
				}
			}
		})
	}
}
