package scoring

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// endPatience is how long to wait for processes that are being started to show their environment,
// since the last one was killed. On a busy machine that takes seconds.
const endPatience = 30 * time.Second

// endLimit bounds the whole search: a script may start processes faster than they are killed.
const endLimit = 2 * time.Minute

// endMarked kills the processes whose environment has the mark: children of a script that left its
// process group.
func endMarked(mark string) {
	full := []byte(workerVariable + "=" + mark)
	endAll(allProcesses, func(pids []int) (int, []int) { return killMarked(pids, full) })
}

// endAll kills until a look at all processes finds none to kill, and knows of each that it is none.
func endAll(list func() []int, kill func(pids []int) (killed int, unknown []int)) {
	looked := list()
	for began, last := time.Now(), time.Now(); len(looked) > 0 && time.Since(began) < endLimit; {
		killed, unknown := kill(looked)
		switch {
		case killed > 0:
			looked, last = list(), time.Now() // those may have started others
			continue
		case time.Since(last) > endPatience:
			return
		}
		if looked = unknown; len(looked) > 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// allProcesses returns the ids of all processes except this one.
func allProcesses() (pids []int) {
	entries, _ := os.ReadDir("/proc") // where there is none, no process is found
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// killMarked kills the processes that have the mark. It returns those for which this is not known
// yet.
func killMarked(pids []int, mark []byte) (killed int, unknown []int) {
	for _, pid := range pids {
		switch marked, known := isMarked(pid, mark); {
		case !known:
			unknown = append(unknown, pid)
		case marked && syscall.Kill(pid, syscall.SIGKILL) == nil:
			killed++
		}
	}
	return killed, unknown
}

// isMarked reports whether a process has the mark. This is not known while the process is being
// started: whoever starts it takes it for running before the system shows its environment.
func isMarked(pid int, mark []byte) (marked, known bool) {
	name := fmt.Sprintf("/proc/%d/environ", pid)
	environ, err := os.ReadFile(name)
	if err == nil && len(environ) == 0 {
		if isBeingStarted(pid) {
			return false, false
		}
		environ, err = os.ReadFile(name) // it may be running by now
	}
	if err != nil { // it has ended or belongs to another user
		return false, true
	}
	return bytes.HasPrefix(environ, mark) || bytes.Contains(environ, append([]byte{0}, mark...)), true
}

// isBeingStarted reports whether the environment of a process is not set up yet. The environment is
// also empty for zombies, kernel threads, and processes that were started without one.
func isBeingStarted(pid int) bool { return showsCode() && lacksCode(pid) }

// showsCode reports whether the system tells where the code of a process begins. One that does not,
// such as a sandbox, shows zero for this process too.
var showsCode = sync.OnceValue(func() bool { return !lacksCode(os.Getpid()) })

// lacksCode reports whether it is not said yet where the code of a process begins. Linux says that
// after it has set up the environment, whose own bounds are equal for a moment, as if it had none.
func lacksCode(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && statLacksCode(stat)
}

// statLacksCode is lacksCode of the process that a line of proc_pid_stat(5) describes.
func statLacksCode(stat []byte) bool {
	const kernelThread = 0x00200000 // PF_KTHREAD
	// The fields from the third on. The second is a name that may have spaces and parentheses.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const state, flags, startCode = 0, 6, 23
	if len(fields) <= startCode {
		return false
	}
	bits, err := strconv.ParseUint(string(fields[flags]), 10, 64)
	return err == nil && bits&kernelThread == 0 && !bytes.ContainsAny(fields[state], "ZXx") &&
		string(fields[startCode]) == "0"
}
