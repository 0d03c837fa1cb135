package scoring

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// workerAttributes gives a worker a process group of its own and its end when this process is killed.
func workerAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

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

// endMarked ends the processes whose environment carries the mark: children of a script that left its process group.
func endMarked(mark string) {
	mark = workerVariable + "=" + mark
	for range 10 { // one of them may be starting another
		if killMarked([]byte(mark)) == 0 {
			return
		}
	}
}

func killMarked(mark []byte) (killed int) {
	proc, err := os.Open("/proc")
	if err != nil {
		return 0
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return 0
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		// A zombie has no environment any more.
		environ, err := os.ReadFile("/proc/" + name + "/environ")
		if err != nil || !isMarked(environ, mark) {
			continue
		}
		if syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	return killed
}

func isMarked(environ, mark []byte) bool {
	return bytes.HasPrefix(environ, mark) || bytes.Contains(environ, append([]byte{0}, mark...))
}
