//go:build linux

package scoring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestRobustProcessBeingStarted checks that a process with the mark is not mistaken for one without
// it while it is being started.
func TestRobustProcessBeingStarted(t *testing.T) {
	job := fmt.Sprintf("job%d.", os.Getpid()) // no other process that runs this test ends its processes
	mark := workerVariable + "=" + job + "process"
	for range 500 {
		cmd := exec.CommandContext(t.Context(), "sleep", "1000")
		cmd.Env = []string{"FIRST=1", mark}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if marked, known := isMarked(cmd.Process.Pid, []byte(mark)); known && !marked {
			t.Error("a process that carries the mark is known not to")
		}
		endMarked(job)
		err := cmd.Wait() // hangs when it was not found
		if err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("it ended by itself: %v", err)
		}
	}
}

// TestRobustProcessesWithoutAMark checks that a process without an environment is not waited for.
func TestRobustProcessesWithoutAMark(t *testing.T) {
	empty := exec.CommandContext(t.Context(), "/bin/sh", "-c", "echo; exec 0<&0; read _")
	empty.Env = []string{}
	stdin, err := empty.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := empty.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := empty.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil { // it runs
		t.Fatal(err)
	}
	zombie := exec.CommandContext(t.Context(), "true")
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, zombie.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	for name, pid := range map[string]int{"without an environment": empty.Process.Pid, "a zombie": zombie.Process.Pid, "none": 1 << 30, "another one": os.Getpid()} {
		if marked, known := isMarked(pid, []byte("no such mark")); marked || !known {
			t.Errorf("%s: marked %v, known %v", name, marked, known)
		}
	}
	stdin.Close()
	_ = empty.Wait() // read fails at the end of its input
	_ = zombie.Wait()
}

