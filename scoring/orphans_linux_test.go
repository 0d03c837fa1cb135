package scoring

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
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
