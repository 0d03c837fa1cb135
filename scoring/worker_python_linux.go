package scoring

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// workerAttributes gives a worker its own process group, and kills it when this process is killed.
func workerAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// guardAttributes puts the guard into its own session, so that it does not get the signals of the
// terminal.
func guardAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// waitForGroup waits for the process, kills the rest of its group, and only then reaps it. Until
// then its id cannot be given to another process.
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
