//go:build linux

package scoring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// checkClean fails if a process that the script noted is alive, or a temporary folder of the job
// exists.
func checkClean(t *testing.T, job Job) {
	t.Helper()
	for _, line := range notes(t, job) {
		var pid int
		if _, err := fmt.Sscanf(line, "process %d", &pid); err == nil {
			checkGone(t, pid)
		}
		if dir, ok := strings.CutPrefix(line, "folder "); ok {
			if _, err := os.Stat(filepath.Dir(filepath.Dir(dir))); err == nil {
				t.Errorf("%s is left", filepath.Dir(filepath.Dir(dir)))
			}
		}
	}
}

// checkGone waits for a process that was killed: the system may take a moment.
func checkGone(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // there is none
	}
	defer unix.Close(fd)     //nolint:errcheck // nothing was written
	const patience = 120_000 // milliseconds, which only a process that nobody kills needs
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, patience)
		if err == unix.EINTR {
			continue
		}
		if n == 0 {
			t.Errorf("process %d is still alive", pid)
		}
		return
	}
}

// telling begins a script that notes its process and its folder.
const telling = `
import ctypes, multiprocessing, os, resource, signal, subprocess, sys, threading, time
import helper
helper.process()
helper.note("folder", os.getcwd())

def run(mini_batch):
    if helper.once():
        strange()
    return helper.names(mini_batch)

`

// strange returns a script that does something once, in its first call of run.
func strange(body string) string {
	return telling + "def strange():\n    " + strings.ReplaceAll(body, "\n", "\n    ") + "\n"
}

func checkStrange(t *testing.T, rules []rule) {
	t.Helper()
	for i := range rules {
		rules[i].after = checkClean
		if rules[i].reason == "" && rules[i].files == 0 {
			rules[i].files, rules[i].rows = 3, []string{"a00.txt", "a01.txt", "a02.txt"}
			rules[i].items = Items{3, 3, 0}
		}
	}
	checkRules(t, rules)
}

// TestRobustDyingProcesses: one try fails, and another process scores the mini-batch.
func TestRobustDyingProcesses(t *testing.T) {
	checkStrange(t, []rule{
		{name: "kill -9", script: strange("os.kill(os.getpid(), signal.SIGKILL)"), tries: 1, cause: "ended by signal 9 (killed), returncode -9"},
		{name: "SIGTERM", script: strange("os.kill(os.getpid(), signal.SIGTERM)"), tries: 1, cause: "returncode -15"},
		{name: "os._exit with 0", script: strange("os._exit(0)"), tries: 1, cause: "ended by itself, returncode 0"},
		{name: "os._exit with 42", script: strange("os._exit(42)"), tries: 1, cause: "ended by itself, returncode 42"},
		{name: "a segmentation fault", script: strange("ctypes.string_at(0)"), tries: 1, cause: "ended by signal 11 (segmentation fault)"},
		{name: "the stack of a segmentation fault", script: strange("ctypes.string_at(0)"), tries: 1, cause: "in strange"},
		{name: "an abort", script: strange("os.abort()"), tries: 1, cause: "ended by signal 6 (aborted)"},
		{name: "a fork that holds the pipes survives it", script: strange("if os.fork() == 0:\n    os.setsid()\n    helper.process()\n    signal.pause()\nos._exit(3)"),
			tries: 1, cause: "returncode 3"},
		{name: "a thread ends the process between two mini-batches", script: telling + "def strange():\n    threading.Timer(0, os._exit, [5]).start()\n    signal.pause()", tries: 1, cause: "returncode 5"},
		{name: "all descriptors closed", script: strange("os.closerange(0, 4096)"), tries: 1, cause: "the process"},
	})
}

// TestRobustBlame: if a process ends, the mini-batch that it was working on fails, and no other.
func TestRobustBlame(t *testing.T) {
	var want []string
	for i, name := range namesOf(90) {
		if i%3 != 2 {
			want = append(want, name)
		}
	}
	checkStrange(t, []rule{{name: "every third mini-batch ends its process", files: 90, change: func(j *Job) { j.MiniBatchSize, j.MaxRetries = 1, new(1) },
		script: telling + "def run(b):\n    if int(open(b[0]).read()) % 3 == 2:\n        os._exit(1)\n    return helper.names(b)\n",
		rows:   want, items: Items{90, 60, 30}, batches: MiniBatches{90, 60, 30}, tries: 30}})
}

// TestRobustMemory: a process runs out of memory.
func TestRobustMemory(t *testing.T) {
	const limit = "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\nresource.setrlimit(resource.RLIMIT_AS, (used + (32 << 20),) * 2)\n"
	checkStrange(t, []rule{
		{name: "MemoryError is an exception", script: strange(limit + "bytearray(1 << 30)"), tries: 1, cause: "MemoryError"},
		{name: "the system kills the process", script: strange("open('/proc/self/oom_score_adj', 'w').write('1000')\nos.kill(os.getpid(), signal.SIGKILL)"), tries: 1, cause: "returncode -9"},
		{name: "a file that may not grow", script: strange("resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))\nraise OSError('first')"), reason: noSuccess, cause: "File too large"},
	})
}

