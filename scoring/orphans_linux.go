package scoring

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// endPatience limits the search for marked processes, which may be starting others.
const endPatience = 2 * time.Second

// endMarked kills the processes whose environment has the mark: children of a script that left its
// process group.
func endMarked(mark string) {
	mark = workerVariable + "=" + mark
	looked := allProcesses()
	for began := time.Now(); len(looked) > 0 && time.Since(began) < endPatience; {
		killed, unknown := killMarked(looked, []byte(mark))
		if killed > 0 {
			looked = allProcesses() // those may have started others
			continue
		}
		looked = unknown
		if len(unknown) > 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// allProcesses returns the ids of all processes except this one.
func allProcesses() (pids []int) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil
	}
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid != os.Getpid() {
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
func isBeingStarted(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	const kernelThread = 0x00200000 // PF_KTHREAD
	// The fields of proc_pid_stat(5) from the third on.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const state, flags, environmentEnd = 0, 6, 48
	if len(fields) <= environmentEnd {
		return false
	}
	bits, err := strconv.ParseUint(string(fields[flags]), 10, 64)
	return err == nil && bits&kernelThread == 0 && !bytes.ContainsAny(fields[state], "ZXx") &&
		string(fields[environmentEnd]) == "0"
}
