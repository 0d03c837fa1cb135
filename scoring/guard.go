package scoring

import (
	"io"
	"os/exec"
	"path/filepath"
	"sync"
)

// guard is a process that waits for the end of this one. When the engine is killed it ends what the
// job has started, and removes the job's temporary folder: workers end by themselves then, but not
// the processes that a script has started.
type guard struct {
	script, mark, root string

	once  sync.Once
	cmd   *exec.Cmd      // nil when it does not run
	alive io.WriteCloser // closed by the system when this process ends
}

func newGuard(dirs jobDirs, mark string) *guard {
	return &guard{script: filepath.Join(dirs.driver, "guard.py"), mark: mark, root: dirs.root}
}

// start starts the guard, unless it runs already. A job without one runs as well; what a killed
// engine leaves then goes when the next job starts.
func (g *guard) start(python string, environ []string) {
	g.once.Do(func() {
		cmd := exec.Command(python, "-I", "-S", g.script, g.mark, g.root)
		cmd.Env, cmd.Dir, cmd.SysProcAttr = environ, string(filepath.Separator), guardAttributes()
		alive, err := cmd.StdinPipe()
		if err != nil {
			return
		}
		if err := cmd.Start(); err != nil {
			return
		}
		g.cmd, g.alive = cmd, alive
	})
}

// stop ends the guard, when nothing of the job runs any more.
func (g *guard) stop() {
	g.once.Do(func() {}) // too late to start
	if g.cmd == nil {
		return
	}
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait() // it was killed
	g.alive.Close()
}