// TestRobustHanging: a call that does not return is killed, whatever it did to signals and groups.
func TestRobustHanging(t *testing.T) {
	checkStrange(t, []rule{
		{name: "a busy loop", script: strange("while True:\n    pass"), change: quick, tries: 1, cause: "in strange"},
		{name: "signals ignored", script: strange("for s in (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT):\n    signal.signal(s, signal.SIG_IGN)\nwhile True:\n    signal.pause()"), change: quick, tries: 1,
			cause: "took longer than the timeout"},
		{name: "stopped", script: strange("os.kill(os.getpid(), signal.SIGSTOP)"), change: quick, tries: 1, cause: "took longer than the timeout"},
		{name: "in another process group", script: strange("child = subprocess.Popen(['sleep', '1000'], preexec_fn=os.setpgrp)\nhelper.process(child.pid)\nos.setpgid(0, child.pid)\nsignal.pause()"), change: quick,
			tries: 1, cause: "took longer than the timeout"},
		{name: "with a child that hangs too", script: strange("child = subprocess.Popen(['sleep', '1000'], start_new_session=True)\nhelper.process(child.pid)\nchild.wait()"), change: quick,
			tries: 1, cause: "took longer than the timeout"},
		{name: "reading the engine's requests", script: strange("for fd in range(200, 210):\n    try:\n        os.read(fd, 1)\n    except OSError:\n        pass"), change: quick,
			tries: 1, cause: "took longer than the timeout"},
	})
}

// TestRobustStreams: it does not matter what a script does to its streams and to other file
// descriptors.
func TestRobustStreams(t *testing.T) {
	checkStrange(t, []rule{
		{name: "a million lines", script: strange("for i in range(1000):\n    print('here\\n' * 1000, end='')")},
		{name: "many short lines on both", script: strange("for i in range(20000):\n    print(i)\n    print(i, file=sys.stderr)")},
		{name: "binary", script: strange("sys.stdout.buffer.write(bytes(range(256)) * 1000)\nsys.stdout.flush()")},
		{name: "no line end", script: strange("sys.stdout.write('x' * (4 << 20))")},
		{name: "stdout closed", script: strange("sys.stdout.close()")},
		{name: "the standard descriptors closed", script: strange("os.closerange(0, 3)")},
		{name: "the standard descriptors closed and opened again", script: strange("os.closerange(0, 3)\nfor i in range(5):\n    os.open('own.txt', os.O_RDWR | os.O_CREAT)")},
		{name: "the descriptors of the pipes written to", script: strange("for fd in (3, 4):\n    try:\n        os.write(fd, b'done run 99 0 0 0\\n')\n    except OSError:\n        pass")},
		{name: "every descriptor written to", script: strange("for fd in range(3, 4096):\n    try:\n        os.write(fd, b'\\ndone run 99 99 0 0\\n' * 100 + b'no line end')\n    except OSError:\n        pass")},
		{name: "every descriptor written to after rows", files: 30, change: func(j *Job) { j.MiniBatchSize = 1 }, rows: namesOf(30),
			script: telling + "def strange():\n    pass\ndef run(b):\n    for fd in range(3, 300):\n        try:\n            os.write(fd, b'stray')\n        except OSError:\n            pass\n    return helper.names(b)"},
		{name: "standard input read", script: strange("assert sys.stdin.read() == ''")},
	})
}

func namesOf(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("a%02d.txt", i)
	}
	return names
}

