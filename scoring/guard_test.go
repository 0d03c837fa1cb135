package scoring

import "testing"

// TestGuardThatWasStopped: a worker that is late starts no guard that nobody would end.
func TestGuardThatWasStopped(t *testing.T) {
	g := newGuard(jobDirs{}, "mark")
	g.stop()
	g.start("/bin/true", nil)
	if g.cmd != nil {
		t.Errorf("start has started %v after stop", g.cmd)
		_ = g.cmd.Wait()
	}
}

// TestGuardThatCannotBeStarted: the job runs without it.
func TestGuardThatCannotBeStarted(t *testing.T) {
	g := newGuard(jobDirs{}, "mark")
	g.start("/no/such/python", nil)
	if g.cmd != nil || g.alive != nil {
		t.Errorf("a guard that was not started: %v, %v", g.cmd, g.alive)
	}
	g.stop()
}
