//go:build linux

package scoring

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

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
	if g.cmd != nil {
		t.Errorf("a guard that was not started: %v", g.cmd)
	}
	g.stop()
}

// TestGuardIsStartedApart checks how the guard is started: once, without the packages of the user, in
// a folder that stays, and in a session of its own.
func TestGuardIsStartedApart(t *testing.T) {
	dir := t.TempDir()
	python, told := filepath.Join(dir, "python"), filepath.Join(dir, "told")
	script(t, python, `read -r stat </proc/$$/stat
set -- "$@" at "$(pwd)" with "$KILN" session "$(echo "$stat" | cut -d" " -f6)" of "$$"
echo "$*" >"`+told+`"
exec cat`)
	if err := syscall.Mkfifo(told, 0o600); err != nil {
		t.Fatal(err)
	}
	g := newGuard(jobDirs{driver: "/driver", root: "/scratch"}, "mark")
	defer g.stop()
	g.start(python, []string{"KILN=hot", "PATH=/usr/bin:/bin"})
	g.start("/no/such/python", nil)
	text, session, _ := strings.Cut(readFile(t, told), " session ")
	if want := "-I -S /driver/guard.py mark /scratch at / with hot"; text != want {
		t.Errorf("started with %q, want %q", text, want)
	}
	if leader, pid, _ := strings.Cut(strings.TrimSpace(session), " of "); leader != pid {
		t.Errorf("process %s is in session %s", pid, leader)
	}
	pid := g.cmd.Process.Pid
	g.stop()
	checkGone(t, pid)
}