// TestRobustChildren: what a script starts ends with the job, and does not disturb it.
func TestRobustChildren(t *testing.T) {
	const survivor = "child = subprocess.Popen(['sleep', '1000']%s)\nhelper.process(child.pid)"
	checkStrange(t, []rule{
		{name: "a child", script: strange(fmt.Sprintf(survivor, ""))},
		{name: "a child in a session of its own", script: strange(fmt.Sprintf(survivor, ", start_new_session=True"))},
		{name: "a child that ignores signals", script: strange("child = subprocess.Popen(['sh', '-c', 'trap \"\" TERM INT HUP; while :; do sleep 1000; done'])\nhelper.process(child.pid)")},
		{name: "a daemon", script: strange("if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        helper.process()\n        os.closerange(0, 3)\n        signal.pause()\n    os._exit(0)\nos.wait()")},
		{name: "a fork that comes back from run", script: strange("os.fork()")},
		{name: "a fork that exits", script: strange("if os.fork() == 0:\n    sys.exit(1)\nos.wait()")},
		{name: "a fork that raises", script: strange("if os.fork() == 0:\n    raise ValueError('child')\nos.wait()")},
		{name: "forks while other mini-batches run", files: 40, change: func(j *Job) { j.MiniBatchSize, j.MaxConcurrencyPerInstance = 1, 2 }, rows: namesOf(40),
			script: telling + "def strange():\n    pass\ndef run(b):\n    os.fork()\n    return helper.names(b)"},
		{name: "a pool that forks", script: strange("with multiprocessing.get_context('fork').Pool(2) as pool:\n    assert pool.map(abs, [-1, -2]) == [1, 2]")},
		{name: "a pool that spawns", script: strange("with multiprocessing.get_context('spawn').Pool(2) as pool:\n    assert pool.map(abs, [-1, -2]) == [1, 2]")},
		{name: "zombies", script: strange("for _ in range(50):\n    helper.process(subprocess.Popen(['true']).pid)")},
		{name: "threads that do not end", script: strange("threading.Thread(target=threading.Event().wait).start()")},
		{name: "threads that print to the end", script: strange("def flood():\n    while True:\n        print('x' * 1000)\nthreading.Thread(target=flood, daemon=True).start()")},
	})
}

// TestRobustFolders: scripts can do anything with their working folder.
func TestRobustFolders(t *testing.T) {
	checkStrange(t, []rule{
		{name: "chdir", script: strange("os.chdir('/')")},
		{name: "the working folder removed", script: strange("os.rmdir(os.getcwd())")},
		{name: "the working folder unwritable", script: strange("os.mkdir('sub')\nopen('sub/file', 'w').close()\nos.chmod('sub', 0)\nos.chmod('.', 0o500)")},
		{name: "a deep and a full folder", script: strange("os.makedirs('d/' * 500)\nfor i in range(2000):\n    open(str(i), 'w').close()")},
		{name: "umask", script: strange("os.umask(0o777)")},
	})
}

// TestRobustExceptions: exceptions that are hard to describe.
func TestRobustExceptions(t *testing.T) {
	checkStrange(t, []rule{
		{name: "a text of 50 million characters", script: strange("raise ValueError('x' * 50000000)"), tries: 1, cause: "xxx"},
		{name: "no text at all", script: strange("class E(Exception):\n    def __str__(self):\n        raise KeyError('none')\nraise E()"), tries: 1, cause: "E"},
		{name: "a recursion", script: strange("strange()"), tries: 1, cause: "RecursionError"},
		{name: "KeyboardInterrupt", script: strange("signal.signal(signal.SIGINT, signal.default_int_handler)\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(10)"), tries: 1, cause: "KeyboardInterrupt"},
		{name: "a chain", script: strange("try:\n    raise ValueError('inner')\nexcept ValueError as e:\n    raise OSError('outer') from e"), tries: 1, cause: "inner"},
		{name: "bytes that are no text", script: strange("raise ValueError('\\udcff\\0')"), tries: 1, cause: "ValueError"},
	})
}

// TestRobustFewDescriptors: the interpreter has a low limit of open files.
func TestRobustFewDescriptors(t *testing.T) {
	job := newJob(t, echo, 3)
	wrapper := filepath.Join(filepath.Dir(job.Code), "python")
	writeFile(t, wrapper, "#!/bin/sh\nulimit -n 64\nexec '"+job.Python+"' \"$@\"\n")
	if err := os.Chmod(wrapper, 0o700); err != nil {
		t.Fatal(err)
	}
	job.Python = wrapper
	if got, err := Run(t.Context(), job); err != nil || got.Items.Succeeded != 3 {
		t.Errorf("Run = %+v, %v", got, err)
	}
}

// TestRobustHangingBeforeMore: a call hangs while the engine submits more mini-batches than the
// pipe can hold.
func TestRobustHangingBeforeMore(t *testing.T) {
	job := newJob(t, "import helper, signal\ncalls = 0\ndef run(b):\n    global calls\n    calls += 1\n    if calls == 3 and helper.once():\n        signal.pause()\n    return ['x'] * len(b)", 0)
	const batches, size = 6, 500
	for i := range batches * size {
		writeFile(t, filepath.Join(job.Input, fmt.Sprintf("%s%04d", strings.Repeat("x", 200), i)), "")
	}
	job.MiniBatchSize = size
	quick(&job)
	got, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Items{batches * size, batches * size, 0}, got.Items); diff != "" || got.ScriptErrors != 1 {
		t.Errorf("%d calls failed, want 1; items (-want +got):\n%s", got.ScriptErrors, diff)
	}
}

