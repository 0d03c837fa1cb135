package azmlbatch_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/azmlbatch/azmlbatch"
)

// TestFailedJobsSayWhatHelps checks failures whose exception alone does not say what to do.
func TestFailedJobsSayWhatHelps(t *testing.T) {
	tests := []struct {
		name, script string
		message      string
		want, not    []string // in the whole error
	}{
		{"a script that parses its arguments with parse_args", "import argparse\nargparse.ArgumentParser(prog='score').parse_args()\ndef run(b):\n    return b\n", "SystemExit: 2",
			[]string{"score: error: unrecognized arguments: --client_sdk_version", "parse_known_args()", "logs/user/stderr/0/process000.stderr.txt"}, nil},
		{"a script that leaves with words of its own", "import sys\ndef run(b):\n    print('no glaze left', file=sys.stderr)\n    sys.exit(3)\n", "SystemExit: 3", []string{"no glaze left"}, nil},
		{"a module that this machine lacks", "import no_such_module\ndef run(b):\n    return b\n", "ModuleNotFoundError: No module named 'no_such_module'",
			[]string{"/python3", "--python", "--environments venv"}, []string{"add the package to the environment's conda file", "add its package"}},
		{"too few rows", "def run(b):\n    return []\n", "run() returned 0 rows for 1 file of mini-batch 0", []string{"as many rows as files"}, []string{"exceeds error threshold"}},
		{"a process that is killed", "import os, signal\ndef run(b):\n    os.kill(os.getpid(), signal.SIGKILL)\n", "the process ended by signal 9 (killed), returncode -9", []string{"out of memory"}, nil},
	}
	s := newShop(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.t = t
			s.deploy(tt.script)
			job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation(""))
			s.must(err)
			_, err = s.wait(job.Name)
			var failed *azmlbatch.JobFailedError
			if !errors.As(err, &failed) {
				t.Fatalf("Wait = %v, want a JobFailedError", err)
			}
			if failed.Message != tt.message || failed.Hint == "" && len(tt.want) > 1 || failed.Process != "process000" || failed.Node != "0" {
				t.Errorf("failure = %+v, want the message %q", failed, tt.message)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in the error:\n%v", want, err)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(err.Error(), not) {
					t.Errorf("%q in the error:\n%v", not, err)
				}
			}
		})
	}
}
