//go:build unix && !linux

package scoring

import (
	"os/exec"
	"syscall"
)

// workerAttributes gives a worker its own process group. If this process is killed, a worker ends
// when it asks for its next mini-batch.
func workerAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// guardAttributes puts the guard into its own session, so that it does not get the signals of the
// terminal.
func guardAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// waitForGroup waits for the process and then kills the rest of its group. These systems cannot
// wait for a child without reaping it.
func waitForGroup(cmd *exec.Cmd, endGroup func()) {
	_ = cmd.Wait() // the outcome is in cmd.ProcessState
	endGroup()
}