// TestRobustFullDisk: if rows cannot be stored, the job ends at once. The script is not to blame,
// and the threshold does not matter.
func TestRobustFullDisk(t *testing.T) {
	job := newJob(t, "import helper\ndef run(b):\n    helper.note('run')\n    return b", 3)
	job.MiniBatchSize = 1
	if err := os.MkdirAll(job.Output, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", filepath.Join(job.Output, "temp_127.0.0.1_process000_predictions.csv")); err != nil {
		t.Fatal(err)
	}
	got, err := Run(t.Context(), job)
	var failure *Failure
	if err == nil || errors.As(err, &failure) || got.Status != StatusFailed || got.ScriptErrors != 0 || !strings.Contains(err.Error(), "No space left on device") {
		t.Errorf("Run = %+v, %v; want the disk's error and no failed job", got, err)
	}
	if diff := cmp.Diff([]string{"run"}, notes(t, job)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRobustLogsOfLostProcesses: the logs of a process that ended are closed, and their last line
// has its id.
func TestRobustLogsOfLostProcesses(t *testing.T) {
	const lost = 12
	job := newJob(t, "import os\ndef run(b):\n    os._exit(1)", lost)
	job.MiniBatchSize, job.MaxRetries = 1, new(1)
	open := 0
	job.OnProgress = func(Progress) { open = openBelow(t, filepath.Join(job.Logs, "logs", "sys", "node")) }
	if _, err := Run(t.Context(), job); err == nil {
		t.Fatal("Run succeeded")
	}
	if open > 1 { // _main.txt
		t.Errorf("%d logs of processes are open after %d have ended", open, lost)
	}
	text := logText(t, job, "logs/sys/node/0/process000.txt")
	if strings.Contains(text, "|0|0|Mini-batch 0, try 1") || !strings.Contains(text, "|0|Mini-batch 0, try 1") {
		t.Errorf("the try has no process id:\n%s", text)
	}
}

// TestRobustLogsThatCannotBeMade: no file stays open.
func TestRobustLogsThatCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	now := time.Unix(1_700_000_000, 0)
	if err := os.MkdirAll(filepath.Join(dir, (&logTree{started: now.UTC()}).errorFile()), 0o750); err != nil {
		t.Fatal(err)
	}
	if _, err := newLogTree(dir, func() time.Time { return now }); err == nil {
		t.Fatal("newLogTree succeeded")
	}
	if open := openBelow(t, dir); open > 0 {
		t.Errorf("%d logs are open", open)
	}
}

// TestRobustNoTemporaryFolder: nothing runs, and nothing is made in its place.
func TestRobustNoTemporaryFolder(t *testing.T) {
	job := newJob(t, echo, 1)
	t.Setenv("TMPDIR", filepath.Join(job.Code, "helper.py"))
	got, err := Run(t.Context(), job)
	if err == nil || !strings.HasPrefix(err.Error(), "scoring: mkdir "+job.Code) || got.Status != StatusFailed {
		t.Errorf("Run = %+v, %v", got, err)
	}
	for _, folder := range []string{job.Output, job.Logs} {
		if _, err := os.Stat(folder); err == nil {
			t.Errorf("%s was made", folder)
		}
	}
}

// TestRobustPythonThatDoesNotStart: the job ends with the system's own words.
func TestRobustPythonThatDoesNotStart(t *testing.T) {
	for text, want := range map[string]string{"\x7fELF": "exec format error", "#!/no/such/shell\n": "no such file or directory"} {
		for _, workers := range []int{1, 3} {
			job := newJob(t, echo, 3)
			job.Python, job.MiniBatchSize, job.MaxConcurrencyPerInstance = filepath.Join(filepath.Dir(job.Code), "python"), 1, workers
			writeFile(t, job.Python, text)
			if err := os.Chmod(job.Python, 0o700); err != nil {
				t.Fatal(err)
			}
			got, err := Run(t.Context(), job)
			if err == nil || got.Status != StatusFailed || !strings.HasPrefix(err.Error(), "scoring: start "+job.Python+": ") || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("%d workers: Run = %s, %v; want %q", workers, got.Status, err, want)
			}
		}
	}
}

// TestRobustPythonThatIsGone: no process can replace one that was lost, which is this machine's fault.
func TestRobustPythonThatIsGone(t *testing.T) {
	const removes = "    os.unlink(os.environ['LINK'])\n    os._exit(1)\n"
	for name, script := range map[string]string{
		"in init": "import os\ndef init():\n" + removes + "def run(b):\n    return b",
		"in run":  "import os\ndef run(b):\n" + removes,
	} {
		job := newJob(t, script, 1)
		link := filepath.Join(filepath.Dir(job.Code), "python")
		if err := os.Symlink(job.Python, link); err != nil {
			t.Fatal(err)
		}
		job.Python, job.Env["LINK"] = link, link
		got, err := Run(t.Context(), job)
		if !isText(err, "scoring: start "+link+": …: no such file or directory") || got.Status != StatusFailed || got.ScriptErrors != 1 {
			t.Errorf("%s: Run = %+v, %v", name, got, err)
		}
	}
}
