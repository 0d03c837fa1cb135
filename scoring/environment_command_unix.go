//go:build unix

package scoring

import (
	"context"
	"os/exec"
	"sync"
	"syscall"
)

// runInGroup runs a command in its own process group. The group is killed when the context or the
// command ends.
func runInGroup(ctx context.Context, cmd *exec.Cmd) error {
	starter := newStarter()
	defer starter.close()
	cmd.SysProcAttr = workerAttributes()
	if err := starter.start(cmd); err != nil {
		return err
	}
	var mu sync.Mutex
	reaped := false
	killGroup := func() {
		mu.Lock()
		defer mu.Unlock()
		if !reaped {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	}
	stop := context.AfterFunc(ctx, killGroup)
	defer stop()
	waitForGroup(cmd, func() {
		killGroup()
		mu.Lock()
		defer mu.Unlock()
		reaped = true
	})
	if cmd.ProcessState.Success() {
		return nil
	}
	return &exec.ExitError{ProcessState: cmd.ProcessState}
}
