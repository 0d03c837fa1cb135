package scoring

import (
	"os/exec"
	"runtime"
)

// starter starts all processes of a job from one thread that lives as long as the job. On Linux a
// child gets its parent-death signal when the thread that started it ends.
type starter struct {
	commands chan func()
	done     chan struct{}
}

func newStarter() *starter {
	s := &starter{commands: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for command := range s.commands {
			command()
		}
	}()
	return s
}

func (s *starter) start(cmd *exec.Cmd) error {
	result := make(chan error)
	s.commands <- func() { result <- cmd.Start() }
	return <-result
}

// close ends the thread. All processes of the job must have ended.
func (s *starter) close() {
	close(s.commands)
	<-s.done
}
