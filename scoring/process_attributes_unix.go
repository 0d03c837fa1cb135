//go:build unix && !linux

package scoring

import (
	"os/exec"
	"syscall"
)

// workerAttributes gives a worker a process group of its own. When this process is killed, a worker ends when it asks
// for its next mini-batch.
func workerAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// guardAttributes keeps the guard out of reach of the signals that a terminal sends to this process.
func guardAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// waitForGroup waits for the process and then ends the rest of its group: these systems have no way to look at an ended
// child without reaping it.
func waitForGroup(cmd *exec.Cmd, endGroup func()) {
	_ = cmd.Wait() // the outcome is in cmd.ProcessState
	endGroup()
}

// endMarked does nothing: these systems do not show the environment of other processes.
func endMarked(string) {}
