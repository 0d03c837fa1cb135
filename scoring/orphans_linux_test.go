package scoring

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
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
		cmd := exec.Command("/bin/sh", "-c", "echo here; read line; true")
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

// TestProcessesOfTheSystem: all but this one are looked at.
func TestProcessesOfTheSystem(t *testing.T) {
	got := allProcesses()
	if !slices.Contains(got, os.Getppid()) || slices.Contains(got, os.Getpid()) || slices.Contains(got, 0) {
		t.Errorf("processes %v, want %d in them, and neither %d nor 0", got, os.Getppid(), os.Getpid())
	}
}

// TestProcessesThatLackTheirCode reads lines of /proc/PID/stat, by what they say of a process.
func TestProcessesThatLackTheirCode(t *testing.T) {
	line := func(name, state, flags, startCode string) string {
		return "77 (" + name + ") " + state + " 1 77 77 0 -1 " + flags + strings.Repeat(" 5", 16) + " " + startCode
	}
	const user, kernel = "4194560", "2129984"
	for name, tt := range map[string]struct {
		stat string
		want bool
	}{
		"being started":              {line("sh", "R", user, "0") + " 0 0 0\n", true},
		"all flags but the kernel's": {line("sh", "S", "4292870143", "0") + " 0\n", true},
		"an odd name":                {line("a) Z (b", "R", user, "0") + "\n", true},
		"running":                    {line("sh", "R", user, "93824992") + " 0 0 0\n", false},
		"a thread of the kernel":     {line("kthreadd", "S", kernel, "0") + " 0 0 0\n", false},
		"a zombie":                   {line("sh", "Z", user, "0") + " 0 0 0\n", false},
		"dead":                       {line("sh", "X", user, "0") + " 0 0 0\n", false},
		"dead, as Linux 3.13 says":   {line("sh", "x", user, "0") + " 0 0 0\n", false},
		"no flags":                   {line("sh", "R", "none", "0") + " 0 0 0\n", false},
		"a short line":               {strings.TrimSuffix(line("sh", "R", user, "0"), " 0") + "\n", false},
		"an empty line":              {"", false},
	} {
		if got := statLacksCode([]byte(tt.stat)); got != tt.want {
			t.Errorf("%s: lacks its code: %v, want %v", name, got, tt.want)
		}
	}
	if lacksCode(1 << 30) {
		t.Error("a process that is not there lacks its code")
	}
}
