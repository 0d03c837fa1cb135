package scoring

import (
	"io"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestEndAllOnABusyMachine: one process is killed late, and what it started shows its environment
// even later.
func TestEndAllOnABusyMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alive, shows := []int{1}, time.Time{}
		var asked [][]int
		endAll(func() []int { return alive }, func(pids []int) (killed int, unknown []int) {
			if len(asked) == 0 || pids[0] != asked[len(asked)-1][0] {
				asked = append(asked, pids)
			}
			switch {
			case pids[0] == 1:
				time.Sleep(time.Minute) // the machine is busy
				alive, shows = []int{2}, time.Now().Add(10*time.Second)
				return 1, nil
			case time.Now().Before(shows):
				return 0, pids
			}
			alive = nil
			return 1, nil
		})
		if diff := cmp.Diff([][]int{{1}, {2}}, asked); diff != "" || len(alive) > 0 {
			t.Errorf("alive %v; looked at (-want +got):\n%s", alive, diff)
		}
	})
}

// TestEndAllGivesUp: a process that never shows its environment, and a script that starts processes
// faster than they can be killed.
func TestEndAllGivesUp(t *testing.T) {
	for want, killed := range map[time.Duration]int{endPatience: 0, endLimit: 1} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			endAll(func() []int { return []int{7} }, func(pids []int) (int, []int) {
				time.Sleep(time.Second)
				return killed, pids
			})
			if took := time.Since(began); took < want || took > want+2*time.Second {
				t.Errorf("%d killed at each look: ends after %v, want %v", killed, took, want)
			}
		})
	}
}

// TestMarkedProcesses checks which environments have the mark: it may be their first or their last
// variable, and not a part of another one.
func TestMarkedProcesses(t *testing.T) {
	for _, tt := range []struct {
		environ []string
		marked  bool
	}{
		{[]string{"KILN=kiln.1"}, true},
		{[]string{"A=b", "KILN=kiln.2"}, true},
		{[]string{"A=KILN=kiln.1"}, false},
		{[]string{"KILN=kilns"}, false},
		{[]string{"A=b"}, false},
	} {
		cmd := exec.Command("/bin/sh", "-c", "echo here; exec cat")
		cmd.Env = tt.environ
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 5)); err != nil { // it runs, so it has its environment
			t.Fatal(err)
		}
		if marked, known := isMarked(cmd.Process.Pid, []byte("KILN=kiln.")); marked != tt.marked || !known {
			t.Errorf("%q: marked %v, known %v", tt.environ, marked, known)
		}
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if marked, known := isMarked(cmd.Process.Pid, []byte("KILN=kiln.")); marked || !known || isBeingStarted(cmd.Process.Pid) {
			t.Errorf("after its end: marked %v, known %v", marked, known)
		}
	}
}

// TestZombiesAreNotBeingStarted: nobody needs to wait for the environment of one.
func TestZombiesAreNotBeingStarted(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if marked, known := isMarked(cmd.Process.Pid, []byte("KILN=")); marked || !known {
		t.Errorf("marked %v, known %v; want neither marked nor unknown", marked, known)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
