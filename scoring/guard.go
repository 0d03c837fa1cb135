package scoring

import (
	"os/exec"
	"path/filepath"
	"sync"
)

// guard is a process that waits for the end of this one. If the engine is killed, the guard kills
// what the job has started and removes its temporary folder. The workers would end by themselves,
// but not the processes that a script has started.
type guard struct {
	script, mark, root string

	once sync.Once
	cmd  *exec.Cmd // nil if it is not running
}

func newGuard(dirs jobDirs, mark string) *guard {
	return &guard{script: filepath.Join(dirs.driver, "guard.py"), mark: mark, root: dirs.root}
}

// start starts the guard, unless it is running. If it cannot be started, the job runs without it,
// and what a killed engine leaves is removed when the next job starts.
func (g *guard) start(python string, environ []string) {
	g.once.Do(func() {
		cmd := exec.Command(python, "-I", "-S", g.script, g.mark, g.root)
		cmd.Env, cmd.Dir, cmd.SysProcAttr = environ, string(filepath.Separator), guardAttributes()
		// The system closes our end of its standard input when this process ends.
		if _, err := cmd.StdinPipe(); err == nil && cmd.Start() == nil {
			g.cmd = cmd
		}
	})
}

// stop ends the guard. Nothing of the job may be running.
func (g *guard) stop() {
	g.once.Do(func() {}) // from now on start does nothing
	if g.cmd == nil {
		return
	}
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait() // it was killed
}
