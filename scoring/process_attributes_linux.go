package scoring

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// workerAttributes gives a worker a process group of its own and its end when this process is killed.
func workerAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// guardAttributes keeps the guard out of reach of the signals that a terminal sends to this process.
func guardAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// waitForGroup waits for the process, ends the rest of its group and reaps it, in this order: until it is reaped, its
// id can belong to nobody else.
func waitForGroup(cmd *exec.Cmd, endGroup func()) {
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	endGroup()
	_ = cmd.Wait() // the outcome is in cmd.ProcessState
}

// endPatience bounds the time until all marked processes are found: one may be starting another.
const endPatience = 2 * time.Second

// endMarked ends the processes whose environment carries the mark: children of a script that left its
// process group.
func endMarked(mark string) {
	mark = workerVariable + "=" + mark
	looked := allProcesses()
	for began := time.Now(); len(looked) > 0 && time.Since(began) < endPatience; {
		killed, unknown := killMarked(looked, []byte(mark))
		if killed > 0 {
			looked = allProcesses() // those may have started others meanwhile
			continue
		}
		looked = unknown
		if len(unknown) > 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// allProcesses gives the ids of all processes but this one.
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

// killMarked kills the processes that carry the mark. It gives back those of which it is not known yet
// whether they do.
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

// isMarked reports whether a process carries the mark. It is not known of one that is being started: the
// system shows its environment only some time after whoever started it takes it for running.
func isMarked(pid int, mark []byte) (marked, known bool) {
	name := fmt.Sprintf("/proc/%d/environ", pid)
	environ, err := os.ReadFile(name)
	if err == nil && len(environ) == 0 {
		if isBeingStarted(pid) {
			return false, false
		}
		environ, err = os.ReadFile(name) // it may have come up since
	}
	if err != nil { // it has ended, or belongs to another user
		return false, true
	}
	return bytes.HasPrefix(environ, mark) || bytes.Contains(environ, append([]byte{0}, mark...)), true
}

// isBeingStarted tells a process whose environment is not in place yet from one that has none: a
// zombie, a thread of the kernel, or one that was started with an empty environment.
func isBeingStarted(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	const kernelThread = 0x00200000                                 // PF_KTHREAD
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // from the third field of proc_pid_stat(5) on
	const state, flags, environmentEnd = 3 - 3, 9 - 3, 51 - 3
	if len(fields) <= environmentEnd {
		return false
	}
	bits, err := strconv.ParseUint(string(fields[flags]), 10, 64)
	return err == nil && bits&kernelThread == 0 && !bytes.ContainsAny(fields[state], "ZXx") && string(fields[environmentEnd]) == "0"
}