// killedEngine runs a job in a process of its own and kills that process while the script runs.
// kill is called before.
func killedEngine(t *testing.T, job Job, kill func(engine int)) {
	t.Helper()
	here := filepath.Join(job.Env["MARKS"], "here")
	if err := syscall.Mkfifo(here, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := jobProcess(t, job)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	readFile(t, here) // waits for the script
	if kill != nil {
		kill(cmd.Process.Pid)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

// folders lists the temporary folders of engines.
func folders(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(os.TempDir(), "azmlbatch-score-*"))
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{}, found...)
}

// TestRobustKilledEngine kills the engine itself. The processes of the script end, and the
// temporary folder is removed, by the guard or by the next job.
func TestRobustKilledEngine(t *testing.T) {
	const head = "import helper, os, signal, subprocess, sys\nhelper.process()\n" +
		"def stay():\n    helper.process(subprocess.Popen(['sleep', '1000']).pid)\n    helper.process(subprocess.Popen(['sleep', '1000'], start_new_session=True).pid)\n" +
		"    open(helper.fifo('here'), 'w').close()\n    while True:\n        signal.pause()\n"
	scripts := []struct{ name, script string }{
		{"in the import", head + "stay()"},
		{"in init", head + "def init():\n    stay()\ndef run(b):\n    return b"},
		{"in run", head + "def run(b):\n    stay()"},
		{"with a daemon", head + "def run(b):\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n            helper.process()\n            os.closerange(0, 3)\n            stay()\n        os._exit(0)\n    os.wait()\n    stay()"},
		{"with an unwritable folder", head + "def run(b):\n    os.mkdir('sub')\n    open('sub/file', 'w').close()\n    os.chmod('sub', 0)\n    stay()"},
	}
	kills := []struct {
		name string
		kill func(t *testing.T) func(int)
	}{
		{"", func(*testing.T) func(int) { return nil }},
		{", with its guard", func(t *testing.T) func(int) { return func(engine int) { killGuard(t, engine) } }},
	}
	for _, tt := range scripts {
		for _, k := range kills {
			t.Run(tt.name+k.name, func(t *testing.T) {
				t.Setenv("TMPDIR", t.TempDir())
				job := newJob(t, tt.script, 1)
				killedEngine(t, job, k.kill(t))
				if k.name == "" { // nobody else has to come
					checkClean(t, job)
				}
				next := newJob(t, echo, 1)
				if got, err := Run(t.Context(), next); err != nil {
					t.Errorf("the next job: %+v, %v", got, err)
				}
				checkClean(t, job)
				if diff := cmp.Diff([]string{}, folders(t)); diff != "" {
					t.Errorf("temporary folders (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestRobustKilledEngineWithoutItsGuard: nobody has to come for the worker itself, wherever it hangs.
func TestRobustKilledEngineWithoutItsGuard(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	job := newJob(t, "import helper, signal\nhelper.process()\nopen(helper.fifo('here'), 'w').close()\nwhile True:\n    signal.pause()\n", 1)
	killedEngine(t, job, func(engine int) { killGuard(t, engine) })
	checkClean(t, job)
}

// guardCode runs Python code beside guard.py and returns what it prints.
func guardCode(t *testing.T, code string) string {
	t.Helper()
	folder, err := filepath.Abs("python")
	if err != nil {
		t.Fatal(err)
	}
	const head = "import subprocess, sys\nsys.dont_write_bytecode = True\nsys.path.insert(0, sys.argv[1])\nimport guard\n"
	out, err := exec.CommandContext(t.Context(), realPython(), "-c", head+code, folder).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestGuardLooksAgain checks when the search of the guard ends. Each look has a number of processes
// that it kills and a number of those that are being started; a look takes a second.
func TestGuardLooksAgain(t *testing.T) {
	const search = `
class Clock:
    now = 0
    def monotonic(self):
        return self.now
    def sleep(self, _):
        pass
def look(mark):
    guard.time.now += 1
    return found.pop(0)
guard.time, guard.look = Clock(), look
guard.end_all(b"")
print(guard.time.now, "looks", found[:2])
`
	for _, tt := range []struct{ name, found, want string }{
		{"nothing", "[(0, 0)] * 3", "2 looks [(0, 0)]"},
		{"one that a look does not see", "[(0, 0), (1, 0), (0, 0), (0, 0)]", "4 looks []"},
		{"one that shows late", "[(0, 1)] * 20 + [(1, 0), (0, 0), (0, 0)]", "23 looks []"},
		{"one that shows late after another", "[(0, 1)] * 20 + [(1, 1)] + [(0, 1)] * 20 + [(1, 0), (0, 0), (0, 0)]", "44 looks []"},
		{"one that ends by itself", "[(0, 1), (0, 0), (0, 0)]", "3 looks []"},
		{"one that never shows", "[(0, 1)] * 99", "31 looks [(0, 1), (0, 1)]"},
		{"more than can be killed", "[(1, 0)] * 999", "120 looks [(1, 0), (1, 0)]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := guardCode(t, "found = "+tt.found+search); got != tt.want {
				t.Errorf("ends after %s, want %s", got, tt.want)
			}
		})
	}
}

// TestGuardFindsProcessesBeingStarted checks that the guard does not take a process with the mark
// for one without it, and that it does not wait for one without an environment.
func TestGuardFindsProcessesBeingStarted(t *testing.T) {
	const search = `
empty = subprocess.Popen(["sleep", "1000"], env={})
zombie = subprocess.Popen(["true"])
guard.os.waitid(guard.os.P_PID, zombie.pid, guard.os.WEXITED | guard.os.WNOWAIT)
for _ in range(30):
    child = subprocess.Popen(["sleep", "1000"], env={"FIRST": "1", "AZMLBATCH_WORKER": "guarded.1"})
    guard.end_all(b"AZMLBATCH_WORKER=guarded.")
    child.wait()  # hangs if it was not found
print(empty.poll(), guard.environment_of(zombie.pid), guard.environment_of(1 << 30))
empty.kill()
`
	if got, want := guardCode(t, search), "None b'' b''"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestRobustGuardEndsWithTheJob checks that the guard ends, however the job ends.
func TestRobustGuardEndsWithTheJob(t *testing.T) {
	for name, script := range map[string]string{"completed": echo, "failed": "def run(b):\n    raise ValueError()", "no import": "import no_such_module"} {
		t.Run(name, func(t *testing.T) {
			_, _ = Run(t.Context(), newJob(t, script, 1))
			if pids := guards(t, os.Getpid()); len(pids) > 0 {
				t.Errorf("guards %v are left", pids)
			}
		})
	}
}

// killGuard kills the guard of an engine, which may not have started it yet.
func killGuard(t *testing.T, engine int) {
	var pids []int
	for len(pids) == 0 && t.Context().Err() == nil {
		pids = guards(t, engine)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil || len(pids) > 1 {
			t.Errorf("the engine has the guards %v, want one; kill: %v", pids, err)
		}
	}
}

// guards are the processes of an engine that run guard.py.
func guards(t *testing.T, engine int) (pids []int) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		command, _ := os.ReadFile(filepath.Join(name, "cmdline"))
		status, _ := os.ReadFile(filepath.Join(name, "status"))
		if strings.Contains(string(command), "guard.py") && strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", engine)) {
			pid, err := strconv.Atoi(filepath.Base(name))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}
