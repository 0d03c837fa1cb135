package azmlbatch_test

import (
	"cmp"
	"errors"
	"path/filepath"
	"strconv"
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
		process      string   // of the last try; empty means process000
	}{
		{"a script that parses its arguments with parse_args", "import argparse\nargparse.ArgumentParser(prog='score').parse_args()\ndef run(b):\n    return b\n", "SystemExit: 2",
			[]string{"score: error: unrecognized arguments: --client_sdk_version", "parse_known_args()", "logs/user/stderr/0/process000.stderr.txt"}, nil, ""},
		{"a script whose own parser meets the driver's options", "import getopt, sys\ngetopt.getopt(sys.argv[1:], 'k')\ndef run(b):\n    return b\n", "getopt.GetoptError: option --client_sdk_version not recognized",
			[]string{"parse_known_args()", "score.py"}, nil, ""},
		{"a process that ends itself", "import os, sys\ndef run(b):\n    print('no glaze left', file=sys.stderr, flush=True)\n    os._exit(3)\n", "the process ended by itself, returncode 3",
			[]string{"The end of logs/user/stderr/0/process002.stderr.txt:\nno glaze left"}, nil, "process002"},
		{"a script that Python cannot compile", "def run(b)\n    return b\n", "SyntaxError: expected ':'", []string{"score.py\", line 1"}, nil, ""},
		{"a module that hides a package", "import score.glaze\ndef run(b):\n    return b\n", "ModuleNotFoundError: No module named 'score.glaze'; 'score' is not a package",
			[]string{"a module named score hides the package", "rename"}, []string{"--environments venv"}, ""},
		{"a name that a package does not have", "from os import glaze\ndef run(b):\n    return b\n", "ImportError: cannot import name 'glaze' from 'os' (",
			[]string{"another version", "score.py"}, nil, ""},
		{"a script that leaves with words of its own", "import sys\ndef run(b):\n    print('no glaze left', file=sys.stderr)\n    sys.exit(3)\n", "SystemExit: 3", []string{"no glaze left"}, nil, ""},
		{"a module that this machine lacks", "import no_such_module\ndef run(b):\n    return b\n", "ModuleNotFoundError: No module named 'no_such_module'",
			[]string{"/python3", "--python", "--environments venv"}, []string{"add the package to the environment's conda file", "add its package"}, ""},
		{"too few rows", "def run(b):\n    return []\n", "run() returned 0 rows for 1 file of mini-batch 0", []string{"as many rows as files"}, []string{"exceeds error threshold"}, ""},
		{"a process that is killed", "import os, signal\ndef run(b):\n    os.kill(os.getpid(), signal.SIGKILL)\n", "the process ended by signal 9 (killed), returncode -9", []string{"out of memory"}, nil, "process002"},
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
			if !strings.HasPrefix(failed.Message, tt.message) || failed.Hint == "" && len(tt.want) > 1 || failed.Process != cmp.Or(tt.process, "process000") || failed.Node != "0" {
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

// TestCauseOfAFailedJob has jobs in which more than one thing goes wrong. The error tells what
// ended the job, and not what the job got over.
func TestCauseOfAFailedJob(t *testing.T) {
	once := "import os, sys, traceback\n" +
		"def once():\n    try:\n        os.close(os.open(MARK, os.O_CREAT | os.O_EXCL))\n    except FileExistsError:\n        return False\n    return True\n"
	tests := []struct {
		name, script string
		message      string
		miniBatch    int
		file         string
		not          string // in the whole error
	}{
		{"a try that is repeated, then a mini-batch that fails", "def run(b):\n    if 'a.txt' in b[0] and once():\n        raise OSError('flaky')\n    if 'b.txt' in b[0]:\n        raise ValueError('cracked')\n    return b\n",
			"ValueError: cracked", 1, "b.txt", "flaky"},
		{"a try that is repeated, then a mini-batch without rows", "def run(b):\n    if 'a.txt' in b[0] and once():\n        raise OSError('flaky')\n    return b if 'a.txt' in b[0] else []\n",
			"run() returned 0 rows for 1 file of mini-batch 1", 1, "", "flaky"},
		{"an init that is repeated, then a mini-batch that fails", "def init():\n    if once():\n        raise OSError('flaky')\ndef run(b):\n    if 'b.txt' in b[0]:\n        raise ValueError('cracked')\n    return b\n",
			"ValueError: cracked", 1, "b.txt", "flaky"},
		{"a try that is repeated, then an init that fails", "def init():\n    if not once():\n        raise OSError('no model')\ndef run(b):\n    if 'a.txt' in b[0]:\n        os._exit(3)\n    return b\n",
			"OSError: no model", -1, "", "returncode 3"},
		{"an exception that the script prints and gets over", "def run(b):\n    try:\n        raise OSError('flaky')\n    except OSError:\n        traceback.print_exc()\n    return []\n",
			"run() returned 0 rows for 1 file of mini-batch 0", 0, "", "flaky"},
		{"one error after another in one mini-batch", "def run(b):\n    if once():\n        raise OSError('flaky')\n    raise ValueError('cracked')\n", "ValueError: cracked", 0, "a.txt", "flaky"},
	}
	s := newShop(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.t = t
			s.deploy(strings.Replace(once, "MARK", strconv.Quote(filepath.Join(t.TempDir(), "mark")), 1) + tt.script)
			job, err := s.client.Endpoints().Invoke(t.Context(), "vases", s.invocation(""))
			s.must(err)
			_, err = s.wait(job.Name)
			var failed *azmlbatch.JobFailedError
			if !errors.As(err, &failed) || failed.Err != nil {
				t.Fatalf("Wait = %v, want a JobFailedError", err)
			}
			if failed.Message != tt.message || failed.MiniBatch != tt.miniBatch || failed.File != tt.file || strings.Contains(err.Error(), tt.not) {
				t.Errorf("message %q, mini-batch %d, file %q; want %q, %d, %q\n%v", failed.Message, failed.MiniBatch, failed.File, tt.message, tt.miniBatch, tt.file, err)
			}
		})
	}
}
