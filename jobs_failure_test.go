package azmlbatch

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFindTraceback(t *testing.T) {
	const user = "Traceback (most recent call last):\n  File \"score.py\", line 9, in run\n    raise ValueError(\"no glaze\")\nValueError: no glaze"
	tests := []struct {
		name, log string
		want      traceback
		ok        bool
	}{
		{"after a stamp", "2026-02-28T11:11:55.543843 This file shows errors in the entry script.\n" +
			"2026-02-28T11:12:07.031290 The process000 on node 0 failed with error: " + user + "\n2026-02-28T11:12:08.0 next\n",
			traceback{text: user, exception: "ValueError: no glaze", node: "0", process: "process000"}, true},
		{"the driver's exit is not the cause", "Traceback (most recent call last):\n  File \"driver.py\", line 1\nSystemExit: 42\n", traceback{}, false},
		{"the user's comes after the driver's", "Traceback (most recent call last):\n  x\nSystemExit: 42\n\n" + user, traceback{text: user, exception: "ValueError: no glaze"}, true},
		{"a message of several lines", user + "\nsecond line\n\nmore", traceback{text: user + "\nsecond line", exception: "ValueError: no glaze"}, true},
		{"chained", "Traceback (most recent call last):\n  a\nKeyError: 'k'\n\nDuring handling of the above exception, another exception occurred:\n\n" + user + "\n",
			traceback{text: "Traceback (most recent call last):\n  a\nKeyError: 'k'\n\nDuring handling of the above exception, another exception occurred:\n\n" + user, exception: "ValueError: no glaze"}, true},
		{"with a hint", "2026-02-28T11:12:07.031290 The process000 on node 0 failed with error: " + user + "\n2026-02-28T11:12:07.031290 Hint: more ash\n",
			traceback{text: user, exception: "ValueError: no glaze", node: "0", process: "process000", hint: "more ash"}, true},
		{"another error's hint", "2026-02-28T11:12:07.03 The process000 on node 0 failed with error: " + user + "\n2026-02-28T11:12:08.03 The process000 on node 0 failed with error: x\n2026-02-28T11:12:08.03 Hint: more ash\n",
			traceback{text: user, exception: "ValueError: no glaze", node: "0", process: "process000"}, true},
		{"none", "all went well\n", traceback{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := jobReport{}.cause(failedCalls(tt.log))
			if ok != tt.ok {
				t.Errorf("cause = %v, want %v", ok, tt.ok)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(traceback{})); diff != "" {
				t.Errorf("traceback (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFindFailedCall(t *testing.T) {
	const head = "2026-02-28T11:11:55.543843 This file shows errors.\n2026-02-28T11:12:07.031290 The process001 on node 2 failed with error: "
	const user = tracebackHead + "\n  File \"score.py\", line 9, in run\nValueError: no glaze"
	tests := []struct {
		name, log string
		want      traceback
		ok        bool
	}{
		{"an exception is told before what came earlier", head + "run() returned 0 rows for 3 files\n" + user + "\n", traceback{text: user, exception: "ValueError: no glaze"}, true},
		{"rows that are missing", head + "run() returned 0 rows for 3 files of mini-batch 0\n2026-02-28T11:12:07.031290 Hint: return rows\n2026-02-28T11:12:08.0 The process000 on node 0 failed with error: later\n",
			traceback{exception: "run() returned 0 rows for 3 files of mini-batch 0", node: "2", process: "process001", hint: "return rows"}, true},
		{"a call that hangs", head + "run() took longer than the timeout\nCurrent thread 0x7f:\n  File \"score.py\", line 3 in run\n2026-02-28T11:12:08.0 next\n",
			traceback{text: "Current thread 0x7f:\n  File \"score.py\", line 3 in run", exception: "run() took longer than the timeout", node: "2", process: "process001"}, true},
		{"at the end of the log", head + "the process ended by signal 9 (killed), returncode -9", traceback{exception: "the process ended by signal 9 (killed), returncode -9", node: "2", process: "process001"}, true},
		{"none", "2026-02-28T11:11:55.543843 This file shows errors.\n", traceback{}, false},
		{"half a traceback", head + tracebackHead + "\n  File", traceback{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := jobReport{}.cause(failedCalls(tt.log))
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(traceback{})); diff != "" || ok != tt.ok {
				t.Errorf("cause = %v, want %v (-want +got):\n%s", ok, tt.ok, diff)
			}
		})
	}
}

func TestLostMiniBatch(t *testing.T) {
	const head = "Mini-batch Id,Picked Count,Process,Total,Failed,Status,Error Message,Mini-batch Detail\n"
	tests := []struct {
		name, lines string
		want        *lostMiniBatch
		recovered   []string
	}{
		{"the first of several", "0,1,process000,1,0,RUN_DONE,,\"['a.pgm']\"\n3,1,process001,2,0,RUN_EXCEPTION,bad,\"['x/b.pgm', 'x/c.pgm']\"\n4,1,process001,1,0,RUN_TIMEOUT,late,d.pgm\n",
			&lostMiniBatch{id: 3, try: 1, line: 2, process: "process001", message: "bad", files: []string{"x/b.pgm", "x/c.pgm"}}, nil},
		{"one that succeeded later is none", "0,1,process000,1,0,RUN_EXCEPTION,flaky,a\n0,2,process001,1,0,RUN_DONE,,\n", nil, []string{"flaky"}},
		{"one that succeeded later, before one that did not", "0,1,process000,1,0,RUN_EXCEPTION,flaky,a\n1,1,process000,1,0,RUN_EXCEPTION,bad,b\n0,2,process001,1,0,RUN_DONE,,\n",
			&lostMiniBatch{id: 1, try: 1, line: 2, process: "process000", message: "bad", files: []string{"b"}}, []string{"flaky"}},
		{"one that had more tries left when the job ended", "0,1,process000,1,0,RUN_EXCEPTION,flaky,a\n1,1,process001,1,0,RUN_EXCEPTION,once,b\n1,2,process001,1,1,RUN_EXCEPTION,bad,b\n",
			&lostMiniBatch{id: 1, try: 2, line: 3, process: "process001", message: "bad", files: []string{"b"}}, nil},
		{"too few rows", "0,1,process000,2,1,RUN_DONE,,\n", &lostMiniBatch{try: 1, line: 1, tooFewRows: true, process: "process000"}, nil},
		{"an exception is told before rows that are missing", "0,1,process000,2,1,RUN_DONE,,\n1,1,process000,2,2,RUN_EXCEPTION,bad,b\n",
			&lostMiniBatch{id: 1, try: 1, line: 2, process: "process000", message: "bad", files: []string{"b"}}, nil},
		{"an empty report", "", nil, nil},
		{"lines that cannot be read", "x,1,p,1,0,RUN_EXCEPTION,bad,a\n1,1,p,x,0,RUN_EXCEPTION,bad,a\n2,1,p,1,,RUN_EXCEPTION,bad,a\n", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readReport(strings.NewReader(head + tt.lines))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.lost, cmp.AllowUnexported(lostMiniBatch{})); diff != "" {
				t.Errorf("lost mini-batch (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.recovered, got.recovered); diff != "" {
				t.Errorf("recovered (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGuiltyFile(t *testing.T) {
	files := []string{"x/b.pgm", "x/c.pgm"}
	if got := guiltyFile(files, "ValueError: c.pgm is broken"); got != "c.pgm" {
		t.Errorf("guiltyFile = %q, want c.pgm", got)
	}
	if got := guiltyFile(files, "ValueError"); got != "" {
		t.Errorf("guiltyFile without a clue = %q, want none", got)
	}
}

func TestJobFailedErrorReads(t *testing.T) {
	err := &JobFailedError{Job: Job{Name: "batchjob-1", Status: JobStatusFailed}, Message: "ValueError: no glaze", MiniBatch: 3, File: "b.pgm",
		Node: "0", Process: "process001", Log: "azureml://datastores/d/paths/p", Hint: hintFor("No module named 'azureml'"),
		Traceback: "Traceback (most recent call last):\nValueError: no glaze"}
	want := `azmlbatch: job "batchjob-1" ended as Failed: ValueError: no glaze (mini-batch 3, file "b.pgm", process001 on node 0, ` +
		"log azureml://datastores/d/paths/p); add azureml-core and azureml-dataset-runtime[fuse] to the environment's conda file\n" +
		"Traceback (most recent call last):\nValueError: no glaze"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("Error() (-want +got):\n%s", diff)
	}
}

func TestJobFailedErrorReadsWithoutLogs(t *testing.T) {
	unread := errors.Join(errors.New("azmlbatch: read log \"a\": 403 AuthorizationFailure"), errors.New("azmlbatch: read log \"b\": 403"))
	tests := []struct {
		name string
		err  JobFailedError
		want string
	}{
		{"logs that cannot be read", JobFailedError{MiniBatch: -1, Err: unread}, `; not all logs could be read: read log "a": 403 AuthorizationFailure`},
		{"a message of the service", JobFailedError{MiniBatch: -1, Message: "cracked", Err: unread}, `: cracked; not all logs could be read: read log "a": 403 AuthorizationFailure`},
		{"a traceback is better", JobFailedError{MiniBatch: -1, Message: "E: x", Traceback: tracebackHead + "\nE: x", Err: unread}, ": E: x\n" + tracebackHead + "\nE: x"},
		{"a process without a node", JobFailedError{MiniBatch: 3, Process: "process003"}, " (mini-batch 3, process003)"},
	}
	for _, tt := range tests {
		tt.err.Job = Job{Name: "job-1", Status: JobStatusFailed}
		if diff := cmp.Diff(`azmlbatch: job "job-1" ended as Failed`+tt.want, tt.err.Error()); diff != "" {
			t.Errorf("%s: Error() (-want +got):\n%s", tt.name, diff)
		}
	}
}

// The logs of a job may be gone, or be refused, when the job itself is there.
func TestUnreadLogsAreNotTheJobsError(t *testing.T) {
	var err error = &JobFailedError{Err: errors.Join(&Error{StatusCode: 404, Codes: []string{"BlobNotFound"}, Err: ErrNotFound}, &ArgumentError{},
		fmt.Errorf("read: %w", context.Canceled))}
	if errors.Is(err, ErrNotFound) || HasCode(err, "BlobNotFound") || errors.As(err, new(*ArgumentError)) {
		t.Errorf("the error of a log is that of the job: %v", err)
	}
	if !errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("errors.Is finds another end of the context than context.Canceled in %v", err)
	}
}

func FuzzFailedCalls(f *testing.F) {
	f.Add("Traceback (most recent call last):\n  x\nE: y\n\nDuring handling of the above exception\n")
	f.Fuzz(func(t *testing.T, log string) {
		for _, call := range failedCalls(log) {
			if call.exception == "" || strings.Contains(call.exception, "\n") {
				t.Errorf("an exception that is not one line: %+v", call)
			}
		}
	})
}

func TestGuiltyFileIsNotOneWithinItsName(t *testing.T) {
	if got := guiltyFile([]string{"/in/1.csv", "/in/11.csv"}, `open("/in/11.csv")`); got != "11.csv" {
		t.Errorf("guiltyFile = %q, want 11.csv", got)
	}
}

func TestFailureShowsNoSignatures(t *testing.T) {
	const url = "https://acc.blob.core.windows.net/con/a.csv?sp=r&sig=secret"
	err := &JobFailedError{Job: Job{Name: "job-1", Status: JobStatusFailed}, Message: "no glaze at " + url, Traceback: tracebackHead + "\n  get(" + url + ")", MiniBatch: -1}
	want := "azmlbatch: job \"job-1\" ended as Failed: no glaze at https://acc.blob.core.windows.net/con/a.csv\n" +
		tracebackHead + "\n  get(https://acc.blob.core.windows.net/con/a.csv"
	if got := err.Error(); strings.Contains(got, "secret") || !strings.HasPrefix(got, want) {
		t.Errorf("error = %s", got)
	}
}

// goFields matches the fields of a deployment.
var goFields = func() *regexp.Regexp {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Deployment]()) {
		names = append(names, f.Name)
	}
	return regexp.MustCompile(`\b(` + strings.Join(names, "|") + `)\b`)
}()

// TestHintsForCauses has each hint with what the service, Python or a parser writes.
func TestHintsForCauses(t *testing.T) {
	tests := map[string]string{
		"No succeeded mini batch item returned from run(). Please check 'response: run()'":                              "return one element per file",
		"Exception: The run() method in the entry script should return a list or a pandas DataFrame.":                   "must return a list or a pandas DataFrame",
		"DriverException: There is no succeeded mini batch item returned from run().":                                   "return one element per file",
		"Image build failed. For more details, check log file x.":                                                       "correct the environment's image",
		"Can't mount Dataset(ID='x') (azureml://x: the folder has no files; sub-folders are not explored)":              "no file directly in it",
		"Can't mount Dataset(ID='x') (azureml://x: blob: open x: 404 BlobNotFound: The specified blob does not exist.)": "there is no such file",
		"UserErrorException: Message: Can't mount Dataset(ID='x')":                                                      "Storage Blob Data Reader",
		"Dataset initialization failed: x":                                                                              "Storage Blob Data Reader",
		"ModuleNotFoundError: No module named 'a.b'; 'a' is not a package":                                              "rename the file of the code folder",
		"ImportError: cannot import name 'a' from 'b'":                                                                  "pin the version",
		"ModuleNotFoundError: No module named 'azureml'":                                                                "azureml-core",
		"ModuleNotFoundError: No module named 'pkg_resources'":                                                          "setuptools<81",
		"ModuleNotFoundError: No module named 'cv2'":                                                                    "opencv-python-headless",
		"ModuleNotFoundError: No module named 'sklearn'":                                                                "scikit-learn",
		"ModuleNotFoundError: No module named 'PIL'":                                                                    "pillow",
		"ModuleNotFoundError: No module named 'yaml'":                                                                   "pyyaml",
		"ModuleNotFoundError: No module named 'glaze'":                                                                  "add its package to the environment, in a version that has it, or the file to the code folder",
		"SystemExit: 2\nscore: error: unrecognized arguments: --client_sdk_version 1":                                   "parse_known_args()",
		"score: error: the following arguments are required: --kiln":                                                    "read an environment variable",
		"run() returned 0 rows for 3 files":                                                                             "as many rows as files",
		"OSError: [Errno 30] Read-only file system: '/mnt/in/a.csv'":                                                    "AZUREML_BI_OUTPUT_PATH",
		"OSError: [Errno 28] No space left on device":                                                                   "a larger disk",
		"torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB":                                   "lower the mini-batch size",
		"the process ended by signal 9 (killed)":                                                                        "out of memory",
		"the process ended by signal 11 (segmentation fault)":                                                           "native code crashed",
		"The number of failed items is 3, which exceeds error threshold 0.":                                             "raise the error threshold",
		"the path already exists":                                                                                       "an output of its own",
		"ValueError: No objects to concatenate":                                                                         "check the file types",
		"No progress update in 180 seconds.":                                                                            "lower the mini-batch size",
		"Datastore has no credentials, and workspace msi failed":                                                        "workspace identity",
		"run() took longer than the timeout":                                                                            "raise the timeout",
		"run_invocation_timeout":                                                                                        "raise the timeout",
		"StreamAccessException was caused by AuthenticationException.":                                                  "lacks Storage Blob Data Reader",
		"Failed to create table 'prs'":                                                                                  "queue and table endpoints",
		"ValueError: cracked":                                                                                           "",
		"ValueError: no glaze in pkg_resources/kiln.csv":                                                                "",
	}
	said := newTexts(t)
	used := map[string]bool{}
	for cause, want := range tests {
		got := hintFor(cause)
		said.add(cause, got)
		if used[got] = true; !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("hintFor(%q) = %q, want %q", cause, got, want)
		}
	}
	for _, h := range hints {
		if !used[h.hint] {
			t.Errorf("no cause for the hint %q", h.hint)
		}
		if name := goFields.FindString(h.hint); name != "" {
			t.Errorf("the hint %q names the field %s, which users of the command do not know", h.hint, name)
		}
	}
}
